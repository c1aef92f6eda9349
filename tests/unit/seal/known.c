/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Known answers: what fixed keys give, computed once from docs/format/keys.md
 * by another program (tools/second-reader and the libraries that it uses). If
 * one of these tests fails, the format has changed and old vaults are lost.
 */
#include "fixture.h"

#include "base/mem.h"

static const char data_id[] = "389bf3d2cf9bedc62a6906a6c0fdd1fc83b0d81ccd6024abf0802413fc3dc7d7";
static const char meta_id[] = "b59825d0aa270953437db2af35e5e341c03a5adbfe2363c534bbb436c760314d";
static const char recovery[] =
    "616272692e4b455901000000101112131415161718191a1b1c1d1e1f010100000008000000e0e1e2"
    "e3e4e5e6e7e8e9eaebecedeeefdc2cca31e8e43bbd91dff7e475cca3347eb478107d5bd765aba4ae"
    "4a30c35d441d40a41d5c2c931a9ef11d9a21eae8efcf4b0af374fbf00b93ad4cde2641d330a555f8"
    "0de9fab6fb2c73a4eab175a6e8a218368f5c40c43dfb0151c037fe2f176ed1adf8898803bb672eba"
    "2c5a538831";
static const char recipients[] =
    "616272692e52435001000000101112131415161718191a1b1c1d1e1f030000000000000001000000"
    "dc2cca31e8e43bbd91dff7e475cca3347eb478107d5bd765aba4ae4a30c35d44bdf0df94d9e64241"
    "44abea02ff197158ace498fd1de5886818b598b14af2f86a85d3e3e9add7662fcb6d8f622096bdbe"
    "9f6647b3eef5b942a998377a8ef82c74b4231687d7b78631115c7b10d68c96045a4b1c1fe688a56d"
    "9a856f21bb1bbb0e9c8400412fdfc399a424c116f06c03e57ac014725f039f5aba735b0f7efc0317"
    "d6925d2563058a6b9f41d5ab5b7fab2d65fe405bada7f4eee1f155e11c36351c042b4ef06d0c9646"
    "2090272b7d43f503";
static const char envelope[] =
    "616272692e53455301000000101112131415161718191a1b1c1d1e1f202122232425262728292a2b"
    "2c2d2e2f303132333435363738393a3b3c3d3e3fe3fb08e31c2cf987b3c14d540640543e36dde618"
    "ca6d4534face0ef1530dc32f01000000dc2cca31e8e43bbd91dff7e475cca3347eb478107d5bd765"
    "aba4ae4a30c35d444b3ea8aed52ae5a9de616a269f2226f09dc3225f9a44a00e72bf88068b1cc07f"
    "565ce8afde11880f027bcbeaf698d8b5f909f59ddb10a78a1813af0e5c45b848daf822b1e4cdcefa"
    "7f7cc31489391115fd0dc7c638c4eb0064eb0dbafca02b8844e69205dfd9ca26c72b2ad556871ee9"
    "b232bfdb73023dde2f5585bb19ffdc2b353f621ff3b9f58a3ec29cb4356a6202";
static const char frame_stored[] =
    "3a4f6cbde2e9ad79297980c75b2886b614a1bccb8217b114513723f2c0ec5f0f790157ff40b21191"
    "9729114417ff72a4";
static const char zid[] = "b41487c05fcbb7b8b79073b1bd84bec23d2a3c4cf2ae657d78b2db0d943d9163";
static const char frame_zstd[] =
    "1447665a149b4bf4fafa03f3c0a933d310a9a96db15376eee6d8bc642c26c08d3427439d85cfbb60"
    "27aac9386c25ce8111f264d833bdd2a1817733fbfd846a8d20";
static const char writer_key[] =
    "616272692e574b5901000000101112131415161718191a1b1c1d1e1f303132333435363738393a3b"
    "3c3d3e3fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf40414243"
    "4445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f174553b456dddfc6908ecab1"
    "c101fe6ab21e2baa0617795b7d43a63482993fd5030000000000000004686f737452e959495e7bba"
    "0bde93ef60993ccd7df0e274af53b9c4fbb24fa7c4dec06cb3";
static const char writer_public[] =
    "4fd099ccd47d7893dfe9ec24414ecb0d9b5420232aad30d91c465be33cbe65c4";
static const char owner_public[] =
    "174553b456dddfc6908ecab1c101fe6ab21e2baa0617795b7d43a63482993fd5";
static const char recovery_public[] =
    "dc2cca31e8e43bbd91dff7e475cca3347eb478107d5bd765aba4ae4a30c35d44";

static const char text[] = "abri keeps what it is given";

static uint8_t *bytes(const char *hex, size_t *len_out)
{
    size_t len = strlen(hex) / 2;
    uint8_t *p = mem_alloc(len);
    assert_non_null(p);
    assert_true(hex_decode(hex, 2 * len, p, len));
    *len_out = len;
    return p;
}

static void assert_hex(const uint8_t *p, size_t len, const char *hex)
{
    char actual[1024];
    assert_true(2 * len < sizeof actual);
    hex_encode(p, len, actual);
    assert_string_equal(actual, hex);
}

static void public_keys_follow_from_secret_ones(void **state)
{
    (void)state;
    struct recovery_key *k = fixture_recovery();
    struct writer_key *w = fixture_writer();
    assert_hex(k->public_key, 32, recovery_public);
    assert_hex(w->sign.public_key, 32, writer_public);
    assert_hex(w->owner_pk, 32, owner_public);
    recovery_key_free(k);
    writer_key_free(w);
}

static void chunks_have_the_names_of_the_format(void **state)
{
    (void)state;
    struct seal_ids *ids = NULL;
    uint8_t id[SEAL_ID_BYTES], root[SEAL_ID_BYTES];
    assert_int_equal(seal_ids_new(fixture_id_key, &ids, NULL), 0);
    seal_id(ids, SEAL_DATA, text, strlen(text), id);
    assert_hex(id, sizeof id, data_id);
    seal_id(ids, SEAL_META, text, strlen(text), id);
    assert_hex(id, sizeof id, meta_id);
    seal_id(ids, SEAL_ROOT, text, strlen(text), root);
    assert_memory_equal(id, root, sizeof id);
    seal_ids_free(ids);
}

/* Not part of the format, but if they drift, every writer stores all anew. */
static void cuts_do_not_drift(void **state)
{
    (void)state;
    struct seal_ids *ids = NULL;
    uint8_t gear[16];
    assert_int_equal(seal_ids_new(fixture_id_key, &ids, NULL), 0);
    assert_int_equal(seal_short_hash(ids, text, strlen(text)), UINT64_C(0xd3508b5897c4e5d4));
    seal_derive(ids, "abri test purpose", "x", 1, gear, sizeof gear);
    assert_hex(gear, sizeof gear, "02994b75c8ac13f8d3e040643161ffeb");
    seal_ids_free(ids);
}

static void other_keys_give_other_names(void **state)
{
    (void)state;
    struct seal_ids *a = NULL, *b = NULL;
    uint8_t key[SEAL_KEY_BYTES], x[SEAL_ID_BYTES], y[SEAL_ID_BYTES];
    memcpy(key, fixture_id_key, sizeof key);
    key[31] ^= 1;
    assert_int_equal(seal_ids_new(fixture_id_key, &a, NULL), 0);
    assert_int_equal(seal_ids_new(key, &b, NULL), 0);
    seal_id(a, SEAL_DATA, text, strlen(text), x);
    seal_id(b, SEAL_DATA, text, strlen(text), y);
    assert_memory_not_equal(x, y, sizeof x);
    assert_true(seal_short_hash(a, text, 3) != seal_short_hash(b, text, 3));
    seal_ids_free(a);
    seal_ids_free(b);
}

static void recovery_keys_open(void **state)
{
    (void)state;
    size_t len;
    uint8_t *p = bytes(recovery, &len);
    struct recovery_key *k = recovery_key_new(), *expected = fixture_recovery();
    struct err e = ERR_INIT;
    if (recovery_unwrap(p, len, fixture_vault, "correct horse", 13, k, &e))
        fail_msg("%s", e.msg);
    assert_memory_equal(k, expected, sizeof *k);
    mem_free(p);
    recovery_key_free(k);
    recovery_key_free(expected);
}

static void recipients_open_their_secrets(void **state)
{
    (void)state;
    size_t len;
    uint8_t *p = bytes(recipients, &len), owner[SIGN_PUBLIC_BYTES];
    struct recovery_key *k = fixture_recovery();
    struct vault_secrets *s = seal_secrets_new(), *expected = fixture_secrets();
    struct recipients list;
    struct err e = ERR_INIT;
    fixture_owner(owner);
    if (recipients_open(p, len, fixture_vault, owner, k, s, &e) ||
        recipients_read(p, len, fixture_vault, owner, &list, &e))
        fail_msg("%s", e.msg);
    assert_memory_equal(s, expected, sizeof *s);
    assert_int_equal(list.generation, 3);
    assert_int_equal(list.count, 1);
    mem_free(p);
    recovery_key_free(k);
    seal_secrets_free(s);
    seal_secrets_free(expected);
}

static void envelopes_open(void **state)
{
    (void)state;
    size_t len;
    uint8_t *p = bytes(envelope, &len);
    struct recovery_key *k = fixture_recovery();
    struct data_key *d = data_key_new(), *expected = fixture_data_key();
    struct err e = ERR_INIT;
    if (envelope_open(p, len, fixture_vault, k, d, &e))
        fail_msg("%s", e.msg);
    assert_memory_equal(d, expected, sizeof *d);
    mem_free(p);
    recovery_key_free(k);
    data_key_free(d);
    data_key_free(expected);
}

static void envelopes_are_made_alike(void **state)
{
    (void)state;
    size_t len;
    uint8_t *p = bytes(envelope, &len);
    struct recovery_key *k = fixture_recovery();
    struct recipients list = fixture_recipients(k);
    struct data_key *d = fixture_data_key();
    struct writer_key *w = fixture_writer();
    struct buf b = {0};
    assert_int_equal(envelope_make(d, w, &list, &b, NULL), 0);
    assert_int_equal(b.len, len);
    /* All but the box, which has a fresh key each time, and the signature. */
    assert_memory_equal(b.data, p, len - 64 - 80);
    buf_done(&b);
    mem_free(p);
    recovery_key_free(k);
    data_key_free(d);
    writer_key_free(w);
}

static void writer_keys_are_written_alike(void **state)
{
    (void)state;
    struct writer_key *w = fixture_writer();
    struct buf b = {0};
    assert_int_equal(writer_key_encode(w, &b, NULL), 0);
    assert_hex(b.data, b.len, writer_key);
    buf_done(&b);
    writer_key_free(w);
}

static void stored_frames_are_sealed_alike(void **state)
{
    (void)state;
    struct data_key *k = fixture_data_key();
    struct sealer *s = NULL;
    uint8_t id[SEAL_ID_BYTES], out[sizeof text + SEAL_OVERHEAD];
    size_t len;
    assert_true(hex_decode(data_id, 64, id, sizeof id));
    assert_int_equal(sealer_new(k, fixture_vault, SEAL_LEVEL_STORE, &s, NULL), 0);
    assert_int_equal(sealer_seal(s, SEAL_DATA, id, 7, text, strlen(text), out, &len, NULL), 0);
    assert_hex(out, len, frame_stored);
    sealer_free(s);
    data_key_free(k);
}

/* This one declares its content size, which the format leaves open. */
static void compressed_frames_open(void **state)
{
    (void)state;
    struct data_key *k = fixture_data_key();
    struct opener *o = NULL;
    uint8_t id[SEAL_ID_BYTES];
    size_t len, plain_len;
    const uint8_t *plain;
    uint8_t *p = bytes(frame_zstd, &len);
    struct err e = ERR_INIT;
    assert_true(hex_decode(zid, 64, id, sizeof id));
    assert_int_equal(opener_new(fixture_vault, &o, NULL), 0);
    if (opener_open(o, k, SEAL_DATA, id, 8, p, len, &plain, &plain_len, &e))
        fail_msg("%s", e.msg);
    assert_int_equal(plain_len, 20 * strlen(text));
    for (size_t i = 0; i < plain_len; i++)
        assert_int_equal(plain[i], text[i % strlen(text)]);
    mem_free(p);
    opener_free(o);
    data_key_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(public_keys_follow_from_secret_ones),
        cmocka_unit_test(chunks_have_the_names_of_the_format),
        cmocka_unit_test(cuts_do_not_drift),
        cmocka_unit_test(other_keys_give_other_names),
        cmocka_unit_test(recovery_keys_open),
        cmocka_unit_test(recipients_open_their_secrets),
        cmocka_unit_test(envelopes_open),
        cmocka_unit_test(envelopes_are_made_alike),
        cmocka_unit_test(writer_keys_are_written_alike),
        cmocka_unit_test(stored_frames_are_sealed_alike),
        cmocka_unit_test(compressed_frames_open),
    };
    return cmocka_run_group_tests_name("seal/known", tests, fixture_setup, NULL);
}
