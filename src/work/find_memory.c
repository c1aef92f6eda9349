/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of find: two hash tables and two lists that only grow.
 *
 *  M1 a path in one state is one find_state, whatever nodes and snapshots hold it;
 *  M2 the runs of a state ascend and do not touch.
 */
#include "work/find_internal.h"

#include "base/mem.h"

#include <string.h>

void find_memory_done(struct find_memory *m)
{
    for (size_t i = 0; i < m->state_count; i++)
        mem_free(m->states[i].entry);
    mem_free(m->states);
    mem_free(m->by_key);
    mem_free(m->runs);
    mem_free(m->hits);
    mem_free(m->nodes);
    *m = (struct find_memory){0};
}

/* Room for one more of `size` bytes. */
static int reserve(void **items, size_t count, size_t *cap, size_t size, size_t max, struct err *e)
{
    if (count < *cap)
        return 0;
    if (count >= max)
        return err_set(e, ERR_LIMIT,
                       "too many files match: give narrower patterns, or name snapshots");
    size_t want = *cap ? 2 * *cap : 64;
    void *more = mem_realloc(*items, want, size);
    if (!more)
        return err_no_memory(e, "what was found");
    *items = more;
    *cap = want;
    return 0;
}

/* ---- states ------------------------------------------------------------------------ */

static void put_content(struct buf *b, const struct entry *en)
{
    buf_put_varint(b, en->size);
    if (en->has_list)
        buf_put(b, en->list_id, ENTRY_ID_BYTES);
    for (size_t i = 0; i < en->item_count; i++) {
        buf_put_varint(b, (uint64_t)en->items[i].kind);
        buf_put_varint(b, en->items[i].len);
        buf_put_varint(b, en->items[i].offset);
        if (en->items[i].kind != ITEM_HOLE)
            buf_put(b, en->items[i].id, ENTRY_ID_BYTES);
    }
    buf_put_blob(b, en->target ? en->target : "", en->target_len);
    buf_put_varint(b, en->dev_major);
    buf_put_varint(b, en->dev_minor);
}

static int key_of(const struct entry *en, uint8_t out[HASH_BYTES], struct err *e)
{
    CLEANUP(buf_done) struct buf b = {0};
    buf_put_blob(&b, en->path, en->path_len);
    buf_put_varint(&b, (uint64_t)en->type);
    buf_put_varint(&b, en->mode);
    buf_put_varint(&b, en->uid);
    buf_put_varint(&b, en->gid);
    buf_put_zigzag(&b, en->mtime_s);
    buf_put_varint(&b, en->mtime_ns);
    buf_put_varint(&b, en->attrs);
    put_content(&b, en);
    for (size_t i = 0; i < en->xattr_count; i++) {
        buf_put_blob(&b, en->xattrs[i].name, strlen(en->xattrs[i].name));
        buf_put_blob(&b, en->xattrs[i].value, en->xattrs[i].value_len);
    }
    if (buf_check(&b, "an entry", e))
        return -1;
    hash_bytes(b.data, b.len, out);
    return 0;
}

static size_t key_slot(const struct find_memory *m, const uint8_t key[HASH_BYTES])
{
    size_t at = (size_t)get_u64(key) & (m->key_cap - 1);
    while (m->by_key[at] && memcmp(m->states[m->by_key[at] - 1].key, key, HASH_BYTES) != 0)
        at = (at + 1) & (m->key_cap - 1);
    return at;
}

static int grow_keys(struct find_memory *m, struct err *e)
{
    size_t cap = m->key_cap ? 2 * m->key_cap : 256;
    if (2 * (m->state_count + 1) <= m->key_cap)
        return 0;
    uint32_t *fresh = mem_array(cap, sizeof *fresh);
    if (!fresh)
        return err_no_memory(e, "what was found");
    mem_free(m->by_key);
    m->by_key = fresh;
    m->key_cap = cap;
    for (uint32_t i = 0; i < m->state_count; i++)
        m->by_key[key_slot(m, m->states[i].key)] = i + 1;
    return 0;
}

int find_state_of(struct find_memory *m, const struct entry *en, uint32_t *out, struct err *e)
{
    struct find_state s = {.first_run = FIND_NO_RUN, .last_run = FIND_NO_RUN};
    if (key_of(en, s.key, e) || grow_keys(m, e))
        return -1;
    size_t slot = key_slot(m, s.key);
    if (m->by_key[slot]) {
        *out = m->by_key[slot] - 1;
        return 0;
    }
    if (reserve((void **)&m->states, m->state_count, &m->state_cap, sizeof *m->states,
                FIND_STATES_MAX, e))
        return -1;
    s.entry = entry_dup(en);
    if (!s.entry)
        return err_no_memory(e, "what was found");
    m->states[m->state_count++] = s;
    m->by_key[slot] = (uint32_t)m->state_count;
    *out = (uint32_t)m->state_count - 1;
    return 0;
}

/* ---- hits and runs ------------------------------------------------------------------- */

static int note_run(struct find_memory *m, struct find_state *s, uint32_t at, bool joined,
                    struct err *e)
{
    struct find_run *last = s->last_run == FIND_NO_RUN ? NULL : &m->runs[s->last_run];
    if (last && (last->last == at || (joined && last->last + 1 == at))) {
        last->last = at;
        return 0;
    }
    if (reserve((void **)&m->runs, m->run_count, &m->run_cap, sizeof *m->runs, FIND_HITS_MAX, e))
        return -1;
    uint32_t fresh = (uint32_t)m->run_count++;
    m->runs[fresh] = (struct find_run){.first = at, .last = at, .next = FIND_NO_RUN};
    if (s->last_run == FIND_NO_RUN)
        s->first_run = fresh;
    else
        m->runs[s->last_run].next = fresh;
    s->last_run = fresh;
    return 0;
}

int find_hit(struct find_memory *m, uint32_t state, uint32_t at, bool joined, struct err *e)
{
    if (reserve((void **)&m->hits, m->hit_count, &m->hit_cap, sizeof *m->hits, FIND_HITS_MAX, e) ||
        note_run(m, &m->states[state], at, joined, e))
        return -1;
    m->hits[m->hit_count++] = state;
    return 0;
}

/* ---- nodes ----------------------------------------------------------------------------- */

static size_t node_slot(const struct find_memory *m, const uint8_t id[ID_BYTES])
{
    size_t at = (size_t)get_u64(id) & (m->node_cap - 1);
    while (m->nodes[at].used && memcmp(m->nodes[at].id, id, ID_BYTES) != 0)
        at = (at + 1) & (m->node_cap - 1);
    return at;
}

const struct find_node *find_node_known(const struct find_memory *m, const uint8_t id[ID_BYTES])
{
    if (!m->node_cap)
        return NULL;
    const struct find_node *n = &m->nodes[node_slot(m, id)];
    return n->used ? n : NULL;
}

static int grow_nodes(struct find_memory *m, struct err *e)
{
    struct find_memory bigger = {.node_cap = m->node_cap ? 2 * m->node_cap : 256};
    if (2 * (m->node_count + 1) <= m->node_cap)
        return 0;
    bigger.nodes = mem_array(bigger.node_cap, sizeof *bigger.nodes);
    if (!bigger.nodes)
        return err_no_memory(e, "the nodes that were read");
    for (size_t i = 0; i < m->node_cap; i++)
        if (m->nodes[i].used)
            bigger.nodes[node_slot(&bigger, m->nodes[i].id)] = m->nodes[i];
    mem_free(m->nodes);
    m->nodes = bigger.nodes;
    m->node_cap = bigger.node_cap;
    return 0;
}

int find_node_add(struct find_memory *m, const uint8_t id[ID_BYTES], uint32_t from, struct err *e)
{
    if (grow_nodes(m, e))
        return -1;
    struct find_node *n = &m->nodes[node_slot(m, id)];
    m->node_count += !n->used;
    n->used = true;
    memcpy(n->id, id, ID_BYTES);
    n->from = from;
    n->to = (uint32_t)m->hit_count;
    return 0;
}
