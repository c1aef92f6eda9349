/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What differs between two trees. Both are read in order, side by side; where
 * a node of one name stands at the same place in both, neither is read.
 *
 *  F1 a node is read only if its first path is not behind what the other tree
 *     has next, and the other tree does not have the same node next;
 *  F2 nodes are passed over only where both parts begin at the same path: names of
 *     nodes cover whole paths;
 *  F3 every entry of both parts that is not in a node passed over is looked at once.
 *
 * Does not read content: whether different chunks hold the same bytes is not
 * known here.
 */
#include "content/content_internal.h"

#include "base/mem.h"

#include <string.h>

enum side_state { SIDE_UNKNOWN = 0, SIDE_NODE, SIDE_ENTRY, SIDE_END };

struct side {
    struct tree_reader *reader;
    char *base; /* the part's path */
    size_t base_len;
    bool begun;
    enum side_state state;
    struct tree_peek node;
    struct entry entry;
    const char *path; /* of what comes next, below the part */
    size_t len;
};

struct tree_diff {
    struct side a, b;
    bool same_base;
};

static int side_open(struct side *s, const struct tree_part *part, content_fetch *fetch, void *arg,
                     struct err *e)
{
    s->base_len = part->len;
    s->base = mem_dup(part->path, part->len + 1);
    if (!s->base)
        return err_no_memory(e, "a path");
    if (tree_reader_new(part->tree, fetch, arg, &s->reader, e))
        return -1;
    return part->len ? tree_reader_seek(s->reader, part->path, part->len, e) : 0;
}

static void side_close(struct side *s)
{
    tree_reader_free(s->reader);
    mem_free(s->base);
}

int tree_diff_new(const struct tree_part *a, const struct tree_part *b, content_fetch *fetch,
                  void *arg, struct tree_diff **out, struct err *e)
{
    struct tree_diff *d = mem_zalloc(sizeof *d);
    if (!d)
        return err_no_memory(e, "a comparison");
    d->same_base = a->len == b->len && memcmp(a->path, b->path, a->len) == 0;
    if (side_open(&d->a, a, fetch, arg, e) || side_open(&d->b, b, fetch, arg, e)) {
        tree_diff_free(d);
        return -1;
    }
    *out = d;
    return 0;
}

void tree_diff_free(struct tree_diff *d)
{
    if (!d)
        return;
    side_close(&d->a);
    side_close(&d->b);
    mem_free(d);
}

void tree_diff_on_node(struct tree_diff *d, void (*seen)(void *arg, const uint8_t *id), void *arg)
{
    tree_reader_on_node(d->a.reader, seen, arg);
    tree_reader_on_node(d->b.reader, seen, arg);
}

/* ---- one side --------------------------------------------------------------------- */

/* Where a path lies below the part; the first path of a node may lie before it. */
static void place(struct side *s, const char *path, size_t len)
{
    size_t skip = s->base_len && len > s->base_len ? s->base_len + 1 : s->base_len;
    s->path = len < skip ? "" : path + skip;
    s->len = len < skip ? 0 : len - skip;
}

static int side_next_entry(struct side *s, struct err *e)
{
    int rc = tree_reader_next(s->reader, &s->entry, e);
    if (rc < 0)
        return -1;
    s->state = SIDE_END;
    if (rc == 0 || !path_is_below(s->entry.path, s->entry.path_len, s->base, s->base_len))
        return 0;
    s->state = SIDE_ENTRY;
    place(s, s->entry.path, s->entry.path_len);
    return 0;
}

/* Finds out what comes next. */
static int side_look(struct side *s, struct err *e)
{
    if (s->state != SIDE_UNKNOWN)
        return 0;
    bool behind_seek = !s->begun && s->base_len;
    s->begun = true;
    if (behind_seek)
        return side_next_entry(s, e);
    int rc = tree_reader_peek(s->reader, &s->node, e);
    if (rc < 0)
        return -1;
    if (rc && !s->node.is_node)
        return side_next_entry(s, e);
    bool inside = rc && (s->node.len == 0 ||
                         path_is_below(s->node.path, s->node.len, s->base, s->base_len));
    s->state = inside ? SIDE_NODE : SIDE_END;
    if (inside)
        place(s, s->node.path, s->node.len);
    return 0;
}

static int side_enter(struct side *s, struct err *e)
{
    s->state = SIDE_UNKNOWN;
    return tree_reader_enter(s->reader, e);
}

static int side_pass(struct side *s, struct err *e)
{
    s->state = SIDE_UNKNOWN;
    return tree_reader_pass(s->reader, e);
}

/* ---- both -------------------------------------------------------------------------- */

static int order_of(const struct side *a, const struct side *b)
{
    if (a->state == SIDE_END || b->state == SIDE_END)
        return (a->state == SIDE_END) - (b->state == SIDE_END);
    return path_compare(a->path, a->len, b->path, b->len);
}

static bool is_shared(const struct tree_diff *d)
{
    return d->same_base && d->a.state == SIDE_NODE && d->b.state == SIDE_NODE &&
           d->a.node.level == d->b.node.level &&
           memcmp(d->a.node.id, d->b.node.id, SEAL_ID_BYTES) == 0;
}

/* Passes over, or opens, nodes that come first (F1): 1 if that was needed. */
static int settle(struct tree_diff *d, int order, struct err *e)
{
    struct side *a = &d->a, *b = &d->b;
    bool node_a = a->state == SIDE_NODE && order <= 0;
    bool node_b = b->state == SIDE_NODE && order >= 0;
    if (is_shared(d))
        return side_pass(a, e) || side_pass(b, e) ? -1 : 1;
    if (node_a && node_b) { /* the higher one alone: below it, the other may come again */
        node_b = b->node.level >= a->node.level;
        node_a = a->node.level >= b->node.level;
    }
    if ((node_a && side_enter(a, e)) || (node_b && side_enter(b, e)))
        return -1;
    return node_a || node_b;
}

/* Takes what comes first: 1 if it is a difference. */
static int take(struct tree_diff *d, int order, const struct entry **a_out,
                const struct entry **b_out)
{
    *a_out = order <= 0 ? &d->a.entry : NULL;
    *b_out = order >= 0 ? &d->b.entry : NULL;
    if (order <= 0)
        d->a.state = SIDE_UNKNOWN;
    if (order >= 0)
        d->b.state = SIDE_UNKNOWN;
    return order != 0 || entry_compare(&d->a.entry, &d->b.entry) != 0;
}

int tree_diff_next(struct tree_diff *d, const struct entry **a_out, const struct entry **b_out,
                   struct err *e)
{
    for (;;) {
        if (side_look(&d->a, e) || side_look(&d->b, e))
            return -1;
        if (d->a.state == SIDE_END && d->b.state == SIDE_END)
            return 0;
        int order = order_of(&d->a, &d->b);
        int rc = settle(d, order, e);
        if (rc < 0)
            return -1;
        if (rc == 0 && take(d, order, a_out, b_out))
            return 1;
    }
}
