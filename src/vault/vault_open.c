/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making a vault and opening one. Reads neither packs nor the index: that
 * happens when somebody asks for a chunk.
 *
 * O1 `vault` is the last object that vault_create makes durable: a store holds
 *    a complete vault or none.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "vault/config_format.h"
#include "vault/vault_internal.h"

#include <string.h>

static bool object_exists(struct store *s, const char *name, struct err *e)
{
    struct store_reader *r = NULL;
    if (store_open(s, name, &r, e))
        return false;
    store_reader_close(r);
    return true;
}

static int keeper_read(struct store *s, struct sign_key *out, struct err *e)
{
    CLEANUP(buf_done) struct buf b = {0};
    int rc = object_read(s, "keeper", 4096, &b, e);
    if (!rc && keeper_decode(b.data, b.len, out, e))
        rc = err_wrap(e, "keeper");
    if (b.data)
        explicit_bzero(b.data, b.cap);
    return rc;
}

/* A creation that was cut short may have left a keeper: it becomes ours. */
static int keeper_make(struct store *s, struct sign_key *out, struct err *e)
{
    struct err probe = ERR_INIT;
    if (keeper_read(s, out, &probe) == 0)
        return 0;
    if (probe.cls != ERR_NOT_FOUND && probe.cls != ERR_DAMAGED) {
        if (e)
            *e = probe;
        return -1;
    }
    if (probe.cls == ERR_DAMAGED && store_remove(s, "keeper", e))
        return -1;
    uint8_t bytes[KEEPER_BYTES];
    sign_key_new(out);
    keeper_encode(out, bytes);
    int rc = store_put(s, "keeper", bytes, sizeof bytes, e);
    explicit_bzero(bytes, sizeof bytes);
    return rc ? -1 : store_sync(s, "", e);
}

const char *const vault_unfinished[] = {"keeper", "keys", "recipients", "writers", NULL};

/* Removes what is a vault's by its first bytes, and nothing of anybody else's. */
static int remove_leftover(void *arg, const char *name, uint64_t len_bytes, struct err *e)
{
    struct store *s = arg;
    struct store_reader *r = NULL;
    char magic[5] = {0};
    if (store_open(s, name, &r, e))
        return -1;
    int rc = len_bytes < sizeof magic ? 0 : store_read(r, 0, magic, sizeof magic, e);
    store_reader_close(r);
    if (rc)
        return -1;
    if (memcmp(magic, "abri.", sizeof magic) != 0)
        return err_set(e, ERR_EXISTS,
                       "'%s' holds '%s', which is no vault's: choose a new or an empty directory",
                       store_location(s), name);
    return store_remove(s, name, e);
}

/* Keys of a vault that never came to be open nothing. What is put into these
 * directories afterwards makes the removals durable. */
static int remove_leftovers(struct store *s, struct err *e)
{
    for (const char *const *dir = vault_unfinished; *dir; dir++)
        if (strcmp(*dir, "keeper") != 0 && store_list(s, *dir, remove_leftover, s, e))
            return -1;
    return 0;
}

static int check_absent(struct store *s, struct err *e)
{
    struct err probe = ERR_INIT;
    if (object_exists(s, "vault", &probe))
        return err_set(e, ERR_EXISTS, "there is already a vault at '%s'", store_location(s));
    if (probe.cls == ERR_NOT_FOUND)
        return 0;
    if (e)
        *e = probe;
    return -1;
}

/* A vault of which nothing is known yet. */
static int vault_new(struct store *s, struct vault **out, struct err *e)
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

static int fill_with(struct store *s, const struct vault_info *info, vault_fill *fill, void *arg,
                     struct err *e)
{
    struct vault *v = NULL;
    if (!fill)
        return 0;
    if (vault_new(s, &v, e))
        return -1;
    v->info = *info;
    int rc = fill(arg, v, e);
    vault_close(v);
    return rc;
}

int vault_create(struct store *s, struct vault_info *info, const struct sign_key *owner,
                 vault_fill *fill, void *arg, struct err *e)
{
    struct vault_info fresh = *info;
    if (random_bytes(fresh.id, UID_BYTES, e) || vault_create_replica(s, &fresh, owner, fill, arg, e))
        return -1;
    *info = fresh;
    return 0;
}

int vault_create_replica(struct store *s, struct vault_info *info, const struct sign_key *owner,
                     vault_fill *fill, void *arg, struct err *e)
{
    struct vault_info made = *info;
    struct sign_key keeper = {0};
    uint8_t bytes[CONFIG_BYTES];
    if (check_absent(s, e) || remove_leftovers(s, e) || keeper_make(s, &keeper, e))
        return -1;
    memcpy(made.keeper_pk, keeper.public_key, SIGN_PUBLIC_BYTES);
    sign_key_done(&keeper);
    memcpy(made.owner_pk, owner->public_key, SIGN_PUBLIC_BYTES);
    made.created_ns = clock_realtime_ns();
    config_encode(&made, owner, bytes);
    if (fill_with(s, &made, fill, arg, e) || store_put(s, "vault", bytes, sizeof bytes, e) ||
        store_sync(s, "", e))
        return err_wrap(e, "make a vault at '%s'", store_location(s));
    *info = made;
    return 0;
}

int config_read(struct store *s, struct vault_info *out, struct err *e)
{
    CLEANUP(buf_done) struct buf b = {0};
    struct err inner = ERR_INIT;
    if (object_read(s, "vault", 4096, &b, &inner)) {
        if (inner.cls == ERR_NOT_FOUND)
            return err_set(e, ERR_NO_VAULT, "no vault at '%s': make one with `abri init`",
                           store_location(s));
        if (e)
            *e = inner;
        return err_wrap(e, "open the vault at '%s'", store_location(s));
    }
    if (config_decode(b.data, b.len, out, e))
        return err_wrap(e, "the vault at '%s'", store_location(s));
    return 0;
}

int vault_open(struct store *s, struct vault **out, struct err *e)
{
    struct vault *v = NULL;
    struct vault_info info;
    if (config_read(s, &info, e) || vault_new(s, &v, e))
        return -1;
    v->info = info;
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
    if (keeper_read(v->store, out, e))
        return -1;
    if (memcmp(out->public_key, v->info.keeper_pk, SIGN_PUBLIC_BYTES) != 0) {
        sign_key_done(out);
        return err_set(e, ERR_DAMAGED, "keeper: not the key that the vault names");
    }
    return 0;
}
