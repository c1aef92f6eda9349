/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A layer over any store that counts what passes and fails what it is told to.
 *
 * An operation that fails does not reach the store below (unless the plan says
 * fail_late), so the store below is what it would be had the system call
 * failed. Aborting always passes: it is how the caller cleans up, and a
 * process that died cleans up just as well.
 *
 * Does not own the store below: after a "crash" the test wants to cut its power.
 */
#include "store/store_seam.h"
#include "store/store_test.h"

#include "base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

struct fault_store {
    struct store base;
    struct store *below;
    pthread_mutex_t lock; /* of everything below */
    struct store_fault_plan plan;
    struct store_counts counts;
    uint64_t eligible; /* operations that fail_at counts */
    bool crashed;
};

struct fault_writer {
    struct store_writer base;
    struct fault_store *store;
    struct store_writer *below;
};

struct fault_reader {
    struct store_reader base;
    struct fault_store *store;
    struct store_reader *below;
};

static struct fault_store *fault_store_of(struct store *s)
{
    return (struct fault_store *)s;
}
static struct fault_writer *fault_writer_of(struct store_writer *w)
{
    return (struct fault_writer *)w;
}
static struct fault_reader *fault_reader_of(struct store_reader *r)
{
    return (struct fault_reader *)r;
}

static const struct store_impl store_fault_impl; /* at the end */

/* ---- deciding --------------------------------------------------------------------- */

enum fate { FATE_PASS, FATE_FAIL, FATE_FAIL_LATE, FATE_CRASHED, FATE_SHORT };

static enum fate decide_locked(struct fault_store *s, enum store_op op)
{
    const struct store_fault_plan *p = &s->plan;
    s->counts.ops[0]++;
    s->counts.ops[op]++;
    if (p->crash_at && s->counts.ops[0] >= p->crash_at)
        s->crashed = true;
    if (s->crashed)
        return FATE_CRASHED;
    if (p->only == 0 || (p->only & 1u << op)) {
        s->eligible++;
        if (s->eligible == p->fail_at)
            return p->fail_late ? FATE_FAIL_LATE : FATE_FAIL;
    }
    if (op == STORE_OP_READ && s->counts.ops[STORE_OP_READ] == p->short_at)
        return FATE_SHORT;
    return FATE_PASS;
}

static enum fate decide(struct fault_store *s, enum store_op op)
{
    (void)pthread_mutex_lock(&s->lock);
    enum fate f = decide_locked(s, op);
    (void)pthread_mutex_unlock(&s->lock);
    return f;
}

static const char *const op_names[STORE_OP_COUNT] = {
    [STORE_OP_CREATE] = "create", [STORE_OP_WRITE] = "write",   [STORE_OP_COMMIT] = "commit",
    [STORE_OP_SYNC] = "sync",     [STORE_OP_OPEN] = "open",     [STORE_OP_READ] = "read",
    [STORE_OP_LIST] = "list",     [STORE_OP_REMOVE] = "remove",
};

static int report(struct fault_store *s, enum fate f, enum store_op op, struct err *e)
{
    if (f == FATE_CRASHED)
        return err_sys(e, EIO, "%s: the process is dead (simulated)", op_names[op]);
    if (f == FATE_SHORT)
        return err_set(e, ERR_DAMAGED, "read: cut short (simulated)");
    return err_sys(e, s->plan.fail_errno ? s->plan.fail_errno : EIO, "%s (simulated)",
                   op_names[op]);
}

/* What the caller of the layer sees of an operation that returned `rc`. */
static int after(struct fault_store *s, enum fate f, enum store_op op, int rc, struct err *e)
{
    return rc == 0 && f == FATE_FAIL_LATE ? report(s, f, op, e) : rc;
}

static bool stopped(enum fate f)
{
    return f != FATE_PASS && f != FATE_FAIL_LATE;
}

/* ---- the store ------------------------------------------------------------------------ */

int store_fault_open(struct store *below, struct store **out, struct err *e)
{
    struct fault_store *s = mem_zalloc(sizeof *s);
    if (!s)
        return err_no_memory(e, "a store");
    s->base.impl = &store_fault_impl;
    s->below = below;
    (void)pthread_mutex_init(&s->lock, NULL);
    *out = &s->base;
    return 0;
}

void store_fault_plan(struct store *base, const struct store_fault_plan *plan)
{
    struct fault_store *s = fault_store_of(base);
    (void)pthread_mutex_lock(&s->lock);
    s->plan = plan ? *plan : (struct store_fault_plan){0};
    s->counts = (struct store_counts){0};
    s->eligible = 0;
    s->crashed = false;
    (void)pthread_mutex_unlock(&s->lock);
}

struct store_counts store_fault_counts(struct store *base)
{
    struct fault_store *s = fault_store_of(base);
    (void)pthread_mutex_lock(&s->lock);
    struct store_counts counts = s->counts;
    (void)pthread_mutex_unlock(&s->lock);
    return counts;
}

bool store_fault_crashed(struct store *base)
{
    struct fault_store *s = fault_store_of(base);
    (void)pthread_mutex_lock(&s->lock);
    bool crashed = s->crashed;
    (void)pthread_mutex_unlock(&s->lock);
    return crashed;
}

static void fault_close(struct store *base)
{
    struct fault_store *s = fault_store_of(base);
    (void)pthread_mutex_destroy(&s->lock);
    mem_free(s);
}

static const char *fault_location(const struct store *base)
{
    return store_location(((const struct fault_store *)base)->below);
}

static int fault_sync(struct store *base, const char *dir, struct err *e)
{
    struct fault_store *s = fault_store_of(base);
    enum fate f = decide(s, STORE_OP_SYNC);
    if (stopped(f))
        return report(s, f, STORE_OP_SYNC, e);
    return after(s, f, STORE_OP_SYNC, store_sync(s->below, dir, e), e);
}

static int fault_list(struct store *base, const char *dir, store_each *each, void *arg,
                      struct err *e)
{
    struct fault_store *s = fault_store_of(base);
    enum fate f = decide(s, STORE_OP_LIST);
    if (stopped(f))
        return report(s, f, STORE_OP_LIST, e);
    return after(s, f, STORE_OP_LIST, store_list(s->below, dir, each, arg, e), e);
}

static int fault_remove(struct store *base, const char *name, struct err *e)
{
    struct fault_store *s = fault_store_of(base);
    enum fate f = decide(s, STORE_OP_REMOVE);
    if (stopped(f))
        return report(s, f, STORE_OP_REMOVE, e);
    return after(s, f, STORE_OP_REMOVE, store_remove(s->below, name, e), e);
}

/* ---- leases: as the operations that they consist of ------------------------------------- */

static int fault_lease_take(struct store *base, const char *name, struct store_lease **out,
                            struct err *e)
{
    struct fault_store *s = fault_store_of(base);
    enum fate f = decide(s, STORE_OP_CREATE);
    if (stopped(f))
        return report(s, f, STORE_OP_CREATE, e);
    return store_lease_take(s->below, name, out, e);
}

static int fault_lease_list(struct store *base, store_each_lease *each, void *arg, struct err *e)
{
    struct fault_store *s = fault_store_of(base);
    enum fate f = decide(s, STORE_OP_LIST);
    if (stopped(f))
        return report(s, f, STORE_OP_LIST, e);
    return after(s, f, STORE_OP_LIST, store_lease_list(s->below, each, arg, e), e);
}

/* ---- writing ----------------------------------------------------------------------------- */

static int fault_create(struct store *base, struct store_writer **out, struct err *e)
{
    struct fault_store *s = fault_store_of(base);
    enum fate f = decide(s, STORE_OP_CREATE);
    if (f != FATE_PASS) /* late or not, the caller gets no writer */
        return report(s, f, STORE_OP_CREATE, e);
    struct fault_writer *w = mem_zalloc(sizeof *w);
    if (!w)
        return err_no_memory(e, "a new object");
    if (store_create(s->below, &w->below, e)) {
        mem_free(w);
        return -1;
    }
    w->base.impl = base->impl;
    w->store = s;
    *out = &w->base;
    return 0;
}

static int fault_write(struct store_writer *base, uint64_t off, const void *p, size_t len,
                       struct err *e)
{
    struct fault_writer *w = fault_writer_of(base);
    enum fate f = decide(w->store, STORE_OP_WRITE);
    if (stopped(f))
        return report(w->store, f, STORE_OP_WRITE, e);
    if (store_write(w->below, off, p, len, e))
        return -1;
    (void)pthread_mutex_lock(&w->store->lock);
    w->store->counts.written_bytes += len;
    (void)pthread_mutex_unlock(&w->store->lock);
    return after(w->store, f, STORE_OP_WRITE, 0, e);
}

static void fault_write_hint(struct store_writer *base, uint64_t off, uint64_t len)
{
    store_write_hint(fault_writer_of(base)->below, off, len);
}

static void fault_abort(struct store_writer *base)
{
    struct fault_writer *w = fault_writer_of(base);
    store_writer_abort(w->below);
    mem_free(w);
}

/* Replacing counts as a commit. */
static int finish(struct store_writer *base, const char *name, bool over, struct err *e)
{
    struct fault_writer *w = fault_writer_of(base);
    struct fault_store *s = w->store;
    enum fate f = decide(s, STORE_OP_COMMIT);
    if (stopped(f)) {
        fault_abort(base);
        return report(s, f, STORE_OP_COMMIT, e);
    }
    int rc = over ? store_writer_replace(w->below, name, e) : store_writer_commit(w->below, name, e);
    mem_free(w);
    return after(s, f, STORE_OP_COMMIT, rc, e);
}

static int fault_commit(struct store_writer *base, const char *name, struct err *e)
{
    return finish(base, name, false, e);
}

static int fault_replace(struct store_writer *base, const char *name, struct err *e)
{
    return finish(base, name, true, e);
}

/* ---- reading ------------------------------------------------------------------------------- */

static int fault_open(struct store *base, const char *name, struct store_reader **out,
                      struct err *e)
{
    struct fault_store *s = fault_store_of(base);
    enum fate f = decide(s, STORE_OP_OPEN);
    if (f != FATE_PASS)
        return report(s, f, STORE_OP_OPEN, e);
    struct fault_reader *r = mem_zalloc(sizeof *r);
    if (!r)
        return err_no_memory(e, "an open object");
    if (store_open(s->below, name, &r->below, e)) {
        mem_free(r);
        return -1;
    }
    r->base.impl = base->impl;
    r->base.len = r->below->len;
    memcpy(r->base.name, r->below->name, sizeof r->base.name);
    r->store = s;
    *out = &r->base;
    return 0;
}

static int fault_read(struct store_reader *base, uint64_t off, void *p, size_t len, struct err *e)
{
    struct fault_reader *r = fault_reader_of(base);
    enum fate f = decide(r->store, STORE_OP_READ);
    if (f != FATE_PASS)
        return report(r->store, f, STORE_OP_READ, e);
    if (store_read(r->below, off, p, len, e))
        return -1;
    (void)pthread_mutex_lock(&r->store->lock);
    r->store->counts.read_bytes += len;
    (void)pthread_mutex_unlock(&r->store->lock);
    return 0;
}

/* A mapping would read past every fault, so a plan that has any for reads, or
 * a process that is dead, gets none. */
static const uint8_t *fault_map(struct store_reader *base)
{
    struct fault_reader *r = fault_reader_of(base);
    (void)pthread_mutex_lock(&r->store->lock);
    const struct store_fault_plan *p = &r->store->plan;
    bool none = p->no_map || p->short_at || r->store->crashed ||
                (p->fail_at && (p->only & 1u << STORE_OP_READ));
    (void)pthread_mutex_unlock(&r->store->lock);
    return none ? NULL : store_reader_map(r->below);
}

static void fault_reader_close(struct store_reader *base)
{
    struct fault_reader *r = fault_reader_of(base);
    store_reader_close(r->below);
    mem_free(r);
}

static const struct store_impl store_fault_impl = {
    .close = fault_close,
    .location = fault_location,
    .create = fault_create,
    .write = fault_write,
    .write_hint = fault_write_hint,
    .commit = fault_commit,
    .replace = fault_replace,
    .abort = fault_abort,
    .sync = fault_sync,
    .open = fault_open,
    .read = fault_read,
    .map = fault_map,
    .reader_close = fault_reader_close,
    .list = fault_list,
    .remove = fault_remove,
    .lease_take = fault_lease_take,
    .lease_held = NULL, /* leases are those of the store below */
    .lease_drop = NULL,
    .lease_list = fault_lease_list,
};
