/* SPDX-License-Identifier: Apache-2.0 */
/* abri clock: shows whether the keeper's clock is trusted; confirms it. Needs no
 * key. */
#include "cli/json_out.h"

#include "base/clock.h"
#include "base/mem.h"

struct clock_args {
    bool confirm, yes;
};

static const struct option_spec options[] = {
    {.name = "confirm", .kind = OPTION_FLAG, OPTION_AT(clock_args, confirm),
     .help = "say that the clock is right now, whatever it said before"},
    {.name = "yes", .kind = OPTION_FLAG, OPTION_AT(clock_args, yes),
     .help = "do not ask whether it is"},
};

static const char *name_of(enum policy_clock_why why)
{
    switch (why) {
    case POLICY_CLOCK_TRUSTED: return "trusted";
    case POLICY_CLOCK_WENT_BACK: return "went_back";
    case POLICY_CLOCK_PAST: return "before_snapshot";
    case POLICY_CLOCK_JUMPED: return "jumped";
    case POLICY_CLOCK_DRIFTED: return "drifted";
    case POLICY_CLOCK_GAP: return "gap";
    case POLICY_CLOCK_UNSOUND:
    case POLICY_CLOCK_UNSET: break;
    }
    return "unsound";
}

static int tell(struct cli *c, const struct policy_clock *clock, struct err *e)
{
    char why[POLICY_TEXT_BYTES], now[CLOCK_TEXT_BYTES];
    bool trusted = policy_clock_trusted(clock);
    policy_clock_text(clock, why);
    clock_format(clock->now_ns, now);
    if (c->global.json) {
        json_t *o = json_object_of("clock");
        json_put_bool(o, "trusted", trusted);
        json_put_string(o, "reason", name_of(clock->why));
        json_put_string(o, "message", why);
        json_put_time(o, "time", clock->now_ns);
        json_emit(c, stdout, o);
    } else {
        say(c, "%s: %s", now, why);
    }
    if (trusted)
        return 0;
    return err_set(e, ERR_READ_ONLY,
                   "the clock is not trusted: nothing is forgotten or freed until it is right, or "
                   "`abri clock --confirm` says that it is");
}

static int confirm(const struct clock_args *a, struct access *access, struct err *e)
{
    char now[CLOCK_TEXT_BYTES], question[128];
    clock_format(clock_realtime_ns(), now);
    (void)snprintf(question, sizeof question, "Is it %s, by another clock than this machine's?",
                   now);
    return cli_confirm(a->yes, question, e) || vault_clock_confirm(access->vault, e) ? -1 : 0;
}

static int run(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct clock_args *a = args;
    CLEANUP(access_close) struct access access = {0};
    struct policy_clock clock;
    if (a->yes && !a->confirm)
        return err_set(e, ERR_USAGE, "--yes to what? It goes with --confirm");
    if (command_expect_words(&cmd_clock, w, 0, 0, e) || cli_open(c, &access, e) ||
        (a->confirm && confirm(a, &access, e)) || vault_clock_look(access.vault, &clock, e))
        return -1;
    return tell(c, &clock, e);
}

const struct command cmd_clock = {
    .name = "clock",
    .summary = "show whether the clock is trusted, or confirm it",
    .operands = "",
    .description =
        "Retention goes by the keeper's clock, so whoever can move the clock could make every snapshot "
        "old. abri compares it with the time since the machine was started, with what it said before "
        "and with when snapshots were received. If these do not go together, nothing is forgotten or "
        "freed, and the exit status is 1. Once the clock is right again, or somebody confirms that it "
        "is, everything goes on.",
    .examples = {{"abri -r /mnt/vault clock", "is the clock trusted?"},
                 {"abri -r /mnt/vault clock --confirm",
                  "it is right: I have looked at another one"}},
    .options = options,
    .option_count = OPTION_COUNT(options),
    .args_bytes = sizeof(struct clock_args),
    .run = run,
};
