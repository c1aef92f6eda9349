/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packs as bytes. Does no input or output and trusts nothing: a footer is
 * accepted only if its frames lie gapless between header and footer.
 */
#include "vault/pack_format.h"

#include "vault/object_head.h"

#include <string.h>

static const char pack_magic[8] = "abri.PAK";
static const char footer_magic[8] = "abri.FOT";
static const char trailer_magic[8] = "abri.END";
static const char frame_magic[4] = "aFRM";

enum { SECTION_FRAMES = 1, SECTION_ORIGINS = 2 };
#define SECTION_REQUIRED UINT32_C(0x80000000)

static bool kind_is_known(uint8_t kind)
{
    return kind == FRAME_DATA || kind == FRAME_META;
}

/* ---- header ----------------------------------------------------------------- */

void pack_header_encode(const struct pack_header *h, uint8_t out[static PACK_HEADER_BYTES])
{
    memset(out, 0, PACK_HEADER_BYTES);
    object_head_encode(out, pack_magic);
    out[12] = (uint8_t)h->kind;
    memcpy(out + 16, h->vault, UID_BYTES);
    memcpy(out + 32, h->session, UID_BYTES);
    memcpy(out + 48, h->writer, UID_BYTES);
}

int pack_header_decode(const uint8_t *p, size_t len, struct pack_header *out, struct err *e)
{
    struct cursor c = cursor_of(p, len);
    if (object_head_check(&c, pack_magic, "a pack", e))
        return -1;
    uint8_t kind = cursor_u8(&c);
    const uint8_t *zero = cursor_bytes(&c, 3);
    struct pack_header h = {.kind = (enum frame_kind)kind};
    cursor_copy(&c, h.vault, UID_BYTES);
    cursor_copy(&c, h.session, UID_BYTES);
    cursor_copy(&c, h.writer, UID_BYTES);
    if (cursor_check(&c, false, "pack header", e))
        return -1;
    if (!kind_is_known(kind) || !bytes_are_zero(zero, 3))
        return err_set(e, ERR_DAMAGED, "pack header: unknown kind %u", kind);
    *out = h;
    return 0;
}

/* ---- frame header ------------------------------------------------------------- */

static uint32_t frame_check_word(const uint8_t *header)
{
    uint8_t hash[HASH_BYTES];
    hash_bytes(header, FRAME_HEADER_BYTES - 4, hash);
    return get_u32(hash);
}

void frame_header_encode(const struct frame *f, uint32_t len,
                         uint8_t out[static FRAME_HEADER_BYTES])
{
    memcpy(out, frame_magic, 4);
    put_u32(out + 4, len);
    put_u32(out + 8, (uint32_t)f->kind); /* kind and three zero bytes */
    put_u64(out + 12, f->nonce);
    memcpy(out + 20, f->session, UID_BYTES);
    memcpy(out + 36, f->id, ID_BYTES);
    put_u32(out + 68, frame_check_word(out));
}

int frame_header_decode(const uint8_t *p, size_t len, struct frame *out, uint32_t *len_out,
                        struct err *e)
{
    if (len < FRAME_HEADER_BYTES)
        return err_set(e, ERR_DAMAGED, "frame header: cut short");
    if (memcmp(p, frame_magic, 4) != 0)
        return err_set(e, ERR_DAMAGED, "frame header: no frame begins here");
    if (get_u32(p + 68) != frame_check_word(p))
        return err_set(e, ERR_DAMAGED, "frame header: check does not match");
    uint32_t sealed = get_u32(p + 4);
    uint64_t nonce = get_u64(p + 12);
    if (sealed < FRAME_SEALED_MIN || sealed > FRAME_SEALED_MAX || !kind_is_known(p[8]) ||
        !bytes_are_zero(p + 9, 3) || nonce == 0)
        return err_set(e, ERR_DAMAGED, "frame header: impossible values");
    out->kind = (enum frame_kind)p[8];
    out->nonce = nonce;
    memcpy(out->session, p + 20, UID_BYTES);
    memcpy(out->id, p + 36, ID_BYTES);
    *len_out = sealed;
    return 0;
}

/* ---- footer -------------------------------------------------------------------- */

void pack_row_encode(const struct pack_row *r, uint8_t out[static PACK_ROW_BYTES])
{
    memcpy(out, r->id, ID_BYTES);
    put_u32(out + 32, r->offset);
    put_u32(out + 36, r->len);
    put_u32(out + 40, (uint32_t)r->kind);
    memcpy(out + 44, r->hash, HASH_BYTES);
}

void pack_row_decode(const uint8_t in[static PACK_ROW_BYTES], struct pack_row *out)
{
    memcpy(out->id, in, ID_BYTES);
    out->offset = get_u32(in + 32);
    out->len = get_u32(in + 36);
    out->kind = (enum frame_kind)in[40];
    memcpy(out->hash, in + 44, HASH_BYTES);
}

void pack_footer_encode(struct buf *out, const uint8_t *rows, uint32_t count,
                        const uint8_t *origins, uint32_t origin_count)
{
    object_head_put(out, footer_magic);
    buf_put_u32(out, origin_count ? 2 : 1);
    buf_put_u32(out, SECTION_FRAMES);
    buf_put_u32(out, count * PACK_ROW_BYTES);
    buf_put(out, rows, (size_t)count * PACK_ROW_BYTES);
    if (!origin_count)
        return;
    buf_put_u32(out, SECTION_ORIGINS);
    buf_put_u32(out, origin_count * PACK_ORIGIN_BYTES);
    buf_put(out, origins, (size_t)origin_count * PACK_ORIGIN_BYTES);
}

static int take_frames(struct pack_footer *f, const uint8_t *p, uint32_t len, struct err *e)
{
    if (f->rows)
        return err_set(e, ERR_DAMAGED, "footer: two frame tables");
    if (len % PACK_ROW_BYTES != 0)
        return err_set(e, ERR_DAMAGED, "footer: frame table of odd length");
    f->rows = p;
    f->count = len / PACK_ROW_BYTES;
    return 0;
}

static int take_origins(struct pack_footer *f, const uint8_t *p, uint32_t len, struct err *e)
{
    if (f->origins || len % PACK_ORIGIN_BYTES != 0)
        return err_set(e, ERR_DAMAGED, "footer: malformed origins");
    f->origins = p;
    f->origin_count = len / PACK_ORIGIN_BYTES;
    return 0;
}

static int take_section(struct pack_footer *f, struct cursor *c, struct err *e)
{
    uint32_t type = cursor_u32(c);
    uint32_t len = cursor_u32(c);
    const uint8_t *p = cursor_bytes(c, len);
    if (!p)
        return err_set(e, ERR_DAMAGED, "footer: section longer than the footer");
    if (type == SECTION_FRAMES)
        return take_frames(f, p, len, e);
    if (type == SECTION_ORIGINS)
        return take_origins(f, p, len, e);
    if (type & SECTION_REQUIRED)
        return err_set(e, ERR_NEWER,
                       "footer: was written by a newer abri (section %u); update abri to use it",
                       type);
    return 0;
}

static int check_rows(const struct pack_footer *f, uint64_t frames_end, enum frame_kind kind,
                      struct err *e)
{
    uint64_t at = PACK_HEADER_BYTES;
    for (uint32_t i = 0; i < f->count; i++) {
        const uint8_t *row = f->rows + (size_t)i * PACK_ROW_BYTES;
        uint32_t len = get_u32(row + 36);
        if (get_u32(row + 32) != at)
            return err_set(e, ERR_DAMAGED, "footer: frame %u does not follow the one before", i);
        if (len < FRAME_SEALED_MIN || len > FRAME_SEALED_MAX)
            return err_set(e, ERR_DAMAGED, "footer: frame %u has an impossible length", i);
        if (get_u32(row + 40) != (uint32_t)kind)
            return err_set(e, ERR_DAMAGED, "footer: frame %u is of another kind than the pack", i);
        at += FRAME_HEADER_BYTES + len;
        if (at > frames_end)
            return err_set(e, ERR_DAMAGED, "footer: frame %u reaches behind the footer", i);
    }
    if (at != frames_end)
        return err_set(e, ERR_DAMAGED, "footer: bytes between the last frame and the footer");
    return 0;
}

static int check_origins(const struct pack_footer *f, struct err *e)
{
    for (uint32_t i = 0; i < f->origin_count; i++) {
        const uint8_t *o = f->origins + (size_t)i * PACK_ORIGIN_BYTES;
        if (get_u32(o) >= f->count || get_u32(o + 36) >= PACK_FRAMES_MAX)
            return err_set(e, ERR_DAMAGED, "footer: origin of a frame that does not exist");
        if (i && get_u32(o) < get_u32(o - PACK_ORIGIN_BYTES))
            return err_set(e, ERR_DAMAGED, "footer: origins are not in the order of frames");
    }
    return 0;
}

int pack_footer_decode(const uint8_t *p, size_t len, uint64_t frames_end, enum frame_kind kind,
                       struct pack_footer *out, struct err *e)
{
    if (len > PACK_FOOTER_MAX)
        return err_set(e, ERR_LIMIT, "footer of %zu bytes, more than %u", len, PACK_FOOTER_MAX);
    struct cursor c = cursor_of(p, len);
    if (object_head_check(&c, footer_magic, "a footer", e))
        return -1;
    struct pack_footer f = {0};
    uint32_t sections = cursor_u32(&c);
    /* Each section takes at least eight bytes, so the count cannot run away. */
    for (uint32_t i = 0; i < sections; i++)
        if (take_section(&f, &c, e))
            return -1;
    if (cursor_check(&c, true, "footer", e))
        return -1;
    if (!f.rows)
        return err_set(e, ERR_DAMAGED, "footer: no frame table");
    if (check_rows(&f, frames_end, kind, e) || check_origins(&f, e))
        return -1;
    *out = f;
    return 0;
}

/* ---- trailer, name --------------------------------------------------------------- */

void pack_trailer_encode(uint32_t footer_len, uint8_t out[static PACK_TRAILER_BYTES])
{
    put_u32(out, footer_len);
    memcpy(out + 4, trailer_magic, 8);
}

int pack_trailer_decode(const uint8_t in[static PACK_TRAILER_BYTES], uint64_t pack_len,
                        uint32_t *footer_len_out, struct err *e)
{
    if (memcmp(in + 4, trailer_magic, 8) != 0)
        return err_set(e, ERR_DAMAGED, "no trailer at the end");
    uint32_t len = get_u32(in);
    if (pack_len > UINT32_MAX || len > pack_len - PACK_HEADER_BYTES - PACK_TRAILER_BYTES)
        return err_set(e, ERR_DAMAGED, "trailer: footer longer than the pack");
    if (len > PACK_FOOTER_MAX)
        return err_set(e, ERR_LIMIT, "trailer: footer of %u bytes, more than %u", len,
                       PACK_FOOTER_MAX);
    *footer_len_out = len;
    return 0;
}

void pack_id(const uint8_t header[static PACK_HEADER_BYTES], const uint8_t *footer, size_t len,
             uint8_t out[static ID_BYTES])
{
    hash_two(header, PACK_HEADER_BYTES, footer, len, out);
}

void pack_name(const uint8_t id[static ID_BYTES], char out[static PACK_NAME_BYTES])
{
    fanned_name(PACK_DIR, id, out);
}

bool pack_name_decode(const char *name, uint8_t id_out[static ID_BYTES])
{
    return fanned_name_decode(PACK_DIR, name, id_out);
}
