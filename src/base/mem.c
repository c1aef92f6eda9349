/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static _Atomic uint64_t count;
static _Atomic uint64_t fail_at;

void mem_fail_nth(uint64_t n)
{
    atomic_store(&count, 0);
    atomic_store(&fail_at, n);
}

uint64_t mem_count(void)
{
    return atomic_load(&count);
}

static int must_fail(void)
{
    uint64_t n = atomic_fetch_add_explicit(&count, 1, memory_order_relaxed) + 1;
    return n == atomic_load_explicit(&fail_at, memory_order_relaxed);
}

void *mem_alloc(size_t len_bytes)
{
    return must_fail() ? NULL : malloc(len_bytes ? len_bytes : 1);
}

void *mem_zalloc(size_t len_bytes)
{
    return must_fail() ? NULL : calloc(1, len_bytes ? len_bytes : 1);
}

void *mem_array(size_t n, size_t size_bytes)
{
    return must_fail() ? NULL : calloc(n ? n : 1, size_bytes ? size_bytes : 1);
}

void *mem_realloc(void *p, size_t n, size_t size_bytes)
{
    return must_fail() ? NULL : reallocarray(p, n ? n : 1, size_bytes ? size_bytes : 1);
}

void *mem_dup(const void *p, size_t len_bytes)
{
    void *copy = mem_alloc(len_bytes);
    if (copy && len_bytes)
        memcpy(copy, p, len_bytes);
    return copy;
}

char *mem_strdup(const char *s)
{
    return mem_dup(s, strlen(s) + 1);
}

void mem_free(void *p)
{
    free(p);
}

void mem_cleanup(void *pp)
{
    free(*(void **)pp);
}
