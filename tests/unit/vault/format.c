/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of the format: what is encoded decodes to the same, and hostile
 * bytes are refused without harm. Random cases print their seed. */
#include "world.h"

#include "base/clock.h"
#include "base/mem.h"
#include "vault/certificate_format.h"
#include "vault/config_format.h"
#include "vault/object_head.h"
#include "vault/record_format.h"
#include "vault/refset_format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t seed;

static int choose_seed(void **state)
{
    (void)state;
    const char *given = getenv("ABRI_TEST_SEED");
    seed = given ? strtoull(given, NULL, 0) : (uint64_t)clock_realtime_ns();
    print_message("ABRI_TEST_SEED=%lu\n", (unsigned long)seed);
    return sign_init(NULL);
}

/* ---- pack ------------------------------------------------------------------------ */

static void pack_headers_and_names(void **state)
{
    (void)state;
    uint8_t bytes[PACK_HEADER_BYTES];
    struct pack_header h = {.kind = FRAME_META, .vault = {1}, .session = {2}, .writer = {3}}, back;
    pack_header_encode(&h, bytes);
    assert_memory_equal(bytes, "abri.PAK\1\0\0\0\2\0\0\0\1", 17);
    assert_ok(pack_header_decode(bytes, sizeof bytes, &back, e));
    assert_memory_equal(&h, &back, sizeof h);
    assert_err(pack_header_decode(bytes, 63, &back, e), ERR_DAMAGED);
    bytes[8] = 2;
    assert_err(pack_header_decode(bytes, sizeof bytes, &back, e), ERR_NEWER);
    bytes[8] = 0;
    assert_err(pack_header_decode(bytes, sizeof bytes, &back, e), ERR_DAMAGED);
    bytes[8] = 1;
    bytes[12] = 3;
    assert_err(pack_header_decode(bytes, sizeof bytes, &back, e), ERR_DAMAGED);

    uint8_t id[ID_BYTES] = {0xab, 0xcd}, again[ID_BYTES];
    char name[PACK_NAME_BYTES];
    pack_name(id, name);
    assert_true(strncmp(name, "packs/ab/abcd00", 15) == 0);
    assert_true(pack_name_decode(name, again));
    assert_memory_equal(id, again, ID_BYTES);
    name[6] = 'b';
    assert_false(pack_name_decode(name, again));
    assert_false(pack_name_decode("packs/ab/ab", again));
}

static void frame_headers_notice_every_flip(void **state)
{
    (void)state;
    uint8_t bytes[FRAME_HEADER_BYTES];
    struct frame f = {.kind = FRAME_DATA, .id = {7}, .session = {8}, .nonce = 9}, back;
    uint32_t len;
    frame_header_encode(&f, 1234, bytes);
    assert_ok(frame_header_decode(bytes, sizeof bytes, &back, &len, e));
    assert_int_equal(len, 1234);
    assert_int_equal(back.nonce, 9);
    assert_memory_equal(back.id, f.id, ID_BYTES);
    assert_memory_equal(back.session, f.session, UID_BYTES);
    for (size_t bit = 0; bit < 8 * sizeof bytes; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_err(frame_header_decode(bytes, sizeof bytes, &back, &len, e), ERR_DAMAGED);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    frame_header_encode(&f, FRAME_SEALED_MAX + 1, bytes);
    assert_err(frame_header_decode(bytes, sizeof bytes, &back, &len, e), ERR_DAMAGED);
    frame_header_encode(&f, 20, bytes);
    assert_err(frame_header_decode(bytes, sizeof bytes, &back, &len, e), ERR_DAMAGED);
}

/* Rows of `count` frames with lengths from `state`; where the frames end. */
static uint64_t make_rows(uint8_t *rows, uint32_t count, uint64_t *state)
{
    uint64_t at = PACK_HEADER_BYTES;
    for (uint32_t i = 0; i < count; i++) {
        struct pack_row row = {.kind = FRAME_DATA};
        row.offset = (uint32_t)at;
        row.len = FRAME_SEALED_MIN + (uint32_t)(next_random(state) % 1000);
        chunk_id(next_random(state), row.id);
        chunk_id(next_random(state), row.hash);
        pack_row_encode(&row, rows + (size_t)i * PACK_ROW_BYTES);
        at += FRAME_HEADER_BYTES + row.len;
    }
    return at;
}

static void footers_are_gapless_and_of_one_kind(void **state)
{
    (void)state;
    uint64_t random = seed;
    uint8_t rows[20 * PACK_ROW_BYTES];
    for (uint32_t count = 0; count <= 20; count++) {
        CLEANUP(buf_done) struct buf b = {0};
        struct pack_footer f;
        struct pack_row row, again;
        uint64_t end = make_rows(rows, count, &random);
        pack_footer_encode(&b, rows, count, NULL, 0);
        assert_ok(pack_footer_decode(b.data, b.len, end, FRAME_DATA, &f, e));
        assert_int_equal(f.count, count);
        assert_memory_equal(f.rows, rows, count * PACK_ROW_BYTES);
        assert_err(pack_footer_decode(b.data, b.len, end + 1, FRAME_DATA, &f, e), ERR_DAMAGED);
        for (size_t cut = 0; cut < b.len; cut++) /* copies, so that ASan sees a step too far */
        {
            CLEANUP_FREE uint8_t *part = mem_dup(b.data, cut);
            assert_true(pack_footer_decode(part, cut, end, FRAME_DATA, &f, NULL) == -1);
        }
        if (!count)
            continue;
        assert_err(pack_footer_decode(b.data, b.len, end - 1, FRAME_DATA, &f, e), ERR_DAMAGED);
        assert_err(pack_footer_decode(b.data, b.len, end, FRAME_META, &f, e), ERR_DAMAGED);
        uint8_t *last = b.data + b.len - PACK_ROW_BYTES;
        pack_row_decode(last, &row);
        again = row;
        again.offset -= 1; /* overlaps */
        pack_row_encode(&again, last);
        assert_err(pack_footer_decode(b.data, b.len, end, FRAME_DATA, &f, e), ERR_DAMAGED);
        again = row;
        again.len = UINT32_MAX - 71; /* wraps around */
        pack_row_encode(&again, last);
        assert_err(pack_footer_decode(b.data, b.len, end, FRAME_DATA, &f, e), ERR_DAMAGED);
    }
}

static void put_section(struct buf *b, uint32_t type, const void *p, uint32_t len)
{
    buf_put_u32(b, type);
    buf_put_u32(b, len);
    buf_put(b, p, len);
}

/* Footers that this version does not write, but must know how to read. */
static void footers_skip_unknown_sections_and_refuse_required_ones(void **state)
{
    (void)state;
    uint64_t random = seed;
    uint8_t row[PACK_ROW_BYTES], origin[PACK_ORIGIN_BYTES] = {0};
    uint64_t end = make_rows(row, 1, &random);
    struct pack_footer f;
    for (int variant = 0; variant < 7; variant++) {
        CLEANUP(buf_done) struct buf b = {0};
        object_head_put(&b, "abri.FOT");
        buf_put_u32(&b, 2);
        if (variant != 3)
            put_section(&b, 1, row, sizeof row);
        if (variant == 0)
            put_section(&b, 7, "unknown", 7);
        if (variant == 1)
            put_section(&b, 0x80000007, "required", 8);
        if (variant == 2)
            put_section(&b, 1, row, sizeof row);
        if (variant == 3) {
            put_section(&b, 8, "x", 1);
            put_section(&b, 9, "y", 1);
        }
        if (variant >= 4) {
            put_u32(origin, variant == 5); /* ordinal 1: there is none */
            put_section(&b, 2, origin, variant == 6 ? 39 : 40);
        }
        struct err e_ = ERR_INIT;
        int rc = pack_footer_decode(b.data, b.len, end, FRAME_DATA, &f, &e_);
        if (variant == 0 || variant == 4)
            assert_int_equal(rc, 0);
        else
            assert_int_equal(e_.cls, variant == 1 ? ERR_NEWER : ERR_DAMAGED);
    }
    uint8_t trailer[PACK_TRAILER_BYTES];
    uint32_t len;
    pack_trailer_encode(UINT32_MAX, trailer);
    assert_err(pack_trailer_decode(trailer, 1000, &len, e), ERR_DAMAGED);
    assert_err(pack_trailer_decode(trailer, UINT64_C(1) << 33, &len, e), ERR_DAMAGED);
    pack_trailer_encode(UINT32_MAX - 80, trailer);
    assert_err(pack_trailer_decode(trailer, UINT32_MAX, &len, e), ERR_LIMIT);
}

/* ---- vault and keeper -------------------------------------------------------------- */

static void configs_round_trip_and_notice_every_flip(void **state)
{
    (void)state;
    struct sign_key owner, keeper, back_key;
    struct vault_info info = {.id = {1, 2}, .created_ns = -5, .shared = true}, back;
    uint8_t bytes[CONFIG_BYTES], key_bytes[KEEPER_BYTES];
    sign_key_new(&owner);
    sign_key_new(&keeper);
    memcpy(info.owner_pk, owner.public_key, SIGN_PUBLIC_BYTES);
    memcpy(info.keeper_pk, keeper.public_key, SIGN_PUBLIC_BYTES);
    info.chunking = (struct vault_chunking){1, 2, 3, 4, 5, 6, 7, 8};
    config_encode(&info, &owner, bytes);
    assert_ok(config_decode(bytes, sizeof bytes, &back, e));
    assert_memory_equal(&info.chunking, &back.chunking, sizeof info.chunking);
    assert_true(back.shared);
    assert_int_equal(back.created_ns, -5);
    keeper_encode(&keeper, key_bytes);
    assert_ok(keeper_decode(key_bytes, sizeof key_bytes, &back_key, e));
    assert_memory_equal(&keeper, &back_key, sizeof keeper);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] ^= 4;
        assert_true(config_decode(bytes, sizeof bytes, &back, NULL) == -1);
        bytes[i] ^= 4;
        assert_true(config_decode(bytes, i, &back, NULL) == -1);
    }
    for (size_t i = 0; i < sizeof key_bytes; i++) {
        key_bytes[i] ^= 4;
        assert_true(keeper_decode(key_bytes, sizeof key_bytes, &back_key, NULL) == -1);
        key_bytes[i] ^= 4;
    }
    bytes[100] |= 2; /* a flag of the future, rightly signed */
    sign_make(&owner, "vault", bytes, 136, bytes + 136);
    assert_err(config_decode(bytes, sizeof bytes, &back, e), ERR_NEWER);
}

/* ---- reference sets -------------------------------------------------------------------- */

static void random_refset(uint64_t *random, struct refset *r)
{
    r->count = (size_t)(next_random(random) % 6);
    r->packs = mem_array(r->count, sizeof *r->packs);
    for (size_t i = 0; i < r->count; i++) {
        struct refset_pack *p = &r->packs[i];
        p->pack[0] = (uint8_t)(i * 2 + 1);
        chunk_id(next_random(random), p->pack + 0);
        p->pack[0] = (uint8_t)(i * 2 + 1); /* ascending */
        p->frame_count = 1 + (uint32_t)(next_random(random) % 300);
        p->bits = mem_zalloc(p->frame_count / 8 + 1);
        unsigned shape = (unsigned)(next_random(random) % 4);
        for (uint32_t k = 0; k < p->frame_count; k++) {
            bool set = shape == 0   ? true
                       : shape == 1 ? next_random(random) % 2
                       : shape == 2 ? next_random(random) % 20 != 0
                                    : next_random(random) % 20 == 0;
            if (set || k == 0)
                refset_bit_set(p->bits, k);
        }
    }
}

static void refsets_round_trip(void **state)
{
    (void)state;
    uint64_t random = seed;
    for (int round = 0; round < 300; round++) {
        struct refset r, back;
        CLEANUP(buf_done) struct buf b = {0};
        random_refset(&random, &r);
        refset_encode(&b, r.packs, r.count);
        assert_ok(refset_decode(b.data, b.len, &back, e));
        assert_int_equal(back.count, r.count);
        for (size_t i = 0; i < r.count; i++) {
            assert_memory_equal(back.packs[i].pack, r.packs[i].pack, ID_BYTES);
            assert_int_equal(back.packs[i].frame_count, r.packs[i].frame_count);
            assert_memory_equal(back.packs[i].bits, r.packs[i].bits,
                                r.packs[i].frame_count / 8 + 1);
        }
        for (size_t cut = 0; cut < b.len; cut++) {
            CLEANUP_FREE uint8_t *part = mem_dup(b.data, cut);
            struct refset none;
            assert_true(refset_decode(part, cut, &none, NULL) == -1);
        }
        refset_done(&r);
        refset_done(&back);
    }
}

/* Whatever the bytes: no crash; and what is accepted means something. */
static void refsets_survive_mutation(void **state)
{
    (void)state;
    uint64_t random = seed + 1;
    for (int round = 0; round < 3000; round++) {
        struct refset r, back;
        CLEANUP(buf_done) struct buf b = {0};
        random_refset(&random, &r);
        refset_encode(&b, r.packs, r.count);
        refset_done(&r);
        for (int i = 0; i < 1 + round % 4; i++)
            b.data[next_random(&random) % b.len] ^= (uint8_t)(1u << next_random(&random) % 8);
        if (refset_decode(b.data, b.len, &back, NULL) == 0) {
            CLEANUP(buf_done) struct buf again = {0};
            refset_encode(&again, back.packs, back.count);
            assert_ok(buf_check(&again, "again", e));
            refset_done(&back);
        }
    }
}

static void refsets_cannot_claim_all_memory(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf b = {0};
    uint32_t packs = 4000;
    buf_put_varint(&b, packs);
    for (uint32_t i = 0; i < packs; i++) {
        uint8_t id[ID_BYTES] = {(uint8_t)(i >> 8), (uint8_t)i};
        buf_put(&b, id, sizeof id);
        buf_put_varint(&b, PACK_FRAMES_MAX);
        buf_put_varint(&b, 0);
    }
    struct refset r;
    assert_err(refset_decode(b.data, b.len, &r, e), ERR_LIMIT);
    static const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
    assert_err(refset_decode(huge, sizeof huge, &r, e), ERR_DAMAGED);
}

/* ---- records ------------------------------------------------------------------------------ */

static void records_round_trip(void **state)
{
    (void)state;
    struct sign_key key;
    CLEANUP(buf_done) struct buf b = {0}, tags = {0};
    sign_key_new(&key);
    buf_put_blob(&tags, "one", 3);
    buf_put_blob(&tags, "two", 3);
    struct record_w w =
                        {
                            .vault = {1},
                            .writer = {2},
                            .session = {3},
                            .sequence = 4,
                            .previous = {5},
                            .client_time_ns = -6,
                            .group = {7},
                            .files = 8,
                            .bytes = 9,
                            .added_bytes = 10,
                            .suspicion = 11,
                            .flags = RECORD_INCOMPLETE,
                            .machine = (const uint8_t *)"m",
                            .machine_len = 1,
                            .tags = tags.data,
                            .tags_len = tags.len,
                            .tag_count = 2,
                            .refs_hash = {12},
                            .root_nonce = 13,
                            .root_id = {14},
                            .root = (const uint8_t *)"root",
                            .root_len = 4,
                        },
                    back;
    record_w_put(&b, &w, &key);
    assert_ok(record_w_decode(b.data, b.len, &back, e));
    assert_true(record_w_is_signed(b.data, b.len, key.public_key));
    assert_int_equal(back.client_time_ns, -6);
    assert_int_equal(back.tag_count, 2);
    assert_int_equal(back.tags_len, tags.len);
    assert_memory_equal(back.root, "root", 4);
    assert_memory_equal(back.root_id, w.root_id, ID_BYTES);
    for (size_t i = 0; i < b.len; i++) {
        CLEANUP_FREE uint8_t *part = mem_dup(b.data, i);
        assert_true(record_w_decode(part, i, &back, NULL) == -1);
        b.data[i] ^= 1;
        assert_false(record_w_is_signed(b.data, b.len, key.public_key));
        (void)!record_w_decode(b.data, b.len, &back, NULL);
        b.data[i] ^= 1;
    }
    CLEANUP(buf_done) struct buf kb = {0};
    struct record_k k = {.sequence = 1, .received_ns = 2, .previous = {3}, .snapshot = {4}}, k2;
    record_k_put(&kb, &k, &key);
    assert_int_equal(kb.len, RECORD_KEEPER_BYTES);
    assert_ok(record_k_decode(kb.data, kb.len, &k2, e));
    assert_memory_equal(&k, &k2, sizeof k);
    assert_true(record_k_is_signed(kb.data, kb.len, key.public_key));
    kb.data[8] ^= 1;
    assert_false(record_k_is_signed(kb.data, kb.len, key.public_key));
}

static void record_heads_must_fit(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf b = {0};
    struct record_head h = {300, RECORD_KEEPER_BYTES, 50}, back;
    record_head_put(&b, &h);
    assert_int_equal(b.len, RECORD_HEAD_BYTES);
    assert_ok(record_head_decode(b.data, b.len, 24 + 300 + 144 + 50, &back, e));
    assert_err(record_head_decode(b.data, b.len, 24 + 300 + 144 + 51, &back, e), ERR_DAMAGED);
    assert_err(record_head_decode(b.data, 23, 24 + 300 + 144 + 50, &back, e), ERR_DAMAGED);
    put_u32(b.data + 12, UINT32_MAX);
    assert_err(record_head_decode(b.data, b.len, UINT64_C(24) + UINT32_MAX + 144 + 50, &back, e),
               ERR_DAMAGED);
    uint64_t sequence;
    char name[RECORD_NAME_BYTES];
    record_name(0x1234, name);
    assert_string_equal(name, "snapshots/0000000000001234");
    assert_true(record_name_decode(name, &sequence) && sequence == 0x1234);
    assert_false(record_name_decode("snapshots/0000000000000000", &sequence));
    assert_false(record_name_decode("snapshots/000000000000001", &sequence));
    assert_false(record_name_decode("snapshots/00000000000000gg", &sequence));
}

/* ---- index ----------------------------------------------------------------------------------- */

static void index_headers_notice_every_flip(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf b = {0};
    uint8_t packs[2 * INDEX_PACK_BYTES];
    struct index_pack p = {.id = {1}, .writer = {2}, .frame_count = 3, .kind = FRAME_META}, p2;
    index_pack_encode(&p, packs);
    index_pack_encode(&p, packs + INDEX_PACK_BYTES);
    index_pack_decode(packs, &p2);
    assert_memory_equal(p.id, p2.id, sizeof p.id);
    assert_memory_equal(p.writer, p2.writer, sizeof p.writer);
    assert_true(p2.frame_count == p.frame_count && p2.kind == p.kind && p2.moved_in == p.moved_in);
    struct index_header h = {.pack_count = 2, .entry_count = 86, .vault = {9}}, back;
    index_header_encode(&b, &h, packs);
    assert_int_equal(b.len, 4096);
    uint64_t total = 4096 + 2 * (4096 + 8);
    assert_ok(index_header_decode(b.data, b.len, total, &back, e));
    assert_int_equal(back.block_count, 2);
    assert_err(index_header_decode(b.data, b.len, total + 1, &back, e), ERR_DAMAGED);
    size_t covered = INDEX_HEADER_FIXED + sizeof packs + HASH_BYTES;
    for (size_t i = 0; i < covered; i++) {
        b.data[i] ^= 0x10;
        assert_true(index_header_decode(b.data, b.len, total, &back, NULL) == -1);
        b.data[i] ^= 0x10;
        assert_true(index_header_decode(b.data, i, total, &back, NULL) == -1);
    }
    put_u32(b.data + 12, UINT32_MAX); /* packs beyond the end */
    assert_true(index_header_decode(b.data, b.len, total, &back, NULL) == -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pack_headers_and_names),
        cmocka_unit_test(frame_headers_notice_every_flip),
        cmocka_unit_test(footers_are_gapless_and_of_one_kind),
        cmocka_unit_test(footers_skip_unknown_sections_and_refuse_required_ones),
        cmocka_unit_test(configs_round_trip_and_notice_every_flip),
        cmocka_unit_test(refsets_round_trip),
        cmocka_unit_test(refsets_survive_mutation),
        cmocka_unit_test(refsets_cannot_claim_all_memory),
        cmocka_unit_test(records_round_trip),
        cmocka_unit_test(record_heads_must_fit),
        cmocka_unit_test(index_headers_notice_every_flip),
    };
    return cmocka_run_group_tests_name("vault/format", tests, choose_seed, NULL);
}
