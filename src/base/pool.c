/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pool.h"

#include "base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>

struct worker {
    struct pool *pool;
    unsigned index;
    pthread_t thread;
};

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t work, finished;
    struct pool_job *head, **tail;
    unsigned unfinished;
    bool stopping;
    pool_run *run;
    void *arg;
    unsigned started;
    struct worker *workers;
};

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct pool *p = w->pool;
    (void)pthread_mutex_lock(&p->lock);
    for (;;) {
        while (!p->head && !p->stopping)
            (void)pthread_cond_wait(&p->work, &p->lock);
        if (p->stopping)
            break;
        struct pool_job *job = p->head;
        p->head = job->next;
        if (!p->head)
            p->tail = &p->head;
        (void)pthread_mutex_unlock(&p->lock);
        p->run(p->arg, w->index, job);
        (void)pthread_mutex_lock(&p->lock);
        atomic_store_explicit(&job->done, true, memory_order_release);
        p->unfinished--;
        (void)pthread_cond_broadcast(&p->finished);
    }
    (void)pthread_mutex_unlock(&p->lock);
    return NULL;
}

int pool_new(unsigned threads, pool_run *run, void *arg, struct pool **out, struct err *e)
{
    struct pool *p = mem_zalloc(sizeof *p);
    struct worker *workers = mem_array(threads, sizeof *workers);
    if (!p || !workers) {
        mem_free(p);
        mem_free(workers);
        return err_no_memory(e, "worker threads");
    }
    (void)pthread_mutex_init(&p->lock, NULL);
    (void)pthread_cond_init(&p->work, NULL);
    (void)pthread_cond_init(&p->finished, NULL);
    p->tail = &p->head;
    p->run = run;
    p->arg = arg;
    p->workers = workers;
    for (unsigned i = 0; i < threads; i++) {
        workers[i] = (struct worker){.pool = p, .index = i};
        int rc = pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]);
        if (rc) {
            pool_free(p);
            return err_sys(e, rc, "start a worker thread");
        }
        p->started++;
    }
    *out = p;
    return 0;
}

void pool_free(struct pool *p)
{
    if (!p)
        return;
    (void)pthread_mutex_lock(&p->lock);
    p->stopping = true;
    (void)pthread_cond_broadcast(&p->work);
    (void)pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->started; i++)
        (void)pthread_join(p->workers[i].thread, NULL);
    (void)pthread_cond_destroy(&p->finished);
    (void)pthread_cond_destroy(&p->work);
    (void)pthread_mutex_destroy(&p->lock);
    mem_free(p->workers);
    mem_free(p);
}

void pool_submit(struct pool *p, struct pool_job *job)
{
    atomic_store_explicit(&job->done, false, memory_order_relaxed);
    job->next = NULL;
    (void)pthread_mutex_lock(&p->lock);
    *p->tail = job;
    p->tail = &job->next;
    p->unfinished++;
    (void)pthread_cond_signal(&p->work);
    (void)pthread_mutex_unlock(&p->lock);
}

void pool_wait(struct pool *p, struct pool_job *job)
{
    (void)pthread_mutex_lock(&p->lock);
    while (!pool_is_done(job))
        (void)pthread_cond_wait(&p->finished, &p->lock);
    (void)pthread_mutex_unlock(&p->lock);
}

void pool_wait_below(struct pool *p, unsigned limit)
{
    (void)pthread_mutex_lock(&p->lock);
    while (p->unfinished >= limit)
        (void)pthread_cond_wait(&p->finished, &p->lock);
    (void)pthread_mutex_unlock(&p->lock);
}

unsigned pool_cpu_count(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set))
        return 1;
    int n = CPU_COUNT(&set);
    return n > 0 ? (unsigned)n : 1;
}
