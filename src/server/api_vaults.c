/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vaults: making one for a machine, adding a writer, describing them.
 *
 * X6 A machine makes one vault, of its own; a second only when it is enrolled anew. What it sends
 *    becomes a vault below `pending/` first, and moves to its place whole.
 */
#include "server/api.h"
#include "server/upkeep.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- making -------------------------------------------------------------------------------- */

static void pending_path(const struct request *q, char out[SERVER_PATH_MAX])
{
    char hex[2 * EVENT_ID_BYTES + 1];
    hex_encode(q->caller.identity.id, EVENT_ID_BYTES, hex);
    installation_path(&q->server->installation, out, "pending/%s", hex);
}

/* -1: answered. */
static int check_first(struct request *q)
{
    struct catalog_vault v;
    struct err why = ERR_INIT;
    if (catalog_vault_of(q->server->catalog, q->caller.identity.id, &v, NULL))
        return 0;
    (void)err_set(&why, ERR_EXISTS, "this machine has a vault already");
    reply_error(q, "vault_exists", &why);
    return -1;
}

static int open_pending(struct request *q, struct store **out, struct err *e)
{
    char path[SERVER_PATH_MAX];
    pending_path(q, path);
    if (mkdir(path, 0700) && errno != EEXIST)
        return err_sys(e, errno, "make '%s'", path);
    return store_dir_open(path, out, e);
}

void api_vault_prepare(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct store *s = NULL;
    struct err why = ERR_INIT;
    uint8_t key[SIGN_PUBLIC_BYTES];
    (void)in, (void)body, (void)len;
    if (check_first(q))
        return;
    (void)pthread_mutex_lock(&q->server->decide); /* one at a time makes the key */
    int rc = open_pending(q, &s, &why) || keeper_prepare(s, key, &why) ? -1 : 0;
    store_close(s);
    (void)pthread_mutex_unlock(&q->server->decide);
    if (rc)
        reply_fail(q, &why);
    else
        reply_json(q, 200, json_pack("{s:o}", "keeper_key", json_id(key, sizeof key)));
}

static int sync_directory(const char *path, struct err *e)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 || fsync(fd) ? err_sys(e, errno, "sync '%s'", path) : 0;
    if (fd >= 0)
        (void)close(fd);
    return rc;
}

/* X6 */
static int move_to_place(struct request *q, const uint8_t vault[UID_BYTES], struct err *e)
{
    const struct installation *i = &q->server->installation;
    char from[SERVER_PATH_MAX], to[SERVER_PATH_MAX], dir[SERVER_PATH_MAX], hex[2 * UID_BYTES + 1];
    hex_encode(vault, UID_BYTES, hex);
    pending_path(q, from);
    installation_path(i, to, "vaults/%s", hex);
    installation_path(i, dir, "vaults");
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE))
        return errno == EEXIST ? err_set(e, ERR_EXISTS, "there is a vault of that id already")
                               : err_sys(e, errno, "move '%s' to '%s'", from, to);
    return sync_directory(dir, e);
}

static int record_vault(struct request *q, const struct vault_info *info,
                        const uint8_t writer[UID_BYTES], struct err *e)
{
    struct event ev = {.kind = EVENT_VAULT_CREATE, .shared = info->shared};
    const struct catalog_identity *who = &q->caller.identity;
    memcpy(ev.by, who->id, EVENT_ID_BYTES);
    memcpy(ev.id, who->id, EVENT_ID_BYTES);
    memcpy(ev.tenant, who->tenant, EVENT_ID_BYTES);
    memcpy(ev.vault, info->id, UID_BYTES);
    if (server_decide(q->server, &ev, e))
        return -1;
    ev.kind = EVENT_VAULT_WRITER;
    ev.shared = false;
    memset(ev.tenant, 0, EVENT_ID_BYTES);
    memcpy(ev.writer, writer, UID_BYTES);
    return server_decide(q->server, &ev, e);
}

static int first_writer(void *arg, const char *name, struct err *e)
{
    (void)e;
    return hex_decode(name, strlen(name), arg, UID_BYTES) ? 1 : 0;
}

/* What it holds now that it is adopted. */
static int look_into(struct store *s, struct vault_info *info, uint8_t writer[UID_BYTES],
                     struct err *e)
{
    struct vault *v = NULL;
    if (vault_open(s, &v, e))
        return -1;
    *info = *vault_get_info(v);
    int rc = vault_list(v, VAULT_WRITER, first_writer, writer, e);
    vault_close(v);
    return rc < 0 ? -1 : 0;
}

static int adopt(struct request *q, const uint8_t *body, size_t len, struct vault_info *info,
                 struct err *e)
{
    struct wire_object objects[WIRE_BUNDLE_OBJECTS];
    struct keeper_object taken[WIRE_BUNDLE_OBJECTS];
    uint8_t writer[UID_BYTES];
    size_t count;
    struct store *s = NULL;
    if (wire_bundle_take(body, len, objects, &count, e))
        return -1;
    for (size_t i = 0; i < count; i++)
        taken[i] = (struct keeper_object){objects[i].name, objects[i].bytes, objects[i].len};
    if (open_pending(q, &s, e))
        return -1;
    int rc = keeper_adopt(s, taken, count, e) || look_into(s, info, writer, e) ? -1 : 0;
    store_close(s);
    return rc || move_to_place(q, info->id, e) || record_vault(q, info, writer, e) ||
                   upkeep_rules(q->server, info->id, e)
               ? -1
               : 0;
}

void api_vault_adopt(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct vault_info info;
    struct err why = ERR_INIT;
    (void)in;
    (void)pthread_mutex_lock(&q->server->decide);
    if (check_first(q) == 0) {
        if (adopt(q, body, len, &info, &why))
            reply_fail(q, &why);
        else
            reply_json(q, 201, json_pack("{s:o}", "vault", json_id(info.id, UID_BYTES)));
    }
    (void)pthread_mutex_unlock(&q->server->decide);
}

/* ---- writers ----------------------------------------------------------------------------------- */

/* Of the same tenant, and the vault is shared, or the machine was told at enrolment to join it (its token named
 * it), or it made it. The owner's signature, verified by keeper_add_writer, is the second half of the permission. */
static bool may_join(struct request *q, const struct catalog_vault *v)
{
    const struct catalog_identity *who = &q->caller.identity;
    if (memcmp(v->tenant, who->tenant, EVENT_ID_BYTES) != 0)
        return false;
    return v->shared || memcmp(v->id, who->id, EVENT_ID_BYTES) == 0;
}

static int add_writer(struct request *q, const uint8_t *body, size_t len, uint8_t *writer,
                      struct err *e)
{
    struct vault_entry *v = NULL;
    if (vaults_take(q->server, q->ids[0], &v, e))
        return -1;
    (void)pthread_mutex_lock(&v->lock);
    int rc = keeper_add_writer(v->vault, body, len, writer, e);
    (void)pthread_mutex_unlock(&v->lock);
    vaults_give(q->server, v);
    if (rc)
        return -1;
    struct event ev = {.kind = EVENT_VAULT_WRITER};
    memcpy(ev.by, q->caller.identity.id, EVENT_ID_BYTES);
    memcpy(ev.id, q->caller.identity.id, EVENT_ID_BYTES);
    memcpy(ev.vault, q->ids[0], UID_BYTES);
    memcpy(ev.writer, writer, UID_BYTES);
    return server_decide(q->server, &ev, e);
}

void api_writer_add(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct catalog_vault v;
    struct err why = ERR_INIT;
    uint8_t writer[UID_BYTES];
    (void)in;
    if (catalog_vault(q->server->catalog, q->ids[0], &v, NULL) || !may_join(q, &v)) {
        reply_not_found(q);
        return;
    }
    if (add_writer(q, body, len, writer, &why))
        reply_fail(q, &why);
    else
        reply_json(q, 201, json_pack("{s:o}", "writer", json_id(writer, UID_BYTES)));
}

void api_writer_past(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct vault_access a;
    struct vault_entry *v = NULL;
    struct writer_past past = {0};
    struct err why = ERR_INIT;
    (void)in, (void)body, (void)len;
    if (access_to_vault(q, q->ids[0], &a))
        return;
    if (!(a.rights & WIRE_RIGHT_ADD) || memcmp(a.writer, q->ids[1], UID_BYTES) != 0) {
        reply_not_found(q);
        return;
    }
    int rc = vaults_take(q->server, q->ids[0], &v, &why);
    if (!rc) {
        (void)pthread_mutex_lock(&v->lock);
        rc = keeper_past(v->vault, a.writer, &past, &why);
        (void)pthread_mutex_unlock(&v->lock);
        vaults_give(q->server, v);
    }
    if (rc)
        reply_fail(q, &why);
    else
        reply_json(q, 200, json_pack("{s:I, s:o}", "sequence", (json_int_t)past.sequence,
                                      "snapshot", json_id(past.id, ID_BYTES)));
}

/* ---- describing ------------------------------------------------------------------------------------ */

static json_t *describe(const struct catalog_vault *v)
{
    return json_pack("{s:o, s:o, s:o, s:b, s:o, s:o, s:I, s:I}", "vault", json_id(v->vault, UID_BYTES),
                     "tenant", json_id(v->tenant, EVENT_ID_BYTES), "machine",
                     json_id(v->id, EVENT_ID_BYTES), "shared", v->shared, "created",
                     json_time(v->created_ns), "last_snapshot", json_time(v->snapshot_ns),
                     "snapshots", (json_int_t)v->snapshots, "bytes", (json_int_t)v->bytes);
}

static int add_vault(void *arg, const struct catalog_vault *v, struct err *e)
{
    struct listing *l = arg;
    if (!listing_shows(l, v->tenant))
        return 0;
    return json_array_append_new(l->array, describe(v)) ? err_no_memory(e, "a list") : 0;
}

void api_vaults(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct listing l = {.q = q};
    struct err why = ERR_INIT;
    (void)in, (void)body, (void)len;
    if (listing_begin(&l))
        return;
    listing_end(&l, "vaults", catalog_list_vault(q->server->catalog, NULL, add_vault, &l, &why), &why);
}

void api_vault(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct vault_access a;
    (void)in, (void)body, (void)len;
    if (access_to_vault(q, q->ids[0], &a) == 0)
        reply_json(q, 200, describe(&a.vault));
}
