/* SPDX-License-Identifier: Apache-2.0 */
/* What find remembers: states of paths, and which nodes hold which of them. */
#ifndef ABRI_WORK_FIND_INTERNAL_H
#define ABRI_WORK_FIND_INTERNAL_H

#include "work/work_internal.h"

/* Bounds of memory; patterns that match more are refused. */
#define FIND_STATES_MAX (4u << 20)
#define FIND_HITS_MAX   (64u << 20)

struct find_state {
    uint8_t key[HASH_BYTES]; /* of the path and everything about it */
    struct entry *entry;     /* owned */
    uint32_t first_run, last_run;
};

struct find_run { /* snapshots in a row that have a state */
    uint32_t first, last, next;
};
#define FIND_NO_RUN UINT32_MAX

/* A node that was read: what it holds is hits[from … to). */
struct find_node {
    uint8_t id[ID_BYTES];
    uint32_t from, to;
    bool used;
};

struct find_memory {
    struct find_state *states;
    size_t state_count, state_cap;
    uint32_t *by_key; /* open addressing: 1 + position, 0 free */
    size_t key_cap;
    struct find_run *runs;
    size_t run_count, run_cap;
    uint32_t *hits; /* positions in states, as the trees were walked */
    size_t hit_count, hit_cap;
    struct find_node *nodes; /* open addressing */
    size_t node_count, node_cap;
};

void find_memory_done(struct find_memory *m);
/* The state of an entry, new or known. */
MUST_CHECK int find_state_of(struct find_memory *m, const struct entry *en, uint32_t *out,
                             struct err *e);
/* Notes that snapshot number `at` has it; `joined` if it follows at − 1. */
MUST_CHECK int find_hit(struct find_memory *m, uint32_t state, uint32_t at, bool joined,
                        struct err *e);
const struct find_node *find_node_known(const struct find_memory *m, const uint8_t id[ID_BYTES]);
MUST_CHECK int find_node_add(struct find_memory *m, const uint8_t id[ID_BYTES], uint32_t from,
                             struct err *e);

#endif
