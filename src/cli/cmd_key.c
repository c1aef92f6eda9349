/* SPDX-License-Identifier: Apache-2.0 */
/* abri key: the group, and what only looks: list, export-public. */
#include "cli/key_commands.h"
#include "cli/term.h"

#include "base/clock.h"
#include "base/mem.h"

#include <string.h>

/* ---- list ----------------------------------------------------------------------- */

static void json_key(struct cli *c, const struct key_entry *k)
{
    char text[PUBLIC_KEY_TEXT_BYTES];
    json_t *o = json_object_of("key");
    json_put_string(o, "id", k->name);
    if (k->problem[0]) {
        json_put_string(o, "problem", k->problem);
        json_emit(c, stdout, o);
        return;
    }
    public_key_format(k->info.public_key, text);
    json_put_string(o, "public_key", text);
    json_put_bool(o, "current", k->current);
    json_put_bool(o, "opened", k->opened);
    if (k->name[0])
        json_put_string(o, "label", k->info.label);
    if (k->info.made_ns)
        json_put_time(o, "made", k->info.made_ns);
    json_emit(c, stdout, o);
}

static void key_row(struct cli *c, struct table *t, const struct key_entry *k)
{
    char text[PUBLIC_KEY_TEXT_BYTES], id[16], public_key[24], made[CLOCK_TEXT_BYTES] = "";
    public_key_format(k->info.public_key, text);
    (void)snprintf(id, sizeof id, "%s%.8s", k->opened ? "*" : " ", k->name);
    (void)snprintf(public_key, sizeof public_key, "%.16s", k->problem[0] ? "" : text);
    if (k->info.made_ns)
        clock_format(k->info.made_ns, made);
    const char *state = k->problem[0]  ? "damaged"
                        : !k->current  ? "replaced"
                        : !k->name[0]  ? "elsewhere"
                                       : "in use";
    table_row(t, (const char *[]){id, public_key, state, made, k->info.label}, c->out_is_tty);
}

static int print_keys(struct cli *c, const struct key_listing *l, struct err *e)
{
    struct table t;
    if (c->global.json) {
        for (size_t i = 0; i < l->count; i++)
            json_key(c, &l->items[i]);
        return 0;
    }
    table_init(&t, 5);
    table_row(&t, (const char *[]){" ID", "Recovery key", "State", "Made", "Label"}, false);
    for (size_t i = 0; i < l->count; i++)
        key_row(c, &t, &l->items[i]);
    int rc = table_print(&t, stdout, e);
    table_done(&t);
    return rc;
}

/* A passphrase that was given is tried; nobody is asked for one. */
static int run_list(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    (void)args;
    CLEANUP(access_close) struct access a = {0};
    CLEANUP(key_listing_done) struct key_listing l = {0};
    char passphrase[PASSPHRASE_MAX];
    bool given = c->global.passphrase_file || c->has_passphrase;
    if (command_expect_words(&cmd_key_list, w, 0, 0, e) || cli_open(c, &a, e) ||
        (given && passphrase_ask(c, passphrase, e)))
        return -1;
    int rc = work_key_list(&a, given ? passphrase : NULL, &l, e);
    seal_wipe(passphrase, sizeof passphrase);
    return rc ? -1 : print_keys(c, &l, e);
}

const struct command cmd_key_list = {
    .name = "key list",
    .summary = "list what opens the vault",
    .operands = "",
    .description =
        "Lists the recovery keys of the vault: those that a passphrase opens, by the id of what wraps "
        "them, and those whose secret is kept elsewhere. Several passphrases may open one recovery "
        "key. Needs no passphrase; if one is given by file or environment, the keys that it opens "
        "are marked by a star.",
    .examples = {{"abri -r /mnt/vault key list", "all of them"},
                 {"abri -r /mnt/vault key list --json", "whole public keys, for a program"}},
    .run = run_list,
};

/* ---- export-public ----------------------------------------------------------------- */

static int run_export_public(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    (void)args;
    CLEANUP(access_close) struct access a = {0};
    CLEANUP(key_listing_done) struct key_listing l = {0};
    if (command_expect_words(&cmd_key_export_public, w, 0, 0, e) || cli_open(c, &a, e) ||
        work_key_list(&a, NULL, &l, e))
        return -1;
    for (size_t i = 0; i < l.count; i++) {
        const struct key_entry *k = &l.items[i];
        char text[PUBLIC_KEY_TEXT_BYTES];
        bool again = false;
        for (size_t j = 0; j < i; j++)
            again = again || memcmp(l.items[j].info.public_key, k->info.public_key, 32) == 0;
        if (k->problem[0] || !k->current || again)
            continue;
        public_key_format(k->info.public_key, text);
        if (c->global.json) {
            json_t *o = json_object_of("public_key");
            json_put_string(o, "public_key", text);
            json_emit(c, stdout, o);
        } else {
            say(c, "%s", text);
        }
    }
    return 0;
}

const struct command cmd_key_export_public = {
    .name = "key export-public",
    .summary = "print the public keys of the recipients",
    .operands = "",
    .description =
        "Prints the public key of each recipient, one a line. They are no secret: with one of them "
        "another vault makes this vault's key its recipient, so that one passphrase, sheet or "
        "set of shares opens both. Needs no passphrase.",
    .examples = {{"abri -r /mnt/escrow key export-public", "to be given to `abri key add --recipient`"},
                 {"abri -r /mnt/escrow key export-public --json", "the same for a program"}},
    .run = run_export_public,
};

/* ---- the group ------------------------------------------------------------------------ */

static const struct command *const verbs[] = {
    &cmd_key_list,  &cmd_key_add,   &cmd_key_passwd,        &cmd_key_remove,
    &cmd_key_rotate, &cmd_key_sheet, &cmd_key_split,         &cmd_key_combine,
    &cmd_key_reseal, &cmd_key_export_public, &cmd_key_generate, NULL,
};

const struct command cmd_key = {
    .name = "key",
    .summary = "see and change what opens the vault, on disk and on paper",
    .operands = "COMMAND",
    .description =
        "A vault is opened by a recovery key. `init` makes one and wraps it by a passphrase; here are "
        "further passphrases, further recovery keys (recipients), a new key in place of the old, and "
        "the key on paper, whole or in shares.",
    .verbs = verbs,
};
