/* SPDX-License-Identifier: Apache-2.0 */
/* What the keeper does for a session: it begins, its snapshot is received, it ends. */
#include "remote/far_outline.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SESSION_PREFIX "session-"

struct far_lease {
    struct store_lease base;
    struct far_store *store;
};

static void set_session(struct far_store *f, const char *session)
{
    (void)pthread_mutex_lock(&f->lock);
    memset(f->session, 0, sizeof f->session);
    memcpy(f->session, session, strlen(session));
    (void)pthread_mutex_unlock(&f->lock);
}

static int post(struct far_store *f, const char *session, const char *verb, struct err *e)
{
    char path[FAR_PATH_MAX];
    far_path(f, path, "sessions/%s/%s", session, verb);
    return client_json(f->remote->client, "POST", path, NULL, NULL, e);
}

/* Not tried again: it ends by itself, later. */
static void end(struct far_store *f, const char *session)
{
    char path[FAR_PATH_MAX];
    far_path(f, path, "sessions/%s/end", session);
    struct client_call call = {.method = "POST", .path = path, .once = true};
    (void)!client_do(f->remote->client, &call, NULL);
}

void far_begun(struct far_store *f, const char *session)
{
    if (*f->begun && strcmp(f->begun, session) != 0)
        end(f, f->begun);
    (void)snprintf(f->begun, sizeof f->begun, "%s", session);
}

int far_lease_take(struct store *s, const char *name, struct store_lease **out, struct err *e)
{
    struct far_store *f = far_of(s);
    const char *session = name + sizeof SESSION_PREFIX - 1;
    if (strncmp(name, SESSION_PREFIX, sizeof SESSION_PREFIX - 1) != 0 ||
        strlen(session) != 2 * (size_t)UID_BYTES)
        return err_set(e, ERR_REFUSED, "that is the server's work: those who look after it have `abri admin` for it");
    struct far_lease *l = mem_zalloc(sizeof *l);
    if (!l)
        return err_no_memory(e, "a session");
    l->base.impl = s->impl;
    l->store = f;
    if (strcmp(f->begun, session) != 0 && post(f, session, "begin", e)) {
        mem_free(l);
        return -1;
    }
    f->begun[0] = '\0';
    set_session(f, session);
    *out = &l->base;
    return 0;
}

/* The server asks itself, when it receives the snapshot. */
bool far_lease_held(struct store_lease *l)
{
    (void)l;
    return true;
}

void far_lease_drop(struct store_lease *base)
{
    struct far_lease *l = (struct far_lease *)base;
    if (*l->store->session) /* else its snapshot ended it */
        end(l->store, l->store->session);
    set_session(l->store, "");
    mem_free(l);
}

/* Who else is at work there is not our business, and nothing here waits for them. */
int far_lease_list(struct store *s, store_each_lease *each, void *arg, struct err *e)
{
    (void)s, (void)each, (void)arg, (void)e;
    return 0;
}

/* ---- the keeper ------------------------------------------------------------------------------- */

static int take_past(const json_t *o, struct writer_past *out)
{
    const json_t *sequence = json_object_get(o, "sequence");
    if (!json_is_integer(sequence) || json_integer_value(sequence) < 0 ||
        !json_take_id(o, "snapshot", out->id, ID_BYTES))
        return -1;
    out->sequence = (uint64_t)json_integer_value(sequence);
    return 0;
}

int far_past(void *store, const uint8_t writer[UID_BYTES], struct writer_past *out, struct err *e)
{
    struct far_store *f = store;
    char path[FAR_PATH_MAX], hex[2 * UID_BYTES + 1];
    json_t *answer = NULL;
    if (outline_past(f->outline, writer, out))
        return 0;
    hex_encode(writer, UID_BYTES, hex);
    far_path(f, path, "writers/%s/past", hex);
    if (client_json(f->remote->client, "GET", path, NULL, &answer, e))
        return -1;
    int rc = take_past(answer, out);
    json_decref(answer);
    return rc ? err_set(e, ERR_DAMAGED, "%s: an answer that makes no sense",
                        client_name(f->remote->client))
              : 0;
}

int far_receive(void *store, const uint8_t session[UID_BYTES], const struct buf *w,
                const struct buf *refs, struct err *e)
{
    struct far_store *f = store;
    uint8_t head[WIRE_SNAPSHOT_HEAD];
    char path[FAR_PATH_MAX], hex[2 * UID_BYTES + 1];
    hex_encode(session, UID_BYTES, hex);
    far_path(f, path, "sessions/%s/snapshot?end", hex);
    wire_snapshot_head((uint32_t)w->len, (uint32_t)refs->len, head);
    const struct client_piece pieces[] = {
        {head, sizeof head}, {w->data, w->len}, {refs->data, refs->len}};
    struct client_call call = {.method = "POST", .path = path, .type = WIRE_BINARY,
                               .pieces = pieces, .piece_count = 3};
    if (client_do(f->remote->client, &call, e))
        return -1;
    set_session(f, "");
    return 0;
}
