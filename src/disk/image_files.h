/* SPDX-License-Identifier: Apache-2.0 */
/* Which files an image consists of, and which of them may be read. */
#ifndef ABRI_DISK_IMAGE_FILES_H
#define ABRI_DISK_IMAGE_FILES_H

#include "box/box.h"
#include "disk/disk.h"

#define IMAGE_FILES_MAX 4096u

struct image_files {
    char *image;            /* absolute, without symbolic links */
    struct box_file *files; /* what a box is shown: the image, its extents, allowed directories */
    size_t count, cap;
    bool write;
};
void image_files_done(struct image_files *f);

/* ERR_REFUSED if the image names a file elsewhere, ERR_BUSY if a running machine uses it. Asks
 * qemu-img, in a box. `write`: the image and its extents are to be written, and it must not keep its content in
 * any other file. */
MUST_CHECK int image_files_find(const struct disk_request *r, const char *format, bool write,
                                struct image_files *out, struct err *e);

#endif
