/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads, uploads and refusals, gathered before they go into the log: who reads a million chunks makes two
 * entries, who is refused or uploads a million times makes one a minute. What was gathered when the server dies is lost.
 *
 * B4 Before the first byte of a reading leaves, an entry of the log says who begins to read what.
 * B5 What cannot be gathered (the table is full) is recorded at once.
 */
#include "server/server_internal.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define TALLIES_MAX 4096u

struct tally {
    enum event_kind kind; /* EVENT_UNSET: a free place */
    bool begun; /* its first entry is durable, or was tried (B4) */
    uint8_t vault[UID_BYTES], id[EVENT_ID_BYTES], grant[EVENT_ID_BYTES];
    char text[200];
    uint64_t bytes, count; /* since the last entry */
};

struct tallies {
    pthread_mutex_t lock;
    pthread_cond_t begun;
    struct tally items[TALLIES_MAX];
};

int tallies_new(struct tallies **out, struct err *e)
{
    struct tallies *t = mem_zalloc(sizeof *t);
    if (!t)
        return err_no_memory(e, "tallies");
    (void)pthread_mutex_init(&t->lock, NULL);
    (void)pthread_cond_init(&t->begun, NULL);
    *out = t;
    return 0;
}

void tallies_free(struct tallies *t)
{
    if (t)
        (void)pthread_mutex_destroy(&t->lock);
    mem_free(t);
}

static bool is_same(const struct tally *a, const struct tally *b)
{
    return a->kind && a->kind == b->kind && memcmp(a->vault, b->vault, UID_BYTES) == 0 &&
           memcmp(a->id, b->id, EVENT_ID_BYTES) == 0 &&
           memcmp(a->grant, b->grant, EVENT_ID_BYTES) == 0 && strcmp(a->text, b->text) == 0;
}

static struct tally *find(struct tallies *t, const struct tally *what, struct tally **free_out)
{
    *free_out = NULL;
    for (size_t i = 0; i < TALLIES_MAX; i++) {
        if (is_same(&t->items[i], what))
            return &t->items[i];
        if (!t->items[i].kind && !*free_out)
            *free_out = &t->items[i];
    }
    return NULL;
}

/* Adds to what is there. If there is nothing yet: takes a place, *place_out (NULL: there is none), and false: the
 * caller records that it begins, and then calls begin(). */
static bool add(struct tallies *t, const struct tally *what, struct tally **place_out)
{
    (void)pthread_mutex_lock(&t->lock);
    struct tally *at = find(t, what, place_out);
    while (at && !at->begun) {
        (void)pthread_cond_wait(&t->begun, &t->lock);
        at = find(t, what, place_out);
    }
    if (at) {
        at->bytes += what->bytes;
        at->count += what->count;
    } else if (*place_out) {
        **place_out = *what;
    }
    (void)pthread_mutex_unlock(&t->lock);
    return at != NULL;
}

static void begin(struct tallies *t, struct tally *place, bool recorded)
{
    if (!place)
        return;
    (void)pthread_mutex_lock(&t->lock);
    place->begun = true;
    if (!recorded)
        place->kind = EVENT_UNSET;
    if (place->kind == EVENT_REFUSAL) /* that entry was about this one */
        place->count = 0;
    (void)pthread_cond_broadcast(&t->begun);
    (void)pthread_mutex_unlock(&t->lock);
}

static int record(struct server *s, const struct tally *t, struct err *e)
{
    struct event ev = {.kind = t->kind,
                       .bytes = t->bytes,
                       .count = t->count,
                       .text = t->kind == EVENT_REFUSAL ? t->text : NULL};
    if (t->kind != EVENT_UPLOAD) /* the keeper counted, later: not when somebody was last seen */
        memcpy(ev.by, t->id, EVENT_ID_BYTES);
    memcpy(ev.id, t->id, EVENT_ID_BYTES);
    memcpy(ev.vault, t->vault, UID_BYTES);
    memcpy(ev.grant, t->grant, EVENT_ID_BYTES);
    return server_record(s, &ev, NULL, e);
}

int tally_read(struct server *s, const uint8_t vault[UID_BYTES], const uint8_t id[EVENT_ID_BYTES],
               const uint8_t grant[EVENT_ID_BYTES], uint64_t bytes, struct err *e)
{
    struct tally t = {.kind = EVENT_READ, .bytes = bytes, .count = 1};
    memcpy(t.vault, vault, UID_BYTES);
    memcpy(t.id, id, EVENT_ID_BYTES);
    memcpy(t.grant, grant, EVENT_ID_BYTES);
    struct tally *place;
    if (add(s->tallies, &t, &place))
        return 0;
    if (place)
        t.bytes = t.count = 0; /* it begins; how much it was comes later */
    int rc = record(s, &t, e);
    begin(s->tallies, place, rc == 0);
    return rc;
}

void tally_refusal(struct server *s, const uint8_t id[EVENT_ID_BYTES], const char *text)
{
    struct tally t = {.kind = EVENT_REFUSAL, .count = 1};
    struct err why = ERR_INIT;
    const char *reason = strrchr(text, ' '); /* "GET /v1/…: forbidden", or the code alone */
    refusals_add(&s->refusals, reason ? reason + 1 : text);
    memcpy(t.id, id, EVENT_ID_BYTES);
    (void)snprintf(t.text, sizeof t.text, "%s", text);
    struct tally *place;
    if (add(s->tallies, &t, &place))
        return;
    int rc = record(s, &t, &why);
    begin(s->tallies, place, rc == 0);
    if (rc)
        server_tell(s, "a refusal could not be recorded: %s", why.msg);
}

/* Nobody waits for an entry: it comes with the next flush. */
void tally_upload(struct server *s, const uint8_t vault[UID_BYTES], const uint8_t id[EVENT_ID_BYTES], uint64_t bytes)
{
    struct tally t = {.kind = EVENT_UPLOAD, .begun = true, .bytes = bytes, .count = 1};
    struct tally *place;
    struct err why = ERR_INIT;
    memcpy(t.vault, vault, UID_BYTES);
    memcpy(t.id, id, EVENT_ID_BYTES);
    if (!add(s->tallies, &t, &place) && !place && record(s, &t, &why))
        server_tell(s, "an upload could not be recorded: %s", why.msg);
}

/* What has had nothing new since the last time makes room. */
static bool take(struct tallies *t, size_t i, struct tally *out)
{
    (void)pthread_mutex_lock(&t->lock);
    struct tally *at = &t->items[i];
    *out = *at;
    if (at->begun && !at->count)
        at->kind = EVENT_UNSET;
    if (at->begun)
        at->bytes = at->count = 0;
    (void)pthread_mutex_unlock(&t->lock);
    return out->kind && out->begun && out->count;
}

void tallies_flush(struct server *s)
{
    struct tally t;
    struct err why = ERR_INIT;
    for (size_t i = 0; i < TALLIES_MAX; i++)
        if (take(s->tallies, i, &t) && record(s, &t, &why))
            server_tell(s, "reads, uploads and refusals could not be recorded: %s", why.msg);
}
