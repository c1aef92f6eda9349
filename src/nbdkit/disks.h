/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disks of one snapshot, opened. Which snapshot that is ("latest") is decided once, when it is opened.
 * Any thread may read through a disk's view.
 */
#ifndef ABRI_NBDKIT_DISKS_H
#define ABRI_NBDKIT_DISKS_H

#include "view/view.h"

#define DISKS_FOLDER "disks"
#define DISKS_MAX    256u
#define DISK_NAME_MAX 4096u /* NBD's limit for names of exports */

struct disks_options {
    const char *location, *snapshot;
    const char *disk;       /* below disks/, or a path; NULL: all disks, or the only file */
    const char *passphrase; /* or: */
    const char *key_file;
    struct work_dirs dirs;
    size_t cache_bytes; /* 0: the default */
    vault_damage *damage;
};

struct disk {
    char *name; /* below disks/, or the whole path */
    struct entry *file;
    struct view *view; /* NULL before disks_serve */
};

struct disks {
    struct access access;
    struct view_cache *cache;
    uint8_t snapshot[ID_BYTES];
    struct disk *items;
    size_t count;
    bool is_one; /* named, or the only one: an export name may be left out */
};
/* Opens the vault, finds the snapshot and its disks. ERR_NOT_FOUND, with what there is, if there is no such disk, or
 * none. Leaves no thread behind unless the vault is far away. */
MUST_CHECK int disks_open(const struct disks_options *o, struct disks **out, struct err *e);
/* A view of each, and threads that read ahead. */
MUST_CHECK int disks_serve(struct disks *d, size_t cache_bytes, struct err *e);
/* NULL if there is none of that name; "" names the only one. */
const struct disk *disks_find(const struct disks *d, const char *name);
void disks_free(struct disks *d); /* NULL is fine */

#endif
