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
/* Works the public half out. ERR_NO_KEY if there is none. */
MUST_CHECK int recovery_key_of_secret(const uint8_t secret[32], struct recovery_key *out,
                                      struct err *e);

struct kdf_cost {
    uint32_t passes;     /* 1 … 64 */
    uint32_t memory_kib; /* 8 … 4194304 */
};
/* RFC 9106, section 4, second recommended option, with libsodium's one lane. */
#define KDF_COST_DEFAULT ((struct kdf_cost){.passes = 3, .memory_kib = 65536})

#define KEY_LABEL_MAX 255u

/* How a key is wrapped, and what people shall know of it. */
struct key_wrapping {
    struct kdf_cost cost;
    const char *label; /* in clear, at most KEY_LABEL_MAX bytes */
    int64_t made_ns;   /* by this machine's clock */
};
/* The object `keys/<id>`. */
MUST_CHECK int recovery_wrap(const struct recovery_key *k, const uint8_t vault_id[SEAL_UID_BYTES],
                             const char *passphrase, size_t len, const struct key_wrapping *w,
                             struct buf *out, struct err *e);
/* What can be said of it without the passphrase. */
struct key_info {
    uint32_t version;
    uint8_t public_key[32];
    struct kdf_cost cost;
    int64_t made_ns; /* 0: not known (version 1) */
    char label[KEY_LABEL_MAX + 1];
};
MUST_CHECK int recovery_describe(const void *p, size_t p_len,
                                 const uint8_t vault_id[SEAL_UID_BYTES], struct key_info *out,
                                 struct err *e);
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

/* Keys that were recipients once and were replaced: their secret halves travel
 * with the list, boxed to each recipient, so that no session that was sealed
 * for one of them can become unreadable, whenever it turns up. */
#define SEAL_RETIRED_MAX 64
struct retired_keys { /* allocate with retired_keys_new only */
    uint32_t count;
    struct recovery_key keys[SEAL_RETIRED_MAX]; /* oldest first */
};
struct retired_keys *retired_keys_new(void); /* zeroed */
void retired_keys_free(struct retired_keys *r);
/* Forgets the oldest if there is no room. */
void retired_keys_add(struct retired_keys *r, const struct recovery_key *k);

/* The object `recipients/<generation>`, with the secrets boxed to each. */
MUST_CHECK int recipients_make(const struct recipients *r, const uint8_t vault_id[SEAL_UID_BYTES],
                               const struct vault_secrets *s, struct buf *out, struct err *e);
/* Checks the owner's signature. */
MUST_CHECK int recipients_read(const void *p, size_t len, const uint8_t vault_id[SEAL_UID_BYTES],
                               const uint8_t owner_pk[SIGN_PUBLIC_BYTES], struct recipients *out,
                               struct err *e);
/* The same with retired keys (version 2; version 1 if there are none). */
MUST_CHECK int recipients_make_with(const struct recipients *r, const struct retired_keys *retired,
                                    const uint8_t vault_id[SEAL_UID_BYTES],
                                    const struct vault_secrets *s, struct buf *out,
                                    struct err *e);
/* Unboxes the secrets, and checks that they belong to `owner_pk`. */
MUST_CHECK int recipients_open(const void *p, size_t len, const uint8_t vault_id[SEAL_UID_BYTES],
                               const uint8_t owner_pk[SIGN_PUBLIC_BYTES],
                               const struct recovery_key *k, struct vault_secrets *out,
                               struct err *e);

/* The same, and the retired keys. */
MUST_CHECK int recipients_open_with(const void *p, size_t len,
                                    const uint8_t vault_id[SEAL_UID_BYTES],
                                    const uint8_t owner_pk[SIGN_PUBLIC_BYTES],
                                    const struct recovery_key *k, struct vault_secrets *out,
                                    struct retired_keys *retired_out, struct err *e);

/* A public key as people pass it on: "abri-pk-" and 72 digits, the last eight
 * of which catch mistakes. */
#define PUBLIC_KEY_PREFIX     "abri-pk-"
#define PUBLIC_KEY_TEXT_BYTES 81
void public_key_format(const uint8_t public_key[32], char out[PUBLIC_KEY_TEXT_BYTES]);
/* ERR_USAGE if it is none, or mistyped. Blanks around it are skipped. */
MUST_CHECK int public_key_parse(const char *text, uint8_t out[32], struct err *e);

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
/* The same for a writer that goes on where `predecessor` (an id) ended: it may
 * refer to what that one stored. Certificate version 2. */
MUST_CHECK int writer_enrol_successor(struct writer_key *out,
                                      const uint8_t vault_id[SEAL_UID_BYTES],
                                      const struct vault_secrets *s, uint64_t generation,
                                      const char *machine, const uint8_t *predecessor,
                                      int64_t now_ns, struct buf *certificate_out, struct err *e);
/* The object `revoked/<writer id>`: what the keeper received from this writer
 * behind the sequence `last` counts for nothing. */
MUST_CHECK int writer_revoke(const uint8_t vault_id[SEAL_UID_BYTES],
                             const uint8_t writer[SEAL_UID_BYTES], uint64_t last, int64_t now_ns,
                             const struct vault_secrets *s, struct buf *out, struct err *e);
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

/* For whom it is sealed; generation is left 0. Opens nothing. */
MUST_CHECK int envelope_recipients(const void *p, size_t len,
                                   const uint8_t vault_id[SEAL_UID_BYTES], struct recipients *out,
                                   struct err *e);

/* The object `resealed/<session id>-<generation>`: the same data key, sealed
 * anew by the owner for a later generation of recipients. */
MUST_CHECK int resealed_make(const struct data_key *k, const uint8_t writer[SEAL_UID_BYTES],
                             const struct recipients *r, const uint8_t vault_id[SEAL_UID_BYTES],
                             const struct vault_secrets *s, struct buf *out, struct err *e);
/* Checks the owner's signature and the commitment. ERR_NO_KEY if it is not
 * sealed for `k`. */
MUST_CHECK int resealed_open(const void *p, size_t len, const uint8_t vault_id[SEAL_UID_BYTES],
                             const uint8_t owner_pk[SIGN_PUBLIC_BYTES],
                             const struct recovery_key *k, struct data_key *out,
                             uint64_t *generation_out, struct err *e);

/* ---- shares and sheets ------------------------------------------------------------ */

/* A recovery key in parts (Shamir over GF(256), byte by byte): any `k` of them
 * give it back, fewer say nothing about it. */
#define SHARES_MAX 255u
#define SHARE_SET_BYTES 4u
struct key_share {
    uint8_t vault_id[SEAL_UID_BYTES];
    uint8_t set[SHARE_SET_BYTES]; /* random: what was split together */
    uint8_t k, x;                 /* how many are needed; which one, from 1 */
    uint8_t y[32];
};
struct key_share *key_shares_new(size_t count); /* zeroed, locked */
void key_shares_free(struct key_share *s);
/* Fills `n` shares; 2 ≤ k ≤ n ≤ SHARES_MAX, else ERR_USAGE. */
MUST_CHECK int key_split(const struct recovery_key *key, const uint8_t vault_id[SEAL_UID_BYTES],
                         unsigned k, unsigned n, struct key_share *out, struct err *e);
/* Of shares with one vault, set and k, and different x: takes the first k.
 * ERR_USAGE if they do not belong together or are too few. What comes out is
 * right only if its public half is the one that was split. */
MUST_CHECK int key_combine(const struct key_share *shares, size_t count, struct recovery_key *out,
                           struct err *e);

/* A recovery key or a share as text that survives paper: lines of symbols
 * (docs/format/sheet.md) each with its own check, or one code for a QR. */
enum sheet_kind { SHEET_KEY = 1, SHEET_SHARE = 2 };
struct sheet {
    enum sheet_kind kind;
    struct key_share share; /* of a key: vault_id (zeros: of none) and y alone */
};
struct sheet *sheet_new(void); /* zeroed, locked */
void sheet_free(struct sheet *s);
#define SHEET_LINES 5u
#define SHEET_LINE_BYTES 40u
#define SHEET_CODE_BYTES 128u
/* "1: 0G4V XKZ1 …  7Q" … ; both to be wiped. */
void sheet_format(const struct sheet *s, char lines[SHEET_LINES][SHEET_LINE_BYTES]);
void sheet_code(const struct sheet *s, char out[SHEET_CODE_BYTES]);
/* Finds the next sheet in a text, from *at on, whatever else stands around it:
 * 1 and *at is behind it, 0 if there is none, -1 (ERR_DAMAGED names the line). */
int sheet_find(const char *text, size_t len, size_t *at, struct sheet *out, struct err *e);
/* Whether this is line `number` (1 … SHEET_LINES) as it was printed. */
bool sheet_line_is_good(const char *text, unsigned number);

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
