/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proofs of inclusion as text.
 *
 * P1 What was read is what would be written, byte for byte.
 */
#include "sign/proof.h"

#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char head[] = "c2sp.org/tlog-proof@v1\n";

void log_proof_done(struct log_proof *p)
{
    buf_done(&p->extra);
    buf_done(&p->note);
}

int log_proof_put(const struct log_proof *p, struct buf *out, struct err *e)
{
    char line[64];
    size_t before = out->len;
    buf_put(out, head, sizeof head - 1);
    if (p->extra.len) {
        buf_put(out, "extra ", 6);
        base64_put(out, p->extra.data, p->extra.len);
        buf_put_u8(out, '\n');
    }
    int n = snprintf(line, sizeof line, "index %" PRIu64 "\n", p->index);
    buf_put(out, line, (size_t)n);
    for (size_t i = 0; i < p->count; i++) {
        base64_put(out, p->hashes[i], MERKLE_BYTES);
        buf_put_u8(out, '\n');
    }
    buf_put_u8(out, '\n');
    buf_put(out, p->note.data, p->note.len);
    if (out->failed)
        out->len = before;
    return buf_check(out, "a proof", e);
}

/* ---- reading ----------------------------------------------------------------------------- */

struct reader {
    const char *at;
    size_t left;
};

/* The next line without its newline. */
static bool take_line(struct reader *r, const char **line, size_t *len)
{
    const char *end = r->left ? memchr(r->at, '\n', r->left) : NULL;
    if (!end)
        return false;
    *line = r->at;
    *len = (size_t)(end - r->at);
    r->at = end + 1;
    r->left -= *len + 1;
    return true;
}

static bool begins(const char *line, size_t len, const char *with)
{
    size_t n = strlen(with);
    return len > n && memcmp(line, with, n) == 0;
}

static bool read_index(const char *line, size_t len, uint64_t *out)
{
    uint64_t n = 0;
    if (len == 0 || len > 19 || (line[0] == '0' && len > 1))
        return false;
    for (size_t i = 0; i < len; i++) {
        if (line[i] < '0' || line[i] > '9')
            return false;
        n = 10 * n + (uint64_t)(line[i] - '0');
    }
    *out = n;
    return n <= INT64_MAX;
}

static bool read_hash(const char *line, size_t len, struct log_proof *p)
{
    CLEANUP(buf_done) struct buf hash = {.max = 64};
    if (p->count == MERKLE_PROOF_MAX || base64_get(line, len, &hash, NULL) || hash.len != MERKLE_BYTES)
        return false;
    memcpy(p->hashes[p->count++], hash.data, MERKLE_BYTES);
    return true;
}

static const char *read_head(struct reader *r, struct log_proof *p)
{
    const char *line;
    size_t len;
    if (r->left < sizeof head - 1 || memcmp(r->at, head, sizeof head - 1) != 0)
        return "it does not begin as one of version 1";
    r->at += sizeof head - 1;
    r->left -= sizeof head - 1;
    if (!take_line(r, &line, &len))
        return "it is cut short";
    if (begins(line, len, "extra ") &&
        (base64_get(line + 6, len - 6, &p->extra, NULL) || p->extra.len > LOG_PROOF_EXTRA_MAX ||
         !take_line(r, &line, &len)))
        return "its extra data is malformed";
    if (!begins(line, len, "index ") || !read_index(line + 6, len - 6, &p->index))
        return "it has no index";
    return NULL;
}

static const char *read_all(struct reader *r, struct log_proof *p)
{
    const char *line, *wrong = read_head(r, p);
    size_t len;
    if (wrong)
        return wrong;
    for (;;) {
        if (!take_line(r, &line, &len))
            return "it is cut short";
        if (len == 0)
            break;
        if (!read_hash(line, len, p))
            return "a line of it is no hash";
    }
    if (r->left == 0 || r->left > NOTE_MAX)
        return "it has no checkpoint";
    buf_put(&p->note, r->at, r->left);
    return NULL;
}

int log_proof_take(const void *text, size_t len, struct log_proof *out, struct err *e)
{
    struct log_proof p = {.extra = {.max = LOG_PROOF_EXTRA_MAX + 8}, .note = {.max = NOTE_MAX}};
    struct reader r = {text, len};
    const char *wrong = len > LOG_PROOF_MAX ? "it is too long" : read_all(&r, &p);
    if (wrong) {
        log_proof_done(&p);
        return err_set(e, ERR_DAMAGED, "the proof is damaged: %s", wrong);
    }
    if (buf_check(&p.extra, "a proof", e) || buf_check(&p.note, "a proof", e)) {
        log_proof_done(&p);
        return -1;
    }
    *out = p;
    return 0;
}

int log_proof_verify(const struct log_proof *p, const void *entry, size_t len,
                     const struct note_key *log, struct checkpoint *out, struct err *e)
{
    struct checkpoint c;
    uint8_t leaf[MERKLE_BYTES];
    if (checkpoint_verify(p->note.data, p->note.len, log, &c, e))
        return -1;
    merkle_leaf(entry, len, leaf);
    if (p->index >= c.size ||
        !merkle_verify_inclusion(leaf, p->index, c.size, p->hashes[0], p->count, c.root))
        return err_set(e, ERR_DAMAGED,
                       "the log with %" PRIu64 " entries and this root has not that entry at %" PRIu64,
                       c.size, p->index);
    *out = c;
    return 0;
}
