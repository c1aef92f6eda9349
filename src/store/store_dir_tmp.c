/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Temporaries: where an object lives before it has a name.
 *
 * A temporary is "tmp/abri-<pid>-<time since boot>-<count>.part". The name only
 * keeps temporaries apart; whether one is alive is told by its lock, which the
 * kernel releases when the process is gone, however it went and whoever has its
 * process id now.
 *
 * Invariants
 * 1. A live temporary is locked (flock) from before its first byte until it is
 *    named or discarded. A temporary is removed by another only under that lock.
 * 2. Between making and locking, a cleaner may get in first. So a temporary is
 *    used only if, once locked, it still has its name.
 * 3. A name is never used twice, so that the file found under a name is the one
 *    that was locked.
 * 4. Only files of exactly our pattern are removed: someone may open "/" by
 *    mistake, and /tmp is not ours.
 * 5. Where the file system has no locks, nothing is removed.
 */
#include "store/store_dir.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TMP_TRIES 100

static void next_path(char path[DIR_TMP_PATH_MAX])
{
    static _Atomic uint32_t count;
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_BOOTTIME, &t);
    uint64_t ns = (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
    (void)snprintf(path, DIR_TMP_PATH_MAX, "tmp/abri-%ld-%llx-%x.part", (long)getpid(),
                   (unsigned long long)ns, (unsigned)atomic_fetch_add(&count, 1));
}

static bool skip_digits(const char **p, const char *digits)
{
    size_t n = strspn(*p, digits);
    *p += n;
    return n > 0;
}

static bool skip_text(const char **p, const char *text)
{
    size_t n = strlen(text);
    if (strncmp(*p, text, n) != 0)
        return false;
    *p += n;
    return true;
}

static bool name_is_ours(const char *p)
{
    const char *const hex = "0123456789abcdef";
    return skip_text(&p, "abri-") && skip_digits(&p, "0123456789") && skip_text(&p, "-") &&
           skip_digits(&p, hex) && skip_text(&p, "-") && skip_digits(&p, hex) &&
           skip_text(&p, ".part") && *p == '\0';
}

int dir_tmp_place(struct dir_store *s, bool again)
{
    (void)pthread_mutex_lock(&s->tmp_lock);
    int fd = s->tmp;
    if (fd < 0 || again) {
        struct store_dir_at at = {.dirfd = s->top, .name = "tmp", .path = "tmp"};
        int found = dir_open_beneath(s, "tmp", O_PATH | O_DIRECTORY);
        if (found < 0 && errno == ENOENT && (s->ops->mkdir(s->arg, &at) == 0 || errno == EEXIST))
            found = dir_open_beneath(s, "tmp", O_PATH | O_DIRECTORY);
        /* Another thread may be using the old number: it must go on meaning a
         * directory of temporaries, so the new one takes its place. */
        if (found >= 0 && fd >= 0) {
            int saved = dup3(found, fd, O_CLOEXEC);
            (void)close(found);
            found = saved;
        }
        if (found >= 0 && fd < 0)
            s->tmp = found;
        fd = found;
    }
    (void)pthread_mutex_unlock(&s->tmp_lock);
    return fd;
}

/* True if we hold the lock and the file still has its name, or if there are no
 * locks here (then nobody removes anything). */
static bool claim(int fd)
{
    if (flock(fd, LOCK_EX | LOCK_NB))
        return errno != EWOULDBLOCK;
    struct stat st;
    return fstat(fd, &st) == 0 && st.st_nlink > 0;
}

int dir_tmp_create(struct dir_store *s, struct dir_tmp *out, struct err *e)
{
    bool again = false;
    for (int i = 0; i < TMP_TRIES; i++) {
        int dirfd = dir_tmp_place(s, again);
        if (dirfd < 0)
            return dir_fail(s, errno, "write to", "tmp", e);
        struct dir_tmp t = {.dirfd = dirfd};
        next_path(t.path);
        struct store_dir_at at = {.dirfd = dirfd, .name = dir_tmp_name(&t), .path = t.path};
        t.fd = s->ops->create(s->arg, &at);
        if (t.fd < 0 && errno != EEXIST && (errno != ENOENT || again))
            return dir_fail(s, errno, "write to", "tmp", e);
        again = t.fd < 0 && errno == ENOENT;
        if (t.fd < 0)
            continue;
        if (claim(t.fd)) {
            *out = t;
            return 0;
        }
        file_close(&t.fd);
    }
    return err_set(e, ERR_BUSY, "cannot make a temporary file in '%s/tmp': others remove them",
                   s->location);
}

void dir_tmp_unlink(struct dir_store *s, const struct dir_tmp *t)
{
    struct store_dir_at at = {.dirfd = t->dirfd, .name = dir_tmp_name(t), .path = t->path};
    (void)s->ops->unlink(s->arg, &at);
}

static void remove_if_dead(struct dir_store *s, int dirfd, const char *name)
{
    if (!name_is_ours(name))
        return;
    /* Writable, because NFS locks only what may be written. */
    CLEANUP(file_close)
    int fd = openat(dirfd, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode))
        return;
    if (flock(fd, LOCK_EX | LOCK_NB))
        return;
    char path[sizeof "tmp/" + NAME_MAX];
    (void)snprintf(path, sizeof path, "tmp/%s", name);
    struct store_dir_at at = {.dirfd = dirfd, .name = name, .path = path};
    (void)s->ops->unlink(s->arg, &at);
}

void dir_tmp_remove_dead(struct dir_store *s)
{
    int fd = dir_open_beneath(s, "tmp", O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return;
    CLEANUP(dir_stream_close) DIR *d = fdopendir(fd);
    if (!d) {
        file_close(&fd);
        return;
    }
    const struct dirent *entry;
    while ((entry = readdir(d)))
        remove_if_dead(s, fd, entry->d_name);
}
