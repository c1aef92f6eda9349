/* SPDX-License-Identifier: Apache-2.0 */
/*
 * comparetree A B
 *
 * Says how two trees differ, in all that an entry holds: types, modes, owners,
 * times, links and which names share a file, attributes, content, and whether
 * holes stayed holes. Paths may be longer than PATH_MAX. Exit status 1 if they
 * differ.
 */
#include "base/file.h"
#include "base/mem.h"
#include "source/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct side {
    struct walk *w;
    struct source_meta *meta;
    struct source_item it;
    struct entry e;
    size_t base_len; /* of the path of the tree */
    int fd;
    bool more;
};

struct link_pair {
    uint64_t a, b;
};

static struct link_pair *pairs;
static size_t pair_count;
static size_t differences;

static void differ(const struct side *s, const char *what)
{
    differences++;
    (void)printf("%s: %s\n", s->it.path + s->base_len, what);
}

static void said(void *arg, const char *path, const struct err *e)
{
    (void)arg;
    differences++;
    (void)printf("problem: %s: %s\n", path, e->msg);
}

_Noreturn static void die(const char *path, const struct err *e)
{
    (void)fprintf(stderr, "comparetree: '%s': %s\n", path, e->msg);
    exit(2);
}

static void side_open(struct side *s, const char *path)
{
    struct err e = ERR_INIT;
    struct walk_options o = {.paths = &path, .path_count = 1, .problem = said};
    size_t count;
    if (walk_open(&o, &s->w, &e) || source_meta_new(&s->meta, &e))
        die(path, &e);
    s->base_len = strlen(walk_paths(s->w, &count)[0]) - 1;
    s->fd = -1;
}

static void side_next(struct side *s)
{
    struct err e = ERR_INIT;
    int rc;
    file_close(&s->fd);
    do
        rc = walk_next(s->w, &s->it, &e);
    while (rc == 1 && s->it.is_ancestor);
    s->more = rc == 1;
    if (!s->more)
        return;
    if (s->it.type == ENTRY_FILE && (s->fd = source_open(s->it.dir, s->it.name, &e)) < 0)
        die(s->it.path, &e);
    if (source_meta_read(s->meta, &s->it, s->fd, &s->e, &e))
        die(s->it.path, &e);
}

static int order(const struct side *a, const struct side *b)
{
    if (!a->more || !b->more)
        return !b->more ? -1 : 1;
    return path_compare(a->it.path + a->base_len, a->it.path_len - a->base_len,
                        b->it.path + b->base_len, b->it.path_len - b->base_len);
}

static bool same_xattrs(const struct entry *a, const struct entry *b)
{
    if (a->xattr_count != b->xattr_count)
        return false;
    for (size_t i = 0; i < a->xattr_count; i++) {
        const struct entry_xattr *x = &a->xattrs[i], *y = &b->xattrs[i];
        if (strcmp(x->name, y->name) != 0 || x->value_len != y->value_len ||
            memcmp(x->value, y->value, x->value_len) != 0)
            return false;
    }
    return true;
}

/* Names that share a file in A must share one in B, and no others. */
static bool same_link(uint64_t a, uint64_t b)
{
    for (size_t i = 0; i < pair_count; i++)
        if (pairs[i].a == a || pairs[i].b == b)
            return pairs[i].a == a && pairs[i].b == b;
    pairs = mem_realloc(pairs, pair_count + 1, sizeof *pairs);
    if (!pairs)
        abort();
    pairs[pair_count++] = (struct link_pair){a, b};
    return true;
}

/* Only stretches that are data on either side are read: 8 TiB of hole are quick. */
static bool same_content(const struct side *a, const struct side *b)
{
    static uint8_t x[1 << 20], y[1 << 20];
    uint64_t off = 0, size = a->it.size;
    while (off < size) {
        uint64_t at_a = size, at_b = size, end;
        (void)file_next_data(a->fd, off, size, &at_a, &end);
        (void)file_next_data(b->fd, off, size, &at_b, &end);
        off = at_a < at_b ? at_a : at_b;
        if (off >= size)
            return true;
        size_t len = size - off < sizeof x ? (size_t)(size - off) : sizeof x;
        if (file_pread(a->fd, x, len, (off_t)off) != (ssize_t)len ||
            file_pread(b->fd, y, len, (off_t)off) != (ssize_t)len || memcmp(x, y, len) != 0)
            return false;
        off += len;
    }
    return true;
}

static void compare_files(const struct side *a, const struct side *b)
{
    if (a->it.size != b->it.size)
        differ(a, "size");
    else if (!same_content(a, b))
        differ(a, "content");
    /* File systems differ in how they count; a lost hole of a megabyte shows. */
    if (b->it.blocks > a->it.blocks + 1024)
        differ(a, "holes were filled");
}

static void compare(const struct side *a, const struct side *b)
{
    const struct entry *x = &a->e, *y = &b->e;
    if (x->type != y->type) {
        differ(a, "type");
        return;
    }
    if (x->mode != y->mode)
        differ(a, "mode");
    if (x->uid != y->uid || x->gid != y->gid)
        differ(a, "owner");
    if (x->mtime_s != y->mtime_s || x->mtime_ns != y->mtime_ns)
        differ(a, "time");
    if (x->attrs != y->attrs)
        differ(a, "chattr flags");
    if (x->dev_major != y->dev_major || x->dev_minor != y->dev_minor)
        differ(a, "device");
    if (x->target_len != y->target_len ||
        (x->target_len && memcmp(x->target, y->target, x->target_len) != 0))
        differ(a, "target");
    if (!same_xattrs(x, y))
        differ(a, "xattrs");
    if (x->has_link != y->has_link || (x->has_link && !same_link(x->link, y->link)))
        differ(a, "hard links");
    if (x->type == ENTRY_FILE)
        compare_files(a, b);
}

static void side_done(struct side *s)
{
    file_close(&s->fd);
    walk_close(s->w);
    source_meta_free(s->meta);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    struct side a = {0}, b = {0};
    side_open(&a, argv[1]);
    side_open(&b, argv[2]);
    side_next(&a);
    side_next(&b);
    while (a.more || b.more) {
        int o = order(&a, &b);
        if (o == 0)
            compare(&a, &b);
        else
            differ(o < 0 ? &a : &b, o < 0 ? "missing in the second" : "missing in the first");
        if (o <= 0)
            side_next(&a);
        if (o >= 0)
            side_next(&b);
    }
    side_done(&a);
    side_done(&b);
    mem_free(pairs);
    return differences ? 1 : 0;
}
