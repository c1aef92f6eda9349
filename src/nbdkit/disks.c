/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the disks of a snapshot: files below disks/, or what somebody names, or the only file there is. */
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

/* ---- finding disks ------------------------------------------------------------------------- */

static int add(struct disks *d, const struct entry *file, size_t skip, struct err *e)
{
    const char *name = file->path + skip;
    if (d->count == DISKS_MAX)
        return err_set(e, ERR_LIMIT, "more than %u disks: name one", DISKS_MAX);
    if (strlen(name) > DISK_NAME_MAX)
        return err_set(e, ERR_LIMIT, "a disk's name is longer than %u bytes: name another", DISK_NAME_MAX);
    struct disk *items = mem_realloc(d->items, d->count + 1, sizeof *items);
    if (!items)
        return err_no_memory(e, "the disks");
    d->items = items;
    items[d->count] = (struct disk){.name = mem_strdup(name), .file = entry_dup(file)};
    struct disk *last = &items[d->count++];
    return last->name && last->file ? 0 : err_no_memory(e, "the disks");
}

struct search {
    struct disks *disks;
    size_t skip; /* of a path, for the name */
};

static int take(void *arg, const struct entry *en, struct err *e)
{
    struct search *s = arg;
    return en->type == ENTRY_FILE ? add(s->disks, en, s->skip, e) : 0;
}

static int find_below(struct disks *d, const struct root *root, const char *folder, struct err *e)
{
    struct search s = {.disks = d, .skip = *folder ? strlen(folder) + 1 : 0};
    struct err why = ERR_INIT;
    if (work_walk_tree(&d->access, &root->tree, folder, take, &s, &why) == 0 ||
        why.cls == ERR_NOT_FOUND)
        return 0;
    return err_give(e, &why);
}

/* 1 if it is there, 0 if not. */
static int find_path(struct disks *d, const struct root *root, const char *path, size_t skip,
                     struct err *e)
{
    CLEANUP_FREE struct entry *en = NULL;
    struct err why = ERR_INIT;
    size_t len = strlen(path);
    if (!path_is_valid(path, len))
        return 0;
    if (work_find_entry(&d->access, &root->tree, path, &en, &why))
        return why.cls == ERR_NOT_FOUND ? 0 : err_give(e, &why);
    if (en->type != ENTRY_FILE)
        return 0;
    return add(d, en, skip, e) ? -1 : 1;
}

/* What there is instead, in the message. */
static int not_found(struct disks *d, const struct root *root, const char *name, struct err *e)
{
    CLEANUP(buf_done) struct buf names = {0};
    if (find_below(d, root, DISKS_FOLDER, e))
        return -1;
    for (size_t i = 0; i < d->count && i < 8; i++) {
        buf_put(&names, i ? ", " : "", i ? 2 : 0);
        buf_put(&names, d->items[i].name, strlen(d->items[i].name));
    }
    buf_put_u8(&names, '\0');
    if (buf_check(&names, "the names of disks", e))
        return -1;
    if (d->count)
        return err_set(e, ERR_NOT_FOUND, "the snapshot has no disk '%.200s'; it has: %.300s%s", name,
                       (const char *)names.data, d->count > 8 ? ", …" : "");
    return err_set(e, ERR_NOT_FOUND,
                   "the snapshot has no disk '%.200s', nor a file of that path: `abri ls` lists files",
                   name);
}

static int find_named(struct disks *d, const struct root *root, const char *name, struct err *e)
{
    CLEANUP(buf_done) struct buf below = {.max = ENTRY_PATH_MAX};
    while (*name == '/')
        name++;
    buf_put(&below, DISKS_FOLDER "/", strlen(DISKS_FOLDER "/"));
    buf_put(&below, name, strlen(name) + 1);
    if (buf_check(&below, "a disk's name", e))
        return -1;
    int found = find_path(d, root, (const char *)below.data, strlen(DISKS_FOLDER "/"), e);
    if (found == 0)
        found = find_path(d, root, name, 0, e);
    if (found)
        return found < 0 ? -1 : 0;
    return not_found(d, root, name, e);
}

static int find_all(struct disks *d, const struct root *root, struct err *e)
{
    if (find_below(d, root, DISKS_FOLDER, e))
        return -1;
    if (d->count == 0 && root->files == 1 && find_below(d, root, "", e))
        return -1;
    if (d->count)
        return 0;
    return err_set(e, ERR_NOT_FOUND,
                   "the snapshot has no disks but %llu files: name one by its path",
                   (unsigned long long)root->files);
}

int disks_open(const struct disks_options *o, struct disks **out, struct err *e)
{
    CLEANUP_FREE struct root *root = NULL;
    struct disks *d = mem_zalloc(sizeof *d);
    if (!d)
        return err_no_memory(e, "the disks");
    if (open_vault(d, o, e) || open_root(d, o, &root, e) ||
        (o->disk ? find_named(d, root, o->disk, e) : find_all(d, root, e))) {
        disks_free(d);
        return -1;
    }
    d->is_one = d->count == 1;
    *out = d;
    return 0;
}

int disks_serve(struct disks *d, size_t cache_bytes, struct err *e)
{
    const struct view_options o = {.bytes_max = cache_bytes};
    if (view_cache_new(&d->access, &o, &d->cache, e))
        return -1;
    for (size_t i = 0; i < d->count; i++)
        if (view_open(d->cache, d->items[i].file, &d->items[i].view, e))
            return -1;
    return 0;
}

const struct disk *disks_find(const struct disks *d, const char *name)
{
    if (!*name)
        return d->is_one ? &d->items[0] : NULL;
    for (size_t i = 0; i < d->count; i++)
        if (strcmp(d->items[i].name, name) == 0)
            return &d->items[i];
    return NULL;
}

void disks_free(struct disks *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < d->count; i++) {
        view_close(d->items[i].view);
        mem_free(d->items[i].name);
        mem_free(d->items[i].file);
    }
    mem_free(d->items);
    view_cache_free(d->cache);
    access_close(&d->access);
    mem_free(d);
}
