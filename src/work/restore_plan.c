/* SPDX-License-Identifier: Apache-2.0 */
/* What to do with each entry: directories at once, small files and pieces of
 * large ones into the window, links when their file is complete. */
#include "work/restore.h"

#include "base/mem.h"

#include <string.h>

/* ---- directories --------------------------------------------------------------------- */

static const char *relative_of(const struct restore *r, const char *path)
{
    return path + r->prefix_len;
}

static const char *last_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void leave(struct restore *r)
{
    struct level *l = &r->levels[--r->level_count];
    target_dir_unref(l->dir);
    mem_free(l->entry);
}

void restore_leave_all(struct restore *r)
{
    while (r->level_count)
        leave(r);
}

/* Leaves the directories that `path` is not in. */
static void leave_until(struct restore *r, const char *path, size_t len)
{
    while (r->level_count) {
        const struct entry *top = r->levels[r->level_count - 1].entry;
        if (path_is_below(path, len, top->path, top->path_len))
            return;
        leave(r);
    }
}

static int enter(struct restore *r, const struct entry *en, struct err *e)
{
    if (r->level_count == r->level_cap) {
        size_t cap = r->level_cap ? 2 * r->level_cap : 32;
        struct level *levels = mem_realloc(r->levels, cap, sizeof *levels);
        if (!levels)
            return err_no_memory(e, "directories");
        r->levels = levels;
        r->level_cap = cap;
    }
    struct entry *copy = entry_dup(en);
    if (!copy)
        return err_no_memory(e, "a directory");
    r->levels[r->level_count++] = (struct level){.entry = copy};
    return 0;
}

static void count_dir(struct restore *r)
{
    (void)pthread_mutex_lock(&r->lock);
    r->result->dirs++;
    (void)pthread_mutex_unlock(&r->lock);
}

/* Makes the directories of the stack that are not made yet: the innermost, or
 * NULL if one of them could not be or is to be left alone. */
static struct target_dir *open_levels(struct restore *r)
{
    struct target_dir *dir = target_root(r->target);
    for (size_t i = 0; i < r->level_count; i++) {
        struct level *l = &r->levels[i];
        if (l->skipped)
            return NULL;
        if (!l->dir) {
            struct err why = ERR_INIT;
            int rc = target_dir_make(dir, last_name(l->entry->path), l->entry, &l->dir, &why);
            if (rc)
                restore_problem(r, l->entry->path, &why);
            l->skipped = rc || !l->dir;
            if (l->skipped)
                return NULL;
            count_dir(r);
        }
        dir = l->dir;
    }
    return dir;
}

/* ---- files -------------------------------------------------------------------------------- */

static struct restore_file *file_new(struct restore *r, struct target_dir *dir,
                                     const struct entry *en)
{
    struct restore_file *f = mem_zalloc(sizeof *f);
    struct entry *copy = f ? entry_dup(en) : NULL;
    if (!copy) {
        mem_free(f);
        return NULL;
    }
    atomic_init(&f->refs, 1);
    f->entry = copy;
    f->relative = relative_of(r, copy->path);
    f->name = last_name(copy->path);
    f->dir = dir ? target_dir_ref(dir) : NULL;
    return f;
}

/* Sends all pieces of the content to the window. */
static int gather(struct restore *r, struct restore_file *f, const struct entry *en,
                  struct err *e)
{
    struct item it;
    uint64_t offset = 0;
    struct err why = ERR_INIT;
    int rc = list_reader_begin(r->list, en, &why);
    while (rc == 0 && (rc = list_reader_next(r->list, &it, &why)) > 0) {
        if (it.kind != ITEM_HOLE && window_add(r, f, &it, offset, e))
            return -1;
        offset += it.len;
        rc = 0;
    }
    if (rc < 0) {
        atomic_store(&f->failed, true);
        restore_problem(r, en->path, &why);
    }
    return 0;
}

static bool is_whole(const struct entry *en)
{
    return !en->has_list && en->item_count == 1 && en->items[0].kind != ITEM_HOLE;
}

static int plan_content(struct restore *r, struct target_dir *dir, const struct entry *en,
                        struct err *e)
{
    struct restore_file *f = file_new(r, dir, en);
    if (!f)
        return err_no_memory(e, "a file");
    struct err why = ERR_INIT;
    int rc = 0;
    if (r->compare || is_whole(en)) {
        rc = gather(r, f, en, e);
    } else if (target_file_make(dir, f->name, f->entry, &f->file, &why)) {
        restore_problem(r, en->path, &why);
    } else {
        restore_count_file(r, en, f->file ? TARGET_WRITE : TARGET_SKIP);
        rc = f->file ? gather(r, f, en, e) : 0;
    }
    restore_file_unref(f);
    return rc;
}

static int plan_empty(struct restore *r, struct target_dir *dir, const struct entry *en)
{
    struct err why = ERR_INIT;
    enum target_decision d;
    if (target_file_put(dir, last_name(en->path), en, "", 0, &d, &why))
        restore_problem(r, en->path, &why);
    else
        restore_count_file(r, en, d);
    return 0;
}

static int plan_special(struct restore *r, struct target_dir *dir, const struct entry *en)
{
    struct err why = ERR_INIT;
    enum target_decision d;
    if (target_special_make(dir, last_name(en->path), en, &d, &why)) {
        restore_problem(r, en->path, &why);
        return 0;
    }
    (void)pthread_mutex_lock(&r->lock);
    if (d == TARGET_SKIP)
        r->result->skipped++;
    else
        r->result->others++;
    (void)pthread_mutex_unlock(&r->lock);
    return 0;
}

/* ---- hard links ------------------------------------------------------------------------------ */

static void make_links(struct restore *r)
{
    for (size_t i = 0; i < r->pending_count; i++) {
        struct pending_link *l = &r->pending[i];
        struct err why = ERR_INIT;
        enum target_decision d;
        const char *first = link_table_path(r->links, l->first);
        if (target_link_make(l->dir, l->name, first, &d, &why))
            restore_problem(r, l->entry->path, &why);
        else if (d == TARGET_WRITE)
            r->result->links++;
        else
            r->result->skipped++;
        target_dir_unref(l->dir);
        mem_free(l->entry);
    }
    r->pending_count = 0;
}

int restore_drain(struct restore *r, struct err *e)
{
    int rc = window_flush(r, e);
    window_wait_all(r);
    make_links(r);
    return rc;
}

/* 1 if the entry joins a file that was restored before. */
static int plan_link(struct restore *r, struct target_dir *dir, const struct entry *en,
                     struct err *e)
{
    uint64_t first;
    int rc = link_table_find(r->links, en->link, relative_of(r, en->path), &first, e);
    if (rc <= 0)
        return rc;
    struct entry *copy = entry_dup(en);
    if (!copy)
        return err_no_memory(e, "a hard link");
    r->pending[r->pending_count++] = (struct pending_link){.dir = target_dir_ref(dir),
                                                           .entry = copy,
                                                           .name = last_name(copy->path),
                                                           .first = first};
    if (r->pending_count == PENDING_LINKS && restore_drain(r, e))
        return -1;
    return 1;
}

/* ---- entries ------------------------------------------------------------------------------------ */

static bool is_selected(const struct restore *r, const struct entry *en)
{
    const struct restore_options *o = r->options;
    if (o->exclude && select_matches(o->exclude, en->path, en->path_len))
        return false;
    return !o->include || select_is_empty(o->include) ||
           select_matches(o->include, en->path, en->path_len);
}

static bool has_its_parent(const struct restore *r, const struct entry *en)
{
    size_t expected = r->prefix_len ? r->prefix_len - 1 : 0;
    if (r->level_count)
        expected = r->levels[r->level_count - 1].entry->path_len;
    return path_parent_len(en->path, en->path_len) == expected;
}

static int compare_entry(struct restore *r, const struct entry *en, struct err *e)
{
    if (en->type != ENTRY_FILE || !is_selected(r, en))
        return 0;
    r->result->verified++;
    return plan_content(r, NULL, en, e);
}

int restore_plan_entry(struct restore *r, const struct entry *en, struct err *e)
{
    if (r->compare)
        return compare_entry(r, en, e);
    leave_until(r, en->path, en->path_len);
    if (!has_its_parent(r, en)) {
        struct err why = ERR_INIT;
        (void)err_set(&why, ERR_DAMAGED, "its directory is missing from the snapshot");
        restore_problem(r, en->path, &why);
        return 0;
    }
    if (en->type == ENTRY_DIR && enter(r, en, e))
        return -1;
    if (!is_selected(r, en))
        return 0;
    struct target_dir *dir = open_levels(r);
    if (!dir || en->type == ENTRY_DIR)
        return 0;
    if (en->has_link) {
        int rc = plan_link(r, dir, en, e);
        if (rc)
            return rc < 0 ? -1 : 0;
    }
    if (en->type != ENTRY_FILE)
        return plan_special(r, dir, en);
    return en->size ? plan_content(r, dir, en, e) : plan_empty(r, dir, en);
}
