/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making a vault and opening one. Reads neither packs nor the index: that
 * happens when somebody asks for a chunk.
 *
 * O1 `vault` is the last object that vault_create makes durable: a store holds
 *    a complete vault or none. Parity follows it.
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
    if (probe.cls != ERR_NOT_FOUND && probe.cls != ERR_DAMAGED)
        return err_give(e, &probe);
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
    return err_give(e, &probe);
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
    v->filling = true;
    int rc = fill(arg, v, e);
    vault_close(v);
    return rc;
}

/* What a repair would make: so nobody fails for want of it. */
static void make_parity(struct store *s)
{
    struct vault *v = NULL;
    if (vault_open(s, &v, NULL))
        return;
    for (size_t i = 0; i < object_kind_count; i++) {
        const struct object_kind *k = &object_kinds[i];
        CLEANUP(buf_done) struct buf leaves = {0};
        if (object_kind_list(v, k, false, &leaves, NULL))
            continue;
        for (size_t at = 0; at < leaves.len; at += OBJECT_NAME_BYTES) {
            CLEANUP(object_buf_done) struct buf b = {0};
            char name[OBJECT_NAME_BYTES];
            object_kind_name(k, (const char *)leaves.data + at, name);
            if (object_read(s, name, k->max, &b, NULL) == 0)
                (void)object_parity_put(v, name, b.data, b.len, NULL);
        }
    }
    vault_close(v);
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
    make_parity(s);
    *info = made;
    return 0;
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
    if (keeper_read(v->store, out, e))
        return -1;
    if (memcmp(out->public_key, v->info.keeper_pk, SIGN_PUBLIC_BYTES) != 0) {
        sign_key_done(out);
        return err_set(e, ERR_DAMAGED, "keeper: not the key that the vault names");
    }
    return 0;
}
