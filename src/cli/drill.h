/* SPDX-License-Identifier: Apache-2.0 */
/* A drill: the signs of life that are waited for, and the certificate of what was seen. */
#ifndef ABRI_CLI_DRILL_H
#define ABRI_CLI_DRILL_H

#include "cli/boot.h"
#include "cli/json_out.h"

#define DRILL_PROOFS_MAX 8u
#define DRILL_TEXT_MAX   256u
#define DRILL_CONTEXT    "drill" /* of the signature */

enum drill_kind { DRILL_UNSET = 0, DRILL_SERIAL, DRILL_AGENT, DRILL_SCREEN, DRILL_TCP };

/* One sign of life. */
struct drill_proof {
    enum drill_kind kind;
    char text[DRILL_TEXT_MAX];    /* of the serial line; or the hash of a screen, in hexadecimal */
    uint16_t port;
    bool seen;
    int64_t seen_ns;              /* after the machine was started */
    char line[DRILL_TEXT_MAX];    /* in which it was seen, cleaned */
    uint64_t read;                /* how far the serial log was looked through */
    int64_t asked_ns;
};
/* "serial:TEXT", "agent", "screen:HASH", "tcp:PORT". ERR_USAGE. */
MUST_CHECK int drill_proof_parse(const char *text, struct drill_proof *out, struct err *e);
const char *drill_kind_name(enum drill_kind k);
/* Looks once, if it is time to: sets `seen`. */
MUST_CHECK int drill_proof_look(struct drill_proof *p, struct boot *b, int64_t started_ns, struct err *e);

struct drill {
    struct boot boot;
    struct drill_proof proofs[DRILL_PROOFS_MAX];
    size_t proof_count;
    int64_t began_ns, ended_ns;       /* by the clock */
    int64_t started_ns;               /* monotonic: the machine runs */
    bool passed;
    char why[DRILL_TEXT_MAX];         /* not passed */
    bool has_screen;
    uint8_t screen[HASH_BYTES];       /* of the PNG */
};

/* What was seen, and the signature of the vault's owner over it; *out is to be json_decref'd. */
MUST_CHECK int drill_certificate_make(const struct drill *d, json_t **out, struct err *e);
/* ERR_DAMAGED unless the owner of that vault signed it. The certificate's own part is borrowed. */
MUST_CHECK int drill_certificate_check(json_t *certificate, const uint8_t vault_id[UID_BYTES],
                                       const uint8_t owner_pk[SIGN_PUBLIC_BYTES], const json_t **drill_out,
                                       struct err *e);

#endif
