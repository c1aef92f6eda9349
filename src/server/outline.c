/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outlines: lists and small objects of a vault in one answer (wire/outline.c), so that far away a command costs a handful of
 * round trips, however many snapshots there are.
 *
 * O1 Nothing that could not be asked for one by one: A7, A8.
 * O2 Directories in the order in which the vault's own code looks: recipients before the keys, marks before the records, what is condemned before
 *    the packs. Each is listed before its objects are read.
 * O3 Whole objects up to OUTLINE_BYTES; what there is no room for is asked for by its name. Of records the newest are taken.
 */
#include "server/outline.h"

#include "base/mem.h"
#include "server/api.h"

#include <stdlib.h>
#include <string.h>

#define OUTLINE_BYTES ((size_t)4 << 20)
#define OBJECT_COST   ((size_t)64) /* beside its bytes */

struct outline {
    struct reading *r;
    struct buf *out;
    size_t room;
    struct buf lines; /* of the directory that is being listed */
};

static const char *const open_dirs[] = {"recipients", "writers", "revoked", "condemned"};
static const char *const read_dirs[] = {"rules", "keys", "marks", "snapshots", "resealed", "sessions", "revoked", "condemned"};

/* What went meanwhile is left out: whoever wants it asks, and hears. */
static int put_object(struct outline *o, const char *name, struct err *e)
{
    CLEANUP(buf_done) struct buf bytes = {.max = WIRE_OUTLINE_PIECE};
    struct store_reader *object = NULL;
    struct err why = ERR_INIT;
    if (store_open(o->r->v->store, name, &object, &why))
        return why.cls == ERR_NO_MEMORY ? err_give(e, &why) : 0;
    uint64_t whole = store_reader_len(object);
    size_t len = whole < WIRE_OUTLINE_PIECE ? (size_t)whole : WIRE_OUTLINE_PIECE;
    uint8_t *p = len + OBJECT_COST > o->room ? NULL : buf_reserve(&bytes, len + 1);
    int rc = p ? store_read(object, 0, p, len, &why) : 0;
    store_reader_close(object);
    if (!p || rc)
        return 0;
    o->room -= len + OBJECT_COST;
    wire_outline_object(o->out, name, whole, p, len);
    return wire_object_access(name) == WIRE_OPEN ? 0 : reading_note(o->r, len, e);
}

static int newest_first(const void *a, const void *b)
{
    return -strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names in the lines, whose ends become theirs. */
static size_t split(struct buf *lines, const char **names)
{
    size_t count = 0;
    char *line = (char *)lines->data, *end = line + lines->len;
    for (char *stop; line < end && (stop = memchr(line, '\n', (size_t)(end - line))) != NULL; line = stop + 1) {
        *stop = '\0';
        names[count++] = strchr(line, ' ') + 1;
    }
    return count;
}

static size_t count_lines(const struct buf *lines)
{
    size_t n = 0;
    for (size_t i = 0; i < lines->len; i++)
        n += lines->data[i] == '\n';
    return n;
}

/* Of the directory that was listed last; uses up its lines. */
static int put_objects(struct outline *o, struct err *e)
{
    CLEANUP_FREE const char **names = mem_array(count_lines(&o->lines) + 1, sizeof *names);
    if (!names)
        return err_no_memory(e, "an outline");
    size_t count = split(&o->lines, names);
    if (count)
        qsort(names, count, sizeof *names, newest_first);
    for (size_t i = 0; i < count && o->room; i++)
        if (put_object(o, names[i], e))
            return -1;
    return 0;
}

static int put_list(struct outline *o, const char *dir, struct err *e)
{
    buf_reset(&o->lines);
    if (reading_list(o->r, dir, &o->lines, e))
        return -1;
    wire_outline_list(o->out, dir, &o->lines);
    return buf_check(o->out, "an outline", e);
}

static int put_dirs(struct outline *o, const char *const *dirs, size_t count, struct err *e)
{
    for (size_t i = 0; i < count; i++)
        if (put_list(o, dirs[i], e) || put_objects(o, e))
            return -1;
    return 0;
}

int outline_make(struct reading *r, enum outline_of of, const struct writer_past *past, struct buf *out, struct err *e)
{
    struct outline o = {.r = r, .out = out, .room = OUTLINE_BYTES, .lines = {.max = WIRE_LIST_MAX}};
    int rc;
    wire_outline_begin(out);
    if (of == OUTLINE_READ)
        rc = put_dirs(&o, read_dirs, sizeof read_dirs / sizeof *read_dirs, e);
    else
        rc = put_object(&o, "vault", e) || put_dirs(&o, open_dirs, sizeof open_dirs / sizeof *open_dirs, e);
    if (!rc && of == OUTLINE_SESSION) {
        rc = put_list(&o, "packs", e);
        wire_outline_past(out, r->access.writer, past->sequence, past->id);
    }
    wire_outline_end(out);
    buf_done(&o.lines);
    return rc || buf_check(out, "an outline", e) ? -1 : 0;
}

void api_outline(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    CLEANUP(buf_done) struct buf out = {.max = WIRE_OUTLINE_MAX};
    struct reading r;
    struct err why = ERR_INIT;
    const char *query = http_query(q->http);
    bool read = strcmp(query, "of=read") == 0;
    (void)in, (void)body, (void)len;
    if (reading_begin(q, &r))
        return;
    if (!read && strcmp(query, "of=open") != 0)
        (void)err_set(&why, ERR_USAGE, "an outline of what? ?of=open or ?of=read");
    if (why.cls || outline_make(&r, read ? OUTLINE_READ : OUTLINE_OPEN, NULL, &out, &why))
        reading_refuse(q, &why);
    else
        http_respond(q->http, 200, WIRE_BINARY, out.data, out.len);
    reading_done(&r);
}
