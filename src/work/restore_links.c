/* SPDX-License-Identifier: Apache-2.0 */
/* Hard links of a restore: link number → the path that was restored first. An
 * open-addressing table; memory grows with the number of hard-linked files
 * only, 16 bytes and the path each. */
#include "work/restore.h"

#include "base/mem.h"

#include <string.h>

struct link_slot {
    uint64_t link;
    uint64_t path; /* offset + 1 in paths; 0: free */
};

struct link_table {
    struct link_slot *slots;
    size_t cap, count;
    struct buf paths;
};

int link_table_new(struct link_table **out, struct err *e)
{
    struct link_table *t = mem_zalloc(sizeof *t);
    if (!t)
        return err_no_memory(e, "hard links");
    t->paths.max = (size_t)1 << 36;
    *out = t;
    return 0;
}

void link_table_free(struct link_table *t)
{
    if (!t)
        return;
    mem_free(t->slots);
    buf_done(&t->paths);
    mem_free(t);
}

static struct link_slot *probe(struct link_slot *slots, size_t cap, uint64_t link)
{
    size_t i = (size_t)(link * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (cap - 1);
    while (slots[i].path && slots[i].link != link)
        i = (i + 1) & (cap - 1);
    return &slots[i];
}

static int grow(struct link_table *t, struct err *e)
{
    size_t cap = t->cap ? 2 * t->cap : 256;
    struct link_slot *slots = mem_array(cap, sizeof *slots);
    if (!slots)
        return err_no_memory(e, "hard links");
    for (size_t i = 0; i < t->cap; i++)
        if (t->slots[i].path)
            *probe(slots, cap, t->slots[i].link) = t->slots[i];
    mem_free(t->slots);
    t->slots = slots;
    t->cap = cap;
    return 0;
}

int link_table_find(struct link_table *t, uint64_t link, const char *path, uint64_t *first_out,
                    struct err *e)
{
    if (t->count * 4 >= t->cap * 3 && grow(t, e))
        return -1;
    struct link_slot *s = probe(t->slots, t->cap, link);
    if (s->path) {
        *first_out = s->path - 1;
        return 1;
    }
    uint64_t at = t->paths.len;
    buf_put(&t->paths, path, strlen(path) + 1);
    if (buf_check(&t->paths, "hard links", e))
        return -1;
    *s = (struct link_slot){.link = link, .path = at + 1};
    t->count++;
    return 0;
}

const char *link_table_path(const struct link_table *t, uint64_t first)
{
    return (const char *)t->paths.data + first;
}
