/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parity objects of a vault. A pack may have one; it is derived from the pack,
 * and everything is whole without it.
 */
#ifndef ABRI_VAULT_PARITY_H
#define ABRI_VAULT_PARITY_H

#include "vault/parity_format.h"
#include "vault/vault_internal.h"

/* Reads the pack back and writes its parity; one that is there stays. A pack over
 * PARITY_PACK_MAX gets none. The bytes are durable; the name is not synced: if a
 * power cut takes it, a repair makes it again. */
MUST_CHECK int parity_put(struct vault *v, const uint8_t id[ID_BYTES], struct err *e);
bool parity_exists(struct vault *v, const uint8_t id[ID_BYTES]);
/* Best effort. */
void parity_remove(struct vault *v, const uint8_t id[ID_BYTES]);
/* Removes parity whose pack is gone. */
MUST_CHECK int parity_sweep(struct vault *v, struct err *e);
/* Verifies the object itself: 0 if it is whole or there is none. */
MUST_CHECK int parity_check(struct vault *v, const uint8_t id[ID_BYTES], struct err *e);

/* ---- repair ------------------------------------------------------------------------- */

/* Appends an object, as much as can be read of it: what cannot is zeros. ERR_LIMIT
 * over `max`, ERR_NOT_FOUND. */
MUST_CHECK int object_salvage(struct store *s, const char *name, size_t max, struct buf *out,
                              struct err *e);
/* The encoding of a pack in memory. */
MUST_CHECK int parity_of(struct vault *v, const uint8_t id[ID_BYTES], const struct buf *pack,
                         struct buf *out, struct err *e);

/* Verifies a whole pack in memory, every byte of it. If the bytes are a sound pack
 * of this vault, its id in `id_out`. */
MUST_CHECK int pack_verify(struct vault *v, const uint8_t *p, size_t len,
                           uint8_t id_out[ID_BYTES], struct err *e);

#endif
