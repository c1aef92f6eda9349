/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Progress: counters that the work bumps and a program may look at from
 * another thread. Nothing here draws.
 */
#ifndef ABRI_BASE_PROGRESS_H
#define ABRI_BASE_PROGRESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct progress {
    _Atomic uint64_t items, items_total; /* totals are 0 while unknown */
    _Atomic uint64_t bytes, bytes_total;
    _Atomic uint64_t stored; /* bytes sent to the vault or written to disk */
    atomic_bool cancel;      /* set from outside: the work ends with ERR_CANCELLED */
};

static inline void progress_add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}
static inline uint64_t progress_get(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}
static inline bool progress_cancelled(const struct progress *p)
{
    return atomic_load_explicit(&p->cancel, memory_order_relaxed);
}

#endif
