/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody can make who has all keys of a machine: sessions, packs with whatever in them, records. */
#include "attack/world.h"

#include "base/mem.h"
#include "vault/pack_format.h"
#include "vault/record_format.h"
#include "vault/refset_format.h"

#include <stdio.h>
#include <string.h>

int forger_begin(struct forger *f, struct party *as, struct err *e)
{
    struct access a = {0};
    *f = (struct forger){.as = as};
    if (access_open(as->world->url, &as->dirs, &a, e))
        return -1;
    int rc = access_as_writer(&a, &as->dirs, e);
    if (!rc) {
        f->recipients = a.recipients;
        f->key = TAKE(a.writer);
        f->ids = TAKE(a.ids);
        f->data = data_key_new();
        if (!f->data)
            rc = err_no_memory(e, "a session");
    }
    access_close(&a);
    return rc;
}

void forger_done(struct forger *f)
{
    if (f->begun)
        forger_end_session(f);
    writer_key_free(f->key);
    seal_ids_free(f->ids);
    data_key_free(f->data);
    *f = (struct forger){0};
}

static void path_of(const struct forger *f, char out[400], const char *rest)
{
    char vault[2 * UID_BYTES + 1];
    party_vault(f->as, vault);
    (void)snprintf(out, 400, "/v1/vaults/%s/sessions/%s%s", vault, f->session, rest);
}

static int ask_past(struct forger *f, struct err *e)
{
    char vault[2 * UID_BYTES + 1], writer[2 * UID_BYTES + 1], path[200];
    json_t *answer = NULL;
    party_vault(f->as, vault);
    hex_encode(f->key->id, UID_BYTES, writer);
    (void)snprintf(path, sizeof path, "/v1/vaults/%s/writers/%s/past", vault, writer);
    if (party_ask(f->as, "GET", path, NULL, &answer, e))
        return -1;
    f->past.sequence = (uint64_t)json_integer_value(json_object_get(answer, "sequence"));
    bool good = json_take_id(answer, "snapshot", f->past.id, ID_BYTES);
    json_decref(answer);
    return good ? 0 : err_set(e, ERR_DAMAGED, "an answer that makes no sense");
}

int forger_session(struct forger *f, struct err *e)
{
    CLEANUP(buf_done) struct buf envelope = {0};
    char path[400];
    struct told t;
    data_key_generate(f->data);
    hex_encode(f->data->session, UID_BYTES, f->session);
    if (envelope_make(f->data, f->key, &f->recipients, &envelope, e))
        return -1;
    path_of(f, path, "");
    party_try(f->as, "PUT", path, WIRE_BINARY, envelope.data, envelope.len, &t);
    if (t.status != 201)
        return err_set(e, ERR_REFUSED, "a stolen key could begin no session: %.400s", t.text);
    path_of(f, path, "/begin");
    party_try(f->as, "POST", path, NULL, NULL, 0, &t);
    if (t.status != 200)
        return err_set(e, ERR_REFUSED, "a stolen key could begin no session: %.400s", t.text);
    f->begun = true;
    return ask_past(f, e);
}

void forger_end_session(struct forger *f)
{
    char path[400];
    struct told t;
    path_of(f, path, "/end");
    party_try(f->as, "POST", path, NULL, NULL, 0, &t);
    f->begun = false;
}

void forger_name(const struct forger *f, const void *plain, size_t len, uint8_t out[ID_BYTES])
{
    seal_id(f->ids, SEAL_DATA, plain, len, out);
}

/* ---- packs -------------------------------------------------------------------------------------- */

static int put_frame(struct forger *f, struct sealer *s, const struct forged_frame *from, uint64_t nonce, struct buf *pack,
                     struct buf *rows, struct err *e)
{
    struct frame h = {.kind = FRAME_DATA, .nonce = nonce};
    struct pack_row row = {.offset = (uint32_t)pack->len, .kind = FRAME_DATA};
    uint8_t encoded[PACK_ROW_BYTES];
    size_t len = 0, at = pack->len;
    memcpy(h.id, from->id, ID_BYTES);
    memcpy(row.id, from->id, ID_BYTES);
    memcpy(h.session, f->data->session, UID_BYTES);
    uint8_t *room = buf_reserve(pack, FRAME_HEADER_BYTES + from->len + SEAL_OVERHEAD);
    if (!room)
        return err_no_memory(e, "a pack");
    if (sealer_seal(s, SEAL_DATA, h.id, nonce, from->plain, from->len, room + FRAME_HEADER_BYTES, &len, e))
        return -1;
    frame_header_encode(&h, (uint32_t)len, room);
    buf_added(pack, FRAME_HEADER_BYTES + len);
    row.len = (uint32_t)len;
    hash_bytes(pack->data + at, FRAME_HEADER_BYTES + len, row.hash);
    pack_row_encode(&row, encoded);
    buf_put(rows, encoded, sizeof encoded);
    return 0;
}

static int put_frames(struct forger *f, const struct forged_frame *frames, size_t count, struct buf *pack, struct buf *rows,
                      struct err *e)
{
    struct sealer *s = NULL;
    if (sealer_new(f->data, f->key->vault_id, 1, &s, e))
        return -1;
    int rc = 0;
    for (size_t i = 0; !rc && i < count; i++)
        rc = put_frame(f, s, &frames[i], i + 1, pack, rows, e);
    sealer_free(s);
    return rc;
}

int forger_pack(struct forger *f, const struct forged_header *as, const struct forged_frame *frames, size_t count,
                struct forged_pack *out, struct err *e)
{
    struct pack_header h = {.kind = FRAME_DATA};
    CLEANUP(buf_done) struct buf rows = {.max = PACK_FOOTER_MAX};
    CLEANUP(buf_done) struct buf footer = {.max = PACK_FOOTER_MAX};
    struct buf pack = {.max = (size_t)256 << 20};
    uint8_t head[PACK_HEADER_BYTES], trailer[PACK_TRAILER_BYTES];
    memcpy(h.vault, as && as->vault ? as->vault : f->key->vault_id, UID_BYTES);
    memcpy(h.session, as && as->session ? as->session : f->data->session, UID_BYTES);
    memcpy(h.writer, as && as->writer ? as->writer : f->key->id, UID_BYTES);
    pack_header_encode(&h, head);
    buf_put(&pack, head, sizeof head);
    if (put_frames(f, frames, count, &pack, &rows, e)) {
        buf_done(&pack);
        return -1;
    }
    pack_footer_encode(&footer, rows.data, (uint32_t)count, NULL, 0);
    pack_trailer_encode((uint32_t)footer.len, trailer);
    pack_id(head, footer.data, footer.len, out->id);
    buf_put(&pack, footer.data, footer.len);
    buf_put(&pack, trailer, sizeof trailer);
    if (buf_check(&pack, "a pack", e)) {
        buf_done(&pack);
        return -1;
    }
    out->bytes = pack;
    return 0;
}

void forger_send_pack(struct forger *f, const struct forged_pack *k, struct told *out)
{
    char path[400], name[PACK_NAME_BYTES], rest[PACK_NAME_BYTES + 1];
    pack_name(k->id, name);
    (void)snprintf(rest, sizeof rest, "/%s", name);
    path_of(f, path, rest);
    party_try(f->as, "PUT", path, WIRE_BINARY, k->bytes.data, k->bytes.len, out);
}

/* ---- records --------------------------------------------------------------------------------------- */

int forger_record(struct forger *f, const struct forged_record *r, struct buf *out, struct err *e)
{
    CLEANUP(buf_done) struct buf refs = {.max = RECORD_REFS_MAX};
    CLEANUP(buf_done) struct buf bytes = {0};
    uint8_t head[WIRE_SNAPSHOT_HEAD];
    struct record_w w = {.sequence = r->sequence ? r->sequence : f->past.sequence + 1, .client_time_ns = r->client_time_ns,
                         .machine = (const uint8_t *)f->as->name, .machine_len = strlen(f->as->name), .root_nonce = 1,
                         .root = (const uint8_t *)"forged", .root_len = 6};
    memcpy(w.vault, f->key->vault_id, UID_BYTES);
    memcpy(w.writer, r->writer ? r->writer : f->key->id, UID_BYTES);
    memcpy(w.session, f->data->session, UID_BYTES);
    memcpy(w.previous, f->past.id, ID_BYTES);
    memcpy(w.group, f->group, UID_BYTES);
    refset_encode(&refs, r->packs, r->pack_count);
    hash_bytes(refs.data, refs.len, w.refs_hash);
    record_w_put(&bytes, &w, &f->key->sign);
    wire_snapshot_head((uint32_t)bytes.len, (uint32_t)refs.len, head);
    buf_put(out, head, sizeof head);
    buf_put(out, bytes.data, bytes.len);
    buf_put(out, refs.data, refs.len);
    return buf_check(&refs, "a record", e) || buf_check(&bytes, "a record", e) ? -1 : buf_check(out, "a record", e);
}

void forger_send_record(struct forger *f, const struct buf *body, struct told *out)
{
    const uint8_t *w, *refs;
    size_t w_len, refs_len;
    char path[400];
    path_of(f, path, "/snapshot");
    party_try(f->as, "POST", path, WIRE_BINARY, body->data, body->len, out);
    if (out->status != 201 || wire_snapshot_take(body->data, body->len, &w, &w_len, &refs, &refs_len, NULL))
        return;
    hash_bytes(w, w_len, f->past.id);
    f->past.sequence++;
}

int forger_commit(struct forger *f, const struct forged_record *r, struct told *out, struct err *e)
{
    CLEANUP(buf_done) struct buf body = {0};
    if (forger_record(f, r, &body, e))
        return -1;
    forger_send_record(f, &body, out);
    return 0;
}
