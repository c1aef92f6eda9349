/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks to a file component by component, and looks at each by its descriptor,
 * so that what was judged is what is opened. Does not follow anything unseen.
 *
 *  1. Every directory, link and file on the way was judged before the next step.
 *  2. That a file is missing is told even behind a directory that is not trusted.
 */
#include "cli/trusted_file.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINKS_MAX 40

struct way {
    const char *path; /* as it was asked for */
    char rest[PATH_MAX];
    int at; /* the directory reached */
    unsigned links;
    bool distrusted;
    struct err reason; /* the first */
};

static void distrust(struct way *w, const char *what, const char *how)
{
    if (!w->distrusted)
        (void)err_set(&w->reason, ERR_USAGE, "'%s' is not used: %s: %s", w->path, what, how);
    w->distrusted = true;
}

/* Where a descriptor stands, for the message. */
static void name_of(int fd, char out[PATH_MAX])
{
    char link[64];
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, out, PATH_MAX - 1);
    (void)snprintf(out + (n > 0 ? n : 0), n > 0 ? 1 : PATH_MAX, "%s", n > 0 ? "" : "it");
}

static void judge(struct way *w, int fd, const struct stat *s)
{
    char name[PATH_MAX], what[PATH_MAX + 64], how[PATH_MAX + 64];
    bool foreign = s->st_uid != 0 && s->st_uid != geteuid();
    bool kept_apart = S_ISDIR(s->st_mode) && (s->st_mode & S_ISVTX);
    bool open_to_others = !S_ISLNK(s->st_mode) && (s->st_mode & 022) && !kept_apart;
    if (!foreign && !open_to_others)
        return;
    name_of(fd, name);
    if (foreign) {
        (void)snprintf(what, sizeof what, "%.2000s belongs to somebody else (uid %u)", name,
                       (unsigned)s->st_uid);
        distrust(w, what, "it must be root's or yours");
        return;
    }
    (void)snprintf(what, sizeof what, "others can write to %.200s", name);
    (void)snprintf(how, sizeof how, "chmod go-w '%.200s'", name);
    distrust(w, what, how);
}

/* Takes the next component off `rest`; false at the end. */
static bool next_component(struct way *w, char out[NAME_MAX + 1], struct err *e, int *rc)
{
    size_t skip = strspn(w->rest, "/");
    size_t n = strcspn(w->rest + skip, "/");
    *rc = n > NAME_MAX ? err_set(e, ERR_USAGE, "'%s': a name in it is too long", w->path) : 0;
    if (n == 0 || *rc)
        return false;
    memcpy(out, w->rest + skip, n);
    out[n] = '\0';
    memmove(w->rest, w->rest + skip + n, strlen(w->rest + skip + n) + 1);
    return true;
}

static int go_to_root(struct way *w, struct err *e)
{
    struct stat s;
    file_close(&w->at);
    w->at = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (w->at < 0 || fstat(w->at, &s))
        return err_sys(e, errno, "open '/'");
    judge(w, w->at, &s);
    return 0;
}

static int follow(struct way *w, int link, struct err *e)
{
    char target[PATH_MAX];
    ssize_t n = readlinkat(link, "", target, sizeof target - 1);
    if (n <= 0 || w->links++ >= LINKS_MAX)
        return err_sys(e, n < 0 ? errno : ELOOP, "'%s'", w->path);
    target[n] = '\0';
    size_t rest = strlen(w->rest);
    if ((size_t)n + 1 + rest >= sizeof w->rest)
        return err_sys(e, ENAMETOOLONG, "'%s'", w->path);
    memmove(w->rest + n + 1, w->rest, rest + 1);
    memcpy(w->rest, target, (size_t)n);
    w->rest[n] = '/';
    return *target == '/' ? go_to_root(w, e) : 0;
}

static int open_file(struct way *w, const char *name, int *fd_out, struct err *e)
{
    struct stat s;
    CLEANUP(file_close) int fd =
        openat(w->at, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &s))
        return err_sys(e, errno, "'%s'", w->path);
    if (!S_ISREG(s.st_mode))
        return err_set(e, ERR_USAGE, "'%s' is not a file", w->path);
    judge(w, fd, &s);
    if (w->distrusted)
        return err_give(e, &w->reason);
    *fd_out = fd;
    fd = -1;
    return 0;
}

/* One step; *done_out when the file is open. */
static int step(struct way *w, const char *name, int *fd_out, bool *done_out, struct err *e)
{
    struct stat s;
    CLEANUP(file_close) int fd = openat(w->at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &s))
        return err_sys(e, errno, "'%s'", w->path);
    judge(w, fd, &s);
    if (S_ISLNK(s.st_mode))
        return follow(w, fd, e);
    if (S_ISDIR(s.st_mode)) {
        file_close(&w->at);
        w->at = fd;
        fd = -1;
        return 0;
    }
    if (w->rest[strspn(w->rest, "/")])
        return err_sys(e, ENOTDIR, "'%s'", w->path);
    *done_out = true;
    return open_file(w, name, fd_out, e);
}

static int walk(struct way *w, int *fd_out, struct err *e)
{
    char name[NAME_MAX + 1];
    int rc = go_to_root(w, e);
    bool done = false;
    while (rc == 0 && !done && next_component(w, name, e, &rc))
        rc = step(w, name, fd_out, &done, e);
    if (rc == 0 && !done)
        return err_set(e, ERR_USAGE, "'%s' is a directory, not a file", w->path);
    return rc;
}

int trusted_open(const char *path, int *fd_out, struct err *e)
{
    struct way w = {.path = path, .at = -1};
    size_t len = strlen(path);
    if (*path != '/' || len >= sizeof w.rest)
        return err_set(e, ERR_USAGE, "'%s': a whole path from / is needed", path);
    memcpy(w.rest, path, len + 1);
    int rc = walk(&w, fd_out, e);
    file_close(&w.at);
    return rc;
}
