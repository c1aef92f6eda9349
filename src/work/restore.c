/* SPDX-License-Identifier: Apache-2.0 */
/* A restore from beginning to end: set up, write, and if asked read back. */
#include "work/restore.h"
#include "work/restore_note.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define SCRATCH_BYTES ((size_t)1 << 18)

/* ---- setting up ---------------------------------------------------------------------- */

static int start_workers(struct restore *r, struct err *e)
{
    const struct restore_options *o = r->options;
    r->threads = o->threads ? o->threads : pool_cpu_count();
    r->jobs_tail = &r->jobs;
    r->readers = mem_array(r->threads, sizeof *r->readers);
    r->scratch = mem_array(r->threads, sizeof *r->scratch);
    r->window = mem_array(WINDOW_PIECES, sizeof *r->window);
    r->held = mem_array(WINDOW_PIECES, sizeof *r->held);
    r->pending = mem_array(PENDING_LINKS, sizeof *r->pending);
    if (!r->readers || !r->scratch || !r->window || !r->held || !r->pending)
        return err_no_memory(e, "the pipeline");
    for (unsigned i = 0; i < r->threads; i++) {
        if (chunk_reader_new(r->access, o->verify, &r->readers[i], e))
            return -1;
        if (o->verify && !(r->scratch[i] = mem_alloc(SCRATCH_BYTES)))
            return err_no_memory(e, "comparing");
    }
    return pool_new(r->threads, restore_run_job, r, &r->pool, e);
}

static int set_up(struct restore *r, const struct root *root, bool resumed, struct err *e)
{
    const struct restore_options *o = r->options;
    struct target_options t = {
        .overwrite = resumed && o->overwrite == TARGET_ALWAYS ? TARGET_IF_CHANGED : o->overwrite,
        .dry_run = o->dry_run,
        .problem = restore_imperfect,
        .arg = r,
    };
    if (vault_refresh(r->access->vault, NULL, NULL, e) ||
        chunk_reader_new(r->access, o->verify, &r->reader, e) ||
        tree_reader_new(&root->tree, chunk_reader_fetch, r->reader, &r->tree, e) ||
        list_reader_new(chunk_reader_fetch, r->reader, &r->list, e) ||
        link_table_new(&r->links, e) || start_workers(r, e))
        return -1;
    return target_open(o->target, &t, &r->target, e);
}

static int tear_down(struct restore *r, struct err *e)
{
    pool_free(r->pool);
    if (r->window && r->held)
        window_discard(r);
    for (size_t i = 0; i < r->pending_count; i++) {
        target_dir_unref(r->pending[i].dir);
        mem_free(r->pending[i].entry);
    }
    restore_leave_all(r);
    for (unsigned i = 0; i < r->threads; i++) {
        if (r->readers)
            chunk_reader_free(r->readers[i]);
        if (r->scratch)
            mem_free(r->scratch[i]);
    }
    mem_free(r->readers);
    mem_free(r->scratch);
    mem_free(r->window);
    mem_free(r->held);
    mem_free(r->pending);
    mem_free(r->levels);
    link_table_free(r->links);
    list_reader_free(r->list);
    tree_reader_free(r->tree);
    chunk_reader_free(r->reader);
    int rc = r->target ? target_close(r->target, e) : 0;
    (void)pthread_mutex_destroy(&r->lock); /* closing may still report problems */
    return rc;
}

/* ---- the tree ---------------------------------------------------------------------------- */

/* Sets what the restored paths begin with, from the entry at the path asked
 * for: a folder's contents go to the target itself, anything else by name. */
static int choose_prefix(struct restore *r, struct err *e)
{
    const char *path = r->options->path;
    size_t len = strlen(path);
    struct entry en;
    r->prefix_len = 0;
    if (len == 0)
        return 0;
    if (tree_reader_seek(r->tree, path, len, e))
        return -1;
    int rc = tree_reader_next(r->tree, &en, e);
    if (rc < 0)
        return -1;
    if (rc == 0 || en.path_len != len || memcmp(en.path, path, len) != 0)
        return err_set(e, ERR_NOT_FOUND, "'/%s' is not in the snapshot: see `abri ls`", path);
    if (en.type == ENTRY_DIR) {
        r->prefix_len = len + 1;
        return r->compare ? 0 : target_root_meta(r->target, &en, e);
    }
    size_t parent = path_parent_len(path, len);
    r->prefix_len = parent ? parent + 1 : 0;
    return 0;
}

static int damaged_node(struct restore *r, struct err *e)
{
    if (e->cls != ERR_DAMAGED)
        return -1;
    restore_problem(r, "(part of the tree)", e);
    *e = ERR_INIT;
    return tree_reader_skip_damage(r->tree) ? 0 : 1;
}

static int check_stopped(struct restore *r, struct err *e)
{
    if (atomic_load(&r->full)) {
        (void)pthread_mutex_lock(&r->lock);
        (void)err_give(e, &r->why);
        (void)pthread_mutex_unlock(&r->lock);
        return -1;
    }
    if (r->options->progress && progress_cancelled(r->options->progress))
        return err_set(e, ERR_CANCELLED, "interrupted: run the same command to go on");
    return 0;
}

static int go_over_tree(struct restore *r, struct err *e)
{
    const char *path = r->options->path;
    size_t len = strlen(path);
    struct entry en;
    if (choose_prefix(r, e) || tree_reader_seek(r->tree, path, len, e))
        return -1;
    for (;;) {
        if (check_stopped(r, e))
            return -1;
        int rc = tree_reader_next(r->tree, &en, e);
        if (rc == 0)
            return 0;
        if (rc < 0) {
            rc = damaged_node(r, e);
            if (rc)
                return rc < 0 ? -1 : 0;
            continue;
        }
        if (!path_is_below(en.path, en.path_len, path, len))
            return 0;
        bool is_top = en.path_len == len && en.type == ENTRY_DIR;
        if (!is_top && restore_plan_entry(r, &en, e))
            return -1;
    }
}

static int write_all(struct restore *r, struct err *e)
{
    int rc = go_over_tree(r, e);
    struct err drained = ERR_INIT;
    if (restore_drain(r, rc ? &drained : e))
        rc = -1;
    restore_leave_all(r);
    return rc ? -1 : check_stopped(r, e); /* workers leave files unfinished */
}

static int read_back(struct restore *r, struct err *e)
{
    r->compare = true;
    return write_all(r, e);
}

int work_restore(struct access *a, const struct snapshot *s, const struct restore_options *o,
                 struct restore_result *out, struct err *e)
{
    struct restore_result result = {0};
    struct restore r = {.access = a, .options = o, .result = &result};
    struct restore_note note = {.fd = -1};
    struct root *root = NULL;
    int64_t start = clock_monotonic_ns();
    if (work_open_root(a, s, &root, e))
        return -1;
    if (!o->dry_run && restore_note_begin(o->dirs, o->target, s->id, o->path, &note,
                                          &result.resumed, e)) {
        mem_free(root);
        return -1;
    }
    if (o->progress && !*o->path) {
        atomic_store(&o->progress->items_total, root->files);
        atomic_store(&o->progress->bytes_total, root->bytes);
    }
    (void)pthread_mutex_init(&r.lock, NULL);
    int rc = set_up(&r, root, result.resumed, e);
    if (rc == 0 && o->delete_others)
        rc = choose_prefix(&r, e) || restore_delete(&r, root, e) ? -1 : 0;
    if (rc == 0)
        rc = write_all(&r, e);
    if (rc == 0 && o->verify && !o->dry_run)
        rc = read_back(&r, e);
    struct err closing = ERR_INIT;
    if (tear_down(&r, rc ? &closing : e))
        rc = -1;
    restore_note_end(&note, rc == 0);
    mem_free(root);
    if (rc)
        return -1;
    result.duration_ns = clock_monotonic_ns() - start;
    *out = result;
    return 0;
}
