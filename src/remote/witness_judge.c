/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether what a server says of its log agrees with what it said before. Pure functions over hostile
 * bytes; who asks and what is kept is in witness.c.
 *
 * N4 Nothing is taken from an answer before the log's signature over it is verified with the pinned key.
 * N5 Sizes only grow, and what was seen is the beginning of what is seen.
 */
#include "remote/witness.h"

#include "base/clock.h"
#include "base/mem.h"

#include <inttypes.h>
#include <string.h>

void testimony_done(struct testimony *t)
{
    buf_done(&t->note);
}

int testimony_take_proof(const json_t *proof, struct testimony *out, struct err *e)
{
    size_t count = json_array_size(proof);
    if (!json_is_array(proof) || count > MERKLE_PROOF_MAX)
        return err_set(e, ERR_DAMAGED, "the proof is none");
    for (size_t i = 0; i < count; i++) {
        const json_t *one = json_array_get(proof, i);
        CLEANUP(buf_done) struct buf hash = {.max = 64};
        if (!json_is_string(one) ||
            base64_get(json_string_value(one), json_string_length(one), &hash, NULL) ||
            hash.len != MERKLE_BYTES)
            return err_set(e, ERR_DAMAGED, "a hash of the proof is none");
        memcpy(out->proof[i], hash.data, MERKLE_BYTES);
    }
    out->count = count;
    return 0;
}

int testimony_take(const void *json, size_t len, struct testimony *out, struct err *e)
{
    struct testimony t = {.note = {.max = NOTE_MAX}};
    json_t *o = json_loadb(json, len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *note = json_object_get(o, "checkpoint");
    int rc = json_is_string(note) && json_string_length(note) <= NOTE_MAX
                 ? 0
                 : err_set(e, ERR_DAMAGED, "there is no checkpoint in the answer");
    if (!rc) {
        buf_put(&t.note, json_string_value(note), json_string_length(note));
        rc = buf_check(&t.note, "a checkpoint", e) ||
                     testimony_take_proof(json_object_get(o, "proof"), &t, e)
                 ? -1
                 : 0;
    }
    json_decref(o);
    if (rc)
        testimony_done(&t);
    else
        *out = t;
    return rc;
}

static void describe(const struct sighting *kept, char root[17], char when[CLOCK_TEXT_BYTES + 8])
{
    char text[CLOCK_TEXT_BYTES] = "";
    hex_encode(kept->c.root, 8, root);
    if (kept->time_s && kept->time_s < INT64_MAX / 1000000000)
        clock_format_utc((int64_t)kept->time_s * 1000000000, text);
    (void)snprintf(when, CLOCK_TEXT_BYTES + 8, "%s%s", *text ? " on " : "", text);
}

static int lie(const struct sighting *kept, const struct checkpoint *now, const char *how, struct err *e)
{
    char was[17], is[17], when[CLOCK_TEXT_BYTES + 8];
    describe(kept, was, when);
    hex_encode(now->root, 8, is);
    return err_set(e, ERR_DAMAGED,
                   "the server's log was %s: it had %" PRIu64 " entries with root %s… when this machine saw "
                   "it%s, and now has %" PRIu64 " with root %s…",
                   how, kept->c.size, was, when, now->size, is);
}

int witness_judge(const struct sighting *kept, const struct note_key *log, const struct testimony *t,
                  struct checkpoint *now_out, struct err *e)
{
    struct checkpoint now;
    struct err why = ERR_INIT;
    if (checkpoint_verify(t->note.data, t->note.len, log, &now, &why)) /* N4 */
        return err_set(e, ERR_DAMAGED, "the server shows a log that is not the one of its enrolment: %s", why.msg);
    if (kept && now.size < kept->c.size) /* N5 */
        return lie(kept, &now, "rolled back", e);
    if (kept && !merkle_verify_consistency(kept->c.size, kept->c.root, now.size, now.root, t->proof[0],
                                           t->count))
        return lie(kept, &now, "forked", e);
    *now_out = now;
    return 0;
}
