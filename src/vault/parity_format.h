/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The object `parity/<aa>/<pack id>` (docs/format/vault.md, "Parity"): Reed-Solomon
 * parity of one pack, and a check word for each of its blocks, so that what rots
 * can be found and computed again. It proves nothing: a mended pack must still
 * hash to its name. Pure functions over memory; hostile input is refused, or
 * leads to a pack that does not verify.
 *
 * A pack is cut into blocks of 4 KiB; block b belongs to stripe b mod `stripes`
 * and is number b / stripes in it. So each stripe has blocks from all over the
 * pack, and a burst of `parity` x `stripes` blocks costs no stripe more than it
 * can bear: `parity` blocks.
 */
#ifndef ABRI_VAULT_PARITY_FORMAT_H
#define ABRI_VAULT_PARITY_FORMAT_H

#include "base/bytes.h"
#include "vault/fanned_name.h"
#include "vault/vault.h"

#define PARITY_BLOCK_BYTES 4096u
#define PARITY_PACK_MAX    ((uint64_t)256 << 20) /* longer packs have none */
#define PARITY_DATA_MAX    128u                  /* blocks of a stripe */
#define PARITY_ROWS_MAX    8u                    /* parity blocks of a stripe */
#define PARITY_HEAD_BYTES  84u
#define PARITY_OBJECT_MAX  ((size_t)260 << 20)

struct parity_head {
    uint8_t vault[UID_BYTES], pack[ID_BYTES];
    uint64_t pack_len; /* 1 … PARITY_PACK_MAX */
    uint32_t block;    /* bytes: 4096, or the pack's length if that is less */
    uint32_t data, parity, stripes;
};

/* The shape that we give to the parity of a pack of this length: up to 128 data
 * blocks a stripe, and one parity block for each 32 begun, at most 4. */
void parity_shape(uint64_t pack_len, struct parity_head *h);
/* Blocks of the pack; the last may be shorter and counts as filled with zeros. */
uint32_t parity_blocks(const struct parity_head *h);
/* Bytes of the whole object. */
size_t parity_object_len(const struct parity_head *h);

/* Reads exactly `len` bytes of the pack. */
typedef int parity_read(void *arg, uint64_t off, void *p, size_t len, struct err *e);
/* Appends the object for a pack of h->pack_len bytes. */
MUST_CHECK int parity_encode(const struct parity_head *h, parity_read *read, void *arg,
                             struct buf *out, struct err *e);

/* The head alone; what follows may be damaged, or missing. */
MUST_CHECK int parity_head_decode(const uint8_t *p, size_t len, struct parity_head *out,
                                  struct err *e);
/* The head, the length, and the hash over everything. */
MUST_CHECK int parity_verify(const uint8_t *p, size_t len, struct parity_head *out,
                             struct err *e);

/* Mends `pack` (h->pack_len bytes) in place by the object p; the number of blocks
 * that were computed. ERR_DAMAGED if a stripe has more bad blocks than good
 * parity; then `pack` is as far mended as it can be. */
MUST_CHECK int parity_mend(const uint8_t *p, size_t len, uint8_t *pack, uint32_t *mended_out,
                           struct err *e);

#define PARITY_DIR        "parity"
#define PARITY_NAME_BYTES FANNED_NAME_BYTES(PARITY_DIR) /* "parity/aa/" + 64 digits + NUL */
void parity_name(const uint8_t id[static ID_BYTES], char out[static PARITY_NAME_BYTES]);
bool parity_name_decode(const char *name, uint8_t id_out[static ID_BYTES]);

#endif
