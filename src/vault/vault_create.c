/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making a vault: here, as a replica of another, or for an owner who is elsewhere, who sends
 * what he made and signed (keeper.h).
 *
 * O1 `vault` is the last object that is made durable: a store holds a complete vault or none.
 *    Parity follows it.
 * O3 Of what an owner sends, only objects that verify under the owner's key, by names that a new
 *    vault has, are stored; and `vault` names this keeper.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "vault/certificate_format.h"
#include "vault/config_format.h"
#include "vault/keeper.h"
#include "vault/object_parity.h"

#include <string.h>

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

/* `info` has its id and its keeper. */
static int create(struct store *s, struct vault_info *info, const struct sign_key *owner,
                  vault_fill *fill, void *arg, struct err *e)
{
    uint8_t bytes[CONFIG_BYTES];
    memcpy(info->owner_pk, owner->public_key, SIGN_PUBLIC_BYTES);
    info->created_ns = clock_realtime_ns();
    config_encode(info, owner, bytes);
    if (fill_with(s, info, fill, arg, e) || store_put(s, "vault", bytes, sizeof bytes, e) ||
        store_sync(s, "", e))
        return err_wrap(e, "make a vault at '%s'", store_location(s));
    return 0;
}

int vault_create_replica(struct store *s, struct vault_info *info, const struct sign_key *owner,
                         vault_fill *fill, void *arg, struct err *e)
{
    struct vault_info made = *info;
    if (keeper_prepare(s, made.keeper_pk, e) || create(s, &made, owner, fill, arg, e))
        return -1;
    make_parity(s);
    *info = made;
    return 0;
}

int vault_create_far(struct store *s, struct vault_info *info,
                     const uint8_t keeper_pk[SIGN_PUBLIC_BYTES], const struct sign_key *owner,
                     vault_fill *fill, void *arg, struct err *e)
{
    struct vault_info made = *info;
    memcpy(made.keeper_pk, keeper_pk, SIGN_PUBLIC_BYTES);
    if (random_bytes(made.id, UID_BYTES, e) || create(s, &made, owner, fill, arg, e))
        return -1;
    *info = made;
    return 0;
}

/* ---- for an owner elsewhere ------------------------------------------------------------ */

int keeper_prepare(struct store *s, uint8_t keeper_pk_out[SIGN_PUBLIC_BYTES], struct err *e)
{
    struct sign_key keeper = {0};
    if (check_absent(s, e) || remove_leftovers(s, e) || keeper_make(s, &keeper, e))
        return -1;
    memcpy(keeper_pk_out, keeper.public_key, SIGN_PUBLIC_BYTES);
    sign_key_done(&keeper);
    return 0;
}

/* What comes with `vault`: which kinds, how many were seen. */
struct adopting {
    struct vault *v; /* not open yet: its identity alone */
    unsigned keys, recipients, writers;
};

static const struct {
    const char *dir;
    enum vault_kind kind;
} adopted[] = {{"keys/", VAULT_KEY}, {"recipients/", VAULT_RECIPIENTS}, {"writers/", VAULT_WRITER}};

static int adopt_kind(const char *name, enum vault_kind *kind, const char **leaf, struct err *e)
{
    for (size_t i = 0; i < sizeof adopted / sizeof *adopted; i++) {
        size_t n = strlen(adopted[i].dir);
        if (strncmp(name, adopted[i].dir, n) == 0) {
            *kind = adopted[i].kind;
            *leaf = name + n;
            return 0;
        }
    }
    return err_set(e, ERR_REFUSED, "'%.80s' is no object that a new vault begins with", name);
}

/* O3 */
static int adopt_check(struct adopting *a, const struct keeper_object *o, struct err *e)
{
    const struct buf bytes = {.data = (uint8_t *)(uintptr_t)o->bytes, .len = o->len};
    enum vault_kind kind = 0;
    const char *leaf = NULL;
    char full[OBJECT_NAME_BYTES];
    if (strcmp(o->name, "vault") == 0)
        return 0;
    if (adopt_kind(o->name, &kind, &leaf, e) || object_name(kind, leaf, full, e) ||
        object_verify(a->v, kind, leaf, &bytes, e))
        return err_wrap(e, "%.80s", o->name);
    *(kind == VAULT_KEY ? &a->keys : kind == VAULT_WRITER ? &a->writers : &a->recipients) += 1;
    return 0;
}

static int adopt_put(struct adopting *a, const struct keeper_object *o, struct err *e)
{
    enum vault_kind kind = 0;
    const char *leaf = NULL;
    if (strcmp(o->name, "vault") == 0)
        return 0;
    return adopt_kind(o->name, &kind, &leaf, e) || vault_put(a->v, kind, leaf, o->bytes, o->len, e) ? -1
                                                                                                     : 0;
}

static int check_names(const struct keeper_object *objects, size_t count, struct err *e)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(objects[i].name, objects[k].name) == 0)
                return err_set(e, ERR_REFUSED, "'%.80s' is there twice", objects[i].name);
    return 0;
}

/* All are verified before the first is stored. */
static int adopt_all(struct adopting *a, const struct keeper_object *objects, size_t count,
                     struct err *e)
{
    for (size_t i = 0; i < count; i++)
        if (adopt_check(a, &objects[i], e))
            return -1;
    if (!a->keys || !a->recipients || !a->writers)
        return err_set(e, ERR_REFUSED, "a new vault begins with a key, a list of recipients and a writer");
    for (size_t i = 0; i < count; i++)
        if (adopt_put(a, &objects[i], e))
            return -1;
    return 0;
}

static int check_identity(struct store *s, const struct keeper_object *o, struct vault_info *out,
                          struct err *e)
{
    uint8_t keeper_pk[SIGN_PUBLIC_BYTES];
    if (keeper_prepare(s, keeper_pk, e) || config_decode(o->bytes, o->len, out, e))
        return -1;
    if (memcmp(out->keeper_pk, keeper_pk, SIGN_PUBLIC_BYTES) != 0)
        return err_set(e, ERR_REFUSED, "the vault names another keeper");
    return 0;
}

int keeper_adopt(struct store *s, const struct keeper_object *objects, size_t count, struct err *e)
{
    struct adopting a = {0};
    const struct keeper_object *identity = NULL;
    struct vault_info info;
    if (count > KEEPER_OBJECTS_MAX)
        return err_set(e, ERR_LIMIT, "a new vault of %zu objects; %u are possible", count,
                       KEEPER_OBJECTS_MAX);
    if (check_names(objects, count, e))
        return -1;
    for (size_t i = 0; i < count; i++)
        if (strcmp(objects[i].name, "vault") == 0)
            identity = &objects[i];
    if (!identity)
        return err_set(e, ERR_REFUSED, "a new vault without its object 'vault'");
    if (check_identity(s, identity, &info, e) || vault_new(s, &a.v, e))
        return -1;
    a.v->info = info;
    a.v->filling = true;
    int rc = adopt_all(&a, objects, count, e) ||
                     store_put(s, "vault", identity->bytes, identity->len, e) || store_sync(s, "", e)
                 ? -1
                 : 0;
    vault_close(a.v);
    if (!rc)
        make_parity(s);
    return rc;
}
