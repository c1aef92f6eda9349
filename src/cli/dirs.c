/* SPDX-License-Identifier: Apache-2.0 */
/* Where keys and caches live on this machine, and where the vault is that the
 * user named. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct place {
    const char *variable; /* of ours */
    const char *for_root;
    const char *xdg, *below_home;
};

static int find_place(const struct place *p, char *out, size_t cap, struct err *e)
{
    const char *own = getenv(p->variable), *xdg = getenv(p->xdg), *home = getenv("HOME");
    int n;
    if (own && *own)
        n = snprintf(out, cap, "%s", own);
    else if (geteuid() == 0)
        n = snprintf(out, cap, "%s", p->for_root);
    else if (xdg && *xdg == '/') /* the specification: ignore relative ones */
        n = snprintf(out, cap, "%s/abri", xdg);
    else if (home && *home)
        n = snprintf(out, cap, "%s/%s/abri", home, p->below_home);
    else
        return err_set(e, ERR_USAGE, "HOME is not set: set it, or %s", p->variable);
    if (n < 0 || (size_t)n >= cap)
        return err_set(e, ERR_LIMIT, "%s: the path is too long", p->variable);
    return 0;
}

int cli_dirs(struct cli *c, struct err *e)
{
    static const struct place config = {"ABRI_CONFIG_DIR", "/etc/abri", "XDG_CONFIG_HOME",
                                        ".config"};
    static const struct place cache = {"ABRI_CACHE_DIR", "/var/cache/abri", "XDG_CACHE_HOME",
                                       ".cache"};
    if (find_place(&config, c->config_dir, sizeof c->config_dir, e))
        return -1;
    c->dirs = (struct work_dirs){.config = c->config_dir, .cancel = &c->progress.cancel,
                                .log_alarm = report_log, .log_arg = c};
    if (c->global.no_cache)
        return 0;
    if (c->global.cache_dir) {
        c->dirs.cache = c->global.cache_dir;
        return 0;
    }
    if (find_place(&cache, c->cache_dir, sizeof c->cache_dir, e))
        return -1;
    c->dirs.cache = c->cache_dir;
    return 0;
}

int cli_location(struct cli *c, const char **out, struct err *e)
{
    const char *location = c->global.vault ? c->global.vault : getenv("ABRI_VAULT");
    if (!location || !*location)
        return err_set(e, ERR_USAGE, "which vault? Name it with --vault LOC, or set ABRI_VAULT");
    *out = location;
    return 0;
}
