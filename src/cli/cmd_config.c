/* SPDX-License-Identifier: Apache-2.0 */
/* abri config show: what is in force, and where it came from. Never a secret. */
#include "cli/json_out.h"
#include "cli/settings.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* `origin` is "option", "environment", "profile" or "default". */
static void tell(struct cli *c, const char *name, const char *value, const char *origin,
                 const char *detail)
{
    if (c->global.json) {
        json_t *o = json_object_of("setting");
        json_put_string(o, "name", name);
        if (value)
            json_put_text(o, "value", value, strlen(value));
        json_put_string(o, "origin", origin);
        json_put_string(o, "from", detail);
        json_emit(c, stdout, o);
        return;
    }
    say(c, "%-16s %-40s (%s)", name, value ? value : "-", detail);
}

static const char *origin_of(const char *detail)
{
    return strncmp(detail, "--", 2) == 0          ? "option"
           : *detail >= 'A' && *detail <= 'Z'     ? "environment"
                                                  : "default";
}

static void tell_from(struct cli *c, const char *name, const char *value, const char *detail)
{
    tell(c, name, value, origin_of(detail), detail);
}

/* Of a setting that stands in the profile; `where` has room for its place. */
static void tell_key(struct cli *c, const struct profile_key *k, const char *name,
                     const char *value)
{
    char where[sizeof c->profile_path + 32];
    (void)snprintf(where, sizeof where, "%s, line %u", c->profile_path, k->at.line);
    tell(c, name, value, "profile", where);
}

/* Tells a setting, if it is in force because the profile says so. */
static bool tell_if_profile(struct cli *c, const char *name, const char *value)
{
    const struct profile_key *k = settings_find(c, "", name);
    if (!k || !value || k->count == 0 || value != k->items[0])
        return false;
    tell_key(c, k, name, value);
    return true;
}

/* As it could stand in the profile. */
static void key_text(const struct profile_key *k, struct buf *out)
{
    const char *quote = k->kind == PROFILE_INTEGER ? "" : "\"";
    if (k->kind == PROFILE_BOOLEAN)
        buf_put(out, k->yes ? "true" : "false", k->yes ? 4 : 5);
    if (k->kind == PROFILE_ARRAY)
        buf_put_u8(out, '[');
    for (size_t i = 0; i < k->count; i++) {
        buf_put(out, ", ", i ? 2 : 0);
        buf_put(out, quote, strlen(quote));
        buf_put(out, k->items[i], strlen(k->items[i]));
        buf_put(out, quote, strlen(quote));
    }
    if (k->kind == PROFILE_ARRAY)
        buf_put_u8(out, ']');
    buf_put_u8(out, 0);
}

/* The tables: what they say holds where the command line says nothing else. */
static int tell_tables(struct cli *c, struct err *e)
{
    for (size_t i = 0; i < c->profile.count; i++) {
        const struct profile_key *k = &c->profile.keys[i];
        CLEANUP(buf_done) struct buf text = {0};
        char name[2 * PROFILE_NAME_MAX + 2];
        if (!*k->table)
            continue;
        key_text(k, &text);
        if (buf_check(&text, "a setting", e))
            return -1;
        (void)snprintf(name, sizeof name, "%s.%s", k->table, k->name);
        tell_key(c, k, name, (const char *)text.data);
    }
    return 0;
}

static const char *place_detail(const char *variable, const char *xdg)
{
    const char *own = getenv(variable), *dir = getenv(xdg);
    if (own && *own)
        return variable;
    return geteuid() != 0 && dir && *dir == '/' ? xdg : "built in";
}

static void tell_vault(struct cli *c)
{
    const char *set = getenv("ABRI_VAULT");
    if (tell_if_profile(c, "vault", c->global.vault))
        return;
    if (c->global.vault)
        tell_from(c, "vault", c->global.vault, "--vault");
    else if (set && *set)
        tell_from(c, "vault", set, "ABRI_VAULT");
    else
        tell_from(c, "vault", NULL, "not set");
}

static void tell_passphrase(struct cli *c)
{
    if (tell_if_profile(c, "passphrase-file", c->global.passphrase_file))
        return;
    if (c->global.passphrase_file && !c->file_from_environment)
        tell_from(c, "passphrase-file", c->global.passphrase_file, "--passphrase-file");
    else if (c->global.passphrase_file)
        tell_from(c, "passphrase-file", c->global.passphrase_file, "ABRI_PASSPHRASE_FILE");
    else
        tell_from(c, "passphrase-file", NULL,
                  c->has_passphrase ? "ABRI_PASSPHRASE is used" : "asked for at the terminal");
}

static int run(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    (void)args;
    if (command_expect_words(&cmd_config, w, 1, 1, e))
        return -1;
    if (strcmp(w->items[0], "show") != 0)
        return err_set(e, ERR_USAGE, "config %s: there is only `abri config show`", w->items[0]);
    tell_vault(c);
    tell_passphrase(c);
    tell_from(c, "config-dir", c->dirs.config, place_detail("ABRI_CONFIG_DIR", "XDG_CONFIG_HOME"));
    if (c->no_cache_of_profile)
        tell_key(c, settings_find(c, "", "no-cache"), "cache-dir", NULL);
    else if (!tell_if_profile(c, "cache-dir", c->global.cache_dir))
        tell_from(c, "cache-dir", c->dirs.cache,
                  c->global.no_cache    ? "--no-cache"
                  : c->global.cache_dir ? "--cache-dir"
                                        : place_detail("ABRI_CACHE_DIR", "XDG_CACHE_HOME"));
    (void)tell_if_profile(c, "key-file", c->global.key_file);
    tell_from(c, "profile", c->has_profile ? c->profile_path : NULL,
              c->global.profile ? "--profile" : c->has_profile ? "built in" : "there is none");
    return tell_tables(c, e);
}

const struct command cmd_config = {
    .name = "config",
    .summary = "show which settings are in force",
    .operands = "show",
    .description =
        "Prints what is in force for a command that is started in the same way, and where each "
        "setting came from: an option, a variable of the environment, the profile, or built in. Secrets "
        "are never shown.",
    .examples = {{"abri config show", "here and now"},
                 {"abri --profile web config show", "what this profile says"},
                 {"abri -r /mnt/vault --json config show", "for a program"}},
    .run = run,
};
