/* SPDX-License-Identifier: Apache-2.0 */
/* Recovery keys open with their passphrase and with nothing else. */
#include "fixture.h"

#include "base/mem.h"

static const char passphrase[] = "a passphrase of this test alone";
static const struct key_wrapping cheap = {{.passes = 1, .memory_kib = 8}, "a label", 77};

static void wrap(const struct recovery_key *k, struct buf *out)
{
    struct err e = ERR_INIT;
    if (recovery_wrap(k, fixture_vault, passphrase, strlen(passphrase), &cheap, out, &e))
        fail_msg("%s", e.msg);
}

static int unwrap(void *arg, const void *p, size_t len, struct err *e)
{
    return recovery_unwrap(p, len, fixture_vault, passphrase, strlen(passphrase), arg, e);
}

static void opens_with_its_passphrase(void **state)
{
    (void)state;
    struct recovery_key *k = recovery_key_new(), *back = recovery_key_new();
    recovery_key_generate(k);
    struct buf b = {0};
    wrap(k, &b);
    assert_int_equal(unwrap(back, b.data, b.len, NULL), 0);
    assert_memory_equal(back, k, sizeof *k);
    buf_done(&b);
    recovery_key_free(k);
    recovery_key_free(back);
}

static void wrong_passphrases_are_told_from_damage(void **state)
{
    (void)state;
    struct recovery_key *k = fixture_recovery(), *back = recovery_key_new();
    struct buf b = {0};
    wrap(k, &b);
    static const char *const wrong[] = {"", "a passphrase of this test alon",
                                        "a passphrase of this test alone ",
                                        "A passphrase of this test alone"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct err e = ERR_INIT;
        assert_int_equal(
            recovery_unwrap(b.data, b.len, fixture_vault, wrong[i], strlen(wrong[i]), back, &e),
            -1);
        assert_int_equal(e.cls, ERR_PASSPHRASE);
        assert_true(bytes_are_zero(back, sizeof *back));
    }
    buf_done(&b);
    recovery_key_free(k);
    recovery_key_free(back);
}

static void every_changed_byte_is_refused(void **state)
{
    (void)state;
    struct recovery_key *k = fixture_recovery(), *back = recovery_key_new();
    struct buf b = {0};
    wrap(k, &b);
    fixture_refuses_changes(&b, ERR_DAMAGED, unwrap, back);
    assert_true(bytes_are_zero(back, sizeof *back));
    buf_done(&b);
    recovery_key_free(k);
    recovery_key_free(back);
}

/* Whoever can write to the vault can also correct the hash. */
static void changes_under_a_corrected_hash_are_refused(void **state)
{
    (void)state;
    struct recovery_key *k = fixture_recovery(), *back = recovery_key_new();
    struct buf b = {0};
    wrap(k, &b);
    size_t hashed = b.len - HASH_BYTES;
    for (size_t i = 12; i < hashed; i++) {
        /* The cost is not turned up: the test would measure the machine. */
        if (i >= 29 && i < 37)
            continue;
        struct err e = ERR_INIT;
        b.data[i] ^= 0x20;
        hash_bytes(b.data, hashed, b.data + hashed);
        assert_int_equal(unwrap(back, b.data, b.len, &e), -1);
        assert_true(e.cls == ERR_PASSPHRASE || e.cls == ERR_DAMAGED);
        if (i == 28) /* another way to derive the key: no passphrase can be right */
            assert_int_equal(e.cls, ERR_DAMAGED);
        b.data[i] ^= 0x20;
    }
    assert_true(bytes_are_zero(back, sizeof *back));
    buf_done(&b);
    recovery_key_free(k);
    recovery_key_free(back);
}

static void absurd_costs_are_refused_before_memory_is_taken(void **state)
{
    (void)state;
    struct recovery_key *k = fixture_recovery(), *back = recovery_key_new();
    static const struct kdf_cost absurd[] = {
        {0, 8}, {65, 8}, {1, 7}, {1, 4194305}, {UINT32_MAX, UINT32_MAX}};
    struct buf b = {0};
    for (size_t i = 0; i < sizeof absurd / sizeof *absurd; i++) {
        struct err e = ERR_INIT;
        assert_int_equal(recovery_wrap(k, fixture_vault, "x", 1, &(struct key_wrapping){absurd[i], "", 0}, &b, &e), -1);
        assert_int_equal(e.cls, ERR_USAGE);
        buf_reset(&b);
        wrap(k, &b);
        put_u32(b.data + 29, absurd[i].passes);
        put_u32(b.data + 33, absurd[i].memory_kib);
        hash_bytes(b.data, b.len - HASH_BYTES, b.data + b.len - HASH_BYTES);
        assert_int_equal(unwrap(back, b.data, b.len, &e), -1);
        assert_int_equal(e.cls, ERR_DAMAGED);
        buf_reset(&b);
    }
    buf_done(&b);
    recovery_key_free(k);
    recovery_key_free(back);
}

static void keys_of_another_vault_are_refused(void **state)
{
    (void)state;
    struct recovery_key *k = fixture_recovery(), *back = recovery_key_new();
    struct buf b = {0};
    struct err e = ERR_INIT;
    static const uint8_t other[SEAL_UID_BYTES] = {1};
    wrap(k, &b);
    assert_int_equal(
        recovery_unwrap(b.data, b.len, other, passphrase, strlen(passphrase), back, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    buf_done(&b);
    recovery_key_free(k);
    recovery_key_free(back);
}

static void the_same_key_is_never_wrapped_alike(void **state)
{
    (void)state;
    struct recovery_key *k = fixture_recovery();
    struct buf a = {0}, b = {0};
    wrap(k, &a);
    wrap(k, &b);
    assert_int_equal(a.len, b.len);
    assert_memory_not_equal(a.data, b.data, a.len);
    buf_done(&a);
    buf_done(&b);
    recovery_key_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_with_its_passphrase),
        cmocka_unit_test(wrong_passphrases_are_told_from_damage),
        cmocka_unit_test(every_changed_byte_is_refused),
        cmocka_unit_test(changes_under_a_corrected_hash_are_refused),
        cmocka_unit_test(absurd_costs_are_refused_before_memory_is_taken),
        cmocka_unit_test(keys_of_another_vault_are_refused),
        cmocka_unit_test(the_same_key_is_never_wrapped_alike),
    };
    return cmocka_run_group_tests_name("seal/recovery", tests, fixture_setup, NULL);
}
