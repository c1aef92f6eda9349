/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The watchdog's thread. It looks at the server itself, not only at the clock: a server whose loops hang, or whose
 * workers all wait for something that does not come, says nothing any more, and systemd starts it anew.
 */
#include "daemon/watchdog.h"

#include "base/clock.h"
#include "daemon/notify.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOOKS 4 /* in the time that systemd gives: one bad look is not the end */

static struct {
    int64_t every_ns; /* 0: nobody watches */
    struct server *server;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool runs, stopping;
} dog = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool read_number(const char *text, int64_t *out)
{
    size_t n = text ? strspn(text, "0123456789") : 0;
    if (n == 0 || n > 15 || text[n])
        return false;
    *out = strtoll(text, NULL, 10);
    return true;
}

void watchdog_init(const char *usec, const char *pid)
{
    int64_t us, who;
    dog.every_ns = 0;
    if (!read_number(usec, &us) || (pid && (!read_number(pid, &who) || who != getpid())))
        return;
    dog.every_ns = us * 1000 / LOOKS;
}

static bool wait_or_stop(int64_t until_ns)
{
    const struct timespec until = {.tv_sec = until_ns / NS_PER_S, .tv_nsec = until_ns % NS_PER_S};
    (void)pthread_mutex_lock(&dog.lock);
    while (!dog.stopping && pthread_cond_timedwait(&dog.wake, &dog.lock, &until) != ETIMEDOUT) {
    }
    bool stop = dog.stopping;
    (void)pthread_mutex_unlock(&dog.lock);
    return stop;
}

static void *watch(void *arg)
{
    (void)arg;
    do {
        const struct http_pulse p = server_pulse(dog.server);
        if (!p.loops_silent && !p.workers_stuck)
            notify_say("WATCHDOG=1");
        else
            notify_say("STATUS=%u of %u loops do not turn, %u workers %s", p.loops_silent, p.loops, p.workers,
                       p.workers_stuck ? "take no work" : "work");
    } while (!wait_or_stop(clock_monotonic_ns() + dog.every_ns));
    return NULL;
}

int watchdog_start(struct server *s, struct err *e)
{
    sigset_t all, before;
    pthread_condattr_t monotonic;
    if (!dog.every_ns)
        return 0;
    dog.server = s;
    dog.stopping = false;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&dog.wake, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&dog.thread, NULL, watch, NULL);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error)
        return err_sys(e, error, "start the watchdog's thread");
    dog.runs = true;
    return 0;
}

void watchdog_stop(void)
{
    if (!dog.runs)
        return;
    (void)pthread_mutex_lock(&dog.lock);
    dog.stopping = true;
    (void)pthread_cond_signal(&dog.wake);
    (void)pthread_mutex_unlock(&dog.lock);
    (void)pthread_join(dog.thread, NULL);
    (void)pthread_cond_destroy(&dog.wake);
    dog.runs = false;
}
