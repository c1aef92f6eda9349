/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new vault on its way from `pending/<machine>` to `vaults/<id>`. The log first, then the move: a crash leaves
 *
 *     made, not in the log       nobody was told of it: its machine sends the same again, or begins anew
 *     in the log, not moved      finished here: at the next start, or when the machine asks again
 *     moved                      done
 *
 * so no entry names a vault that could not be brought to its place, and no place holds a vault that no entry names.
 * What is against that all the same (a log that was put back from an older copy) is told, and touched by nobody.
 */
#include "server/upkeep.h"

#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void vault_pending_path(const struct server *s, const uint8_t machine[EVENT_ID_BYTES],
                        char out[SERVER_PATH_MAX])
{
    char hex[2 * EVENT_ID_BYTES + 1];
    hex_encode(machine, EVENT_ID_BYTES, hex);
    installation_path(&s->installation, out, "pending/%s", hex);
}

static void place_of(const struct server *s, const uint8_t vault[UID_BYTES], char out[SERVER_PATH_MAX])
{
    char hex[2 * UID_BYTES + 1];
    hex_encode(vault, UID_BYTES, hex);
    installation_path(&s->installation, out, "vaults/%s", hex);
}

/* ---- one ---------------------------------------------------------------------------------- */

static int first_writer(void *arg, const char *name, struct err *e)
{
    (void)e;
    return hex_decode(name, strlen(name), arg, UID_BYTES) ? 1 : 0;
}

int vault_look_into(struct store *s, struct vault_info *info, uint8_t writer[UID_BYTES], struct err *e)
{
    struct vault *v = NULL;
    if (vault_open(s, &v, e))
        return -1;
    *info = *vault_get_info(v);
    int rc = vault_list(v, VAULT_WRITER, first_writer, writer, e);
    vault_close(v);
    return rc < 0 ? -1 : 0;
}

static int sync_directory(const char *path, struct err *e)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 || fsync(fd) ? err_sys(e, errno, "sync '%s'", path) : 0;
    if (fd >= 0)
        (void)close(fd);
    return rc;
}

static int move_to_place(struct server *s, const uint8_t *machine, const uint8_t *vault, struct err *e)
{
    char from[SERVER_PATH_MAX], to[SERVER_PATH_MAX], dir[SERVER_PATH_MAX];
    vault_pending_path(s, machine, from);
    place_of(s, vault, to);
    installation_path(&s->installation, dir, "vaults");
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE))
        return errno == EEXIST ? err_set(e, ERR_EXISTS, "there is a vault of that id already")
                               : err_sys(e, errno, "move '%s' to '%s'", from, to);
    return sync_directory(dir, e);
}

/* By whoever made it; as the server's own finding it would say nobody. */
static int record_writer(struct server *s, const uint8_t *machine, const uint8_t *vault,
                         const uint8_t *writer, struct err *e)
{
    uint8_t there[UID_BYTES];
    struct event ev = {.kind = EVENT_VAULT_WRITER};
    if (catalog_writer(s->catalog, vault, machine, there, NULL) == 0)
        return 0;
    memcpy(ev.by, machine, EVENT_ID_BYTES);
    memcpy(ev.id, machine, EVENT_ID_BYTES);
    memcpy(ev.vault, vault, UID_BYTES);
    memcpy(ev.writer, writer, UID_BYTES);
    return server_decide(s, &ev, e);
}

int vault_settle(struct server *s, const uint8_t machine[EVENT_ID_BYTES], struct err *e)
{
    char path[SERVER_PATH_MAX];
    struct store *store = NULL;
    struct catalog_vault about;
    struct vault_info info;
    uint8_t writer[UID_BYTES] = {0};
    vault_pending_path(s, machine, path);
    if (access(path, F_OK))
        return errno == ENOENT ? 0 : err_sys(e, errno, "look at '%s'", path);
    if (store_dir_open(path, &store, e))
        return -1;
    int none = vault_look_into(store, &info, writer, NULL);
    store_close(store);
    if (none || catalog_vault(s->catalog, info.id, &about, NULL) ||
        memcmp(about.id, machine, EVENT_ID_BYTES) != 0)
        return 0; /* the machine goes on with it, or begins anew */
    return record_writer(s, machine, info.id, writer, e) || move_to_place(s, machine, info.id, e) ||
                   upkeep_rules(s, info.id, e)
               ? -1
               : 0;
}

int vault_enter(struct server *s, const struct catalog_identity *who, const struct vault_info *info,
                struct err *e)
{
    char place[SERVER_PATH_MAX];
    struct catalog_vault there;
    struct event ev = {.kind = EVENT_VAULT_CREATE, .shared = info->shared};
    place_of(s, info->id, place);
    if (access(place, F_OK) == 0 || catalog_vault(s->catalog, info->id, &there, NULL) == 0) /* or was, and is gone */
        return err_set(e, ERR_EXISTS, "there is a vault of that id already");
    memcpy(ev.by, who->id, EVENT_ID_BYTES);
    memcpy(ev.id, who->id, EVENT_ID_BYTES);
    memcpy(ev.tenant, who->tenant, EVENT_ID_BYTES);
    memcpy(ev.vault, info->id, UID_BYTES);
    return server_decide(s, &ev, e) || vault_settle(s, who->id, e) ? -1 : 0;
}

/* ---- all, at the start ------------------------------------------------------------------------- */

/* Calls `each` for entries of a directory of the root that are ids. */
static void each_id(struct server *s, const char *dir, void (*each)(struct server *s, const uint8_t *id))
{
    char path[SERVER_PATH_MAX];
    uint8_t id[EVENT_ID_BYTES];
    installation_path(&s->installation, path, "%s", dir);
    DIR *d = opendir(path);
    for (const struct dirent *n; d && (n = readdir(d)) != NULL;)
        if (hex_decode(n->d_name, strlen(n->d_name), id, sizeof id))
            each(s, id);
    if (d)
        (void)closedir(d);
}

static void settle(struct server *s, const uint8_t *machine)
{
    struct err why = ERR_INIT;
    char hex[2 * EVENT_ID_BYTES + 1];
    hex_encode(machine, EVENT_ID_BYTES, hex);
    if (vault_settle(s, machine, &why))
        server_tell(s, "the vault that machine %s began could not be brought to its place: %s", hex, why.msg);
}

static void tell_unknown(struct server *s, const uint8_t *vault)
{
    struct catalog_vault about;
    char hex[2 * UID_BYTES + 1];
    hex_encode(vault, UID_BYTES, hex);
    if (catalog_vault(s->catalog, vault, &about, NULL))
        server_tell(s, "vaults/%s is in no entry of the log: nobody can use it. Is the log older than the vaults?", hex);
}

static int tell_missing(void *arg, const struct catalog_vault *v, struct err *e)
{
    struct server *s = arg;
    char path[SERVER_PATH_MAX];
    (void)e;
    place_of(s, v->vault, path);
    if (!v->gone_ns && access(path, F_OK))
        server_tell(s, "'%s' is missing: the log says that this vault was made, and nothing that it was removed", path);
    return 0;
}

void vaults_settle(struct server *s)
{
    each_id(s, "pending", settle);
    each_id(s, "vaults", tell_unknown);
    (void)!catalog_list_vault(s->catalog, NULL, tell_missing, s, NULL);
}
