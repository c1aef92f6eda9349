/* SPDX-License-Identifier: Apache-2.0 */
/* Opening files, noticing change, holes, disk images. */
#include "walked.h"

#include "base/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void only_regular_files_are_opened(void **state)
{
    (void)state;
    make_file("f", "");
    assert_int_equal(mkfifo("p", 0600), 0);
    assert_int_equal(symlink("f", "l"), 0);
    make_dir("d");
    struct walk *walk;
    struct source_item it = first_item("f", &walk);
    struct err e = ERR_INIT;
    int fd = source_open(it.dir, "f", &e);
    assert_true(fd >= 0);
    (void)close(fd);
    static const char *const others[] = {"p", "l", "d", "missing"};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(source_open(it.dir, others[i], &e), -1);
    assert_int_equal(e.cls, ERR_NOT_FOUND);
    walk_close(walk);
}

static void change_is_noticed(void **state)
{
    (void)state;
    make_file("f", "12345");
    struct walk *walk;
    struct err e = ERR_INIT;
    struct source_item it = first_item("f", &walk);
    int fd = source_open(it.dir, it.name, &e);
    assert_false(source_changed(&it, fd));
    struct source_item other = it;
    other.size++;
    assert_true(source_changed(&other, fd));
    other = it;
    other.mtime_ns ^= 1;
    assert_true(source_changed(&other, fd));
    other = it;
    other.ctime_s++;
    assert_true(source_changed(&other, fd));
    other = it;
    other.ino++;
    assert_true(source_changed(&other, fd));
    assert_true(source_changed(&it, -1));
    (void)close(fd);
    walk_close(walk);
}

static void data_is_found_between_holes(void **state)
{
    (void)state;
    const off_t mib = 1 << 20;
    int fd = open("f", O_CREAT | O_RDWR, 0600);
    assert_int_equal(ftruncate(fd, 16 * mib), 0);
    assert_int_equal(pwrite(fd, "x", 1, 4 * mib), 1);
    assert_int_equal(pwrite(fd, "x", 1, 9 * mib), 1);
    uint64_t data, end, size = 16 * (uint64_t)mib;
    assert_int_equal(file_next_data(fd, 0, size, &data, &end), 1);
    if (data == 0) {
        (void)close(fd);
        skip(); /* no holes here */
    }
    assert_int_equal(data, 4 * mib);
    assert_true(end > data && end < (uint64_t)(9 * mib));
    assert_int_equal(file_next_data(fd, end, size, &data, &end), 1);
    assert_int_equal(data, 9 * mib);
    assert_int_equal(file_next_data(fd, end, size, &data, &end), 0);
    assert_int_equal(file_next_data(fd, 0, 2 * (uint64_t)mib, &data, &end), 0);
    /* The caller's size bounds the answer. */
    assert_int_equal(file_next_data(fd, 0, 4 * (uint64_t)mib + 1, &data, &end), 1);
    assert_int_equal(end, 4 * mib + 1);
    assert_int_equal(file_next_data(fd, size, size, &data, &end), 0);
    (void)close(fd);
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(file_next_data(pipes[0], 3, 10, &data, &end), 1); /* cannot tell */
    assert_int_equal(data, 3);
    assert_int_equal(end, 10);
    (void)close(pipes[0]);
    (void)close(pipes[1]);
}

static void disk_images_are_recognised(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        const char *bytes;
    } magics[] = {{0, "QFI\xfb"},    {0, "KDMV"},         {64, "\x7f\x10\xda\xbe"}, {0, "conectix"},
                  {0, "vhdxfile"},   {0, "LUKS\xba\xbe"}, {512, "LABELONE"},        {0, "XFSB"},
                  {512, "EFI PART"}, {510, "\x55\xaa"},   {1080, "\x53\xef"}};
    uint8_t head[4096];
    memset(head, 0, sizeof head);
    assert_false(source_is_disk_image("file", head, sizeof head));
    assert_false(source_is_disk_image("file", NULL, 0));
    assert_false(source_is_disk_image(".raw", head, sizeof head));
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++) {
        memset(head, 0, sizeof head);
        size_t len = strlen(magics[i].bytes);
        memcpy(head + magics[i].at, magics[i].bytes, len);
        assert_true(source_is_disk_image("file", head, sizeof head));
        assert_false(source_is_disk_image("file", head, magics[i].at + len - 1));
    }
    static const char *const names[] = {"vm.qcow2", "VM.VMDK", "a.raw", "x.img", "x.vhdx"};
    for (size_t i = 0; i < 5; i++)
        assert_true(source_is_disk_image(names[i], NULL, 0));
    assert_false(source_is_disk_image("image.c", NULL, 0));
}

#define SCRATCH_TEST(f) cmocka_unit_test_setup_teardown(f, scratch_enter, scratch_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(only_regular_files_are_opened),
        SCRATCH_TEST(change_is_noticed),
        SCRATCH_TEST(data_is_found_between_holes),
        SCRATCH_TEST(disk_images_are_recognised),
    };
    return cmocka_run_group_tests_name("source/file", tests, NULL, NULL);
}
