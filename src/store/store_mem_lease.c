/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leases of the memory store: a list of names. A test that lets its process
 * die drops them, as the kernel would; a power cut leaves none.
 */
#include "store/store_mem.h"

#include "base/mem.h"

#include <string.h>

struct mem_lease {
    struct store_lease base;
    struct mem_store *store;
    struct mem_lease *next;
    char name[STORE_LEASE_NAME_MAX + 1];
};

/* The caller holds the lock. */
static bool is_taken(const struct mem_store *s, const char *name)
{
    for (const struct mem_lease *l = s->leases; l; l = l->next)
        if (strcmp(l->name, name) == 0)
            return true;
    return false;
}

int mem_lease_take(struct store *base, const char *name, struct store_lease **out, struct err *e)
{
    struct mem_store *s = mem_store_of(base);
    struct mem_lease *l = mem_zalloc(sizeof *l);
    if (!l)
        return err_no_memory(e, "a lease");
    l->base.impl = base->impl;
    l->store = s;
    memcpy(l->name, name, strlen(name) + 1);
    (void)pthread_mutex_lock(&s->lock);
    bool taken = is_taken(s, name);
    if (!taken) {
        l->next = s->leases;
        s->leases = l;
    }
    (void)pthread_mutex_unlock(&s->lock);
    if (taken) {
        mem_free(l);
        return err_set(e, ERR_BUSY, "'%s' is under way already", name);
    }
    *out = &l->base;
    return 0;
}

bool mem_lease_held(struct store_lease *l)
{
    (void)l;
    return true;
}

void mem_lease_drop(struct store_lease *base)
{
    struct mem_lease *l = (struct mem_lease *)base;
    struct mem_store *s = l->store;
    (void)pthread_mutex_lock(&s->lock);
    struct mem_lease **at = &s->leases;
    while (*at != l)
        at = &(*at)->next;
    *at = l->next;
    (void)pthread_mutex_unlock(&s->lock);
    mem_free(l);
}

/* Name by name, so that `each` may use the store. */
static bool name_at(struct mem_store *s, size_t i, char out[STORE_LEASE_NAME_MAX + 1])
{
    (void)pthread_mutex_lock(&s->lock);
    const struct mem_lease *l = s->leases;
    while (l && i--)
        l = l->next;
    if (l)
        memcpy(out, l->name, sizeof l->name);
    (void)pthread_mutex_unlock(&s->lock);
    return l != NULL;
}

int mem_lease_list(struct store *base, store_each_lease *each, void *arg, struct err *e)
{
    char name[STORE_LEASE_NAME_MAX + 1];
    for (size_t i = 0; name_at(mem_store_of(base), i, name); i++) {
        int rc = each(arg, name, e);
        if (rc)
            return rc;
    }
    return 0;
}
