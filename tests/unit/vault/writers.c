/* SPDX-License-Identifier: Apache-2.0 */
/* Writers that follow others, and writers that are refused. */
#include "world.h"

#include "vault/certificate_format.h"
#include "vault/object_head.h"

#include <stdio.h>
#include <string.h>

/* Makes writer `i` one that follows `predecessor`; its old certificate goes. */
static void succeed(struct world *w, int i, const uint8_t predecessor[UID_BYTES])
{
    struct buf b = {0};
    char name[2 * UID_BYTES + 1];
    hex_encode(w->writer[i], UID_BYTES, name);
    assert_ok(vault_remove_object(w->v, VAULT_WRITER, name, e));
    buf_put(&b, "abri.WRT", 8);
    buf_put_u32(&b, 2);
    buf_put(&b, vault_get_info(w->v)->id, UID_BYTES);
    buf_put(&b, w->writer[i], UID_BYTES);
    buf_put(&b, w->key[i].public_key, SIGN_PUBLIC_BYTES);
    buf_put_u64(&b, 1);
    buf_put_blob(&b, "machine", 7);
    buf_put(&b, predecessor, UID_BYTES);
    put_signed_object(w, VAULT_WRITER, name, &b, &w->owner, "writer");
    world_reopen(w);
}

/* How many of the chunks [from, to) a new session of the writer may refer to. */
static unsigned may_refer(struct world *w, int writer, uint64_t from, uint64_t to)
{
    unsigned count = 0;
    struct session *s = session_start(w, writer, 0);
    for (uint64_t i = from; i < to; i++) {
        uint8_t id[ID_BYTES];
        chunk_id(i, id);
        count += session_refer(s, id);
    }
    session_end(s);
    return count;
}

/* ---- successors --------------------------------------------------------------------- */

static void a_successor_refers_to_what_its_predecessor_stored(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, WORLD_MEM, false);
    backup(&w, 0, 0, 20);
    assert_int_equal(may_refer(&w, 1, 0, 20), 0);
    succeed(&w, 1, w.writer[0]);
    assert_int_equal(may_refer(&w, 1, 0, 20), 20);
    backup(&w, 1, 10, 30);
    assert_int_equal(may_refer(&w, 0, 20, 30), 0); /* not the other way round */
    assert_int_equal(verify_all(w.v), 2);
    struct writer_info info;
    assert_ok(vault_writer_info(w.v, w.writer[1], &info, e));
    assert_true(info.has_predecessor);
    assert_memory_equal(info.predecessor, w.writer[0], UID_BYTES);
    world_close(&w);
}

/* Two that follow each other, and one that follows itself or nobody known. */
static void circles_and_loose_ends_do_no_harm(void **state)
{
    (void)state;
    struct world w;
    static const uint8_t nobody[UID_BYTES] = {0xee};
    world_open(&w, WORLD_MEM, false);
    backup(&w, 0, 0, 10);
    backup(&w, 1, 10, 20);
    succeed(&w, 0, w.writer[1]);
    succeed(&w, 1, w.writer[0]);
    assert_int_equal(may_refer(&w, 0, 0, 20), 20);
    assert_int_equal(may_refer(&w, 1, 0, 20), 20);
    succeed(&w, 1, w.writer[1]);
    assert_int_equal(may_refer(&w, 1, 0, 20), 10);
    succeed(&w, 1, nobody);
    assert_int_equal(may_refer(&w, 1, 0, 20), 10);
    world_close(&w);
}

/* ---- revocation --------------------------------------------------------------------- */

static void a_revoked_writer_begins_and_ends_no_session(void **state)
{
    (void)state;
    struct world w;
    struct session *s, *late;
    struct err why = ERR_INIT;
    world_open(&w, WORLD_MEM, false);
    backup(&w, 0, 0, 5);
    s = session_start(&w, 0, 0);
    assert_int_equal(chunk_put(s, 7, FRAME_DATA, &why), 1);
    revoke_writer(&w, 0, 1, &w.owner);
    assert_int_equal(commit_try(&w, s, 0, &why), -1);
    assert_int_equal(why.cls, ERR_NO_KEY);
    assert_null(strchr(why.msg, '\n'));
    session_end(s);
    assert_int_equal(session_try(&w, 0, 0, &late, &why), -1);
    assert_int_equal(why.cls, ERR_NO_KEY);
    assert_non_null(strstr(why.msg, "revoked"));
    backup(&w, 1, 0, 5); /* others go on */
    assert_int_equal(verify_all(w.v), 2);
    struct writer_info info;
    assert_ok(vault_writer_info(w.v, w.writer[0], &info, e));
    assert_true(info.revoked);
    assert_int_equal(info.last_seq, 1);
    assert_int_equal(info.revoked_ns, 99);
    world_close(&w);
}

/* Who holds the keys of the writer and of the keeper's disk can put a record
 * there; nobody sees it, and the ones before stay. */
static void later_records_are_left_out_and_counted(void **state)
{
    (void)state;
    struct world w;
    struct reports r = {0};
    struct snapshot_list list = {0};
    struct vault_check_stats stats;
    world_open(&w, WORLD_MEM, false);
    for (uint64_t i = 0; i < 4; i++)
        backup(&w, 0, 10 * i, 10 * i + 10);
    backup(&w, 1, 0, 10);
    backup(&w, 0, 90, 95);
    revoke_writer(&w, 0, 2, &w.owner);
    assert_ok(vault_snapshots(w.v, &list, report, &r, e));
    assert_int_equal(list.count, 3);
    assert_int_equal(list.items[0].seq, 1);
    assert_int_equal(list.items[1].seq, 2);
    assert_int_equal(list.items[2].seq, 5);
    assert_int_equal(list.refused, 3);
    assert_int_equal(r.count, 0); /* no damage */
    snapshot_list_done(&list);
    assert_ok(vault_check(w.v, report, &r, &stats, e));
    assert_int_equal(r.count, 0);
    assert_int_equal(stats.refused, 3);
    world_close(&w);
}

/* What only refused records, or no record at all, refer to. */
static void nobody_builds_upon_what_was_not_accepted(void **state)
{
    (void)state;
    struct world w;
    for (int shared = 0; shared < 2; shared++) {
        world_open(&w, WORLD_MEM, shared);
        backup(&w, 0, 0, 10);
        backup(&w, 0, 100, 110);
        struct session *s = session_start(&w, 0, 0);
        for (uint64_t i = 200; i < 205; i++)
            assert_int_equal(chunk_put(s, i, FRAME_DATA, NULL), 1);
        assert_ok(session_flush(s, e));
        session_end(s);
        world_reopen(&w);
        if (!shared)
            succeed(&w, 1, w.writer[0]);
        assert_int_equal(may_refer(&w, 1, 0, 10), 10);
        assert_int_equal(may_refer(&w, 1, 100, 110), 10);
        assert_int_equal(may_refer(&w, 1, 200, 205), 5);
        revoke_writer(&w, 0, 1, &w.owner);
        assert_int_equal(may_refer(&w, 1, 0, 10), 10);
        assert_int_equal(may_refer(&w, 1, 100, 110), 0);
        assert_int_equal(may_refer(&w, 1, 200, 205), 0);
        backup(&w, 1, 0, 205); /* stores again what it may not refer to */
        assert_int_equal(may_refer(&w, 1, 0, 205), 205);
        world_reopen(&w);
        assert_int_equal(may_refer(&w, 1, 0, 205), 205);
        world_close(&w);
    }
}

static void only_the_owner_revokes(void **state)
{
    (void)state;
    struct world w;
    struct reports r = {0};
    struct snapshot_list list = {0};
    struct session *s;
    struct err why = ERR_INIT;
    struct vault_check_stats stats;
    world_open(&w, WORLD_MEM, false);
    backup(&w, 0, 0, 5);
    revoke_writer(&w, 0, 0, &w.key[1]);
    /* It is reported, costs no snapshot, and stops who adds. */
    assert_ok(vault_snapshots(w.v, &list, report, &r, e));
    assert_int_equal(list.count, 1);
    assert_int_equal(r.count, 1);
    assert_string_equal(r.object, "revoked/11111111111111111111111111111111");
    snapshot_list_done(&list);
    assert_int_equal(session_try(&w, 1, 0, &s, &why), -1);
    assert_int_equal(why.cls, ERR_DAMAGED);
    r = (struct reports){0};
    assert_ok(vault_check(w.v, report, &r, &stats, e));
    assert_int_equal(r.count, 1);
    world_close(&w);
}

/* ---- sessions sealed anew ------------------------------------------------------------------ */

static void put_resealed(struct world *w, const uint8_t session[UID_BYTES], int writer,
                         uint64_t generation)
{
    struct buf b = {0};
    char name[RESEALED_NAME_BYTES], hex[2 * UID_BYTES + 1];
    static const uint8_t boxes[112];
    hex_encode(session, UID_BYTES, hex);
    (void)snprintf(name, sizeof name, "%s-%016llx", hex, (unsigned long long)generation);
    object_head_put(&b, "abri.RES");
    buf_put(&b, vault_get_info(w->v)->id, UID_BYTES);
    buf_put(&b, session, UID_BYTES);
    buf_put(&b, w->writer[writer], UID_BYTES);
    buf_put_u64(&b, generation);
    buf_put(&b, boxes, 32);
    buf_put_u32(&b, 1);
    buf_put(&b, boxes, 112);
    put_signed_object(w, VAULT_RESEALED, name, &b, &w->owner, "resealed");
}

static void what_the_owner_sealed_anew_stands_for_the_original(void **state)
{
    (void)state;
    struct world w;
    struct reports r = {0};
    struct snapshot_list list = {0};
    struct vault_check_stats stats;
    uint8_t writer[UID_BYTES];
    char name[RESEALED_NAME_BYTES], hex[2 * UID_BYTES + 1];
    world_open(&w, WORLD_MEM, false);
    backup(&w, 0, 0, 5);
    assert_ok(vault_snapshots(w.v, &list, NULL, NULL, e));
    const uint8_t *session = list.items[0].session;
    assert_int_equal(vault_resealed_find(w.v, session, false, name, NULL), 0);
    put_resealed(&w, session, 0, 2);
    put_resealed(&w, session, 0, 0x12);
    assert_int_equal(vault_resealed_find(w.v, session, false, name, NULL), 0);
    assert_int_equal(vault_resealed_find(w.v, session, true, name, NULL), 1);
    assert_string_equal(name + 33, "0000000000000012");
    hex_encode(session, UID_BYTES, hex);
    assert_ok(vault_remove_object(w.v, VAULT_SESSION, hex, e));
    assert_ok(vault_session_writer(w.v, session, writer, e));
    assert_memory_equal(writer, w.writer[0], UID_BYTES);
    assert_ok(vault_check(w.v, report, &r, &stats, e));
    assert_int_equal(r.count, 0);
    assert_ok(vault_remove_object(w.v, VAULT_RESEALED, name, e));
    (void)snprintf(name + 33, sizeof name - 33, "%016llx", 2ULL);
    assert_ok(vault_remove_object(w.v, VAULT_RESEALED, name, e));
    world_reopen(&w);
    assert_err(vault_session_writer(w.v, session, writer, e), ERR_NOT_FOUND);
    assert_ok(vault_check(w.v, report, &r, &stats, e));
    assert_int_equal(r.count, 1);
    snapshot_list_done(&list);
    world_close(&w);
}

static void a_session_sealed_anew_for_another_writer_is_damage(void **state)
{
    (void)state;
    struct world w;
    struct reports r = {0};
    struct snapshot_list list = {0};
    struct vault_check_stats stats;
    char hex[2 * UID_BYTES + 1];
    world_open(&w, WORLD_MEM, false);
    backup(&w, 0, 0, 5);
    assert_ok(vault_snapshots(w.v, &list, NULL, NULL, e));
    put_resealed(&w, list.items[0].session, 1, 2);
    hex_encode(list.items[0].session, UID_BYTES, hex);
    assert_ok(vault_remove_object(w.v, VAULT_SESSION, hex, e));
    assert_ok(vault_check(w.v, report, &r, &stats, e));
    assert_int_equal(r.count, 1);
    assert_non_null(strstr(r.message, "another writer"));
    snapshot_list_done(&list);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_successor_refers_to_what_its_predecessor_stored),
        cmocka_unit_test(circles_and_loose_ends_do_no_harm),
        cmocka_unit_test(a_revoked_writer_begins_and_ends_no_session),
        cmocka_unit_test(later_records_are_left_out_and_counted),
        cmocka_unit_test(nobody_builds_upon_what_was_not_accepted),
        cmocka_unit_test(only_the_owner_revokes),
        cmocka_unit_test(what_the_owner_sealed_anew_stands_for_the_original),
        cmocka_unit_test(a_session_sealed_anew_for_another_writer_is_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
