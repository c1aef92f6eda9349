/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the disks of a snapshot: files below disks/, or what somebody names, or the only file there is. */
#include "work/find_disks.h"

#include "base/mem.h"

#include <string.h>

void disk_list_done(struct disk_list *d)
{
    for (size_t i = 0; i < d->count; i++) {
        mem_free(d->items[i].name);
        mem_free(d->items[i].file);
    }
    mem_free(d->items);
    *d = (struct disk_list){0};
}

static int add(struct disk_list *d, const struct entry *file, size_t skip, struct err *e)
{
    const char *name = file->path + skip;
    if (d->count == WORK_DISKS_MAX)
        return err_set(e, ERR_LIMIT, "more than %u disks: name one", WORK_DISKS_MAX);
    if (strlen(name) > WORK_DISK_NAME_MAX)
        return err_set(e, ERR_LIMIT, "a disk's name is longer than %u bytes: name another", WORK_DISK_NAME_MAX);
    struct disk_file *items = mem_realloc(d->items, d->count + 1, sizeof *items);
    if (!items)
        return err_no_memory(e, "the disks");
    d->items = items;
    items[d->count] = (struct disk_file){.name = mem_strdup(name), .file = entry_dup(file)};
    struct disk_file *last = &items[d->count++];
    return last->name && last->file ? 0 : err_no_memory(e, "the disks");
}

struct search {
    struct disk_list *disks;
    size_t skip; /* of a path, for the name */
};

static int take(void *arg, const struct entry *en, struct err *e)
{
    struct search *s = arg;
    return en->type == ENTRY_FILE ? add(s->disks, en, s->skip, e) : 0;
}

static int find_below(struct access *a, struct disk_list *d, const struct root *root, const char *folder, struct err *e)
{
    struct search s = {.disks = d, .skip = *folder ? strlen(folder) + 1 : 0};
    struct err why = ERR_INIT;
    if (work_walk_tree(a, &root->tree, folder, take, &s, &why) == 0 ||
        why.cls == ERR_NOT_FOUND)
        return 0;
    return err_give(e, &why);
}

/* 1 if it is there, 0 if not. */
static int find_path(struct access *a, struct disk_list *d, const struct root *root, const char *path, size_t skip,
                     struct err *e)
{
    CLEANUP_FREE struct entry *en = NULL;
    struct err why = ERR_INIT;
    size_t len = strlen(path);
    if (!path_is_valid(path, len))
        return 0;
    if (work_find_entry(a, &root->tree, path, &en, &why))
        return why.cls == ERR_NOT_FOUND ? 0 : err_give(e, &why);
    if (en->type != ENTRY_FILE)
        return 0;
    return add(d, en, skip, e) ? -1 : 1;
}

/* What there is instead, in the message. */
static int not_found(struct access *a, struct disk_list *d, const struct root *root, const char *name, struct err *e)
{
    CLEANUP(buf_done) struct buf names = {0};
    if (find_below(a, d, root, WORK_DISKS_FOLDER, e))
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

static int find_named(struct access *a, struct disk_list *d, const struct root *root, const char *name, struct err *e)
{
    CLEANUP(buf_done) struct buf below = {.max = ENTRY_PATH_MAX};
    while (*name == '/')
        name++;
    buf_put(&below, WORK_DISKS_FOLDER "/", strlen(WORK_DISKS_FOLDER "/"));
    buf_put(&below, name, strlen(name) + 1);
    if (buf_check(&below, "a disk's name", e))
        return -1;
    int found = find_path(a, d, root, (const char *)below.data, strlen(WORK_DISKS_FOLDER "/"), e);
    if (found == 0)
        found = find_path(a, d, root, name, 0, e);
    if (found)
        return found < 0 ? -1 : 0;
    return not_found(a, d, root, name, e);
}

static int find_all(struct access *a, struct disk_list *d, const struct root *root, struct err *e)
{
    if (find_below(a, d, root, WORK_DISKS_FOLDER, e))
        return -1;
    if (d->count == 0 && root->files == 1 && find_below(a, d, root, "", e))
        return -1;
    if (d->count)
        return 0;
    return err_set(e, ERR_NOT_FOUND,
                   "the snapshot has no disks but %llu files: name one by its path",
                   (unsigned long long)root->files);
}

int work_find_disks(struct access *a, const struct root *root, const char *name,
                    struct disk_list *out, struct err *e)
{
    struct disk_list d = {0};
    if (name ? find_named(a, &d, root, name, e) : find_all(a, &d, root, e)) {
        disk_list_done(&d);
        return -1;
    }
    *out = d;
    return 0;
}
