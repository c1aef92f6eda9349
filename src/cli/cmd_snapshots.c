/* SPDX-License-Identifier: Apache-2.0 */
/*
 * abri snapshots: lists them. What the keeper sees (machine, tags, sizes) needs
 * no key; hosts and paths are in the sealed roots.
 */
#include "cli/amount.h"
#include "cli/json_out.h"
#include "cli/term.h"

#include "base/clock.h"
#include "base/mem.h"

#include <inttypes.h>
#include <string.h>

struct snapshots_args {
    struct option_list tags;
    const char *host, *path;
    uint64_t latest;
    bool keyless, trash;
};

static const struct option_spec options[] = {
    {.name = "host", .letter = 'H', .kind = OPTION_TEXT, .arg = "NAME",
     OPTION_AT(snapshots_args, host), .help = "only of this host (or, without a key, this machine)"},
    {.name = "tag", .kind = OPTION_LIST, .arg = "TAG[,TAG…]", OPTION_AT(snapshots_args, tags),
     .help = "only with all these tags; given again: or with all those"},
    {.name = "path", .kind = OPTION_TEXT, .arg = "PATH", OPTION_AT(snapshots_args, path),
     .help = "only of this path as it was given to backup, made absolute; needs the passphrase"},
    {.name = "latest", .kind = OPTION_NUMBER, .arg = "N", .min = 1, .max = UINT32_MAX,
     OPTION_AT(snapshots_args, latest),
     .help = "only the newest N of each host and set of paths"},
    {.name = "keyless", .kind = OPTION_FLAG, OPTION_AT(snapshots_args, keyless),
     .help = "ask for no passphrase; show what the keeper sees"},
    {.name = "trash", .kind = OPTION_FLAG, OPTION_AT(snapshots_args, trash),
     .help = "those that were forgotten and can still be brought back by `abri undelete`"},
};

struct listing {
    struct cli *cli;
    const struct snapshots_args *args;
    struct access access;
    struct snapshot_list list;
    struct root **roots; /* as list.items; NULL where there is no key or it is damaged */
    bool *shown;
    uint64_t damaged;
};

static void listing_done(struct listing *l)
{
    for (size_t i = 0; l->roots && i < l->list.count; i++)
        mem_free(l->roots[i]);
    mem_free(l->roots);
    mem_free(l->shown);
    snapshot_list_done(&l->list);
    access_close(&l->access);
}

static void on_damage(void *arg, const char *object, const char *message)
{
    struct listing *l = arg;
    l->damaged++;
    report_damage(l->cli, object, message);
}

/* ---- which ones -------------------------------------------------------------- */

static const char *host_of(const struct listing *l, size_t i)
{
    return l->roots[i] ? l->roots[i]->host : l->list.items[i].machine;
}

static bool has_path(const struct root *r, const char *path)
{
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    for (size_t i = 0; r && i < r->path_count; i++)
        if (strlen(r->paths[i]) == len && memcmp(r->paths[i], path, len) == 0)
            return true;
    return false;
}

static bool is_tagged(const struct listing *l, size_t i)
{
    const struct option_list *tags = &l->args->tags;
    for (size_t t = 0; t < tags->count; t++)
        if (snapshot_has_tags(&l->list.items[i], tags->items[t].text))
            return true;
    return tags->count == 0;
}

static bool is_of_host_and_path(const struct listing *l, size_t i)
{
    const struct snapshots_args *a = l->args;
    return (!a->host || strcmp(host_of(l, i), a->host) == 0) &&
           (!a->path || has_path(l->roots[i], a->path));
}

/* Hides what is not among the newest N of its group. */
static void keep_latest(struct listing *l)
{
    for (size_t i = 0; i < l->list.count; i++) {
        uint64_t newer = 0;
        for (size_t j = i + 1; j < l->list.count && newer < l->args->latest; j++)
            newer += l->shown[j] && memcmp(l->list.items[i].group, l->list.items[j].group,
                                           sizeof l->list.items[i].group) == 0;
        l->shown[i] = l->shown[i] && newer < l->args->latest;
    }
}

static void open_roots(struct listing *l)
{
    for (size_t i = 0; i < l->list.count; i++) {
        struct err why = ERR_INIT;
        if (!l->shown[i] || work_open_root(&l->access, &l->list.items[i], &l->roots[i], &why) == 0)
            continue;
        char id[SHORT_ID_BYTES], name[SHORT_ID_BYTES + 16];
        short_id(l->list.items[i].id, id);
        (void)snprintf(name, sizeof name, "snapshot %s", id);
        on_damage(l, name, why.msg);
    }
}

/* What needs no root comes first: opening one costs a key exchange. */
static int choose(struct listing *l, const struct words *w, struct err *e)
{
    for (size_t i = 0; i < w->count; i++) {
        size_t at;
        if (work_find_snapshot(&l->list, w->items[i], &at, e))
            return -1;
        l->shown[at] = true;
    }
    for (size_t i = 0; i < l->list.count; i++)
        l->shown[i] = (l->shown[i] || w->count == 0) && is_tagged(l, i);
    if (l->args->latest && !l->args->host && !l->args->path)
        keep_latest(l);
    if (l->access.keyring)
        open_roots(l);
    for (size_t i = 0; i < l->list.count; i++)
        l->shown[i] = l->shown[i] && is_of_host_and_path(l, i);
    if (l->args->latest)
        keep_latest(l);
    return 0;
}

static int load(struct listing *l, struct err *e)
{
    struct cli *c = l->cli;
    bool with_key = !l->args->keyless && passphrase_available(c);
    if (!with_key && l->args->path)
        return err_set(e, ERR_USAGE, "--path needs the passphrase: the keeper sees no paths");
    if (with_key ? cli_open_reader(c, &l->access, e) : cli_open(c, &l->access, e))
        return -1;
    if (l->args->trash ? vault_snapshots_trash(l->access.vault, &l->list, on_damage, l, e)
                       : vault_snapshots(l->access.vault, &l->list, on_damage, l, e))
        return -1;
    l->roots = mem_array(l->list.count + 1, sizeof *l->roots);
    l->shown = mem_array(l->list.count + 1, sizeof *l->shown);
    if (!l->roots || !l->shown)
        return err_no_memory(e, "the list of snapshots");
    return 0;
}

/* ---- showing them --------------------------------------------------------------- */

static void put_tags(json_t *o, const struct snapshot *s)
{
    const char *tags[64]; /* the format's limit */
    size_t count = s->tag_count < 64 ? s->tag_count : 64;
    for (size_t t = 0; t < count; t++)
        tags[t] = s->tags[t];
    json_put_texts(o, "tags", tags, count);
}

static void emit(struct listing *l, size_t i)
{
    const struct snapshot *s = &l->list.items[i];
    const struct root *r = l->roots[i];
    char id[SHORT_ID_BYTES];
    json_t *o = json_object_of("snapshot");
    short_id(s->id, id);
    json_put_hex(o, "id", s->id, ID_BYTES);
    json_put_string(o, "short_id", id);
    json_put_number(o, "sequence", s->seq);
    json_put_time(o, "time", s->dated_ns);
    json_put_time(o, "received", s->received_ns);
    if (s->copied)
        json_put_hex(o, "copied_from", s->origin_keeper, sizeof s->origin_keeper);
    json_put_time(o, "client_time", s->client_time_ns);
    json_put_string(o, "machine", s->machine);
    put_tags(o, s);
    json_put_number(o, "entries", s->files);
    json_put_number(o, "bytes", s->bytes);
    json_put_number(o, "added_bytes", s->added_bytes);
    json_put_bool(o, "incomplete", s->incomplete);
    if (s->locked_until_ns)
        json_put_time(o, "locked_until", s->locked_until_ns);
    if (s->held)
        json_put_string(o, "held", s->hold_reason);
    if (s->doubtful)
        json_put_bool(o, "doubtful", true);
    if (s->forgotten_until_ns)
        json_put_time(o, "trash_until", s->forgotten_until_ns);
    if (r) {
        json_put_string(o, "host", r->host);
        json_put_texts(o, "paths", r->paths, r->path_count);
        json_put_number(o, "files", r->files);
        json_put_number(o, "dirs", r->dirs);
        json_put_number(o, "others", r->others);
        json_put_time(o, "started", r->started_ns);
        json_put_time(o, "ended", r->ended_ns);
        json_put_number(o, "problems", r->problem_total);
    }
    json_emit(l->cli, stdout, o);
}

#define NOTES_MAX 5
/* What else there is to say of it, a line each: how many lines. */
static size_t notes_of(const struct snapshot *s, char notes[NOTES_MAX][VAULT_REASON_MAX + 16])
{
    size_t n = 0, room = sizeof notes[0];
    char time[CLOCK_TEXT_BYTES];
    if (s->incomplete)
        (void)snprintf(notes[n++], room, "incomplete");
    clock_format(s->locked_until_ns, time);
    if (s->locked_until_ns > clock_realtime_ns())
        (void)snprintf(notes[n++], room, "locked until %s", time);
    if (s->held)
        (void)snprintf(notes[n++], room, "held: %s", s->hold_reason);
    if (s->doubtful)
        (void)snprintf(notes[n++], room, "kept: a mark of it is damaged");
    clock_format(s->forgotten_until_ns, time);
    if (s->forgotten_until_ns)
        (void)snprintf(notes[n++], room, "in the trash until %s", time);
    return n;
}

/* A snapshot takes as many lines as it has paths, tags or notes. */
static void add_rows(struct listing *l, struct table *t, size_t i)
{
    const struct snapshot *s = &l->list.items[i];
    const struct root *r = l->roots[i];
    char notes[NOTES_MAX][VAULT_REASON_MAX + 16];
    char id[SHORT_ID_BYTES], time[CLOCK_TEXT_BYTES], size[AMOUNT_TEXT_BYTES];
    short_id(s->id, id);
    clock_format(s->dated_ns, time);
    amount_format_size(s->bytes, size);
    size_t paths = r ? r->path_count : 0, lines = paths > s->tag_count ? paths : s->tag_count;
    size_t note_count = notes_of(s, notes);
    lines = lines > note_count ? lines : note_count;
    for (size_t n = 0; n < lines || n == 0; n++) {
        const char *cells[] = {
            n ? "" : id,
            n ? "" : time,
            n ? "" : host_of(l, i),
            n < s->tag_count ? s->tags[n] : "",
            n ? "" : size,
            n < paths ? r->paths[n] : !r && n == 0 ? "(sealed)" : "",
            n < note_count ? notes[n] : "",
        };
        table_row(t, cells, l->cli->out_is_tty);
    }
}

static int print_table(struct listing *l, struct err *e)
{
    struct table t;
    size_t count = 0;
    bool any_root = false;
    for (size_t i = 0; i < l->list.count; i++)
        any_root = any_root || l->roots[i];
    table_init(&t, 7);
    t.right[4] = true;
    table_row(&t, (const char *[]){"ID", "Time", any_root ? "Host" : "Machine", "Tags", "Size",
                                   "Paths", ""}, false);
    for (size_t i = 0; i < l->list.count; i++) {
        if (l->shown[i]) {
            add_rows(l, &t, i);
            count++;
        }
    }
    int rc = count ? table_print(&t, stdout, e) : 0;
    table_done(&t);
    if (rc)
        return -1;
    say_note(l->cli, "%zu snapshot%s", count, PLURAL(count));
    if (count && !l->access.recovery)
        say_note(l->cli, "hosts and paths are sealed: give the passphrase to see them");
    return 0;
}

/* No damage: the revocation says that they are not to be believed. */
static void tell_refused(struct listing *l)
{
    if (!l->list.refused)
        return;
    if (!l->cli->global.json) {
        say_note(l->cli,
                 "%" PRIu64 " record%s of revoked writers %s refused: received after the revocation",
                 l->list.refused, PLURAL(l->list.refused), l->list.refused == 1 ? "is" : "are");
        return;
    }
    json_t *o = json_object_of("refused");
    json_put_number(o, "records", l->list.refused);
    json_emit(l->cli, stdout, o);
}

static int run(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    CLEANUP(listing_done) struct listing l = {.cli = c, .args = args};
    if (load(&l, e) || choose(&l, w, e))
        return -1;
    if (c->global.json) {
        for (size_t i = 0; i < l.list.count && !say_is_over(); i++)
            if (l.shown[i])
                emit(&l, i);
    } else if (print_table(&l, e)) {
        return -1;
    }
    tell_refused(&l);
    if (l.damaged)
        return err_set(e, ERR_DAMAGED,
                       "%" PRIu64 " damaged object%s: `abri check` tells what that touches",
                       l.damaged, PLURAL(l.damaged));
    return 0;
}

const struct command cmd_snapshots = {
    .name = "snapshots",
    .summary = "list the snapshots of a vault",
    .operands = "[SNAP…]",
    .description =
        "Lists snapshots, oldest first, with the time at which the keeper received them. With the "
        "passphrase, hosts and paths are shown; without one (or with --keyless), only what the keeper "
        "sees: machine, tags and sizes. Locks and holds are shown, too; what was forgotten is not, but with "
        "--trash nothing else is.",
    .examples = {{"abri -r /mnt/vault snapshots --latest 1", "the newest of each host and paths"},
                 {"abri -r /mnt/vault snapshots --keyless --json", "for a monitor that holds no key"},
                 {"abri -r /mnt/vault snapshots --trash", "what was forgotten and is still there"}},
    .options = options,
    .option_count = OPTION_COUNT(options),
    .args_bytes = sizeof(struct snapshots_args),
    .run = run,
};
