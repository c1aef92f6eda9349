/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a vault on a server as a store. */
#include "remote/far_outline.h"

#include "base/file.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void far_path(const struct far_store *f, char out[FAR_PATH_MAX], const char *fmt, ...)
{
    va_list ap;
    int n = snprintf(out, FAR_PATH_MAX, "/v1/vaults/%s/", f->vault);
    va_start(ap, fmt);
    (void)vsnprintf(out + n, FAR_PATH_MAX - (size_t)n, fmt, ap);
    va_end(ap);
}

static void far_close(struct store *s)
{
    struct far_store *f = far_of(s);
    far_begun(f, "");
    prefetch_free(f->ahead);
    runs_free(f->runs);
    far_lengths_free(f->lengths);
    far_blocks_free(f);
    outline_free(f->outline);
    store_close(f->near);
    remote_close(f->remote);
    (void)pthread_mutex_destroy(&f->lock);
    mem_free(f);
}

static const char *far_location(const struct store *s)
{
    return ((const struct far_store *)s)->where;
}

/* What the server took is durable, name and all. */
static int far_sync(struct store *s, const char *dir, struct err *e)
{
    struct far_store *f = far_of(s);
    return far_is_near(dir) ? store_sync(f->near, dir, e) : 0;
}

static int far_remove(struct store *s, const char *name, struct err *e)
{
    struct far_store *f = far_of(s);
    if (far_is_near(name))
        return store_remove(f->near, name, e);
    return err_set(e, ERR_REFUSED, "%s: nothing can be removed from a vault on a server",
                   name);
}

static const struct store_impl far_impl = {
    .close = far_close,
    .location = far_location,
    .create = far_create,
    .write = far_write,
    .commit = far_commit,
    .replace = far_replace,
    .abort = far_abort,
    .sync = far_sync,
    .open = far_open,
    .read = far_read,
    .map = far_map,
    .reader_close = far_reader_close,
    .expect = far_expect,
    .list = far_list,
    .remove = far_remove,
    .lease_take = far_lease_take,
    .lease_held = far_lease_held,
    .lease_drop = far_lease_drop,
    .lease_list = far_lease_list,
};

/* Without a cache, or where it cannot be written, memory does. */
static int open_near(struct far_store *f, const char *cache, struct err *e)
{
    char dir[IDENTITY_PATH_MAX];
    if (cache) {
        int n = snprintf(dir, sizeof dir, "%s/%s/far", cache, f->vault);
        if (n > 0 && (size_t)n < sizeof dir && file_make_dirs(dir, 0700, NULL) == 0 &&
            store_dir_open(dir, &f->near, NULL) == 0)
            return 0;
    }
    return store_mem_open(&f->near, e);
}

static int choose_vault(struct far_store *f, struct err *e)
{
    const struct remote *r = f->remote;
    if (!r->url.has_vault && !r->identity.has_own_vault)
        return err_set(e, ERR_NO_VAULT,
                       "%s: which vault? This identity has none of its own: name it, as "
                       "https://HOST:PORT/VAULT",
                       client_name(r->client));
    hex_encode(r->url.has_vault ? r->url.vault : r->identity.own_vault, UID_BYTES, f->vault);
    (void)snprintf(f->where, sizeof f->where, "%s/%s", client_name(r->client), f->vault);
    return 0;
}

int remote_store_open(const struct remote_where *where, const char *url, struct store **out,
                      struct vault_keeper *keeper, struct err *e)
{
    struct far_store *f = mem_zalloc(sizeof *f);
    if (!f)
        return err_no_memory(e, "a vault on a server");
    f->base.impl = &far_impl;
    (void)pthread_mutex_init(&f->lock, NULL);
    if (remote_connect(where, url, &f->remote, e) || remote_renew(f->remote, e) ||
        choose_vault(f, e) || open_near(f, where->cache, e) || outline_new(f, &f->outline, e) || runs_new(&f->runs, e)) {
        far_close(&f->base);
        return -1;
    }
    remote_witness_begin(f->remote);
    int rc = outline_open(f->outline, e);
    remote_witness(f->remote);
    if (rc) {
        far_close(&f->base);
        return -1;
    }
    *keeper = (struct vault_keeper){.past = far_past, .receive = far_receive, .arg = f};
    *out = &f->base;
    return 0;
}
