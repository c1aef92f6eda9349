/* SPDX-License-Identifier: Apache-2.0 */
/* abri config show: what is in force, and where it came from. Never a secret. */
#include "cli/json_out.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* `origin` is "option", "environment" or "default". */
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
    if (c->global.vault)
        tell_from(c, "vault", c->global.vault, "--vault");
    else if (set && *set)
        tell_from(c, "vault", set, "ABRI_VAULT");
    else
        tell_from(c, "vault", NULL, "not set");
}

static void tell_passphrase(struct cli *c)
{
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
    tell_from(c, "cache-dir", c->dirs.cache,
              c->global.no_cache    ? "--no-cache"
              : c->global.cache_dir ? "--cache-dir"
                                    : place_detail("ABRI_CACHE_DIR", "XDG_CACHE_HOME"));
    return 0;
}

const struct command cmd_config = {
    .name = "config",
    .summary = "show which settings are in force",
    .operands = "show",
    .description =
        "Prints what is in force for a command that is started in the same way, and where each "
        "setting came from: an option, a variable of the environment, or built in. Secrets "
        "are never shown.",
    .examples = {{"abri config show", "here and now"},
                 {"abri -r /mnt/vault --json config show", "for a program"}},
    .run = run,
};
