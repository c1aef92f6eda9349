/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vaults: making one for a machine, adding a writer, describing them.
 *
 * X6 A machine makes one vault, of its own; a second only when it is enrolled anew, also after the first is gone. What it sends
 *    becomes a vault below `pending/` first, enters the log, and moves to its place whole (vault_settle.c).
 *    The same, sent once more, is answered once more.
 */
#include "server/api.h"
#include "server/ending.h"
#include "server/upkeep.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- making -------------------------------------------------------------------------------- */

/* -1: answered. */
static int check_first(struct request *q)
{
    struct catalog_vault v;
    struct err why = ERR_INIT;
    if (catalog_vault_of(q->server->catalog, q->caller.identity.id, &v, NULL))
        return 0;
    if (ending_refuse_gone(q, &v))
        return -1;
    (void)err_set(&why, ERR_EXISTS, "this machine has a vault already");
    reply_error(q, "vault_exists", &why);
    return -1;
}

static int open_pending(struct request *q, struct store **out, struct err *e)
{
    char path[SERVER_PATH_MAX];
    vault_pending_path(q->server, q->caller.identity.id, path);
    if (mkdir(path, 0700) && errno != EEXIST)
        return err_sys(e, errno, "make '%s'", path);
    return store_dir_open(path, out, e);
}

static int drop(void *arg, const char *name, uint64_t len, struct err *e)
{
    (void)len;
    return store_remove(arg, name, e);
}

/* One that was made, but never entered the log, is given up by whoever begins anew. */
static int prepare(struct store *s, uint8_t *key, struct err *e)
{
    struct err why = ERR_INIT;
    if (keeper_prepare(s, key, &why) == 0)
        return 0;
    if (why.cls != ERR_EXISTS)
        return err_give(e, &why);
    return store_list(s, "", drop, s, e) || keeper_prepare(s, key, e) ? -1 : 0;
}

void api_vault_prepare(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct store *s = NULL;
    struct err why = ERR_INIT;
    uint8_t key[SIGN_PUBLIC_BYTES];
    (void)in, (void)body, (void)len;
    (void)pthread_mutex_lock(&q->server->decide); /* one at a time makes the key */
    int rc = vault_settle(q->server, q->caller.identity.id, &why);
    bool first = rc || check_first(q) == 0;
    if (!rc && first)
        rc = open_pending(q, &s, &why) || prepare(s, key, &why) ? -1 : 0;
    store_close(s);
    (void)pthread_mutex_unlock(&q->server->decide);
    if (!first)
        return;
    if (rc)
        reply_fail(q, &why);
    else
        reply_json(q, 200, json_pack("{s:o}", "keeper_key", json_id(key, sizeof key)));
}

static bool is_same(struct store *s, const struct keeper_object *o)
{
    CLEANUP(buf_done) struct buf there = {.max = WIRE_BUNDLE_MAX};
    struct store_reader *r = NULL;
    if (store_open(s, o->name, &r, NULL))
        return false;
    bool same = store_reader_len(r) == o->len;
    uint8_t *room = same ? buf_reserve(&there, o->len + 1) : NULL;
    same = room && store_read(r, 0, room, o->len, NULL) == 0 && memcmp(room, o->bytes, o->len) == 0;
    store_reader_close(r);
    return same;
}

/* Whether the vault there is the one that is sent: an answer was lost. */
static bool is_repeated(struct store *s, const struct keeper_object *o, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!is_same(s, &o[i]))
            return false;
    return count > 0;
}

static int adopt(struct request *q, const struct keeper_object *o, size_t count,
                 struct vault_info *info, struct err *e)
{
    uint8_t writer[UID_BYTES];
    struct store *s = NULL;
    struct err why = ERR_INIT;
    if (open_pending(q, &s, e))
        return -1;
    int rc = keeper_adopt(s, o, count, &why);
    if (rc && why.cls == ERR_EXISTS && is_repeated(s, o, count))
        rc = 0;
    if (rc)
        (void)err_give(e, &why);
    else
        rc = vault_look_into(s, info, writer, e);
    store_close(s);
    return rc || vault_enter(q->server, &q->caller.identity, info, e) ? -1 : 0;
}

/* The vault that it has: 0 if that is what it sends once more. -1: answered. */
static int again(struct request *q, const struct catalog_vault *v, const struct keeper_object *o,
                 size_t count)
{
    struct vault_entry *entry = NULL;
    struct err why = ERR_INIT;
    if (vaults_take(q->server, v->vault, &entry, &why)) {
        reply_fail(q, &why);
        return -1;
    }
    bool same = is_repeated(entry->store, o, count);
    vaults_give(q->server, entry);
    return same ? 0 : check_first(q);
}

static void adopt_first(struct request *q, const struct keeper_object *o, size_t count)
{
    struct vault_info info;
    struct catalog_vault v;
    struct err why = ERR_INIT;
    int status = 201;
    int rc = vault_settle(q->server, q->caller.identity.id, &why);
    if (!rc && catalog_vault_of(q->server->catalog, q->caller.identity.id, &v, NULL) == 0) {
        if (ending_refuse_gone(q, &v) || again(q, &v, o, count))
            return;
        memcpy(info.id, v.vault, UID_BYTES);
        status = 200;
    } else if (!rc) {
        rc = adopt(q, o, count, &info, &why);
    }
    if (rc)
        reply_fail(q, &why);
    else
        reply_json(q, status, json_pack("{s:o}", "vault", json_id(info.id, UID_BYTES)));
}

void api_vault_adopt(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct wire_object objects[WIRE_BUNDLE_OBJECTS];
    struct keeper_object taken[WIRE_BUNDLE_OBJECTS];
    struct err why = ERR_INIT;
    size_t count;
    (void)in;
    if (wire_bundle_take(body, len, objects, &count, &why)) {
        reply_fail(q, &why);
        return;
    }
    for (size_t i = 0; i < count; i++)
        taken[i] = (struct keeper_object){objects[i].name, objects[i].bytes, objects[i].len};
    (void)pthread_mutex_lock(&q->server->decide);
    adopt_first(q, taken, count);
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
    uint8_t there[UID_BYTES];
    if (catalog_writer(q->server->catalog, q->ids[0], q->caller.identity.id, there, NULL) == 0 &&
        memcmp(there, writer, UID_BYTES) == 0)
        return 0; /* the answer was lost */
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
    if (ending_refuse_writers(q, &v))
        return;
    if (add_writer(q, body, len, writer, &why))
        reply_fail(q, &why);
    else
        reply_json(q, 201, json_pack("{s:o}", "writer", json_id(writer, UID_BYTES)));
}

/* ---- passphrases -------------------------------------------------------------------------------- */

static int add_key(struct request *q, const uint8_t *body, size_t len, struct err *e)
{
    struct vault_entry *v = NULL;
    char hex[2 * UID_BYTES + 1];
    struct event ev = {.kind = EVENT_KEY_ADD, .text = hex};
    if (vaults_take(q->server, q->ids[0], &v, e))
        return -1;
    (void)pthread_mutex_lock(&v->lock);
    int rc = keeper_add_key(v->vault, q->ids[1], body, len, e);
    (void)pthread_mutex_unlock(&v->lock);
    vaults_give(q->server, v);
    hex_encode(q->ids[1], UID_BYTES, hex);
    memcpy(ev.by, q->caller.identity.id, EVENT_ID_BYTES);
    memcpy(ev.id, q->caller.identity.id, EVENT_ID_BYTES);
    memcpy(ev.vault, q->ids[0], UID_BYTES);
    return rc || server_record(q->server, &ev, NULL, e) ? -1 : 0;
}

/* Whoever may add and read opened the vault anyway. None is taken away from here: a thief would take the owner's. */
void api_key_add(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct vault_access a;
    struct err why = ERR_INIT;
    (void)in;
    if (access_to_vault(q, q->ids[0], &a) || ending_refuse_writers(q, &a.vault))
        return;
    if (!(a.rights & WIRE_RIGHT_ADD) || !(a.rights & WIRE_RIGHT_READ))
        reply_refuse(q, "forbidden", "a passphrase is added by a machine of this vault that may read it");
    else if (add_key(q, body, len, &why))
        reply_fail(q, &why);
    else
        reply_json(q, 201, json_object());
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
    if (ending_refuse_gone(q, &a.vault))
        return;
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

static json_t *describe(struct server *s, const struct catalog_vault *v)
{
    json_t *o = json_pack("{s:o, s:o, s:o, s:b, s:o, s:o, s:I, s:I}", "vault", json_id(v->vault, UID_BYTES),
                     "tenant", json_id(v->tenant, EVENT_ID_BYTES), "machine",
                     json_id(v->id, EVENT_ID_BYTES), "shared", v->shared, "created",
                     json_time(v->created_ns), "last_snapshot", json_time(v->snapshot_ns),
                     "snapshots", (json_int_t)v->snapshots, "bytes", (json_int_t)v->bytes);
    if (o)
        ending_describe(s, v, o);
    return o;
}

static int add_vault(void *arg, const struct catalog_vault *v, struct err *e)
{
    struct listing *l = arg;
    if (!listing_shows(l, v->tenant))
        return 0;
    return json_array_append_new(l->array, describe(l->q->server, v)) ? err_no_memory(e, "a list") : 0;
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
        reply_json(q, 200, describe(q->server, &a.vault));
}
