/* SPDX-License-Identifier: Apache-2.0 */
/* The life of snapshots: locks, holds, trash, tags, floors, and what damaged or forged
 * marks can do (Y1 to Y4, Z1, F1, F2, U1). */
#include "life.h"

#include "vault/object_parity.h"
#include "vault/mark_set.h"

#include <stdio.h>
#include <string.h>

static void a_lock_only_extends_and_keeps(void **state)
{
    (void)state;
    struct life l;
    life_open(&l, 3);
    struct snapshot *s = &l.list.items[1];
    assert_ok(vault_lock(l.w.v, s, l.now.realtime_ns + 10 * DAY, e));
    life_look(&l);
    s = &l.list.items[1];
    assert_int_equal(s->locked_until_ns, l.now.realtime_ns + 10 * DAY);
    assert_err(vault_lock(l.w.v, s, l.now.realtime_ns + 10 * DAY, e), ERR_USAGE);
    assert_err(vault_lock(l.w.v, s, l.now.realtime_ns + 9 * DAY, e), ERR_USAGE);
    assert_err(vault_lock(l.w.v, s, l.now.realtime_ns, e), ERR_USAGE);
    assert_err(vault_lock(l.w.v, s, INT64_MAX, e), ERR_USAGE);
    assert_ok(vault_lock(l.w.v, s, l.now.realtime_ns + 11 * DAY, e));
    assert_int_equal(forget_one(&l, 1), 0);
    assert_non_null(strstr(l.why, "locked until"));
    pass(&l, 11 * DAY - 1);
    assert_int_equal(forget_one(&l, 1), 0);
    pass(&l, 1);
    assert_int_equal(forget_one(&l, 1), 1);
    assert_int_equal(l.list.count, 2);
    life_close(&l);
}

static void a_hold_keeps_until_it_is_released(void **state)
{
    (void)state;
    struct life l;
    char long_reason[VAULT_REASON_MAX + 2];
    life_open(&l, 2);
    memset(long_reason, 'r', sizeof long_reason);
    long_reason[sizeof long_reason - 1] = '\0';
    assert_err(vault_hold(l.w.v, &l.list.items[0], "", e), ERR_USAGE);
    assert_err(vault_hold(l.w.v, &l.list.items[0], long_reason, e), ERR_USAGE);
    assert_err(vault_release(l.w.v, &l.list.items[0], e), ERR_USAGE);
    long_reason[VAULT_REASON_MAX] = '\0';
    assert_ok(vault_hold(l.w.v, &l.list.items[0], "first", e));
    assert_ok(vault_hold(l.w.v, &l.list.items[0], long_reason, e));
    life_look(&l);
    assert_true(l.list.items[0].held);
    assert_string_equal(l.list.items[0].hold_reason, "first");
    assert_int_equal(forget_one(&l, 0), 0);
    assert_string_equal(l.why, "held: first");
    assert_ok(vault_release(l.w.v, &l.list.items[0], e));
    life_look(&l);
    assert_false(l.list.items[0].held);
    assert_null(l.list.items[0].hold_reason);
    assert_int_equal(forget_one(&l, 0), 1);
    life_close(&l);
}

static void the_trash_gives_back_until_its_window_ends(void **state)
{
    (void)state;
    struct life l;
    life_open(&l, 3);
    assert_int_equal(forget_one(&l, 0), 1);
    assert_int_equal(l.list.count, 2);
    assert_int_equal(l.trash.count, 1);
    assert_int_equal(l.trash.items[0].forgotten_until_ns,
                     l.now.realtime_ns + VAULT_TRASH_WINDOW_NS);
    assert_err(vault_undelete(l.w.v, &l.list.items[0], e), ERR_USAGE);
    assert_err(vault_lock(l.w.v, &l.trash.items[0], l.now.realtime_ns + DAY, e), ERR_USAGE);
    assert_err(vault_hold(l.w.v, &l.trash.items[0], "x", e), ERR_USAGE);
    pass(&l, VAULT_TRASH_WINDOW_NS - 1);
    assert_false(may_free(&l, &l.trash.items[0]));
    assert_ok(vault_undelete(l.w.v, &l.trash.items[0], e));
    life_look(&l);
    assert_int_equal(l.list.count, 3);
    assert_int_equal(forget_one(&l, 0), 1);
    pass(&l, VAULT_TRASH_WINDOW_NS);
    assert_err(vault_undelete(l.w.v, &l.trash.items[0], e), ERR_READ_ONLY);
    assert_false(may_free(&l, &l.trash.items[0])); /* an undelete may still be under way */
    pass(&l, VAULT_FREE_MARGIN_NS - 1);
    assert_false(may_free(&l, &l.trash.items[0]));
    pass(&l, 1);
    assert_true(may_free(&l, &l.trash.items[0]));
    assert_false(may_free(&l, &l.list.items[0]));
    assert_ok(vault_set_rules(l.w.v, 90 * DAY, 0, e)); /* a floor raised later protects, too */
    assert_false(may_free(&l, &l.trash.items[0]));
    life_close(&l);
}

static void forgetting_many_refuses_some_and_tells_which(void **state)
{
    (void)state;
    struct life l;
    struct vault_forgotten out;
    const struct snapshot *all[6];
    life_open(&l, 6);
    assert_ok(vault_hold(l.w.v, &l.list.items[2], "h", e));
    assert_ok(vault_lock(l.w.v, &l.list.items[4], l.now.realtime_ns + DAY, e));
    for (size_t i = 0; i < 6; i++)
        all[i] = &l.list.items[i]; /* as they were before: the keeper looks again */
    assert_ok(vault_forget(l.w.v, all, 6, life_refused, &l, &out, e));
    assert_int_equal(out.count, 4);
    assert_int_equal(out.refused, 2);
    assert_ok(vault_forget(l.w.v, all, 6, life_refused, &l, &out, e));
    assert_int_equal(out.count, 0);
    assert_int_equal(out.refused, 6);
    life_look(&l);
    assert_int_equal(l.list.count, 2);
    assert_int_equal(l.trash.count, 4);
    assert_checked(&l);
    life_close(&l);
}

/* M1, U1 at the keeper: whatever the caller decided. */
static void nothing_goes_below_the_floor_and_it_only_rises(void **state)
{
    (void)state;
    struct life l;
    struct vault_rules r;
    life_open(&l, 1);
    assert_ok(vault_rules(l.w.v, &r, e));
    assert_int_equal(r.generation, 0);
    assert_int_equal(r.floor_ns, 0);
    assert_int_equal(r.trash_window_ns, VAULT_TRASH_WINDOW_NS);
    assert_ok(vault_set_rules(l.w.v, 30 * DAY, DAY, e));
    assert_err(vault_set_rules(l.w.v, 30 * DAY - NS_PER_S, DAY, e), ERR_USAGE);
    assert_err(vault_set_rules(l.w.v, -1, DAY, e), ERR_USAGE);
    assert_err(vault_set_rules(l.w.v, INT64_MAX, DAY, e), ERR_USAGE);
    assert_ok(vault_set_rules(l.w.v, 30 * DAY + 1, 2 * DAY, e)); /* rounded up */
    assert_ok(vault_rules(l.w.v, &r, e));
    assert_int_equal(r.generation, 2);
    assert_int_equal(r.floor_ns, 30 * DAY + NS_PER_S);
    assert_int_equal(r.trash_window_ns, 2 * DAY);
    /* A lower one, as only a keeper gone wrong would write it, changes nothing. */
    struct sign_key key = {0};
    struct vault_rules lower = {.generation = 3, .floor_ns = 0, .trash_window_ns = 2 * DAY};
    uint8_t bytes[RULES_BYTES];
    assert_ok(keeper_load(l.w.v, &key, e));
    rules_encode(vault_get_info(l.w.v), &lower, 1, &key, bytes);
    assert_ok(store_put(l.w.store, "rules/0000000000000003", bytes, sizeof bytes, e));
    sign_key_done(&key);
    assert_ok(vault_rules(l.w.v, &r, e));
    assert_int_equal(r.generation, 3);
    assert_int_equal(r.floor_ns, 30 * DAY + NS_PER_S);
    pass(&l, 29 * DAY);
    assert_int_equal(forget_one(&l, 0), 0);
    assert_non_null(strstr(l.why, "younger than the floor"));
    pass(&l, DAY + NS_PER_S);
    assert_int_equal(forget_one(&l, 0), 1);
    life_close(&l);
}

/* The later word about a tag counts, even if the clock went back in between (Y4). */
static void tags_are_changed_and_the_last_word_counts(void **state)
{
    (void)state;
    struct life l;
    static const char *const a[] = {"a", "a", "b"}, *const x[] = {"x"}, *const b[] = {"b"};
    life_open(&l, 1);
    assert_ok(vault_tag(l.w.v, &l.list.items[0], a, 3, x, 1, e));
    assert_tags(&l, 0, "daily a b");
    l.now.realtime_ns -= 2 * DAY; /* no forgetting here: the clock may lie */
    assert_ok(vault_tag(l.w.v, &l.list.items[0], x, 1, a, 2, e));
    assert_tags(&l, 0, "daily x b");
    l.now.realtime_ns -= 2 * DAY;
    assert_ok(vault_tag(l.w.v, &l.list.items[0], NULL, 0, b, 1, e));
    assert_tags(&l, 0, "daily x");
    assert_ok(vault_tag(l.w.v, &l.list.items[0], b, 1, b, 1, e)); /* added wins */
    assert_tags(&l, 0, "daily x b");
    size_t count;
    mem_free(names_below(l.w.store, "marks", &count));
    assert_true(count <= 3); /* what is superseded goes */
    life_close(&l);
}

static void tags_have_limits(void **state)
{
    (void)state;
    struct life l;
    char text[70][8], long_tag[300];
    const char *many[70], *one[] = {long_tag};
    life_open(&l, 1);
    for (size_t i = 0; i < 70; i++) {
        (void)snprintf(text[i], sizeof text[i], "t%zu", i);
        many[i] = text[i];
    }
    memset(long_tag, 'x', sizeof long_tag);
    long_tag[256] = '\0';
    assert_err(vault_tag(l.w.v, &l.list.items[0], one, 1, NULL, 0, e), ERR_LIMIT);
    long_tag[0] = '\0';
    assert_err(vault_tag(l.w.v, &l.list.items[0], one, 1, NULL, 0, e), ERR_LIMIT);
    assert_err(vault_tag(l.w.v, &l.list.items[0], many, 63, NULL, 0, e), ERR_LIMIT);
    assert_ok(vault_tag(l.w.v, &l.list.items[0], many, 62, NULL, 0, e));
    memset(long_tag, 'x', 255);
    long_tag[255] = '\0';
    assert_err(vault_tag(l.w.v, &l.list.items[0], one, 1, NULL, 0, e), ERR_LIMIT);
    assert_ok(vault_tag(l.w.v, &l.list.items[0], one, 1, many, 1, e));
    life_look(&l);
    assert_int_equal(l.list.items[0].tag_count, 64);
    life_close(&l);
}

/* ---- damage and forgery -------------------------------------------------------------------- */

/* Y2, for every byte of every kind of mark, and for what is cut short: the snapshot
 * lives, cannot be forgotten, and the mark is named. */
static void damaged_marks_make_nothing_forgettable(void **state)
{
    (void)state;
    struct life l;
    static const char *const tag[] = {"t"}, *const old[] = {"x"};
    life_open(&l, 5);
    assert_ok(vault_lock(l.w.v, &l.list.items[0], l.now.realtime_ns + DAY, e));
    assert_ok(vault_hold(l.w.v, &l.list.items[1], "h", e));
    assert_ok(vault_tag(l.w.v, &l.list.items[3], tag, 1, NULL, 0, e));
    assert_ok(vault_tag(l.w.v, &l.list.items[4], NULL, 0, old, 1, e));
    assert_int_equal(forget_one(&l, 2), 1);
    assert_checked(&l);
    size_t count;
    object_names *names = names_below(l.w.store, "marks", &count);
    assert_int_equal(count, 5);
    for (size_t n = 0; n < count; n++) {
        size_t len;
        uint8_t *bytes = object_bytes(l.w.store, names[n], &len);
        for (size_t i = 0; i <= len; i++) {
            size_t cut = i < len ? len : len / 2;
            if (i < len)
                bytes[i] ^= (uint8_t)(1u << i % 8);
            object_replace(l.w.store, names[n], bytes, cut);
            if (i < len)
                bytes[i] ^= (uint8_t)(1u << i % 8);
            assert_doubtful(&l, (uint64_t)n + 1, names[n], i % 8 == 0 || i == len);
        }
        object_replace(l.w.store, names[n], bytes, len);
        mem_free(bytes);
    }
    mem_free(names);
    assert_checked(&l);
    life_close(&l);
}

/* A mark that somebody else signed, or that was made for another vault, another
 * snapshot, or stands under another name. */
static void forged_marks_do_nothing(void **state)
{
    (void)state;
    struct life l, other;
    struct sign_key key = {0};
    life_open(&l, 2);
    life_open(&other, 2);
    struct vault_info info = *vault_get_info(l.w.v);
    struct mark_fields m = life_mark(&l, 0, MARK_FORGOTTEN);
    put_mark(&l, &info, &m, &l.w.owner, 1); /* not the keeper */
    assert_doubtful(&l, 1, NULL, true);
    clear_marks(&l);
    assert_ok(keeper_load(other.w.v, &key, e));
    put_mark(&l, &info, &m, &key, 1);
    assert_doubtful(&l, 1, NULL, true);
    clear_marks(&l);
    assert_ok(keeper_load(l.w.v, &key, e));
    put_mark(&l, vault_get_info(other.w.v), &m, &key, 1);
    assert_doubtful(&l, 1, NULL, true);
    clear_marks(&l);
    put_mark(&l, &info, &m, &key, 2); /* signed, but under the name of another sequence */
    assert_doubtful(&l, 2, NULL, true);
    clear_marks(&l);
    m.kind = (enum mark_kind)9; /* of a later abri */
    put_mark(&l, &info, &m, &key, 1);
    assert_doubtful(&l, 1, NULL, true);
    clear_marks(&l);
    m = life_mark(&l, 0, MARK_FORGOTTEN);
    m.snapshot[5] ^= 1; /* of an earlier snapshot of the same sequence: Y3 */
    put_mark(&l, &info, &m, &key, 1);
    life_look(&l);
    assert_int_equal(l.reports.count, 1);
    assert_int_equal(l.list.count, 2);
    assert_false(l.list.items[0].doubtful);
    clear_marks(&l);
    m = life_mark(&l, 0, MARK_FORGOTTEN);
    put_mark(&l, &info, &m, &key, 1); /* and the true one works */
    life_look(&l);
    assert_int_equal(l.list.count, 1);
    sign_key_done(&key);
    life_close(&other);
    life_close(&l);
}

/* A collection, by the clock of the life: how many records it removed. */
static size_t free_expired(struct life *l)
{
    struct gc_options o = {.max_unused = 0.05, .max_rewrite = UINT64_MAX, .dry_run = true};
    struct gc_result out, dry;
    assert_ok(vault_clock_judge(l->w.v, &o.clock, e));
    assert_ok(vault_gc(l->w.v, &o, &dry, e));
    o.dry_run = false;
    assert_ok(vault_gc(l->w.v, &o, &out, e));
    assert_int_equal(dry.expired, out.expired);
    life_look(l);
    return out.expired;
}

/* Who is asked before one goes. */
struct asked {
    size_t count;
    uint64_t sequence;
    int64_t since_ns;
    bool fails;
};

static int they_stay(void *arg, const struct snapshot *s, bool *stays, struct err *e)
{
    struct asked *a = arg;
    a->count++;
    a->sequence = s->seq;
    a->since_ns = s->forgotten_since_ns;
    *stays = true;
    return a->fails ? err_set(e, ERR_IO, "the log is full") : 0;
}

static void whoever_is_asked_decides(struct life *l, uint64_t sequence)
{
    struct asked a = {0};
    struct gc_options o = {.max_unused = 0.05, .max_rewrite = UINT64_MAX, .freeing = they_stay, .arg = &a};
    struct gc_result out;
    assert_ok(vault_clock_judge(l->w.v, &o.clock, e));
    assert_ok(vault_gc(l->w.v, &o, &out, e));
    assert_int_equal(out.expired, 0);
    assert_int_equal(a.count, 1);
    assert_int_equal(a.sequence, sequence);
    assert_true(a.since_ns > 0 && a.since_ns + VAULT_TRASH_WINDOW_NS <= l->now.realtime_ns);
    a.fails = true;
    assert_int_equal(vault_gc(l->w.v, &o, &out, NULL), -1);
    assert_int_equal(a.count, 2);
    life_look(l);
}

static size_t marks_left(struct life *l)
{
    size_t count;
    mem_free(names_below(l->w.store, "marks", &count));
    return count;
}

/* E1, E4: what is over goes, and nothing else; the highest sequence is given once. */
static void what_is_over_is_freed_and_nothing_else(void **state)
{
    (void)state;
    struct life l;
    life_open(&l, 6);
    assert_int_equal(forget_one(&l, 5), 1); /* the newest */
    assert_int_equal(forget_one(&l, 0), 1);
    assert_int_equal(free_expired(&l), 0);
    pass(&l, VAULT_TRASH_WINDOW_NS);
    assert_int_equal(forget_one(&l, 0), 1); /* of the living: number 2 */
    assert_int_equal(free_expired(&l), 0);
    pass(&l, VAULT_FREE_MARGIN_NS);
    l.now.realtime_ns += 2 * DAY; /* a false clock */
    assert_int_equal(free_expired(&l), 0);
    l.now.realtime_ns -= 2 * DAY;
    whoever_is_asked_decides(&l, 1);
    assert_int_equal(free_expired(&l), 1); /* number 1; the newest stays */
    assert_false(object_was_lost(l.w.v, "snapshots/0000000000000001")); /* E2: on purpose */
    assert_int_equal(l.list.count, 3);
    assert_int_equal(l.trash.items[1].seq, 6);
    assert_int_equal(marks_left(&l), 2);
    assert_checked(&l);
    backup(&l.w, 1, 200, 210);
    assert_int_equal(free_expired(&l), 1);
    assert_int_equal(l.list.items[l.list.count - 1].seq, 7);
    assert_int_equal(marks_left(&l), 1);
    assert_checked(&l);
    life_close(&l);
}

/* A mark whose record is gone is left over, not damage. */
static void marks_of_freed_snapshots_are_no_damage(void **state)
{
    (void)state;
    struct life l;
    life_open(&l, 3);
    assert_int_equal(forget_one(&l, 0), 1);
    object_free(l.w.store, "snapshots/0000000000000001");
    assert_checked(&l);
    assert_int_equal(l.list.count, 2);
    assert_int_equal(l.trash.count, 0);
    assert_int_equal(free_expired(&l), 0);
    assert_int_equal(marks_left(&l), 0);
    assert_checked(&l);
    backup(&l.w, 0, 100, 110); /* the chain goes on */
    assert_checked(&l);
    assert_int_equal(l.list.count, 3);
    life_close(&l);
}

/* Y1: whichever came first, and if its maker died before it looked again. */
static void a_forgetting_that_crosses_a_protection_is_void(void **state)
{
    (void)state;
    struct sign_key key = {0};
    struct life l;
    life_open(&l, 3);
    assert_ok(keeper_load(l.w.v, &key, e));
    const struct vault_info *info = vault_get_info(l.w.v);
    for (int order = 0; order < 2; order++) {
        struct mark_fields forgotten[3], protect[3];
        for (size_t i = 0; i < 3; i++) {
            forgotten[i] = life_mark(&l, i, MARK_FORGOTTEN);
            protect[i] = life_mark(&l, i, i ? MARK_HOLD : MARK_LOCK);
            forgotten[i].made_ns += order ? 5 : 0;
            protect[i].made_ns += order ? 0 : 5;
            put_mark(&l, info, &forgotten[i], &key, i + 1);
            put_mark(&l, info, &protect[i], &key, i + 1);
        }
        life_look(&l);
        assert_int_equal(l.list.count, 3);
        assert_int_equal(l.reports.count, 0);
        assert_ok(vault_release(l.w.v, &l.list.items[1], e)); /* and stays so afterwards */
        pass(&l, 400 * DAY);
        life_look(&l);
        assert_int_equal(l.list.count, 3);
        clear_marks(&l);
    }
    sign_key_done(&key);
    life_close(&l);
}

/* Z1: who protects removes what crossed him, so that nothing of it is left when the
 * protection ends. */
static void who_protects_removes_a_forgetting_that_crossed_him(void **state)
{
    (void)state;
    struct sign_key key = {0};
    struct life l;
    life_open(&l, 2);
    assert_ok(keeper_load(l.w.v, &key, e));
    for (size_t i = 0; i < 2; i++) {
        struct mark_fields protect = life_mark(&l, i, i ? MARK_HOLD : MARK_LOCK);
        struct mark_fields forgotten = life_mark(&l, i, MARK_FORGOTTEN);
        put_mark(&l, vault_get_info(l.w.v), &protect, &key, i + 1);
        put_mark(&l, vault_get_info(l.w.v), &forgotten, &key, i + 1);
    }
    assert_int_equal(marks_left(&l), 4);
    assert_ok(vault_lock(l.w.v, &l.list.items[0], l.now.realtime_ns + 2 * DAY, e));
    assert_ok(vault_hold(l.w.v, &l.list.items[1], "again", e));
    assert_int_equal(marks_left(&l), 4); /* two protections of each */
    sign_key_done(&key);
    life_close(&l);
}

/* Two who lock at once: the longer one counts, whichever was later. */
static void of_two_locks_the_longer_one_counts(void **state)
{
    (void)state;
    struct sign_key key = {0};
    struct life l;
    life_open(&l, 1);
    assert_ok(keeper_load(l.w.v, &key, e));
    struct mark_fields m = life_mark(&l, 0, MARK_LOCK);
    m.until_ns += 5 * DAY;
    put_mark(&l, vault_get_info(l.w.v), &m, &key, 1);
    m.made_ns++;
    m.until_ns -= 3 * DAY;
    put_mark(&l, vault_get_info(l.w.v), &m, &key, 1);
    life_look(&l);
    assert_int_equal(l.list.items[0].locked_until_ns, l.now.realtime_ns + 6 * DAY);
    sign_key_done(&key);
    life_close(&l);
}

/* Y2: a mark that cannot be read may be a lock or a hold: what was forgotten lives. */
static void a_damaged_mark_brings_back_what_was_forgotten(void **state)
{
    (void)state;
    struct life l;
    life_open(&l, 2);
    assert_int_equal(forget_one(&l, 0), 1);
    assert_ok(store_put(l.w.store, "marks/0000000000000001-0000000000000000", "rot", 3, e));
    life_look(&l);
    assert_int_equal(l.trash.count, 0);
    assert_true(l.list.items[0].doubtful);
    assert_int_equal(forget_one(&l, 0), 0);
    pass(&l, 30 * DAY);
    assert_int_equal(free_expired(&l), 0);
    assert_ok(store_remove(l.w.store, "marks/0000000000000001-0000000000000000", e));
    assert_int_equal(free_expired(&l), 1); /* somebody has looked */
    life_close(&l);
}

/* U1: a generation that cannot be read may have held a higher floor. */
static void damaged_rules_stop_all_forgetting(void **state)
{
    (void)state;
    struct life l;
    struct vault_rules r;
    struct vault_forgotten out;
    size_t len;
    life_open(&l, 2);
    const struct snapshot *one[] = {&l.list.items[0]};
    assert_ok(vault_set_rules(l.w.v, NS_PER_S, DAY, e));
    pass(&l, DAY);
    uint8_t *bytes = object_bytes(l.w.store, "rules/0000000000000001", &len);
    for (size_t i = 0; i < len; i++) {
        bytes[i] ^= 4;
        object_replace(l.w.store, "rules/0000000000000001", bytes, len);
        bytes[i] ^= 4;
        struct err why = ERR_INIT;
        assert_int_equal(vault_rules(l.w.v, &r, &why), -1);
        assert_true(why.cls == ERR_DAMAGED || why.cls == ERR_NEWER);
        assert_int_equal(vault_forget(l.w.v, one, 1, NULL, NULL, &out, &why), -1);
        assert_int_equal(out.count, 0);
        struct reports reports = {0};
        struct vault_check_stats stats;
        assert_ok(vault_check(l.w.v, report, &reports, &stats, e));
        assert_int_equal(reports.count, 1);
        assert_string_equal(reports.object, "rules/0000000000000001");
    }
    mem_free(bytes);
    life_look(&l);
    assert_int_equal(l.list.count, 2);
    life_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lock_only_extends_and_keeps),
        cmocka_unit_test(a_hold_keeps_until_it_is_released),
        cmocka_unit_test(the_trash_gives_back_until_its_window_ends),
        cmocka_unit_test(forgetting_many_refuses_some_and_tells_which),
        cmocka_unit_test(nothing_goes_below_the_floor_and_it_only_rises),
        cmocka_unit_test(tags_are_changed_and_the_last_word_counts),
        cmocka_unit_test(tags_have_limits),
        cmocka_unit_test(damaged_marks_make_nothing_forgettable),
        cmocka_unit_test(forged_marks_do_nothing),
        cmocka_unit_test(what_is_over_is_freed_and_nothing_else),
        cmocka_unit_test(marks_of_freed_snapshots_are_no_damage),
        cmocka_unit_test(a_forgetting_that_crosses_a_protection_is_void),
        cmocka_unit_test(who_protects_removes_a_forgetting_that_crossed_him),
        cmocka_unit_test(of_two_locks_the_longer_one_counts),
        cmocka_unit_test(a_damaged_mark_brings_back_what_was_forgotten),
        cmocka_unit_test(damaged_rules_stop_all_forgetting),
    };
    return cmocka_run_group_tests_name("vault/marks", tests, NULL, NULL);
}
