/* SPDX-License-Identifier: Apache-2.0 */
/* abri floor: shows or raises the age below which nothing is forgotten, and how
 * long the trash keeps. Needs no key. */
#include "cli/json_out.h"

#include "base/clock.h"
#include "base/mem.h"

#include <inttypes.h>
#include <string.h>

struct floor_args {
    const char *trash_window;
    bool yes;
};

static const struct option_spec options[] = {
    {.name = "trash-window", .kind = OPTION_TEXT, .arg = "TIME", OPTION_AT(floor_args, trash_window),
     .help = "how long what is forgotten from now on can be brought back: 7d, 36h; 0 for not at all"},
    {.name = "yes", .kind = OPTION_FLAG, OPTION_AT(floor_args, yes),
     .help = "do not ask whether the floor is meant"},
};

/* Never shorter than what was asked for: a year has 366 days, a month 31. */
static int parse_length(const char *text, bool zero, int64_t *out, struct err *e)
{
    struct policy_span span;
    if (zero && strcmp(text, "0") == 0)
        *out = 0;
    else if (policy_span_parse(text, &span))
        *out = policy_span_longest_ns(&span);
    else
        return err_set(e, ERR_USAGE, "'%s' is not a time such as 30d, 36h or 1y6m", text);
    return 0;
}

/* "30 days", "30 days 5 h", "90 s" */
static void length_text(int64_t ns, char out[64])
{
    int64_t s = ns / NS_PER_S, days = s / 86400, hours = s % 86400 / 3600;
    if (s % 3600)
        (void)snprintf(out, 64, "%" PRId64 " s", s);
    else if (days && hours)
        (void)snprintf(out, 64, "%" PRId64 " day%s %" PRId64 " h", days, PLURAL(days), hours);
    else if (days)
        (void)snprintf(out, 64, "%" PRId64 " day%s", days, PLURAL(days));
    else
        (void)snprintf(out, 64, "%" PRId64 " h", hours);
}

static void tell(struct cli *c, const struct vault_rules *r)
{
    char floor[64], window[64];
    if (c->global.json) {
        json_t *o = json_object_of("rules");
        json_put_number(o, "generation", r->generation);
        json_put_number(o, "floor", (uint64_t)(r->floor_ns / NS_PER_S));
        json_put_number(o, "trash_window", (uint64_t)(r->trash_window_ns / NS_PER_S));
        json_emit(c, stdout, o);
        return;
    }
    length_text(r->floor_ns, floor);
    length_text(r->trash_window_ns, window);
    say(c, "floor         %s", r->floor_ns ? floor : "none");
    say(c, "trash window  %s", r->trash_window_ns ? window : "none");
}

static int ask(const struct floor_args *a, int64_t from_ns, int64_t to_ns, struct err *e)
{
    char length[64], question[256];
    if (to_ns <= from_ns)
        return 0; /* nothing that could not be taken back */
    length_text(to_ns, length);
    (void)snprintf(question, sizeof question,
                   "A floor of %s can never be lowered: no snapshot goes before that age.", length);
    return cli_confirm(a->yes, question, e);
}

static int run(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct floor_args *a = args;
    CLEANUP(access_close) struct access access = {0};
    struct vault_rules rules;
    if (command_expect_words(&cmd_floor, w, 0, 1, e) || cli_open(c, &access, e) ||
        vault_rules(access.vault, &rules, e))
        return -1;
    int64_t floor = rules.floor_ns, window = rules.trash_window_ns;
    if ((w->count && parse_length(w->items[0], false, &floor, e)) ||
        (a->trash_window && parse_length(a->trash_window, true, &window, e)))
        return -1;
    if (w->count || a->trash_window)
        if (ask(a, rules.floor_ns, floor, e) ||
            vault_set_rules(access.vault, floor, window, e) ||
            vault_rules(access.vault, &rules, e))
            return -1;
    tell(c, &rules);
    return 0;
}

const struct command cmd_floor = {
    .name = "floor",
    .summary = "show or raise the age below which nothing is forgotten",
    .operands = "[TIME]",
    .description =
        "The floor is the age that a snapshot must have before anything can forget it: no rule, no "
        "operator and no number of newer snapshots goes below it. It can be raised, but never lowered. "
        "The trash window is how long a forgotten snapshot can be brought back. Needs no passphrase.",
    .examples = {{"abri -r /mnt/vault floor", "show both"},
                 {"abri -r /mnt/vault floor 30d", "keep everything for at least thirty days"},
                 {"abri -r /mnt/vault floor --trash-window 14d", "two weeks to change one's mind"}},
    .options = options,
    .option_count = OPTION_COUNT(options),
    .args_bytes = sizeof(struct floor_args),
    .run = run,
};
