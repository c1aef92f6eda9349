/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of `pending`: a head, and a record for each group of entries that were appended
 * together, with the checkpoint over them. Everything begins at a whole block, so that writing a
 * record never touches the block of another.
 *
 * Invariants
 * 1. A record is read only if its hashes agree, and its padding is zero. Its length is believed
 * only by a hash of its own, so that a changed length cannot pass for a torn write.
 * 2. Torn is a record that the file cuts short, or in which a whole block is zero: what a disk
 * leaves of a write that was not synced. Every other record that does not agree was changed
 * afterwards.
 * 3. Nothing follows a torn record: the writer waits for each sync.
 */
#include "tlog/tlog_internal.h"

#include <sodium.h>
#include <string.h>

#define HEAD_MAGIC   "abri.LPJ"
#define RECORD_MAGIC "abri.LPR"
#define MAGIC_BYTES  8u
#define VERSION      1u
#define RECORD_HEAD                                                                                \
    32u /* magic, u64 first, u32 count, u32 entries, u32 note, u32 0; then their hash */
#define HASH_AT_HEAD 24u
#define SHA256_BYTES 32u

static void put_hash(struct buf *out, size_t begin)
{
    uint8_t hash[SHA256_BYTES];
    if (out->failed)
        return;
    (void)crypto_hash_sha256(hash, out->data + begin, out->len - begin);
    buf_put(out, hash, sizeof hash);
}

static void put_hash_and_pad(struct buf *out, size_t begin)
{
    static const uint8_t zeros[JOURNAL_BLOCK];
    put_hash(out, begin);
    size_t over = (out->len - begin) % JOURNAL_BLOCK;
    if (over)
        buf_put(out, zeros, JOURNAL_BLOCK - over);
}

void journal_put_head(struct buf *out, uint64_t base)
{
    size_t begin = out->len;
    buf_put(out, HEAD_MAGIC, MAGIC_BYTES);
    buf_put_u32(out, VERSION);
    buf_put_u32(out, 0);
    buf_put_u64(out, base);
    put_hash_and_pad(out, begin);
}

void journal_put(struct buf *out, const struct journal_record *r)
{
    size_t begin = out->len;
    buf_put(out, RECORD_MAGIC, MAGIC_BYTES);
    buf_put_u64(out, r->first);
    buf_put_u32(out, r->count);
    buf_put_u32(out, (uint32_t)r->entries_len);
    buf_put_u32(out, (uint32_t)r->note_len);
    buf_put_u32(out, 0);
    put_hash(out, begin);
    buf_put(out, r->entries, r->entries_len);
    buf_put(out, r->note, r->note_len);
    put_hash_and_pad(out, begin);
}

static bool hash_agrees(const uint8_t *p, size_t len)
{
    uint8_t hash[SHA256_BYTES];
    (void)crypto_hash_sha256(hash, p, len);
    return memcmp(hash, p + len, sizeof hash) == 0;
}

int journal_head(const struct buf *b, uint64_t *base_out, struct err *e)
{
    if (b->len < JOURNAL_BLOCK || memcmp(b->data, HEAD_MAGIC, MAGIC_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "'pending' does not begin as a log's journal");
    uint32_t version = get_u32(b->data + MAGIC_BYTES);
    if (version > VERSION)
        return err_set(e, ERR_NEWER, "the log was written by a newer abri (version %u)", version);
    if (version == 0 || !hash_agrees(b->data, HASH_AT_HEAD) || get_u32(b->data + 12) != 0 ||
        !bytes_are_zero(b->data + HASH_AT_HEAD + SHA256_BYTES,
                        JOURNAL_BLOCK - HASH_AT_HEAD - SHA256_BYTES))
        return err_set(e, ERR_DAMAGED, "the head of 'pending' was changed");
    *base_out = get_u64(b->data + 16);
    return 0;
}

static size_t whole_blocks(size_t len)
{
    return (len + JOURNAL_BLOCK - 1) / JOURNAL_BLOCK * JOURNAL_BLOCK;
}

static bool has_zero_block(const uint8_t *p, size_t len)
{
    for (; len > 0; p += JOURNAL_BLOCK, len -= JOURNAL_BLOCK)
        if (bytes_are_zero(p, JOURNAL_BLOCK))
            return true;
    return false;
}

static int changed(size_t at, struct err *e)
{
    return err_set(e, ERR_DAMAGED, "'pending' was changed at byte %zu: a record does not verify",
                   at);
}

/* Reads the head of a record; the bytes of all of it, or 0 if it makes no sense. */
static size_t record_len(const uint8_t *p, struct journal_record *r)
{
    r->first = get_u64(p + 8);
    r->count = get_u32(p + 16);
    r->entries_len = get_u32(p + 20);
    r->note_len = get_u32(p + 24);
    if (memcmp(p, RECORD_MAGIC, MAGIC_BYTES) != 0 || !hash_agrees(p, RECORD_HEAD) ||
        get_u32(p + 28) != 0 || r->count == 0 || r->count > GROUP_ENTRIES ||
        r->entries_len > JOURNAL_MAX || r->note_len > NOTE_MAX)
        return 0;
    return RECORD_HEAD + SHA256_BYTES + r->entries_len + r->note_len;
}

/* Whether a whole record stands after a torn one: then that was not torn, but changed. */
static bool record_follows(const uint8_t *p, size_t left)
{
    for (; left >= JOURNAL_BLOCK; p += JOURNAL_BLOCK, left -= JOURNAL_BLOCK) {
        struct journal_record r;
        size_t len = record_len(p, &r);
        if (len && whole_blocks(len + SHA256_BYTES) <= left && hash_agrees(p, len))
            return true;
    }
    return false;
}

int journal_next(const struct buf *b, size_t *at, struct journal_record *out,
                 enum journal_state *state_out, struct err *e)
{
    size_t left = b->len - *at;
    const uint8_t *p = b->data + *at;
    if (left == 0) {
        *state_out = JOURNAL_END;
        return 0;
    }
    *state_out = JOURNAL_TORN;
    if (left < JOURNAL_BLOCK)
        return 0;
    if (bytes_are_zero(p, JOURNAL_BLOCK))
        return record_follows(p + JOURNAL_BLOCK, left - JOURNAL_BLOCK) ? changed(*at, e) : 0;
    struct journal_record r = {0};
    size_t len = record_len(p, &r);
    if (len == 0)
        return changed(*at, e);
    size_t whole = whole_blocks(len + SHA256_BYTES);
    if (whole > left)
        return 0;
    if (!hash_agrees(p, len) || !bytes_are_zero(p + len + SHA256_BYTES, whole - len - SHA256_BYTES))
        return has_zero_block(p, whole) && whole == left ? 0 : changed(*at, e);
    r.entries = p + RECORD_HEAD + SHA256_BYTES;
    r.note = r.entries + r.entries_len;
    *out = r;
    *at += whole;
    *state_out = JOURNAL_RECORD;
    return 0;
}
