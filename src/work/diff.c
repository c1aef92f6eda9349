/* SPDX-License-Identifier: Apache-2.0 */
/* What changed between two snapshots, or between parts of them. */
#include "work/work_internal.h"

#include "base/mem.h"

#include <string.h>

int work_find_entry(struct access *a, const struct tree_ref *tree, const char *path,
                    struct entry **out, struct err *e)
{
    struct chunk_reader *chunks = NULL;
    struct tree_reader *reader = NULL;
    struct entry en;
    size_t len = strlen(path);
    int rc = chunk_reader_new(a, true, &chunks, e) ||
                     tree_reader_new(tree, chunk_reader_fetch, chunks, &reader, e) ||
                     tree_reader_seek(reader, path, len, e)
                 ? -1
                 : tree_reader_next(reader, &en, e);
    if (rc >= 0 && (rc == 0 || en.path_len != len || memcmp(en.path, path, len) != 0))
        rc = err_set(e, ERR_NOT_FOUND, "'/%s' is not in the snapshot: see `abri ls`", path);
    if (rc > 0) {
        *out = entry_dup(&en);
        rc = *out ? 0 : err_no_memory(e, "an entry");
    }
    tree_reader_free(reader);
    chunk_reader_free(chunks);
    return rc;
}

static int check_part(struct access *a, const struct diff_part *part, struct err *e)
{
    CLEANUP_FREE struct entry *en = NULL;
    return *part->path ? work_find_entry(a, &part->root->tree, part->path, &en, e) : 0;
}

static void count(struct diff_count *c, const struct entry *en)
{
    if (en->type == ENTRY_FILE) {
        c->files++;
        c->bytes += en->size;
    } else if (en->type == ENTRY_DIR) {
        c->dirs++;
    } else {
        c->others++;
    }
}

/* The same bytes in other chunks are no difference. */
static int judge(struct access *a, const struct entry *x, const struct entry *y,
                 const struct diff_options *o, unsigned *out, struct err *e)
{
    unsigned differs = entry_compare(x, y);
    if ((differs & ENTRY_DIFFERS_CONTENT) && x->type == ENTRY_FILE) {
        int same = work_same_content(a, x, y, o->progress, e);
        if (same < 0)
            return err_wrap(e, "compare '/%s'", y->path);
        if (same)
            differs &= ~(unsigned)ENTRY_DIFFERS_CONTENT;
    }
    *out = differs;
    return 0;
}

static int take_pair(struct access *a, const struct diff_options *o, const struct entry *x,
                     const struct entry *y, struct diff_result *r, struct err *e)
{
    unsigned differs = 0;
    if (!x || !y) {
        count(x ? &r->removed : &r->added, x ? x : y);
    } else {
        if (judge(a, x, y, o, &differs, e))
            return -1;
        if (!differs)
            return 0;
        if (differs & (ENTRY_DIFFERS_TYPE | ENTRY_DIFFERS_CONTENT)) {
            count(&r->changed_before, x);
            count(&r->changed_after, y);
        } else {
            r->metadata++;
        }
    }
    return o->each(o->arg, x, y, differs, e);
}

static void count_node(void *arg, const uint8_t *id)
{
    (void)id;
    ++*(uint64_t *)arg;
}

int work_diff(struct access *a, const struct diff_part *before, const struct diff_part *after,
              const struct diff_options *o, struct diff_result *out, struct err *e)
{
    struct chunk_reader *chunks = NULL;
    struct tree_diff *diff = NULL;
    struct diff_result result = {0};
    const struct entry *x, *y;
    struct tree_part parts[2] = {
        {.tree = &before->root->tree, .path = before->path, .len = strlen(before->path)},
        {.tree = &after->root->tree, .path = after->path, .len = strlen(after->path)},
    };
    int rc = check_part(a, before, e) || check_part(a, after, e) ||
                     chunk_reader_new(a, true, &chunks, e) ||
                     tree_diff_new(&parts[0], &parts[1], chunk_reader_fetch, chunks, &diff, e)
                 ? -1
                 : 0;
    if (rc == 0)
        tree_diff_on_node(diff, count_node, &result.nodes_read);
    while (rc == 0 && (rc = tree_diff_next(diff, &x, &y, e)) > 0) {
        rc = take_pair(a, o, x, y, &result, e);
        if (rc == 0 && o->progress && progress_cancelled(o->progress))
            rc = err_set(e, ERR_CANCELLED, "interrupted");
    }
    tree_diff_free(diff);
    chunk_reader_free(chunks);
    if (rc == 0)
        *out = result;
    return rc;
}
