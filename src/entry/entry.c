/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies of entries, the names of their types, their time as one number. Does not judge whether an
 * entry makes sense: decoders do, before they build one.
 */
#include "entry/entry.h"

#include "base/mem.h"

#include <string.h>

/* The words that users of restic know from its JSON output. */
const char *entry_type_name(enum entry_type t)
{
    switch (t) {
    case ENTRY_FILE: return "file";
    case ENTRY_DIR: return "dir";
    case ENTRY_SYMLINK: return "symlink";
    case ENTRY_FIFO: return "fifo";
    case ENTRY_SOCKET: return "socket";
    case ENTRY_CHAR: return "chardev";
    case ENTRY_BLOCK: return "dev";
    case ENTRY_UNSET: break;
    }
    return "unknown";
}

#define NS_PER_SECOND INT64_C(1000000000)

int64_t entry_mtime_ns(const struct entry *e)
{
    int64_t ns;
    if (__builtin_mul_overflow(e->mtime_s, NS_PER_SECOND, &ns) ||
        __builtin_add_overflow(ns, (int64_t)e->mtime_ns, &ns))
        return e->mtime_s < 0 ? INT64_MIN : INT64_MAX;
    return ns;
}

static size_t string_room(const char *s)
{
    return s ? strlen(s) + 1 : 0;
}

/* Bytes behind the arrays: all strings with their NULs, and the xattr values. */
static size_t text_room(const struct entry *e)
{
    size_t n = string_room(e->user) + string_room(e->group);
    n += e->path ? e->path_len + 1 : 0;
    n += e->target ? e->target_len + 1 : 0;
    for (size_t i = 0; i < e->xattr_count; i++)
        n += string_room(e->xattrs[i].name) + e->xattrs[i].value_len;
    return n + e->note_len;
}

/* Copies `len` bytes and, for strings, a NUL; advances the cursor. */
static void *place(char **at, const void *p, size_t len, bool is_string)
{
    if (!p)
        return NULL;
    char *copy = *at;
    if (len)
        memcpy(copy, p, len);
    if (is_string)
        copy[len] = '\0';
    *at += len + is_string;
    return copy;
}

static char *place_string(char **at, const char *s)
{
    return place(at, s, s ? strlen(s) : 0, true);
}

struct entry *entry_dup(const struct entry *e)
{
    /* Struct, then xattrs, then items: each size is a multiple of 8. */
    _Static_assert(sizeof(struct entry) % 8 == 0, "xattrs follow aligned");
    _Static_assert(sizeof(struct entry_xattr) % 8 == 0, "items follow aligned");
    size_t xattrs_len = e->xattr_count * sizeof(struct entry_xattr);
    size_t items_len = e->item_count * sizeof(struct item);
    struct entry *copy = mem_alloc(sizeof *e + xattrs_len + items_len + text_room(e));
    if (!copy)
        return NULL;
    *copy = *e;
    struct entry_xattr *xattrs = (struct entry_xattr *)(copy + 1);
    struct item *items = (struct item *)(xattrs + e->xattr_count);
    char *at = (char *)(items + e->item_count);

    copy->path = place(&at, e->path, e->path_len, true);
    copy->target = place(&at, e->target, e->target_len, true);
    copy->user = place_string(&at, e->user);
    copy->group = place_string(&at, e->group);
    for (size_t i = 0; i < e->xattr_count; i++) {
        const struct entry_xattr *x = &e->xattrs[i];
        xattrs[i].name = place_string(&at, x->name);
        xattrs[i].value = place(&at, x->value, x->value_len, false);
        xattrs[i].value_len = x->value_len;
    }
    copy->note = e->note_len ? place(&at, e->note, e->note_len, false) : NULL;
    if (items_len)
        memcpy(items, e->items, items_len);
    copy->xattrs = e->xattr_count ? xattrs : NULL;
    copy->items = e->item_count ? items : NULL;
    return copy;
}
