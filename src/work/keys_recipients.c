/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changing whom sessions are sealed for: another recipient, one less, a new key
 * in place of an old one. Each is a new generation of the list and then
 * work_reseal.
 *
 *  G1 The list of the next generation appears by one exclusive name; of two who
 *     change at once one is told to try again.
 *  G2 Before a new key is named there, it is wrapped; after, everything that
 *     was sealed for the old one can be opened by the new one, since the list
 *     carries the old key's secret half for its recipients.
 *  G3 What wraps the old key goes only then.
 */
#include "work/keys_internal.h"
#include "work/work_internal.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

/* Puts `r` as the generation behind the one that the access knows. */
static int put_generation(struct access *a, struct recipients *r,
                          const struct retired_keys *retired, struct err *e)
{
    CLEANUP(buf_done) struct buf object = {0};
    char name[GENERATION_NAME_BYTES];
    struct err why = ERR_INIT;
    r->generation = a->recipients.generation + 1;
    generation_name(r->generation, name);
    if (recipients_make_with(r, retired, vault_get_info(a->vault)->id, a->secrets, &object, e))
        return -1;
    if (vault_put(a->vault, VAULT_RECIPIENTS, name, object.data, object.len, &why)) {
        if (why.cls == ERR_EXISTS)
            return err_set(e, ERR_BUSY,
                           "somebody else changed the vault's keys at the same time: try again");
        return err_give(e, &why);
    }
    a->recipients = *r;
    return 0;
}

static int finish(struct access *a, work_problem *problem, void *arg, struct reseal_result *out,
                  struct err *e)
{
    if (work_reseal(a, problem, arg, out, e) == 0)
        return 0;
    return err_wrap(e, "the change is made, but not all sessions are sealed for it yet; `abri key "
                       "reseal` goes on");
}

static uint32_t place_of(const struct recipients *r, const uint8_t public_key[32])
{
    uint32_t i = 0;
    while (i < r->count && memcmp(r->public_keys[i], public_key, 32) != 0)
        i++;
    return i;
}

int work_key_add_recipient(struct access *a, const uint8_t public_key[32], work_problem *problem,
                           void *arg, struct reseal_result *out, struct err *e)
{
    struct recipients r = a->recipients;
    if (place_of(&r, public_key) < r.count)
        return err_set(e, ERR_EXISTS, "this key is a recipient already");
    if (r.count == SEAL_RECIPIENTS_MAX)
        return err_set(e, ERR_LIMIT, "a vault has at most %d recipients: remove one first",
                       SEAL_RECIPIENTS_MAX);
    memcpy(r.public_keys[r.count++], public_key, 32);
    if (put_generation(a, &r, a->retired, e))
        return -1;
    return finish(a, problem, arg, out, e);
}

/* ---- removing --------------------------------------------------------------------- */

/* Wrapped keys of today, without `entry`: of anyone, and of the same key. */
static void count_others(const struct key_listing *l, const struct key_entry *entry,
                         unsigned *all_out, unsigned *same_out)
{
    *all_out = *same_out = 0;
    for (size_t i = 0; i < l->count; i++) {
        const struct key_entry *k = &l->items[i];
        if (!k->name[0] || !k->current || strcmp(k->name, entry->name) == 0)
            continue;
        ++*all_out;
        *same_out += memcmp(k->info.public_key, entry->info.public_key, 32) == 0;
    }
}

static int drop_recipient(struct access *a, const uint8_t public_key[32], struct err *e)
{
    struct recipients r = a->recipients;
    uint32_t at = place_of(&r, public_key);
    if (at == r.count)
        return 0;
    memcpy(r.public_keys[at], r.public_keys[--r.count], 32);
    return put_generation(a, &r, a->retired, e);
}

int work_key_remove(struct access *a, const struct key_entry *entry, work_problem *problem,
                    void *arg, bool *recipient_out, struct reseal_result *out, struct err *e)
{
    struct key_listing now = {0};
    unsigned others, same;
    if (work_key_list(a, NULL, &now, e))
        return -1;
    count_others(&now, entry, &others, &same);
    key_listing_done(&now);
    bool last = entry->current && others == 0;
    bool recipient = entry->current && same == 0;
    if (last)
        return err_set(e, ERR_USAGE,
                       "this is the last key that a passphrase opens: add another one first");
    if ((recipient && drop_recipient(a, entry->info.public_key, e)) ||
        finish(a, problem, arg, out, e))
        return -1;
    struct err why = ERR_INIT;
    if (entry->name[0] && vault_remove_object(a->vault, VAULT_KEY, entry->name, &why) &&
        why.cls != ERR_NOT_FOUND)
        return err_give(e, &why);
    *recipient_out = recipient;
    return 0;
}

/* ---- rotating ------------------------------------------------------------------------- */

struct counting {
    struct access *access;
    const uint8_t *public_key;
    uint64_t count;
};

static int count_key(void *arg, const char *name, struct err *e)
{
    struct counting *c = arg;
    struct key_info info;
    CLEANUP(buf_done) struct buf object = {0};
    (void)e;
    if (vault_get(c->access->vault, VAULT_KEY, name, &object, NULL) == 0 &&
        recovery_describe(object.data, object.len, vault_get_info(c->access->vault)->id, &info,
                          NULL) == 0)
        c->count += memcmp(info.public_key, c->public_key, 32) == 0;
    return 0;
}

/* From here on the access is the new key's; keyrings borrow both. */
static int replace(struct access *a, const struct recovery_key *fresh, struct err *e)
{
    struct recipients r = a->recipients;
    uint32_t at = place_of(&r, a->recovery->public_key);
    struct retired_keys *retired = retired_keys_new();
    if (!retired)
        return err_no_memory(e, "keys");
    *retired = *a->retired;
    retired_keys_add(retired, a->recovery);
    memcpy(r.public_keys[at], fresh->public_key, 32);
    int rc = at < r.count ? put_generation(a, &r, retired, e)
                          : err_set(e, ERR_BUSY,
                                    "somebody else changed the vault's keys at the same time: try "
                                    "again");
    if (rc == 0) {
        *a->retired = *retired;
        *a->recovery = *fresh;
    }
    retired_keys_free(retired);
    return rc;
}

int work_key_rotate(struct access *a, const struct new_passphrase *p, work_problem *problem,
                    void *arg, char name_out[KEY_NAME_BYTES], uint64_t *dropped_out,
                    struct reseal_result *out, struct err *e)
{
    struct counting old = {.access = a, .public_key = a->recovery->public_key};
    char name[KEY_NAME_BYTES];
    struct recovery_key *fresh = recovery_key_new();
    if (!fresh)
        return err_no_memory(e, "a recovery key");
    recovery_key_generate(fresh);
    int rc = vault_list(a->vault, VAULT_KEY, count_key, &old, e);
    if (rc == 0)
        rc = keys_wrap(a, fresh, p, name, e);
    if (rc == 0 && replace(a, fresh, e)) {
        (void)!vault_remove_object(a->vault, VAULT_KEY, name, NULL); /* wraps what nothing names */
        rc = -1;
    }
    recovery_key_free(fresh);
    if (rc || finish(a, problem, arg, out, e))
        return -1;
    memcpy(a->key_name, name, sizeof name);
    memcpy(name_out, name, sizeof name);
    *dropped_out = old.count;
    return 0;
}
