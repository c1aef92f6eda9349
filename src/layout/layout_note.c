/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The note of a disk: encode and decode (docs/format/tree.md). Does not look at disks.
 *
 * 1. What is written can be read: texts are cleaned on the way out, and refused on the way in if
 * they are not clean.
 */
#include "layout/layout.h"

#include "base/mem.h"
#include "base/utf8.h"

#include <string.h>

#define NOTE_VERSION    1
#define EXTENSIONS_MAX  256
#define EXTENSION_BYTES LAYOUT_NOTE_MAX

/* ---- encode ------------------------------------------------------------------- */

/* `cap` is that of the field: a text without a NUL ends there. */
static void put_text(struct buf *b, const char *text, size_t cap)
{
    char clean[LAYOUT_SOURCE];
    utf8_clean(text, strnlen(text, cap), clean, cap < sizeof clean ? cap : sizeof clean);
    buf_put_blob(b, clean, strlen(clean));
}

static void put_part(struct buf *b, const struct layout_part *p)
{
    buf_put_varint(b, p->number);
    buf_put_varint(b, p->start);
    buf_put_varint(b, p->bytes);
    put_text(b, p->type, sizeof p->type);
    put_text(b, p->name, sizeof p->name);
    put_text(b, p->content, sizeof p->content);
    put_text(b, p->label, sizeof p->label);
    put_text(b, p->id, sizeof p->id);
}

static void put_note(struct buf *b, const struct layout_note *n, size_t parts)
{
    const struct layout *l = &n->layout;
    buf_put_u8(b, NOTE_VERSION);
    put_text(b, n->format, sizeof n->format);
    put_text(b, n->source, sizeof n->source);
    put_text(b, n->mark, sizeof n->mark);
    buf_put_u8(b, (uint8_t)l->table);
    put_text(b, l->table_id, sizeof l->table_id);
    buf_put_varint(b, l->sector);
    buf_put_u8(b, l->more || parts < l->part_count);
    buf_put_varint(b, parts);
    for (size_t i = 0; i < parts; i++)
        put_part(b, &l->parts[i]);
    buf_put_varint(b, 0); /* no extensions */
}

int layout_note_encode(const struct layout_note *n, struct buf *out, struct err *e)
{
    struct buf b = {0};
    size_t parts =
        n->layout.part_count < LAYOUT_PARTS_MAX ? n->layout.part_count : LAYOUT_PARTS_MAX;
    put_note(&b, n, parts);
    while (!b.failed && b.len > LAYOUT_NOTE_MAX && parts > 0) {
        buf_reset(&b);
        put_note(&b, n, --parts);
    }
    int rc = buf_check(&b, "the note of a disk", e);
    if (rc == 0) {
        buf_put(out, b.data, b.len);
        rc = buf_check(out, "the note of a disk", e);
    }
    buf_done(&b);
    return rc;
}

/* ---- decode ------------------------------------------------------------------- */

static void take_text(struct cursor *c, char *out, size_t cap)
{
    size_t len = 0;
    const uint8_t *p = cursor_blob(c, cap - 1, &len);
    if (!p)
        return;
    if (!utf8_is_clean(p, len))
        c->bad = true;
    memcpy(out, p, len);
    out[len] = '\0';
}

static void take_part(struct cursor *c, struct layout_part *p)
{
    p->number = (uint32_t)cursor_varint_max(c, UINT32_MAX);
    p->start = cursor_varint_max(c, INT64_MAX);
    p->bytes = cursor_varint_max(c, INT64_MAX - p->start);
    take_text(c, p->type, sizeof p->type);
    take_text(c, p->name, sizeof p->name);
    take_text(c, p->content, sizeof p->content);
    take_text(c, p->label, sizeof p->label);
    take_text(c, p->id, sizeof p->id);
}

static void skip_extensions(struct cursor *c)
{
    size_t len, n = (size_t)cursor_varint_max(c, EXTENSIONS_MAX);
    for (size_t i = 0; i < n && !c->bad; i++) {
        (void)cursor_varint(c);
        (void)cursor_blob(c, EXTENSION_BYTES, &len);
    }
}

static void take_layout(struct cursor *c, struct layout *l)
{
    uint8_t table = cursor_u8(c);
    take_text(c, l->table_id, sizeof l->table_id);
    l->sector = (uint32_t)cursor_varint_max(c, 65536);
    uint8_t more = cursor_u8(c);
    l->part_count = (size_t)cursor_varint_max(c, LAYOUT_PARTS_MAX);
    if (table > LAYOUT_GPT || more > 1 || (l->sector && l->sector < 512) ||
        (l->sector & (l->sector - 1)))
        c->bad = true;
    l->table = c->bad ? LAYOUT_NO_TABLE : (enum layout_table)table;
    l->more = more;
    for (size_t i = 0; i < l->part_count && !c->bad; i++)
        take_part(c, &l->parts[i]);
}

static int decode(struct cursor *c, struct layout_note *n, struct err *e)
{
    uint8_t version = cursor_u8(c);
    if (!c->bad && version > NOTE_VERSION)
        return err_set(e, ERR_NEWER, "the note of a disk has version %u: a newer abri reads it",
                       version);
    if (version != NOTE_VERSION)
        c->bad = true;
    take_text(c, n->format, sizeof n->format);
    take_text(c, n->source, sizeof n->source);
    take_text(c, n->mark, sizeof n->mark);
    take_layout(c, &n->layout);
    skip_extensions(c);
    return cursor_check(c, true, "the note of a disk", e);
}

int layout_note_decode(const void *p, size_t len, struct layout_note *out, struct err *e)
{
    struct cursor c = cursor_of(p, len);
    if (len > LAYOUT_NOTE_MAX)
        return err_set(e, ERR_DAMAGED, "the note of a disk has %zu bytes, more than it can", len);
    struct layout_note *n = mem_zalloc(sizeof *n);
    if (!n)
        return err_no_memory(e, "the note of a disk");
    int rc = decode(&c, n, e);
    if (rc == 0)
        *out = *n;
    mem_free(n);
    return rc;
}
