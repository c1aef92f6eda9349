/* SPDX-License-Identifier: Apache-2.0 */
/*
 * abri forget: moves snapshots to the trash, by rules or by name. Needs no key.
 * What is kept is decided by policy and shown with its reasons; the keeper
 * (vault_forget) looks at every protection again.
 */
#include "cli/amount.h"
#include "cli/forget.h"
#include "cli/json_out.h"

#include "base/clock.h"
#include "base/mem.h"

#include <string.h>

struct forget_args {
    const char *keep[POLICY_GRAINS], *within[POLICY_GRAINS];
    struct option_list keep_tags, tags;
    const char *host, *path;
    int group_by;
    bool dry_run, allow_remove_all;
};

static const char *const group_words[] = {"host,paths", "host", "none", NULL};

#define KEEP(option, short_option, grain, what)                                                    \
    {.name = option, .letter = short_option, .kind = OPTION_TEXT, .arg = "N",                      \
     OPTION_AT(forget_args, keep[grain]), .help = what}
#define WITHIN(option, grain, what)                                                                \
    {.name = option, .kind = OPTION_TEXT, .arg = "TIME", OPTION_AT(forget_args, within[grain]),    \
     .help = what}

static const struct option_spec options[] = {
    KEEP("keep-last", 'l', POLICY_EACH, "keep the newest N; here and below also \"unlimited\""),
    KEEP("keep-hourly", 'H', POLICY_HOURLY, "keep the newest of each of the last N hours that have one"),
    KEEP("keep-daily", 'd', POLICY_DAILY, "the same for days"),
    KEEP("keep-weekly", 'w', POLICY_WEEKLY, "the same for weeks, from Monday"),
    KEEP("keep-monthly", 'm', POLICY_MONTHLY, "the same for months"),
    KEEP("keep-yearly", 'y', POLICY_YEARLY, "the same for years"),
    WITHIN("keep-within", POLICY_EACH,
           "keep all received within TIME (30d, 1y6m, 36h) before the newest one"),
    WITHIN("keep-within-hourly", POLICY_HOURLY, "of those, the newest of each hour"),
    WITHIN("keep-within-daily", POLICY_DAILY, "the newest of each day"),
    WITHIN("keep-within-weekly", POLICY_WEEKLY, "the newest of each week"),
    WITHIN("keep-within-monthly", POLICY_MONTHLY, "the newest of each month"),
    WITHIN("keep-within-yearly", POLICY_YEARLY, "the newest of each year"),
    {.name = "keep-tag", .kind = OPTION_LIST, .arg = "TAG[,TAG…]", OPTION_AT(forget_args, keep_tags),
     .help = "keep what has all these tags; given again: or all those"},
    {.name = "group-by", .kind = OPTION_CHOICE, .arg = "WHAT", .words = group_words,
     OPTION_AT(forget_args, group_by),
     .help = "what the rules count for: each set of host,paths (the default), each host, or none"},
    {.name = "host", .kind = OPTION_TEXT, .arg = "NAME", OPTION_AT(forget_args, host),
     .help = "consider only snapshots of this machine, as the keeper knows it"},
    {.name = "tag", .kind = OPTION_LIST, .arg = "TAG[,TAG…]", OPTION_AT(forget_args, tags),
     .help = "consider only those with all these tags; given again: or all those"},
    {.name = "path", .kind = OPTION_TEXT, .arg = "PATH", OPTION_AT(forget_args, path),
     .help = "refused: paths are sealed; `abri snapshots --path` tells the ids to name"},
    {.name = "dry-run", .letter = 'n', .kind = OPTION_FLAG, OPTION_AT(forget_args, dry_run),
     .help = "show what would be forgotten and why, and do nothing"},
    {.name = "unsafe-allow-remove-all", .kind = OPTION_FLAG, OPTION_AT(forget_args, allow_remove_all),
     .help = "allow that nothing is left of a group"},
};

/* ---- the command line ------------------------------------------------------------------ */

static int parse_count(const char *text, enum policy_grain g, uint64_t *out, struct err *e)
{
    uint64_t n;
    if (strcmp(text, "unlimited") == 0 || strcmp(text, "-1") == 0)
        n = POLICY_UNLIMITED;
    else if (!amount_parse_number(text, &n) || n < 1 || n > UINT32_MAX)
        return err_set(e, ERR_USAGE, "--keep-%s: '%s' is neither a number from 1 nor unlimited",
                       policy_grain_name(g), text);
    *out = n;
    return 0;
}

static int parse_within(const char *text, struct policy_span *out, struct err *e)
{
    if (policy_span_parse(text, out))
        return 0;
    return err_set(e, ERR_USAGE, "--keep-within…: '%s' is not a time such as 30d, 1y6m or 36h", text);
}

struct ruling {
    struct policy_rules rules;
    const char **tags;
    bool any;
};

static void ruling_done(struct ruling *r)
{
    mem_free(r->tags);
}

static int parse_rules(const struct forget_args *a, struct ruling *out, struct err *e)
{
    for (int g = 0; g < POLICY_GRAINS; g++) {
        out->any = out->any || a->keep[g] || a->within[g];
        if ((a->keep[g] &&
             parse_count(a->keep[g], (enum policy_grain)g, &out->rules.keep[g], e)) ||
            (a->within[g] && parse_within(a->within[g], &out->rules.within[g], e)))
            return -1;
    }
    out->any = out->any || a->keep_tags.count;
    out->tags = mem_array(a->keep_tags.count + 1, sizeof *out->tags);
    if (!out->tags)
        return err_no_memory(e, "the rules");
    for (size_t i = 0; i < a->keep_tags.count; i++)
        out->tags[i] = a->keep_tags.items[i].text;
    out->rules.tags = out->tags;
    out->rules.tag_count = a->keep_tags.count;
    return 0;
}

static int check_line(const struct forget_args *a, const struct words *w, const struct ruling *r,
                      struct err *e)
{
    if (a->path)
        return err_set(e, ERR_USAGE,
                       "--path: the keeper sees no paths; find the snapshots with `abri snapshots "
                       "--path %.200s` and name them",
                       a->path);
    if (w->count && (r->any || a->host || a->tags.count || a->group_by))
        return err_set(e, ERR_USAGE,
                       "snapshots that are named and rules contradict each other: give one of them");
    return w->count ? 0 : policy_rules_check(&r->rules, e);
}

/* ---- deciding ----------------------------------------------------------------------------- */

static bool is_considered(const struct forget_args *a, const struct snapshot *s)
{
    bool tagged = a->tags.count == 0;
    for (size_t i = 0; i < a->tags.count; i++)
        tagged = tagged || snapshot_has_tags(s, a->tags.items[i].text);
    return tagged && (!a->host || strcmp(a->host, s->machine) == 0);
}

static int decide_by_rules(const struct forget_args *a, const struct snaps *snaps,
                           const struct policy_rules *rules, int64_t floor_ns, struct fates *f,
                           struct err *e)
{
    size_t room = snaps->part.count + 1;
    CLEANUP_FREE struct policy_snapshot *about = mem_array(room, sizeof *about);
    CLEANUP_FREE struct policy_decision *decisions = mem_array(room, sizeof *decisions);
    if (!about || !decisions)
        return err_no_memory(e, "deciding what is kept");
    for (size_t i = 0; i < snaps->part.count; i++) {
        const struct snapshot *s = &snaps->part.items[i];
        if (!is_considered(a, s))
            continue;
        snapshot_for_policy(s, &about[f->count]);
        f->items[f->count++].s = s;
    }
    struct policy_question q = {
        .snapshots = about,
        .count = f->count,
        .rules = rules,
        .group_by = a->group_by ? (enum policy_group_by)(a->group_by - 1) : POLICY_BY_GROUP,
        .floor_ns = floor_ns,
        .clock = &f->clock,
        .allow_remove_all = a->allow_remove_all,
    };
    if (policy_decide(&q, decisions, e))
        return -1;
    for (size_t i = 0; i < f->count; i++)
        f->items[i].d = decisions[i];
    return 0;
}

static int decide_by_name(const struct forget_args *a, const struct snaps *snaps,
                          const struct words *w, int64_t floor_ns, struct fates *f, struct err *e)
{
    CLEANUP_FREE const struct snapshot **found = mem_array(w->count, sizeof *found);
    size_t going = 0;
    if (!found)
        return err_no_memory(e, "the snapshots to forget");
    if (snaps_find_all(snaps, w, found, e))
        return -1;
    for (size_t i = 0; i < w->count; i++) {
        struct policy_snapshot about;
        struct fate *fate = &f->items[f->count++];
        fate->s = found[i];
        snapshot_for_policy(found[i], &about);
        fate->d.keep = policy_protects(&about, floor_ns, &f->clock, &fate->d);
        if (!fate->d.keep)
            fate->d.reasons[fate->d.reason_count++].why = POLICY_WHY_NAMED;
        going += !fate->d.keep;
    }
    if (going && going == snaps->part.count && !a->allow_remove_all)
        return err_set(e, ERR_USAGE,
                       "no snapshot would be left: add --unsafe-allow-remove-all if that is what you "
                       "want");
    return 0;
}

/* ---- doing ------------------------------------------------------------------------------------ */

static void on_refused(void *arg, const struct snapshot *s, const char *why)
{
    struct err e = ERR_INIT;
    char id[SHORT_ID_BYTES], item[SHORT_ID_BYTES + 16];
    short_id(s->id, id);
    (void)snprintf(item, sizeof item, "snapshot %s", id);
    (void)err_set(&e, ERR_READ_ONLY, "it is kept: %s", why);
    report_problem(arg, item, &e);
}

/* Those named that something protects are told like those that the keeper refuses. */
static void tell_protected(struct cli *c, const struct fates *f)
{
    char why[POLICY_TEXT_BYTES];
    for (size_t i = 0; i < f->count; i++) {
        if (!f->items[i].d.keep)
            continue;
        policy_reason_text(&f->items[i].d.reasons[0], &f->clock, why);
        on_refused(c, f->items[i].s, why);
    }
}

static int move(struct cli *c, struct vault *v, const struct fates *f, struct vault_forgotten *out,
                struct err *e)
{
    CLEANUP_FREE const struct snapshot **going = mem_array(f->count + 1, sizeof *going);
    size_t count = 0;
    if (!going)
        return err_no_memory(e, "the snapshots to forget");
    for (size_t i = 0; i < f->count; i++)
        if (!f->items[i].d.keep)
            going[count++] = f->items[i].s;
    return count ? vault_forget(v, going, count, on_refused, c, out, e) : 0;
}

static void tell_sum(struct cli *c, const struct fates *f, const struct vault_forgotten *r,
                     bool dry_run)
{
    size_t kept = f->count - r->count;
    if (c->global.json) {
        json_t *o = json_object_of("summary");
        json_put_bool(o, "dry_run", dry_run);
        json_put_number(o, "kept", kept);
        json_put_number(o, "forgotten", r->count);
        json_put_number(o, "refused", r->refused);
        if (r->count && !dry_run)
            json_put_time(o, "trash_until", r->until_ns);
        json_emit(c, stdout, o);
        return;
    }
    char until[CLOCK_TEXT_BYTES];
    clock_format(r->until_ns, until);
    say_note(c, "%zu snapshot%s kept, %zu %s", kept, PLURAL(kept), r->count,
             dry_run ? "would be forgotten" : "forgotten");
    if (r->count && !dry_run)
        say_note(c, "in the trash until %s: `abri undelete` brings back", until);
}

static size_t going_of(const struct fates *f)
{
    size_t n = 0;
    for (size_t i = 0; i < f->count; i++)
        n += !f->items[i].d.keep;
    return n;
}

/* Something would go, were it not for the clock. */
static bool clock_stops(const struct fates *f)
{
    bool any = false;
    for (size_t i = 0; i < f->count; i++) {
        const struct policy_decision *d = &f->items[i].d;
        any = any || (d->keep && !d->by_rule && d->reason_count == 1 &&
                      d->reasons[0].why == POLICY_WHY_CLOCK);
    }
    return any;
}

static int verdict(const struct fates *f, const struct vault_forgotten *r, bool by_name,
                   struct err *e)
{
    char why[POLICY_TEXT_BYTES];
    size_t refused = r->refused + (by_name ? f->count - going_of(f) : 0);
    if (clock_stops(f)) {
        policy_clock_text(&f->clock, why);
        return err_set(e, ERR_READ_ONLY, "nothing was forgotten, for the clock is not trusted: %s; see "
                       "`abri clock`", why);
    }
    if (refused && !r->count)
        return err_set(e, ERR_READ_ONLY, "nothing was forgotten");
    if (refused)
        return err_set(e, ERR_INCOMPLETE, "%zu snapshot%s kept, as told above", refused,
                       refused == 1 ? " is" : "s are");
    return 0;
}

static int run(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct forget_args *a = args;
    CLEANUP(ruling_done) struct ruling ruling = {0};
    CLEANUP(snaps_done) struct snaps snaps = {0};
    struct fates f = {0};
    struct vault_rules rules;
    struct vault_forgotten result = {0};
    if (parse_rules(a, &ruling, e) || check_line(a, w, &ruling, e) ||
        snaps_open_to_change(c, false, &snaps, e) || vault_clock_look(snaps.access.vault, &f.clock, e) ||
        vault_rules(snaps.access.vault, &rules, e))
        return -1;
    CLEANUP_FREE struct fate *items = mem_array(snaps.part.count + w->count + 1, sizeof *items);
    f.items = items;
    if (!items)
        return err_no_memory(e, "deciding what is kept");
    if (w->count ? decide_by_name(a, &snaps, w, rules.floor_ns, &f, e)
                 : decide_by_rules(a, &snaps, &ruling.rules, rules.floor_ns, &f, e))
        return -1;
    if (fates_show(c, &f, e))
        return -1;
    if (a->dry_run) {
        result.count = going_of(&f);
        tell_sum(c, &f, &result, true);
        return 0;
    }
    if (w->count)
        tell_protected(c, &f);
    if (move(c, snaps.access.vault, &f, &result, e))
        return -1;
    tell_sum(c, &f, &result, false);
    return verdict(&f, &result, w->count > 0, e);
}

/* ---- in a profile ------------------------------------------------------------------------------ */

/* Snapshots that are named leave nothing to rules; rules of the command line stand
 * in place of all the profile's, for a rule more would keep more. */
static bool counts(const void *args, const struct words *w, const char *key)
{
    const struct forget_args *a = args;
    bool any = a->keep_tags.count > 0;
    for (int g = 0; g < POLICY_GRAINS; g++)
        any = any || a->keep[g] || a->within[g];
    return w->count == 0 && (!any || strncmp(key, "keep-", 5) != 0);
}

static const char *const refused[] = {"dry-run", "path", "unsafe-allow-remove-all", NULL};
static const struct command_profile in_profile = {.refused = refused, .counts = counts};

const struct command cmd_forget = {
    .name = "forget",
    .summary = "move snapshots to the trash, by rules or by name",
    .operands = "[SNAP…]",
    .description =
        "Keeps what any rule keeps, and moves the other snapshots to the trash. Rules count for each set "
        "of host and paths by itself, by the time at which the keeper received a snapshot, in UTC; where "
        "a number is not filled yet, the oldest snapshot is kept, too. Whatever the rules say, "
        "what is locked, held or younger than the floor is kept, and nothing goes while the clock is not "
        "trusted. Or name the snapshots that shall go. With neither, the rules of the profile count "
        "(see `abri help profiles`).\n"
        "\n"
        "`abri undelete` brings back what is in the trash, until its time there ends. Only then its "
        "space can be freed. Needs no passphrase.",
    .examples = {{"abri -r /mnt/vault forget --keep-daily 7 --keep-weekly 5 --keep-monthly 12 --dry-run",
                  "what would go, and why"},
                 {"abri -r /mnt/vault forget --keep-within 30d --keep-tag important",
                  "a month, and what was marked"},
                 {"abri -r /mnt/vault forget 3f2a91c0", "this one"}},
    .options = options,
    .option_count = OPTION_COUNT(options),
    .args_bytes = sizeof(struct forget_args),
    .run = run,
    .profile = &in_profile,
};
