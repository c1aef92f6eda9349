/* SPDX-License-Identifier: Apache-2.0 */
/* The numbering of packs: segments that double, and a map from their ids. */
#include "vault/pack_set.h"

#include "base/mem.h"

#include <string.h>

static unsigned segment_of(uint32_t number)
{
    return 31u - (unsigned)__builtin_clz(number / PACK_SEGMENT_FIRST + 1);
}

static uint32_t segment_begin(unsigned segment)
{
    return (PACK_SEGMENT_FIRST << segment) - PACK_SEGMENT_FIRST;
}

struct pack *pack_set_at(const struct pack_set *s, uint32_t number)
{
    unsigned segment = segment_of(number);
    return s->segments[segment] + (number - segment_begin(segment));
}

static const uint8_t *id_of(const void *owner, uint32_t number)
{
    return pack_set_at(owner, number)->id;
}

void pack_set_init(struct pack_set *s)
{
    *s = (struct pack_set){.map = {.key = id_of}};
}

void pack_set_done(struct pack_set *s)
{
    for (unsigned i = 0; i < PACK_SEGMENTS; i++)
        mem_free(s->segments[i]);
    id_map_done(&s->map);
}

uint32_t pack_set_find(const struct pack_set *s, const uint8_t id[static ID_BYTES])
{
    return id_map_find(&s->map, s, id);
}

int pack_set_add(struct pack_set *s, const uint8_t id[static ID_BYTES], uint32_t *number_out,
                 struct err *e)
{
    uint32_t number = pack_set_find(s, id);
    if (number != PACK_NONE) {
        *number_out = number;
        return 0;
    }
    number = atomic_load_explicit(&s->count, memory_order_relaxed);
    if (number >= PACK_SET_MAX)
        return err_set(e, ERR_LIMIT, "more than %u packs", PACK_SET_MAX);
    unsigned segment = segment_of(number);
    if (!s->segments[segment]) {
        s->segments[segment] =
            mem_array((size_t)PACK_SEGMENT_FIRST << segment, sizeof(struct pack));
        if (!s->segments[segment])
            return err_no_memory(e, "the table of packs");
    }
    if (!id_map_grow(&s->map))
        return err_no_memory(e, "the table of packs");
    struct pack *p = pack_set_at(s, number);
    memcpy(p->id, id, ID_BYTES);
    atomic_store(&p->unsynced, true);
    id_map_put(&s->map, id, number);
    atomic_store_explicit(&s->count, number + 1, memory_order_release);
    *number_out = number;
    return 0;
}
