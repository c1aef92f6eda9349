/* SPDX-License-Identifier: Apache-2.0 */
/* abri restore: writes a snapshot, or a part of one, below a directory; or its disks to anything
 * (restore_disks.c). */
#include "cli/amount.h"
#include "cli/json_out.h"
#include "cli/restore_disks.h"

#include "base/mem.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct restore_args {
    const char *target;
    struct option_list include, exclude;
    int overwrite;
    bool verify, dry_run, delete_others, really_delete;
    uint64_t threads;
    /* --to */
    const char *to, *format;
    struct option_list backing;
    bool delta, allow_damage;
    uint64_t sync_every;
};

/* In the order of enum target_overwrite. */
static const char *const overwrite_words[] = {"always", "if-changed", "if-newer", "never", NULL};
_Static_assert(TARGET_ALWAYS == 1 && TARGET_IF_CHANGED == 2 && TARGET_IF_NEWER == 3 &&
                   TARGET_NEVER == 4,
               "the words above are in this order");

static const struct option_spec options[] = {
    {.name = "target", .letter = 't', .kind = OPTION_TEXT, .arg = "DIR",
     OPTION_AT(restore_args, target), .help = "write below this directory, and nowhere else"},
    {.name = "include", .letter = 'i', .kind = OPTION_LIST, .tag = PATTERN_TEXT, .arg = "PATTERN",
     OPTION_AT(restore_args, include), .help = "only what matches (see `abri help patterns`)"},
    {.name = "iinclude", .kind = OPTION_LIST, .tag = PATTERN_ITEXT, .arg = "PATTERN",
     OPTION_AT(restore_args, include), .help = "the same, whatever the case of letters"},
    {.name = "include-file", .kind = OPTION_LIST, .tag = PATTERN_FILE, .arg = "FILE",
     OPTION_AT(restore_args, include), .help = "read such patterns from a file, one a line"},
    {.name = "iinclude-file", .kind = OPTION_LIST, .tag = PATTERN_IFILE, .arg = "FILE",
     OPTION_AT(restore_args, include), .help = "the same, whatever the case of letters"},
    {.name = "exclude", .letter = 'e', .kind = OPTION_LIST, .tag = PATTERN_TEXT, .arg = "PATTERN",
     OPTION_AT(restore_args, exclude), .help = "leave out what matches"},
    {.name = "iexclude", .kind = OPTION_LIST, .tag = PATTERN_ITEXT, .arg = "PATTERN",
     OPTION_AT(restore_args, exclude), .help = "the same, whatever the case of letters"},
    {.name = "exclude-file", .kind = OPTION_LIST, .tag = PATTERN_FILE, .arg = "FILE",
     OPTION_AT(restore_args, exclude), .help = "read such patterns from a file, one a line"},
    {.name = "iexclude-file", .kind = OPTION_LIST, .tag = PATTERN_IFILE, .arg = "FILE",
     OPTION_AT(restore_args, exclude), .help = "the same, whatever the case of letters"},
    {.name = "overwrite", .kind = OPTION_CHOICE, .words = overwrite_words, .arg = "WHEN",
     OPTION_AT(restore_args, overwrite),
     .help = "replace what is there: always (the default), if-changed, if-newer, never"},
    {.name = "delete", .kind = OPTION_FLAG, OPTION_AT(restore_args, delete_others),
     .help = "first remove what the snapshot does not have; with --dry-run, list it"},
    {.name = "really-delete", .kind = OPTION_FLAG, OPTION_AT(restore_args, really_delete),
     .help = "with --delete: also in / itself, and also by a snapshot that is not complete"},
    {.name = "verify", .kind = OPTION_FLAG, OPTION_AT(restore_args, verify),
     .help = "check every chunk, then read all files back and compare"},
    {.name = "dry-run", .letter = 'n', .kind = OPTION_FLAG, OPTION_AT(restore_args, dry_run),
     .help = "write nothing; say what would be"},
    {.name = "threads", .kind = OPTION_NUMBER, .arg = "N", .min = 1, .max = 256,
     OPTION_AT(restore_args, threads), .help = "worker threads (default: one for each processor)"},
    {.name = "to", .kind = OPTION_TEXT, .arg = "TARGET", OPTION_AT(restore_args, to),
     .help = "write disks to a file, an image, a block device, an NBD URI or a directory"},
    {.name = "format", .kind = OPTION_TEXT, .arg = "FORMAT", OPTION_AT(restore_args, format),
     .help = "with --to: raw, qcow2, vmdk, vhdx, vdi, vhd (default: by the name)"},
    {.name = "delta", .kind = OPTION_FLAG, OPTION_AT(restore_args, delta),
     .help = "with --to: read what is there, and write only what differs"},
    {.name = "backing", .kind = OPTION_LIST, .arg = "DIR", OPTION_AT(restore_args, backing),
     .help = "with --delta: an image may be based on files below it, which are only read"},
    {.name = "allow-damage", .kind = OPTION_FLAG, OPTION_AT(restore_args, allow_damage),
     .help = "with --to: a disk with holes where the vault is damaged is no failure"},
    {.name = "sync-every", .kind = OPTION_SIZE, .arg = "SIZE", .min = 1 << 20,
     OPTION_AT(restore_args, sync_every),
     .help = "with --to: so much may have to be written again after a cut (default 1G)"},
};

struct request {
    char *snap, *path;
    struct select *include, *exclude;
};

static void request_done(struct request *r)
{
    mem_free(r->snap);
    mem_free(r->path);
    select_free(r->include);
    select_free(r->exclude);
}

static void tell_json(struct cli *c, const struct snapshot *s, const struct restore_result *r,
                      const struct restore_args *a)
{
    json_t *o = json_object_of("summary");
    json_put_bool(o, "dry_run", a->dry_run);
    json_put_hex(o, "snapshot_id", s->id, ID_BYTES);
    json_put_number(o, "files_restored", r->files);
    json_put_number(o, "dirs_restored", r->dirs);
    json_put_number(o, "others_restored", r->others);
    json_put_number(o, "links_restored", r->links);
    json_put_number(o, "bytes_restored", r->bytes);
    json_put_number(o, "files_skipped", r->skipped);
    if (a->delete_others)
        json_put_number(o, "deleted", r->deleted);
    if (a->verify)
        json_put_number(o, "files_verified", r->verified);
    json_put_number(o, "problems", r->problems);
    json_put_bool(o, "resumed", r->resumed);
    json_put_seconds(o, "total_duration", r->duration_ns);
    json_emit(c, stdout, o);
}

static void tell_people(struct cli *c, const struct snapshot *s, const struct restore_result *r,
                        const struct restore_args *a)
{
    char id[SHORT_ID_BYTES], size[AMOUNT_TEXT_BYTES], time[AMOUNT_TEXT_BYTES];
    short_id(s->id, id);
    amount_format_size(r->bytes, size);
    amount_format_duration(r->duration_ns, time);
    if (r->resumed)
        say_note(c, "went on with an interrupted restore");
    say_note(c, "%s %" PRIu64 " file%s (%s) and %" PRIu64 " director%s of snapshot %s in %s",
             a->dry_run ? "would restore" : "restored", r->files, PLURAL(r->files), size, r->dirs,
             r->dirs == 1 ? "y" : "ies", id, time);
    if (r->links || r->others)
        say_note(c, "and %" PRIu64 " hard link%s, %" PRIu64 " other%s (symbolic links, devices, …)",
                 r->links, PLURAL(r->links), r->others, PLURAL(r->others));
    if (r->skipped)
        say_note(c, "left %" PRIu64 " that were there already", r->skipped);
    if (a->delete_others)
        say_note(c, "%s %" PRIu64 " name%s that the snapshot does not have",
                 a->dry_run ? "would delete" : "deleted", r->deleted, PLURAL(r->deleted));
    if (a->verify && !a->dry_run)
        say_note(c, "verified %" PRIu64 " file%s", r->verified, PLURAL(r->verified));
}

/* ---- --delete ------------------------------------------------------------------- */

static void tell_deleted(void *arg, const char *path, bool is_dir)
{
    struct cli *c = arg;
    if (c->global.json) {
        json_t *o = json_object_of("deleted");
        json_put_text(o, "path", path, strlen(path));
        json_put_string(o, "type", is_dir ? "dir" : "other");
        json_emit(c, stdout, o);
        return;
    }
    say(c, "delete %s%s", path, is_dir ? "/" : "");
}

/* What is easily meant otherwise takes a second word. */
static int check_delete(const struct restore_args *a, const struct snapshot *s, struct err *e)
{
    if (a->really_delete && !a->delete_others)
        return err_set(e, ERR_USAGE, "--really-delete goes with --delete");
    if (!a->delete_others || a->really_delete || a->dry_run)
        return 0;
    char resolved[PATH_MAX];
    if (realpath(a->target, resolved) && strcmp(resolved, "/") == 0)
        return err_set(e, ERR_USAGE,
                       "--delete in '/' removes files of the running system: look at it with "
                       "--dry-run, then add --really-delete");
    if (s->incomplete)
        return err_set(e, ERR_USAGE,
                       "--delete by a snapshot that is not complete would also remove what could "
                       "not be saved then: look at it with --dry-run, then add --really-delete");
    return 0;
}

static int restore(struct cli *c, const struct restore_args *a, const struct request *r,
                   struct err *e)
{
    CLEANUP(access_close) struct access access = {0};
    CLEANUP(snapshot_list_done) struct snapshot_list all = {0};
    size_t at;
    struct restore_options o = {
        .path = r->path,
        .target = a->target,
        .include = r->include,
        .exclude = r->exclude,
        .overwrite = a->overwrite ? (enum target_overwrite)a->overwrite : TARGET_ALWAYS,
        .dry_run = a->dry_run,
        .verify = a->verify,
        .delete_others = a->delete_others,
        .deleted = a->dry_run || c->global.verbose || c->global.json ? tell_deleted : NULL,
        .threads = (unsigned)a->threads,
        .dirs = &c->dirs,
        .problem = report_path_problem,
        .arg = c,
        .progress = &c->progress,
    };
    struct restore_result result = {0};
    if (cli_open_reader(c, &access, e) ||
        vault_snapshots(access.vault, &all, report_damage, c, e) ||
        work_find_snapshot(&all, r->snap, &at, e) || check_delete(a, &all.items[at], e))
        return -1;
    progress_bar_start(c, "items");
    int rc = work_restore(&access, &all.items[at], &o, &result, e);
    progress_bar_stop(c);
    if (rc)
        return -1;
    if (c->global.json)
        tell_json(c, &all.items[at], &result, a);
    else
        tell_people(c, &all.items[at], &result, a);
    if (result.problems == 0)
        return 0;
    return err_set(e, ERR_INCOMPLETE,
                   "%" PRIu64 " problem%s: see above; everything else %s restored",
                   result.problems, PLURAL(result.problems),
                   a->dry_run ? "would be" : "was");
}

/* ---- --to ------------------------------------------------------------------------ */

static int run_to(struct cli *c, const struct restore_args *a, const char *spec, struct err *e)
{
    const struct disk_restore_words w = {.to = a->to,
                                         .format = a->format,
                                         .backing = &a->backing,
                                         .replace = a->overwrite == TARGET_ALWAYS,
                                         .delta = a->delta,
                                         .verify = a->verify,
                                         .dry_run = a->dry_run,
                                         .allow_damage = a->allow_damage,
                                         .threads = (unsigned)a->threads,
                                         .sync_every = a->sync_every};
    if (a->target || a->include.count || a->exclude.count || a->delete_others || a->really_delete)
        return err_set(e, ERR_USAGE,
                       "--to writes disks: --target, --include, --exclude and --delete are for files");
    if (a->overwrite && a->overwrite != TARGET_ALWAYS && a->overwrite != TARGET_NEVER)
        return err_set(e, ERR_USAGE, "with --to, --overwrite is always or never");
    if (a->delta && a->overwrite)
        return err_set(e, ERR_USAGE, "--delta keeps what is there: leave out --overwrite");
    if (a->backing.count && !a->delta)
        return err_set(e, ERR_USAGE, "--backing goes with --delta");
    return restore_disks(c, spec, &w, e);
}

static int run(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct restore_args *a = args;
    CLEANUP(request_done) struct request r = {0};
    if (command_expect_words(&cmd_restore, w, 1, 1, e))
        return -1;
    if (a->to)
        return run_to(c, a, w->items[0], e);
    if (a->format || a->delta || a->backing.count || a->allow_damage || a->sync_every)
        return err_set(e, ERR_USAGE, "--format, --delta, --backing, --allow-damage and --sync-every go with --to");
    if (!a->target || !*a->target)
        return err_set(e, ERR_USAGE, "restore to where? Name a directory with --target DIR, or for disks a target with --to");
    if (snap_spec_split(w->items[0], &r.snap, &r.path, e) ||
        patterns_build(&a->include, &r.include, e) || patterns_build(&a->exclude, &r.exclude, e))
        return -1;
    return restore(c, a, &r, e);
}

const struct command cmd_restore = {
    .name = "restore",
    .summary = "write a snapshot, or a part of it, to a directory; or a disk",
    .operands = "SNAP[:PATH] --target DIR|--to TARGET",
    .description =
        "Writes a snapshot below DIR, each thing under its whole path; with :PATH, what that directory "
        "holds comes directly into DIR. Nothing outside DIR is touched, whatever links lie there, and "
        "nothing that is there but not in the snapshot is removed, unless --delete says so: then "
        "directories at and below the paths that were backed up end up holding what the snapshot holds and "
        "nothing else, except for what --exclude and --include spare, mount points, and "
        "abri's own vault, keys and caches. What a backup left out by its own excludes is not in the "
        "snapshot: exclude it here too.\n"
        "\n"
        "With --to a disk of the snapshot is written to TARGET: a file (raw, with holes; or by its name or "
        "--format an image, through qemu-nbd in a sandbox), a block device that is not in use, any NBD URI, or a "
        "directory, which gets all disks by their names. DISK is a name below /disks and may be left out if there "
        "is one. What is on a device or an export is overwritten; a file that is there only with --overwrite "
        "always, or with --delta, which reads what is there and writes what differs. Devices, images and exports "
        "must be large enough; what they hold behind the end of the disk stays. What the vault cannot give "
        "is named and becomes zeros (with --delta: stays as it is), all else is written, and the command fails.\n"
        "\n"
        "An interrupted restore goes on where it was when the same command runs again.",
    .examples = {{"abri -r /mnt/vault restore latest --target /srv/restored",
                  "everything, as /srv/restored/etc/…"},
                 {"abri -r /mnt/vault restore 2026-11-21:/etc/nginx --target /etc/nginx --verify",
                  "one directory as it was on that day, in place, and compared"},
                 {"abri -r /mnt/vault restore latest --target /tmp/r --include '*.conf'",
                  "only some files"},
                 {"abri -r /mnt/vault restore latest:vda --to /var/lib/images/web.qcow2",
                  "a disk, as an image"}},
    .options = options,
    .option_count = OPTION_COUNT(options),
    .args_bytes = sizeof(struct restore_args),
    .run = run,
    .despite_log = true,
};
