/* SPDX-License-Identifier: Apache-2.0 */
#include "content/content_internal.h"

#include <string.h>

int entry_encoder_init(struct entry_encoder *c, struct err *e)
{
    *c = (struct entry_encoder){.last_path.max = ENTRY_PATH_MAX + 1};
    return owner_table_new(&c->owners, e);
}

void entry_encoder_done(struct entry_encoder *c)
{
    buf_done(&c->last_path);
    owner_table_free(c->owners);
    c->owners = NULL;
}

void entry_encoder_reset(struct entry_encoder *c)
{
    buf_reset(&c->last_path);
    c->has_last = false;
    owner_table_reset(c->owners);
}

static unsigned flags_of(const struct entry *en)
{
    unsigned flags = 0;
    if (en->has_link)
        flags |= FLAG_LINK;
    if (en->type == ENTRY_CHAR || en->type == ENTRY_BLOCK)
        flags |= FLAG_DEVICE;
    if (en->type == ENTRY_SYMLINK)
        flags |= FLAG_TARGET;
    if (en->attrs)
        flags |= FLAG_ATTRS;
    if (en->xattr_count)
        flags |= FLAG_XATTRS;
    if (en->item_count)
        flags |= FLAG_CONTENT;
    if (en->has_list)
        flags |= FLAG_LIST;
    if (en->partial)
        flags |= FLAG_PARTIAL;
    if (en->note_len)
        flags |= FLAG_EXTENSIONS;
    return flags;
}

static void put_path(struct entry_encoder *c, const struct entry *en, struct buf *out)
{
    size_t limit = c->last_path.len < en->path_len ? c->last_path.len : en->path_len;
    size_t shared = 0;
    const uint8_t *last = c->last_path.data;
    while (shared < limit && last[shared] == (uint8_t)en->path[shared])
        shared++;
    buf_put_varint(out, shared);
    buf_put_blob(out, en->path + shared, en->path_len - shared);
    c->last_path.len = shared;
    buf_put(&c->last_path, en->path + shared, en->path_len - shared);
}

static void put_items(struct entry_encoder *c, const struct entry *en, struct buf *out)
{
    struct item_run run = {.end = c->last_end, .valid = c->has_last};
    memcpy(run.id, c->last_id, SEAL_ID_BYTES);
    buf_put_varint(out, en->item_count);
    for (size_t i = 0; i < en->item_count; i++)
        item_encode(&run, &en->items[i], out);
    memcpy(c->last_id, run.id, SEAL_ID_BYTES);
    c->last_end = run.end;
    c->has_last = run.valid;
}

static void put_optional(struct entry_encoder *c, const struct entry *en, unsigned flags,
                         struct buf *out)
{
    if (flags & FLAG_LINK)
        buf_put_u64(out, en->link);
    if (flags & FLAG_DEVICE) {
        buf_put_varint(out, en->dev_major);
        buf_put_varint(out, en->dev_minor);
    }
    if (flags & FLAG_TARGET)
        buf_put_blob(out, en->target, en->target_len);
    if (flags & FLAG_ATTRS)
        buf_put_varint(out, en->attrs);
    if (flags & FLAG_XATTRS) {
        buf_put_varint(out, en->xattr_count);
        for (size_t i = 0; i < en->xattr_count; i++) {
            buf_put_blob(out, en->xattrs[i].name, strlen(en->xattrs[i].name));
            buf_put_blob(out, en->xattrs[i].value, en->xattrs[i].value_len);
        }
    }
    if (flags & FLAG_CONTENT)
        put_items(c, en, out);
    if (flags & FLAG_LIST) {
        buf_put_u8(out, en->list_level);
        buf_put(out, en->list_id, SEAL_ID_BYTES);
    }
    if (flags & FLAG_EXTENSIONS) {
        buf_put_varint(out, 1);
        buf_put_varint(out, EXTENSION_NOTE);
        buf_put_blob(out, en->note, en->note_len);
    }
}

int entry_encode(struct entry_encoder *c, const struct entry *en, struct buf *out, struct err *e)
{
    uint32_t owner = owner_table_index(c->owners, en, e);
    if (owner == OWNER_NONE)
        return -1;
    unsigned flags = flags_of(en);
    put_path(c, en, out);
    buf_put_u8(out, (uint8_t)en->type);
    buf_put_varint(out, flags);
    buf_put_varint(out, en->mode);
    buf_put_varint(out, owner);
    buf_put_zigzag(out, en->mtime_s);
    buf_put_varint(out, en->mtime_ns);
    if (en->type == ENTRY_FILE)
        buf_put_varint(out, en->size);
    put_optional(c, en, flags, out);
    if (c->last_path.failed)
        return err_no_memory(e, "a path");
    return buf_check(out, "a tree node", e);
}
