/* SPDX-License-Identifier: Apache-2.0 */
/* Every kind of object beside packs, damaged in every way: what is mended, what is
 * told, and that nothing comes back which was removed (J1-J7, Q1-Q4). */
#include "world.h"

#include "base/mem.h"
#include "vault/object_head.h"
#include "vault/object_parity.h"

#include <stdio.h>
#include <string.h>

static uint64_t seed = 20261123;

static uint64_t below(uint64_t n)
{
    return next_random(&seed) % n;
}

/* ---- a vault with two of everything ------------------------------------------------------- */

static void put_signed(struct world *w, enum vault_kind kind, const char *name, struct buf *b,
                       const char *context)
{
    uint8_t signature[SIGN_BYTES];
    sign_make(&w->owner, context, b->data, b->len, signature);
    buf_put(b, signature, sizeof signature);
    assert_ok(vault_put(w->v, kind, name, b->data, b->len, e));
    buf_done(b);
}

static const uint8_t boxes[112];

static void put_recipients(struct world *w, uint64_t generation)
{
    struct buf b = {0};
    char name[17];
    (void)snprintf(name, sizeof name, "%016llx", (unsigned long long)generation);
    object_head_put(&b, "abri.RCP");
    buf_put(&b, vault_get_info(w->v)->id, UID_BYTES);
    buf_put_u64(&b, generation);
    buf_put_u32(&b, 1);
    buf_put(&b, boxes, 32);
    buf_put(&b, boxes, 112);
    put_signed(w, VAULT_RECIPIENTS, name, &b, "recipients");
}

static void put_revoked(struct world *w, uint8_t writer)
{
    struct buf b = {0};
    char name[2 * UID_BYTES + 1];
    uint8_t id[UID_BYTES];
    memset(id, writer, sizeof id);
    hex_encode(id, UID_BYTES, name);
    object_head_put(&b, "abri.RVK");
    buf_put(&b, vault_get_info(w->v)->id, UID_BYTES);
    buf_put(&b, id, UID_BYTES);
    buf_put_u64(&b, 1);
    buf_put_u64(&b, 99);
    put_signed(w, VAULT_REVOKED, name, &b, "revoked");
}

static void put_resealed(struct world *w, uint8_t session, uint64_t generation)
{
    struct buf b = {0};
    char name[RESEALED_NAME_BYTES], hex[2 * UID_BYTES + 1];
    uint8_t id[UID_BYTES];
    memset(id, session, sizeof id);
    hex_encode(id, UID_BYTES, hex);
    (void)snprintf(name, sizeof name, "%s-%016llx", hex, (unsigned long long)generation);
    object_head_put(&b, "abri.RES");
    buf_put(&b, vault_get_info(w->v)->id, UID_BYTES);
    buf_put(&b, id, UID_BYTES);
    buf_put(&b, w->writer[0], UID_BYTES);
    buf_put_u64(&b, generation);
    buf_put(&b, boxes, 32);
    buf_put_u32(&b, 1);
    buf_put(&b, boxes, 112);
    put_signed(w, VAULT_RESEALED, name, &b, "resealed");
}

static void put_key(struct world *w, uint8_t number)
{
    CLEANUP(buf_done) struct buf b = {0};
    char name[2 * UID_BYTES + 1];
    uint8_t id[UID_BYTES], hash[HASH_BYTES];
    memset(id, number, sizeof id);
    hex_encode(id, UID_BYTES, name);
    object_head_put(&b, "abri.KEY");
    buf_put(&b, vault_get_info(w->v)->id, UID_BYTES);
    buf_put_u8(&b, 1);
    buf_put_u32(&b, 3);
    buf_put_u32(&b, 64);
    buf_put(&b, id, 16);
    buf_put(&b, boxes, 32 + 48);
    hash_bytes(b.data, b.len, hash);
    buf_put(&b, hash, sizeof hash);
    assert_ok(vault_put(w->v, VAULT_KEY, name, b.data, b.len, e));
}

static void world_of_all(struct world *w)
{
    world_open(w, WORLD_MEM, true);
    backup(w, 0, 0, 8);
    backup(w, 1, 4, 12);
    put_recipients(w, 1);
    put_recipients(w, 2);
    put_key(w, 0x51);
    put_key(w, 0x52);
    put_revoked(w, 0x61);
    put_revoked(w, 0x62);
    put_resealed(w, 0x71, 2);
    put_resealed(w, 0x72, 2);
    assert_ok(vault_set_rules(w->v, 0, 3600, e));
    assert_ok(vault_set_rules(w->v, 0, 7200, e));
}

/* ---- what a vault holds --------------------------------------------------------------------- */

struct image {
    object_names *names;
    uint8_t **bytes;
    size_t *len, count;
};

static bool is_derived(const char *name)
{
    return strncmp(name, "index/", 6) == 0;
}

/* Everything but what is derived. */
static void image_take(struct store *s, struct image *m)
{
    static const char *const dirs[] = {"keys",     "recipients", "writers", "sessions",
                                       "resealed", "revoked",    "packs",   "snapshots",
                                       "rules",    "parity"};
    struct buf all = {0};
    buf_put(&all, (object_names){"vault"}, sizeof(object_names));
    buf_put(&all, (object_names){"keeper"}, sizeof(object_names));
    for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
        size_t n;
        object_names *names = names_below(s, dirs[i], &n);
        for (size_t k = 0; k < n; k++)
            if (!is_derived(names[k]))
                buf_put(&all, names[k], sizeof *names);
        mem_free(names);
    }
    m->names = (object_names *)(void *)all.data;
    m->count = all.len / sizeof(object_names);
    m->bytes = mem_array(m->count, sizeof *m->bytes);
    m->len = mem_array(m->count, sizeof *m->len);
    for (size_t i = 0; i < m->count; i++)
        m->bytes[i] = object_bytes(s, m->names[i], &m->len[i]);
}

static void image_done(struct image *m)
{
    for (size_t i = 0; i < m->count; i++)
        mem_free(m->bytes[i]);
    mem_free(m->bytes);
    mem_free(m->len);
    mem_free(m->names);
}

static bool image_is(struct store *s, const struct image *want, char what[80])
{
    struct image now;
    image_take(s, &now);
    bool same = true;
    for (size_t i = 0; same && i < now.count; i++) {
        same = now.count == want->count && strcmp(now.names[i], want->names[i]) == 0 &&
               now.len[i] == want->len[i] &&
               memcmp(now.bytes[i], want->bytes[i], now.len[i]) == 0;
        if (!same)
            (void)snprintf(what, 80, "%s", now.names[i]);
    }
    image_done(&now);
    return same;
}

static const uint8_t *image_bytes(const struct image *m, const char *name, size_t *len)
{
    for (size_t i = 0; i < m->count; i++)
        if (strcmp(m->names[i], name) == 0) {
            *len = m->len[i];
            return m->bytes[i];
        }
    fail_msg("no %s", name);
    return NULL;
}

/* ---- repairing -------------------------------------------------------------------------------- */

struct tale {
    unsigned mended, damaged, skipped;
    char last[128], why[ERR_MESSAGE_BYTES];
};
static void on_mended(void *arg, const char *object, const char *message)
{
    struct tale *t = arg;
    t->mended++;
    (void)snprintf(t->last, sizeof t->last, "%s", object);
    (void)snprintf(t->why, sizeof t->why, "%s", message);
}
static void on_damaged(void *arg, const char *object, const char *message)
{
    on_mended(arg, object, message);
    ((struct tale *)arg)->mended--;
    ((struct tale *)arg)->damaged++;
}
static void on_skipped(void *arg, const char *object, const char *message)
{
    on_mended(arg, object, message);
    ((struct tale *)arg)->mended--;
    ((struct tale *)arg)->skipped++;
}

/* As a program does: opened anew, repaired, and everything told. */
static struct vault_repair_result repair(struct world *w, struct tale *t)
{
    struct vault_repair_result r;
    *t = (struct tale){0};
    struct vault_repair_options o = {
        .mended = on_mended, .damaged = on_damaged, .skipped = on_skipped, .arg = t};
    world_reopen(w);
    assert_ok(vault_repair(w->v, &o, &r, e));
    assert_int_equal(t->damaged, r.packs_lost + r.objects_lost);
    assert_int_equal(t->skipped, r.skipped);
    assert_int_equal(t->mended,
                     r.packs_mended + r.objects_mended + r.copies_removed + r.parity_mended);
    return r;
}

static char last_damage[1024];

static uint64_t damage_count(struct world *w)
{
    struct vault_check_stats stats;
    struct reports r = {0};
    world_reopen(w);
    assert_ok(vault_check(w->v, report, &r, &stats, e));
    (void)snprintf(last_damage, sizeof last_damage, "%s: %s", r.object, r.message);
    return stats.damaged;
}

static void nothing_is_left_to_do(struct world *w)
{
    struct tale t;
    struct vault_repair_result r = repair(w, &t);
    if (t.mended + t.damaged + t.skipped)
        fail_msg("%s: %s", t.last, t.why);
    struct image all;
    size_t objects = 0;
    image_take(w->store, &all);
    for (size_t i = 0; i < all.count; i++)
        objects += strncmp(all.names[i], "packs/", 6) != 0 && strncmp(all.names[i], "parity/", 7) != 0;
    image_done(&all);
    assert_int_equal(r.objects, objects);
    assert_int_equal(r.parity_made, 0);
    if (damage_count(w))
        fail_msg("%s", last_damage);
}

/* ---- every kind, every damage -------------------------------------------------------------------- */

static const struct {
    const char *dir;
    const char *other; /* for those at the top: what they are exchanged with */
} kinds[] = {
    {"vault", "keeper"}, {"keeper", "vault"}, {"writers", NULL},  {"revoked", NULL},
    {"recipients", NULL}, {"keys", NULL},     {"resealed", NULL}, {"sessions", NULL},
    {"rules", NULL},      {"snapshots", NULL},
};
#define KINDS (sizeof kinds / sizeof *kinds)

/* Two objects of the kind: the last ones, for those are in force. */
static void two_of(struct world *w, size_t kind, object_names one, object_names two)
{
    size_t count;
    if (kinds[kind].other) {
        (void)snprintf(one, sizeof(object_names), "%s", kinds[kind].dir);
        (void)snprintf(two, sizeof(object_names), "%s", kinds[kind].other);
        return;
    }
    object_names *names = names_below(w->store, kinds[kind].dir, &count);
    assert_true(count >= 2);
    memcpy(one, names[count - 1], sizeof(object_names));
    memcpy(two, names[count - 2], sizeof(object_names));
    mem_free(names);
}

enum damage_kind { CUT, EMPTY, ZEROED, FLIPPED, REMOVED, SWAPPED, DUPLICATED, DAMAGES };

static void do_damage(struct world *w, const struct image *m, const char *one, const char *two,
                      enum damage_kind how)
{
    size_t len, other_len;
    const uint8_t *p = image_bytes(m, one, &len), *other = image_bytes(m, two, &other_len);
    CLEANUP_FREE uint8_t *q = mem_dup(p, len);
    switch (how) {
    case CUT: object_replace(w->store, one, q, 1 + below(len - 1)); break;
    case EMPTY: object_replace(w->store, one, q, 0); break;
    case ZEROED:
        memset(q, 0, len);
        object_replace(w->store, one, q, len);
        break;
    case FLIPPED:
        q[below(len)] ^= (uint8_t)(1u << below(8));
        object_replace(w->store, one, q, len);
        break;
    case REMOVED: assert_ok(store_remove(w->store, one, e)); break;
    case SWAPPED:
        object_replace(w->store, two, p, len);
        object_replace(w->store, one, other, other_len);
        break;
    case DUPLICATED: object_replace(w->store, one, other, other_len); break;
    default: fail();
    }
}

static void any_damage_to_any_object_is_mended(void **state)
{
    (void)state;
    for (size_t k = 0; k < KINDS; k++)
        for (enum damage_kind how = CUT; how < DAMAGES; how++)
            for (int round = 0; round < (how == FLIPPED ? 12 : 1); round++) {
                struct world w;
                struct image before;
                struct tale t;
                object_names one, two;
                char what[80] = "";
                bool is_key = strcmp(kinds[k].dir, "keys") == 0;
                world_of_all(&w);
                image_take(w.store, &before);
                two_of(&w, k, one, two);
                do_damage(&w, &before, one, two, how);
                uint64_t told = damage_count(&w);
                struct vault_repair_result r = repair(&w, &t);
                if (is_key && how == REMOVED) { /* tested below */
                    assert_int_equal(r.objects_lost, 1);
                } else if (is_key && how >= SWAPPED) { /* they do not know their names */
                    assert_int_equal(r.parity_mended, how == SWAPPED ? 2 : 1);
                } else {
                    uint64_t want = how == SWAPPED ? 2 : 1;
                    if (!told || r.objects_mended != want || r.objects_lost ||
                        !image_is(w.store, &before, what))
                        fail_msg("%s, damage %d: %lu told, %lu mended, %lu lost; %s: %s; %s",
                                 one, how, (unsigned long)told, (unsigned long)r.objects_mended,
                                 (unsigned long)r.objects_lost, t.last, t.why, what);
                    nothing_is_left_to_do(&w);
                    assert_int_equal(verify_all(w.v), 2);
                }
                image_done(&before);
                world_close(&w);
            }
}

/* Without parity: what lies elsewhere is found, the rest is told and stays, and what
 * is whole is not touched. */
static void drop_parity(struct world *w, const char *object)
{
    char parity[PARITY_OF_BYTES];
    object_parity_name(object, parity);
    assert_ok(store_remove(w->store, parity, e));
}

static void without_parity_only_what_lies_elsewhere_is_found(void **state)
{
    (void)state;
    for (size_t k = 2; k < KINDS; k++)
        for (enum damage_kind how = CUT; how < DAMAGES; how++) {
            struct world w;
            struct image before, damaged;
            struct tale t;
            object_names one, two;
            char what[80] = "";
            if (strcmp(kinds[k].dir, "keys") == 0)
                continue;
            world_of_all(&w);
            image_take(w.store, &before);
            two_of(&w, k, one, two);
            drop_parity(&w, one);
            drop_parity(&w, two);
            do_damage(&w, &before, one, two, how);
            image_take(w.store, &damaged);
            struct vault_repair_result r = repair(&w, &t);
            bool goes = how == DUPLICATED && strcmp(kinds[k].dir, "revoked") != 0 &&
                        strcmp(kinds[k].dir, "rules") != 0 &&
                        strcmp(kinds[k].dir, "recipients") != 0;
            if (how == SWAPPED) {
                assert_int_equal(r.objects_mended, 2);
                assert_int_equal(r.parity_made, 2);
                assert_true(image_is(w.store, &before, what));
                nothing_is_left_to_do(&w);
            } else if (how == REMOVED) { /* nobody knows of it, save by what it vouched for */
                assert_int_equal(r.objects_mended, 0);
                assert_int_equal(r.objects_lost, strcmp(kinds[k].dir, "writers") == 0 ? 2 : 0);
            } else if (goes) {
                assert_int_equal(r.copies_removed, 1);
                if (strcmp(kinds[k].dir, "writers") == 0) /* was only there */
                    assert_int_equal(r.objects_lost, 2);
                else
                    assert_int_equal(r.objects_lost, 0);
                assert_int_equal(repair(&w, &t).copies_removed, 0);
            } else { /* J2 */
                size_t len, now;
                const uint8_t *p = image_bytes(&damaged, one, &len);
                assert_int_equal(r.objects_mended + r.copies_removed, 0);
                assert_true(r.objects_lost >= 1); /* a certificate takes along what it vouches for */
                uint8_t *kept = object_bytes(w.store, one, &now);
                assert_int_equal(now, len);
                assert_memory_equal(kept, p, len);
                mem_free(kept);
                assert_true(damage_count(&w) >= 1);
            }
            image_done(&before);
            image_done(&damaged);
            world_close(&w);
        }
}

/* Records in a ring, one of them under a name that nothing has. */
static void records_in_a_ring_and_astray_find_home(void **state)
{
    (void)state;
    for (int parity = 0; parity < 2; parity++) {
        struct world w;
        struct image before;
        struct tale t;
        char what[80] = "";
        static const char *const names[] = {"snapshots/0000000000000001",
                                            "snapshots/0000000000000002",
                                            "snapshots/0000000000000003"};
        world_of_all(&w);
        backup(&w, 0, 12, 14);
        image_take(w.store, &before);
        for (size_t i = 0; i < 3; i++) {
            size_t len;
            const uint8_t *p = image_bytes(&before, names[(i + 1) % 3], &len);
            if (!parity)
                drop_parity(&w, names[i]);
            if (i < 2)
                object_replace(w.store, names[i], p, len);
            else {
                assert_ok(store_remove(w.store, names[i], e));
                assert_ok(store_put(w.store, "snapshots/0000000000000009", p, len, e));
            }
        }
        struct vault_repair_result r = repair(&w, &t);
        assert_int_equal(r.objects_mended, 3);
        assert_int_equal(r.copies_removed, 1);
        if (!image_is(w.store, &before, what))
            fail_msg("%s", what);
        nothing_is_left_to_do(&w);
        assert_int_equal(verify_all(w.v), 3);
        image_done(&before);
        world_close(&w);
    }
}

/* ---- nothing comes back that was removed ----------------------------------------------------------- */

static void a_missing_key_is_named_and_stays_away(void **state)
{
    (void)state;
    struct world w;
    struct tale t;
    size_t count;
    char parity[PARITY_OF_BYTES];
    world_of_all(&w);
    object_names *names = names_below(w.store, "keys", &count);
    assert_ok(store_remove(w.store, names[0], e));
    assert_int_equal(damage_count(&w), 1);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(repair(&w, &t).objects_lost, 1);
        assert_string_equal(t.last, names[0]);
        assert_err(store_remove(w.store, names[0], e), ERR_NOT_FOUND);
    }
    object_parity_name(names[0], parity); /* as the message says */
    assert_ok(store_remove(w.store, parity, e));
    nothing_is_left_to_do(&w);
    mem_free(names);
    world_close(&w);
}

/* What something newer has replaced may have been removed on purpose: what is left of
 * it goes. */
static void what_was_replaced_does_not_come_back(void **state)
{
    (void)state;
    struct world w;
    struct tale t;
    struct image before, after;
    static const char *const gone[] = {
        "recipients/0000000000000001",
        "resealed/71717171717171717171717171717171-0000000000000002",
    };
    world_of_all(&w);
    put_resealed(&w, 0x71, 3);
    image_take(w.store, &before);
    for (size_t i = 0; i < 2; i++)
        assert_ok(store_remove(w.store, gone[i], e));
    size_t count, left;
    object_names *sessions = names_below(w.store, "sessions", &count);
    /* The original of a session that was sealed anew. */
    uint8_t raw[UID_BYTES];
    memset(raw, 0x73, sizeof raw);
    assert_ok(object_parity_put(w.v, "sessions/71717171717171717171717171717171", raw, 16, e));
    assert_ok(store_put(w.store, "parity/sessions/71717171717171717171717171717171", "x", 1, e));
    struct vault_repair_result r = repair(&w, &t);
    assert_int_equal(r.objects_mended + r.objects_lost, 0);
    image_take(w.store, &after);
    assert_int_equal(after.count, before.count - 4);
    mem_free(names_below(w.store, "sessions", &left));
    assert_int_equal(left, count);
    nothing_is_left_to_do(&w);
    mem_free(sessions);
    image_done(&before);
    image_done(&after);
    world_close(&w);
}

/* Q2, with the power cut after each step: an object that was being removed is there
 * with or without parity, or gone with it. */
static void a_removal_that_is_cut_off_is_no_loss(void **state)
{
    (void)state;
    for (uint64_t cut = STORE_CUT_LOST; cut <= STORE_CUT_MIXED; cut++)
        for (uint64_t at = 1;; at++) {
            struct world w;
            struct tale t;
            struct store *layer, *left;
            struct vault *v;
            static const char key[] = "51515151515151515151515151515151";
            world_of_all(&w);
            assert_ok(store_sync(w.store, "parity/keys", e));
            assert_ok(store_sync(w.store, "parity/top", e));
            assert_ok(store_fault_open(w.store, &layer, e));
            assert_ok(vault_open(layer, &v, e));
            struct store_fault_plan plan = {.crash_at = at};
            store_fault_plan(layer, &plan);
            bool done = vault_remove_object(v, VAULT_KEY, key, NULL) == 0;
            bool crashed = store_fault_crashed(layer);
            vault_close(v);
            store_close(layer);
            assert_ok(store_mem_power_cut(w.store, at, (enum store_cut)cut, &left, e));
            world_move(&w, left);
            char name[OBJECT_NAME_BYTES];
            (void)snprintf(name, sizeof name, "keys/%s", key);
            assert_false(object_was_lost(w.v, name));
            struct vault_repair_result r = repair(&w, &t);
            assert_int_equal(r.objects_lost, 0);
            if (done) {
                assert_err(store_remove(w.store, name, e), ERR_NOT_FOUND);
                object_names parity;
                (void)snprintf(parity, sizeof parity, "parity/keys/%s", key);
                assert_err(store_remove(w.store, parity, e), ERR_NOT_FOUND);
            }
            world_close(&w);
            if (!crashed)
                break;
        }
}

/* Q1 and Q4: parity that cannot be written costs nothing, and where a cut leaves
 * parity, it leaves the object. */
static void a_put_that_is_cut_off_leaves_no_parity_alone(void **state)
{
    (void)state;
    for (uint64_t cut = STORE_CUT_LOST; cut <= STORE_CUT_MIXED; cut++)
        for (uint64_t at = 1;; at++) {
            struct world w;
            struct tale t;
            struct store *layer, *left;
            struct vault *v;
            world_open(&w, WORLD_MEM, false);
            assert_ok(store_sync(w.store, "parity/top", e));
            assert_ok(store_fault_open(w.store, &layer, e));
            assert_ok(vault_open(layer, &v, e));
            struct vault *outer = w.v;
            struct store_fault_plan plan = {.crash_at = at};
            store_fault_plan(layer, &plan);
            w.v = v;
            int rc = vault_set_rules(v, 0, 60, NULL);
            w.v = outer;
            bool crashed = store_fault_crashed(layer);
            vault_close(v);
            store_close(layer);
            assert_ok(store_mem_power_cut(w.store, at, (enum store_cut)cut, &left, e));
            world_move(&w, left);
            struct vault_rules rules;
            assert_ok(vault_rules(w.v, &rules, e));
            if (rc == 0)
                assert_int_equal(rules.generation, 1);
            assert_false(object_was_lost(w.v, "rules/0000000000000001"));
            assert_int_equal(repair(&w, &t).objects_mended, 0);
            world_close(&w);
            if (!crashed)
                break;
        }
}

static void no_parity_is_no_failure(void **state)
{
    (void)state;
    struct world w;
    struct store *layer;
    struct vault *v;
    world_open(&w, WORLD_MEM, false);
    assert_ok(store_fault_open(w.store, &layer, e));
    assert_ok(vault_open(layer, &v, e));
    for (uint64_t at = 1;; at++) {
        char name[2 * UID_BYTES + 1];
        struct store_fault_plan plan = {.fail_at = at, .fail_errno = 28};
        (void)snprintf(name, sizeof name, "%032llx", (unsigned long long)at);
        store_fault_plan(layer, &plan);
        int rc = vault_put(v, VAULT_KEY, name, "x", 1, NULL);
        /* create, write, commit, sync of the object; then its parity */
        assert_int_equal(rc == 0, at > 4);
        if (store_fault_counts(layer).ops[0] < at) {
            assert_true(at > 6);
            break;
        }
    }
    vault_close(v);
    store_close(layer);
    world_close(&w);
}

/* ---- a repair that is cut off (J5) -------------------------------------------------------------------- */

static void a_repair_that_is_cut_off_is_ended_by_the_next(void **state)
{
    (void)state;
    for (uint64_t at = 1;; at++) {
        struct world w;
        struct image before;
        struct tale t;
        struct store *layer, *left;
        struct vault *v;
        struct vault_repair_result r;
        char what[80] = "";
        size_t one, two;
        world_of_all(&w);
        image_take(w.store, &before);
        static const char *const a = "snapshots/0000000000000001", *const b = "snapshots/0000000000000002";
        drop_parity(&w, a);
        drop_parity(&w, b);
        const uint8_t *p = image_bytes(&before, a, &one), *q = image_bytes(&before, b, &two);
        object_replace(w.store, a, q, two);
        object_replace(w.store, b, p, one);
        object_replace(w.store, "rules/0000000000000002", "", 0);
        assert_ok(store_mem_power_cut(w.store, at, STORE_CUT_KEPT, &left, e)); /* all durable */
        world_move(&w, left);
        assert_ok(store_fault_open(w.store, &layer, e));
        assert_ok(vault_open(layer, &v, e));
        struct store_fault_plan plan = {.crash_at = at, .no_map = true};
        store_fault_plan(layer, &plan);
        struct vault_repair_options o = {0};
        bool done = vault_repair(v, &o, &r, NULL) == 0 && !store_fault_crashed(layer);
        vault_close(v);
        store_close(layer);
        assert_ok(store_mem_power_cut(w.store, at, STORE_CUT_MIXED, &left, e));
        world_move(&w, left);
        (void)repair(&w, &t);
        if (!image_is(w.store, &before, what))
            fail_msg("cut at %lu: %s", (unsigned long)at, what);
        nothing_is_left_to_do(&w);
        image_done(&before);
        world_close(&w);
        if (done)
            break;
    }
}

/* ---- `vault` itself ---------------------------------------------------------------------------------- */

static void a_damaged_identity_is_read_by_its_parity(void **state)
{
    (void)state;
    for (int how = 0; how < 4; how++) {
        struct world w;
        struct tale t;
        size_t len;
        world_of_all(&w);
        uint8_t *p = object_bytes(w.store, "vault", &len);
        p[how == 3 ? 8 : 40] ^= 4; /* 3: it says that it is newer */
        if (how == 0)
            assert_ok(store_remove(w.store, "vault", e));
        else
            object_replace(w.store, "vault", p, how == 1 ? 20 : len);
        world_reopen(&w);
        assert_true(vault_needs_repair(w.v));
        assert_int_equal(verify_all(w.v), 2);
        assert_true(damage_count(&w) >= 1);
        assert_int_equal(repair(&w, &t).objects_mended, 1);
        nothing_is_left_to_do(&w);
        assert_false(vault_needs_repair(w.v));
        /* What may be newer is not passed over. */
        p[8] = 9;
        object_replace(w.store, "vault", p, len);
        struct vault *newer = NULL;
        if (how != 3) /* there nothing else is wrong with it */
            assert_err(vault_open(w.store, &newer, e), ERR_NEWER);
        /* Without parity nothing is believed. */
        p[50] ^= 1;
        object_replace(w.store, "vault", p, len);
        object_replace(w.store, "parity/top/vault", p, len);
        struct vault *v = NULL;
        assert_int_not_equal(vault_open(w.store, &v, NULL), 0);
        mem_free(p);
        world_close(&w);
    }
}

static void a_new_vault_has_parity_for_all_it_holds(void **state)
{
    (void)state;
    struct world w;
    struct store *s;
    struct vault_info info = {.chunking = {.small_max = 7, .fixed = 4096}};
    size_t count;
    world_open(&w, WORLD_MEM, false);
    assert_ok(store_mem_open(&s, e));
    assert_ok(vault_create(s, &info, &w.owner, NULL, NULL, e));
    object_names *names = names_below(s, "parity", &count);
    assert_int_equal(count, 2);
    assert_string_equal(names[0], "parity/top/keeper");
    assert_string_equal(names[1], "parity/top/vault");
    mem_free(names);
    store_close(s);
    world_close(&w);
}

/* ---- forged parity, and newer formats -------------------------------------------------------------------- */

/* J1: parity that leads to something that its signature does not cover. */
static void forged_parity_mends_nothing(void **state)
{
    (void)state;
    for (size_t k = 0; k < KINDS; k++) {
        struct world w;
        struct tale t;
        size_t len, now;
        object_names one, two;
        world_of_all(&w);
        two_of(&w, k, one, two);
        uint8_t *p = object_bytes(w.store, one, &len);
        p[len - 1] ^= 1;
        assert_ok(object_parity_put(w.v, one, p, len, e));
        p[len - 1] ^= 2;
        object_replace(w.store, one, p, len);
        if (strcmp(one, "vault") != 0) {
            struct vault_repair_result r = repair(&w, &t);
            assert_int_equal(r.objects_mended, 0);
            assert_true(r.objects_lost >= 1);
            uint8_t *kept = object_bytes(w.store, one, &now);
            assert_memory_equal(kept, p, len);
            mem_free(kept);
        }
        mem_free(p);
        world_close(&w);
    }
}

/* J7: what says that it is newer is left alone, unless that is all that is wrong. */
static void newer_objects_are_left_alone(void **state)
{
    (void)state;
    for (size_t k = 1; k < KINDS; k++)
        for (int all = 0; all < 3; all++) {
            struct world w;
            struct tale t;
            struct image before;
            object_names one, two;
            size_t len, now;
            char what[80];
            world_of_all(&w);
            image_take(w.store, &before);
            two_of(&w, k, one, two);
            uint8_t *p = object_bytes(w.store, one, &len);
            put_u32(p + 8, 9);
            p[len - 1] ^= all ? 1 : 0;
            if (all == 2)
                drop_parity(&w, one);
            object_replace(w.store, one, p, len);
            struct vault_repair_result r = repair(&w, &t);
            if (all) {
                /* with a certificate what it vouches for */
                assert_int_equal(r.skipped, strcmp(kinds[k].dir, "writers") == 0 ? 3 : 1);
                assert_int_equal(r.objects_mended + r.objects_lost, 0);
                uint8_t *kept = object_bytes(w.store, one, &now);
                assert_int_equal(now, len);
                assert_memory_equal(kept, p, len);
                mem_free(kept);
            } else {
                assert_int_equal(r.objects_mended, 1);
                assert_true(image_is(w.store, &before, what));
            }
            mem_free(p);
            image_done(&before);
            world_close(&w);
        }
}

/* Parity that rots is made again; of a newer format it is not touched. */
static void parity_is_mended_too(void **state)
{
    (void)state;
    struct world w;
    struct tale t;
    struct image before;
    char what[80] = "";
    world_of_all(&w);
    image_take(w.store, &before);
    for (size_t i = 0; i < before.count; i++) {
        if (strncmp(before.names[i], "parity/", 7) != 0)
            continue;
        uint8_t *p = mem_dup(before.bytes[i], before.len[i]);
        p[12 + below(before.len[i] - 12)] ^= 1;
        object_replace(w.store, before.names[i], p, before.len[i]);
        if (strncmp(before.names[i] + 9, "/", 1) != 0) /* of packs: told by a scrub */
            assert_int_equal(damage_count(&w), 1);
        struct vault_repair_result r = repair(&w, &t);
        assert_int_equal(r.parity_mended, 1);
        assert_string_equal(t.last, before.names[i]);
        put_u32(p + 8, 2);
        object_replace(w.store, before.names[i], p, before.len[i]);
        r = repair(&w, &t);
        assert_int_equal(r.parity_mended + r.parity_made, 0);
        object_replace(w.store, before.names[i], before.bytes[i], before.len[i]);
        mem_free(p);
    }
    assert_true(image_is(w.store, &before, what));
    image_done(&before);
    world_close(&w);
}

/* Objects of many blocks: up to 1 MiB parity is a copy, behind that as a pack's. */
static void long_objects_are_copied_up_to_a_limit(void **state)
{
    (void)state;
    static const size_t lengths[] = {1, 4095, 4096, 4097, 300001, 1 << 20, (1 << 20) + 1};
    struct world w;
    world_open(&w, WORLD_MEM, false);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        CLEANUP(buf_done) struct buf whole = {0};
        struct buf none = {0};
        struct parity_head h;
        struct err why = ERR_INIT;
        size_t len = lengths[i];
        CLEANUP_FREE uint8_t *p = mem_alloc(len);
        for (size_t k = 0; k < len; k++)
            p[k] = (uint8_t)next_random(&seed);
        assert_ok(store_put(w.store, "snapshots/0000000000000001", p, len, e));
        assert_ok(object_parity_put(w.v, "snapshots/0000000000000001", p, len, e));
        bool copied = len <= 1 << 20;
        assert_int_equal(object_mend(w.store, "snapshots/0000000000000001", &none, &whole, &h, &why),
                         copied);
        if (copied) {
            assert_int_equal(whole.len, len);
            assert_memory_equal(whole.data, p, len);
        }
        memset(p, 0, len < 4096 ? len : 4096);
        buf_reset(&whole);
        struct buf damaged = {.data = p, .len = len};
        assert_int_equal(
            object_mend(w.store, "snapshots/0000000000000001", &damaged, &whole, &h, &why), 1);
        object_free(w.store, "snapshots/0000000000000001");
    }
    world_close(&w);
}

/* ---- a collection ------------------------------------------------------------------------------------------- */

static void nothing_is_collected_while_a_record_is_missing(void **state)
{
    (void)state;
    struct world w;
    struct tale t;
    struct gc_result r;
    world_of_all(&w);
    struct gc_options o = {.max_unused = 0, .max_rewrite = UINT64_MAX};
    assert_ok(store_remove(w.store, "snapshots/0000000000000001", e));
    assert_err(vault_gc(w.v, &o, &r, e), ERR_DAMAGED);
    o.dry_run = true;
    assert_err(vault_gc(w.v, &o, &r, e), ERR_DAMAGED);
    o.dry_run = false;
    assert_int_equal(repair(&w, &t).objects_mended, 1);
    assert_ok(vault_gc(w.v, &o, &r, e));
    assert_int_equal(verify_all(w.v), 2);
    world_close(&w);
}

/* ---- beside damage, before it is mended --------------------------------------------------------------------- */

/* The newest record is damaged or missing, or an older one, when the next snapshots
 * come: what they say of it holds when it is back. */
static void what_comes_after_a_lost_record_knows_of_it(void **state)
{
    (void)state;
    for (int newest = 0; newest < 2; newest++)
        for (int missing = 0; missing < 2; missing++) {
            struct world w;
            struct tale t;
            const char *name = newest ? "snapshots/0000000000000002" : "snapshots/0000000000000001";
            world_of_all(&w);
            if (missing)
                assert_ok(store_remove(w.store, name, e));
            else
                object_replace(w.store, name, "", 0);
            world_reopen(&w);
            backup(&w, 0, 20, 24); /* the writer of 1; chained to 2 */
            backup(&w, 1, 24, 28);
            assert_int_equal(repair(&w, &t).objects_mended, 1);
            nothing_is_left_to_do(&w);
            assert_int_equal(verify_all(w.v), 4);
            world_close(&w);
        }
}

static void a_lost_floor_lets_nothing_be_forgotten(void **state)
{
    (void)state;
    struct world w;
    struct tale t;
    struct vault_rules rules;
    world_of_all(&w);
    assert_ok(store_remove(w.store, "rules/0000000000000002", e));
    assert_err(vault_rules(w.v, &rules, e), ERR_DAMAGED);
    assert_err(vault_set_rules(w.v, 0, 60, e), ERR_DAMAGED);
    assert_int_equal(repair(&w, &t).objects_mended, 1);
    assert_ok(vault_rules(w.v, &rules, e));
    assert_int_equal(rules.generation, 2);
    world_close(&w);
}

int main(void)
{
    print_message("seed %llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_damage_to_any_object_is_mended),
        cmocka_unit_test(without_parity_only_what_lies_elsewhere_is_found),
        cmocka_unit_test(records_in_a_ring_and_astray_find_home),
        cmocka_unit_test(a_missing_key_is_named_and_stays_away),
        cmocka_unit_test(what_was_replaced_does_not_come_back),
        cmocka_unit_test(a_removal_that_is_cut_off_is_no_loss),
        cmocka_unit_test(a_put_that_is_cut_off_leaves_no_parity_alone),
        cmocka_unit_test(no_parity_is_no_failure),
        cmocka_unit_test(a_repair_that_is_cut_off_is_ended_by_the_next),
        cmocka_unit_test(a_damaged_identity_is_read_by_its_parity),
        cmocka_unit_test(a_new_vault_has_parity_for_all_it_holds),
        cmocka_unit_test(forged_parity_mends_nothing),
        cmocka_unit_test(newer_objects_are_left_alone),
        cmocka_unit_test(parity_is_mended_too),
        cmocka_unit_test(long_objects_are_copied_up_to_a_limit),
        cmocka_unit_test(nothing_is_collected_while_a_record_is_missing),
        cmocka_unit_test(what_comes_after_a_lost_record_knows_of_it),
        cmocka_unit_test(a_lost_floor_lets_nothing_be_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
