/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image file of a foreign format: qemu-nbd reads it (writes it, for a target), in a box, and serves it on a
 * socket in a directory of ours. Before it starts, qemu-img says (boxed, too) which other
 * files the image names; those that the operator did not allow are an error here, and out of
 * reach there.
 *
 *  H1 the box is shown the image, the extents that carry its name, and the allowed directories; of
 *     these only the image and its extents are ever to be written.
 */
#include "disk/disk_internal.h"
#include "disk/image_files.h"

#include "base/file.h"
#include "base/mem.h"
#include "box/box.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MEMORY_MAX     ((uint64_t)4 << 30)
#define LISTEN_BACKLOG 64

struct disk_helper {
    struct box *box;
    char dir[108 - sizeof "/s"]; /* of the socket; "" until it is made */
};

static void socket_path(const struct disk_helper *h, char out[108])
{
    (void)snprintf(out, 108, "%s/s", h->dir);
}

void helper_free(struct disk_helper *h)
{
    char path[108];
    if (!h)
        return;
    box_free(h->box);
    if (*h->dir) {
        socket_path(h, path);
        (void)unlink(path);
        (void)rmdir(h->dir);
    }
    mem_free(h);
}

const char *helper_last_words(struct disk_helper *h)
{
    return h->box && !box_is_running(h->box) ? box_said(h->box) : NULL;
}

static int make_socket(struct disk_helper *h, int *fd_out, struct err *e)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    const char *tmp = getenv("TMPDIR");
    if (!tmp || strlen(tmp) > 64)
        tmp = "/tmp";
    (void)snprintf(h->dir, sizeof h->dir, "%s/abri-XXXXXX", tmp);
    if (!mkdtemp(h->dir)) {
        *h->dir = '\0';
        return err_sys(e, errno, "make a directory in '%s'", tmp);
    }
    socket_path(h, at.sun_path);
    CLEANUP(file_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof at) || listen(fd, LISTEN_BACKLOG))
        return err_sys(e, errno, "listen at '%s'", at.sun_path);
    *fd_out = fd;
    fd = -1;
    return 0;
}

static int start(struct disk *d, struct disk_helper *h, const struct image_files *files,
                 struct err *e)
{
    char format[FORMAT_BYTES + sizeof "--format="], path[108];
    (void)snprintf(format, sizeof format, "--format=%s", d->format);
    const char *const argv[] = {
        "qemu-nbd", d->writable ? "--discard=unmap" : "--read-only", "--persistent", "--shared=64",
        format,     "--", files->image, NULL};
    CLEANUP(file_close) int fd = -1;
    if (make_socket(h, &fd, e))
        return -1;
    struct box_options o = {.argv = argv,
                            .files = files->files,
                            .file_count = files->count,
                            .listen_fd = fd,
                            .memory_max = MEMORY_MAX,
                            .out_fd = -1};
    if (box_start(&o, &h->box, e))
        return -1;
    socket_path(h, path);
    size_t cap = strlen(path) + sizeof "nbd+unix:///?socket=";
    d->uri = mem_alloc(cap);
    if (!d->uri)
        return err_no_memory(e, "a URI");
    (void)snprintf(d->uri, cap, "nbd+unix:///?socket=%s", path);
    return 0;
}

int helper_start(struct disk *d, const struct disk_request *r, struct err *e)
{
    CLEANUP(image_files_done) struct image_files files = {0};
    d->helper = mem_zalloc(sizeof *d->helper);
    if (!d->helper)
        return err_no_memory(e, "a helper");
    return image_files_find(r, d->format, d->writable, &files, e) || start(d, d->helper, &files, e) ? -1 : 0;
}
