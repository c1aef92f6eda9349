/* SPDX-License-Identifier: Apache-2.0 */
/* Codecs that entries, lists and trees share. */
#ifndef ABRI_CONTENT_INTERNAL_H
#define ABRI_CONTENT_INTERNAL_H

#include "content/content.h"

#define NODE_VERSION 1
#define LIST_LEVEL_FLAG 0x40
#define OWNERS_MAX 65536u

/* Bits of an entry's flags, in the order of the optional fields. */
enum entry_flag {
    FLAG_LINK = 1 << 0,
    FLAG_DEVICE = 1 << 1,
    FLAG_TARGET = 1 << 2,
    FLAG_ATTRS = 1 << 3,
    FLAG_XATTRS = 1 << 4,
    FLAG_CONTENT = 1 << 5,
    FLAG_LIST = 1 << 6,
    FLAG_EXTENSIONS = 1 << 7,
    FLAG_PARTIAL = 1 << 8,
    FLAGS_KNOWN = (1 << 9) - 1
};

enum extension_tag { EXTENSION_NOTE = 1 };
enum item_tag { TAG_HOLE = 0, TAG_CHUNK = 1, TAG_SLICE = 2, TAG_NEXT = 3 };

/* The slice before, for TAG_NEXT. */
struct item_run {
    uint8_t id[SEAL_ID_BYTES];
    uint64_t end;
    bool valid;
};
void item_encode(struct item_run *run, const struct item *it, struct buf *out);
/* False (and c->bad) if malformed. */
bool item_decode(struct item_run *run, struct cursor *c, struct item *out);

uint32_t owner_table_index(struct owner_table *t, const struct entry *en, struct err *e);
MUST_CHECK int owner_table_decode(struct owner_table *t, struct cursor *c, struct err *e);
/* False if there is no such owner. Strings are borrowed from the table. */
bool owner_table_get(const struct owner_table *t, uint64_t index, struct entry *en);
#define OWNER_NONE UINT32_MAX

#endif
