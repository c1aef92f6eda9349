/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BIG_BYTES (1200u << 10) /* cut by content: larger than a bundled file */

struct file_spec {
    const char *name;
    size_t len;  /* in state 1 */
    size_t len2; /* in state 2; 0: gone */
    bool big;    /* not in the small world */
};

static const struct file_spec specs[] = {
    {"a.txt", 700, 700, false},        {"dir/b.txt", 90, 130, false},
    {"dir/c.bin", 5000, 0, true},      {"dir/deep/er/d", 20000, 20000, true},
    {"dir/new", 0, 333, true},         {"e.big", BIG_BYTES, BIG_BYTES, true},
    {"f.big", BIG_BYTES, BIG_BYTES + 5, true},
};
#define SPECS (sizeof specs / sizeof *specs)

static bool is_small_world(const struct world *w)
{
    char path[700];
    (void)snprintf(path, sizeof path, "%s/small", w->top);
    return access(path, F_OK) == 0;
}

static void fill(uint8_t *p, const struct file_spec *f, size_t len, int state)
{
    uint64_t x = UINT64_C(88172645463325252) + len + (uint64_t)(f->len2 == f->len ? 0 : state);
    for (size_t i = 0; i < len; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        p[i] = (uint8_t)((uint8_t)f->name[i % strlen(f->name)] + (x >> 60));
    }
}

static void write_file(const char *path, const void *p, size_t len)
{
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static size_t len_in(const struct file_spec *f, int state)
{
    return state == 1 ? f->len : f->len2;
}

static void write_state(struct world *w, int state)
{
    uint8_t *data = malloc(2 * BIG_BYTES);
    char path[900];
    assert_non_null(data);
    bool small = is_small_world(w);
    for (size_t i = 0; i < SPECS; i++) {
        const struct file_spec *f = &specs[i];
        if (small && f->big)
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", w->source, f->name);
        if (len_in(f, state) == 0) {
            (void)unlink(path);
            continue;
        }
        if (state == 2 && f->len == f->len2)
            continue;
        fill(data, f, len_in(f, state), state);
        write_file(path, data, len_in(f, state));
    }
    free(data);
}

int world_ask(void *arg, char out[PASSPHRASE_MAX], struct err *e)
{
    (void)arg;
    (void)e;
    (void)strcpy(out, "correct horse");
    return 0;
}

void world_make(struct world *w, bool small)
{
    static const char *const dirs[] = {"", "/dir", "/dir/deep", "/dir/deep/er"};
    struct err e = ERR_INIT;
    uint8_t id[UID_BYTES];
    char path[900];
    scratch_make(w->top);
    (void)snprintf(w->source, sizeof w->source, "%s/source", w->top);
    (void)snprintf(w->vault, sizeof w->vault, "%s/vault", w->top);
    (void)snprintf(w->config, sizeof w->config, "%s/config", w->top);
    (void)snprintf(w->cache, sizeof w->cache, "%s/cache", w->top);
    (void)snprintf(w->out, sizeof w->out, "%s/out", w->top);
    (void)snprintf(path, sizeof path, "%s/small", w->top);
    if (small)
        write_file(path, "", 0);
    for (size_t i = 0; i < (small ? 2 : 4); i++) {
        (void)snprintf(path, sizeof path, "%s%s", w->source, dirs[i]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    w->dirs = (struct work_dirs){.config = w->config, .cache = w->cache};
    write_state(w, 1);
    struct init_options o = {
        .location = w->vault, .machine = "test", .cost = {.passes = 1, .memory_kib = 8}};
    assert_ok(work_init(&o, &w->dirs, world_ask, NULL, id, &e), &e);
}

void world_remove(struct world *w)
{
    scratch_remove(w->top);
}

void world_change(struct world *w)
{
    write_state(w, 2);
}

bool world_tree_is(const struct world *w, const char *tree, int state)
{
    uint8_t *want = malloc(2 * BIG_BYTES), *have = malloc(2 * BIG_BYTES);
    bool same = want && have, small = is_small_world(w);
    char path[1500];
    for (size_t i = 0; i < SPECS && same; i++) {
        const struct file_spec *f = &specs[i];
        if (small && f->big)
            continue;
        size_t len = len_in(f, state);
        (void)snprintf(path, sizeof path, "%s/%s", tree, f->name);
        FILE *file = fopen(path, "re");
        if (!file || len == 0) {
            same = !file && len == 0;
        } else {
            fill(want, f, len, state);
            same = fread(have, 1, 2 * BIG_BYTES, file) == len && memcmp(want, have, len) == 0;
        }
        if (file)
            (void)fclose(file);
    }
    free(want);
    free(have);
    return same;
}

uint64_t world_seed(void)
{
    const char *given = getenv("ABRI_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)clock_realtime_ns() % 1000000;
    print_message("ABRI_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

void world_backup_once(struct world *w, bool cache)
{
    struct err e = ERR_INIT;
    struct access a;
    assert_ok(access_open(w->vault, NULL, &a, &e), &e);
    assert_ok(world_backup(w, &a, cache, &e), &e);
    access_close(&a);
}

void world_open_recorded(struct world *w, struct store_record **record_out, struct access *out)
{
    struct err e = ERR_INIT;
    struct store *s;
    assert_ok(store_record_new(w->vault, record_out, &e), &e);
    assert_ok(store_dir_open_with(w->vault, false, &store_record_ops, *record_out, &s, &e), &e);
    assert_ok(world_open(s, out, &e), &e);
}

int world_open(struct store *s, struct access *out, struct err *e)
{
    struct access a = {.store = s};
    if (sign_init(e) || vault_open(s, &a.vault, e)) {
        store_close(s);
        return -1;
    }
    *out = a;
    return 0;
}

int world_backup(struct world *w, struct access *a, bool cache, struct err *e)
{
    const char *paths[] = {w->source};
    struct work_dirs dirs = {.config = w->config, .cache = cache ? w->cache : NULL};
    struct backup_options o = {.paths = paths, .path_count = 1, .level = 1, .threads = 2};
    struct backup_result r;
    if (access_as_writer(a, &dirs, e) || work_backup(a, &dirs, &o, &r, e))
        return -1;
    return r.problems ? err_set(e, ERR_INCOMPLETE, "problems") : 0;
}

int world_restore(struct world *w, struct access *a, size_t index, uint64_t *problems_out,
                  struct err *e)
{
    struct snapshot_list list = {0};
    struct restore_result r = {0};
    struct restore_options o = {.path = w->source + 1,
                                .target = w->out,
                                .overwrite = TARGET_ALWAYS,
                                .threads = 2};
    if (access(w->out, F_OK) == 0)
        scratch_remove(w->out);
    if (vault_snapshots(a->vault, &list, NULL, NULL, e))
        return -1;
    int rc = index < list.count ? work_restore(a, &list.items[index], &o, &r, e)
                                : err_set(e, ERR_NOT_FOUND, "no such snapshot");
    snapshot_list_done(&list);
    if (problems_out)
        *problems_out = r.problems;
    return rc;
}

size_t world_verify(struct world *w, const char *vault)
{
    struct err e = ERR_INIT;
    struct access a;
    struct snapshot_list list = {0};
    assert_ok(access_open(vault, NULL, &a, &e), &e);
    assert_ok(access_as_reader(&a, world_ask, NULL, &e), &e);
    assert_ok(vault_snapshots(a.vault, &list, NULL, NULL, &e), &e);
    size_t count = list.count;
    snapshot_list_done(&list);
    for (size_t i = 0; i < count; i++) {
        uint64_t problems = 1;
        assert_ok(world_restore(w, &a, i, &problems, &e), &e);
        assert_int_equal(problems, 0);
        assert_true(world_tree_is(w, w->out, 1) || world_tree_is(w, w->out, 2));
    }
    access_close(&a);
    return count;
}
