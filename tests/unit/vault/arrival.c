/* SPDX-License-Identifier: Apache-2.0 */
/* Packs that come over a wire: honest ones arrive however they are cut, nothing else gets a name. */
#include "world.h"

#include "base/mem.h"
#include "vault/keeper.h"
#include "vault/parity.h"
#include "vault/session_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- packs made by hand ------------------------------------------------------------------------ */

struct spec { /* zeros: an honest pack of three frames of writer 0 */
    unsigned frames; /* 0: three */
    bool empty, origins, section, two_footers;
    bool other_vault, other_writer, other_session; /* in the header */
    int foreign_frame; /* this one (from 1) is of another session, … */
    int meta_frame;    /* … or of another kind, … */
    int big_frame;     /* … or announces more than there is */
};

struct made {
    struct buf bytes;
    uint8_t id[ID_BYTES];
};

static uint8_t session[UID_BYTES] = {0x5e, 1};

static void put_frame(const struct spec *s, unsigned i, struct made *m, struct buf *rows)
{
    uint8_t frame[CHUNK_ROOM], encoded[PACK_ROW_BYTES];
    struct frame f = {.kind = (int)i + 1 == s->meta_frame ? FRAME_META : FRAME_DATA, .nonce = i + 1};
    uint32_t len = chunk_make(i, frame);
    struct pack_row row = {.offset = (uint32_t)m->bytes.len, .len = len, .kind = f.kind};
    chunk_id(i, f.id);
    memcpy(f.session, session, UID_BYTES);
    f.session[5] ^= (int)i + 1 == s->foreign_frame;
    frame_header_encode(&f, len + ((int)i + 1 == s->big_frame ? 1000000 : 0), frame);
    memcpy(row.id, f.id, ID_BYTES);
    hash_bytes(frame, FRAME_HEADER_BYTES + len, row.hash);
    pack_row_encode(&row, encoded);
    buf_put(rows, encoded, sizeof encoded);
    buf_put(&m->bytes, frame, FRAME_HEADER_BYTES + len);
}

static void put_section(struct buf *footer)
{
    put_u32(footer->data + 12, 2); /* of sections, behind magic and version */
    buf_put_u32(footer, 77);
    buf_put_u32(footer, 4);
    buf_put_u32(footer, 0);
}

static struct made make(const struct world *w, const struct spec *s)
{
    struct made m = {0};
    CLEANUP(buf_done) struct buf rows = {0}, footer = {0};
    struct pack_header h = {.kind = FRAME_DATA};
    uint8_t header[PACK_HEADER_BYTES], trailer[PACK_TRAILER_BYTES], origin[PACK_ORIGIN_BYTES] = {0};
    unsigned frames = s->empty ? 0 : s->frames ? s->frames : 3;
    memcpy(h.vault, vault_get_info(w->v)->id, UID_BYTES);
    memcpy(h.writer, w->writer[s->other_writer], UID_BYTES);
    memcpy(h.session, session, UID_BYTES);
    h.vault[3] ^= s->other_vault;
    h.session[3] ^= s->other_session;
    pack_header_encode(&h, header);
    buf_put(&m.bytes, header, sizeof header);
    for (unsigned i = 0; i < frames; i++)
        put_frame(s, i, &m, &rows);
    pack_footer_encode(&footer, rows.data, frames, origin, s->origins);
    if (s->section)
        put_section(&footer);
    pack_id(header, footer.data, footer.len, m.id);
    pack_trailer_encode((uint32_t)footer.len, trailer);
    for (int i = 0; i < 1 + s->two_footers; i++) {
        buf_put(&m.bytes, footer.data, footer.len);
        buf_put(&m.bytes, trailer, sizeof trailer);
    }
    return m;
}

/* ---- sending ----------------------------------------------------------------------------------------- */

static struct arrival_params params(const struct world *w, const uint8_t *id, uint64_t len)
{
    struct arrival_params p = {.len = len, .no_parity = true};
    memcpy(p.writer, w->writer[0], UID_BYTES);
    memcpy(p.session, session, UID_BYTES);
    memcpy(p.id, id, ID_BYTES);
    return p;
}

/* In pieces of `piece` bytes, each in a block of its own, so that no byte too many is read. */
static int send(struct world *w, const struct arrival_params *p, const uint8_t *bytes, size_t len, size_t piece,
                struct err *e)
{
    struct arrival *a = NULL;
    if (arrival_begin(w->v, p, &a, e))
        return -1;
    for (size_t at = 0; at < len; at += piece) {
        size_t n = len - at < piece ? len - at : piece;
        uint8_t *block = malloc(n);
        memcpy(block, bytes + at, n);
        int rc = arrival_take(a, block, n, e);
        free(block);
        if (rc) {
            arrival_abort(a);
            return -1;
        }
    }
    return arrival_end(a, e);
}

static void assert_stored(struct world *w, const struct made *m)
{
    char name[PACK_NAME_BYTES];
    size_t len;
    pack_name(m->id, name);
    uint8_t *there = object_bytes(w->store, name, &len);
    assert_int_equal(len, m->bytes.len);
    assert_memory_equal(there, m->bytes.data, len);
    mem_free(there);
}

static void assert_nothing(struct world *w)
{
    size_t count;
    object_names *names = names_below(w->store, "packs", &count);
    assert_int_equal(count, 0);
    mem_free(names);
    if (w->kind == WORLD_DIR) {
        struct store *tmp = NULL;
        char path[SCRATCH_PATH_MAX + 16];
        (void)snprintf(path, sizeof path, "%s/vault/tmp", w->path);
        if (store_dir_open(path, &tmp, NULL))
            return;
        names = names_below(tmp, "", &count);
        assert_int_equal(count, 0);
        mem_free(names);
        store_close(tmp);
    }
}

static void refused(struct world *w, const struct arrival_params *p, const uint8_t *bytes, size_t len,
                    size_t piece, const char *what, size_t where)
{
    struct err e = ERR_INIT;
    if (send(w, p, bytes, len, piece, &e) == 0)
        fail_msg("%s (%zu) was taken", what, where);
    if (e.cls != ERR_DAMAGED && e.cls != ERR_NEWER && e.cls != ERR_LIMIT)
        fail_msg("%s (%zu): %s: %s", what, where, err_class_name(e.cls), e.msg);
    assert_nothing(w);
}

/* ---- tests ------------------------------------------------------------------------------------------- */

static void a_pack_arrives_in_pieces_of_every_size(void **state)
{
    struct world w;
    char name[PACK_NAME_BYTES];
    (void)state;
    world_open(&w, WORLD_MEM, false);
    struct made m = make(&w, &(struct spec){0});
    struct arrival_params p = params(&w, m.id, m.bytes.len);
    pack_name(m.id, name);
    for (size_t piece = 1; piece <= m.bytes.len; piece++) {
        assert_ok(send(&w, &p, m.bytes.data, m.bytes.len, piece, e));
        assert_stored(&w, &m);
        object_free(w.store, name);
    }
    buf_done(&m.bytes);
    world_close(&w);
}

/* What sessions make themselves: of several packs, data and metadata, in one vault; into another
 * that has nothing but the same identity. */
static void what_a_session_makes_arrives(void **state)
{
    struct world w;
    size_t count;
    uint64_t random = 5;
    world_open(&w, *(enum world_kind *)*state, false);
    struct session *s = session_start(&w, 0, 4096);
    for (uint64_t n = 0; n < 60; n++)
        assert_ok(chunk_put(s, n, n % 4 ? FRAME_DATA : FRAME_META, e) < 0);
    assert_ok(session_flush(s, e));
    memcpy(session, s->id, UID_BYTES);
    session_end(s);
    object_names *names = names_below(w.store, "packs", &count);
    assert_true(count > 3);
    for (size_t i = 0; i < count; i++) {
        size_t len;
        struct made m = {0};
        uint8_t *bytes = object_bytes(w.store, names[i], &len);
        buf_put(&m.bytes, bytes, len);
        assert_true(pack_name_decode(names[i], m.id));
        parity_remove(w.v, m.id);
        assert_ok(store_remove(w.store, names[i], e));
        struct arrival_params p = params(&w, m.id, len);
        p.no_parity = i % 2;
        assert_ok(send(&w, &p, bytes, len, 1 + next_random(&random) % 5000, e));
        assert_stored(&w, &m);
        assert_int_equal(parity_exists(w.v, m.id), i % 2 == 0);
        mem_free(bytes);
        buf_done(&m.bytes);
    }
    mem_free(names);
    for (uint64_t n = 0; n < 60; n++)
        assert_true(chunk_reads(w.v, n));
    world_close(&w);
}

static void every_changed_byte_is_refused(void **state)
{
    static const uint8_t flips[] = {1, 0x80, 0xff};
    struct world w;
    (void)state;
    world_open(&w, WORLD_MEM, false);
    struct made m = make(&w, &(struct spec){0});
    struct arrival_params p = params(&w, m.id, m.bytes.len);
    for (size_t i = 0; i < m.bytes.len; i++)
        for (size_t k = 0; k < sizeof flips; k++) {
            m.bytes.data[i] ^= flips[k];
            refused(&w, &p, m.bytes.data, m.bytes.len, 100 + k * 1000, "a changed byte", i);
            m.bytes.data[i] ^= flips[k];
        }
    assert_ok(send(&w, &p, m.bytes.data, m.bytes.len, 77, e));
    buf_done(&m.bytes);
    world_close(&w);
}

static void a_pack_of_another_length_is_refused(void **state)
{
    struct world w;
    struct err why = ERR_INIT;
    world_open(&w, *(enum world_kind *)*state, false);
    struct made m = make(&w, &(struct spec){0});
    size_t len = m.bytes.len;
    struct arrival_params p = params(&w, m.id, len), shorter = p;
    for (size_t n = 0; n < len; n += w.kind == WORLD_DIR ? 50 : 1) { /* cut off, said or not */
        refused(&w, &p, m.bytes.data, n, 500, "a cut pack", n);
        shorter.len = n;
        refused(&w, &shorter, m.bytes.data, n, 500, "a short pack", n);
    }
    buf_put_u8(&m.bytes, 0);
    refused(&w, &p, m.bytes.data, len + 1, len, "more than announced", 0);
    refused(&w, &p, m.bytes.data, len + 1, len + 1, "more than announced, at once", 0);
    p.len++;
    refused(&w, &p, m.bytes.data, len + 1, 500, "a byte more", 0);
    p.len = ARRIVAL_MAX + 1;
    assert_int_equal(send(&w, &p, m.bytes.data, 0, 1, &why), -1);
    assert_int_equal(why.cls, ERR_LIMIT);
    p.len = UINT64_MAX;
    assert_int_equal(send(&w, &p, m.bytes.data, 0, 1, &why), -1);
    p.len = ARRIVAL_MAX; /* announced, but it is not so long */
    refused(&w, &p, m.bytes.data, len, 500, "less than announced", 0);
    buf_done(&m.bytes);
    world_close(&w);
}

static void what_only_the_keeper_may_write_is_refused(void **state)
{
    static const struct {
        const char *what;
        struct spec spec;
    } cases[] = {
        {"origins", {.origins = true}},
        {"an unknown section", {.section = true}},
        {"two footers", {.two_footers = true}},
        {"no frames", {.empty = true}},
        {"another vault", {.other_vault = true}},
        {"another writer", {.other_writer = true}},
        {"another session", {.other_session = true}},
        {"the first frame of another session", {.foreign_frame = 1}},
        {"the last frame of another session", {.foreign_frame = 3}},
        {"a frame of another kind", {.meta_frame = 2}},
        {"a frame that is longer than it is", {.big_frame = 2}},
    };
    struct world w;
    world_open(&w, *(enum world_kind *)*state, false);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t piece = 1; piece < 10000; piece = piece * 3 + 1) {
            struct made m = make(&w, &cases[i].spec);
            struct arrival_params p = params(&w, m.id, m.bytes.len);
            refused(&w, &p, m.bytes.data, m.bytes.len, piece, cases[i].what, piece);
            buf_done(&m.bytes);
        }
    world_close(&w);
}

static void the_name_must_be_its_own(void **state)
{
    struct world w;
    (void)state;
    world_open(&w, WORLD_MEM, false);
    struct made m = make(&w, &(struct spec){0}), other = make(&w, &(struct spec){.frames = 2});
    for (size_t i = 0; i < ID_BYTES; i++) {
        struct arrival_params p = params(&w, m.id, m.bytes.len);
        p.id[i] ^= 1;
        refused(&w, &p, m.bytes.data, m.bytes.len, 999, "another name", i);
    }
    struct arrival_params p = params(&w, other.id, m.bytes.len);
    refused(&w, &p, m.bytes.data, m.bytes.len, 999, "the name of another pack", 0);
    for (size_t i = 0; i < UID_BYTES; i++) { /* who and when are compared whole */
        p = params(&w, m.id, m.bytes.len);
        p.writer[i] ^= 1;
        refused(&w, &p, m.bytes.data, m.bytes.len, 999, "another writer", i);
        p = params(&w, m.id, m.bytes.len);
        p.session[i] ^= 1;
        refused(&w, &p, m.bytes.data, m.bytes.len, 999, "another session", i);
    }
    buf_done(&m.bytes);
    buf_done(&other.bytes);
    world_close(&w);
}

static void after_an_error_nothing_more_is_taken(void **state)
{
    struct world w;
    struct arrival *a = NULL;
    struct err why = ERR_INIT;
    (void)state;
    world_open(&w, WORLD_MEM, false);
    struct made m = make(&w, &(struct spec){0});
    struct arrival_params p = params(&w, m.id, m.bytes.len);
    m.bytes.data[0] ^= 1;
    assert_ok(arrival_begin(w.v, &p, &a, e));
    assert_int_equal(arrival_take(a, m.bytes.data, 100, &why), -1);
    m.bytes.data[0] ^= 1;
    assert_int_equal(arrival_take(a, m.bytes.data, m.bytes.len, &why), -1);
    assert_int_equal(why.cls, ERR_USAGE);
    assert_int_equal(arrival_end(a, &why), -1);
    arrival_abort(NULL);
    assert_nothing(&w);
    buf_done(&m.bytes);
    world_close(&w);
}

/* Memory and disk are taken for what was announced and can be, not for what comes. */
static void what_is_too_much_is_refused_when_it_comes(void **state)
{
    struct world w;
    struct arrival *a = NULL;
    struct err why = ERR_INIT;
    static uint8_t zeros[1000];
    (void)state;
    world_open(&w, WORLD_MEM, false);
    struct made m = make(&w, &(struct spec){0});
    struct arrival_params p = params(&w, m.id, PACK_HEADER_BYTES + PACK_TRAILER_BYTES - 1);
    assert_err(arrival_begin(w.v, &p, &a, e), ERR_LIMIT);
    p.len = ARRIVAL_MAX + 1;
    assert_err(arrival_begin(w.v, &p, &a, e), ERR_LIMIT);
    p.len = 200; /* and then more */
    assert_ok(arrival_begin(w.v, &p, &a, e));
    assert_ok(arrival_take(a, m.bytes.data, 200, e));
    assert_err(arrival_take(a, m.bytes.data + 200, 1, e), ERR_DAMAGED);
    arrival_abort(a);
    p.len = ARRIVAL_MAX; /* a footer without end */
    size_t footer = m.bytes.len - PACK_TRAILER_BYTES - 12 - 12 - 3 * PACK_ROW_BYTES;
    while (memcmp(m.bytes.data + footer, "abri.FOT", 8) != 0)
        footer++;
    assert_ok(arrival_begin(w.v, &p, &a, e));
    assert_ok(arrival_take(a, m.bytes.data, footer + 8, e));
    int rc = 0;
    for (int i = 0; !rc && i < 3; i++)
        rc = arrival_take(a, zeros, sizeof zeros, &why);
    assert_int_equal(rc, -1);
    assert_int_equal(why.cls, ERR_DAMAGED);
    arrival_abort(a);
    assert_nothing(&w);
    buf_done(&m.bytes);
    world_close(&w);
}

static void who_comes_second_finds_it_there(void **state)
{
    struct world w;
    struct arrival *a = NULL, *b = NULL;
    world_open(&w, *(enum world_kind *)*state, false);
    struct made m = make(&w, &(struct spec){0});
    struct arrival_params p = params(&w, m.id, m.bytes.len);
    assert_ok(arrival_begin(w.v, &p, &a, e));
    assert_ok(arrival_begin(w.v, &p, &b, e));
    assert_ok(arrival_take(a, m.bytes.data, m.bytes.len, e));
    assert_ok(arrival_take(b, m.bytes.data, m.bytes.len, e));
    assert_ok(arrival_end(b, e));
    assert_ok(arrival_end(a, e)); /* another that was faster is fine */
    assert_stored(&w, &m);
    assert_err(arrival_begin(w.v, &p, &a, e), ERR_EXISTS);
    buf_done(&m.bytes);
    world_close(&w);
}

/* What was answered survives: begin says that it is there, and end that it came, only when its name is durable. */
static void it_is_durable_when_it_says_so(void **state)
{
    (void)state;
    for (int named = 0; named < 2; named++) {
        struct world w;
        struct store *cut;
        world_open(&w, WORLD_MEM, false);
        struct made m = make(&w, &(struct spec){0});
        struct arrival_params p = params(&w, m.id, m.bytes.len);
        char name[PACK_NAME_BYTES];
        pack_name(m.id, name);
        if (named) { /* somebody named it, and died before the sync */
            assert_ok(store_put(w.store, name, m.bytes.data, m.bytes.len, e));
            assert_err(send(&w, &p, m.bytes.data, m.bytes.len, 999, e), ERR_EXISTS);
        } else {
            assert_ok(send(&w, &p, m.bytes.data, m.bytes.len, 999, e));
        }
        assert_ok(store_mem_power_cut(w.store, 1, STORE_CUT_LOST, &cut, e));
        world_move(&w, cut);
        assert_stored(&w, &m);
        buf_done(&m.bytes);
        world_close(&w);
    }
}

/* Every operation of the store fails once, before or after it was done. */
static void a_store_that_fails_is_told(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        bool done = false;
        for (uint64_t n = 1; !done; n++) {
            struct world w;
            struct store *faulty;
            struct vault *v = NULL;
            struct err why = ERR_INIT;
            world_open(&w, WORLD_MEM, false);
            assert_ok(store_fault_open(w.store, &faulty, e));
            assert_ok(vault_open(faulty, &v, e));
            struct made m = make(&w, &(struct spec){0});
            struct arrival_params p = params(&w, m.id, m.bytes.len);
            struct world far = w;
            far.v = v;
            store_fault_plan(faulty, &(struct store_fault_plan){.fail_at = n, .fail_errno = ENOSPC, .fail_late = late});
            int rc = send(&far, &p, m.bytes.data, m.bytes.len, 500, &why);
            done = store_fault_counts(faulty).ops[0] < n;
            if (rc)
                assert_int_equal(why.cls, ERR_NO_SPACE);
            else
                assert_stored(&w, &m);
            assert_true(!done || rc == 0);
            store_fault_plan(faulty, NULL);
            if (rc && send(&far, &p, m.bytes.data, m.bytes.len, 500, &why))
                assert_int_equal(why.cls, ERR_EXISTS); /* it was named */
            assert_stored(&w, &m);
            vault_close(v);
            store_close(faulty);
            buf_done(&m.bytes);
            world_close(&w);
        }
    }
}

static void without_memory_it_is_refused_and_may_be_sent_again(void **state)
{
    struct world w;
    int rc = -1;
    (void)state;
    world_open(&w, WORLD_MEM, false);
    struct made m = make(&w, &(struct spec){.frames = 30});
    struct arrival_params p = params(&w, m.id, m.bytes.len);
    for (uint64_t n = 1; rc; n++) {
        struct err e = ERR_INIT;
        mem_fail_nth(n);
        rc = send(&w, &p, m.bytes.data, m.bytes.len, m.bytes.len, &e);
        mem_fail_nth(0);
        if (rc && e.cls == ERR_EXISTS)
            break;
        if (rc)
            assert_int_equal(e.cls, ERR_NO_MEMORY);
    }
    assert_stored(&w, &m);
    buf_done(&m.bytes);
    world_close(&w);
}

int main(void)
{
    static enum world_kind mem = WORLD_MEM, dir = WORLD_DIR;
#define BOTH(name)                                                                                 \
    {#name " (memory)", name, NULL, NULL, &mem}, {#name " (directory)", name, NULL, NULL, &dir}
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pack_arrives_in_pieces_of_every_size),
        BOTH(what_a_session_makes_arrives),
        cmocka_unit_test(every_changed_byte_is_refused),
        BOTH(a_pack_of_another_length_is_refused),
        BOTH(what_only_the_keeper_may_write_is_refused),
        cmocka_unit_test(the_name_must_be_its_own),
        cmocka_unit_test(after_an_error_nothing_more_is_taken),
        cmocka_unit_test(what_is_too_much_is_refused_when_it_comes),
        BOTH(who_comes_second_finds_it_there),
        cmocka_unit_test(it_is_durable_when_it_says_so),
        cmocka_unit_test(a_store_that_fails_is_told),
        cmocka_unit_test(without_memory_it_is_refused_and_may_be_sent_again),
    };
    return cmocka_run_group_tests_name("vault/arrival", tests, NULL, NULL);
}
