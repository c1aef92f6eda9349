/* SPDX-License-Identifier: Apache-2.0 */
#include "ground.h"

#include "base/clock.h"
#include "base/mem.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

uint64_t ground_seed(void)
{
    const char *given = getenv("ABRI_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)clock_realtime_ns() % 1000000;
    print_message("ABRI_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

/* splitmix64 */
uint64_t ground_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static int ask(void *arg, char out[PASSPHRASE_MAX], struct err *e)
{
    (void)arg;
    (void)e;
    (void)strcpy(out, "correct horse");
    return 0;
}

static void fill(struct ground *g, uint64_t seed)
{
    g->bytes = mem_zalloc(DISK_BYTES);
    assert_non_null(g->bytes);
    for (size_t at = 0; at < DISK_BYTES; at += GRAIN) {
        if (at >= HOLE_FROM && at < HOLE_TO)
            continue;
        uint64_t x = seed + (at / GRAIN % 50 == 7 ? 7 : at); /* some chunks are alike */
        for (size_t i = 0; i < GRAIN; i += 8)
            put_u64(g->bytes + at + i, i % 64 ? ground_random(&x) : 0);
    }
}

static void write_disk(const struct ground *g)
{
    int fd = open(g->disk, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, g->bytes, HOLE_FROM, 0), HOLE_FROM);
    assert_int_equal(pwrite(fd, g->bytes + HOLE_TO, DISK_BYTES - HOLE_TO, HOLE_TO),
                     DISK_BYTES - HOLE_TO);
    assert_int_equal(close(fd), 0);
}

void ground_reopen(struct ground *g)
{
    struct err e = ERR_INIT;
    struct snapshot_list all = {0};
    struct root *root = NULL;
    mem_free(g->file);
    access_close(&g->access);
    assert_ok(access_open(g->vault, &(struct work_dirs){.config = g->top}, &g->access, &e), &e);
    assert_ok(access_as_reader(&g->access, ask, NULL, &e), &e);
    assert_ok(vault_snapshots(g->access.vault, &all, NULL, NULL, &e), &e);
    assert_int_equal(all.count, 1);
    assert_ok(work_open_root(&g->access, &all.items[0], &root, &e), &e);
    assert_ok(vault_refresh(g->access.vault, NULL, NULL, &e), &e);
    assert_ok(work_find_entry(&g->access, &root->tree, g->disk + 1, &g->file, &e), &e);
    assert_int_equal(g->file->size, DISK_BYTES);
    mem_free(root);
    snapshot_list_done(&all);
}

static void back_up(struct ground *g)
{
    struct err e = ERR_INIT;
    struct work_dirs dirs = {.config = g->top};
    uint8_t id[UID_BYTES];
    const char *paths[] = {g->disk};
    struct init_options init = {.location = g->vault, .machine = "test",
                                .cost = {.passes = 1, .memory_kib = 8},
                                .chunking = {.small_max = 1 << 10, .bundle_min = 2 << 10, .bundle_avg = 4 << 10,
                                             .bundle_max = 8 << 10, .cdc_min = 1 << 10,
                                             .cdc_avg = 4 << 10, .cdc_max = 16 << 10, .fixed = GRAIN}};
    struct backup_options o = {.paths = paths, .path_count = 1, .level = 1, .threads = 2};
    struct backup_result r;
    struct access a;
    assert_ok(work_init(&init, &dirs, ask, NULL, id, &e), &e);
    assert_ok(access_open(g->vault, &dirs, &a, &e), &e);
    assert_ok(access_as_writer(&a, &dirs, &e), &e);
    assert_ok(work_backup(&a, &dirs, &o, &r, &e), &e);
    assert_int_equal(r.problems, 0);
    access_close(&a);
}

void ground_make(struct ground *g, uint64_t seed)
{
    *g = (struct ground){.bytes = NULL};
    scratch_make(g->top);
    (void)snprintf(g->vault, sizeof g->vault, "%s/vault", g->top);
    (void)snprintf(g->disk, sizeof g->disk, "%s/disk.img", g->top);
    fill(g, seed);
    write_disk(g);
    back_up(g);
    ground_reopen(g);
}

void ground_remove(struct ground *g)
{
    access_close(&g->access);
    mem_free(g->file);
    mem_free(g->bytes);
    scratch_remove(g->top);
}
