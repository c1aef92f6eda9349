/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads entries back. Every byte is hostile:
 *  D1 nothing is allocated before its size is checked against a limit;
 *  D2 an entry that comes out obeys every rule of docs/format/tree.md that can
 *     be seen from its node alone: path, order, type against fields, lengths.
 */
#include "content/content_internal.h"

#include "base/mem.h"

#include <string.h>

struct entry_decoder {
    struct owner_table *owners;
    struct buf path;   /* NUL-terminated, len without the NUL */
    struct buf target; /* the same */
    struct buf names;  /* of xattrs, NUL-terminated one behind the other */
    struct entry_xattr *xattrs;
    size_t xattr_cap;
    struct item *items;
    size_t item_cap;
    struct item_run run;
    bool first;
};

int entry_decoder_new(struct entry_decoder **out, struct err *e)
{
    struct entry_decoder *d = mem_zalloc(sizeof *d);
    if (!d || owner_table_new(&d->owners, e)) {
        mem_free(d);
        return err_no_memory(e, "entries");
    }
    d->path.max = ENTRY_PATH_MAX + 1;
    *out = d;
    return 0;
}

void entry_decoder_free(struct entry_decoder *d)
{
    if (!d)
        return;
    owner_table_free(d->owners);
    buf_done(&d->path);
    buf_done(&d->target);
    buf_done(&d->names);
    mem_free(d->xattrs);
    mem_free(d->items);
    mem_free(d);
}

int entry_decoder_begin(struct entry_decoder *d, struct cursor *c, struct err *e)
{
    buf_reset(&d->path);
    d->run.valid = false;
    d->first = true;
    return owner_table_decode(d->owners, c, e);
}

static const char entry_what[] = "entry";

static int bad(struct err *e, const char *what)
{
    return err_set(e, ERR_DAMAGED, "entry: %s", what);
}

/* True if `suffix` in place of the old path's tail makes a greater path. */
static bool ascends(const struct entry_decoder *d, size_t shared, const uint8_t *suffix,
                    size_t len)
{
    return d->first || path_compare((const char *)d->path.data + shared, d->path.len - shared,
                                    (const char *)suffix, len) < 0;
}

static int read_path(struct entry_decoder *d, struct cursor *c, struct entry *en, struct err *e)
{
    size_t shared = (size_t)cursor_varint_max(c, d->path.len);
    size_t len;
    const uint8_t *suffix = cursor_blob(c, ENTRY_PATH_MAX - shared, &len);
    if (!suffix)
        return cursor_check(c, false, entry_what, e);
    if (!ascends(d, shared, suffix, len))
        return bad(e, "paths are not in ascending order");
    d->path.len = shared;
    buf_put(&d->path, suffix, len);
    buf_put_u8(&d->path, 0);
    if (d->path.failed)
        return err_no_memory(e, "a path");
    d->path.len--;
    d->first = false;
    en->path = (const char *)d->path.data;
    en->path_len = d->path.len;
    return path_is_valid(en->path, en->path_len) ? 0 : bad(e, "a path that no file can have");
}

static int read_fixed(struct entry_decoder *d, struct cursor *c, struct entry *en,
                      uint64_t *flags_out, struct err *e)
{
    uint8_t type = cursor_u8(c);
    uint64_t flags = cursor_varint(c);
    en->mode = (uint32_t)cursor_varint_max(c, 07777);
    uint64_t owner = cursor_varint(c);
    en->mtime_s = cursor_zigzag(c);
    en->mtime_ns = (uint32_t)cursor_varint_max(c, 999999999);
    en->type = (enum entry_type)type;
    if (type < ENTRY_FILE || type > ENTRY_BLOCK)
        return bad(e, "unknown type");
    if (en->type == ENTRY_FILE)
        en->size = cursor_varint_max(c, INT64_MAX);
    if (cursor_check(c, false, entry_what, e))
        return -1;
    if (flags & ~(uint64_t)FLAGS_KNOWN)
        return err_set(e, ERR_NEWER, "entry: fields that only a newer abri knows: update abri");
    bool device = en->type == ENTRY_CHAR || en->type == ENTRY_BLOCK;
    bool file = en->type == ENTRY_FILE;
    if (!!(flags & FLAG_DEVICE) != device || !!(flags & FLAG_TARGET) != (type == ENTRY_SYMLINK) ||
        (!file && flags & (FLAG_CONTENT | FLAG_LIST | FLAG_PARTIAL)) ||
        (flags & FLAG_LINK && type == ENTRY_DIR))
        return bad(e, "fields that its type cannot have");
    if (!owner_table_get(d->owners, owner, en))
        return bad(e, "an owner that is not in the table");
    en->partial = flags & FLAG_PARTIAL;
    *flags_out = flags;
    return 0;
}

static int read_target(struct entry_decoder *d, struct cursor *c, struct entry *en, struct err *e)
{
    size_t len;
    const uint8_t *p = cursor_blob(c, ENTRY_TARGET_MAX, &len);
    if (!p || len == 0 || memchr(p, 0, len))
        return bad(e, "an impossible link target");
    buf_reset(&d->target);
    buf_put(&d->target, p, len);
    buf_put_u8(&d->target, 0);
    en->target = (const char *)d->target.data;
    en->target_len = len;
    return buf_check(&d->target, entry_what, e);
}

static int reserve_array(void *array_pp, size_t *cap, size_t count, size_t size, struct err *e)
{
    if (count <= *cap)
        return 0;
    void *grown = mem_realloc(*(void **)array_pp, count, size);
    if (!grown)
        return err_no_memory(e, entry_what);
    *(void **)array_pp = grown;
    *cap = count;
    return 0;
}

static int read_xattrs(struct entry_decoder *d, struct cursor *c, struct entry *en, struct err *e)
{
    size_t count = (size_t)cursor_varint_max(c, ENTRY_XATTRS_MAX);
    if (c->bad || count == 0 || count > cursor_left(c))
        return bad(e, "a malformed number of xattrs");
    if (reserve_array(&d->xattrs, &d->xattr_cap, count, sizeof *d->xattrs, e))
        return -1;
    buf_reset(&d->names);
    for (size_t i = 0; i < count; i++) {
        size_t name_len, value_len;
        const uint8_t *name = cursor_blob(c, ENTRY_NAME_MAX, &name_len);
        const uint8_t *value = cursor_blob(c, ENTRY_XATTR_VALUE_MAX, &value_len);
        if (!name || !value || name_len == 0 || memchr(name, 0, name_len))
            return bad(e, "a malformed xattr");
        d->xattrs[i] = (struct entry_xattr){.value = value, .value_len = value_len};
        buf_put(&d->names, name, name_len);
        buf_put_u8(&d->names, 0);
    }
    if (buf_check(&d->names, entry_what, e))
        return -1;
    const char *name = (const char *)d->names.data;
    for (size_t i = 0; i < count; i++) {
        d->xattrs[i].name = name;
        if (i && strcmp(d->xattrs[i - 1].name, name) >= 0)
            return bad(e, "xattrs are not in ascending order");
        name += strlen(name) + 1;
    }
    en->xattrs = d->xattrs;
    en->xattr_count = count;
    return 0;
}

static int read_items(struct entry_decoder *d, struct cursor *c, struct entry *en, struct err *e)
{
    uint64_t count = cursor_varint(c);
    if (c->bad || count == 0 || count > cursor_left(c))
        return bad(e, "a malformed number of items");
    if (reserve_array(&d->items, &d->item_cap, (size_t)count, sizeof *d->items, e))
        return -1;
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        if (!item_decode(&d->run, c, &d->items[i]))
            return bad(e, "a malformed item");
        sum += d->items[i].len;
        if (sum > en->size)
            return bad(e, "more content than its size");
    }
    if (sum != en->size)
        return bad(e, "less content than its size");
    en->items = d->items;
    en->item_count = (size_t)count;
    return 0;
}

/* Those that are not known are skipped: a newer abri wrote them. */
static int read_extensions(struct cursor *c, struct entry *en, struct err *e)
{
    uint64_t count = cursor_varint_max(c, 256);
    for (uint64_t i = 0; i < count && !c->bad; i++) {
        size_t len;
        uint64_t tag = cursor_varint(c);
        const uint8_t *p = cursor_blob(c, CONTENT_NODE_MAX, &len);
        if (tag != EXTENSION_NOTE || !p)
            continue;
        if (en->type != ENTRY_FILE || en->note_len || len == 0 || len > ENTRY_NOTE_MAX)
            return bad(e, "a malformed note");
        en->note = p;
        en->note_len = len;
    }
    return cursor_check(c, false, entry_what, e);
}

static int read_optional(struct entry_decoder *d, struct cursor *c, uint64_t flags,
                         struct entry *en, struct err *e)
{
    if (flags & FLAG_LINK) {
        en->has_link = true;
        en->link = cursor_u64(c);
    }
    if (flags & FLAG_DEVICE) {
        en->dev_major = (uint32_t)cursor_varint_max(c, UINT32_MAX);
        en->dev_minor = (uint32_t)cursor_varint_max(c, UINT32_MAX);
    }
    if (flags & FLAG_TARGET && read_target(d, c, en, e))
        return -1;
    if (flags & FLAG_ATTRS)
        en->attrs = (uint32_t)cursor_varint_max(c, UINT32_MAX);
    if (flags & FLAG_XATTRS && read_xattrs(d, c, en, e))
        return -1;
    if (flags & FLAG_CONTENT && read_items(d, c, en, e))
        return -1;
    if (flags & FLAG_LIST) {
        en->has_list = true;
        en->list_level = cursor_u8(c);
        cursor_copy(c, en->list_id, SEAL_ID_BYTES);
        if (en->list_level > CONTENT_LEVEL_MAX || en->item_count)
            return bad(e, "a malformed content list");
    }
    if (flags & FLAG_EXTENSIONS && read_extensions(c, en, e))
        return -1;
    return cursor_check(c, false, entry_what, e);
}

int entry_decode(struct entry_decoder *d, struct cursor *c, struct entry *out, struct err *e)
{
    struct entry en = {0};
    uint64_t flags = 0;
    if (read_path(d, c, &en, e))
        return -1;
    if (read_fixed(d, c, &en, &flags, e) || read_optional(d, c, flags, &en, e))
        return err_wrap(e, "'%s'", en.path);
    if (en.type == ENTRY_FILE && en.size && !en.item_count && !en.has_list) {
        (void)bad(e, "a file without its content");
        return err_wrap(e, "'%s'", en.path);
    }
    *out = en;
    return 0;
}
