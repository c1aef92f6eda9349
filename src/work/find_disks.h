/* SPDX-License-Identifier: Apache-2.0 */
/* Which files of a snapshot are the disks of its machine. */
#ifndef ABRI_WORK_FIND_DISKS_H
#define ABRI_WORK_FIND_DISKS_H

#include "work/work.h"

#define WORK_DISKS_FOLDER  "disks"
#define WORK_DISKS_MAX     256u
#define WORK_DISK_NAME_MAX 4096u /* NBD's limit for names of exports */

struct disk_file {
    char *name; /* below disks/, or the whole path */
    struct entry *file;
};
struct disk_list {
    struct disk_file *items;
    size_t count; /* at least 1 */
};
void disk_list_done(struct disk_list *d);
/* `name`: below disks/, or a path. NULL: every file below disks/, or if there is none and the snapshot has one file
 * alone, that one. ERR_NOT_FOUND says what there is; ERR_LIMIT. */
MUST_CHECK int work_find_disks(struct access *a, const struct root *root, const char *name,
                               struct disk_list *out, struct err *e);

#endif
