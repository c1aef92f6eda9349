/* SPDX-License-Identifier: Apache-2.0 */
/* A whole pack in memory: everything that its name promises, byte for byte. */
#include "vault/parity.h"

#include <string.h>

static int verify_frame(const uint8_t *p, const struct pack_row *row, struct err *e)
{
    size_t bytes = FRAME_HEADER_BYTES + (size_t)row->len; /* within the pack: the footer's decoder saw to it */
    uint8_t hash[HASH_BYTES];
    hash_bytes(p + row->offset, bytes, hash);
    if (memcmp(hash, row->hash, HASH_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "frame at offset %u: its hash does not match", row->offset);
    return 0;
}

static int verify_ends(struct vault *v, const uint8_t *p, size_t len, uint8_t id_out[ID_BYTES],
                       struct pack_footer *out, struct err *e)
{
    struct pack_header h;
    uint32_t footer_len;
    if (len < PACK_HEADER_BYTES + PACK_TRAILER_BYTES)
        return err_set(e, ERR_DAMAGED, "only %zu bytes long", len);
    if (pack_header_decode(p, PACK_HEADER_BYTES, &h, e) ||
        pack_trailer_decode(p + len - PACK_TRAILER_BYTES, len, &footer_len, e))
        return -1;
    if (memcmp(h.vault, v->info.id, UID_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "belongs to another vault");
    size_t frames_end = len - PACK_TRAILER_BYTES - footer_len;
    pack_id(p, p + frames_end, footer_len, id_out);
    return pack_footer_decode(p + frames_end, footer_len, frames_end, h.kind, out, e);
}

int pack_verify(struct vault *v, const uint8_t *p, size_t len, uint8_t id_out[ID_BYTES],
                struct err *e)
{
    struct pack_footer footer;
    uint8_t id[ID_BYTES];
    if (verify_ends(v, p, len, id, &footer, e))
        return -1;
    for (uint32_t i = 0; i < footer.count; i++) {
        struct pack_row row;
        pack_row_decode(footer.rows + (size_t)i * PACK_ROW_BYTES, &row);
        if (verify_frame(p, &row, e))
            return -1;
    }
    memcpy(id_out, id, ID_BYTES);
    return 0;
}
