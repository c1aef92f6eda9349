/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metadata, applied through descriptors only. Nothing here ends a restore: what
 * cannot be set is reported.
 *
 *  A1 the order is owner, xattrs, mode, ACLs, time, flags. A change of owner clears
 *     set-user-id and capabilities; user xattrs need a writable mode; an ACL
 *     is changed by chmod; an immutable file takes no change at all.
 *  A2 set-user-id and set-group-id are restored only with the right owner.
 */
#include "target/target_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MODE_UNKNOWN  UINT32_MAX
#define SET_IDS       06000u
#define EARLY_ATTRS   (ENTRY_ATTR_COMPRESSED | ENTRY_ATTR_NOCOW)
#define LOCKING_ATTRS (ENTRY_ATTR_IMMUTABLE | ENTRY_ATTR_APPEND)

const char *place_path(const struct place *at, char out[PLACE_PATH_BYTES])
{
    (void)snprintf(out, PLACE_PATH_BYTES, "/proc/self/fd/%d", at->fd);
    return out;
}

static void report_sys(const struct place *at, int os_errno, const char *what)
{
    struct err e = ERR_INIT;
    (void)err_sys(&e, os_errno, "%s", what);
    problem_report(at->dir, at->name, &e);
}

/* ---- owner ----------------------------------------------------------------------- */

static int change_owner(const struct place *at, uid_t uid, gid_t gid)
{
    return at->is_path ? fchownat(at->fd, "", uid, gid, AT_EMPTY_PATH) : fchown(at->fd, uid, gid);
}

static void report_owner(const struct place *at)
{
    struct err e = ERR_INIT;
    (void)err_set(&e, ERR_READ_ONLY,
                  "owners are not restored: only root can set them. Files belong to you instead, "
                  "and lose set-user-id (said once)");
    problem_once(at->dir, at->name, ONCE_OWNER, &e);
}

/* Whether the owner is right now. Others than root may still give a file to a
 * group of theirs. */
static bool apply_owner(const struct place *at, const struct entry *meta)
{
    if (at->uid == meta->uid && at->gid == meta->gid)
        return true;
    bool may_try = at->dir->t->euid == 0 || at->uid == meta->uid;
    if (may_try && change_owner(at, meta->uid, meta->gid) == 0)
        return true;
    if (may_try && errno != EPERM && errno != EINVAL) {
        report_sys(at, errno, "its owner could not be set");
        return false;
    }
    if (at->gid != meta->gid)
        (void)change_owner(at, (uid_t)-1, meta->gid);
    report_owner(at);
    return false;
}

/* ---- mode, time -------------------------------------------------------------------- */

static void apply_mode(const struct place *at, uint32_t mode)
{
    char path[PLACE_PATH_BYTES];
    if (at->mode == mode)
        return;
    if (at->is_path ? chmod(place_path(at, path), mode) : fchmod(at->fd, mode))
        report_sys(at, errno, "its mode could not be set");
}

static void apply_time(const struct place *at, const struct entry *meta)
{
    char path[PLACE_PATH_BYTES];
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
                                {.tv_sec = meta->mtime_s, .tv_nsec = (long)meta->mtime_ns}};
    /* Through the magic link it is the thing itself, even a symbolic link. */
    if (at->is_path ? utimensat(AT_FDCWD, place_path(at, path), times, 0) : futimens(at->fd, times))
        report_sys(at, errno, "its time could not be set");
}

/* ---- flags ---------------------------------------------------------------------------- */

static void change_attrs(const struct place *at, uint32_t clear, uint32_t set)
{
    int flags = 0;
    struct err e = ERR_INIT;
    if (ioctl(at->fd, FS_IOC_GETFLAGS, &flags) == 0) {
        uint32_t wanted = ((uint32_t)flags & ~clear) | set;
        if (wanted == (uint32_t)flags)
            return;
        flags = (int)wanted;
        if (ioctl(at->fd, FS_IOC_SETFLAGS, &flags) == 0)
            return;
    }
    if (!set)
        return;
    (void)err_sys(&e, errno, "attributes of chattr (0x%x) are not restored here (said once)", set);
    problem_once(at->dir, at->name, ONCE_ATTRS, &e);
}

void apply_early(const struct place *at, const struct entry *meta)
{
    if (meta->attrs & EARLY_ATTRS)
        change_attrs(at, EARLY_ATTRS, meta->attrs & EARLY_ATTRS);
}

/* Immutable and append-only in a step of their own, the last. */
static void apply_attrs(const struct place *at, const struct entry *meta)
{
    if (at->is_path || (!meta->attrs && !at->had_attrs))
        return;
    uint32_t plain = ENTRY_ATTRS & ~LOCKING_ATTRS;
    if (at->had_attrs || (meta->attrs & plain))
        change_attrs(at, plain, meta->attrs & plain);
    if (meta->attrs & LOCKING_ATTRS)
        change_attrs(at, LOCKING_ATTRS, meta->attrs & LOCKING_ATTRS);
}

void apply_meta(const struct place *at, const struct entry *meta, bool with_time)
{
    bool owned = apply_owner(at, meta);
    if (at->had_xattrs)
        apply_xattrs_clear(at, meta);
    if (meta->xattr_count)
        apply_xattrs(at, meta, false);
    if (meta->type != ENTRY_SYMLINK)
        apply_mode(at, owned ? meta->mode : meta->mode & ~SET_IDS);
    if (meta->xattr_count)
        apply_xattrs(at, meta, true);
    if (with_time)
        apply_time(at, meta);
    apply_attrs(at, meta);
}
