/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vaults that are ending: what is said of them, how it begins, how it is called off. What upkeep does with them
 * is in upkeep_end.c, how they leave the disk in ending_removal.c.
 *
 * V1 A vault ends by a request that two people carried (D1 to D3), and is kept by one person alone.
 * V2 Whoever keeps it has it whole before the log says so: a crash in between leaves it ending, with nothing lost.
 * V3 While one keeps it, or locks, holds or brings back single snapshots of it, nothing of it goes to the trash, and it is
 *    not said to be gone (server.end_lock).
 */
#include "server/ending.h"

#include "base/clock.h"
#include "base/mem.h"
#include "server/alarms.h"
#include "server/clock_guard.h"
#include "server/upkeep_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- in words ------------------------------------------------------------------------------ */

void ending_text(const struct catalog_vault *v, char out[ENDING_TEXT_BYTES])
{
    char when[CLOCK_TEXT_BYTES], hex[2 * EVENT_ID_BYTES + 1];
    hex_encode(v->request, EVENT_ID_BYTES, hex);
    clock_format_utc(v->gone_ns ? v->gone_ns : v->ending_ns, when);
    out[0] = '\0';
    if (v->gone_ns || v->ending_ns)
        (void)snprintf(out, ENDING_TEXT_BYTES, v->gone_ns ? "this vault was ended on %.10s %.5s UTC by request %s"
                                                          : "this vault is ending since %.10s %.5s UTC, by request %s",
                       when, when + 11, hex);
}

int ending_refuse_gone(struct request *q, const struct catalog_vault *v)
{
    char text[ENDING_TEXT_BYTES];
    if (!v->gone_ns)
        return 0;
    ending_text(v, text);
    reply_refuse(q, "vault_gone", "%s: what was in it is erased. A machine of it that shall back up again needs a new token", text);
    return -1;
}

int ending_refuse_writers(struct request *q, const struct catalog_vault *v)
{
    char text[ENDING_TEXT_BYTES];
    if (ending_refuse_gone(q, v))
        return -1;
    if (!v->ending_ns)
        return 0;
    ending_text(v, text);
    reply_refuse(q, "vault_ending", "%s: nothing more is stored in it; what is there can still be restored", text);
    return -1;
}

/* ---- alarms ---------------------------------------------------------------------------------- */

static struct alarm_cause cause_of(const struct catalog_vault *v)
{
    return (struct alarm_cause){.name = ALARM_END, .tenant = v->tenant, .vault = v->vault};
}

static void name_of(struct server *s, const struct catalog_vault *v, char out[EVENT_NAME_MAX + 64])
{
    struct catalog_identity who;
    char hex[2 * UID_BYTES + 1];
    hex_encode(v->vault, UID_BYTES, hex);
    (void)snprintf(out, EVENT_NAME_MAX + 64, "vault %s of %s", hex,
                   catalog_identity(s->catalog, v->id, &who, NULL) ? "?" : who.name);
}

static void tell_ending(struct server *s, const struct catalog_vault *v, enum alarm_again again)
{
    const struct alarm_cause c = cause_of(v);
    char name[EVENT_NAME_MAX + 64], hex[2 * EVENT_ID_BYTES + 1];
    name_of(s, v, name);
    hex_encode(v->request, EVENT_ID_BYTES, hex);
    alarm_raise(s, &c, again, "%s is ending, by request %s: all that is in it goes as soon as nothing protects it. "
                "Until then anybody who looks after it can keep it: abri admin keep", name, hex);
}

void ending_tell(struct server *s, const struct catalog_vault *v)
{
    tell_ending(s, v, ALARM_ONCE);
}

/* What else was wrong with it. */
static void tell_over(struct server *s, const struct catalog_vault *v)
{
    static const char *const names[] = {ALARM_CLOCK, ALARM_DAMAGE, ALARM_MENDED, ALARM_QUOTA};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct alarm_cause c = {.name = names[i], .tenant = v->tenant, .vault = v->vault};
        alarm_over(s, &c, "the vault is gone");
    }
}

void ending_tell_gone(struct server *s, const struct catalog_vault *v)
{
    const struct alarm_cause c = cause_of(v);
    tell_over(s, v);
    char name[EVENT_NAME_MAX + 64], hex[2 * EVENT_ID_BYTES + 1];
    name_of(s, v, name);
    hex_encode(v->request, EVENT_ID_BYTES, hex);
    alarm_raise(s, &c, ALARM_IF_OTHER, "%s is gone for ever, by request %s: %" PRIu64 " snapshots had been received", name, hex,
                v->snapshots);
}

/* ---- beginning -------------------------------------------------------------------------------- */

int ending_begin(struct server *s, const struct catalog_request *r, const char *reason, struct err *e)
{
    struct catalog_vault v;
    char text[EVENT_NAME_MAX + 1] = "";
    struct event ev = {.kind = EVENT_VAULT_END, .text = text};
    if (reason)
        event_clean(reason, strlen(reason), EVENT_NAME_MAX, text);
    memcpy(ev.vault, r->vault, UID_BYTES);
    memcpy(ev.request, r->request, EVENT_ID_BYTES);
    if (catalog_vault(s->catalog, r->vault, &v, e))
        return -1;
    bool again = v.ending_ns && memcmp(v.request, r->request, EVENT_ID_BYTES) == 0; /* a crash came before its entry */
    if (v.ending_ns && !again)
        return err_set(e, ERR_EXISTS, "another request has ended this vault already");
    if ((!again && server_decide(s, &ev, e)) || catalog_vault(s->catalog, r->vault, &v, e))
        return -1;
    sessions_end_all(s, r->vault);
    tell_ending(s, &v, again ? ALARM_ONCE : ALARM_EACH);
    return 0;
}

/* ---- keeping ------------------------------------------------------------------------------------ */

/* C2, V2 */
static int bring_back(struct tending *t, struct ending_kept *out, struct err *e)
{
    struct snapshot_list l = {0};
    int rc = vault_snapshots_trash(t->v, &l, NULL, NULL, e);
    for (size_t i = 0; !rc && i < l.count; i++) {
        struct err why = ERR_INIT;
        if (vault_undelete(t->v, &l.items[i], &why)) {
            out->lost++;
            server_tell(t->s, "snapshot %" PRIu64 " could not be brought back: %s", l.items[i].seq, why.msg);
            continue;
        }
        out->back++;
        rc = tending_record(t, EVENT_UNDELETE, &l.items[i], NULL, e);
    }
    snapshot_list_done(&l);
    return rc;
}

static int keep(struct tending *t, struct server *s, struct catalog_vault *v, const uint8_t *vault, struct event *ev,
                struct ending_kept *out, struct err *e)
{
    if (catalog_vault(s->catalog, vault, v, e))
        return -1;
    if (!v->ending_ns || v->gone_ns)
        return err_set(e, ERR_EXISTS, v->gone_ns ? "the vault is gone: nothing brings it back"
                                                 : "the vault is not ending: there is nothing to call off");
    return tending_begin(t, s, v, vault, e) || bring_back(t, out, e) || server_decide(s, ev, e) ? -1 : 0;
}

int ending_keep(struct server *s, const uint8_t vault[UID_BYTES], const uint8_t by[EVENT_ID_BYTES], const char *reason,
                struct ending_kept *out, struct err *e)
{
    CLEANUP(tending_done) struct tending t = {0};
    struct catalog_vault v;
    struct ending_kept done = {0};
    struct event ev = {.kind = EVENT_VAULT_KEEP, .text = reason};
    memcpy(ev.by, by, EVENT_ID_BYTES);
    memcpy(ev.vault, vault, UID_BYTES);
    (void)pthread_mutex_lock(&s->end_lock); /* V3 */
    int rc = keep(&t, s, &v, vault, &ev, &done, e);
    (void)pthread_mutex_unlock(&s->end_lock);
    if (rc)
        return -1;
    const struct alarm_cause c = cause_of(&v);
    alarm_over(s, &c, "it is kept");
    *out = done;
    return 0;
}

/* ---- looking --------------------------------------------------------------------------------------- */

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t sum(int64_t a, int64_t b)
{
    int64_t n;
    return __builtin_add_overflow(a, b, &n) ? INT64_MAX : n;
}

/* When it may go at last, and 0 if nobody can say. */
static int64_t note_snapshot(struct ending_state *st, const struct snapshot *s, const struct vault_rules *r, int64_t now_ns)
{
    int64_t old_enough = sum(s->received_ns, r->floor_ns);
    int64_t free_from = later(old_enough, s->locked_until_ns);
    st->floor += old_enough > now_ns;
    st->lock += s->locked_until_ns > now_ns;
    st->hold += s->held;
    st->doubt += s->doubtful;
    if (s->forgotten_until_ns)
        st->trash++;
    else
        st->living++;
    if (s->held || s->doubtful)
        return 0;
    if (s->forgotten_until_ns)
        return later(free_from, sum(s->forgotten_until_ns, VAULT_FREE_MARGIN_NS));
    return sum(later(free_from, now_ns), r->trash_window_ns + VAULT_FREE_MARGIN_NS);
}

static void note_damage(void *arg, const char *object, const char *message)
{
    struct ending_state *st = arg;
    (void)object, (void)message;
    st->damaged++;
}

static int look(struct vault *v, const struct catalog_vault *about, struct ending_state *st, struct err *e)
{
    struct snapshot_list l = {0};
    struct vault_rules rules;
    int64_t now = clock_realtime_ns();
    bool endless = false;
    if (vault_rules(v, &rules, e) || vault_snapshots_all(v, &l, note_damage, st, e))
        return -1;
    st->latest_ns = sum(about->ending_ns, rules.trash_window_ns + VAULT_FREE_MARGIN_NS);
    for (size_t i = 0; i < l.count; i++) {
        int64_t at = note_snapshot(st, &l.items[i], &rules, now);
        endless = endless || !at;
        if (at && (!st->earliest_ns || at < st->earliest_ns))
            st->earliest_ns = at;
        st->latest_ns = later(st->latest_ns, at);
    }
    if (endless || st->damaged)
        st->latest_ns = 0;
    snapshot_list_done(&l);
    return 0;
}

int ending_look(struct server *s, const struct catalog_vault *v, struct ending_state *out, struct err *e)
{
    struct vault_entry *entry = NULL;
    struct ending_state st = {0};
    if (vaults_take(s, v->vault, &entry, e))
        return -1;
    (void)pthread_mutex_lock(&entry->lock);
    int rc = look(entry->vault, v, &st, e);
    (void)pthread_mutex_unlock(&entry->lock);
    vaults_give(s, entry);
    if (!rc)
        *out = st;
    return rc;
}
