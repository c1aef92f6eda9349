/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writers that were revoked: what the keeper received from them behind a
 * certain sequence counts for nothing.
 *
 * V1 Only the owner revokes. A revocation that does not verify stops whoever
 *    wants to add, for it may refuse him or whom he builds upon; whoever reads
 *    hears of it and goes on, for damage must not cost a restore.
 * V2 The sequence is the keeper's, so whoever holds a revoked writer's key
 *    cannot slip a record in before it.
 */
#include "base/mem.h"
#include "vault/certificate_format.h"
#include "vault/record_read.h"

#include <string.h>

void revoked_done(struct revoked *r)
{
    mem_free(r->items);
    *r = (struct revoked){0};
}

struct loading {
    struct vault *v;
    struct damage *damage;
    struct revoked list;
};

static int read_one(struct vault *v, const char *name, struct revocation *out, struct err *e)
{
    char writer[2 * UID_BYTES + 1];
    CLEANUP(buf_done) struct buf b = {0};
    if (vault_get(v, VAULT_REVOKED, name, &b, e) ||
        revocation_decode(b.data, b.len, v->info.owner_pk, out, e))
        return err_wrap(e, "revoked/%s", name);
    hex_encode(out->writer, UID_BYTES, writer);
    if (memcmp(out->vault, v->info.id, UID_BYTES) != 0 || strcmp(writer, name) != 0)
        return err_set(e, ERR_DAMAGED, "revoked/%s: of another vault or writer", name);
    return 0;
}

static int load_one(void *arg, const char *name, struct err *e)
{
    struct loading *l = arg;
    struct revocation one;
    struct err why = ERR_INIT;
    if (read_one(l->v, name, &one, &why)) {
        char full[OBJECT_NAME_BYTES];
        bool damage = why.cls == ERR_DAMAGED || why.cls == ERR_NEWER || why.cls == ERR_LIMIT;
        if (l->damage && damage && object_name(VAULT_REVOKED, name, full, e) == 0)
            return damage_note(l->damage, full, &why, e);
        return err_give(e, &why);
    }
    struct revocation *items = mem_realloc(l->list.items, l->list.count + 1, sizeof *items);
    if (!items)
        return err_no_memory(e, "the list of revoked writers");
    l->list.items = items;
    items[l->list.count++] = one;
    return 0;
}

int revoked_load(struct vault *v, struct damage *d, struct revoked *out, struct err *e)
{
    struct loading l = {.v = v, .damage = d};
    if (vault_list(v, VAULT_REVOKED, load_one, &l, e)) {
        revoked_done(&l.list);
        return -1;
    }
    *out = l.list;
    return 0;
}

const struct revocation *revoked_find(const struct revoked *r, const uint8_t writer[UID_BYTES])
{
    for (size_t i = 0; i < r->count; i++)
        if (memcmp(r->items[i].writer, writer, UID_BYTES) == 0)
            return &r->items[i];
    return NULL;
}

bool revoked_refuses(const struct revoked *r, const uint8_t writer[UID_BYTES], uint64_t sequence)
{
    const struct revocation *one = revoked_find(r, writer);
    return one && sequence > one->last;
}

int revoked_check(struct vault *v, const uint8_t writer[UID_BYTES], struct err *e)
{
    CLEANUP(revoked_done) struct revoked r = {0};
    if (revoked_load(v, NULL, &r, e))
        return -1;
    if (revoked_find(&r, writer))
        return err_set(e, ERR_NO_KEY,
                       "this machine's writer key was revoked, and the vault takes nothing from it "
                       "any more: enrol the machine again with `abri writer add`");
    return 0;
}

int vault_last_sequence(struct vault *v, uint64_t *out, struct err *e)
{
    CLEANUP(sequences_done) struct sequences all = {0};
    if (record_list(v, &all, e))
        return -1;
    *out = all.count ? all.items[all.count - 1] : 0;
    return 0;
}
