/* SPDX-License-Identifier: Apache-2.0 */
/* abri drill: proves that a machine comes back. */
#include "cli/amount.h"
#include "cli/drill.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define LOOK_MS 250
#define TIMEOUT_DEFAULT_S 600
#define CERTIFICATE_MAX ((size_t)1 << 20)
#define PROOF_DEFAULT "serial:login:"

struct drill_args {
    struct option_list expect;
    const char *certificate, *screenshot, *check, *plugin;
    uint64_t memory, cpus, timeout_s;
    int firmware, bus;
};

static const struct option_spec options[] = {
    {.name = "expect", .kind = OPTION_LIST, .arg = "PROOF", OPTION_AT(drill_args, expect),
     .help = "serial:TEXT, agent, screen:HASH or tcp:PORT; all that are given must be seen (serial:login:)"},
    {.name = "timeout", .kind = OPTION_NUMBER, .arg = "SECONDS", .min = 1, .max = 86400,
     OPTION_AT(drill_args, timeout_s), .help = "how long the machine has for that (600)"},
    {.name = "certificate", .kind = OPTION_TEXT, .arg = "FILE", OPTION_AT(drill_args, certificate),
     .help = "write the signed certificate to this file"},
    {.name = "screenshot", .kind = OPTION_TEXT, .arg = "FILE", OPTION_AT(drill_args, screenshot),
     .help = "write the last screen to this file, a PNG"},
    {.name = "check", .kind = OPTION_TEXT, .arg = "FILE", OPTION_AT(drill_args, check),
     .help = "start nothing: say whether the owner of this vault signed the certificate"},
    {.name = "memory", .kind = OPTION_SIZE, .arg = "SIZE", .min = 16 << 20, OPTION_AT(drill_args, memory),
     .help = "the machine's memory (1G)"},
    {.name = "cpus", .kind = OPTION_NUMBER, .arg = "N", .min = 1, .max = 256, OPTION_AT(drill_args, cpus),
     .help = "its processors (as many as here, at most 4)"},
    {.name = "firmware", .kind = OPTION_CHOICE, .words = boot_firmware_words, .arg = "KIND", OPTION_AT(drill_args, firmware),
     .help = "bios or uefi (default: as its partitions say)"},
    {.name = "bus", .kind = OPTION_CHOICE, .words = boot_bus_words, .arg = "KIND", OPTION_AT(drill_args, bus),
     .help = "virtio, sata or ide for its disks (default: by their names, sda is sata)"},
    {.name = "plugin", .kind = OPTION_TEXT, .arg = "FILE", OPTION_AT(drill_args, plugin),
     .help = "use this nbdkit-abri-plugin.so"},
};

/* ---- waiting ------------------------------------------------------------------------------- */

static bool all_seen(const struct drill *d)
{
    for (size_t i = 0; i < d->proof_count; i++)
        if (!d->proofs[i].seen)
            return false;
    return true;
}

static void fail(struct drill *d, const char *why)
{
    (void)snprintf(d->why, sizeof d->why, "%s", why);
}

/* Until all is seen, the time is over, or the machine ended. */
static int wait_for_life(struct drill *d, int64_t limit_ns, struct err *e)
{
    struct cli *c = d->boot.cli;
    for (;;) {
        enum vm_news news;
        for (size_t i = 0; i < d->proof_count; i++)
            if (drill_proof_look(&d->proofs[i], &d->boot, d->started_ns, e)) {
                if (e->cls != ERR_OFFLINE)
                    return -1;
                *e = ERR_INIT; /* it just ended: vm_wait tells */
            }
        d->passed = all_seen(d);
        if (d->passed)
            return 0;
        if (progress_cancelled(&c->progress))
            return err_set(e, ERR_CANCELLED, "interrupted: no certificate was made");
        if (clock_monotonic_ns() - d->started_ns > limit_ns) {
            fail(d, "the time is over");
            return 0;
        }
        if (vm_wait(d->boot.vm, LOOK_MS, &news, e))
            return -1;
        if (news == VM_ENDED || news == VM_STOPPED) {
            fail(d, news == VM_ENDED ? "the machine ended" : "its disk cannot be read");
            return 0;
        }
    }
}

static void take_screen(struct drill *d, const char *to)
{
    char path[4096];
    struct err why = ERR_INIT;
    CLEANUP(buf_done) struct buf png = {0};
    (void)snprintf(path, sizeof path, "%s/screen.png", d->boot.dir);
    if (vm_screenshot(d->boot.vm, &why) || file_slurp(AT_FDCWD, path, VM_SCREEN_MAX, &png, &why) ||
        (to && file_replace(to, png.data, png.len, 0644, &why))) {
        report_problem(d->boot.cli, "screenshot", &why);
        return;
    }
    d->has_screen = true;
    hash_bytes(png.data, png.len, d->screen);
}

static int play(struct drill *d, const struct drill_args *a, struct err *e)
{
    int64_t limit = (int64_t)(a->timeout_s ? a->timeout_s : TIMEOUT_DEFAULT_S) * NS_PER_S;
    d->began_ns = clock_realtime_ns();
    if (boot_start(&d->boot, e))
        return -1;
    d->started_ns = clock_monotonic_ns();
    if (wait_for_life(d, limit, e))
        return -1;
    d->ended_ns = clock_realtime_ns();
    take_screen(d, a->screenshot);
    return 0;
}

/* ---- what came of it -------------------------------------------------------------------------- */

static int write_certificate(const json_t *certificate, const char *path, struct err *e)
{
    CLEANUP_FREE char *text = json_dumps(certificate, JSON_INDENT(2) | JSON_SORT_KEYS);
    if (!text)
        return err_no_memory(e, "a certificate");
    size_t len = strlen(text);
    text[len] = '\n'; /* in place of the NUL */
    return file_replace(path, text, len + 1, 0644, e);
}

static void tell_proofs(struct cli *c, const struct drill *d)
{
    for (size_t i = 0; i < d->proof_count; i++) {
        const struct drill_proof *p = &d->proofs[i];
        char time[AMOUNT_TEXT_BYTES];
        const char *colon = p->kind == DRILL_AGENT ? "" : ":";
        amount_format_duration(p->seen_ns, time);
        if (p->seen)
            say_note(c, "seen after %s: %s%s%s%s%s", time, drill_kind_name(p->kind), colon, p->text,
                     *p->line ? ": " : "", p->line);
        else
            say_note(c, "not seen: %s%s%s", drill_kind_name(p->kind), colon, p->text);
    }
}

static int finish(struct drill *d, const struct drill_args *a, struct err *e)
{
    struct cli *c = d->boot.cli;
    json_t *certificate;
    char id[SHORT_ID_BYTES];
    short_id(d->boot.snapshot, id);
    if (drill_certificate_make(d, &certificate, e))
        return -1;
    int rc = a->certificate ? write_certificate(certificate, a->certificate, e) : 0;
    if (c->global.json) {
        json_t *o = json_object_of("drill");
        (void)json_object_update(o, certificate);
        json_emit(c, stdout, o);
    }
    json_decref(certificate);
    tell_proofs(c, d);
    if (rc)
        return -1;
    if (!d->passed)
        return err_set(e, ERR_IO, "the machine of %s (snapshot %s) did not prove that it lives: %s", d->boot.host, id,
                       d->why);
    say_note(c, "the machine of %s (snapshot %s) comes back", d->boot.host, id);
    return 0;
}

/* ---- --check ------------------------------------------------------------------------------------- */

static int check_certificate(struct cli *c, const char *path, struct err *e)
{
    CLEANUP(access_close) struct access access = {0};
    CLEANUP(buf_done) struct buf text = {0};
    const json_t *drill;
    if (cli_open(c, &access, e) || file_slurp(AT_FDCWD, path, CERTIFICATE_MAX, &text, e))
        return -1;
    const struct vault_info *info = vault_get_info(access.vault);
    json_t *o = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    int rc = drill_certificate_check(o, info->id, info->owner_pk, &drill, e);
    if (rc) {
        json_decref(o);
        return err_wrap(e, "'%s'", path);
    }
    const char *when = json_string_value(json_object_get(drill, "ended"));
    const char *snapshot = json_string_value(json_object_get(drill, "snapshot"));
    bool passed = json_is_true(json_object_get(drill, "passed"));
    say(c, "signed by the owner of this vault: snapshot %.8s %s on %s", snapshot ? snapshot : "?",
        passed ? "came back" : "did not come back", when ? when : "?");
    json_decref(o);
    return 0;
}

/* ---- the command ------------------------------------------------------------------------------------ */

static int collect_proofs(struct drill *d, const struct drill_args *a, struct boot_options *o, struct err *e)
{
    if (a->expect.count > DRILL_PROOFS_MAX)
        return err_set(e, ERR_USAGE, "--expect: at most %u proofs", DRILL_PROOFS_MAX);
    if (!a->expect.count && drill_proof_parse(PROOF_DEFAULT, &d->proofs[0], e))
        return -1;
    d->proof_count = a->expect.count ? a->expect.count : 1;
    for (size_t i = 0; i < a->expect.count; i++) {
        struct drill_proof *p = &d->proofs[i];
        if (drill_proof_parse(a->expect.items[i].text, p, e))
            return -1;
        if (p->port && o->probe_port && p->port != o->probe_port)
            return err_set(e, ERR_USAGE, "--expect: one port");
        o->probe_port = p->port ? p->port : o->probe_port;
    }
    return 0;
}

static int run(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct drill_args *a = args;
    struct drill d = {.boot.dir_fd = -1};
    if (a->check)
        return command_expect_words(&cmd_drill, w, 0, 0, e) ? -1 : check_certificate(c, a->check, e);
    if (command_expect_words(&cmd_drill, w, 1, 1, e))
        return -1;
    struct boot_options o = {.snap = w->items[0],
                             .plugin = a->plugin,
                             .memory_mib = a->memory >> 20,
                             .cpus = (unsigned)a->cpus,
                             .firmware = (enum boot_firmware)a->firmware,
                             .bus = (enum vm_bus)a->bus,
                             .signs = true};
    if (collect_proofs(&d, a, &o, e))
        return -1;
    int rc = boot_prepare(c, &o, &d.boot, e) || play(&d, a, e) || finish(&d, a, e) ? -1 : 0;
    boot_done(&d.boot);
    return rc;
}

const struct command cmd_drill = {
    .name = "drill",
    .summary = "prove that a machine comes back from its backup",
    .operands = "SNAP | --check FILE",
    .description =
        "Starts the machine of a snapshot as `abri boot` does, in a sandbox without a network, and waits for signs "
        "of life: a text on its serial line, an answer of the guest agent, a byte from a TCP port, or a "
        "screen whose hash was chosen from an earlier drill. Then the machine is ended, and nothing of it stays but a "
        "certificate: which snapshot, when, what was seen and how soon, and the hash of the last screen. The certificate is signed "
        "by the owner of the vault; --check says whether it is.\n"
        "\n"
        "The exit status is 0 if all was seen, and 1 if not; there is a certificate of that, too.",
    .examples = {{"abri -r /mnt/vault drill latest --certificate web.json --screenshot web.png",
                  "a login prompt on the serial line within ten minutes"},
                 {"abri -r /mnt/vault drill latest --expect tcp:22 --expect agent", "its SSH server and its agent answer"},
                 {"abri -r /mnt/vault drill --check web.json", "was this drill really played?"}},
    .options = options,
    .option_count = OPTION_COUNT(options),
    .args_bytes = sizeof(struct drill_args),
    .run = run,
    .despite_log = true,
};
