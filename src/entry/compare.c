/* SPDX-License-Identifier: Apache-2.0 */
/* In what two entries differ. Looks at names of chunks, never at content. */
#include "entry/entry.h"

#include <string.h>

static bool same_item(const struct item *a, const struct item *b)
{
    return a->kind == b->kind && a->len == b->len &&
           (a->kind == ITEM_HOLE ||
            (a->offset == b->offset && memcmp(a->id, b->id, ENTRY_ID_BYTES) == 0));
}

static bool same_chunks(const struct entry *a, const struct entry *b)
{
    if (a->size != b->size || a->has_list != b->has_list || a->item_count != b->item_count)
        return false;
    if (a->has_list)
        return a->list_level == b->list_level &&
               memcmp(a->list_id, b->list_id, ENTRY_ID_BYTES) == 0;
    for (size_t i = 0; i < a->item_count; i++)
        if (!same_item(&a->items[i], &b->items[i]))
            return false;
    return true;
}

static bool same_content(const struct entry *a, const struct entry *b)
{
    switch (a->type) {
    case ENTRY_FILE: return same_chunks(a, b);
    case ENTRY_SYMLINK:
        return a->target_len == b->target_len && !memcmp(a->target, b->target, a->target_len);
    case ENTRY_CHAR:
    case ENTRY_BLOCK: return a->dev_major == b->dev_major && a->dev_minor == b->dev_minor;
    case ENTRY_DIR:
    case ENTRY_FIFO:
    case ENTRY_SOCKET:
    case ENTRY_UNSET: break;
    }
    return true;
}

static bool same_xattrs(const struct entry *a, const struct entry *b)
{
    if (a->xattr_count != b->xattr_count)
        return false;
    for (size_t i = 0; i < a->xattr_count; i++) {
        const struct entry_xattr *x = &a->xattrs[i], *y = &b->xattrs[i];
        if (strcmp(x->name, y->name) != 0 || x->value_len != y->value_len ||
            (x->value_len && memcmp(x->value, y->value, x->value_len) != 0))
            return false;
    }
    return true;
}

static bool same_owner(const struct entry *a, const struct entry *b)
{
    return a->uid == b->uid && a->gid == b->gid && strcmp(a->user, b->user) == 0 &&
           strcmp(a->group, b->group) == 0;
}

static bool same_metadata(const struct entry *a, const struct entry *b)
{
    return a->mode == b->mode && same_owner(a, b) && a->mtime_s == b->mtime_s &&
           a->mtime_ns == b->mtime_ns && a->has_link == b->has_link &&
           a->attrs == b->attrs && a->partial == b->partial && same_xattrs(a, b);
}

unsigned entry_compare(const struct entry *a, const struct entry *b)
{
    unsigned differs = same_metadata(a, b) ? 0 : ENTRY_DIFFERS_META;
    if (a->type != b->type)
        return differs | ENTRY_DIFFERS_TYPE;
    return differs | (same_content(a, b) ? 0 : ENTRY_DIFFERS_CONTENT);
}
