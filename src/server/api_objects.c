/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects of vaults, for those who may see them: one, a list, many ranges at once. There is no call
 * that changes one.
 *
 * A7 What may be seen is one table (wire/objects.c) and, of packs with the right "add" alone, their ends
 *    (vault/keeper_view.c). What may not be seen is answered as what is not there.
 * A8 Nothing is read before the log says who begins to read (tally.c, B4); the right "add" alone reads nothing of
 *    history, and is not recorded.
 */
#include "server/api.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reading {
    struct request *q;
    struct vault_access access;
    struct vault_entry *v;
    struct keeper_view *view; /* with the right "add" alone, once packs are asked for */
};

static void reading_done(struct reading *r)
{
    if (r->view) {
        (void)pthread_mutex_lock(&r->v->lock);
        keeper_view_close(r->view);
        (void)pthread_mutex_unlock(&r->v->lock);
    }
    if (r->v)
        vaults_give(r->q->server, r->v);
}

/* -1: answered. */
static int begin_reading(struct request *q, struct reading *r)
{
    struct err why = ERR_INIT;
    *r = (struct reading){.q = q};
    if (access_to_vault(q, q->ids[0], &r->access))
        return -1;
    if (!r->access.rights) {
        reply_refuse(q, "forbidden", "reading needs a grant: ask for one");
        return -1;
    }
    if (vaults_take(q->server, q->ids[0], &r->v, &why)) {
        reply_fail(q, &why);
        return -1;
    }
    return 0;
}

static bool may_read(const struct reading *r)
{
    return (r->access.rights & WIRE_RIGHT_READ) != 0;
}

static int note(struct reading *r, uint64_t bytes, struct err *e)
{
    if (!may_read(r))
        return 0;
    return tally_read(r->q->server, r->access.vault.vault, r->q->caller.identity.id,
                      r->access.grant, bytes, e);
}

static int open_view(struct reading *r, struct err *e)
{
    if (r->view)
        return 0;
    (void)pthread_mutex_lock(&r->v->lock);
    int rc = keeper_view_open(r->v->vault, r->access.writer, &r->view, e);
    (void)pthread_mutex_unlock(&r->v->lock);
    return rc;
}

static int hidden(const char *name, struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, "%s: there is nothing of that name for you", name);
}

/* Who may add to a vault knows that it is there, so he is told what he lacks; and the log is told of him. */
static int not_without_grant(const char *name, struct err *e)
{
    return err_set(e, ERR_REFUSED,
                   "%s: this identity may add to the vault, not read it: ask for a grant", name);
}

/* A7: of a pack with "add" alone, the header, and what lies behind the frames. */
static int check_ends(struct reading *r, const char *name, uint64_t off, uint64_t len,
                      struct err *e)
{
    uint8_t id[ID_BYTES];
    uint64_t footer;
    if (!keeper_pack_id(name, id))
        return hidden(name, e);
    if (open_view(r, e))
        return -1;
    (void)pthread_mutex_lock(&r->v->lock);
    int rc = keeper_view_footer(r->view, id, &footer, e);
    (void)pthread_mutex_unlock(&r->v->lock);
    if (rc)
        return e->cls == ERR_NOT_FOUND ? hidden(name, e) : -1;
    if (off >= footer || (off <= KEEPER_PACK_HEADER && len <= KEEPER_PACK_HEADER - off))
        return 0;
    return err_set(e, ERR_REFUSED, "%s: frames may only be read with the right to read", name);
}

/* Whether these bytes of the object may be seen. */
static int check_object(struct reading *r, const char *name, uint64_t off, uint64_t len,
                        struct err *e)
{
    switch (wire_object_access(name)) {
    case WIRE_NEVER: return hidden(name, e);
    case WIRE_OPEN: return 0;
    case WIRE_READ: return may_read(r) ? 0 : not_without_grant(name, e);
    case WIRE_ENDS: return may_read(r) ? 0 : check_ends(r, name, off, len, e);
    }
    return hidden(name, e);
}

static void reply_unreadable(struct request *q, const struct err *why)
{
    if (why->cls == ERR_REFUSED)
        reply_refuse(q, "forbidden", "%s", why->msg);
    else if (why->cls == ERR_NOT_FOUND)
        reply_not_found(q);
    else
        reply_fail(q, why);
}

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
    if (begin_reading(q, &r))
        return;
    struct sending *n = mem_zalloc(sizeof *n);
    if (!n)
        (void)err_no_memory(&why, "an answer");
    /* With "add" alone a pack is opened to learn its length, not more than its header is sent. */
    if (n && wire_object_access(q->rest) == WIRE_ENDS && !may_read(&r) && first == 0)
        last = KEEPER_PACK_HEADER - 1;
    if (!n || check_object(&r, q->rest, first, last == UINT64_MAX ? UINT64_MAX - first : last - first + 1, &why) ||
        store_open(r.v->store, q->rest, &n->object, &why) ||
        note(&r, store_reader_len(n->object), &why)) {
        reply_unreadable(q, &why);
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

static int put_line(void *arg, const char *name, uint64_t len, struct err *e)
{
    struct buf *out = arg;
    if (wire_object_access(name) == WIRE_NEVER)
        return 0;
    wire_list_put(out, name, len);
    return buf_check(out, "a list of objects", e);
}

static int list(struct reading *r, const char *dir, struct buf *out, struct err *e)
{
    enum wire_access access = wire_list_access(dir);
    if (access == WIRE_NEVER)
        return hidden(dir, e);
    if (access == WIRE_READ && !may_read(r))
        return not_without_grant(dir, e);
    if (note(r, 0, e))
        return -1;
    if (access != WIRE_ENDS || may_read(r))
        return store_list(r->v->store, dir, put_line, out, e);
    if (open_view(r, e))
        return -1;
    (void)pthread_mutex_lock(&r->v->lock);
    int rc = keeper_view_packs(r->view, put_line, out, e);
    (void)pthread_mutex_unlock(&r->v->lock);
    return rc;
}

void api_object_list(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    CLEANUP(buf_done) struct buf out = {.max = WIRE_LIST_MAX};
    struct reading r;
    struct err why = ERR_INIT;
    const char *query = http_query(q->http);
    (void)in, (void)body, (void)len;
    if (begin_reading(q, &r))
        return;
    if (strncmp(query, "under=", 6) != 0)
        (void)err_set(&why, ERR_USAGE, "which directory? ?under=DIRECTORY");
    if (why.cls || list(&r, query + 6, &out, &why)) {
        reply_unreadable(q, &why);
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
    (void)!note(&b->reading, b->given, NULL); /* that it began is recorded */
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
    if (check_object(&b->reading, r->name, r->off, r->len, &why) ||
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
    if (begin_reading(q, &r)) {
        mem_free(b);
        return;
    }
    if (b)
        b->ranges = mem_array(count_lines(body, len), sizeof *b->ranges);
    if (!b || !b->ranges)
        (void)err_no_memory(&why, "a list of ranges");
    if (why.cls || wire_ranges_take(body, len, keep_range, b, &why) || note(&r, 0, &why)) {
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
