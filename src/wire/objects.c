/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which objects of a vault may be seen from outside, and with which right: one table. What
 * is not in it is never seen: the keeper's key, its clock, parity, what is derived.
 */
#include "wire/wire.h"

#include <string.h>

static const struct {
    const char *name; /* of an object, or a directory with its '/' */
    enum wire_access access;
} table[] = {
    {"vault", WIRE_OPEN},          /* identity, owner's key, chunking */
    {"recipients/", WIRE_OPEN},    /* for whom sessions are sealed */
    {"writers/", WIRE_OPEN},       /* certificates: whom to build upon */
    {"revoked/", WIRE_OPEN},       /* and whom not */
    {"condemned/", WIRE_OPEN},     /* packs that nobody should build upon any more */
    {"packs/", WIRE_ENDS},         /* content, sealed */
    {"keys/", WIRE_READ},          /* recovery keys, wrapped by passphrases */
    {"sessions/", WIRE_READ},      /* data keys, sealed for recovery keys */
    {"resealed/", WIRE_READ},
    {"snapshots/", WIRE_READ},
    {"marks/", WIRE_READ},         /* locks, holds, tags, trash */
    {"rules/", WIRE_READ},         /* floor, window */
};

enum wire_access wire_object_access(const char *name)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        size_t n = strlen(table[i].name);
        bool dir = table[i].name[n - 1] == '/';
        if (dir ? strncmp(name, table[i].name, n) == 0 && name[n] : strcmp(name, table[i].name) == 0)
            return table[i].access;
    }
    return WIRE_NEVER;
}

enum wire_access wire_list_access(const char *dir)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        size_t n = strlen(table[i].name);
        if (table[i].name[n - 1] == '/' && strncmp(dir, table[i].name, n - 1) == 0 &&
            (dir[n - 1] == '\0' || dir[n - 1] == '/'))
            return table[i].access;
    }
    return WIRE_NEVER;
}
