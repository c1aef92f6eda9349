/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changing keys against a disk that loses power and a process that is killed,
 * at every system call: always the passphrase of before or that of after opens
 * the vault, and every snapshot restores bit for bit; and going on finishes the
 * change. Also what happens to sessions that did not hear of the change.
 *
 * ABRI_SEED=n replays a run.
 */
#include "world.h"

#include "base/clock.h"
#include "work/keys.h"
#include "work/work_internal.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BEFORE "correct horse"
#define AFTER  "battery staple"

static int ask_text(void *arg, char out[PASSPHRASE_MAX], struct err *e)
{
    (void)e;
    (void)snprintf(out, PASSPHRASE_MAX, "%s", (const char *)arg);
    return 0;
}

static int open_with(const char *vault, const char *passphrase, struct access *a, struct err *e)
{
    if (access_open(vault, NULL, a, e))
        return -1;
    if (access_as_reader(a, ask_text, (void *)(uintptr_t)passphrase, e) == 0)
        return 0;
    access_close(a);
    return -1;
}

/* Restores every snapshot; gives how many. */
static size_t restore_all(struct world *w, struct access *a)
{
    struct err e = ERR_INIT;
    struct snapshot_list list = {0};
    assert_ok(vault_snapshots(a->vault, &list, NULL, NULL, &e), &e);
    size_t count = list.count;
    snapshot_list_done(&list);
    for (size_t i = 0; i < count; i++) {
        uint64_t problems = 1;
        assert_ok(world_restore(w, a, i, &problems, &e), &e);
        assert_int_equal(problems, 0);
        assert_true(world_tree_is(w, w->out, 1) || world_tree_is(w, w->out, 2));
    }
    return count;
}

static size_t names_in(const char *vault, const char *dir)
{
    char path[1000];
    size_t count = 0;
    (void)snprintf(path, sizeof path, "%s/%s", vault, dir);
    DIR *d = opendir(path);
    for (struct dirent *n; d && (n = readdir(d));)
        count += n->d_name[0] != '.';
    if (d)
        (void)closedir(d);
    return count;
}

/* ---- the changes ------------------------------------------------------------------ */

static struct recovery_key *escrow; /* a recipient whose secret is elsewhere */

static const struct new_passphrase after = {.text = AFTER, .label = "after"};

static int run_add(struct access *a, struct err *e)
{
    char name[KEY_NAME_BYTES];
    return work_key_add(a, &after, name, e);
}

static int run_passwd(struct access *a, struct err *e)
{
    char name[KEY_NAME_BYTES];
    return work_key_passwd(a, &after, name, e);
}

static int rotate_to(struct access *a, const struct new_passphrase *p, struct err *e)
{
    char name[KEY_NAME_BYTES];
    uint64_t dropped;
    struct reseal_result r;
    if (work_key_rotate(a, p, NULL, NULL, name, &dropped, &r, e))
        return -1;
    return r.failed ? err_set(e, ERR_DAMAGED, "a session failed") : 0;
}

static int run_rotate(struct access *a, struct err *e)
{
    return rotate_to(a, &after, e);
}

static int run_rotate_same(struct access *a, struct err *e)
{
    return rotate_to(a, &(struct new_passphrase){.text = BEFORE}, e);
}

static int run_add_recipient(struct access *a, struct err *e)
{
    struct reseal_result r;
    return work_key_add_recipient(a, escrow->public_key, NULL, NULL, &r, e);
}

static int run_remove_recipient(struct access *a, struct err *e)
{
    struct key_listing l = {0};
    const struct key_entry *k;
    struct reseal_result r;
    bool recipient;
    char text[PUBLIC_KEY_TEXT_BYTES];
    public_key_format(escrow->public_key, text);
    int rc = work_key_list(a, NULL, &l, e);
    if (rc == 0)
        rc = key_listing_find(&l, text, &k, e);
    if (rc == 0)
        rc = work_key_remove(a, k, NULL, NULL, &recipient, &r, e);
    key_listing_done(&l);
    return rc;
}

struct change {
    const char *name;
    int (*run)(struct access *a, struct err *e);
    bool keeps_before;    /* the old passphrase still works at the end */
    bool escrow_at_start; /* it is a recipient before */
    bool escrow_at_end;
};

/* ---- one cut ------------------------------------------------------------------------ */

struct run {
    struct world world;
    struct store_record *record;
    uint64_t seed;
    const struct change *change;
};

static bool escrow_opens(struct run *r, const char *vault)
{
    struct access a;
    struct err e = ERR_INIT;
    assert_ok(access_open(vault, NULL, &a, &e), &e);
    bool opens = access_with_key(&a, escrow, &e) == 0;
    if (opens)
        assert_int_equal(restore_all(&r->world, &a), 2);
    access_close(&a);
    return opens;
}

/* What wraps a key that was replaced is gone. */
static void must_wrap_no_retired(struct access *a)
{
    struct key_listing l = {0};
    struct err e = ERR_INIT;
    assert_ok(work_key_list(a, NULL, &l, &e), &e);
    for (size_t i = 0; i < l.count; i++)
        for (uint32_t j = 0; j < a->retired->count; j++)
            assert_memory_not_equal(l.items[i].info.public_key, a->retired->keys[j].public_key, 32);
    key_listing_done(&l);
}

static void must_be_clean(struct access *a)
{
    struct check_options o = {.read_data = true, .subset = 1};
    struct check_result result = {0};
    struct err e = ERR_INIT;
    assert_ok(work_check(a, &o, &result, &e), &e);
    assert_int_equal(result.vault.damaged, 0);
}

/* Whoever can open the vault goes on, and the change is whole, old or new. */
static void go_on(struct run *r, const char *vault, const char *passphrase)
{
    struct access a;
    struct err e = ERR_INIT;
    struct reseal_result done = {0}, again = {0};
    assert_ok(open_with(vault, passphrase, &a, &e), &e);
    assert_ok(access_as_owner(&a, &e), &e);
    assert_ok(work_reseal(&a, NULL, NULL, &done, &e), &e);
    assert_int_equal(done.failed, 0);
    assert_ok(work_reseal(&a, NULL, NULL, &again, &e), &e);
    assert_int_equal(again.resealed + again.removed, 0);
    must_be_clean(&a);
    must_wrap_no_retired(&a);
    bool escrowed = false;
    for (uint32_t i = 0; i < a.recipients.count; i++)
        escrowed = escrowed || memcmp(a.recipients.public_keys[i], escrow->public_key, 32) == 0;
    access_close(&a);
    assert_int_equal(names_in(vault, "recipients"), 1);
    assert_int_equal(escrow_opens(r, vault), escrowed);
}

static void verify_cut(struct run *r, const char *vault, size_t k, const char *what,
                       size_t seen[3])
{
    unsigned open = 0;
    const char *passphrase = NULL;
    static const char *const both[] = {BEFORE, AFTER};
    struct err last = ERR_INIT;
    for (int i = 0; i < 2; i++) {
        struct access a;
        if (open_with(vault, both[i], &a, &last))
            continue;
        passphrase = both[i];
        open |= 1u << i;
        assert_int_equal(restore_all(&r->world, &a), 2);
        access_close(&a);
    }
    if (!open)
        fail_msg("%s, cut %zu, behind %s: nothing opens the vault: %s", r->change->name, k, what,
                 last.msg);
    seen[open - 1]++;
    go_on(r, vault, passphrase);
    if (open == 3 && !r->change->keeps_before && r->change->run == run_rotate)
        fail_msg("rotate, cut %zu: a retired key still opens", k);
}

static void cut_everywhere(struct run *r, enum record_cut cut)
{
    struct err e = ERR_INIT;
    char path[700], what[200] = "nothing";
    size_t ops = store_record_count(r->record), seen[3] = {0};
    (void)snprintf(path, sizeof path, "%s/cut", r->world.top);
    for (size_t k = 0; k <= ops; k++) {
        if (k)
            store_record_describe(r->record, k - 1, what, sizeof what);
        assert_ok(store_record_cut(r->record, k, cut, r->seed + k, path, &e), &e);
        verify_cut(r, path, k, what, seen);
        scratch_remove(path);
    }
    print_message("%s: %zu cuts: old %zu, new %zu, both %zu times\n", r->change->name, ops + 1,
                  seen[0], seen[1], seen[2]);
}

static void record_change(struct run *r)
{
    struct err e = ERR_INIT;
    struct access a;
    world_backup_once(&r->world, false);
    world_change(&r->world);
    world_backup_once(&r->world, false);
    if (r->change->escrow_at_start) {
        assert_ok(open_with(r->world.vault, BEFORE, &a, &e), &e);
        assert_ok(access_as_owner(&a, &e), &e);
        assert_ok(run_add_recipient(&a, &e), &e);
        access_close(&a);
    }
    world_open_recorded(&r->world, &r->record, &a);
    assert_ok(access_as_reader(&a, ask_text, (void *)(uintptr_t)BEFORE, &e), &e);
    assert_ok(access_as_owner(&a, &e), &e);
    assert_ok(r->change->run(&a, &e), &e);
    access_close(&a);
}

static void everywhere(const struct change *c)
{
    struct run r = {.change = c, .seed = world_seed()};
    assert_int_equal(sign_init(NULL), 0);
    escrow = recovery_key_new();
    recovery_key_generate(escrow);
    world_make(&r.world, true);
    record_change(&r);
    cut_everywhere(&r, RECORD_CUT_LOST);
    cut_everywhere(&r, RECORD_CUT_MIXED);
    cut_everywhere(&r, RECORD_CUT_KEPT);
    struct access a;
    struct err e = ERR_INIT;
    bool before = open_with(r.world.vault, BEFORE, &a, &e) == 0;
    if (before)
        access_close(&a);
    assert_int_equal(before, c->keeps_before);
    assert_int_equal(escrow_opens(&r, r.world.vault), c->escrow_at_end);
    store_record_free(r.record);
    world_remove(&r.world);
    recovery_key_free(escrow);
}

static void test_another_passphrase(void **state)
{
    (void)state;
    everywhere(&(struct change){.name = "add", .run = run_add, .keeps_before = true});
}

static void test_a_changed_passphrase(void **state)
{
    (void)state;
    everywhere(&(struct change){.name = "passwd", .run = run_passwd});
}

static void test_a_new_recovery_key(void **state)
{
    (void)state;
    everywhere(&(struct change){.name = "rotate", .run = run_rotate});
}

/* Old key and new are wrapped by one passphrase for a while: the right one counts. */
static void test_a_new_recovery_key_behind_the_same_passphrase(void **state)
{
    (void)state;
    everywhere(&(struct change){.name = "rotate, one passphrase", .run = run_rotate_same,
                                .keeps_before = true});
}

static void test_a_new_recovery_key_beside_another_recipient(void **state)
{
    (void)state;
    everywhere(&(struct change){.name = "rotate of two", .run = run_rotate, .escrow_at_start = true,
                                .escrow_at_end = true});
}

static void test_another_recipient(void **state)
{
    (void)state;
    everywhere(&(struct change){.name = "add recipient", .run = run_add_recipient, .keeps_before = true,
                                .escrow_at_end = true});
}

static void test_one_recipient_less(void **state)
{
    (void)state;
    everywhere(&(struct change){.name = "remove recipient", .run = run_remove_recipient, .keeps_before = true,
                                .escrow_at_start = true});
}

/* ---- sessions that did not hear of it ---------------------------------------------------- */

static void rotate(struct world *w, const char *passphrase)
{
    struct access a;
    struct err e = ERR_INIT;
    assert_ok(open_with(w->vault, passphrase, &a, &e), &e);
    assert_ok(access_as_owner(&a, &e), &e);
    assert_ok(run_rotate(&a, &e), &e);
    access_close(&a);
}

/* A backup read the list of recipients, then keys are rotated, then it begins. */
static void test_a_backup_that_knows_the_old_list(void **state)
{
    (void)state;
    struct world w;
    struct access writer, reader;
    struct err e = ERR_INIT;
    struct backup_result result;
    world_make(&w, true);
    const char *paths[] = {w.source};
    struct backup_options o = {.paths = paths, .path_count = 1, .level = 1, .threads = 2};
    assert_ok(access_open(w.vault, NULL, &writer, &e), &e);
    assert_ok(access_as_writer(&writer, &w.dirs, &e), &e);
    rotate(&w, BEFORE);
    assert_ok(work_backup(&writer, &w.dirs, &o, &result, &e), &e);
    access_close(&writer);
    assert_ok(open_with(w.vault, AFTER, &reader, &e), &e);
    assert_int_equal(restore_all(&w, &reader), 1);
    /* … without help of the key of before. */
    reader.retired->count = 0;
    assert_int_equal(restore_all(&w, &reader), 1);
    access_close(&reader);
    assert_ok(open_with(w.vault, AFTER, &reader, &e), &e);
    reader.retired->count = 0;
    assert_int_equal(restore_all(&w, &reader), 1);
    access_close(&reader);
    world_remove(&w);
}

/* A session that nobody sealed anew, twice over: what travels with the list
 * opens it all the same, and the next change seals it for today. */
static void test_a_session_that_turns_up_late(void **state)
{
    (void)state;
    struct world w;
    struct access a;
    struct err e = ERR_INIT;
    struct reseal_result r;
    char command[2000];
    world_make(&w, true);
    assert_ok(access_open(w.vault, NULL, &a, &e), &e);
    assert_ok(world_backup(&w, &a, false, &e), &e);
    access_close(&a);
    (void)snprintf(command, sizeof command, "cp -r '%s/sessions' '%s/kept'", w.vault, w.top);
    assert_int_equal(system(command), 0);
    rotate(&w, BEFORE);
    rotate(&w, AFTER);
    (void)snprintf(command, sizeof command,
                   "cd '%s' && rm -r resealed sessions && cp -r ../kept sessions", w.vault);
    assert_int_equal(system(command), 0);
    assert_ok(open_with(w.vault, AFTER, &a, &e), &e);
    assert_int_equal(a.retired->count, 2);
    assert_int_equal(restore_all(&w, &a), 1);
    assert_ok(access_as_owner(&a, &e), &e);
    assert_ok(work_reseal(&a, NULL, NULL, &r, &e), &e);
    assert_int_equal(r.resealed, 1);
    assert_int_equal(r.removed, 1);
    assert_int_equal(names_in(w.vault, "sessions"), 0);
    access_close(&a);
    assert_ok(open_with(w.vault, AFTER, &a, &e), &e);
    a.retired->count = 0;
    assert_int_equal(restore_all(&w, &a), 1);
    must_be_clean(&a);
    access_close(&a);
    world_remove(&w);
}

static void test_the_last_passphrase_cannot_be_removed(void **state)
{
    (void)state;
    struct world w;
    struct access a;
    struct err e = ERR_INIT;
    struct key_listing l = {0};
    struct reseal_result r;
    bool recipient;
    world_make(&w, true);
    escrow = recovery_key_new();
    recovery_key_generate(escrow);
    assert_ok(open_with(w.vault, BEFORE, &a, &e), &e);
    assert_ok(access_as_owner(&a, &e), &e);
    assert_ok(run_add_recipient(&a, &e), &e);
    assert_int_equal(run_add_recipient(&a, &e), -1);
    assert_int_equal(e.cls, ERR_EXISTS);
    assert_ok(work_key_list(&a, BEFORE, &l, &e), &e);
    assert_int_equal(l.count, 2);
    assert_true(l.items[0].opened && l.items[0].current);
    assert_int_equal(work_key_remove(&a, &l.items[0], NULL, NULL, &recipient, &r, &e), -1);
    assert_int_equal(e.cls, ERR_USAGE);
    key_listing_done(&l);
    access_close(&a);
    recovery_key_free(escrow);
    world_remove(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_another_passphrase),
        cmocka_unit_test(test_a_changed_passphrase),
        cmocka_unit_test(test_a_new_recovery_key),
        cmocka_unit_test(test_a_new_recovery_key_behind_the_same_passphrase),
        cmocka_unit_test(test_a_new_recovery_key_beside_another_recipient),
        cmocka_unit_test(test_another_recipient),
        cmocka_unit_test(test_one_recipient_less),
        cmocka_unit_test(test_a_backup_that_knows_the_old_list),
        cmocka_unit_test(test_a_session_that_turns_up_late),
        cmocka_unit_test(test_the_last_passphrase_cannot_be_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
