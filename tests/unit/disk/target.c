/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Targets against an array of bytes: random writes and zeros by two writers, of any offset and
 * length, then all is read back; raw files, images and NBD servers with and without odd limits.
 * What is new reads as zeros; what is not there, too small or somebody else's is refused.
 */
#include "disk/disk.h"

#include "base/file.h"
#include "base/mem.h"
#include "scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SIZE  ((size_t)6 << 20)
#define TURNS 400

static char place[SCRATCH_PATH_MAX];
static uint8_t model[SIZE], bytes[SIZE];

static const char *at(const char *name)
{
    static char paths[4][SCRATCH_PATH_MAX + 64];
    static unsigned next;
    char *p = paths[next++ % 4];
    (void)snprintf(p, sizeof paths[0], "%s/%s", place, name);
    return p;
}

static uint64_t state = 85;
static uint64_t draw(uint64_t below)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (state >> 33) % below;
}

static void must(int rc, const struct err *e)
{
    if (rc)
        fail_msg("%s", e->msg);
}

static struct disk_target *open_target(const char *target, const char *format, uint64_t size,
                                       enum disk_existing existing)
{
    struct err e = ERR_INIT;
    struct disk_target *t = NULL;
    struct disk_target_request r = {
        .target = target, .format = format, .size = size, .existing = existing};
    must(disk_target_open(&r, &t, &e), &e);
    return t;
}

static enum err_class refuse(const char *target, const char *format, uint64_t size,
                             enum disk_existing existing)
{
    struct err e = ERR_INIT;
    struct disk_target *t = NULL;
    struct disk_target_request r = {
        .target = target, .format = format, .size = size, .existing = existing};
    assert_int_equal(disk_target_open(&r, &t, &e), -1);
    assert_null(t);
    print_message("%s\n", e.msg);
    return e.cls;
}

/* ---- the model ------------------------------------------------------------------------ */

/* What is under way must not be written again before it has arrived: nobody says in which order. */
static bool under_way[SIZE / 512 + 1];

static void drain(struct disk_writer *w[2])
{
    struct err e = ERR_INIT;
    for (int i = 0; i < 2; i++)
        must(disk_writer_drain(w[i], &e), &e);
    memset(under_way, 0, sizeof under_way);
}

static void reserve(struct disk_writer *w[2], uint64_t off, size_t len)
{
    for (uint64_t i = off / 512; i <= (off + len - 1) / 512; i++)
        if (under_way[i]) {
            drain(w);
            break;
        }
    for (uint64_t i = off / 512; i <= (off + len - 1) / 512; i++)
        under_way[i] = true;
}

static void write_at_random(struct disk_writer *w[2], size_t size)
{
    struct err e = ERR_INIT;
    for (int i = 0; i < TURNS; i++) {
        static const uint64_t longest[] = {16, 700, 9000, 300000, 1500000};
        size_t len = 1 + (size_t)draw(longest[draw(5)]);
        uint64_t off = draw(size - len + 1);
        if (draw(3) == 0) { /* as disks are mostly written */
            off = off / 4096 * 4096;
            len = (len + 4095) / 4096 * 4096;
            len = len < size - off ? len : size - off;
        }
        reserve(w, off, len);
        if (draw(4) == 0) {
            must(disk_zero(w[i & 1], off, len, &e), &e);
            memset(model + off, 0, len);
            continue;
        }
        for (size_t k = 0; k < len; k++)
            bytes[k] = (uint8_t)(1 + draw(255));
        must(disk_write(w[i & 1], off, bytes, len, &e), &e);
        memcpy(model + off, bytes, len);
        memset(bytes, 0xee, len); /* it was copied, or is written */
    }
}

static void read_back(struct disk *d, size_t size)
{
    struct disk_reader *r = NULL;
    struct err e = ERR_INIT;
    const uint8_t *p;
    size_t len, done = 0;
    uint64_t first;
    int rc;
    must(disk_reader_new(d, 1 << 20, &r, &e), &e);
    must(disk_begin(r, 0, size, &e), &e);
    while ((rc = disk_next(r, &p, &len, &e)) > 0) {
        for (size_t i = 0; i < len; i++)
            if (p[i] != model[done + i])
                fail_msg("byte %zu is %u instead of %u", done + i, p[i], model[done + i]);
        done += len;
    }
    must(rc, &e);
    assert_int_equal(done, size);
    assert_int_equal(disk_bad(r, &first), 0);
    disk_reader_free(r);
}

/* What the map calls zero is zero. */
static void look_at_map(struct disk *d, size_t size)
{
    struct err e = ERR_INIT;
    struct disk_extent x;
    for (uint64_t off = 0; off < size; off = x.end) {
        must(disk_map(d, off, &x, &e), &e);
        assert_true(x.end > off);
        uint64_t end = x.end < size ? x.end : size;
        if (x.zero)
            for (uint64_t i = off; i < end; i++)
                assert_int_equal(model[i], 0);
    }
}

static void play(struct disk_target *t, size_t size)
{
    struct disk_writer *w[2] = {NULL, NULL};
    struct err e = ERR_INIT;
    for (int i = 0; i < 2; i++)
        must(disk_writer_new(t, &w[i], &e), &e);
    for (int round = 0; round < 2; round++) {
        write_at_random(w, size);
        drain(w);
        must(disk_target_flush(t, &e), &e);
        read_back(disk_target_disk(t), size);
        look_at_map(disk_target_disk(t), size);
    }
    disk_writer_free(w[0]);
    disk_writer_free(w[1]);
}

/* ---- servers ----------------------------------------------------------------------------- */

static pid_t server;
static char uri[SCRATCH_PATH_MAX + 64];

static void serve(const char *const words[])
{
    const char *socket = at("s");
    const char *argv[24] = {"nbdkit", "-f", "-U", socket};
    size_t n = 4;
    for (size_t i = 0; words[i]; i++)
        argv[n++] = words[i];
    (void)unlink(socket);
    (void)snprintf(uri, sizeof uri, "nbd+unix:///?socket=%s", socket);
    server = fork();
    assert_true(server >= 0);
    if (server == 0) {
        (void)execvp(argv[0], (char **)(uintptr_t)argv);
        _exit(127);
    }
    while (access(socket, F_OK)) {
        assert_int_equal(waitpid(server, NULL, WNOHANG), 0);
        (void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
}

/* SIGTERM waits for those that are connected. */
static void end_server(void)
{
    (void)kill(server, SIGKILL);
    assert_int_equal(waitpid(server, NULL, 0), server);
}

static void play_server(const char *const words[], size_t size)
{
    serve(words);
    memset(model, 0, sizeof model);
    struct disk_target *t = open_target(uri, NULL, size, DISK_EXISTING_REFUSE);
    assert_false(disk_target_get_info(t)->fresh);
    assert_string_equal(disk_target_get_info(t)->format, "nbd");
    play(t, size);
    disk_target_close(t);
    end_server();
}

static void servers(void **unused)
{
    (void)unused;
    play_server((const char *const[]){"memory", "6M", NULL}, SIZE);
    play_server(
        (const char *const[]){"--filter=noparallel", "--filter=noextents", "memory", "6M", NULL},
        SIZE);
    play_server(
        (const char *const[]){"--filter=nozero", "--filter=noextents", "memory", "6M", NULL}, SIZE);
}

static void servers_of_whole_blocks(void **unused)
{
    (void)unused;
    play_server((const char *const[]){"--filter=blocksize-policy", "memory", "6M",
                                      "blocksize-minimum=4096", "blocksize-preferred=4096",
                                      "blocksize-maximum=65536", "blocksize-error-policy=error",
                                      NULL},
                SIZE);
    play_server((const char *const[]){"--filter=blocksize-policy", "--filter=nozero",
                                      "--filter=noparallel", "memory", "6M",
                                      "blocksize-minimum=65536", "blocksize-preferred=65536",
                                      "blocksize-maximum=131072", "blocksize-error-policy=error",
                                      NULL},
                SIZE);
}

static void servers_that_fail(void **unused)
{
    (void)unused;
    struct err e = ERR_INIT;
    struct disk_writer *w = NULL;
    serve((const char *const[]){"--filter=error", "memory", "6M", "error-pwrite=ENOSPC",
                                "error-pwrite-rate=100%", NULL});
    struct disk_target *t = open_target(uri, NULL, SIZE, DISK_EXISTING_REFUSE);
    must(disk_writer_new(t, &w, &e), &e);
    int rc = disk_write(w, 4096, model, 8192, &e);
    if (rc == 0)
        rc = disk_writer_drain(w, &e);
    assert_int_equal(rc, -1);
    assert_int_equal(e.cls, ERR_NO_SPACE);
    assert_non_null(strstr(e.msg, "byte 4096"));
    disk_writer_free(w);
    end_server();
    w = NULL;
    assert_int_equal(disk_writer_new(t, &w, &e) || disk_write(w, 0, model, 512, &e) ||
                         disk_writer_drain(w, &e),
                     1);
    assert_int_equal(e.cls, ERR_OFFLINE);
    disk_writer_free(w);
    disk_target_close(t);
    serve((const char *const[]){"-r", "memory", "6M", NULL});
    assert_int_equal(refuse(uri, NULL, SIZE, DISK_EXISTING_KEEP), ERR_READ_ONLY);
    assert_int_equal(refuse(uri, "qcow2", SIZE, DISK_EXISTING_KEEP), ERR_USAGE);
    end_server();
    serve((const char *const[]){"memory", "5M", NULL});
    assert_int_equal(refuse(uri, NULL, SIZE, DISK_EXISTING_KEEP), ERR_USAGE);
    end_server();
}

/* ---- files ---------------------------------------------------------------------------------- */

static void files(void **unused)
{
    (void)unused;
    struct stat st;
    size_t odd = SIZE - 333;
    memset(model, 0, sizeof model);
    struct disk_target *t = open_target(at("raw"), NULL, odd, DISK_EXISTING_REFUSE);
    assert_true(disk_target_get_info(t)->fresh);
    assert_int_equal(disk_target_get_info(t)->size, odd);
    read_back(disk_target_disk(t), odd);
    play(t, odd);
    disk_target_close(t);
    assert_int_equal(refuse(at("raw"), NULL, odd, DISK_EXISTING_REFUSE), ERR_EXISTS);
    t = open_target(at("raw"), NULL, SIZE, DISK_EXISTING_KEEP); /* grows */
    assert_false(disk_target_get_info(t)->fresh);
    read_back(disk_target_disk(t), SIZE);
    play(t, SIZE);
    assert_int_equal(refuse(at("raw"), NULL, SIZE, DISK_EXISTING_KEEP), ERR_BUSY);
    disk_target_close(t);
    t = open_target(at("raw"), NULL, odd, DISK_EXISTING_REPLACE);
    assert_true(disk_target_get_info(t)->fresh);
    memset(model, 0, sizeof model);
    read_back(disk_target_disk(t), odd);
    disk_target_close(t);
    assert_int_equal(stat(at("raw"), &st), 0);
    assert_int_equal(st.st_size, odd);
    assert_int_equal(st.st_blocks, 0);
}

static void images(void **unused)
{
    (void)unused;
    static const char *const formats[] = {"qcow2", "vmdk", "vhdx", "vdi", "vhd"};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "i.%s", formats[i]);
        memset(model, 0, sizeof model);
        struct disk_target *t = open_target(at(name), NULL, SIZE, DISK_EXISTING_REFUSE);
        assert_true(disk_target_get_info(t)->fresh);
        play(t, SIZE);
        disk_target_close(t);
        t = open_target(at(name), NULL, SIZE, DISK_EXISTING_KEEP);
        read_back(disk_target_disk(t), SIZE);
        assert_int_equal(refuse(at(name), NULL, SIZE, DISK_EXISTING_KEEP), ERR_BUSY);
        disk_target_close(t);
        assert_int_equal(refuse(at(name), NULL, 2 * SIZE, DISK_EXISTING_KEEP), ERR_USAGE);
    }
}

static void what_is_no_target(void **unused)
{
    (void)unused;
    struct disk_identity a, b;
    struct err e = ERR_INIT;
    assert_int_equal(refuse(place, NULL, SIZE, DISK_EXISTING_KEEP), ERR_USAGE);
    assert_int_equal(refuse("/dev/null", NULL, SIZE, DISK_EXISTING_KEEP), ERR_USAGE);
    assert_int_equal(refuse(at("no/where"), NULL, SIZE, DISK_EXISTING_KEEP), ERR_NOT_FOUND);
    assert_int_equal(refuse(at("new"), "ova", SIZE, DISK_EXISTING_KEEP), ERR_USAGE);
    assert_int_equal(refuse(at("new"), NULL, DISK_SIZE_MAX + 1, DISK_EXISTING_KEEP), ERR_LIMIT);
    /* What could not be made is not left behind. */
    assert_int_not_equal(refuse(at("new.vpc"), "vpc", (uint64_t)1 << 50, DISK_EXISTING_REFUSE),
                         ERR_UNSET);
    must(disk_identify(at("new.vpc"), &a, &e), &e);
    assert_int_equal(a.place, DISK_PLACE_NOTHING);
    must(disk_identify(at("raw"), &a, &e), &e);
    must(disk_identify(at("i.vdi"), &b, &e), &e);
    assert_int_equal(a.place, DISK_PLACE_FILE);
    assert_true(a.ino != b.ino);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files),
        cmocka_unit_test(servers),
        cmocka_unit_test(servers_of_whole_blocks),
        cmocka_unit_test(servers_that_fail),
        cmocka_unit_test(images),
        cmocka_unit_test(what_is_no_target),
    };
    printf("seed %llu\n", (unsigned long long)state);
    scratch_make(place);
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    scratch_remove(place);
    return rc;
}
