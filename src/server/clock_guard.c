/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watching the server's clock.
 *
 * K1 Nothing is forgotten or freed, in any vault, while the clock is in doubt; and doubt stays over restarts, until two
 *    people have confirmed.
 * K2 What is locked, under a floor or in a trash window ends when both the clock and the ticks say so; so time in which the
 *    server did not run ends nothing.
 * K3 What is known of the clock cannot be got rid of: where the file is gone or damaged, the clock is in doubt. A
 *    log that has entries of later than now is a reason, too.
 */
#include "server/clock_guard.h"

#include "base/clock.h"
#include "base/mem.h"
#include "server/alarms.h"

#include <string.h>

_Static_assert(POLICY_BOOT_BYTES == CLOCK_BOOT_BYTES, "both are the kernel's");

static struct policy_witness reading(void)
{
    struct clock_reading r;
    struct policy_witness w;
    clock_read(&r);
    w = (struct policy_witness){.realtime_ns = r.realtime_ns, .boottime_ns = r.boottime_ns};
    memcpy(w.boot_id, r.boot_id, POLICY_BOOT_BYTES);
    return w;
}

/* ---- saying so ------------------------------------------------------------------------------ */

static void record_clock(struct server *s, const char *name, const char *text)
{
    struct event ev = {.kind = EVENT_CLOCK, .name = name, .text = text};
    struct err why = ERR_INIT;
    if (server_record(s, &ev, NULL, &why))
        server_tell(s, "the clock is %s, but that could not be recorded: %s", name, why.msg);
}

static const struct alarm_cause of_server = {.name = ALARM_CLOCK};

static void raise_alarm(struct server *s, const struct policy_clock *c)
{
    char text[POLICY_TEXT_BYTES];
    policy_clock_text(c, text);
    record_clock(s, "suspect", text);
    alarm_raise(s, &of_server, ALARM_ONCE,
                "the server's clock: %s. Nothing is forgotten or freed until two people confirm it", text);
}

static void keep(struct server *s)
{
    struct err why = ERR_INIT;
    if (ticks_store(s, &s->guard, &why))
        server_tell(s, "%s", why.msg);
}

/* ---- looking --------------------------------------------------------------------------------- */

/* K3 */
static void hold_against_log(struct server *s)
{
    CLEANUP(buf_done) struct buf entry = {.max = TLOG_ENTRY_MAX};
    struct event last;
    uint64_t size = tlog_size(s->log);
    if (!size || tlog_entry(s->log, size - 1, &entry, NULL) ||
        event_decode(entry.data, entry.len, &last, NULL))
        return;
    int64_t back = last.time_ns - s->guard.seen_ns;
    if (back > POLICY_BACK_NS)
        policy_guard_doubt(&s->guard, POLICY_CLOCK_WENT_BACK, last.time_ns, back);
    event_done(&last);
}

/* *doubted_out: before, too. */
static int begin(struct server *s, bool *doubted_out, struct err *e)
{
    struct policy_guard *g = &s->guard;
    const struct policy_witness now = reading();
    struct err why = ERR_INIT;
    bool known = ticks_load(s, g, &why) == 0;
    if (!known && why.cls != ERR_NOT_FOUND && why.cls != ERR_DAMAGED)
        return err_give(e, &why);
    *doubted_out = known && g->run_count && g->why != POLICY_CLOCK_TRUSTED;
    if (known && g->run_count) {
        policy_guard_resume(g, &now);
    } else {
        int64_t ticks = known ? g->ticks_ns : 0;
        policy_guard_begin(g, &now);
        g->ticks_ns = g->runs[0].ticks_ns = ticks;
        if (!known && tlog_size(s->log) > 1) {
            server_tell(s, "%s", why.cls == ERR_DAMAGED ? why.msg : "what was known of the clock ('ticks') is gone");
            policy_guard_doubt(g, POLICY_CLOCK_UNSOUND, 0, 0);
        }
    }
    hold_against_log(s);
    return 0;
}

int clock_guard_open(struct server *s, struct err *e)
{
    struct policy_clock c;
    bool doubted;
    if (begin(s, &doubted, e))
        return -1;
    s->guard_open = true;
    policy_guard_verdict(&s->guard, &c);
    keep(s);
    if (!doubted && !policy_clock_trusted(&c))
        raise_alarm(s, &c);
    else if (doubted)
        server_tell(s, "the clock is in doubt since an earlier run: nothing is forgotten or freed until two people confirm it");
    return 0;
}

bool clock_guard_look(struct server *s)
{
    struct policy_clock before, after;
    (void)pthread_mutex_lock(&s->guard_lock);
    const struct policy_witness now = reading();
    policy_guard_verdict(&s->guard, &before);
    policy_guard_look(&s->guard, &now);
    policy_guard_verdict(&s->guard, &after);
    keep(s);
    (void)pthread_mutex_unlock(&s->guard_lock);
    bool trusted = policy_clock_trusted(&after);
    if (policy_clock_trusted(&before) && !trusted)
        raise_alarm(s, &after);
    return trusted;
}

void clock_guard_close(struct server *s)
{
    if (s->guard_open)
        (void)clock_guard_look(s);
}

int clock_guard_confirm(struct server *s, struct err *e)
{
    struct event ev = {.kind = EVENT_CLOCK, .name = "confirmed"};
    (void)clock_guard_look(s);
    if (server_record(s, &ev, NULL, e))
        return -1;
    (void)pthread_mutex_lock(&s->guard_lock);
    policy_guard_confirm(&s->guard);
    int rc = ticks_store(s, &s->guard, e);
    (void)pthread_mutex_unlock(&s->guard_lock);
    if (!rc)
        alarm_over(s, &of_server, "two people confirmed it");
    return rc;
}

/* ---- asking ------------------------------------------------------------------------------------ */

int64_t server_ticks(struct server *s)
{
    (void)pthread_mutex_lock(&s->guard_lock);
    int64_t run = reading().boottime_ns - s->guard.seen_boottime_ns;
    int64_t ticks = s->guard.ticks_ns + (run > 0 ? run : 0);
    (void)pthread_mutex_unlock(&s->guard_lock);
    return ticks;
}

bool clock_guard_has_lasted(struct server *s, int64_t since_ns, int64_t length_ns)
{
    (void)pthread_mutex_lock(&s->guard_lock);
    bool has = policy_guard_elapsed(&s->guard, since_ns) >= length_ns;
    (void)pthread_mutex_unlock(&s->guard_lock);
    return has;
}

void clock_guard_verdict(struct server *s, struct policy_clock *out)
{
    (void)pthread_mutex_lock(&s->guard_lock);
    policy_guard_verdict(&s->guard, out);
    (void)pthread_mutex_unlock(&s->guard_lock);
}
