/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include "base/mem.h"
#include "vault/config_format.h"
#include "vault/object_head.h"
#include "vault/object_parity.h"
#include "vault/refset_format.h"
#include "vault/session_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* ---- the world ------------------------------------------------------------------ */

/* The same worlds in the same order in every run: what a printed seed chooses is then
 * the same, too. Only times and names in index/ differ. */
static unsigned worlds;

static void key_of_number(uint8_t what, struct sign_key *out)
{
    uint8_t seed[SIGN_SEED_BYTES] = {what, (uint8_t)worlds, (uint8_t)(worlds >> 8)};
    sign_key_from_seed(seed, out);
}

/* As vault_create does, whose vaults are random. */
static void found(struct world *w, bool shared)
{
    struct vault_info info = {.shared = shared, .created_ns = 1,
                              .chunking = {.small_max = 7, .fixed = 4096}};
    struct sign_key keeper = {0};
    uint8_t vault[CONFIG_BYTES], secret[KEEPER_BYTES];
    worlds++;
    put_u32(info.id, worlds);
    info.id[UID_BYTES - 1] = 0xab;
    key_of_number(1, &keeper);
    key_of_number(2, &w->owner);
    memcpy(info.keeper_pk, keeper.public_key, SIGN_PUBLIC_BYTES);
    memcpy(info.owner_pk, w->owner.public_key, SIGN_PUBLIC_BYTES);
    config_encode(&info, &w->owner, vault);
    keeper_encode(&keeper, secret);
    sign_key_done(&keeper);
    assert_ok(store_put(w->store, "keeper", secret, sizeof secret, e));
    assert_ok(store_put(w->store, "vault", vault, sizeof vault, e));
    assert_ok(store_sync(w->store, "", e));
    assert_ok(vault_open(w->store, &w->v, e));
    assert_ok(object_parity_put(w->v, "vault", vault, sizeof vault, e));
    assert_ok(object_parity_put(w->v, "keeper", secret, sizeof secret, e));
}

static void enrol(struct world *w, int i)
{
    CLEANUP(buf_done) struct buf b = {0};
    char name[2 * UID_BYTES + 1];
    uint8_t signature[SIGN_BYTES];
    key_of_number((uint8_t)(3 + i), &w->key[i]);
    memset(w->writer[i], 0x11 * (i + 1), UID_BYTES);
    object_head_put(&b, "abri.WRT");
    buf_put(&b, vault_get_info(w->v)->id, UID_BYTES);
    buf_put(&b, w->writer[i], UID_BYTES);
    buf_put(&b, w->key[i].public_key, SIGN_PUBLIC_BYTES);
    buf_put_u64(&b, 1);
    buf_put_blob(&b, "machine", 7);
    sign_make(&w->owner, "writer", b.data, b.len, signature);
    buf_put(&b, signature, sizeof signature);
    hex_encode(w->writer[i], UID_BYTES, name);
    assert_ok(vault_put(w->v, VAULT_WRITER, name, b.data, b.len, e));
}

void world_open(struct world *w, enum world_kind kind, bool shared)
{
    *w = (struct world){.kind = kind};
    assert_ok(sign_init(e));
    if (kind == WORLD_DIR) {
        char vault[SCRATCH_PATH_MAX + 8];
        scratch_make(w->path);
        (void)snprintf(vault, sizeof vault, "%s/vault", w->path);
        assert_ok(store_dir_create(vault, NULL, &w->store, e));
    } else {
        assert_ok(store_mem_open(&w->store, e));
    }
    found(w, shared);
    for (int i = 0; i < WRITERS; i++)
        enrol(w, i);
}

void world_close(struct world *w)
{
    vault_close(w->v);
    store_close(w->store);
    if (w->kind == WORLD_DIR)
        scratch_remove(w->path);
}

void world_reopen(struct world *w)
{
    vault_close(w->v);
    w->v = NULL;
    assert_ok(vault_open(w->store, &w->v, e));
}

void world_move(struct world *w, struct store *s)
{
    vault_close(w->v);
    store_close(w->store);
    w->v = NULL;
    w->store = s;
    assert_ok(vault_open(w->store, &w->v, e));
}

/* ---- chunks ------------------------------------------------------------------------ */

void chunk_id(uint64_t number, uint8_t id[ID_BYTES])
{
    uint8_t raw[8];
    put_u64(raw, number);
    hash_bytes(raw, sizeof raw, id);
}

uint32_t chunk_make(uint64_t number, uint8_t buf[CHUNK_ROOM])
{
    uint64_t state = number;
    uint32_t len = FRAME_SEALED_MIN + (uint32_t)(next_random(&state) % (CHUNK_MAX - 21));
    for (uint32_t i = 0; i < len; i++)
        buf[FRAME_HEADER_BYTES + i] = (uint8_t)next_random(&state);
    return len;
}

int chunk_put(struct session *s, uint64_t number, enum frame_kind kind, struct err *e)
{
    uint8_t buf[CHUNK_ROOM];
    struct frame f = {.kind = kind, .nonce = number + 1};
    enum session_have have;
    chunk_id(number, f.id);
    memcpy(f.session, s->id, UID_BYTES);
    if (session_offer(s, f.id, &have, e))
        return -1;
    if (have == SESSION_HAS)
        return 0;
    uint32_t len = chunk_make(number, buf);
    return session_add(s, &f, buf, len, e) ? -1 : 1;
}

bool chunk_reads(struct vault *v, uint64_t number)
{
    uint8_t want[CHUNK_ROOM], got[CHUNK_ROOM], id[ID_BYTES];
    struct frame_loc loc;
    struct frame f;
    struct err e = ERR_INIT;
    chunk_id(number, id);
    uint32_t len = chunk_make(number, want);
    if (!vault_find(v, id, &loc) || loc.len != len || vault_read_frame(v, &loc, got, &f, &e))
        return false;
    return memcmp(f.id, id, ID_BYTES) == 0 && f.nonce == number + 1 &&
           memcmp(got + FRAME_HEADER_BYTES, want + FRAME_HEADER_BYTES, len) == 0;
}

/* ---- sessions ----------------------------------------------------------------------- */

static int put_envelope(struct world *w, int writer, const uint8_t *session, struct err *e)
{
    CLEANUP(buf_done) struct buf b = {0};
    char name[2 * UID_BYTES + 1];
    uint8_t signature[SIGN_BYTES] = {0}, box[112 + 32] = {0};
    object_head_put(&b, "abri.SES");
    buf_put(&b, vault_get_info(w->v)->id, UID_BYTES);
    buf_put(&b, session, UID_BYTES);
    buf_put(&b, w->writer[writer], UID_BYTES);
    buf_put(&b, box, 32);
    buf_put_u32(&b, 1);
    buf_put(&b, box, 112);
    if (buf_check(&b, "envelope", e))
        return -1;
    sign_make(&w->key[writer], "session", b.data, b.len, signature);
    buf_put(&b, signature, sizeof signature);
    if (buf_check(&b, "envelope", e))
        return -1;
    hex_encode(session, UID_BYTES, name);
    return vault_put(w->v, VAULT_SESSION, name, b.data, b.len, e);
}

/* Unique in copies of a world, too; atomic because threads commit at once. */
static _Atomic uint64_t begun;

void session_numbers_from(uint64_t number)
{
    atomic_store(&begun, number);
}

int session_try(struct world *w, int writer, uint32_t pack_bytes, struct session **out,
                struct err *e)
{
    struct session_params p = {.pack_bytes = pack_bytes};
    memcpy(p.writer, w->writer[writer], UID_BYTES);
    put_u64(p.session, atomic_fetch_add(&begun, 1) + 1);
    p.session[15] = (uint8_t)writer;
    if (put_envelope(w, writer, p.session, e))
        return -1;
    return session_begin(w->v, &p, out, e);
}

struct session *session_start(struct world *w, int writer, uint32_t pack_bytes)
{
    struct session *s = NULL;
    assert_ok(session_try(w, writer, pack_bytes, &s, e));
    return s;
}

int commit_try(struct world *w, struct session *s, int writer, struct err *e)
{
    static const char *const tags[] = {"daily", "x"};
    struct snapshot_draft d = {
        .client_time_ns = 42,
        .machine = "web-1",
        .tags = tags,
        .tag_count = 2,
        .files = 3,
        .bytes = 4,
        .suspicion = 5,
        .root_nonce = 99,
        .root = (const uint8_t *)"sealed root",
        .root_len = 11,
    };
    uint8_t id[ID_BYTES];
    return session_commit(s, &d, &w->key[writer], id, e);
}

void commit(struct world *w, struct session *s, int writer)
{
    assert_ok(commit_try(w, s, writer, e));
}

void backup(struct world *w, int writer, uint64_t from, uint64_t to)
{
    struct session *s = session_start(w, writer, 4096);
    for (uint64_t n = from; n < to; n++)
        assert_ok(chunk_put(s, n, n % 4 ? FRAME_DATA : FRAME_META, e) < 0);
    commit(w, s, writer);
    session_end(s);
}

/* ---- what the owner says ------------------------------------------------------------------ */

void put_signed_object(struct world *w, enum vault_kind kind, const char *name, struct buf *b,
                       const struct sign_key *key, const char *context)
{
    uint8_t signature[SIGN_BYTES];
    sign_make(key, context, b->data, b->len, signature);
    buf_put(b, signature, sizeof signature);
    assert_ok(vault_put(w->v, kind, name, b->data, b->len, e));
    buf_done(b);
}

void revoke_writer(struct world *w, int writer, uint64_t last, const struct sign_key *by)
{
    struct buf b = {0};
    char name[2 * UID_BYTES + 1];
    hex_encode(w->writer[writer], UID_BYTES, name);
    object_head_put(&b, "abri.RVK");
    buf_put(&b, vault_get_info(w->v)->id, UID_BYTES);
    buf_put(&b, w->writer[writer], UID_BYTES);
    buf_put_u64(&b, last);
    buf_put_u64(&b, 99);
    put_signed_object(w, VAULT_REVOKED, name, &b, by, "revoked");
}

/* ---- verification --------------------------------------------------------------------- */

static int verify_frame(const struct pack_contents *c, uint32_t frame, struct err *e)
{
    uint8_t buf[CHUNK_ROOM], hash[HASH_BYTES];
    struct pack_row row;
    if (frame >= c->footer.count)
        return err_set(e, ERR_DAMAGED, "refers behind the pack");
    pack_row_decode(c->footer.rows + (size_t)frame * PACK_ROW_BYTES, &row);
    size_t len = FRAME_HEADER_BYTES + (size_t)row.len;
    if (len > sizeof buf)
        return err_set(e, ERR_DAMAGED, "frame too long");
    if (store_read(c->reader, row.offset, buf, len, e))
        return -1;
    hash_bytes(buf, len, hash);
    return memcmp(hash, row.hash, HASH_BYTES) ? err_set(e, ERR_DAMAGED, "frame hash") : 0;
}

static int64_t verify_pack(struct vault *v, const struct refset_pack *p, struct err *e)
{
    struct pack_contents c;
    int64_t frames = 0;
    int rc = pack_contents_read(v, p->pack, &c, e);
    if (!rc && c.footer.count != p->frame_count)
        rc = err_set(e, ERR_DAMAGED, "frame count");
    for (uint32_t i = 0; !rc && i < p->frame_count; i++) {
        if (!refset_bit(p->bits, i))
            continue;
        rc = verify_frame(&c, i, e);
        frames++;
    }
    pack_contents_done(&c);
    return rc ? -1 : frames;
}

int64_t snapshot_verify(struct vault *v, const struct snapshot *s, struct err *why)
{
    struct refset refs;
    int64_t frames = 0;
    if (vault_snapshot_refs(v, s, &refs, why))
        return -1;
    for (size_t i = 0; frames >= 0 && i < refs.count; i++) {
        int64_t n = verify_pack(v, &refs.packs[i], why);
        frames = n < 0 ? -1 : frames + n;
    }
    refset_done(&refs);
    return frames;
}

size_t verify_all(struct vault *v)
{
    struct snapshot_list list = {0};
    struct reports r = {0};
    assert_ok(vault_snapshots(v, &list, report, &r, e));
    if (r.count)
        fail_msg("%s: %s", r.object, r.message);
    for (size_t i = 0; i < list.count; i++) {
        struct err why = ERR_INIT;
        if (snapshot_verify(v, &list.items[i], &why) < 0)
            fail_msg("snapshot %zu: %s", i, why.msg);
    }
    size_t count = list.count;
    snapshot_list_done(&list);
    return count;
}

/* ---- damage ------------------------------------------------------------------------------ */

void report(void *arg, const char *object, const char *message)
{
    struct reports *r = arg;
    r->count++;
    (void)snprintf(r->object, sizeof r->object, "%s", object);
    (void)snprintf(r->message, sizeof r->message, "%s", message);
}

static int take_name(void *arg, const char *name, uint64_t len, struct err *e)
{
    struct buf *b = arg;
    object_names one = {0};
    (void)len;
    (void)e;
    (void)snprintf(one, sizeof one, "%s", name);
    buf_put(b, one, sizeof one);
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

object_names *names_below(struct store *s, const char *dir, size_t *count_out)
{
    struct buf b = {0};
    assert_ok(store_list(s, dir, take_name, &b, e));
    *count_out = b.len / sizeof(object_names);
    if (b.len)
        qsort(b.data, *count_out, sizeof(object_names), by_name);
    return (object_names *)(void *)b.data;
}

uint8_t *object_bytes(struct store *s, const char *name, size_t *len_out)
{
    struct buf b = {0};
    assert_ok(object_read(s, name, 64 << 20, &b, e));
    *len_out = b.len;
    return b.data;
}

void object_free(struct store *s, const char *name)
{
    char parity[96];
    (void)snprintf(parity, sizeof parity, "parity/%s", name);
    (void)!store_remove(s, parity, NULL);
    *strrchr(parity, '/') = '\0';
    (void)!store_sync(s, parity, NULL);
    assert_ok(store_remove(s, name, e));
}

void object_replace(struct store *s, const char *name, const void *p, size_t len)
{
    assert_ok(store_remove(s, name, e));
    assert_ok(store_put(s, name, p, len, e));
}
