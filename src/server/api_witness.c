/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Those who watch the log: they ask for the newest checkpoint together with the proof that it goes on from the
 * one that they saw, and co-sign it (decisions/0017).
 *
 * W1 Nobody co-signs as somebody else: a line counts only under the key that its sender has registered.
 */
#include "server/api.h"

#include "base/mem.h"

#include <string.h>

int witness_record(struct server *s, const uint8_t id[EVENT_ID_BYTES], const char *text, struct err *e)
{
    struct note_key key;
    bool cosigner;
    struct event ev = {.kind = EVENT_IDENTITY_WITNESS, .text = text};
    if (note_key_parse(text, &key, &cosigner, e))
        return -1;
    if (!cosigner || strcmp(key.name, s->installation.origin) == 0)
        return err_set(e, ERR_USAGE, "the key '%s' is none of a witness", key.name);
    memcpy(ev.by, id, EVENT_ID_BYTES);
    memcpy(ev.id, id, EVENT_ID_BYTES);
    return server_decide(s, &ev, e);
}

void api_witness_key(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    const char *text = json_string_value(json_object_get(in, "witness"));
    struct err why = ERR_INIT;
    (void)body, (void)len;
    if (!text)
        (void)err_set(&why, ERR_USAGE, "the key of a witness is needed");
    if (!text || witness_record(q->server, q->caller.identity.id, text, &why))
        reply_fail(q, &why);
    else
        reply_json(q, 200, json_object());
}

/* ---- looking ---------------------------------------------------------------------------------- */

/* The newest checkpoint, and the proof from `kept` entries to it; none if it is smaller: the asker sees that. */
static json_t *testify(struct server *s, uint64_t kept, struct err *e)
{
    CLEANUP(buf_done) struct buf note = {.max = NOTE_MAX};
    uint8_t proof[MERKLE_PROOF_MAX][MERKLE_BYTES];
    struct note_key log = {0};
    struct checkpoint now;
    size_t count = 0;
    memcpy(log.name, s->installation.origin, sizeof log.name);
    memcpy(log.public_key, s->installation.log_key.public_key, SIGN_PUBLIC_BYTES);
    if (tlog_checkpoint(s->log, &note, e) || checkpoint_verify(note.data, note.len, &log, &now, e) ||
        (kept <= now.size && tlog_prove_consistency(s->log, kept, now.size, proof, &count, e)))
        return NULL;
    json_t *o = json_pack("{s:o, s:o}", "checkpoint",
                          json_stringn((const char *)note.data, note.len), "proof",
                          json_hashes(proof, count));
    if (!o)
        (void)err_no_memory(e, "an answer");
    return o;
}

void api_log_witness(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    const json_t *size = json_object_get(in, "size");
    struct err why = ERR_INIT;
    json_t *o = NULL;
    (void)body, (void)len;
    if (!json_is_integer(size) || json_integer_value(size) < 0)
        (void)err_set(&why, ERR_USAGE, "'size' is needed: of the checkpoint that you have, or 0");
    else
        o = testify(q->server, (uint64_t)json_integer_value(size), &why);
    if (o)
        reply_json(q, 200, o);
    else
        reply_fail(q, &why);
}

/* ---- co-signing --------------------------------------------------------------------------------- */

/* W1. A code of its own, so that the witness can tell us its key. */
static bool know_witness(struct request *q, struct note_key *out)
{
    CLEANUP(buf_done) struct buf text = {.max = EVENT_TEXT_MAX + 1};
    struct err why = ERR_INIT;
    bool cosigner;
    int rc = catalog_witness(q->server->catalog, q->caller.identity.id, &text, &why);
    if (!rc) {
        buf_put_u8(&text, 0);
        rc = buf_check(&text, "a key", &why) || note_key_parse((const char *)text.data, out, &cosigner, &why);
    }
    if (rc && why.cls != ERR_NOT_FOUND) {
        reply_fail(q, &why);
    } else if (rc) {
        (void)err_set(&why, ERR_REFUSED, "this identity has registered no key for co-signing");
        reply_error(q, "witness_unknown", &why);
    }
    return !rc;
}

void api_log_cosign(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    const json_t *note = json_object_get(in, "checkpoint"), *line = json_object_get(in, "cosignature");
    struct server *s = q->server;
    struct note_key log = {0}, witness;
    struct checkpoint about;
    struct err why = ERR_INIT;
    (void)body, (void)len;
    if (!know_witness(q, &witness))
        return;
    memcpy(log.name, s->installation.origin, sizeof log.name);
    memcpy(log.public_key, s->installation.log_key.public_key, SIGN_PUBLIC_BYTES);
    int rc = json_is_string(note) && json_is_string(line)
                 ? checkpoint_verify(json_string_value(note), json_string_length(note), &log, &about, &why)
                 : err_set(&why, ERR_USAGE, "'checkpoint' and 'cosignature' are needed");
    if (!rc && tlog_add_cosignature(s->log, &about, &witness, json_string_value(line),
                                    json_string_length(line), &why)) {
        if (why.cls == ERR_DAMAGED)
            reply_error(q, "witness_unknown", &why); /* perhaps it has another key by now */
        else
            reply_fail(q, &why);
        return;
    }
    if (rc)
        reply_fail(q, &why);
    else
        reply_json(q, 200, json_object());
}
