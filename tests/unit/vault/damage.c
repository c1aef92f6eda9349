/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever byte of a record or a pack changes, somebody notices and says where. */
#include "world.h"

#include "base/mem.h"
#include "vault/record_format.h"

#include <stdlib.h>
#include <string.h>

static size_t list_with(struct world *w, struct reports *r)
{
    struct snapshot_list list;
    *r = (struct reports){0};
    assert_ok(vault_snapshots(w->v, &list, report, r, e));
    size_t count = list.count;
    snapshot_list_done(&list);
    return count;
}

static void check_with(struct world *w, struct reports *r)
{
    struct vault_check_stats stats;
    *r = (struct reports){0};
    assert_ok(vault_check(w->v, report, r, &stats, e));
    assert_int_equal(stats.damaged, r->count);
}

/* Every byte of the middle record of three, each in its own way. */
static void tampered_records_are_left_out_and_named(void **state)
{
    (void)state;
    struct world w;
    struct reports r;
    size_t len;
    world_open(&w, WORLD_MEM, false);
    for (uint64_t i = 0; i < 3; i++)
        backup(&w, 0, i * 3, i * 3 + 5);
    assert_int_equal(list_with(&w, &r), 3);
    check_with(&w, &r);
    assert_int_equal(r.count, 0);
    for (uint64_t sequence = 2; sequence <= 3; sequence++) {
        char name[RECORD_NAME_BYTES];
        record_name(sequence, name);
        uint8_t *bytes = object_bytes(w.store, name, &len);
        struct record_head head;
        assert_ok(record_head_decode(bytes, len, len, &head, e));
        for (size_t i = 0; i < len; i++) {
            bytes[i] ^= (uint8_t)(1u << i % 8);
            object_replace(w.store, name, bytes, len);
            bytes[i] ^= (uint8_t)(1u << i % 8);
            world_reopen(&w);
            size_t count = list_with(&w, &r);
            bool in_refs = i >= len - head.r_len;
            if (count != (in_refs ? 3u : 2u) || r.count != !in_refs)
                fail_msg("byte %zu of record %lu: %zu listed, %u reported", i,
                         (unsigned long)sequence, count, r.count);
            if (!in_refs)
                assert_string_equal(r.object, name);
            check_with(&w, &r);
            if (!r.count)
                fail_msg("check does not see byte %zu of record %lu", i, (unsigned long)sequence);
            assert_string_equal(r.object, name);
        }
        object_replace(w.store, name, bytes, len);
        mem_free(bytes);
    }
    world_close(&w);
}

/* A reference set whose bytes changed is not believed. */
static void damaged_reference_sets_are_refused(void **state)
{
    (void)state;
    struct world w;
    size_t len;
    world_open(&w, WORLD_MEM, false);
    backup(&w, 0, 0, 5);
    uint8_t *bytes = object_bytes(w.store, "snapshots/0000000000000001", &len);
    bytes[len - 1] ^= 1;
    object_replace(w.store, "snapshots/0000000000000001", bytes, len);
    mem_free(bytes);
    struct snapshot_list list;
    struct refset refs;
    assert_ok(vault_snapshots(w.v, &list, NULL, NULL, e));
    assert_err(vault_snapshot_refs(w.v, &list.items[0], &refs, e), ERR_DAMAGED);
    snapshot_list_done(&list);
    world_close(&w);
}

static void replayed_and_foreign_records_are_refused(void **state)
{
    (void)state;
    struct world w, stranger;
    struct reports r;
    size_t len;
    world_open(&w, WORLD_MEM, false);
    world_open(&stranger, WORLD_MEM, false);
    backup(&w, 0, 0, 5);
    backup(&stranger, 0, 0, 5);
    uint8_t *bytes = object_bytes(w.store, "snapshots/0000000000000001", &len);
    assert_ok(store_put(w.store, "snapshots/0000000000000002", bytes, len, e));
    mem_free(bytes);
    bytes = object_bytes(stranger.store, "snapshots/0000000000000001", &len);
    assert_ok(store_put(w.store, "snapshots/0000000000000003", bytes, len, e));
    bytes[8] = 9; /* of a later format */
    assert_ok(store_put(w.store, "snapshots/0000000000000004", bytes, len, e));
    mem_free(bytes);
    assert_int_equal(list_with(&w, &r), 1);
    assert_int_equal(r.count, 3);
    backup(&w, 0, 5, 9); /* goes on behind them */
    assert_int_equal(list_with(&w, &r), 2);
    assert_int_equal(r.count, 3);
    world_close(&stranger);
    world_close(&w);
}

static void certificates_must_be_the_owners(void **state)
{
    (void)state;
    struct world w;
    struct reports r;
    size_t len, count;
    world_open(&w, WORLD_MEM, false);
    backup(&w, 0, 0, 5);
    backup(&w, 1, 5, 9);
    object_names *names = names_below(w.store, "writers", &count);
    uint8_t *bytes = object_bytes(w.store, names[0], &len);
    for (size_t i = 0; i < len; i++) {
        bytes[i] ^= 2;
        object_replace(w.store, names[0], bytes, len);
        bytes[i] ^= 2;
        world_reopen(&w);
        assert_int_equal(list_with(&w, &r), 1);
        assert_string_equal(r.object, "snapshots/0000000000000001");
        check_with(&w, &r);
        assert_true(r.count >= 2);
        struct session *s = session_start(&w, 0, 0);
        struct err why = ERR_INIT;
        assert_int_equal(commit_try(&w, s, 0, &why), -1);
        session_end(s);
    }
    assert_ok(store_remove(w.store, names[0], e));
    world_reopen(&w);
    assert_int_equal(list_with(&w, &r), 1);
    assert_int_equal(r.count, 1);
    mem_free(bytes);
    mem_free(names);
    world_close(&w);
}

static void other_objects_are_checked_too(void **state)
{
    (void)state;
    struct world w;
    struct reports r;
    size_t len, count;
    world_open(&w, WORLD_MEM, false);
    backup(&w, 0, 0, 5);
    static const char *const fixed[] = {"keeper", "vault"};
    object_names *names = names_below(w.store, "sessions", &count);
    const char *all[] = {names[0], fixed[0], fixed[1]};
    for (size_t k = 0; k < 3; k++) {
        uint8_t *bytes = object_bytes(w.store, all[k], &len);
        for (size_t i = 0; i < len; i++) {
            bytes[i] ^= 2;
            object_replace(w.store, all[k], bytes, len);
            bytes[i] ^= 2;
            check_with(&w, &r);
            assert_true(r.count >= 1);
        }
        object_replace(w.store, all[k], bytes, len);
        mem_free(bytes);
    }
    check_with(&w, &r);
    assert_int_equal(r.count, 0);
    assert_ok(store_put(w.store, "packs/00/stray", "x", 1, e)); /* means nothing */
    check_with(&w, &r);
    assert_int_equal(r.count, 0);
    assert_ok(store_remove(w.store, names[0], e)); /* missed by its record, and by its parity */
    check_with(&w, &r);
    assert_int_equal(r.count, 2);
    assert_string_equal(r.object, names[0]);
    mem_free(names);
    world_close(&w);
}

/* ---- packs ------------------------------------------------------------------------------- */

struct seen {
    unsigned frames, intact, absent;
};

static int see_frame(void *arg, const struct frame_loc *loc, const struct frame *f,
                     const uint8_t *sealed, bool intact, struct err *e)
{
    struct seen *s = arg;
    (void)loc;
    (void)f;
    (void)e;
    s->frames++;
    s->intact += intact;
    s->absent += !sealed;
    return 0;
}

static void scrub_with(struct world *w, struct reports *r, struct seen *seen)
{
    struct vault_check_stats stats = {0};
    *r = (struct reports){0};
    *seen = (struct seen){0};
    for (uint32_t i = 0; i < vault_pack_count(w->v); i++)
        assert_ok(vault_scrub_pack(w->v, i, see_frame, seen, report, r, &stats, e));
    assert_int_equal(stats.damaged, r->count);
}

static void every_byte_of_a_pack_is_covered(void **state)
{
    (void)state;
    struct world w;
    struct reports r;
    struct seen seen;
    size_t len, count;
    world_open(&w, WORLD_MEM, false);
    struct session *s = session_start(&w, 0, 0);
    for (uint64_t n = 0; n < 4; n++)
        assert_ok(chunk_put(s, n, FRAME_DATA, e) != 1);
    commit(&w, s, 0);
    session_end(s);
    scrub_with(&w, &r, &seen);
    assert_int_equal(seen.intact, 4);
    assert_int_equal(r.count, 0);
    object_names *names = names_below(w.store, "packs", &count);
    assert_int_equal(count, 1);
    uint8_t *bytes = object_bytes(w.store, names[0], &len);
    size_t footer = len - 12 - get_u32(bytes + len - 12);
    for (size_t i = 0; i < len; i++) {
        bytes[i] ^= (uint8_t)(1u << i % 8);
        object_replace(w.store, names[0], bytes, len);
        bytes[i] ^= (uint8_t)(1u << i % 8);
        world_reopen(&w);
        scrub_with(&w, &r, &seen);
        if (!r.count)
            fail_msg("nobody saw byte %zu of %zu", i, len);
        assert_string_equal(r.object, names[0]);
        if (i >= 64 && i < footer)
            assert_int_equal(seen.intact, 3);
        else
            assert_int_equal(seen.frames, 4); /* salvaged */
        check_with(&w, &r);
        assert_int_equal(r.count, i >= 64 && i < footer ? 0 : 2); /* the pack, the snapshot */
    }
    for (size_t keep = 0; keep < len; keep += 13) {
        object_replace(w.store, names[0], bytes, keep);
        world_reopen(&w);
        scrub_with(&w, &r, &seen);
        assert_true(r.count >= 1);
        assert_int_equal(seen.intact, 0);
        assert_true(seen.frames <= 4 && seen.absent <= 1);
    }
    assert_ok(store_remove(w.store, names[0], e));
    world_reopen(&w);
    check_with(&w, &r);
    assert_int_equal(r.count, 1);
    assert_string_equal(r.object, "snapshots/0000000000000001");
    mem_free(bytes);
    mem_free(names);
    world_close(&w);
}

/* Reading a frame through the index of a pack that has changed since. */
static void damaged_frames_do_not_read(void **state)
{
    (void)state;
    struct world w;
    size_t len, count;
    uint8_t id[ID_BYTES], buf[CHUNK_ROOM];
    struct frame_loc loc;
    struct frame f;
    world_open(&w, WORLD_MEM, false);
    backup(&w, 0, 1, 2);
    chunk_id(1, id);
    assert_true(vault_find(w.v, id, &loc));
    object_names *names = names_below(w.store, "packs", &count);
    uint8_t *bytes = object_bytes(w.store, names[0], &len);
    for (size_t i = loc.offset; i < loc.offset + FRAME_HEADER_BYTES; i++) {
        bytes[i] ^= 0x20;
        object_replace(w.store, names[0], bytes, len);
        bytes[i] ^= 0x20;
        world_reopen(&w);
        assert_true(vault_find(w.v, id, &loc));
        assert_err(vault_read_frame(w.v, &loc, buf, &f, e), ERR_DAMAGED);
    }
    object_replace(w.store, names[0], bytes, 80);
    world_reopen(&w);
    assert_true(vault_find(w.v, id, &loc)); /* the index still knows it */
    assert_err(vault_read_frame(w.v, &loc, buf, &f, e), ERR_DAMAGED);
    mem_free(bytes);
    mem_free(names);
    world_close(&w);
}

/* A pack that holds what `names[0]` held, frame by frame, in reverse order, and
 * says so; as compaction would write it. */
static void move_pack(struct world *w, const uint8_t *old, size_t len, bool say_all)
{
    CLEANUP(buf_done) struct buf rows = {0}, pack = {0}, origins = {0}, footer = {0};
    uint32_t footer_len = get_u32(old + len - 12);
    uint8_t id[ID_BYTES], trailer[PACK_TRAILER_BYTES];
    char name[PACK_NAME_BYTES];
    struct pack_footer f;
    assert_ok(pack_footer_decode(old + len - 12 - footer_len, footer_len, len - 12 - footer_len,
                                 FRAME_DATA, &f, e));
    pack_id(old, old + len - 12 - footer_len, footer_len, id);
    buf_put(&pack, old, PACK_HEADER_BYTES);
    for (uint32_t i = f.count; i-- > 0;) {
        struct pack_row row;
        uint8_t bytes[PACK_ROW_BYTES];
        pack_row_decode(f.rows + (size_t)i * PACK_ROW_BYTES, &row);
        uint32_t at = (uint32_t)pack.len;
        buf_put(&pack, old + row.offset, FRAME_HEADER_BYTES + (size_t)row.len);
        row.offset = at;
        pack_row_encode(&row, bytes);
        buf_put(&rows, bytes, sizeof bytes);
        if (!say_all && i == 0)
            break;
        buf_put_u32(&origins, f.count - 1 - i);
        buf_put(&origins, id, ID_BYTES);
        buf_put_u32(&origins, i);
    }
    pack_footer_encode(&footer, rows.data, f.count, NULL, 0);
    put_u32(footer.data + 12, 2);
    buf_put_u32(&footer, 2);
    buf_put_u32(&footer, (uint32_t)origins.len);
    buf_put(&footer, origins.data, origins.len);
    pack_id(pack.data, footer.data, footer.len, id);
    pack_trailer_encode((uint32_t)footer.len, trailer);
    buf_put(&pack, footer.data, footer.len);
    buf_put(&pack, trailer, sizeof trailer);
    pack_name(id, name);
    assert_ok(store_put(w->store, name, pack.data, pack.len, e));
}

static void moved_frames_are_followed(void **state)
{
    (void)state;
    for (int say_all = 0; say_all < 2; say_all++) {
        struct world w;
        struct reports r;
        size_t len, count;
        world_open(&w, WORLD_MEM, false);
        struct session *s = session_start(&w, 0, 0);
        for (uint64_t n = 0; n < 9; n++)
            assert_ok(chunk_put(s, n, FRAME_DATA, e) != 1);
        commit(&w, s, 0);
        session_end(s);
        object_names *names = names_below(w.store, "packs", &count);
        uint8_t *bytes = object_bytes(w.store, names[0], &len);
        assert_ok(store_remove(w.store, names[0], e));
        check_with(&w, &r);
        assert_int_equal(r.count, 1);
        move_pack(&w, bytes, len, say_all);
        check_with(&w, &r);
        assert_int_equal(r.count, !say_all);
        world_reopen(&w);
        for (uint64_t n = 0; n < 9; n++)
            assert_true(chunk_reads(w.v, n));
        mem_free(names);
        mem_free(bytes);
        world_close(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tampered_records_are_left_out_and_named),
        cmocka_unit_test(damaged_reference_sets_are_refused),
        cmocka_unit_test(replayed_and_foreign_records_are_refused),
        cmocka_unit_test(certificates_must_be_the_owners),
        cmocka_unit_test(other_objects_are_checked_too),
        cmocka_unit_test(every_byte_of_a_pack_is_covered),
        cmocka_unit_test(damaged_frames_do_not_read),
        cmocka_unit_test(moved_frames_are_followed),
    };
    return cmocka_run_group_tests_name("vault/damage", tests, NULL, NULL);
}
