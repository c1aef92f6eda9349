/* SPDX-License-Identifier: Apache-2.0 */
/* A writer's session at a keeper who believes nothing: what is received, and all that is not. */
#include "world.h"

#include "base/mem.h"
#include "vault/condemned.h"
#include "vault/keeper.h"
#include "vault/refset_format.h"
#include "vault/record_format.h"
#include "vault/session_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what a writer sends ------------------------------------------------------------------------- */

struct sent {
    int writer;
    uint8_t session[UID_BYTES];
    struct refset refs; /* all frames of its packs, to be changed */
    struct record_w w;
};

static int by_id(const void *a, const void *b)
{
    return memcmp(a, b, ID_BYTES);
}

static void add_ref(struct refset *r, const uint8_t *id, uint32_t frames)
{
    r->packs = mem_realloc(r->packs, r->count + 1, sizeof *r->packs);
    struct refset_pack *p = &r->packs[r->count++];
    memcpy(p->pack, id, ID_BYTES);
    p->frame_count = frames;
    p->bits = mem_zalloc(frames / 8 + 1);
    memset(p->bits, 0xff, frames / 8);
    for (uint32_t i = frames / 8 * 8; i < frames; i++)
        refset_bit_set(p->bits, i);
    qsort(r->packs, r->count, sizeof *r->packs, by_id);
}

struct packs {
    struct world *w;
    const uint8_t *session;
    struct refset *out;
};
static int take_pack(void *arg, const char *name, uint64_t len, struct err *e)
{
    struct packs *p = arg;
    struct pack_contents c;
    uint8_t id[ID_BYTES];
    (void)len;
    if (!pack_name_decode(name, id))
        return 0;
    int rc = pack_contents_read(p->w->v, id, &c, e);
    if (!rc && memcmp(c.header.session, p->session, UID_BYTES) == 0)
        add_ref(p->out, id, c.footer.count);
    pack_contents_done(&c);
    return rc;
}

/* Packs of chunks [from, to) of a session that ended without a snapshot; a record about them. */
static struct sent fill(struct world *w, int writer, uint64_t from, uint64_t to)
{
    struct sent n = {.writer = writer};
    struct session *s = session_start(w, writer, 4096);
    memcpy(n.session, s->id, UID_BYTES);
    for (uint64_t i = from; i < to; i++)
        assert_ok(chunk_put(s, i, i % 4 ? FRAME_DATA : FRAME_META, e) < 0);
    assert_ok(session_flush(s, e));
    session_end(s);
    struct packs p = {w, n.session, &n.refs};
    assert_ok(store_list(w->store, PACK_DIR, take_pack, &p, e));
    n.w = (struct record_w){.sequence = 1, .files = 3, .bytes = 4, .added_bytes = 5, .suspicion = 6,
                            .machine = (const uint8_t *)"web-1", .machine_len = 5,
                            .root_nonce = 9, .root = (const uint8_t *)"root", .root_len = 4};
    memcpy(n.w.vault, vault_get_info(w->v)->id, UID_BYTES);
    memcpy(n.w.writer, w->writer[writer], UID_BYTES);
    memcpy(n.w.session, n.session, UID_BYTES);
    return n;
}

static void encode(struct world *w, struct sent *n, struct buf *wb, struct buf *refs)
{
    refset_encode(refs, n->refs.packs, n->refs.count);
    hash_bytes(refs->data, refs->len, n->w.refs_hash);
    record_w_put(wb, &n->w, &w->key[n->writer]);
}

static int receive(struct world *w, struct keeper_session *k, struct sent *n, struct keeper_receipt *out,
                   struct err *e)
{
    CLEANUP(buf_done) struct buf wb = {0}, refs = {0};
    encode(w, n, &wb, &refs);
    return keeper_receive(k, wb.data, wb.len, refs.data, refs.len, out, e);
}

static struct keeper_session *begin(struct world *w, const struct sent *n)
{
    struct keeper_session *k = NULL;
    assert_ok(keeper_session_begin(w->v, w->writer[n->writer], n->session, &k, e));
    return k;
}

/* The next of a chain: behind the last that was received. */
static void follow(struct sent *n, const struct keeper_receipt *r)
{
    n->w.sequence++;
    memcpy(n->w.previous, r->id, ID_BYTES);
}

static size_t records(struct world *w)
{
    size_t count;
    mem_free(names_below(w->store, "snapshots", &count));
    return count;
}

/* Nothing was received, and the outputs are as they were. */
static void refuse(struct world *w, struct keeper_session *k, struct sent *n, enum err_class cls)
{
    struct keeper_receipt r, was;
    struct err why = ERR_INIT;
    size_t before = records(w);
    memset(&r, 7, sizeof r);
    was = r;
    if (receive(w, k, n, &r, &why) == 0)
        fail_msg("it was received");
    if (why.cls != cls)
        fail_msg("%s, not %s: %s", err_class_name(why.cls), err_class_name(cls), why.msg);
    assert_memory_equal(&r, &was, sizeof r);
    assert_int_equal(records(w), before);
}

/* ---- what is received ------------------------------------------------------------------------------ */

static void snapshots_are_received_one_behind_the_other(void **state)
{
    struct world w;
    struct keeper_receipt r = {0};
    struct writer_past past;
    world_open(&w, *(enum world_kind *)*state, false);
    struct sent n = fill(&w, 0, 0, 30);
    struct keeper_session *k = begin(&w, &n);
    assert_ok(keeper_past(w.v, w.writer[0], &past, e));
    assert_int_equal(past.sequence, 0);
    for (uint64_t i = 1; i < 4; i++) {
        assert_ok(receive(&w, k, &n, &r, e));
        assert_int_equal(r.seq, i);
        assert_false(r.again);
        assert_true(r.received_ns > 0);
        assert_int_equal(r.files, 3);
        assert_int_equal(r.bytes, 4);
        assert_int_equal(r.added_bytes, 5);
        assert_int_equal(r.suspicion, 6);
        assert_ok(keeper_past(w.v, w.writer[0], &past, e));
        assert_int_equal(past.sequence, i);
        assert_memory_equal(past.id, r.id, ID_BYTES);
        assert_int_equal(verify_all(w.v), i);
        follow(&n, &r);
    }
    keeper_session_end(k);
    keeper_session_end(NULL);
    refset_done(&n.refs);
    world_close(&w);
}

static void forget_index(struct world *w)
{
    size_t count;
    object_names *runs = names_below(w->store, "index", &count);
    for (size_t i = 0; i < count; i++)
        assert_ok(store_remove(w->store, runs[i], e));
    mem_free(runs);
}

static void what_was_received_survives_a_power_cut(void **state)
{
    struct world w;
    struct keeper_receipt r;
    struct store *cut;
    (void)state;
    world_open(&w, WORLD_MEM, false);
    struct sent n = fill(&w, 0, 0, 30);
    for (size_t i = 0; i < n.refs.count; i++) { /* named, and not synced: their uploads did not end */
        char name[PACK_NAME_BYTES];
        size_t len;
        pack_name(n.refs.packs[i].pack, name);
        uint8_t *p = object_bytes(w.store, name, &len);
        assert_ok(store_remove(w.store, name, e));
        *strrchr(name, '/') = '\0';
        assert_ok(store_sync(w.store, name, e));
        pack_name(n.refs.packs[i].pack, name);
        assert_ok(store_put(w.store, name, p, len, e));
        mem_free(p);
    }
    forget_index(&w); /* which says that they were synced once */
    world_reopen(&w);
    struct keeper_session *k = begin(&w, &n);
    assert_ok(receive(&w, k, &n, &r, e));
    keeper_session_end(k);
    assert_ok(store_mem_power_cut(w.store, 1, STORE_CUT_LOST, &cut, e));
    world_move(&w, cut);
    assert_int_equal(verify_all(w.v), 1);
    refset_done(&n.refs);
    world_close(&w);
}

static void condemn(struct world *w, const uint8_t *pack)
{
    struct condemned l = {0};
    struct damage ignored = {0};
    struct condemnation c = {.stage = CONDEMN_SAID, .made_ns = 1, .pack_count = 1, .packs = pack};
    assert_ok(condemned_read(w->v, &ignored, &l, e));
    assert_ok(condemned_put(w->v, &l, &c, e));
    condemned_done(&l);
}

/* The answer to the first was lost. */
static void the_same_record_is_received_once(void **state)
{
    struct world w;
    struct keeper_receipt first, again;
    (void)state;
    world_open(&w, WORLD_MEM, false);
    struct sent n = fill(&w, 0, 0, 30);
    struct keeper_session *k = begin(&w, &n);
    assert_ok(receive(&w, k, &n, &first, e));
    for (int i = 0; i < 3; i++) {
        if (i == 1) { /* in another connection, too */
            keeper_session_end(k);
            k = begin(&w, &n);
        }
        if (i == 2) { /* and after a collection has moved what it refers to */
            keeper_session_end(k);
            condemn(&w, n.refs.packs[0].pack);
            k = begin(&w, &n);
        }
        memset(&again, 7, sizeof again);
        assert_ok(receive(&w, k, &n, &again, e));
        assert_true(again.again);
        assert_int_equal(again.seq, first.seq);
        assert_int_equal(again.received_ns, first.received_ns);
        assert_memory_equal(again.id, first.id, ID_BYTES);
        assert_int_equal(again.files, first.files);
        assert_int_equal(records(&w), 1);
    }
    keeper_session_end(k);
    refset_done(&n.refs);
    world_close(&w);
}

/* ---- the chain ---------------------------------------------------------------------------------------- */

static void a_chain_has_no_gaps_and_no_branches(void **state)
{
    struct world w;
    struct keeper_receipt r;
    (void)state;
    world_open(&w, WORLD_MEM, false);
    struct sent n = fill(&w, 0, 0, 30);
    struct keeper_session *k = begin(&w, &n);
    n.w.previous[0] = 1;
    refuse(&w, k, &n, ERR_EXISTS); /* the first has none before it */
    n.w.previous[0] = 0;
    n.w.sequence = 2;
    refuse(&w, k, &n, ERR_EXISTS);
    n.w.sequence = 0;
    refuse(&w, k, &n, ERR_EXISTS);
    n.w.sequence = 1;
    assert_ok(receive(&w, k, &n, &r, e));
    n.w.files++; /* the same place, another snapshot */
    refuse(&w, k, &n, ERR_EXISTS);
    follow(&n, &r);
    n.w.previous[31] ^= 1;
    refuse(&w, k, &n, ERR_EXISTS);
    n.w.previous[31] ^= 1;
    n.w.sequence++;
    refuse(&w, k, &n, ERR_EXISTS);
    n.w.sequence--;
    assert_ok(receive(&w, k, &n, &r, e));
    keeper_session_end(k);
    refset_done(&n.refs);
    world_close(&w);
}

static void a_record_is_the_sessions_and_its_writers(void **state)
{
    struct world w;
    (void)state;
    world_open(&w, WORLD_MEM, true); /* shared: what it refers to is not why */
    struct sent n = fill(&w, 0, 0, 10), other = fill(&w, 1, 0, 20), later = fill(&w, 0, 30, 40);
    struct keeper_session *k = begin(&w, &n);
    refuse(&w, k, &other, ERR_REFUSED);
    refuse(&w, k, &later, ERR_REFUSED); /* the same writer's, another session */
    n.w.vault[0] ^= 1;
    refuse(&w, k, &n, ERR_DAMAGED);
    n.w.vault[0] ^= 1;
    memcpy(n.w.writer, w.writer[1], UID_BYTES); /* another writer in this session */
    n.writer = 1;
    refuse(&w, k, &n, ERR_REFUSED);
    memcpy(n.w.writer, w.writer[0], UID_BYTES); /* signs in the name of the first */
    refuse(&w, k, &n, ERR_DAMAGED);
    n.writer = 0;
    assert_ok(receive(&w, k, &n, &(struct keeper_receipt){0}, e));
    keeper_session_end(k);
    refset_done(&n.refs);
    refset_done(&other.refs);
    refset_done(&later.refs);
    world_close(&w);
}

static void every_changed_byte_is_refused(void **state)
{
    struct world w;
    struct keeper_receipt r;
    (void)state;
    world_open(&w, WORLD_MEM, false);
    struct sent n = fill(&w, 0, 0, 10);
    struct keeper_session *k = begin(&w, &n);
    struct buf wb = {0}, refs = {0};
    encode(&w, &n, &wb, &refs);
    for (size_t i = 0; i < wb.len + refs.len; i++) {
        uint8_t *at = i < wb.len ? &wb.data[i] : &refs.data[i - wb.len];
        *at ^= 1;
        if (keeper_receive(k, wb.data, wb.len, refs.data, refs.len, &r, NULL) == 0)
            fail_msg("byte %zu was not noticed", i);
        *at ^= 1;
    }
    for (size_t i = 0; i < wb.len; i++)
        assert_int_equal(keeper_receive(k, wb.data, i, refs.data, refs.len, &r, NULL), -1);
    for (size_t i = 0; i < refs.len; i++)
        assert_int_equal(keeper_receive(k, wb.data, wb.len, refs.data, i, &r, NULL), -1);
    assert_int_equal(records(&w), 0);
    assert_ok(keeper_receive(k, wb.data, wb.len, refs.data, refs.len, &r, e));
    keeper_session_end(k);
    buf_done(&wb);
    buf_done(&refs);
    refset_done(&n.refs);
    world_close(&w);
}

/* ---- what it refers to --------------------------------------------------------------------------------- */

static void only_packs_of_its_own_count(void **state)
{
    struct world w;
    struct err foreign = ERR_INIT, unknown = ERR_INIT;
    struct keeper_receipt r;
    uint8_t nowhere[ID_BYTES] = {0xee};
    (void)state;
    for (int shared = 0; shared < 2; shared++) {
        world_open(&w, WORLD_MEM, shared);
        struct sent n = fill(&w, 0, 0, 10), other = fill(&w, 1, 50, 60), more = n;
        struct keeper_session *k = begin(&w, &n);
        more.refs = (struct refset){0};
        add_ref(&more.refs, n.refs.packs[0].pack, n.refs.packs[0].frame_count);
        add_ref(&more.refs, nowhere, 3);
        assert_int_equal(receive(&w, k, &more, &r, &unknown), -1);
        assert_int_equal(unknown.cls, ERR_REFUSED);
        refset_done(&more.refs);
        add_ref(&more.refs, n.refs.packs[0].pack, n.refs.packs[0].frame_count);
        add_ref(&more.refs, other.refs.packs[0].pack, other.refs.packs[0].frame_count);
        int rc = receive(&w, k, &more, &r, &foreign);
        assert_int_equal(rc, shared ? 0 : -1);
        if (!shared) { /* told apart by nothing but the name that was asked for */
            assert_int_equal(foreign.cls, ERR_REFUSED);
            assert_int_equal(strlen(foreign.msg), strlen(unknown.msg));
            assert_string_equal(strchr(foreign.msg, ','), strchr(unknown.msg, ','));
        }
        refset_done(&more.refs);
        keeper_session_end(k);
        refset_done(&n.refs);
        refset_done(&other.refs);
        world_close(&w);
    }
}

static void a_pack_that_went_meanwhile_does_not_count(void **state)
{
    struct world w;
    char name[PACK_NAME_BYTES];
    (void)state;
    world_open(&w, WORLD_MEM, false);
    struct sent n = fill(&w, 0, 0, 10);
    struct keeper_session *k = begin(&w, &n);
    pack_name(n.refs.packs[0].pack, name);
    assert_ok(store_remove(w.store, name, e));
    refuse(&w, k, &n, ERR_REFUSED);
    keeper_session_end(k);
    refset_done(&n.refs);
    world_close(&w);
}

/* Nobody can say what is in it. */
static void a_pack_that_is_damaged_does_not_count(void **state)
{
    struct world w;
    char name[PACK_NAME_BYTES];
    size_t len;
    (void)state;
    world_open(&w, WORLD_MEM, true);
    struct sent n = fill(&w, 0, 0, 10);
    pack_name(n.refs.packs[0].pack, name);
    uint8_t *p = object_bytes(w.store, name, &len);
    p[len - 1] ^= 1;
    object_replace(w.store, name, p, len);
    mem_free(p);
    forget_index(&w);
    world_reopen(&w);
    struct keeper_session *k = begin(&w, &n);
    refuse(&w, k, &n, ERR_REFUSED);
    keeper_session_end(k);
    refset_done(&n.refs);
    world_close(&w);
}

static void what_was_condemned_before_does_not_count_and_after_does(void **state)
{
    struct world w;
    (void)state;
    for (int before = 0; before < 2; before++) {
        world_open(&w, WORLD_MEM, false);
        struct sent n = fill(&w, 0, 0, 30);
        assert_true(n.refs.count > 1);
        if (before)
            condemn(&w, n.refs.packs[n.refs.count - 1].pack);
        struct keeper_session *k = begin(&w, &n);
        if (!before)
            condemn(&w, n.refs.packs[0].pack);
        if (before)
            refuse(&w, k, &n, ERR_REFUSED);
        else
            assert_ok(receive(&w, k, &n, &(struct keeper_receipt){0}, e));
        keeper_session_end(k);
        refset_done(&n.refs);
        world_close(&w);
    }
}

static void frames_that_a_pack_has_not_are_refused(void **state)
{
    struct world w;
    (void)state;
    world_open(&w, WORLD_MEM, false);
    struct sent n = fill(&w, 0, 0, 10);
    struct keeper_session *k = begin(&w, &n);
    n.refs.packs[0].frame_count--;
    refuse(&w, k, &n, ERR_DAMAGED);
    refset_done(&n.refs);
    struct sent m = fill(&w, 0, 10, 20);
    uint32_t frames = m.refs.packs[0].frame_count;
    uint8_t id[ID_BYTES];
    memcpy(id, m.refs.packs[0].pack, ID_BYTES);
    refset_done(&m.refs);
    add_ref(&n.refs, id, frames + 1);
    refuse(&w, k, &n, ERR_DAMAGED);
    refset_done(&n.refs);
    add_ref(&n.refs, id, PACK_FRAMES_MAX);
    refuse(&w, k, &n, ERR_DAMAGED);
    refset_done(&n.refs);
    keeper_session_end(k);
    world_close(&w);
}

/* A few bytes that stand for gigabytes of bitmaps. */
static void a_short_set_cannot_claim_all_memory(void **state)
{
    struct world w;
    struct keeper_receipt r;
    struct err why = ERR_INIT;
    (void)state;
    world_open(&w, WORLD_MEM, false);
    struct sent n = fill(&w, 0, 0, 10);
    struct keeper_session *k = begin(&w, &n);
    CLEANUP(buf_done) struct buf wb = {0}, refs = {0};
    buf_put_varint(&refs, 5000);
    for (uint32_t i = 0; i < 5000; i++) {
        uint8_t id[ID_BYTES] = {0};
        id[0] = (uint8_t)(i >> 8);
        id[1] = (uint8_t)i;
        buf_put(&refs, id, sizeof id);
        buf_put_varint(&refs, PACK_FRAMES_MAX);
        buf_put_varint(&refs, 1);
        buf_put_varint(&refs, 0);
        buf_put_varint(&refs, PACK_FRAMES_MAX);
    }
    hash_bytes(refs.data, refs.len, n.w.refs_hash);
    record_w_put(&wb, &n.w, &w.key[0]);
    assert_int_equal(keeper_receive(k, wb.data, wb.len, refs.data, refs.len, &r, &why), -1);
    assert_int_equal(why.cls, ERR_LIMIT);
    assert_int_equal(records(&w), 0);
    keeper_session_end(k);
    refset_done(&n.refs);
    world_close(&w);
}

/* ---- who, and when --------------------------------------------------------------------------------------- */

static void a_session_begins_once_and_for_its_writer(void **state)
{
    struct world w;
    struct keeper_session *k, *second = NULL;
    uint8_t none[UID_BYTES] = {9, 9};
    (void)state;
    world_open(&w, WORLD_MEM, false);
    struct sent n = fill(&w, 0, 0, 10);
    k = begin(&w, &n);
    assert_err(keeper_session_begin(w.v, w.writer[0], n.session, &second, e), ERR_BUSY);
    keeper_session_end(k);
    assert_err(keeper_session_begin(w.v, w.writer[1], n.session, &second, e), ERR_NO_KEY);
    assert_err(keeper_session_begin(w.v, w.writer[0], none, &second, e), ERR_NOT_FOUND);
    assert_null(second);
    keeper_session_end(begin(&w, &n));
    refset_done(&n.refs);
    world_close(&w);
}

static void who_is_revoked_is_received_no_more(void **state)
{
    struct world w;
    struct keeper_session *k, *second = NULL;
    uint8_t id[UID_BYTES];
    char name[80], hex[2 * UID_BYTES + 1];
    (void)state;
    world_open(&w, WORLD_MEM, false);
    struct sent n = fill(&w, 0, 0, 10);
    k = begin(&w, &n);
    revoke_writer(&w, 0, 0, &w.owner);
    refuse(&w, k, &n, ERR_NO_KEY);
    keeper_session_end(k);
    assert_err(keeper_session_begin(w.v, w.writer[0], n.session, &second, e), ERR_NO_KEY);
    hex_encode(n.session, UID_BYTES, hex);
    (void)snprintf(name, sizeof name, "sessions/%s", hex);
    size_t len;
    uint8_t *envelope = object_bytes(w.store, name, &len);
    assert_err(keeper_put_session(w.v, w.writer[0], envelope, len, id, e), ERR_NO_KEY);
    mem_free(envelope);
    refset_done(&n.refs);
    world_close(&w);
}

static void nothing_is_received_after_the_lease_was_lost(void **state)
{
    struct world w;
    char tmp[SCRATCH_PATH_MAX + 16];
    (void)state;
    world_open(&w, WORLD_DIR, false);
    struct sent n = fill(&w, 0, 0, 10);
    struct keeper_session *k = begin(&w, &n);
    (void)snprintf(tmp, sizeof tmp, "%s/vault/tmp", w.path);
    scratch_empty(tmp);
    refuse(&w, k, &n, ERR_BUSY);
    keeper_session_end(k);
    k = begin(&w, &n);
    assert_ok(receive(&w, k, &n, &(struct keeper_receipt){0}, e));
    keeper_session_end(k);
    refset_done(&n.refs);
    world_close(&w);
}

/* ---- collections ------------------------------------------------------------------------------------------ */

static uint64_t collect_all(struct world *w)
{
    const struct gc_options at_once = {.max_unused = 0.05, .max_rewrite = UINT64_MAX,
                                       .clock = {.why = POLICY_CLOCK_TRUSTED, .now_ns = 1000}};
    uint64_t removed = 0;
    for (int i = 0; i < 4; i++) {
        struct gc_result r = {0};
        assert_ok(vault_gc(w->v, &at_once, &r, e));
        removed += r.packs_removed;
    }
    return removed;
}

static void a_collection_leaves_what_a_session_may_refer_to(void **state)
{
    struct world w;
    world_open(&w, *(enum world_kind *)*state, false);
    struct sent n = fill(&w, 0, 0, 30), lost = fill(&w, 0, 40, 60);
    struct keeper_session *k = begin(&w, &n);
    assert_int_equal(collect_all(&w), 0);
    assert_ok(receive(&w, k, &n, &(struct keeper_receipt){0}, e));
    keeper_session_end(k);
    assert_int_equal(verify_all(w.v), 1);
    assert_int_equal(collect_all(&w), lost.refs.count); /* nobody holds these any more */
    assert_int_equal(verify_all(w.v), 1);
    k = begin(&w, &lost);
    refuse(&w, k, &lost, ERR_EXISTS);
    struct writer_past past;
    assert_ok(keeper_past(w.v, w.writer[0], &past, e));
    lost.w.sequence = 2;
    memcpy(lost.w.previous, past.id, ID_BYTES);
    refuse(&w, k, &lost, ERR_REFUSED);
    keeper_session_end(k);
    refset_done(&n.refs);
    refset_done(&lost.refs);
    world_close(&w);
}

/* ---- sessions' keys, and what a writer sees ------------------------------------------------------------------ */

static void a_sessions_key_is_put_by_its_writer_alone(void **state)
{
    struct world w;
    uint8_t id[UID_BYTES] = {0};
    char name[80], hex[2 * UID_BYTES + 1];
    size_t len, count;
    (void)state;
    world_open(&w, WORLD_MEM, false);
    struct sent n = fill(&w, 0, 0, 10);
    hex_encode(n.session, UID_BYTES, hex);
    (void)snprintf(name, sizeof name, "sessions/%s", hex);
    uint8_t *p = object_bytes(w.store, name, &len);
    assert_ok(keeper_put_session(w.v, w.writer[0], p, len, id, e)); /* again */
    assert_memory_equal(id, n.session, UID_BYTES);
    object_free(w.store, name);
    assert_err(keeper_put_session(w.v, w.writer[1], p, len, id, e), ERR_REFUSED);
    for (size_t i = 0; i < len; i++) {
        struct err why = ERR_INIT;
        p[i] ^= 1;
        if (keeper_put_session(w.v, w.writer[0], p, len, id, &why) == 0)
            fail_msg("byte %zu was not noticed", i);
        p[i] ^= 1;
        assert_int_equal(keeper_put_session(w.v, w.writer[0], p, i, id, NULL), -1);
    }
    mem_free(names_below(w.store, "sessions", &count));
    assert_int_equal(count, 0);
    memset(id, 0, sizeof id);
    assert_ok(keeper_put_session(w.v, w.writer[0], p, len, id, e));
    assert_memory_equal(id, n.session, UID_BYTES);
    p[80] ^= 1; /* another under the same name: what is there stays */
    object_replace(w.store, name, p, len);
    p[80] ^= 1;
    assert_err(keeper_put_session(w.v, w.writer[0], p, len, id, e), ERR_EXISTS);
    mem_free(p);
    refset_done(&n.refs);
    world_close(&w);
}

struct seen {
    size_t count;
    uint64_t bytes;
};
static int see(void *arg, const char *name, uint64_t len, struct err *e)
{
    struct seen *s = arg;
    uint8_t id[ID_BYTES];
    (void)e;
    assert_true(keeper_pack_id(name, id));
    s->count++;
    s->bytes += len;
    return s->count == 100 ? 5 : 0;
}

static void a_writer_sees_what_it_may_build_upon(void **state)
{
    struct world w;
    (void)state;
    for (int shared = 0; shared < 2; shared++) {
        world_open(&w, WORLD_MEM, shared);
        struct sent n = fill(&w, 0, 0, 10), other = fill(&w, 1, 50, 90);
        struct keeper_view *v = NULL;
        struct seen s = {0};
        uint64_t offset = 77;
        uint8_t none[ID_BYTES] = {0xee};
        assert_ok(keeper_view_open(w.v, w.writer[0], &v, e));
        assert_ok(keeper_view_packs(v, see, &s, e));
        assert_int_equal(s.count, n.refs.count + (shared ? other.refs.count : 0));
        for (size_t i = 0; i < n.refs.count; i++) {
            struct pack_contents c;
            assert_ok(keeper_view_footer(v, n.refs.packs[i].pack, &offset, e));
            assert_ok(pack_contents_read(w.v, n.refs.packs[i].pack, &c, e));
            assert_int_equal(offset, c.frames_end);
            pack_contents_done(&c);
        }
        offset = 77;
        assert_err(keeper_view_footer(v, none, &offset, e), ERR_NOT_FOUND);
        if (!shared)
            assert_err(keeper_view_footer(v, other.refs.packs[0].pack, &offset, e), ERR_NOT_FOUND);
        assert_int_equal(offset, 77);
        struct sent later = fill(&w, 0, 100, 110); /* as they are when it is opened */
        if (keeper_view_footer(v, later.refs.packs[0].pack, &offset, NULL) == 0)
            assert_true(offset > KEEPER_PACK_HEADER);
        keeper_view_close(v);
        keeper_view_close(NULL);
        refset_done(&later.refs);
        refset_done(&n.refs);
        refset_done(&other.refs);
        world_close(&w);
    }
}

/* ---- a store that fails ---------------------------------------------------------------------------------------- */

/* Each operation fails once, before or after it was done: what was said to be received is there, once, and what was
 * not is received when it is sent again. */
static void a_store_that_fails_loses_and_doubles_nothing(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        bool done = false;
        for (uint64_t n = 1; !done; n++) {
            struct world w;
            struct store *faulty, *below;
            struct keeper_receipt r = {0};
            struct err why = ERR_INIT;
            world_open(&w, WORLD_MEM, false);
            struct sent one = fill(&w, 0, 0, 20);
            vault_close(w.v);
            below = w.store;
            assert_ok(store_fault_open(below, &faulty, e));
            w.store = faulty;
            assert_ok(vault_open(faulty, &w.v, e));
            struct keeper_session *k = begin(&w, &one);
            store_fault_plan(faulty, &(struct store_fault_plan){.fail_at = n, .fail_errno = ENOSPC, .fail_late = late});
            int rc = receive(&w, k, &one, &r, &why);
            done = store_fault_counts(faulty).ops[0] < n;
            store_fault_plan(faulty, NULL);
            if (!rc)
                assert_int_equal(records(&w), 1);
            assert_ok(receive(&w, k, &one, &r, e));
            assert_true(rc || r.again);
            assert_int_equal(r.seq, 1);
            assert_int_equal(records(&w), 1);
            keeper_session_end(k);
            vault_close(w.v);
            store_close(faulty);
            w.store = below;
            assert_ok(vault_open(below, &w.v, e));
            assert_int_equal(verify_all(w.v), 1);
            refset_done(&one.refs);
            world_close(&w);
        }
    }
}

static void without_memory_nothing_is_received(void **state)
{
    struct world w;
    struct keeper_receipt r = {0};
    int rc = -1;
    (void)state;
    world_open(&w, WORLD_MEM, false);
    struct sent n = fill(&w, 0, 0, 20);
    struct keeper_session *k = begin(&w, &n);
    CLEANUP(buf_done) struct buf wb = {0}, refs = {0};
    encode(&w, &n, &wb, &refs);
    for (uint64_t i = 1; rc; i++) {
        struct err why = ERR_INIT;
        mem_fail_nth(i);
        rc = keeper_receive(k, wb.data, wb.len, refs.data, refs.len, &r, &why);
        mem_fail_nth(0);
        if (rc)
            assert_int_equal(why.cls, ERR_NO_MEMORY);
    }
    assert_int_equal(records(&w), 1);
    keeper_session_end(k);
    refset_done(&n.refs);
    assert_int_equal(verify_all(w.v), 1);
    world_close(&w);
}

int main(void)
{
    static enum world_kind mem = WORLD_MEM, dir = WORLD_DIR;
#define BOTH(name)                                                                                 \
    {#name " (memory)", name, NULL, NULL, &mem}, {#name " (directory)", name, NULL, NULL, &dir}
    const struct CMUnitTest tests[] = {
        BOTH(snapshots_are_received_one_behind_the_other),
        cmocka_unit_test(what_was_received_survives_a_power_cut),
        cmocka_unit_test(the_same_record_is_received_once),
        cmocka_unit_test(a_chain_has_no_gaps_and_no_branches),
        cmocka_unit_test(a_record_is_the_sessions_and_its_writers),
        cmocka_unit_test(every_changed_byte_is_refused),
        cmocka_unit_test(only_packs_of_its_own_count),
        cmocka_unit_test(a_pack_that_went_meanwhile_does_not_count),
        cmocka_unit_test(a_pack_that_is_damaged_does_not_count),
        cmocka_unit_test(what_was_condemned_before_does_not_count_and_after_does),
        cmocka_unit_test(frames_that_a_pack_has_not_are_refused),
        cmocka_unit_test(a_short_set_cannot_claim_all_memory),
        cmocka_unit_test(a_session_begins_once_and_for_its_writer),
        cmocka_unit_test(who_is_revoked_is_received_no_more),
        cmocka_unit_test(nothing_is_received_after_the_lease_was_lost),
        BOTH(a_collection_leaves_what_a_session_may_refer_to),
        cmocka_unit_test(a_sessions_key_is_put_by_its_writer_alone),
        cmocka_unit_test(a_writer_sees_what_it_may_build_upon),
        cmocka_unit_test(a_store_that_fails_loses_and_doubles_nothing),
        cmocka_unit_test(without_memory_nothing_is_received),
    };
    return cmocka_run_group_tests_name("vault/keeper_session", tests, NULL, NULL);
}
