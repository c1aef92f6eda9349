/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checking the parity of objects beside packs, and by it, that none is missing: for
 * parity goes before its object (Q2). That of packs is verified where packs are read.
 */
#include "base/mem.h"
#include "vault/check_internal.h"
#include "vault/object_parity.h"

#include <string.h>

static int say_lost(struct check *c, const struct object_kind *k, const char *leaf,
                    const char *name, struct err *e)
{
    int gone = k->superseded ? k->superseded(c->vault, leaf, e) : 0;
    if (gone < 0)
        return -1;
    if (gone || !object_has_parity(c->vault, name))
        return 0; /* it was removed just now, or a repair removes what is left of it */
    damage_report(&c->damage, name,
                  k->stays_away ? OBJECT_STAYS_AWAY
                                : "is missing: `abri check --repair` brings it back by its parity");
    return 0;
}

static int check_one(struct check *c, const struct object_kind *k, const char *leaf,
                     struct err *e)
{
    CLEANUP(object_buf_done) struct buf b = {.max = PARITY_OBJECT_MAX};
    char name[OBJECT_NAME_BYTES], parity[PARITY_OF_BYTES];
    struct parity_head h;
    struct err why = ERR_INIT;
    object_kind_name(k, leaf, name);
    object_parity_name(name, parity);
    int rc = object_read(c->vault->store, parity, PARITY_OBJECT_MAX, &b, &why);
    if (rc && why.cls == ERR_NOT_FOUND)
        return 0; /* removed since it was listed */
    c->stats.bytes_read += b.len;
    if (!rc)
        rc = parity_verify(b.data, b.len, &h, &why);
    if (!rc && memcmp(h.vault, c->vault->info.id, UID_BYTES) != 0)
        rc = err_set(&why, ERR_DAMAGED, "parity: of another vault");
    if (rc && damage_note(&c->damage, parity, &why, e))
        return -1;
    if (k->only || !object_was_lost(c->vault, name)) /* the top was looked at */
        return 0;
    return say_lost(c, k, leaf, name, e);
}

int check_parity(struct check *c, struct err *e)
{
    for (size_t i = 0; i < object_kind_count; i++) {
        const struct object_kind *k = &object_kinds[i];
        CLEANUP(buf_done) struct buf leaves = {.max = CHECK_NAMES_MAX};
        if (object_kind_list(c->vault, k, true, &leaves, e))
            return -1;
        for (size_t at = 0; at < leaves.len; at += OBJECT_NAME_BYTES)
            if (check_one(c, k, (const char *)leaves.data + at, e))
                return -1;
    }
    return 0;
}
