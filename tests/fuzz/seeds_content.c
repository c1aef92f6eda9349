/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the first inputs of the fuzz targets of content into a corpus
 * directory: `fuzz_seeds_content DIR`. What it writes is kept in git. */
#include "content/content.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *top;

static void write_seed(const char *target, const char *name, const struct buf *b)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", top, target);
    (void)mkdir(path, 0777);
    (void)snprintf(path, sizeof path, "%s/%s/%s", top, target, name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(b->data, 1, b->len, f) != b->len || fclose(f)) {
        perror(path);
        exit(1);
    }
}

static void must(int rc, const struct err *e)
{
    if (rc == 0)
        return;
    fprintf(stderr, "seeds: %s\n", e->msg);
    exit(1);
}

static void root_seeds(void)
{
    static const char *const strings[] = {"/home", "/srv", "x"};
    struct buf b = {0};
    struct err e = ERR_INIT;
    struct root r = {.host = ""};
    must(root_encode(&r, &b, &e), &e);
    write_seed("root", "empty", &b);
    r = (struct root){.tree = {.level = 1, .entries = 1000},
                      .host = "host",
                      .started_ns = -1,
                      .paths = strings,
                      .path_count = 2,
                      .tags = strings + 2,
                      .tag_count = 1,
                      .problems = strings,
                      .problem_count = 3,
                      .problem_total = 4};
    buf_reset(&b);
    must(root_encode(&r, &b, &e), &e);
    write_seed("root", "full", &b);
    b.data[b.len - 1] = 1; /* one extension */
    buf_put(&b, "\x05\x02xy", 4);
    write_seed("root", "extension", &b);
    buf_done(&b);
}

/* One of each type, with all that an entry can have. */
static struct item items[] = {{.kind = ITEM_HOLE, .len = 5},
                              {.kind = ITEM_SLICE, .len = 6, .offset = 7, .id = {1}},
                              {.kind = ITEM_SLICE, .len = 6, .offset = 13, .id = {1}},
                              {.kind = ITEM_CHUNK, .len = 8, .id = {2}}};
static const struct entry_xattr xattrs[] = {{"security.x", (const uint8_t *)"v", 1},
                                            {"user.y", (const uint8_t *)"", 0}};
#define OWNER   .user = "u", .group = "g", .uid = 1000, .gid = 100
#define PATH(s) .path = s, .path_len = sizeof s - 1
static const struct entry entries[] = {
    {PATH("a"), OWNER, .type = ENTRY_DIR, .mode = 0755, .mtime_s = 1},
    {PATH("a/b"), OWNER, .type = ENTRY_FILE, .size = 25, .items = items, .item_count = 4},
    {PATH("a/b.c"), OWNER, .type = ENTRY_FILE, .size = 6, .items = items + 1, .item_count = 1},
    {PATH("a/c"), OWNER, .type = ENTRY_SYMLINK, .target = "../x", .target_len = 4},
    {PATH("a/d"), .user = "", .group = "", .type = ENTRY_FIFO, .mtime_s = -1, .mtime_ns = 999},
    {PATH("a/e"), OWNER, .type = ENTRY_SOCKET, .has_link = true, .link = 99},
    {PATH("a/f"), OWNER, .type = ENTRY_CHAR, .dev_major = 1, .dev_minor = 3},
    {PATH("a/g"), OWNER, .type = ENTRY_BLOCK, .dev_major = 7, .attrs = 0x40},
    {PATH("h"), OWNER, .type = ENTRY_FILE, .xattrs = xattrs, .xattr_count = 2, .partial = true},
    {PATH("i"), OWNER, .type = ENTRY_FILE, .size = 1 << 30, .has_list = true, .list_level = 2},
};
#define COUNT (sizeof entries / sizeof *entries)

/* Owners and entries first … end − 1; with the head of a leaf if `node`. */
static void put_leaf(struct buf *out, size_t first, size_t end, bool node)
{
    struct entry_encoder c;
    struct buf body = {0};
    struct err e = ERR_INIT;
    must(entry_encoder_init(&c, &e), &e);
    for (size_t i = first; i < end; i++)
        must(entry_encode(&c, &entries[i], &body, &e), &e);
    if (node)
        buf_put(out, "\x01\x00", 2);
    owner_table_encode(c.owners, out);
    if (node)
        buf_put_varint(out, end - first);
    buf_put(out, body.data, body.len);
    buf_done(&body);
    entry_encoder_done(&c);
}

/* Appends a node with its length in front. */
static void put_node(struct buf *out, const struct buf *node)
{
    buf_put_u16(out, (uint16_t)node->len);
    buf_put(out, node->data, node->len);
}

static void put_child(struct buf *out, const char *path, uint8_t id, size_t count, uint64_t bytes)
{
    uint8_t name[SEAL_ID_BYTES] = {id};
    if (path) { /* of a tree; else of a list */
        buf_put_varint(out, 0);
        buf_put_blob(out, path, strlen(path));
    } else {
        buf_put_varint(out, bytes);
    }
    buf_put(out, name, sizeof name);
    if (!path)
        return;
    buf_put_varint(out, count);
    buf_put_varint(out, bytes);
}

static void tree_seeds(void)
{
    struct buf b = {0}, node = {0};
    put_leaf(&b, 0, COUNT, false);
    write_seed("entry", "all-types", &b);
    buf_reset(&b);
    put_leaf(&b, 0, 2, false);
    write_seed("entry", "two", &b);

    buf_reset(&b);
    buf_put_u8(&b, 0);
    buf_put_u32(&b, COUNT);
    put_leaf(&node, 0, COUNT, true);
    put_node(&b, &node);
    write_seed("tree_node", "leaf", &b);

    buf_reset(&b); /* an inner node and its two leaves */
    buf_put_u8(&b, 1);
    buf_put_u32(&b, COUNT);
    buf_reset(&node);
    buf_put(&node, "\x01\x01\x02", 3);
    put_child(&node, "a", 1, 5, 31);
    put_child(&node, "a/e", 2, COUNT - 5, 1 << 30);
    put_node(&b, &node);
    for (size_t half = 0; half < 2; half++) {
        buf_reset(&node);
        put_leaf(&node, half ? 5 : 0, half ? COUNT : 5, true);
        put_node(&b, &node);
    }
    write_seed("tree_node", "two-leaves", &b);
    buf_done(&b);
    buf_done(&node);
}

/* Two holes, a slice: 158 bytes of content. */
static void put_list_leaf(struct buf *out)
{
    struct buf node = {0};
    static const uint8_t id[SEAL_ID_BYTES] = {7};
    buf_put(&node, "\x01\x40\x03", 3);
    buf_put(&node, "\x00\x64\x00\x32\x02", 5);
    buf_put(&node, id, sizeof id);
    buf_put(&node, "\x09\x08", 2);
    put_node(out, &node);
    buf_done(&node);
}

static void list_seeds(void)
{
    struct buf b = {0}, node = {0};
    buf_put_u8(&b, 0);
    buf_put_u32(&b, 158);
    put_list_leaf(&b);
    write_seed("list", "leaf", &b);
    buf_reset(&b);
    buf_put_u8(&b, 1);
    buf_put_u32(&b, 316);
    buf_put(&node, "\x01\x41\x02", 3);
    put_child(&node, NULL, 1, 0, 158);
    put_child(&node, NULL, 1, 0, 158);
    put_node(&b, &node);
    put_list_leaf(&b);
    write_seed("list", "same-leaf-twice", &b);
    buf_done(&b);
    buf_done(&node);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    top = argv[1];
    root_seeds();
    tree_seeds();
    list_seeds();
    return 0;
}
