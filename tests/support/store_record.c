/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recording half: carries each call out and, if it succeeded, logs it.
 * A log that cannot grow ends the program: a record with a gap would prove
 * nothing.
 */
#include "store_record_log.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void store_record_free(struct store_record *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->count; i++) {
        mem_free(r->ops[i].path);
        mem_free(r->ops[i].to);
        mem_free(r->ops[i].data);
    }
    mem_free(r->ops);
    (void)pthread_mutex_destroy(&r->lock);
    mem_free(r);
}

size_t store_record_count(struct store_record *r)
{
    (void)pthread_mutex_lock(&r->lock);
    size_t count = r->count - r->before;
    (void)pthread_mutex_unlock(&r->lock);
    return count;
}

void store_record_describe(struct store_record *r, size_t op, char *out, size_t len)
{
    static const char *const names[LOGGED_KINDS] = {
        [LOGGED_CREATE] = "create", [LOGGED_PWRITE] = "pwrite", [LOGGED_FDATASYNC] = "fdatasync",
        [LOGGED_SYNC_DIR] = "sync", [LOGGED_RENAME] = "rename", [LOGGED_REPLACE] = "replace", [LOGGED_LINK] = "link",
        [LOGGED_UNLINK] = "unlink", [LOGGED_MKDIR] = "mkdir",
    };
    (void)pthread_mutex_lock(&r->lock);
    const struct logged *l = &r->ops[r->before + op];
    if (l->kind == LOGGED_PWRITE)
        (void)snprintf(out, len, "pwrite %s %llu+%zu", l->path, (unsigned long long)l->off, l->len);
    else
        (void)snprintf(out, len, "%s %s%s%s", names[l->kind], l->path, l->to ? " " : "",
                       l->to ? l->to : "");
    (void)pthread_mutex_unlock(&r->lock);
}

static void *or_die(void *p)
{
    if (!p) {
        (void)fprintf(stderr, "store_record: out of memory\n");
        abort();
    }
    return p;
}

/* Under the lock. */
static struct logged *log_op(struct store_record *r, enum logged_kind kind, const char *path)
{
    if (r->count == r->cap) {
        r->cap = r->cap ? 2 * r->cap : 64;
        r->ops = or_die(mem_realloc(r->ops, r->cap, sizeof *r->ops));
    }
    struct logged *l = &r->ops[r->count++];
    *l = (struct logged){.kind = kind, .path = or_die(mem_strdup(path))};
    return l;
}

/* ---- what was there before, as calls that were all synced -------------------- */

static int log_tree(struct store_record *r, const char *start, const char *dir, struct err *e);

static int log_file(struct store_record *r, const char *full, const char *path, struct err *e)
{
    struct buf b = {.max = SIZE_MAX / 2};
    int rc = file_slurp(AT_FDCWD, full, SIZE_MAX / 2, &b, e);
    (void)log_op(r, LOGGED_CREATE, path);
    if (rc == 0 && b.len > 0) {
        struct logged *l = log_op(r, LOGGED_PWRITE, path);
        l->len = b.len;
        l->data = TAKE(b.data);
    }
    (void)log_op(r, LOGGED_FDATASYNC, path);
    buf_done(&b);
    return rc;
}

static int log_entry(struct store_record *r, const char *start, const char *dir, const char *name,
                     struct err *e)
{
    char path[PATH_MAX];
    char full[PATH_MAX];
    struct stat st;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return 0;
    if (snprintf(path, sizeof path, "%s%s%s", dir, dir[0] ? "/" : "", name) >= PATH_MAX ||
        snprintf(full, sizeof full, "%s/%s", start, path) >= PATH_MAX)
        return err_set(e, ERR_LIMIT, "the path of '%s' is too long", name);
    if (lstat(full, &st))
        return err_sys(e, errno, "look at '%s'", full);
    if (S_ISREG(st.st_mode))
        return log_file(r, full, path, e);
    if (!S_ISDIR(st.st_mode))
        return 0;
    (void)log_op(r, LOGGED_MKDIR, path);
    return log_tree(r, start, path, e);
}

static int log_tree(struct store_record *r, const char *start, const char *dir, struct err *e)
{
    char full[PATH_MAX];
    if (snprintf(full, sizeof full, "%s/%s", start, dir) >= PATH_MAX)
        return err_set(e, ERR_LIMIT, "the path of '%s' is too long", dir);
    DIR *stream = opendir(full);
    if (!stream)
        return err_sys(e, errno, "list '%s'", full);
    int rc = 0;
    const struct dirent *entry;
    while (rc == 0 && (entry = readdir(stream)))
        rc = log_entry(r, start, dir, entry->d_name, e);
    (void)closedir(stream);
    (void)log_op(r, LOGGED_SYNC_DIR, dir);
    return rc;
}

int store_record_new(const char *start, struct store_record **out, struct err *e)
{
    struct store_record *r = mem_zalloc(sizeof *r);
    if (!r)
        return err_no_memory(e, "a record");
    (void)pthread_mutex_init(&r->lock, NULL);
    if (start && log_tree(r, start, "", e)) {
        store_record_free(r);
        return -1;
    }
    r->before = r->count;
    *out = r;
    return 0;
}

/* ---- the calls ---------------------------------------------------------------- */

/* Carries out `call`, which gives `rc`, and logs it unless it failed. */
#define RECORDED(rc, call, kind, path)                                                             \
    do {                                                                                           \
        (void)pthread_mutex_lock(&r->lock);                                                        \
        (rc) = (call);                                                                             \
        if ((rc) >= 0)                                                                             \
            (void)log_op(r, (kind), (path));                                                       \
        int saved_ = errno;                                                                        \
        (void)pthread_mutex_unlock(&r->lock);                                                      \
        errno = saved_;                                                                            \
    } while (0)

static int rec_create(void *arg, const struct store_dir_at *at)
{
    struct store_record *r = arg;
    int fd;
    RECORDED(fd, store_dir_system.create(NULL, at), LOGGED_CREATE, at->path);
    return fd;
}

static ssize_t rec_pwrite(void *arg, int fd, const char *path, const void *p, size_t len, off_t off)
{
    struct store_record *r = arg;
    (void)pthread_mutex_lock(&r->lock);
    ssize_t n = store_dir_system.pwrite(NULL, fd, path, p, len, off);
    int saved = errno;
    if (n > 0) {
        struct logged *l = log_op(r, LOGGED_PWRITE, path);
        l->off = (uint64_t)off;
        l->len = (size_t)n;
        l->data = or_die(mem_dup(p, (size_t)n));
    }
    (void)pthread_mutex_unlock(&r->lock);
    errno = saved;
    return n;
}

/* Syncs are only logged: the replay decides what they made durable, and the
 * directory of the run itself is thrown away. */
static int log_sync(struct store_record *r, enum logged_kind kind, const char *path)
{
    (void)pthread_mutex_lock(&r->lock);
    (void)log_op(r, kind, path);
    (void)pthread_mutex_unlock(&r->lock);
    return 0;
}

static int rec_fdatasync(void *arg, int fd, const char *path)
{
    (void)fd;
    return log_sync(arg, LOGGED_FDATASYNC, path);
}

static int rec_sync_dir(void *arg, int fd, const char *path)
{
    (void)fd;
    return log_sync(arg, LOGGED_SYNC_DIR, path);
}

static int rec_two_names(struct store_record *r, enum logged_kind kind,
                         const struct store_dir_at *from, const struct store_dir_at *to)
{
    (void)pthread_mutex_lock(&r->lock);
    int rc = kind == LOGGED_RENAME    ? store_dir_system.rename_new(NULL, from, to)
             : kind == LOGGED_REPLACE ? store_dir_system.rename(NULL, from, to)
                                      : store_dir_system.link(NULL, from, to);
    int saved = errno;
    if (rc == 0)
        log_op(r, kind, from->path)->to = or_die(mem_strdup(to->path));
    (void)pthread_mutex_unlock(&r->lock);
    errno = saved;
    return rc;
}

static int rec_rename_new(void *arg, const struct store_dir_at *from, const struct store_dir_at *to)
{
    return rec_two_names(arg, LOGGED_RENAME, from, to);
}

static int rec_rename(void *arg, const struct store_dir_at *from, const struct store_dir_at *to)
{
    return rec_two_names(arg, LOGGED_REPLACE, from, to);
}

static int rec_link(void *arg, const struct store_dir_at *from, const struct store_dir_at *to)
{
    return rec_two_names(arg, LOGGED_LINK, from, to);
}

static int rec_unlink(void *arg, const struct store_dir_at *at)
{
    struct store_record *r = arg;
    int rc;
    RECORDED(rc, store_dir_system.unlink(NULL, at), LOGGED_UNLINK, at->path);
    return rc;
}

static int rec_mkdir(void *arg, const struct store_dir_at *at)
{
    struct store_record *r = arg;
    int rc;
    RECORDED(rc, store_dir_system.mkdir(NULL, at), LOGGED_MKDIR, at->path);
    return rc;
}

const struct store_dir_ops store_record_ops = {
    .create = rec_create,
    .pwrite = rec_pwrite,
    .fdatasync = rec_fdatasync,
    .sync_dir = rec_sync_dir,
    .rename_new = rec_rename_new,
    .rename = rec_rename,
    .link = rec_link,
    .unlink = rec_unlink,
    .mkdir = rec_mkdir,
};
