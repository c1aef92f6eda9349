/* SPDX-License-Identifier: Apache-2.0 */
/* abri admin alarms, abri admin close-alarm: what somebody should look at, and that it is known. */
#include "cli/admin.h"

#include <stdio.h>
#include <string.h>

/* ---- alarms ------------------------------------------------------------------------------- */

struct alarms_args {
    bool all;
};

static const struct option_spec alarms_options[] = {
    {.name = "all", .kind = OPTION_FLAG, OPTION_AT(alarms_args, all), .help = "those that were closed, too"},
};

static const char *text_of(const json_t *alarm, const char *key)
{
    const char *text = json_string_value(json_object_get(alarm, key));
    return text ? text : "";
}

/* Ids are numbers of entries of the log: without their zeros they are short. */
static const char *short_of(const char *id)
{
    const char *p = id + strspn(id, "0");
    return *p || !*id ? p : p - 1;
}

static void show(struct cli *c, const json_t *alarm)
{
    const char *reason = text_of(alarm, "reason");
    if (c->global.json) {
        json_t *o = json_object_of("alarm");
        (void)json_object_update(o, (json_t *)(uintptr_t)alarm);
        json_emit(c, stdout, o);
        return;
    }
    say(c, "%6s  %.19s  %-13s  %s%s%s", short_of(text_of(alarm, "alarm")), text_of(alarm, "since"),
        text_of(alarm, "name"), text_of(alarm, "text"),
        *reason ? "  closed: " : "", reason);
}

static int run_alarms(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct alarms_args *a = args;
    json_t *out = NULL, *alarm;
    size_t i;
    if (command_expect_words(&cmd_admin_alarms, w, 0, 0, e) ||
        admin_call(c, "GET", a->all ? "/v1/alarms" : "/v1/alarms?open=1", NULL, &out, e))
        return -1;
    const json_t *list = json_object_get(out, "alarms");
    json_array_foreach (list, i, alarm)
        if (!say_is_over())
            show(c, alarm);
    if (json_array_size(list) == 0)
        say_note(c, a->all ? "no alarms" : "no alarm is open");
    json_decref(out);
    return 0;
}

const struct command cmd_admin_alarms = {
    .name = "admin alarms",
    .summary = "list what somebody should look at",
    .operands = "",
    .description =
        "Lists the alarms that are open: of the tenants that you look after; on a machine those about itself. An alarm "
        "is open until somebody closes it (`abri admin close-alarm`) or its cause is gone; the same cause opens it once.\n\n"
        "flood: a machine makes more snapshots than its policy expects. bytes: it uploads more than its policy expects, or than is usual for it. quota: more is stored, or there are more "
        "machines, than was agreed on. enforced: somebody decided that nothing more is taken above the quota. silence: "
        "a machine made no snapshot for too long. unused: a certificate or a token that nobody used. clock: it is not "
        "trusted, so nothing is deleted. space: the disk is nearly full. damage, damage mended: packs were lost, or repaired. request: somebody asks "
        "for an early deletion. rights: somebody was given a role. revoked: somebody revoked a machine or a person; that machine is not backed up any more.",
    .examples = {{"abri admin alarms", "those that are open"},
                 {"abri --json admin alarms --all", "all that there ever were, for programs"}},
    .options = alarms_options,
    .option_count = OPTION_COUNT(alarms_options),
    .args_bytes = sizeof(struct alarms_args),
    .run = run_alarms,
};

/* ---- close-alarm ------------------------------------------------------------------------------ */

struct close_args {
    const char *reason;
};

static const struct option_spec close_options[] = {
    {.name = "reason", .kind = OPTION_TEXT, .arg = "TEXT", OPTION_AT(close_args, reason),
     .help = "why; it stays in the log"},
};

/* "1a4", or all its 32 digits. */
static int path_of(const char *id, char out[96], struct err *e)
{
    size_t n = strlen(id);
    if (n == 0 || n > 32 || strspn(id, "0123456789abcdef") != n)
        return err_set(e, ERR_USAGE, "'%.40s' is no id of an alarm: `abri admin alarms` lists them", id);
    (void)snprintf(out, 96, "/v1/alarms/%.*s%s/close", (int)(32 - n), "00000000000000000000000000000000", id);
    return 0;
}

static int run_close(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct close_args *a = args;
    json_t *out = NULL;
    char path[96];
    if (command_expect_words(&cmd_admin_close_alarm, w, 1, 1, e) || path_of(w->items[0], path, e))
        return -1;
    if (!a->reason)
        return err_set(e, ERR_USAGE, "why? abri admin close-alarm ID --reason TEXT");
    json_t *in = json_pack("{s:s}", "reason", a->reason);
    int rc = in ? admin_call(c, "POST", path, in, &out, e) : err_set(e, ERR_USAGE, "--reason: no UTF-8");
    json_decref(in);
    if (rc)
        return -1;
    if (c->global.json)
        show(c, out);
    else
        say_note(c, "alarm %s is closed", short_of(w->items[0]));
    json_decref(out);
    return 0;
}

const struct command cmd_admin_close_alarm = {
    .name = "admin close-alarm",
    .summary = "say that an alarm is known",
    .operands = "ID",
    .description = "Closes an alarm: who did, and why, is in the log. As long as its cause stands, it does not open again; "
                   "nothing else changes.",
    .examples = {{"abri admin close-alarm 1a4 --reason 'the machine is in repair'", "the id is of `abri admin alarms`"},
                 {"abri --json admin close-alarm 1a4 --reason 'ticket 7'", "for programs"}},
    .options = close_options,
    .option_count = OPTION_COUNT(close_options),
    .args_bytes = sizeof(struct close_args),
    .run = run_close,
};
