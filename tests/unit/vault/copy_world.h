/* SPDX-License-Identifier: Apache-2.0 */
/* Copying all living snapshots of one world to another, and what was said meanwhile. */
#ifndef ABRI_TESTS_UNIT_VAULT_COPY_WORLD_H
#define ABRI_TESTS_UNIT_VAULT_COPY_WORLD_H

#include "gc_world.h"

struct events {
    unsigned refused, damaged;
    char why[ERR_MESSAGE_BYTES]; /* of the last that was refused */
    void (*on_copied)(void);     /* NULL, or called at each */
};
/* A vault_refused; arg is the events. */
void note_refused(void *arg, const struct snapshot *s, const char *why);

/* `only`: a single one, by its place; SIZE_MAX: all. */
int copy_try(struct world *from, struct world *to, size_t only, bool dry_run, struct events *ev,
             struct vault_copy_result *r, struct err *e);
/* All; none may be refused. */
struct vault_copy_result copy(struct world *from, struct world *to);
struct snapshot_list list_of(struct world *w);

#endif
