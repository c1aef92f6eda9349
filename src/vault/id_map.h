/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a 32-byte id to a small number: open addressing over eight-byte slots
 * that hold half of a tag and half of a number. The ids themselves stay where
 * the owner keeps them; `key` finds them. Ids are hashes, so their own bits
 * are the hash; a few thousand crafted ids make it slow, never wrong.
 */
#ifndef ABRI_VAULT_ID_MAP_H
#define ABRI_VAULT_ID_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ID_MAP_NONE UINT32_MAX

typedef const uint8_t *id_map_key(const void *owner, uint32_t number);

struct id_map {
    uint64_t *slots; /* low half: number + 1, 0 empty; high half: tag */
    size_t mask;     /* slot count − 1 */
    size_t count;
    id_map_key *key;
};

void id_map_done(struct id_map *m);
void id_map_clear(struct id_map *m); /* empties, keeps the memory */
/* Room for one more; false if out of memory. */
bool id_map_grow(struct id_map *m);
/* The number, or ID_MAP_NONE. */
uint32_t id_map_find(const struct id_map *m, const void *owner, const uint8_t id[static 32]);
/* `id` must be absent, and id_map_grow have succeeded just before. */
void id_map_put(struct id_map *m, const uint8_t id[static 32], uint32_t number);

#endif
