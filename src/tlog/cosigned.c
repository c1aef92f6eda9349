/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The newest checkpoint that a witness signed, too. Kept in a file of its own, which is replaced as
 * a whole: appending never waits for witnesses.
 *
 * Invariants
 * 1. What is kept is a checkpoint of this log: its root is that of our first entries. A larger one
 *    than the log is proof that the log was rolled back, and it is not opened.
 * 2. The kept size never goes down.
 */
#include "tlog/tlog_internal.h"

#include <string.h>

static int is_ours(struct tlog *t, const struct checkpoint *c, bool *out, struct err *e)
{
    uint8_t root[MERKLE_BYTES];
    *out = false;
    if (strcmp(c->origin, t->log.name) != 0 || c->size > tlog_size(t))
        return 0;
    if (tlog_root(t, c->size, root, e))
        return -1;
    *out = memcmp(root, c->root, sizeof root) == 0;
    return 0;
}

int tlog_check_cosigned(struct tlog *t, struct err *e)
{
    struct checkpoint c;
    bool ours;
    if (t->cosigned.len == 0)
        return 0;
    if (checkpoint_verify(t->cosigned.data, t->cosigned.len, &t->log, &c, e))
        return err_wrap(e, "'cosigned'");
    if (c.size > tlog_size(t))
        return err_set(
            e, ERR_DAMAGED,
            "a witness saw %llu entries, and there are %llu: the log was put back from a copy",
            (unsigned long long)c.size, (unsigned long long)tlog_size(t));
    if (is_ours(t, &c, &ours, e))
        return -1;
    if (!ours)
        return err_set(e, ERR_DAMAGED, "a witness saw other entries: the log was rewritten");
    t->cosigned_size = c.size;
    return 0;
}

int tlog_cosigned(struct tlog *t, struct buf *out, struct err *e)
{
    size_t before = out->len;
    (void)pthread_mutex_lock(&t->cosign_lock);
    bool there = t->cosigned.len > 0;
    if (there)
        buf_put(out, t->cosigned.data, t->cosigned.len);
    (void)pthread_mutex_unlock(&t->cosign_lock);
    if (!there)
        return err_set(e, ERR_NOT_FOUND, "no witness has signed a checkpoint of '%s' yet",
                       t->files.name);
    if (out->failed)
        out->len = before;
    return buf_check(out, "a checkpoint", e);
}

/* Our note about that checkpoint with the line, which must be one and valid. */
static int join(struct tlog *t, const struct checkpoint *about, const struct note_key *witness,
                const void *line, size_t len, struct buf *note, struct err *e)
{
    uint64_t time_s;
    struct buf alone = {0};
    if (checkpoint_sign(about, t->key, &alone, e))
        return -1;
    size_t own = alone.len;
    buf_put(&alone, line, len);
    bool good = len > 0 && len <= NOTE_MAX &&
                memchr(line, '\n', len) == (const char *)line + len - 1 && !alone.failed &&
                checkpoint_cosigned(alone.data, alone.len, witness, &time_s);
    if (!good)
        buf_done(&alone);
    if (!good)
        return err_set(e, ERR_DAMAGED, "the cosignature of '%s' is not valid", witness->name);
    if (t->cosigned.len && t->cosigned_size == about->size) {
        alone.len = own;
        buf_reset(&alone);
        buf_put(&alone, t->cosigned.data, t->cosigned.len);
        buf_put(&alone, line, len);
    }
    struct checkpoint c;
    int rc = buf_check(&alone, "a checkpoint", e);
    if (rc == 0 && checkpoint_verify(alone.data, alone.len, &t->log, &c, NULL))
        rc = err_set(e, ERR_LIMIT,
                     "the checkpoint has %d signatures, which is as many as there may be",
                     NOTE_SIGNATURES_MAX);
    if (rc)
        buf_done(&alone);
    else
        *note = alone;
    return rc;
}

/* Under cosign_lock. */
static int add(struct tlog *t, const struct checkpoint *about, const struct note_key *witness,
               const void *line, size_t len, struct err *e)
{
    uint64_t time_s;
    struct buf note = {0};
    if (t->cosigned.len && about->size < t->cosigned_size)
        return 0; /* a newer one is kept */
    if (t->cosigned.len && about->size == t->cosigned_size &&
        checkpoint_cosigned(t->cosigned.data, t->cosigned.len, witness, &time_s))
        return 0; /* it has said so before */
    if (join(t, about, witness, line, len, &note, e))
        return -1;
    if (files_replace(&t->files, "cosigned.tmp", "cosigned", note.data, note.len, NULL, e)) {
        buf_done(&note);
        return -1;
    }
    buf_done(&t->cosigned);
    t->cosigned = note;
    t->cosigned_size = about->size;
    return 0;
}

int tlog_add_cosignature(struct tlog *t, const struct checkpoint *about,
                         const struct note_key *witness, const void *line, size_t len,
                         struct err *e)
{
    bool ours;
    if (!t->writable)
        return err_set(e, ERR_READ_ONLY, "log '%s' is open for reading only", t->files.name);
    if (is_ours(t, about, &ours, e))
        return -1;
    if (!ours)
        return err_set(e, ERR_USAGE, "the checkpoint that '%s' signed is none of this log",
                       witness->name);
    (void)pthread_mutex_lock(&t->cosign_lock);
    int rc = add(t, about, witness, line, len, e);
    (void)pthread_mutex_unlock(&t->cosign_lock);
    return rc;
}
