/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of objects and of ranges: a line each, numbers and a name, so that people can read and
 * write them, too. */
#include "wire/wire.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LINE_MAX_BYTES (WIRE_NAME_MAX + 48)

void wire_list_put(struct buf *out, const char *name, uint64_t len)
{
    char line[LINE_MAX_BYTES];
    int n = snprintf(line, sizeof line, "%" PRIu64 " %s\n", len, name);
    buf_put(out, line, (size_t)n);
}

void wire_range_put(struct buf *out, const struct wire_range *r)
{
    char line[LINE_MAX_BYTES];
    int n = snprintf(line, sizeof line, "%" PRIu64 " %" PRIu64 " %s\n", r->off, r->len, r->name);
    buf_put(out, line, (size_t)n);
}

/* The next line without its end; false if there is none. A last line without an end is none. */
static bool next_line(struct cursor *c, const char **line, size_t *len)
{
    const uint8_t *end = c->p == c->end ? NULL : memchr(c->p, '\n', (size_t)(c->end - c->p));
    if (!end)
        return false;
    *line = (const char *)c->p;
    *len = (size_t)(end - c->p);
    c->p = end + 1;
    return true;
}

/* A number and the blank behind it. */
static bool take_number(const char **p, const char *end, uint64_t *out)
{
    uint64_t v = 0;
    const char *s = *p;
    for (; s < end && *s >= '0' && *s <= '9'; s++) {
        if (v > (UINT64_MAX - 9) / 10)
            return false;
        v = v * 10 + (uint64_t)(*s - '0');
    }
    if (s == *p || s == end || *s != ' ')
        return false;
    *out = v;
    *p = s + 1;
    return true;
}

static bool take_name(const char *p, const char *end, char out[WIRE_NAME_MAX + 1])
{
    size_t len = (size_t)(end - p);
    if (len == 0 || len > WIRE_NAME_MAX || memchr(p, '\0', len))
        return false;
    memcpy(out, p, len);
    out[len] = '\0';
    return true;
}

static int bad_line(enum err_class cls, const char *what, struct err *e)
{
    return err_set(e, cls, "%s: a line that is none", what);
}

int wire_list_take(const void *p, size_t len, wire_each *each, void *arg, struct err *e)
{
    struct cursor c = cursor_of(p, len);
    const char *line;
    size_t n;
    while (next_line(&c, &line, &n)) {
        char name[WIRE_NAME_MAX + 1];
        uint64_t size;
        const char *end = line + n;
        if (!take_number(&line, end, &size) || !take_name(line, end, name))
            return bad_line(ERR_DAMAGED, "a list of objects", e);
        int rc = each(arg, name, size, e);
        if (rc)
            return rc;
    }
    return c.p == c.end ? 0 : bad_line(ERR_DAMAGED, "a list of objects", e);
}

int wire_ranges_take(const void *p, size_t len, wire_each_range *each, void *arg, struct err *e)
{
    struct cursor c = cursor_of(p, len);
    const char *line;
    size_t n, count = 0;
    uint64_t total = 0;
    while (next_line(&c, &line, &n)) {
        struct wire_range r;
        const char *end = line + n;
        if (!take_number(&line, end, &r.off) || !take_number(&line, end, &r.len) ||
            !take_name(line, end, r.name))
            return bad_line(ERR_USAGE, "a list of ranges", e);
        if (++count > WIRE_RANGES_MAX || r.len > WIRE_RANGE_BYTES_MAX ||
            (total += r.len) > WIRE_RANGE_BYTES_MAX)
            return err_set(e, ERR_LIMIT, "too much in one request: %u ranges of %u MiB are possible",
                           WIRE_RANGES_MAX, (unsigned)(WIRE_RANGE_BYTES_MAX >> 20));
        int rc = each(arg, &r, e);
        if (rc)
            return rc;
    }
    return c.p == c.end ? 0 : bad_line(ERR_USAGE, "a list of ranges", e);
}

/* ---- the parts of an answer ------------------------------------------------------------- */

void wire_part_put(const struct wire_part *h, uint8_t out[static WIRE_PART_HEAD])
{
    memcpy(out, "PART", 4);
    put_u32(out + 4, (uint32_t)h->cls);
    put_u64(out + 8, h->object_len);
    put_u64(out + 16, h->len);
}

int wire_part_take(const uint8_t in[static WIRE_PART_HEAD], struct wire_part *out, struct err *e)
{
    struct wire_part h = {.cls = (enum err_class)get_u32(in + 4),
                          .object_len = get_u64(in + 8),
                          .len = get_u64(in + 16)};
    if (memcmp(in, "PART", 4) != 0 || (unsigned)h.cls >= ERR_CLASS_COUNT ||
        h.len > WIRE_RANGE_BYTES_MAX || h.len > h.object_len || (h.cls && h.len))
        return err_set(e, ERR_DAMAGED, "the server's answer: malformed");
    *out = h;
    return 0;
}
