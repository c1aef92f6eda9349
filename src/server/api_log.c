/* SPDX-License-Identifier: Apache-2.0 */
/* The log, for everyone who is known: checkpoints, proofs, tiles. What is in entries is not given here, but
 * for auditors of the whole installation. */
#include "server/api.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define OF_INSTALLATION                                                                            \
    (R(ROLE_OWNER) | R(ROLE_SECURITY_OFFICER) | R(ROLE_OPERATOR) | R(ROLE_AUDITOR))

/* Behind "key=", up to '&'; NULL: it is not there. */
static const char *query_find(const char *query, const char *key, size_t *len)
{
    size_t n = strlen(key);
    for (const char *p = query; *p; p += *p == '&') {
        if (strncmp(p, key, n) == 0 && p[n] == '=') {
            *len = strcspn(p + n + 1, "&");
            return p + n + 1;
        }
        p += strcspn(p, "&");
    }
    return NULL;
}

bool query_text(const char *query, const char *key, char *out, size_t cap)
{
    size_t len;
    const char *p = query_find(query, key, &len);
    if (!p || len >= cap)
        return false;
    memcpy(out, p, len);
    out[len] = '\0';
    return true;
}

bool query_number(const char *query, const char *key, uint64_t *out)
{
    char text[24], *end;
    if (!query_text(query, key, text, sizeof text) || text[0] < '0' || text[0] > '9')
        return false;
    *out = strtoull(text, &end, 10);
    return *end == '\0';
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

json_t *json_hashes(uint8_t proof[MERKLE_PROOF_MAX][MERKLE_BYTES], size_t count)
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
        reply_json(q, 200, json_pack("{s:o}", "proof", json_hashes(proof, count)));
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

/* ---- files ----------------------------------------------------------------------------------- */

/* Hashes say nothing of entries; bundles of entries are for those who may see all of them. */
void api_log_file(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    static const uint8_t none[EVENT_ID_BYTES];
    CLEANUP(buf_done) struct buf file = {.max = (size_t)64 << 20};
    struct err why = ERR_INIT;
    char path[256];
    (void)in, (void)body, (void)len;
    if (!query_text(http_query(q->http), "path", path, sizeof path)) {
        (void)err_set(&why, ERR_USAGE, "?path=FILE, as C2SP tlog-tiles names it");
        reply_fail(q, &why);
    } else if (strncmp(path, "tile/entries/", 13) == 0 &&
               !caller_may(q->server, &q->caller, OF_INSTALLATION, none)) {
        reply_not_found(q);
    } else if (tlog_file(q->server->log, path, &file, &why)) {
        reply_fail(q, &why);
    } else {
        http_respond(q->http, 200, WIRE_BINARY, file.data, file.len);
    }
}
