/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What only a directory has: modes, temporaries of other processes, things that
 * someone else put there, a disk that cannot be written.
 */
#include "place.h"

#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct place *place(void **state)
{
    return *state;
}

static struct store *reopen(void **state)
{
    struct err e = ERR_INIT;
    struct store *s;
    const struct store_dir_ops *ops =
        place(state)->kind == PLACE_DIR_OLD ? &place_old_ops : &store_dir_system;
    assert_ok(store_dir_open_with(below(place(state)->path, "vault"), false, ops, NULL, &s, &e),
              &e);
    return s;
}

static void plant(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    (void)close(fd);
}

static unsigned count_entries(const char *path)
{
    unsigned n = 0;
    DIR *d = opendir(path);
    assert_non_null(d);
    const struct dirent *entry;
    while ((entry = readdir(d)))
        n += entry->d_name[0] != '.';
    (void)closedir(d);
    return n;
}

static mode_t mode_of(const char *path)
{
    struct stat st;
    assert_int_equal(lstat(path, &st), 0);
    return st.st_mode & 07777;
}

/* ---- opening ---------------------------------------------------------------------- */

static void opening_tells_missing_and_taken_places(void **state)
{
    struct err e = ERR_INIT;
    struct store *s = NULL;
    const char *base = place(state)->path;
    assert_class(store_dir_open(below(base, "nowhere"), &s, &e), &e, ERR_NOT_FOUND);
    assert_class(store_dir_create(below(base, "no/where"), NULL, &s, &e), &e, ERR_NOT_FOUND);
    plant(below(base, "file"), "x");
    assert_class(store_dir_open(below(base, "file"), &s, &e), &e, ERR_NOT_FOUND);
    put(place(state)->s, "vault", "x");
    assert_class(store_dir_create(below(base, "vault"), NULL, &s, &e), &e, ERR_EXISTS);
    assert_null(s);
    assert_string_equal(store_location(place(state)->s), below(base, "vault"));
}

static void an_empty_directory_is_accepted(void **state)
{
    struct err e = ERR_INIT;
    struct store *s;
    char path[SCRATCH_PATH_MAX + 16];
    (void)snprintf(path, sizeof path, "%s/disk", place(state)->path);
    assert_int_equal(mkdir(path, 0750), 0);
    assert_int_equal(mkdir(below(path, "lost+found"), 0700), 0);
    assert_int_equal(mkdir(below(path, "tmp"), 0700), 0);
    plant(below(path, "tmp/abri-99999-1-0.part"), "left by a creation that died");
    assert_ok(store_dir_create(path, NULL, &s, &e), &e);
    put(s, "a", "x");
    assert_names(s, "", "a");
    store_close(s);
    assert_int_equal(mode_of(path), 0750);
}

static void only_the_owner_can_read(void **state)
{
    put(place(state)->s, "packs/3f/x", "x");
    const char *base = place(state)->path;
    assert_int_equal(mode_of(below(base, "vault")), 0700);
    assert_int_equal(mode_of(below(base, "vault/packs")), 0700);
    assert_int_equal(mode_of(below(base, "vault/packs/3f")), 0700);
    assert_int_equal(mode_of(below(base, "vault/packs/3f/x")), 0600);
    assert_int_equal(mode_of(below(base, "vault/tmp")), 0700);
}

static void another_process_sees_what_was_committed(void **state)
{
    put(place(state)->s, "a/b", "x");
    struct store *s = reopen(state);
    assert_text(s, "a/b", "x");
    assert_names(s, "", "a/b");
    store_close(s);
}

/* Permissions do not stop root, so root becomes nobody for the while. */
static void a_directory_that_cannot_be_written_can_be_read(void **state)
{
    struct err e = ERR_INIT;
    const char *base = place(state)->path;
    put(place(state)->s, "a/b", "kept");
    assert_int_equal(chmod(below(base, "vault/a/b"), 0444), 0);
    assert_int_equal(chmod(below(base, "vault/a"), 0555), 0);
    assert_int_equal(chmod(below(base, "vault/tmp"), 0555), 0);
    assert_int_equal(chmod(below(base, "vault"), 0555), 0);
    assert_int_equal(chmod(base, 0555), 0);
    bool root = geteuid() == 0;
    if (root)
        assert_int_equal(seteuid(65534), 0);
    if (faccessat(AT_FDCWD, base, R_OK | X_OK, AT_EACCESS)) {
        assert_int_equal(seteuid(0), 0);
        skip(); /* $TMPDIR itself is closed to nobody */
    }
    struct store *s = reopen(state);
    struct store_writer *w = NULL;
    int created = store_create(s, &w, &e);
    struct err on_remove = ERR_INIT;
    int removed = store_remove(s, "a/b", &on_remove);
    CLEANUP_FREE char *names = list_names(s, "");
    assert_text(s, "a/b", "kept");
    store_close(s);
    if (root)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod(base, 0755), 0);
    assert_class(created, &e, ERR_READ_ONLY);
    assert_non_null(strstr(e.msg, base));
    assert_null(w);
    assert_class(removed, &on_remove, ERR_READ_ONLY);
    assert_string_equal(names, "a/b");
}

/* ---- temporaries -------------------------------------------------------------------- */

/* A process that has begun an object and dies, or (if `alive`) waits. Returns
 * its id once the temporary is there; write a byte to *wake_out to end it. */
static pid_t begin_elsewhere(void **state, int *wake_out)
{
    int ready[2], wake[2];
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    assert_int_equal(pipe2(wake, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)close(wake[1]); /* so that the end of the parent ends the child */
        struct err e = ERR_INIT;
        struct store *s = reopen(state);
        struct store_writer *w;
        char c = 'r';
        bool good = store_create(s, &w, &e) == 0 && store_write(w, 0, "half", 4, &e) == 0 &&
                    write(ready[1], &c, 1) == 1 && read(wake[0], &c, 1) == 1 &&
                    store_writer_commit(w, "from/child", &e) == 0;
        _exit(good ? 0 : 1);
    }
    char c;
    assert_int_equal(read(ready[0], &c, 1), 1);
    (void)close(ready[0]);
    (void)close(ready[1]);
    (void)close(wake[0]);
    *wake_out = wake[1];
    return pid;
}

static void temporaries_of_live_processes_stay(void **state)
{
    int wake, status;
    pid_t pid = begin_elsewhere(state, &wake);
    struct err e = ERR_INIT;
    struct store_writer *own;
    assert_ok(store_create(place(state)->s, &own, &e), &e);
    assert_int_equal(count_entries(below(place(state)->path, "vault/tmp")), 2);
    store_close(reopen(state));
    assert_int_equal(count_entries(below(place(state)->path, "vault/tmp")), 2);
    assert_int_equal(write(wake, "w", 1), 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    (void)close(wake);
    assert_int_equal(status, 0);
    assert_text(place(state)->s, "from/child", "half");
    assert_ok(store_writer_commit(own, "own", &e), &e);
    assert_int_equal(count_entries(below(place(state)->path, "vault/tmp")), 0);
}

static void temporaries_of_dead_processes_go(void **state)
{
    int wake, status;
    pid_t pid = begin_elsewhere(state, &wake);
    assert_int_equal(count_entries(below(place(state)->path, "vault/tmp")), 1);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    (void)close(wake);
    assert_int_equal(count_entries(below(place(state)->path, "vault/tmp")), 1);
    assert_names(place(state)->s, "", "");
    store_close(reopen(state));
    assert_int_equal(count_entries(below(place(state)->path, "vault/tmp")), 0);
}

/* The number of a process says nothing: here it is that of a live one. */
static void a_dead_temporary_with_a_live_number_goes(void **state)
{
    char name[64];
    put(place(state)->s, "a", "x"); /* makes tmp */
    (void)snprintf(name, sizeof name, "vault/tmp/abri-%ld-1f-0.part", (long)getpid());
    plant(below(place(state)->path, name), "dead");
    store_close(reopen(state));
    assert_int_equal(count_entries(below(place(state)->path, "vault/tmp")), 0);
}

static void files_of_others_in_tmp_stay(void **state)
{
    static const char *const foreign[] = {
        "vault/tmp/letter.txt",      "vault/tmp/abri",
        "vault/tmp/abri-1-2.part",   "vault/tmp/abri-1-2-3.part.bak",
        "vault/tmp/abri-x-2-3.part", "vault/tmp/abri-1-2-3",
    };
    const size_t count = sizeof foreign / sizeof *foreign;
    put(place(state)->s, "a", "x");
    for (size_t i = 0; i < count; i++)
        plant(below(place(state)->path, foreign[i]), "precious");
    assert_int_equal(symlink("letter.txt", below(place(state)->path, "vault/tmp/abri-1-2-3.part")),
                     0);
    store_close(reopen(state));
    assert_int_equal(count_entries(below(place(state)->path, "vault/tmp")), count + 1);
    assert_names(place(state)->s, "", "a");
}

#define OPENED_OBJECTS 400

struct opener {
    void **state;
    atomic_bool stop;
    unsigned opened;
};

static void *open_again_and_again(void *arg)
{
    struct opener *o = arg;
    while (!atomic_load(&o->stop)) {
        store_close(reopen(o->state));
        o->opened++;
    }
    return NULL;
}

static void openers_never_disturb_those_who_write(void **state)
{
    struct opener o = {.state = state};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, open_again_and_again, &o), 0);
    int failed = 0;
    struct err e = ERR_INIT;
    for (int i = 0; i < OPENED_OBJECTS && !failed; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "n/%d", i);
        failed = store_put(place(state)->s, name, "x", 1, &e);
    }
    atomic_store(&o.stop, true); /* before anything is asserted: the thread must end */
    (void)pthread_join(thread, NULL);
    assert_ok(failed, &e);
    assert_int_equal(count_entries(below(place(state)->path, "vault/n")), OPENED_OBJECTS);
    assert_int_equal(count_entries(below(place(state)->path, "vault/tmp")), 0);
}

static void tmp_may_be_deleted_at_any_time(void **state)
{
    put(place(state)->s, "a", "x");
    assert_int_equal(rmdir(below(place(state)->path, "vault/tmp")), 0);
    put(place(state)->s, "b", "y");
    assert_names(place(state)->s, "", "a b");
}

/* ---- what others put there --------------------------------------------------------------- */

static void no_link_is_followed(void **state)
{
    struct err e = ERR_INIT;
    struct store *s = place(state)->s;
    struct store_reader *r = NULL;
    char outside[SCRATCH_PATH_MAX + 16];
    (void)snprintf(outside, sizeof outside, "%s/outside", place(state)->path);
    assert_int_equal(mkdir(outside, 0700), 0);
    plant(below(outside, "secret"), "secret");
    put(s, "packs/real/x", "x");
    const char *base = place(state)->path;
    assert_int_equal(symlink(outside, below(base, "vault/keys")), 0);
    assert_int_equal(symlink("../../outside", below(base, "vault/packs/3f")), 0);
    assert_int_equal(symlink("../outside/secret", below(base, "vault/stolen")), 0);
    assert_int_equal(symlink("real", below(base, "vault/packs/near")), 0);

    const char *const reached[] = {"keys/secret", "packs/3f/secret", "stolen", "packs/near/x"};
    for (size_t i = 0; i < sizeof reached / sizeof *reached; i++)
        assert_class(store_open(s, reached[i], &r, &e), &e, ERR_DAMAGED);
    assert_non_null(strstr(e.msg, "symbolic link"));
    assert_class(store_put(s, "keys/new", "n", 1, &e), &e, ERR_DAMAGED);
    assert_class(store_put(s, "packs/3f/new", "n", 1, &e), &e, ERR_DAMAGED);
    assert_class(store_remove(s, "keys/secret", &e), &e, ERR_DAMAGED);
    assert_class(store_sync(s, "keys", &e), &e, ERR_DAMAGED);
    assert_class(store_list(s, "packs/3f", NULL, NULL, &e), &e, ERR_DAMAGED);
    assert_names(s, "", "packs/real/x");
    assert_int_equal(count_entries(outside), 1);
}

static void a_link_in_the_place_of_tmp_is_not_followed(void **state)
{
    struct err e = ERR_INIT;
    char outside[SCRATCH_PATH_MAX + 16];
    (void)snprintf(outside, sizeof outside, "%s/outside", place(state)->path);
    assert_int_equal(mkdir(outside, 0700), 0);
    plant(below(outside, "abri-1-2-3.part"), "looks dead, is elsewhere");
    assert_int_equal(symlink(outside, below(place(state)->path, "vault/tmp")), 0);
    struct store *s = reopen(state);
    struct store_writer *w;
    assert_class(store_create(s, &w, &e), &e, ERR_DAMAGED);
    store_close(s);
    assert_int_equal(count_entries(outside), 1);
}

static void what_is_no_file_is_damage_and_does_not_block(void **state)
{
    struct err e = ERR_INIT;
    struct store_reader *r = NULL;
    assert_int_equal(mkfifo(below(place(state)->path, "vault/pipe"), 0600), 0);
    assert_class(store_open(place(state)->s, "pipe", &r, &e), &e, ERR_DAMAGED);
    assert_names(place(state)->s, "", "");
    assert_class(store_put(place(state)->s, "pipe", "x", 1, &e), &e, ERR_EXISTS);
    assert_class(store_put(place(state)->s, "pipe/x", "x", 1, &e), &e, ERR_DAMAGED);
}

static void foreign_files_are_not_listed(void **state)
{
    put(place(state)->s, "packs/a", "x");
    const char *base = place(state)->path;
    assert_int_equal(mkdir(below(base, "vault/lost+found"), 0700), 0);
    plant(below(base, "vault/lost+found/x"), "x");
    plant(below(base, "vault/.nfs0001"), "x");
    plant(below(base, "vault/packs/README.TXT"), "x");
    plant(below(base, "vault/packs/A"), "x");
    assert_int_equal(mkdir(below(base, "vault/1"), 0700), 0);
    assert_int_equal(mkdir(below(base, "vault/1/2"), 0700), 0);
    assert_int_equal(mkdir(below(base, "vault/1/2/3"), 0700), 0);
    assert_int_equal(mkdir(below(base, "vault/1/2/3/4"), 0700), 0);
    plant(below(base, "vault/1/2/3/4/too-deep"), "x");
    assert_names(place(state)->s, "", "packs/a");
}

static void an_object_cut_short_while_open_is_damage(void **state)
{
    struct err e = ERR_INIT;
    struct store_reader *r;
    put(place(state)->s, "a", "0123456789");
    assert_ok(store_open(place(state)->s, "a", &r, &e), &e);
    assert_int_equal(truncate(below(place(state)->path, "vault/a"), 6), 0);
    char got[10];
    assert_ok(store_read(r, 0, got, 6, &e), &e);
    assert_class(store_read(r, 0, got, 10, &e), &e, ERR_DAMAGED);
    assert_class(store_read(r, 8, got, 2, &e), &e, ERR_DAMAGED);
    store_reader_close(r);
}

/* ---- both ways down ------------------------------------------------------------------------- */

#define EVERY_TEST(run)                                                                            \
    run(opening_tells_missing_and_taken_places), run(an_empty_directory_is_accepted),              \
        run(only_the_owner_can_read), run(another_process_sees_what_was_committed),                \
        run(a_directory_that_cannot_be_written_can_be_read),                                       \
        run(temporaries_of_live_processes_stay), run(temporaries_of_dead_processes_go),            \
        run(a_dead_temporary_with_a_live_number_goes), run(files_of_others_in_tmp_stay),           \
        run(openers_never_disturb_those_who_write), run(tmp_may_be_deleted_at_any_time),           \
        run(no_link_is_followed), run(a_link_in_the_place_of_tmp_is_not_followed),                 \
        run(what_is_no_file_is_damage_and_does_not_block), run(foreign_files_are_not_listed),      \
        run(an_object_cut_short_while_open_is_damage)

static struct place places[] = {
    {.name = "directory", .kind = PLACE_DIR},
    {.name = "directory on an old kernel", .kind = PLACE_DIR_OLD},
};

#define AS_TEST(test)                                                                              \
    {                                                                                              \
#test, test, place_open, place_close, NULL                                                 \
    }

int main(void)
{
    int failed = 0;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct CMUnitTest tests[] = {EVERY_TEST(AS_TEST)};
        for (size_t t = 0; t < sizeof tests / sizeof *tests; t++)
            tests[t].initial_state = &places[i];
        failed += _cmocka_run_group_tests(places[i].name, tests, sizeof tests / sizeof *tests, NULL,
                                          NULL);
    }
    return failed;
}
