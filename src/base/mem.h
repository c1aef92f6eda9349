/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory: every allocation of abri goes through here, so that a test can make
 * the n-th one fail, and cleanup attributes free what a scope owns.
 */
#ifndef ABRI_BASE_MEM_H
#define ABRI_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

/* NULL on failure or if count × size overflows. Zeroed where the name says so. */
void *mem_alloc(size_t len_bytes);
void *mem_zalloc(size_t len_bytes);
void *mem_array(size_t count, size_t size_bytes);       /* zeroed */
void *mem_realloc(void *p, size_t count, size_t size_bytes);
char *mem_strdup(const char *s);
void *mem_dup(const void *p, size_t len_bytes);
void mem_free(void *p); /* NULL is fine */

/* Makes the n-th allocation from now fail (1 = the next); 0 turns it off. */
void mem_fail_nth(uint64_t n);
/* Allocations since the last mem_fail_nth. */
uint64_t mem_count(void);

void mem_cleanup(void *pp); /* for the attribute: frees *(void **)pp */

#define CLEANUP(fn) __attribute__((cleanup(fn)))
#define CLEANUP_FREE CLEANUP(mem_cleanup)
/* Hands ownership over: evaluates to the pointer and clears the variable. */
#define TAKE(p) __extension__({ __typeof__(p) take_ = (p); (p) = NULL; take_; })

#endif
