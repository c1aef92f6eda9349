/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packs that come whole: read, verified to the last byte, written under the same
 * name, with their parity. Several at once, so that the disks on both sides and the
 * hashing are busy together; each worker has one pack in memory.
 */
#include "vault/transfer_internal.h"

#include "base/mem.h"
#include "base/pool.h"
#include "vault/parity.h"

#include <string.h>

#define WORKERS_MAX 4u

enum outcome { CAME = 1, IS_DAMAGED, FAILED };

struct moving {
    struct pool_job job;
    uint32_t at; /* in needs.packs */
    enum outcome outcome;
    struct err why;
};

struct movers {
    struct transfer *t;
    struct buf packs[WORKERS_MAX], parities[WORKERS_MAX];
    atomic_bool stop;
};

/* ---- one pack, on a worker ------------------------------------------------------------------ */

/* `b` is a sound pack. */
static int check_owners(struct movers *m, const struct gc_pack *p, const struct buf *b,
                        struct err *e)
{
    struct pack_header h;
    struct pack_footer f;
    uint32_t footer_len;
    if (pack_header_decode(b->data, PACK_HEADER_BYTES, &h, e) ||
        pack_trailer_decode(b->data + b->len - PACK_TRAILER_BYTES, b->len, &footer_len, e))
        return -1;
    uint64_t end = b->len - PACK_TRAILER_BYTES - footer_len;
    if (pack_footer_decode(b->data + end, footer_len, end, h.kind, &f, e))
        return -1;
    for (uint32_t i = 0; i < f.count; i++) {
        struct pack_row row;
        pack_row_decode(f.rows + (size_t)i * PACK_ROW_BYTES, &row);
        if (session_owners_check(&m->t->owners, b->data + row.offset, h.writer, e)) {
            char name[PACK_NAME_BYTES];
            pack_name(p->id, name);
            return err_wrap(e, "%s", name);
        }
    }
    return 0;
}

static int read_pack(struct movers *m, const struct gc_pack *p, struct buf *b, struct err *e)
{
    char name[PACK_NAME_BYTES];
    uint8_t found[ID_BYTES];
    pack_name(p->id, name);
    buf_reset(b);
    b->max = (size_t)PARITY_PACK_MAX;
    if (object_read(m->t->from->store, name, (size_t)PARITY_PACK_MAX, b, e) ||
        pack_verify(m->t->from, b->data, b->len, found, e))
        return -1;
    if (memcmp(found, p->id, ID_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "%s: holds another pack", name);
    return check_owners(m, p, b, e);
}

/* A name that is taken is fine: whoever was faster verified it, too. */
static int write_object(struct movers *m, const char *name, const struct buf *b, struct err *e)
{
    struct store_writer *w;
    struct err why = ERR_INIT;
    if (store_create(m->t->to->store, &w, e))
        return -1;
    if (store_write(w, 0, b->data, b->len, e)) {
        store_writer_abort(w);
        return -1;
    }
    if (m->t->lost)
        return store_writer_replace(w, name, e);
    if (store_writer_commit(w, name, &why) && why.cls != ERR_EXISTS)
        return err_give(e, &why);
    return 0;
}

static int write_pack(struct movers *m, const struct gc_pack *p, const struct buf *b,
                      struct buf *parity, struct err *e)
{
    char name[PACK_NAME_BYTES > PARITY_NAME_BYTES ? PACK_NAME_BYTES : PARITY_NAME_BYTES];
    pack_name(p->id, name);
    if (write_object(m, name, b, e))
        return -1;
    if (m->t->no_parity)
        return 0;
    buf_reset(parity);
    parity->max = PARITY_OBJECT_MAX;
    if (parity_of(m->t->to, p->id, b, parity, e))
        return -1;
    parity_name(p->id, name);
    return write_object(m, name, parity, e);
}

static void move(void *arg, unsigned worker, struct pool_job *job)
{
    struct movers *m = arg;
    struct moving *j = (struct moving *)job;
    const struct gc_pack *p = &m->t->needs.packs[j->at];
    struct progress *progress = m->t->progress;
    struct buf *b = &m->packs[worker];
    if (progress && progress_cancelled(progress))
        (void)err_set(&j->why, ERR_CANCELLED, "interrupted; what was copied stays");
    else if (atomic_load(&m->stop))
        (void)err_set(&j->why, ERR_CANCELLED, "stopped");
    else if (read_pack(m, p, b, &j->why) == 0 &&
             write_pack(m, p, b, &m->parities[worker], &j->why) == 0) {
        j->outcome = CAME;
        if (progress)
            progress_add(&progress->bytes, b->len);
        return;
    }
    j->outcome = j->why.cls == ERR_DAMAGED || j->why.cls == ERR_NOT_FOUND ? IS_DAMAGED : FAILED;
    if (j->outcome == FAILED)
        atomic_store(&m->stop, true);
}

/* ---- all -------------------------------------------------------------------------------------- */

static int settle(struct transfer *t, struct transfer_plan *plan, const struct moving *jobs,
                  struct err *e)
{
    const struct err *failed = NULL;
    for (uint32_t i = 0; i < plan->whole_count; i++) {
        const struct moving *j = &jobs[i];
        if (j->outcome == CAME) {
            t->packs++;
            if (t->came)
                buf_put(t->came, t->needs.packs[j->at].id, ID_BYTES);
            t->bytes += t->needs.packs[j->at].bytes;
        } else if (j->outcome == IS_DAMAGED) {
            plan->parts[plan->parts_count++] = j->at; /* what is left of it */
        } else if (!failed || (failed->cls == ERR_CANCELLED && j->why.cls != ERR_CANCELLED)) {
            failed = &j->why;
        }
    }
    return failed ? err_give(e, failed) : 0;
}

int transfer_packs(struct transfer *t, struct transfer_plan *plan, struct err *e)
{
    struct movers m = {.t = t};
    struct pool *pool = NULL;
    unsigned workers = pool_cpu_count() < WORKERS_MAX ? pool_cpu_count() : WORKERS_MAX;
    if (!plan->whole_count)
        return 0;
    CLEANUP_FREE struct moving *jobs = mem_array(plan->whole_count, sizeof *jobs);
    if (!jobs)
        return err_no_memory(e, "copying packs");
    if (pool_new(workers, move, &m, &pool, e))
        return -1;
    for (uint32_t i = 0; i < plan->whole_count; i++) {
        jobs[i] = (struct moving){.at = plan->whole[i]};
        pool_submit(pool, &jobs[i].job);
    }
    pool_wait_below(pool, 1);
    pool_free(pool);
    for (unsigned i = 0; i < WORKERS_MAX; i++) {
        buf_done(&m.packs[i]);
        buf_done(&m.parities[i]);
    }
    return settle(t, plan, jobs, e);
}
