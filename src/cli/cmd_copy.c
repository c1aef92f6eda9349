/* SPDX-License-Identifier: Apache-2.0 */
/* abri copy: brings snapshots to a replica, sealed as they are. Needs no key. */
#include "cli/amount.h"
#include "cli/json_out.h"

#include "base/clock.h"
#include "base/mem.h"

#include <inttypes.h>
#include <string.h>

struct copy_args {
    const char *to, *host;
    struct option_list tags;
    bool newer, dry_run, no_parity;
};

static const struct option_spec options[] = {
    {.name = "to", .kind = OPTION_TEXT, .arg = "VAULT", OPTION_AT(copy_args, to),
     .help = "the replica that gets them (`abri init --replica-of` makes one)"},
    {.name = "newer", .kind = OPTION_FLAG, OPTION_AT(copy_args, newer),
     .help = "only those newer than all that the replica has of the same machine and paths: for a "
             "replica that forgets sooner"},
    {.name = "host", .kind = OPTION_TEXT, .arg = "NAME", OPTION_AT(copy_args, host),
     .help = "only snapshots of this machine, as the keeper knows it"},
    {.name = "tag", .kind = OPTION_LIST, .arg = "TAG[,TAG…]", OPTION_AT(copy_args, tags),
     .help = "only those with all these tags; given again: or all those"},
    {.name = "no-parity", .kind = OPTION_FLAG, OPTION_AT(copy_args, no_parity),
     .help = "store no parity beside the packs there"},
    {.name = "dry-run", .letter = 'n', .kind = OPTION_FLAG, OPTION_AT(copy_args, dry_run),
     .help = "show what would be copied, and do nothing"},
};

/* ---- which ---------------------------------------------------------------------------- */

static bool is_meant(const struct copy_args *a, const struct snapshot *s)
{
    bool tagged = a->tags.count == 0;
    for (size_t i = 0; i < a->tags.count && !tagged; i++)
        tagged = snapshot_has_tags(s, a->tags.items[i].text);
    return tagged && (!a->host || strcmp(a->host, s->machine) == 0);
}

static int choose(const struct copy_args *a, const struct snaps *snaps, const struct words *w,
                  const struct snapshot **out, size_t *count_out, struct err *e)
{
    *count_out = w->count;
    if (w->count)
        return snaps_find_all(snaps, w, out, e);
    for (size_t i = 0; i < snaps->part.count; i++)
        if (is_meant(a, &snaps->part.items[i]))
            out[(*count_out)++] = &snaps->part.items[i];
    return 0;
}

static int only_newer(struct access *to, const struct snapshot **items, size_t *count,
                      struct err *e)
{
    CLEANUP(snapshot_list_done) struct snapshot_list there = {0};
    if (vault_snapshots_all(to->vault, &there, NULL, NULL, e))
        return -1;
    *count = work_copy_newer(&there, items, *count);
    return 0;
}

/* ---- telling ------------------------------------------------------------------------------ */

struct telling {
    struct cli *c;
    bool dry_run;
};

static void put_snapshot(json_t *o, const struct snapshot *s)
{
    char id[SHORT_ID_BYTES];
    short_id(s->id, id);
    json_put_hex(o, "id", s->id, ID_BYTES);
    json_put_string(o, "short_id", id);
    json_put_time(o, "time", s->dated_ns);
    json_put_string(o, "machine", s->machine);
}

static void on_copied(void *arg, const struct snapshot *s)
{
    const struct telling *t = arg;
    char id[SHORT_ID_BYTES], when[CLOCK_TEXT_BYTES];
    if (t->c->global.json) {
        json_t *o = json_object_of(t->dry_run ? "would_copy" : "copied");
        put_snapshot(o, s);
        json_emit(t->c, stdout, o);
        return;
    }
    short_id(s->id, id);
    clock_format(s->dated_ns, when);
    say_note(t->c, "%s %s  %s  %s", t->dry_run ? "would copy" : "copied", id, when, s->machine);
}

static void on_refused(void *arg, const struct snapshot *s, const char *why)
{
    const struct telling *t = arg;
    char item[SHORT_ID_BYTES + 16], id[SHORT_ID_BYTES];
    struct err reason = ERR_INIT;
    short_id(s->id, id);
    (void)snprintf(item, sizeof item, "snapshot %s", id);
    (void)err_set(&reason, ERR_DAMAGED, "not copied: %s", why);
    report_problem(t->c, item, &reason);
}

static void on_damage(void *arg, const char *object, const char *message)
{
    const struct telling *t = arg;
    report_damage(t->c, object, message);
}

static void tell_json(struct cli *c, const struct copy_args *a, const struct vault_copy_result *r)
{
    json_t *o = json_object_of("summary");
    json_put_bool(o, "dry_run", a->dry_run);
    json_put_number(o, "snapshots_copied", r->copied);
    json_put_number(o, "snapshots_present", r->present);
    json_put_number(o, "snapshots_refused", r->refused);
    json_put_number(o, "objects", r->objects);
    json_put_number(o, "packs_whole", r->packs_whole);
    json_put_number(o, "packs_made", r->packs_made);
    json_put_number(o, "bytes", r->bytes);
    json_put_number(o, "writers_revoked_here_alone", r->revoked_elsewhere);
    json_emit(c, stdout, o);
}

static void tell_people(struct cli *c, const struct copy_args *a,
                        const struct vault_copy_result *r)
{
    char size[AMOUNT_TEXT_BYTES];
    amount_format_size(r->bytes, size);
    say_note(c, "%s %" PRIu64 " snapshot%s, %s; %" PRIu64 " %s there already",
             a->dry_run ? "would copy" : "copied", r->copied, PLURAL(r->copied), size, r->present,
             r->present == 1 ? "was" : "were");
    say_detail(c, "  packs: %" PRIu64 " as they are, %" PRIu64 " made of single frames",
               r->packs_whole, r->packs_made);
    if (r->revoked_elsewhere)
        say_note(c,
                 "%" PRIu64 " writer%s revoked here, but not in the replica: `abri -r %s writer "
                 "revoke` does that", r->revoked_elsewhere,
                 r->revoked_elsewhere == 1 ? " is" : "s are", a->to);
}

/* ---- the command ----------------------------------------------------------------------------- */

static int check_line(const struct copy_args *a, const struct words *w, struct err *e)
{
    if (!a->to)
        return err_set(e, ERR_USAGE, "--to is missing: which replica gets the snapshots?");
    if (w->count && (a->host || a->tags.count))
        return err_set(e, ERR_USAGE, "give snapshots or --host and --tag, not both");
    return 0;
}

static int copy(struct cli *c, const struct copy_args *a, struct snaps *snaps, struct access *to,
                const struct snapshot **items, size_t count, struct vault_copy_result *r,
                struct err *e)
{
    struct telling t = {c, a->dry_run};
    const struct vault_copy_options o = {.dry_run = a->dry_run,
                                         .no_parity = a->no_parity,
                                         .damaged = on_damage,
                                         .refused = on_refused,
                                         .copied = on_copied,
                                         .arg = &t,
                                         .progress = &c->progress};
    progress_bar_start(c, "snapshots");
    int rc = work_copy(&snaps->access, to, items, count, &o, r, e);
    progress_bar_stop(c);
    return rc;
}

static int run(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct copy_args *a = args;
    CLEANUP(snaps_done) struct snaps snaps = {0};
    CLEANUP(access_close) struct access to = {0};
    struct vault_copy_result r = {0};
    size_t count;
    if (check_line(a, w, e) || snaps_open(c, false, &snaps, e) || cli_open_at(c, a->to, &to, e))
        return -1;
    CLEANUP_FREE const struct snapshot **items =
        mem_array(snaps.part.count + w->count + 1, sizeof *items);
    if (!items)
        return err_no_memory(e, "the list of snapshots");
    if (vault_check_replicas(snaps.access.vault, to.vault, e) ||
        choose(a, &snaps, w, items, &count, e) || (a->newer && only_newer(&to, items, &count, e)) ||
        copy(c, a, &snaps, &to, items, count, &r, e))
        return -1;
    if (c->global.json)
        tell_json(c, a, &r);
    else
        tell_people(c, a, &r);
    if (!r.refused)
        return 0;
    return err_set(e, ERR_INCOMPLETE,
                   "%" PRIu64 " snapshot%s could not be copied: `abri check --repair` mends what can "
                   "be mended", r.refused, PLURAL(r.refused));
}

static const char *const refused[] = {"dry-run", NULL};
static const struct command_profile in_profile = {.refused = refused};

const struct command cmd_copy = {
    .name = "copy",
    .summary = "bring snapshots to a replica of the vault",
    .operands = "[SNAP…]",
    .description =
        "Copies all snapshots that the replica does not have, or those that are named, with the tags "
        "that they have now. Packs and keys move as they are, sealed: no passphrase is needed, every byte "
        "is verified on the way, and what the replica has is not copied again. If the copy is "
        "interrupted, run it again.\n"
        "\n"
        "A replica is a vault with the same keys and a keeper of its own (`abri init --replica-of`). "
        "Snapshots have the same ids and dates in both. Locks, holds, the floor and the trash are each "
        "keeper's own: what is forgotten here stays there. Its minimum age counts from the copy. A snapshot "
        "that the replica had and removed is copied again, unless --newer is given.",
    .examples = {{"abri -r /mnt/vault copy --to /mnt/offsite/vault", "copy what it does not have yet"},
                 {"abri -r /mnt/vault copy --to /mnt/offsite/vault --newer --host web1",
                  "what is newer there, of one machine"},
                 {"abri -r /mnt/offsite/vault copy --to /mnt/new latest",
                  "and back, to another replica, the latest alone"}},
    .options = options,
    .option_count = OPTION_COUNT(options),
    .args_bytes = sizeof(struct copy_args),
    .run = run,
    .profile = &in_profile,
};
