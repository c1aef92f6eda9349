/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into the program by tests: makes races happen every time. Just
 * before a file is opened for reading
 *   ABRI_TEST_VANISH=NAME   it is removed, and
 *   ABRI_TEST_GROW=NAME     a byte is appended to it, after it was opened.
 * And a crash: ABRI_TEST_DIE=before (or after) kills the process there where it moves a directory
 * to one that is called "ended".
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int is_meant(const char *variable, const char *path)
{
    const char *wanted = getenv(variable), *slash = strrchr(path, '/');
    return wanted && strcmp(wanted, slash ? slash + 1 : path) == 0;
}

typedef int open_function(int dirfd, const char *path, int flags, ...);

static int open_real(const char *symbol, int dirfd, const char *path, int flags, mode_t mode)
{
    open_function *real;
    void *p = dlsym(RTLD_NEXT, symbol);
    memcpy(&real, &p, sizeof real);
    if (is_meant("ABRI_TEST_VANISH", path))
        (void)unlinkat(dirfd, path, 0);
    int fd = real(dirfd, path, flags, mode);
    if (fd >= 0 && (flags & O_ACCMODE) == O_RDONLY && is_meant("ABRI_TEST_GROW", path)) {
        int writer = real(dirfd, path, O_WRONLY | O_APPEND | O_CLOEXEC, 0);
        if (writer >= 0) {
            (void)!write(writer, "!", 1);
            (void)close(writer);
        }
    }
    return fd;
}

static mode_t mode_of(int flags, va_list ap)
{
    return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? (mode_t)va_arg(ap, int) : 0;
}

/* The names under which glibc calls it, with and without checks. */
int race_openat(int dirfd, const char *path, int flags, ...) __asm__("openat");
int race_openat64(int dirfd, const char *path, int flags, ...) __asm__("openat64");
int race_openat64_2(int dirfd, const char *path, int flags) __asm__("__openat64_2");

int race_openat(int dirfd, const char *path, int flags, ...)
{
    va_list ap;
    va_start(ap, flags);
    mode_t mode = mode_of(flags, ap);
    va_end(ap);
    return open_real("openat", dirfd, path, flags, mode);
}

int race_openat64(int dirfd, const char *path, int flags, ...)
{
    va_list ap;
    va_start(ap, flags);
    mode_t mode = mode_of(flags, ap);
    va_end(ap);
    return open_real("openat64", dirfd, path, flags, mode);
}

int race_openat64_2(int dirfd, const char *path, int flags)
{
    return open_real("openat64", dirfd, path, flags, 0);
}

/* ---- a crash ------------------------------------------------------------------------------ */

typedef int rename_function(int from_dir, const char *from, int to_dir, const char *to, unsigned flags);
int race_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags) __asm__("renameat2");

int race_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    rename_function *real;
    void *p = dlsym(RTLD_NEXT, "renameat2");
    const char *when = strstr(to, "/ended/") ? getenv("ABRI_TEST_DIE") : NULL;
    memcpy(&real, &p, sizeof real);
    if (when && strcmp(when, "before") == 0)
        (void)raise(SIGKILL);
    int rc = real(from_dir, from, to_dir, to, flags);
    if (when && rc == 0)
        (void)raise(SIGKILL);
    return rc;
}
