/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vaults that are gone leave the disk: from `vaults/<id>` to `ended/<id>`, and from there file by file. The log first:
 *
 *     in the log, at its place    moved, at the next round or soon after the next start
 *     moved, whole or in part     removed, then
 *     removed                     done
 *
 * so a place never holds half a vault, and a crash anywhere leaves something that the next round finishes: all removals go through here.
 * What lies in `ended/` and is not gone by the log (which was put back from an older copy) is told, and touched by nobody.
 *
 * V7 The log itself is asked before anything is moved or removed. The catalogue, which anybody with the disk can change,
 *    only says where to look.
 */
#include "server/ending.h"

#include "base/file.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 8 /* a vault has three */

static int sync_directory(const char *path, struct err *e)
{
    CLEANUP(file_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 || fsync(fd) ? err_sys(e, errno, "sync '%s'", path) : 0;
}

/* ---- files ------------------------------------------------------------------------------------ */

static int remove_entry(struct server *s, int dir, const char *name, unsigned depth, struct err *e);

/* Takes `fd`. */
static int empty_directory(struct server *s, int fd, unsigned depth, struct err *e)
{
    DIR *d = fdopendir(fd);
    int rc = 0;
    if (!d) {
        (void)close(fd);
        return err_sys(e, errno, "read a directory");
    }
    for (const struct dirent *n; !rc && (n = readdir(d)) != NULL;)
        if (strcmp(n->d_name, ".") != 0 && strcmp(n->d_name, "..") != 0)
            rc = remove_entry(s, dirfd(d), n->d_name, depth, e);
    (void)closedir(d);
    return rc;
}

/* Links are removed, never followed. */
static int remove_entry(struct server *s, int dir, const char *name, unsigned depth, struct err *e)
{
    if (s->stopping)
        return err_set(e, ERR_CANCELLED, "it goes on after the next start");
    if (unlinkat(dir, name, 0) == 0)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return err_sys(e, errno, "remove '%s'", name);
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return err_sys(e, errno, "remove '%s'", name);
    if (depth == DEPTH_MAX) {
        (void)close(fd);
        return err_set(e, ERR_LIMIT, "'%s' lies deeper than anything in a vault", name);
    }
    if (empty_directory(s, fd, depth + 1, e))
        return -1;
    return unlinkat(dir, name, AT_REMOVEDIR) ? err_sys(e, errno, "remove '%s'", name) : 0;
}

/* ---- whether it is so ------------------------------------------------------------------------- */

static bool is_end_of(const struct buf *entry, const uint8_t *vault)
{
    static const char kind[] = "\"vault.gone\"";
    struct event ev;
    if (!memmem(entry->data, entry->len, kind, sizeof kind - 1) || event_decode(entry->data, entry->len, &ev, NULL))
        return false;
    bool is = ev.kind == EVENT_VAULT_GONE && memcmp(ev.vault, vault, UID_BYTES) == 0;
    event_done(&ev);
    return is;
}

/* V7: from the newest entry on, for the end of a vault is mostly among the last. */
static bool log_says_gone(struct server *s, const uint8_t *vault)
{
    CLEANUP(buf_done) struct buf entry = {.max = TLOG_ENTRY_MAX};
    for (uint64_t i = tlog_size(s->log); i-- > 0 && !s->stopping;) {
        buf_reset(&entry);
        if (tlog_entry(s->log, i, &entry, NULL) == 0 && is_end_of(&entry, vault))
            return true;
    }
    return false;
}

/* ---- one vault ---------------------------------------------------------------------------------- */

static void paths_of(const struct server *s, const uint8_t *vault, char place[SERVER_PATH_MAX], char ended[SERVER_PATH_MAX])
{
    char hex[2 * UID_BYTES + 1];
    hex_encode(vault, UID_BYTES, hex);
    installation_path(&s->installation, place, "vaults/%s", hex);
    installation_path(&s->installation, ended, "ended/%s", hex);
}

/* ERR_BUSY as long as somebody reads it. */
static int move_away(struct server *s, const struct catalog_vault *v, struct err *e)
{
    char from[SERVER_PATH_MAX], to[SERVER_PATH_MAX], dir[SERVER_PATH_MAX];
    paths_of(s, v->vault, from, to);
    if (access(from, F_OK))
        return errno == ENOENT ? 0 : err_sys(e, errno, "look at '%s'", from);
    if (!log_says_gone(s, v->vault))
        return err_set(e, ERR_DAMAGED, "no entry of the log says so: it stays. The catalogue is not what follows from the log: stop the server, "
                                       "remove it, start again");
    ending_tell_gone(s, v); /* before it cannot be seen any more that it was not */
    sessions_end_all(s, v->vault);
    if (vaults_drop(s, v->vault, e))
        return -1;
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE))
        return err_sys(e, errno, "move '%s' to '%s'", from, to);
    installation_path(&s->installation, dir, "ended");
    if (sync_directory(dir, e))
        return -1;
    installation_path(&s->installation, dir, "vaults");
    return sync_directory(dir, e);
}

static int move_if_gone(void *arg, const struct catalog_vault *v, struct err *e)
{
    struct server *s = arg;
    struct err why = ERR_INIT;
    char hex[2 * UID_BYTES + 1];
    (void)e;
    if (!v->gone_ns || move_away(s, v, &why) == 0)
        return s->stopping;
    hex_encode(v->vault, UID_BYTES, hex);
    server_tell(s, "vault %s is gone, and still there: %s", hex, why.msg);
    return 0;
}

/* ---- all ---------------------------------------------------------------------------------------- */

static bool is_gone(struct server *s, const char *name, struct catalog_vault *v)
{
    uint8_t id[UID_BYTES];
    return hex_decode(name, strlen(name), id, UID_BYTES) && catalog_vault(s->catalog, id, v, NULL) == 0 && v->gone_ns &&
           log_says_gone(s, id);
}

static void empty_ended(struct server *s, const char *path)
{
    struct catalog_vault v;
    DIR *d = opendir(path);
    for (const struct dirent *n; d && !s->stopping && (n = readdir(d)) != NULL;) {
        struct err why = ERR_INIT;
        if (n->d_name[0] == '.')
            continue;
        if (!is_gone(s, n->d_name, &v)) {
            server_tell(s, "ended/%.64s is in no entry of the log that says so: it is left alone. Is the log older than it?", n->d_name);
            continue;
        }
        ending_tell_gone(s, &v);
        if (remove_entry(s, dirfd(d), n->d_name, 0, &why))
            server_tell(s, "vault %s is gone, but not all of it is removed: %s", n->d_name, why.msg);
    }
    if (d && fsync(dirfd(d)))
        server_tell(s, "'%s' could not be synced: %s", path, strerror(errno));
    if (d)
        (void)closedir(d);
}

void ending_remove_gone(struct server *s)
{
    struct err why = ERR_INIT;
    char path[SERVER_PATH_MAX];
    installation_path(&s->installation, path, "ended");
    if (mkdir(path, 0700) && errno != EEXIST)
        server_tell(s, "'%s' could not be made: %s", path, strerror(errno));
    empty_ended(s, path); /* what was cut off, which would be in the way */
    if (catalog_list_vault(s->catalog, NULL, move_if_gone, s, &why) < 0)
        server_tell(s, "vaults that are gone: %s", why.msg);
    empty_ended(s, path);
}
