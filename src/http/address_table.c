/* SPDX-License-Identifier: Apache-2.0 */
#include "http/address_table.h"

#include "base/mem.h"

#include <string.h>
#include <sys/random.h>

#define KEY_BYTES ADDRESS_KEY_BYTES

struct address_slot {
    struct address_slot *next;
    uint8_t key[KEY_BYTES];
    uint32_t count;
};

void address_key(const struct address *a, uint8_t key[KEY_BYTES])
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    memcpy(key, a->b, KEY_BYTES);
    if (memcmp(key, mapped, sizeof mapped) != 0)
        memset(key + 8, 0, 8);
}

/* FNV-1a, begun at a random place. */
static uint32_t bucket_of(const struct address_table *t, const uint8_t key[KEY_BYTES])
{
    uint32_t h = t->seed;
    for (size_t i = 0; i < KEY_BYTES; i++)
        h = (h ^ key[i]) * UINT32_C(16777619);
    return (h ^ h >> 15) & (t->bucket_count - 1);
}

int address_table_init(struct address_table *t, uint32_t connections, struct err *e)
{
    *t = (struct address_table){.bucket_count = 64, .seed = UINT32_C(2166136261)};
    while (t->bucket_count < connections && t->bucket_count < 1U << 20)
        t->bucket_count *= 2;
    t->buckets = mem_array(t->bucket_count, sizeof(struct address_slot *));
    if (!t->buckets)
        return err_no_memory(e, "the table of addresses");
    uint32_t seed;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) == (ssize_t)sizeof seed)
        t->seed = seed;
    (void)pthread_mutex_init(&t->lock, NULL);
    return 0;
}

void address_table_done(struct address_table *t)
{
    if (!t->buckets)
        return;
    for (uint32_t i = 0; i < t->bucket_count; i++)
        for (struct address_slot *s = t->buckets[i], *next; s; s = next) {
            next = s->next;
            mem_free(s);
        }
    mem_free(t->buckets);
    t->buckets = NULL;
    (void)pthread_mutex_destroy(&t->lock);
}

static struct address_slot **find(struct address_table *t, const uint8_t key[KEY_BYTES])
{
    struct address_slot **at = &t->buckets[bucket_of(t, key)];
    while (*at && memcmp((*at)->key, key, KEY_BYTES) != 0)
        at = &(*at)->next;
    return at;
}

bool address_table_add(struct address_table *t, const struct address *a, uint32_t max)
{
    uint8_t key[KEY_BYTES];
    address_key(a, key);
    (void)pthread_mutex_lock(&t->lock);
    struct address_slot **at = find(t, key);
    if (!*at && (*at = mem_zalloc(sizeof **at)))
        memcpy((*at)->key, key, KEY_BYTES);
    bool ok = *at && (*at)->count < max;
    if (ok)
        (*at)->count++;
    (void)pthread_mutex_unlock(&t->lock);
    return ok;
}

void address_table_remove(struct address_table *t, const struct address *a)
{
    uint8_t key[KEY_BYTES];
    address_key(a, key);
    (void)pthread_mutex_lock(&t->lock);
    struct address_slot **at = find(t, key), *s = *at;
    if (s && --s->count == 0) {
        *at = s->next;
        mem_free(s);
    }
    (void)pthread_mutex_unlock(&t->lock);
}
