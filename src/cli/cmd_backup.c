/* SPDX-License-Identifier: Apache-2.0 */
/* abri backup: saves files and directories as a snapshot. */
#include "cli/amount.h"
#include "cli/backup_disks.h"
#include "cli/backup_stream.h"
#include "cli/hooks.h"
#include "cli/json_out.h"

#include "base/mem.h"

#include <inttypes.h>
#include <string.h>

#define CLI_LEVEL_AUTO 1 /* zstd: measured best for first backups and restores alike */
#define LEVEL_FASTEST 1
#define LEVEL_BETTER 3
#define LEVEL_MAX 12
#define TAGS_MAX 64
#define TAG_BYTES_MAX 255

struct backup_args {
    struct option_list patterns, if_present, files_from, tags;
    bool exclude_caches, one_file_system, dry_run, force_read, no_parity, from_stdin, from_command;
    uint64_t larger_than, limit_upload, threads;
    const char *host, *compression, *stdin_name;
    struct option_list disks, formats, backing, descriptions;
    const char *bitmap, *next_bitmap, *domain, *connection, *socket_dir, *scratch_dir;
    bool no_quiesce;
};

static const struct option_spec options[] = {
    {.name = "exclude", .letter = 'e', .kind = OPTION_LIST, .tag = PATTERN_TEXT, .arg = "PATTERN",
     OPTION_AT(backup_args, patterns), .help = "leave out what matches (see `abri help patterns`)"},
    {.name = "iexclude", .kind = OPTION_LIST, .tag = PATTERN_ITEXT, .arg = "PATTERN",
     OPTION_AT(backup_args, patterns), .help = "the same, whatever the case of letters"},
    {.name = "exclude-file", .kind = OPTION_LIST, .tag = PATTERN_FILE, .arg = "FILE",
     OPTION_AT(backup_args, patterns), .help = "read such patterns from a file, one a line"},
    {.name = "iexclude-file", .kind = OPTION_LIST, .tag = PATTERN_IFILE, .arg = "FILE",
     OPTION_AT(backup_args, patterns), .help = "the same, whatever the case of letters"},
    {.name = "exclude-caches", .kind = OPTION_FLAG, OPTION_AT(backup_args, exclude_caches),
     .help = "leave out what is in directories with a CACHEDIR.TAG"},
    {.name = "exclude-if-present", .kind = OPTION_LIST, .arg = "NAME[:HEADER]",
     OPTION_AT(backup_args, if_present),
     .help = "leave out what is in directories that hold a file of this name (that begins so)"},
    {.name = "exclude-larger-than", .kind = OPTION_SIZE, .min = 1, .arg = "SIZE",
     OPTION_AT(backup_args, larger_than), .help = "leave out files above this size: 500M, 2G"},
    {.name = "files-from", .kind = OPTION_LIST, .tag = FILES_FROM, .arg = "FILE",
     OPTION_AT(backup_args, files_from),
     .help = "back up what the shell patterns in this file match, one a line (- is standard input)"},
    {.name = "files-from-verbatim", .kind = OPTION_LIST, .tag = FILES_FROM_VERBATIM, .arg = "FILE",
     OPTION_AT(backup_args, files_from), .help = "the same with plain paths, one a line"},
    {.name = "files-from-raw", .kind = OPTION_LIST, .tag = FILES_FROM_RAW, .arg = "FILE",
     OPTION_AT(backup_args, files_from), .help = "the same with paths that end with NUL (find -print0)"},
    {.name = "stdin", .kind = OPTION_FLAG, OPTION_AT(backup_args, from_stdin),
     .help = "save what comes from standard input as one file"},
    {.name = "stdin-name", .kind = OPTION_TEXT, .arg = "NAME", OPTION_AT(backup_args, stdin_name),
     .help = "the name of that file, or its path (default: stdin)"},
    {.name = "command", .kind = OPTION_FLAG, OPTION_AT(backup_args, from_command),
     .help = "save what a command prints: --command -- CMD [ARG]…; if it fails, nothing is saved"},
    {.name = "stdin-from-command", .kind = OPTION_FLAG, OPTION_AT(backup_args, from_command),
     .help = "the same as --command"},
    {.name = "disk", .kind = OPTION_LIST, .arg = "[NAME=]SOURCE", OPTION_AT(backup_args, disks),
     .help = "save a disk: a block device, an image file, or nbd://…; repeat it for all disks of a machine"},
    {.name = "domain", .kind = OPTION_TEXT, .arg = "NAME", OPTION_AT(backup_args, domain),
     .help = "save all disks of a libvirt domain as they are at one moment, and its XML; then what has changed"},
    {.name = "connect", .kind = OPTION_TEXT, .arg = "URI", OPTION_AT(backup_args, connection),
     .help = "the libvirt of --domain (default: that of virsh)"},
    {.name = "no-quiesce", .kind = OPTION_FLAG, OPTION_AT(backup_args, no_quiesce),
     .help = "do not ask the guest's agent to freeze its file systems for the moment of the backup"},
    {.name = "socket-dir", .kind = OPTION_TEXT, .arg = "DIR", OPTION_AT(backup_args, socket_dir),
     .help = "where the domain's QEMU may make a socket (default: libvirt's own directory)"},
    {.name = "scratch-dir", .kind = OPTION_TEXT, .arg = "DIR", OPTION_AT(backup_args, scratch_dir),
     .help = "where it may keep what the guest overwrites meanwhile (default: beside its images)"},
    {.name = "format", .kind = OPTION_LIST, .arg = "[NAME=]FORMAT", OPTION_AT(backup_args, formats),
     .help = "of an image file: raw, qcow2, vmdk, vhdx, vdi, vhd; only where its name does not say it"},
    {.name = "backing", .kind = OPTION_LIST, .arg = "DIR", OPTION_AT(backup_args, backing),
     .help = "images may have backing files below this directory"},
    {.name = "bitmap", .kind = OPTION_TEXT, .arg = "MAP", OPTION_AT(backup_args, bitmap),
     .help = "read only what this dirty bitmap of the NBD server says has changed since the last snapshot"},
    {.name = "next-bitmap", .kind = OPTION_TEXT, .arg = "MAP", OPTION_AT(backup_args, next_bitmap),
     .help = "note that this dirty bitmap begins with this snapshot"},
    {.name = "description", .kind = OPTION_LIST, .arg = "FILE", OPTION_AT(backup_args, descriptions),
     .help = "keep this description of the machine beside its disks: XML, .vmx, OVF, a command line"},
    {.name = "one-file-system", .letter = 'x', .kind = OPTION_FLAG,
     OPTION_AT(backup_args, one_file_system), .help = "do not enter other mounted file systems"},
    {.name = "tag", .kind = OPTION_LIST, .arg = "TAG[,TAG…]", OPTION_AT(backup_args, tags),
     .help = "label the snapshot; the keeper can read labels"},
    {.name = "host", .letter = 'H', .kind = OPTION_TEXT, .arg = "NAME", OPTION_AT(backup_args, host),
     .help = "record this host name instead of the machine's own"},
    {.name = "dry-run", .letter = 'n', .kind = OPTION_FLAG, OPTION_AT(backup_args, dry_run),
     .help = "read and count, but store nothing"},
    {.name = "force-read", .letter = 'f', .kind = OPTION_FLAG, OPTION_AT(backup_args, force_read),
     .help = "read every file again, changed or not"},
    {.name = "force", .kind = OPTION_FLAG, OPTION_AT(backup_args, force_read),
     .help = "the same as --force-read"},
    {.name = "compression", .kind = OPTION_TEXT, .arg = "MODE", OPTION_AT(backup_args, compression),
     .help = "auto, off, fastest, better, max, or a zstd level from 1 to 19 (default: auto)"},
    {.name = "no-parity", .kind = OPTION_FLAG, OPTION_AT(backup_args, no_parity),
     .help = "write no parity beside the packs: 3 % less to write, and nothing to mend them with"},
    {.name = "limit-upload", .kind = OPTION_RATE, .min = 1, .arg = "KIB",
     OPTION_AT(backup_args, limit_upload),
     .help = "write at most so many KiB a second to the vault; 10M is 10 MiB"},
    {.name = "threads", .kind = OPTION_NUMBER, .arg = "N", .min = 1, .max = 256,
     OPTION_AT(backup_args, threads), .help = "worker threads (default: one for each processor)"},
};

/* ---- from words to options ---------------------------------------------------- */

struct request {
    struct string_list paths, tags, if_present;
    struct select *exclude;
    uint64_t early_problems; /* patterns of --files-from that match nothing */
    struct cli *cli;
    struct backup_input input; /* instead of paths */
    struct disk_input disks;   /* likewise */
    struct access *access;
};

static void request_done(struct request *r)
{
    string_list_done(&r->paths);
    string_list_done(&r->tags);
    string_list_done(&r->if_present);
    select_free(r->exclude);
    backup_input_done(&r->input);
    disk_input_done(&r->disks);
}

static void early_problem(void *arg, const char *item, const struct err *e)
{
    struct request *r = arg;
    r->early_problems++;
    report_problem(r->cli, item, e);
}

static int collect_paths(struct request *r, const struct backup_args *a, const struct words *w,
                         struct err *e)
{
    for (size_t i = 0; i < w->count; i++) {
        if (!*w->items[i])
            return err_set(e, ERR_USAGE, "an empty path: an unset variable?");
        if (string_list_add(&r->paths, w->items[i], strlen(w->items[i]), e))
            return -1;
    }
    if (files_from_read(&a->files_from, &r->paths, early_problem, r, e))
        return -1;
    if (r->paths.count == 0 && a->files_from.count > 0)
        return err_set(e, ERR_USAGE, "nothing to back up: the lists of files name nothing");
    if (r->paths.count == 0)
        return err_set(e, ERR_USAGE, "back up what? abri backup PATH…");
    return 0;
}

static int collect_tags(struct request *r, const struct backup_args *a, struct err *e)
{
    for (size_t i = 0; i < a->tags.count; i++)
        if (string_list_add_commas(&r->tags, a->tags.items[i].text, "--tag", e))
            return -1;
    if (r->tags.count > TAGS_MAX)
        return err_set(e, ERR_USAGE, "--tag: at most %d labels", TAGS_MAX);
    for (size_t i = 0; i < r->tags.count; i++)
        if (strlen(r->tags.items[i]) > TAG_BYTES_MAX)
            return err_set(e, ERR_USAGE, "--tag: a label has at most %d bytes", TAG_BYTES_MAX);
    return 0;
}

static int collect_if_present(struct request *r, const struct backup_args *a, struct err *e)
{
    for (size_t i = 0; i < a->if_present.count; i++) {
        const char *text = a->if_present.items[i].text;
        size_t name = strcspn(text, ":");
        if (name == 0 || memchr(text, '/', name))
            return err_set(e, ERR_USAGE, "--exclude-if-present: '%s' is not a file name", text);
        if (string_list_add(&r->if_present, text, strlen(text), e))
            return -1;
    }
    return 0;
}

static int parse_level(const char *text, int *out, struct err *e)
{
    static const struct {
        const char *name;
        int level;
    } modes[] = {{"auto", CLI_LEVEL_AUTO}, {"off", SEAL_LEVEL_STORE}, {"fastest", LEVEL_FASTEST},
                 {"better", LEVEL_BETTER}, {"max", LEVEL_MAX}};
    uint64_t n;
    *out = CLI_LEVEL_AUTO;
    if (!text)
        return 0;
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(text, modes[i].name) == 0) {
            *out = modes[i].level;
            return 0;
        }
    if (!amount_parse_number(text, &n) || n < 1 || n > 19)
        return err_set(e, ERR_USAGE,
                       "--compression: '%s' is none of auto, off, fastest, better, max, 1 to 19",
                       text);
    *out = (int)n;
    return 0;
}

static int check_host(const char *host, struct err *e)
{
    if (host && (!*host || strlen(host) > WRITER_MACHINE_MAX))
        return err_set(e, ERR_USAGE, "--host: a name has 1 to %d bytes", WRITER_MACHINE_MAX);
    return 0;
}

static int collect_disks(struct request *r, const struct backup_args *a, const struct words *w,
                         struct backup_options *o, struct err *e)
{
    const struct disk_words words = {.disks = &a->disks,
                                     .formats = &a->formats,
                                     .backing = &a->backing,
                                     .descriptions = &a->descriptions,
                                     .bitmap = a->bitmap,
                                     .next_bitmap = a->next_bitmap,
                                     .host = a->host,
                                     .domain = a->domain,
                                     .connection = a->connection,
                                     .socket_dir = a->socket_dir,
                                     .scratch_dir = a->scratch_dir,
                                     .no_quiesce = a->no_quiesce};
    if (w->count || a->files_from.count || a->from_stdin || a->from_command)
        return err_set(e, ERR_USAGE, "--disk and --domain go with no paths, --files-from, --stdin or --command");
    if (a->domain && (a->disks.count || a->bitmap || a->next_bitmap))
        return err_set(e, ERR_USAGE, "--domain says itself which disks and bitmaps: it goes with no --disk or --bitmap");
    o->disks = &r->disks.options;
    o->host = a->host ? a->host : a->domain;
    return disk_input_open(&r->disks, r->cli, r->access, &words, e);
}

/* Paths, disks, or a stream. */
static int collect_input(struct request *r, const struct backup_args *a, const struct words *w,
                         struct backup_options *o, struct err *e)
{
    if (a->disks.count || a->domain)
        return collect_disks(r, a, w, o, e);
    if (a->connection || a->no_quiesce || a->socket_dir || a->scratch_dir)
        return err_set(e, ERR_USAGE, "--connect, --no-quiesce, --socket-dir and --scratch-dir go with --domain");
    if (a->formats.count || a->backing.count || a->descriptions.count || a->bitmap || a->next_bitmap)
        return err_set(e, ERR_USAGE, "--format, --backing, --bitmap, --next-bitmap and --description go with --disk");
    if (!a->from_stdin && !a->from_command) {
        if (a->stdin_name)
            return err_set(e, ERR_USAGE, "--stdin-name goes with --stdin or --command");
        return collect_paths(r, a, w, e);
    }
    if (a->from_stdin && a->from_command)
        return err_set(e, ERR_USAGE, "--stdin and --command do not go together");
    if (a->files_from.count)
        return err_set(e, ERR_USAGE, "--files-from goes with neither --stdin nor --command");
    if (backup_input_open(&r->input, a->from_command, a->stdin_name, w, e))
        return -1;
    o->stream = &r->input.stream;
    return 0;
}

static int collect(struct request *r, const struct backup_args *a, const struct words *w,
                   struct backup_options *o, struct err *e)
{
    o->host = a->host;
    if (parse_level(a->compression, &o->level, e) || check_host(a->host, e) ||
        collect_tags(r, a, e) || collect_if_present(r, a, e) ||
        patterns_build(&a->patterns, &r->exclude, e) || collect_input(r, a, w, o, e))
        return -1;
    o->paths = (const char *const *)r->paths.items;
    o->path_count = r->paths.count;
    o->exclude = r->exclude;
    o->one_file_system = a->one_file_system;
    o->exclude_caches = a->exclude_caches;
    o->exclude_if_present = (const char *const *)r->if_present.items;
    o->exclude_if_present_count = r->if_present.count;
    o->exclude_larger_than = a->larger_than;
    o->tags = (const char *const *)r->tags.items;
    o->tag_count = r->tags.count;
    o->dry_run = a->dry_run;
    o->force_read = a->force_read;
    o->no_parity = a->no_parity;
    o->limit_upload = a->limit_upload;
    o->threads = (unsigned)a->threads;
    return 0;
}

/* ---- what came of it ------------------------------------------------------------- */

static void tell_json(struct cli *c, const struct backup_result *r, bool disks, bool dry_run)
{
    json_t *o = json_object_of("summary");
    json_put_bool(o, "dry_run", dry_run);
    json_put_number(o, "files_new", r->files_new);
    json_put_number(o, "files_changed", r->files_changed);
    json_put_number(o, "files_unmodified", r->files_unchanged);
    json_put_number(o, "total_files_processed", r->files);
    json_put_number(o, "total_dirs_processed", r->dirs);
    json_put_number(o, "total_others_processed", r->others);
    json_put_number(o, "total_bytes_processed", r->bytes);
    json_put_number(o, "data_added_packed", r->stored_bytes);
    json_put_number(o, "data_added_content", r->data_bytes);
    json_put_number(o, "data_added_structure", r->meta_bytes);
    if (disks) {
        json_put_number(o, "disk_bytes_read", r->disk_read);
        json_put_number(o, "disk_bytes_kept", r->disk_kept);
        json_put_number(o, "disk_bytes_empty", r->disk_empty);
    }
    json_put_number(o, "problems", r->problems);
    json_put_seconds(o, "total_duration", r->duration_ns);
    if (!dry_run)
        json_put_hex(o, "snapshot_id", r->id, ID_BYTES);
    json_emit(c, stdout, o);
}

static void tell_disks(struct cli *c, const struct backup_result *r)
{
    char read[AMOUNT_TEXT_BYTES], kept[AMOUNT_TEXT_BYTES], empty[AMOUNT_TEXT_BYTES];
    amount_format_size(r->disk_read, read);
    amount_format_size(r->disk_kept, kept);
    amount_format_size(r->disk_empty, empty);
    say_note(c, "Disks: %s read, %s known to be unchanged, %s empty", read, kept, empty);
}

static void tell_people(struct cli *c, const struct backup_result *r, bool disks, bool dry_run)
{
    char added[AMOUNT_TEXT_BYTES], size[AMOUNT_TEXT_BYTES], time[AMOUNT_TEXT_BYTES];
    char id[SHORT_ID_BYTES];
    amount_format_size(r->stored_bytes, added);
    amount_format_size(r->bytes, size);
    amount_format_duration(r->duration_ns, time);
    short_id(r->id, id);
    if (disks)
        tell_disks(c, r);
    say_note(c, "Files: %11" PRIu64 " new, %5" PRIu64 " changed, %5" PRIu64 " unmodified",
             r->files_new, r->files_changed, r->files_unchanged);
    say_note(c, "Dirs:  %11" PRIu64, r->dirs);
    if (r->others)
        say_note(c, "Other: %11" PRIu64 " (links, devices, …)", r->others);
    if (dry_run)
        say_note(c, "Would add to the vault: %s before compression", added);
    else
        say_note(c, "Added to the vault: %s", added);
    if (c->global.verbose && !dry_run) {
        char data[AMOUNT_TEXT_BYTES], meta[AMOUNT_TEXT_BYTES];
        amount_format_size(r->data_bytes, data);
        amount_format_size(r->meta_bytes, meta);
        say_detail(c, "  content %s, names and structure %s", data, meta);
    }
    say_note(c, "%s", "");
    say_note(c, "processed %" PRIu64 " file%s, %s in %s", r->files, PLURAL(r->files), size, time);
    if (!dry_run)
        say_note(c, "snapshot %s saved", id);
}

static int finish(struct cli *c, const struct backup_result *r, uint64_t early, bool disks,
                  bool dry_run, struct err *e)
{
    uint64_t problems = r->problems + early;
    if (c->global.json)
        tell_json(c, r, disks, dry_run);
    else
        tell_people(c, r, disks, dry_run);
    if (problems == 0)
        return 0;
    return err_set(e, ERR_INCOMPLETE,
                   "%" PRIu64 " item%s could not be saved as %s: see above; everything else %s",
                   problems, PLURAL(problems), problems == 1 ? "it is" : "they are",
                   dry_run ? "would be" : "was");
}

struct job {
    const struct backup_args *args;
    const struct words *words;
    char snapshot[2 * ID_BYTES + 1];
};

static int save(struct cli *c, void *arg, struct err *e)
{
    struct job *j = arg;
    const struct backup_args *a = j->args;
    CLEANUP(access_close) struct access access = {0};
    CLEANUP(request_done) struct request r = {.cli = c, .access = &access};
    struct backup_options o = {
        .problem = report_path_problem, .arg = c, .progress = &c->progress};
    struct backup_result result = {0};
    /* The vault first: a command that is started for nothing may have effects. */
    if (cli_open(c, &access, e) || access_as_writer(&access, &c->dirs, e) ||
        collect(&r, a, j->words, &o, e))
        return -1;
    progress_bar_start(c, "items");
    int rc = work_backup(&access, &c->dirs, &o, &result, e);
    progress_bar_stop(c);
    disk_input_end(&r.disks, rc == 0 && !a->dry_run);
    if (rc == 0 && !a->dry_run)
        hex_encode(result.id, ID_BYTES, j->snapshot);
    return rc ? -1 : finish(c, &result, r.early_problems, o.disks, a->dry_run, e);
}

static int run(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    struct job j = {.args = args, .words = w};
    struct hooked h = {.work = save, .arg = &j, .snapshot = j.snapshot};
    return j.args->dry_run ? save(c, &j, e) : hooks_around(c, "backup", &h, e);
}

/* ---- in a profile ------------------------------------------------------------------- */

/* What is backed up is said in one place: here or there. */
static bool counts(const void *args, const struct words *w, const char *key)
{
    const struct backup_args *a = args;
    bool names_source = strcmp(key, "paths") == 0 || strncmp(key, "files-from", 10) == 0;
    return !names_source ||
           (w->count == 0 && a->files_from.count == 0 && !a->from_stdin && !a->from_command &&
            a->disks.count == 0 && !a->domain);
}

static const struct profile_own own_keys[] = {HOOK_KEYS, {NULL, PROFILE_UNSET}};
static const char *const refused[] = {"stdin", "stdin-name", "command", "stdin-from-command",
                                      "dry-run", "force", "force-read", NULL};
static const struct command_profile in_profile = {
    .refused = refused, .words_key = "paths", .own = own_keys, .counts = counts};

const struct command cmd_backup = {
    .name = "backup",
    .summary = "save files and directories as a snapshot",
    .operands = "PATH… | --disk SRC | --domain NAME | --stdin",
    .description =
        "Saves the named files and directories, whole, as one snapshot. Only what is new to the vault "
        "is stored. Needs no passphrase: the writer key of this machine is enough.\n"
        "\n"
        "A file that changes while it is read, vanishes, or cannot be read is named at once; the "
        "rest goes on, the snapshot is saved, and the exit status is 3. An interrupted backup saves "
        "no snapshot, but what was stored need not be stored again.\n"
        "\n"
        "With --stdin or --command the snapshot is one file of any length, read as it comes. No shell is "
        "involved; what the command writes to standard error is shown. If it fails, or is "
        "ended by a signal, there is no snapshot and the exit status is 1.\n"
        "\n"
        "With --disk the snapshot is the disks of one machine, each as the file disks/NAME, with a note of "
        "its partitions and file systems, and what --description names beside them. A block device or a raw file is "
        "read as it is; other images are read by qemu-nbd in a sandbox; an NBD URI is whatever its "
        "server says, a running QEMU with its dirty bitmaps, too. What a map calls unchanged is taken from the last "
        "snapshot, if the map belongs to it and a sample agrees; else all is read. A disk in "
        "use should be read from a snapshot of it (LVM, QEMU): abri does not stop who writes to it.\n"
        "\n"
        "Without a path, what the profile of the machine names is saved (see `abri help profiles`).",
    .examples = {{"abri -r /mnt/vault backup /etc /home --exclude '*.tmp'",
                  "two directories, without temporary files"},
                 {"abri -r /mnt/vault backup / -x --exclude-caches --tag daily",
                  "the root file system without what is mounted below"},
                 {"find /srv -name '*.db' -print0 | abri -r /mnt/vault backup --files-from-raw -",
                  "what another program chose"},
                 {"abri -r /mnt/vault backup --stdin-name shop.sql --command -- pg_dump shop",
                  "a database; only if all of it came"}},
    .options = options,
    .option_count = OPTION_COUNT(options),
    .args_bytes = sizeof(struct backup_args),
    .run = run,
    .profile = &in_profile,
};
