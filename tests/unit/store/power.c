/* SPDX-License-Identifier: Apache-2.0 */
/* What a power cut leaves of a memory store: exactly what store.h promises. */
#include "place.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SEEDS 200

static struct store *here(void **state)
{
    return ((struct place *)*state)->s;
}

static struct store *cut(struct store *s, uint64_t seed, enum store_cut kind)
{
    struct err e = ERR_INIT;
    struct store *left;
    assert_ok(store_mem_power_cut(s, seed, kind, &left, &e), &e);
    return left;
}

static void assert_left(struct store *s, enum store_cut kind, const char *names)
{
    struct store *left = cut(s, 1, kind);
    assert_names(left, "", names);
    store_close(left);
}

static void take_away(struct store *s, const char *name)
{
    struct err e = ERR_INIT;
    assert_ok(store_remove(s, name, &e), &e);
}

static void a_name_lasts_once_its_directory_is_synced(void **state)
{
    struct store *s = here(state);
    put(s, "a", "1");
    put(s, "packs/3f/x", "2");
    assert_left(s, STORE_CUT_LOST, "");
    assert_left(s, STORE_CUT_KEPT, "a packs/3f/x");
    sync_dir(s, "packs/3f");
    assert_left(s, STORE_CUT_LOST, "packs/3f/x");
    sync_dir(s, "");
    assert_left(s, STORE_CUT_LOST, "a packs/3f/x");
    put(s, "packs/3f/y", "3");
    assert_left(s, STORE_CUT_LOST, "a packs/3f/x");
    assert_names(s, "", "a packs/3f/x packs/3f/y");
}

static void syncing_a_parent_does_not_cover_what_is_below(void **state)
{
    struct store *s = here(state);
    put(s, "packs/3f/x", "1");
    sync_dir(s, "packs");
    assert_left(s, STORE_CUT_LOST, "");
    sync_dir(s, "packs/3f");
    put(s, "packs/y", "2");
    sync_dir(s, "packs/3f"); /* leads through packs, but y is another name in it */
    assert_left(s, STORE_CUT_LOST, "packs/3f/x");
}

/* A directory that was lost and synced only in its parent must come back. */
static void syncing_a_directory_keeps_the_directories_made_in_it(void **state)
{
    struct store *s = here(state);
    put(s, "packs/3f/x", "1");
    sync_dir(s, "packs");
    struct store *left = cut(s, 1, STORE_CUT_LOST);
    sync_dir(left, "packs/3f"); /* ERR_NOT_FOUND if it were lost */
    store_close(left);
}

static void a_replacement_is_old_or_new_until_it_is_synced(void **state)
{
    struct store *s = here(state);
    struct err e = ERR_INIT;
    struct store_writer *w;
    put(s, "a", "1");
    sync_dir(s, "");
    assert_ok(store_create(s, &w, &e), &e);
    assert_ok(store_write(w, 0, "2", 1, &e), &e);
    assert_ok(store_writer_replace(w, "a", &e), &e);
    struct store *left = cut(s, 1, STORE_CUT_LOST);
    assert_text(left, "a", "1");
    store_close(left);
    left = cut(s, 1, STORE_CUT_KEPT);
    assert_text(left, "a", "2");
    store_close(left);
    sync_dir(s, "");
    left = cut(s, 1, STORE_CUT_LOST);
    assert_text(left, "a", "2");
    store_close(left);
}

static void a_removal_lasts_once_it_is_synced(void **state)
{
    struct store *s = here(state);
    put(s, "a", "1");
    sync_dir(s, "");
    take_away(s, "a");
    assert_left(s, STORE_CUT_KEPT, "");
    assert_left(s, STORE_CUT_LOST, "a");
    struct store *left = cut(s, 1, STORE_CUT_LOST);
    assert_text(left, "a", "1");
    store_close(left);
    put(s, "a", "another");
    left = cut(s, 1, STORE_CUT_LOST);
    assert_text(left, "a", "1");
    store_close(left);
    sync_dir(s, "");
    left = cut(s, 1, STORE_CUT_LOST);
    assert_text(left, "a", "another");
    store_close(left);
}

static void temporaries_never_survive(void **state)
{
    struct err e = ERR_INIT;
    struct store_writer *w;
    assert_ok(store_create(here(state), &w, &e), &e);
    assert_ok(store_write(w, 0, "x", 1, &e), &e);
    assert_left(here(state), STORE_CUT_KEPT, "");
    assert_ok(store_writer_commit(w, "a", &e), &e);
    assert_left(here(state), STORE_CUT_KEPT, "a");
}

/* Every subset of what is unsynced must come up, and nothing else. */
static void a_mixed_cut_takes_any_part_of_what_is_unsynced(void **state)
{
    struct store *s = here(state);
    put(s, "kept", "1");
    put(s, "gone", "1");
    sync_dir(s, "");
    take_away(s, "gone");
    put(s, "new", "1");
    unsigned seen = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct store *left = cut(s, seed, STORE_CUT_MIXED);
        CLEANUP_FREE char *names = list_names(left, "");
        unsigned gone = strstr(names, "gone") != NULL;
        unsigned new = strstr(names, "new") != NULL;
        assert_non_null(strstr(names, "kept"));
        assert_text(left, "kept", "1");
        if (new)
            assert_text(left, "new", "1");
        seen |= 1u << (2 * gone + new);
        store_close(left);
    }
    assert_int_equal(seen, 0xf);
}

static void a_lost_directory_takes_what_is_below_with_it(void **state)
{
    struct store *s = here(state);
    put(s, "a/b/1", "1");
    put(s, "a/b/2", "2");
    unsigned all = 0, none = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct store *left = cut(s, seed, STORE_CUT_MIXED);
        CLEANUP_FREE char *names = list_names(left, "");
        all += strcmp(names, "a/b/1 a/b/2") == 0;
        none += names[0] == '\0';
        store_close(left);
    }
    assert_true(all > 0 && none > SEEDS / 2);
}

static void a_cut_is_the_same_for_the_same_seed(void **state)
{
    struct store *s = here(state);
    for (unsigned i = 0; i < 40; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "d%u/n%u", i % 4, i);
        put(s, name, name);
    }
    bool differs = false;
    CLEANUP_FREE char *before = mem_strdup("");
    for (uint64_t seed = 1; seed < 10; seed++) {
        struct store *one = cut(s, seed, STORE_CUT_MIXED);
        struct store *two = cut(s, seed, STORE_CUT_MIXED);
        char *names = list_names(one, "");
        assert_names(two, "", names);
        differs = differs || strcmp(names, before) != 0;
        mem_free(before);
        before = names;
        store_close(one);
        store_close(two);
    }
    assert_true(differs);
}

static void what_was_cut_is_a_store_like_any_other(void **state)
{
    put(here(state), "a/b", "1");
    sync_dir(here(state), "a");
    struct store *left = cut(here(state), 1, STORE_CUT_LOST);
    struct err e = ERR_INIT;
    assert_class(store_put(left, "a/b", "2", 1, &e), &e, ERR_EXISTS);
    put(left, "a/c", "2");
    sync_dir(left, "a");
    assert_left(left, STORE_CUT_LOST, "a/b a/c");
    assert_missing(here(state), "a/c");
    store_close(left);
}

static void a_lying_disk_damages_only_what_was_unsynced(void **state)
{
    struct store *s = here(state);
    put(s, "safe", "synced, name and all");
    sync_dir(s, "");
    put(s, "risky", "named but never synced");
    unsigned damaged = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct store *left = cut(s, seed, STORE_CUT_LIED);
        struct err e = ERR_INIT;
        struct store_reader *r;
        assert_text(left, "safe", "synced, name and all");
        if (store_open(left, "risky", &r, &e) == 0) {
            damaged += store_reader_len(r) < 22 || store_reader_map(r)[21] == '\0';
            store_reader_close(r);
        }
        store_close(left);
    }
    assert_true(damaged > SEEDS / 4);
}

static void only_memory_can_be_cut(void **state)
{
    struct err e = ERR_INIT;
    struct store *layer, *left = NULL;
    assert_ok(store_fault_open(here(state), &layer, &e), &e);
    assert_class(store_mem_power_cut(layer, 1, STORE_CUT_LOST, &left, &e), &e, ERR_USAGE);
    store_close(layer);
}

static struct place memory = {.name = "memory", .kind = PLACE_MEM};

#define IN_MEMORY(test)                                                                            \
    {                                                                                              \
#test, test, place_open, place_close, &memory                                              \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_MEMORY(a_name_lasts_once_its_directory_is_synced),
        IN_MEMORY(syncing_a_parent_does_not_cover_what_is_below),
        IN_MEMORY(syncing_a_directory_keeps_the_directories_made_in_it),
        IN_MEMORY(a_replacement_is_old_or_new_until_it_is_synced),
        IN_MEMORY(a_removal_lasts_once_it_is_synced),
        IN_MEMORY(temporaries_never_survive),
        IN_MEMORY(a_mixed_cut_takes_any_part_of_what_is_unsynced),
        IN_MEMORY(a_lost_directory_takes_what_is_below_with_it),
        IN_MEMORY(a_cut_is_the_same_for_the_same_seed),
        IN_MEMORY(what_was_cut_is_a_store_like_any_other),
        IN_MEMORY(a_lying_disk_damages_only_what_was_unsynced),
        IN_MEMORY(only_memory_can_be_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
