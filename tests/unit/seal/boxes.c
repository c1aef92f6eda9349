/* SPDX-License-Identifier: Apache-2.0 */
/* Recipients and sessions: opened by those they were sealed for, refused when
 * anything about them was changed. */
#include "fixture.h"

#include "base/mem.h"

#include <sodium.h>

struct people { /* three recovery keys, and one that was left out */
    struct recovery_key *keys[3], *stranger;
    struct recipients list;
    uint8_t owner[SIGN_PUBLIC_BYTES];
    struct vault_secrets *secrets;
};

static int meet(void **state)
{
    struct people *p = mem_zalloc(sizeof *p);
    if (!p || fixture_setup(state))
        return -1;
    p->list = (struct recipients){.generation = 1, .count = 3};
    for (size_t i = 0; i < 3; i++) {
        p->keys[i] = recovery_key_new();
        recovery_key_generate(p->keys[i]);
        memcpy(p->list.public_keys[i], p->keys[i]->public_key, 32);
    }
    p->stranger = recovery_key_new();
    recovery_key_generate(p->stranger);
    p->secrets = fixture_secrets();
    fixture_owner(p->owner);
    *state = p;
    return 0;
}

static int part(void **state)
{
    struct people *p = *state;
    for (size_t i = 0; i < 3; i++)
        recovery_key_free(p->keys[i]);
    recovery_key_free(p->stranger);
    seal_secrets_free(p->secrets);
    mem_free(p);
    return 0;
}

static void make_list(const struct people *p, struct buf *out)
{
    struct err e = ERR_INIT;
    if (recipients_make(&p->list, fixture_vault, p->secrets, out, &e))
        fail_msg("%s", e.msg);
}

static void every_recipient_opens_the_secrets(void **state)
{
    struct people *p = *state;
    struct vault_secrets *back = seal_secrets_new();
    struct recipients list;
    struct buf b = {0};
    make_list(p, &b);
    assert_int_equal(recipients_read(b.data, b.len, fixture_vault, p->owner, &list, NULL), 0);
    assert_int_equal(list.generation, 1);
    assert_int_equal(list.count, 3);
    assert_memory_equal(list.public_keys, p->list.public_keys, 3 * 32);
    for (size_t i = 0; i < 3; i++) {
        seal_wipe(back, sizeof *back);
        assert_int_equal(
            recipients_open(b.data, b.len, fixture_vault, p->owner, p->keys[i], back, NULL), 0);
        assert_memory_equal(back, p->secrets, sizeof *back);
    }
    seal_wipe(back, sizeof *back);
    struct err e = ERR_INIT;
    assert_int_equal(recipients_open(b.data, b.len, fixture_vault, p->owner, p->stranger, back, &e),
                     -1);
    assert_int_equal(e.cls, ERR_NO_KEY);
    assert_true(bytes_are_zero(back, sizeof *back));
    buf_done(&b);
    seal_secrets_free(back);
}

static int read_list(void *arg, const void *p, size_t len, struct err *e)
{
    struct people *people = arg;
    struct recipients list;
    return recipients_read(p, len, fixture_vault, people->owner, &list, e);
}

static int open_list(void *arg, const void *p, size_t len, struct err *e)
{
    struct people *people = arg;
    struct vault_secrets *back = seal_secrets_new();
    int rc = recipients_open(p, len, fixture_vault, people->owner, people->keys[1], back, e);
    assert_true(rc == 0 || bytes_are_zero(back, sizeof *back));
    seal_secrets_free(back);
    return rc;
}

static void changed_lists_of_recipients_are_refused(void **state)
{
    struct people *p = *state;
    struct buf b = {0};
    make_list(p, &b);
    fixture_refuses_changes(&b, ERR_DAMAGED, read_list, p);
    /* A changed public key is one that is not ours. */
    fixture_refuses_changes(&b, ERR_NO_KEY, open_list, p);
    buf_done(&b);
}

static void lists_of_another_owner_or_vault_are_refused(void **state)
{
    struct people *p = *state;
    struct buf b = {0};
    struct recipients list;
    struct err e = ERR_INIT;
    uint8_t other[32] = {0};
    p->secrets->owner_seed[0] ^= 1;
    make_list(p, &b);
    p->secrets->owner_seed[0] ^= 1;
    assert_int_equal(recipients_read(b.data, b.len, fixture_vault, p->owner, &list, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    buf_reset(&b);
    make_list(p, &b);
    assert_int_equal(recipients_read(b.data, b.len, other, p->owner, &list, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    buf_done(&b);
}

/* The owner signed, but the box holds the seed of somebody else. */
static void secrets_must_belong_to_the_owner(void **state)
{
    struct people *p = *state;
    struct buf b = {0};
    struct err e = ERR_INIT;
    make_list(p, &b);
    struct vault_secrets *wrong = fixture_secrets();
    wrong->owner_seed[31] ^= 1;
    for (size_t i = 0; i < 3; i++) /* head 8 + 4 + 16, generation 8, count 4, pairs 32 + 112 */
        assert_int_equal(crypto_box_seal(b.data + 40 + i * 144 + 32, (const uint8_t *)wrong, 64,
                                         p->keys[i]->public_key),
                         0);
    struct sign_key owner;
    sign_key_from_seed(p->secrets->owner_seed, &owner);
    sign_make(&owner, "recipients", b.data, b.len - SIGN_BYTES, b.data + b.len - SIGN_BYTES);
    assert_int_equal(recipients_open(b.data, b.len, fixture_vault, p->owner, p->keys[0], wrong, &e),
                     -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    seal_secrets_free(wrong);
    buf_done(&b);
}

static void nothing_is_sealed_for_nobody(void **state)
{
    struct people *p = *state;
    struct buf b = {0};
    struct err e = ERR_INIT;
    struct recipients none = {.generation = 1}, many = {.count = SEAL_RECIPIENTS_MAX + 1};
    assert_int_equal(recipients_make(&none, fixture_vault, p->secrets, &b, &e), -1);
    assert_int_equal(e.cls, ERR_LIMIT);
    assert_int_equal(recipients_make(&many, fixture_vault, p->secrets, &b, &e), -1);
    struct data_key *k = fixture_data_key();
    struct writer_key *w = fixture_writer();
    assert_int_equal(envelope_make(k, w, &none, &b, &e), -1);
    assert_int_equal(e.cls, ERR_LIMIT);
    data_key_free(k);
    writer_key_free(w);
    buf_done(&b);
}

/* Signed by the owner, but with other numbers than 1 … 64. */
static void counts_of_recipients_are_checked(void **state)
{
    struct people *p = *state;
    struct buf b = {0};
    struct err e = ERR_INIT;
    struct sign_key owner;
    static const uint8_t pair[32 + 112];
    sign_key_from_seed(p->secrets->owner_seed, &owner);
    for (uint32_t count = 0; count <= SEAL_RECIPIENTS_MAX + 1; count++) {
        uint8_t sig[SIGN_BYTES];
        buf_reset(&b);
        buf_put(&b, "abri.RCP", 8);
        buf_put_u32(&b, 1);
        buf_put(&b, fixture_vault, sizeof fixture_vault);
        buf_put_u64(&b, 7);
        buf_put_u32(&b, count);
        for (uint32_t i = 0; i < count; i++)
            buf_put(&b, pair, sizeof pair);
        sign_make(&owner, "recipients", b.data, b.len, sig);
        buf_put(&b, sig, sizeof sig);
        int expected = count >= 1 && count <= SEAL_RECIPIENTS_MAX ? 0 : -1;
        assert_int_equal(read_list(p, b.data, b.len, &e), expected);
        assert_true(expected == 0 || e.cls == ERR_DAMAGED);
    }
    sign_key_done(&owner);
    buf_done(&b);
}

/* ---- sessions --------------------------------------------------------------- */

#define COMMITMENT_AT (8 + 4 + 3 * 16)
#define BOXES_AT      (COMMITMENT_AT + 32 + 4)

static void make_envelope(const struct people *p, const struct data_key *k, struct buf *out)
{
    struct err e = ERR_INIT;
    struct writer_key *w = fixture_writer();
    if (envelope_make(k, w, &p->list, out, &e))
        fail_msg("%s", e.msg);
    writer_key_free(w);
}

static void every_recipient_opens_a_session(void **state)
{
    struct people *p = *state;
    struct data_key *k = data_key_new(), *back = data_key_new();
    struct writer_key *w = fixture_writer();
    struct buf b = {0};
    struct err e = ERR_INIT;
    data_key_generate(k);
    make_envelope(p, k, &b);
    assert_true(sign_verify(w->sign.public_key, "session", b.data, b.len - SIGN_BYTES,
                            b.data + b.len - SIGN_BYTES));
    for (size_t i = 0; i < 3; i++) {
        seal_wipe(back, sizeof *back);
        assert_int_equal(envelope_open(b.data, b.len, fixture_vault, p->keys[i], back, NULL), 0);
        assert_memory_equal(back, k, sizeof *k);
    }
    seal_wipe(back, sizeof *back);
    assert_int_equal(envelope_open(b.data, b.len, fixture_vault, p->stranger, back, &e), -1);
    assert_int_equal(e.cls, ERR_NO_KEY);
    assert_true(bytes_are_zero(back, sizeof *back));
    buf_done(&b);
    writer_key_free(w);
    data_key_free(k);
    data_key_free(back);
}

/* AES-GCM does not commit to its key; the envelope must. */
static void a_box_with_another_key_is_refused(void **state)
{
    struct people *p = *state;
    struct data_key *k = fixture_data_key(), *back = data_key_new();
    struct buf b = {0};
    struct err e = ERR_INIT;
    make_envelope(p, k, &b);
    k->key[0] ^= 1;
    assert_int_equal(crypto_box_seal(b.data + BOXES_AT + 32, k->key, 32, p->keys[0]->public_key),
                     0);
    assert_int_equal(envelope_open(b.data, b.len, fixture_vault, p->keys[0], back, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    assert_true(bytes_are_zero(back, sizeof *back));
    assert_int_equal(envelope_open(b.data, b.len, fixture_vault, p->keys[1], back, &e), 0);
    buf_done(&b);
    data_key_free(k);
    data_key_free(back);
}

static int open_envelope(void *arg, const void *p, size_t len, struct err *e)
{
    struct people *people = arg;
    struct data_key *back = data_key_new();
    int rc = envelope_open(p, len, fixture_vault, people->keys[0], back, e);
    assert_true(rc == 0 || bytes_are_zero(back, sizeof *back));
    data_key_free(back);
    return rc;
}

static void changed_envelopes_are_refused(void **state)
{
    struct people *p = *state;
    struct data_key *k = fixture_data_key();
    struct buf b = {0};
    make_envelope(p, k, &b);
    /* What only the signature protects is the keeper's and the caller's to
     * check: session and writer id, other recipients, the signature itself. */
    for (size_t i = 0; i < b.len; i++) {
        struct err e = ERR_INIT;
        b.data[i] ^= 0x10;
        bool ours = i < 28 || (i >= COMMITMENT_AT && i < BOXES_AT + 32 + 80);
        int rc = open_envelope(p, b.data, b.len, &e);
        if (ours && rc == 0)
            fail_msg("accepted with byte %zu changed", i);
        assert_true(rc == 0 || e.cls == ERR_DAMAGED || e.cls == ERR_NO_KEY ||
                    (e.cls == ERR_NEWER && i >= 8 && i < 12));
        b.data[i] ^= 0x10;
    }
    for (size_t len = 0; len < b.len; len++)
        assert_int_equal(open_envelope(p, b.data, len, NULL), -1);
    assert_int_equal(open_envelope(p, b.data, b.len, NULL), 0);
    buf_put_u8(&b, 0);
    assert_int_equal(open_envelope(p, b.data, b.len, NULL), -1);
    b.len--;
    put_u32(b.data + 8, 2);
    struct err e = ERR_INIT;
    assert_int_equal(open_envelope(p, b.data, b.len, &e), -1);
    assert_int_equal(e.cls, ERR_NEWER);
    buf_done(&b);
    data_key_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_recipient_opens_the_secrets, meet, part),
        cmocka_unit_test_setup_teardown(changed_lists_of_recipients_are_refused, meet, part),
        cmocka_unit_test_setup_teardown(lists_of_another_owner_or_vault_are_refused, meet, part),
        cmocka_unit_test_setup_teardown(secrets_must_belong_to_the_owner, meet, part),
        cmocka_unit_test_setup_teardown(nothing_is_sealed_for_nobody, meet, part),
        cmocka_unit_test_setup_teardown(counts_of_recipients_are_checked, meet, part),
        cmocka_unit_test_setup_teardown(every_recipient_opens_a_session, meet, part),
        cmocka_unit_test_setup_teardown(a_box_with_another_key_is_refused, meet, part),
        cmocka_unit_test_setup_teardown(changed_envelopes_are_refused, meet, part),
    };
    return cmocka_run_group_tests_name("seal/boxes", tests, NULL, NULL);
}
