/* SPDX-License-Identifier: Apache-2.0 */
/* The target itself. The path to it is the operator's: links in it are followed,
 * here and only here. */
#include "target/target_internal.h"

#include "base/file.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>
#include <unistd.h>

/* umask() can only be asked by changing it, under the feet of other threads. */
static mode_t read_umask(void)
{
    char text[4096];
    CLEANUP(file_close) int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : file_read(fd, text, sizeof text - 1);
    if (len < 0)
        return 0777;
    text[len] = '\0';
    const char *line = strstr(text, "\nUmask:");
    return line ? (mode_t)(strtoul(line + 7, NULL, 8) & 0777) : 0777;
}

static struct target_dir *root_new(struct target *t)
{
    struct target_dir *d = mem_zalloc(sizeof *d);
    if (!d)
        return NULL;
    d->t = t;
    d->fd = -1;
    atomic_init(&d->refs, 1);
    atomic_init(&d->made, MADE_UNKNOWN);
    return d;
}

static void target_free(struct target *t)
{
    for (uint32_t i = 0; i < t->fs_count; i++)
        file_close(&t->fs_fd[i]);
    if (t->root) {
        file_close(&t->root->fd);
        mem_free(t->root->meta);
        mem_free(t->root);
    }
    (void)pthread_mutex_destroy(&t->lock);
    mem_free(t->path);
    mem_free(t);
}

static int not_a_directory(const char *path, struct err *e)
{
    return err_set(e, ERR_USAGE, "'%s' is not a directory: name one to restore into", path);
}

static int root_open(struct target *t, struct err *e)
{
    struct target_dir *root = t->root;
    struct stat st;
    int flags = 0;
    if (stat(t->path, &st) == 0 ? !S_ISDIR(st.st_mode) : errno == ENOTDIR)
        return not_a_directory(t->path, e);
    root->fd = open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root->fd < 0 && errno == ENOENT && t->o.dry_run) {
        root->absent = true;
        return 0;
    }
    if (root->fd < 0 && errno == ENOENT) {
        if (file_make_dirs(t->path, 0700, e))
            return -1;
        root->fd = open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    if (root->fd < 0 || fstat(root->fd, &st))
        return err_sys(e, errno, "open the directory '%s'", t->path);
    root->dev = st.st_dev;
    root->ino = st.st_ino;
    root->existed = true;
    root->shared = dir_is_shared(t, &st);
    root->inherits_acl = fgetxattr(root->fd, "system.posix_acl_default", NULL, 0) > 0;
    root->inherits_attrs =
        ioctl(root->fd, FS_IOC_GETFLAGS, &flags) == 0 && (flags & (int)ENTRY_ATTRS);
    return 0;
}

int target_open(const char *path, const struct target_options *o, struct target **out,
                struct err *e)
{
    if (path[0] == '\0')
        return err_set(e, ERR_USAGE, "name a directory to restore into");
    struct target *t = mem_zalloc(sizeof *t);
    if (!t)
        return err_no_memory(e, "a restore");
    (void)pthread_mutex_init(&t->lock, NULL);
    t->o = *o;
    t->euid = geteuid();
    t->umask = read_umask();
    t->path = mem_strdup(path);
    t->root = root_new(t);
    int rc = t->path && t->root ? 0 : err_no_memory(e, "a restore");
    if (rc == 0)
        rc = root_open(t, e);
    if (rc) {
        target_free(t);
        return rc;
    }
    size_t len = strlen(t->path);
    while (len > 0 && t->path[len - 1] == '/') /* for messages: "/" and a path follow */
        t->path[--len] = '\0';
    *out = t;
    return 0;
}

struct target_dir *target_root(struct target *t)
{
    return t->root;
}

int target_root_meta(struct target *t, const struct entry *meta, struct err *e)
{
    struct entry *copy = entry_dup(meta);
    if (!copy)
        return err_no_memory(e, "a directory");
    mem_free(t->root->meta);
    t->root->meta = copy;
    return 0;
}

static void root_finish(struct target_dir *root)
{
    struct stat st;
    if (!root->meta || fstat(root->fd, &st))
        return;
    struct place at = {.dir = root,
                       .fd = root->fd,
                       .had_xattrs = true,
                       .had_attrs = true,
                       .uid = st.st_uid,
                       .gid = st.st_gid,
                       .mode = st.st_mode & 07777};
    apply_meta(&at, root->meta, true);
}

static int sync_all(const struct target *t, struct err *e)
{
    if (syncfs(t->root->fd))
        return err_sys(e, errno, "'%s': not all that was restored is safe on disk", t->path);
    for (uint32_t i = 0; i < t->fs_count; i++)
        if (syncfs(t->fs_fd[i]))
            return err_sys(e, errno, "below '%s': not all that was restored is safe on disk",
                           t->path);
    return 0;
}

int target_close(struct target *t, struct err *e)
{
    if (!t)
        return 0;
    assert(atomic_load(&t->root->refs) == 1);
    int rc = 0;
    if (!t->o.dry_run) {
        root_finish(t->root);
        rc = sync_all(t, e);
    }
    target_free(t);
    return rc;
}
