/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the keeper writes about the life of snapshots, as bytes (docs/format/
 * vault.md): marks, rules, witnesses of the clock. Pure; the decoders take
 * hostile input, allocate nothing, and believe nothing that the keeper's key did
 * not sign for this vault.
 */
#ifndef ABRI_VAULT_MARK_FORMAT_H
#define ABRI_VAULT_MARK_FORMAT_H

#include "base/bytes.h"
#include "vault/vault.h"

/* ---- marks ------------------------------------------------------------------------ */

enum mark_kind {
    MARK_UNREADABLE = 0, /* in memory only: something stands there, nobody knows what */
    MARK_LOCK = 1,
    MARK_HOLD,
    MARK_FORGOTTEN,
    MARK_TAG_ADDED,
    MARK_TAG_REMOVED,
};

#define MARK_TEXT_MAX   1024u
#define MARK_TAG_MAX    255u
#define MARK_BYTES_MAX  2048u
#define MARK_NAME_BYTES 40 /* "marks/" + 16 digits + "-" + 16 digits + NUL */

struct mark_fields {
    enum mark_kind kind;
    uint8_t snapshot[ID_BYTES];
    uint64_t sequence;
    int64_t made_ns, until_ns;
    const uint8_t *text; /* decoded: borrowed; without NUL */
    size_t text_len;
};

void mark_put_bytes(struct buf *out, const struct vault_info *info, const struct mark_fields *m,
                    const struct sign_key *keeper);
/* ERR_NEWER for a kind that is not known. */
MUST_CHECK int mark_decode(const uint8_t *p, size_t len, const struct vault_info *info,
                           struct mark_fields *out, struct err *e);
void mark_name(uint64_t sequence, const uint8_t random[8], char out[static MARK_NAME_BYTES]);
bool mark_name_decode(const char *name, uint64_t *sequence_out);

/* ---- rules, witnesses ----------------------------------------------------------------- */

#define KEEPER_NAME_BYTES 24 /* "rules/" or "clock/" + 16 digits + NUL */
#define RULES_BYTES       132u
#define WITNESS_BYTES     141u
#define RULES_SECONDS_MAX (UINT64_C(1) << 32)

void rules_encode(const struct vault_info *info, const struct vault_rules *r, int64_t made_ns,
                  const struct sign_key *keeper, uint8_t out[static RULES_BYTES]);
MUST_CHECK int rules_decode(const uint8_t *p, size_t len, const struct vault_info *info,
                            struct vault_rules *out, struct err *e);

void witness_encode(const struct vault_info *info, uint64_t number, const struct policy_witness *w,
                    const struct sign_key *keeper, uint8_t out[static WITNESS_BYTES]);
MUST_CHECK int witness_decode(const uint8_t *p, size_t len, const struct vault_info *info,
                              uint64_t *number_out, struct policy_witness *out, struct err *e);

/* `dir` is "rules" or "clock"; numbers count from 1. */
void keeper_name(const char *dir, uint64_t number, char out[static KEEPER_NAME_BYTES]);
bool keeper_name_decode(const char *dir, const char *name, uint64_t *number_out);

#endif
