/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions under way. They live in memory: after a restart the next request of a session begins it
 * anew (keeper_session.c, V4, says why that is safe). Each pins its vault.
 */
#include "server/server_internal.h"

#include "base/clock.h"
#include "base/mem.h"

#include <string.h>

void sessions_init(struct sessions *s)
{
    *s = (struct sessions){0};
    (void)pthread_mutex_init(&s->lock, NULL);
}

/* The lease of a keeper's session belongs to the vault. */
static void session_free(struct server *s, struct server_session *n)
{
    if (n->keeper) {
        (void)pthread_mutex_lock(&n->entry->lock);
        keeper_session_end(n->keeper);
        (void)pthread_mutex_unlock(&n->entry->lock);
    }
    vaults_give(s, n->entry);
    mem_free(n);
}

void sessions_done(struct server *s)
{
    while (s->sessions.first) {
        struct server_session *next = s->sessions.first->next;
        session_free(s, s->sessions.first);
        s->sessions.first = next;
    }
    (void)pthread_mutex_destroy(&s->sessions.lock);
}

static struct server_session **locate(struct sessions *t, const uint8_t *vault,
                                      const uint8_t *session, const uint8_t *writer)
{
    struct server_session **at = &t->first;
    while (*at && ((*at)->over || memcmp((*at)->session, session, UID_BYTES) != 0 ||
                   memcmp((*at)->vault, vault, UID_BYTES) != 0 ||
                   memcmp((*at)->writer, writer, UID_BYTES) != 0))
        at = &(*at)->next;
    return at;
}

static struct server_session *find(struct server *s, const uint8_t *vault, const uint8_t *session,
                                   const uint8_t *writer)
{
    (void)pthread_mutex_lock(&s->sessions.lock);
    struct server_session *n = *locate(&s->sessions, vault, session, writer);
    if (n) {
        n->users++;
        n->used_ns = clock_monotonic_ns();
    }
    (void)pthread_mutex_unlock(&s->sessions.lock);
    return n;
}

static struct server_session *session_new(const uint8_t *vault, const uint8_t *session,
                                          const uint8_t *writer, const uint8_t *machine)
{
    struct server_session *n = mem_zalloc(sizeof *n);
    if (!n)
        return NULL;
    memcpy(n->vault, vault, UID_BYTES);
    memcpy(n->session, session, UID_BYTES);
    memcpy(n->writer, writer, UID_BYTES);
    memcpy(n->machine, machine, EVENT_ID_BYTES);
    n->users = 1;
    n->used_ns = clock_monotonic_ns();
    return n;
}

static void link_session(struct sessions *t, struct server_session *n)
{
    (void)pthread_mutex_lock(&t->lock);
    n->next = t->first;
    t->first = n;
    t->count++;
    (void)pthread_mutex_unlock(&t->lock);
}

/* With the entry's lock, under which every session of the vault begins: so of several requests
 * one begins it and the others find it. */
static int begin(struct server *s, struct server_session *n, struct vault_entry *entry,
                 struct err *e)
{
    if (keeper_session_begin(entry->vault, n->writer, n->session, &n->keeper, e))
        return -1;
    n->entry = entry;
    link_session(&s->sessions, n);
    return 0;
}

int sessions_take(struct server *s, const uint8_t vault[UID_BYTES],
                  const uint8_t session[UID_BYTES], const uint8_t writer[UID_BYTES],
                  const uint8_t machine[EVENT_ID_BYTES], struct server_session **out, bool *begun,
                  struct err *e)
{
    struct vault_entry *entry = NULL;
    int rc = 0;
    if ((*out = find(s, vault, session, writer)) != NULL)
        return 0;
    if (vaults_take(s, vault, &entry, e))
        return -1;
    (void)pthread_mutex_lock(&entry->lock);
    struct server_session *n = find(s, vault, session, writer);
    bool there = n != NULL;
    if (!n && !(n = session_new(vault, session, writer, machine)))
        rc = err_no_memory(e, "a session");
    else if (!there)
        rc = begin(s, n, entry, e);
    (void)pthread_mutex_unlock(&entry->lock);
    if (rc || there)
        vaults_give(s, entry);
    if (rc) {
        mem_free(n);
        return -1;
    }
    if (begun)
        *begun = !there;
    *out = n;
    return 0;
}

/* With the lock: unlinks it if it is over and nobody uses it; then the caller frees it. */
static bool unlink_idle(struct sessions *t, struct server_session *n)
{
    if (n->users || !n->over)
        return false;
    struct server_session **at = &t->first;
    while (*at != n)
        at = &(*at)->next;
    *at = n->next;
    t->count--;
    return true;
}

void sessions_give(struct server *s, struct server_session *n)
{
    if (!n)
        return;
    (void)pthread_mutex_lock(&s->sessions.lock);
    n->users--;
    n->used_ns = clock_monotonic_ns();
    bool last = unlink_idle(&s->sessions, n);
    (void)pthread_mutex_unlock(&s->sessions.lock);
    if (last)
        session_free(s, n);
}

void sessions_end(struct server *s, const uint8_t vault[UID_BYTES],
                  const uint8_t session[UID_BYTES], const uint8_t writer[UID_BYTES])
{
    (void)pthread_mutex_lock(&s->sessions.lock);
    struct server_session *n = *locate(&s->sessions, vault, session, writer);
    if (n)
        n->over = true;
    bool last = n && unlink_idle(&s->sessions, n);
    (void)pthread_mutex_unlock(&s->sessions.lock);
    if (last)
        session_free(s, n);
}

/* The first that can be freed now; all of them are over. */
static struct server_session *end_next(struct sessions *t, const uint8_t *vault)
{
    struct server_session *found = NULL;
    (void)pthread_mutex_lock(&t->lock);
    for (struct server_session *n = t->first; n; n = n->next) {
        if (memcmp(n->vault, vault, UID_BYTES) != 0)
            continue;
        n->over = true;
        if (!found && !n->users)
            found = n;
    }
    if (found)
        (void)unlink_idle(t, found);
    (void)pthread_mutex_unlock(&t->lock);
    return found;
}

void sessions_end_all(struct server *s, const uint8_t vault[UID_BYTES])
{
    struct server_session *n;
    while ((n = end_next(&s->sessions, vault)) != NULL)
        session_free(s, n);
}

void sessions_sweep(struct server *s, int64_t before_ns)
{
    for (;;) {
        (void)pthread_mutex_lock(&s->sessions.lock);
        struct server_session *n = s->sessions.first;
        while (n && (n->users || n->used_ns >= before_ns))
            n = n->next;
        if (n) {
            n->over = true;
            (void)unlink_idle(&s->sessions, n);
        }
        (void)pthread_mutex_unlock(&s->sessions.lock);
        if (!n)
            return;
        session_free(s, n);
    }
}
