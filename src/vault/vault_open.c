/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening a vault. Reads neither packs nor the index: that happens when somebody asks
 * for a chunk.
 *
 * O2 A damaged or missing `vault` is read by its parity, if what that leads to
 *    verifies: it proves as much as the object did.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "vault/config_format.h"
#include "vault/object_parity.h"
#include "vault/parity.h"

#include <string.h>

#define CONFIG_MAX ((size_t)4096)

int vault_new(struct store *s, struct vault **out, struct err *e)
{
    struct vault *v = mem_zalloc(sizeof *v);
    if (!v)
        return err_no_memory(e, "the vault");
    v->store = s;
    pack_set_init(&v->packs);
    if (reader_cache_new(&v->readers, e)) {
        mem_free(v);
        return -1;
    }
    (void)pthread_mutex_init(&v->maintain, NULL);
    (void)pthread_mutex_init(&v->names, NULL);
    (void)pthread_rwlock_init(&v->lock, NULL);
    *out = v;
    return 0;
}

int keeper_read(struct store *s, struct sign_key *out, struct err *e)
{
    CLEANUP(buf_done) struct buf b = {0};
    int rc = object_read(s, "keeper", 4096, &b, e);
    if (!rc && keeper_decode(b.data, b.len, out, e))
        rc = err_wrap(e, "keeper");
    if (b.data)
        explicit_bzero(b.data, b.cap);
    return rc;
}

int config_read(struct store *s, struct vault_info *out, struct err *e)
{
    CLEANUP(buf_done) struct buf b = {0};
    struct err inner = ERR_INIT;
    if (object_read(s, "vault", CONFIG_MAX, &b, &inner)) {
        if (inner.cls == ERR_NOT_FOUND)
            return err_set(e, ERR_NO_VAULT, "no vault at '%s': make one with `abri init`",
                           store_location(s));
        (void)err_give(e, &inner);
        return err_wrap(e, "open the vault at '%s'", store_location(s));
    }
    if (config_decode(b.data, b.len, out, e))
        return err_wrap(e, "the vault at '%s'", store_location(s));
    return 0;
}

/* O2 */
static bool config_by_parity(struct store *s, struct vault_info *out)
{
    CLEANUP(buf_done) struct buf damaged = {.max = CONFIG_MAX + 1};
    CLEANUP(buf_done) struct buf whole = {0};
    struct parity_head h;
    struct vault_info info;
    struct err why = ERR_INIT;
    if (object_salvage(s, "vault", CONFIG_MAX, &damaged, &why) && why.cls == ERR_NO_MEMORY)
        return false;
    if (object_mend(s, "vault", &damaged, &whole, &h, &why) <= 0 ||
        !object_may_be_replaced(&damaged, &whole) ||
        config_decode(whole.data, whole.len, &info, NULL) ||
        memcmp(h.vault, info.id, UID_BYTES) != 0)
        return false;
    *out = info;
    return true;
}

int vault_open(struct store *s, struct vault **out, struct err *e)
{
    struct vault *v = NULL;
    struct vault_info info;
    struct err why = ERR_INIT;
    bool by_parity = false;
    if (config_read(s, &info, &why)) {
        by_parity = why.cls != ERR_NO_MEMORY && config_by_parity(s, &info);
        if (!by_parity)
            return err_give(e, &why);
    }
    if (vault_new(s, &v, e))
        return -1;
    v->info = info;
    v->needs_repair = by_parity;
    *out = v;
    return 0;
}

int vault_open_far(struct store *s, const struct vault_keeper *keeper, struct vault **out,
                   struct err *e)
{
    struct vault *v = NULL;
    if (vault_open(s, &v, e))
        return -1;
    v->far = true;
    v->keeper = *keeper;
    *out = v;
    return 0;
}

void vault_close(struct vault *v)
{
    if (!v)
        return;
    index_close(v);
    reader_cache_free(v->readers);
    writers_done(v);
    resealed_done(v);
    pack_set_done(&v->packs);
    origins_done(&v->origins);
    (void)pthread_mutex_destroy(&v->maintain);
    (void)pthread_rwlock_destroy(&v->lock);
    (void)pthread_mutex_destroy(&v->names);
    mem_free(v);
}

bool vault_needs_repair(const struct vault *v)
{
    return v->needs_repair;
}

const struct vault_info *vault_get_info(const struct vault *v)
{
    return &v->info;
}

struct store *vault_store(struct vault *v)
{
    return v->store;
}

int keeper_load(struct vault *v, struct sign_key *out, struct err *e)
{
    if (v->far)
        return err_set(e, ERR_REFUSED,
                       "that is for the vault's keeper, which is the server: see `abri admin`");
    if (keeper_read(v->store, out, e))
        return -1;
    if (memcmp(out->public_key, v->info.keeper_pk, SIGN_PUBLIC_BYTES) != 0) {
        sign_key_done(out);
        return err_set(e, ERR_DAMAGED, "keeper: not the key that the vault names");
    }
    return 0;
}
