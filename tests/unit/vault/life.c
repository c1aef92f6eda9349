/* SPDX-License-Identifier: Apache-2.0 */
#include "life.h"

#include <stdio.h>
#include <string.h>

#define BEGIN (INT64_C(1795000000) * NS_PER_S)

void life_open(struct life *l, size_t count)
{
    *l = (struct life){.now = {.realtime_ns = BEGIN, .boottime_ns = DAY, .boot_id = {1}}};
    clock_pretend(&l->now);
    world_open(&l->w, WORLD_MEM, false);
    for (uint64_t i = 0; i < count; i++) {
        backup(&l->w, 0, i * 3, i * 3 + 5);
        pass(l, 3600 * NS_PER_S);
    }
    life_look(l);
}

void life_close(struct life *l)
{
    snapshot_list_done(&l->list);
    snapshot_list_done(&l->trash);
    world_close(&l->w);
    clock_pretend(NULL);
}

void pass(struct life *l, int64_t ns)
{
    l->now.realtime_ns += ns;
    l->now.boottime_ns += ns;
    clock_pretend(&l->now);
}

void life_look(struct life *l)
{
    snapshot_list_done(&l->list);
    snapshot_list_done(&l->trash);
    l->reports = (struct reports){0};
    assert_ok(vault_snapshots_trash(l->w.v, &l->trash, NULL, NULL, e));
    assert_ok(vault_snapshots(l->w.v, &l->list, report, &l->reports, e));
}

void life_refused(void *arg, const struct snapshot *s, const char *why)
{
    struct life *l = arg;
    (void)s;
    (void)snprintf(l->why, sizeof l->why, "%s", why);
}

size_t forget_one(struct life *l, size_t i)
{
    struct vault_forgotten out;
    const struct snapshot *one[] = {&l->list.items[i]};
    assert_ok(vault_forget(l->w.v, one, 1, life_refused, l, &out, e));
    assert_int_equal(out.count + out.refused, 1);
    life_look(l);
    return out.count;
}

bool may_free(struct life *l, const struct snapshot *s)
{
    struct vault_rules rules;
    struct policy_clock clock;
    assert_ok(vault_rules(l->w.v, &rules, e));
    assert_ok(vault_clock_judge(l->w.v, &clock, e));
    return vault_may_free(s, &rules, &clock);
}

void assert_checked(struct life *l)
{
    struct reports r = {0};
    struct vault_check_stats stats;
    life_look(l);
    if (l->reports.count)
        fail_msg("%s: %s", l->reports.object, l->reports.message);
    assert_ok(vault_check(l->w.v, report, &r, &stats, e));
    if (r.count)
        fail_msg("%s: %s", r.object, r.message);
}

void assert_doubtful(struct life *l, uint64_t seq, const char *name, bool wholly)
{
    struct reports r = {0};
    struct vault_check_stats stats;
    struct policy_clock clock;
    struct vault_rules rules;
    size_t i = 0;
    life_look(l);
    assert_int_equal(l->reports.count, 1);
    if (name)
        assert_string_equal(l->reports.object, name);
    while (i < l->list.count && l->list.items[i].seq != seq)
        i++;
    if (i == l->list.count)
        fail_msg("snapshot %lu does not live", (unsigned long)seq);
    assert_true(l->list.items[i].doubtful);
    if (!wholly)
        return;
    assert_ok(vault_clock_look(l->w.v, &clock, e));
    assert_ok(vault_rules(l->w.v, &rules, e));
    assert_false(vault_may_free(&l->list.items[i], &rules, &clock));
    assert_int_equal(forget_one(l, i), 0);
    assert_ok(vault_check(l->w.v, report, &r, &stats, e));
    assert_int_equal(r.count, 1);
}

void assert_tags(struct life *l, size_t i, const char *expected)
{
    char all[512] = "";
    life_look(l);
    for (size_t t = 0; t < l->list.items[i].tag_count; t++) {
        size_t used = strlen(all);
        (void)snprintf(all + used, sizeof all - used, "%s%s", used ? " " : "",
                       l->list.items[i].tags[t]);
    }
    assert_string_equal(all, expected);
}

struct mark_fields life_mark(struct life *l, size_t i, enum mark_kind kind)
{
    bool timed = kind == MARK_LOCK || kind == MARK_FORGOTTEN;
    struct mark_fields m = {
        .kind = kind,
        .sequence = l->list.items[i].seq,
        .made_ns = l->now.realtime_ns,
        .until_ns = timed ? l->now.realtime_ns + DAY : 0,
        .text = timed ? NULL : (const uint8_t *)"text",
        .text_len = timed ? 0 : 4,
    };
    memcpy(m.snapshot, l->list.items[i].id, ID_BYTES);
    return m;
}

void put_mark(struct life *l, const struct vault_info *info, const struct mark_fields *m,
              const struct sign_key *key, uint64_t name_sequence)
{
    static uint64_t number;
    CLEANUP(buf_done) struct buf b = {0};
    char name[MARK_NAME_BYTES];
    uint8_t raw[8];
    put_u64(raw, ++number);
    mark_put_bytes(&b, info, m, key);
    mark_name(name_sequence, raw, name);
    assert_ok(store_put(l->w.store, name, b.data, b.len, e));
}

void clear_marks(struct life *l)
{
    size_t count;
    object_names *names = names_below(l->w.store, "marks", &count);
    for (size_t i = 0; i < count; i++)
        assert_ok(store_remove(l->w.store, names[i], e));
    mem_free(names);
}
