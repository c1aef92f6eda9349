/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verifying what a vault has: its structure, and a share of its packs, byte by byte, no faster than SCRUB_BYTES_A_SECOND.
 *
 * C4 What parity can mend is mended at once. What stays damaged is named: which objects, and which snapshots of which machines need
 *    them. Files have no names here.
 */
#include "server/upkeep.h"

#include "base/mem.h"
#include "server/alarms.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SCRUB_BYTES_A_SECOND (UINT64_C(100) << 20)
#define TOUCHED_NAMED        12u
#define PACKS_MAX            ((size_t)4096 * ID_BYTES)

struct scrubbing {
    struct server *s;
    const struct catalog_vault *about;
    struct vault *v;
    struct upkeep_damage *d;
};

void upkeep_note_damage(void *arg, const char *object, const char *message)
{
    struct upkeep_damage *d = arg;
    uint8_t id[ID_BYTES];
    size_t len = strlen(d->text);
    d->count++;
    d->packs.max = PACKS_MAX;
    if (keeper_pack_id(object, id))
        buf_put(&d->packs, id, ID_BYTES);
    if (len < sizeof d->text - 2)
        (void)snprintf(d->text + len, sizeof d->text - len, "%s%s: %s", len ? "; " : "", object, message);
}

/* ---- looking ------------------------------------------------------------------------------------ */

static int ignore_frame(void *arg, const struct frame_loc *loc, const struct frame *f,
                        const uint8_t *sealed, bool intact, struct err *e)
{
    (void)arg, (void)loc, (void)f, (void)sealed, (void)intact, (void)e;
    return 0;
}

/* The bound on the load: as long as the bytes may take. */
static void pace(uint64_t bytes)
{
    uint64_t ns = bytes * 1000 / SCRUB_BYTES_A_SECOND * 1000000;
    (void)nanosleep(&(struct timespec){.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)}, NULL);
}

static int look_at_packs(struct scrubbing *t, unsigned share, struct vault_check_stats *stats, struct err *e)
{
    if (vault_refresh(t->v, upkeep_note_damage, t->d, e))
        return -1;
    uint32_t count = vault_pack_count(t->v);
    for (uint32_t i = 0; i < count && !t->s->stopping; i++) {
        uint64_t before = stats->bytes_read;
        if (share < UPKEEP_SHARES && vault_pack_id(t->v, i)[0] % UPKEEP_SHARES != share)
            continue;
        if (vault_scrub_pack(t->v, i, ignore_frame, NULL, upkeep_note_damage, t->d, stats, e))
            return -1;
        pace(stats->bytes_read - before);
    }
    return 0;
}

/* ---- whom it touches ------------------------------------------------------------------------------- */

struct touched {
    uint64_t count;
    char text[1200];
};

static void on_touched(void *arg, const struct snapshot *s, uint64_t frames)
{
    struct touched *t = arg;
    size_t len = strlen(t->text);
    if (t->count++ < TOUCHED_NAMED)
        (void)snprintf(t->text + len, sizeof t->text - len, "%snumber %" PRIu64 " of %.60s (up to %" PRIu64 " chunks)",
                       len ? ", " : "", s->seq, s->machine, frames);
}

/* Without it the damage is told all the same. */
static void find_touched(struct scrubbing *t, struct touched *out)
{
    struct err why = ERR_INIT;
    *out = (struct touched){0};
    if (vault_needed_by(t->v, t->d->packs.data, t->d->packs.len / ID_BYTES, on_touched, out, &why))
        server_tell(t->s, "whom the damage touches is not known: %s", why.msg);
}

/* ---- mending ---------------------------------------------------------------------------------------- */

static void tell(struct scrubbing *t, const struct vault_repair_result *r, const char *found)
{
    struct touched touched = {0};
    char text[EVENT_TEXT_MAX];
    bool lost = r->packs_lost || r->objects_lost || t->d->count;
    if (lost)
        find_touched(t, &touched);
    (void)snprintf(text, sizeof text, "%" PRIu64 " packs and %" PRIu64 " objects mended, %" PRIu64 " packs lost, %" PRIu64
                   " things stay damaged%s%s%s. Found: %.1000s",
                   r->packs_mended, r->objects_mended, r->packs_lost, t->d->count,
                   touched.count ? ", touching snapshots: " : "", touched.text, touched.count > TOUCHED_NAMED ? " and others" : "", found);
    const struct alarm_cause c = {.name = lost ? ALARM_DAMAGE : ALARM_MENDED, .tenant = t->about->tenant, .vault = t->about->vault};
    alarm_raise(t->s, &c, lost ? ALARM_IF_OTHER : ALARM_EACH, "%s", text);
}

/* C4 */
static int mend(struct scrubbing *t, struct err *e)
{
    const struct vault_repair_options o = {.damaged = upkeep_note_damage, .arg = t->d};
    struct vault_repair_result r = {0};
    struct vault_check_stats again;
    char found[sizeof t->d->text];
    memcpy(found, t->d->text, sizeof found);
    t->d->text[0] = '\0';
    buf_reset(&t->d->packs);
    if (vault_repair(t->v, &o, &r, e))
        return -1;
    /* A pack that is gone is no pack that a repair could call lost: only what needs it says so. */
    t->d->count = 0;
    if (vault_check(t->v, upkeep_note_damage, t->d, &again, e))
        return -1;
    tell(t, &r, found);
    return 0;
}

int upkeep_scrub(struct server *s, const struct catalog_vault *about, struct vault *v, struct upkeep_damage *d,
                 unsigned share, struct err *e)
{
    struct scrubbing t = {s, about, v, d};
    struct vault_check_stats packs = {0}, structure;
    struct event ev = {.kind = EVENT_SCRUB};
    if (vault_check(v, upkeep_note_damage, d, &structure, e) || look_at_packs(&t, share, &packs, e))
        return -1;
    memcpy(ev.vault, about->vault, UID_BYTES);
    ev.count = packs.packs;
    ev.bytes = packs.bytes_read + structure.bytes_read;
    ev.text = d->text[0] ? d->text : NULL;
    if (server_record(s, &ev, NULL, e))
        return -1;
    return d->count ? mend(&t, e) : 0;
}
