/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each entry is one number: when all that was counted will be forgotten. One more moves it on by its share of an hour;
 * it must not lie further ahead than an hour (the generic cell rate algorithm, ITU-T I.371).
 *
 * K1 Memory is fixed: sets of WAYS places; the place whose time comes first is taken for somebody new.
 * K2 Nobody chooses keys that fall into one set: the hash is seeded.
 */
#include "server/rates.h"

#include "base/clock.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

#define SETS 1024u
#define WAYS 8u
#define HOUR_NS (INT64_C(3600) * NS_PER_S)

/* Of an hour, and at once. */
static const unsigned bursts[RATE_COUNT] = {
    [RATE_UNSET] = 1,
    /* A person mistypes a handful; tokens have 128 bits: this bounds the work, not the guessing. */
    [RATE_ENROL] = 60,
    /* One each quarter of a minute: no schedule is closer, and each is an entry of the log. */
    [RATE_SESSION] = 240,
    [RATE_SESSION_KEY] = 240,
};

struct place {
    int64_t until_ns;
    uint8_t key[RATE_KEY_BYTES];
    enum rate what;
};
struct rates {
    pthread_mutex_t lock;
    uint64_t seed;
    struct place places[SETS][WAYS];
};

int rates_new(struct rates **out, struct err *e)
{
    struct rates *r = mem_zalloc(sizeof *r);
    if (!r)
        return err_no_memory(e, "a table of rates");
    if (getrandom(&r->seed, sizeof r->seed, GRND_NONBLOCK) != (ssize_t)sizeof r->seed)
        r->seed = (uint64_t)(uintptr_t)r;
    (void)pthread_mutex_init(&r->lock, NULL);
    *out = r;
    return 0;
}

void rates_free(struct rates *r)
{
    if (r)
        (void)pthread_mutex_destroy(&r->lock);
    mem_free(r);
}

unsigned rates_burst(enum rate what)
{
    return bursts[what];
}

/* FNV-1a with the seed mixed in, and a last stirring (splitmix64). */
static unsigned set_of(const struct rates *r, enum rate what, const uint8_t *key)
{
    uint64_t h = r->seed ^ ((uint64_t)what << 56);
    for (size_t i = 0; i < RATE_KEY_BYTES; i++)
        h = (h ^ key[i]) * UINT64_C(1099511628211);
    h = (h ^ h >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    h = (h ^ h >> 27) * UINT64_C(0x94d049bb133111eb);
    return (unsigned)((h ^ h >> 31) % SETS);
}

/* With the lock. NULL: nobody of that key is known; then *spare_out may be taken (K1). */
static struct place *find(struct rates *r, enum rate what, const uint8_t *key, struct place **spare_out)
{
    struct place *set = r->places[set_of(r, what, key)], *spare = set;
    for (unsigned i = 0; i < WAYS; i++) {
        if (set[i].what == what && memcmp(set[i].key, key, RATE_KEY_BYTES) == 0)
            return &set[i];
        if (set[i].until_ns < spare->until_ns)
            spare = &set[i];
    }
    *spare_out = spare;
    return NULL;
}

/* When it will be forgotten if one more is counted; 0: that is one too many. */
static int64_t one_more(const struct place *p, enum rate what, int64_t now_ns)
{
    int64_t share = HOUR_NS / bursts[what];
    int64_t until = (p && p->until_ns > now_ns ? p->until_ns : now_ns) + share;
    return until - now_ns > share * bursts[what] ? 0 : until;
}

bool rates_take(struct rates *r, enum rate what, const uint8_t key[RATE_KEY_BYTES], int64_t now_ns)
{
    struct place *spare = NULL;
    (void)pthread_mutex_lock(&r->lock);
    struct place *p = find(r, what, key, &spare);
    int64_t until = one_more(p, what, now_ns);
    if (until && !p) {
        p = spare;
        p->what = what;
        memcpy(p->key, key, RATE_KEY_BYTES);
    }
    if (until)
        p->until_ns = until;
    (void)pthread_mutex_unlock(&r->lock);
    return until != 0;
}

bool rates_are_full(struct rates *r, enum rate what, const uint8_t key[RATE_KEY_BYTES], int64_t now_ns)
{
    struct place *spare;
    (void)pthread_mutex_lock(&r->lock);
    bool full = one_more(find(r, what, key, &spare), what, now_ns) == 0;
    (void)pthread_mutex_unlock(&r->lock);
    return full;
}

void rates_address(const char *address, uint8_t key_out[RATE_KEY_BYTES])
{
    memset(key_out, 0, RATE_KEY_BYTES);
    if (inet_pton(AF_INET, address, key_out + 12) == 1) {
        key_out[10] = key_out[11] = 0xff;
        return;
    }
    memset(key_out, 0, RATE_KEY_BYTES);
    if (inet_pton(AF_INET6, address, key_out) == 1)
        memset(key_out + 8, 0, 8);
}
