/* SPDX-License-Identifier: Apache-2.0 */
/* abri doctor: what is wrong with this setup, and how to mend it. */
#include "cli/doctor.h"
#include "cli/json_out.h"

#include "base/mem.h"

#include <inttypes.h>
#include <string.h>

static const char *level_name(enum doctor_level level)
{
    return level == DOCTOR_OK ? "ok" : level == DOCTOR_WARN ? "warn" : "bad";
}

void doctor_tell(struct doctor *d, enum doctor_level level, const char *check, const char *advice,
                 const char *fmt, ...)
{
    char text[ERR_MESSAGE_BYTES + 512];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    d->warnings += level == DOCTOR_WARN;
    d->bad += level == DOCTOR_BAD;
    if (d->cli->global.json) {
        json_t *o = json_object_of("finding");
        json_put_string(o, "level", level_name(level));
        json_put_string(o, "check", check);
        json_put_string(o, "message", text);
        if (advice)
            json_put_string(o, "advice", advice);
        json_emit(d->cli, stdout, o);
    } else if (level != DOCTOR_OK || !d->cli->global.quiet) {
        say(d->cli, "%-4s  %-13s  %s", level_name(level), check, text);
        if (advice)
            say(d->cli, "                     → %s", advice);
    }
}

static int finish(struct doctor *d, struct err *e)
{
    if (d->cli->global.json) {
        json_t *o = json_object_of("doctor_summary");
        json_put_number(o, "warnings", d->warnings);
        json_put_number(o, "bad", d->bad);
        json_emit(d->cli, stdout, o);
    }
    if (d->bad == 0)
        return 0;
    return err_set(e, ERR_IO, "%" PRIu64 " thing%s must be mended: see above", d->bad,
                   PLURAL(d->bad));
}

static int run(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    (void)args;
    if (command_expect_words(&cmd_doctor, w, 0, 0, e))
        return -1;
    struct doctor d = {.cli = c};
    doctor_open_vault(&d);
    doctor_vault_place(&d);
    doctor_writer_key(&d);
    doctor_secrets(&d);
    doctor_cache(&d);
    doctor_clock(&d);
    doctor_memory(&d);
    doctor_snapshots(&d);
    access_close(&d.access);
    return finish(&d, e);
}

const struct command cmd_doctor = {
    .name = "doctor",
    .summary = "find what is wrong with this setup",
    .operands = "",
    .description =
        "Looks at the vault and its disk, this machine's key, who can read secrets, the cache, the clock "
        "and the age of the last snapshot, and says of each: ok, warn or bad, and what to do. "
        "Needs no passphrase and changes nothing; damage within the vault is found by `abri "
        "check`. The exit status is 1 if something is bad. With --quiet, what is ok is not printed.",
    .examples = {{"abri -r /mnt/vault doctor", "everything"},
                 {"abri -r /mnt/vault doctor -q", "only what is wrong"}},
    .run = run,
};
