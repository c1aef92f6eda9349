/* SPDX-License-Identifier: Apache-2.0 */
/* abri admin snapshots, lock, hold, tag, undelete: what a vault on a server has, and keeping some of it longer. */
#include "cli/admin.h"
#include "cli/amount.h"
#include "cli/term.h"

#include "base/clock.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ID_DIGITS_MIN 8u /* fewer are a number */

struct snapshot_args {
    const char *until, *reason, *tag;
    bool trash;
};

/* ---- all of a vault -------------------------------------------------------------------------- */

static int fetch(struct remote *r, const char *vault, json_t **out, struct err *e)
{
    char path[160];
    uint64_t from = 0;
    json_t *all = json_array();
    do {
        json_t *answer = NULL;
        (void)snprintf(path, sizeof path, "/v1/vaults/%s/snapshots?from=%" PRIu64, vault, from);
        if (remote_json(r, "GET", path, NULL, &answer, e)) {
            json_decref(all);
            return -1;
        }
        json_int_t next = json_integer_value(json_object_get(answer, "next"));
        (void)json_array_extend(all, json_object_get(answer, "snapshots"));
        json_decref(answer);
        from = next > 0 && (uint64_t)next > from ? (uint64_t)next : 0;
    } while (from);
    *out = all;
    return 0;
}

/* ---- a table --------------------------------------------------------------------------------------- */

static void note(const json_t *o, char *out, size_t cap)
{
    char locked[ADMIN_TIME_BYTES], trash[ADMIN_TIME_BYTES];
    const char *held = json_string_value(json_object_get(o, "held"));
    admin_time(o, "locked_until", locked);
    admin_time(o, "trash_until", trash);
    (void)snprintf(out, cap, "%s%s%s%s%.200s%s%s%s", *locked ? "locked until " : "", locked, *locked && held ? "; " : "",
                   held ? "held: " : "", held ? held : "", (*locked || held) && *trash ? "; " : "",
                   *trash ? "in the trash until " : "", trash);
}

static void tags_of(const json_t *o, char *out, size_t cap)
{
    const json_t *tags = json_object_get(o, "tags");
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < json_array_size(tags) && n < cap; i++)
        n += (size_t)snprintf(out + n, cap - n, "%s%.60s", i ? "," : "", json_string_value(json_array_get(tags, i)));
}

static void add_row(struct table *t, const json_t *o, bool escape)
{
    char number[24], time[ADMIN_TIME_BYTES], size[AMOUNT_TEXT_BYTES], tags[256], notes[320], id[9] = "";
    const char *snapshot = json_string_value(json_object_get(o, "snapshot")), *machine = json_string_value(json_object_get(o, "machine"));
    (void)snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(o, "sequence")));
    (void)snprintf(id, sizeof id, "%.8s", snapshot ? snapshot : "");
    admin_time(o, "time", time);
    amount_format_size((uint64_t)json_integer_value(json_object_get(o, "bytes")), size);
    tags_of(o, tags, sizeof tags);
    note(o, notes, sizeof notes);
    const char *cells[] = {number, id, time, machine ? machine : "", size, tags, notes};
    table_row(t, cells, escape);
}

static int show(struct cli *c, const json_t *list, bool trash, struct err *e)
{
    static const char *const head[] = {"NUMBER", "ID", "TIME", "MACHINE", "SIZE", "TAGS", "NOTE"};
    struct table t;
    table_init(&t, sizeof head / sizeof *head);
    t.right[0] = t.right[4] = true;
    table_row(&t, head, false);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i);
        if (!trash || json_is_string(json_object_get(o, "trash_until")))
            add_row(&t, o, c->out_is_tty);
    }
    int rc = table_print(&t, stdout, e);
    table_done(&t);
    return rc;
}

static void emit(struct cli *c, const json_t *list, bool trash)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *o = json_array_get(list, i);
        if (trash && !json_is_string(json_object_get(o, "trash_until")))
            continue;
        json_t *line = json_object_of("admin_snapshot");
        if (line)
            (void)json_object_update(line, o);
        json_emit(c, stdout, line);
    }
}

static const struct option_spec list_options[] = {
    {.name = "trash", .kind = OPTION_FLAG, OPTION_AT(snapshot_args, trash), .help = "those in the trash alone"},
};

static int run_list(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct snapshot_args *a = args;
    struct remote *r = NULL;
    json_t *list = NULL;
    char vault[ADMIN_ID_BYTES];
    if (command_expect_words(&cmd_admin_snapshots, w, 1, 1, e) || admin_connect(c, &r, e))
        return -1;
    int rc = admin_find(r, ADMIN_VAULT, w->items[0], vault, e) || fetch(r, vault, &list, e) ? -1 : 0;
    remote_close(r);
    if (!rc && c->global.json)
        emit(c, list, a->trash);
    else if (!rc)
        rc = show(c, list, a->trash, e);
    json_decref(list);
    return rc;
}

const struct command cmd_admin_snapshots = {
    .name = "admin snapshots",
    .summary = "list the snapshots of a vault",
    .operands = "VAULT",
    .description = "Lists what the server knows of a vault's snapshots, without any right to read: numbers, times, sizes, tags, locks, holds, and until when those in the trash "
                   "can be brought back. A vault is named by its id, or by its machine's name.",
    .examples = {{"abri admin snapshots web1", "all of them"}, {"abri admin snapshots web1 --trash", "those that can be brought back"}},
    .options = list_options,
    .option_count = OPTION_COUNT(list_options),
    .args_bytes = sizeof(struct snapshot_args),
    .run = run_list,
};

/* ---- which ones ------------------------------------------------------------------------------------- */

static bool is_meant(const json_t *o, const char *word, bool is_number, uint64_t number)
{
    const char *id = json_string_value(json_object_get(o, "snapshot"));
    if (is_number)
        return (uint64_t)json_integer_value(json_object_get(o, "sequence")) == number;
    size_t n = strlen(word);
    return n >= ID_DIGITS_MIN && id && strncmp(id, word, n) == 0;
}

static int find(const json_t *list, const char *word, json_t *sequences, struct err *e)
{
    uint64_t number;
    bool is_number = strlen(word) < ID_DIGITS_MIN && amount_parse_number(word, &number);
    const json_t *found = NULL;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i);
        if (!is_meant(o, word, is_number, number))
            continue;
        if (found)
            return err_set(e, ERR_USAGE, "'%.70s' may be several snapshots: give more of its id", word);
        found = o;
    }
    if (!found)
        return err_set(e, ERR_NOT_FOUND, "there is no snapshot '%.70s' in this vault: `abri admin snapshots` lists numbers and ids", word);
    return json_array_append(sequences, json_object_get(found, "sequence")) ? err_no_memory(e, "a list") : 0;
}

static int change(struct cli *c, struct remote *r, const struct words *w, const char *verb, json_t *in, const char *done,
                  struct err *e)
{
    json_t *list = NULL, *sequences = json_array(), *answer = NULL;
    char vault[ADMIN_ID_BYTES], path[160];
    int rc = admin_find(r, ADMIN_VAULT, w->items[0], vault, e) || fetch(r, vault, &list, e) ? -1 : 0;
    for (size_t i = 1; !rc && i < w->count; i++)
        rc = find(list, w->items[i], sequences, e);
    json_decref(list);
    (void)json_object_set_new(in, "sequences", sequences);
    (void)snprintf(path, sizeof path, "/v1/vaults/%s/snapshots/%s", vault, verb);
    if (!rc)
        rc = remote_json(r, "POST", path, in, &answer, e);
    if (rc)
        return -1;
    const json_t *changed = json_object_get(answer, "snapshots");
    if (c->global.json)
        emit(c, changed, false);
    else
        say_note(c, "%zu snapshot%s %s", json_array_size(changed), json_array_size(changed) == 1 ? "" : "s", done);
    json_decref(answer);
    return 0;
}

/* Takes `in`. */
static int run_change(struct cli *c, const struct command *cmd, const struct words *w, const char *verb, json_t *in,
                      const char *done, struct err *e)
{
    struct remote *r = NULL;
    int rc = command_expect_words(cmd, w, 2, SIZE_MAX, e) || admin_connect(c, &r, e) ? -1 : change(c, r, w, verb, in, done, e);
    json_decref(in);
    remote_close(r);
    return rc;
}

/* ---- the verbs ----------------------------------------------------------------------------------------- */

static const struct option_spec lock_options[] = {
    {.name = "until", .kind = OPTION_TEXT, .arg = "DATE|TIME", OPTION_AT(snapshot_args, until),
     .help = "a date (2027-12-31, up to its end), or for how long from now: 30d, 1y6m, 36h"},
};

/* Dates are the caller's; for how long counts by the server's clock. */
static int until_of(const char *text, char out[CLOCK_TEXT_BYTES + 16], struct err *e)
{
    struct policy_span span;
    int64_t ns;
    if (policy_span_parse(text, &span))
        (void)snprintf(out, CLOCK_TEXT_BYTES + 16, "%.*s", CLOCK_TEXT_BYTES, text);
    else if (clock_parse(text, &ns))
        clock_format_utc(ns, out);
    else
        return err_set(e, ERR_USAGE, "--until: '%.60s' is neither a date nor a time such as 30d or 1y6m", text);
    return 0;
}

static int run_lock(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct snapshot_args *a = args;
    char until[CLOCK_TEXT_BYTES + 16];
    if (!a->until)
        return err_set(e, ERR_USAGE, "until when? --until 2027-12-31 (or 30d)");
    return until_of(a->until, until, e)
               ? -1
               : run_change(c, &cmd_admin_lock, w, "lock", json_pack("{s:s}", "until", until), "locked", e);
}

const struct command cmd_admin_lock = {
    .name = "admin lock",
    .summary = "keep snapshots until a date, whatever rules say",
    .operands = "VAULT SNAP…",
    .description = "Locks snapshots of a vault on the server, by their numbers or the beginning of their ids. A lock can be extended, but nobody can shorten it or take it away; "
                   "it ends when both the server's clock and the time that it ran say so.",
    .examples = {{"abri admin lock web1 12 --until 2027-12-31", "keep it over the year"}, {"abri admin lock web1 3f2a91c0 13 --until 90d", "two of them, for ninety days from now"}},
    .options = lock_options,
    .option_count = OPTION_COUNT(lock_options),
    .args_bytes = sizeof(struct snapshot_args),
    .run = run_lock,
};

static const struct option_spec hold_options[] = {
    {.name = "reason", .kind = OPTION_TEXT, .arg = "TEXT", OPTION_AT(snapshot_args, reason), .help = "why; needed"},
};

static int run_hold(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct snapshot_args *a = args;
    if (!a->reason)
        return err_set(e, ERR_USAGE, "why? --reason TEXT");
    return run_change(c, &cmd_admin_hold, w, "hold", json_pack("{s:s}", "reason", a->reason), "held", e);
}

const struct command cmd_admin_hold = {
    .name = "admin hold",
    .summary = "keep snapshots until two people release them",
    .operands = "VAULT SNAP…",
    .description = "Holds snapshots of a vault on the server, for as long as it takes: an investigation, a court. One person holds; to release takes a request, on which two people agree "
                   "(`abri admin request release`).",
    .examples = {{"abri admin hold web1 12 --reason 'police, file 4711'", "by its number"}, {"abri admin hold web1 3f2a91c0 --reason audit", "by its id"}},
    .options = hold_options,
    .option_count = OPTION_COUNT(hold_options),
    .args_bytes = sizeof(struct snapshot_args),
    .run = run_hold,
};

static const struct option_spec tag_options[] = {
    {.name = "tag", .kind = OPTION_TEXT, .arg = "TAG", OPTION_AT(snapshot_args, tag), .help = "the tag; needed"},
};

static int run_tag(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct snapshot_args *a = args;
    if (!a->tag)
        return err_set(e, ERR_USAGE, "which? --tag TAG");
    return run_change(c, &cmd_admin_tag, w, "tag", json_pack("{s:s}", "tag", a->tag), "tagged", e);
}

const struct command cmd_admin_tag = {
    .name = "admin tag",
    .summary = "give snapshots a tag",
    .operands = "VAULT SNAP…",
    .description = "Gives snapshots of a vault on the server a tag. Policies can keep what has one; so none is taken away from here.",
    .examples = {{"abri admin tag web1 12 --tag before-migration", "by its number"}, {"abri admin tag web1 3f2a91c0 --tag legal", "by its id"}},
    .options = tag_options,
    .option_count = OPTION_COUNT(tag_options),
    .args_bytes = sizeof(struct snapshot_args),
    .run = run_tag,
};

static int run_undelete(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct snapshot_args *a = args;
    char until[CLOCK_TEXT_BYTES + 16] = "30d";
    return a->until && until_of(a->until, until, e)
               ? -1
               : run_change(c, &cmd_admin_undelete, w, "undelete", json_pack("{s:s}", "until", until), "back, and locked", e);
}

const struct command cmd_admin_undelete = {
    .name = "admin undelete",
    .summary = "bring snapshots back from the trash",
    .operands = "VAULT SNAP…",
    .description = "Brings snapshots of a vault on the server back from the trash, as long as their window lasts, and locks them: for 30 days unless --until says otherwise. Without a "
                   "lock the policy, which did not keep them, would forget them again.",
    .examples = {{"abri admin undelete web1 12", "`abri admin snapshots web1 --trash` lists what there is"},
                 {"abri admin undelete web1 12 13 --until 2027-12-31", "until the end of the year"}},
    .options = lock_options,
    .option_count = OPTION_COUNT(lock_options),
    .args_bytes = sizeof(struct snapshot_args),
    .run = run_undelete,
};
