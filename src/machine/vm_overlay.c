/* SPDX-License-Identifier: Apache-2.0 */
/* The images that take a guest's writes: empty at first, they show what is behind them. */
#include "machine/vm_internal.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CREATE_MS 60000

static int make_overlay(const struct vm_options *o, const struct vm_disk *d, struct err *e)
{
    CLEANUP(buf_done) struct buf said = {0};
    char image[4096], backing[4096 + VM_NAME_MAX], size[32];
    if ((size_t)snprintf(image, sizeof image, "%s/%s.qcow2", o->dir, d->name) >= sizeof image)
        return err_set(e, ERR_LIMIT, "a name that is too long");
    if (access(image, F_OK) == 0)
        return 0;
    (void)snprintf(backing, sizeof backing, "nbd+unix:///%s?socket=%s", d->name, o->nbd_socket);
    (void)snprintf(size, sizeof size, "%llu", (unsigned long long)d->size);
    const char *const argv[] = {"qemu-img", "create", "-q",    "-u",  "-f", "qcow2", "-F",
                                "raw",      "-b",     backing, image, size, NULL};
    const struct box_file dir = {.path = o->dir, .write = true};
    const struct box_options b = {
        .argv = argv, .files = &dir, .file_count = 1, .listen_fd = -1, .out_fd = -1};
    return box_run(&b, 65536, CREATE_MS, &said, e);
}

/* The firmware's settings are the machine's own from its first start on. */
static int make_firmware(const struct vm_options *o, struct err *e)
{
    CLEANUP(buf_done) struct buf vars = {0};
    char path[4096];
    if ((size_t)snprintf(path, sizeof path, "%s/firmware.fd", o->dir) >= sizeof path)
        return err_set(e, ERR_LIMIT, "a name that is too long");
    if (access(path, F_OK) == 0)
        return 0;
    if (file_slurp(AT_FDCWD, VM_FIRMWARE_VARS, BUF_DEFAULT_MAX, &vars, e))
        return err_wrap(e, "this machine starts by UEFI: install the package ovmf");
    return file_replace(path, vars.data, vars.len, 0600, e);
}

int vm_make_overlays(const struct vm_options *o, struct err *e)
{
    for (size_t i = 0; i < o->disk_count; i++)
        if (make_overlay(o, &o->disks[i], e))
            return -1;
    return o->uefi ? make_firmware(o, e) : 0;
}
