/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Appending. Whoever comes while nobody writes, writes for all who are waiting: one record of the
 * journal, one fdatasync, one checkpoint. The others sleep until that is done.
 *
 * Keeps the invariants 1, 2, 4 and 5 of tlog_internal.h. A failed append leaves the log as it was,
 * as far as this process sees; when it is opened again the entry may be there all the same.
 */
#include "tlog/tlog_internal.h"

#include <errno.h>
#include <string.h>

/* ---- one group ------------------------------------------------------------------------------ */

struct group {
    struct append_request *first;
    uint32_t count;
    size_t bytes; /* as a bundle */
};

/* Takes what fits off the queue. Under the lock. */
static struct group take_group(struct tlog *t)
{
    struct group g = {.first = t->queue};
    struct append_request *last = NULL;
    while (t->queue && g.count < GROUP_ENTRIES &&
           (g.count == 0 || g.bytes + 2 + t->queue->len <= GROUP_BYTES)) {
        last = t->queue;
        g.bytes += 2 + last->len;
        g.count++;
        t->queue = last->next;
    }
    last->next = NULL;
    if (!t->queue)
        t->queue_end = &t->queue;
    return g;
}

/* The tree with the group, and the checkpoint over it. */
static int sign_group(struct tlog *t, const struct group *g, struct merkle_edge *edge,
                      struct buf *note, struct err *e)
{
    struct checkpoint c = {0};
    unsigned i = 0;
    *edge = t->edge;
    for (const struct append_request *r = g->first; r; r = r->next, i++) {
        merkle_leaf(r->entry, r->len, t->leaves[i]);
        merkle_edge_add(edge, t->leaves[i]);
    }
    memcpy(c.origin, t->log.name, sizeof c.origin);
    c.size = edge->size;
    merkle_edge_root(edge, c.root);
    return checkpoint_sign(&c, t->key, note, e);
}

static int write_record(struct tlog *t, struct err *e)
{
    size_t done = 0;
    while (done < t->record.len) {
        ssize_t n =
            t->files.ops->pwrite(t->files.arg, t->journal_fd, "pending", t->record.data + done,
                                 t->record.len - done, (off_t)(t->journal_len + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            errno = ENOSPC;
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    if (done < t->record.len) {
        t->journal_bad = true;
        return err_sys(e, errno, "log '%s': write the journal", t->files.name);
    }
    if (t->files.ops->fdatasync(t->files.arg, t->journal_fd, "pending") == 0) {
        t->journal_len += done;
        return 0;
    }
    /* The record is whole, and somebody may have read it: it must not be replaced by another.
     * Opening finds out whether it is durable, and takes it up if it is there. */
    t->broken = true;
    return err_sys(e, errno, "log '%s': sync the journal", t->files.name);
}

static int journal_group(struct tlog *t, const struct group *g, const struct buf *note,
                         struct err *e)
{
    struct buf bundle = {0};
    for (const struct append_request *r = g->first; r; r = r->next) {
        uint8_t head[2] = {(uint8_t)(r->len >> 8), (uint8_t)r->len};
        buf_put(&bundle, head, sizeof head);
        if (r->len)
            buf_put(&bundle, r->entry, r->len);
    }
    struct journal_record record = {.first = t->edge.size,
                                    .count = g->count,
                                    .entries = bundle.data,
                                    .entries_len = bundle.len,
                                    .note = note->data,
                                    .note_len = note->len};
    buf_reset(&t->record);
    int rc = buf_check(&bundle, "a group of entries", e);
    if (rc == 0) {
        journal_put(&t->record, &record);
        rc = buf_check(&t->record, "a record of the journal", e);
    }
    buf_done(&bundle);
    if (rc) {
        buf_done(&t->record);
        return -1;
    }
    return write_record(t, e);
}

static int reserve(struct tlog *t, const struct group *g, struct err *e)
{
    (void)pthread_mutex_lock(&t->lock);
    int rc = tail_reserve(&t->tail, g->count, g->bytes, e);
    (void)pthread_mutex_unlock(&t->lock);
    return rc;
}

static void publish(struct tlog *t, const struct group *g, const struct merkle_edge *edge,
                    struct buf *note)
{
    unsigned i = 0;
    (void)pthread_mutex_lock(&t->lock);
    for (struct append_request *r = g->first; r; r = r->next, i++) {
        r->index = t->edge.size + i;
        tail_add(&t->tail, r->entry, r->len, t->leaves[i]);
    }
    t->edge = *edge;
    struct buf old = t->note;
    t->note = *note;
    *note = old;
    (void)pthread_mutex_unlock(&t->lock);
}

static int write_group(struct tlog *t, const struct group *g, struct err *e)
{
    if (t->broken)
        return err_set(e, ERR_IO, "log '%s': a sync failed before; it must be opened again",
                       t->files.name);
    if ((t->journal_bad || t->journal_len + g->bytes > JOURNAL_FULL) && tlog_settle(t, e))
        return -1;
    struct merkle_edge edge;
    struct buf note = {0};
    int rc = sign_group(t, g, &edge, &note, e);
    if (rc == 0)
        rc = reserve(t, g, e);
    if (rc == 0)
        rc = journal_group(t, g, &note, e);
    if (rc == 0)
        publish(t, g, &edge, &note);
    buf_done(&note);
    return rc;
}

/* The group is durable whatever happens here: if it cannot be settled now, the journal grows. */
static void settle_if_due(struct tlog *t)
{
    if (t->edge.size / TILE_WIDTH > t->settled / TILE_WIDTH || t->journal_len > JOURNAL_SETTLE)
        t->settle_failed = tlog_settle(t, NULL) != 0;
}

/* ---- the queue ------------------------------------------------------------------------------- */

static void finish(struct group *g, int rc, const struct err *e)
{
    for (struct append_request *r = g->first, *next; r; r = next) {
        next = r->next; /* the request is its owner's as soon as it is done */
        r->rc = rc;
        if (rc)
            r->e = *e;
        r->done = true;
    }
}

/* Under the lock, which is let go in between. */
static void write_for_all(struct tlog *t)
{
    struct group g = take_group(t);
    struct err e = ERR_INIT;
    t->writing = true;
    (void)pthread_mutex_unlock(&t->lock);
    int rc = write_group(t, &g, &e);
    (void)pthread_mutex_lock(&t->lock);
    finish(&g, rc, &e);
    (void)pthread_cond_broadcast(&t->changed);
    (void)pthread_mutex_unlock(&t->lock);
    if (rc == 0)
        settle_if_due(t);
    (void)pthread_mutex_lock(&t->lock);
    t->writing = false;
    (void)pthread_cond_broadcast(&t->changed);
}

int tlog_append(struct tlog *t, const void *entry, size_t len, uint64_t *index_out, struct err *e)
{
    if (!t->writable)
        return err_set(e, ERR_READ_ONLY, "log '%s' is open for reading only", t->files.name);
    if (len > TLOG_ENTRY_MAX)
        return err_set(e, ERR_LIMIT, "an entry of a log has at most %zu bytes, not %zu",
                       TLOG_ENTRY_MAX, len);
    struct append_request r = {.entry = entry, .len = len};
    (void)pthread_mutex_lock(&t->lock);
    *t->queue_end = &r;
    t->queue_end = &r.next;
    while (!r.done) {
        if (t->writing)
            (void)pthread_cond_wait(&t->changed, &t->lock);
        else
            write_for_all(t);
    }
    (void)pthread_mutex_unlock(&t->lock);
    if (r.rc)
        return err_give(e, &r.e);
    *index_out = r.index;
    return 0;
}
