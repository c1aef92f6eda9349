/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An installation on disk: its authority, its keys, its empty log.
 *
 * X1 `log/` is the last that is made: a root holds a whole installation or none.
 * X2 Keys are files of mode 0600 in a directory of mode 0700, and are never in an answer.
 */
#include "server/server_internal.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define SERVER_DAYS   397 /* browsers take no longer ones; made anew at each start when half is over */
#define KEY_TEXT_MAX  ((size_t)64 << 10)

void installation_path(const struct installation *i, char out[SERVER_PATH_MAX], const char *fmt, ...)
{
    va_list ap;
    int n = snprintf(out, SERVER_PATH_MAX, "%s/", i->root);
    va_start(ap, fmt);
    (void)vsnprintf(out + n, SERVER_PATH_MAX - (size_t)n, fmt, ap);
    va_end(ap);
}

static int set_root(struct installation *i, const char *root, struct err *e)
{
    size_t len = strlen(root);
    if (len == 0 || len > ROOT_MAX)
        return err_set(e, ERR_USAGE, "a root of %zu bytes; 1 to %d are possible", len, ROOT_MAX);
    memcpy(i->root, root, len + 1);
    return 0;
}

bool server_exists(const char *root)
{
    struct installation i = {.lock_fd = -1};
    char path[SERVER_PATH_MAX];
    if (set_root(&i, root, NULL))
        return false;
    installation_path(&i, path, "log/checkpoint");
    return access(path, F_OK) == 0;
}

/* ---- making ------------------------------------------------------------------------------ */

static int save(const struct installation *i, const char *name, const void *p, size_t len,
                mode_t mode, struct err *e)
{
    char path[SERVER_PATH_MAX];
    installation_path(i, path, "%s", name);
    return file_replace(path, p, len, mode, e);
}

void installation_wipe(struct buf *b)
{
    if (b->data)
        explicit_bzero(b->data, b->cap);
    buf_done(b);
}

static int make_authority(struct installation *i, const char *name, struct err *e)
{
    CLEANUP(installation_wipe) struct buf key = {0};
    CLEANUP(buf_done) struct buf certificate = {0};
    if (pki_make_authority(name, &certificate, &key, e) ||
        save(i, "authority.key", key.data, key.len, 0600, e))
        return -1;
    return save(i, "authority.pem", certificate.data, certificate.len, 0644, e);
}

static int make_log_key(struct installation *i, struct err *e)
{
    uint8_t seed[SIGN_SEED_BYTES];
    struct sign_key key;
    sign_key_new(&key);
    sign_key_seed(&key, seed);
    sign_key_done(&key);
    int rc = save(i, "log.key", seed, sizeof seed, 0600, e);
    explicit_bzero(seed, sizeof seed);
    return rc;
}

static int load_file(const struct installation *i, const char *name, struct buf *out, struct err *e)
{
    char path[SERVER_PATH_MAX];
    installation_path(i, path, "%s", name);
    if (file_slurp(AT_FDCWD, path, KEY_TEXT_MAX, out, e))
        return -1;
    buf_put_u8(out, 0);
    return buf_check(out, path, e);
}

static int load_authority(struct installation *i, struct err *e)
{
    CLEANUP(installation_wipe) struct buf key = {0};
    struct pki_identity id;
    if (load_file(i, "authority.pem", &i->authority_pem, e) || load_file(i, "authority.key", &key, e) ||
        pki_authority_open((const char *)i->authority_pem.data, (const char *)key.data,
                           &i->authority, e) ||
        pki_read(i->authority_pem.data, i->authority_pem.len - 1, &id, e))
        return -1;
    char hex[2 * 8 + 1];
    memcpy(i->pin, id.key_pin, PKI_PIN_BYTES);
    hex_encode(i->pin, 8, hex);
    (void)snprintf(i->origin, sizeof i->origin, "abri.%s", hex);
    return 0;
}

static int load_log_key(struct installation *i, struct err *e)
{
    CLEANUP(installation_wipe) struct buf seed = {0};
    if (load_file(i, "log.key", &seed, e))
        return -1;
    if (seed.len != SIGN_SEED_BYTES + 1)
        return err_set(e, ERR_DAMAGED, "'%s/log.key' is damaged", i->root);
    sign_key_from_seed(seed.data, &i->log_key);
    return 0;
}

/* Holds nothing but what a making that was cut short leaves. */
static int make_root(struct installation *i, struct err *e)
{
    char path[SERVER_PATH_MAX];
    if (mkdir(i->root, 0700) && errno != EEXIST)
        return err_sys(e, errno, "make '%s'", i->root);
    installation_path(i, path, "vaults");
    if (mkdir(path, 0700) && errno != EEXIST)
        return err_sys(e, errno, "make '%s'", path);
    installation_path(i, path, "pending");
    if (mkdir(path, 0700) && errno != EEXIST)
        return err_sys(e, errno, "make '%s'", path);
    return 0;
}

int server_init(const char *root, const char *name, struct err *e)
{
    struct installation i = {.lock_fd = -1};
    char path[SERVER_PATH_MAX];
    if (server_exists(root))
        return err_set(e, ERR_EXISTS, "there is an installation at '%s' already", root);
    if (sign_init(e) || set_root(&i, root, e) || make_root(&i, e) ||
        make_authority(&i, name ? name : "abri", e) || make_log_key(&i, e) ||
        load_authority(&i, e) || load_log_key(&i, e)) {
        installation_close(&i);
        return -1;
    }
    installation_path(&i, path, "log");
    int rc = tlog_create(path, i.origin, &i.log_key, e);
    installation_close(&i);
    return rc;
}

/* ---- opening -------------------------------------------------------------------------------- */

static int take_lock(struct installation *i, struct err *e)
{
    char path[SERVER_PATH_MAX];
    installation_path(i, path, "lock");
    i->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (i->lock_fd < 0)
        return err_sys(e, errno, "open '%s'", path);
    if (flock(i->lock_fd, LOCK_EX | LOCK_NB))
        return err_set(e, ERR_BUSY, "another abrid serves '%s'", i->root);
    return 0;
}

/* A new one at each start: the authority is here, so nothing depends on the old one. */
int installation_certify(const struct installation *i, const char *const *names, size_t count,
                         struct buf *pem, struct buf *key, struct err *e)
{
    const char *all[64] = {WIRE_SERVER_NAME, "localhost", "127.0.0.1", "::1"};
    size_t n = 4;
    for (size_t k = 0; k < count && n < sizeof all / sizeof *all; k++)
        all[n++] = names[k];
    if (pki_make_server(i->authority, all, n, SERVER_DAYS, clock_realtime_ns(), pem, key, e))
        return -1;
    buf_put_u8(pem, 0);
    buf_put_u8(key, 0);
    return buf_check(pem, "a certificate", e) || buf_check(key, "a key", e) ? -1 : 0;
}

int installation_open(const char *root, const char *const *names, size_t count,
                      struct installation *out, struct err *e)
{
    struct installation i = {.lock_fd = -1};
    if (!server_exists(root))
        return err_set(e, ERR_NOT_FOUND, "there is no installation at '%s'", root);
    if (sign_init(e) || set_root(&i, root, e) || take_lock(&i, e) || load_authority(&i, e) ||
        load_log_key(&i, e) || installation_certify(&i, names, count, &i.server_pem, &i.server_key, e)) {
        installation_close(&i);
        return -1;
    }
    *out = i;
    return 0;
}

void installation_close(struct installation *i)
{
    pki_authority_close(i->authority);
    buf_done(&i->authority_pem);
    buf_done(&i->server_pem);
    installation_wipe(&i->server_key);
    sign_key_done(&i->log_key);
    file_close(&i->lock_fd);
    i->authority = NULL;
}
