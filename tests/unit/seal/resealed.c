/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that change: sessions sealed anew, retired keys that travel with the
 * list of recipients, labels, successors, revocations. */
#include "fixture.h"

#include "base/mem.h"

#include <sodium.h>

struct people {
    struct vault_secrets *secrets;
    struct recovery_key *one, *other;
    uint8_t owner[SIGN_PUBLIC_BYTES];
};

static void people_make(struct people *p)
{
    p->secrets = fixture_secrets();
    p->one = fixture_recovery();
    p->other = recovery_key_new();
    recovery_key_generate(p->other);
    fixture_owner(p->owner);
}

static void people_free(struct people *p)
{
    seal_secrets_free(p->secrets);
    recovery_key_free(p->one);
    recovery_key_free(p->other);
}

/* ---- sessions --------------------------------------------------------------------- */

static int open_resealed(void *arg, const void *p, size_t len, struct err *e)
{
    struct people *q = arg;
    struct data_key *k = data_key_new();
    uint64_t generation = 0;
    int rc = resealed_open(p, len, fixture_vault, q->owner, q->one, k, &generation, e);
    data_key_free(k);
    return rc;
}

static void make_resealed(const struct people *p, const struct recovery_key *k,
                          const struct data_key *key, struct buf *out)
{
    uint8_t writer[SEAL_UID_BYTES];
    struct recipients r = fixture_recipients(k);
    struct err e = ERR_INIT;
    fixture_run(0x30, writer, sizeof writer);
    if (resealed_make(key, writer, &r, fixture_vault, p->secrets, out, &e))
        fail_msg("%s", e.msg);
}

static void a_session_sealed_anew_opens_for_its_recipient(void **state)
{
    (void)state;
    struct people p;
    people_make(&p);
    struct data_key *key = fixture_data_key(), *back = data_key_new();
    struct buf b = {0};
    struct err e = ERR_INIT;
    uint64_t generation = 0;
    make_resealed(&p, p.one, key, &b);
    assert_int_equal(
        resealed_open(b.data, b.len, fixture_vault, p.owner, p.one, back, &generation, &e), 0);
    assert_memory_equal(back, key, sizeof *key);
    assert_int_equal(generation, 3);
    assert_int_equal(
        resealed_open(b.data, b.len, fixture_vault, p.owner, p.other, back, &generation, &e), -1);
    assert_int_equal(e.cls, ERR_NO_KEY);
    p.owner[0] ^= 1;
    assert_int_equal(
        resealed_open(b.data, b.len, fixture_vault, p.owner, p.one, back, &generation, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    buf_done(&b);
    data_key_free(key);
    data_key_free(back);
    people_free(&p);
}

static void every_change_of_it_is_noticed(void **state)
{
    (void)state;
    struct people p;
    people_make(&p);
    struct data_key *key = fixture_data_key();
    struct buf b = {0};
    make_resealed(&p, p.one, key, &b);
    fixture_refuses_changes(&b, ERR_DAMAGED, open_resealed, &p);
    buf_done(&b);
    data_key_free(key);
    people_free(&p);
}

/* The owner signs what he is told: another key in the box breaks the commitment. */
static void another_key_in_the_box_is_refused(void **state)
{
    (void)state;
    struct people p;
    people_make(&p);
    struct data_key *key = fixture_data_key();
    struct buf b = {0};
    struct err e = ERR_INIT;
    struct sign_key owner;
    uint8_t other[SEAL_KEY_BYTES] = {9};
    make_resealed(&p, p.one, key, &b);
    size_t box = 8 + 4 + 3 * 16 + 8 + 32 + 4 + 32;
    assert_int_equal(crypto_box_seal(b.data + box, other, sizeof other, p.one->public_key), 0);
    sign_key_from_seed(p.secrets->owner_seed, &owner);
    sign_make(&owner, "resealed", b.data, b.len - SIGN_BYTES, b.data + b.len - SIGN_BYTES);
    assert_int_equal(open_resealed(&p, b.data, b.len, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    buf_done(&b);
    data_key_free(key);
    people_free(&p);
}

/* ---- retired keys ------------------------------------------------------------------- */

static int open_list(void *arg, const void *p, size_t len, struct err *e)
{
    struct people *q = arg;
    struct vault_secrets *s = seal_secrets_new();
    struct retired_keys *r = retired_keys_new();
    int rc = recipients_open_with(p, len, fixture_vault, q->owner, q->one, s, r, e);
    retired_keys_free(r);
    seal_secrets_free(s);
    return rc;
}

static void retired_keys_travel_with_the_list(void **state)
{
    (void)state;
    struct people p;
    people_make(&p);
    struct retired_keys *r = retired_keys_new(), *back = retired_keys_new();
    struct vault_secrets *s = seal_secrets_new();
    struct recipients list = {.generation = 3, .count = 2};
    struct buf b = {0};
    struct err e = ERR_INIT;
    memcpy(list.public_keys[0], p.other->public_key, 32);
    memcpy(list.public_keys[1], p.one->public_key, 32);
    for (int i = 0; i < 3; i++) {
        struct recovery_key *k = recovery_key_new();
        recovery_key_generate(k);
        retired_keys_add(r, k);
        retired_keys_add(r, k); /* twice is once */
        recovery_key_free(k);
    }
    assert_int_equal(r->count, 3);
    assert_int_equal(recipients_make_with(&list, r, fixture_vault, p.secrets, &b, &e), 0);
    assert_int_equal(b.data[8], 2);
    assert_int_equal(
        recipients_open_with(b.data, b.len, fixture_vault, p.owner, p.one, s, back, &e), 0);
    assert_memory_equal(back, r, sizeof *r);
    assert_memory_equal(s, p.secrets, sizeof *s);
    memset(back, 0, sizeof *back);
    assert_int_equal(
        recipients_open_with(b.data, b.len, fixture_vault, p.owner, p.other, s, back, &e), 0);
    assert_memory_equal(back, r, sizeof *r);
    struct recipients read;
    assert_int_equal(recipients_read(b.data, b.len, fixture_vault, p.owner, &read, &e), 0);
    assert_int_equal(read.count, 2);
    fixture_refuses_changes(&b, ERR_NO_KEY, open_list, &p);
    buf_done(&b);
    retired_keys_free(r);
    retired_keys_free(back);
    seal_secrets_free(s);
    people_free(&p);
}

static void without_retired_keys_the_list_is_as_it_ever_was(void **state)
{
    (void)state;
    struct people p;
    people_make(&p);
    struct recipients list = fixture_recipients(p.one);
    struct retired_keys *none = retired_keys_new();
    struct buf b = {0};
    struct err e = ERR_INIT;
    assert_int_equal(recipients_make_with(&list, none, fixture_vault, p.secrets, &b, &e), 0);
    assert_int_equal(b.data[8], 1);
    assert_int_equal(open_list(&p, b.data, b.len, &e), 0);
    buf_done(&b);
    retired_keys_free(none);
    people_free(&p);
}

static void the_oldest_retired_key_makes_room(void **state)
{
    (void)state;
    struct retired_keys *r = retired_keys_new();
    struct recovery_key *k = recovery_key_new(), *second = recovery_key_new();
    for (int i = 0; i <= SEAL_RETIRED_MAX; i++) {
        recovery_key_generate(k);
        if (i == 1)
            *second = *k;
        retired_keys_add(r, k);
    }
    assert_int_equal(r->count, SEAL_RETIRED_MAX);
    assert_memory_equal(&r->keys[0], second, sizeof *second);
    assert_memory_equal(&r->keys[SEAL_RETIRED_MAX - 1], k, sizeof *k);
    retired_keys_free(r);
    recovery_key_free(k);
    recovery_key_free(second);
}

/* ---- others ---------------------------------------------------------------------------- */

static void labels_are_read_without_the_passphrase(void **state)
{
    (void)state;
    struct recovery_key *k = fixture_recovery();
    struct buf b = {0};
    struct err e = ERR_INIT;
    struct key_info info;
    char label[KEY_LABEL_MAX + 2];
    memset(label, 'x', sizeof label);
    label[sizeof label - 1] = '\0';
    struct key_wrapping how = {{.passes = 1, .memory_kib = 9}, label, 12345};
    assert_int_equal(recovery_wrap(k, fixture_vault, "p", 1, &how, &b, &e), -1);
    assert_int_equal(e.cls, ERR_USAGE);
    label[KEY_LABEL_MAX] = '\0';
    buf_reset(&b);
    assert_int_equal(recovery_wrap(k, fixture_vault, "p", 1, &how, &b, &e), 0);
    assert_int_equal(recovery_describe(b.data, b.len, fixture_vault, &info, &e), 0);
    assert_string_equal(info.label, label);
    assert_int_equal(info.made_ns, 12345);
    assert_int_equal(info.version, 2);
    assert_int_equal(info.cost.memory_kib, 9);
    assert_memory_equal(info.public_key, k->public_key, 32);
    buf_done(&b);
    recovery_key_free(k);
}

static void only_a_successor_has_a_certificate_of_version_2(void **state)
{
    (void)state;
    struct people p;
    people_make(&p);
    struct writer_key *w = writer_key_new();
    struct buf a = {0}, b = {0};
    struct err e = ERR_INIT;
    uint8_t before[SEAL_UID_BYTES] = {7};
    assert_int_equal(writer_enrol(w, fixture_vault, p.secrets, 1, "m", 5, &a, &e), 0);
    assert_int_equal(
        writer_enrol_successor(w, fixture_vault, p.secrets, 1, "m", before, 5, &b, &e), 0);
    assert_int_equal(a.data[8], 1);
    assert_int_equal(b.data[8], 2);
    assert_int_equal(b.len, a.len + SEAL_UID_BYTES);
    assert_memory_equal(b.data + b.len - SIGN_BYTES - SEAL_UID_BYTES, before, sizeof before);
    assert_true(sign_verify(p.owner, "writer", b.data, b.len - SIGN_BYTES,
                            b.data + b.len - SIGN_BYTES));
    buf_done(&a);
    buf_done(&b);
    writer_key_free(w);
    people_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_sealed_anew_opens_for_its_recipient),
        cmocka_unit_test(every_change_of_it_is_noticed),
        cmocka_unit_test(another_key_in_the_box_is_refused),
        cmocka_unit_test(retired_keys_travel_with_the_list),
        cmocka_unit_test(without_retired_keys_the_list_is_as_it_ever_was),
        cmocka_unit_test(the_oldest_retired_key_makes_room),
        cmocka_unit_test(labels_are_read_without_the_passphrase),
        cmocka_unit_test(only_a_successor_has_a_certificate_of_version_2),
    };
    return cmocka_run_group_tests(tests, fixture_setup, NULL);
}
