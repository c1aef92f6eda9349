/* SPDX-License-Identifier: Apache-2.0 */
/* abri boot: starts a machine straight from its backup, and hands it over. */
#include "cli/amount.h"
#include "cli/boot.h"
#include "cli/json_out.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LOOK_MS 200
#define POWERDOWN_S 60
#define AGAIN_S 5 /* between attempts to let a stopped guest go on */

struct boot_args {
    const char *dir, *plugin;
    uint64_t memory, cpus;
    int firmware, bus, network;
    bool hand_over;
};

/* 1 none, 2 user */
static const char *const network_words[] = {"none", "user", NULL};

static const struct option_spec options[] = {
    {.name = "dir", .letter = 'd', .kind = OPTION_TEXT, .arg = "DIR", OPTION_AT(boot_args, dir),
     .help = "keep what the machine writes in images here; without SNAP, go on with the machine of this directory"},
    {.name = "hand-over", .kind = OPTION_FLAG, OPTION_AT(boot_args, hand_over),
     .help = "with --dir: copy the rest of the disks into these images while the machine runs"},
    {.name = "memory", .kind = OPTION_SIZE, .arg = "SIZE", .min = 16 << 20, OPTION_AT(boot_args, memory),
     .help = "the machine's memory (1G)"},
    {.name = "cpus", .kind = OPTION_NUMBER, .arg = "N", .min = 1, .max = 256, OPTION_AT(boot_args, cpus),
     .help = "its processors (as many as here, at most 4)"},
    {.name = "network", .kind = OPTION_CHOICE, .words = network_words, .arg = "KIND", OPTION_AT(boot_args, network),
     .help = "none (the default), or user: it reaches whatever this host reaches"},
    {.name = "firmware", .kind = OPTION_CHOICE, .words = boot_firmware_words, .arg = "KIND", OPTION_AT(boot_args, firmware),
     .help = "bios or uefi (default: as its partitions say)"},
    {.name = "bus", .kind = OPTION_CHOICE, .words = boot_bus_words, .arg = "KIND", OPTION_AT(boot_args, bus),
     .help = "virtio, sata or ide for its disks (default: by their names, sda is sata)"},
    {.name = "plugin", .kind = OPTION_TEXT, .arg = "FILE", OPTION_AT(boot_args, plugin),
     .help = "use this nbdkit-abri-plugin.so"},
};

struct run {
    struct cli *cli;
    const struct boot_args *args;
    struct boot boot;
    size_t streamed;      /* disks that are whole */
    int64_t powerdown_ns; /* when the button was pressed; 0: not yet */
    int64_t stopped_ns;   /* when a guest was found stopped; 0: it runs */
    bool quit;            /* its power is gone */
};

/* ---- telling ------------------------------------------------------------------------------- */

static void tell_state(struct run *r, const char *state, const char *about)
{
    struct cli *c = r->cli;
    if (!c->global.json)
        return;
    json_t *o = json_object_of("machine");
    json_put_string(o, "state", state);
    if (about)
        json_put_string(o, "about", about);
    json_put_hex(o, "snapshot", r->boot.snapshot, ID_BYTES);
    json_put_string(o, "dir", r->boot.dir);
    json_emit(c, stdout, o);
    (void)fflush(stdout);
}

static void tell_running(struct run *r)
{
    struct cli *c = r->cli;
    const char *dir = r->boot.dir;
    tell_state(r, "running", NULL);
    say_note(c, "running%s: snapshot of %s, %zu disk%s, %s", r->boot.resumed ? " again" : "", r->boot.host,
             r->boot.disks.count, PLURAL(r->boot.disks.count),
             vm_uses_kvm(r->boot.vm) ? "KVM" : "software emulation: there is no KVM here, it will be slow");
    say_note(c, "  serial line:  socat -,raw,echo=0,escape=0x1d UNIX-CONNECT:%s/serial", dir);
    say_note(c, "  screen (VNC): %s/vnc", dir);
    say_note(c, "  network:      %s", r->boot.options.network ? "through this host" : "none");
    if (r->boot.keeps_dir)
        say_note(c, "  its writes:   %s; go on later with abri boot --dir %s", dir, dir);
    else
        say_note(c, "  its writes are forgotten at the end: --dir keeps them");
    (void)fflush(stdout);
}

/* ---- while it runs --------------------------------------------------------------------------- */

static int disk_is_whole(struct run *r, struct err *e)
{
    tell_state(r, "disk-whole", vm_reason(r->boot.vm));
    if (++r->streamed < r->boot.disks.count)
        return 0;
    if (boot_is_whole(&r->boot, e))
        return -1;
    progress_bar_stop(r->cli);
    tell_state(r, "whole", NULL);
    say_note(r->cli, "all of it is in %s now: the machine does not need its backup any more", r->boot.dir);
    return 0;
}

static void guest_stopped(struct run *r)
{
    if (r->stopped_ns)
        return;
    r->stopped_ns = clock_monotonic_ns();
    report_notice(r->cli, "machine", "it is stopped, for a disk fails; it goes on when that is mended");
    tell_state(r, "stopped", vm_reason(r->boot.vm));
}

static int take_news(struct run *r, enum vm_news news, bool *ended, struct err *e)
{
    struct err why = ERR_INIT;
    switch (news) {
    case VM_NOTHING: break;
    case VM_ENDED: *ended = true; break;
    case VM_STOPPED: guest_stopped(r); break;
    case VM_STREAMED: return disk_is_whole(r, e);
    case VM_STREAM_FAILED:
        (void)err_set(&why, ERR_IO, "handing over: %s", vm_reason(r->boot.vm));
        report_problem(r->cli, "machine", &why);
        break;
    }
    return 0;
}

/* Whoever gives an order to a machine that just ended hears of its end from vm_wait. */
static int unless_gone(int rc, struct err *e)
{
    if (rc == 0 || e->cls != ERR_OFFLINE)
        return rc;
    *e = ERR_INIT;
    return 0;
}

static int press_button(struct run *r, struct err *e)
{
    int64_t now = clock_monotonic_ns();
    if (!progress_cancelled(&r->cli->progress) || r->quit)
        return 0;
    /* A trial has nothing to lose. */
    r->quit = !r->boot.keeps_dir || (r->powerdown_ns && now - r->powerdown_ns > POWERDOWN_S * NS_PER_S);
    if (r->quit)
        return unless_gone(vm_quit(r->boot.vm, e), e);
    if (r->powerdown_ns)
        return 0;
    r->powerdown_ns = now;
    say_note(r->cli, "asking the machine to shut down; in %d s its power goes", POWERDOWN_S);
    return unless_gone(vm_powerdown(r->boot.vm, e), e);
}

static int go_on_if_stopped(struct run *r, struct err *e)
{
    if (!r->stopped_ns || clock_monotonic_ns() - r->stopped_ns < AGAIN_S * NS_PER_S)
        return 0;
    r->stopped_ns = 0;
    return unless_gone(vm_continue(r->boot.vm, e), e);
}

static int show_progress(struct run *r, struct err *e)
{
    uint64_t done, total;
    if (!r->args->hand_over || r->boot.whole)
        return 0;
    done = total = 0;
    if (unless_gone(vm_stream_progress(r->boot.vm, &done, &total, e), e))
        return -1;
    atomic_store(&r->cli->progress.bytes, done);
    atomic_store(&r->cli->progress.bytes_total, total);
    return 0;
}

static int attend(struct run *r, struct err *e)
{
    bool ended = false;
    while (!ended) {
        enum vm_news news;
        if (press_button(r, e) || vm_wait(r->boot.vm, LOOK_MS, &news, e) || take_news(r, news, &ended, e))
            return -1;
        if (!ended && (go_on_if_stopped(r, e) || show_progress(r, e)))
            return -1;
    }
    return 0;
}

static int begin_hand_over(struct run *r, struct err *e)
{
    if (!r->args->hand_over || r->boot.whole)
        return 0;
    atomic_store(&r->cli->progress.items_total, r->boot.disks.count);
    if (vm_stream(r->boot.vm, e))
        return -1;
    progress_bar_start(r->cli, "disks");
    return 0;
}

static int finish(struct run *r, struct err *e)
{
    const char *why = vm_reason(r->boot.vm);
    tell_state(r, "ended", why);
    say_note(r->cli, "the machine ended (%s)", why);
    if (r->args->hand_over && !r->boot.whole)
        return err_set(e, ERR_INCOMPLETE, "it ended before all of it was in '%s': go on with abri boot --hand-over --dir",
                       r->boot.dir);
    return 0;
}

static int run_machine(struct run *r, struct err *e)
{
    if (boot_start(&r->boot, e))
        return -1;
    tell_running(r);
    int rc = begin_hand_over(r, e) || attend(r, e) ? -1 : 0;
    progress_bar_stop(r->cli);
    return rc ? -1 : finish(r, e);
}

static int run(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct boot_args *a = args;
    struct run r = {.cli = c, .args = a};
    if (command_expect_words(&cmd_boot, w, 0, 1, e))
        return -1;
    if (a->hand_over && !a->dir)
        return err_set(e, ERR_USAGE, "--hand-over: into which directory? --dir DIR");
    const struct boot_options o = {.snap = w->count ? w->items[0] : NULL,
                                   .dir = a->dir,
                                   .plugin = a->plugin,
                                   .memory_mib = a->memory >> 20,
                                   .cpus = (unsigned)a->cpus,
                                   .firmware = (enum boot_firmware)a->firmware,
                                   .bus = (enum vm_bus)a->bus,
                                   .network = a->network == 2};
    int rc = boot_prepare(c, &o, &r.boot, e) || run_machine(&r, e) ? -1 : 0;
    boot_done(&r.boot);
    return rc;
}

const struct command cmd_boot = {
    .name = "boot",
    .summary = "start a machine straight from its backup",
    .operands = "[SNAP] [--dir DIR [--hand-over]]",
    .description =
        "Starts the machine whose disks a snapshot holds, with QEMU, without restoring them first: what it reads "
        "comes from the vault when it is needed, what it writes goes to images of its own. It runs in a sandbox, and without "
        "a network unless --network says otherwise: a machine that was attacked may still be.\n"
        "\n"
        "With --dir its writes are kept in DIR, durably: after a crash of any part, abri boot --dir DIR goes on with them. "
        "With --hand-over the rest of its disks is copied into these images while it runs; once that is done "
        "they are whole machines' disks (NAME.qcow2), and the backup is not needed any more. If the backup "
        "cannot be reached for a while, the machine waits; it loses nothing.\n"
        "\n"
        "The first signal presses the power button of a machine whose writes are kept, and ends one whose "
        "writes are not. The exit status is 3 if a machine ended before it was handed over whole.",
    .examples = {{"abri -r /mnt/vault boot latest", "a look, without network; nothing of it is kept"},
                 {"abri -r /mnt/vault boot latest --dir /srv/web --hand-over --network user",
                  "back at work at once, whole in a while"},
                 {"abri -r /mnt/vault boot --dir /srv/web --hand-over", "go on after a crash of the host"}},
    .options = options,
    .option_count = OPTION_COUNT(options),
    .args_bytes = sizeof(struct boot_args),
    .run = run,
    .despite_log = true,
};
