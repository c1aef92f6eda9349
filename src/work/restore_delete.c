/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restore --delete: before anything is written, the tree and the target are gone
 * through side by side, and what only the target has is removed.
 *
 *  E1 only in directories that the snapshot has, at or below a path that was backed up:
 *     of the directories above those it does not know what they held;
 *  E2 only what is selected; never in an excluded directory;
 *  E3 behind damage to the tree nothing more is removed: what is missing from it may
 *     have been in the snapshot.
 */
#include "work/restore.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct open_dir {
    struct target_listing *listing; /* NULL: not there, or not ours */
    char *path;                     /* in the snapshot; owned */
    size_t len;
};

struct deletion {
    struct restore *restore;
    const struct root *root;
    struct target_prune how;
    struct target_place never[4];
    struct open_dir *dirs;
    size_t count, cap;
    struct buf full; /* a path as in the snapshot */
};

/* ---- what the target asks --------------------------------------------------------- */

/* The path below the target, as in the snapshot. */
static const char *snapshot_path(struct deletion *d, const char *path, size_t len, size_t *len_out)
{
    buf_reset(&d->full);
    if (d->restore->prefix_len) {
        buf_put(&d->full, d->restore->options->path, d->restore->prefix_len - 1);
        buf_put_u8(&d->full, '/');
    }
    buf_put(&d->full, path, len);
    *len_out = d->full.failed ? 0 : d->full.len;
    return d->full.failed ? "" : (const char *)d->full.data;
}

static bool selected(void *arg, const char *path, size_t len)
{
    struct deletion *d = arg;
    const struct restore_options *o = d->restore->options;
    size_t full_len;
    const char *full = snapshot_path(d, path, len, &full_len);
    if (full_len == 0 || (o->exclude && select_matches(o->exclude, full, full_len)))
        return false;
    return !o->include || select_is_empty(o->include) || select_matches(o->include, full, full_len);
}

static void removed(void *arg, const char *path, bool is_dir)
{
    struct deletion *d = arg;
    d->restore->result->deleted++;
    if (d->restore->options->deleted)
        d->restore->options->deleted(d->restore->options->arg, path, is_dir);
}

static void problem(void *arg, const char *path, const struct err *e)
{
    struct deletion *d = arg;
    size_t len;
    const char *full = snapshot_path(d, path, strlen(path), &len);
    buf_put_u8(&d->full, 0);
    restore_problem(d->restore, d->full.failed ? path : full, e);
}

static void protect(struct deletion *d, const char *path)
{
    struct stat st;
    if (path && stat(path, &st) == 0)
        d->never[d->how.never_count++] =
            (struct target_place){.dev = st.st_dev, .ino = st.st_ino};
}

/* ---- the tree ------------------------------------------------------------------------- */

/* E1 */
static bool is_known_whole(const struct deletion *d, const char *path, size_t len)
{
    for (size_t i = 0; i < d->root->path_count; i++) {
        const char *given = d->root->paths[i];
        given += *given == '/';
        if (path_is_below(path, len, given, strlen(given)))
            return true;
    }
    return false;
}

static int push_dir(struct deletion *d, const char *path, size_t len, struct err *e)
{
    const struct restore_options *o = d->restore->options;
    if (d->count == d->cap) {
        size_t cap = d->cap ? 2 * d->cap : 32;
        struct open_dir *dirs = mem_realloc(d->dirs, cap, sizeof *dirs);
        if (!dirs)
            return err_no_memory(e, "directories");
        d->dirs = dirs;
        d->cap = cap;
    }
    struct open_dir dir = {.path = mem_dup(path, len + 1), .len = len};
    if (!dir.path)
        return err_no_memory(e, "a directory");
    size_t skip = d->restore->prefix_len;
    const char *relative = len < skip ? "" : path + skip;
    bool excluded = o->exclude && len && select_matches(o->exclude, path, len); /* E2 */
    if (is_known_whole(d, path, len) && !excluded) {
        struct err why = ERR_INIT;
        if (target_list(d->restore->target, relative, &d->how, &dir.listing, &why)) {
            if (why.cls == ERR_NO_MEMORY) {
                mem_free(dir.path);
                return err_give(e, &why);
            }
            problem(d, relative, &why);
        }
    }
    d->dirs[d->count++] = dir;
    return 0;
}

static void pop_dir(struct deletion *d, bool complete)
{
    struct open_dir *dir = &d->dirs[--d->count];
    if (dir->listing && complete)
        target_listing_pass(dir->listing, NULL, false);
    target_listing_free(dir->listing);
    mem_free(dir->path);
}

static int on_entry(struct deletion *d, const struct entry *en, struct err *e)
{
    const struct restore_options *o = d->restore->options;
    while (d->count && !path_is_below(en->path, en->path_len, d->dirs[d->count - 1].path,
                                      d->dirs[d->count - 1].len))
        pop_dir(d, true);
    const struct open_dir *in = d->count ? &d->dirs[d->count - 1] : NULL;
    bool replaces = o->overwrite == TARGET_ALWAYS || o->overwrite == TARGET_IF_CHANGED;
    if (in && in->listing) {
        const char *slash = strrchr(en->path, '/');
        target_listing_pass(in->listing, slash ? slash + 1 : en->path,
                            replaces && en->type != ENTRY_DIR);
    }
    return en->type == ENTRY_DIR ? push_dir(d, en->path, en->path_len, e) : 0;
}

static int go_over(struct deletion *d, struct err *e)
{
    struct restore *r = d->restore;
    const char *path = r->options->path;
    size_t len = strlen(path);
    struct entry en;
    int rc = tree_reader_seek(r->tree, path, len, e);
    /* The top: the target itself stands for it. */
    if (rc == 0 && (len == 0 || r->prefix_len == len + 1))
        rc = push_dir(d, path, len, e);
    while (rc == 0 && (rc = tree_reader_next(r->tree, &en, e)) > 0) {
        rc = 0;
        if (!path_is_below(en.path, en.path_len, path, len))
            break;
        if (en.path_len != len || en.type != ENTRY_DIR)
            rc = on_entry(d, &en, e);
        if (rc == 0 && r->options->progress && progress_cancelled(r->options->progress))
            rc = err_set(e, ERR_CANCELLED, "interrupted: run the same command to go on");
    }
    while (d->count)
        pop_dir(d, rc == 0);
    return rc;
}

int restore_delete(struct restore *r, const struct root *root, struct err *e)
{
    struct deletion d = {.restore = r, .root = root};
    d.how = (struct target_prune){.selected = selected, .removed = removed, .problem = problem,
                                  .arg = &d, .never = d.never};
    protect(&d, store_location(r->access->store));
    if (r->options->dirs) {
        protect(&d, r->options->dirs->config);
        protect(&d, r->options->dirs->cache);
    }
    int rc = go_over(&d, e);
    mem_free(d.dirs);
    buf_done(&d.full);
    if (rc == 0 || e->cls != ERR_DAMAGED)
        return rc;
    (void)err_wrap(e, "nothing more is deleted"); /* E3 */
    restore_problem(r, "(part of the tree)", e);
    *e = ERR_INIT;
    return 0;
}
