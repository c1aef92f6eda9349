/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue as a thing: order, transactions, errors, threads, what callers may do. What events do is in catalog_replay.c. */
#include "catalog_story.h"
#include "scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[SCRATCH_PATH_MAX], path[SCRATCH_PATH_MAX + 16];
static int setup(void **state)
{
    (void)state;
    scratch_make(dir);
    (void)snprintf(path, sizeof path, "%s/catalog", dir);
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    scratch_remove(dir);
    return 0;
}

static void expect(int rc, const struct err *e, enum err_class cls)
{
    assert_int_equal(rc, -1);
    assert_int_equal(e->cls, cls);
}

static void entries_come_in_their_order_and_once(void **state)
{
    struct err e = ERR_INIT;
    struct catalog *c = story_catalog(":memory:", 3);
    (void)state;
    expect(story_apply(c, 2, &e), &e, ERR_USAGE);
    expect(story_apply(c, 4, &e), &e, ERR_USAGE);
    story_assert(c, 3);
    assert_return_code(story_apply(c, 3, &e), 0);
    story_assert(c, 4);
    catalog_close(c);
    catalog_close(NULL);
}

static void an_event_that_could_not_be_written_is_not_applied(void **state)
{
    struct err e = ERR_INIT;
    uint8_t root[MERKLE_BYTES] = {0};
    struct catalog *c = story_catalog(":memory:", 3);
    struct event events[STORY_EVENTS];
    (void)state;
    story(events);
    events[3].name = "a\nb";
    expect(catalog_apply(c, 3, &events[3], root, NULL, &e), &e, ERR_USAGE);
    events[3].name = NULL;
    expect(catalog_apply(c, 3, &events[3], root, NULL, &e), &e, ERR_USAGE);
    events[10].bytes = UINT64_MAX;
    expect(catalog_apply(c, 3, &events[10], root, NULL, &e), &e, ERR_USAGE);
    expect(catalog_apply(c, 3, &(struct event){.kind = EVENT_KIND_COUNT, .time_ns = 1}, root, NULL, &e), &e,
           ERR_USAGE);
    story_assert(c, 3);
    catalog_close(c);
}

static void what_a_newer_server_wrote_moves_the_position_alone(void **state)
{
    struct err e = ERR_INIT;
    uint8_t root[MERKLE_BYTES];
    bool took = true;
    struct catalog *c = story_catalog(":memory:", 9);
    CLEANUP(buf_done) struct buf before = {0}, after = {0};
    struct event newer = {.kind = EVENT_UNSET, .time_ns = 99};
    uint64_t size;
    (void)state;
    world_id(PEOPLE, 0, newer.by);
    memset(root, 9, sizeof root);
    catalog_answers(c, 50, &before);
    assert_return_code(catalog_apply(c, 9, &newer, root, &took, &e), 0);
    assert_false(took);
    catalog_answers(c, 50, &after);
    assert_int_equal(before.len, after.len);
    assert_memory_equal(before.data, after.data, after.len);
    assert_return_code(catalog_position(c, &size, root, &e), 0);
    assert_int_equal(size, 10);
    catalog_close(c);
}

/* ---- months ------------------------------------------------------------------------------- */

#define DAY_NS      (INT64_C(86400) * 1000000000)
#define NEW_YEAR_NS (INT64_C(1767225600) * 1000000000) /* 2026-01-01 */
#define JANUARY     (12 * 2026)

static void hold(struct catalog *c, uint64_t index, int64_t day, uint64_t stored)
{
    struct event ev = {.kind = EVENT_USAGE, .time_ns = NEW_YEAR_NS + day * DAY_NS, .stored = stored, .count = 2};
    uint8_t root[MERKLE_BYTES];
    bool took = false;
    world_id(TENANT, 1, ev.tenant);
    world_id(VAULT, 1, ev.vault);
    memset(root, (int)index, sizeof root);
    assert_return_code(catalog_apply(c, index, &ev, root, &took, NULL), 0);
    assert_true(took);
}

static void expect_month(const struct catalog_month *m, int32_t month, uint64_t stored, uint64_t peak)
{
    assert_int_equal(m->month, month);
    assert_int_equal(m->stored, stored);
    assert_int_equal(m->peak, peak);
}

static void months_go_on_with_what_the_ones_before_held(void **state)
{
    struct catalog_month m[CATALOG_MONTHS_MAX];
    struct catalog *c = story_catalog(":memory:", 12);
    struct err e = ERR_INIT;
    uint8_t tenant[16];
    size_t count = 0;
    (void)state;
    world_id(TENANT, 1, tenant);
    hold(c, 12, 0, 100);
    hold(c, 13, 10, 900);
    hold(c, 14, 30, 500);  /* the last day of January */
    hold(c, 15, 31, 400);  /* the first of February, which began with 500 */
    hold(c, 16, 95, 1000); /* April; nothing happened in March */
    assert_return_code(catalog_months(c, tenant, JANUARY - 1, JANUARY + 4, m, &count, &e), 0);
    assert_int_equal(count, 6);
    expect_month(&m[0], JANUARY - 1, 0, 0);
    expect_month(&m[1], JANUARY, 500, 900);
    expect_month(&m[2], JANUARY + 1, 400, 500);
    expect_month(&m[3], JANUARY + 2, 400, 400);
    expect_month(&m[4], JANUARY + 3, 1000, 1000);
    expect_month(&m[5], JANUARY + 4, 1000, 1000);
    assert_return_code(catalog_months(c, tenant, JANUARY + 2, JANUARY + 2, m, &count, &e), 0);
    assert_int_equal(count, 1);
    expect_month(&m[0], JANUARY + 2, 400, 400);
    expect(catalog_months(c, tenant, JANUARY + 1, JANUARY, m, &count, &e), &e, ERR_LIMIT);
    expect(catalog_months(c, tenant, 1, 2 + CATALOG_MONTHS_MAX, m, &count, &e), &e, ERR_LIMIT);
    expect(catalog_months(c, tenant, INT32_MIN, INT32_MAX, m, &count, &e), &e, ERR_LIMIT);
    memset(tenant, 0xee, sizeof tenant);
    assert_return_code(catalog_months(c, tenant, JANUARY, JANUARY, m, &count, &e), 0);
    expect_month(&m[0], JANUARY, 0, 0);
    catalog_close(c);
}

static void a_transaction_counts_when_it_is_committed(void **state)
{
    struct err e = ERR_INIT;
    struct catalog *c = story_catalog(path, 2);
    struct event events[STORY_EVENTS];
    uint8_t root[MERKLE_BYTES];
    (void)state;
    story(events);
    expect(catalog_commit(c, root, &e), &e, ERR_USAGE);
    expect(catalog_apply(c, 2, &events[2], NULL, NULL, &e), &e, ERR_USAGE); /* which root? */
    catalog_rollback(c);
    assert_return_code(catalog_begin(c, &e), 0);
    expect(catalog_begin(c, &e), &e, ERR_USAGE);
    for (size_t i = 2; i < 5; i++)
        assert_return_code(catalog_apply(c, i, &events[i], NULL, NULL, &e), 0);
    catalog_rollback(c);
    story_assert(c, 2);
    assert_return_code(catalog_begin(c, &e), 0);
    for (size_t i = 2; i < 5; i++)
        assert_return_code(catalog_apply(c, i, &events[i], NULL, NULL, &e), 0);
    catalog_close(c); /* not committed */
    c = story_catalog(path, 0);
    story_assert(c, 2);
    assert_return_code(catalog_begin(c, &e), 0);
    for (size_t i = 2; i < 5; i++)
        assert_return_code(catalog_apply(c, i, &events[i], NULL, NULL, &e), 0);
    memset(root, 5, sizeof root);
    assert_return_code(catalog_commit(c, root, &e), 0);
    story_assert(c, 5);
    catalog_close(c);
}

static void its_files_are_for_its_user_alone(void **state)
{
    struct stat st;
    char wal[SCRATCH_PATH_MAX + 32];
    struct catalog *c = story_catalog(path, 2);
    (void)state;
    (void)snprintf(wal, sizeof wal, "%s-wal", path);
    assert_return_code(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_return_code(stat(wal, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    catalog_close(c);
}

/* The other one keeps it until it hears something. */
static void one_process_at_a_time_has_it(void **state)
{
    int ready[2], go[2];
    struct catalog *c = NULL;
    struct err e = ERR_INIT;
    bool fresh;
    char byte = 0;
    (void)state;
    assert_return_code(pipe(ready), 0);
    assert_return_code(pipe(go), 0);
    pid_t child = fork();
    if (child == 0) {
        c = story_catalog(path, 4);
        (void)!write(ready[1], &byte, 1);
        (void)close(go[1]);
        (void)!read(go[0], &byte, 1);
        catalog_close(c);
        _exit(0);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    expect(catalog_open(path, "origin", &c, &fresh, &e), &e, ERR_BUSY);
    (void)close(go[0]);
    (void)close(go[1]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    (void)close(ready[0]);
    (void)close(ready[1]);
    c = story_catalog(path, 0); /* and it was left alone */
    story_assert(c, 4);
    catalog_close(c);
}

struct meddling {
    struct catalog *c;
    size_t calls;
};
static int meddle(void *arg, const struct catalog_identity *item, struct err *e)
{
    struct meddling *m = arg;
    struct catalog_identity again;
    if (catalog_identity(m->c, item->id, &again, e))
        return -1;
    assert_string_equal(again.name, item->name);
    if (m->calls++ == 0)
        return story_apply(m->c, 16, e); /* revokes the second while the list is under way */
    assert_int_equal(item->revoked_ns, 26);
    return 5;
}

static void who_is_called_by_a_list_may_ask_and_apply(void **state)
{
    struct meddling m = {story_catalog(":memory:", 16), 0};
    struct err e = ERR_INIT;
    (void)state;
    assert_int_equal(catalog_list_identity(m.c, NULL, meddle, &m, &e), 5);
    assert_int_equal(m.calls, 2);
    catalog_close(m.c);
}

static void outputs_stay_as_they_were_when_there_is_nothing(void **state)
{
    struct catalog *c = story_catalog(":memory:", 2);
    struct catalog_request r, was;
    struct catalog_vault v, empty;
    struct err e = ERR_INIT;
    uint8_t id[16];
    (void)state;
    memset(&r, 7, sizeof r);
    was = r;
    memset(&v, 7, sizeof v);
    empty = v;
    memset(id, 0x77, sizeof id);
    expect(catalog_request(c, id, &r, &e), &e, ERR_NOT_FOUND);
    assert_memory_equal(&r, &was, sizeof r);
    expect(catalog_vault(c, id, &v, &e), &e, ERR_NOT_FOUND);
    assert_memory_equal(&v, &empty, sizeof v);
    catalog_close(c);
}

static void a_long_text_of_a_grant_is_cut_between_characters(void **state)
{
    struct catalog *c = story_catalog(":memory:", 10);
    struct event ev = {.kind = EVENT_GRANT_CREATE, .time_ns = 20, .until_ns = 90};
    char text[EVENT_TEXT_MAX + 1];
    uint8_t root[MERKLE_BYTES] = {0};
    struct catalog_grant g;
    bool took = false;
    (void)state;
    for (size_t i = 0; i < EVENT_TEXT_MAX; i += 2)
        memcpy(text + i, "\xc3\xa9", 2);
    text[EVENT_TEXT_MAX] = '\0';
    ev.text = text;
    world_id(GRANT, 1, ev.grant);
    world_id(VAULT, 1, ev.vault);
    world_id(PEOPLE, 0, ev.id);
    assert_return_code(catalog_apply(c, 10, &ev, root, &took, NULL), 0);
    assert_true(took);
    assert_return_code(catalog_grant(c, ev.vault, ev.id, 89, &g, NULL), 0);
    assert_int_equal(strlen(g.text), EVENT_NAME_MAX - 1);
    assert_int_equal(catalog_grant(c, ev.vault, ev.id, 90, &g, NULL), -1); /* it is over then */
    catalog_close(c);
}

/* ---- threads ------------------------------------------------------------------------------------ */

struct readers {
    struct catalog *c;
    atomic_bool stop;
};

static int count_one(void *arg, const struct catalog_identity *item, struct err *e)
{
    (void)item;
    (void)e;
    ++*(unsigned *)arg;
    return 0;
}

static void *read_all(void *arg)
{
    struct readers *r = arg;
    uint8_t machine[16], vault[16];
    unsigned installation, tenant;
    world_id(PEOPLE, 1, machine);
    world_id(VAULT, 1, vault);
    while (!atomic_load(&r->stop)) {
        struct catalog_vault v;
        struct err e = ERR_INIT;
        unsigned count = 0;
        if (catalog_vault(r->c, vault, &v, &e) == 0)
            assert_int_equal(v.bytes, v.snapshots * 1000);
        else
            assert_int_equal(e.cls, ERR_NOT_FOUND);
        assert_return_code(catalog_roles(r->c, machine, vault, &installation, &tenant, &e), 0);
        assert_return_code(catalog_list_identity(r->c, NULL, count_one, &count, &e), 0);
        assert_true(count <= 2);
    }
    return NULL;
}

static void many_threads_may_ask_while_one_applies(void **state)
{
    struct readers r = {.c = story_catalog(":memory:", 0)};
    pthread_t threads[4];
    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_all, &r), 0);
    for (size_t i = 0; i < STORY_EVENTS; i++)
        assert_return_code(story_apply(r.c, i, NULL), 0);
    atomic_store(&r.stop, true);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    story_assert(r.c, STORY_EVENTS);
    catalog_close(r.c);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(months_go_on_with_what_the_ones_before_held),
        TEST(entries_come_in_their_order_and_once),
        TEST(an_event_that_could_not_be_written_is_not_applied),
        TEST(what_a_newer_server_wrote_moves_the_position_alone),
        TEST(a_transaction_counts_when_it_is_committed),
        TEST(its_files_are_for_its_user_alone),
        TEST(one_process_at_a_time_has_it),
        TEST(who_is_called_by_a_list_may_ask_and_apply),
        TEST(outputs_stay_as_they_were_when_there_is_nothing),
        TEST(a_long_text_of_a_grant_is_cut_between_characters),
        TEST(many_threads_may_ask_while_one_applies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
