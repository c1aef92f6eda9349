/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removing what a snapshot does not have. Directories are gone down name by name
 * from the target's descriptor (T1); a name is removed for itself, never for what
 * it points at; a directory is emptied name by name and removed when nothing is left
 * in it (T3).
 *
 *  P1 a mount point is neither entered nor removed, nor is a place in `never`;
 *  P2 what is not selected stays, and so does every directory above it;
 *  P3 a dry run says the same and removes nothing.
 */
#include "target/target_internal.h"

#include "base/file.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define NAMES_BYTES_MAX ((size_t)1 << 30) /* of one directory */
#define DEPTH_MAX       512 /* of directories removed whole; each is open meanwhile */

/* The names of a directory, in ascending order. */
struct names {
    struct buf text; /* NUL-terminated, one behind the other */
    const char **items;
    size_t count, at; /* next to look at */
};

struct level {
    int fd;
    struct names names;
    size_t path_len; /* of the directory in `path` */
    bool kept;       /* something in it stays */
};

struct target_listing {
    struct target *t;
    const struct target_prune *how;
    struct level top;
    struct buf path; /* below the target, of what is being looked at */
};

static void names_done(struct names *n)
{
    buf_done(&n->text);
    mem_free(n->items);
}

static void level_done(struct level *l)
{
    file_close(&l->fd);
    names_done(&l->names);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int read_names(int fd, struct names *n, struct err *e)
{
    size_t count = 0;
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    if (!dir) {
        (void)err_sys(e, errno, "read the directory");
        file_close(&copy);
        return -1;
    }
    n->text.max = NAMES_BYTES_MAX;
    errno = 0;
    for (struct dirent *de; (de = readdir(dir)); errno = 0) {
        if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0)
            continue;
        buf_put(&n->text, de->d_name, strlen(de->d_name) + 1);
        count++;
    }
    int failed = errno;
    (void)closedir(dir);
    if (failed)
        return err_sys(e, failed, "read the directory");
    n->items = mem_array(count ? count : 1, sizeof *n->items);
    if (!n->items || buf_check(&n->text, "the names of a directory", e))
        return err_no_memory(e, "the names of a directory");
    const char *p = (const char *)n->text.data;
    for (; n->count < count; p += strlen(p) + 1)
        n->items[n->count++] = p;
    qsort(n->items, count, sizeof *n->items, compare_names);
    return 0;
}

/* P1 */
static bool is_out_of_bounds(const struct target_prune *how, int fd)
{
    struct statx st;
    if (statx(fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_INO, &st))
        return true;
    if (st.stx_attributes & st.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT)
        return true;
    uint64_t dev = makedev(st.stx_dev_major, st.stx_dev_minor);
    for (size_t i = 0; i < how->never_count; i++)
        if (how->never[i].dev == dev && how->never[i].ino == st.stx_ino)
            return true;
    return false;
}

static bool is_on_the_same_fs(const struct target *t, int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && st.st_dev == t->root->dev;
}

/* ---- what goes -------------------------------------------------------------------- */

static void push_name(struct target_listing *l, size_t dir_len, const char *name)
{
    l->path.len = dir_len;
    if (dir_len)
        buf_put_u8(&l->path, '/');
    buf_put(&l->path, name, strlen(name) + 1);
    if (!l->path.failed)
        l->path.len--; /* the NUL stays behind the end */
}

static bool is_selected(const struct target_listing *l)
{
    return !l->path.failed &&
           l->how->selected(l->how->arg, (const char *)l->path.data, l->path.len);
}

static void complain(const struct target_listing *l, const struct err *e)
{
    l->how->problem(l->how->arg, l->path.failed ? "" : (const char *)l->path.data, e);
}

/* Whether the name is gone, or would be. */
static bool remove_name(const struct target_listing *l, int dirfd, const char *name, bool is_dir)
{
    struct err e = ERR_INIT;
    if (!l->t->o.dry_run && unlinkat(dirfd, name, is_dir ? AT_REMOVEDIR : 0) && errno != ENOENT) {
        (void)err_sys(&e, errno, "it is not in the snapshot, but cannot be removed");
        complain(l, &e);
        return false;
    }
    l->how->removed(l->how->arg, (const char *)l->path.data, is_dir);
    return true;
}

/* Opens a directory to be emptied; false if it stays as it is. */
static bool open_level(struct target_listing *l, int dirfd, const char *name, struct level *out)
{
    struct err e = ERR_INIT;
    *out = (struct level){.fd = target_open_dir(l->t, dirfd, name), .path_len = l->path.len};
    if (out->fd < 0)
        (void)err_sys(&e, errno, "it is not in the snapshot, but cannot be opened");
    else if (is_out_of_bounds(l->how, out->fd) || !is_on_the_same_fs(l->t, out->fd))
        (void)err_set(&e, ERR_IO, "it is not in the snapshot, but stays: it is a mount point, or "
                                  "holds a vault, keys or caches of abri");
    else if (read_names(out->fd, &out->names, &e) == 0)
        return true;
    complain(l, &e);
    level_done(out);
    return false;
}

/* The next name of the innermost level: descends, removes, or keeps it. */
static void look_at_next(struct target_listing *l, struct level *levels, size_t *depth)
{
    struct level *top = &levels[*depth - 1];
    const char *name = top->names.items[top->names.at++];
    struct stat st;
    push_name(l, top->path_len, name);
    if (fstatat(top->fd, name, &st, AT_SYMLINK_NOFOLLOW)) {
        top->kept |= errno != ENOENT;
        return;
    }
    if (S_ISDIR(st.st_mode)) {
        if (*depth < DEPTH_MAX && open_level(l, top->fd, name, &levels[*depth]))
            ++*depth;
        else
            top->kept = true;
        return;
    }
    if (!is_selected(l) || !remove_name(l, top->fd, name, false))
        top->kept = true;
}

/* The innermost level has been gone through: away with it, if it is empty. */
static void end_level(struct target_listing *l, struct level *levels, size_t *depth, int dirfd)
{
    struct level *top = &levels[--*depth];
    int above = *depth ? levels[*depth - 1].fd : dirfd;
    bool kept = top->kept;
    l->path.len = top->path_len;
    if (!l->path.failed)
        l->path.data[top->path_len] = '\0';
    const char *slash = l->path.failed ? NULL : strrchr((const char *)l->path.data, '/');
    const char *name = slash ? slash + 1 : (const char *)l->path.data;
    level_done(top);
    if (!kept)
        kept = !is_selected(l) || !remove_name(l, above, name, true);
    if (kept && *depth)
        levels[*depth - 1].kept = true;
}

static void remove_tree(struct target_listing *l, int dirfd, const char *name)
{
    size_t depth = 0;
    CLEANUP_FREE struct level *levels = mem_array(DEPTH_MAX, sizeof *levels);
    struct err e = ERR_INIT;
    if (!levels) {
        (void)err_no_memory(&e, "removing a directory");
        complain(l, &e);
        return;
    }
    if (!open_level(l, dirfd, name, &levels[0]))
        return;
    depth = 1;
    while (depth) {
        if (levels[depth - 1].names.at < levels[depth - 1].names.count)
            look_at_next(l, levels, &depth);
        else
            end_level(l, levels, &depth, dirfd);
    }
}

static void remove_one(struct target_listing *l, const char *name, bool only_dir)
{
    struct stat st;
    int dirfd = l->top.fd;
    push_name(l, l->top.path_len, name);
    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW))
        return;
    if (S_ISDIR(st.st_mode))
        remove_tree(l, dirfd, name);
    else if (!only_dir && is_selected(l))
        (void)remove_name(l, dirfd, name, false);
}

/* ---- the directories of the snapshot ------------------------------------------------- */

/* T1, P1: -1 if it is not there, or not to be touched. */
static int go_down(struct target *t, const char *path, const struct target_prune *how)
{
    char name[ENTRY_NAME_MAX + 1];
    int fd = t->root->absent ? -1 : target_openat(t, t->root->fd, ".", O_RDONLY | O_DIRECTORY, 0);
    while (fd >= 0 && *path) {
        size_t len = strcspn(path, "/");
        int next = -1;
        if (len > 0 && len < sizeof name) {
            memcpy(name, path, len);
            name[len] = '\0';
            next = target_open_dir(t, fd, name);
        }
        file_close(&fd);
        fd = next;
        if (fd >= 0 && (is_out_of_bounds(how, fd) || !is_on_the_same_fs(t, fd)))
            file_close(&fd);
        path += len + (path[len] == '/');
    }
    return fd;
}

int target_list(struct target *t, const char *path, const struct target_prune *how,
                struct target_listing **out, struct err *e)
{
    int fd = go_down(t, path, how);
    if (fd < 0) {
        *out = NULL;
        return 0;
    }
    struct target_listing *l = mem_zalloc(sizeof *l);
    if (!l) {
        file_close(&fd);
        return err_no_memory(e, "a directory");
    }
    l->t = t;
    l->how = how;
    l->top.fd = fd;
    l->path.max = ENTRY_PATH_MAX + 1;
    buf_put(&l->path, path, strlen(path) + 1);
    if (buf_check(&l->path, "a path", e) || read_names(fd, &l->top.names, e)) {
        target_listing_free(l);
        return -1;
    }
    l->top.path_len = strlen(path);
    *out = l;
    return 0;
}

void target_listing_free(struct target_listing *l)
{
    if (!l)
        return;
    level_done(&l->top);
    buf_done(&l->path);
    mem_free(l);
}

void target_listing_pass(struct target_listing *l, const char *name, bool clear_dir)
{
    struct names *n = &l->top.names;
    while (n->at < n->count && (!name || strcmp(n->items[n->at], name) < 0))
        remove_one(l, n->items[n->at++], false);
    if (name && n->at < n->count && strcmp(n->items[n->at], name) == 0) {
        if (clear_dir)
            remove_one(l, name, true);
        n->at++;
    }
}
