/* SPDX-License-Identifier: Apache-2.0 */
/* abri admin keep: the end of a vault is called off. And what `abri admin vaults` says of those that are ending. */
#include "cli/admin.h"


#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- why it is still there ------------------------------------------------------------------ */

static uint64_t number(const json_t *o, const char *member)
{
    json_int_t n = json_integer_value(json_object_get(o, member));
    return n > 0 ? (uint64_t)n : 0;
}

/* ", 3 under the floor": nothing where there are none. */
static void add_count(char *text, size_t cap, const json_t *o, const char *member, const char *words)
{
    size_t len = strlen(text);
    uint64_t n = number(o, member);
    if (n)
        (void)snprintf(text + len, cap - len, ", %" PRIu64 " %s", n, words);
}

static void when_it_goes(const json_t *ending, char *out, size_t cap)
{
    char earliest[ADMIN_TIME_BYTES], latest[ADMIN_TIME_BYTES];
    admin_time(ending, "earliest", earliest);
    admin_time(ending, "latest", latest);
    if (json_is_true(json_object_get(ending, "frozen")))
        (void)snprintf(out, cap, "nothing goes: the server's clock is in doubt");
    else if (*latest)
        (void)snprintf(out, cap, "%s%s%sall of it not before %s", *earliest ? "the first goes at " : "", earliest,
                       *earliest ? ", " : "", latest);
    else
        (void)snprintf(out, cap, "it stays until what is held is released, or what cannot be read repaired");
}

void admin_say_ending(struct cli *c, const json_t *vault)
{
    const json_t *ending = json_object_get(vault, "ending");
    const char *id = json_string_value(json_object_get(vault, "vault"));
    const char *request = json_string_value(json_object_get(ending, "request"));
    char since[ADMIN_TIME_BYTES], why[400] = "", goes[200];
    if (!json_is_object(ending) || !json_is_null(json_object_get(vault, "gone")) || !id || !request)
        return;
    admin_time(ending, "since", since);
    add_count(why, sizeof why, ending, "trash", "in the trash");
    add_count(why, sizeof why, ending, "floor", "under the floor");
    add_count(why, sizeof why, ending, "lock", "locked");
    add_count(why, sizeof why, ending, "hold", "held");
    add_count(why, sizeof why, ending, "doubt", "in doubt");
    add_count(why, sizeof why, ending, "damaged", "that cannot be read");
    when_it_goes(ending, goes, sizeof goes);
    say(c, "vault %.8s is ending since %s, by request %.8s: %" PRIu64 " snapshots live%s; %s", id, since, request,
        number(ending, "snapshots"), why, goes);
}

/* ---- keep -------------------------------------------------------------------------------------- */

struct keep_args {
    const char *reason;
};
static const struct option_spec keep_options[] = {
    {.name = "reason", .kind = OPTION_TEXT, .arg = "TEXT", OPTION_AT(keep_args, reason), .help = "why, for the log"},
};

static int run_keep(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct keep_args *a = args;
    struct remote *r = NULL;
    json_t *out = NULL;
    char id[ADMIN_ID_BYTES], path[160];
    if (command_expect_words(&cmd_admin_keep, w, 1, 1, e) || admin_connect(c, &r, e))
        return -1;
    int rc = admin_find(r, ADMIN_VAULT, w->items[0], id, e);
    (void)snprintf(path, sizeof path, "/v1/vaults/%s/keep", rc ? "" : id);
    if (!rc)
        rc = admin_do(c, r, "POST", path, json_pack("{s:s*}", "reason", a->reason), "vault_kept", &out, e);
    if (!rc && out)
        say_note(c, "vault %.8s is kept: %" PRIu64 " snapshots are back from the trash, and its machines may back up again", id,
                 number(out, "back"));
    if (!rc && out && number(out, "lost"))
        say_note(c, "%" PRIu64 " snapshots could not be brought back: their time in the trash was over", number(out, "lost"));
    json_decref(out);
    remote_close(r);
    return rc;
}

const struct command cmd_admin_keep = {
    .name = "admin keep",
    .summary = "call off the end of a vault",
    .operands = "VAULT",
    .description = "Keeps a vault that is ending by a request `delete`: everything that is still in its trash comes back, its machines may back up again, and other "
                   "requests for its end are cancelled. One person is enough. Snapshots whose time in the trash is over do not come back, and neither does a vault that is gone. "
                   "A request that is not carried out yet is stopped with `abri admin cancel`.",
    .examples = {{"abri admin keep web1 --reason 'asked for by mistake'", "nothing is erased"},
                 {"abri admin keep 3f2a91c0 --json", "for a program: how many snapshots came back"}},
    .options = keep_options,
    .option_count = OPTION_COUNT(keep_options),
    .args_bytes = sizeof(struct keep_args),
    .run = run_keep,
};
