/* SPDX-License-Identifier: Apache-2.0 */
/* A repair under way: repair.c mends packs, repair_objects.c everything else. */
#ifndef ABRI_VAULT_REPAIR_INTERNAL_H
#define ABRI_VAULT_REPAIR_INTERNAL_H

#include "vault/vault_internal.h"

/* `to` may be NULL. */
void repair_tell(vault_damage *to, void *arg, const char *object, const char *message);
/* Puts the bytes in the place of the object, or makes it; durable, name and all. */
MUST_CHECK int repair_replace(struct vault *v, const char *name, const struct buf *b,
                              struct err *e);
/* All kinds of object_kinds.h; adds to `r`. */
MUST_CHECK int repair_objects(struct vault *v, const struct vault_repair_options *o,
                              struct vault_repair_result *r, struct err *e);

#endif
