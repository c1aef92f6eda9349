/* SPDX-License-Identifier: Apache-2.0 */
/* Listing recovery keys and recipients, and naming one of them. */
#include "work/keys.h"
#include "work/work_internal.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

void key_listing_done(struct key_listing *l)
{
    mem_free(l->items);
    *l = (struct key_listing){0};
}

struct listing {
    struct access *access;
    const struct recipients *recipients;
    const char *passphrase;
    struct recovery_key *scratch;
    struct key_listing list;
};

static bool is_current(const struct recipients *r, const uint8_t public_key[32])
{
    for (uint32_t i = 0; i < r->count; i++)
        if (memcmp(r->public_keys[i], public_key, 32) == 0)
            return true;
    return false;
}

static struct key_entry *append(struct key_listing *l, struct err *e)
{
    struct key_entry *items = mem_realloc(l->items, l->count + 1, sizeof *items);
    if (!items) {
        err_no_memory(e, "the list of keys");
        return NULL;
    }
    l->items = items;
    items[l->count] = (struct key_entry){0};
    return &items[l->count++];
}

static int add_wrapped(void *arg, const char *name, struct err *e)
{
    struct listing *l = arg;
    const uint8_t *vault_id = vault_get_info(l->access->vault)->id;
    CLEANUP(buf_done) struct buf object = {0};
    struct err why = ERR_INIT;
    struct key_entry *k = append(&l->list, e);
    if (!k)
        return -1;
    (void)snprintf(k->name, sizeof k->name, "%s", name);
    if (vault_get(l->access->vault, VAULT_KEY, name, &object, &why) ||
        recovery_describe(object.data, object.len, vault_id, &k->info, &why)) {
        if (why.cls == ERR_NOT_FOUND)
            l->list.count--; /* it went while we read */
        (void)snprintf(k->problem, sizeof k->problem, "%s", why.msg);
        return 0;
    }
    k->current = is_current(l->recipients, k->info.public_key);
    if (!l->passphrase)
        return 0;
    k->opened = recovery_unwrap(object.data, object.len, vault_id, l->passphrase,
                                strlen(l->passphrase), l->scratch, &why) == 0;
    return why.cls == ERR_NO_MEMORY ? err_set(e, why.cls, "%s", why.msg) : 0;
}

static int add_recipients(struct listing *l, struct err *e)
{
    size_t wrapped = l->list.count;
    for (uint32_t i = 0; i < l->recipients->count; i++) {
        bool known = false;
        for (size_t j = 0; j < wrapped; j++)
            known = known || memcmp(l->list.items[j].info.public_key,
                                    l->recipients->public_keys[i], 32) == 0;
        struct key_entry *k = known ? NULL : append(&l->list, e);
        if (!known && !k)
            return -1;
        if (known)
            continue;
        k->current = true;
        memcpy(k->info.public_key, l->recipients->public_keys[i], 32);
    }
    return 0;
}

int work_key_list(struct access *a, const char *passphrase, struct key_listing *out, struct err *e)
{
    CLEANUP(buf_done) struct buf object = {0};
    struct recipients recipients = {0};
    struct listing l = {.access = a, .recipients = &recipients, .passphrase = passphrase};
    if (access_load_recipients(a, &object, &recipients, e))
        return -1;
    l.scratch = recovery_key_new();
    int rc = l.scratch ? vault_list(a->vault, VAULT_KEY, add_wrapped, &l, e)
                       : err_no_memory(e, "the list of keys");
    if (rc == 0)
        rc = add_recipients(&l, e);
    recovery_key_free(l.scratch);
    if (rc) {
        key_listing_done(&l.list);
        return -1;
    }
    *out = l.list;
    out->generation = recipients.generation;
    return 0;
}

static bool is_named(const struct key_entry *k, const char *spec)
{
    char text[PUBLIC_KEY_TEXT_BYTES], hex[65];
    size_t len = strlen(spec);
    if (k->name[0])
        return strncmp(k->name, spec, len) == 0;
    public_key_format(k->info.public_key, text);
    hex_encode(k->info.public_key, 32, hex);
    return strncmp(text, spec, len) == 0 || strncmp(hex, spec, len) == 0;
}

int key_listing_find(const struct key_listing *l, const char *spec, const struct key_entry **out,
                     struct err *e)
{
    const struct key_entry *found = NULL;
    for (size_t i = 0; i < l->count; i++) {
        if (!*spec || !is_named(&l->items[i], spec))
            continue;
        if (found)
            return err_set(e, ERR_AMBIGUOUS, "'%.80s' begins several keys: give more digits", spec);
        found = &l->items[i];
    }
    if (!found)
        return err_set(e, ERR_NOT_FOUND, "no key '%.80s': see `abri key list`", spec);
    *out = found;
    return 0;
}
