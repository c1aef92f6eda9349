/* SPDX-License-Identifier: Apache-2.0 */
/* An identity on disk: servers/<host>_<port>/ with authority.pem, certificate.pem, key.pem (mode
 * 0600) and identity.json; witness_files.c says what else is there. */
#include "remote/remote_internal.h"

#include "base/file.h"
#include "base/mem.h"
#include "pki/pki.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX ((size_t)64 << 10)

void identity_done(struct identity_files *f)
{
    if (f->key.data)
        explicit_bzero(f->key.data, f->key.cap);
    buf_done(&f->key);
    buf_done(&f->authority);
    buf_done(&f->certificate);
}

int identity_dir(const struct remote_where *where, const struct wire_url *url,
                 char out[IDENTITY_PATH_MAX], struct err *e)
{
    int n = snprintf(out, IDENTITY_PATH_MAX, "%s/servers/%s_%u", where->config, url->host, url->port);
    if (n < 0 || n >= IDENTITY_PATH_MAX - 32)
        return err_set(e, ERR_LIMIT, "'%s': the path is too long", where->config);
    return 0;
}

static void path_of(const char *dir, const char *name, char out[IDENTITY_PATH_MAX + 32])
{
    (void)snprintf(out, IDENTITY_PATH_MAX + 32, "%s/%s", dir, name);
}

bool identity_exists(const char *dir)
{
    char path[IDENTITY_PATH_MAX + 32];
    path_of(dir, "identity.json", path);
    return access(path, F_OK) == 0;
}

/* ---- reading --------------------------------------------------------------------------- */

static int load_file(const char *dir, const char *name, struct buf *out, struct err *e)
{
    char path[IDENTITY_PATH_MAX + 32];
    path_of(dir, name, path);
    if (file_slurp(AT_FDCWD, path, FILE_MAX, out, e))
        return -1;
    buf_put_u8(out, 0);
    return buf_check(out, path, e);
}

static int take_description(struct identity_files *f, const struct buf *text, struct err *e)
{
    json_t *o = json_loads((const char *)text->data, JSON_REJECT_DUPLICATES, NULL);
    if (!o)
        return err_set(e, ERR_DAMAGED, "'%s/identity.json' is damaged: enrol again", f->dir);
    int rc = json_take_text(o, "id", f->who.id, sizeof f->who.id, e) ||
                     json_take_text(o, "type", f->who.type, sizeof f->who.type, e) ||
                     json_take_text(o, "name", f->who.name, sizeof f->who.name, e) ||
                     json_take_text(o, "tenant", f->who.tenant, sizeof f->who.tenant, e)
                 ? -1
                 : 0;
    f->who.restore = json_is_true(json_object_get(o, "restore"));
    f->has_own_vault = json_take_id(o, "vault", f->own_vault, UID_BYTES);
    if (json_take_text(o, "log_key", f->log_key, sizeof f->log_key, NULL))
        f->log_key[0] = '\0';
    json_decref(o);
    return rc;
}

int identity_load(const struct remote_where *where, const struct wire_url *url,
                  struct identity_files *out, struct err *e)
{
    CLEANUP(buf_done) struct buf text = {0};
    struct identity_files f = {0};
    struct err why = ERR_INIT;
    if (identity_dir(where, url, f.dir, e))
        return -1;
    if (load_file(f.dir, "identity.json", &text, &why)) {
        if (why.cls != ERR_NOT_FOUND)
            return err_give(e, &why);
        return err_set(e, ERR_NO_KEY,
                       "this machine is not enrolled at https://%s:%u (no '%s'): get a token from "
                       "its operator and run `abri enrol https://%s:%u TOKEN`",
                       url->host, url->port, f.dir, url->host, url->port);
    }
    if (take_description(&f, &text, e) || load_file(f.dir, "authority.pem", &f.authority, e) ||
        load_file(f.dir, "certificate.pem", &f.certificate, e) ||
        load_file(f.dir, "key.pem", &f.key, e)) {
        identity_done(&f);
        return -1;
    }
    *out = f;
    return 0;
}

/* ---- one to come ------------------------------------------------------------------------- */

int identity_prepare_key(const char *dir, struct buf *key, struct err *e)
{
    CLEANUP(buf_done) struct buf ignored = {0};
    struct err why = ERR_INIT;
    char path[IDENTITY_PATH_MAX + 32];
    if (load_file(dir, "key.pem", key, &why) == 0)
        return 0;
    if (why.cls != ERR_NOT_FOUND)
        return err_give(e, &why);
    if (pki_make_request(key, &ignored, e))
        return -1;
    path_of(dir, "key.pem", path);
    if (file_make_dirs(dir, 0700, e) || file_replace(path, key->data, key->len, 0600, e))
        return -1;
    buf_put_u8(key, 0);
    return buf_check(key, "a key", e);
}

void identity_drop_key(const char *dir)
{
    char path[IDENTITY_PATH_MAX + 32];
    if (identity_exists(dir))
        return;
    path_of(dir, "key.pem", path);
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s", dir);
    for (int i = 0; i < 2 && rmdir(path) == 0; i++) /* itself, and "servers" */
        *strrchr(path, '/') = '\0';
}

/* ---- writing --------------------------------------------------------------------------- */

/* `b` with its NUL, which is not written. */
static int save_file(const char *dir, const char *name, const struct buf *b, mode_t mode,
                     struct err *e)
{
    char path[IDENTITY_PATH_MAX + 32];
    path_of(dir, name, path);
    return file_replace(path, b->data, b->len - 1, mode, e);
}

int identity_save_certificate(const struct identity_files *f, struct err *e)
{
    return save_file(f->dir, "certificate.pem", &f->certificate, 0644, e);
}

int identity_save_description(const struct identity_files *f, struct err *e)
{
    char path[IDENTITY_PATH_MAX + 32], vault[2 * UID_BYTES + 1];
    json_t *o = json_pack("{s:i, s:s, s:s, s:s, s:s, s:b}", "version", 1, "id", f->who.id, "type",
                          f->who.type, "name", f->who.name, "tenant", f->who.tenant, "restore",
                          f->who.restore);
    hex_encode(f->own_vault, UID_BYTES, vault);
    if (!o || (f->has_own_vault && json_object_set_new(o, "vault", json_string(vault))) ||
        (*f->log_key && json_object_set_new(o, "log_key", json_string(f->log_key)))) {
        json_decref(o);
        return err_no_memory(e, "an identity");
    }
    char *text = json_dumps(o, JSON_INDENT(2) | JSON_SORT_KEYS);
    json_decref(o);
    if (!text)
        return err_no_memory(e, "an identity");
    path_of(f->dir, "identity.json", path);
    int rc = file_replace(path, text, strlen(text), 0644, e);
    mem_free(text);
    return rc;
}

int identity_save(const struct identity_files *f, struct err *e)
{
    return file_make_dirs(f->dir, 0700, e) || save_file(f->dir, "key.pem", &f->key, 0600, e) ||
                   save_file(f->dir, "authority.pem", &f->authority, 0644, e) ||
                   identity_save_certificate(f, e) || identity_save_description(f, e)
               ? -1
               : 0;
}

/* What it has seen of the log stays: a new identity goes on from there. */
int remote_forget(const struct remote_where *where, const char *url, struct err *e)
{
    static const char *const files[] = {"identity.json", "key.pem", "certificate.pem",
                                        "authority.pem", NULL};
    struct wire_url u;
    char dir[IDENTITY_PATH_MAX], path[IDENTITY_PATH_MAX + 32];
    if (wire_url_parse(url, &u, e) || identity_dir(where, &u, dir, e))
        return -1;
    if (!identity_exists(dir))
        return err_set(e, ERR_NOT_FOUND, "this machine is not enrolled at %s", url);
    for (const char *const *f = files; *f; f++) {
        path_of(dir, *f, path);
        (void)unlink(path);
    }
    (void)rmdir(dir);
    return 0;
}
