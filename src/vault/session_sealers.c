/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that seal packs, where the store is far away: an upload takes a round trip and
 * the time of the wire, which nobody who cuts and compresses should wait for.
 *
 * L1 At most one pack waits beside those that are being sealed and those being filled: that
 *    is what is in memory; who would add one more waits.
 * L2 After a failure nothing more is sealed, and nobody waits any longer.
 */
#include "vault/session_internal.h"

static struct session_pack *take(struct session_sealers *q)
{
    struct session_pack *p = q->first;
    q->first = p->next;
    if (!q->first)
        q->last = &q->first;
    q->waiting--;
    return p;
}

static void *seal_all(void *arg)
{
    struct session *s = arg;
    struct session_sealers *q = &s->sealers;
    (void)pthread_mutex_lock(&s->lock);
    while (!q->closing) {
        if (!q->first || s->failed) {
            (void)pthread_cond_wait(&q->work, &s->lock);
            continue;
        }
        struct session_pack *p = take(q);
        (void)pthread_cond_broadcast(&s->idle); /* L1 */
        (void)pthread_mutex_unlock(&s->lock);
        (void)!session_seal(s, p, NULL); /* a failure stays with the session */
        (void)pthread_mutex_lock(&s->lock);
    }
    (void)pthread_mutex_unlock(&s->lock);
    return NULL;
}

int session_sealers_start(struct session *s, unsigned count, struct err *e)
{
    struct session_sealers *q = &s->sealers;
    q->last = &q->first;
    (void)pthread_cond_init(&q->work, NULL);
    for (; q->count < count && q->count < SESSION_SEALERS_MAX; q->count++) {
        int error = pthread_create(&q->threads[q->count], NULL, seal_all, s);
        if (error)
            return err_sys(e, error, "start a thread");
    }
    return 0;
}

void session_sealers_stop(struct session *s)
{
    struct session_sealers *q = &s->sealers;
    (void)pthread_mutex_lock(&s->lock);
    q->closing = true;
    (void)pthread_cond_broadcast(&q->work);
    (void)pthread_mutex_unlock(&s->lock);
    for (unsigned i = 0; i < q->count; i++)
        (void)pthread_join(q->threads[i], NULL);
    (void)pthread_cond_destroy(&q->work);
}

int session_sealers_give(struct session *s, struct session_pack *p, struct err *e)
{
    struct session_sealers *q = &s->sealers;
    if (!q->count)
        return session_seal(s, p, e);
    (void)pthread_mutex_lock(&s->lock);
    while (q->waiting && !s->failed)
        (void)pthread_cond_wait(&s->idle, &s->lock);
    int rc = session_check(s, e);
    if (!rc) {
        p->next = NULL;
        *q->last = p;
        q->last = &p->next;
        q->waiting++;
        (void)pthread_cond_signal(&q->work);
    }
    (void)pthread_mutex_unlock(&s->lock);
    return rc;
}
