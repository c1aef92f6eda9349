/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a vault: as anyone, as a writer who cannot read, as a reader. */
#include "work/work_internal.h"

#include "base/mem.h"
#include "remote/remote.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RECIPIENTS_TRIES 8

void work_host_name(char out[256])
{
    if (gethostname(out, 256))
        (void)snprintf(out, 256, "localhost");
    out[255] = '\0';
}

bool access_is_far(const char *location)
{
    return wire_is_url(location);
}

static int open_far(const char *location, const struct work_dirs *dirs, struct access *a,
                    struct err *e)
{
    const struct remote_where where = {dirs->config, dirs->cache, dirs->cancel, dirs->log_alarm, dirs->log_arg};
    struct vault_keeper keeper;
    if (remote_store_open(&where, location, &a->store, &keeper, e))
        return -1;
    return vault_open_far(a->store, &keeper, &a->vault, e);
}

static int open_near(const char *location, struct access *a, struct err *e)
{
    if (store_dir_open(location, &a->store, e))
        return e && e->cls == ERR_NOT_FOUND ? err_reclass(e, ERR_NO_VAULT) : -1;
    return vault_open(a->store, &a->vault, e);
}

int access_open(const char *location, const struct work_dirs *dirs, struct access *out,
                struct err *e)
{
    struct access a = {0};
    if (sign_init(e))
        return -1;
    if (access_is_far(location) ? open_far(location, dirs, &a, e) : open_near(location, &a, e)) {
        store_close(a.store);
        return -1;
    }
    *out = a;
    return 0;
}

void access_close(struct access *a)
{
    keyring_free(a->keyring);
    retired_keys_free(a->retired);
    seal_secrets_free(a->secrets);
    recovery_key_free(a->recovery);
    writer_key_free(a->writer);
    seal_ids_free(a->ids);
    vault_close(a->vault);
    store_close(a->store);
    *a = (struct access){0};
}

static int load_writer_key(struct access *a, const struct work_dirs *dirs, struct err *e)
{
    char path[4096];
    const struct vault_info *info = vault_get_info(a->vault);
    if (writer_key_path(dirs, info->id, path, sizeof path, e))
        return -1;
    a->writer = writer_key_new();
    if (!a->writer)
        return err_no_memory(e, "the writer key");
    if (writer_key_load(path, a->writer, e)) {
        if (e && e->cls == ERR_NOT_FOUND)
            return err_set(e, ERR_NO_KEY,
                           "this machine is not enrolled as a writer of this vault (no '%s'): enrol "
                           "it with `abri writer add`, or set ABRI_CONFIG_DIR",
                           path);
        return -1;
    }
    if (memcmp(a->writer->vault_id, info->id, UID_BYTES) != 0 ||
        memcmp(a->writer->owner_pk, info->owner_pk, SIGN_PUBLIC_BYTES) != 0)
        return err_set(e, ERR_NO_KEY,
                       "'%s' was made for another vault or owner: the vault may have been exchanged",
                       path);
    return 0;
}

/* Finds the highest generation of recipients. */
static int highest_name(void *arg, const char *name, struct err *e)
{
    (void)e;
    (void)snprintf(arg, 64, "%s", name);
    return 0;
}

void generation_name(uint64_t generation, char out[GENERATION_NAME_BYTES])
{
    (void)snprintf(out, GENERATION_NAME_BYTES, "%016llx", (unsigned long long)generation);
}

/* ERR_NOT_FOUND if the list went between the look and the reading. */
static int load_newest(struct access *a, struct buf *object, struct recipients *out, struct err *e)
{
    char name[64] = "";
    const struct vault_info *info = vault_get_info(a->vault);
    if (vault_list(a->vault, VAULT_RECIPIENTS, highest_name, name, e))
        return -1;
    if (!*name)
        return err_set(e, ERR_DAMAGED, "the vault has no list of recipients");
    if (vault_get(a->vault, VAULT_RECIPIENTS, name, object, e) ||
        recipients_read(object->data, object->len, info->id, info->owner_pk, out, e))
        return err_wrap(e, "recipients/%s", name);
    char expected[GENERATION_NAME_BYTES];
    generation_name(out->generation, expected);
    if (strcmp(name, expected) != 0)
        return err_set(e, ERR_DAMAGED, "recipients/%s: holds generation %s", name, expected);
    return 0;
}

/* Whoever changes keys puts a newer list before it removes the older one. */
int access_load_recipients(struct access *a, struct buf *object, struct recipients *out,
                           struct err *e)
{
    for (int i = 1;; i++) {
        struct err why = ERR_INIT;
        buf_reset(object);
        if (load_newest(a, object, out, &why) == 0)
            return 0;
        if (why.cls == ERR_NOT_FOUND && i < RECIPIENTS_TRIES)
            continue;
        return err_give(e, &why);
    }
}

/* Notes the highest generation that this machine has seen, so that it never
 * seals for an older one. Where the key cannot be written the note is missing,
 * and the promise is as weak as it was. */
static void pin_generation(struct access *a, const struct work_dirs *dirs)
{
    if (a->recipients.generation == a->writer->generation)
        return;
    a->writer->generation = a->recipients.generation;
    (void)!writer_key_save(a->writer, dirs, NULL);
}

int access_as_writer(struct access *a, const struct work_dirs *dirs, struct err *e)
{
    CLEANUP(buf_done) struct buf object = {0};
    if (load_writer_key(a, dirs, e) || access_load_recipients(a, &object, &a->recipients, e))
        return -1;
    if (a->recipients.generation < a->writer->generation)
        return err_set(e, ERR_DAMAGED,
                       "the vault's list of recipients is older than one that this machine has "
                       "already used: refusing to seal for outdated keys");
    pin_generation(a, dirs);
    return seal_ids_new(a->writer->id_key, &a->ids, e);
}

/* ---- as a reader --------------------------------------------------------------- */

struct unwrap {
    struct access *access;
    const char *passphrase;
    const struct recipients *recipients;
    bool retired; /* try those that are no recipients (any more) */
    bool opened;
    unsigned keys;
    struct err first; /* the failure that says most */
};

static bool is_recipient(const struct recipients *r, const uint8_t public_key[32])
{
    for (uint32_t i = 0; i < r->count; i++)
        if (memcmp(r->public_keys[i], public_key, 32) == 0)
            return true;
    return false;
}

static int open_key(struct unwrap *u, const char *name, struct err *e)
{
    CLEANUP(buf_done) struct buf object = {0};
    struct key_info info;
    struct access *a = u->access;
    const uint8_t *vault_id = vault_get_info(a->vault)->id;
    if (vault_get(a->vault, VAULT_KEY, name, &object, e) ||
        recovery_describe(object.data, object.len, vault_id, &info, e))
        return -1;
    if (is_recipient(u->recipients, info.public_key) == u->retired)
        return 0;
    u->keys++;
    if (recovery_unwrap(object.data, object.len, vault_id, u->passphrase, strlen(u->passphrase),
                        a->recovery, e))
        return -1;
    u->opened = true;
    (void)snprintf(a->key_name, sizeof a->key_name, "%s", name);
    return 0;
}

static int try_key(void *arg, const char *name, struct err *e)
{
    struct unwrap *u = arg;
    struct err why = ERR_INIT;
    if (u->opened || open_key(u, name, &why) == 0)
        return 0;
    if (why.cls == ERR_NO_MEMORY)
        return err_give(e, &why);
    (void)err_wrap(&why, "keys/%s", name);
    if (u->first.cls == ERR_UNSET || u->first.cls == ERR_PASSPHRASE)
        u->first = why;
    return 0;
}

/* Why the passphrase opens nothing that counts. */
static int explain(struct unwrap *u, struct err *e)
{
    struct err ignored = ERR_INIT;
    unsigned keys = u->keys;
    if (keys && u->first.cls != ERR_PASSPHRASE)
        return err_give(e, &u->first);
    u->retired = true;
    if (vault_list(u->access->vault, VAULT_KEY, try_key, u, &ignored) == 0 && u->opened)
        return err_set(e, ERR_NO_KEY,
                       "this passphrase belongs to a key that was replaced or removed: it opens "
                       "nothing any more");
    if (keys)
        return err_set(e, ERR_PASSPHRASE, "wrong passphrase: it opens none of the vault's %u key%s",
                       keys, keys == 1 ? "" : "s");
    if (u->first.cls != ERR_UNSET && u->first.cls != ERR_PASSPHRASE)
        return err_give(e, &u->first);
    return err_set(e, ERR_DAMAGED,
                   "the vault has no recovery key that a passphrase opens: give a key with "
                   "--key-file, or a sheet or shares to `abri key combine`");
}

static int unwrap_any(struct access *a, const struct recipients *r, const char *passphrase,
                      struct err *e)
{
    struct unwrap u = {.access = a, .passphrase = passphrase, .recipients = r};
    if (vault_list(a->vault, VAULT_KEY, try_key, &u, e))
        return -1;
    return u.opened ? 0 : explain(&u, e);
}

static int open_secrets(struct access *a, const struct buf *object, struct err *e)
{
    const struct vault_info *info = vault_get_info(a->vault);
    struct vault_secrets *secrets = seal_secrets_new();
    a->retired = retired_keys_new();
    int rc = secrets && a->retired
                 ? recipients_open_with(object->data, object->len, info->id, info->owner_pk,
                                        a->recovery, secrets, a->retired, e)
                 : err_no_memory(e, "the vault's secrets");
    if (rc == 0 && !a->ids)
        rc = seal_ids_new(secrets->id_key, &a->ids, e);
    seal_secrets_free(secrets);
    return rc;
}

/* With `ask` NULL, opens with a->recovery as it is. */
static int open_as_reader(struct access *a, work_ask *ask, void *arg, struct err *e)
{
    CLEANUP(buf_done) struct buf object = {0};
    char passphrase[PASSPHRASE_MAX];
    if (ask && ask(arg, passphrase, e))
        return -1;
    int rc = access_load_recipients(a, &object, &a->recipients, e);
    if (rc == 0 && ask)
        rc = unwrap_any(a, &a->recipients, passphrase, e);
    seal_wipe(passphrase, sizeof passphrase);
    if (rc || open_secrets(a, &object, e))
        return -1;
    return keyring_new(a->vault, a->recovery, a->retired, &a->keyring, e);
}

int access_as_reader(struct access *a, work_ask *ask, void *arg, struct err *e)
{
    a->recovery = recovery_key_new();
    if (!a->recovery)
        return err_no_memory(e, "the recovery key");
    return open_as_reader(a, ask, arg, e);
}

int access_with_key(struct access *a, const struct recovery_key *k, struct err *e)
{
    a->recovery = recovery_key_new();
    if (!a->recovery)
        return err_no_memory(e, "the recovery key");
    *a->recovery = *k;
    if (open_as_reader(a, NULL, NULL, e) == 0)
        return 0;
    return e && e->cls == ERR_NO_KEY
               ? err_set(e, ERR_NO_KEY,
                         "this key is not a recipient of the vault: it belongs to another one, or "
                         "was replaced or removed")
               : -1;
}

int access_as_owner(struct access *a, struct err *e)
{
    CLEANUP(buf_done) struct buf object = {0};
    const struct vault_info *info = vault_get_info(a->vault);
    if (!a->secrets)
        a->secrets = seal_secrets_new();
    if (!a->secrets)
        return err_no_memory(e, "the vault's secrets");
    if (access_load_recipients(a, &object, &a->recipients, e))
        return -1;
    return recipients_open(object.data, object.len, info->id, info->owner_pk, a->recovery,
                           a->secrets, e);
}
