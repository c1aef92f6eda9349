/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a pack (docs/format/vault.md, "Packs"): header, frame headers,
 * footer, trailer. Pure functions over memory; every decoder takes hostile
 * input and allocates nothing.
 */
#ifndef ABRI_VAULT_PACK_FORMAT_H
#define ABRI_VAULT_PACK_FORMAT_H

#include "base/bytes.h"
#include "vault/fanned_name.h"
#include "vault/vault.h"

#define PACK_HEADER_BYTES  64u
#define PACK_TRAILER_BYTES 12u
#define PACK_ROW_BYTES     76u
#define PACK_ORIGIN_BYTES  40u
#define PACK_FOOTER_MAX    ((uint32_t)64 << 20)
/* What fits into such a footer; bounds every bitmap over a pack's frames. */
#define PACK_FRAMES_MAX  (PACK_FOOTER_MAX / PACK_ROW_BYTES)
#define FRAME_SEALED_MIN 21u

struct pack_header {
    enum frame_kind kind;
    uint8_t vault[UID_BYTES], session[UID_BYTES], writer[UID_BYTES];
};

void pack_header_encode(const struct pack_header *h, uint8_t out[static PACK_HEADER_BYTES]);
MUST_CHECK int pack_header_decode(const uint8_t *p, size_t len, struct pack_header *out,
                                  struct err *e);

void frame_header_encode(const struct frame *f, uint32_t len,
                         uint8_t out[static FRAME_HEADER_BYTES]);
MUST_CHECK int frame_header_decode(const uint8_t *p, size_t len, struct frame *out,
                                   uint32_t *len_out, struct err *e);

/* One frame as the footer describes it. */
struct pack_row {
    uint8_t id[ID_BYTES];
    uint32_t offset, len; /* of the frame header; of the sealed bytes */
    enum frame_kind kind;
    uint8_t hash[HASH_BYTES]; /* of header and sealed bytes */
};

void pack_row_encode(const struct pack_row *r, uint8_t out[static PACK_ROW_BYTES]);
void pack_row_decode(const uint8_t in[static PACK_ROW_BYTES], struct pack_row *out);

/* A decoded footer borrows the bytes it was decoded from. */
struct pack_footer {
    const uint8_t *rows; /* count × PACK_ROW_BYTES */
    uint32_t count;
    const uint8_t *origins; /* origin_count × PACK_ORIGIN_BYTES, or NULL */
    uint32_t origin_count;
};

/* Appends a footer; the section of origins is left out if there are none. */
void pack_footer_encode(struct buf *out, const uint8_t *rows, uint32_t count,
                        const uint8_t *origins, uint32_t origin_count);
/* `frames_end` is where the footer begins in the pack: the frames must fill
 * the space between header and footer exactly, and be of the pack's kind. */
MUST_CHECK int pack_footer_decode(const uint8_t *p, size_t len, uint64_t frames_end,
                                  enum frame_kind kind, struct pack_footer *out, struct err *e);

void pack_trailer_encode(uint32_t footer_len, uint8_t out[static PACK_TRAILER_BYTES]);
/* Gives the footer's length; checks that it fits into a pack of `pack_len`. */
MUST_CHECK int pack_trailer_decode(const uint8_t in[static PACK_TRAILER_BYTES], uint64_t pack_len,
                                   uint32_t *footer_len_out, struct err *e);

void pack_id(const uint8_t header[static PACK_HEADER_BYTES], const uint8_t *footer, size_t len,
             uint8_t out[static ID_BYTES]);

#define PACK_DIR        "packs"
#define PACK_NAME_BYTES FANNED_NAME_BYTES(PACK_DIR) /* "packs/aa/" + 64 digits + NUL */
void pack_name(const uint8_t id[static ID_BYTES], char out[static PACK_NAME_BYTES]);
bool pack_name_decode(const char *name, uint8_t id_out[static ID_BYTES]);

#endif
