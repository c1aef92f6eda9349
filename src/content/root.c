/* SPDX-License-Identifier: Apache-2.0 */
/* The root of a snapshot: what only key holders may see of it as a whole. */
#include "content/content_internal.h"

#include "base/mem.h"

#include <string.h>

#define ROOT_VERSION 1
#define PATHS_MAX 4096u
#define TAGS_MAX 64u
#define TEXT_MAX ENTRY_PATH_MAX
static const char what[] = "snapshot root";

static void put_strings(struct buf *out, const char *const *strings, size_t count)
{
    buf_put_varint(out, count);
    for (size_t i = 0; i < count; i++)
        buf_put_blob(out, strings[i], strlen(strings[i]));
}

int root_encode(const struct root *r, struct buf *out, struct err *e)
{
    if (r->path_count > PATHS_MAX || r->tag_count > TAGS_MAX ||
        r->problem_count > ROOT_PROBLEMS_MAX)
        return err_set(e, ERR_LIMIT, "at most %u paths and %u tags in one snapshot", PATHS_MAX,
                       TAGS_MAX);
    buf_put_u8(out, ROOT_VERSION);
    buf_put_u8(out, r->tree.level);
    buf_put(out, r->tree.id, SEAL_ID_BYTES);
    buf_put_varint(out, r->tree.entries);
    buf_put_blob(out, r->host, strlen(r->host));
    buf_put_zigzag(out, r->started_ns);
    buf_put_zigzag(out, r->ended_ns);
    put_strings(out, r->paths, r->path_count);
    put_strings(out, r->tags, r->tag_count);
    buf_put_varint(out, r->files);
    buf_put_varint(out, r->dirs);
    buf_put_varint(out, r->others);
    buf_put_varint(out, r->bytes);
    buf_put_varint(out, r->problem_total);
    put_strings(out, r->problems, r->problem_count);
    buf_put_varint(out, 0);
    return buf_check(out, what, e);
}

/* The decoded root and everything it points to, in one block. */
struct root_block {
    struct root root;
    const char *strings[PATHS_MAX + TAGS_MAX + ROOT_PROBLEMS_MAX];
    size_t string_count;
    char *text; /* grows through the bytes behind the struct */
};

static const char *take_string(struct root_block *b, struct cursor *c)
{
    size_t len;
    const uint8_t *p = cursor_blob(c, TEXT_MAX, &len);
    if (!p || memchr(p, 0, len)) {
        c->bad = true;
        return "";
    }
    char *s = b->text;
    memcpy(s, p, len);
    s[len] = '\0';
    b->text += len + 1;
    return s;
}

static const char *const *take_strings(struct root_block *b, struct cursor *c, size_t max,
                                       size_t *count_out)
{
    size_t count = (size_t)cursor_varint_max(c, max);
    const char **first = b->strings + b->string_count;
    for (size_t i = 0; i < count && !c->bad; i++)
        b->strings[b->string_count++] = take_string(b, c);
    *count_out = c->bad ? 0 : count;
    return first;
}

int root_decode(const void *p, size_t len, struct root **out, struct err *e)
{
    struct cursor c = cursor_of(p, len);
    uint8_t version = cursor_u8(&c);
    if (version > ROOT_VERSION)
        return err_set(e, ERR_NEWER, "%s: written by a newer abri: update abri", what);
    /* Each string takes a length byte in the input, so its NUL fits in `len`. */
    struct root_block *b = mem_zalloc(sizeof *b + len + 1);
    if (!b)
        return err_no_memory(e, what);
    b->text = (char *)(b + 1);
    struct root *r = &b->root;
    r->tree.level = cursor_u8(&c);
    cursor_copy(&c, r->tree.id, SEAL_ID_BYTES);
    r->tree.entries = cursor_varint(&c);
    r->host = take_string(b, &c);
    r->started_ns = cursor_zigzag(&c);
    r->ended_ns = cursor_zigzag(&c);
    r->paths = take_strings(b, &c, PATHS_MAX, &r->path_count);
    r->tags = take_strings(b, &c, TAGS_MAX, &r->tag_count);
    r->files = cursor_varint(&c);
    r->dirs = cursor_varint(&c);
    r->others = cursor_varint(&c);
    r->bytes = r->tree.bytes = cursor_varint(&c);
    r->problem_total = cursor_varint(&c);
    r->problems = take_strings(b, &c, ROOT_PROBLEMS_MAX, &r->problem_count);
    uint64_t extensions = cursor_varint_max(&c, 256);
    for (uint64_t i = 0; i < extensions && !c.bad; i++) {
        size_t n;
        (void)cursor_varint(&c);
        (void)cursor_blob(&c, len, &n);
    }
    if (cursor_check(&c, true, what, e) || r->tree.level > CONTENT_LEVEL_MAX || version == 0) {
        mem_free(b);
        return err_set(e, ERR_DAMAGED, "%s: malformed", what);
    }
    *out = r;
    return 0;
}
