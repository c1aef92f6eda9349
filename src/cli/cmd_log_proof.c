/* SPDX-License-Identifier: Apache-2.0 */
/* abri log prove, abri log verify: an entry of a server's log with its proof, in one file that is checked
 * without the server (C2SP tlog-proof; the entry is its extra data). */
#include "cli/log.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BARE_MAX 2048 /* of a proof without its entry: witnesses beyond that are left out */

/* ---- lines of a note -------------------------------------------------------------------------- */

/* Where the signatures begin; NULL: there are none. */
static const char *signatures_of(const struct buf *note, size_t *len)
{
    const char *at = note->len ? memmem(note->data, note->len, "\n\n", 2) : NULL;
    if (!at)
        return NULL;
    *len = (size_t)((const char *)note->data + note->len - (at + 2));
    return at + 2;
}

static bool is_by(const char *line, size_t len, const char *name)
{
    static const char dash[] = "\xe2\x80\x94 ";
    size_t n = strlen(name);
    return len > sizeof dash + n && memcmp(line + sizeof dash - 1, name, n) == 0 &&
           line[sizeof dash - 1 + n] == ' ';
}

static size_t line_len(const char *at, size_t left)
{
    const char *end = memchr(at, '\n', left);
    return end ? (size_t)(end - at) + 1 : left;
}

/* Keeps the log's line, ours, and of the others as many as there is room for. */
static int trim(struct log_proof *p, const char *log, const char *me, struct err *e)
{
    CLEANUP(buf_done) struct buf kept = {.max = NOTE_MAX}, text = {.max = LOG_PROOF_MAX};
    struct log_proof bare = *p;
    size_t left = 0;
    const char *lines = signatures_of(&p->note, &left);
    bare.extra = (struct buf){0};
    if (!lines || log_proof_put(&bare, &text, e))
        return lines ? -1 : 0;
    size_t total = text.len - left; /* without any signature */
    buf_put(&kept, p->note.data, p->note.len - left);
    for (int pass = 0; pass < 2; pass++) { /* first those that must be in it */
        for (size_t at = 0; at < left;) {
            size_t n = line_len(lines + at, left - at);
            bool must = is_by(lines + at, n, log) || is_by(lines + at, n, me);
            if (must == (pass == 0) && (must || total + n <= BARE_MAX)) {
                buf_put(&kept, lines + at, n);
                total += n;
            }
            at += n;
        }
    }
    if (buf_check(&kept, "a proof", e))
        return -1;
    buf_reset(&p->note);
    buf_put(&p->note, kept.data, kept.len);
    return buf_check(&p->note, "a proof", e);
}

/* ---- prove ----------------------------------------------------------------------------------------- */

struct prove_args {
    const char *entry, *output;
};

static const struct option_spec prove_options[] = {
    {.name = "entry", .kind = OPTION_TEXT, .arg = "N", OPTION_AT(prove_args, entry),
     .help = "prove entry N, as `abri log show` numbers them, instead of a snapshot"},
    {.name = "output", .letter = 'o', .kind = OPTION_TEXT, .arg = "FILE", OPTION_AT(prove_args, output),
     .help = "write to this new file instead of standard output"},
};

static int make_query(const struct prove_args *a, const struct words *w, char out[128], struct err *e)
{
    uint64_t index = 0;
    if (!a->entry == !w->count)
        return err_set(e, ERR_USAGE, "prove what? Name a snapshot, or give --entry N");
    if (a->entry) {
        if (log_parse_index("--entry", a->entry, &index, e))
            return -1;
        (void)snprintf(out, 128, "entry=%" PRIu64, index);
        return 0;
    }
    const char *snap = w->items[0];
    size_t n = strlen(snap);
    if (strcmp(snap, "latest") != 0 && (n == 0 || n > 64 || strspn(snap, "0123456789abcdef") != n))
        return err_set(e, ERR_USAGE, "'%.80s' is no id of a snapshot: give its first digits, or `latest`", snap);
    (void)snprintf(out, 128, "snapshot=%s", snap);
    return 0;
}

static int write_proof(struct cli *c, const struct prove_args *a, const struct buf *text, struct err *e)
{
    if (a->output) {
        CLEANUP(file_close) int fd = open(a->output, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (fd < 0)
            return err_sys(e, errno, "make '%s'", a->output);
        if (file_write(fd, text->data, text->len) || fsync(fd))
            return err_sys(e, errno, "write '%s'", a->output);
        return 0;
    }
    if (!c->global.json)
        (void)fwrite(text->data, 1, text->len, stdout);
    return 0;
}

static int prove(struct cli *c, const struct prove_args *a, const char *query, struct err *e)
{
    const struct remote_where where = admin_where(c);
    CLEANUP(buf_done) struct buf text = {.max = LOG_PROOF_MAX};
    struct log_proof p = {0};
    struct note_key log, me;
    struct remote *r = NULL;
    char url[ADMIN_URL_MAX];
    if (admin_server(c, url, e) || admin_connect(c, &r, e))
        return -1;
    remote_witness_wait(r); /* so that our own signature can be in it */
    int rc = remote_prove(r, query, &p, e);
    if (!rc)
        rc = remote_log_keys(&where, url, &log, &me, e) || trim(&p, log.name, me.name, e) ||
                     log_proof_put(&p, &text, e) || write_proof(c, a, &text, e)
                 ? -1
                 : 0;
    remote_close(r);
    if (!rc && c->global.json) {
        json_t *o = json_object_of("log_proof");
        json_put_number(o, "index", p.index);
        json_put_text(o, "entry", (const char *)p.extra.data, p.extra.len);
        json_put_text(o, "proof", (const char *)text.data, text.len);
        if (a->output)
            json_put_string(o, "file", a->output);
        json_emit(c, stdout, o);
    } else if (!rc && a->output) {
        say_note(c, "%s proves entry %" PRIu64 " (%zu bytes). `abri log verify %s` checks it, without the server",
                 a->output, p.index, text.len, a->output);
    }
    log_proof_done(&p);
    return rc;
}

static int run_prove(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    char query[128];
    if (command_expect_words(&cmd_log_prove, w, 0, 1, e) || make_query(args, w, query, e))
        return -1;
    return prove(c, args, query, e);
}

const struct command cmd_log_prove = {
    .name = "log prove",
    .summary = "write a proof that an entry is in a server's log",
    .operands = "[SNAP]",
    .description =
        "Writes one text with the entry about a snapshot (or any entry), the proof that the log holds it, and a "
        "checkpoint of the log with the signatures of its witnesses: C2SP tlog-proof, whose extra data is the entry. "
        "Whoever has the log's key can check it at any time, without the server and even if it is gone.\n\n"
        "SNAP is the beginning of a snapshot's id, or `latest`.",
    .examples = {{"abri log prove latest > backup.tlog-proof", "of the newest snapshot of this machine"},
                 {"abri log prove --entry 17 -o revoked.tlog-proof", "of any entry that you may see"}},
    .options = prove_options,
    .option_count = OPTION_COUNT(prove_options),
    .args_bytes = sizeof(struct prove_args),
    .run = run_prove,
};

/* ---- verify ------------------------------------------------------------------------------------------- */

struct verify_args {
    const char *log_key, *entry_file;
    struct option_list witnesses;
};

static const struct option_spec verify_options[] = {
    {.name = "log-key", .kind = OPTION_TEXT, .arg = "KEY", OPTION_AT(verify_args, log_key),
     .help = "the log's key (default: the one that was pinned when this machine was enrolled)"},
    {.name = "witness", .kind = OPTION_LIST, .arg = "KEY", OPTION_AT(verify_args, witnesses),
     .help = "demand the signature of this witness; may be repeated"},
    {.name = "entry-file", .kind = OPTION_TEXT, .arg = "FILE", OPTION_AT(verify_args, entry_file),
     .help = "the entry, if it is not in the proof, or to compare"},
};

struct verifying {
    struct cli *c;
    const struct verify_args *a;
    struct note_key log, me; /* me.name "": there is none */
    struct log_proof p;
    struct checkpoint checkpoint;
};

static int choose_keys(struct verifying *v, struct err *e)
{
    const struct remote_where where = admin_where(v->c);
    char url[ADMIN_URL_MAX];
    bool cosigner;
    if (!v->a->log_key) {
        if (admin_server(v->c, url, NULL))
            return err_set(e, ERR_USAGE, "with which key? Give --log-key KEY: this machine is enrolled at no server, "
                                         "or at several");
        return remote_log_keys(&where, url, &v->log, &v->me, e);
    }
    if (note_key_parse(v->a->log_key, &v->log, &cosigner, e))
        return err_wrap(e, "--log-key");
    return cosigner ? err_set(e, ERR_USAGE, "--log-key: that is the key of a witness") : 0;
}

static int choose_entry(struct verifying *v, struct buf *entry, struct err *e)
{
    const struct buf *in = &v->p.extra;
    if (!v->a->entry_file) {
        if (!in->len)
            return err_set(e, ERR_USAGE, "the entry is not in the proof: give --entry-file FILE");
        buf_put(entry, in->data, in->len);
        return buf_check(entry, "an entry", e);
    }
    if (file_slurp(AT_FDCWD, v->a->entry_file, LOG_PROOF_EXTRA_MAX, entry, e))
        return -1;
    return in->len && (in->len != entry->len || memcmp(in->data, entry->data, in->len) != 0)
               ? err_set(e, ERR_DAMAGED, "the entry in the proof is not that of '%s'", v->a->entry_file)
               : 0;
}

/* One witness: its time. Of ourselves a line is not demanded, but what says that it is ours must be. */
static int check_witness(struct verifying *v, const struct note_key *k, bool demanded, json_t *told, struct err *e)
{
    uint64_t time_s = 0;
    size_t left = 0;
    bool named = false;
    const char *lines = signatures_of(&v->p.note, &left);
    for (size_t at = 0; lines && at < left; at += line_len(lines + at, left - at))
        named = named || is_by(lines + at, line_len(lines + at, left - at), k->name);
    if (checkpoint_cosigned(v->p.note.data, v->p.note.len, k, &time_s)) {
        json_t *o = json_object();
        json_put_string(o, "name", k->name);
        json_put_time(o, "time", (int64_t)(time_s % (UINT64_MAX >> 31)) * 1000000000);
        (void)json_array_append_new(told, o);
        return 0;
    }
    return demanded || named ? err_set(e, ERR_DAMAGED, named ? "the signature of witness %s is not valid"
                                                             : "witness %s has not signed this checkpoint",
                                       k->name)
                             : 0;
}

static int check_witnesses(struct verifying *v, json_t *told, struct err *e)
{
    for (size_t i = 0; i < v->a->witnesses.count; i++) {
        struct note_key k;
        bool cosigner;
        if (note_key_parse(v->a->witnesses.items[i].text, &k, &cosigner, e))
            return err_wrap(e, "--witness");
        if (!cosigner)
            return err_set(e, ERR_USAGE, "--witness: '%s' is no key of a witness", k.name);
        if (check_witness(v, &k, true, told, e))
            return -1;
        if (strcmp(k.name, v->me.name) == 0)
            v->me.name[0] = '\0';
    }
    return *v->me.name ? check_witness(v, &v->me, false, told, e) : 0;
}

static size_t count_others(const struct verifying *v, size_t known)
{
    size_t left = 0, all = 0;
    const char *lines = signatures_of(&v->p.note, &left);
    for (size_t at = 0; lines && at < left; at += line_len(lines + at, left - at))
        all += !is_by(lines + at, line_len(lines + at, left - at), v->log.name);
    return all > known ? all - known : 0;
}

static void tell_json(const struct verifying *v, const struct buf *entry, json_t *told, size_t others)
{
    json_t *o = json_object_of("log_verified");
    json_put_string(o, "log", v->checkpoint.origin);
    json_put_number(o, "index", v->p.index);
    json_put_number(o, "size", v->checkpoint.size);
    json_put_hex(o, "root", v->checkpoint.root, MERKLE_BYTES);
    json_put_text(o, "entry", (const char *)entry->data, entry->len);
    (void)json_object_set(o, "witnesses", told);
    json_put_number(o, "unchecked_witnesses", others);
    json_emit(v->c, stdout, o);
}

static void tell(const struct verifying *v, const struct buf *entry, json_t *told)
{
    size_t others = count_others(v, json_array_size(told));
    json_t *event = json_loadb((const char *)entry->data, entry->len, JSON_REJECT_DUPLICATES, NULL);
    if (v->c->global.json) {
        tell_json(v, entry, told, others);
        json_decref(event);
        return;
    }
    if (event)
        log_say_event(v->c, "", event);
    say(v->c, "is entry %" PRIu64 " of the log %s when it had %" PRIu64 " entries: verified", v->p.index,
        v->checkpoint.origin, v->checkpoint.size);
    for (size_t i = 0; i < json_array_size(told); i++) {
        json_t *one = json_array_get(told, i);
        say(v->c, "seen by %s%s on %s", json_string_value(json_object_get(one, "name")),
            strcmp(json_string_value(json_object_get(one, "name")), v->me.name) == 0 ? " (this machine)" : "",
            json_string_value(json_object_get(one, "time")));
    }
    if (others)
        say(v->c, "%zu further signature%s of witnesses whose keys were not given: not checked", others, PLURAL(others));
    if (!json_array_size(told))
        say(v->c, "no witness that is known here has signed it: it is the server's word alone");
    json_decref(event);
}

static int verify(struct verifying *v, const char *file, struct err *e)
{
    CLEANUP(buf_done) struct buf text = {0}, entry = {0}; /* file_slurp bounds them */
    if (choose_keys(v, e) || file_slurp(AT_FDCWD, file, LOG_PROOF_MAX, &text, e) ||
        log_proof_take(text.data, text.len, &v->p, e) || choose_entry(v, &entry, e) ||
        log_proof_verify(&v->p, entry.data, entry.len, &v->log, &v->checkpoint, e))
        return -1;
    json_t *told = json_array();
    int rc = told ? check_witnesses(v, told, e) : err_no_memory(e, "witnesses");
    if (!rc)
        tell(v, &entry, told);
    json_decref(told);
    return rc;
}

static int run_verify(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    struct verifying v = {.c = c, .a = args};
    if (command_expect_words(&cmd_log_verify, w, 1, 1, e) || sign_init(e))
        return -1;
    int rc = verify(&v, w->items[0], e);
    log_proof_done(&v.p);
    return rc ? err_wrap(e, "%s", w->items[0]) : 0;
}

const struct command cmd_log_verify = {
    .name = "log verify",
    .summary = "check a proof, without the server",
    .operands = "FILE",
    .description =
        "Checks what `abri log prove` wrote (any C2SP tlog-proof): that the log signed the checkpoint, that the entry is "
        "in the tree of that checkpoint, and which witnesses saw it when. Asks nobody. Whoever is enrolled at the server "
        "needs no key; others give the one that `abri admin call GET /v1/server` shows, from somebody they trust.",
    .examples = {{"abri log verify backup.tlog-proof", "with the key that was pinned at enrolment"},
                 {"abri log verify backup.tlog-proof --log-key abri.0123456789abcdef+…",
                  "anywhere else"}},
    .options = verify_options,
    .option_count = OPTION_COUNT(verify_options),
    .args_bytes = sizeof(struct verify_args),
    .run = run_verify,
};
