/* SPDX-License-Identifier: Apache-2.0 */
/* abri mount: snapshots as a directory in which one can look about. */
#include "cli/json_out.h"

#include "base/mem.h"
#include "mount/mount.h"

#include <string.h>
#include <unistd.h>

struct mount_args {
    bool allow_other, no_permissions, owner_root;
    uint64_t cache_size;
};

static const struct option_spec options[] = {
    {.name = "allow-other", .kind = OPTION_FLAG, OPTION_AT(mount_args, allow_other),
     .help = "let other users look, too, as far as modes and owners allow"},
    {.name = "no-default-permissions", .kind = OPTION_FLAG, OPTION_AT(mount_args, no_permissions),
     .help = "with --allow-other: whatever modes and owners say"},
    {.name = "owner-root", .kind = OPTION_FLAG, OPTION_AT(mount_args, owner_root),
     .help = "show everything as belonging to root"},
    {.name = "cache-size", .kind = OPTION_SIZE, .arg = "SIZE", .min = 1 << 20, OPTION_AT(mount_args, cache_size),
     .help = "memory for opened pieces (128M)"},
};

struct mounting {
    struct cli *cli;
    const char *dir;
    uint8_t snapshot[ID_BYTES];
    bool is_all;
};

static void tell_ready(void *arg)
{
    struct mounting *m = arg;
    if (m->cli->global.json) {
        json_t *o = json_object_of("mount");
        json_put_string(o, "directory", m->dir);
        json_put_bool(o, "all", m->is_all);
        if (!m->is_all)
            json_put_hex(o, "snapshot", m->snapshot, ID_BYTES);
        json_emit(m->cli, stdout, o);
    } else {
        say(m->cli, "mounted on %s; `%s %s` or an interrupt ends it", m->dir,
            geteuid() == 0 ? "umount" : "fusermount3 -u", m->dir);
    }
    (void)fflush(stdout); /* whoever waits for it reads a pipe */
}

static void tell_busy(void *arg)
{
    struct mounting *m = arg;
    report_notice(m->cli, m->dir, "is still being used: it was unmounted all the same, and who stands in it gets errors");
}

static void on_problem(void *arg, const char *item, const struct err *e)
{
    struct mounting *m = arg;
    report_problem(m->cli, item, e);
}

static void on_damage(void *arg, const char *object, const char *message)
{
    struct mounting *m = arg;
    report_damage(m->cli, object, message);
}

static int choose(struct mounting *m, struct access *a, const char *snap, struct err *e)
{
    CLEANUP(snapshot_list_done) struct snapshot_list all = {0};
    size_t at;
    if (m->is_all)
        return 0;
    if (vault_snapshots(a->vault, &all, report_damage, m->cli, e) || work_find_snapshot(&all, snap, &at, e))
        return -1;
    memcpy(m->snapshot, all.items[at].id, ID_BYTES);
    return 0;
}

static int run(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct mount_args *a = args;
    CLEANUP(access_close) struct access access = {0};
    struct mounting m = {.cli = c};
    if (command_expect_words(&cmd_mount, w, 2, 2, e))
        return -1;
    if (a->no_permissions && !a->allow_other)
        return err_set(e, ERR_USAGE, "--no-default-permissions goes with --allow-other");
    m.is_all = strcmp(w->items[0], "all") == 0;
    m.dir = w->items[1];
    const struct mount_options o = {.dir = m.dir, .snapshot = m.is_all ? NULL : m.snapshot, .allow_other = a->allow_other,
                                    .no_permissions = a->no_permissions, .owner_root = a->owner_root,
                                    .cache_bytes = (size_t)a->cache_size, .ready = tell_ready, .problem = on_problem,
                                    .damaged = m.is_all ? on_damage : NULL, .busy = tell_busy, .arg = &m,
                                    .cancel = &c->progress.cancel};
    if (mount_check_dir(m.dir, e) || cli_open_reader(c, &access, e) || choose(&m, &access, w->items[0], e) ||
        vault_refresh(access.vault, report_damage, c, e))
        return -1;
    return mount_serve(&access, &o, e);
}

const struct command cmd_mount = {
    .name = "mount",
    .summary = "show snapshots as a directory in which one can look about",
    .operands = "SNAP|all DIR",
    .description =
        "Mounts a snapshot, or all of them, on an empty directory, read only, until the command is interrupted or "
        "somebody unmounts it. What is read comes straight from the vault, is verified, and stays in a "
        "cache of bounded size. A line says when it is ready. Disks are files, which programs may read at random.\n"
        "\n"
        "With `all`, DIR has snapshots/TIME-ID and hosts/HOST/TIME-ID, and links to them in tags/TAG and ids; `latest` is a "
        "link to the newest of its directory. Times are UTC. Snapshots that are made or forgotten meanwhile come "
        "and go within seconds; none is opened before somebody looks into it.\n"
        "\n"
        "Only the user who mounts can look, unless --allow-other is given (which needs user_allow_other in "
        "/etc/fuse.conf for those who are not root). A piece that is damaged gives an I/O error where it lies; everything "
        "else is there. `abri lock` keeps a snapshot from being forgotten and collected under its readers.",
    .examples = {{"abri -r /mnt/vault mount all /mnt/backup", "everything, by host and by time"},
                 {"abri -r /mnt/vault mount latest /mnt/backup", "the newest snapshot alone"},
                 {"abri -r /mnt/vault mount 3f2a91c0 /mnt/backup --allow-other --owner-root",
                  "for other users of this machine, too"}},
    .options = options,
    .option_count = OPTION_COUNT(options),
    .args_bytes = sizeof(struct mount_args),
    .run = run,
    .despite_log = true,
};
