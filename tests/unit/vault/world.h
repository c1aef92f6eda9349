/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small world around a vault: a store, an owner, two enrolled writers, and
 * chunks made from numbers so that what comes back can be told.
 */
#ifndef ABRI_TESTS_UNIT_VAULT_WORLD_H
#define ABRI_TESTS_UNIT_VAULT_WORLD_H

#include "scratch.h"
#include "store/store_test.h"
#include "vault/vault_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define WRITERS 2

enum world_kind { WORLD_MEM, WORLD_DIR };

struct world {
    struct store *store;
    char path[SCRATCH_PATH_MAX]; /* of a directory */
    enum world_kind kind;
    struct vault *v;
    struct sign_key owner, key[WRITERS];
    uint8_t writer[WRITERS][UID_BYTES];
};

void world_open(struct world *w, enum world_kind kind, bool shared);
void world_close(struct world *w);
/* Closes the vault and opens it again: nothing is remembered. */
void world_reopen(struct world *w);
/* The same world over another store, which it takes over. */
void world_move(struct world *w, struct store *s);

#define assert_ok(call)                                                                            \
    do {                                                                                           \
        struct err e_ = ERR_INIT, *e = &e_;                                                        \
        if (call)                                                                                  \
            fail_msg("%s: %s", #call, e->msg);                                                     \
    } while (0)
#define assert_err(call, class)                                                                    \
    do {                                                                                           \
        struct err e_ = ERR_INIT, *e = &e_;                                                        \
        if (!(call))                                                                               \
            fail_msg("%s succeeded", #call);                                                       \
        if (e->cls != (class))                                                                     \
            fail_msg("%s: class %s: %s", #call, err_class_name(e->cls), e->msg);                   \
    } while (0)

/* ---- chunks by number -------------------------------------------------------- */

#define CHUNK_MAX  400u
#define CHUNK_ROOM (FRAME_HEADER_BYTES + CHUNK_MAX)

void chunk_id(uint64_t number, uint8_t id[ID_BYTES]);
/* Sealed bytes at buf + FRAME_HEADER_BYTES; their length. */
uint32_t chunk_make(uint64_t number, uint8_t buf[CHUNK_ROOM]);
/* Offers, and adds if wanted: 1 if it was added, 0 if it was there, -1. */
int chunk_put(struct session *s, uint64_t number, enum frame_kind kind, struct err *e);
/* True if the vault finds it and reads back what chunk_make made. */
bool chunk_reads(struct vault *v, uint64_t number);

/* ---- sessions and snapshots ----------------------------------------------------- */

/* -1 or a session whose envelope was put; `pack_bytes` as in session_params. */
int session_try(struct world *w, int writer, uint32_t pack_bytes, struct session **out,
                struct err *e);
/* After a fork: sessions of this process are counted from here. */
void session_numbers_from(uint64_t number);
struct session *session_start(struct world *w, int writer, uint32_t pack_bytes);
int commit_try(struct world *w, struct session *s, int writer, struct err *e);
void commit(struct world *w, struct session *s, int writer);
/* Session with chunks [from, to), committed and ended. */
void backup(struct world *w, int writer, uint64_t from, uint64_t to);

/* ---- what the owner says ---------------------------------------------------------- */

/* Signs what is in `b`, and puts it. */
void put_signed_object(struct world *w, enum vault_kind kind, const char *name, struct buf *b,
                const struct sign_key *key, const char *context);
/* A revocation, signed by `by`: records of the writer after `last` are refused. */
void revoke_writer(struct world *w, int writer, uint64_t last, const struct sign_key *by);

/* ---- verifying ---------------------------------------------------------------------- */

/* How many frames the snapshot refers to, all of them read and hashed; a
 * message in `why` and -1 if one is missing or wrong. */
int64_t snapshot_verify(struct vault *v, const struct snapshot *s, struct err *why);
/* Count of trusted snapshots, all verified as above. */
size_t verify_all(struct vault *v);

/* ---- damage ------------------------------------------------------------------------ */

struct reports {
    unsigned count;
    char object[128], message[ERR_MESSAGE_BYTES]; /* of the last */
};
void report(void *arg, const char *object, const char *message); /* a vault_damage */

/* Names below `dir`, ascending, in memory to free with mem_free, 80 bytes each. */
typedef char object_names[80];
object_names *names_below(struct store *s, const char *dir, size_t *count_out);
/* Reads an object whole; free with mem_free. */
uint8_t *object_bytes(struct store *s, const char *name, size_t *len_out);
/* Removes an object as those do who may: its parity, too, if it has any. */
void object_free(struct store *s, const char *name);
/* Replaces an object by other bytes. */
void object_replace(struct store *s, const char *name, const void *p, size_t len);

/* A seeded generator: splitmix64. */
uint64_t next_random(uint64_t *state);

#endif
