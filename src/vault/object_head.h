/* SPDX-License-Identifier: Apache-2.0 */
/* The first twelve bytes of every object: eight characters and a version. */
#ifndef ABRI_VAULT_OBJECT_HEAD_H
#define ABRI_VAULT_OBJECT_HEAD_H

#include "base/bytes.h"

#define OBJECT_HEAD_BYTES 12u
#define OBJECT_VERSION    1u

void object_head_put(struct buf *b, const char magic[static 8]);
void object_head_encode(uint8_t out[static OBJECT_HEAD_BYTES], const char magic[static 8]);
/* Consumes the head. ERR_DAMAGED if it is not `magic`, ERR_NEWER if its
 * version is higher than ours; `what` is a noun with its article: "a pack". */
MUST_CHECK int object_head_check(struct cursor *c, const char magic[static 8], const char *what,
                                 struct err *e);
/* The same for objects that have several versions, 1 … `newest`. */
MUST_CHECK int object_head_versions(struct cursor *c, const char magic[static 8], uint32_t newest,
                                    uint32_t *version_out, const char *what, struct err *e);

#endif
