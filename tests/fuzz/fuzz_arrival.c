/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packs that arrive. The input says how an honest pack is spoilt, and how much of that is made good again
 * (checks, footer, name), so that the search gets past the first hash:
 *
 *   flags, size of a piece, then edits of four bytes: where (16 bits), how, value
 *
 * Whatever is taken is a whole pack of that vault, writer and session, without origins, under its own name.
 */
#include "base/mem.h"
#include "fuzz.h"
#include "vault/config_format.h"
#include "vault/keeper.h"
#include "vault/parity.h"

#include <stdlib.h>
#include <string.h>

#define FRAMES     4u
#define SEALED     40u
#define FRAME      (FRAME_HEADER_BYTES + SEALED)
#define FRAMES_END (PACK_HEADER_BYTES + FRAMES * FRAME)

enum { RECHECK = 1, REFOOT = 2, RENAME = 4, ORIGINS = 8, RELEN = 16, TWICE = 32 };

static const uint8_t vault_id[UID_BYTES] = {1}, writer[UID_BYTES] = {2}, session[UID_BYTES] = {3};

static struct vault *the_vault(void)
{
    static struct vault *v;
    struct store *s = NULL;
    struct sign_key owner, keeper;
    struct vault_info info = {.created_ns = 1, .chunking = {.small_max = 7, .fixed = 4096}};
    uint8_t bytes[CONFIG_BYTES], seed[SIGN_SEED_BYTES] = {1};
    struct err e;
    if (v)
        return v;
    if (sign_init(&e))
        abort();
    sign_key_from_seed(seed, &owner);
    seed[0]++;
    sign_key_from_seed(seed, &keeper);
    memcpy(info.id, vault_id, UID_BYTES);
    memcpy(info.owner_pk, owner.public_key, SIGN_PUBLIC_BYTES);
    memcpy(info.keeper_pk, keeper.public_key, SIGN_PUBLIC_BYTES);
    config_encode(&info, &owner, bytes);
    sign_key_done(&owner);
    sign_key_done(&keeper);
    if (store_mem_open(&s, &e) || store_put(s, "vault", bytes, sizeof bytes, &e) ||
        vault_open(s, &v, &e))
        abort();
    return v;
}

static void honest(uint8_t out[FRAMES_END])
{
    struct pack_header h = {.kind = FRAME_DATA};
    memcpy(h.vault, vault_id, UID_BYTES);
    memcpy(h.writer, writer, UID_BYTES);
    memcpy(h.session, session, UID_BYTES);
    pack_header_encode(&h, out);
    for (unsigned i = 0; i < FRAMES; i++) {
        struct frame f = {.kind = FRAME_DATA, .nonce = i + 1, .id = {(uint8_t)(i + 1)}};
        uint8_t *at = out + PACK_HEADER_BYTES + (size_t)i * FRAME;
        memcpy(f.session, session, UID_BYTES);
        frame_header_encode(&f, SEALED, at);
        memset(at + FRAME_HEADER_BYTES, 0x40 + (int)i, SEALED);
    }
}

static void put_footer(struct buf *pack, unsigned flags, size_t *footer_len)
{
    uint8_t rows[FRAMES * PACK_ROW_BYTES], trailer[PACK_TRAILER_BYTES], origin[PACK_ORIGIN_BYTES] = {0};
    size_t before = pack->len;
    for (unsigned i = 0; i < FRAMES; i++) {
        uint8_t *at = pack->data + PACK_HEADER_BYTES + (size_t)i * FRAME;
        struct pack_row row = {.offset = PACK_HEADER_BYTES + i * FRAME, .len = SEALED,
                               .kind = (enum frame_kind)at[8]};
        memcpy(row.id, at + 36, ID_BYTES);
        hash_bytes(at, FRAME, row.hash);
        pack_row_encode(&row, rows + (size_t)i * PACK_ROW_BYTES);
    }
    pack_footer_encode(pack, rows, FRAMES, origin, flags & ORIGINS ? 1 : 0);
    *footer_len = pack->len - before;
    pack_trailer_encode((uint32_t)*footer_len, trailer);
    buf_put(pack, trailer, sizeof trailer);
}

static void edit(struct buf *b, const uint8_t *p, size_t len)
{
    for (; len >= 4; p += 4, len -= 4) {
        size_t at = b->len ? get_u16(p) % b->len : 0;
        if (p[2] % 4 == 0 && b->len)
            b->data[at] ^= p[3];
        else if (p[2] % 4 == 1)
            b->len = at; /* cut */
        else if (p[2] % 4 == 2)
            buf_put_u8(b, p[3]);
    }
}

static void recheck(struct buf *b)
{
    for (unsigned i = 0; i < FRAMES && b->len >= FRAMES_END; i++) {
        uint8_t *at = b->data + PACK_HEADER_BYTES + (size_t)i * FRAME, hash[HASH_BYTES];
        hash_bytes(at, FRAME_HEADER_BYTES - 4, hash);
        memcpy(at + FRAME_HEADER_BYTES - 4, hash, 4);
    }
}

static int send(const struct arrival_params *p, const struct buf *b, size_t piece)
{
    struct arrival *a = NULL;
    struct err e;
    if (arrival_begin(the_vault(), p, &a, &e))
        return -1;
    for (size_t at = 0; at < b->len; at += piece)
        if (arrival_take(a, b->data + at, b->len - at < piece ? b->len - at : piece, &e)) {
            arrival_abort(a);
            return -1;
        }
    return arrival_end(a, &e);
}

static void check(const struct arrival_params *p, const struct buf *b)
{
    struct pack_contents c;
    struct err e;
    char name[PACK_NAME_BYTES];
    uint8_t id[ID_BYTES];
    if (pack_contents_read(the_vault(), p->id, &c, &e) || c.footer.origin_count || c.len != b->len ||
        memcmp(c.header.writer, writer, UID_BYTES) != 0 || memcmp(c.header.session, session, UID_BYTES) != 0)
        abort();
    pack_contents_done(&c);
    if (pack_verify(the_vault(), b->data, b->len, id, &e) || memcmp(id, p->id, ID_BYTES) != 0)
        abort();
    pack_name(p->id, name);
    if (store_remove(vault_store(the_vault()), name, &e))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    CLEANUP(buf_done) struct buf b = {0};
    uint8_t frames[FRAMES_END];
    struct arrival_params params = {.no_parity = true};
    size_t footer_len = 0;
    if (len < 2)
        return 0;
    unsigned flags = p[0];
    honest(frames);
    buf_put(&b, frames, sizeof frames);
    if (!(flags & REFOOT))
        put_footer(&b, flags, &footer_len);
    pack_id(b.data, b.data + FRAMES_END, footer_len, params.id);
    params.len = b.len;
    edit(&b, p + 2, len - 2);
    if (flags & RECHECK)
        recheck(&b);
    if ((flags & REFOOT) && b.len >= FRAMES_END)
        put_footer(&b, flags, &footer_len);
    if ((flags & RENAME) && b.len >= PACK_HEADER_BYTES + footer_len + PACK_TRAILER_BYTES)
        pack_id(b.data, b.data + b.len - PACK_TRAILER_BYTES - footer_len, footer_len, params.id);
    if (flags & TWICE)
        put_footer(&b, 0, &footer_len);
    if (flags & RELEN)
        params.len = b.len;
    memcpy(params.writer, writer, UID_BYTES);
    memcpy(params.session, session, UID_BYTES);
    if (send(&params, &b, p[1] ? p[1] : 100000) == 0)
        check(&params, &b);
    else if (len == 2 && !(flags & (ORIGINS | REFOOT | TWICE)))
        abort(); /* an honest one was refused */
    return 0;
}
