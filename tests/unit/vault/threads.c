/* SPDX-License-Identifier: Apache-2.0 */
/* Everything at once: readers, adders whose table overflows, refreshes, and an
 * index that rots and vanishes meanwhile. Meant for the thread sanitizer. */
#include "world.h"

#include "base/mem.h"
#include "vault/session_internal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define OLD     400u  /* chunks that are there from the beginning */
#define NEW     2500u /* chunks that are added meanwhile */
#define READERS 2
#define ADDERS  3

struct scene {
    struct world w;
    struct session *s;
    atomic_bool over;
    atomic_uint lost, failed, added, has;
};

static void *read_often(void *arg)
{
    struct scene *c = arg;
    uint64_t random = (uint64_t)(uintptr_t)&random;
    unsigned reads = 0;
    while (!atomic_load(&c->over) || reads < 500) {
        atomic_fetch_add(&c->lost, !chunk_reads(c->w.v, next_random(&random) % OLD));
        reads++;
    }
    return NULL;
}

static void *add_often(void *arg)
{
    struct scene *c = arg;
    struct err e = ERR_INIT;
    for (uint64_t n = OLD / 2; n < OLD + NEW; n++) {
        int rc = chunk_put(c->s, n, n % 5 ? FRAME_DATA : FRAME_META, &e);
        atomic_fetch_add(&c->failed, rc < 0);
        atomic_fetch_add(&c->added, rc > 0);
    }
    return NULL;
}

/* Flips a byte in, or removes, what is in index/ now. */
static void spoil_index(struct world *w, uint64_t *random)
{
    size_t count, len;
    object_names *names = names_below(w->store, "index", &count);
    for (size_t i = 0; i < count; i++) {
        CLEANUP(buf_done) struct buf b = {0};
        /* Others merge and remove meanwhile: whatever is gone is gone. */
        if (object_read(w->store, names[i], 64 << 20, &b, NULL) ||
            store_remove(w->store, names[i], NULL))
            continue;
        len = b.len;
        b.data[next_random(random) % len] ^= 1;
        if (next_random(random) % 2)
            (void)!store_put(w->store, names[i], b.data, len, NULL);
    }
    mem_free(names);
}

static void readers_adders_and_rot_go_together(void **state)
{
    struct scene c = {0};
    pthread_t readers[READERS], adders[ADDERS];
    uint64_t random = 7;
    world_open(&c.w, *(enum world_kind *)*state, false);
    backup(&c.w, 0, 0, OLD);
    c.s = session_start(&c.w, 0, 8192);
    c.s->table_max = 200;
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_often, &c), 0);
    for (int i = 0; i < ADDERS; i++)
        assert_int_equal(pthread_create(&adders[i], NULL, add_often, &c), 0);
    for (int i = 0; i < 30; i++) {
        spoil_index(&c.w, &random);
        assert_ok(vault_refresh(c.w.v, NULL, NULL, e));
    }
    for (int i = 0; i < ADDERS; i++)
        assert_int_equal(pthread_join(adders[i], NULL), 0);
    atomic_store(&c.over, true);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_join(readers[i], NULL), 0);
    assert_int_equal(c.lost, 0);
    assert_int_equal(c.failed, 0);
    assert_int_equal(c.added, NEW); /* C1, although entries moved all the time */
    assert_true(atomic_load(&c.s->spills) > 2);
    commit(&c.w, c.s, 0);
    session_end(c.s);
    struct snapshot_list list;
    struct err why = ERR_INIT;
    assert_ok(vault_snapshots(c.w.v, &list, NULL, NULL, e));
    assert_int_equal(snapshot_verify(c.w.v, &list.items[1], &why), NEW + OLD / 2);
    snapshot_list_done(&list);
    world_reopen(&c.w);
    for (uint64_t n = 0; n < OLD + NEW; n++)
        assert_true(chunk_reads(c.w.v, n));
    world_close(&c.w);
}

int main(void)
{
    static enum world_kind mem = WORLD_MEM, dir = WORLD_DIR;
    const struct CMUnitTest tests[] = {
        {"readers_adders_and_rot_go_together (memory)", readers_adders_and_rot_go_together, NULL,
         NULL, &mem},
        {"readers_adders_and_rot_go_together (directory)", readers_adders_and_rot_go_together, NULL,
         NULL, &dir},
    };
    return cmocka_run_group_tests_name("vault/threads", tests, NULL, NULL);
}
