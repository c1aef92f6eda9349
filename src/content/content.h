/* SPDX-License-Identifier: Apache-2.0 */
/*
 * content: what the frames of a snapshot mean. Roots, tree nodes and content
 * lists are encoded, cut, named, read and searched here (docs/format/tree.md).
 *
 * Writing goes through a `content_sink`, reading through a `content_fetch`, so
 * that nothing here knows packs. Needs the id keys. One thread per object.
 */
#ifndef ABRI_CONTENT_CONTENT_H
#define ABRI_CONTENT_CONTENT_H

#include "base/bytes.h"
#include "base/err.h"
#include "entry/entry.h"
#include "seal/seal.h"

#define CONTENT_NODE_MAX ((size_t)8 << 20) /* plaintext of a node */
#define CONTENT_LEVEL_MAX 8
#define CONTENT_INLINE_ITEMS 32 /* longer contents go to a list */

/* Takes a metadata chunk. 0, or -1 with *e. */
typedef int content_sink(void *arg, const uint8_t id[SEAL_ID_BYTES], const void *p, size_t len,
                         struct err *e);
/* Gives the plaintext of a metadata chunk, appended to `out`. */
typedef int content_fetch(void *arg, const uint8_t id[SEAL_ID_BYTES], struct buf *out,
                          struct err *e);

/* ---- entries, as nodes and the writer's cache store them ------------------- */

/* Owners of the entries of one node, in order of first use. */
struct owner_table;
MUST_CHECK int owner_table_new(struct owner_table **out, struct err *e);
void owner_table_free(struct owner_table *t);
void owner_table_reset(struct owner_table *t);
void owner_table_encode(const struct owner_table *t, struct buf *out);

/* State that runs along the entries of one node. */
struct entry_encoder {
    struct buf last_path;
    uint8_t last_id[SEAL_ID_BYTES]; /* of the slice before */
    uint64_t last_end;
    bool has_last;
    struct owner_table *owners;
};
MUST_CHECK int entry_encoder_init(struct entry_encoder *c, struct err *e);
void entry_encoder_done(struct entry_encoder *c);
void entry_encoder_reset(struct entry_encoder *c); /* a new node begins */
MUST_CHECK int entry_encode(struct entry_encoder *c, const struct entry *en, struct buf *out,
                            struct err *e);

struct entry_decoder; /* holds what decoded entries borrow */
MUST_CHECK int entry_decoder_new(struct entry_decoder **out, struct err *e);
void entry_decoder_free(struct entry_decoder *d);
/* Begins a node: reads the owners. */
MUST_CHECK int entry_decoder_begin(struct entry_decoder *d, struct cursor *c, struct err *e);
/* One entry, fully validated: path rules, order, limits, lengths. Borrowed
 * until the next call. */
MUST_CHECK int entry_decode(struct entry_decoder *d, struct cursor *c, struct entry *out,
                            struct err *e);

/* ---- content lists ------------------------------------------------------------ */

/* Collects the items of one file in order; short ones stay inline. */
struct list_builder;
MUST_CHECK int list_builder_new(const struct seal_ids *ids, content_sink *sink, void *arg,
                                struct list_builder **out, struct err *e);
void list_builder_free(struct list_builder *b);
/* Adjacent holes are joined. */
MUST_CHECK int list_builder_add(struct list_builder *b, const struct item *it, struct err *e);
/* Fills size, items or list of `en` and begins anew. The items are borrowed
 * until the next add. */
MUST_CHECK int list_builder_finish(struct list_builder *b, struct entry *en, struct err *e);

/* Goes over the items of an entry, inline or in a list. */
struct list_reader;
MUST_CHECK int list_reader_new(content_fetch *fetch, void *arg, struct list_reader **out,
                               struct err *e);
void list_reader_free(struct list_reader *r);
MUST_CHECK int list_reader_begin(struct list_reader *r, const struct entry *en, struct err *e);
/* 1 and *item_out (a copy), 0 at the end, -1. Checks that the lengths add up
 * to the size of the entry. */
MUST_CHECK int list_reader_next(struct list_reader *r, struct item *item_out, struct err *e);
/* Goes to byte `off` < size of the entry that was begun, forwards or back, without reading what lies
 * before: the items that come next are those of one node at the lowest level (or all, where they are
 * inline), from byte *start_out ≤ off on to *end_out > off; then those behind it. O(levels) nodes.
 * ERR_USAGE beyond the end. After -1 begin anew, or seek again. */
MUST_CHECK int list_reader_seek(struct list_reader *r, uint64_t off, uint64_t *start_out,
                                uint64_t *end_out, struct err *e);
/* Called with the id of every list node as it is read. NULL: not. */
void list_reader_on_node(struct list_reader *r, void (*seen)(void *arg, const uint8_t *id),
                         void *arg);

/* ---- trees ----------------------------------------------------------------------- */

struct tree_ref {
    uint8_t level;
    uint8_t id[SEAL_ID_BYTES];
    uint64_t entries, bytes;
};

/* Takes entries in ascending order of path, cuts them into nodes. */
struct tree_builder;
MUST_CHECK int tree_builder_new(const struct seal_ids *ids, content_sink *sink, void *arg,
                                struct tree_builder **out, struct err *e);
void tree_builder_free(struct tree_builder *b);
MUST_CHECK int tree_builder_add(struct tree_builder *b, const struct entry *en, struct err *e);
MUST_CHECK int tree_builder_finish(struct tree_builder *b, struct tree_ref *out, struct err *e);

/* Reads entries in order. */
struct tree_reader;
MUST_CHECK int tree_reader_new(const struct tree_ref *root, content_fetch *fetch, void *arg,
                               struct tree_reader **out, struct err *e);
void tree_reader_free(struct tree_reader *r);
/* Goes to the first entry at or behind `path`; nodes before it are not read. */
MUST_CHECK int tree_reader_seek(struct tree_reader *r, const char *path, size_t len,
                                struct err *e);
/* 1 and *out (borrowed until the next call), 0 at the end, -1 with ERR_DAMAGED. */
MUST_CHECK int tree_reader_next(struct tree_reader *r, struct entry *out, struct err *e);
/* After -1: goes on behind the damaged node, so that the rest can be saved.
 * False if nothing is left. */
bool tree_reader_skip_damage(struct tree_reader *r);
/* Called with the id of every node as it is read. */
void tree_reader_on_node(struct tree_reader *r, void (*seen)(void *arg, const uint8_t *id),
                         void *arg);

/* What comes next, for those who read only what they have to. */
struct tree_peek {
    bool is_node;               /* else an entry: tree_reader_next gives it */
    uint8_t level;              /* of the node; 0 holds entries */
    uint8_t id[SEAL_ID_BYTES];  /* its name: nodes of one name hold the same */
    const char *path;           /* its first path ("" for the root); borrowed until the next call */
    size_t len;
};
/* 1, 0 at the end, -1. Not between tree_reader_seek and the next entry. */
MUST_CHECK int tree_reader_peek(struct tree_reader *r, struct tree_peek *out, struct err *e);
/* When a node comes next: reads it (what it holds comes next), or passes over it. */
MUST_CHECK int tree_reader_enter(struct tree_reader *r, struct err *e);
MUST_CHECK int tree_reader_pass(struct tree_reader *r, struct err *e);

/* Goes over two trees and gives what differs. Nodes that both share are not
 * read, so that the cost follows the difference; not where the two paths differ. */
struct tree_diff;
struct tree_part {
    const struct tree_ref *tree;
    const char *path; /* what is at and below it; "" is everything */
    size_t len;
};
MUST_CHECK int tree_diff_new(const struct tree_part *a, const struct tree_part *b,
                             content_fetch *fetch, void *arg, struct tree_diff **out,
                             struct err *e);
void tree_diff_free(struct tree_diff *d);
/* 1, 0 at the end, -1. An entry that only one tree has comes alone, the other
 * is NULL; two of the same path below their parts come together, if they differ in
 * anything (see entry_compare). Borrowed until the next call. In order of path. */
MUST_CHECK int tree_diff_next(struct tree_diff *d, const struct entry **a_out,
                              const struct entry **b_out, struct err *e);
/* As tree_reader_on_node, for both trees. */
void tree_diff_on_node(struct tree_diff *d, void (*seen)(void *arg, const uint8_t *id), void *arg);

/* ---- trees, read at random ---------------------------------------------------------- */

/* One node, opened: for those who look here and there, and keep what they saw. */
#define TREE_PAGE_MAX ((size_t)64 << 20) /* memory of one */
struct tree_page_child {
    const char *path; /* its first; not NUL-terminated */
    size_t len;
    uint8_t id[SEAL_ID_BYTES];
    uint64_t first, entries; /* how many entries stand before it in the page; how many it holds */
};
struct tree_page {
    uint8_t level; /* 0: `entries`, else `children` */
    size_t count;  /* at least 1; ascending by path */
    const struct entry *const *entries;
    const struct tree_page_child *children;
    size_t bytes; /* of memory, about */
};
/* `plain` is that of a node which shall have this level and hold so many entries. Checks what can be seen
 * from it alone. ERR_LIMIT if it needs more than TREE_PAGE_MAX. */
MUST_CHECK int tree_page_open(const void *plain, size_t len, uint8_t level, uint64_t entries,
                              struct tree_page **out, struct err *e);
void tree_page_free(struct tree_page *p); /* NULL is fine */

/* ---- roots -------------------------------------------------------------------------- */

#define ROOT_PROBLEMS_MAX 64

struct root {
    struct tree_ref tree;
    const char *host;
    int64_t started_ns, ended_ns;
    const char *const *paths;
    size_t path_count;
    const char *const *tags;
    size_t tag_count;
    uint64_t files, dirs, others, bytes;
    uint64_t problem_total;
    const char *const *problems;
    size_t problem_count;
};
MUST_CHECK int root_encode(const struct root *r, struct buf *out, struct err *e);
/* Everything in one allocation, freed by mem_free. */
MUST_CHECK int root_decode(const void *p, size_t len, struct root **out, struct err *e);

#endif
