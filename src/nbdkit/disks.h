/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disks of one snapshot, opened. Which snapshot that is ("latest") is decided once, when it is opened.
 * Any thread may read through a disk's view.
 */
#ifndef ABRI_NBDKIT_DISKS_H
#define ABRI_NBDKIT_DISKS_H

#include "view/view.h"
#include "work/find_disks.h"

struct disks_options {
    const char *location, *snapshot;
    const char *disk;       /* as for work_find_disks; may be NULL */
    const char *passphrase; /* or: */
    const char *key_file;
    struct work_dirs dirs;
    size_t cache_bytes; /* 0: the default */
    vault_damage *damage;
};

struct disk {
    const char *name;
    struct view *view;
};

struct disks {
    struct access access;
    struct disk_list list;
    struct view_cache *cache;
    uint8_t snapshot[ID_BYTES];
    struct disk *items; /* from disks_serve on */
    size_t count;
};
/* Opens the vault, finds the snapshot and its disks (work_find_disks). Leaves no thread behind unless the vault is far away. */
MUST_CHECK int disks_open(const struct disks_options *o, struct disks **out, struct err *e);
/* A view of each, and threads that read ahead. */
MUST_CHECK int disks_serve(struct disks *d, size_t cache_bytes, struct err *e);
/* NULL if there is none of that name; "" names the only one. */
const struct disk *disks_find(const struct disks *d, const char *name);
void disks_free(struct disks *d); /* NULL is fine */

#endif
