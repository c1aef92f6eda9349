/* SPDX-License-Identifier: Apache-2.0 */
/* abri key add, passwd, remove, rotate, reseal. */
#include "cli/key_commands.h"

#include "base/mem.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

struct change_args {
    struct new_passphrase_args new;
    const char *recipient;
};

/* ---- add --------------------------------------------------------------------------- */

static const struct option_spec add_options[] = {
    {.name = "recipient", .kind = OPTION_TEXT, .arg = "KEY", OPTION_AT(change_args, recipient),
     .help = "add this public key, or the one in this file, instead of a passphrase"},
    NEW_PASSPHRASE_OPTIONS(change_args, new),
};

/* The key itself, or a file that holds it. */
static int parse_recipient(const char *text, uint8_t out[32], struct err *e)
{
    CLEANUP(buf_done) struct buf file = {0};
    if (strncmp(text, PUBLIC_KEY_PREFIX, strlen(PUBLIC_KEY_PREFIX)) == 0 ||
        access(text, F_OK) != 0)
        return public_key_parse(text, out, e);
    if (secret_file_read(text, &file, e))
        return -1;
    buf_put_u8(&file, 0);
    if (file.failed)
        return err_no_memory(e, text);
    return public_key_parse((const char *)file.data, out, e) ? err_wrap(e, "'%s'", text) : 0;
}

static int add_recipient(struct cli *c, const struct change_args *a, struct err *e)
{
    CLEANUP(access_close) struct access access = {0};
    uint8_t public_key[32];
    struct reseal_result r = {0};
    if (parse_recipient(a->recipient, public_key, e) || cli_open_owner(c, &access, e) ||
        work_key_add_recipient(&access, public_key, report_session_problem, c, &r, e))
        return -1;
    say_note(c, "recipient added: its secret key opens every snapshot, those of before included");
    say_resealed(c, &r);
    json_keys_changed(c, "add", NULL, &r);
    return check_resealed(&r, e);
}

static int add_passphrase(struct cli *c, const struct change_args *a, struct err *e)
{
    CLEANUP(access_close) struct access access = {0};
    struct new_passphrase p;
    char text[PASSPHRASE_MAX], name[KEY_NAME_BYTES];
    if (new_passphrase_of(&a->new, &p, e) || cli_open_owner(c, &access, e))
        return -1;
    int rc = passphrase_ask_further(c, a->new.file, text, e);
    p.text = text;
    if (rc == 0)
        rc = work_key_add(&access, &p, name, e);
    seal_wipe(text, sizeof text);
    if (rc)
        return -1;
    say_note(c, "key %.8s added: the new passphrase opens the vault, and so do those of before",
             name);
    json_keys_changed(c, "add", name, NULL);
    return 0;
}

static int run_add(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct change_args *a = args;
    if (command_expect_words(&cmd_key_add, w, 0, 0, e))
        return -1;
    return a->recipient ? add_recipient(c, a, e) : add_passphrase(c, a, e);
}

const struct command cmd_key_add = {
    .name = "key add",
    .summary = "add a passphrase, or another recipient's public key",
    .operands = "",
    .description =
        "Adds another passphrase for the recovery key that the present one opens. With --recipient, "
        "adds a recovery key whose secret is somewhere else: every session's key is sealed for it, "
        "too, so that it opens all snapshots, those of before included. No data is rewritten.",
    .examples = {{"abri -r /mnt/vault key add --label boss", "another passphrase"},
                 {"abri -r /mnt/vault key add --recipient escrow.pub", "a key that lies in a safe"}},
    .options = add_options,
    .option_count = OPTION_COUNT(add_options),
    .args_bytes = sizeof(struct change_args),
    .run = run_add,
};

/* ---- passwd -------------------------------------------------------------------------- */

static const struct option_spec passphrase_options[] = {NEW_PASSPHRASE_OPTIONS(change_args, new)};

static int run_passwd(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct change_args *a = args;
    CLEANUP(access_close) struct access access = {0};
    struct new_passphrase p;
    char text[PASSPHRASE_MAX], name[KEY_NAME_BYTES];
    if (command_expect_words(&cmd_key_passwd, w, 0, 0, e) || new_passphrase_of(&a->new, &p, e) ||
        cli_open_owner(c, &access, e))
        return -1;
    int rc = passphrase_ask_further(c, a->new.file, text, e);
    p.text = text;
    if (rc == 0)
        rc = work_key_passwd(&access, &p, name, e);
    seal_wipe(text, sizeof text);
    if (rc)
        return -1;
    say_note(c, "the passphrase was changed");
    say_note(c, "Whoever knows the old one and has a copy of the vault's keys/ from before still has "
                "the recovery key: if that may be so, `abri key rotate` makes a new one.");
    json_keys_changed(c, "passwd", name, NULL);
    return 0;
}

const struct command cmd_key_passwd = {
    .name = "key passwd",
    .summary = "change the passphrase",
    .operands = "",
    .description =
        "Wraps the recovery key by a new passphrase and removes what the present one opens. The "
        "recovery key stays: its sheets and shares still open the vault.",
    .examples = {{"abri -r /mnt/vault key passwd", "asks for the old one and twice for the new one"},
                 {"abri -r /mnt/vault --passphrase-file old key passwd --new-passphrase-file new",
                  "from a script"}},
    .options = passphrase_options,
    .option_count = OPTION_COUNT(passphrase_options),
    .args_bytes = sizeof(struct change_args),
    .run = run_passwd,
};

/* ---- remove ----------------------------------------------------------------------------- */

static int run_remove(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    (void)args;
    CLEANUP(access_close) struct access access = {0};
    CLEANUP(key_listing_done) struct key_listing l = {0};
    const struct key_entry *k;
    struct reseal_result r = {0};
    bool recipient;
    if (command_expect_words(&cmd_key_remove, w, 1, 1, e) || cli_open_owner(c, &access, e) ||
        work_key_list(&access, NULL, &l, e) || key_listing_find(&l, w->items[0], &k, e))
        return -1;
    if (k->problem[0])
        return err_set(e, ERR_DAMAGED, "%s: %s", k->name, k->problem);
    if (work_key_remove(&access, k, report_session_problem, c, &recipient, &r, e))
        return -1;
    if (recipient)
        say_note(c, "removed, also from the recipients: its key opens no snapshot to come");
    else
        say_note(c, "removed: that passphrase opens the vault no more");
    if (recipient)
        say_resealed(c, &r);
    say_note(c, "Whoever has a copy of the key and of the vault from before keeps what was in it "
                "then%s.",
             recipient ? "" : "; `abri key rotate` makes a new recovery key");
    json_keys_changed(c, "remove", k->name, &r);
    return check_resealed(&r, e);
}

const struct command cmd_key_remove = {
    .name = "key remove",
    .summary = "remove a passphrase or a recipient",
    .operands = "ID",
    .description =
        "Removes what `key list` shows under ID: the beginning of an id, or of the public key of a "
        "recipient. When the last passphrase of a recovery key goes, that key is no recipient any "
        "more. The last key that a passphrase opens cannot be removed.",
    .examples = {{"abri -r /mnt/vault key remove 3f2a91c0", "one passphrase"},
                 {"abri -r /mnt/vault key remove abri-pk-82a35b39", "a recipient"}},
    .run = run_remove,
};

/* ---- rotate -------------------------------------------------------------------------------- */

static void tell_rotated(struct cli *c, const char *name, uint64_t dropped,
                         const struct reseal_result *r)
{
    say_note(c, "key %.8s is the vault's new recovery key; the old one opens the vault no more",
             name);
    say_resealed(c, r);
    if (dropped > 1)
        say_note(c, "%" PRIu64 " other passphrase%s of the old key went with it: add %s again with "
                    "`abri key add`",
                 dropped - 1, PLURAL(dropped - 1), dropped == 2 ? "it" : "them");
    say_note(c, "%s", "");
    say_note(c, "What the old key could open: every snapshot until now, for whoever has the old key "
                "and a copy of the vault's keys/, recipients/ or sessions/ from before. That cannot be "
                "taken back, and the data was not rewritten. Snapshots from now on it cannot open.");
    say_note(c, "It could also see the owner's key, with which recipients and writers are named. If a "
                "stranger had it, and can write to the vault, make a new vault.");
    say_note(c, "Sheets and shares of the old key are void: print new ones.");
}

/* By the passphrase that opened the vault, unless another is given. */
static int choose_passphrase(struct cli *c, const struct change_args *a, char out[PASSPHRASE_MAX],
                             struct err *e)
{
    if (a->new.file || c->has_new_passphrase || c->global.key_file)
        return passphrase_ask_further(c, a->new.file, out, e);
    memcpy(out, c->kept, PASSPHRASE_MAX);
    return 0;
}

static int run_rotate(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct change_args *a = args;
    CLEANUP(access_close) struct access access = {0};
    struct new_passphrase p;
    struct reseal_result r = {0};
    char text[PASSPHRASE_MAX], name[KEY_NAME_BYTES];
    uint64_t dropped;
    c->keep_passphrase = true;
    if (command_expect_words(&cmd_key_rotate, w, 0, 0, e) || new_passphrase_of(&a->new, &p, e) ||
        cli_open_owner(c, &access, e))
        return -1;
    int rc = choose_passphrase(c, a, text, e);
    p.text = text;
    if (rc == 0)
        rc = work_key_rotate(&access, &p, report_session_problem, c, name, &dropped, &r, e);
    seal_wipe(text, sizeof text);
    if (rc)
        return -1;
    tell_rotated(c, name, dropped, &r);
    json_keys_changed(c, "rotate", name, &r);
    return check_resealed(&r, e);
}

const struct command cmd_key_rotate = {
    .name = "key rotate",
    .summary = "make a new recovery key in place of the old one",
    .operands = "",
    .description =
        "Makes a new recovery key, seals every session's key for it, wraps it by the passphrase that was "
        "given (or by a new one), and removes what the old key opened. For when a sheet, a share or a "
        "passphrase may be in wrong hands. Costs a few hundred bytes a snapshot; data is not "
        "rewritten. Backups may run meanwhile. Cut short, the vault is open to the old key, the new one "
        "or both, and `abri key reseal` finishes the work.",
    .examples = {{"abri -r /mnt/vault key rotate", "the same passphrase, a new key behind it"},
                 {"abri -r /mnt/vault key rotate --new-passphrase-file new.txt", "both new"}},
    .options = passphrase_options,
    .option_count = OPTION_COUNT(passphrase_options),
    .args_bytes = sizeof(struct change_args),
    .run = run_rotate,
};

/* ---- reseal -------------------------------------------------------------------------------- */

static int run_reseal(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    (void)args;
    CLEANUP(access_close) struct access access = {0};
    struct reseal_result r = {0};
    if (command_expect_words(&cmd_key_reseal, w, 0, 0, e) || cli_open_owner(c, &access, e) ||
        work_reseal(&access, report_session_problem, c, &r, e))
        return -1;
    say_resealed(c, &r);
    json_keys_changed(c, "reseal", NULL, &r);
    return check_resealed(&r, e);
}

const struct command cmd_key_reseal = {
    .name = "key reseal",
    .summary = "finish a change of keys that was cut short",
    .operands = "",
    .description =
        "Seals what is not yet sealed for every recipient of today, and removes what only earlier keys "
        "could open. `key add`, `remove` and `rotate` do this themselves; run it if one of them was "
        "interrupted. Any number of times.",
    .examples = {{"abri -r /mnt/vault key reseal", "go on"},
                 {"abri -r /mnt/vault key reseal --json", "and count, for a program"}},
    .run = run_reseal,
};
