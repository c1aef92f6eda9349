/* SPDX-License-Identifier: Apache-2.0 */
/* Opens a vault, a snapshot in it, and the disks of that. */
#include "nbdkit/disks.h"

#include "work/keys.h"

#include "base/mem.h"

#include <string.h>

/* ---- opening the vault ------------------------------------------------------------------- */

static int say_passphrase(void *arg, char out[PASSPHRASE_MAX], struct err *e)
{
    const struct disks_options *o = arg;
    size_t len = strlen(o->passphrase);
    if (len == 0 || len >= PASSPHRASE_MAX)
        return err_set(e, ERR_PASSPHRASE, "the passphrase is empty, or longer than %d bytes",
                       PASSPHRASE_MAX - 1);
    memcpy(out, o->passphrase, len + 1);
    return 0;
}

static int open_with_file(struct access *a, const char *file, struct err *e)
{
    struct recovery_key *k = recovery_key_new();
    int rc = k ? key_file_read(file, vault_get_info(a->vault)->id, k, e)
               : err_no_memory(e, "the recovery key");
    if (rc == 0)
        rc = access_with_key(a, k, e);
    recovery_key_free(k);
    return rc;
}

static int open_vault(struct disks *d, const struct disks_options *o, struct err *e)
{
    if (access_open(o->location, &o->dirs, &d->access, e))
        return -1;
    if (o->key_file)
        return open_with_file(&d->access, o->key_file, e);
    return access_as_reader(&d->access, say_passphrase, (void *)(uintptr_t)o, e);
}

static int open_root(struct disks *d, const struct disks_options *o, struct root **out,
                     struct err *e)
{
    CLEANUP(snapshot_list_done) struct snapshot_list all = {0};
    size_t at;
    if (vault_snapshots(d->access.vault, &all, o->damage, NULL, e) ||
        work_find_snapshot(&all, o->snapshot, &at, e) ||
        work_open_root(&d->access, &all.items[at], out, e))
        return -1;
    memcpy(d->snapshot, all.items[at].id, ID_BYTES);
    return vault_refresh(d->access.vault, o->damage, NULL, e);
}

int disks_open(const struct disks_options *o, struct disks **out, struct err *e)
{
    CLEANUP_FREE struct root *root = NULL;
    struct disks *d = mem_zalloc(sizeof *d);
    if (!d)
        return err_no_memory(e, "the disks");
    if (open_vault(d, o, e) || open_root(d, o, &root, e) ||
        work_find_disks(&d->access, root, o->disk, &d->list, e)) {
        disks_free(d);
        return -1;
    }
    *out = d;
    return 0;
}

int disks_serve(struct disks *d, size_t cache_bytes, struct err *e)
{
    const struct view_options o = {.bytes_max = cache_bytes};
    if (view_cache_new(&d->access, &o, &d->cache, e))
        return -1;
    d->items = mem_array(d->list.count, sizeof *d->items);
    if (!d->items)
        return err_no_memory(e, "the disks");
    for (; d->count < d->list.count; d->count++) {
        struct disk *disk = &d->items[d->count];
        disk->name = d->list.items[d->count].name;
        if (view_open(d->cache, d->list.items[d->count].file, &disk->view, e))
            return -1;
    }
    return 0;
}

const struct disk *disks_find(const struct disks *d, const char *name)
{
    if (!*name)
        return d->count == 1 ? &d->items[0] : NULL;
    for (size_t i = 0; i < d->count; i++)
        if (strcmp(d->items[i].name, name) == 0)
            return &d->items[i];
    return NULL;
}

void disks_free(struct disks *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < d->count; i++)
        view_close(d->items[i].view);
    mem_free(d->items);
    disk_list_done(&d->list);
    view_cache_free(d->cache);
    access_close(&d->access);
    mem_free(d);
}
