/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the room share. Locks, none of which is held while another is taken:
 *   cache.lock   the slots, their queues and the readers that are idle (cache.c, queues.c)
 *   tables.lock  the tables of all views (table.c)
 *   ahead.lock   what is to be opened ahead (ahead.c)
 *   view.lock    the forward readers of one view (forward.c)
 */
#ifndef ABRI_VIEW_INTERNAL_H
#define ABRI_VIEW_INTERNAL_H

#include "view/view.h"
#include "work/chunk_reader.h"

#include <pthread.h>

/* ---- slots: one chunk each -------------------------------------------------------------- */

enum slot_state { SLOT_UNSET = 0, SLOT_OPENING, SLOT_READY, SLOT_FAILED };
enum slot_queue { QUEUE_NONE = 0, QUEUE_NEW, QUEUE_OFTEN, QUEUE_GHOST, QUEUE_COUNT };

struct slot {
    struct slot *same_bucket;
    struct slot *newer, *older; /* in its queue */
    uint8_t id[ID_BYTES];
    enum seal_kind kind;
    enum slot_state state;
    enum slot_queue queue;
    unsigned users; /* who opens it, waits for it or copies from it */
    uint8_t *plain; /* READY */
    size_t len;
    struct err *why; /* FAILED; NULL: no memory for it */
};

struct slot_list {
    struct slot *newest, *oldest;
    size_t count, bytes;
};
void queue_push(struct slot_list *l, struct slot *s);
void queue_remove(struct slot_list *l, struct slot *s);
/* Who shall go so that the bytes of both queues fit into `bytes_max`; NULL if that is so, or if everything
 * is being used. */
struct slot *queue_victim(const struct slot_list queues[QUEUE_COUNT], size_t bytes_max);

/* ---- tables: where the items of a part of a file lie ---------------------------------------- */

struct table_item {
    uint64_t off; /* in the file */
    struct item item;
};
struct table {
    struct table *newer, *older; /* of all */
    struct table *same_view;
    struct view *view;
    unsigned users;
    uint64_t start, end; /* of the file; items cover it without a gap */
    size_t count;
    struct table_item items[];
};
struct tables {
    pthread_mutex_t lock;
    struct table *newest, *oldest;
    size_t bytes;
};
/* The table that has byte `off`; give it back with table_put. */
MUST_CHECK int table_get(struct view *v, uint64_t off, struct table **out, struct err *e);
void table_put(struct view *v, struct table *t);
/* The item that has byte `off` of the table. */
size_t table_find(const struct table *t, uint64_t off);
void tables_forget(struct view *v); /* all of its */

/* ---- the cache -------------------------------------------------------------------------------- */

#define IDLE_READERS 64u

struct ahead;
struct view_cache {
    struct access *access;
    size_t bytes_max;
    pthread_mutex_t lock;
    pthread_cond_t opened; /* something that was OPENING is so no more */
    struct slot **buckets;
    size_t bucket_count; /* a power of two */
    struct slot_list queues[QUEUE_COUNT];
    struct chunk_reader *idle[IDLE_READERS];
    unsigned idle_count;
    struct view_counts counts;
    struct tables tables;
    struct ahead *ahead; /* NULL: nobody reads ahead */
};
/* The chunk, opened; plain and len stay as they are until slot_put. */
MUST_CHECK int slot_get(struct view_cache *c, enum seal_kind kind, const uint8_t id[ID_BYTES],
                        bool is_ahead, struct slot **out, struct err *e);
void slot_put(struct view_cache *c, struct slot *s);
/* Whether it is there, or on its way. */
bool slot_is_known(struct view_cache *c, const uint8_t id[ID_BYTES]);

/* ---- ahead of readers ------------------------------------------------------------------------- */

MUST_CHECK int ahead_new(struct view_cache *c, unsigned threads, struct ahead **out, struct err *e);
void ahead_free(struct ahead *a);
/* What lies in this stretch shall be opened soon. As much of it as there is room for. */
void ahead_want(struct view *v, uint64_t from, uint64_t to);

#define FORWARD_READERS 8u
struct forward { /* somebody who reads forward */
    uint64_t next;   /* byte of the file where its next read should begin */
    uint64_t wanted; /* up to where things were wanted for it */
    uint64_t window; /* 0: it read once, and may be nobody */
    uint64_t used;   /* when last, in reads of the view */
};
/* Notes a read. True, and what should be wanted now, if it is one of a row. */
bool forward_note(struct view *v, uint64_t off, size_t len, uint64_t *from_out, uint64_t *to_out);

struct view {
    struct view_cache *cache;
    struct entry *file;
    struct table *tables; /* under tables.lock */
    uint64_t window_max;
    pthread_mutex_t lock;
    uint64_t reads;
    struct forward forward[FORWARD_READERS];
};

#endif
