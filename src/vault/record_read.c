/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading records. The reference set, usually the largest part, stays unread:
 * the first read takes what holds head, W and K of an ordinary record.
 */
#include "vault/record_read.h"

#include "base/mem.h"
#include "vault/refset_format.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_READ ((size_t)16 << 10)

void record_done(struct record *r)
{
    buf_done(&r->bytes);
}

/* Extends r->bytes to `want` bytes of the object. */
static int read_up_to(struct store_reader *o, struct record *r, size_t want, struct err *e)
{
    size_t have = r->bytes.len;
    if (want <= have)
        return 0;
    uint8_t *room = buf_reserve(&r->bytes, want - have);
    if (!room)
        return err_no_memory(e, "a snapshot record");
    if (store_read(o, have, room, want - have, e))
        return -1;
    buf_added(&r->bytes, want - have);
    return 0;
}

/* W and K, when r->bytes holds them. */
static int take_parts(struct record *r, struct err *e)
{
    const uint8_t *w = r->bytes.data + RECORD_HEAD_BYTES;
    const uint8_t *k = w + r->head.w_len;
    if (record_w_decode(w, r->head.w_len, &r->w, e) || record_k_decode(k, r->head.k_len, &r->k, e))
        return -1;
    hash_bytes(w, r->head.w_len, r->id);
    hash_bytes(k, r->head.k_len, r->k_hash);
    return 0;
}

static int read_parts(struct store_reader *o, struct record *r, struct err *e)
{
    uint64_t total = store_reader_len(o);
    buf_reset(&r->bytes);
    if (read_up_to(o, r, total < FIRST_READ ? (size_t)total : FIRST_READ, e) ||
        record_head_decode(r->bytes.data, r->bytes.len, total, &r->head, e) ||
        read_up_to(o, r, (size_t)RECORD_HEAD_BYTES + r->head.w_len + r->head.k_len, e))
        return -1;
    return take_parts(r, e);
}

static int check_parts(struct vault *v, const struct record *r, struct err *e)
{
    if (memcmp(r->w.vault, v->info.id, UID_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "record of another vault");
    if (r->k.sequence != r->sequence)
        return err_set(e, ERR_DAMAGED, "the keeper gave it another name");
    if (memcmp(r->k.snapshot, r->id, ID_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "the keeper received something else");
    return 0;
}

int record_read(struct vault *v, uint64_t sequence, struct record *r, struct err *e)
{
    char name[RECORD_NAME_BYTES];
    struct store_reader *o = NULL;
    record_name(sequence, name);
    r->sequence = sequence;
    if (store_open(v->store, name, &o, e))
        return -1;
    int rc = read_parts(o, r, e);
    store_reader_close(o);
    if (rc || check_parts(v, r, e))
        return err_wrap(e, "%s", name);
    return 0;
}

int record_of_bytes(struct vault *v, uint64_t sequence, const uint8_t *p, size_t len,
                    struct record *out, struct err *e)
{
    struct record r = {.sequence = sequence};
    if (record_head_decode(p, len, len, &r.head, e))
        return -1;
    buf_put(&r.bytes, p, (size_t)RECORD_HEAD_BYTES + r.head.w_len + r.head.k_len);
    if (buf_check(&r.bytes, "a snapshot record", e) || take_parts(&r, e) || check_parts(v, &r, e)) {
        record_done(&r);
        return -1;
    }
    *out = r;
    return 0;
}

int record_verify_keeper(struct vault *v, const struct record *r, struct err *e)
{
    const uint8_t *k = r->bytes.data + RECORD_HEAD_BYTES + r->head.w_len;
    if (record_k_is_signed(k, r->head.k_len, v->info.keeper_pk))
        return 0;
    return err_set(e, ERR_DAMAGED, "the keeper's signature does not match");
}

int record_verify_writer(struct vault *v, const struct record *r, struct err *e)
{
    const uint8_t *key;
    if (writer_key(v, r->w.writer, &key, e)) {
        if (e && e->cls == ERR_NOT_FOUND)
            err_reclass(e, ERR_DAMAGED);
        return err_wrap(e, "the writer's certificate");
    }
    if (record_w_is_signed(r->bytes.data + RECORD_HEAD_BYTES, r->head.w_len, key))
        return 0;
    return err_set(e, ERR_DAMAGED, "the writer's signature does not match");
}

static int read_refs(struct store_reader *o, struct buf *out, struct err *e)
{
    uint8_t first[RECORD_HEAD_BYTES];
    struct record_head head;
    uint64_t total = store_reader_len(o);
    size_t len = total < sizeof first ? (size_t)total : sizeof first;
    if (store_read(o, 0, first, len, e) || record_head_decode(first, len, total, &head, e))
        return -1;
    out->max = RECORD_REFS_MAX;
    uint8_t *room = buf_reserve(out, head.r_len);
    if (!room)
        return err_no_memory(e, "a reference set");
    buf_added(out, head.r_len);
    return store_read(o, (uint64_t)RECORD_HEAD_BYTES + head.w_len + head.k_len, room, head.r_len,
                      e);
}

int record_read_refs_bytes(struct vault *v, uint64_t sequence,
                           const uint8_t refs_hash[HASH_BYTES], struct buf *out, struct err *e)
{
    char name[RECORD_NAME_BYTES];
    uint8_t hash[HASH_BYTES];
    struct store_reader *o = NULL;
    record_name(sequence, name);
    if (store_open(v->store, name, &o, e))
        return -1;
    int rc = read_refs(o, out, e);
    store_reader_close(o);
    if (rc)
        return err_wrap(e, "%s", name);
    hash_bytes(out->data, out->len, hash);
    if (memcmp(hash, refs_hash, HASH_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "%s: the reference set is damaged", name);
    return 0;
}

int record_read_refs(struct vault *v, uint64_t sequence, const uint8_t refs_hash[HASH_BYTES],
                     struct refset *out, struct err *e)
{
    CLEANUP(buf_done) struct buf b = {0};
    if (record_read_refs_bytes(v, sequence, refs_hash, &b, e))
        return -1;
    return refset_decode(b.data, b.len, out, e) ? err_wrap(e, "snapshots/%016" PRIx64, sequence)
                                                : 0;
}

/* ---- list -------------------------------------------------------------------------- */

void sequences_done(struct sequences *s)
{
    mem_free(s->items);
    *s = (struct sequences){.above = s->above};
}

int sequences_add(struct sequences *s, uint64_t sequence, struct err *e)
{
    if (s->count == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 64;
        uint64_t *items = mem_realloc(s->items, cap, sizeof *items);
        if (!items)
            return err_no_memory(e, "the list of snapshots");
        s->items = items;
        s->cap = cap;
    }
    s->items[s->count++] = sequence;
    return 0;
}

static int gather(void *arg, const char *name, uint64_t len, struct err *e)
{
    struct sequences *s = arg;
    uint64_t sequence;
    (void)len;
    if (!record_name_decode(name, &sequence) || sequence <= s->above)
        return 0;
    return sequences_add(s, sequence, e);
}

static int ascending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

void sequences_sort(struct sequences *s)
{
    if (s->count)
        qsort(s->items, s->count, sizeof *s->items, ascending);
}

int record_list(struct vault *v, struct sequences *out, struct err *e)
{
    struct sequences s = {.above = out->above};
    if (store_list(v->store, "snapshots", gather, &s, e)) {
        sequences_done(&s);
        return -1;
    }
    sequences_sort(&s);
    *out = s;
    return 0;
}
