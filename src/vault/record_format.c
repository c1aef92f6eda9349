/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshot records as bytes. Decides nothing about trust: signatures and chains
 * are judged by snapshots.c and check.c. */
#include "vault/record_format.h"

#include "vault/object_head.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char record_magic[8] = "abri.SNP";

/* ---- head ------------------------------------------------------------------- */

void record_head_put(struct buf *out, const struct record_head *h)
{
    buf_put(out, record_magic, sizeof record_magic);
    buf_put_u32(out, h->k_len == RECORD_COPIED_BYTES ? RECORD_FORMAT : 1);
    buf_put_u32(out, h->w_len);
    buf_put_u32(out, h->k_len);
    buf_put_u32(out, h->r_len);
}

int record_head_decode(const uint8_t *p, size_t len, uint64_t total_len, struct record_head *out,
                       struct err *e)
{
    struct cursor c = cursor_of(p, len);
    uint32_t version;
    if (object_head_versions(&c, record_magic, RECORD_FORMAT, &version, "a snapshot record", e))
        return -1;
    struct record_head h = {.w_len = cursor_u32(&c)};
    h.k_len = cursor_u32(&c);
    h.r_len = cursor_u32(&c);
    if (cursor_check(&c, false, "record", e))
        return -1;
    uint32_t k_len = version == RECORD_FORMAT ? RECORD_COPIED_BYTES : RECORD_KEEPER_BYTES;
    if (h.w_len > RECORD_WRITER_MAX || h.k_len != k_len || h.r_len > RECORD_REFS_MAX)
        return err_set(e, ERR_DAMAGED, "record: impossible lengths");
    if (total_len != (uint64_t)RECORD_HEAD_BYTES + h.w_len + h.k_len + h.r_len)
        return err_set(e, ERR_DAMAGED, "record: not as long as it says");
    *out = h;
    return 0;
}

/* ---- W ------------------------------------------------------------------------- */

void record_w_put(struct buf *out, const struct record_w *w, const struct sign_key *writer)
{
    size_t begin = out->len;
    buf_put(out, w->vault, UID_BYTES);
    buf_put(out, w->writer, UID_BYTES);
    buf_put(out, w->session, UID_BYTES);
    buf_put_u64(out, w->sequence);
    buf_put(out, w->previous, ID_BYTES);
    buf_put_u64(out, (uint64_t)w->client_time_ns);
    buf_put(out, w->group, UID_BYTES);
    buf_put_u64(out, w->files);
    buf_put_u64(out, w->bytes);
    buf_put_u64(out, w->added_bytes);
    buf_put_u8(out, w->suspicion);
    buf_put_u8(out, w->flags);
    buf_put_blob(out, w->machine, w->machine_len);
    buf_put_varint(out, w->tag_count);
    buf_put(out, w->tags, w->tags_len);
    buf_put(out, w->refs_hash, HASH_BYTES);
    buf_put_u64(out, w->root_nonce);
    buf_put(out, w->root_id, ID_BYTES);
    buf_put_blob(out, w->root, w->root_len);
    uint8_t signature[SIGN_BYTES] = {0};
    if (!out->failed)
        sign_make(writer, "snapshot", out->data + begin, out->len - begin, signature);
    buf_put(out, signature, SIGN_BYTES);
}

static void decode_tags(struct cursor *c, struct record_w *w)
{
    w->tag_count = (size_t)cursor_varint_max(c, RECORD_TAGS_MAX);
    w->tags = c->p;
    for (size_t i = 0; i < w->tag_count; i++) {
        size_t len;
        (void)cursor_blob(c, RECORD_TAG_BYTES, &len);
        if (!len)
            c->bad = true;
    }
    w->tags_len = (size_t)(c->p - w->tags);
}

int record_w_decode(const uint8_t *p, size_t len, struct record_w *out, struct err *e)
{
    struct cursor c = cursor_of(p, len);
    struct record_w w = {0};
    cursor_copy(&c, w.vault, UID_BYTES);
    cursor_copy(&c, w.writer, UID_BYTES);
    cursor_copy(&c, w.session, UID_BYTES);
    w.sequence = cursor_u64(&c);
    cursor_copy(&c, w.previous, ID_BYTES);
    w.client_time_ns = (int64_t)cursor_u64(&c);
    cursor_copy(&c, w.group, UID_BYTES);
    w.files = cursor_u64(&c);
    w.bytes = cursor_u64(&c);
    w.added_bytes = cursor_u64(&c);
    w.suspicion = cursor_u8(&c);
    w.flags = cursor_u8(&c);
    w.machine = cursor_blob(&c, 255, &w.machine_len);
    decode_tags(&c, &w);
    cursor_copy(&c, w.refs_hash, HASH_BYTES);
    w.root_nonce = cursor_u64(&c);
    cursor_copy(&c, w.root_id, ID_BYTES);
    w.root = cursor_blob(&c, RECORD_ROOT_MAX, &w.root_len);
    (void)cursor_bytes(&c, SIGN_BYTES);
    if (cursor_check(&c, true, "record, the writer's part", e))
        return -1;
    *out = w;
    return 0;
}

bool record_w_is_signed(const uint8_t *p, size_t len, const uint8_t writer_pk[SIGN_PUBLIC_BYTES])
{
    return len > SIGN_BYTES &&
           sign_verify(writer_pk, "snapshot", p, len - SIGN_BYTES, p + len - SIGN_BYTES);
}

/* ---- K -------------------------------------------------------------------------- */

#define K_COMMON 80u /* what K and a copy's K begin with */

void record_k_put(struct buf *out, const struct record_k *k, const struct sign_key *keeper)
{
    uint8_t bytes[RECORD_COPIED_BYTES];
    size_t len = K_COMMON;
    put_u64(bytes, k->sequence);
    put_u64(bytes + 8, (uint64_t)k->received_ns);
    memcpy(bytes + 16, k->previous, HASH_BYTES);
    memcpy(bytes + 48, k->snapshot, ID_BYTES);
    if (k->copied) {
        memcpy(bytes + len, k->origin.keeper_pk, SIGN_PUBLIC_BYTES);
        memcpy(bytes + len + SIGN_PUBLIC_BYTES, k->origin.k, RECORD_KEEPER_BYTES);
        len += SIGN_PUBLIC_BYTES + RECORD_KEEPER_BYTES;
    }
    sign_make(keeper, "received", bytes, len, bytes + len);
    buf_put(out, bytes, len + SIGN_BYTES);
}

int record_k_decode(const uint8_t *p, size_t len, struct record_k *out, struct err *e)
{
    if (len != RECORD_KEEPER_BYTES && len != RECORD_COPIED_BYTES)
        return err_set(e, ERR_DAMAGED, "record: the keeper's part has %zu bytes", len);
    *out = (struct record_k){.sequence = get_u64(p),
                             .received_ns = (int64_t)get_u64(p + 8),
                             .copied = len == RECORD_COPIED_BYTES};
    memcpy(out->previous, p + 16, HASH_BYTES);
    memcpy(out->snapshot, p + 48, ID_BYTES);
    if (out->copied) {
        memcpy(out->origin.keeper_pk, p + K_COMMON, SIGN_PUBLIC_BYTES);
        memcpy(out->origin.k, p + K_COMMON + SIGN_PUBLIC_BYTES, RECORD_KEEPER_BYTES);
    }
    return 0;
}

bool record_k_is_signed(const uint8_t *p, size_t len, const uint8_t keeper_pk[SIGN_PUBLIC_BYTES])
{
    return (len == RECORD_KEEPER_BYTES || len == RECORD_COPIED_BYTES) &&
           sign_verify(keeper_pk, "received", p, len - SIGN_BYTES, p + len - SIGN_BYTES);
}

int record_origin_decode(const struct record_origin *o, const uint8_t snapshot[ID_BYTES],
                         struct record_k *out, struct err *e)
{
    if (record_k_decode(o->k, sizeof o->k, out, e))
        return -1;
    if (memcmp(out->snapshot, snapshot, ID_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "record: its origin is about another snapshot");
    if (!record_k_is_signed(o->k, sizeof o->k, o->keeper_pk))
        return err_set(e, ERR_DAMAGED, "record: its origin's signature does not match");
    return 0;
}

/* ---- name ------------------------------------------------------------------------ */

void record_name(uint64_t sequence, char out[static RECORD_NAME_BYTES])
{
    (void)snprintf(out, RECORD_NAME_BYTES, "snapshots/%016" PRIx64, sequence);
}

bool record_name_decode(const char *name, uint64_t *sequence_out)
{
    uint8_t raw[8];
    if (strncmp(name, "snapshots/", 10) != 0 || !hex_decode(name + 10, strlen(name + 10), raw, 8))
        return false;
    uint64_t sequence = __builtin_bswap64(get_u64(raw));
    if (!sequence)
        return false;
    *sequence_out = sequence;
    return true;
}
