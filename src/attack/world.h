/* SPDX-License-Identifier: Apache-2.0 */
/* What attacks are played on: a server, the people and machines that are known there, and their data. */
#ifndef ABRI_ATTACK_WORLD_H
#define ABRI_ATTACK_WORLD_H

#include "attack/play.h"

#include "remote/client.h"
#include "remote/remote_internal.h"
#include "work/work.h"

#include <jansson.h>
#include <sys/types.h>

#define WORLD_PATH 512

/* ---- party.c: somebody who is known at the server --------------------------------------------- */

struct party {
    struct world *world;
    char name[32];
    char config[WORLD_PATH], cache[WORLD_PATH];
    struct work_dirs dirs;
    struct remote *remote;
    struct remote_identity who;
    unsigned lies; /* alarms about the server's log */
    char lie[ERR_MESSAGE_BYTES]; /* the last one */
    char unknown[ERR_MESSAGE_BYTES]; /* what else was said of the log */
};
/* With a token; a machine makes its vault, too. */
MUST_CHECK int party_enrol(struct party *x, struct world *w, const char *name, const char *token, struct err *e);
/* By a token that the owner makes. `role` of a person; NULL: a machine of `tenant`. */
MUST_CHECK int party_person(struct party *x, struct world *w, const char *name, const char *role, const char *tenant,
                            struct err *e);
MUST_CHECK int party_machine(struct party *x, struct world *w, const char *name, const char *tenant, bool restore,
                             struct err *e);
/* A new certificate if a third of the old one's time is over. */
MUST_CHECK int party_renew(struct party *x, struct err *e);
void party_done(struct party *x);

/* A request as that party; *out may be NULL. */
MUST_CHECK int party_ask(struct party *x, const char *method, const char *path, const json_t *in, json_t **out,
                         struct err *e);
/* The same with text for JSON: what is wrong comes as `told`. Never tried again. Status 0: no answer. */
void party_try(struct party *x, const char *method, const char *path, const char *type, const void *body, size_t len,
               struct told *out);
void party_try_json(struct party *x, const char *method, const char *path, struct told *out, const char *fmt, ...)
    PRINTF_LIKE(5, 6);
/* The answer's body, too. */
void party_get(struct party *x, const char *path, struct buf *body, struct told *out);
/* The vault that a machine adds to, hex. */
void party_vault(const struct party *x, char out[2 * UID_BYTES + 1]);

/* ---- world.c -------------------------------------------------------------------------------------- */

struct world {
    const struct attack_options *o;
    bool own;                /* a server of its own */
    char dir[WORLD_PATH];    /* all that is made is below it */
    char root[WORLD_PATH];   /* of the server; "" of a given one */
    char url[400];
    unsigned port;
    pid_t pid;               /* 0: does not run */
    bool stopped;            /* because we stopped it */
    char passphrase[65];     /* of all vaults */
    char tenant[33];         /* the first tenant, hex */
    struct party owner;      /* of an own server */
    struct party web;        /* a machine, the victim; of an own server it may not read */
    struct party other;      /* given: the second machine, if there is one */
    bool has_other;
    struct party *renewing[16]; /* who gets new certificates when time passes */
    size_t renewing_count;
    unsigned restores;       /* directories that were used */
};
MUST_CHECK int world_new(const struct attack_options *o, const char *dir, struct world **out, struct err *e);
void world_free(struct world *w); /* ends the server, removes all; NULL is fine */

/* world_server.c: of an own server */
MUST_CHECK int world_start(struct world *w, struct err *e);
/* Ends it; with `kill` as a crash does. */
void world_stop(struct world *w, bool kill);
/* It should run, and does not. */
bool world_has_died(struct world *w, bool likely);
/* A line of its control socket (docs: abrid --trial). `out` may be NULL. */
MUST_CHECK int world_control(struct world *w, char *out, size_t cap, struct err *e, const char *fmt, ...)
    PRINTF_LIKE(5, 6);
/* Time passes, for the server and for everybody; certificates are renewed on the way. */
MUST_CHECK int world_pass(struct world *w, int64_t seconds, struct err *e);
/* The same, but nobody is alive: no certificate is renewed. */
MUST_CHECK int world_sleep(struct world *w, int64_t seconds, struct err *e);
/* A round of upkeep, to its end. */
MUST_CHECK int world_upkeep(struct world *w, struct err *e);

/* Its certificates are not renewed any more when time passes. */
void world_let_expire(struct world *w, const struct party *x);
/* The number of entries of that kind in the log (and, if not NULL, of that name); as the owner. */
MUST_CHECK int world_entries(struct world *w, const char *kind, const char *name, uint64_t *out, struct err *e);
/* The directory of a vault on the server's disk. */
void world_vault_dir(const struct world *w, const struct party *machine, char out[WORLD_PATH]);
MUST_CHECK int world_prints(const char *dir, struct file_prints *out, struct err *e);
int world_ask_passphrase(void *arg, char out[PASSPHRASE_MAX], struct err *e); /* a work_ask */
bool world_cancelled(const struct world *w);

/* ---- tree.c: data that can be told apart byte for byte ---------------------------------------------- */

/* Makes or changes the files below `dir` to what they are in that version. */
MUST_CHECK int tree_make(const char *dir, uint64_t seed, unsigned version, struct err *e);
/* Names, types, modes of files, content, targets of links. `why` (256 bytes) tells the first difference. */
bool tree_same(const char *a, const char *b, char why[256]);
MUST_CHECK int tree_copy(const char *from, const char *to, struct err *e);
MUST_CHECK int tree_remove(const char *path, struct err *e); /* nothing there is fine */
/* Of all regular files below: path below `dir`. */
typedef int tree_each(void *arg, const char *path, struct err *e);
MUST_CHECK int tree_files(const char *dir, tree_each *each, void *arg, struct err *e);

/* ---- victim.c: a machine's data, backed up and restored ------------------------------------------------ */

#define VICTIM_MAX 2048
struct victim_point {
    uint8_t id[ID_BYTES];
    unsigned version;
};
struct victim {
    struct party *machine;
    char source[WORLD_PATH];
    uint64_t seed;
    unsigned version; /* of the tree now */
    struct victim_point *points;
    size_t count;
};
MUST_CHECK int victim_begin(struct victim *v, struct party *machine, struct err *e);
void victim_done(struct victim *v);
/* Changes the data, backs it up, remembers. Thread-safe for different victims. */
MUST_CHECK int victim_backup(struct victim *v, struct err *e);
/* All living snapshots as a reader sees them. */
MUST_CHECK int victim_list(struct victim *v, struct snapshot_list *out, struct err *e);
/* Restores that point and compares: 0 and *same_out; `why` as tree_same. */
struct victim_restored {
    bool same;
    char why[256];
    double age_s, took_s;
};
MUST_CHECK int victim_restore(struct victim *v, const struct victim_point *point, struct victim_restored *out,
                              struct err *e);
/* Claims that the newest point comes back whole, and notes RPO and RTO. */
void victim_recover(struct play *p, struct victim *v);
/* Whether somebody here may read at all (a given server may have been given a token without). */
bool victim_can_be_read(const struct victim *v);
/* The vault as a reader. */
MUST_CHECK int victim_open(struct victim *v, struct access *out, struct err *e);

/* ---- forge.c: what a stolen key can sign ------------------------------------------------------------------ */

struct forger {
    struct party *as;
    struct writer_key *key;      /* the machine's own */
    struct seal_ids *ids;
    struct recipients recipients;
    struct data_key *data;
    char session[2 * UID_BYTES + 1];
    bool begun;
    struct writer_past past;     /* where the chain stands, as far as known */
    uint8_t group[UID_BYTES];    /* of the records; zeros unless set */
};
/* Reads the stolen keys. */
MUST_CHECK int forger_begin(struct forger *f, struct party *as, struct err *e);
void forger_done(struct forger *f);
/* A session of its own, begun at the server. */
MUST_CHECK int forger_session(struct forger *f, struct err *e);
void forger_end_session(struct forger *f);
/* A pack with whatever frames, as this writer and session would make it, or as somebody else would. */
struct forged_pack {
    struct buf bytes;
    uint8_t id[ID_BYTES];
};
struct forged_header {
    const uint8_t *vault, *session, *writer; /* NULL: as it is */
};
struct forged_frame {
    uint8_t id[ID_BYTES];
    const void *plain;
    size_t len;
};
/* `as` NULL: as itself. The name is that which such a pack must have. */
MUST_CHECK int forger_pack(struct forger *f, const struct forged_header *as, const struct forged_frame *frames, size_t count,
                           struct forged_pack *out, struct err *e);
void forger_send_pack(struct forger *f, const struct forged_pack *k, struct told *out);
/* A record; `refs` NULL: an empty set. Appends the body of the request. */
struct forged_record {
    int64_t client_time_ns;
    uint64_t sequence;             /* 0: the next one */
    const struct refset_pack *packs;
    size_t pack_count;
    const uint8_t *writer;         /* NULL: this one */
};
MUST_CHECK int forger_record(struct forger *f, const struct forged_record *r, struct buf *out, struct err *e);
/* Sends it; a record that was taken moves the chain on. */
void forger_send_record(struct forger *f, const struct buf *body, struct told *out);
/* Both. */
MUST_CHECK int forger_commit(struct forger *f, const struct forged_record *r, struct told *out, struct err *e);
/* What the machine would name that content. */
void forger_name(const struct forger *f, const void *plain, size_t len, uint8_t out[ID_BYTES]);

#endif
