/* SPDX-License-Identifier: Apache-2.0 */
/* From options to a plan, and from what failed to a sentence. Of the room alone. */
#ifndef ABRI_BOX_BOX_PLAN_H
#define ABRI_BOX_BOX_PLAN_H

#include "box/box_child.h"

/* Borrows the texts and descriptors of `o`. ERR_USAGE, ERR_LIMIT, ERR_REFUSED (no Landlock),
 * ERR_NO_MEMORY. */
MUST_CHECK int box_plan_new(const struct box_options *o, struct box_plan **out, struct err *e);
void box_plan_free(struct box_plan *p);
/* The flags of clone for it. */
unsigned long box_plan_flags(const struct box_plan *p);
/* Says what the child reported; returns -1. */
int box_plan_failure(const struct box_plan *p, const struct box_report *r, struct err *e);

#endif
