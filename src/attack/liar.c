/* SPDX-License-Identifier: Apache-2.0 */
/* A server that lies about its log: A13, an older one and then another one; A21, entries and proofs that were changed. */
#include "attack/families.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "tlog/tlog.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The machine's next contact; how many lies it has heard of in all. */
static int contact(struct party *x, unsigned *lies, struct err *e)
{
    CLEANUP(access_close) struct access a = {0};
    if (access_open(x->world->url, &x->dirs, &a, e))
        return -1;
    access_close(&a);
    *lies = x->lies;
    return 0;
}

static int save_root(struct world *w, const char *name, char out[WORLD_PATH], struct err *e)
{
    (void)snprintf(out, WORLD_PATH, "%.400s/%s", w->dir, name);
    return tree_remove(out, e) || tree_copy(w->root, out, e) ? -1 : 0;
}

static int put_root(struct world *w, const char *from, struct err *e)
{
    return tree_remove(w->root, e) || tree_copy(from, w->root, e) ? -1 : 0;
}

/* ---- A13 ------------------------------------------------------------------------------------------------ */

static int restart_with(struct world *w, const char *root, struct err *e)
{
    world_stop(w, true);
    return put_root(w, root, e) || world_start(w, e) ? -1 : 0;
}

/* Entries until the older log is longer than what the machine saw. */
static int grow(struct world *w, unsigned count, struct err *e)
{
    for (unsigned i = 0; i < count; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "Other %u", i);
        json_t *in = json_pack("{s:s}", "name", name);
        int rc = in ? party_ask(&w->owner, "POST", "/v1/tenants", in, NULL, e) : err_no_memory(e, "a request");
        json_decref(in);
        if (rc)
            return -1;
    }
    return 0;
}

static int play_rollback(struct play *p, struct victim *v, struct err *e)
{
    struct world *w = p->world;
    char older[WORLD_PATH], newer[WORLD_PATH];
    unsigned lies = 0, had;
    if (victim_backup(v, e))
        return -1;
    world_stop(w, false);
    if (save_root(w, "older", older, e) || world_start(w, e) || victim_backup(v, e) || victim_backup(v, e) ||
        contact(v->machine, &lies, e))
        return -1;
    (void)play_claim(p, lies == 0, "an honest server was called a liar: %s", v->machine->lie);
    world_stop(w, false);
    if (save_root(w, "newer", newer, e) || restart_with(w, older, e))
        return -1;
    had = lies;
    if (contact(v->machine, &lies, e))
        return -1;
    (void)play_claim(p, lies > had, "a server that was rolled back, and hides two snapshots, was believed");
    if (grow(w, 30, e))
        return -1;
    had = lies;
    if (contact(v->machine, &lies, e))
        return -1;
    (void)play_claim(p, lies > had, "a log that was forked was believed");
    if (restart_with(w, newer, e))
        return -1;
    had = lies;
    if (contact(v->machine, &lies, e))
        return -1;
    (void)play_claim(p, lies == had, "the honest server is still called a liar: %s", v->machine->lie);
    play_tell(p, "the server put back by two snapshots: the machine said so at its next contact; grown past it on another branch: said so, too");
    return 0;
}

void attack_rollback(struct play *p)
{
    CLEANUP(victim_done) struct victim v = {0};
    if (victim_begin(&v, &p->world->web, &p->error) == 0)
        (void)play_rollback(p, &v, &p->error);
    victim_recover(p, &v);
}

/* ---- A21: a proof, every byte of it ----------------------------------------------------------------------- */

struct log_play {
    struct play *p;
    struct world *w;
    struct victim *v;
    uint64_t changed, refused;
};

static bool still_proves(const struct buf *text, const struct note_key *log, const struct buf *entry)
{
    struct log_proof proof = {0};
    struct checkpoint c;
    bool holds = log_proof_take(text->data, text->len, &proof, NULL) == 0 &&
                 log_proof_verify(&proof, entry->data, entry->len, log, &c, NULL) == 0;
    log_proof_done(&proof);
    return holds;
}

/* Bits of the part that is the log's own: what cosignatures say is others'. */
static int change_proof(struct log_play *k, struct err *e)
{
    struct party *m = k->v->machine;
    const struct remote_where where = {m->dirs.config, m->dirs.cache, m->dirs.cancel, m->dirs.log_alarm, m->dirs.log_arg};
    struct note_key log, witness;
    struct log_proof proof = {0};
    CLEANUP(buf_done) struct buf text = {.max = LOG_PROOF_MAX};
    CLEANUP(buf_done) struct buf entry = {.max = LOG_PROOF_EXTRA_MAX};
    remote_witness(m->remote);
    if (remote_log_keys(&where, k->w->url, &log, &witness, e) || remote_prove(m->remote, "snapshot=latest", &proof, e))
        return -1;
    buf_put(&entry, proof.extra.data, proof.extra.len);
    int rc = log_proof_put(&proof, &text, e);
    log_proof_done(&proof);
    if (rc)
        return -1;
    (void)play_claim(k->p, still_proves(&text, &log, &entry), "the play itself: a good proof does not verify");
    for (size_t i = 0; i < entry.len; i++) {
        entry.data[i] ^= 1;
        k->changed++;
        k->refused += !still_proves(&text, &log, &entry);
        entry.data[i] ^= 1;
    }
    return 0;
}

/* ---- A21: the log on the server's disk, by somebody who has its key ----------------------------------------- */

enum forgery { EDIT = 1, DROP, REORDER, RESIGN };

struct rewriting {
    struct tlog *to;
    enum forgery how;
    uint64_t at, size;
    struct buf held; /* REORDER: the entry that shall come later */
};

/* The last digit of its time, so that it stays an entry. */
static void edit(uint8_t *entry, size_t len)
{
    uint8_t *at = memmem(entry, len, "\"time\":", 7);
    if (!at)
        return;
    for (at += 7; at[1] >= '0' && at[1] <= '9'; at++)
        ;
    *at = *at == '7' ? '8' : '7';
}

static int rewrite_one(void *arg, uint64_t index, const uint8_t *entry, size_t len, struct err *e)
{
    struct rewriting *r = arg;
    uint8_t mine[TLOG_ENTRY_MAX];
    uint64_t at;
    memcpy(mine, entry, len);
    if (r->how == DROP && index + 2 >= r->size)
        return 0;
    if (r->how == EDIT && index == r->at)
        edit(mine, len);
    if (r->how == REORDER && index == r->at) {
        buf_put(&r->held, entry, len);
        return 0;
    }
    if (tlog_append(r->to, mine, len, &at, e))
        return -1;
    return r->how == REORDER && index == r->at + 1 ? tlog_append(r->to, r->held.data, r->held.len, &at, e) : 0;
}

/* What is changed is a backup's entry: without one of its enrolment the machine would be refused before it could look at the log. */
static int find_backup(void *arg, uint64_t index, const uint8_t *entry, size_t len, struct err *e)
{
    static const char begins[] = "\"kind\":\"session.begin\"";
    struct rewriting *r = arg;
    (void)e;
    r->at = index;
    return memmem(entry, len, begins, sizeof begins - 1) != NULL; /* the first one ends the search */
}

static int read_seed(const char *root, struct sign_key *out, struct err *e)
{
    CLEANUP(buf_done) struct buf seed = {0};
    char path[WORLD_PATH + 32];
    (void)snprintf(path, sizeof path, "%s/log.key", root);
    if (file_slurp(AT_FDCWD, path, 1024, &seed, e))
        return -1;
    if (seed.len != SIGN_SEED_BYTES)
        return err_set(e, ERR_DAMAGED, "'%s' is no key", path);
    sign_key_from_seed(seed.data, out);
    return 0;
}

static int rewrite_log(const char *from, const char *to, const struct note_key *log, enum forgery how, struct err *e)
{
    struct tlog *old = NULL;
    struct rewriting r = {.how = how, .held = {.max = TLOG_ENTRY_MAX}};
    struct sign_key key = {0};
    char root[WORLD_PATH];
    (void)snprintf(root, sizeof root, "%.*s", (int)(strrchr(from, '/') - from), from);
    if (tlog_open_reader(from, log, &old, e))
        return -1;
    r.size = tlog_size(old);
    if (tlog_scan(old, 0, r.size, find_backup, &r, e) < 0) {
        tlog_close(old);
        return -1;
    }
    int rc = how == RESIGN ? (sign_key_new(&key), 0) : read_seed(root, &key, e);
    if (!rc)
        rc = tlog_create(to, log->name, &key, e) || tlog_open(to, log->name, &key, &r.to, e) ||
                     tlog_scan(old, 0, r.size, rewrite_one, &r, e)
                 ? -1
                 : 0;
    tlog_close(r.to);
    tlog_close(old);
    sign_key_done(&key);
    buf_done(&r.held);
    return rc;
}

/* Nothing may remain by which the server itself would notice. */
static int replace_log(const char *root, const char *log, struct err *e)
{
    static const char *const derived[] = {"catalog.sqlite", "catalog.sqlite-wal", "catalog.sqlite-shm"};
    char path[WORLD_PATH + 32];
    for (size_t i = 0; i < sizeof derived / sizeof *derived; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", root, derived[i]);
        (void)!unlink(path);
    }
    (void)snprintf(path, sizeof path, "%s/log", root);
    return tree_remove(path, e) || tree_copy(log, path, e) ? -1 : 0;
}

/* 1: it came out, 0: it did not. */
static int comes_out(struct log_play *k, const char *honest, enum forgery how, const struct note_key *log, struct err *e)
{
    struct world *w = k->w;
    char from[WORLD_PATH + 16], to[WORLD_PATH];
    struct err why = ERR_INIT;
    unsigned lies, had = k->v->machine->lies;
    (void)snprintf(from, sizeof from, "%s/log", honest);
    (void)snprintf(to, sizeof to, "%.400s/forged-log", w->dir);
    world_stop(w, true);
    if (tree_remove(to, e) || put_root(w, honest, e) || rewrite_log(from, to, log, how, e) || replace_log(w->root, to, e))
        return -1;
    if (world_start(w, &why))
        return w->pid ? err_give(e, &why) : 1; /* it refuses its own log */
    if (contact(k->v->machine, &lies, e))
        return -1;
    return lies > had;
}

static int play_log(struct log_play *k, struct err *e)
{
    static const struct {
        enum forgery how;
        const char *what;
    } all[] = {{EDIT, "edited, and signed again"}, {DROP, "cut short, and signed again"},
               {REORDER, "reordered, and signed again"}, {RESIGN, "signed by another key"}};
    struct party *m = k->v->machine;
    const struct remote_where where = {m->dirs.config, NULL, NULL, NULL, NULL};
    char honest[WORLD_PATH];
    struct note_key log, witness;
    unsigned lies;
    if (victim_backup(k->v, e) || victim_backup(k->v, e) || contact(m, &lies, e) || change_proof(k, e) ||
        remote_log_keys(&where, k->w->url, &log, &witness, e))
        return -1;
    remote_witness_wait(m->remote);
    world_stop(k->w, false);
    if (save_root(k->w, "honest", honest, e))
        return -1;
    (void)play_claim(k->p, k->changed > 100 && k->changed == k->refused, "%llu of %llu changed entries were proved all the same",
                     (unsigned long long)(k->changed - k->refused), (unsigned long long)k->changed);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        int out = comes_out(k, honest, all[i].how, &log, e);
        if (out < 0)
            return -1;
        (void)play_claim(k->p, out == 1, "a log that was %s was believed", all[i].what);
    }
    world_stop(k->w, true);
    if (put_root(k->w, honest, e) || world_start(k->w, e))
        return -1;
    play_tell(k->p, "the log edited, cut, reordered and signed anew with its own key, and with another: each came out; %llu proofs of "
                    "changed entries: none held",
              (unsigned long long)k->changed);
    return 0;
}

void attack_log(struct play *p)
{
    CLEANUP(victim_done) struct victim v = {0};
    struct log_play k = {.p = p, .w = p->world, .v = &v};
    if (victim_begin(&v, &p->world->web, &p->error) == 0)
        (void)play_log(&k, &p->error);
    victim_recover(p, &v);
}
