/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a vault: as anyone, as a writer who cannot read, as a reader. */
#include "work/work_internal.h"

#include "base/file.h"
#include "base/mem.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WRITER_KEY_FILE_MAX 4096

void work_host_name(char out[256])
{
    if (gethostname(out, 256))
        (void)snprintf(out, 256, "localhost");
    out[255] = '\0';
}

int access_open(const char *location, struct access *out, struct err *e)
{
    struct access a = {0};
    if (sign_init(e))
        return -1;
    if (store_dir_open(location, &a.store, e))
        return e && e->cls == ERR_NOT_FOUND ? err_reclass(e, ERR_NO_VAULT) : -1;
    if (vault_open(a.store, &a.vault, e)) {
        store_close(a.store);
        return -1;
    }
    *out = a;
    return 0;
}

void access_close(struct access *a)
{
    keyring_free(a->keyring);
    recovery_key_free(a->recovery);
    writer_key_free(a->writer);
    seal_ids_free(a->ids);
    vault_close(a->vault);
    store_close(a->store);
    *a = (struct access){0};
}

int writer_key_path(const struct work_dirs *dirs, const uint8_t vault_id[UID_BYTES], char *out,
                    size_t cap, struct err *e)
{
    char hex[2 * UID_BYTES + 1];
    hex_encode(vault_id, UID_BYTES, hex);
    if ((size_t)snprintf(out, cap, "%s/writers/%s", dirs->config, hex) >= cap)
        return err_set(e, ERR_LIMIT, "'%s': the path is too long", dirs->config);
    return 0;
}

static int load_writer_key(struct access *a, const struct work_dirs *dirs, struct err *e)
{
    char path[4096];
    const struct vault_info *info = vault_get_info(a->vault);
    CLEANUP(buf_done) struct buf file = {0};
    if (writer_key_path(dirs, info->id, path, sizeof path, e))
        return -1;
    if (file_slurp(AT_FDCWD, path, WRITER_KEY_FILE_MAX, &file, e)) {
        if (e && e->cls == ERR_NOT_FOUND)
            return err_set(e, ERR_NO_KEY,
                           "this machine is not enrolled as a writer of this vault (no '%s'): copy "
                           "the key from where `abri init` ran, or set ABRI_CONFIG_DIR",
                           path);
        return -1;
    }
    a->writer = writer_key_new();
    int rc = a->writer ? writer_key_decode(file.data, file.len, a->writer, e)
                       : err_no_memory(e, "the writer key");
    if (file.data)
        seal_wipe(file.data, file.cap);
    if (rc)
        return err_wrap(e, "'%s'", path);
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

static int load_recipients(struct access *a, struct buf *object, struct recipients *out,
                           struct err *e)
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
    char expected[32];
    (void)snprintf(expected, sizeof expected, "%016llx", (unsigned long long)out->generation);
    if (strcmp(name, expected) != 0)
        return err_set(e, ERR_DAMAGED, "recipients/%s: holds generation %s", name, expected);
    return 0;
}

int access_as_writer(struct access *a, const struct work_dirs *dirs, struct err *e)
{
    CLEANUP(buf_done) struct buf object = {0};
    if (load_writer_key(a, dirs, e) || load_recipients(a, &object, &a->recipients, e))
        return -1;
    if (a->recipients.generation < a->writer->generation)
        return err_set(e, ERR_DAMAGED,
                       "the vault's list of recipients is older than one that this machine has "
                       "already used: refusing to seal for outdated keys");
    return seal_ids_new(a->writer->id_key, &a->ids, e);
}

struct unwrap {
    struct access *access;
    const char *passphrase;
    bool opened;
    unsigned keys;
    struct err first; /* the failure that says most */
};

static int try_key(void *arg, const char *name, struct err *e)
{
    struct unwrap *u = arg;
    if (u->opened)
        return 0;
    u->keys++;
    CLEANUP(buf_done) struct buf object = {0};
    struct err why = ERR_INIT;
    if (vault_get(u->access->vault, VAULT_KEY, name, &object, &why) == 0 &&
        recovery_unwrap(object.data, object.len, vault_get_info(u->access->vault)->id,
                        u->passphrase, strlen(u->passphrase), u->access->recovery, &why) == 0) {
        u->opened = true;
        return 0;
    }
    if (why.cls == ERR_NO_MEMORY) {
        *e = why;
        return -1;
    }
    (void)err_wrap(&why, "keys/%s", name);
    if (u->first.cls == ERR_UNSET || u->first.cls == ERR_PASSPHRASE)
        u->first = why;
    return 0;
}

static int unwrap_any(struct access *a, const char *passphrase, struct err *e)
{
    struct unwrap u = {.access = a, .passphrase = passphrase};
    a->recovery = recovery_key_new();
    if (!a->recovery)
        return err_no_memory(e, "the recovery key");
    if (vault_list(a->vault, VAULT_KEY, try_key, &u, e))
        return -1;
    if (u.opened)
        return 0;
    if (u.keys == 0)
        return err_set(e, ERR_DAMAGED, "the vault has no recovery key that a passphrase opens");
    if (u.first.cls == ERR_PASSPHRASE)
        return err_set(e, ERR_PASSPHRASE, "wrong passphrase: it opens none of the vault's %u key%s",
                       u.keys, u.keys == 1 ? "" : "s");
    *e = u.first;
    return -1;
}

static int open_secrets(struct access *a, struct err *e)
{
    CLEANUP(buf_done) struct buf object = {0};
    const struct vault_info *info = vault_get_info(a->vault);
    struct vault_secrets *secrets = seal_secrets_new();
    if (!secrets)
        return err_no_memory(e, "the vault's secrets");
    int rc = load_recipients(a, &object, &a->recipients, e);
    if (rc == 0)
        rc = recipients_open(object.data, object.len, info->id, info->owner_pk, a->recovery,
                             secrets, e);
    if (rc == 0 && !a->ids)
        rc = seal_ids_new(secrets->id_key, &a->ids, e);
    seal_secrets_free(secrets);
    return rc;
}

int access_as_reader(struct access *a, work_ask *ask, void *arg, struct err *e)
{
    char passphrase[PASSPHRASE_MAX];
    if (ask(arg, passphrase, e))
        return -1;
    int rc = unwrap_any(a, passphrase, e);
    seal_wipe(passphrase, sizeof passphrase);
    if (rc || open_secrets(a, e))
        return -1;
    return keyring_new(a->vault, a->recovery, &a->keyring, e);
}
