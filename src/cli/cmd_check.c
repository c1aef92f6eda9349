/* SPDX-License-Identifier: Apache-2.0 */
/* abri check: finds damage, and names the files of the snapshots that it touches. */
#include "cli/amount.h"
#include "cli/json_out.h"

#include "base/clock.h"
#include "base/mem.h"

#include <inttypes.h>
#include <string.h>

struct check_args {
    bool read_data, keyless, repair;
    const char *subset;
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
    {.name = "keyless", .kind = OPTION_FLAG, OPTION_AT(check_args, keyless),
     .help = "ask for no passphrase; check what the keeper can, which names no files"},
};

static void on_touched(void *arg, const struct snapshot *s, const char *path)
{
    struct cli *c = arg;
    char id[SHORT_ID_BYTES], time[CLOCK_TEXT_BYTES];
    short_id(s->id, id);
    const char *slash = *path == '/' ? "" : "/";
    if (c->global.json) {
        CLEANUP(buf_done) struct buf text = {0};
        json_t *o = json_object_of("touched");
        buf_put(&text, slash, strlen(slash));
        buf_put(&text, path, strlen(path));
        json_put_hex(o, "snapshot_id", s->id, ID_BYTES);
        json_put_time(o, "time", s->dated_ns);
        json_put_text(o, "path", text.failed ? "" : (const char *)text.data, text.len);
        json_emit(c, stdout, o);
        return;
    }
    clock_format(s->dated_ns, time);
    say(c, "damaged in snapshot %s of %s: %s%s", id, time, slash, path);
}

static void on_mended(void *arg, const char *object, const char *message)
{
    struct cli *c = arg;
    if (!c->global.json) {
        say(c, "mended: %s: %s", object, message);
        return;
    }
    json_t *o = json_object_of("mended");
    json_put_text(o, "object", object, strlen(object));
    json_put_text(o, "message", message, strlen(message));
    json_emit(c, stdout, o);
}

static void on_skipped(void *arg, const char *object, const char *message)
{
    struct err why = ERR_INIT;
    (void)err_set(&why, ERR_NEWER, "left as it is: %s", message);
    report_problem(arg, object, &why);
}

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

/* ---- what was found --------------------------------------------------------------- */

/* `m`: NULL without --repair. */
static void tell_json(struct cli *c, const struct check_result *r, const struct check_options *o,
                      const struct vault_repair_result *m)
{
    json_t *j = json_object_of("summary");
    json_put_number(j, "snapshots", r->vault.snapshots);
    json_put_number(j, "packs", r->vault.packs);
    json_put_number(j, "frames", r->vault.frames);
    json_put_number(j, "bytes_read", r->vault.bytes_read);
    json_put_number(j, "entries", r->entries);
    json_put_number(j, "damaged", r->vault.damaged);
    json_put_number(j, "files_touched", r->touched);
    json_put_bool(j, "with_key", r->with_key);
    json_put_bool(j, "read_data", o->read_data);
    if (m) {
        json_put_number(j, "packs_mended", m->packs_mended);
        json_put_number(j, "packs_lost", m->packs_lost);
        json_put_number(j, "bytes_mended", m->bytes_mended);
        json_put_number(j, "objects_mended", m->objects_mended);
        json_put_number(j, "objects_lost", m->objects_lost);
        json_put_number(j, "copies_removed", m->copies_removed);
        json_put_number(j, "parity_made", m->parity_made);
        json_put_number(j, "parity_mended", m->parity_mended);
        json_put_number(j, "skipped", m->skipped);
    }
    json_emit(c, stdout, j);
}

static void tell_repair(struct cli *c, const struct vault_repair_result *m)
{
    say_note(c,
             "mended %" PRIu64 " pack%s and %" PRIu64 " other object%s; parity made for %" PRIu64
             ", mended for %" PRIu64,
             m->packs_mended, PLURAL(m->packs_mended), m->objects_mended,
             PLURAL(m->objects_mended), m->parity_made, m->parity_mended);
    if (m->packs_lost)
        say_note(c, "%" PRIu64 " pack%s could not be mended: kept, and set aside", m->packs_lost,
                 PLURAL(m->packs_lost));
    if (m->objects_lost)
        say_note(c, "%" PRIu64 " other object%s could not be mended: kept", m->objects_lost,
                 PLURAL(m->objects_lost));
}

static bool has_mended(const struct vault_repair_result *m)
{
    return m && m->packs_mended + m->objects_mended + m->copies_removed + m->parity_mended > 0;
}

static void tell_people(struct cli *c, const struct check_result *r, const struct check_options *o,
                        const struct vault_repair_result *m)
{
    char size[AMOUNT_TEXT_BYTES];
    amount_format_size(r->vault.bytes_read, size);
    say_note(c, "checked %" PRIu64 " snapshot%s, %" PRIu64 " pack%s, %" PRIu64 " frame%s",
             r->vault.snapshots, PLURAL(r->vault.snapshots), r->vault.packs,
             PLURAL(r->vault.packs), r->vault.frames, PLURAL(r->vault.frames));
    if (r->with_key)
        say_note(c, "checked the trees: %" PRIu64 " entries", r->entries);
    else
        say_note(c, "checked without a key: seals and trees were not opened");
    if (o->read_data)
        say_note(c, "read %s of the vault%s", size, o->subset < 1 ? ", a part" : "");
    else
        say_note(c, "the content of packs was not read: --read-data does that");
    if (m)
        tell_repair(c, m);
    if (r->vault.damaged == 0 && r->touched == 0)
        say_note(c, "%s", has_mended(m) ? "no damage is left" : "no damage was found");
}

static int verdict(const struct check_result *r, struct err *e)
{
    if (r->vault.damaged == 0 && r->touched == 0)
        return 0;
    if (!r->with_key)
        return err_set(e, ERR_DAMAGED,
                       "damage was found in %" PRIu64 " place%s: run check with the passphrase to "
                       "learn which files it touches",
                       r->vault.damaged, PLURAL(r->vault.damaged));
    return err_set(e, ERR_DAMAGED,
                   "damage was found; it touches %" PRIu64 " file%s, named above: the next backup "
                   "stores again what the machine still has",
                   r->touched, PLURAL(r->touched));
}

/* Opened for that alone, and without a key: keys may be what is damaged. */
static int mend(struct cli *c, const struct check_options *o, struct vault_repair_result *out,
                struct err *e)
{
    CLEANUP(access_close) struct access access = {0};
    const char *location;
    if (cli_location(c, &location, e) || access_open(location, &access, e))
        return -1;
    progress_bar_start(c, "packs");
    int rc = work_repair(&access, o, out, e);
    progress_bar_stop(c);
    return rc;
}

static int look(struct cli *c, struct access *access, const struct check_options *o,
                struct check_result *out, struct err *e)
{
    progress_bar_start(c, "packs");
    int rc = work_check(access, o, out, e);
    progress_bar_stop(c);
    return rc;
}

static int run(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct check_args *a = args;
    CLEANUP(access_close) struct access access = {0};
    struct check_options o = {.damage = report_damage,
                              .mended = on_mended,
                              .skipped = on_skipped,
                              .touched = on_touched,
                              .arg = c,
                              .progress = &c->progress};
    struct check_result result = {0};
    struct vault_repair_result mended = {0}, *m = a->repair ? &mended : NULL;
    if (command_expect_words(&cmd_check, w, 0, 0, e) || judge_args(a, e) ||
        (m && mend(c, &o, m, e)) ||
        (a->keyless ? cli_open(c, &access, e) : cli_open_reader(c, &access, e)) ||
        choose_packs(a, &access, &o, e) || look(c, &access, &o, &result, e))
        return -1;
    if (c->global.json)
        tell_json(c, &result, &o, m);
    else
        tell_people(c, &result, &o, m);
    return verdict(&result, e);
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
                 {"abri -r /mnt/vault check --keyless --read-data-subset 1/7",
                  "a seventh, by a keeper, on Mondays"}},
    .options = options,
    .option_count = OPTION_COUNT(options),
    .args_bytes = sizeof(struct check_args),
    .run = run,
    .profile = &in_profile,
};
