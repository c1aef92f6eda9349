/* SPDX-License-Identifier: Apache-2.0 */
/* A repair under way: repair.c mends packs, repair_objects.c everything else. */
#ifndef ABRI_VAULT_REPAIR_INTERNAL_H
#define ABRI_VAULT_REPAIR_INTERNAL_H

#include "vault/object_kinds.h"

/* `to` may be NULL. */
void repair_tell(vault_damage *to, void *arg, const char *object, const char *message);
/* Puts the bytes in the place of the object, or makes it; durable, name and all. */
MUST_CHECK int repair_replace(struct vault *v, const char *name, const struct buf *b,
                              struct err *e);
/* All kinds of object_kinds.h; adds to `r`. */
MUST_CHECK int repair_objects(struct vault *v, const struct vault_repair_options *o,
                              struct vault_repair_result *r, struct err *e);

/* ---- repair_spare.c ------------------------------------------------------------- */

/* A sound pack's bytes, durably, in the place of a spare of that name. */
MUST_CHECK int spare_put(struct vault *v, const uint8_t id[ID_BYTES], const struct buf *b,
                         struct err *e);
/* ERR_DAMAGED if it is not that pack, whole. */
MUST_CHECK int spare_get(struct vault *v, const uint8_t id[ID_BYTES], struct buf *out,
                         struct err *e);
void spare_drop(struct vault *v, const uint8_t id[ID_BYTES]);
/* Appends the ids of all that a repair left, ID_BYTES each. */
MUST_CHECK int spare_list(struct vault *v, struct buf *ids, struct err *e);

/* ---- repair_replica.c ---------------------------------------------------------- */

/* Appends the object as the replica has it, not verified. ERR_NOT_FOUND. */
MUST_CHECK int replica_object(struct vault *v, struct vault *replica, const struct object_kind *k,
                              const char *leaf, struct buf *out, struct err *e);
/* Certificates and sessions' keys of which nothing is left here. */
MUST_CHECK int replica_missing(struct vault *v, struct vault *replica,
                               const struct vault_repair_options *o,
                               struct vault_repair_result *r, struct err *e);
/* Brings what our records need of the packs in `lost` (ID_BYTES each), and of those
 * that are missing. Those that came whole, under their names, are appended to `came`. */
MUST_CHECK int replica_packs(struct vault *v, struct vault *replica, const struct buf *lost,
                             const struct vault_repair_options *o, struct vault_repair_result *r,
                             struct buf *came, struct err *e);

#endif
