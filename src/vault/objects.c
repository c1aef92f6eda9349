/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small objects that other rooms seal and sign: put, get and list, under names
 * that are checked here. Does not look into them. Each gets its parity (Q1), and
 * loses it first (Q2).
 */
#include "base/mem.h"
#include "vault/object_parity.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define LIST_MAX ((size_t)1 << 24)

/* Names are digits, or digits, a dash and more digits. */
static const struct {
    const char *dir;
    size_t digits, more;
} kinds[] = {
    [VAULT_KEY] = {"keys", 32, 0},
    [VAULT_RECIPIENTS] = {"recipients", 16, 0},
    [VAULT_WRITER] = {"writers", 32, 0},
    [VAULT_SESSION] = {"sessions", 32, 0},
    [VAULT_RESEALED] = {"resealed", 32, 16},
    [VAULT_REVOKED] = {"revoked", 32, 0},
};

static bool is_kind(enum vault_kind kind)
{
    return kind >= VAULT_KEY && kind <= VAULT_REVOKED;
}

void damage_report(struct damage *d, const char *object, const char *message)
{
    /* Errors name their object themselves; a report has it apart. */
    size_t len = strlen(object);
    if (strncmp(message, object, len) == 0 && strncmp(message + len, ": ", 2) == 0)
        message += len + 2;
    d->count++;
    if (d->each)
        d->each(d->arg, object, message);
}

int damage_note(struct damage *d, const char *object, const struct err *why, struct err *e)
{
    if (why->cls == ERR_NO_MEMORY)
        return err_give(e, why);
    damage_report(d, object, why->msg);
    return 0;
}

int random_bytes(void *p, size_t len, struct err *e)
{
    if (getrandom(p, len, 0) != (ssize_t)len)
        return err_sys(e, errno ? errno : EIO, "random numbers");
    return 0;
}

int object_read(struct store *s, const char *name, size_t max, struct buf *out, struct err *e)
{
    struct store_reader *r = NULL;
    if (store_open(s, name, &r, e))
        return -1;
    uint64_t len = store_reader_len(r);
    int rc = -1;
    if (len > max) {
        err_set(e, ERR_LIMIT, "%s: larger than %zu bytes", name, max);
    } else {
        uint8_t *room = buf_reserve(out, (size_t)len);
        rc = room ? store_read(r, 0, room, (size_t)len, e) : err_no_memory(e, name);
        if (!rc)
            buf_added(out, (size_t)len);
    }
    store_reader_close(r);
    return rc;
}

bool object_exists(struct store *s, const char *name, struct err *e)
{
    struct store_reader *r = NULL;
    if (store_open(s, name, &r, e))
        return false;
    store_reader_close(r);
    return true;
}

static size_t name_len(enum vault_kind kind)
{
    return kinds[kind].digits + (kinds[kind].more ? 1 + kinds[kind].more : 0);
}

static bool is_name(enum vault_kind kind, const char *s)
{
    static const char hex[] = "0123456789abcdef";
    size_t n = strspn(s, hex);
    if (n != kinds[kind].digits)
        return false;
    if (!kinds[kind].more)
        return s[n] == '\0';
    return s[n] == '-' && strspn(s + n + 1, hex) == kinds[kind].more &&
           s[n + 1 + kinds[kind].more] == '\0';
}

int object_name(enum vault_kind kind, const char *name, char out[OBJECT_NAME_BYTES], struct err *e)
{
    if (!is_kind(kind))
        return err_set(e, ERR_USAGE, "objects of kind %d do not exist", (int)kind);
    if (!is_name(kind, name))
        return err_set(e, ERR_USAGE, "'%.64s' cannot be a name in %s/", name, kinds[kind].dir);
    (void)snprintf(out, OBJECT_NAME_BYTES, "%s/%s", kinds[kind].dir, name);
    return 0;
}

int vault_put(struct vault *v, enum vault_kind kind, const char *name, const void *p, size_t len,
              struct err *e)
{
    char full[OBJECT_NAME_BYTES];
    if (object_name(kind, name, full, e))
        return -1;
    if (len > VAULT_OBJECT_MAX)
        return err_set(e, ERR_LIMIT, "%s: larger than %zu bytes", full, VAULT_OBJECT_MAX);
    if (store_put(v->store, full, p, len, e) || store_sync(v->store, kinds[kind].dir, e))
        return -1;
    (void)object_parity_put(v, full, p, len, NULL);
    return 0;
}

int vault_get(struct vault *v, enum vault_kind kind, const char *name, struct buf *out,
              struct err *e)
{
    char full[OBJECT_NAME_BYTES];
    if (object_name(kind, name, full, e))
        return -1;
    return object_read(v->store, full, VAULT_OBJECT_MAX, out, e);
}

int vault_remove_object(struct vault *v, enum vault_kind kind, const char *name, struct err *e)
{
    char full[OBJECT_NAME_BYTES];
    if (object_name(kind, name, full, e) || object_parity_remove(v, full, e) ||
        store_remove(v->store, full, e))
        return -1;
    object_parity_remove_again(v, full);
    return store_sync(v->store, kinds[kind].dir, e);
}

/* ---- list: gather the names, sort, hand out ----------------------------------- */

struct names {
    enum vault_kind kind;
    size_t prefix, len; /* of "keys/", and of what follows it */
    struct buf text;    /* names of len + 1 bytes, one behind the other */
};

static int gather(void *arg, const char *name, uint64_t len, struct err *e)
{
    struct names *n = arg;
    (void)len;
    if (strlen(name) != n->prefix + n->len || !is_name(n->kind, name + n->prefix))
        return 0; /* not ours */
    buf_put(&n->text, name + n->prefix, n->len + 1);
    return buf_check(&n->text, "list of names", e);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

int vault_list(struct vault *v, enum vault_kind kind, vault_each_name *each, void *arg,
               struct err *e)
{
    if (!is_kind(kind))
        return err_set(e, ERR_USAGE, "objects of kind %d do not exist", (int)kind);
    struct names n = {
        .kind = kind, .prefix = strlen(kinds[kind].dir) + 1, .len = name_len(kind)};
    n.text.max = LIST_MAX * (n.len + 1);
    int rc = store_list(v->store, kinds[kind].dir, gather, &n, e);
    size_t stride = n.len + 1;
    if (!rc && n.text.len)
        qsort(n.text.data, n.text.len / stride, stride, compare_names);
    for (size_t at = 0; !rc && at < n.text.len; at += stride)
        rc = each(arg, (const char *)n.text.data + at, e);
    buf_done(&n.text);
    return rc;
}
