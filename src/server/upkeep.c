/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is done now and then, by a thread of its own: tallies go into the log, sessions that nobody
 * uses any more end; once a day each vault is looked after (upkeep_vault.c), or when somebody asks.
 */
#include "server/clock_guard.h"
#include "server/ending.h"
#include "server/requests.h"
#include "server/upkeep.h"
#include "server/watch.h"

#include "base/clock.h"
#include "base/mem.h"

#include <string.h>
#include <time.h>

#define EVERY_S         60
#define FIRST_NS        (INT64_C(600) * NS_PER_S) /* after the start */
#define WATCH_NS        (INT64_C(600) * NS_PER_S)
#define DAY_NS          (INT64_C(86400) * NS_PER_S)
#define SESSION_IDLE_NS (INT64_C(6) * 3600 * NS_PER_S)

static bool wait_or_stop(struct server *s)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += EVERY_S;
    (void)pthread_mutex_lock(&s->upkeep_lock);
    if (!s->stopping && !s->upkeep_asked)
        (void)pthread_cond_timedwait(&s->upkeep_wake, &s->upkeep_lock, &until);
    bool stop = s->stopping;
    (void)pthread_mutex_unlock(&s->upkeep_lock);
    return stop;
}

/* ---- vaults ------------------------------------------------------------------------------ */

static int gather(void *arg, const struct catalog_vault *v, struct err *e)
{
    buf_put(arg, v, sizeof *v);
    return buf_check(arg, "a list of vaults", e);
}

static void look_after_all(struct server *s, bool asked)
{
    CLEANUP(buf_done) struct buf vaults = {.max = (size_t)1 << 30};
    struct err why = ERR_INIT;
    unsigned share = asked ? UPKEEP_SHARES : (unsigned)(clock_realtime_ns() / DAY_NS % UPKEEP_SHARES);
    if (catalog_list_vault(s->catalog, NULL, gather, &vaults, &why))
        server_tell(s, "upkeep: %s", why.msg);
    for (size_t at = 0; at < vaults.len && !s->stopping; at += sizeof(struct catalog_vault)) {
        const struct catalog_vault *v = (const void *)(vaults.data + at);
        char hex[2 * UID_BYTES + 1];
        hex_encode(v->vault, UID_BYTES, hex);
        why = ERR_INIT;
        if (!v->gone_ns && upkeep_vault(s, v, share, &why))
            server_tell(s, "upkeep of vault %s: %s", hex, why.msg);
    }
}

static bool is_due(struct server *s, int64_t *next, bool *asked_out)
{
    (void)pthread_mutex_lock(&s->upkeep_lock);
    bool asked = s->upkeep_asked;
    s->upkeep_asked = false;
    (void)pthread_mutex_unlock(&s->upkeep_lock);
    int64_t now = clock_monotonic_ns();
    *asked_out = asked;
    if (now < *next && !asked)
        return false;
    if (now >= *next)
        *next = now + DAY_NS;
    return true;
}

static void *keep_up(void *arg)
{
    struct server *s = arg;
    int64_t next = clock_monotonic_ns() + FIRST_NS;
    int64_t watch = clock_monotonic_ns() + EVERY_S * NS_PER_S;
    bool asked;
    ending_remove_gone(s);
    snapshots_recall_all(s);
    while (!wait_or_stop(s)) {
        tallies_flush(s);
        (void)clock_guard_look(s);
        requests_execute(s);
        sessions_sweep(s, clock_monotonic_ns() - SESSION_IDLE_NS);
        bool due = is_due(s, &next, &asked);
        if (due)
            look_after_all(s, asked);
        if (due)
            ending_remove_gone(s);
        if (due || clock_monotonic_ns() >= watch) {
            watch_all(s);
            watch = clock_monotonic_ns() + WATCH_NS;
        }
        if (due) {
            (void)pthread_mutex_lock(&s->upkeep_lock);
            s->upkeep_rounds++;
            (void)pthread_mutex_unlock(&s->upkeep_lock);
        }
    }
    return NULL;
}

uint64_t upkeep_ask(struct server *s)
{
    (void)pthread_mutex_lock(&s->upkeep_lock);
    s->upkeep_asked = true;
    uint64_t rounds = s->upkeep_rounds;
    (void)pthread_cond_signal(&s->upkeep_wake);
    (void)pthread_mutex_unlock(&s->upkeep_lock);
    return rounds;
}

uint64_t upkeep_rounds(struct server *s)
{
    (void)pthread_mutex_lock(&s->upkeep_lock);
    uint64_t rounds = s->upkeep_rounds;
    (void)pthread_mutex_unlock(&s->upkeep_lock);
    return rounds;
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

uint64_t server_upkeep_ask(struct server *s)
{
    return upkeep_ask(s);
}

uint64_t server_upkeep_rounds(struct server *s)
{
    return upkeep_rounds(s);
}
