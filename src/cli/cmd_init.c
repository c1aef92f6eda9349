/* SPDX-License-Identifier: Apache-2.0 */
/* abri init: makes a vault, and this machine its first writer. */
#include "cli/json_out.h"

#include "base/mem.h"

#include <string.h>

struct init_args {
    const char *machine;
    const char *replica_of, *new_passphrase_file;
    bool shared, new_passphrase;
    uint64_t kdf_memory_mib, kdf_passes;
};

static const struct option_spec options[] = {
    {.name = "machine", .kind = OPTION_TEXT, .arg = "NAME", OPTION_AT(init_args, machine),
     .help = "what the keeper shall call this machine (default: its host name)"},
    {.name = "shared", .kind = OPTION_FLAG, OPTION_AT(init_args, shared),
     .help = "let all writers of the vault share chunks: saves space among machines that trust "
             "each other, for they can then probe for each other's content"},
    {.name = "replica-of", .kind = OPTION_TEXT, .arg = "VAULT", OPTION_AT(init_args, replica_of),
     .help = "make an empty replica of that vault: with its keys and writers, and a keeper of its own"},
    {.name = "new-passphrase", .kind = OPTION_FLAG, OPTION_AT(init_args, new_passphrase),
     .help = "let another passphrase open the replica (ABRI_NEW_PASSPHRASE, or it is asked for)"},
    {.name = "new-passphrase-file", .kind = OPTION_TEXT, .arg = "FILE",
     OPTION_AT(init_args, new_passphrase_file), .help = "the same, read from this file"},
    {.name = "kdf-memory", .kind = OPTION_NUMBER, .arg = "MIB", .min = 1, .max = 4096,
     OPTION_AT(init_args, kdf_memory_mib),
     .help = "memory that each guess at the passphrase must cost (default: 64)"},
    {.name = "kdf-passes", .kind = OPTION_NUMBER, .arg = "N", .min = 1, .max = 64,
     OPTION_AT(init_args, kdf_passes),
     .help = "passes over that memory (default: 3)"},
};

static int check_machine(const char *name, struct err *e)
{
    if (!name)
        return 0;
    size_t len = strlen(name);
    if (len == 0 || len > WRITER_MACHINE_MAX)
        return err_set(e, ERR_USAGE, "--machine: a name has 1 to %d bytes", WRITER_MACHINE_MAX);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
            return err_set(e, ERR_USAGE, "--machine: a name has no control characters");
    return 0;
}

static void tell(struct cli *c, const char *location, const uint8_t id[UID_BYTES])
{
    char hex[2 * UID_BYTES + 1];
    hex_encode(id, UID_BYTES, hex);
    if (c->global.json) {
        char key[sizeof c->config_dir + 64];
        (void)snprintf(key, sizeof key, "%s/writers/%s", c->dirs.config, hex);
        json_t *o = json_object_of("initialized");
        json_put_string(o, "id", hex);
        json_put_string(o, "vault", location);
        json_put_string(o, "writer_key", key);
        json_emit(c, stdout, o);
        return;
    }
    say_note(c, "vault %s made at %s", hex, location);
    say_note(c, "writer key of this machine: %s/writers/%s", c->dirs.config, hex);
    say_note(c, "%s", "");
    say_note(c, "Backing up needs no passphrase: the writer key can add snapshots, not read them.");
    say_note(c, "Restoring needs the passphrase. Keep it somewhere that is not this machine:");
    say_note(c, "without it the data is lost. Nobody can reset it, and there is no other way in.");
}

/* ---- replicas ------------------------------------------------------------------------ */

static void tell_replica(struct cli *c, const char *location, const struct access *of,
                         const struct init_args *a)
{
    char hex[2 * UID_BYTES + 1];
    hex_encode(vault_get_info(of->vault)->id, UID_BYTES, hex);
    if (c->global.json) {
        json_t *o = json_object_of("initialized");
        json_put_string(o, "id", hex);
        json_put_string(o, "vault", location);
        json_put_string(o, "replica_of", a->replica_of);
        json_emit(c, stdout, o);
        return;
    }
    say_note(c, "replica of vault %s made at %s; it is empty", hex, location);
    say_note(c, "`abri -r %s copy --to %s` fills it", a->replica_of, location);
}

static int make_replica(struct cli *c, const struct init_args *a, const struct init_options *i,
                        struct err *e)
{
    CLEANUP(access_close) struct access of = {0};
    char text[PASSPHRASE_MAX];
    struct replica_options o = {.location = i->location, .cost = i->cost};
    bool own = a->new_passphrase || a->new_passphrase_file;
    if (a->shared || a->machine)
        return err_set(e, ERR_USAGE,
                       "--replica-of takes over whether the vault is shared, and its machines: leave "
                       "--shared and --machine out");
    if (cli_open_owner_at(c, a->replica_of, &of, e) ||
        (own && passphrase_ask_further(c, a->new_passphrase_file, text, e)))
        return -1;
    o.passphrase = own ? text : NULL;
    int rc = work_init_replica(&of, &o, e);
    seal_wipe(text, sizeof text);
    if (rc == 0)
        tell_replica(c, o.location, &of, a);
    return rc;
}

static int run(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct init_args *a = args;
    struct init_options o = {.machine = a->machine, .shared = a->shared,
                             .cost = KDF_COST_DEFAULT};
    uint8_t id[UID_BYTES];
    if (a->kdf_memory_mib)
        o.cost.memory_kib = (uint32_t)a->kdf_memory_mib << 10;
    if (a->kdf_passes)
        o.cost.passes = (uint32_t)a->kdf_passes;
    if (command_expect_words(&cmd_init, w, 0, 0, e) || cli_location(c, &o.location, e) ||
        check_machine(a->machine, e))
        return -1;
    if (a->replica_of)
        return make_replica(c, a, &o, e);
    if (a->new_passphrase || a->new_passphrase_file)
        return err_set(e, ERR_USAGE, "--new-passphrase is for a replica: see --replica-of");
    if (access_is_far(o.location) ? work_init_far(&o, &c->dirs, passphrase_ask_new, c, id, e)
                                  : work_init(&o, &c->dirs, passphrase_ask_new, c, id, e))
        return -1;
    tell(c, o.location, id);
    return 0;
}

const struct command cmd_init = {
    .name = "init",
    .summary = "make a vault and enrol this machine as its writer",
    .operands = "",
    .description =
        "Makes a vault in an empty or new directory. Its keys are made here: a recovery key, wrapped "
        "by the passphrase and kept in the vault, and a writer key, kept on this machine only.\n"
        "\n"
        "The writer key adds snapshots and reads nothing, so that backups run unattended and a "
        "stolen machine does not open the vault. Restoring, listing names and full checks ask for "
        "the passphrase. If it is lost, so is the data.\n"
        "\n"
        "With --replica-of, makes an empty replica of another vault, which needs that one's passphrase. The "
        "replica opens with the same keys, keeps its own time, locks and rules, and is filled by `abri "
        "copy`. The writers of the one may back up to the other, too.",
    .examples = {{"abri init --vault /mnt/disk/vault", "make a vault on a disk, asking for a passphrase"},
                 {"abri -r /srv/vault init --machine web1 --passphrase-file /root/pass",
                  "the same from a script"},
                 {"abri -r /mnt/offsite/vault init --replica-of /mnt/vault",
                  "a second place for the same snapshots"}},
    .options = options,
    .option_count = OPTION_COUNT(options),
    .args_bytes = sizeof(struct init_args),
    .run = run,
};
