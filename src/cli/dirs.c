/* SPDX-License-Identifier: Apache-2.0 */
/* Where keys and caches live on this machine, and where the vault is that the
 * user named. */
#include "cli/cli.h"

#include <stdlib.h>

int cli_dirs(struct cli *c, struct err *e)
{
    if (work_config_dir(c->config_dir, sizeof c->config_dir, e))
        return -1;
    c->dirs = (struct work_dirs){.config = c->config_dir, .cancel = &c->progress.cancel,
                                .log_alarm = report_log, .log_arg = c};
    if (c->global.no_cache)
        return 0;
    if (c->global.cache_dir) {
        c->dirs.cache = c->global.cache_dir;
        return 0;
    }
    if (work_cache_dir(c->cache_dir, sizeof c->cache_dir, e))
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
