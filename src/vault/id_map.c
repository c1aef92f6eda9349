/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing from ids to numbers; never more than half full; no removal. */
#include "vault/id_map.h"

#include "base/bytes.h"
#include "base/mem.h"

#include <string.h>

#define FIRST_SLOTS 64u

void id_map_done(struct id_map *m)
{
    mem_free(m->slots);
    *m = (struct id_map){.key = m->key};
}

void id_map_clear(struct id_map *m)
{
    if (m->slots)
        memset(m->slots, 0, (m->mask + 1) * sizeof *m->slots);
    m->count = 0;
}

static uint64_t tag_of(const uint8_t *id)
{
    return (uint64_t)get_u32(id) << 32;
}

/* The place comes from the tag alone, so that growing needs no ids. */
static size_t place_of(uint64_t tag, size_t mask)
{
    return (size_t)((tag >> 32) * UINT64_C(0x9e3779b97f4a7c15) >> 20) & mask;
}

static void place(uint64_t *slots, size_t mask, uint64_t slot)
{
    size_t i = place_of(slot, mask);
    while (slots[i])
        i = (i + 1) & mask;
    slots[i] = slot;
}

bool id_map_grow(struct id_map *m)
{
    size_t have = m->slots ? m->mask + 1 : 0;
    if (have && m->count + 1 <= have / 2)
        return true;
    size_t want = have ? have * 2 : FIRST_SLOTS;
    uint64_t *slots = mem_array(want, sizeof *slots);
    if (!slots)
        return false;
    for (size_t i = 0; i < have; i++)
        if (m->slots[i])
            place(slots, want - 1, m->slots[i]);
    mem_free(m->slots);
    m->slots = slots;
    m->mask = want - 1;
    return true;
}

uint32_t id_map_find(const struct id_map *m, const void *owner, const uint8_t id[static 32])
{
    if (!m->count)
        return ID_MAP_NONE;
    uint64_t tag = tag_of(id);
    for (size_t i = place_of(tag, m->mask); m->slots[i]; i = (i + 1) & m->mask) {
        if ((m->slots[i] ^ tag) >> 32)
            continue;
        uint32_t number = (uint32_t)m->slots[i] - 1;
        if (memcmp(m->key(owner, number), id, 32) == 0)
            return number;
    }
    return ID_MAP_NONE;
}

void id_map_put(struct id_map *m, const uint8_t id[static 32], uint32_t number)
{
    place(m->slots, m->mask, tag_of(id) | (number + 1));
    m->count++;
}
