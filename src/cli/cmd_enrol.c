/* SPDX-License-Identifier: Apache-2.0 */
/* abri enrol: makes this machine, or a person, known to a server. */
#include "cli/admin.h"

#include "base/mem.h"
#include "cli/key_commands.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct enrol_args {
    const char *name, *token_file;
    bool again, no_vault;
    uint64_t kdf_memory_mib, kdf_passes;
};

static const struct option_spec options[] = {
    {.name = "name", .kind = OPTION_TEXT, .arg = "NAME", OPTION_AT(enrol_args, name),
     .help = "what the server shall call this machine or person (default: the host's name)"},
    {.name = "token-file", .kind = OPTION_TEXT, .arg = "FILE", OPTION_AT(enrol_args, token_file),
     .help = "read the token from this file, or `-` for standard input, instead of the command line"},
    {.name = "no-vault", .kind = OPTION_FLAG, OPTION_AT(enrol_args, no_vault),
     .help = "make no vault now: `abri init --vault URL` does it later"},
    {.name = "again", .kind = OPTION_FLAG, OPTION_AT(enrol_args, again),
     .help = "forget the identity that this machine has at that server, and enrol anew"},
    {.name = "kdf-memory", .kind = OPTION_NUMBER, .arg = "MIB", .min = 1, .max = 4096,
     OPTION_AT(enrol_args, kdf_memory_mib),
     .help = "memory that each guess at the new vault's passphrase must cost (default: 64)"},
    {.name = "kdf-passes", .kind = OPTION_NUMBER, .arg = "N", .min = 1, .max = 64,
     OPTION_AT(enrol_args, kdf_passes), .help = "passes over that memory (default: 3)"},
};

/* One line; wiped by the caller. */
static int read_token(const char *file, char out[256], struct err *e)
{
    FILE *f = strcmp(file, "-") == 0 ? stdin : fopen(file, "re");
    if (!f)
        return err_set(e, ERR_USAGE, "--token-file: '%s' cannot be read", file);
    bool got = fgets(out, 256, f) != NULL;
    if (f != stdin)
        (void)fclose(f);
    if (!got)
        return err_set(e, ERR_USAGE, "--token-file: '%s' holds no token", file);
    out[strcspn(out, "\r\n")] = '\0';
    return 0;
}

static void tell(struct cli *c, const char *url, const struct remote_identity *who,
                 const uint8_t *vault)
{
    char hex[2 * UID_BYTES + 1] = "";
    if (vault)
        hex_encode(vault, UID_BYTES, hex);
    if (c->global.json) {
        json_t *o = json_object_of("enrolled");
        json_put_string(o, "url", url);
        json_put_string(o, "id", who->id);
        json_put_string(o, "identity", who->type);
        json_put_string(o, "name", who->name);
        json_put_string(o, "tenant", who->tenant);
        if (vault)
            json_put_string(o, "vault", hex);
        json_put_bool(o, "restore", who->restore);
        json_emit(c, stdout, o);
        return;
    }
    say_note(c, "%s '%s' is enrolled at %s%s%s", who->type, who->name, url,
             *who->tenant ? ", tenant " : "", who->tenant);
    if (!vault)
        return;
    say_note(c, "its vault is %s", hex);
    say_note(c, "%s", "");
    say_note(c, "`abri --vault %s backup PATH` backs up, without a passphrase.", url);
    say_note(c, "Restoring needs the passphrase%s. Keep it somewhere that is not",
             who->restore ? "" : " and the server's leave");
    say_note(c, "this machine: without it the data is lost, and nobody can reset it.");
}

static int make_vault(struct cli *c, const struct enrol_args *a, const char *url,
                      const struct remote_identity *who, uint8_t vault[UID_BYTES], struct err *e)
{
    struct init_options o = {.location = url, .machine = who->name, .shared = who->shared,
                             .cost = KDF_COST_DEFAULT};
    if (a->kdf_memory_mib)
        o.cost.memory_kib = (uint32_t)a->kdf_memory_mib << 10;
    if (a->kdf_passes)
        o.cost.passes = (uint32_t)a->kdf_passes;
    if (work_init_far(&o, &c->dirs, passphrase_ask_new, c, vault, e))
        return err_wrap(e, "enrolled, but without a vault yet (`abri init --vault %s` goes on)", url);
    return 0;
}

static int not_joined(const struct remote_identity *who, const char *location, struct err *e)
{
    char successor[64] = "", hex[9];
    hex_encode(who->writer, 4, hex);
    if (who->has_writer)
        (void)snprintf(successor, sizeof successor, " --successor-of %s", hex);
    return err_wrap(e, "enrolled, but not as a writer of the vault yet (`abri --vault %s writer add%s` goes on)",
                    location, successor);
}

/* A vault that is there: its owner's passphrase certifies this machine as a further writer. */
static int join_vault(struct cli *c, const char *url, const struct remote_identity *who, struct err *e)
{
    const struct remote_where where = admin_where(c);
    const struct writer_add_options o = {.machine = who->name,
                                         .predecessor = who->has_writer ? who->writer : NULL,
                                         .replace = true};
    CLEANUP(access_close) struct access a = {0};
    struct remote *r = NULL;
    char location[400], hex[2 * UID_BYTES + 1];
    uint8_t id[UID_BYTES];
    hex_encode(who->vault, UID_BYTES, hex);
    (void)snprintf(location, sizeof location, "%s/%s", url, hex);
    if (cli_open_owner_at(c, location, &a, e) || work_writer_add(&a, &c->dirs, &o, id, e) ||
        remote_connect(&where, url, &r, e))
        return not_joined(who, location, e);
    int rc = remote_note_vault(r, who->vault, e);
    remote_close(r);
    return rc;
}

static int enrol(struct cli *c, const struct enrol_args *a, const char *url, const char *token,
                 struct err *e)
{
    const struct remote_where where = admin_where(c);
    const struct remote_enrolment o = {.url = url, .token = token, .name = a->name};
    struct remote_identity who;
    uint8_t vault[UID_BYTES];
    bool has_vault = false;
    if (a->again && remote_forget(&where, url, e) && e->cls != ERR_NOT_FOUND)
        return -1;
    if (remote_enrol(&where, &o, &who, e))
        return -1;
    if (strcmp(who.type, "machine") == 0 && !a->no_vault) {
        memcpy(vault, who.vault, UID_BYTES);
        if (who.has_vault ? join_vault(c, url, &who, e) : make_vault(c, a, url, &who, vault, e))
            return -1;
        has_vault = true;
    }
    tell(c, url, &who, has_vault ? vault : NULL);
    return 0;
}

static int run(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct enrol_args *a = args;
    char token[256] = "";
    if (command_expect_words(&cmd_enrol, w, 1, a->token_file ? 1 : 2, e))
        return -1;
    if (w->count < 2 && !a->token_file)
        return err_set(e, ERR_USAGE, "which token? Name it, or give --token-file");
    if (a->token_file && read_token(a->token_file, token, e))
        return -1;
    int rc = enrol(c, a, w->items[0], a->token_file ? token : w->items[1], e);
    explicit_bzero(token, sizeof token);
    return rc;
}

const struct command cmd_enrol = {
    .name = "enrol",
    .summary = "make this machine known to a server",
    .operands = "URL [TOKEN]",
    .description =
        "Makes a key, learns from the token who the server is, and gets a certificate from it; then makes this "
        "machine's vault there, with a passphrase of your own, which the server never sees. An operator of the "
        "server makes the token; it is good once.\n\n"
        "Afterwards `--vault URL` is a vault like any other: backup, snapshots, restore. The certificate is "
        "renewed by backups; one that is not used for 30 days ends by itself.\n\n"
        "With a token for a person, makes that person's certificate, for `abri admin`.",
    .examples = {{"abri enrol https://backup.example:8443 abri-mfra…", "this machine, and its vault"},
                 {"abri enrol https://backup.example:8443 --token-file -", "the token from standard input"}},
    .options = options,
    .option_count = OPTION_COUNT(options),
    .args_bytes = sizeof(struct enrol_args),
    .run = run,
};
