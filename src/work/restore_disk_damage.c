/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges of a disk that the vault could not give: gathered in any order, told as few. */
#include "work/restore_disk.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

void disk_damage_done(struct disk_damage *m)
{
    mem_free(m->ranges);
}

void disk_damage_add(struct disk_damage *m, uint64_t from, uint64_t to, const struct err *why)
{
    if (m->count == m->told)
        m->why = *why;
    m->bytes += to - from;
    if (m->count == m->cap) {
        size_t cap = m->cap ? 2 * m->cap : 64;
        struct disk_range *r = cap <= DAMAGE_RANGES ? mem_realloc(m->ranges, cap, sizeof *r) : NULL;
        if (!r)
            return;
        m->ranges = r;
        m->cap = cap;
    }
    m->ranges[m->count++] = (struct disk_range){from, to};
}

static int by_from(const void *a, const void *b)
{
    const struct disk_range *x = a, *y = b;
    return (x->from > y->from) - (x->from < y->from);
}

/* Joins neighbours from `first` on. */
static void join(struct disk_damage *m, size_t first)
{
    size_t to = first;
    qsort(m->ranges + first, m->count - first, sizeof *m->ranges, by_from);
    for (size_t i = first + 1; i < m->count; i++) {
        if (m->ranges[i].from <= m->ranges[to].to) {
            if (m->ranges[i].to > m->ranges[to].to)
                m->ranges[to].to = m->ranges[i].to;
        } else {
            m->ranges[++to] = m->ranges[i];
        }
    }
    m->count = to + 1;
}

void disk_damage_tell(struct disk_damage *m, work_problem *problem, void *arg)
{
    if (m->count == m->told)
        return;
    join(m, m->told);
    for (; m->told < m->count; m->told++) {
        const struct disk_range *r = &m->ranges[m->told];
        char item[64];
        (void)snprintf(item, sizeof item, "bytes %llu to %llu", (unsigned long long)r->from,
                       (unsigned long long)r->to);
        if (problem)
            problem(arg, item, &m->why);
    }
}

bool disk_damage_covers(const struct disk_damage *m, uint64_t off)
{
    for (size_t i = 0; i < m->count; i++)
        if (off >= m->ranges[i].from && off < m->ranges[i].to)
            return true;
    return false;
}
