/* SPDX-License-Identifier: Apache-2.0 */
/* What a session knows in memory: its newest chunks, and its references. */
#include "base/mem.h"
#include "vault/refset_format.h"
#include "vault/session_internal.h"

#include <string.h>

static const uint8_t *id_of(const void *owner, uint32_t number)
{
    const struct session_table *t = owner;
    return t->entries[number].id;
}

void session_table_init(struct session_table *t)
{
    *t = (struct session_table){.map = {.key = id_of}};
}

void session_table_done(struct session_table *t)
{
    id_map_done(&t->map);
    mem_free(t->entries);
}

struct index_entry *session_table_find(const struct session_table *t, const uint8_t id[ID_BYTES])
{
    uint32_t number = id_map_find(&t->map, t, id);
    return number == ID_MAP_NONE ? NULL : &t->entries[number];
}

int session_table_claim(struct session_table *t, const uint8_t id[ID_BYTES],
                        struct index_entry **out, struct err *e)
{
    if (t->count == t->cap) {
        if (t->cap > UINT32_MAX / 4)
            return err_set(e, ERR_LIMIT, "too many chunks promised at once");
        uint32_t cap = t->cap ? t->cap * 2 : 256;
        struct index_entry *entries = mem_realloc(t->entries, cap, sizeof *entries);
        if (!entries)
            return err_no_memory(e, "the session's chunks");
        t->entries = entries;
        t->cap = cap;
    }
    if (!id_map_grow(&t->map))
        return err_no_memory(e, "the session's chunks");
    struct index_entry *n = &t->entries[t->count];
    *n = (struct index_entry){.pack = SESSION_CLAIMED};
    memcpy(n->id, id, ID_BYTES);
    id_map_put(&t->map, id, t->count++);
    *out = n;
    return 0;
}

void session_table_drop(struct session_table *t, uint32_t first)
{
    uint32_t rest = t->count - first;
    if (!first)
        return;
    memmove(t->entries, t->entries + first, rest * sizeof *t->entries);
    t->count = rest;
    id_map_clear(&t->map); /* keeps its size, so there is room */
    for (uint32_t i = 0; i < rest; i++)
        id_map_put(&t->map, t->entries[i].id, i);
}

/* ---- references ----------------------------------------------------------------------- */

static int bits_of(struct session *s, uint32_t pack, uint32_t frame_count, uint8_t **out,
                   struct err *e)
{
    struct session_refs *r = &s->refs;
    if (pack >= r->cap) {
        uint32_t cap = r->cap ? r->cap : 64;
        while (cap <= pack)
            cap *= 2;
        uint8_t **bits = mem_realloc(r->bits, cap, sizeof(uint8_t *));
        if (!bits)
            return err_no_memory(e, "the session's references");
        memset(bits + r->cap, 0, (cap - r->cap) * sizeof(uint8_t *));
        r->bits = bits;
        r->cap = cap;
    }
    if (!r->bits[pack])
        r->bits[pack] = mem_zalloc(frame_count / 8 + 1);
    if (!r->bits[pack])
        return err_no_memory(e, "the session's references");
    *out = r->bits[pack];
    return 0;
}

int session_refs_set(struct session *s, uint32_t pack, uint32_t frame, struct err *e)
{
    uint8_t *bits;
    if (bits_of(s, pack, pack_set_at(&s->vault->packs, pack)->frame_count, &bits, e))
        return -1;
    refset_bit_set(bits, frame);
    return 0;
}

int session_refs_set_all(struct session *s, uint32_t pack, struct err *e)
{
    uint8_t *bits;
    uint32_t count = pack_set_at(&s->vault->packs, pack)->frame_count;
    if (bits_of(s, pack, count, &bits, e))
        return -1;
    for (uint32_t i = 0; i < count; i++)
        refset_bit_set(bits, i);
    return 0;
}
