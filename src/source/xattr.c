/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads extended attributes: all that the kernel lists, ACLs and capabilities
 * among them. Most files have none, and cost one system call.
 */
#include "source/xattr.h"

#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#define LIST_BYTES  ((size_t)64 << 10) /* XATTR_LIST_MAX of linux/limits.h */
#define VALUE_FIRST ((size_t)1 << 10)
#define VALUES_MAX  ((size_t)64 << 20) /* with the room that get_value asks for */

int xattrs_init(struct xattrs *x, struct err *e)
{
    *x = (struct xattrs){.names = mem_alloc(LIST_BYTES), .values = {.max = VALUES_MAX}};
    return x->names ? 0 : err_no_memory(e, "extended attributes");
}

void xattrs_done(struct xattrs *x)
{
    mem_free(x->names);
    mem_free(x->items);
    buf_done(&x->values);
    *x = (struct xattrs){0};
}

static ssize_t list(const struct xattr_place *at, char *names, size_t len)
{
    return at->fd >= 0 ? flistxattr(at->fd, names, len) : llistxattr(at->path, names, len);
}

static ssize_t get(const struct xattr_place *at, const char *name, void *value, size_t len)
{
    return at->fd >= 0 ? fgetxattr(at->fd, name, value, len)
                       : lgetxattr(at->path, name, value, len);
}

/* Appends the value to x->values: its length, or -1 with errno (ENOMEM, E2BIG
 * among them). */
static ssize_t get_value(struct xattrs *x, const struct xattr_place *at, const char *name)
{
    for (size_t room = VALUE_FIRST;; room *= 8) {
        uint8_t *p = buf_reserve(&x->values, room);
        if (!p) {
            errno = ENOMEM;
            return -1;
        }
        ssize_t len = get(at, name, p, room);
        if (len >= 0 && (size_t)len <= ENTRY_XATTR_VALUE_MAX) {
            buf_added(&x->values, (size_t)len);
            return len;
        }
        if (len >= 0 || (errno == ERANGE && room > ENTRY_XATTR_VALUE_MAX))
            errno = E2BIG;
        if (len >= 0 || errno != ERANGE)
            return -1;
    }
}

static struct entry_xattr *item_add(struct xattrs *x)
{
    if (x->count == x->cap) {
        size_t want = x->cap ? x->cap * 2 : 16;
        struct entry_xattr *more = mem_realloc(x->items, want, sizeof *more);
        if (!more)
            return NULL;
        x->items = more;
        x->cap = want;
    }
    return &x->items[x->count++];
}

/* 0, or -1 with errno: the attribute is left out. */
static int read_one(struct xattrs *x, const struct xattr_place *at, const char *name)
{
    if (x->count == ENTRY_XATTRS_MAX) {
        errno = E2BIG;
        return -1;
    }
    ssize_t len = get_value(x, at, name);
    if (len < 0)
        return errno == ENODATA ? 0 : -1; /* removed since it was listed */
    if (x->values.len > ENTRY_XATTRS_BYTES_MAX) { /* else no tree node holds the entry */
        x->values.len -= (size_t)len;
        errno = E2BIG;
        return -1;
    }
    struct entry_xattr *item = item_add(x);
    if (!item) {
        errno = ENOMEM;
        return -1;
    }
    *item = (struct entry_xattr){.name = name, .value_len = (size_t)len};
    return 0;
}

/* The values lie one behind the other, but only now is it sure where. */
static void place_values(struct xattrs *x)
{
    size_t at = 0;
    for (size_t i = 0; i < x->count; i++) {
        x->items[i].value = x->values.data + at;
        at += x->items[i].value_len;
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct entry_xattr *)a)->name, ((const struct entry_xattr *)b)->name);
}

int xattrs_read(struct xattrs *x, const struct xattr_place *at, struct err *e)
{
    x->count = 0;
    x->incomplete = false;
    buf_reset(&x->values);
    ssize_t len = list(at, x->names, LIST_BYTES);
    if (len == 0 || (len < 0 && (errno == ENOTSUP || errno == ENOSYS)))
        return 0;
    if (len < 0) {
        x->incomplete = true;
        (void)err_sys(e, errno, "its extended attributes could not be listed");
        return err_reclass(e, ERR_INCOMPLETE);
    }
    int rc = 0;
    for (ssize_t i = 0; i < len; i += (ssize_t)strlen(x->names + i) + 1) {
        if (read_one(x, at, x->names + i) == 0)
            continue;
        int saved = errno;
        if (saved == ENOMEM)
            return err_no_memory(e, "extended attributes");
        x->incomplete = true;
        rc = err_sys(e, saved, "its extended attribute '%s' could not be read", x->names + i);
        (void)err_reclass(e, ERR_INCOMPLETE);
    }
    place_values(x);
    if (x->count > 1)
        qsort(x->items, x->count, sizeof *x->items, by_name);
    return rc;
}
