/* SPDX-License-Identifier: Apache-2.0 */
/* Random entries of all types, ascending by path, each computed from a seed and
 * its number alone, so that a reader can be compared without keeping them. */
#ifndef ABRI_TESTS_CONTENT_ENTRIES_H
#define ABRI_TESTS_CONTENT_ENTRIES_H

#include "entry/entry.h"

#define ENTRIES_XATTRS 4
#define ENTRIES_ITEMS  6

struct random_entry { /* the entry borrows from the rest */
    struct entry en;
    char path[128], target[64], user[16], group[16];
    char names[ENTRIES_XATTRS][32];
    uint8_t values[ENTRIES_XATTRS][64];
    struct entry_xattr xattrs[ENTRIES_XATTRS];
    struct item items[ENTRIES_ITEMS];
    uint8_t note[48];
};

/* Number 0 and every 50th are directories. `version` changes all but path and
 * type; of ENTRIES_NOTED some files have a note. */
#define ENTRIES_NOTED 2
void random_entry_make(struct random_entry *r, uint64_t seed, size_t number, unsigned version);

uint64_t random_next(uint64_t *state); /* splitmix64 */
/* Every field. */
void assert_entries_equal(const struct entry *a, const struct entry *b);

#endif
