/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots of a vault, for people who look after it: which there are, and keeping some of them longer. Needs no right to
 * read: names, times and sizes, which the keeper knows anyway, and nothing of what was backed up.
 *
 * A18 Whatever one person does here keeps more. To release what is held is a request of two (requests.c).
 * A19 What was brought back from the trash is locked as well, or the same rules would forget it again.
 */
#include "server/api.h"
#include "server/ending.h"

#include "base/clock.h"
#include "base/mem.h"

#include <string.h>

#define AT_ONCE_MAX    1000u
#define BACK_FOR_NS    (30 * 24 * 3600 * NS_PER_S)
#define KEEPERS        (R(ROLE_OWNER) | R(ROLE_SECURITY_OFFICER) | R(ROLE_OPERATOR) | R(ROLE_TENANT_ADMIN))
#define BRING_BACK     (KEEPERS | R(ROLE_TENANT_RESTORER))

/* ---- describing ---------------------------------------------------------------------------- */

/* What writers said, who may be hostile, as text that JSON can have. */
static json_t *clean(const char *text)
{
    char out[VAULT_REASON_MAX + 1];
    event_clean(text, strlen(text), sizeof out - 1, out);
    return json_string(out);
}

static json_t *describe(const struct snapshot *s)
{
    json_t *tags = json_array();
    for (size_t i = 0; i < s->tag_count; i++)
        (void)json_array_append_new(tags, clean(s->tags[i]));
    return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:b, s:o, s:o, s:o, s:o}", "sequence",
                     (json_int_t)s->seq, "snapshot", json_id(s->id, ID_BYTES), "writer",
                     json_id(s->writer, UID_BYTES), "machine", clean(s->machine), "time", json_time(s->dated_ns),
                     "received", json_time(s->received_ns), "entries", (json_int_t)(s->files & INT64_MAX), "bytes",
                     (json_int_t)(s->bytes & INT64_MAX), "added", (json_int_t)(s->added_bytes & INT64_MAX),
                     "incomplete", s->incomplete, "locked_until", json_time(s->locked_until_ns), "held",
                     s->held ? clean(s->hold_reason) : json_null(), "trash_until",
                     json_time(s->forgotten_until_ns), "tags", tags);
}

/* ---- the vault, apart: nobody who backs up waits for this -------------------------------------------- */

struct opened {
    struct store *store;
    struct vault *vault;
    struct snapshot_list list;
};

static void opened_done(struct opened *o)
{
    snapshot_list_done(&o->list);
    vault_close(o->vault);
    store_close(o->store);
}

static int open_apart(struct request *q, struct opened *o, struct err *e)
{
    return vaults_open_apart(q->server, q->ids[0], &o->store, &o->vault, e) ||
                   vault_snapshots_all(o->vault, &o->list, NULL, NULL, e)
               ? -1
               : 0;
}

/* -1: answered. */
static int find_vault(struct request *q, unsigned roles)
{
    struct catalog_vault v;
    bool there = catalog_vault(q->server->catalog, q->ids[0], &v, NULL) == 0;
    if (caller_may_there(q->server, &q->caller, there, roles, v.tenant))
        return ending_refuse_gone(q, &v);
    reply_not_found(q);
    return -1;
}

static struct snapshot *find(const struct snapshot_list *l, uint64_t sequence)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->items[i].seq == sequence)
            return &l->items[i];
    return NULL;
}

/* ---- listing ------------------------------------------------------------------------------------- */

static int by_sequence(const void *a, const void *b)
{
    const struct snapshot *x = a, *y = b;
    return (x->seq > y->seq) - (x->seq < y->seq);
}

/* {"snapshots":[…], "next": the first that did not fit}. */
static json_t *page(struct snapshot_list *l, uint64_t from, uint64_t count)
{
    json_t *array = json_array(), *next = NULL;
    if (l->count)
        qsort(l->items, l->count, sizeof *l->items, by_sequence);
    for (size_t i = 0; i < l->count && !next; i++) {
        if (l->items[i].seq < from)
            continue;
        if (json_array_size(array) == count)
            next = json_integer((json_int_t)l->items[i].seq);
        else
            (void)json_array_append_new(array, describe(&l->items[i]));
    }
    return json_pack("{s:o, s:o}", "snapshots", array, "next", next ? next : json_null());
}

void api_snapshots(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    CLEANUP(opened_done) struct opened o = {0};
    struct err why = ERR_INIT;
    uint64_t from = 0, count = AT_ONCE_MAX;
    (void)in, (void)body, (void)len;
    if (find_vault(q, ~R(ROLE_WRITER)))
        return;
    (void)query_number(http_query(q->http), "from", &from);
    if (query_number(http_query(q->http), "count", &count) && (count == 0 || count > AT_ONCE_MAX))
        count = AT_ONCE_MAX;
    if (open_apart(q, &o, &why))
        reply_fail(q, &why);
    else
        reply_json(q, 200, page(&o.list, from, count));
}

/* ---- keeping longer -------------------------------------------------------------------------------- */

struct wish {
    int64_t until_ns; /* 0: none */
    const char *text; /* why it is held; a tag */
};

/* "until": a time, or for how long from now. */
static int take_until(const json_t *in, int64_t *out, struct err *e)
{
    const char *text = json_string_value(json_object_get(in, "until"));
    struct policy_span span;
    if (text && policy_span_parse(text, &span))
        *out = policy_span_after(&span, clock_realtime_ns());
    else if (!text || !clock_parse(text, out))
        return err_set(e, ERR_USAGE, "until when? {\"until\":\"2027-12-31T00:00:00Z\"}, or for how long: \"30d\"");
    return 0;
}

static int take_text(const json_t *in, const char *key, const char **out, struct err *e)
{
    *out = take_name(in, key);
    return *out && **out ? 0 : err_set(e, ERR_USAGE, "\"%s\" is missing, or no text", key);
}

static int record(struct request *q, enum event_kind kind, const struct snapshot *s, const char *name,
                  const struct wish *w, struct err *e)
{
    struct event ev = {.kind = kind, .sequence = s->seq, .name = name};
    if (name) {
        ev.until_ns = w->until_ns;
        ev.text = w->text;
    }
    memcpy(ev.by, q->caller.identity.id, EVENT_ID_BYTES);
    memcpy(ev.vault, q->ids[0], UID_BYTES);
    memcpy(ev.snapshot, s->id, ID_BYTES);
    return server_record(q->server, &ev, NULL, e);
}

typedef int marking(struct request *q, struct vault *v, struct snapshot *s, const struct wish *w, struct err *e);

/* Locked until then already is fine: an answer was lost. */
static int lock(struct request *q, struct vault *v, struct snapshot *s, const struct wish *w, struct err *e)
{
    bool again = s->locked_until_ns == w->until_ns && !s->forgotten_until_ns;
    return (!again && vault_lock(v, s, w->until_ns, e)) || record(q, EVENT_PROTECT, s, "lock", w, e) ? -1 : 0;
}

static int hold(struct request *q, struct vault *v, struct snapshot *s, const struct wish *w, struct err *e)
{
    return vault_hold(v, s, w->text, e) || record(q, EVENT_PROTECT, s, "hold", w, e) ? -1 : 0;
}

static int tag(struct request *q, struct vault *v, struct snapshot *s, const struct wish *w, struct err *e)
{
    return vault_tag(v, s, &w->text, 1, NULL, 0, e) || record(q, EVENT_PROTECT, s, "tag", w, e) ? -1 : 0;
}

/* A19 */
static int bring_back(struct request *q, struct vault *v, struct snapshot *s, const struct wish *w, struct err *e)
{
    if (s->forgotten_until_ns &&
        (vault_undelete(v, s, e) || record(q, EVENT_UNDELETE, s, NULL, w, e) || vault_snapshot_refresh(v, s, e)))
        return -1;
    return s->locked_until_ns >= w->until_ns ? 0 : lock(q, v, s, w, e);
}

/* All of them are there, or nothing happens. */
static int take_snapshots(const json_t *in, const struct snapshot_list *l, struct snapshot **out, size_t *count,
                          struct err *e)
{
    const json_t *list = json_object_get(in, "sequences");
    *count = json_array_size(list);
    if (!*count || *count > AT_ONCE_MAX)
        return err_set(e, ERR_USAGE, "which snapshots? {\"sequences\":[1, 2, …]}, at most %u", AT_ONCE_MAX);
    for (size_t i = 0; i < *count; i++) {
        const json_t *n = json_array_get(list, i);
        out[i] = json_integer_value(n) > 0 ? find(l, (uint64_t)json_integer_value(n)) : NULL;
        if (!out[i])
            return err_set(e, ERR_NOT_FOUND, "there is no snapshot %" JSON_INTEGER_FORMAT " in this vault",
                           json_integer_value(n));
    }
    return 0;
}

static int mark_some(struct request *q, const json_t *in, marking *mark, const struct wish *w, json_t *array,
                     struct err *e)
{
    CLEANUP(opened_done) struct opened o = {0};
    struct snapshot *chosen[AT_ONCE_MAX];
    size_t count;
    if (open_apart(q, &o, e) || take_snapshots(in, &o.list, chosen, &count, e))
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (mark(q, o.vault, chosen[i], w, e) || vault_snapshot_refresh(o.vault, chosen[i], e))
            return err_wrap(e, "snapshot %llu", (unsigned long long)chosen[i]->seq);
        (void)json_array_append_new(array, describe(chosen[i]));
    }
    return 0;
}

/* What was marked must not be gone the moment after (V3); one that begins to end meanwhile is not gone for days. */
static int mark_all(struct request *q, const json_t *in, marking *mark, const struct wish *w, json_t *array,
                    struct err *e)
{
    struct catalog_vault v;
    if (catalog_vault(q->server->catalog, q->ids[0], &v, e))
        return -1;
    if (!v.ending_ns)
        return mark_some(q, in, mark, w, array, e);
    (void)pthread_mutex_lock(&q->server->end_lock);
    int rc = catalog_vault(q->server->catalog, q->ids[0], &v, e);
    if (!rc)
        rc = v.gone_ns ? err_set(e, ERR_REFUSED, "the vault is gone") : mark_some(q, in, mark, w, array, e);
    (void)pthread_mutex_unlock(&q->server->end_lock);
    return rc;
}

static void mark_and_reply(struct request *q, const json_t *in, marking *mark, const struct wish *w)
{
    struct err why = ERR_INIT;
    json_t *array = json_array();
    if (mark_all(q, in, mark, w, array, &why)) {
        json_decref(array);
        reply_fail(q, &why);
        return;
    }
    reply_json(q, 200, json_pack("{s:o}", "snapshots", array));
}

void api_snapshots_lock(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct wish w = {0};
    struct err why = ERR_INIT;
    (void)body, (void)len;
    if (find_vault(q, KEEPERS))
        return;
    if (take_until(in, &w.until_ns, &why))
        reply_fail(q, &why);
    else
        mark_and_reply(q, in, lock, &w);
}

static void mark_with_text(struct request *q, const json_t *in, const char *key, marking *mark)
{
    struct wish w = {0};
    struct err why = ERR_INIT;
    if (find_vault(q, KEEPERS))
        return;
    if (take_text(in, key, &w.text, &why))
        reply_fail(q, &why);
    else
        mark_and_reply(q, in, mark, &w);
}

void api_snapshots_hold(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    (void)body, (void)len;
    mark_with_text(q, in, "reason", hold);
}

void api_snapshots_tag(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    (void)body, (void)len;
    mark_with_text(q, in, "tag", tag);
}

void api_snapshots_undelete(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct wish w = {.until_ns = clock_realtime_ns() + BACK_FOR_NS};
    struct err why = ERR_INIT;
    (void)body, (void)len;
    if (find_vault(q, BRING_BACK))
        return;
    if (json_object_get(in, "until") && take_until(in, &w.until_ns, &why))
        reply_fail(q, &why);
    else
        mark_and_reply(q, in, bring_back, &w);
}
