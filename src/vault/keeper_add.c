/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What somebody may add to a vault that is there: writers and wrapped keys. Each is verified first, and nothing is replaced:
 * the same again is fine, another of that name is not. Whoever opens the vault tries the wrapped keys one after the other, so
 * what somebody may add to those is bounded, in number and in what each costs.
 */
#include "vault/keeper.h"

#include "base/mem.h"
#include "vault/certificate_format.h"
#include "vault/object_kinds.h"

#include <string.h>

static int put_once(struct vault *v, enum vault_kind kind, const char *dir, const char *name, const uint8_t *p, size_t len,
                    struct err *e)
{
    CLEANUP(buf_done) struct buf there = {0};
    struct err why = ERR_INIT;
    if (vault_put(v, kind, name, p, len, &why) == 0)
        return 0;
    if (why.cls != ERR_EXISTS)
        return err_give(e, &why);
    if (vault_get(v, kind, name, &there, e))
        return -1;
    return there.len == len && memcmp(there.data, p, len) == 0
               ? 0
               : err_set(e, ERR_EXISTS, "%s/%s is there already, and another", dir, name);
}

int keeper_add_writer(struct vault *v, const uint8_t *certificate, size_t len,
                      uint8_t writer_out[UID_BYTES], struct err *e)
{
    struct certificate t;
    char name[2 * UID_BYTES + 1];
    if (certificate_decode(certificate, len, v->info.owner_pk, &t, e))
        return -1;
    if (memcmp(t.vault, v->info.id, UID_BYTES) != 0)
        return err_set(e, ERR_REFUSED, "the certificate is of another vault");
    hex_encode(t.writer, UID_BYTES, name);
    if (put_once(v, VAULT_WRITER, "writers", name, certificate, len, e))
        return -1;
    memcpy(writer_out, t.writer, UID_BYTES);
    return 0;
}

/* Those that are there: how many, and what the dearest costs whoever tries it. */
struct keys {
    struct vault *v;
    unsigned count;
    uint64_t cost;
};

static int look_at(void *arg, const char *name, struct err *e)
{
    struct keys *k = arg;
    CLEANUP(buf_done) struct buf b = {.max = VAULT_OBJECT_MAX};
    (void)e;
    k->count++;
    if (vault_get(k->v, VAULT_KEY, name, &b, NULL) == 0 && key_verify(b.data, b.len, k->v->info.id, NULL) == 0 &&
        key_cost(b.data) > k->cost)
        k->cost = key_cost(b.data);
    return 0;
}

int keeper_add_key(struct vault *v, const uint8_t id[UID_BYTES], const uint8_t *p, size_t len, struct err *e)
{
    CLEANUP(buf_done) struct buf object = {.max = VAULT_OBJECT_MAX}, there = {0};
    char name[2 * UID_BYTES + 1];
    struct keys keys = {.v = v};
    buf_put(&object, p, len);
    hex_encode(id, UID_BYTES, name);
    if (buf_check(&object, "a wrapped key", e) || object_verify(v, VAULT_KEY, name, &object, e) ||
        vault_list(v, VAULT_KEY, look_at, &keys, e))
        return -1;
    if (key_cost(p) > keys.cost)
        return err_set(e, ERR_REFUSED, "trying it would cost more than any passphrase that is there: take the same memory and passes");
    if (keys.count >= KEEPER_KEYS_MAX && vault_get(v, VAULT_KEY, name, &there, NULL))
        return err_set(e, ERR_LIMIT, "there are %u passphrases already; no more are added from afar", keys.count);
    return put_once(v, VAULT_KEY, "keys", name, p, len, e);
}
