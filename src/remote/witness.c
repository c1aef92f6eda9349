/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watching a server's log (decisions/0017): at each contact the newest checkpoint is held against the one
 * that was kept; what agrees is kept in its place and co-signed, what does not is told, with evidence.
 *
 *     asked → unanswered: told at the end, if the server did answer everything else
 *           → does not verify: evidence, alarm; what was kept stays
 *           → verifies: kept (durable), then co-signed on a thread beside the work
 *
 * N6 The kept checkpoint is replaced only by one that was verified to go on from it, under a lock: of two processes
 *    at once one looks.
 * N7 Nothing is co-signed before it is kept.
 */
#include "remote/witness.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#include <inttypes.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct witness {
    struct note_key log, me;
    struct sign_key key;
    bool seen; /* `now` was verified */
    struct checkpoint now;
    struct buf note; /* of it, with our line */
    struct buf line; /* ours */
    struct err untold; /* why it could not be looked at */
    pthread_t thread; /* looks, then co-signs */
    bool running;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool looked;      /* by the lock */
};

/* ---- requests ------------------------------------------------------------------------------- */

/* The body of the answer is appended, whatever it is. */
static int ask(struct remote *r, const char *method, const char *path, const json_t *in,
               struct buf *answer, struct client_call *call, struct err *e)
{
    char *text = in ? json_dumps(in, JSON_COMPACT) : NULL;
    if (in && !text)
        return err_no_memory(e, "a request");
    const struct client_piece body = {text, text ? strlen(text) : 0};
    *call = (struct client_call){.method = method, .path = path, .type = in ? WIRE_JSON : NULL,
                                 .pieces = &body, .piece_count = in ? 1 : 0, .answer = answer,
                                 .once = true};
    int rc = client_do(r->client, call, e);
    call->pieces = NULL;
    mem_free(text);
    return rc;
}

static bool was_answered(const struct client_call *call, int rc, const struct err *why)
{
    return rc == 0 || (call->status >= 200 && call->status <= 299) || (call->status == 0 && why->cls == ERR_LIMIT);
}

/* ---- co-signing -------------------------------------------------------------------------------- */

static int send_line(struct remote *r, char code[64])
{
    struct witness *w = r->witness;
    CLEANUP(buf_done) struct buf answer = {.max = 4096};
    struct client_call call = {0};
    struct err why = ERR_INIT;
    json_t *in = json_pack("{s:s%, s:s%}", "checkpoint", (const char *)w->note.data,
                           w->note.len - w->line.len, "cosignature", (const char *)w->line.data, w->line.len);
    int rc = in ? ask(r, "POST", "/v1/log/cosign", in, &answer, &call, &why) : -1;
    json_decref(in);
    memcpy(code, call.code, 64);
    return rc;
}

static int send_key(struct remote *r)
{
    CLEANUP(buf_done) struct buf text = {.max = NOTE_KEY_TEXT};
    CLEANUP(buf_done) struct buf answer = {.max = 4096};
    struct client_call call = {0};
    struct err why = ERR_INIT;
    if (note_key_text(&r->witness->me, true, &text, &why))
        return -1;
    json_t *in = json_pack("{s:s%}", "witness", (const char *)text.data, text.len);
    int rc = in ? ask(r, "POST", "/v1/self/witness", in, &answer, &call, &why) : -1;
    json_decref(in);
    return rc;
}

/* A server that does not take it harms itself: it has a witness less. */
static void cosign(struct remote *r)
{
    char code[64] = "";
    if (send_line(r, code) && strcmp(code, "witness_unknown") == 0 && send_key(r) == 0)
        (void)!send_line(r, code);
}

void remote_witness_wait(struct remote *r)
{
    struct witness *w = r->witness;
    if (w && w->running)
        (void)pthread_join(w->thread, NULL);
    if (w)
        w->running = false;
}

/* ---- what comes of it ---------------------------------------------------------------------------- */

static void alarm_with(struct remote *r, const struct buf *kept, const void *said, size_t said_len,
                       const struct err *what)
{
    char path[IDENTITY_PATH_MAX];
    struct err full = *what, why = ERR_INIT;
    if (!r->alarm)
        return;
    if (witness_evidence(r->identity.dir, what->msg, kept, said, said_len, path, &why))
        (void)err_set(&full, ERR_DAMAGED, "%s. The evidence could not be kept: %s", what->msg, why.msg);
    else
        (void)err_set(&full, ERR_DAMAGED,
                      "%s. Both sides are in '%s'. Ask who runs the server; if it was honestly put back from a copy, "
                      "remove '%s/checkpoint' to begin anew",
                      what->msg, path, r->identity.dir);
    full.cls = ERR_DAMAGED;
    r->alarm(r->alarm_arg, client_name(r->client), &full);
}

/* N6, N7 */
static int keep(struct remote *r, const struct testimony *t, const struct checkpoint *now, struct err *e)
{
    struct witness *w = r->witness;
    uint64_t time_s = (uint64_t)(clock_realtime_ns() / 1000000000);
    struct checkpoint bare = *now;
    size_t text_len;
    if (note_verify(t->note.data, t->note.len, &w->log, &text_len, e) ||
        checkpoint_cosign(t->note.data, t->note.len, w->me.name, &w->key, time_s, &w->line, e))
        return -1;
    buf_reset(&w->note);
    buf_put(&w->note, t->note.data, t->note.len);
    uint64_t before;
    if (checkpoint_cosigned(t->note.data, t->note.len, &w->me, &before)) /* the server has ours already */
        buf_reset(&w->line);
    if (w->line.len)
        buf_put(&w->note, w->line.data, w->line.len);
    if (buf_check(&w->note, "a checkpoint", e) || witness_keep(r->identity.dir, &w->note, e))
        return -1;
    w->now = bare;
    w->seen = true;
    return 0;
}

static void take(struct remote *r, const struct sighting *kept, const struct buf *kept_note,
                 const struct buf *answer)
{
    struct witness *w = r->witness;
    struct testimony t = {0};
    struct checkpoint now;
    struct err why = ERR_INIT;
    if (testimony_take(answer->data, answer->failed ? 0 : answer->len, &t, &why) ||
        witness_judge(kept, &w->log, &t, &now, &why)) {
        if (why.cls == ERR_DAMAGED)
            alarm_with(r, kept_note, answer->data, answer->len, &why);
        else
            w->untold = why;
    } else if (keep(r, &t, &now, &why)) {
        w->untold = why;
    }
    testimony_done(&t);
}

/* ---- looking ---------------------------------------------------------------------------------------- */

/* Of identities that are older than this: the authority's certificate vouches for the server. */
static int learn_log_key(struct remote *r, struct err *e)
{
    struct identity_files *f = &r->identity;
    json_t *answer = NULL;
    if (*f->log_key)
        return 0;
    if (client_json(r->client, "GET", "/v1/server", NULL, &answer, e))
        return -1;
    int rc = json_take_text(answer, "log_key", f->log_key, sizeof f->log_key, e);
    json_decref(answer);
    return rc ? rc : identity_save_description(f, e);
}

static int parse_log_key(const char *text, struct note_key *out, struct err *e)
{
    bool cosigner;
    if (note_key_parse(text, out, &cosigner, e))
        return err_wrap(e, "the key of the server's log");
    return cosigner ? err_set(e, ERR_DAMAGED, "the key of the server's log is that of a witness") : 0;
}

static int load_keys(struct remote *r, struct err *e)
{
    struct witness *w = r->witness;
    struct err why = ERR_INIT;
    const char *dir = r->identity.dir;
    if (learn_log_key(r, e) || parse_log_key(r->identity.log_key, &w->log, e))
        return -1;
    if (witness_key_load(dir, &w->key, &why)) {
        if (why.cls != ERR_NOT_FOUND)
            return err_give(e, &why);
        sign_key_new(&w->key);
        if (witness_key_save(dir, &w->key, e))
            return -1;
    }
    witness_name(w->key.public_key, &w->me);
    return 0;
}

static void look(struct remote *r)
{
    struct witness *w = r->witness;
    CLEANUP(buf_done) struct buf kept_note = {0};
    CLEANUP(buf_done) struct buf answer = {.max = WITNESS_ANSWER_MAX};
    struct sighting kept = {0};
    struct client_call call = {0};
    struct err why = ERR_INIT;
    bool first = witness_kept(r->identity.dir, &w->log, &w->me, &kept_note, &kept, &why) != 0;
    if (first && why.cls != ERR_NOT_FOUND) {
        w->untold = why;
        return;
    }
    json_t *in = json_pack("{s:I}", "size", (json_int_t)kept.c.size);
    int rc = in ? ask(r, "POST", "/v1/log/witness", in, &answer, &call, &why)
                : err_no_memory(&why, "a request");
    json_decref(in);
    if (was_answered(&call, rc, &why))
        take(r, first ? NULL : &kept, &kept_note, &answer);
    else
        w->untold = why;
}

/* Another process that is looking looks for this one, too. */
static void look_alone(struct remote *r)
{
    struct witness *w = r->witness;
    CLEANUP(file_close) int lock = witness_lock(r->identity.dir);
    if (lock >= 0 && load_keys(r, &w->untold) == 0)
        look(r);
}

static void *watch(void *arg)
{
    struct remote *r = arg;
    struct witness *w = r->witness;
    look_alone(r);
    (void)pthread_mutex_lock(&w->lock);
    w->looked = true;
    (void)pthread_cond_broadcast(&w->changed);
    (void)pthread_mutex_unlock(&w->lock);
    if (w->seen && w->line.len)
        cosign(r);
    return NULL;
}

void remote_witness_begin(struct remote *r)
{
    struct witness *w = r->witness ? NULL : mem_zalloc(sizeof *w);
    if (!w)
        return;
    r->witness = w;
    w->note.max = NOTE_MAX;
    w->line.max = 1024;
    (void)pthread_mutex_init(&w->lock, NULL);
    (void)pthread_cond_init(&w->changed, NULL);
    if (sign_init(&w->untold)) {
        w->looked = true;
        return;
    }
    w->running = pthread_create(&w->thread, NULL, watch, r) == 0;
    if (!w->running)
        (void)watch(r);
}

void remote_witness(struct remote *r)
{
    remote_witness_begin(r);
    struct witness *w = r->witness;
    if (!w)
        return;
    (void)pthread_mutex_lock(&w->lock);
    while (!w->looked)
        (void)pthread_cond_wait(&w->changed, &w->lock);
    (void)pthread_mutex_unlock(&w->lock);
}

/* A server that answers nothing at all is told of by whoever asked it. */
void witness_free(struct remote *r)
{
    struct witness *w = r->witness;
    if (!w)
        return;
    remote_witness_wait(r);
    if (w->untold.cls && w->untold.cls != ERR_CANCELLED && r->alarm && client_was_served(r->client)) {
        struct err what = ERR_INIT;
        (void)err_set(&what, w->untold.cls == ERR_DAMAGED ? ERR_INCOMPLETE : w->untold.cls,
                      "the server's log could not be looked at: %s", w->untold.msg);
        r->alarm(r->alarm_arg, client_name(r->client), &what);
    }
    sign_key_done(&w->key);
    buf_done(&w->note);
    buf_done(&w->line);
    (void)pthread_cond_destroy(&w->changed);
    (void)pthread_mutex_destroy(&w->lock);
    mem_free(w);
    r->witness = NULL;
}

/* ---- at enrolment --------------------------------------------------------------------------------------- */

/* Another log's checkpoint (of an installation that was there before) is put aside, not lost. */
static int make_room(const char *dir, struct err *e)
{
    char from[IDENTITY_PATH_MAX + 32], to[IDENTITY_PATH_MAX + 32];
    (void)snprintf(from, sizeof from, "%s/checkpoint", dir);
    (void)snprintf(to, sizeof to, "%s/checkpoint.before", dir);
    return rename(from, to) ? err_sys(e, errno, "rename '%s'", from) : 0;
}

int witness_begin(const struct identity_files *f, const struct sign_key *key, const json_t *note,
                  struct err *e)
{
    CLEANUP(buf_done) struct buf kept = {0};
    CLEANUP(buf_done) struct buf first = {.max = NOTE_MAX};
    struct note_key log, me;
    struct sighting before;
    struct checkpoint now;
    struct err why = ERR_INIT;
    if (witness_key_save(f->dir, key, e))
        return -1;
    if (!*f->log_key || !json_is_string(note))
        return 0; /* an older server: the first contact begins */
    witness_name(key->public_key, &me);
    if (parse_log_key(f->log_key, &log, e) ||
        checkpoint_verify(json_string_value(note), json_string_length(note), &log, &now, e))
        return -1;
    if (witness_kept(f->dir, &log, &me, &kept, &before, &why) == 0)
        return 0; /* the same log: what was seen goes on to count */
    if (why.cls != ERR_NOT_FOUND && make_room(f->dir, e))
        return -1;
    buf_put(&first, json_string_value(note), json_string_length(note));
    if (checkpoint_cosign(json_string_value(note), json_string_length(note), me.name, key,
                          (uint64_t)(clock_realtime_ns() / 1000000000), &first, e))
        return -1;
    return buf_check(&first, "a checkpoint", e) ? -1 : witness_keep(f->dir, &first, e);
}

/* ---- for those who ask about the log ---------------------------------------------------------------------- */

int remote_log_keys(const struct remote_where *where, const char *url, struct note_key *log,
                    struct note_key *witness, struct err *e)
{
    struct wire_url u;
    struct identity_files f = {0};
    struct sign_key key = {0};
    if (wire_url_parse(url, &u, e) || identity_load(where, &u, &f, e))
        return -1;
    int rc = *f.log_key ? parse_log_key(f.log_key, log, e)
                        : err_set(e, ERR_NO_KEY, "this machine has not met the log of %s yet", url);
    if (!rc) {
        *witness = (struct note_key){0};
        if (witness_key_load(f.dir, &key, NULL) == 0)
            witness_name(key.public_key, witness);
        sign_key_done(&key);
    }
    identity_done(&f);
    return rc;
}

int remote_checkpoint(struct remote *r, struct buf *note, struct err *e)
{
    struct witness *w = r->witness;
    if (w && w->untold.cls) {
        (void)err_give(e, &w->untold);
        w->untold = ERR_INIT; /* told */
        return -1;
    }
    if (!w || !w->seen)
        return err_set(e, ERR_INCOMPLETE, "%s: no checkpoint of its log could be verified now",
                       client_name(r->client));
    buf_put(note, w->note.data, w->note.len);
    return buf_check(note, "a checkpoint", e);
}

/* Whether two checkpoints that the log signed are of one log: the smaller is the beginning of the greater. */
static int is_one_log(struct remote *r, const struct checkpoint *a, const struct checkpoint *b, struct err *e)
{
    const struct checkpoint *older = a->size <= b->size ? a : b, *newer = older == a ? b : a;
    struct testimony t = {0};
    char path[128];
    json_t *answer = NULL;
    if (older->size != newer->size) {
        (void)snprintf(path, sizeof path, "/v1/log/consistency?from=%" PRIu64 "&to=%" PRIu64, older->size,
                       newer->size);
        if (client_json(r->client, "GET", path, NULL, &answer, e))
            return -1;
        int rc = testimony_take_proof(json_object_get(answer, "proof"), &t, e);
        json_decref(answer);
        if (rc)
            return -1;
    }
    if (!merkle_verify_consistency(older->size, older->root, newer->size, newer->root, t.proof[0], t.count))
        return err_set(e, ERR_DAMAGED,
                       "%s shows two logs: the one of the proof has %" PRIu64 " entries, the one that this machine saw "
                       "%" PRIu64 ", and neither is the beginning of the other",
                       client_name(r->client), a->size, b->size);
    return 0;
}

int remote_prove(struct remote *r, const char *query, struct log_proof *out, struct err *e)
{
    CLEANUP(buf_done) struct buf answer = {.max = LOG_PROOF_MAX};
    struct witness *w = r->witness;
    struct client_call call = {0};
    struct log_proof p;
    struct checkpoint c;
    char path[256];
    (void)snprintf(path, sizeof path, "/v1/log/prove?%s", query);
    if (!w || !w->seen)
        return remote_checkpoint(r, &answer, e) ? -1 : err_set(e, ERR_INCOMPLETE, "no checkpoint was seen");
    if (ask(r, "GET", path, NULL, &answer, &call, e) ||
        log_proof_take(answer.data, answer.len, &p, e))
        return -1;
    if (log_proof_verify(&p, p.extra.data, p.extra.len, &w->log, &c, e) || is_one_log(r, &c, &w->now, e)) {
        log_proof_done(&p);
        return err_wrap(e, "%s", client_name(r->client));
    }
    *out = p;
    return 0;
}
