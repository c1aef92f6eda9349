/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mount: snapshots as a file system that can only be read (FUSE).
 *
 * With one snapshot, DIR is its tree. With all, DIR holds
 *
 *   snapshots/TIME-ID/…       every snapshot, by the time at which a keeper received it (UTC)
 *   hosts/HOST/TIME-ID/…      the same, by machine
 *   tags/TAG/TIME-ID, ids/ID  links to the first
 *   …/latest                  a link to the newest of its directory
 *
 * Nothing is remembered of what somebody looked at: the number of a file says which snapshot and which entry of
 * its tree it is. So memory is bounded by the caches, whatever is walked: MOUNT_PAGES_BYTES of tree nodes, `cache_bytes` of
 * content, and about a kilobyte for each snapshot there is.
 *
 * Threads: mount_serve runs its own; callbacks come from any of them, one at a time.
 */
#ifndef ABRI_MOUNT_MOUNT_H
#define ABRI_MOUNT_MOUNT_H

#include "view/view.h"

#define MOUNT_PAGES_BYTES ((size_t)32 << 20)

struct mount_options {
    const char *dir;
    const uint8_t *snapshot; /* its id; NULL: all */
    bool allow_other;        /* not only who mounts it may look */
    bool no_permissions;     /* with allow_other: whatever modes say */
    bool owner_root;         /* all belongs to root; else to whom it belonged */
    size_t cache_bytes;      /* 0: VIEW_CACHE_DEFAULT */
    void (*ready)(void *arg);     /* it can be looked at now */
    work_problem *problem;        /* what could not be read; the rest goes on */
    vault_damage *damaged;        /* objects, when the list of snapshots is read */
    void (*busy)(void *arg);      /* it was unmounted though somebody stands in it */
    void *arg;
    const atomic_bool *cancel; /* ends it */
};

/* Before anything is opened: whether this can be mounted upon. ERR_NOT_FOUND, ERR_USAGE, ERR_EXISTS (not empty). */
MUST_CHECK int mount_check_dir(const char *dir, struct err *e);
/* `a` is a reader whose index was read. Returns when somebody unmounted it, or `cancel` was set; then it is unmounted. */
MUST_CHECK int mount_serve(struct access *a, const struct mount_options *o, struct err *e);

#endif
