/* SPDX-License-Identifier: Apache-2.0 */
/* Reading records: everything but the reference set, and what was verified. */
#ifndef ABRI_VAULT_RECORD_READ_H
#define ABRI_VAULT_RECORD_READ_H

#include "vault/record_format.h"
#include "vault/vault_internal.h"

struct record {
    uint64_t sequence; /* by its name */
    struct buf bytes;  /* head, W, K */
    struct record_head head;
    struct record_w w; /* borrows from `bytes` */
    struct record_k k;
    uint8_t id[ID_BYTES];       /* H(W) */
    uint8_t k_hash[HASH_BYTES]; /* H(K) */
};

/* Reads head, W and K of one record and checks all that needs no signature:
 * structure, length, name, vault, and that K is about this W. On failure `r` is
 * empty. Reuses the memory of r->bytes. */
MUST_CHECK int record_read(struct vault *v, uint64_t sequence, struct record *r, struct err *e);
/* The same of a whole record in memory, which may be freed afterwards. */
MUST_CHECK int record_of_bytes(struct vault *v, uint64_t sequence, const uint8_t *p, size_t len,
                               struct record *out, struct err *e);
void record_done(struct record *r);

/* Signatures. ERR_DAMAGED if they do not verify, or if there is no certificate
 * of the writer; other errors if it cannot be read. */
MUST_CHECK int record_verify_keeper(struct vault *v, const struct record *r, struct err *e);
MUST_CHECK int record_verify_writer(struct vault *v, const struct record *r, struct err *e);

/* The reference set; ERR_DAMAGED unless its bytes hash to `refs_hash`. */
MUST_CHECK int record_read_refs(struct vault *v, uint64_t sequence,
                                const uint8_t refs_hash[HASH_BYTES], struct refset *out,
                                struct err *e);

/* The same, not decoded; `out` is empty. */
MUST_CHECK int record_read_refs_bytes(struct vault *v, uint64_t sequence,
                                      const uint8_t refs_hash[HASH_BYTES], struct buf *out,
                                      struct err *e);

struct sequences {
    uint64_t *items; /* ascending */
    size_t count, cap;
    uint64_t above; /* only those greater are listed */
};
void sequences_done(struct sequences *s);
MUST_CHECK int sequences_add(struct sequences *s, uint64_t sequence, struct err *e);
void sequences_sort(struct sequences *s);
/* All records by name, good or not; other names are passed over. */
MUST_CHECK int record_list(struct vault *v, struct sequences *out, struct err *e);

/* A copy that owns its memory. */
MUST_CHECK int snapshot_of_record(const struct record *r, struct snapshot *out, struct err *e);

#endif
