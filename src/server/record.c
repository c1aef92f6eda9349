/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events go into the log, and from there into the catalogue.
 *
 * B1 Nothing is true before its entry is durable: the log first, the catalogue behind it.
 * B2 The catalogue sees entries in the order of the log. Appends of several threads share a
 *    sync; each then waits for its turn.
 * B3 If the catalogue cannot follow (a full disk), nothing more is recorded until it has caught up with the log, which
 *    each recording tries first. An entry that it was not seen to take meanwhile counts as not taken.
 */
#include "server/server_internal.h"

#include "base/clock.h"
#include "base/mem.h"

#include <string.h>

#define REPLAY_BATCH 4096u

static int encode(struct event *ev, struct buf *out, struct err *e)
{
    ev->time_ns = clock_realtime_ns();
    out->max = TLOG_ENTRY_MAX;
    return event_encode(ev, out, e);
}

/* B2 */
static int apply_in_turn(struct server *s, uint64_t index, const struct event *ev, bool *took,
                         struct err *e)
{
    struct recording *r = &s->recording;
    uint8_t root[MERKLE_BYTES];
    bool known = tlog_root(s->log, index + 1, root, e) == 0;
    (void)pthread_mutex_lock(&r->lock);
    while (r->next < index && !r->failed)
        (void)pthread_cond_wait(&r->turn, &r->lock);
    int rc = -1;
    if (r->failed)
        (void)err_set(e, r->why, "the catalogue cannot follow the log");
    else if (r->next > index) { /* it caught up with this one, too */
        (void)pthread_mutex_unlock(&r->lock);
        return err_set(e, ERR_BUSY, "the catalogue fell behind meanwhile: try again");
    } else if (known)
        rc = catalog_apply(s->catalog, index, ev, root, took, e);
    if (rc && !r->failed) { /* B3 */
        r->failed = true;
        r->why = e && e->cls ? e->cls : ERR_IO;
    } else if (!rc) {
        r->next = index + 1;
    }
    (void)pthread_cond_broadcast(&r->turn);
    (void)pthread_mutex_unlock(&r->lock);
    return rc;
}

/* B3 */
static int catch_up(struct server *s, struct err *e)
{
    struct recording *r = &s->recording;
    int rc = 0;
    (void)pthread_mutex_lock(&r->lock);
    if (r->failed && (rc = server_replay(s, false, e)) == 0) {
        r->failed = false;
        server_tell(s, "the catalogue has caught up with the log");
    }
    (void)pthread_mutex_unlock(&r->lock);
    return rc;
}

int server_record(struct server *s, struct event *ev, struct recorded *out, struct err *e)
{
    CLEANUP(buf_done) struct buf entry = {0};
    struct recorded r = {0};
    if (catch_up(s, e) || encode(ev, &entry, e) || tlog_append(s->log, entry.data, entry.len, &r.index, e) ||
        apply_in_turn(s, r.index, ev, &r.took, e))
        return -1;
    if (out)
        *out = r;
    return 0;
}

int server_decide(struct server *s, struct event *ev, struct err *e)
{
    struct recorded r;
    if (server_record(s, ev, &r, e))
        return -1;
    return r.took ? 0 : err_set(e, ERR_BUSY, "something else happened to this meanwhile: look again");
}

/* ---- replay ---------------------------------------------------------------------------------- */

static int replay_one(void *arg, uint64_t index, const uint8_t *entry, size_t len, struct err *e)
{
    struct server *s = arg;
    struct event ev;
    if (event_decode(entry, len, &ev, e))
        return err_wrap(e, "entry %llu of the log", (unsigned long long)index);
    int rc = catalog_apply(s->catalog, index, &ev, NULL, NULL, e);
    event_done(&ev);
    return rc;
}

static int replay_batch(struct server *s, uint64_t from, uint64_t to, struct err *e)
{
    uint8_t root[MERKLE_BYTES];
    if (tlog_root(s->log, to, root, e) || catalog_begin(s->catalog, e))
        return -1;
    if (tlog_scan(s->log, from, to, replay_one, s, e)) {
        catalog_rollback(s->catalog);
        return -1;
    }
    return catalog_commit(s->catalog, root, e);
}

/* Entry by entry, from where the catalogue is. */
int server_replay(struct server *s, bool fresh, struct err *e)
{
    uint64_t at, size = tlog_size(s->log);
    uint8_t root[MERKLE_BYTES], now[MERKLE_BYTES];
    if (catalog_position(s->catalog, &at, root, e))
        return -1;
    if (at > size)
        return err_set(e, ERR_DAMAGED,
                       "the catalogue has seen %llu entries, the log has %llu: entries of the log are "
                       "missing. Restore the log, or remove catalog.sqlite if you accept that",
                       (unsigned long long)at, (unsigned long long)size);
    if (at && tlog_root(s->log, at, now, e))
        return -1;
    if (at && memcmp(root, now, sizeof now) != 0)
        return err_set(e, ERR_DAMAGED,
                       "the first %llu entries of the log are others than the catalogue has seen: the log "
                       "was exchanged. Restore it, or remove catalog.sqlite if you accept that",
                       (unsigned long long)at);
    if (fresh && size > 1)
        server_tell(s, "the catalogue is made anew from %llu entries of the log",
                    (unsigned long long)size);
    while (at < size) {
        uint64_t to = size - at > REPLAY_BATCH ? at + REPLAY_BATCH : size;
        if (replay_batch(s, at, to, e))
            return -1;
        at = to;
    }
    s->recording.next = size;
    return 0;
}
