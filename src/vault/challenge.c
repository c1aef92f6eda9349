/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking for pieces at random: frames that living snapshots (and those in the trash) need, each as likely as the others,
 * read whole and held against the hash in the pack's own footer. Who keeps the vault cannot know which, so he has to have all.
 *
 * Q1 What must be there is what trusted records say, not what the store lists: a pack that is missing is missing.
 * Q2 A frame that was moved is asked for where it is now.
 * Q3 A pack that goes while we look may have been collected: then all is looked at again, and only what is missing then is missing.
 *
 * If of N frames m are lost, n that are drawn miss all of them with probability C(N−m, n) / C(N, n), which for m = N/1000 and
 * n = 4603 is 1 % at most.
 */
#include "base/mem.h"
#include "vault/record_read.h"
#include "vault/refset_format.h"
#include "vault/vault_internal.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define BATCH_PACKS 64u
#define BATCH_TAIL  UINT64_C(16384)

struct needed {
    uint8_t *bits; /* of its frames; NULL: none */
    uint32_t frames;
    uint32_t chosen_count;
    uint32_t *chosen; /* ordinals, ascending */
};
struct challenge {
    struct vault *v;
    struct damage damage;
    struct vault_challenge_result r;
    struct needed *packs; /* by number */
    uint32_t count;
    uint8_t *frame;
    size_t frame_cap;
    bool last; /* try */
};

#define TRIES 3


static void challenge_done(struct challenge *c)
{
    for (uint32_t i = 0; c->packs && i < c->count; i++) {
        mem_free(c->packs[i].bits);
        mem_free(c->packs[i].chosen);
    }
    mem_free(c->packs);
    mem_free(c->frame);
}

/* ---- what must be there ------------------------------------------------------------------- */

static void missing(struct challenge *c, const struct snapshot *s, const struct refset_pack *p)
{
    char name[PACK_NAME_BYTES], text[512];
    uint32_t lost = 0;
    for (uint32_t i = 0; i < p->frame_count; i++)
        lost += refset_bit(p->bits, i) && !origins_find(&c->v->origins, p->pack, i); /* Q2 */
    if (!lost)
        return;
    pack_name(p->pack, name);
    (void)snprintf(text, sizeof text, "is missing: snapshot %" PRIu64 " of %.255s needs %" PRIu32 " chunks of it", s->seq,
                   s->machine, lost);
    damage_report(&c->damage, name, text);
}

static int need(struct challenge *c, const struct snapshot *s, const struct refset_pack *p, struct err *e)
{
    uint32_t number = pack_set_find(&c->v->packs, p->pack);
    const struct pack *there = number < c->count ? pack_set_at(&c->v->packs, number) : NULL;
    if (!there || there->seen != c->v->refresh) {
        missing(c, s, p);
        return 0;
    }
    struct needed *n = &c->packs[number];
    if (!n->bits) {
        n->bits = mem_zalloc(p->frame_count / 8 + 1);
        n->frames = p->frame_count;
    }
    if (!n->bits)
        return err_no_memory(e, "a challenge");
    /* Records that count differently contradict each other, and the footer will tell who is right. */
    for (uint32_t i = 0; i < p->frame_count && i < n->frames; i++)
        if (refset_bit(p->bits, i) && !refset_bit(n->bits, i)) {
            refset_bit_set(n->bits, i);
            c->r.needed++;
        }
    return 0;
}

static int need_all(struct challenge *c, struct err *e)
{
    struct snapshot_list all = {0};
    if (vault_snapshots_all(c->v, &all, c->damage.each, c->damage.arg, e))
        return -1;
    int rc = vault_refresh(c->v, c->damage.each, c->damage.arg, e); /* what was committed meanwhile */
    c->count = rc ? 0 : vault_pack_count(c->v);
    c->packs = rc ? NULL : mem_zalloc((c->count + 1) * sizeof *c->packs);
    if (!rc && !c->packs)
        rc = err_no_memory(e, "a challenge");
    for (size_t i = 0; !rc && i < all.count; i++) {
        struct refset refs = {0};
        struct err why = ERR_INIT;
        char name[RECORD_NAME_BYTES];
        record_name(all.items[i].seq, name);
        if (vault_snapshot_refs(c->v, &all.items[i], &refs, &why)) {
            rc = why.cls == ERR_NOT_FOUND ? 0 : damage_note(&c->damage, name, &why, e);
            continue;
        }
        for (size_t k = 0; !rc && k < refs.count; k++)
            rc = need(c, &all.items[i], &refs.packs[k], e);
        refset_done(&refs);
    }
    c->r.snapshots = all.count;
    snapshot_list_done(&all);
    return rc;
}

/* ---- drawing --------------------------------------------------------------------------------- */

/* A number below `below`, which nobody can foresee. */
static uint64_t draw(uint64_t below, uint64_t pool[static 512], unsigned *left)
{
    if (!*left) {
        for (size_t got = 0; got < 512 * sizeof *pool;) {
            ssize_t n = getrandom((uint8_t *)pool + got, 512 * sizeof *pool - got, 0);
            got += n > 0 ? (size_t)n : 0;
        }
        *left = 512;
    }
    return pool[--*left] % below; /* of 2⁶⁴: the bias is nothing */
}

/* Algorithm S of Knuth (TAOCP 3.4.2): each set of `count` frames is as likely as any other. */
static int choose(struct challenge *c, uint64_t count, struct err *e)
{
    uint64_t pool[512], seen = 0, taken = 0;
    unsigned left = 0;
    c->r.asked = count < c->r.needed ? count : c->r.needed;
    for (uint32_t p = 0; p < c->count && taken < c->r.asked; p++) {
        struct needed *n = &c->packs[p];
        for (uint32_t f = 0; n->bits && f < n->frames; f++) {
            if (!refset_bit(n->bits, f))
                continue;
            if (draw(c->r.needed - seen++, pool, &left) >= c->r.asked - taken)
                continue;
            if ((n->chosen_count & (n->chosen_count - 1)) == 0) {
                uint32_t *more = mem_realloc(n->chosen, n->chosen_count ? 2 * (size_t)n->chosen_count : 1, sizeof *more);
                if (!more)
                    return err_no_memory(e, "a challenge");
                n->chosen = more;
            }
            n->chosen[n->chosen_count++] = f;
            taken++;
        }
    }
    return 0;
}

/* ---- reading --------------------------------------------------------------------------------- */

static void bad_frame(struct challenge *c, const char *name, uint32_t frame, const char *what)
{
    char text[ERR_MESSAGE_BYTES];
    (void)snprintf(text, sizeof text, "chunk %" PRIu32 " of it: %.500s", frame, what);
    damage_report(&c->damage, name, text);
    c->r.bad++;
}

/* -1 if nothing more can be asked. */
static int passing(const struct err *why, struct err *e)
{
    switch (why->cls) {
    case ERR_NO_MEMORY:
    case ERR_OFFLINE:
    case ERR_CANCELLED:
    case ERR_REFUSED: return err_give(e, why);
    default: return 0;
    }
}

static int ask_frame(struct challenge *c, const char *name, struct pack_contents *p, uint32_t frame, struct err *e)
{
    struct pack_row row;
    uint8_t hash[HASH_BYTES];
    struct err why = ERR_INIT;
    if (frame >= p->footer.count) {
        bad_frame(c, name, frame, "the pack has fewer");
        return 0;
    }
    pack_row_decode(p->footer.rows + (size_t)frame * PACK_ROW_BYTES, &row);
    size_t bytes = FRAME_HEADER_BYTES + (size_t)row.len;
    if (bytes > c->frame_cap) {
        uint8_t *room = mem_realloc(c->frame, bytes, 1);
        if (!room)
            return err_no_memory(e, "a challenge");
        c->frame = room;
        c->frame_cap = bytes;
    }
    if (store_read(p->reader, row.offset, c->frame, bytes, &why)) {
        if (passing(&why, e))
            return -1;
        bad_frame(c, name, frame, why.msg);
        return 0;
    }
    c->r.bytes += bytes;
    hash_bytes(c->frame, bytes, hash);
    if (memcmp(hash, row.hash, HASH_BYTES) != 0)
        bad_frame(c, name, frame, "its hash is not the one that the pack's name vouches for");
    return 0;
}

static void expect_ends(struct challenge *c, const uint32_t *numbers, size_t count)
{
    struct store_range ranges[2 * BATCH_PACKS];
    char names[BATCH_PACKS][PACK_NAME_BYTES];
    for (size_t i = 0; i < count; i++) {
        const struct pack *p = pack_set_at(&c->v->packs, numbers[i]);
        uint64_t tail = p->len < BATCH_TAIL ? p->len : BATCH_TAIL;
        pack_name(p->id, names[i]);
        ranges[2 * i] = (struct store_range){names[i], 0, PACK_HEADER_BYTES};
        ranges[2 * i + 1] = (struct store_range){names[i], p->len - tail, tail};
    }
    store_expect(c->v->store, ranges, 2 * count);
}

static void expect_frames(struct challenge *c, const char *name, const struct pack_contents *p, const struct needed *n)
{
    struct store_range ranges[128];
    size_t count = 0;
    for (uint32_t i = 0; i < n->chosen_count && p->reader; i++) {
        struct pack_row row;
        if (n->chosen[i] >= p->footer.count)
            continue;
        pack_row_decode(p->footer.rows + (size_t)n->chosen[i] * PACK_ROW_BYTES, &row);
        ranges[count++] = (struct store_range){name, row.offset, FRAME_HEADER_BYTES + (uint64_t)row.len};
        if (count == 128) {
            store_expect(c->v->store, ranges, count);
            count = 0;
        }
    }
    store_expect(c->v->store, ranges, count);
}

static int open_packs(struct challenge *c, const uint32_t *numbers, size_t count, struct pack_contents *open, struct err *e)
{
    if (store_is_far(c->v->store))
        expect_ends(c, numbers, count);
    for (size_t i = 0; i < count; i++) {
        struct err why = ERR_INIT;
        char name[PACK_NAME_BYTES];
        const struct pack *p = pack_set_at(&c->v->packs, numbers[i]);
        pack_name(p->id, name);
        if (pack_contents_read(c->v, p->id, &open[i], &why)) {
            pack_contents_done(&open[i]);
            if (passing(&why, e))
                return -1;
            if (why.cls == ERR_NOT_FOUND && !c->last) /* Q3 */
                return 1;
            damage_report(&c->damage, name, why.msg);
            c->r.bad += c->packs[numbers[i]].chosen_count;
        } else if (store_is_far(c->v->store)) {
            expect_frames(c, name, &open[i], &c->packs[numbers[i]]);
        }
    }
    return 0;
}

static int ask_packs(struct challenge *c, const uint32_t *numbers, size_t count, struct err *e)
{
    struct pack_contents open[BATCH_PACKS] = {0};
    int rc = open_packs(c, numbers, count, open, e);
    for (size_t i = 0; i < count; i++) {
        const struct needed *n = &c->packs[numbers[i]];
        char name[PACK_NAME_BYTES];
        pack_name(pack_set_at(&c->v->packs, numbers[i])->id, name);
        for (uint32_t k = 0; !rc && open[i].reader && k < n->chosen_count; k++)
            rc = ask_frame(c, name, &open[i], n->chosen[k], e);
        pack_contents_done(&open[i]);
    }
    return rc;
}

static int ask_all(struct challenge *c, struct err *e)
{
    uint32_t numbers[BATCH_PACKS];
    size_t n = 0;
    for (uint32_t i = 0; i < c->count; i++) {
        if (c->packs[i].chosen_count)
            numbers[n++] = i;
        if (n == BATCH_PACKS || (n && i + 1 == c->count)) {
            int rc = ask_packs(c, numbers, n, e);
            if (rc)
                return rc;
            n = 0;
        }
    }
    return 0;
}

/* ---- the whole ---------------------------------------------------------------------------------- */

/* That at least one of `lost` among `all` is met by drawing `drawn`. */
static double chance(uint64_t all, uint64_t lost, uint64_t drawn)
{
    if (lost == 0 || drawn == 0)
        return 0;
    if (drawn + lost > all)
        return 1;
    double n = (double)all, m = (double)lost, k = (double)drawn;
    return 1 - exp(lgamma(n - m + 1) - lgamma(n - m - k + 1) - lgamma(n + 1) + lgamma(n - k + 1));
}

/* 1: Q3 */
static int look(struct vault *v, uint64_t count, bool last, const struct damage *d,
                struct vault_challenge_result *out, struct err *e)
{
    CLEANUP(challenge_done) struct challenge c = {.v = v, .damage = *d, .last = last};
    int rc = need_all(&c, e) || choose(&c, count, e) ? -1 : ask_all(&c, e);
    c.r.damaged = c.damage.count;
    c.r.certainty = chance(c.r.needed, (c.r.needed + 999) / 1000, c.r.asked);
    *out = c.r;
    return rc;
}

int vault_challenge(struct vault *v, uint64_t count, vault_damage *damaged, void *arg,
                    struct vault_challenge_result *out, struct err *e)
{
    const struct damage d = {.each = damaged, .arg = arg};
    int rc = 1;
    for (int i = 1; rc > 0 && i <= TRIES; i++)
        rc = look(v, count, i == TRIES, &d, out, e);
    return rc;
}
