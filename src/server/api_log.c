/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log, for its witnesses and auditors: checkpoints and proofs for everyone who is known, entries for
 * those who look after what they are about.
 */
#include "server/api.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define ENTRIES_MAX 1000

/* A number of the query "a=1&b=2"; false: it is not there, or none. */
static bool query_number(const char *query, const char *key, uint64_t *out)
{
    size_t n = strlen(key);
    for (const char *p = query; *p; p += *p == '&') {
        if (strncmp(p, key, n) == 0 && p[n] == '=') {
            char *end;
            *out = strtoull(p + n + 1, &end, 10);
            return end != p + n + 1 && (*end == '\0' || *end == '&');
        }
        p += strcspn(p, "&");
    }
    return false;
}

void api_checkpoint(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    CLEANUP(buf_done) struct buf note = {.max = NOTE_MAX};
    struct err why = ERR_INIT;
    (void)in, (void)body, (void)len;
    if (tlog_checkpoint(q->server->log, &note, &why))
        reply_fail(q, &why);
    else
        http_respond(q->http, 200, WIRE_TEXT, note.data, note.len);
}

static json_t *hashes(uint8_t proof[MERKLE_PROOF_MAX][MERKLE_BYTES], size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < count; i++) {
        CLEANUP(buf_done) struct buf text = {.max = 128};
        base64_put(&text, proof[i], MERKLE_BYTES);
        buf_put_u8(&text, 0);
        if (text.failed || json_array_append_new(array, json_string((const char *)text.data))) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static void reply_proof(struct request *q, int rc, uint8_t proof[MERKLE_PROOF_MAX][MERKLE_BYTES],
                         size_t count, const struct err *why)
{
    if (rc)
        reply_fail(q, why);
    else
        reply_json(q, 200, json_pack("{s:o}", "proof", hashes(proof, count)));
}

void api_consistency(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    uint8_t proof[MERKLE_PROOF_MAX][MERKLE_BYTES];
    uint64_t from, to;
    size_t count = 0;
    struct err why = ERR_INIT;
    (void)in, (void)body, (void)len;
    int rc = query_number(http_query(q->http), "from", &from) &&
                     query_number(http_query(q->http), "to", &to)
                 ? tlog_prove_consistency(q->server->log, from, to, proof, &count, &why)
                 : err_set(&why, ERR_USAGE, "?from=SIZE&to=SIZE");
    reply_proof(q, rc, proof, count, &why);
}

void api_inclusion(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    uint8_t proof[MERKLE_PROOF_MAX][MERKLE_BYTES];
    uint64_t index, size;
    size_t count = 0;
    struct err why = ERR_INIT;
    (void)in, (void)body, (void)len;
    int rc = query_number(http_query(q->http), "index", &index) &&
                     query_number(http_query(q->http), "size", &size)
                 ? tlog_prove_inclusion(q->server->log, index, size, proof, &count, &why)
                 : err_set(&why, ERR_USAGE, "?index=NUMBER&size=SIZE");
    reply_proof(q, rc, proof, count, &why);
}

/* ---- entries ------------------------------------------------------------------------------------ */

/* Whom an event concerns: its tenant, or that of its vault or identity. */
static void tenant_of(struct server *s, const struct event *ev, uint8_t out[EVENT_ID_BYTES])
{
    struct catalog_vault v;
    struct catalog_identity i;
    memcpy(out, ev->tenant, EVENT_ID_BYTES);
    if (!bytes_are_zero(out, EVENT_ID_BYTES))
        return;
    if (!bytes_are_zero(ev->vault, UID_BYTES) && catalog_vault(s->catalog, ev->vault, &v, NULL) == 0)
        memcpy(out, v.tenant, EVENT_ID_BYTES);
    else if (!bytes_are_zero(ev->id, EVENT_ID_BYTES) &&
             catalog_identity(s->catalog, ev->id, &i, NULL) == 0)
        memcpy(out, i.tenant, EVENT_ID_BYTES);
}

static int add_entry(void *arg, uint64_t index, const uint8_t *entry, size_t len, struct err *e)
{
    struct listing *l = arg;
    struct event ev;
    uint8_t tenant[EVENT_ID_BYTES];
    if (event_decode(entry, len, &ev, e))
        return -1;
    tenant_of(l->q->server, &ev, tenant);
    event_done(&ev);
    if (!listing_shows(l, tenant))
        return 0;
    json_t *o = json_pack("{s:I, s:o}", "index", (json_int_t)index, "event",
                          json_loadb((const char *)entry, len, 0, NULL));
    return json_array_append_new(l->array, o) ? err_no_memory(e, "a list") : 0;
}

void api_log_entries(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct listing l = {.q = q};
    uint64_t from = 0, count = 100, size = tlog_size(q->server->log);
    struct err why = ERR_INIT;
    (void)in, (void)body, (void)len;
    (void)query_number(http_query(q->http), "from", &from);
    (void)query_number(http_query(q->http), "count", &count);
    if (count > ENTRIES_MAX)
        count = ENTRIES_MAX;
    if (from > size)
        from = size;
    if (count > size - from)
        count = size - from;
    if (listing_begin(&l) == 0)
        listing_end(&l, "entries", tlog_scan(q->server->log, from, from + count, add_entry, &l, &why),
                    &why);
}
