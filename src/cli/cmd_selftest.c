/* SPDX-License-Identifier: Apache-2.0 */
/* abri selftest: plays attacks on a server (attack/attack.h) and says what held. */
#include "attack/attack.h"
#include "cli/json_out.h"

#include "base/file.h"
#include "base/mem.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

struct selftest_args {
    bool attacks, list;
    const char *abrid, *server, *only;
    struct option_list tokens, token_files;
    uint64_t snapshots, days, requests, kills, seed;
};

static const struct option_spec options[] = {
    {.name = "attacks", .kind = OPTION_FLAG, OPTION_AT(selftest_args, attacks), .help = "play the attacks"},
    {.name = "list", .kind = OPTION_FLAG, OPTION_AT(selftest_args, list), .help = "name the attacks, play none"},
    {.name = "only", .kind = OPTION_TEXT, .arg = "A1,A2…", OPTION_AT(selftest_args, only), .help = "play these alone"},
    {.name = "server", .kind = OPTION_TEXT, .arg = "URL", OPTION_AT(selftest_args, server),
     .help = "play against this server what a machine alone can do, with --token, instead of a server of its own"},
    {.name = "token", .kind = OPTION_LIST, .arg = "TOKEN", OPTION_AT(selftest_args, tokens),
     .help = "a token for a machine of a tenant that is good for nothing else; twice for attacks that need two"},
    {.name = "token-file", .kind = OPTION_LIST, .arg = "FILE", OPTION_AT(selftest_args, token_files),
     .help = "read a token from this file instead"},
    {.name = "abrid", .kind = OPTION_TEXT, .arg = "PATH", OPTION_AT(selftest_args, abrid),
     .help = "the program of the server (default: beside abri, or in PATH)"},
    {.name = "snapshots", .kind = OPTION_NUMBER, .arg = "N", .min = 1, .max = 100000, OPTION_AT(selftest_args, snapshots),
     .help = "false snapshots of A2 (default: 200)"},
    {.name = "days", .kind = OPTION_NUMBER, .arg = "N", .min = 1, .max = 1500, OPTION_AT(selftest_args, days),
     .help = "days that pass in A2 after them (default: 60)"},
    {.name = "requests", .kind = OPTION_NUMBER, .arg = "N", .min = 1, .max = 10000000, OPTION_AT(selftest_args, requests),
     .help = "bodies that A1 changes at random, of each kind (default: 150)"},
    {.name = "kills", .kind = OPTION_NUMBER, .arg = "N", .min = 1, .max = 1000, OPTION_AT(selftest_args, kills),
     .help = "how often A18 kills the server (default: 8)"},
    {.name = "seed", .kind = OPTION_NUMBER, .arg = "N", .max = INT64_MAX, OPTION_AT(selftest_args, seed),
     .help = "of everything that is chosen at random (default: another each time; it is printed)"},
};

/* ---- the server's program ----------------------------------------------------------------------- */

static bool is_program(const char *path)
{
    return access(path, X_OK) == 0;
}

static bool find_beside(char out[PATH_MAX])
{
    static const char *const places[] = {"abrid", "../sbin/abrid"};
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0)
        return false;
    self[n] = '\0';
    char *slash = strrchr(self, '/');
    if (!slash)
        return false;
    *slash = '\0';
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        int len = snprintf(out, PATH_MAX, "%s/%s", self, places[i]);
        if (len > 0 && len < PATH_MAX && is_program(out))
            return true;
    }
    return false;
}

static bool find_in_path(char out[PATH_MAX])
{
    const char *p = getenv("PATH");
    while (p && *p) {
        size_t n = strcspn(p, ":");
        int len = snprintf(out, PATH_MAX, "%.*s/abrid", (int)n, p);
        if (n && len > 0 && len < PATH_MAX && is_program(out))
            return true;
        p += n + (p[n] == ':');
    }
    return false;
}

static int find_abrid(const char *named, char out[PATH_MAX], struct err *e)
{
    if (named) {
        if (!is_program(named) || strlen(named) >= PATH_MAX)
            return err_set(e, ERR_USAGE, "--abrid: '%.300s' is no program", named);
        (void)snprintf(out, PATH_MAX, "%s%.4000s", strchr(named, '/') ? "" : "./", named);
        return 0;
    }
    return find_beside(out) || find_in_path(out)
               ? 0
               : err_set(e, ERR_USAGE, "abrid is neither beside this program nor in PATH: install it, name it with --abrid PATH, or "
                                       "give a server with --server URL --token TOKEN");
}

/* ---- speaking ---------------------------------------------------------------------------------------- */

static void tell_json(struct cli *c, const struct attack *a, const struct attack_result *r)
{
    static const char *const words[] = {[ATTACK_HELD] = "held",       [ATTACK_PARTLY] = "partly",
                                        [ATTACK_BROKE] = "broke",     [ATTACK_NOT_PLAYED] = "not_played",
                                        [ATTACK_NOT_KNOWN] = "not_known"};
    json_t *o = json_object_of("attack");
    json_put_string(o, "id", a->id);
    json_put_string(o, "title", a->title);
    json_put_string(o, "verdict", words[r->verdict]);
    json_put_string(o, "text", r->text);
    if (r->gap[0])
        json_put_string(o, "gap", r->gap);
    json_put_number(o, "claims", r->claims);
    json_put_number(o, "failed", r->failed);
    if (r->recovered) {
        json_put_real(o, "rpo_seconds", r->rpo_s);
        json_put_real(o, "rto_seconds", r->rto_s);
    }
    json_emit(c, stdout, o);
}

/* "1 d 2 h", "37 h", "12 s". */
static void span_text(double s, char out[32])
{
    if (s < 120)
        (void)snprintf(out, 32, "%.0f s", s);
    else if (s < 7200)
        (void)snprintf(out, 32, "%.0f min", s / 60);
    else if (s < 172800)
        (void)snprintf(out, 32, "%.0f h", s / 3600);
    else
        (void)snprintf(out, 32, "%.0f d", s / 86400);
}

static void tell(struct cli *c, const struct attack *a, const struct attack_result *r)
{
    char recovery[96] = "", age[32];
    if (c->global.json) {
        tell_json(c, a, r);
        return;
    }
    if (r->recovered) {
        span_text(r->rpo_s, age);
        (void)snprintf(recovery, sizeof recovery, "   RPO %s  RTO %.2f s", age, r->rto_s);
    }
    say(c, "%-4s %-12s %s: %s%s%s%s", a->id, attack_verdict_name(r->verdict), a->title, r->text, r->gap[0] ? ". Not promised: " : "",
        r->gap, recovery);
    (void)fflush(stdout);
}

static void list_all(struct cli *c)
{
    static const char *const needs[] = {[ATTACK_NEEDS_MACHINE] = "a machine", [ATTACK_NEEDS_TWO] = "two machines",
                                        [ATTACK_NEEDS_SERVER] = "its own server", [ATTACK_NEEDS_MORE] = "not played"};
    for (size_t i = 0; i < attack_count; i++) {
        const struct attack *a = &attacks[i];
        if (!c->global.json) {
            say(c, "%-4s %-15s %s", a->id, needs[a->needs], a->title);
            continue;
        }
        json_t *o = json_object_of("attack_known");
        json_put_string(o, "id", a->id);
        json_put_string(o, "title", a->title);
        json_put_string(o, "needs", needs[a->needs]);
        json_emit(c, stdout, o);
    }
}

/* ---- which ------------------------------------------------------------------------------------------------- */


static int choose(const char *only, bool *chosen, struct err *e)
{
    struct string_list l = {0};
    int rc = only ? string_list_add_commas(&l, only, "--only", e) : 0;
    for (size_t i = 0; i < attack_count; i++)
        chosen[i] = !only;
    for (size_t i = 0; !rc && i < l.count; i++) {
        const struct attack *a = attack_find(l.items[i]);
        if (a)
            chosen[a - attacks] = true;
        else
            rc = err_set(e, ERR_USAGE, "--only: there is no attack '%.40s': `abri selftest --list` names them", l.items[i]);
    }
    string_list_done(&l);
    return rc;
}

struct tokens {
    char text[2][256];
    const char *items[2];
    size_t count;
};

static int add_token(struct tokens *t, const char *text, struct err *e)
{
    size_t n = strcspn(text, "\r\n");
    if (t->count == 2)
        return err_set(e, ERR_USAGE, "more than two tokens: no attack needs them");
    if (n >= sizeof t->text[0])
        return err_set(e, ERR_USAGE, "a token of %zu letters is none", n);
    (void)snprintf(t->text[t->count], sizeof t->text[0], "%.*s", (int)n, text);
    t->items[t->count] = t->text[t->count];
    t->count++;
    return 0;
}

static int read_token(struct tokens *t, const char *file, struct err *e)
{
    char line[256] = "";
    FILE *f = fopen(file, "re");
    bool got = f && fgets(line, sizeof line, f);
    if (f)
        (void)fclose(f);
    int rc = got ? add_token(t, line, e) : err_set(e, ERR_USAGE, "--token-file: '%.300s' cannot be read", file);
    explicit_bzero(line, sizeof line);
    return rc;
}

static int take_tokens(const struct selftest_args *a, struct tokens *out, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < a->tokens.count; i++)
        rc = add_token(out, a->tokens.items[i].text, e);
    for (size_t i = 0; !rc && i < a->token_files.count; i++)
        rc = read_token(out, a->token_files.items[i].text, e);
    if (!rc && !a->server != !out->count)
        rc = err_set(e, ERR_USAGE, "--server and --token go together");
    return rc;
}

/* ---- playing ------------------------------------------------------------------------------------------------- */

struct tally {
    unsigned counts[ATTACK_NOT_KNOWN + 1];
};

static int conclude(struct cli *c, const struct tally *t, const struct attack_options *o, struct err *e)
{
    const unsigned *n = t->counts;
    if (c->global.json) {
        json_t *s = json_object_of("selftest_summary");
        json_put_number(s, "held", n[ATTACK_HELD]);
        json_put_number(s, "partly", n[ATTACK_PARTLY]);
        json_put_number(s, "broke", n[ATTACK_BROKE]);
        json_put_number(s, "not_played", n[ATTACK_NOT_PLAYED]);
        json_put_number(s, "not_known", n[ATTACK_NOT_KNOWN]);
        json_put_number(s, "seed", o->seed);
        json_emit(c, stdout, s);
    } else {
        say_note(c, "%u held, %u in part, %u did not hold, %u not played, %u not known (seed %llu)", n[ATTACK_HELD], n[ATTACK_PARTLY],
                 n[ATTACK_BROKE], n[ATTACK_NOT_PLAYED], n[ATTACK_NOT_KNOWN], (unsigned long long)o->seed);
    }
    if (atomic_load(&c->progress.cancel))
        return err_set(e, ERR_CANCELLED, "interrupted");
    if (n[ATTACK_BROKE] || n[ATTACK_NOT_KNOWN])
        return err_set(e, ERR_DAMAGED, "%u attack%s did not hold, of %u it is not known", n[ATTACK_BROKE], PLURAL(n[ATTACK_BROKE]),
                       n[ATTACK_NOT_KNOWN]);
    return 0;
}

static int play_all(struct cli *c, const struct attack_options *o, const bool *chosen, struct err *e)
{
    struct attack_ground *g = NULL;
    struct tally t = {0};
    if (attack_ground_open(o, &g, e))
        return -1;
    for (size_t i = 0; i < attack_count && !atomic_load(&c->progress.cancel); i++) {
        struct attack_result r;
        if (!chosen[i])
            continue;
        attack_play(g, &attacks[i], &r);
        t.counts[r.verdict]++;
        tell(c, &attacks[i], &r);
    }
    attack_ground_close(g);
    return conclude(c, &t, o, e);
}

static int choose_seed(const struct selftest_args *a, uint64_t *out, struct err *e)
{
    uint32_t fresh;
    if (getrandom(&fresh, sizeof fresh, 0) != (ssize_t)sizeof fresh)
        return err_set(e, ERR_IO, "no random numbers");
    *out = a->seed ? a->seed : fresh;
    return 0;
}

static int attack(struct cli *c, const struct selftest_args *a, struct err *e)
{
    char abrid[PATH_MAX] = "";
    struct tokens t = {0};
    CLEANUP_FREE bool *chosen = mem_array(attack_count, sizeof *chosen);
    struct attack_options o = {.url = a->server, .snapshots = (unsigned)a->snapshots, .days = (unsigned)a->days,
                               .requests = (unsigned)a->requests, .kills = (unsigned)a->kills, .cancel = &c->progress.cancel};
    if (!chosen)
        return err_no_memory(e, "attacks");
    int rc = choose(a->only, chosen, e) || take_tokens(a, &t, e) || (!a->server && find_abrid(a->abrid, abrid, e)) ||
                     choose_seed(a, &o.seed, e)
                 ? -1
                 : 0;
    o.abrid = *abrid ? abrid : NULL;
    o.tokens = t.items;
    o.token_count = t.count;
    if (!rc)
        rc = play_all(c, &o, chosen, e);
    explicit_bzero(&t, sizeof t);
    return rc;
}

static int run(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct selftest_args *a = args;
    if (command_expect_words(&cmd_selftest, w, 0, 0, e))
        return -1;
    if (a->list) {
        list_all(c);
        return 0;
    }
    if (!a->attacks)
        return err_set(e, ERR_USAGE, "what shall be tested? --attacks plays attacks on a server, --list names them");
    return attack(c, a, e);
}

const struct command cmd_selftest = {
    .name = "selftest",
    .summary = "play attacks on a server, and say what held",
    .operands = "",
    .description =
        "Plays what somebody would try who stole a machine's keys, an operator's certificate, the server's clock or its disk: with "
        "real requests, forged records, changed files. Then restores the victim's data and compares it. One line for each attack: "
        "what was tried, what held, how old the newest clean snapshot was (RPO) and how long restoring took (RTO).\n\n"
        "Starts a server of its own for each attack, on 127.0.0.1 in a temporary directory below TMPDIR, and removes it. Nothing that "
        "is in use is touched. With --server and --token, plays against that server what machines alone can do; the rest needs a server "
        "of its own, and is said not to have been played. Use tenants that are good for nothing else: what is stored there stays.\n\n"
        "Ends with 1 if an attack did not hold, or if that is not known. \"partly\" says what this version does not promise.",
    .examples = {{"abri selftest --attacks", "all of them, in about two minutes"},
                 {"abri selftest --attacks --only A2 --snapshots 10000 --days 400", "a flood, and what a year of retention makes of it"},
                 {"abri selftest --attacks --server https://backup.example:8443 --token abri-mfra…", "what a machine can do to a server"}},
    .options = options,
    .option_count = OPTION_COUNT(options),
    .args_bytes = sizeof(struct selftest_args),
    .run = run,
};
