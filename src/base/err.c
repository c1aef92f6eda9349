/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* One table: class → name and exit status, as restic's users know them. */
static const struct {
    const char *name;
    int exit_status;
} class_table[ERR_CLASS_COUNT] = {
    [ERR_UNSET] = {"ok", 0},
    [ERR_USAGE] = {"usage", 2},
    [ERR_NOT_FOUND] = {"not_found", 1},
    [ERR_EXISTS] = {"exists", 1},
    [ERR_AMBIGUOUS] = {"ambiguous", 1},
    [ERR_NO_VAULT] = {"no_vault", 10},
    [ERR_BUSY] = {"busy", 11},
    [ERR_PASSPHRASE] = {"wrong_passphrase", 12},
    [ERR_NO_KEY] = {"no_key", 1},
    [ERR_DAMAGED] = {"damaged", 1},
    [ERR_NEWER] = {"newer_format", 1},
    [ERR_NO_SPACE] = {"no_space", 1},
    [ERR_READ_ONLY] = {"not_permitted", 1},
    [ERR_IO] = {"io", 1},
    [ERR_NO_MEMORY] = {"no_memory", 1},
    [ERR_LIMIT] = {"limit", 1},
    [ERR_INCOMPLETE] = {"incomplete", 3},
    [ERR_REFUSED] = {"refused", 13},
    [ERR_OFFLINE] = {"offline", 14},
    [ERR_CANCELLED] = {"cancelled", 130},
};

int err_exit_status(enum err_class cls)
{
    return (unsigned)cls < ERR_CLASS_COUNT ? class_table[cls].exit_status : 1;
}

const char *err_class_name(enum err_class cls)
{
    return (unsigned)cls < ERR_CLASS_COUNT ? class_table[cls].name : "unknown";
}

static enum err_class class_of_errno(int os_errno)
{
    switch (os_errno) {
    case ENOENT:
    case ENOTDIR: return ERR_NOT_FOUND;
    case EEXIST:
    case ENOTEMPTY: return ERR_EXISTS;
    case ENOSPC:
    case EDQUOT: return ERR_NO_SPACE;
    case EROFS:
    case EACCES:
    case EPERM: return ERR_READ_ONLY;
    case ENOMEM: return ERR_NO_MEMORY;
    case EINTR: return ERR_CANCELLED;
    default: return ERR_IO;
    }
}

int err_set(struct err *e, enum err_class cls, const char *fmt, ...)
{
    if (!e)
        return -1;
    va_list ap;
    va_start(ap, fmt);
    e->cls = cls;
    e->os_errno = 0;
    (void)vsnprintf(e->msg, sizeof e->msg, fmt, ap);
    va_end(ap);
    return -1;
}

int err_sys(struct err *e, int os_errno, const char *fmt, ...)
{
    if (!e)
        return -1;
    va_list ap;
    va_start(ap, fmt);
    e->cls = class_of_errno(os_errno);
    e->os_errno = os_errno;
    (void)vsnprintf(e->msg, sizeof e->msg, fmt, ap);
    va_end(ap);
    size_t used = strlen(e->msg);
    (void)snprintf(e->msg + used, sizeof e->msg - used, ": %s", strerror(os_errno));
    return -1;
}

int err_no_memory(struct err *e, const char *what)
{
    return err_set(e, ERR_NO_MEMORY, "out of memory for %s", what);
}

int err_wrap(struct err *e, const char *fmt, ...)
{
    if (!e)
        return -1;
    char inner[ERR_MESSAGE_BYTES];
    memcpy(inner, e->msg, sizeof inner);
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(e->msg, sizeof e->msg, fmt, ap);
    va_end(ap);
    size_t used = strlen(e->msg);
    (void)snprintf(e->msg + used, sizeof e->msg - used, ": %s", inner);
    return -1;
}

int err_give(struct err *e, const struct err *caught)
{
    if (e)
        *e = *caught;
    return -1;
}

int err_reclass(struct err *e, enum err_class cls)
{
    if (e)
        e->cls = cls;
    return -1;
}
