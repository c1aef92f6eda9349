/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Adding frames. Under the lock a thread only reserves its place; header,
 * hash and write happen outside of it, beside other threads.
 *
 * P1 A pack is closed by the thread whose frame fills it, and sealed by the
 *    last thread that was still writing into it; nobody waits.
 * P2 A pack gets its name only after every frame in its footer was written.
 *    Then its parity is written; a pack whose parity a power cut takes is whole
 *    without it.
 * P3 After the first failure the session adds nothing and cannot commit.
 */
#include "base/mem.h"
#include "vault/parity.h"
#include "vault/session_internal.h"

#include <string.h>

#define PACK_END_MAX     UINT64_C(0xe0000000) /* frames end here: the footer fits behind */
#define PACK_FRAMES_FULL (UINT32_C(1) << 18)
#define HINT_BYTES       (UINT64_C(4) << 20)

int session_fail(struct session *s, const struct err *why, struct err *e)
{
    if (!s->failed) {
        s->failed = true;
        s->failure = *why;
        (void)pthread_cond_broadcast(&s->idle); /* L2: who waits for a sealer waits for nobody now */
    }
    return err_give(e, why);
}

int session_check(const struct session *s, struct err *e)
{
    if (!s->failed)
        return 0;
    return err_give(e, &s->failure);
}

static void pack_free(struct session_pack *p)
{
    store_writer_abort(p->object);
    mem_free(p->rows);
    mem_free(p);
}

void session_packs_done(struct session *s)
{
    for (uint32_t i = 0; i < s->pack_count; i++)
        pack_free(s->packs[i]);
    mem_free(s->packs);
}

/* ---- reserving: with the lock ------------------------------------------------------------ */

static int packs_room(struct session *s, struct err *e)
{
    if (s->pack_count < s->pack_cap)
        return 0;
    uint32_t cap = s->pack_cap ? s->pack_cap * 2 : 16;
    struct session_pack **packs = mem_realloc(s->packs, cap, sizeof(struct session_pack *));
    if (!packs)
        return err_no_memory(e, "a pack");
    s->packs = packs;
    s->pack_cap = cap;
    return 0;
}

static int pack_begin(struct session *s, enum frame_kind kind, struct err *e)
{
    if (packs_room(s, e))
        return -1;
    struct session_pack *p = mem_zalloc(sizeof *p);
    if (!p)
        return err_no_memory(e, "a pack");
    if (store_create(s->vault->store, &p->object, e)) {
        mem_free(p);
        return -1;
    }
    p->kind = kind;
    p->end = PACK_HEADER_BYTES;
    p->number = s->pack_count;
    s->packs[s->pack_count++] = p;
    s->current[kind] = p;
    s->unsealed++;
    return 0;
}

static int rows_room(struct session_pack *p, struct err *e)
{
    if (p->frames < p->row_cap)
        return 0;
    uint32_t cap = p->row_cap ? p->row_cap * 2 : 64;
    uint8_t *rows = mem_realloc(p->rows, cap, PACK_ROW_BYTES);
    if (!rows)
        return err_no_memory(e, "a pack");
    p->rows = rows;
    p->row_cap = cap;
    return 0;
}

/* The chunk's entry in the table, new or claimed before. */
static int entry_for(struct session *s, const uint8_t *id, struct index_entry **out, struct err *e)
{
    *out = session_table_find(&s->table, id);
    if (!*out)
        return session_table_claim(&s->table, id, out, e);
    if ((*out)->pack == SESSION_CLAIMED)
        s->claims--;
    return 0;
}

struct place {
    struct session_pack *pack;
    uint32_t frame, offset;
    uint64_t hint_end; /* bytes below may be written out; 0: no hint */
};

static void account(struct session *s, enum frame_kind kind, uint64_t bytes)
{
    s->stats.frames++;
    s->stats.bytes += bytes;
    *(kind == FRAME_DATA ? &s->stats.data_bytes : &s->stats.meta_bytes) += bytes;
}

static int reserve(struct session *s, const struct frame *f, uint32_t len, struct place *out,
                   struct err *e)
{
    struct index_entry *n;
    if (session_check(s, e))
        return -1;
    if (s->flushed)
        return err_set(e, ERR_USAGE, "the session was flushed; nothing can be added to it");
    if (!s->current[f->kind] && pack_begin(s, f->kind, e))
        return -1;
    struct session_pack *p = s->current[f->kind];
    if (rows_room(p, e) || entry_for(s, f->id, &n, e))
        return -1;
    uint64_t bytes = FRAME_HEADER_BYTES + (uint64_t)len;
    *out = (struct place){.pack = p, .frame = p->frames++, .offset = (uint32_t)p->end};
    p->end += bytes;
    p->busy++;
    if (p->end / HINT_BYTES != out->offset / HINT_BYTES)
        out->hint_end = out->offset / HINT_BYTES * HINT_BYTES;
    n->pack = p->number;
    n->frame = out->frame;
    n->offset = out->offset;
    n->len = len;
    account(s, f->kind, bytes);
    uint64_t target = f->kind == FRAME_DATA ? s->data_target : s->meta_target;
    if (p->end >= target || p->end >= PACK_END_MAX || p->frames >= PACK_FRAMES_FULL) {
        p->closed = true;
        s->current[f->kind] = NULL;
    }
    return 0;
}

/* ---- writing and sealing: without the lock --------------------------------------------------- */

static int write_frame(const struct place *at, const struct frame *f, uint8_t *buf, uint32_t len,
                       struct pack_row *row, struct err *e)
{
    size_t bytes = FRAME_HEADER_BYTES + (size_t)len;
    frame_header_encode(f, len, buf);
    memcpy(row->id, f->id, ID_BYTES);
    row->offset = at->offset;
    row->len = len;
    row->kind = f->kind;
    hash_bytes(buf, bytes, row->hash);
    if (store_write(at->pack->object, at->offset, buf, bytes, e))
        return -1;
    if (at->hint_end)
        store_write_hint(at->pack->object, at->hint_end - HINT_BYTES, HINT_BYTES);
    return 0;
}

static int write_ends(struct session *s, struct session_pack *p, const struct buf *footer,
                      struct err *e)
{
    uint8_t header[PACK_HEADER_BYTES];
    struct pack_header h = {.kind = p->kind};
    memcpy(h.vault, s->vault->info.id, UID_BYTES);
    memcpy(h.session, s->id, UID_BYTES);
    memcpy(h.writer, s->writer, UID_BYTES);
    pack_header_encode(&h, header);
    size_t footer_len = footer->len - PACK_TRAILER_BYTES;
    pack_id(header, footer->data, footer_len, p->id);
    if (store_write(p->object, 0, header, sizeof header, e))
        return -1;
    return store_write(p->object, p->end, footer->data, footer->len, e);
}

static int seal(struct session *s, struct session_pack *p, struct err *e)
{
    CLEANUP(buf_done) struct buf footer = {0};
    uint8_t trailer[PACK_TRAILER_BYTES];
    char name[PACK_NAME_BYTES];
    pack_footer_encode(&footer, p->rows, p->frames, NULL, 0);
    pack_trailer_encode((uint32_t)footer.len, trailer);
    buf_put(&footer, trailer, sizeof trailer);
    if (buf_check(&footer, "a pack's footer", e) || write_ends(s, p, &footer, e))
        return -1;
    pack_name(p->id, name);
    struct err inner = ERR_INIT;
    if (store_writer_commit(TAKE(p->object), name, &inner) == 0)
        return s->no_parity ? 0 : parity_put(s->vault, p->id, e);
    /* The same header and footer, so by their hashes the same frames. */
    if (inner.cls == ERR_EXISTS)
        return 0;
    return err_give(e, &inner);
}

int session_seal(struct session *s, struct session_pack *p, struct err *e)
{
    struct err why = ERR_INIT;
    bool spilled = false;
    int rc = seal(s, p, &why);
    (void)pthread_mutex_lock(&s->lock);
    if (!rc) {
        p->sealed = true;
        mem_free(TAKE(p->rows));
        if (s->table.count > s->table_max && !s->failed) {
            rc = session_spill(s, &why);
            spilled = rc == 0;
        }
    }
    if (rc)
        session_fail(s, &why, e);
    s->unsealed--;
    (void)pthread_cond_broadcast(&s->idle);
    (void)pthread_mutex_unlock(&s->lock);
    if (spilled)
        index_maintain(s->vault);
    return rc;
}

/* Ends this thread's part in the pack; true if it is left to us to seal. */
static bool leave(struct session *s, const struct place *at, const struct pack_row *row)
{
    struct session_pack *p = at->pack;
    pack_row_encode(row, p->rows + (size_t)at->frame * PACK_ROW_BYTES);
    p->busy--;
    return p->closed && !p->busy && !s->failed;
}

static int check_frame(const struct frame *f, uint32_t len, struct err *e)
{
    if (f->kind != FRAME_DATA && f->kind != FRAME_META)
        return err_set(e, ERR_USAGE, "a frame of unknown kind");
    if (len < FRAME_SEALED_MIN || len > FRAME_SEALED_MAX)
        return err_set(e, ERR_LIMIT, "a frame of %u bytes; %u to %u are possible", len,
                       FRAME_SEALED_MIN, FRAME_SEALED_MAX);
    if (!f->nonce)
        return err_set(e, ERR_USAGE, "a frame without a nonce");
    return 0;
}

int session_add(struct session *s, const struct frame *f, uint8_t *buf, uint32_t len, struct err *e)
{
    struct place at = {0};
    struct pack_row row = {0};
    struct err why = ERR_INIT;
    if (check_frame(f, len, e))
        return -1;
    (void)pthread_mutex_lock(&s->lock);
    int rc = reserve(s, f, len, &at, &why);
    if (rc && why.cls == ERR_USAGE && e)
        *e = why; /* the caller's mistake changes nothing */
    else if (rc)
        session_fail(s, &why, e);
    (void)pthread_mutex_unlock(&s->lock);
    if (rc)
        return -1;
    rc = write_frame(&at, f, buf, len, &row, &why);
    (void)pthread_mutex_lock(&s->lock);
    if (rc)
        session_fail(s, &why, e);
    bool mine = leave(s, &at, &row);
    if (s->failed)
        (void)pthread_cond_broadcast(&s->idle);
    (void)pthread_mutex_unlock(&s->lock);
    if (rc)
        return -1;
    return mine ? session_sealers_give(s, at.pack, e) : 0;
}

int session_seal_all(struct session *s, struct err *e)
{
    struct session_pack *mine[3] = {0};
    (void)pthread_mutex_lock(&s->lock);
    for (size_t kind = 0; kind < 3; kind++) {
        struct session_pack *p = s->current[kind];
        s->current[kind] = NULL;
        if (!p)
            continue;
        p->closed = true;
        if (!p->busy)
            mine[kind] = p;
    }
    (void)pthread_mutex_unlock(&s->lock);
    int rc = 0;
    for (size_t kind = 0; !rc && kind < 3; kind++)
        if (mine[kind])
            rc = session_sealers_give(s, mine[kind], e);
    (void)pthread_mutex_lock(&s->lock);
    while (!rc && !s->failed && s->unsealed)
        (void)pthread_cond_wait(&s->idle, &s->lock);
    if (!rc)
        rc = session_check(s, e);
    (void)pthread_mutex_unlock(&s->lock);
    return rc;
}
