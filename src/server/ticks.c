/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of the clock, kept in `ticks` below the root: written each minute, at the end, and when doubt begins or
 * ends. What a crash takes from it only lengthens what waits.
 *
 *     "abri.TK2"  i64 ticks  i64 seen  i64 seen_boottime  i64 reference  i64 reference_boottime  byte boot[16]
 *     i64 moved  u32 why  i64 against  i64 by  u32 n  n × (i64 realtime, i64 ticks)  byte hash[32] (BLAKE3 of all that)
 *
 * as struct policy_guard has it; numbers are little-endian. Before it was "abri.TCK" ‖ u64 ticks: read, and nothing else is known.
 */
#include "server/clock_guard.h"

#include "base/file.h"
#include "base/mem.h"
#include "sign/sign.h"

#include <fcntl.h>
#include <string.h>

#define HEAD_BYTES  (8 + 5 * 8 + POLICY_BOOT_BYTES + 8 + 4 + 8 + 8 + 4)
#define RUN_BYTES   16
#define TICKS_MAX   (HEAD_BYTES + POLICY_RUNS_MAX * RUN_BYTES + HASH_BYTES)
#define EARLIER_BYTES 16

static void put(struct buf *b, int64_t n)
{
    buf_put_u64(b, (uint64_t)n);
}

void ticks_encode(const struct policy_guard *g, struct buf *out)
{
    uint8_t hash[HASH_BYTES];
    size_t from = out->len;
    buf_put(out, "abri.TK2", 8);
    put(out, g->ticks_ns);
    put(out, g->seen_ns);
    put(out, g->seen_boottime_ns);
    put(out, g->reference_ns);
    put(out, g->reference_boottime_ns);
    buf_put(out, g->boot_id, POLICY_BOOT_BYTES);
    put(out, g->moved_ns);
    buf_put_u32(out, (uint32_t)g->why);
    put(out, g->against_ns);
    put(out, g->by_ns);
    buf_put_u32(out, g->run_count);
    for (unsigned i = 0; i < g->run_count; i++) {
        put(out, g->runs[i].realtime_ns);
        put(out, g->runs[i].ticks_ns);
    }
    if (out->failed)
        return;
    hash_bytes(out->data + from, out->len - from, hash);
    buf_put(out, hash, sizeof hash);
}

static int64_t take(struct cursor *c)
{
    return (int64_t)cursor_u64(c);
}

static bool is_sound(const struct policy_guard *g)
{
    bool ok = g->ticks_ns >= 0 && g->moved_ns >= 0 && g->why >= POLICY_CLOCK_TRUSTED &&
              g->why <= POLICY_CLOCK_UNSOUND;
    for (unsigned i = 0; ok && i < g->run_count; i++)
        ok = g->runs[i].ticks_ns >= (i ? g->runs[i - 1].ticks_ns : 0) && g->runs[i].ticks_ns <= g->ticks_ns;
    return ok;
}

bool ticks_decode(const uint8_t *p, size_t len, struct policy_guard *out)
{
    uint8_t hash[HASH_BYTES];
    struct cursor c = cursor_of(p, len);
    struct policy_guard g = {0};
    if (len < HEAD_BYTES + HASH_BYTES || len > TICKS_MAX || memcmp(p, "abri.TK2", 8) != 0)
        return false;
    hash_bytes(p, len - HASH_BYTES, hash);
    if (memcmp(hash, p + len - HASH_BYTES, HASH_BYTES) != 0)
        return false;
    (void)cursor_bytes(&c, 8);
    g.ticks_ns = take(&c);
    g.seen_ns = take(&c);
    g.seen_boottime_ns = take(&c);
    g.reference_ns = take(&c);
    g.reference_boottime_ns = take(&c);
    memcpy(g.boot_id, cursor_bytes(&c, POLICY_BOOT_BYTES), POLICY_BOOT_BYTES);
    g.moved_ns = take(&c);
    g.why = (enum policy_clock_why)cursor_u32(&c);
    g.against_ns = take(&c);
    g.by_ns = take(&c);
    g.run_count = cursor_u32(&c);
    if (g.run_count > POLICY_RUNS_MAX || cursor_left(&c) != (size_t)g.run_count * RUN_BYTES + HASH_BYTES)
        return false;
    for (unsigned i = 0; i < g.run_count; i++) {
        g.runs[i].realtime_ns = take(&c);
        g.runs[i].ticks_ns = take(&c);
    }
    if (!is_sound(&g))
        return false;
    *out = g;
    return true;
}

int ticks_load(const struct server *s, struct policy_guard *out, struct err *e)
{
    CLEANUP(buf_done) struct buf b = {0};
    char path[SERVER_PATH_MAX];
    installation_path(&s->installation, path, "ticks");
    if (file_slurp(AT_FDCWD, path, TICKS_MAX, &b, e))
        return -1;
    if (ticks_decode(b.data, b.len, out))
        return 0;
    if (b.len != EARLIER_BYTES || memcmp(b.data, "abri.TCK", 8) != 0)
        return err_set(e, ERR_DAMAGED, "'%s' is damaged: what waits begins to wait anew", path);
    *out = (struct policy_guard){.ticks_ns = (int64_t)(get_u64(b.data + 8) & INT64_MAX)};
    return 0;
}

int ticks_store(const struct server *s, const struct policy_guard *g, struct err *e)
{
    CLEANUP(buf_done) struct buf b = {.max = TICKS_MAX};
    char path[SERVER_PATH_MAX];
    ticks_encode(g, &b);
    installation_path(&s->installation, path, "ticks");
    return buf_check(&b, path, e) || file_replace(path, b.data, b.len, 0600, e) ? -1 : 0;
}
