/* SPDX-License-Identifier: Apache-2.0 */
/* Where keys and caches live on this machine, unless somebody says otherwise. Makes nothing. */
#include "work/work.h"

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

int work_config_dir(char *out, size_t cap, struct err *e)
{
    static const struct place config = {"ABRI_CONFIG_DIR", "/etc/abri", "XDG_CONFIG_HOME", ".config"};
    return find_place(&config, out, cap, e);
}

int work_cache_dir(char *out, size_t cap, struct err *e)
{
    static const struct place cache = {"ABRI_CACHE_DIR", "/var/cache/abri", "XDG_CACHE_HOME", ".cache"};
    return find_place(&cache, out, cap, e);
}
