/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extended attributes, through descriptors. What the system refuses by its
 * nature (a namespace that only root may write, a file system without) is said
 * once per namespace; what fails for one file is said for that file.
 */
#include "target/target_internal.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>
#include <sys/xattr.h>

#define LIST_BYTES ((size_t)64 << 10) /* XATTR_LIST_MAX of linux/limits.h */
#define ACL_PREFIX "system.posix_acl_"

static bool begins(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

static enum once namespace_of(const char *name)
{
    return begins(name, "security.")  ? ONCE_XATTR_SECURITY
           : begins(name, "trusted.") ? ONCE_XATTR_TRUSTED
           : begins(name, "system.")  ? ONCE_XATTR_SYSTEM
                                      : ONCE_XATTR_USER;
}

static void report(const struct place *at, const char *name, int os_errno)
{
    struct err e = ERR_INIT;
    bool by_nature = os_errno == EPERM || os_errno == ENOTSUP;
    (void)err_sys(&e, os_errno, "extended attribute '%s' is not restored%s", name,
                  by_nature ? " (said once)" : "");
    if (by_nature)
        problem_once(at->dir, at->name, namespace_of(name), &e);
    else
        problem_report(at->dir, at->name, &e);
}

static int set(const struct place *at, const struct entry_xattr *x)
{
    char path[PLACE_PATH_BYTES];
    return at->is_path ? setxattr(place_path(at, path), x->name, x->value, x->value_len, 0)
                       : fsetxattr(at->fd, x->name, x->value, x->value_len, 0);
}

void apply_xattrs(const struct place *at, const struct entry *meta, bool acls)
{
    for (size_t i = 0; i < meta->xattr_count; i++) {
        const struct entry_xattr *x = &meta->xattrs[i];
        if (begins(x->name, ACL_PREFIX) == acls && set(at, x))
            report(at, x->name, errno);
    }
}

static bool is_wanted(const struct entry *meta, const char *name)
{
    for (size_t i = 0; i < meta->xattr_count; i++)
        if (strcmp(meta->xattrs[i].name, name) == 0)
            return true;
    return false;
}

static int remove_one(const struct place *at, const char *name)
{
    char path[PLACE_PATH_BYTES];
    return at->is_path ? removexattr(place_path(at, path), name) : fremovexattr(at->fd, name);
}

void apply_xattrs_clear(const struct place *at, const struct entry *meta)
{
    char path[PLACE_PATH_BYTES];
    CLEANUP_FREE char *names = mem_alloc(LIST_BYTES);
    ssize_t len = !names        ? 0
                  : at->is_path ? listxattr(place_path(at, path), names, LIST_BYTES)
                                : flistxattr(at->fd, names, LIST_BYTES);
    for (ssize_t i = 0; i < len; i += (ssize_t)strlen(names + i) + 1) {
        const char *name = names + i;
        /* Labels of security modules belong to this system, not to the backup. */
        bool ours = begins(name, "user.") || begins(name, ACL_PREFIX);
        if (ours && !is_wanted(meta, name) && remove_one(at, name))
            report(at, name, errno);
    }
}
