/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory whose system calls fail, are cut short or are not there: what is
 * reported, and that nothing half-done gets a name.
 */
#include "place.h"

#include "base/mem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum call { CREATE = 1, PWRITE, FDATASYNC, SYNC_DIR, RENAME, LINK, UNLINK, MKDIR, CALLS };

/* What to do to calls. Zero: nothing. */
struct plan {
    int fail_errno[CALLS]; /* every call of the kind fails so */
    size_t pwrite_max;     /* at most so many bytes at once */
    unsigned interrupt;    /* so many writes are interrupted first */
    bool link_lies;        /* the link is made, and then reported as EEXIST */
    unsigned made[CALLS];  /* calls of the kind */
};

static bool fails(struct plan *p, enum call c)
{
    p->made[c]++;
    errno = p->fail_errno[c];
    return p->fail_errno[c] != 0;
}

static int f_create(void *arg, const struct store_dir_at *at)
{
    return fails(arg, CREATE) ? -1 : store_dir_system.create(NULL, at);
}

static ssize_t f_pwrite(void *arg, int fd, const char *path, const void *p, size_t len, off_t off)
{
    struct plan *plan = arg;
    if (plan->interrupt > 0) {
        plan->interrupt--;
        errno = EINTR;
        return -1;
    }
    if (fails(plan, PWRITE))
        return -1;
    if (plan->pwrite_max && len > plan->pwrite_max)
        len = plan->pwrite_max;
    return store_dir_system.pwrite(NULL, fd, path, p, len, off);
}

static int f_fdatasync(void *arg, int fd, const char *path)
{
    return fails(arg, FDATASYNC) ? -1 : store_dir_system.fdatasync(NULL, fd, path);
}

static int f_sync_dir(void *arg, int fd, const char *path)
{
    return fails(arg, SYNC_DIR) ? -1 : store_dir_system.sync_dir(NULL, fd, path);
}

static int f_rename(void *arg, const struct store_dir_at *from, const struct store_dir_at *to)
{
    return fails(arg, RENAME) ? -1 : store_dir_system.rename_new(NULL, from, to);
}

static int f_rename_over(void *arg, const struct store_dir_at *from, const struct store_dir_at *to)
{
    return fails(arg, RENAME) ? -1 : store_dir_system.rename(NULL, from, to);
}

static int f_link(void *arg, const struct store_dir_at *from, const struct store_dir_at *to)
{
    struct plan *plan = arg;
    if (fails(plan, LINK))
        return -1;
    int rc = store_dir_system.link(NULL, from, to);
    if (rc == 0 && plan->link_lies) {
        errno = EEXIST;
        return -1;
    }
    return rc;
}

static int f_unlink(void *arg, const struct store_dir_at *at)
{
    return fails(arg, UNLINK) ? -1 : store_dir_system.unlink(NULL, at);
}

static int f_mkdir(void *arg, const struct store_dir_at *at)
{
    return fails(arg, MKDIR) ? -1 : store_dir_system.mkdir(NULL, at);
}

static const struct store_dir_ops faulty_ops = {
    .create = f_create,
    .pwrite = f_pwrite,
    .fdatasync = f_fdatasync,
    .sync_dir = f_sync_dir,
    .rename_new = f_rename,
    .rename = f_rename_over,
    .link = f_link,
    .unlink = f_unlink,
    .mkdir = f_mkdir,
};

struct faulty {
    char path[SCRATCH_PATH_MAX];
    struct plan plan;
    struct store *s;
};

static int faulty_open(void **state)
{
    static struct faulty f;
    struct err e = ERR_INIT;
    f = (struct faulty){0};
    scratch_make(f.path);
    *state = &f;
    return store_dir_open_with(below(f.path, "vault"), true, &faulty_ops, &f.plan, &f.s, &e);
}

static int faulty_close(void **state)
{
    struct faulty *f = *state;
    store_close(f->s);
    scratch_remove(f->path);
    return 0;
}

static int try_put(struct faulty *f, const char *name, struct err *e)
{
    return store_put(f->s, name, "content", 7, e);
}

/* ---- tests -------------------------------------------------------------------------- */

static void short_and_interrupted_writes_are_carried_on(void **state)
{
    struct faulty *f = *state;
    f->plan.pwrite_max = 2;
    f->plan.interrupt = 3;
    put(f->s, "a", "a text of odd length, in pieces");
    assert_text(f->s, "a", "a text of odd length, in pieces");
}

/* The class that each failure of each call on the way has. */
static void every_failure_is_reported_and_names_nothing(void **state)
{
    static const struct {
        enum call call;
        int fail_errno;
        enum err_class cls;
    } cases[] = {
        {CREATE, ENOSPC, ERR_NO_SPACE}, {CREATE, EROFS, ERR_READ_ONLY},
        {CREATE, EMFILE, ERR_IO},       {PWRITE, ENOSPC, ERR_NO_SPACE},
        {PWRITE, EDQUOT, ERR_NO_SPACE}, {PWRITE, EIO, ERR_IO},
        {FDATASYNC, EIO, ERR_IO},       {FDATASYNC, ENOSPC, ERR_NO_SPACE},
        {MKDIR, ENOSPC, ERR_NO_SPACE},  {MKDIR, EACCES, ERR_READ_ONLY},
        {RENAME, ENOSPC, ERR_NO_SPACE}, {RENAME, EIO, ERR_IO},
        {RENAME, EEXIST, ERR_EXISTS},   {RENAME, EXDEV, ERR_IO},
    };
    struct faulty *f = *state;
    put(f->s, "kept", "x"); /* makes tmp */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err e = ERR_INIT;
        f->plan = (struct plan){0};
        f->plan.fail_errno[cases[i].call] = cases[i].fail_errno;
        assert_class(try_put(f, "packs/3f/x", &e), &e, cases[i].cls);
        assert_non_null(strstr(e.msg, f->path));
        assert_names(f->s, "", "kept");
    }
    f->plan = (struct plan){0};
    assert_int_equal(rmdir(below(f->path, "vault/tmp")), 0); /* so it was empty */
    struct err e = ERR_INIT;
    assert_ok(try_put(f, "packs/3f/x", &e), &e);
}

static void a_failed_write_is_final(void **state)
{
    struct faulty *f = *state;
    struct err e = ERR_INIT;
    struct store_writer *w;
    assert_ok(store_create(f->s, &w, &e), &e);
    f->plan.fail_errno[PWRITE] = EIO;
    assert_class(store_write(w, 0, "x", 1, &e), &e, ERR_IO);
    f->plan.fail_errno[PWRITE] = 0;
    assert_ok(store_write(w, 1, "y", 1, &e), &e);
    assert_class(store_writer_commit(w, "a", &e), &e, ERR_IO);
    assert_names(f->s, "", "");
}

static void a_failed_sync_is_never_tried_again(void **state)
{
    struct faulty *f = *state;
    struct err e = ERR_INIT;
    f->plan.fail_errno[FDATASYNC] = EIO;
    assert_class(try_put(f, "a", &e), &e, ERR_IO);
    assert_int_equal(f->plan.made[FDATASYNC], 1);
    assert_int_equal(f->plan.made[RENAME], 0);
    f->plan.fail_errno[SYNC_DIR] = EIO;
    assert_class(store_sync(f->s, "", &e), &e, ERR_IO);
}

static void link_stands_in_for_rename(void **state)
{
    struct faulty *f = *state;
    struct err e = ERR_INIT;
    f->plan.fail_errno[RENAME] = EINVAL;
    assert_ok(try_put(f, "a/b", &e), &e);
    assert_text(f->s, "a/b", "content");
    assert_class(try_put(f, "a/b", &e), &e, ERR_EXISTS);
    assert_int_equal(f->plan.made[RENAME], 1); /* and is not asked again */
    assert_int_equal(rmdir(below(f->path, "vault/tmp")), 0);
}

static void a_lost_answer_to_a_link_is_no_collision(void **state)
{
    struct faulty *f = *state;
    struct err e = ERR_INIT;
    f->plan.fail_errno[RENAME] = EINVAL;
    f->plan.link_lies = true;
    assert_ok(try_put(f, "a", &e), &e);
    assert_class(try_put(f, "a", &e), &e, ERR_EXISTS);
    assert_text(f->s, "a", "content");
}

static void a_file_system_that_can_do_neither_is_named(void **state)
{
    struct faulty *f = *state;
    struct err e = ERR_INIT;
    f->plan.fail_errno[RENAME] = EINVAL;
    f->plan.fail_errno[LINK] = EPERM;
    assert_class(try_put(f, "a", &e), &e, ERR_IO);
    assert_non_null(strstr(e.msg, "file system"));
    assert_names(f->s, "", "");
}

static void a_temporary_that_stays_does_no_harm(void **state)
{
    struct faulty *f = *state;
    struct err e = ERR_INIT;
    struct store *s;
    f->plan.fail_errno[UNLINK] = EIO;
    f->plan.fail_errno[RENAME] = EINVAL;
    assert_ok(try_put(f, "a", &e), &e);
    assert_class(try_put(f, "a", &e), &e, ERR_EXISTS);
    assert_class(store_remove(f->s, "a", &e), &e, ERR_IO);
    f->plan = (struct plan){0};
    assert_ok(store_dir_open(below(f->path, "vault"), &s, &e), &e);
    store_close(s);
    assert_int_equal(rmdir(below(f->path, "vault/tmp")), 0);
    assert_text(f->s, "a", "content"); /* its other name went, not the object */
}

static void opening_needs_no_success_in_cleaning(void **state)
{
    struct faulty *f = *state;
    struct err e = ERR_INIT;
    struct store *s;
    struct store_writer *w;
    f->plan.fail_errno[UNLINK] = EIO;
    assert_ok(store_create(f->s, &w, &e), &e);
    store_writer_abort(w); /* leaves the temporary behind */
    f->plan.fail_errno[UNLINK] = EROFS;
    assert_ok(store_dir_open_with(below(f->path, "vault"), false, &faulty_ops, &f->plan, &s, &e),
              &e);
    store_close(s);
    assert_int_equal(rmdir(below(f->path, "vault/tmp")), -1);
}

static void creation_syncs_the_name_of_the_vault(void **state)
{
    struct faulty *f = *state;
    assert_int_equal(f->plan.made[SYNC_DIR], 1);
    struct err e = ERR_INIT;
    struct store *s = NULL;
    f->plan.fail_errno[SYNC_DIR] = EIO;
    assert_class(store_dir_open_with(below(f->path, "other"), true, &faulty_ops, &f->plan, &s, &e),
                 &e, ERR_IO);
    assert_null(s);
}

static void syncing_covers_every_directory_up_to_the_top(void **state)
{
    struct faulty *f = *state;
    put(f->s, "a/b/c/d", "x");
    f->plan = (struct plan){0};
    sync_dir(f->s, "a/b/c");
    assert_int_equal(f->plan.made[SYNC_DIR], 4);
    sync_dir(f->s, "");
    assert_int_equal(f->plan.made[SYNC_DIR], 5);
}

#define FAULTY(test) cmocka_unit_test_setup_teardown(test, faulty_open, faulty_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAULTY(short_and_interrupted_writes_are_carried_on),
        FAULTY(every_failure_is_reported_and_names_nothing),
        FAULTY(a_failed_write_is_final),
        FAULTY(a_failed_sync_is_never_tried_again),
        FAULTY(link_stands_in_for_rename),
        FAULTY(a_lost_answer_to_a_link_is_no_collision),
        FAULTY(a_file_system_that_can_do_neither_is_named),
        FAULTY(a_temporary_that_stays_does_no_harm),
        FAULTY(opening_needs_no_success_in_cleaning),
        FAULTY(creation_syncs_the_name_of_the_vault),
        FAULTY(syncing_covers_every_directory_up_to_the_top),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
