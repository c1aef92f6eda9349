/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pool of worker threads over one bounded queue. One thread (the owner)
 * makes the pool, submits and waits; jobs are coarse (milliseconds), so one
 * mutex is enough. A job belongs to the workers from pool_submit until
 * pool_is_done says so.
 */
#ifndef ABRI_BASE_POOL_H
#define ABRI_BASE_POOL_H

#include "base/err.h"

#include <stdatomic.h>
#include <stdbool.h>

struct pool_job { /* the first member of every job */
    struct pool_job *next;
    atomic_bool done;
};

/* Runs a job on worker `worker` (0 … threads − 1). Failures are for the job to
 * carry. */
typedef void pool_run(void *arg, unsigned worker, struct pool_job *job);

struct pool;
MUST_CHECK int pool_new(unsigned threads, pool_run *run, void *arg, struct pool **out,
                        struct err *e);
/* Waits for the jobs that are under way, runs none that is still queued. */
void pool_free(struct pool *p);
void pool_submit(struct pool *p, struct pool_job *job); /* never blocks */
void pool_wait(struct pool *p, struct pool_job *job);
static inline bool pool_is_done(const struct pool_job *job)
{
    return atomic_load_explicit(&job->done, memory_order_acquire);
}
/* Waits until fewer than `limit` submitted jobs are unfinished. */
void pool_wait_below(struct pool *p, unsigned limit);

/* Processors that this process may use, at least 1. */
unsigned pool_cpu_count(void);

#endif
