/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshot records as bytes (docs/format/vault.md, "Snapshot records"): head,
 * W by the writer, K by the keeper, R the reference set. Pure; the decoders
 * take hostile input, allocate nothing and verify no signature.
 */
#ifndef ABRI_VAULT_RECORD_FORMAT_H
#define ABRI_VAULT_RECORD_FORMAT_H

#include "base/bytes.h"
#include "vault/vault.h"

#define RECORD_HEAD_BYTES   24u
#define RECORD_FORMAT       2u   /* 1: K without an origin */
#define RECORD_KEEPER_BYTES 144u /* K */
#define RECORD_COPIED_BYTES 320u /* K of a copy: with its origin */
#define RECORD_ROOT_MAX     ((size_t)1 << 20)
#define RECORD_WRITER_MAX   ((uint32_t)(RECORD_ROOT_MAX + (64u << 10)))
#define RECORD_REFS_MAX     ((uint32_t)1 << 30)
#define RECORD_TAGS_MAX     64u
#define RECORD_TAG_BYTES    255u

struct record_head {
    uint32_t w_len, k_len, r_len;
};

void record_head_put(struct buf *out, const struct record_head *h);
/* `total_len` is the length of the whole object, which must fit. */
MUST_CHECK int record_head_decode(const uint8_t *p, size_t len, uint64_t total_len,
                                  struct record_head *out, struct err *e);

/* W; decoded, it borrows from the bytes. */
struct record_w {
    uint8_t vault[UID_BYTES], writer[UID_BYTES], session[UID_BYTES];
    uint64_t sequence;
    uint8_t previous[ID_BYTES];
    int64_t client_time_ns;
    uint8_t group[UID_BYTES];
    uint64_t files, bytes, added_bytes;
    uint8_t suspicion, flags;
    const uint8_t *machine;
    size_t machine_len;
    const uint8_t *tags; /* tag_count blobs */
    size_t tags_len, tag_count;
    uint8_t refs_hash[HASH_BYTES];
    uint64_t root_nonce;
    uint8_t root_id[ID_BYTES];
    const uint8_t *root;
    size_t root_len;
};

#define RECORD_INCOMPLETE 1u

/* Appends W with its signature. */
void record_w_put(struct buf *out, const struct record_w *w, const struct sign_key *writer);
MUST_CHECK int record_w_decode(const uint8_t *p, size_t len, struct record_w *out, struct err *e);
bool record_w_is_signed(const uint8_t *p, size_t len, const uint8_t writer_pk[SIGN_PUBLIC_BYTES]);

/* What the keeper that a copy came from had said when it received the snapshot
 * itself: its K, whole. */
struct record_origin {
    uint8_t keeper_pk[SIGN_PUBLIC_BYTES];
    uint8_t k[RECORD_KEEPER_BYTES];
};
struct record_k {
    uint64_t sequence;
    int64_t received_ns;
    uint8_t previous[HASH_BYTES];
    uint8_t snapshot[ID_BYTES];
    bool copied;
    struct record_origin origin; /* if copied */
};

void record_k_put(struct buf *out, const struct record_k *k, const struct sign_key *keeper);
MUST_CHECK int record_k_decode(const uint8_t *p, size_t len, struct record_k *out, struct err *e);
bool record_k_is_signed(const uint8_t *p, size_t len, const uint8_t keeper_pk[SIGN_PUBLIC_BYTES]);
/* The K in an origin: its signature, and that it is about the same snapshot. `out`
 * is no copy's. */
MUST_CHECK int record_origin_decode(const struct record_origin *o, const uint8_t snapshot[ID_BYTES],
                                    struct record_k *out, struct err *e);

#define RECORD_NAME_BYTES 32 /* "snapshots/" + 16 digits + NUL */
void record_name(uint64_t sequence, char out[static RECORD_NAME_BYTES]);
bool record_name_decode(const char *name, uint64_t *sequence_out);

#endif
