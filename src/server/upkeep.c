/* SPDX-License-Identifier: Apache-2.0 */
/* What is done now and then, by a thread of its own: tallies go into the log, sessions that nobody
 * uses any more end. */
#include "server/server_internal.h"

#include "base/clock.h"

#include <time.h>

#define EVERY_S         60
#define SESSION_IDLE_NS (INT64_C(6) * 3600 * NS_PER_S)

static bool wait_or_stop(struct server *s)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += EVERY_S;
    (void)pthread_mutex_lock(&s->upkeep_lock);
    if (!s->stopping)
        (void)pthread_cond_timedwait(&s->upkeep_wake, &s->upkeep_lock, &until);
    bool stop = s->stopping;
    (void)pthread_mutex_unlock(&s->upkeep_lock);
    return stop;
}

static void *keep_up(void *arg)
{
    struct server *s = arg;
    while (!wait_or_stop(s)) {
        tallies_flush(s);
        sessions_sweep(s, clock_monotonic_ns() - SESSION_IDLE_NS);
    }
    return NULL;
}

int upkeep_start(struct server *s, struct err *e)
{
    int error = pthread_create(&s->keeper_thread, NULL, keep_up, s);
    if (error)
        return err_sys(e, error, "start a thread");
    s->keeper_runs = true;
    return 0;
}

void upkeep_stop(struct server *s)
{
    if (!s->keeper_runs)
        return;
    (void)pthread_mutex_lock(&s->upkeep_lock);
    s->stopping = true;
    (void)pthread_cond_signal(&s->upkeep_wake);
    (void)pthread_mutex_unlock(&s->upkeep_lock);
    (void)pthread_join(s->keeper_thread, NULL);
    s->keeper_runs = false;
}
