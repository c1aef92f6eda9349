/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects of vaults, for those who may see them: one, a list, many ranges at once. There is no call
 * that changes one.
 * What may be seen, and that it is recorded: reading.h.
 */
#include "server/api.h"
#include "server/reading.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- one object ------------------------------------------------------------------------------ */

/* "bytes=0-99"; false: there is none. */
static bool take_range(const struct request *q, uint64_t *first, uint64_t *last)
{
    const char *text = http_header(q->http, "range");
    char *end = NULL;
    if (!text || strncmp(text, "bytes=", 6) != 0)
        return false;
    *first = strtoull(text + 6, &end, 10);
    if (end == text + 6 || *end != '-')
        return false;
    *last = end[1] ? strtoull(end + 1, NULL, 10) : UINT64_MAX;
    return *last >= *first;
}

struct sending {
    struct reading reading;
    struct store_reader *object;
    uint64_t at, end;
};

static void sending_free(void *arg)
{
    struct sending *n = arg;
    store_reader_close(n->object);
    reading_done(&n->reading);
    mem_free(n);
}

static int64_t fill_object(void *arg, uint8_t *buf, size_t cap)
{
    struct sending *n = arg;
    size_t len = n->end - n->at < cap ? (size_t)(n->end - n->at) : cap;
    if (store_read(n->object, n->at, buf, len, NULL))
        return -1;
    n->at += len;
    return (int64_t)len;
}

static void send_range(struct sending *n, bool ranged, uint64_t first, uint64_t last)
{
    struct request *q = n->reading.q;
    char range[96];
    uint64_t len = store_reader_len(n->object);
    n->at = first;
    n->end = last < len ? last + 1 : len;
    if (n->at > n->end)
        n->at = n->end;
    (void)snprintf(range, sizeof range, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, n->at,
                   n->end ? n->end - 1 : 0, len);
    const struct http_field field = {"content-range", range};
    const struct http_source source = {fill_object, sending_free, n};
    uint64_t size = n->end - n->at;
    if (size <= 256 << 10) { /* at once */
        CLEANUP(buf_done) struct buf b = {.max = 1 << 20};
        uint8_t *room = buf_reserve(&b, (size_t)size + 1);
        if (room && (!size || fill_object(n, room, (size_t)size) == (int64_t)size))
            http_respond_with(q->http, ranged ? 206 : 200, WIRE_BINARY, &field, ranged ? 1 : 0,
                              room, (size_t)size);
        else
            reply_fail(q, &(struct err){.cls = ERR_IO, .msg = "an object cannot be read"});
        sending_free(n);
        return;
    }
    http_respond_source(q->http, ranged ? 206 : 200, WIRE_BINARY, (int64_t)size, &source);
}

void api_object(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct reading r;
    struct err why = ERR_INIT;
    uint64_t first = 0, last = UINT64_MAX;
    bool ranged = take_range(q, &first, &last);
    (void)in, (void)body, (void)len;
    if (reading_begin(q, &r))
        return;
    struct sending *n = mem_zalloc(sizeof *n);
    if (!n)
        (void)err_no_memory(&why, "an answer");
    /* With "add" alone a pack is opened to learn its length, not more than its header is sent. */
    if (n && wire_object_access(q->rest) == WIRE_ENDS && !reading_may(&r) && first == 0)
        last = KEEPER_PACK_HEADER - 1;
    if (!n || reading_check(&r, q->rest, first, last == UINT64_MAX ? UINT64_MAX - first : last - first + 1, &why) ||
        store_open(r.v->store, q->rest, &n->object, &why) ||
        (wire_object_access(q->rest) != WIRE_OPEN && reading_note(&r, store_reader_len(n->object), &why))) {
        reading_refuse(q, &why);
        if (n)
            store_reader_close(n->object);
        mem_free(n);
        reading_done(&r);
        return;
    }
    n->reading = r;
    send_range(n, ranged || last != UINT64_MAX, first, last);
}

/* ---- a list ------------------------------------------------------------------------------------- */

void api_object_list(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    CLEANUP(buf_done) struct buf out = {.max = WIRE_LIST_MAX};
    struct reading r;
    struct err why = ERR_INIT;
    const char *query = http_query(q->http);
    (void)in, (void)body, (void)len;
    if (reading_begin(q, &r))
        return;
    if (strncmp(query, "under=", 6) != 0)
        (void)err_set(&why, ERR_USAGE, "which directory? ?under=DIRECTORY");
    if (why.cls || reading_list(&r, query + 6, &out, &why)) {
        reading_refuse(q, &why);
    } else {
        http_respond(q->http, 200, WIRE_TEXT, out.data, out.len);
    }
    reading_done(&r);
}

/* ---- many ranges ------------------------------------------------------------------------------------ */

struct batch {
    struct reading reading;
    struct wire_range *ranges;
    size_t count, at;
    struct store_reader *object; /* of ranges[at], once its head was given */
    uint64_t off, end;
    uint64_t given; /* bytes, for the log */
};

static void batch_free(void *arg)
{
    struct batch *b = arg;
    (void)!reading_note(&b->reading, b->given, NULL); /* that it began is recorded */
    store_reader_close(b->object);
    reading_done(&b->reading);
    mem_free(b->ranges);
    mem_free(b);
}

/* The head of the next part; its bytes follow. */
static void open_part(struct batch *b, uint8_t head[WIRE_PART_HEAD])
{
    const struct wire_range *r = &b->ranges[b->at];
    struct wire_part h = {0};
    struct err why = ERR_INIT;
    b->off = b->end = 0;
    if (reading_check(&b->reading, r->name, r->off, r->len, &why) ||
        store_open(b->reading.v->store, r->name, &b->object, &why)) {
        h.cls = why.cls == ERR_USAGE ? ERR_NOT_FOUND : why.cls;
        store_reader_close(TAKE(b->object));
    } else {
        h.object_len = store_reader_len(b->object);
        b->off = r->off < h.object_len ? r->off : h.object_len;
        b->end = r->len < h.object_len - b->off ? b->off + r->len : h.object_len;
        h.len = b->end - b->off;
        b->given += h.len;
    }
    wire_part_put(&h, head);
}

static int64_t fill_batch(void *arg, uint8_t *buf, size_t cap)
{
    struct batch *b = arg;
    size_t n = 0;
    while (n + WIRE_PART_HEAD < cap) {
        if (b->off < b->end) {
            size_t part = b->end - b->off < cap - n ? (size_t)(b->end - b->off) : cap - n;
            if (store_read(b->object, b->off, buf + n, part, NULL))
                return -1;
            b->off += part;
            n += part;
            continue;
        }
        if (b->object) {
            store_reader_close(TAKE(b->object));
            b->at++;
        }
        if (b->at == b->count)
            break;
        open_part(b, buf + n);
        n += WIRE_PART_HEAD;
        if (!b->object)
            b->at++;
    }
    return (int64_t)n;
}

static int keep_range(void *arg, const struct wire_range *r, struct err *e)
{
    struct batch *b = arg;
    (void)e;
    b->ranges[b->count++] = *r; /* there is room: a line each */
    return 0;
}

static size_t count_lines(const uint8_t *p, size_t len)
{
    size_t n = 1;
    for (size_t i = 0; i < len; i++)
        n += p[i] == '\n';
    return n < WIRE_RANGES_MAX ? n : WIRE_RANGES_MAX;
}

void api_read(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct batch *b = mem_zalloc(sizeof *b);
    struct reading r;
    struct err why = ERR_INIT;
    (void)in;
    if (reading_begin(q, &r)) {
        mem_free(b);
        return;
    }
    if (b)
        b->ranges = mem_array(count_lines(body, len), sizeof *b->ranges);
    if (!b || !b->ranges)
        (void)err_no_memory(&why, "a list of ranges");
    if (why.cls || wire_ranges_take(body, len, keep_range, b, &why) || reading_note(&r, 0, &why)) {
        reply_fail(q, &why);
        reading_done(&r);
        if (b)
            mem_free(b->ranges);
        mem_free(b);
        return;
    }
    b->reading = r;
    const struct http_source source = {fill_batch, batch_free, b};
    http_respond_source(q->http, 200, WIRE_BINARY, -1, &source);
}
