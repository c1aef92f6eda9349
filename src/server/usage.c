/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counting what vaults hold. An opened vault knows its sum: counted when it is first asked for, moved on by each
 * pack that arrives, corrected by upkeep. A pack that arrives while it is being counted may count twice until then.
 */
#include "server/usage.h"

#include <string.h>

#define NOT_COUNTED UINT64_MAX

static int add_pack(void *arg, const char *name, uint64_t len_bytes, struct err *e)
{
    uint64_t *sum = arg;
    (void)name, (void)e;
    *sum = *sum + len_bytes < *sum ? NOT_COUNTED - 1 : *sum + len_bytes;
    return 0;
}

int usage_measure(struct store *store, uint64_t *out, struct err *e)
{
    uint64_t sum = 0;
    if (store_list(store, "packs", add_pack, &sum, e))
        return -1;
    *out = sum < CATALOG_STORED_MAX ? sum : CATALOG_STORED_MAX;
    return 0;
}

uint64_t usage_of(struct server *s, struct vault_entry *v)
{
    uint64_t sum = atomic_load(&v->stored);
    struct err why = ERR_INIT;
    if (sum != NOT_COUNTED)
        return sum;
    if (usage_measure(v->store, &sum, &why)) {
        server_tell(s, "a vault could not be measured: %s", why.msg);
        return 0;
    }
    uint64_t expected = NOT_COUNTED;
    (void)atomic_compare_exchange_strong(&v->stored, &expected, sum);
    return expected == NOT_COUNTED ? sum : expected;
}

void usage_arrived(struct vault_entry *v, uint64_t bytes)
{
    uint64_t sum = atomic_load(&v->stored);
    while (sum != NOT_COUNTED && !atomic_compare_exchange_weak(&v->stored, &sum, sum + bytes)) {
    }
}

int usage_record(struct server *s, const uint8_t vault[UID_BYTES], uint64_t stored, uint64_t snapshots,
                 struct err *e)
{
    struct catalog_vault now;
    struct event ev = {.kind = EVENT_USAGE, .stored = stored, .count = snapshots};
    vaults_measured(&s->vaults, vault, stored);
    if (catalog_vault(s->catalog, vault, &now, e))
        return -1;
    if (now.stored == stored && now.living == snapshots)
        return 0;
    memcpy(ev.vault, vault, UID_BYTES);
    memcpy(ev.tenant, now.tenant, EVENT_ID_BYTES);
    return server_record(s, &ev, NULL, e);
}
