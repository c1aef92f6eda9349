/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A writer's session over the wire: its key, its packs, its snapshot.
 *
 * A6 Who adds is the machine of the certificate, in a vault in which it has a writer; that writer's
 *    name is looked up, never taken from the request.
 * A14 What a machine may do how often is bounded by the machine, so that it takes nothing from others; that never keeps it from
 *    one snapshot an hour (floods.c), and refuses with when to come again.
 */
#include "server/alarms.h"
#include "server/api.h"
#include "server/ending.h"
#include "server/floods.h"
#include "server/outline.h"
#include "server/rates.h"
#include "server/upkeep.h"
#include "server/usage.h"

#include "base/clock.h"
#include "base/mem.h"

#include <string.h>

/* Ids of a path: vault, session, pack. */
static int admit_writer(struct request *q, struct vault_access *a)
{
    if (access_to_vault(q, q->ids[0], a))
        return -1;
    if (a->rights & WIRE_RIGHT_ADD)
        return ending_refuse_writers(q, &a->vault);
    reply_refuse(q, "forbidden", "this identity may not add to that vault");
    return -1;
}

/* What was refused for being too much has a code of its own, and the log hears of it. */
static void fail(struct request *q, const struct err *why)
{
    if (q->limit)
        reply_limit(q, q->limit, why);
    else
        reply_fail(q, why);
}

/* A14 */
static int admit_rate(struct request *q, enum rate what, struct err *e)
{
    if (rates_take(q->server->rates, what, q->caller.identity.id, clock_running_ns()))
        return 0;
    q->limit = "too_many_sessions";
    return err_set(e, ERR_BUSY, "this machine began more than %u backups within an hour: try again in some minutes",
                   rates_burst(what));
}

/* A14 */
static int admit_snapshot(struct request *q, const struct vault_access *a, struct err *e)
{
    struct retention policy;
    if (upkeep_policy(q->server, &a->vault, &policy, e))
        return -1;
    if (flood_admit(q->server, q->caller.identity.id, &policy, clock_realtime_ns(), e) == 0)
        return 0;
    q->limit = "too_many_snapshots";
    return -1;
}

static int take_session(struct request *q, const struct vault_access *a,
                        struct server_session **out, struct err *e)
{
    bool begun = false;
    if (sessions_take(q->server, q->ids[0], q->ids[1], a->writer, q->caller.identity.id, out,
                      &begun, e))
        return -1;
    if (!begun)
        return 0;
    if (admit_rate(q, RATE_SESSION, e)) {
        sessions_end(q->server, q->ids[0], q->ids[1], a->writer);
        sessions_give(q->server, TAKE(*out));
        return -1;
    }
    struct event ev = {.kind = EVENT_SESSION_BEGIN};
    memcpy(ev.by, q->caller.identity.id, EVENT_ID_BYTES);
    memcpy(ev.id, q->caller.identity.id, EVENT_ID_BYTES);
    memcpy(ev.vault, q->ids[0], UID_BYTES);
    memcpy(ev.session, q->ids[1], UID_BYTES);
    memcpy(ev.writer, a->writer, UID_BYTES);
    if (server_record(q->server, &ev, NULL, e) == 0)
        return 0;
    sessions_give(q->server, TAKE(*out));
    return -1;
}

static int put_key(struct request *q, const struct vault_access *a, const uint8_t *body, size_t len,
                   struct err *e)
{
    struct server *s = q->server;
    struct vault_entry *v = NULL;
    uint8_t session[UID_BYTES];
    if (vaults_take(s, q->ids[0], &v, e))
        return -1;
    (void)pthread_mutex_lock(&v->lock);
    int rc = keeper_put_session(v->vault, a->writer, body, len, session, e);
    (void)pthread_mutex_unlock(&v->lock);
    vaults_give(s, v);
    if (!rc && memcmp(session, q->ids[1], UID_BYTES) != 0)
        rc = err_set(e, ERR_USAGE, "the session's key is of another session than the path says");
    return rc;
}

/* The session begins, and what its writer asks next is answered at once: as one who may add, and no more. */
static int begin_with_outline(struct request *q, const struct vault_access *a, struct buf *out,
                              struct err *e)
{
    struct server_session *n = NULL;
    struct writer_past past = {0};
    struct reading r = {.q = q, .access = *a};
    if (take_session(q, a, &n, e))
        return -1;
    r.access.rights = WIRE_RIGHT_ADD;
    int rc = vaults_take(q->server, q->ids[0], &r.v, e);
    if (!rc) {
        (void)pthread_mutex_lock(&r.v->lock);
        rc = keeper_past(r.v->vault, a->writer, &past, e);
        (void)pthread_mutex_unlock(&r.v->lock);
    }
    if (!rc)
        rc = outline_make(&r, OUTLINE_SESSION, &past, out, e);
    reading_done(&r);
    sessions_give(q->server, n);
    return rc;
}

void api_session_put(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    CLEANUP(buf_done) struct buf out = {.max = WIRE_OUTLINE_MAX};
    struct vault_access a;
    struct err why = ERR_INIT;
    bool begin = strcmp(http_query(q->http), "begin") == 0;
    (void)in;
    if (admit_writer(q, &a))
        return;
    if ((begin && admit_snapshot(q, &a, &why)) || admit_rate(q, RATE_SESSION_KEY, &why) ||
        put_key(q, &a, body, len, &why) || (begin && begin_with_outline(q, &a, &out, &why)))
        fail(q, &why);
    else if (begin)
        http_respond(q->http, 201, WIRE_BINARY, out.data, out.len);
    else
        reply_empty(q, 201);
}

void api_session_begin(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct vault_access a;
    struct server_session *n = NULL;
    struct err why = ERR_INIT;
    (void)in, (void)body, (void)len;
    if (admit_writer(q, &a))
        return;
    if (admit_snapshot(q, &a, &why) || take_session(q, &a, &n, &why)) {
        fail(q, &why);
        return;
    }
    sessions_give(q->server, n);
    reply_json(q, 200, json_object());
}

void api_session_end(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct vault_access a;
    (void)in, (void)body, (void)len;
    if (access_to_vault(q, q->ids[0], &a))
        return;
    if (!(a.rights & WIRE_RIGHT_ADD)) {
        reply_refuse(q, "forbidden", "this identity may not add to that vault");
        return;
    }
    sessions_end(q->server, q->ids[0], q->ids[1], a.writer); /* also where nothing may begin any more */
    reply_json(q, 200, json_object());
}

/* ---- packs: as they come ------------------------------------------------------------------- */

/*
 * An upload that is refused is taken to its end all the same, and then told why: clients
 * that are still sending do not hear an answer that comes before (libcurl takes the reset that follows it
 * for a broken connection). Only who may not call at all is answered at once.
 */
struct upload {
    struct server_session *session;
    struct arrival *arrival;
    struct err refusal; /* its class is set once nothing more is wanted */
    uint64_t len;
};

static void upload_drop(struct request *q)
{
    struct upload *u = q->state;
    arrival_abort(TAKE(u->arrival));
    sessions_give(q->server, TAKE(u->session));
}

static void upload_free(struct request *q)
{
    if (!q->state)
        return;
    upload_drop(q);
    mem_free(q->state);
    q->state = NULL;
}

/* ERR_EXISTS: it is here; nothing need be kept. */
static int open_arrival(struct request *q, struct upload *u, const struct vault_access *a,
                        struct err *e)
{
    int64_t len = http_content_length(q->http);
    struct arrival_params p = {.len = len < 0 ? 0 : (uint64_t)len};
    memcpy(p.writer, a->writer, UID_BYTES);
    memcpy(p.session, q->ids[1], UID_BYTES);
    memcpy(p.id, q->ids[2], ID_BYTES);
    if (len < 0)
        return err_set(e, ERR_USAGE, "a pack must say how long it is");
    if (take_session(q, a, &u->session, e) || server_room(q->server, p.len, e))
        return -1;
    u->len = p.len;
    if (quota_admit(q->server, &a->vault, u->session->entry, p.len, e)) {
        q->limit = "quota";
        return -1;
    }
    return arrival_begin(u->session->entry->vault, &p, &u->arrival, e);
}

/* NULL: answered, and whatever still comes is dropped. */
static struct upload *upload_of(struct request *q)
{
    struct vault_access a;
    struct err why = ERR_INIT;
    if (q->state || q->refused)
        return q->state;
    q->refused = true;
    if (call_admit(q) || admit_writer(q, &a))
        return NULL;
    struct upload *u = q->state = mem_zalloc(sizeof *u);
    if (!u) {
        (void)err_no_memory(&why, "an upload");
        reply_fail(q, &why);
        return NULL;
    }
    q->refused = false;
    if (open_arrival(q, u, &a, &u->refusal))
        upload_drop(q);
    return u;
}

static void pack_piece(void *arg, struct http_request *r, const uint8_t *p, size_t len)
{
    struct request *q = http_user(r);
    struct upload *u = upload_of(q);
    (void)arg;
    if (u && !u->refusal.cls && arrival_take(u->arrival, p, len, &u->refusal))
        upload_drop(q);
}

static void pack_end(void *arg, struct http_request *r)
{
    struct request *q = http_user(r);
    struct upload *u = upload_of(q);
    (void)arg;
    if (!u)
        return;
    int status = 201;
    if (!u->refusal.cls && arrival_end(TAKE(u->arrival), &u->refusal) == 0) {
        usage_arrived(u->session->entry, u->len);
        tally_upload(q->server, q->ids[0], q->caller.identity.id, u->len);
    }
    if (u->refusal.cls == ERR_EXISTS) {
        u->refusal.cls = ERR_UNSET;
        status = 200;
    }
    struct err why = u->refusal;
    upload_free(q);
    if (why.cls)
        fail(q, &why);
    else
        reply_empty(q, status);
}

static void pack_abort(void *arg, struct http_request *r)
{
    struct request *q = http_user(r);
    (void)arg;
    upload_free(q);
}

const struct http_sink pack_sink = {pack_piece, pack_end, pack_abort};

/* ---- the snapshot ------------------------------------------------------------------------------ */

static int record_snapshot(struct request *q, const struct vault_access *a,
                           const struct keeper_receipt *got, uint64_t stored, struct recorded *out,
                           struct err *e)
{
    struct event ev = {.kind = EVENT_SNAPSHOT, .sequence = got->seq, .received_ns = got->received_ns,
                       .bytes = got->added_bytes & INT64_MAX, .files = got->files & INT64_MAX, .stored = stored,
                       .text = q->caller.identity.name};
    memcpy(ev.by, q->caller.identity.id, EVENT_ID_BYTES);
    memcpy(ev.id, q->caller.identity.id, EVENT_ID_BYTES);
    memcpy(ev.vault, q->ids[0], UID_BYTES);
    memcpy(ev.session, q->ids[1], UID_BYTES);
    memcpy(ev.writer, a->writer, UID_BYTES);
    memcpy(ev.snapshot, got->id, ID_BYTES);
    /* One that is here already may still be missing in the log: then it is entered now. */
    if (got->again && catalog_snapshot_entry(q->server->catalog, got->id, got->id, 0, &out->index, NULL) == 0)
        return 0;
    if (server_record(q->server, &ev, out, e))
        return -1;
    if (!out->took) /* somebody was faster: snapshot_recall.c */
        (void)!catalog_snapshot_entry(q->server->catalog, got->id, got->id, 0, &out->index, NULL);
    return 0;
}

/* One that is here already is admitted: its answer was lost. */
static bool is_here(struct server *s, const uint8_t *w, size_t w_len)
{
    uint8_t id[HASH_BYTES];
    uint64_t entry;
    hash_bytes(w, w_len, id);
    return catalog_snapshot_entry(s->catalog, id, id, 0, &entry, NULL) == 0;
}

static int receive(struct request *q, const struct vault_access *a, const uint8_t *body, size_t len,
                   struct keeper_receipt *got, uint64_t *stored, struct err *e)
{
    const uint8_t *w, *refs;
    size_t w_len, refs_len;
    struct server_session *n = NULL;
    if (wire_snapshot_take(body, len, &w, &w_len, &refs, &refs_len, e))
        return -1;
    if ((!is_here(q->server, w, w_len) && admit_snapshot(q, a, e)) || take_session(q, a, &n, e))
        return -1;
    (void)pthread_mutex_lock(&n->entry->lock);
    int rc = keeper_receive(n->keeper, w, w_len, refs, refs_len, got, e);
    (void)pthread_mutex_unlock(&n->entry->lock);
    *stored = usage_of(q->server, n->entry);
    sessions_give(q->server, n);
    return rc;
}

/* Alarms that a snapshot may begin or end. */
static void watch(struct request *q, const struct vault_access *a)
{
    struct server *s = q->server;
    struct retention policy;
    struct catalog_identity *who = &q->caller.identity;
    const struct alarm_cause silence = {.name = ALARM_SILENCE, .tenant = who->tenant, .id = who->id};
    alarm_over(s, &silence, "there are snapshots again");
    if (upkeep_policy(s, &a->vault, &policy, NULL) == 0)
        flood_watch(s, who, &policy, clock_realtime_ns());
    quota_watch_tenant(s, who->tenant);
    quota_watch_vault(s, a->vault.vault);
}

void api_snapshot(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct vault_access a;
    struct keeper_receipt got;
    struct err why = ERR_INIT;
    struct recorded entry = {0};
    uint64_t stored = 0;
    (void)in;
    if (admit_writer(q, &a))
        return;
    if (receive(q, &a, body, len, &got, &stored, &why) ||
        record_snapshot(q, &a, &got, stored, &entry, &why)) {
        fail(q, &why);
        return;
    }
    watch(q, &a);
    if (strcmp(http_query(q->http), "end") == 0)
        sessions_end(q->server, q->ids[0], q->ids[1], a.writer);
    reply_json(q, 201,
                json_pack("{s:o, s:I, s:o, s:I}", "snapshot", json_id(got.id, ID_BYTES), "sequence",
                          (json_int_t)got.seq, "received", json_time(got.received_ns), "log",
                          (json_int_t)entry.index));
}
