/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seal: everything that is secret. Names of chunks, sealed frames, the keys
 * that open them and the passphrase that opens the keys. The bytes are
 * specified in docs/format/keys.md. Nothing of the keeper's side may link
 * against this room.
 *
 * Secrets live in structs that only `*_new` makes (guarded, locked memory kept
 * out of swap and core dumps) and `*_free` wipes. Functions are thread-safe
 * unless they take a `sealer` or an `opener`: those belong to one thread.
 * sign_init must have been called.
 */
#ifndef ABRI_SEAL_SEAL_H
#define ABRI_SEAL_SEAL_H

#include "base/bytes.h"
#include "base/err.h"
#include "sign/sign.h"

#define SEAL_FORMAT 1
#define SEAL_KEY_BYTES 32
#define SEAL_ID_BYTES 32
#define SEAL_UID_BYTES 16
#define SEAL_RECIPIENTS_MAX 64
#define SEAL_PLAIN_MAX ((size_t)16 << 20)
/* A sealed chunk is at most this much longer than its plaintext. */
#define SEAL_OVERHEAD (5u + 16u)

enum seal_kind { SEAL_DATA = 1, SEAL_META = 2, SEAL_ROOT = 3 };

/* Random bytes; and wiping that the compiler does not remove. */
void seal_random(void *p, size_t len);
void seal_wipe(void *p, size_t len);

/* ---- vault secrets and names of chunks ---------------------------------- */

struct seal_ids; /* keys derived from the id key */
MUST_CHECK int seal_ids_new(const uint8_t id_key[SEAL_KEY_BYTES], struct seal_ids **out,
                            struct err *e);
void seal_ids_free(struct seal_ids *k);
/* The chunk id: SEAL_META for tree nodes, lists and roots. */
void seal_id(const struct seal_ids *k, enum seal_kind kind, const void *p, size_t len,
             uint8_t out[SEAL_ID_BYTES]);
/* A keyed 64-bit hash (SipHash-2-4) for decisions that only writers make:
 * where to cut nodes and bundles, hard link numbers, cache names. */
uint64_t seal_short_hash(const struct seal_ids *k, const void *p, size_t len);
/* `len` bytes derived for a purpose, the same for every writer of the vault. */
void seal_derive(const struct seal_ids *k, const char *purpose, const void *p, size_t p_len,
                 uint8_t *out, size_t len);

struct vault_secrets { /* allocate with seal_secrets_new only */
    uint8_t id_key[SEAL_KEY_BYTES];
    uint8_t owner_seed[SIGN_SEED_BYTES];
};
struct vault_secrets *seal_secrets_new(void); /* zeroed; NULL if out of memory */
void seal_secrets_free(struct vault_secrets *s);

/* ---- recovery keys -------------------------------------------------------- */

struct recovery_key {
    uint8_t public_key[32];
    uint8_t secret_key[32];
};
struct recovery_key *recovery_key_new(void); /* zeroed */
void recovery_key_generate(struct recovery_key *k);
void recovery_key_free(struct recovery_key *k);

struct kdf_cost {
    uint32_t passes;     /* 1 … 64 */
    uint32_t memory_kib; /* 8 … 4194304 */
};
/* RFC 9106, section 4, second recommended option, with libsodium's one lane. */
#define KDF_COST_DEFAULT ((struct kdf_cost){.passes = 3, .memory_kib = 65536})

/* The object `keys/<id>`. */
MUST_CHECK int recovery_wrap(const struct recovery_key *k, const uint8_t vault_id[SEAL_UID_BYTES],
                             const char *passphrase, size_t len, struct kdf_cost cost,
                             struct buf *out, struct err *e);
/* ERR_PASSPHRASE if the passphrase is not the one; ERR_DAMAGED; ERR_NEWER. */
MUST_CHECK int recovery_unwrap(const void *p, size_t p_len,
                               const uint8_t vault_id[SEAL_UID_BYTES], const char *passphrase,
                               size_t len, struct recovery_key *out, struct err *e);

/* ---- recipients ------------------------------------------------------------- */

struct recipients {
    uint64_t generation;
    uint32_t count;
    uint8_t public_keys[SEAL_RECIPIENTS_MAX][32];
};

/* The object `recipients/<generation>`, with the secrets boxed to each. */
MUST_CHECK int recipients_make(const struct recipients *r, const uint8_t vault_id[SEAL_UID_BYTES],
                               const struct vault_secrets *s, struct buf *out, struct err *e);
/* Checks the owner's signature. */
MUST_CHECK int recipients_read(const void *p, size_t len, const uint8_t vault_id[SEAL_UID_BYTES],
                               const uint8_t owner_pk[SIGN_PUBLIC_BYTES], struct recipients *out,
                               struct err *e);
/* Unboxes the secrets, and checks that they belong to `owner_pk`. */
MUST_CHECK int recipients_open(const void *p, size_t len, const uint8_t vault_id[SEAL_UID_BYTES],
                               const uint8_t owner_pk[SIGN_PUBLIC_BYTES],
                               const struct recovery_key *k, struct vault_secrets *out,
                               struct err *e);

/* ---- writers ------------------------------------------------------------------ */

#define WRITER_MACHINE_MAX 255

struct writer_key { /* what a writer keeps on its machine */
    uint8_t vault_id[SEAL_UID_BYTES];
    uint8_t id[SEAL_UID_BYTES];
    struct sign_key sign;
    uint8_t id_key[SEAL_KEY_BYTES];
    uint8_t owner_pk[SIGN_PUBLIC_BYTES];
    uint64_t generation; /* of recipients, the highest seen */
    char machine[WRITER_MACHINE_MAX + 1];
};
struct writer_key *writer_key_new(void); /* zeroed */
void writer_key_free(struct writer_key *k);
/* A fresh writer for a vault: key, certificate signed by the owner. */
MUST_CHECK int writer_enrol(struct writer_key *out, const uint8_t vault_id[SEAL_UID_BYTES],
                            const struct vault_secrets *s, uint64_t generation,
                            const char *machine, int64_t now_ns, struct buf *certificate_out,
                            struct err *e);
/* The file on the writer's machine; not part of the vault's format, but
 * versioned: "abri.WKY" ‖ u32 1 ‖ vault id ‖ writer id ‖ seed[32] ‖ id key[32] ‖
 * owner public key[32] ‖ u64 generation ‖ machine blob ‖ H(all before). */
MUST_CHECK int writer_key_encode(const struct writer_key *k, struct buf *out, struct err *e);
MUST_CHECK int writer_key_decode(const void *p, size_t len, struct writer_key *out, struct err *e);

/* ---- sessions' data keys -------------------------------------------------------- */

struct data_key {
    uint8_t session[SEAL_UID_BYTES];
    uint8_t key[SEAL_KEY_BYTES];
};
struct data_key *data_key_new(void); /* zeroed */
void data_key_generate(struct data_key *k);
void data_key_free(struct data_key *k);
/* The object `sessions/<session id>`. */
MUST_CHECK int envelope_make(const struct data_key *k, const struct writer_key *w,
                             const struct recipients *r, struct buf *out, struct err *e);
/* Unboxes with the recovery key and checks the commitment. The signature is
 * the keeper's to check, and the reader's through the snapshot that refers to
 * the session. */
MUST_CHECK int envelope_open(const void *p, size_t len, const uint8_t vault_id[SEAL_UID_BYTES],
                             const struct recovery_key *k, struct data_key *out, struct err *e);

/* ---- frames ------------------------------------------------------------------------ */

#define SEAL_LEVEL_STORE 0 /* no compression */

struct sealer;
MUST_CHECK int sealer_new(const struct data_key *k, const uint8_t vault_id[SEAL_UID_BYTES],
                          int zstd_level, struct sealer **out, struct err *e);
void sealer_free(struct sealer *s);
/* Compresses and encrypts `len` ≤ SEAL_PLAIN_MAX bytes into `out`, which has
 * room for len + SEAL_OVERHEAD. A nonce is never used twice with one key. */
MUST_CHECK int sealer_seal(struct sealer *s, enum seal_kind kind,
                           const uint8_t id[SEAL_ID_BYTES], uint64_t nonce, const void *p,
                           size_t len, uint8_t *out, size_t *len_out, struct err *e);

struct opener;
MUST_CHECK int opener_new(const uint8_t vault_id[SEAL_UID_BYTES], struct opener **out,
                          struct err *e);
void opener_free(struct opener *o);
/* Decrypts `sealed` in place and decompresses. *plain_out is borrowed: from
 * `sealed` or from the opener, until its next call. ERR_DAMAGED if the tag, the
 * codec or the length is wrong. */
MUST_CHECK int opener_open(struct opener *o, const struct data_key *k, enum seal_kind kind,
                           const uint8_t id[SEAL_ID_BYTES], uint64_t nonce, uint8_t *sealed,
                           size_t len, const uint8_t **plain_out, size_t *plain_len_out,
                           struct err *e);

#endif
