/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into the program by tests: another time.
 *   ABRI_TEST_PASSED=SECONDS  so much time has passed, for all clocks;
 *   ABRI_TEST_PASSED_FILE     the same, of what that file says whenever somebody looks at a clock;
 *   ABRI_TEST_MOVED=SECONDS   somebody moved the real clock by so much;
 *   ABRI_TEST_MOVED_FILE      the same, of what that file says.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef int gettime_function(clockid_t id, struct timespec *t);

static time_t seconds_of(const char *variable)
{
    const char *text = getenv(variable);
    return text ? (time_t)strtoll(text, NULL, 10) : 0;
}

/* Without stdio: it may be looked at from anywhere. */
static time_t seconds_in_file(const char *variable)
{
    const char *path = getenv(variable);
    char text[32] = "";
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof text - 1);
    (void)close(fd);
    return n > 0 ? (time_t)strtoll(text, NULL, 10) : 0;
}

__attribute__((visibility("default"))) int clock_gettime(clockid_t id, struct timespec *t)
{
    gettime_function *real;
    void *p = dlsym(RTLD_NEXT, "clock_gettime");
    memcpy(&real, &p, sizeof real);
    int rc = real(id, t);
    if (rc == 0 && (id == CLOCK_REALTIME || id == CLOCK_BOOTTIME))
        t->tv_sec += seconds_of("ABRI_TEST_PASSED") + seconds_in_file("ABRI_TEST_PASSED_FILE");
    if (rc == 0 && id == CLOCK_REALTIME)
        t->tv_sec += seconds_of("ABRI_TEST_MOVED") + seconds_in_file("ABRI_TEST_MOVED_FILE");
    return rc;
}

/* What OpenSSL judges certificates by. */
__attribute__((visibility("default"))) time_t time(time_t *out)
{
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_REALTIME, &t);
    if (out)
        *out = t.tv_sec;
    return t.tv_sec;
}
