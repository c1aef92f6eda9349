/* SPDX-License-Identifier: Apache-2.0 */
/* Telling what could not be restored exactly: where, and some things once. */
#include "target/target_internal.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>

int name_check(const char *name, struct err *e)
{
    size_t len = strnlen(name, ENTRY_NAME_MAX + 1);
    if (path_is_valid(name, len) && !memchr(name, '/', len))
        return 0;
    return err_set(e, ERR_DAMAGED, "the snapshot names a file in a way that none can be named");
}

static size_t path_len(const struct target_dir *d, const char *name)
{
    size_t len = strlen(d->t->path) + 1;
    for (; d->parent; d = d->parent)
        len += strlen(d->name) + 1;
    return len + (name ? strlen(name) + 1 : 0);
}

/* Puts "/name" before `end`; the new beginning. */
static char *prepend(char *end, const char *name)
{
    size_t len = strlen(name);
    memcpy(end - len, name, len);
    end[-(ptrdiff_t)len - 1] = '/';
    return end - len - 1;
}

/* The path on disk, allocated; NULL if out of memory. */
static char *path_of(const struct target_dir *d, const char *name)
{
    size_t len = path_len(d, name);
    char *path = mem_alloc(len);
    if (!path)
        return NULL;
    char *at = path + len;
    *--at = '\0';
    if (name)
        at = prepend(at, name);
    for (; d->parent; d = d->parent)
        at = prepend(at, d->name);
    memcpy(path, d->t->path, (size_t)(at - path));
    return path;
}

static void report(struct target_dir *d, const char *name, bool expected, const struct err *e)
{
    struct target *t = d->t;
    if (!t->o.problem)
        return;
    CLEANUP_FREE char *path = path_of(d, name);
    t->o.problem(t->o.arg, path ? path : name ? name : t->path, expected, e);
}

void problem_report(struct target_dir *d, const char *name, const struct err *e)
{
    report(d, name, false, e);
}

void problem_once(struct target_dir *d, const char *name, enum once what, const struct err *e)
{
    bool only_root = d->t->euid != 0 && what != ONCE_XATTR_USER && e->os_errno != ENOTSUP;
    if (!atomic_exchange(&d->t->said[what], true))
        report(d, name, only_root, e);
}
