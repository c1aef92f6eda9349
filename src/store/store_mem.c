/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory as a store: the twin of the directory, for tests. It passes the same
 * contract tests, and also keeps what a disk would have, so that power can be
 * cut (store_mem_cut.c).
 *
 * It promises no more than store.h: syncing a directory makes the names in it
 * durable, and the entries of the directories that lead to it, but not the
 * other names in those. A caller that relies on more loses data here first.
 *
 * Invariants
 * 1. `names` ascends, and holds no entry whose two objects are both NULL.
 * 2. An object's bytes are complete before a name refers to it.
 * 3. A directory stands behind its parent in `dirs`.
 */
#include "store/store_mem.h"

#include "base/mem.h"

#include <string.h>

int store_mem_open(struct store **out, struct err *e)
{
    struct mem_store *s = mem_zalloc(sizeof *s);
    if (!s)
        return err_no_memory(e, "a store");
    s->base.impl = &store_mem_impl;
    (void)pthread_mutex_init(&s->lock, NULL);
    *out = &s->base;
    return 0;
}

static void mem_close(struct store *base)
{
    struct mem_store *s = mem_store_of(base);
    for (size_t i = 0; i < s->name_count; i++) {
        mem_object_unref(s->names[i].now);
        mem_object_unref(s->names[i].durable);
    }
    mem_free(s->names);
    mem_free(s->dirs);
    (void)pthread_mutex_destroy(&s->lock);
    mem_free(s);
}

static const char *mem_location(const struct store *s)
{
    (void)s;
    return "memory";
}

/* ---- names and directories --------------------------------------------------- */

/* Room for one more item of `size` in an array; false without memory. */
static bool make_room(void **items, size_t count, size_t *cap, size_t size)
{
    if (count < *cap)
        return true;
    size_t more = *cap ? *cap * 2 : 16;
    void *grown = mem_realloc(*items, more, size);
    if (!grown)
        return false;
    *items = grown;
    *cap = more;
    return true;
}

size_t mem_name_find(const struct mem_store *s, const char *name, bool *found_out)
{
    size_t low = 0;
    size_t high = s->name_count;
    *found_out = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(s->names[middle].name, name);
        if (order == 0) {
            *found_out = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int mem_name_put(struct mem_store *s, const char *name, struct mem_object *now,
                 struct mem_object *durable, struct err *e)
{
    bool found;
    size_t at = mem_name_find(s, name, &found);
    if (!found) {
        void *names = s->names;
        if (!make_room(&names, s->name_count, &s->name_cap, sizeof *s->names))
            return err_no_memory(e, "a name");
        s->names = names;
        memmove(s->names + at + 1, s->names + at, (s->name_count - at) * sizeof *s->names);
        s->name_count++;
        s->names[at] = (struct mem_name){0};
        memcpy(s->names[at].name, name, strlen(name) + 1);
    }
    mem_object_unref(s->names[at].now);
    mem_object_unref(s->names[at].durable);
    s->names[at].now = now;
    s->names[at].durable = durable;
    return 0;
}

static void drop_name_if_gone(struct mem_store *s, size_t at)
{
    if (s->names[at].now || s->names[at].durable)
        return;
    s->name_count--;
    memmove(s->names + at, s->names + at + 1, (s->name_count - at) * sizeof *s->names);
}

static struct mem_dir *find_dir(const struct mem_store *s, const char *path)
{
    for (size_t i = 0; i < s->dir_count; i++)
        if (strcmp(s->dirs[i].path, path) == 0)
            return &s->dirs[i];
    return NULL;
}

bool mem_dir_exists(const struct mem_store *s, const char *path)
{
    return path[0] == '\0' || find_dir(s, path) != NULL;
}

int mem_dir_put(struct mem_store *s, const char *path, bool durable, struct err *e)
{
    void *dirs = s->dirs;
    if (!make_room(&dirs, s->dir_count, &s->dir_cap, sizeof *s->dirs))
        return err_no_memory(e, "a directory");
    s->dirs = dirs;
    struct mem_dir *d = &s->dirs[s->dir_count++];
    memcpy(d->path, path, strlen(path) + 1);
    d->durable = durable;
    return 0;
}

static bool is_object(const struct mem_store *s, const char *name)
{
    bool found;
    size_t at = mem_name_find(s, name, &found);
    return found && s->names[at].now;
}

/* Makes the directories that lead to `name`. */
static int make_parents(struct mem_store *s, const char *name, struct err *e)
{
    char path[STORE_NAME_MAX + 1];
    for (const char *at = strchr(name, '/'); at; at = strchr(at + 1, '/')) {
        size_t len = (size_t)(at - name);
        memcpy(path, name, len);
        path[len] = '\0';
        if (is_object(s, path))
            return err_set(e, ERR_DAMAGED, "cannot name '%s': '%s' is an object in its way", name,
                           path);
        if (!mem_dir_exists(s, path) && mem_dir_put(s, path, false, e))
            return -1;
    }
    return 0;
}

int mem_name_commit(struct mem_store *s, const char *name, struct mem_object *o, struct err *e)
{
    if (make_parents(s, name, e))
        return -1;
    if (is_object(s, name) || mem_dir_exists(s, name))
        return err_set(e, ERR_EXISTS, "'%s' already exists in memory", name);
    return mem_name_replace(s, name, o, e);
}

int mem_name_replace(struct mem_store *s, const char *name, struct mem_object *o, struct err *e)
{
    if (make_parents(s, name, e))
        return -1;
    if (mem_dir_exists(s, name))
        return err_set(e, ERR_DAMAGED, "cannot name '%s': a directory is in its way", name);
    bool found;
    size_t at = mem_name_find(s, name, &found);
    struct mem_object *durable = found ? mem_object_ref(s->names[at].durable) : NULL;
    if (mem_name_put(s, name, o, durable, e)) {
        mem_object_unref(durable);
        return -1;
    }
    return 0;
}

/* ---- the seam ---------------------------------------------------------------------- */

/* True if `name` stands in directory `dir` itself. */
static bool directly_in(const char *name, const char *dir)
{
    size_t len = strlen(dir);
    return store_name_below(name, dir) && !strchr(name + len + (len > 0 ? 1 : 0), '/');
}

static int sync_locked(struct mem_store *s, const char *dir, struct err *e)
{
    if (!mem_dir_exists(s, dir))
        return err_set(e, ERR_NOT_FOUND, "there is no directory '%s' in memory", dir);
    for (size_t i = s->name_count; i-- > 0;) {
        struct mem_name *n = &s->names[i];
        if (!directly_in(n->name, dir) || n->durable == n->now)
            continue;
        mem_object_unref(n->durable);
        n->durable = mem_object_ref(n->now);
        drop_name_if_gone(s, i);
    }
    for (size_t i = 0; i < s->dir_count; i++) {
        struct mem_dir *d = &s->dirs[i];
        if (directly_in(d->path, dir) || strcmp(d->path, dir) == 0 ||
            store_name_below(dir, d->path))
            d->durable = true;
    }
    return 0;
}

static int mem_sync(struct store *base, const char *dir, struct err *e)
{
    struct mem_store *s = mem_store_of(base);
    (void)pthread_mutex_lock(&s->lock);
    int rc = sync_locked(s, dir, e);
    (void)pthread_mutex_unlock(&s->lock);
    return rc;
}

static int mem_remove(struct store *base, const char *name, struct err *e)
{
    struct mem_store *s = mem_store_of(base);
    (void)pthread_mutex_lock(&s->lock);
    bool found;
    size_t at = mem_name_find(s, name, &found);
    bool gone = !found || !s->names[at].now;
    if (!gone) {
        mem_object_unref(s->names[at].now);
        s->names[at].now = NULL;
        drop_name_if_gone(s, at);
    }
    (void)pthread_mutex_unlock(&s->lock);
    return gone ? err_set(e, ERR_NOT_FOUND, "there is no '%s' in memory", name) : 0;
}

struct listed {
    char name[STORE_NAME_MAX + 1];
    uint64_t len;
};

/* A copy, because `each` may use the store. NULL without memory. */
static struct listed *list_copy(struct mem_store *s, const char *dir, size_t *count_out)
{
    (void)pthread_mutex_lock(&s->lock);
    struct listed *l = mem_array(s->name_count, sizeof *l);
    size_t n = 0;
    for (size_t i = 0; l && i < s->name_count; i++) {
        const struct mem_name *name = &s->names[i];
        if (!name->now || !store_name_below(name->name, dir))
            continue;
        memcpy(l[n].name, name->name, sizeof l[n].name);
        l[n++].len = name->now->len;
    }
    (void)pthread_mutex_unlock(&s->lock);
    *count_out = n;
    return l;
}

static int mem_list(struct store *base, const char *dir, store_each *each, void *arg, struct err *e)
{
    size_t count;
    CLEANUP_FREE struct listed *l = list_copy(mem_store_of(base), dir, &count);
    if (!l)
        return err_no_memory(e, "a list of objects");
    for (size_t i = 0; i < count; i++) {
        int rc = each(arg, l[i].name, l[i].len, e);
        if (rc)
            return rc;
    }
    return 0;
}

const struct store_impl store_mem_impl = {
    .close = mem_close,
    .location = mem_location,
    .create = mem_create,
    .write = mem_write,
    .commit = mem_commit,
    .replace = mem_replace,
    .abort = mem_abort,
    .sync = mem_sync,
    .open = mem_open,
    .read = mem_read,
    .map = mem_map,
    .reader_close = mem_reader_close,
    .list = mem_list,
    .remove = mem_remove,
    .lease_take = mem_lease_take,
    .lease_held = mem_lease_held,
    .lease_drop = mem_lease_drop,
    .lease_list = mem_lease_list,
};
