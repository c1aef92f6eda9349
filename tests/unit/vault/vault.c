/* SPDX-License-Identifier: Apache-2.0 */
/* Making and opening vaults; the small objects in them. */
#include "world.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static void vaults_open_as_they_were_made(void **state)
{
    (void)state;
    struct world w;
    for (int shared = 0; shared < 2; shared++) {
        world_open(&w, shared ? WORLD_DIR : WORLD_MEM, shared);
        struct vault_info before = *vault_get_info(w.v);
        world_reopen(&w);
        assert_memory_equal(&before, vault_get_info(w.v), sizeof before);
        assert_int_equal(before.shared, shared);
        assert_int_equal(before.chunking.fixed, 4096);
        assert_ptr_equal(vault_store(w.v), w.store);
        struct vault_info again = {0};
        assert_err(vault_create(w.store, &again, &w.owner, NULL, NULL, e), ERR_EXISTS);
        assert_true(bytes_are_zero(&again, sizeof again));
        world_close(&w);
    }
}

static void a_store_without_a_vault_says_so(void **state)
{
    (void)state;
    struct store *s;
    struct vault *v = NULL;
    struct err why = ERR_INIT;
    assert_ok(store_mem_open(&s, e));
    assert_int_equal(vault_open(s, &v, &why), -1);
    assert_int_equal(why.cls, ERR_NO_VAULT);
    assert_string_equal(why.msg, "no vault at 'memory': make one with `abri init`");
    assert_ok(store_put(s, "vault", "abri.VLT\2\0\0\0", 12, e));
    assert_err(vault_open(s, &v, e), ERR_NEWER);
    object_replace(s, "vault", "abri.VLT\1\0\0\0", 12);
    assert_err(vault_open(s, &v, e), ERR_DAMAGED);
    assert_null(v);
    store_close(s);
}

/* O1: a creation that died anywhere can be done again, or is complete. */
static void creation_may_be_cut_short_anywhere(void **state)
{
    (void)state;
    struct sign_key owner;
    assert_ok(sign_init(e));
    sign_key_new(&owner);
    bool crashed = true;
    for (uint64_t crash_at = 1; crashed; crash_at++) {
        struct store *below, *layer, *after;
        struct vault *v;
        struct vault_info info = {0};
        assert_ok(store_mem_open(&below, e));
        assert_ok(store_fault_open(below, &layer, e));
        struct store_fault_plan plan = {.crash_at = crash_at};
        store_fault_plan(layer, &plan);
        int rc = vault_create(layer, &info, &owner, NULL, NULL, NULL);
        crashed = store_fault_crashed(layer);
        store_close(layer);
        for (uint64_t seed = 0; seed < 20; seed++) {
            struct sign_key keeper;
            assert_ok(store_mem_power_cut(below, seed, STORE_CUT_MIXED, &after, e));
            if (vault_open(after, &v, NULL)) {
                assert_true(rc != 0);
                assert_ok(vault_create(after, &info, &owner, NULL, NULL, e));
                assert_ok(vault_open(after, &v, e));
            }
            assert_ok(keeper_load(v, &keeper, e));
            vault_close(v);
            store_close(after);
        }
        store_close(below);
    }
}

struct collected {
    char text[256];
};

static int collect(void *arg, const char *name, struct err *e)
{
    struct collected *c = arg;
    (void)e;
    strncat(c->text, name, 4);
    strcat(c->text, " ");
    return 0;
}

static int stop(void *arg, const char *name, struct err *e)
{
    (void)name;
    ++*(int *)arg;
    return err_set(e, ERR_CANCELLED, "enough");
}

static void small_objects_are_kept_by_name(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, WORLD_DIR, false);
    CLEANUP(buf_done) struct buf b = {0};
    assert_ok(vault_put(w.v, VAULT_RECIPIENTS, "0000000000000002", "two", 3, e));
    assert_ok(vault_put(w.v, VAULT_RECIPIENTS, "0000000000000001", "one", 3, e));
    assert_ok(vault_put(w.v, VAULT_RECIPIENTS, "00000000000000ff", "", 0, e));
    assert_err(vault_put(w.v, VAULT_RECIPIENTS, "0000000000000001", "x", 1, e), ERR_EXISTS);
    assert_ok(vault_get(w.v, VAULT_RECIPIENTS, "0000000000000001", &b, e));
    assert_ok(vault_get(w.v, VAULT_RECIPIENTS, "0000000000000002", &b, e));
    assert_ok(vault_get(w.v, VAULT_RECIPIENTS, "00000000000000ff", &b, e));
    assert_int_equal(b.len, 6);
    assert_memory_equal(b.data, "onetwo", 6);
    assert_err(vault_get(w.v, VAULT_RECIPIENTS, "0000000000000003", &b, e), ERR_NOT_FOUND);
    assert_err(vault_get(w.v, VAULT_KEY, "0000000000000001", &b, e), ERR_USAGE);
    assert_err(vault_put(w.v, VAULT_RECIPIENTS, "../../x", "", 0, e), ERR_USAGE);
    assert_err(vault_put(w.v, VAULT_RECIPIENTS, "000000000000000G", "", 0, e), ERR_USAGE);
    struct collected c = {0};
    assert_ok(vault_list(w.v, VAULT_RECIPIENTS, collect, &c, e));
    assert_int_equal(strlen(c.text), 15);
    int calls = 0;
    assert_err(vault_list(w.v, VAULT_RECIPIENTS, stop, &calls, e), ERR_CANCELLED);
    assert_int_equal(calls, 1);
    uint8_t *big = mem_zalloc(VAULT_OBJECT_MAX + 1);
    char name[33] = "00000000000000000000000000000001";
    assert_err(vault_put(w.v, VAULT_KEY, name, big, VAULT_OBJECT_MAX + 1, e), ERR_LIMIT);
    assert_ok(vault_put(w.v, VAULT_KEY, name, big, VAULT_OBJECT_MAX, e));
    assert_ok(
        store_put(w.store, "keys/00000000000000000000000000000002", big, VAULT_OBJECT_MAX + 1, e));
    name[31] = '2';
    assert_err(vault_get(w.v, VAULT_KEY, name, &b, e), ERR_LIMIT);
    mem_free(big);
    world_close(&w);
}

/* vault.h: durable, name and all, when it returns. */
static void small_objects_survive_a_power_cut(void **state)
{
    (void)state;
    struct world w;
    struct store *after;
    CLEANUP(buf_done) struct buf b = {0};
    world_open(&w, WORLD_MEM, false);
    assert_ok(vault_put(w.v, VAULT_KEY, "000000000000000000000000000000aa", "key", 3, e));
    assert_ok(store_mem_power_cut(w.store, 1, STORE_CUT_LOST, &after, e));
    world_move(&w, after);
    assert_ok(vault_get(w.v, VAULT_KEY, "000000000000000000000000000000aa", &b, e));
    assert_int_equal(b.len, 3);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vaults_open_as_they_were_made),
        cmocka_unit_test(a_store_without_a_vault_says_so),
        cmocka_unit_test(creation_may_be_cut_short_anywhere),
        cmocka_unit_test(small_objects_are_kept_by_name),
        cmocka_unit_test(small_objects_survive_a_power_cut),
    };
    return cmocka_run_group_tests_name("vault/vault", tests, NULL, NULL);
}
