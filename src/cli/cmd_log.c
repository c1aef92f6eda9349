/* SPDX-License-Identifier: Apache-2.0 */
/* abri log show, abri log checkpoint: what a server's log says. Proofs are in cmd_log_proof.c. */
#include "cli/log.h"

#include "base/clock.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEWEST 1000 /* entries that are looked at unless --from says otherwise */
#define PAGE   1000

/* ---- one entry, for people ----------------------------------------------------------------- */

static bool is_time(const char *key)
{
    return strcmp(key, "received") == 0 || strcmp(key, "until") == 0;
}

static bool is_hex(const char *text)
{
    size_t n = strlen(text);
    return (n == 32 || n == 64) && strspn(text, "0123456789abcdef") == n;
}

static void put(struct buf *line, const char *text)
{
    buf_put(line, text, strlen(text));
}

static void put_value(struct buf *line, const char *key, const json_t *value)
{
    char text[CLOCK_TEXT_BYTES + 8];
    const char *s = json_string_value(value);
    if (s && is_hex(s)) {
        buf_put(line, s, 8);
    } else if (s) {
        put(line, "'");
        put(line, s);
        put(line, "'");
    } else if (json_is_integer(value) && is_time(key)) {
        clock_format(json_integer_value(value), text);
        put(line, text);
    } else if (json_is_integer(value)) {
        (void)snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        put(line, text);
    } else {
        put(line, "yes");
    }
}

/* "snapshot  2026-03-01 03:00:12  files 12, vault 3f2a91c0": everything but what every entry has. */
static void put_event(struct buf *line, json_t *event)
{
    char when[CLOCK_TEXT_BYTES] = "";
    const char *kind = json_string_value(json_object_get(event, "kind")), *key;
    const json_t *time = json_object_get(event, "time");
    json_t *value;
    bool first = true;
    if (json_is_integer(time))
        clock_format(json_integer_value(time), when);
    put(line, when);
    put(line, "  ");
    put(line, kind ? kind : "?");
    json_object_foreach (event, key, value) {
        if (strcmp(key, "kind") == 0 || strcmp(key, "time") == 0 || strcmp(key, "v") == 0)
            continue;
        put(line, first ? "  " : ", ");
        first = false;
        put(line, key);
        put(line, " ");
        put_value(line, key, value);
    }
}

void log_say_event(struct cli *c, const char *before, json_t *event)
{
    CLEANUP(buf_done) struct buf line = {.max = (size_t)128 << 10};
    put(&line, before);
    put_event(&line, event);
    buf_put_u8(&line, 0);
    if (!line.failed)
        say(c, "%s", (const char *)line.data);
}

/* ---- show ------------------------------------------------------------------------------------ */

struct show_args {
    const char *from;
    uint64_t count;
};

static const struct option_spec show_options[] = {
    {.name = "from", .kind = OPTION_TEXT, .arg = "N", OPTION_AT(show_args, from),
     .help = "begin with entry N (default: look at the newest 1000)"},
    {.name = "count", .kind = OPTION_NUMBER, .arg = "N", .min = 1, .max = 1000000000,
     OPTION_AT(show_args, count), .help = "end after N entries"},
};

int log_parse_index(const char *option, const char *text, uint64_t *out, struct err *e)
{
    size_t n = strlen(text);
    if (n == 0 || n > 18 || strspn(text, "0123456789") != n)
        return err_set(e, ERR_USAGE, "%s: '%.40s' is no number of an entry", option, text);
    *out = strtoull(text, NULL, 10);
    return 0;
}

struct showing {
    struct cli *c;
    struct remote *r;
    uint64_t at, left, size;
};

static void show_entry(struct cli *c, json_t *entry)
{
    char before[32];
    json_t *event = json_object_get(entry, "event"), *index = json_object_get(entry, "index");
    if (c->global.json) {
        json_t *o = json_object_of("log_entry");
        json_put_number(o, "index", (uint64_t)json_integer_value(index));
        (void)json_object_set(o, "event", event);
        json_emit(c, stdout, o);
        return;
    }
    (void)snprintf(before, sizeof before, "%6" JSON_INTEGER_FORMAT "  ", json_integer_value(index));
    log_say_event(c, before, event);
}

/* A page: moves on. */
static int show_page(struct showing *s, struct err *e)
{
    char path[96];
    json_t *answer = NULL;
    (void)snprintf(path, sizeof path, "/v1/log/entries?from=%" PRIu64 "&count=%" PRIu64, s->at,
                   s->left < PAGE ? s->left : PAGE);
    if (remote_json(s->r, "GET", path, NULL, &answer, e))
        return -1;
    const json_t *entries = json_object_get(answer, "entries");
    json_int_t next = json_integer_value(json_object_get(answer, "next"));
    json_int_t size = json_integer_value(json_object_get(answer, "size"));
    bool sense = json_is_array(entries) && size >= 0 && next >= 0 && (uint64_t)next <= (uint64_t)size &&
                 json_array_size(entries) <= s->left &&
                 ((uint64_t)next > s->at || next == size);
    for (size_t i = 0; sense && i < json_array_size(entries); i++)
        show_entry(s->c, json_array_get(entries, i));
    if (sense) {
        s->left -= json_array_size(entries);
        s->at = (uint64_t)next;
        s->size = (uint64_t)size;
    }
    json_decref(answer);
    return sense ? 0 : err_set(e, ERR_DAMAGED, "the server's answer makes no sense");
}

static int find_newest(struct showing *s, struct err *e)
{
    uint64_t left = s->left;
    s->at = (uint64_t)1 << 60;
    if (show_page(s, e))
        return -1;
    s->left = left;
    s->at = s->size > NEWEST ? s->size - NEWEST : 0;
    return 0;
}

static int show_all(struct showing *s, const char *from, struct err *e)
{
    if (from ? log_parse_index("--from", from, &s->at, e) : find_newest(s, e))
        return -1;
    do {
        if (show_page(s, e))
            return -1;
    } while (s->at < s->size && s->left && !say_is_over());
    return 0;
}

static int run_show(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct show_args *a = args;
    struct showing s = {.c = c, .left = a->count ? a->count : UINT64_MAX};
    if (command_expect_words(&cmd_log_show, w, 0, 0, e) || admin_connect(c, &s.r, e))
        return -1;
    int rc = show_all(&s, a->from, e);
    remote_close(s.r);
    return rc;
}

const struct command cmd_log_show = {
    .name = "log show",
    .summary = "list what a server's log says",
    .operands = "",
    .description =
        "Lists the entries that you may see, oldest first: a machine sees what it did and what was done to it or its "
        "vault, people who look after a tenant what is that tenant's, people who look after the server all.\n\n"
        "The list is what the server says. `abri log prove` demands the proof.",
    .examples = {{"abri log show", "of the newest 1000 entries those that concern you"},
                 {"abri --json log show --from 0", "all, for programs"}},
    .options = show_options,
    .option_count = OPTION_COUNT(show_options),
    .args_bytes = sizeof(struct show_args),
    .run = run_show,
};

/* ---- checkpoint ---------------------------------------------------------------------------------- */

static int run_checkpoint(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    CLEANUP(buf_done) struct buf note = {.max = NOTE_MAX + 1};
    struct remote *r = NULL;
    (void)args;
    if (command_expect_words(&cmd_log_checkpoint, w, 0, 0, e) || admin_connect(c, &r, e))
        return -1;
    int rc = remote_checkpoint(r, &note, e);
    remote_close(r);
    if (rc)
        return -1;
    if (c->global.json) {
        json_t *o = json_object_of("log_checkpoint");
        json_put_text(o, "checkpoint", (const char *)note.data, note.len);
        json_emit(c, stdout, o);
        return 0;
    }
    note.data[note.len - 1] = '\0'; /* its last newline: say() has one */
    fputs((const char *)note.data, stdout);
    fputc('\n', stdout);
    return 0;
}

const struct command cmd_log_checkpoint = {
    .name = "log checkpoint",
    .summary = "print the newest checkpoint of a server's log",
    .operands = "",
    .description =
        "Asks for the newest checkpoint, holds it against the last one that this machine saw, and prints it with this "
        "machine's own signature: text as C2SP tlog-checkpoint has it, to be kept or compared with what others see.",
    .examples = {{"abri log checkpoint", "of the only server at which you are enrolled"},
                 {"abri --vault https://backup.example:8443 log checkpoint", "of this one"}},
    .run = run_checkpoint,
};

static const struct command *const verbs[] = {&cmd_log_show, &cmd_log_checkpoint, &cmd_log_prove,
                                              &cmd_log_verify, NULL};

const struct command cmd_log = {
    .name = "log",
    .summary = "what a server did: list, prove, verify",
    .description =
        "A server writes down what happens, in a log that cannot be changed unseen: each machine keeps the last "
        "checkpoint that it saw, demands at each contact that the log only grew, and co-signs it. A backup that finds a "
        "server rolled back or showing two logs is stored, says so, and ends with an error.",
    .verbs = verbs,
};
