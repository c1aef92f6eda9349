/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots whose chunks the test remembers, to tell what a collection lost. */
#ifndef ABRI_TESTS_UNIT_VAULT_GC_WORLD_H
#define ABRI_TESTS_UNIT_VAULT_GC_WORLD_H

#include "world.h"

#define CHUNKS 256u /* numbers that snapshots choose from */

struct kept { /* what a snapshot holds */
    uint8_t id[ID_BYTES];
    uint64_t seq;
    bool has[CHUNKS];
};

/* A session over chunks [from, to), committed and ended. */
struct kept keep(struct world *w, int writer, uint64_t from, uint64_t to);
/* Of the snapshot that was committed last. */
void kept_newest(struct vault *v, struct kept *out);
/* Removes the record, as an expired one goes. */
void expire(struct world *w, const struct kept *k);
/* Every chunk reads back, and the reference set holds it. */
void assert_kept(struct vault *v, const struct kept *k);
bool chunk_is_there(struct vault *v, uint64_t number);
/* The structure has no damage. */
void assert_sound(struct vault *v);

/* A collection that removes at once. */
struct gc_result collect(struct world *w);
extern const struct gc_options at_once;
uint64_t pack_count(struct world *w);

/* An empty replica of a world's vault, in a store of its own (in memory), which
 * world_close closes. */
void replica(struct world *of, struct world *out);
void replica_in(struct world *of, struct store *s, struct world *out);

#endif
