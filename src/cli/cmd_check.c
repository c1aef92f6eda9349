/* SPDX-License-Identifier: Apache-2.0 */
/* abri check: finds damage, and names the files of the snapshots that it touches. */
#include "cli/amount.h"
#include "cli/check.h"
#include "cli/json_out.h"

#include "base/mem.h"

#include <inttypes.h>
#include <string.h>

struct check_args {
    bool read_data, keyless, repair;
    const char *subset;
    uint64_t challenge;
};

static const struct option_spec options[] = {
    {.name = "read-data", .kind = OPTION_FLAG, OPTION_AT(check_args, read_data),
     .help = "read every byte of every pack, not only its structure"},
    {.name = "read-data-subset", .kind = OPTION_TEXT, .arg = "PART", OPTION_AT(check_args, subset),
     .help = "read a part: 5% (other packs each time), 2/7 (the second of seven parts: all seven "
             "together are everything) or 10G"},
    {.name = "repair", .kind = OPTION_FLAG, OPTION_AT(check_args, repair),
     .help = "read every byte, mend what is damaged by its parity, and set aside packs that cannot be "
             "mended, so that the next backup stores it again"},
    {.name = "challenge", .kind = OPTION_NUMBER, .arg = "N", .min = 1, .max = UINT32_MAX, OPTION_AT(check_args, challenge),
     .help = "only ask for N chunks that snapshots need, drawn at random, and compare every byte with its hash; no passphrase. 4603 "
             "show with 99 % certainty whether one in a thousand is lost"},
    {.name = "keyless", .kind = OPTION_FLAG, OPTION_AT(check_args, keyless),
     .help = "ask for no passphrase; check what the keeper can, which names no files"},
};

/* ---- which packs --------------------------------------------------------------- */

static int add_len(void *arg, const char *name, uint64_t len_bytes, struct err *e)
{
    (void)name;
    (void)e;
    *(uint64_t *)arg += len_bytes;
    return 0;
}

static int parse_subset(const struct check_args *a, struct amount_subset *out, struct err *e)
{
    if (!amount_parse_subset(a->subset, out))
        return err_set(e, ERR_USAGE, "--read-data-subset: '%s' is none of 5%%, 2/7, 10G", a->subset);
    return 0;
}

/* Before anything is touched. */
static int judge_args(const struct check_args *a, struct err *e)
{
    struct amount_subset ignored;
    if (a->challenge && (a->repair || a->subset || a->read_data))
        return err_set(e, ERR_USAGE, "--challenge reads what it draws: leave out the other options");
    if (a->repair && a->subset)
        return err_set(e, ERR_USAGE, "--repair reads everything: leave out --read-data-subset");
    return a->subset ? parse_subset(a, &ignored, e) : 0;
}

static int choose_packs(const struct check_args *a, struct access *access,
                        struct check_options *o, struct err *e)
{
    struct amount_subset s;
    o->read_data = a->read_data || a->subset || a->repair;
    o->subset = 1;
    if (!a->subset)
        return 0;
    if (parse_subset(a, &s, e))
        return -1;
    if (s.kind == SUBSET_PART) { /* no seed: the parts must add up from run to run */
        o->subset = 1.0 / (double)s.parts;
        o->subset_from = (double)(s.part - 1) / (double)s.parts;
        return 0;
    }
    seal_random(&o->seed, sizeof o->seed);
    uint64_t total = 0;
    if (s.kind == SUBSET_SIZE && store_list(access->store, "packs", add_len, &total, e))
        return -1;
    o->subset = s.kind == SUBSET_SHARE ? s.share
                : total > s.size_bytes ? (double)s.size_bytes / (double)total
                                       : 1;
    /* In a small vault a small share would mostly be nothing. */
    uint32_t packs = vault_pack_count(access->vault);
    if (packs && o->subset * packs < 1)
        o->subset = 1.0 / packs;
    return 0;
}

/* ---- pieces at random --------------------------------------------------------------- */

static void tell_challenge(struct cli *c, const struct vault_challenge_result *r)
{
    char size[AMOUNT_TEXT_BYTES];
    if (c->global.json) {
        json_t *o = json_object_of("challenge");
        json_put_number(o, "snapshots", r->snapshots);
        json_put_number(o, "needed", r->needed);
        json_put_number(o, "asked", r->asked);
        json_put_number(o, "bytes_read", r->bytes);
        json_put_number(o, "bad", r->bad);
        json_put_number(o, "damaged", r->damaged);
        json_put_real(o, "certainty", r->certainty);
        json_emit(c, stdout, o);
        return;
    }
    amount_format_size(r->bytes, size);
    say_note(c, "asked for %" PRIu64 " of %" PRIu64 " chunks that %" PRIu64 " snapshot%s need%s, at random: %s, every byte compared",
             r->asked, r->needed, r->snapshots, PLURAL(r->snapshots), r->snapshots == 1 ? "s" : "", size);
    if (!r->damaged)
        say_note(c, "all are as they should be; were one in a thousand lost, that would have shown with a certainty of %.1f %%",
                 100 * r->certainty);
}

static int run_challenge(struct cli *c, const struct check_args *a, struct err *e)
{
    CLEANUP(access_close) struct access access = {0};
    struct vault_challenge_result r = {0};
    if (cli_open(c, &access, e) || vault_challenge(access.vault, a->challenge, report_damage, c, &r, e))
        return -1;
    tell_challenge(c, &r);
    if (!r.damaged)
        return 0;
    return err_set(e, ERR_DAMAGED, "of %" PRIu64 " chunks drawn %" PRIu64 " are not as they should be, or packs are missing: "
                   "`abri check --read-data` finds all of it",
                   r.asked, r.bad);
}

/* ---- the command --------------------------------------------------------------- */

static int run(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct check_args *a = args;
    CLEANUP(access_close) struct access access = {0};
    struct check_options o = check_options_of(c);
    struct check_result result = {0};
    struct vault_repair_result mended = {0}, *m = a->repair ? &mended : NULL;
    if (command_expect_words(&cmd_check, w, 0, 0, e) || judge_args(a, e))
        return -1;
    if (a->challenge)
        return run_challenge(c, a, e);
    if ((m && check_mend(c, NULL, &o, m, e)) ||
        (a->keyless ? cli_open(c, &access, e) : cli_open_reader(c, &access, e)) ||
        choose_packs(a, &access, &o, e) || check_look(c, &access, &o, &result, e))
        return -1;
    check_tell(c, &result, &o, m);
    return check_verdict(&result, e);
}

static const struct command_profile in_profile = {0};

const struct command cmd_check = {
    .name = "check",
    .summary = "look for damage and name the files that it touches",
    .operands = "",
    .description =
        "Checks that every object of the vault is there and is what its name and signatures say; with "
        "the passphrase, also every tree, and that all it names is held. With --read-data every stored "
        "byte is read, every seal opened, every chunk compared with its name. Damage is told as the "
        "files of the snapshots that it touches, and the exit status is 1. --repair first mends by "
        "parity, without a key: of packs what a few lost sectors or a burst of up to 3 % took; of all "
        "other objects, records and keys among them, anything up to the whole, save that a missing key "
        "is not brought back, for it may have been removed. A pack that cannot be mended is kept, for what is left in it, but no backup builds on it any more.",
    .examples = {{"abri -r /mnt/vault check --read-data", "everything"},
                 {"abri -r /mnt/vault check --repair", "everything, and mend what can be mended"},
                 {"abri -r https://backup.example check --challenge 4603", "whether a server still has it all, for some seconds' work"},
                 {"abri -r /mnt/vault check --keyless --read-data-subset 1/7",
                  "a seventh, by a keeper, on Mondays"}},
    .options = options,
    .option_count = OPTION_COUNT(options),
    .args_bytes = sizeof(struct check_args),
    .run = run,
    .profile = &in_profile,
};
