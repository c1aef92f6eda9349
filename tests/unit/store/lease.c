/* SPDX-License-Identifier: Apache-2.0 */
/* Leases: seen while their holder lives, gone when it is, whatever killed it. */
#include "place.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct place places[] = {
    {.name = "directory", .kind = PLACE_DIR},
    {.name = "memory", .kind = PLACE_MEM},
    {.name = "layer", .kind = PLACE_FAULT},
};

static struct err e;

static struct store *here(void **state)
{
    return ((struct place *)*state)->s;
}

static int note(void *arg, const char *name, struct err *why)
{
    (void)why;
    strncat(strncat(arg, name, 90), " ", 2);
    return 0;
}

static void assert_leases(struct store *s, const char *names)
{
    char seen[400] = "";
    assert_ok(store_lease_list(s, note, seen, &e), &e);
    assert_string_equal(seen, names);
}

static struct store_lease *take(struct store *s, const char *name)
{
    struct store_lease *l = NULL;
    assert_ok(store_lease_take(s, name, &l, &e), &e);
    return l;
}

static void a_lease_is_seen_until_it_is_dropped(void **state)
{
    struct store *s = here(state);
    assert_leases(s, "");
    struct store_lease *l = take(s, "gc");
    assert_true(store_lease_held(l));
    assert_leases(s, "gc ");
    store_lease_drop(l);
    assert_leases(s, "");
    assert_names(s, "", "");
}

static void a_name_has_one_holder(void **state)
{
    struct store *s = here(state);
    struct store_lease *l = take(s, "gc"), *second = NULL;
    assert_class(store_lease_take(s, "gc", &second, &e), &e, ERR_BUSY);
    assert_null(second);
    e = ERR_INIT;
    assert_leases(s, "gc ");
    store_lease_drop(l);
    store_lease_drop(take(s, "gc"));
}

static void names_are_checked(void **state)
{
    struct store_lease *l = NULL;
    static const char *const bad[] = {"", "a/b", "..", "A", "a b"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_class(store_lease_take(here(state), bad[i], &l, &e), &e, ERR_USAGE);
    e = ERR_INIT;
}

/* In a process of its own: takes a lease, tells, and is killed when told. */
static pid_t holder(const char *path, const char *name, int *go_out)
{
    int told[2], go[2];
    char byte = 0;
    assert_int_equal(pipe(told), 0);
    assert_int_equal(pipe(go), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct store *s;
        struct store_lease *l;
        bool ok = store_dir_open(path, &s, &e) == 0 && store_lease_take(s, name, &l, &e) == 0;
        (void)!write(told[1], ok ? "+" : "-", 1);
        (void)close(go[1]);
        (void)!read(go[0], &byte, 1);
        _exit(9); /* nothing is dropped */
    }
    (void)close(go[0]);
    assert_int_equal(read(told[0], &byte, 1), 1);
    assert_int_equal(byte, '+');
    (void)close(told[0]);
    (void)close(told[1]);
    *go_out = go[1];
    return pid;
}

static void a_dead_holder_leaves_nothing(void **state)
{
    struct place *p = *state;
    struct store_lease *l = NULL;
    char file[2 * SCRATCH_PATH_MAX];
    int go;
    if (p->kind != PLACE_DIR)
        skip();
    pid_t pid = holder(below(p->path, "vault"), "session-1", &go);
    assert_leases(p->s, "session-1 ");
    assert_class(store_lease_take(p->s, "session-1", &l, &e), &e, ERR_BUSY);
    e = ERR_INIT;
    (void)close(go);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    (void)snprintf(file, sizeof file, "%s/vault/tmp/lease-session-1", p->path);
    assert_int_equal(access(file, F_OK), 0);
    assert_leases(p->s, "");
    assert_int_not_equal(access(file, F_OK), 0);
    /* And what a dead one left can be taken over without a list. */
    pid = holder(below(p->path, "vault"), "session-1", &go);
    (void)close(go);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    store_lease_drop(take(p->s, "session-1"));
}

static void a_lease_whose_file_was_taken_away_is_not_held(void **state)
{
    struct place *p = *state;
    char file[2 * SCRATCH_PATH_MAX];
    if (p->kind != PLACE_DIR)
        skip();
    struct store_lease *l = take(p->s, "session-1");
    (void)snprintf(file, sizeof file, "%s/vault/tmp/lease-session-1", p->path);
    assert_int_equal(unlink(file), 0);
    assert_false(store_lease_held(l));
    /* Whoever takes the name meanwhile keeps it when the first one goes. */
    struct store_lease *second = take(p->s, "session-1");
    assert_false(store_lease_held(l));
    store_lease_drop(l);
    assert_true(store_lease_held(second));
    store_lease_drop(second);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, place_open, place_close)

int main(void)
{
    int failed = 0;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct CMUnitTest tests[] = {
            TEST(a_lease_is_seen_until_it_is_dropped),
            TEST(a_name_has_one_holder),
            TEST(names_are_checked),
            TEST(a_dead_holder_leaves_nothing),
            TEST(a_lease_whose_file_was_taken_away_is_not_held),
        };
        for (size_t t = 0; t < sizeof tests / sizeof *tests; t++)
            tests[t].initial_state = &places[i];
        failed += _cmocka_run_group_tests(places[i].name, tests, sizeof tests / sizeof *tests, NULL,
                                          NULL);
    }
    return failed;
}
