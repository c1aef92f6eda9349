/* SPDX-License-Identifier: Apache-2.0 */
/* abri ls: the names in a snapshot. */
#include "cli/disk_note.h"
#include "cli/json_out.h"
#include "cli/term.h"

#include "base/clock.h"
#include "base/mem.h"

#include <inttypes.h>
#include <string.h>

struct ls_args {
    bool is_long, recursive;
};

static const struct option_spec options[] = {
    {.name = "long", .letter = 'l', .kind = OPTION_FLAG, OPTION_AT(ls_args, is_long),
     .help = "with modes, owners, sizes and times, and what was on a disk"},
    {.name = "recursive", .kind = OPTION_FLAG, OPTION_AT(ls_args, recursive),
     .help = "everything below: always so, the option is accepted for habit's sake"},
};

struct ls {
    struct cli *cli;
    bool is_long;
    struct buf scratch[4];
};

static void ls_done(struct ls *l)
{
    for (size_t i = 0; i < sizeof l->scratch / sizeof *l->scratch; i++)
        buf_done(&l->scratch[i]);
}

static void mode_text(const struct entry *en, char out[11])
{
    static const char types[] = "?-dlpscb", rwx[] = "rwxrwxrwx";
    out[0] = types[en->type <= ENTRY_BLOCK ? en->type : 0];
    for (int i = 0; i < 9; i++)
        out[1 + i] = en->mode >> (8 - i) & 1 ? rwx[i] : '-';
    if (en->mode & 04000)
        out[3] = en->mode & 0100 ? 's' : 'S';
    if (en->mode & 02000)
        out[6] = en->mode & 0010 ? 's' : 'S';
    if (en->mode & 01000)
        out[9] = en->mode & 0001 ? 't' : 'T';
    out[10] = '\0';
}

static const char *owner(struct ls *l, size_t scratch, const char *name, uint32_t number,
                         char out[16])
{
    if (*name)
        return say_text(l->cli, name, strlen(name), &l->scratch[scratch]);
    (void)snprintf(out, 16, "%" PRIu32, number);
    return out;
}

static void print_long(struct ls *l, const struct entry *en, const char *path)
{
    char mode[11], user[16], group[16], time[CLOCK_TEXT_BYTES], size[32];
    mode_text(en, mode);
    clock_format(entry_mtime_ns(en), time);
    if (en->type == ENTRY_CHAR || en->type == ENTRY_BLOCK)
        (void)snprintf(size, sizeof size, "%" PRIu32 ",%" PRIu32, en->dev_major, en->dev_minor);
    else
        (void)snprintf(size, sizeof size, "%" PRIu64, en->size);
    bool link = en->type == ENTRY_SYMLINK && en->target;
    fprintf(stdout, "%s %-8s %-8s %12s %s /%s%s%s\n", mode, owner(l, 1, en->user, en->uid, user),
            owner(l, 2, en->group, en->gid, group), size, time, path, link ? " -> " : "",
            link ? say_text(l->cli, en->target, en->target_len, &l->scratch[3]) : "");
    disk_note_print(en);
}

static void emit(const struct entry *en)
{
    json_t *o = json_object_of("entry");
    json_put_entry(o, en);
    json_put_string(o, "user", en->user);
    json_put_string(o, "group", en->group);
    if (en->type == ENTRY_SYMLINK && en->target)
        json_put_text(o, "target", en->target, en->target_len);
    if (en->type == ENTRY_CHAR || en->type == ENTRY_BLOCK) {
        json_put_number(o, "dev_major", en->dev_major);
        json_put_number(o, "dev_minor", en->dev_minor);
    }
    if (en->partial)
        json_put_bool(o, "partial", true);
    json_t *disk = disk_note_object(en);
    if (disk)
        (void)json_object_set_new(o, "disk", disk);
    json_emit_locked(stdout, o); /* one thread, no bar */
}

static int each(void *arg, const struct entry *en, struct err *e)
{
    struct ls *l = arg;
    if (say_is_over())
        return err_set(e, ERR_CANCELLED, "the reader of the list went away");
    if (progress_cancelled(&l->cli->progress))
        return err_set(e, ERR_CANCELLED, "interrupted");
    if (l->cli->global.json) {
        emit(en);
        return 0;
    }
    const char *path = say_text(l->cli, en->path, en->path_len, &l->scratch[0]);
    if (l->is_long)
        print_long(l, en, path);
    else
        fprintf(stdout, "/%s\n", path);
    return 0;
}

static int list(struct cli *c, const struct ls_args *a, const char *snap, const char *path,
                struct err *e)
{
    CLEANUP(access_close) struct access access = {0};
    CLEANUP(snapshot_list_done) struct snapshot_list all = {0};
    CLEANUP(ls_done) struct ls l = {.cli = c, .is_long = a->is_long};
    CLEANUP_FREE struct root *root = NULL;
    size_t at;
    if (cli_open_reader(c, &access, e) ||
        vault_snapshots(access.vault, &all, report_damage, c, e) ||
        work_find_snapshot(&all, snap, &at, e) ||
        work_open_root(&access, &all.items[at], &root, e))
        return -1;
    if (work_walk_tree(&access, &root->tree, path, each, &l, e))
        return say_is_over() ? 0 : -1;
    return 0;
}

static int run(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    CLEANUP_FREE char *snap = NULL;
    CLEANUP_FREE char *path = NULL;
    if (command_expect_words(&cmd_ls, w, 1, 1, e) ||
        snap_spec_split(w->items[0], &snap, &path, e))
        return -1;
    return list(c, args, snap, path, e);
}

const struct command cmd_ls = {
    .name = "ls",
    .summary = "list what is in a snapshot",
    .operands = "SNAP[:PATH]",
    .description =
        "Lists what is at and below a path of a snapshot, one name a line, in the order in which it is "
        "stored. On a terminal, bytes that could drive it are shown as \\xNN; in a pipe, names come "
        "as they are.",
    .examples = {{"abri -r /mnt/vault ls latest:/etc/ssh", "the newest state of one directory"},
                 {"abri -r /mnt/vault ls -l 2026-11-21", "everything, as it was on that day"}},
    .options = options,
    .option_count = OPTION_COUNT(options),
    .args_bytes = sizeof(struct ls_args),
    .run = run,
};
