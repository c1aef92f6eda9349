/* SPDX-License-Identifier: Apache-2.0 */
/* abri stats: how much is in a vault or a snapshot. Needs no key. */
#include "cli/amount.h"
#include "cli/json_out.h"

#include "base/clock.h"
#include "base/mem.h"

#include <inttypes.h>

struct vault_stats {
    uint64_t snapshots, packs, frames;
    uint64_t stored_bytes; /* of packs */
    uint64_t plain_bytes;  /* of all snapshots, as if each were stored whole */
    uint64_t latest_bytes;
};

static int add_pack(void *arg, const char *name, uint64_t len_bytes, struct err *e)
{
    struct vault_stats *s = arg;
    (void)name;
    (void)e;
    s->packs++;
    s->stored_bytes += len_bytes;
    return 0;
}

static double ratio(uint64_t plain, uint64_t stored)
{
    return stored ? (double)plain / (double)stored : 0;
}

static int count_vault(struct access *a, const struct snapshot_list *l, struct vault_stats *out,
                       struct err *e)
{
    struct vault_stats s = {.snapshots = l->count};
    if (vault_refresh(a->vault, NULL, NULL, e) ||
        store_list(a->store, "packs", add_pack, &s, e))
        return -1;
    for (uint32_t i = 0; i < vault_pack_count(a->vault); i++)
        s.frames += vault_pack_frames(a->vault, i);
    for (size_t i = 0; i < l->count; i++)
        s.plain_bytes += l->items[i].bytes;
    s.latest_bytes = l->count ? l->items[l->count - 1].bytes : 0;
    *out = s;
    return 0;
}

static void tell_vault(struct cli *c, const struct vault_stats *s)
{
    if (c->global.json) {
        json_t *o = json_object_of("vault_stats");
        json_put_number(o, "snapshots", s->snapshots);
        json_put_number(o, "packs", s->packs);
        json_put_number(o, "frames", s->frames);
        json_put_number(o, "stored_bytes", s->stored_bytes);
        json_put_number(o, "latest_bytes", s->latest_bytes);
        json_put_number(o, "all_bytes", s->plain_bytes);
        json_put_real(o, "ratio", ratio(s->plain_bytes, s->stored_bytes));
        json_emit(c, stdout, o);
        return;
    }
    char stored[AMOUNT_TEXT_BYTES], latest[AMOUNT_TEXT_BYTES], all[AMOUNT_TEXT_BYTES];
    amount_format_size(s->stored_bytes, stored);
    amount_format_size(s->latest_bytes, latest);
    amount_format_size(s->plain_bytes, all);
    say(c, "snapshots        %" PRIu64, s->snapshots);
    say(c, "packs            %" PRIu64, s->packs);
    say(c, "frames           %" PRIu64, s->frames);
    say(c, "stored           %s", stored);
    say(c, "latest snapshot  %s", latest);
    say(c, "all snapshots    %s, each counted whole", all);
    say(c, "ratio            %.2f", ratio(s->plain_bytes, s->stored_bytes));
}

/* ---- one snapshot ------------------------------------------------------------- */

static uint64_t count_bits(const struct refset *r)
{
    uint64_t n = 0;
    for (size_t p = 0; p < r->count; p++)
        for (uint32_t i = 0; i < (r->packs[p].frame_count + 7) / 8; i++)
            n += (uint64_t)__builtin_popcount(r->packs[p].bits[i]);
    return n;
}

static int tell_snapshot(struct cli *c, struct access *a, const struct snapshot *s, struct err *e)
{
    CLEANUP(refset_done) struct refset refs = {0};
    if (vault_snapshot_refs(a->vault, s, &refs, e))
        return -1;
    uint64_t frames = count_bits(&refs);
    if (c->global.json) {
        json_t *o = json_object_of("snapshot_stats");
        json_put_hex(o, "id", s->id, ID_BYTES);
        json_put_time(o, "time", s->dated_ns);
        json_put_number(o, "entries", s->files);
        json_put_number(o, "bytes", s->bytes);
        json_put_number(o, "added_bytes", s->added_bytes);
        json_put_number(o, "packs", refs.count);
        json_put_number(o, "frames", frames);
        json_emit(c, stdout, o);
        return 0;
    }
    char id[SHORT_ID_BYTES], time[CLOCK_TEXT_BYTES];
    char bytes[AMOUNT_TEXT_BYTES], added[AMOUNT_TEXT_BYTES];
    short_id(s->id, id);
    clock_format(s->dated_ns, time);
    amount_format_size(s->bytes, bytes);
    amount_format_size(s->added_bytes, added);
    say(c, "snapshot         %s of %s", id, time);
    say(c, "entries          %" PRIu64, s->files);
    say(c, "size             %s", bytes);
    say(c, "added by it      %s", added);
    say(c, "needs            %" PRIu64 " frames in %zu packs", frames, refs.count);
    return 0;
}

static int run(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    (void)args;
    CLEANUP(access_close) struct access access = {0};
    CLEANUP(snapshot_list_done) struct snapshot_list all = {0};
    struct vault_stats stats;
    size_t at;
    if (command_expect_words(&cmd_stats, w, 0, 1, e) || cli_open(c, &access, e) ||
        vault_snapshots(access.vault, &all, report_damage, c, e))
        return -1;
    if (w->count == 1) {
        if (work_find_snapshot(&all, w->items[0], &at, e))
            return -1;
        return tell_snapshot(c, &access, &all.items[at], e);
    }
    if (count_vault(&access, &all, &stats, e))
        return -1;
    tell_vault(c, &stats);
    return 0;
}

const struct command cmd_stats = {
    .name = "stats",
    .summary = "tell how much is stored",
    .operands = "[SNAP]",
    .description = "Counts snapshots, packs and bytes of the vault, or of one snapshot. The ratio compares "
                   "what all snapshots would take if each were stored whole with what is stored. Needs no "
                   "passphrase.",
    .examples = {{"abri -r /mnt/vault stats", "the vault as a whole"},
                 {"abri -r /mnt/vault stats latest", "the newest snapshot"}},
    .run = run,
};
