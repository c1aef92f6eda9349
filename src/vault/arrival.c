/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pack that comes over a wire, in pieces, from somebody who may be hostile. It is
 * hashed and parsed while it is written out; nothing of it has a name before all of it
 * is what its name says. Does not look into frames: nobody here could.
 *
 * V1 The footer that its frames call for is made here, from what came, and compared: so every row
 *    is true, there are no origins (which only a collection may write), no unknown sections.
 * V2 Header and every frame are of the session and the writer that were announced. Whether the
 *    session is the writer's, keeper_session_begin has verified.
 * V3 The name is that of the header and footer that came.
 */
#include "base/mem.h"
#include "vault/keeper.h"
#include "vault/parity.h"
#include "vault/vault_internal.h"

#include <string.h>

enum stage { HEADER = 1, FRAME_HEAD, FRAME_BODY, FOOTER };

struct arrival {
    struct vault *vault;
    struct arrival_params p;
    struct store_writer *object;
    uint64_t came;
    uint32_t next;  /* where the next frame begins */
    enum stage stage;
    uint8_t part[FRAME_HEADER_BYTES]; /* of a header that is not whole yet; the pack's is shorter */
    size_t part_len;
    enum frame_kind kind;
    uint8_t header[PACK_HEADER_BYTES];
    struct buf rows;
    struct pack_row row; /* of the frame under way */
    uint32_t frames, left;
    struct hash_stream hash;
    struct buf footer; /* footer and trailer */
    bool failed;
};

_Static_assert(PACK_HEADER_BYTES <= FRAME_HEADER_BYTES, "one buffer for both headers");

static int known(struct vault *v, const uint8_t *id, struct err *e)
{
    char name[PACK_NAME_BYTES];
    bool dirs[256] = {false};
    struct store_reader *r = NULL;
    struct err why = ERR_INIT;
    pack_name(id, name);
    if (store_open(v->store, name, &r, &why))
        return why.cls == ERR_NOT_FOUND ? 0 : err_give(e, &why);
    store_reader_close(r);
    dirs[id[0]] = true; /* whoever stored it may not have come to this */
    if (packs_sync(v, dirs, e))
        return -1;
    return err_set(e, ERR_EXISTS, "%s is there already", name);
}

int arrival_begin(struct vault *v, const struct arrival_params *p, struct arrival **out,
                  struct err *e)
{
    if (p->len > ARRIVAL_MAX || p->len < PACK_HEADER_BYTES + PACK_TRAILER_BYTES)
        return err_set(e, ERR_LIMIT, "a pack of %llu bytes; at most %llu are taken",
                       (unsigned long long)p->len, (unsigned long long)ARRIVAL_MAX);
    if (known(v, p->id, e))
        return -1;
    struct arrival *a = mem_zalloc(sizeof *a);
    if (!a)
        return err_no_memory(e, "a pack");
    *a = (struct arrival){.vault = v, .p = *p, .stage = HEADER};
    a->rows.max = PACK_FOOTER_MAX;
    a->footer.max = PACK_FOOTER_MAX;
    if (store_create(v->store, &a->object, e)) {
        mem_free(a);
        return -1;
    }
    *out = a;
    return 0;
}

void arrival_abort(struct arrival *a)
{
    if (!a)
        return;
    store_writer_abort(a->object);
    buf_done(&a->rows);
    buf_done(&a->footer);
    mem_free(a);
}

/* ---- parsing ------------------------------------------------------------------------------- */

/* Moves bytes into a->part until there are `want`; true when there are. */
static bool gather(struct arrival *a, struct cursor *c, size_t want)
{
    size_t n = want - a->part_len;
    if (n > cursor_left(c))
        n = cursor_left(c);
    memcpy(a->part + a->part_len, cursor_bytes(c, n), n);
    a->part_len += n;
    return a->part_len == want;
}

/* V2 */
static int take_header(struct arrival *a, struct cursor *c, struct err *e)
{
    struct pack_header h;
    if (!gather(a, c, PACK_HEADER_BYTES))
        return 0;
    if (pack_header_decode(a->part, PACK_HEADER_BYTES, &h, e))
        return -1;
    if (memcmp(h.vault, a->vault->info.id, UID_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "the pack belongs to another vault");
    if (memcmp(h.writer, a->p.writer, UID_BYTES) != 0 ||
        memcmp(h.session, a->p.session, UID_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "the pack names another writer or session");
    memcpy(a->header, a->part, PACK_HEADER_BYTES);
    a->kind = h.kind;
    a->next = PACK_HEADER_BYTES;
    a->part_len = 0;
    a->stage = FRAME_HEAD;
    return 0;
}

static int begin_frame(struct arrival *a, struct err *e)
{
    struct frame f;
    uint32_t len;
    if (frame_header_decode(a->part, FRAME_HEADER_BYTES, &f, &len, e))
        return -1;
    if (f.kind != a->kind || memcmp(f.session, a->p.session, UID_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "a frame of another kind or session than its pack");
    if (a->frames == PACK_FRAMES_MAX)
        return err_set(e, ERR_LIMIT, "a pack of more than %u frames", PACK_FRAMES_MAX);
    a->row = (struct pack_row){.offset = a->next, .len = len, .kind = f.kind};
    a->next += FRAME_HEADER_BYTES + len;
    memcpy(a->row.id, f.id, ID_BYTES);
    hash_stream_begin(&a->hash);
    hash_stream_put(&a->hash, a->part, FRAME_HEADER_BYTES);
    a->left = len;
    a->part_len = 0;
    a->stage = FRAME_BODY;
    return 0;
}

#define FOOTER_MAGIC       "abri.FOT"
#define FOOTER_MAGIC_BYTES ((size_t)8)

/* A frame or the footer: the first eight bytes tell. */
static int take_frame_head(struct arrival *a, struct cursor *c, struct err *e)
{
    if (a->part_len < FOOTER_MAGIC_BYTES) {
        if (!gather(a, c, FOOTER_MAGIC_BYTES))
            return 0;
        if (memcmp(a->part, FOOTER_MAGIC, FOOTER_MAGIC_BYTES) == 0) {
            buf_put(&a->footer, a->part, FOOTER_MAGIC_BYTES);
            a->stage = FOOTER;
            return 0;
        }
    }
    return gather(a, c, FRAME_HEADER_BYTES) ? begin_frame(a, e) : 0;
}

static void take_frame_body(struct arrival *a, struct cursor *c)
{
    uint8_t encoded[PACK_ROW_BYTES];
    size_t n = a->left < cursor_left(c) ? a->left : cursor_left(c);
    hash_stream_put(&a->hash, cursor_bytes(c, n), n);
    a->left -= (uint32_t)n;
    if (a->left)
        return;
    hash_stream_end(&a->hash, a->row.hash);
    pack_row_encode(&a->row, encoded);
    buf_put(&a->rows, encoded, sizeof encoded);
    a->frames++;
    a->stage = FRAME_HEAD;
}

/* No longer than one of ours would be, so that nobody fills memory. */
static int take_footer(struct arrival *a, struct cursor *c, struct err *e)
{
    size_t n = cursor_left(c), most = a->rows.len + 256;
    if (buf_check(&a->rows, "a pack's footer", e)) /* or an honest footer looked too long */
        return -1;
    if (a->footer.len + n > most)
        return err_set(e, ERR_DAMAGED, "its footer is longer than its frames call for");
    buf_put(&a->footer, cursor_bytes(c, n), n);
    return buf_check(&a->footer, "a pack's footer", e);
}

static int parse(struct arrival *a, struct cursor *c, struct err *e)
{
    int rc = 0;
    while (!rc && cursor_left(c)) {
        switch (a->stage) {
        case HEADER: rc = take_header(a, c, e); break;
        case FRAME_HEAD: rc = take_frame_head(a, c, e); break;
        case FRAME_BODY: take_frame_body(a, c); break;
        case FOOTER: rc = take_footer(a, c, e); break;
        }
    }
    return rc;
}

static int wrap(const struct arrival *a, struct err *e)
{
    char name[PACK_NAME_BYTES];
    pack_name(a->p.id, name);
    return err_wrap(e, "%s", name);
}

static int take(struct arrival *a, const void *p, size_t len, struct err *e)
{
    struct cursor c = cursor_of(p, len);
    if (len > a->p.len - a->came)
        return err_set(e, ERR_DAMAGED, "more bytes than announced");
    if (parse(a, &c, e) || store_write(a->object, a->came, p, len, e))
        return -1;
    a->came += len;
    return 0;
}

int arrival_take(struct arrival *a, const void *p, size_t len, struct err *e)
{
    if (a->failed)
        return err_set(e, ERR_USAGE, "the arrival of a pack has failed before");
    if (take(a, p, len, e) == 0)
        return 0;
    a->failed = true;
    return wrap(a, e);
}

/* ---- the end ---------------------------------------------------------------------------------- */

/* V1, V3 */
static int check(struct arrival *a, struct err *e)
{
    CLEANUP(buf_done) struct buf expected = {.max = PACK_FOOTER_MAX};
    uint8_t trailer[PACK_TRAILER_BYTES], id[ID_BYTES];
    if (a->failed || a->came != a->p.len || a->stage != FOOTER || !a->frames)
        return err_set(e, ERR_DAMAGED, "it is not whole");
    if (buf_check(&a->rows, "a pack's footer", e))
        return -1;
    pack_footer_encode(&expected, a->rows.data, a->frames, NULL, 0);
    size_t footer_len = expected.len;
    pack_trailer_encode((uint32_t)footer_len, trailer);
    buf_put(&expected, trailer, sizeof trailer);
    if (buf_check(&expected, "a pack's footer", e))
        return -1;
    if (a->footer.len != expected.len ||
        memcmp(a->footer.data, expected.data, expected.len) != 0)
        return err_set(e, ERR_DAMAGED, "its footer does not describe its frames");
    pack_id(a->header, a->footer.data, footer_len, id);
    if (memcmp(id, a->p.id, ID_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "its name is not that of its header and footer");
    return 0;
}

static int keep(struct arrival *a, struct err *e)
{
    char name[PACK_NAME_BYTES];
    bool dirs[256] = {false};
    struct err why = ERR_INIT;
    pack_name(a->p.id, name);
    bool there = false;
    if (store_writer_commit(TAKE(a->object), name, &why)) {
        there = why.cls == ERR_EXISTS;
        if (!there)
            return err_give(e, &why);
    }
    dirs[a->p.id[0]] = true;
    if (packs_sync(a->vault, dirs, e))
        return -1;
    if (!there && !a->p.no_parity)
        (void)!parity_put(a->vault, a->p.id, NULL); /* a scrub makes what is missing */
    return 0;
}

int arrival_end(struct arrival *a, struct err *e)
{
    int rc = check(a, e) || keep(a, e) ? wrap(a, e) : 0;
    arrival_abort(a);
    return rc;
}
