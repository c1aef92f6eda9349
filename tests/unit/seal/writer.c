/* SPDX-License-Identifier: Apache-2.0 */
/* What a writer keeps, and the certificate by which it is known. */
#include "fixture.h"

#include "base/mem.h"

static void enrolled_writers_carry_what_they_need(void **state)
{
    (void)state;
    struct vault_secrets *s = fixture_secrets();
    struct writer_key *w = writer_key_new();
    struct buf cert = {0};
    uint8_t owner[SIGN_PUBLIC_BYTES];
    fixture_owner(owner);
    assert_int_equal(writer_enrol(w, fixture_vault, s, 5, "web-1.example", 42, &cert, NULL), 0);
    assert_memory_equal(w->vault_id, fixture_vault, SEAL_UID_BYTES);
    assert_memory_equal(w->id_key, s->id_key, SEAL_KEY_BYTES);
    assert_memory_equal(w->owner_pk, owner, SIGN_PUBLIC_BYTES);
    assert_int_equal(w->generation, 5);
    assert_string_equal(w->machine, "web-1.example");

    struct cursor c = cursor_of(cert.data, cert.len);
    assert_memory_equal(cursor_bytes(&c, 8), "abri.WRT", 8);
    assert_int_equal(cursor_u32(&c), 1);
    assert_memory_equal(cursor_bytes(&c, 16), fixture_vault, 16);
    assert_memory_equal(cursor_bytes(&c, 16), w->id, 16);
    assert_memory_equal(cursor_bytes(&c, 32), w->sign.public_key, 32);
    assert_int_equal(cursor_u64(&c), 42);
    size_t len;
    assert_memory_equal(cursor_blob(&c, 255, &len), "web-1.example", 13);
    size_t signed_len = (size_t)(c.p - cert.data);
    assert_true(sign_verify(owner, "writer", cert.data, signed_len, cursor_bytes(&c, SIGN_BYTES)));
    assert_int_equal(cursor_check(&c, true, "certificate", NULL), 0);
    /* Nothing of the owner's seed may leave with the writer. */
    struct buf file = {0};
    assert_int_equal(writer_key_encode(w, &file, NULL), 0);
    for (size_t i = 0; i + SIGN_SEED_BYTES <= file.len; i++)
        assert_memory_not_equal(file.data + i, s->owner_seed, SIGN_SEED_BYTES);
    buf_done(&file);
    buf_done(&cert);
    writer_key_free(w);
    seal_secrets_free(s);
}

static void two_writers_share_nothing_but_the_vault(void **state)
{
    (void)state;
    struct vault_secrets *s = fixture_secrets();
    struct writer_key *a = writer_key_new(), *b = writer_key_new();
    struct buf cert = {0};
    assert_int_equal(writer_enrol(a, fixture_vault, s, 1, "a", 0, &cert, NULL), 0);
    assert_int_equal(writer_enrol(b, fixture_vault, s, 1, "a", 0, &cert, NULL), 0);
    assert_memory_not_equal(a->id, b->id, sizeof a->id);
    assert_memory_not_equal(a->sign.public_key, b->sign.public_key, 32);
    buf_done(&cert);
    writer_key_free(a);
    writer_key_free(b);
    seal_secrets_free(s);
}

static void names_of_machines_are_bounded(void **state)
{
    (void)state;
    struct vault_secrets *s = fixture_secrets();
    struct writer_key *w = writer_key_new();
    struct buf cert = {0};
    struct err e = ERR_INIT;
    char name[WRITER_MACHINE_MAX + 2];
    memset(name, 'm', sizeof name);
    name[WRITER_MACHINE_MAX + 1] = '\0';
    assert_int_equal(writer_enrol(w, fixture_vault, s, 1, name, 0, &cert, &e), -1);
    assert_int_equal(e.cls, ERR_USAGE);
    name[WRITER_MACHINE_MAX] = '\0';
    assert_int_equal(writer_enrol(w, fixture_vault, s, 1, name, 0, &cert, &e), 0);
    struct buf file = {0};
    struct writer_key *back = writer_key_new();
    assert_int_equal(writer_key_encode(w, &file, &e), 0);
    assert_int_equal(writer_key_decode(file.data, file.len, back, &e), 0);
    assert_memory_equal(back, w, sizeof *w);
    buf_done(&file);
    buf_done(&cert);
    writer_key_free(w);
    writer_key_free(back);
    seal_secrets_free(s);
}

static int decode(void *arg, const void *p, size_t len, struct err *e)
{
    return writer_key_decode(p, len, arg, e);
}

static void changed_key_files_are_refused(void **state)
{
    (void)state;
    struct writer_key *w = fixture_writer(), *back = writer_key_new();
    struct buf file = {0};
    assert_int_equal(writer_key_encode(w, &file, NULL), 0);
    fixture_refuses_changes(&file, ERR_DAMAGED, decode, back);
    assert_true(bytes_are_zero(back, sizeof *back));
    assert_int_equal(writer_key_decode(file.data, file.len, back, NULL), 0);
    assert_memory_equal(back, w, sizeof *w);
    buf_done(&file);
    writer_key_free(w);
    writer_key_free(back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(enrolled_writers_carry_what_they_need),
        cmocka_unit_test(two_writers_share_nothing_but_the_vault),
        cmocka_unit_test(names_of_machines_are_bounded),
        cmocka_unit_test(changed_key_files_are_refused),
    };
    return cmocka_run_group_tests_name("seal/writer", tests, fixture_setup, NULL);
}
