/* SPDX-License-Identifier: Apache-2.0 */
/* The programs that boxes are for work in them: qemu-img looks at an image, qemu-nbd serves and
 * writes one, and an image that names somebody else's file as its own gets nothing of it. */
#include "box_test.h"

#include "base/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Outside, by hand. */
static void outside(const char *line)
{
    const char *const argv[] = {"sh", "-c", line, NULL};
    char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    char *const env[] = {path, NULL};
    struct err e = ERR_INIT;
    pid_t pid;
    assert_int_equal(
        program_start(&(struct program){.argv = argv, .environment = env, .out_fd = 2}, &pid), 0);
    if (program_wait(pid, line, &e))
        fail_msg("%s", e.msg);
}

static void make_images(void)
{
    char line[4096];
    if (access(at("a.qcow2"), F_OK) == 0)
        return;
    make_file(at("base.raw"), "the base\n");
    (void)snprintf(line, sizeof line,
                   "exec >/dev/null; cd '%s' && truncate -s 1M base.raw && qemu-img create -q -f "
                   "qcow2 a.qcow2 64M && "
                   "qemu-io -f qcow2 -c 'write -q -P 0x5a 1M 64k' a.qcow2 && "
                   "qemu-img create -q -f qcow2 -F raw -b '%s/base.raw' top.qcow2",
                   place, place);
    outside(line);
}

static void qemu_img_looks_at_an_image(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct buf out = {0};
    make_images();
    const struct box_file shown = {at("a.qcow2"), false};
    const char *const argv[] = {"qemu-img",      "info",     "-f", "qcow2",
                                "--output=json", shown.path, NULL};
    struct box_options o = {.argv = argv,
                            .files = &shown,
                            .file_count = 1,
                            .listen_fd = -1,
                            .out_fd = -1,
                            .memory_max = (uint64_t)1 << 30};
    if (box_run(&o, 65536, 60000, &out, &e))
        fail_msg("%s", e.msg);
    buf_put_u8(&out, 0);
    assert_non_null(strstr((char *)out.data, "\"virtual-size\": 67108864"));
    buf_done(&out);
}

static void an_image_reaches_only_what_is_shown(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct buf out = {0};
    make_images();
    const struct box_file shown[] = {{at("top.qcow2"), false}, {at("base.raw"), false}};
    const char *const argv[] = {"qemu-io", "-r",           "-f",          "qcow2",
                                "-c",      "read -v 0 16", shown[0].path, NULL};
    struct box_options o = {
        .argv = argv, .files = shown, .file_count = 1, .listen_fd = -1, .out_fd = -1};
    assert_int_equal(box_run(&o, 65536, 60000, &out, &e), -1);
    assert_non_null(strstr(e.msg, "Could not open"));
    assert_non_null(strstr(e.msg, "base.raw"));
    o.file_count = 2;
    if (box_run(&o, 65536, 60000, &out, &e))
        fail_msg("%s", e.msg);
    buf_put_u8(&out, 0);
    assert_non_null(strstr((char *)out.data, "the.base"));
    buf_done(&out);
}

static struct box *serve(const char *image, bool write, const char *socket_path, int *listen_out)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct err e = ERR_INIT;
    struct box *b = NULL;
    const struct box_file shown = {image, write};
    const char *argv[] = {"qemu-nbd", "-t", "-f", "qcow2", image, write ? NULL : "-r", NULL};
    struct box_options o = {.argv = argv,
                            .files = &shown,
                            .file_count = 1,
                            .out_fd = -1,
                            .memory_max = (uint64_t)1 << 30};
    (void)snprintf(a.sun_path, sizeof a.sun_path, "%s", socket_path);
    (void)unlink(socket_path);
    *listen_out = o.listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(o.listen_fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(o.listen_fd, 4), 0);
    if (box_start(&o, &b, &e))
        fail_msg("%s", e.msg);
    return b;
}

static void qemu_nbd_serves_and_writes(void **state)
{
    (void)state;
    char line[4096];
    int fd;
    make_images();
    struct box *b = serve(at("a.qcow2"), false, at("nbd"), &fd);
    (void)snprintf(line, sizeof line,
                   "qemu-io -r -f raw -c 'read -q -P 0x5a 1M 64k' -c 'read -q -P 0 2M 64k' "
                   "'nbd+unix:///?socket=%s'",
                   at("nbd"));
    outside(line);
    (void)snprintf(
        line, sizeof line,
        "! qemu-io -f raw -c 'write -q -P 0x77 1M 64k' 'nbd+unix:///?socket=%s' >/dev/null 2>&1",
        at("nbd"));
    outside(line);
    box_free(b);
    (void)close(fd);
    b = serve(at("a.qcow2"), true, at("nbd"), &fd);
    (void)snprintf(line, sizeof line,
                   "qemu-io -f raw -c 'write -q -P 0x77 2M 64k' 'nbd+unix:///?socket=%s'",
                   at("nbd"));
    outside(line);
    box_free(b); /* asked to end, it closes the image as it should */
    (void)close(fd);
    (void)snprintf(line, sizeof line,
                   "cd '%s' && qemu-img check -q -f qcow2 a.qcow2 && qemu-io -f qcow2 -c 'read -q "
                   "-P 0x77 2M 64k' a.qcow2",
                   place);
    outside(line);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(qemu_img_looks_at_an_image),
        cmocka_unit_test(an_image_reaches_only_what_is_shown),
        cmocka_unit_test(qemu_nbd_serves_and_writes),
    };
    return run_boxes(argc, argv, "box/qemu", tests, sizeof tests / sizeof tests[0]);
}
