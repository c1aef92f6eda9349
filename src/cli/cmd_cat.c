/* SPDX-License-Identifier: Apache-2.0 */
/* abri cat: the content of a file of a snapshot, to standard output. */
#include "cli/cli.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>

struct cat_args {
    bool force;
};

static const struct option_spec options[] = {
    {.name = "force", .letter = 'f', .kind = OPTION_FLAG, OPTION_AT(cat_args, force),
     .help = "write to a terminal what could drive it"},
};

struct cat {
    const struct cli *cli;
    bool careful; /* a terminal listens */
    bool is_over;
};

/* Controls that text has no use for: ASCII's, and those that follow 0xc2 in UTF-8. */
static bool drives_terminals(const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((p[i] < 0x20 && !strchr("\t\n\r", p[i])) || p[i] == 0 || p[i] == 0x7f ||
            (p[i] == 0xc2 && i + 1 < len && p[i + 1] >= 0x80 && p[i + 1] < 0xa0))
            return true;
    return false;
}

static int take(void *arg, const void *p, size_t len, struct err *e)
{
    struct cat *c = arg;
    if (c->careful && drives_terminals(p, len))
        return err_set(e, ERR_USAGE,
                       "it is not text: send it to a file or a program, or say --force");
    errno = 0;
    if (fwrite(p, 1, len, stdout) == len)
        return 0;
    c->is_over = errno == EPIPE;
    return err_sys(e, errno ? errno : EIO, "writing to standard output");
}

static int show(struct cli *c, struct access *access, const struct snapshot_list *all,
                const char *word, struct cat *cat, struct err *e)
{
    CLEANUP_FREE char *snap = NULL;
    CLEANUP_FREE char *path = NULL;
    CLEANUP_FREE struct root *root = NULL;
    size_t at;
    if (snap_spec_split(word, &snap, &path, e))
        return -1;
    if (!*path)
        return err_set(e, ERR_USAGE, "'%s': which file? abri cat SNAP:FILE", word);
    if (work_find_snapshot(all, snap, &at, e) ||
        work_open_root(access, &all->items[at], &root, e))
        return -1;
    return work_cat(access, &root->tree, path, take, cat, &c->progress, e);
}

static int run(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct cat_args *a = args;
    CLEANUP(access_close) struct access access = {0};
    CLEANUP(snapshot_list_done) struct snapshot_list all = {0};
    struct cat cat = {.cli = c, .careful = c->out_is_tty && !a->force};
    if (command_expect_words(&cmd_cat, w, 1, SIZE_MAX, e))
        return -1;
    if (c->global.json)
        return err_set(e, ERR_USAGE, "cat gives the bytes of files: it knows no --json");
    if (cli_open_reader(c, &access, e) ||
        vault_snapshots(access.vault, &all, report_damage, c, e))
        return -1;
    for (size_t i = 0; i < w->count; i++)
        if (show(c, &access, &all, w->items[i], &cat, e)) {
            if (!cat.is_over)
                return -1;
            clearerr(stdout); /* whoever read has seen enough */
            return 0;
        }
    return 0;
}

const struct command cmd_cat = {
    .name = "cat",
    .summary = "print files of a snapshot",
    .operands = "SNAP:FILE…",
    .description =
        "Writes the content of files to standard output, one behind the other. Every piece is "
        "verified before it is written. To a terminal only text is written.\n"
        "\n"
        "If a file is damaged, what comes before the damage has been written when the command "
        "fails.",
    .examples = {{"abri -r /mnt/vault cat latest:/etc/fstab", "one file, on the screen"},
                 {"abri -r /mnt/vault cat 2026-11-21:/srv/db.dump | psql", "into a program"}},
    .options = options,
    .option_count = OPTION_COUNT(options),
    .args_bytes = sizeof(struct cat_args),
    .run = run,
    .despite_log = true,
};
