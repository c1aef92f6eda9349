/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Witnesses of the clock: what it said when it was believed. policy_clock_judge
 * judges; here is where its evidence is kept.
 *
 * W1 A witness is written only of a reading that was trusted, or that a person
 *    confirmed. So a false clock cannot make itself believed by being asked
 *    again, and needs nobody once it is right again.
 * W2 Witnesses are numbered; only old ones go, never a confirmed one.
 * W3 A witness that cannot be read counts against the clock until a person
 *    confirms it, which settles all witnesses of lower numbers.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "vault/marks.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define WITNESSES_MAX  64u /* more are thinned … */
#define WITNESSES_KEPT 32u /* … to the newest of these */
#define WITNESSES_READ ((size_t)1 << 16)

struct numbered {
    uint64_t number;
    bool sound;
    struct policy_witness witness;
};

struct evidence {
    struct numbered *items; /* ascending */
    size_t count, cap;
    int64_t *received; /* ascending */
    size_t received_count;
};

static void evidence_done(struct evidence *v)
{
    mem_free(v->items);
    mem_free(v->received);
}

static int gather(void *arg, const char *name, uint64_t len, struct err *e)
{
    struct evidence *v = arg;
    uint64_t number;
    (void)len;
    if (!keeper_name_decode("clock", name, &number))
        return 0;
    if (v->count == v->cap) {
        size_t cap = v->cap ? v->cap * 2 : 64;
        struct numbered *items =
            v->cap < WITNESSES_READ ? mem_realloc(v->items, cap, sizeof *items) : NULL;
        if (!items)
            return err_no_memory(e, "the witnesses of the clock");
        v->items = items;
        v->cap = cap;
    }
    v->items[v->count++] = (struct numbered){.number = number};
    return 0;
}

static int read_witness(struct vault *v, struct numbered *n, struct err *e)
{
    CLEANUP(buf_done) struct buf b = {0};
    char name[KEEPER_NAME_BYTES];
    uint64_t number;
    struct policy_witness w;
    keeper_name("clock", n->number, name);
    if (object_read(v->store, name, WITNESS_BYTES, &b, e) ||
        witness_decode(b.data, b.len, &v->info, &number, &w, e))
        return -1;
    if (number != n->number)
        return err_set(e, ERR_DAMAGED, "a witness under another's number");
    n->witness = w;
    n->sound = true;
    return 0;
}

static int by_number(const void *x, const void *y)
{
    const struct numbered *a = x, *b = y;
    return a->number < b->number ? -1 : a->number > b->number;
}

static int read_witnesses(struct vault *v, struct evidence *out, struct damage *d, struct err *e)
{
    if (store_list(v->store, "clock", gather, out, e))
        return -1;
    size_t kept = 0;
    for (size_t i = 0; i < out->count; i++) {
        struct err why = ERR_INIT;
        struct numbered n = out->items[i];
        char name[KEEPER_NAME_BYTES];
        keeper_name("clock", n.number, name);
        if (read_witness(v, &n, &why) && why.cls != ERR_NOT_FOUND && damage_note(d, name, &why, e))
            return -1;
        if (why.cls != ERR_NOT_FOUND) /* else it was thinned out meanwhile */
            out->items[kept++] = n;
    }
    out->count = kept;
    if (kept)
        qsort(out->items, kept, sizeof *out->items, by_number);
    return 0;
}

int witnesses_check(struct vault *v, struct damage *d, struct err *e)
{
    CLEANUP(evidence_done) struct evidence all = {0};
    return read_witnesses(v, &all, d, e);
}

int witness_settles(struct vault *v, int64_t received_ns, int64_t now_ns, bool *out, struct err *e)
{
    CLEANUP(evidence_done) struct evidence all = {0};
    struct damage d = {0};
    if (read_witnesses(v, &all, &d, e))
        return -1;
    *out = false;
    for (size_t i = 0; i < all.count && !*out; i++) {
        const struct policy_witness *w = &all.items[i].witness;
        *out = all.items[i].sound && w->confirmed && w->realtime_ns <= now_ns &&
               w->received_ns >= received_ns;
    }
    return 0;
}

/* ---- evidence ---------------------------------------------------------------------------- */

static int by_time(const void *x, const void *y)
{
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
    return a < b ? -1 : a > b;
}

static int read_received(struct vault *v, struct evidence *out, struct err *e)
{
    CLEANUP(snapshot_list_done) struct snapshot_list list = {0};
    struct damage d = {0};
    if (records_trusted(v, &list, &d, e))
        return -1;
    out->received = mem_array(list.count + 1, sizeof *out->received);
    if (!out->received)
        return err_no_memory(e, "judging the clock");
    for (size_t i = 0; i < list.count; i++)
        out->received[i] = list.items[i].received_ns;
    out->received_count = list.count;
    qsort(out->received, list.count, sizeof *out->received, by_time);
    return 0;
}

static int evidence_read(struct vault *v, struct evidence *out, struct err *e)
{
    struct damage d = {0};
    return read_witnesses(v, out, &d, e) || read_received(v, out, e) ? -1 : 0;
}

static struct policy_witness reading(const struct evidence *v, bool confirmed)
{
    struct clock_reading r;
    clock_read(&r);
    struct policy_witness w = {
        .realtime_ns = r.realtime_ns,
        .boottime_ns = r.boottime_ns,
        .received_ns = v->received_count ? v->received[v->received_count - 1] : INT64_MIN,
        .confirmed = confirmed,
    };
    static_assert(sizeof w.boot_id == sizeof r.boot_id, "both are the kernel's");
    memcpy(w.boot_id, r.boot_id, sizeof w.boot_id);
    return w;
}

static size_t last_confirmed(const struct evidence *v)
{
    for (size_t i = v->count; i-- > 0;)
        if (v->items[i].sound && v->items[i].witness.confirmed)
            return i;
    return v->count;
}

static int judge(const struct evidence *v, const struct policy_witness *now,
                 struct policy_clock *out, struct err *e)
{
    size_t confirmed = last_confirmed(v), first = confirmed < v->count ? confirmed : 0;
    CLEANUP_FREE struct policy_witness *sound = mem_array(v->count + 1, sizeof *sound);
    if (!sound)
        return err_no_memory(e, "judging the clock");
    for (size_t i = first; i < v->count; i++) {
        if (!v->items[i].sound) { /* W3 */
            *out = (struct policy_clock){.why = POLICY_CLOCK_UNSOUND, .now_ns = now->realtime_ns};
            return 0;
        }
        sound[i - first] = v->items[i].witness;
    }
    policy_clock_judge(sound, v->count - first, v->received, v->received_count, now, out);
    return 0;
}

/* ---- keeping --------------------------------------------------------------------------------- */

/* W2. What cannot be removed stays; the next run tries again. */
static void thin_out(struct vault *v, const struct evidence *all)
{
    size_t last = last_confirmed(all);
    if (all->count < WITNESSES_MAX)
        return;
    for (size_t i = 0; i + WITNESSES_KEPT <= all->count; i++) {
        const struct numbered *n = &all->items[i];
        char name[KEEPER_NAME_BYTES];
        keeper_name("clock", n->number, name);
        if (n->sound ? !n->witness.confirmed : i < last)
            (void)!store_remove(v->store, name, NULL);
    }
}

/* 1 if another process took the number. */
static int put_witness(struct vault *v, uint64_t number, const struct policy_witness *w,
                       struct err *e)
{
    CLEANUP(sign_key_done) struct sign_key keeper = {0};
    char name[KEEPER_NAME_BYTES];
    uint8_t bytes[WITNESS_BYTES];
    struct err why = ERR_INIT;
    if (keeper_load(v, &keeper, e))
        return -1;
    witness_encode(&v->info, number, w, &keeper, bytes);
    keeper_name("clock", number, name);
    if (store_put(v->store, name, bytes, sizeof bytes, &why) == 0)
        return store_sync(v->store, "clock", e);
    if (why.cls == ERR_EXISTS)
        return 1;
    return err_give(e, &why);
}

static uint64_t next_number(const struct evidence *v)
{
    return v->count ? v->items[v->count - 1].number + 1 : 1;
}

static int look(struct vault *v, bool leave_witness, struct policy_clock *out, struct err *e)
{
    CLEANUP(evidence_done) struct evidence all = {0};
    struct policy_clock verdict;
    if (evidence_read(v, &all, e))
        return -1;
    struct policy_witness now = reading(&all, false);
    if (judge(&all, &now, &verdict, e))
        return -1;
    if (leave_witness && policy_clock_trusted(&verdict)) {
        struct err why = ERR_INIT;
        /* Where another process was faster, its witness serves as well; on a full disk
         * the older ones do, and room must still be made there. */
        if (put_witness(v, next_number(&all), &now, &why) < 0 && why.cls != ERR_NO_SPACE) {
            (void)err_give(e, &why);
            return err_wrap(e, "leave a witness of the clock");
        }
        thin_out(v, &all);
    }
    *out = verdict;
    return 0;
}

int vault_clock_judge(struct vault *v, struct policy_clock *out, struct err *e)
{
    return look(v, true, out, e);
}

int vault_clock_look(struct vault *v, struct policy_clock *out, struct err *e)
{
    return look(v, false, out, e);
}

int vault_clock_confirm(struct vault *v, struct err *e)
{
    int rc = 1;
    for (int i = 0; rc > 0 && i < 100; i++) {
        CLEANUP(evidence_done) struct evidence all = {0};
        if (evidence_read(v, &all, e))
            return -1;
        struct policy_witness now = reading(&all, true);
        rc = put_witness(v, next_number(&all), &now, e);
        if (!rc)
            thin_out(v, &all);
    }
    return rc > 0 ? err_set(e, ERR_BUSY, "too many processes judge the clock at once: try again")
                  : rc;
}
