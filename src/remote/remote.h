/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remote: a vault on a server. The store's seam and the keeper over HTTP/2 (decisions/0016), and
 * what a machine or a person needs to be known there: an identity, made by enrolment, kept below the
 * configuration directory in servers/<host>_<port>/.
 *
 * The server's certificate must lead to the authority that was pinned at enrolment, and be for the
 * name "abrid"; TLS 1.3 and HTTP/2 are demanded. Nothing that a server says is executed, chooses a path, or is
 * believed without the vault's own signatures.
 *
 * Threads: the stores as store.h says (several requests run at once on several connections);
 * everything else one thread at a time.
 *
 * Errors: what a server refuses has the class that it says, its message with the server's name in front;
 * ERR_OFFLINE if it cannot be reached; ERR_NO_KEY without an identity, or with one that is expired or revoked.
 */
#ifndef ABRI_REMOTE_REMOTE_H
#define ABRI_REMOTE_REMOTE_H

#include "sign/proof.h"
#include "store/store.h"
#include "vault/vault.h"
#include "wire/wire.h"

#include <jansson.h>
#include <stdatomic.h>

typedef void remote_alarm(void *arg, const char *server, const struct err *what);
struct remote_where {
    const char *config;        /* directory of identities: <config>/servers/… */
    const char *cache;         /* <cache>/<vault id>/…; NULL: what is derived stays in memory */
    const atomic_bool *cancel; /* ends waiting, with ERR_CANCELLED; NULL: nothing does */
    /* Hears what looking at the server's log found, if it was not good (decisions/0017): ERR_DAMAGED: the server was
     * caught lying; anything else: it could not be looked at. Also ERR_OFFLINE, when the server was lost and is waited for; from any
     * thread. NULL: nobody hears. */
    remote_alarm *alarm;
    void *arg;
};

/* ---- identity ------------------------------------------------------------------------ */

struct remote_enrolment {
    const char *url;  /* https://HOST[:PORT] */
    const char *token;
    const char *name; /* of the machine or the person; NULL: the host's */
};
struct remote_identity {
    char id[2 * WIRE_ID_BYTES + 1];
    char type[16]; /* "machine", "person" */
    char name[256];
    char tenant[256]; /* its name; "" for people of the installation */
    bool restore;     /* may read its own vault */
    bool shared;      /* the vault that it makes is for several writers */
    bool has_vault;   /* it shall join this one instead of making one */
    uint8_t vault[UID_BYTES];
    bool has_writer; /* and go on where this writer ended */
    uint8_t writer[UID_BYTES];
};
/* Makes a key, learns who the server is from the token's pin, is certified, and saves all that.
 * ERR_EXISTS if this machine is enrolled there already; ERR_REFUSED for a token that is used, expired or
 * unknown; ERR_USAGE for one that is mistyped; ERR_DAMAGED if the server is not the token's. */
MUST_CHECK int remote_enrol(const struct remote_where *where, const struct remote_enrolment *o,
                            struct remote_identity *out, struct err *e);
/* Forgets the identity (after a refusal for good, to enrol again). ERR_NOT_FOUND. */
MUST_CHECK int remote_forget(const struct remote_where *where, const char *url, struct err *e);

/* ---- requests ---------------------------------------------------------------------------- */

struct remote;
/* Loads the identity; sends nothing yet. */
MUST_CHECK int remote_connect(const struct remote_where *where, const char *url,
                              struct remote **out, struct err *e);
void remote_close(struct remote *r); /* NULL is fine */
/* One request of the API; `in` NULL: no body (borrowed otherwise); *out is the answer (json_decref), NULL to drop it. */
MUST_CHECK int remote_json(struct remote *r, const char *method, const char *path, const json_t *in,
                           json_t **out, struct err *e);
/* Renews the certificate if less than two thirds of its time are left; failing that is no error as long as it is valid. */
MUST_CHECK int remote_renew(struct remote *r, struct err *e);

/* ---- the server's log: witnessing ------------------------------------------------------------ */

/* Looks at the newest checkpoint, holds it against the one that was kept, keeps it, and co-signs it
 * (decisions/0017), on a thread of its own. Whatever is wrong goes to `alarm` on that thread, some of it at remote_close. Once for
 * each connection; remote_store_open does it itself. */
void remote_witness_begin(struct remote *r);
/* The same, and waits until it has looked; it co-signs beside what follows. */
void remote_witness(struct remote *r);
/* Waits until the server has the cosignature, or has not taken it. */
void remote_witness_wait(struct remote *r);
/* The keys that were pinned at enrolment: the log's, and this identity's for co-signing. Asks nobody. ERR_NO_KEY. */
MUST_CHECK int remote_log_keys(const struct remote_where *where, const char *url,
                               struct note_key *log, struct note_key *witness, struct err *e);
/* An entry with its proof: `query` is "entry=N" or "snapshot=ID". Verified, also that it is of the log that
 * remote_witness saw. ERR_DAMAGED. */
MUST_CHECK int remote_prove(struct remote *r, const char *query, struct log_proof *out, struct err *e);
/* The newest checkpoint that was seen, with the cosignature of this identity. ERR_INCOMPLETE: none was. */
MUST_CHECK int remote_checkpoint(struct remote *r, struct buf *note, struct err *e);

/* ---- vaults --------------------------------------------------------------------------------- */

/* The store of a vault and its keeper, for vault_open_far: of `url`'s vault, or of the machine's own.
 * `keeper` stays valid until the store is closed. */
MUST_CHECK int remote_store_open(const struct remote_where *where, const char *url,
                                 struct store **out, struct vault_keeper *keeper, struct err *e);

/* The keeper's half of a vault that this machine makes: its public key. */
MUST_CHECK int remote_prepare_vault(struct remote *r, uint8_t keeper_pk[SIGN_PUBLIC_BYTES],
                                    struct err *e);
/* Sends all objects of `made` (vault_create_far), and notes the vault as the machine's own. */
MUST_CHECK int remote_send_vault(struct remote *r, struct store *made,
                                 const uint8_t vault[UID_BYTES], struct err *e);
/* The vault that this machine has at the server, though nothing here notes one: a run that made it was cut off before
 * the answer came. ERR_NOT_FOUND; ERR_EXISTS if one is noted. */
MUST_CHECK int remote_find_vault(struct remote *r, uint8_t vault[UID_BYTES], struct err *e);
/* Notes the vault that the machine has joined as its own. */
MUST_CHECK int remote_note_vault(struct remote *r, const uint8_t vault[UID_BYTES], struct err *e);

#endif
