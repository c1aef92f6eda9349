/* SPDX-License-Identifier: Apache-2.0 */
/* abri gc: gives back the space of what nobody needs any more. Needs no key, and
 * no backup waits for it; runs with low priority beside them. */
#include "cli/amount.h"
#include "cli/json_out.h"

#include "base/clock.h"
#include "base/mem.h"

#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

struct gc_args {
    const char *max_rewrite, *max_unused, *keep_swept;
    bool dry_run;
};

static const struct option_spec options[] = {
    {.name = "dry-run", .letter = 'n', .kind = OPTION_FLAG, OPTION_AT(gc_args, dry_run),
     .help = "show what would go, and do nothing"},
    {.name = "max-rewrite", .kind = OPTION_TEXT, .arg = "SIZE", OPTION_AT(gc_args, max_rewrite),
     .help = "copy at most so much out of packs that are needed in part: 500M, 20G"},
    {.name = "max-unused", .kind = OPTION_TEXT, .arg = "SHARE", OPTION_AT(gc_args, max_unused),
     .help = "how much of the needed size may stay unused, instead of being copied: 5% (the default), "
             "0%, unlimited"},
    {.name = "keep-swept", .kind = OPTION_TEXT, .arg = "TIME", OPTION_AT(gc_args, keep_swept),
     .help = "how long packs stay that nothing needs any more: 24h (the default), 7d, 0"},
};

#define KEEP_SWEPT_NS  (INT64_C(24) * 3600 * NS_PER_S)
#define MAX_UNUSED     0.05
#define IO_PRIORITY (2 << 13 | 7) /* the last of the best-effort class: linux/ioprio.h */

static int parse(const struct gc_args *a, struct gc_options *o, struct err *e)
{
    struct amount_subset share;
    struct policy_span span;
    o->max_rewrite = UINT64_MAX;
    o->max_unused = MAX_UNUSED;
    o->swept_ns = KEEP_SWEPT_NS;
    if (a->max_rewrite && !amount_parse_size(a->max_rewrite, 1, &o->max_rewrite))
        return err_set(e, ERR_USAGE, "--max-rewrite: '%s' is not a size such as 500M or 20G",
                       a->max_rewrite);
    if (a->max_unused && strcmp(a->max_unused, "unlimited") == 0)
        o->max_unused = 1e9;
    else if (a->max_unused && strcmp(a->max_unused, "0%") == 0)
        o->max_unused = 0;
    else if (a->max_unused &&
             (!amount_parse_subset(a->max_unused, &share) || share.kind != SUBSET_SHARE))
        return err_set(e, ERR_USAGE, "--max-unused: '%s' is not a share such as 5%%, nor unlimited",
                       a->max_unused);
    else if (a->max_unused)
        o->max_unused = share.share;
    if (a->keep_swept && strcmp(a->keep_swept, "0") == 0)
        o->swept_ns = 0;
    else if (a->keep_swept && !policy_span_parse(a->keep_swept, &span))
        return err_set(e, ERR_USAGE, "--keep-swept: '%s' is not a time such as 24h or 7d, nor 0",
                       a->keep_swept);
    else if (a->keep_swept)
        o->swept_ns = policy_span_longest_ns(&span);
    return 0;
}

/* Backups beside us come first, for the processors and for the disk; but not so far
 * that a busy machine never collects. */
static void step_back(void)
{
    (void)setpriority(PRIO_PROCESS, 0, 10);
    (void)syscall(SYS_ioprio_set, 1 /* IOPRIO_WHO_PROCESS */, 0, IO_PRIORITY);
}

/* ---- telling ----------------------------------------------------------------------------- */

static void tell_json(struct cli *c, const struct gc_options *o, const struct gc_result *r)
{
    json_t *j = json_object_of("summary");
    json_put_bool(j, "dry_run", o->dry_run);
    json_put_bool(j, "clock_trusted", policy_clock_trusted(&o->clock));
    json_put_number(j, "snapshots", r->snapshots);
    json_put_number(j, "snapshots_removed", r->expired);
    json_put_number(j, "references", r->references);
    json_put_number(j, "packs", r->packs);
    json_put_number(j, "bytes", r->bytes);
    json_put_number(j, "bytes_needed", r->needed_bytes);
    json_put_number(j, "packs_condemned", r->packs_condemned);
    json_put_number(j, "packs_copied", r->packs_copied);
    json_put_number(j, "bytes_copied", r->bytes_copied);
    json_put_number(j, "packs_written", r->packs_written);
    json_put_number(j, "packs_waiting", r->packs_waiting);
    json_put_number(j, "sessions_waited_for", r->sessions_waited_for);
    json_put_number(j, "packs_swept", r->packs_swept);
    json_put_number(j, "bytes_swept", r->bytes_swept);
    json_put_number(j, "packs_removed", r->packs_removed);
    json_put_number(j, "bytes_removed", r->bytes_removed);
    json_put_number(j, "packs_taken_back", r->packs_taken_back);
    json_put_number(j, "frames_healed", r->frames_healed);
    json_put_number(j, "frames_lost", r->frames_lost);
    json_put_number(j, "mark_ms", (uint64_t)(r->mark_ns / 1000000));
    json_emit(c, stdout, j);
}

static void tell_what_waits(struct cli *c, const struct gc_options *o, const struct gc_result *r)
{
    char size[AMOUNT_TEXT_BYTES];
    if (r->packs_waiting)
        say_note(c,
                 "%" PRIu64 " pack%s wait%s for %" PRIu64 " backup%s under way: the next gc goes on",
                 r->packs_waiting, PLURAL(r->packs_waiting), r->packs_waiting == 1 ? "s" : "",
                 r->sessions_waited_for, PLURAL(r->sessions_waited_for));
    if (r->packs_swept && o->swept_ns) {
        amount_format_size(r->bytes_swept, size);
        say_note(c,
                 "swept %" PRIu64 " pack%s, %s: a gc removes them when --keep-swept is over",
                 r->packs_swept, PLURAL(r->packs_swept), size);
    }
    if (r->packs_taken_back)
        say_note(c, "%" PRIu64 " pack%s taken back: needed by a backup that ended meanwhile",
                 r->packs_taken_back, PLURAL(r->packs_taken_back));
}

static void tell_what_was_healed(struct cli *c, const struct gc_result *r)
{
    if (r->frames_healed)
        say(c,
            "led references to %" PRIu64 " damaged or missing chunk%s to sound copies that later "
            "backups stored",
            r->frames_healed, PLURAL(r->frames_healed));
    if (r->frames_lost)
        say_note(c,
                 "%" PRIu64 " chunk%s that snapshots need %s damaged or missing, and nowhere else: "
                 "`abri check --read-data` names the files; a backup of a machine that still has "
                 "them stores them again",
                 r->frames_lost, PLURAL(r->frames_lost), r->frames_lost == 1 ? "is" : "are");
}

static void tell_people(struct cli *c, const struct gc_options *o, const struct gc_result *r)
{
    char all[AMOUNT_TEXT_BYTES], needed[AMOUNT_TEXT_BYTES], size[AMOUNT_TEXT_BYTES];
    amount_format_size(r->bytes, all);
    amount_format_size(r->needed_bytes, needed);
    say(c, "%" PRIu64 " snapshot%s need about %s of %s in %" PRIu64 " pack%s", r->snapshots,
        PLURAL(r->snapshots), needed, all, r->packs, PLURAL(r->packs));
    if (r->expired)
        say(c, "%s %" PRIu64 " snapshot%s whose time in the trash is over",
            o->dry_run ? "would remove" : "removed", r->expired, PLURAL(r->expired));
    amount_format_size(r->bytes_copied, size);
    if (r->packs_copied)
        say(c, "%s %s out of %" PRIu64 " pack%s that are needed in part",
            o->dry_run ? "would copy" : "copied", size, r->packs_copied, PLURAL(r->packs_copied));
    if (o->dry_run) {
        say(c, "would condemn %" PRIu64 " pack%s", r->packs_condemned, PLURAL(r->packs_condemned));
        return;
    }
    tell_what_was_healed(c, r);
    tell_what_waits(c, o, r);
    amount_format_size(r->bytes_removed, size);
    say(c, "removed %" PRIu64 " pack%s, %s", r->packs_removed, PLURAL(r->packs_removed), size);
}

static int run(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct gc_args *a = args;
    CLEANUP(access_close) struct access access = {0};
    const char *location;
    struct gc_options o = {.dry_run = a->dry_run, .damaged = report_damage, .arg = c,
                           .progress = &c->progress};
    struct gc_result r = {0};
    if (command_expect_words(&cmd_gc, w, 0, 0, e) || parse(a, &o, e) ||
        cli_location(c, &location, e) || access_open(location, &c->dirs, &access, e) ||
        (a->dry_run ? vault_clock_look : vault_clock_judge)(access.vault, &o.clock, e))
        return -1;
    step_back();
    progress_bar_start(c, "packs");
    int rc = vault_gc(access.vault, &o, &r, e);
    progress_bar_stop(c);
    if (rc)
        return -1;
    if (c->global.json)
        tell_json(c, &o, &r);
    else
        tell_people(c, &o, &r);
    if (policy_clock_trusted(&o.clock))
        return 0;
    char why[POLICY_TEXT_BYTES];
    policy_clock_text(&o.clock, why);
    return err_set(e, ERR_READ_ONLY,
                   "nothing was removed, for the clock is not trusted: %s; see `abri clock`", why);
}

static const char *const not_in_profile[] = {"dry-run", NULL};
static const struct command_profile in_profile = {.refused = not_in_profile};

const struct command cmd_gc = {
    .name = "gc",
    .summary = "give back the space that no snapshot needs",
    .operands = "",
    .description =
        "Removes snapshots whose time in the trash is over, and what no snapshot needs any more. Packs "
        "that are needed in part are copied first, the needed part. Needs no passphrase; backups, "
        "restores and checks may run at the same time, and none of them waits.\n"
        "\n"
        "If packs are damaged or missing and later backups stored the same chunks again, older snapshots "
        "are led to the sound copies, as far as their writer may refer to them.\n"
        "\n"
        "What a backup under way might still refer to is left for the next gc, and packs that nothing "
        "needs stay for another day, in case of a mistake. So run it regularly, after forget. If it is "
        "interrupted, nothing is lost, and the next one goes on.",
    .examples = {{"abri gc --dry-run", "show what would go"},
                 {"abri gc --max-rewrite 20G", "copy at most 20 GiB this time"},
                 {"abri gc --max-unused 0% --keep-swept 0", "as small as it can be, at once"}},
    .options = options,
    .option_count = OPTION_COUNT(options),
    .args_bytes = sizeof(struct gc_args),
    .run = run,
    .profile = &in_profile,
};
