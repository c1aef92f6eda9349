/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper: what only a server in front of a vault needs. Everything that comes through here is
 * from somebody who may be hostile and holds at most a writer's key: it is verified
 * before it counts, and nothing that is there already is changed.
 *
 * Threads: arrivals are independent of each other and of all else that happens to the vault; each
 * belongs to one thread at a time. The rest belongs to whoever has the vault.
 */
#ifndef ABRI_VAULT_KEEPER_H
#define ABRI_VAULT_KEEPER_H

#include "vault/vault.h"

/* ---- making a vault for somebody else ---------------------------------------------- */

/* The keeper's half of a vault to come: a signing key in the empty store, or the one
 * that an earlier call made. */
MUST_CHECK int keeper_prepare(struct store *s, uint8_t keeper_pk_out[SIGN_PUBLIC_BYTES],
                              struct err *e);
/* The owner's half, in a store of his own (memory): as vault_create, for a keeper elsewhere.
 * All objects of that store are then what keeper_adopt wants. */
MUST_CHECK int vault_create_far(struct store *s, struct vault_info *info,
                                const uint8_t keeper_pk[SIGN_PUBLIC_BYTES],
                                const struct sign_key *owner, vault_fill *fill, void *arg,
                                struct err *e);
struct keeper_object {
    const char *name;
    const uint8_t *bytes;
    size_t len;
};
/* Takes it over: "vault" for this keeper, signed by its owner; at least one writer and one list of
 * recipients; wrapped keys; nothing else. Each is verified; then all are durable, `vault` last.
 * ERR_DAMAGED names what does not verify; ERR_EXISTS if there is a vault. */
#define KEEPER_OBJECTS_MAX 64
MUST_CHECK int keeper_adopt(struct store *s, const struct keeper_object *objects, size_t count,
                            struct err *e);
/* Another writer: a certificate that the owner signed. Adding the same again is fine. */
MUST_CHECK int keeper_add_writer(struct vault *v, const uint8_t *certificate, size_t len,
                                 uint8_t writer_out[UID_BYTES], struct err *e);

/* Another passphrase: a recovery key, wrapped. That it is the right one only its owner can tell; a wrong one opens nothing. Adding
 * the same again is fine. ERR_DAMAGED; ERR_LIMIT; ERR_REFUSED: it costs more than those that are there. */
#define KEEPER_KEYS_MAX 16u
MUST_CHECK int keeper_add_key(struct vault *v, const uint8_t id[UID_BYTES], const uint8_t *key, size_t len, struct err *e);

/* ---- a writer's session --------------------------------------------------------------- */

/* The session's sealed key, signed by `writer`. ERR_NO_KEY: the writer is revoked or
 * unknown. Durable; the same again is fine. */
MUST_CHECK int keeper_put_session(struct vault *v, const uint8_t writer[UID_BYTES],
                                  const uint8_t *envelope, size_t len,
                                  uint8_t session_out[UID_BYTES], struct err *e);

/* A session under way, as collections see it: as long as it exists they remove nothing that
 * its record may refer to. */
struct keeper_session;
/* ERR_NOT_FOUND if no such key was put; ERR_NO_KEY if it is not the writer's, or he is revoked;
 * ERR_BUSY if it is under way already. */
MUST_CHECK int keeper_session_begin(struct vault *v, const uint8_t writer[UID_BYTES],
                                    const uint8_t session[UID_BYTES], struct keeper_session **out,
                                    struct err *e);
void keeper_session_end(struct keeper_session *s); /* NULL is fine */

/* Where the writer's chain stands. */
MUST_CHECK int keeper_past(struct vault *v, const uint8_t writer[UID_BYTES],
                           struct writer_past *out, struct err *e);

/* Calls `each` with the number of every snapshot that is there, by its name alone, in no order. Nonzero from
 * `each` ends it and is returned. */
typedef int keeper_each_sequence(void *arg, uint64_t sequence, struct err *e);
MUST_CHECK int keeper_sequences(struct store *s, keeper_each_sequence *each, void *arg, struct err *e);

struct keeper_receipt {
    uint8_t id[ID_BYTES];
    uint64_t seq;
    int64_t received_ns;
    bool again; /* it was there already: the answer to the first time was lost */
    uint64_t files, bytes, added_bytes; /* as the writer says */
    uint8_t suspicion;
};
/* Receives a snapshot: W by the session's writer, its chain going on from his last one; a reference set that
 * names only frames of packs that are here, durable, not condemned, and that the
 * writer may build upon. Durable when it returns 0. ERR_DAMAGED: does not verify; ERR_REFUSED: refers to
 * what it may not; ERR_EXISTS: the chain went on meanwhile (ask keeper_past, sign anew); ERR_BUSY. */
MUST_CHECK int keeper_receive(struct keeper_session *s, const uint8_t *w, size_t w_len,
                              const uint8_t *refs, size_t refs_len, struct keeper_receipt *out,
                              struct err *e);

/* ---- a pack arrives ---------------------------------------------------------------------- */

struct arrival;
struct arrival_params {
    uint8_t writer[UID_BYTES], session[UID_BYTES];
    uint8_t id[ID_BYTES]; /* the name that it shall have */
    uint64_t len;         /* of the pack; ARRIVAL_MAX at most */
    bool no_parity;
};
#define ARRIVAL_MAX ((uint64_t)256 << 20)
/* ERR_EXISTS: it is here already, durably. */
MUST_CHECK int arrival_begin(struct vault *v, const struct arrival_params *p, struct arrival **out,
                             struct err *e);
/* Bytes in their order. After an error nothing more is taken. */
MUST_CHECK int arrival_take(struct arrival *a, const void *p, size_t len, struct err *e);
/* All came: 0 if it is byte for byte the pack of that name, of that writer and session, with no origins;
 * durable then, name and all. Another that was faster is fine. Frees. */
MUST_CHECK int arrival_end(struct arrival *a, struct err *e);
void arrival_abort(struct arrival *a); /* frees; NULL is fine */

/* ---- what a writer may see ------------------------------------------------------------------ */

/* The packs that a writer may build upon, as they are when it is opened. */
struct keeper_view;
MUST_CHECK int keeper_view_open(struct vault *v, const uint8_t writer[UID_BYTES],
                                struct keeper_view **out, struct err *e);
void keeper_view_close(struct keeper_view *w); /* NULL is fine */
/* Calls `each` with the name and length of every one, in no order. */
typedef int keeper_each_pack(void *arg, const char *name, uint64_t len, struct err *e);
MUST_CHECK int keeper_view_packs(struct keeper_view *w, keeper_each_pack *each, void *arg,
                                 struct err *e);
/* "packs/3f/3f2a…": the id; false for other names. */
bool keeper_pack_id(const char *name, uint8_t id_out[ID_BYTES]);
#define KEEPER_PACK_HEADER 64u /* bytes at the beginning of a pack that are its header */
/* Where the footer begins: before it, who may only add may read the header alone.
 * ERR_NOT_FOUND for a pack that is not in the view. */
MUST_CHECK int keeper_view_footer(struct keeper_view *w, const uint8_t id[ID_BYTES],
                                  uint64_t *offset_out, struct err *e);

#endif
