/* SPDX-License-Identifier: Apache-2.0 */
/* A new image of a foreign format: made by qemu-img, in a box that is shown one empty file. */
#include "disk/disk_internal.h"

#include "base/bytes.h"
#include "box/box.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAKE_LIMIT_MS 60000
#define ANSWER_MAX    ((size_t)64 << 10)
#define MEMORY_MAX    ((uint64_t)4 << 30)

int image_make(const char *path, const char *format, uint64_t size, struct err *e)
{
    char real[PATH_MAX], bytes[32];
    struct buf said = {0};
    if (!realpath(path, real))
        return err_set(e, ERR_IO, "the new file is gone");
    (void)snprintf(bytes, sizeof bytes, "%llu", (unsigned long long)(size + 511) / 512 * 512);
    /* Without it a VHD has as many bytes as cylinders, heads and sectors give. */
    const char *options = strcmp(format, "vpc") == 0 ? "force_size=on" : NULL;
    const char *const plain[] = {"qemu-img", "create", "-q", "-f", format, "--", real, bytes, NULL};
    const char *const special[] = {"qemu-img", "create", "-q", "-f",  format, "-o",
                                   options,    "--",     real, bytes, NULL};
    struct box_file file = {.path = real, .write = true};
    struct box_options o = {.argv = options ? special : plain,
                            .files = &file,
                            .file_count = 1,
                            .listen_fd = -1,
                            .memory_max = MEMORY_MAX};
    int rc = box_run(&o, ANSWER_MAX, MAKE_LIMIT_MS, &said, e);
    buf_done(&said);
    return rc;
}
