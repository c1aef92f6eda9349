/* SPDX-License-Identifier: Apache-2.0 */
/* abri writer: who may add to a vault. */
#include "cli/key_commands.h"
#include "cli/term.h"

#include "base/clock.h"
#include "base/mem.h"

#include <inttypes.h>
#include <string.h>

struct writer_args {
    const char *machine, *successor_of, *export;
    bool replace;
};

static void json_writer_changed(struct cli *c, const char *action, const uint8_t id[UID_BYTES],
                                const char *file)
{
    if (!c->global.json)
        return;
    json_t *o = json_object_of("writer_changed");
    json_put_string(o, "action", action);
    json_put_hex(o, "id", id, UID_BYTES);
    if (file)
        json_put_string(o, "file", file);
    json_emit(c, stdout, o);
}

static void short_writer(const uint8_t id[UID_BYTES], char out[9])
{
    hex_encode(id, 4, out);
}

/* ---- list ------------------------------------------------------------------------- */

static void json_writer(struct cli *c, const struct writer_entry *w)
{
    json_t *o = json_object_of("writer");
    json_put_hex(o, "id", w->info.id, UID_BYTES);
    json_put_bool(o, "here", w->here);
    json_put_number(o, "snapshots", w->snapshots);
    if (w->latest_ns)
        json_put_time(o, "latest", w->latest_ns);
    if (w->problem[0]) {
        json_put_string(o, "problem", w->problem);
        json_emit(c, stdout, o);
        return;
    }
    json_put_string(o, "machine", w->info.machine);
    json_put_time(o, "enrolled", w->info.enrolled_ns);
    if (w->info.has_predecessor)
        json_put_hex(o, "predecessor", w->info.predecessor, UID_BYTES);
    json_put_bool(o, "revoked", w->info.revoked);
    if (w->info.revoked) {
        json_put_number(o, "accepted_until", w->info.last_seq);
        json_put_time(o, "revoked_at", w->info.revoked_ns);
    }
    json_emit(c, stdout, o);
}

static void writer_row(struct cli *c, struct table *t, const struct writer_entry *w)
{
    char id[12], hex[9], before[9] = "", snapshots[24];
    char enrolled[CLOCK_TEXT_BYTES] = "", latest[CLOCK_TEXT_BYTES] = "";
    short_writer(w->info.id, hex);
    (void)snprintf(id, sizeof id, "%s%s", w->here ? "*" : " ", hex);
    (void)snprintf(snapshots, sizeof snapshots, "%" PRIu64, w->snapshots);
    if (w->info.has_predecessor)
        short_writer(w->info.predecessor, before);
    if (!w->problem[0])
        clock_format(w->info.enrolled_ns, enrolled);
    if (w->latest_ns)
        clock_format(w->latest_ns, latest);
    const char *state = w->problem[0] ? "damaged" : w->info.revoked ? "revoked" : "";
    table_row(t,
              (const char *[]){id, w->info.machine, state, enrolled, before, snapshots, latest},
              c->out_is_tty);
}

static int run_list(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    (void)args;
    CLEANUP(access_close) struct access a = {0};
    CLEANUP(writer_listing_done) struct writer_listing l = {0};
    struct table t;
    if (command_expect_words(&cmd_writer_list, w, 0, 0, e) || cli_open(c, &a, e) ||
        work_writer_list(&a, &c->dirs, &l, report_damage, c, e))
        return -1;
    for (size_t i = 0; c->global.json && i < l.count; i++)
        json_writer(c, &l.items[i]);
    if (c->global.json)
        return 0;
    table_init(&t, 7);
    t.right[5] = true;
    table_row(&t,
              (const char *[]){" ID", "Machine", "State", "Enrolled", "Follows", "Snapshots",
                               "Latest"},
              false);
    for (size_t i = 0; i < l.count; i++)
        writer_row(c, &t, &l.items[i]);
    int rc = table_print(&t, stdout, e);
    table_done(&t);
    return rc;
}

const struct command cmd_writer_list = {
    .name = "writer list",
    .summary = "list who may add to the vault",
    .operands = "",
    .description = "Lists the writers of the vault, with how many snapshots each has and when the newest "
                   "was received. A star marks this machine. Needs no passphrase.",
    .examples = {{"abri -r /mnt/vault writer list", "all of them, the revoked ones, too"},
                 {"abri -r /mnt/vault writer list --json", "whole ids, for a program"}},
    .run = run_list,
};

/* ---- add --------------------------------------------------------------------------------- */

static const struct option_spec add_options[] = {
    {.name = "machine", .kind = OPTION_TEXT, .arg = "NAME", OPTION_AT(writer_args, machine),
     .help = "what the keeper shall call the machine (default: this host's name)"},
    {.name = "successor-of", .kind = OPTION_TEXT, .arg = "ID", OPTION_AT(writer_args, successor_of),
     .help = "go on where this writer ended: what it stored need not be stored again"},
    {.name = "export", .kind = OPTION_TEXT, .arg = "FILE", OPTION_AT(writer_args, export),
     .help = "write the key to this new file, to be carried to the machine that will use it"},
    {.name = "replace", .kind = OPTION_FLAG, OPTION_AT(writer_args, replace),
     .help = "though this machine has a key for the vault already"},
};

static int find_predecessor(struct cli *c, struct access *access, const char *spec,
                            uint8_t out[UID_BYTES], struct err *e)
{
    CLEANUP(writer_listing_done) struct writer_listing l = {0};
    const struct writer_entry *found;
    if (work_writer_list(access, &c->dirs, &l, report_damage, c, e) ||
        writer_listing_find(&l, spec, &found, e))
        return -1;
    if (found->problem[0])
        return err_set(e, ERR_DAMAGED, "writer '%.40s': %s", spec, found->problem);
    memcpy(out, found->info.id, UID_BYTES);
    return 0;
}

static int run_add(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct writer_args *a = args;
    CLEANUP(access_close) struct access access = {0};
    uint8_t predecessor[UID_BYTES], id[UID_BYTES];
    char hex[9];
    if (command_expect_words(&cmd_writer_add, w, 0, 0, e) ||
        check_plain_name("machine", a->machine, WRITER_MACHINE_MAX, e) ||
        cli_open_owner(c, &access, e) ||
        (a->successor_of && find_predecessor(c, &access, a->successor_of, predecessor, e)))
        return -1;
    struct writer_add_options o = {.machine = a->machine,
                                   .predecessor = a->successor_of ? predecessor : NULL,
                                   .file = a->export,
                                   .replace = a->replace};
    if (work_writer_add(&access, &c->dirs, &o, id, e))
        return -1;
    short_writer(id, hex);
    if (a->export) {
        say_note(c, "writer %s added; its key is in %s", hex, a->export);
        say_note(c, "Carry the file to the machine, run `abri writer import FILE` there, and remove "
                    "all other copies. It can add snapshots and read none.");
    } else {
        say_note(c, "writer %s added: this machine can back up without the passphrase", hex);
    }
    json_writer_changed(c, "add", id, a->export);
    return 0;
}

const struct command cmd_writer_add = {
    .name = "writer add",
    .summary = "enrol this machine, or another one, as a writer",
    .operands = "",
    .description =
        "Makes a writer key for this machine and has it certified with the passphrase, which is needed "
        "this once. With --export the key goes to a file instead, for a machine that must "
        "never see the passphrase.\n"
        "\n"
        "A machine that lost its key and caches gives --successor-of with its old writer: it then "
        "refers to what that one stored, and stores only what is new.",
    .examples = {{"abri -r /mnt/vault writer add", "this machine"},
                 {"abri -r /mnt/vault writer add --machine web2 --export web2.key", "another machine"},
                 {"abri -r /mnt/vault writer add --successor-of 3f2a91c0", "this machine, set up anew"}},
    .options = add_options,
    .option_count = OPTION_COUNT(add_options),
    .args_bytes = sizeof(struct writer_args),
    .run = run_add,
};

/* ---- import -------------------------------------------------------------------------------- */

static const struct option_spec import_options[] = {
    {.name = "replace", .kind = OPTION_FLAG, OPTION_AT(writer_args, replace),
     .help = "though this machine has a key for the vault already"},
};

static int run_import(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct writer_args *a = args;
    CLEANUP(access_close) struct access access = {0};
    uint8_t id[UID_BYTES];
    char hex[9];
    if (command_expect_words(&cmd_writer_import, w, 1, 1, e) || cli_open(c, &access, e) ||
        work_writer_import(&access, &c->dirs, w->items[0], a->replace, id, e))
        return -1;
    short_writer(id, hex);
    say_note(c, "this machine is writer %s now: remove %s", hex, w->items[0]);
    json_writer_changed(c, "import", id, NULL);
    return 0;
}

const struct command cmd_writer_import = {
    .name = "writer import",
    .summary = "make an exported writer key this machine's own",
    .operands = "FILE",
    .description = "Takes a key that `abri writer add --export` made elsewhere. Needs no passphrase. One "
                   "key belongs on one machine: two that use the same break its chain of snapshots.",
    .examples = {{"abri -r /mnt/vault writer import web2.key", "on the new machine"},
                 {"abri -r /mnt/vault writer import web2.key --replace", "in place of its old key"}},
    .options = import_options,
    .option_count = OPTION_COUNT(import_options),
    .args_bytes = sizeof(struct writer_args),
    .run = run_import,
};

/* ---- revoke ---------------------------------------------------------------------------------- */

static int run_revoke(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    (void)args;
    CLEANUP(access_close) struct access access = {0};
    CLEANUP(writer_listing_done) struct writer_listing l = {0};
    const struct writer_entry *found;
    uint64_t last;
    char hex[9];
    if (command_expect_words(&cmd_writer_revoke, w, 1, 1, e) || cli_open_owner(c, &access, e) ||
        work_writer_list(&access, &c->dirs, &l, report_damage, c, e) ||
        writer_listing_find(&l, w->items[0], &found, e) ||
        work_writer_revoke(&access, found->info.id, &last, e))
        return -1;
    short_writer(found->info.id, hex);
    say_note(c, "writer %s (%s) revoked: its %" PRIu64 " snapshot%s stay, nothing more is taken from it",
             hex, found->info.machine, found->snapshots, PLURAL(found->snapshots));
    if (found->here)
        say_note(c, "That is this machine: `abri writer add` enrols it again.");
    json_writer_changed(c, "revoke", found->info.id, NULL);
    return 0;
}

const struct command cmd_writer_revoke = {
    .name = "writer revoke",
    .summary = "take nothing more from a writer",
    .operands = "ID",
    .description =
        "Refuses a writer from now on: for a machine that was stolen, lost or retired. Its snapshots until "
        "now stay. Sessions that it has begun cannot end; records that appear in its name later are "
        "left out of every list and reported; nobody refers to what it stored, unless a snapshot "
        "until now does. It cannot be undone: the machine is enrolled anew with `abri writer add`.",
    .examples = {{"abri -r /mnt/vault writer revoke 3f2a91c0", "by the beginning of its id"},
                 {"abri -r /mnt/vault --passphrase-file p writer revoke 3f2a91c0", "from a script"}},
    .run = run_revoke,
};

/* ---- the group ---------------------------------------------------------------------------------- */

static const struct command *const verbs[] = {
    &cmd_writer_list, &cmd_writer_add, &cmd_writer_import, &cmd_writer_revoke, NULL,
};

const struct command cmd_writer = {
    .name = "writer",
    .summary = "see and change who may add to the vault",
    .operands = "COMMAND",
    .description = "A writer is a machine that may add snapshots. It holds a key that reads nothing, not "
                   "even its own history, and removes nothing.",
    .verbs = verbs,
};
