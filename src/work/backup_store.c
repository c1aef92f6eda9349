/* SPDX-License-Identifier: Apache-2.0 */
/* Adding chunks: offer, seal if it is wanted, add. */
#include "work/backup.h"

#include "base/clock.h"

#include <string.h>
#include <time.h>

void backup_fail(struct backup *b, const struct err *e)
{
    (void)pthread_mutex_lock(&b->lock);
    if (!atomic_load(&b->failed))
        b->fatal = *e;
    atomic_store(&b->failed, true);
    (void)pthread_mutex_unlock(&b->lock);
}

#define LIMIT_LOOK_NS (NS_PER_S / 10) /* how soon a waiting sender sees that it is over */

static bool is_over(const struct backup *b)
{
    return atomic_load(&b->failed) ||
           (b->options->progress && progress_cancelled(b->options->progress));
}

/* Waits until `len` more bytes may be sent. The wait is taken outside the lock,
 * each sender having booked its own stretch of time. */
static void limit(struct backup *b, size_t len)
{
    uint64_t rate = b->options->limit_upload;
    if (!rate)
        return;
    (void)pthread_mutex_lock(&b->lock);
    int64_t now = clock_monotonic_ns();
    int64_t start = b->limit_free_ns > now ? b->limit_free_ns : now;
    b->limit_free_ns = start + (int64_t)((double)len / (double)rate * (double)NS_PER_S);
    (void)pthread_mutex_unlock(&b->lock);
    for (; now < start && !is_over(b); now = clock_monotonic_ns()) {
        int64_t next = start - now < LIMIT_LOOK_NS ? start : now + LIMIT_LOOK_NS;
        struct timespec until = {.tv_sec = next / NS_PER_S, .tv_nsec = next % NS_PER_S};
        (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    }
}

static int seal_and_add(struct backup *b, struct backup_worker *w, enum seal_kind kind,
                        const uint8_t id[ID_BYTES], const void *p, size_t len, struct err *e)
{
    struct frame f = {.kind = kind == SEAL_DATA ? FRAME_DATA : FRAME_META,
                      .nonce = atomic_fetch_add(&b->nonce, 1) + 1};
    memcpy(f.id, id, ID_BYTES);
    memcpy(f.session, b->key->session, UID_BYTES);
    size_t sealed_len;
    if (sealer_seal(w->sealer, kind, id, f.nonce, p, len, w->sealed + FRAME_HEADER_BYTES,
                    &sealed_len, e))
        return -1;
    limit(b, sealed_len);
    if (b->options->progress)
        progress_add(&b->options->progress->stored, sealed_len);
    return session_add(b->session, &f, w->sealed, (uint32_t)sealed_len, e);
}

int backup_store(struct backup *b, struct backup_worker *w, enum seal_kind kind,
                 const uint8_t id[ID_BYTES], const void *p, size_t len, struct err *e)
{
    if (!b->session) {
        struct frame_loc loc;
        if (!vault_find(b->access->vault, id, &loc))
            progress_add(&b->new_plain, len);
        return 0;
    }
    enum session_have have;
    if (session_offer(b->session, id, &have, e))
        return -1;
    return have == SESSION_HAS ? 0 : seal_and_add(b, w, kind, id, p, len, e);
}

int backup_sink(void *arg, const uint8_t id[ID_BYTES], const void *p, size_t len, struct err *e)
{
    struct backup *b = arg;
    return backup_store(b, &b->workers[b->threads], SEAL_META, id, p, len, e);
}

bool backup_refer(struct backup *b, const uint8_t id[ID_BYTES])
{
    struct frame_loc loc;
    return b->session ? session_refer(b->session, id) : vault_find(b->access->vault, id, &loc);
}
