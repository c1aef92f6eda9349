/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share: an identity on disk, and one that is in use. */
#ifndef ABRI_REMOTE_INTERNAL_H
#define ABRI_REMOTE_INTERNAL_H

#include "remote/client.h"
#include "remote/remote.h"

#define IDENTITY_PATH_MAX 4096
#define NOTE_KEY_TEXT     320

struct identity_files {
    char dir[IDENTITY_PATH_MAX]; /* <config>/servers/<host>_<port> */
    struct buf authority, certificate, key; /* PEM, NUL-terminated */
    struct remote_identity who;
    bool has_own_vault; /* of a machine: the one that it adds to */
    uint8_t own_vault[UID_BYTES];
    char log_key[NOTE_KEY_TEXT]; /* of the server's log, pinned; "": not learnt yet */
};
MUST_CHECK int identity_dir(const struct remote_where *where, const struct wire_url *url,
                            char out[IDENTITY_PATH_MAX], struct err *e);
/* ERR_NO_KEY if this machine is not enrolled there. */
MUST_CHECK int identity_load(const struct remote_where *where, const struct wire_url *url,
                             struct identity_files *out, struct err *e);
bool identity_exists(const char *dir);
/* The key of an identity to come: made and saved, or the one of an enrolment whose answer was lost. With its NUL. */
MUST_CHECK int identity_prepare_key(const char *dir, struct buf *key, struct err *e);
/* Removes it, and what was made for it alone: the server will not have it. */
void identity_drop_key(const char *dir);
/* All files, the description last: a cut leaves no identity, or a whole one. */
MUST_CHECK int identity_save(const struct identity_files *f, struct err *e);
MUST_CHECK int identity_save_description(const struct identity_files *f, struct err *e);
MUST_CHECK int identity_save_certificate(const struct identity_files *f, struct err *e);
void identity_done(struct identity_files *f); /* wipes */

struct remote {
    struct wire_url url;
    struct identity_files identity;
    struct client *client;
    remote_alarm *alarm;
    void *alarm_arg;
    struct witness *witness; /* witness.c; NULL: it has not looked yet */
};
/* Tells what is left to tell, frees. */
void witness_free(struct remote *r);
/* At enrolment, into a new identity's directory: the first checkpoint. */
MUST_CHECK int witness_begin(const struct identity_files *f, const struct sign_key *key,
                             const json_t *note, struct err *e);

/* One JSON request by a client, whoever it is of. */
MUST_CHECK int client_json(struct client *c, const char *method, const char *path,
                           const json_t *in, json_t **out, struct err *e);
/* Copies a string member; ERR_DAMAGED if it is missing or too long. */
MUST_CHECK int json_take_text(const json_t *o, const char *key, char *out, size_t cap,
                              struct err *e);
bool json_take_id(const json_t *o, const char *key, uint8_t *out, size_t len);

#endif
