/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking for names in many snapshots. A node that was read once, in whatever
 * snapshot, is not read again: what it held is remembered.
 *
 *  N1 what a node holds is a stretch of the hits, because trees are walked in
 *     order and the hits of a node that is passed over are repeated;
 *  N2 a node is remembered only when it was read to its end.
 */
#include "work/find_internal.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct open_node {
    uint8_t level;
    uint8_t id[ID_BYTES];
    uint32_t from;
};

#define FIND_TAKEN UINT32_MAX /* told together with another */

struct find {
    struct access *access;
    const struct snapshot *const *snapshots;
    const struct find_options *options;
    struct find_result *result;
    struct chunk_reader *chunks;
    struct find_memory memory;
    /* the snapshot at hand */
    struct tree_reader *tree;
    struct open_node open[CONTENT_LEVEL_MAX + 1];
    size_t open_count;
    uint32_t at;
    bool joined; /* of the same group as the one before */
};

/* ---- one tree ----------------------------------------------------------------------- */

static bool is_wanted(const struct find_options *o, const struct entry *en)
{
    bool sized = o->size_min > 0 || o->size_max < UINT64_MAX;
    if (sized && (en->type != ENTRY_FILE || en->size < o->size_min || en->size > o->size_max))
        return false;
    if (o->type != ENTRY_UNSET && en->type != o->type)
        return false;
    int64_t ns = entry_mtime_ns(en);
    return ns > o->newer_than_ns && ns <= o->older_than_ns &&
           select_names(o->patterns, en->path, en->path_len);
}

static int end_nodes(struct find *f, unsigned level, struct err *e)
{
    while (f->open_count && f->open[f->open_count - 1].level <= level) {
        const struct open_node *n = &f->open[--f->open_count];
        if (find_node_add(&f->memory, n->id, n->from, e))
            return -1;
    }
    return 0;
}

/* N1: the same hits again, for this snapshot. */
static int repeat(struct find *f, const struct find_node *known, struct err *e)
{
    uint32_t from = known->from, to = known->to;
    for (uint32_t i = from; i < to; i++)
        if (find_hit(&f->memory, f->memory.hits[i], f->at, f->joined, e))
            return -1;
    f->result->nodes_known++;
    return tree_reader_pass(f->tree, e);
}

static int on_node(struct find *f, const struct tree_peek *p, struct err *e)
{
    if (end_nodes(f, p->level, e))
        return -1;
    const struct find_node *known = find_node_known(&f->memory, p->id);
    if (known)
        return repeat(f, known, e);
    struct open_node *n = &f->open[f->open_count++]; /* levels only go down */
    n->level = p->level;
    n->from = (uint32_t)f->memory.hit_count;
    memcpy(n->id, p->id, ID_BYTES);
    f->result->nodes_read++;
    return tree_reader_enter(f->tree, e);
}

static int on_entry(struct find *f, struct err *e)
{
    struct entry en;
    uint32_t state;
    int rc = tree_reader_next(f->tree, &en, e);
    if (rc <= 0)
        return -1;
    if (!is_wanted(f->options, &en))
        return 0;
    return find_state_of(&f->memory, &en, &state, e) ||
                   find_hit(&f->memory, state, f->at, f->joined, e)
               ? -1
               : 0;
}

static int scan_tree(struct find *f, struct err *e)
{
    struct tree_peek p;
    int rc;
    f->open_count = 0;
    while ((rc = tree_reader_peek(f->tree, &p, e)) > 0) {
        if (f->options->progress && progress_cancelled(f->options->progress))
            return err_set(e, ERR_CANCELLED, "interrupted");
        if (p.is_node ? on_node(f, &p, e) : on_entry(f, e))
            return -1;
    }
    return rc < 0 ? -1 : end_nodes(f, CONTENT_LEVEL_MAX, e);
}

static int scan_snapshot(struct find *f, const struct snapshot *s, struct err *e)
{
    CLEANUP_FREE struct root *root = NULL;
    if (work_open_root(f->access, s, &root, e) ||
        tree_reader_new(&root->tree, chunk_reader_fetch, f->chunks, &f->tree, e))
        return -1;
    int rc = scan_tree(f, e);
    tree_reader_free(TAKE(f->tree));
    return rc;
}

/* Damage costs one snapshot; what was found in it so far counts. */
static int scan_all(struct find *f, size_t count, struct err *e)
{
    const struct snapshot *const *snapshots = f->snapshots;
    for (size_t i = 0; i < count; i++) {
        struct err why = ERR_INIT;
        char name[32] = "snapshot ";
        f->at = (uint32_t)i;
        f->joined = i > 0 && !memcmp(snapshots[i]->group, snapshots[i - 1]->group, UID_BYTES);
        if (scan_snapshot(f, snapshots[i], &why) == 0)
            continue;
        if (why.cls != ERR_DAMAGED && why.cls != ERR_NEWER)
            return err_give(e, &why);
        hex_encode(snapshots[i]->id, 4, name + strlen(name));
        f->result->problems++;
        f->options->problem(f->options->arg, name, &why);
    }
    return 0;
}

/* ---- the answer ---------------------------------------------------------------------- */

static int compare_states(const void *a, const void *b, void *arg)
{
    const struct find_memory *m = arg;
    const struct find_state *x = &m->states[*(const uint32_t *)a],
                            *y = &m->states[*(const uint32_t *)b];
    int order = path_compare(x->entry->path, x->entry->path_len, y->entry->path,
                             y->entry->path_len);
    if (order)
        return order;
    uint32_t first_x = m->runs[x->first_run].first, first_y = m->runs[y->first_run].first;
    return (first_x > first_y) - (first_x < first_y);
}

/* The snapshots of one answer. */
struct answer {
    struct find_range *ranges;
    size_t count, cap;
};

static int add_runs(struct find *f, struct answer *a, const struct find_state *s, struct err *e)
{
    for (uint32_t i = s->first_run; i != FIND_NO_RUN; i = f->memory.runs[i].next) {
        if (a->count == a->cap) {
            size_t want = a->cap ? 2 * a->cap : 16;
            struct find_range *more = mem_realloc(a->ranges, want, sizeof *more);
            if (!more)
                return err_no_memory(e, "what was found");
            a->ranges = more;
            a->cap = want;
        }
        a->ranges[a->count++] =
            (struct find_range){.first = f->memory.runs[i].first, .last = f->memory.runs[i].last};
    }
    return 0;
}

static int compare_ranges(const void *a, const void *b)
{
    const struct find_range *x = a, *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

/* Sorts, and joins what now follows each other (M2). */
static void join_ranges(const struct find *f, struct answer *a)
{
    size_t used = 0;
    qsort(a->ranges, a->count, sizeof *a->ranges, compare_ranges);
    for (size_t i = 1; i < a->count; i++) {
        struct find_range *last = &a->ranges[used], *next = &a->ranges[i];
        bool joined = last->last + 1 == next->first &&
                      !memcmp(f->snapshots[last->last]->group, f->snapshots[next->first]->group,
                              UID_BYTES);
        if (joined)
            last->last = next->last;
        else
            a->ranges[++used] = *next;
    }
    a->count = a->count ? used + 1 : 0;
}

/* The same bytes in other chunks are the same state. What cannot be read is
 * taken for another. */
static int is_same_state(struct find *f, const struct entry *x, const struct entry *y,
                         struct err *e)
{
    struct err why = ERR_INIT;
    if (entry_compare(x, y) != ENTRY_DIFFERS_CONTENT || x->type != ENTRY_FILE)
        return 0;
    int same = work_same_content(f->access, x, y, f->options->progress, &why);
    if (same >= 0 || why.cls == ERR_DAMAGED || why.cls == ERR_NEWER)
        return same > 0;
    return err_give(e, &why);
}

/* order[at] and, further on, other states of its path that are the same; those
 * are marked FIND_TAKEN. */
static int tell_state(struct find *f, uint32_t *order, size_t at, struct answer *a, struct err *e)
{
    struct find_memory *m = &f->memory;
    const struct find_state *s = &m->states[order[at]];
    a->count = 0;
    if (add_runs(f, a, s, e))
        return -1;
    for (size_t i = at + 1; i < m->state_count; i++) {
        if (order[i] == FIND_TAKEN)
            continue;
        const struct find_state *t = &m->states[order[i]];
        if (t->entry->path_len != s->entry->path_len ||
            memcmp(t->entry->path, s->entry->path, s->entry->path_len) != 0)
            break;
        int same = is_same_state(f, s->entry, t->entry, e);
        if (same < 0 || (same && add_runs(f, a, t, e)))
            return -1;
        if (same)
            order[i] = FIND_TAKEN;
    }
    join_ranges(f, a);
    struct find_match match = {.entry = s->entry, .ranges = a->ranges, .range_count = a->count};
    f->result->matches++;
    return f->options->each(f->options->arg, &match, e);
}

static int tell_all(struct find *f, struct err *e)
{
    struct find_memory *m = &f->memory;
    struct answer a = {0};
    int rc = 0;
    uint32_t *order = mem_array(m->state_count ? m->state_count : 1, sizeof *order);
    if (!order)
        return err_no_memory(e, "what was found");
    for (uint32_t i = 0; i < m->state_count; i++)
        order[i] = i;
    qsort_r(order, m->state_count, sizeof *order, compare_states, m);
    for (size_t i = 0; i < m->state_count && rc == 0; i++)
        if (order[i] != FIND_TAKEN)
            rc = tell_state(f, order, i, &a, e);
    mem_free(a.ranges);
    mem_free(order);
    return rc;
}

int work_find(struct access *a, const struct snapshot *const *snapshots, size_t count,
              const struct find_options *o, struct find_result *out, struct err *e)
{
    struct find_result result = {0};
    struct find f = {
        .access = a, .snapshots = snapshots, .options = o, .result = &result};
    int rc = chunk_reader_new(a, true, &f.chunks, e) || scan_all(&f, count, e) ||
                     tell_all(&f, e)
                 ? -1
                 : 0;
    tree_reader_free(f.tree);
    chunk_reader_free(f.chunks);
    find_memory_done(&f.memory);
    if (rc == 0)
        *out = result;
    return rc;
}
