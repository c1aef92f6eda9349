/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every byte of every file of a small vault is changed in turn. Each time the
 * vault refuses with a message, or check finds the damage and names the object,
 * or (in derived files) nothing is lost; a restore is exact or says what is
 * missing. Never a wrong restore, a crash or an endless loop.
 */
#include "world.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 64

static char files[FILES_MAX][1024];
static size_t file_count;

static int add_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)ftw;
    if (type == FTW_F && file_count < FILES_MAX)
        (void)snprintf(files[file_count++], sizeof files[0], "%s", path);
    return 0;
}

static void flip(const char *path, off_t at, uint8_t mask)
{
    uint8_t byte;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= mask;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    (void)close(fd);
}

struct seen {
    unsigned damage;
    char first[ERR_MESSAGE_BYTES];
};

static void on_damage(void *arg, const char *object, const char *message)
{
    struct seen *s = arg;
    if (s->damage++ == 0)
        (void)snprintf(s->first, sizeof s->first, "%s: %s", object, message);
}

/* True if the vault refused or check found something. */
static bool is_noticed(struct world *w, struct seen *seen, bool *exact_out)
{
    struct access a;
    struct err e = ERR_INIT;
    uint64_t problems = 0;
    *exact_out = false;
    if (access_open(w->vault, NULL, &a, &e)) {
        assert_true(e.msg[0]);
        return true;
    }
    bool noticed = access_as_reader(&a, world_ask, NULL, &e) != 0;
    if (!noticed) {
        struct check_options o = {
            .read_data = true, .subset = 1, .damage = on_damage, .arg = seen};
        struct check_result r = {0};
        noticed = work_check(&a, &o, &r, &e) != 0 || r.vault.damaged > 0;
        assert_true(!noticed || seen->damage || e.msg[0]);
        struct err why = ERR_INIT;
        int rc = world_restore(w, &a, 0, &problems, &why);
        *exact_out = rc == 0 && problems == 0;
        if (*exact_out && !world_tree_is(w, w->out, 1))
            fail_msg("a wrong restore without a word");
    }
    access_close(&a);
    return noticed;
}

static void flip_file(struct world *w, const char *path, size_t *silent)
{
    struct stat st;
    bool derived = strstr(path, "/index/") != NULL;
    assert_int_equal(stat(path, &st), 0);
    for (off_t at = 0; at < st.st_size; at++) {
        struct seen seen = {0};
        bool exact;
        uint8_t mask = (uint8_t)(1u << (at % 8));
        flip(path, at, mask);
        bool noticed = is_noticed(w, &seen, &exact);
        if (derived && !exact)
            fail_msg("%s, byte %lld: a damaged index cost a restore", path, (long long)at);
        if (!derived && !noticed)
            fail_msg("%s, byte %lld of %lld: nobody noticed", path, (long long)at,
                     (long long)st.st_size);
        *silent += !noticed;
        if (access(path, F_OK) == 0)
            flip(path, at, mask);
        else if (!derived)
            fail_msg("%s, byte %lld: the object was removed", path, (long long)at);
        else
            return; /* a damaged index was replaced: that is what it is for */
    }
}

static void test_every_byte_of_a_vault(void **state)
{
    (void)state;
    struct world w;
    struct access a;
    struct err e = ERR_INIT;
    size_t silent = 0;
    world_make(&w, true);
    assert_ok(access_open(w.vault, NULL, &a, &e), &e);
    assert_ok(world_backup(&w, &a, false, &e), &e);
    access_close(&a);
    assert_int_equal(nftw(w.vault, add_file, 16, FTW_PHYS), 0);
    assert_true(file_count >= 8);
    for (size_t i = 0; i < file_count; i++)
        flip_file(&w, files[i], &silent);
    print_message("%zu files, %zu changes of derived bytes without effect\n", file_count, silent);
    assert_int_equal(world_verify(&w, w.vault), 1);
    world_remove(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_byte_of_a_vault)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
