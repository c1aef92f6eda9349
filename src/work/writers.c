/* SPDX-License-Identifier: Apache-2.0 */
/* Writers of a vault: who they are, another one, one less. */
#include "work/keys.h"
#include "work/work_internal.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- listing ------------------------------------------------------------------- */

void writer_listing_done(struct writer_listing *l)
{
    mem_free(l->items);
    *l = (struct writer_listing){0};
}

struct listing {
    struct access *access;
    const struct writer_key *here; /* may be NULL */
    struct writer_listing list;
};

static int add_writer(void *arg, const char *name, struct err *e)
{
    struct listing *l = arg;
    struct err why = ERR_INIT;
    struct writer_entry *items = mem_realloc(l->list.items, l->list.count + 1, sizeof *items);
    if (!items)
        return err_no_memory(e, "the list of writers");
    l->list.items = items;
    struct writer_entry *w = &items[l->list.count++];
    *w = (struct writer_entry){0};
    (void)hex_decode(name, 2 * UID_BYTES, w->info.id, UID_BYTES);
    w->here = l->here && memcmp(l->here->id, w->info.id, UID_BYTES) == 0;
    struct writer_info info;
    if (vault_writer_info(l->access->vault, w->info.id, &info, &why) == 0)
        w->info = info;
    else
        (void)snprintf(w->problem, sizeof w->problem, "%s", why.msg);
    return 0;
}

static void count_snapshots(struct writer_listing *l, const struct snapshot_list *all)
{
    for (size_t i = 0; i < all->count; i++)
        for (size_t j = 0; j < l->count; j++)
            if (memcmp(all->items[i].writer, l->items[j].info.id, UID_BYTES) == 0) {
                l->items[j].snapshots++;
                l->items[j].latest_ns = all->items[i].dated_ns;
            }
}

/* This machine's key, if it has one that can be read; else NULL. */
static struct writer_key *key_of_here(struct access *a, const struct work_dirs *dirs)
{
    char path[4096];
    struct writer_key *k = writer_key_new();
    if (k && writer_key_path(dirs, vault_get_info(a->vault)->id, path, sizeof path, NULL) == 0 &&
        writer_key_load(path, k, NULL) == 0)
        return k;
    writer_key_free(k);
    return NULL;
}

int work_writer_list(struct access *a, const struct work_dirs *dirs, struct writer_listing *out,
                     vault_damage *damaged, void *arg, struct err *e)
{
    struct writer_key *here = key_of_here(a, dirs);
    struct listing l = {.access = a, .here = here};
    struct snapshot_list all = {0};
    int rc = vault_list(a->vault, VAULT_WRITER, add_writer, &l, e);
    if (rc == 0)
        rc = vault_snapshots(a->vault, &all, damaged, arg, e);
    writer_key_free(here);
    if (rc) {
        writer_listing_done(&l.list);
        return -1;
    }
    count_snapshots(&l.list, &all);
    snapshot_list_done(&all);
    *out = l.list;
    return 0;
}

int writer_listing_find(const struct writer_listing *l, const char *spec,
                        const struct writer_entry **out, struct err *e)
{
    const struct writer_entry *found = NULL;
    for (size_t i = 0; i < l->count; i++) {
        char hex[2 * UID_BYTES + 1];
        hex_encode(l->items[i].info.id, UID_BYTES, hex);
        if (!*spec || strncmp(hex, spec, strlen(spec)) != 0)
            continue;
        if (found)
            return err_set(e, ERR_AMBIGUOUS, "'%.40s' begins several writers: give more digits",
                           spec);
        found = &l->items[i];
    }
    if (!found)
        return err_set(e, ERR_NOT_FOUND, "no writer '%.40s': see `abri writer list`", spec);
    *out = found;
    return 0;
}

/* ---- enrolling ----------------------------------------------------------------------- */

/* A key whose writer was revoked is of no use and may go. */
static int check_no_key_here(struct access *a, const struct work_dirs *dirs, struct err *e)
{
    struct writer_info info;
    struct writer_key *here = key_of_here(a, dirs);
    if (!here)
        return 0;
    char hex[2 * UID_BYTES + 1];
    hex_encode(here->id, UID_BYTES, hex);
    bool useless = vault_writer_info(a->vault, here->id, &info, NULL) == 0 && info.revoked;
    writer_key_free(here);
    if (useless)
        return 0;
    return err_set(e, ERR_EXISTS,
                   "this machine is a writer of the vault already (%.8s): give --replace for a new "
                   "key in its place",
                   hex);
}

static int check_file_is_new(const char *path, struct err *e)
{
    if (access(path, F_OK) != 0)
        return 0;
    return err_set(e, ERR_EXISTS, "'%s' exists already: name a new file", path);
}

/* The certificate first: a key without one is useless, one without a key harmless. */
static int enrol(struct access *a, const struct work_dirs *dirs, const struct writer_add_options *o,
                 struct writer_key *k, struct err *e)
{
    CLEANUP(buf_done) struct buf certificate = {0};
    char host[256], name[2 * UID_BYTES + 1];
    work_host_name(host);
    if (writer_enrol_successor(k, vault_get_info(a->vault)->id, a->secrets,
                               a->recipients.generation, o->machine ? o->machine : host,
                               o->predecessor, clock_realtime_ns(), &certificate, e))
        return -1;
    hex_encode(k->id, UID_BYTES, name);
    if (vault_put(a->vault, VAULT_WRITER, name, certificate.data, certificate.len, e))
        return -1;
    return o->file ? writer_key_write(k, o->file, e) : writer_key_save(k, dirs, e);
}

int work_writer_add(struct access *a, const struct work_dirs *dirs,
                    const struct writer_add_options *o, uint8_t id_out[UID_BYTES], struct err *e)
{
    if (o->file ? check_file_is_new(o->file, e) : !o->replace && check_no_key_here(a, dirs, e))
        return -1;
    struct writer_key *k = writer_key_new();
    if (!k)
        return err_no_memory(e, "a writer key");
    int rc = enrol(a, dirs, o, k, e);
    if (rc == 0)
        memcpy(id_out, k->id, UID_BYTES);
    writer_key_free(k);
    return rc;
}

static int check_imported(struct access *a, const struct writer_key *k, const char *file,
                          struct err *e)
{
    const struct vault_info *info = vault_get_info(a->vault);
    struct writer_info writer;
    if (memcmp(k->vault_id, info->id, UID_BYTES) != 0 ||
        memcmp(k->owner_pk, info->owner_pk, SIGN_PUBLIC_BYTES) != 0)
        return err_set(e, ERR_USAGE, "'%s' is a key for another vault", file);
    if (vault_writer_info(a->vault, k->id, &writer, e))
        return err_wrap(e, "'%s'", file);
    if (writer.revoked)
        return err_set(e, ERR_NO_KEY, "'%s': this key was revoked", file);
    return 0;
}

int work_writer_import(struct access *a, const struct work_dirs *dirs, const char *file,
                       bool replace, uint8_t id_out[UID_BYTES], struct err *e)
{
    if (!replace && check_no_key_here(a, dirs, e))
        return -1;
    struct writer_key *k = writer_key_new();
    int rc = k ? writer_key_load(file, k, e) : err_no_memory(e, "a writer key");
    if (rc == 0)
        rc = check_imported(a, k, file, e);
    if (rc == 0)
        rc = writer_key_save(k, dirs, e);
    if (rc == 0)
        memcpy(id_out, k->id, UID_BYTES);
    writer_key_free(k);
    return rc;
}

int work_writer_revoke(struct access *a, const uint8_t writer[UID_BYTES], uint64_t *last_out,
                       struct err *e)
{
    CLEANUP(buf_done) struct buf object = {0};
    char name[2 * UID_BYTES + 1];
    uint64_t last;
    struct err why = ERR_INIT;
    hex_encode(writer, UID_BYTES, name);
    if (vault_last_sequence(a->vault, &last, e) ||
        writer_revoke(vault_get_info(a->vault)->id, writer, last, clock_realtime_ns(), a->secrets,
                      &object, e))
        return -1;
    if (vault_put(a->vault, VAULT_REVOKED, name, object.data, object.len, &why)) {
        if (why.cls == ERR_EXISTS)
            return err_set(e, ERR_EXISTS, "writer %.8s was revoked already", name);
        return err_give(e, &why);
    }
    *last_out = last;
    return 0;
}
