/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The objects beside packs that follow from nothing else: what they are called,
 * how each is told to be itself, and what may happen to them in a repair. Marks,
 * witnesses and condemnations are not among them: damage to those only keeps more
 * (docs/format/vault.md, "Parity").
 */
#ifndef ABRI_VAULT_OBJECT_KINDS_H
#define ABRI_VAULT_OBJECT_KINDS_H

#include "vault/vault_internal.h"

/* What a replica can give back of a kind. */
enum in_replica {
    REPLICA_NEVER = 0, /* a keeper's own */
    REPLICA_SAME,      /* the same object has the same name there */
    REPLICA_RECORD,    /* a copy of it holds all of its parts */
};

struct object_kind {
    enum vault_kind kind; /* if others put it */
    const char *dir; /* "": at the top, then `only` is the name */
    const char *only;
    uint8_t digits, more; /* of the name: hex digits; and behind a dash, if any */
    size_t max;           /* bytes */
    /* Whether the bytes are whole, signed, and this object of this vault, not another. */
    int (*verify)(struct vault *v, const char *leaf, const uint8_t *p, size_t len, struct err *e);
    /* The name that the bytes give themselves, unverified; false: none. NULL: the
     * bytes do not know their name. */
    bool (*claims)(const uint8_t *p, size_t len, char leaf_out[OBJECT_NAME_BYTES]);
    /* Whether a missing one was replaced by another, and may have been removed on
     * purpose. 1, 0, or -1. NULL: never. */
    int (*superseded)(struct vault *v, const char *leaf, struct err *e);
    enum in_replica in_replica;
    bool stays_away; /* a missing one is never brought back */
    bool copy_goes;  /* a copy of another one under this name says nothing, and may go */
};

#define OBJECT_STAYS_AWAY                                                                          \
    "is missing, and its parity is there. It is not brought back, for a person may have removed "  \
    "it: if so, remove its parity, too; docs/format/vault.md says how to take it from there"

/* In the order in which they are mended: each verifies by those before it. */
extern const struct object_kind object_kinds[];
extern const size_t object_kind_count;

/* The same by the kind that vault_put knows; `leaf` as there. */
MUST_CHECK int object_verify(struct vault *v, enum vault_kind kind, const char *leaf,
                             const struct buf *b, struct err *e);

/* The name in full: "sessions/3f2a…"; of parity: "parity/sessions/3f2a…", and
 * "parity/top/vault". */
#define PARITY_OF_BYTES (OBJECT_NAME_BYTES + 12)
void object_kind_name(const struct object_kind *k, const char *leaf, char out[OBJECT_NAME_BYTES]);
void object_parity_name(const char *object, char out[PARITY_OF_BYTES]);
/* The directory of "a/b/c": "a/b"; of "c": "". */
void object_directory(const char *name, char out[PARITY_OF_BYTES]);
/* Appends the leaves of all objects of the kind, or of all that have parity, as
 * OBJECT_NAME_BYTES each, ascending, each once. `out` may hold some already. */
MUST_CHECK int object_kind_list(struct vault *v, const struct object_kind *k, bool parity,
                                struct buf *out, struct err *e);

#endif
