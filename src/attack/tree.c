/* SPDX-License-Identifier: Apache-2.0 */
/* Trees of files: made from a seed and a version, compared, copied, removed. Follows no link. */
#include "attack/world.h"

#include "base/file.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SMALL_FILES 24u
#define LARGE_BYTES ((size_t)1 << 20)
#define FILE_MOST   ((size_t)64 << 20)

static int join(char out[WORLD_PATH * 2], const char *dir, const char *name, struct err *e)
{
    int n = snprintf(out, WORLD_PATH * 2, "%s/%s", dir, name);
    return n < 0 || n >= WORLD_PATH * 2 ? err_set(e, ERR_LIMIT, "'%.300s': the path is too long", dir) : 0;
}

/* ---- making ------------------------------------------------------------------------------------- */

static uint64_t next(uint64_t *x)
{
    uint64_t z = (*x += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static void fill(uint8_t *p, size_t len, uint64_t seed)
{
    for (size_t i = 0; i + 8 <= len; i += 8)
        put_u64(p + i, next(&seed));
}

static int put(const char *dir, const char *name, const void *p, size_t len, struct err *e)
{
    char path[WORLD_PATH * 2];
    if (join(path, dir, name, e))
        return -1;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
    int rc = fd < 0 || file_write(fd, p, len) ? err_sys(e, errno, "write '%s'", path) : 0;
    if (fd >= 0)
        (void)close(fd);
    return rc;
}

/* Small file `i` changed last in the newest version that is it, counted round. */
static int make_small(const char *dir, uint64_t seed, unsigned version, struct err *e)
{
    uint8_t bytes[4096];
    char name[32];
    for (unsigned i = 0; i < SMALL_FILES; i++) {
        unsigned last = version < i ? 0 : version - (version - i) % SMALL_FILES;
        size_t len = 512 + 64 * (size_t)i;
        fill(bytes, sizeof bytes, seed ^ (uint64_t)i << 32 ^ last);
        (void)snprintf(name, sizeof name, "mail/%02u", i);
        if (put(dir, name, bytes, len, e))
            return -1;
    }
    return 0;
}

static int make_large(const char *dir, uint64_t seed, unsigned version, struct err *e)
{
    uint8_t *bytes = mem_alloc(LARGE_BYTES);
    if (!bytes)
        return err_no_memory(e, "a file");
    fill(bytes, LARGE_BYTES, seed);
    fill(bytes + LARGE_BYTES / 2, 4096, seed ^ version);
    int rc = put(dir, "database", bytes, LARGE_BYTES, e);
    mem_free(bytes);
    return rc;
}

int tree_make(const char *dir, uint64_t seed, unsigned version, struct err *e)
{
    char mail[WORLD_PATH * 2], link[WORLD_PATH * 2], text[128];
    if (join(mail, dir, "mail", e) || join(link, dir, "current", e) || file_make_dirs(mail, 0750, e))
        return -1;
    int n = snprintf(text, sizeof text, "version %u\n", version);
    if (symlink("database", link) && errno != EEXIST)
        return err_sys(e, errno, "make '%s'", link);
    return put(dir, "version", text, (size_t)n, e) || make_small(dir, seed, version, e) || make_large(dir, seed, version, e)
               ? -1
               : 0;
}

/* ---- going over one ---------------------------------------------------------------------------------- */

typedef int each_entry(void *arg, const char *path, const char *name, const struct stat *st, struct err *e);

static int over_dir(const char *dir, each_entry *each, void *arg, struct err *e)
{
    DIR *d = opendir(dir);
    int rc = 0;
    if (!d)
        return errno == ENOENT ? 0 : err_sys(e, errno, "read '%s'", dir);
    for (struct dirent *n; !rc && (n = readdir(d)) != NULL;) {
        char path[WORLD_PATH * 2];
        struct stat st;
        if (strcmp(n->d_name, ".") == 0 || strcmp(n->d_name, "..") == 0)
            continue;
        rc = join(path, dir, n->d_name, e);
        if (!rc && lstat(path, &st))
            rc = errno == ENOENT ? 0 : err_sys(e, errno, "look at '%s'", path);
        else if (!rc)
            rc = each(arg, path, n->d_name, &st, e);
    }
    (void)closedir(d);
    return rc;
}

static int remove_one(void *arg, const char *path, const char *name, const struct stat *st, struct err *e)
{
    (void)arg, (void)name;
    if (S_ISDIR(st->st_mode))
        return tree_remove(path, e);
    return unlink(path) && errno != ENOENT ? err_sys(e, errno, "remove '%s'", path) : 0;
}

/* Also directories that their owner may not write to. */
int tree_remove(const char *path, struct err *e)
{
    struct stat st;
    if (lstat(path, &st))
        return errno == ENOENT ? 0 : err_sys(e, errno, "look at '%s'", path);
    if (!S_ISDIR(st.st_mode))
        return unlink(path) && errno != ENOENT ? err_sys(e, errno, "remove '%s'", path) : 0;
    (void)!chmod(path, 0700);
    if (over_dir(path, remove_one, NULL, e))
        return -1;
    return rmdir(path) && errno != ENOENT ? err_sys(e, errno, "remove '%s'", path) : 0;
}

struct files_walk {
    size_t skip; /* of the path: the directory itself */
    tree_each *each;
    void *arg;
};

static int one_file(void *arg, const char *path, const char *name, const struct stat *st, struct err *e)
{
    struct files_walk *w = arg;
    (void)name;
    if (S_ISDIR(st->st_mode))
        return over_dir(path, one_file, w, e);
    return S_ISREG(st->st_mode) ? w->each(w->arg, path + w->skip, e) : 0;
}

int tree_files(const char *dir, tree_each *each, void *arg, struct err *e)
{
    struct files_walk w = {strlen(dir) + 1, each, arg};
    return over_dir(dir, one_file, &w, e);
}

/* ---- copying --------------------------------------------------------------------------------------------- */

static int copy_bytes(const char *from, const char *to, mode_t mode, struct err *e)
{
    CLEANUP(buf_done) struct buf b = {.max = FILE_MOST};
    if (file_slurp(AT_FDCWD, from, FILE_MOST, &b, e))
        return -1;
    int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode & 0777);
    int rc = fd < 0 || file_write(fd, b.data, b.len) ? err_sys(e, errno, "write '%s'", to) : 0;
    if (fd >= 0)
        (void)close(fd);
    return rc;
}

static int copy_one(void *arg, const char *path, const char *name, const struct stat *st, struct err *e)
{
    char to[WORLD_PATH * 2], target[WORLD_PATH];
    if (join(to, arg, name, e))
        return -1;
    if (S_ISDIR(st->st_mode))
        return tree_copy(path, to, e);
    if (S_ISREG(st->st_mode))
        return copy_bytes(path, to, st->st_mode, e);
    if (!S_ISLNK(st->st_mode))
        return 0; /* sockets */
    ssize_t n = readlink(path, target, sizeof target - 1);
    if (n < 0)
        return err_sys(e, errno, "read '%s'", path);
    target[n] = '\0';
    return symlink(target, to) ? err_sys(e, errno, "make '%s'", to) : 0;
}

int tree_copy(const char *from, const char *to, struct err *e)
{
    return file_make_dirs(to, 0700, e) || over_dir(from, copy_one, (void *)(uintptr_t)to, e) ? -1 : 0;
}

/* ---- comparing ---------------------------------------------------------------------------------------------- */

struct comparing {
    const char *other;
    char *why;
    bool differs;
};

static bool same_bytes(const char *a, const char *b)
{
    CLEANUP(buf_done) struct buf x = {.max = FILE_MOST};
    CLEANUP(buf_done) struct buf y = {.max = FILE_MOST};
    return file_slurp(AT_FDCWD, a, FILE_MOST, &x, NULL) == 0 && file_slurp(AT_FDCWD, b, FILE_MOST, &y, NULL) == 0 &&
           x.len == y.len && (!x.len || memcmp(x.data, y.data, x.len) == 0);
}

static bool same_link(const char *a, const char *b)
{
    char x[WORLD_PATH], y[WORLD_PATH];
    ssize_t n = readlink(a, x, sizeof x), m = readlink(b, y, sizeof y);
    return n >= 0 && n == m && memcmp(x, y, (size_t)n) == 0;
}

/* 1: no more need be looked at. */
static int differ(struct comparing *c, const char *path, const char *what)
{
    c->differs = true;
    (void)snprintf(c->why, 256, "'%.180s' %s", path, what);
    return 1;
}

static int compare_one(void *arg, const char *path, const char *name, const struct stat *st, struct err *e)
{
    struct comparing *c = arg;
    char to[WORLD_PATH * 2];
    struct stat there;
    if (join(to, c->other, name, e) || lstat(to, &there))
        return differ(c, path, "is missing");
    if ((st->st_mode & S_IFMT) != (there.st_mode & S_IFMT))
        return differ(c, path, "is of another type");
    if (S_ISDIR(st->st_mode))
        return tree_same(path, to, c->why) ? 0 : (c->differs = true, 1);
    if (S_ISLNK(st->st_mode))
        return same_link(path, to) ? 0 : differ(c, path, "leads elsewhere");
    if (st->st_mode != there.st_mode)
        return differ(c, path, "has another mode");
    return same_bytes(path, to) ? 0 : differ(c, path, "has other content");
}

static int exists_one(void *arg, const char *path, const char *name, const struct stat *st, struct err *e)
{
    struct comparing *c = arg;
    char to[WORLD_PATH * 2];
    struct stat there;
    (void)st;
    return join(to, c->other, name, e) || lstat(to, &there) ? differ(c, path, "is one too many") : 0;
}

bool tree_same(const char *a, const char *b, char why[256])
{
    struct comparing there = {.other = b, .why = why}, back = {.other = a, .why = why};
    struct err e = ERR_INIT;
    if (access(a, R_OK) || access(b, R_OK)) {
        (void)snprintf(why, 256, "'%.120s' or '%.80s' cannot be read", a, b);
        return false;
    }
    int rc = over_dir(a, compare_one, &there, &e);
    if (!rc)
        rc = over_dir(b, exists_one, &back, &e);
    if (e.cls)
        (void)snprintf(why, 256, "%.250s", e.msg);
    return !rc && !there.differs && !back.differs;
}
