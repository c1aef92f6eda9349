/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed frames give back what was put in, to those who have the key, and
 * nothing at all if a single bit, the kind, the name or the number is another. */
#include "fixture.h"

#include "base/mem.h"

#include <openssl/evp.h>
#include <zstd.h>

struct desk {
    struct data_key *key;
    struct opener *opener;
    struct sealer *sealers[3]; /* stored, level 1, level 9 */
    uint8_t id[SEAL_ID_BYTES];
    uint8_t *plain, *sealed;
};

#define ROOM ((size_t)2 << 20)

static int open_desk(void **state)
{
    struct desk *d = mem_zalloc(sizeof *d);
    if (!d || fixture_setup(state))
        return -1;
    d->key = fixture_data_key();
    static const int levels[] = {SEAL_LEVEL_STORE, 1, 9};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(sealer_new(d->key, fixture_vault, levels[i], &d->sealers[i], NULL), 0);
    assert_int_equal(opener_new(fixture_vault, &d->opener, NULL), 0);
    d->plain = mem_alloc(ROOM);
    d->sealed = mem_alloc(ROOM + SEAL_OVERHEAD);
    fixture_run(1, d->id, sizeof d->id);
    *state = d;
    return d->plain && d->sealed ? 0 : -1;
}

static int close_desk(void **state)
{
    struct desk *d = *state;
    for (size_t i = 0; i < 3; i++)
        sealer_free(d->sealers[i]);
    opener_free(d->opener);
    data_key_free(d->key);
    mem_free(d->plain);
    mem_free(d->sealed);
    mem_free(d);
    return 0;
}

static uint64_t seed_state;

static uint64_t next_random(void)
{
    uint64_t x = seed_state += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static void fill(uint8_t *p, size_t len, bool compressible)
{
    for (size_t i = 0; i < len; i++)
        p[i] = compressible ? (uint8_t) "all work and no play "[i % 21] : (uint8_t)next_random();
}

static size_t seal_it(struct desk *d, size_t sealer, size_t len)
{
    size_t sealed_len = 0;
    struct err e = ERR_INIT;
    if (sealer_seal(d->sealers[sealer], SEAL_DATA, d->id, 77, d->plain, len, d->sealed, &sealed_len,
                    &e))
        fail_msg("%zu bytes: %s", len, e.msg);
    return sealed_len;
}

static int open_it(struct desk *d, size_t sealed_len, const uint8_t **plain, size_t *len,
                   struct err *e)
{
    return opener_open(d->opener, d->key, SEAL_DATA, d->id, 77, d->sealed, sealed_len, plain, len,
                       e);
}

static void round_trip(struct desk *d, size_t sealer, size_t len, bool compressible)
{
    struct err e = ERR_INIT;
    const uint8_t *back = NULL;
    size_t back_len = 1;
    fill(d->plain, len, compressible);
    d->sealed[len + SEAL_OVERHEAD - 1] = 0xee;
    size_t sealed_len = seal_it(d, sealer, len);
    assert_true(sealed_len <= len + SEAL_OVERHEAD);
    assert_true(sealed_len >= SEAL_OVERHEAD);
    if (sealer == 0 || !compressible)
        assert_int_equal(sealed_len, len + SEAL_OVERHEAD);
    else if (len > 256)
        assert_true(sealed_len < len / 2);
    if (open_it(d, sealed_len, &back, &back_len, &e))
        fail_msg("%zu bytes, sealer %zu: %s", len, sealer, e.msg);
    assert_int_equal(back_len, len);
    if (len)
        assert_memory_equal(back, d->plain, len);
}

static void what_is_sealed_comes_back(void **state)
{
    struct desk *d = *state;
    static const size_t sizes[] = {0,   1,    15,   16,    17,     31,     255,     256,
                                   257, 4095, 4096, 65536, 131072, 999983, 1 << 20, ROOM};
    seed_state = 4;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t sealer = 0; sealer < 3; sealer++) {
            round_trip(d, sealer, sizes[i], true);
            round_trip(d, sealer, sizes[i], false);
        }
    for (int i = 0; i < 200; i++)
        round_trip(d, next_random() % 3, next_random() % 20000, next_random() & 1);
}

static void the_largest_chunk_comes_back(void **state)
{
    struct desk *d = *state;
    uint8_t *plain = mem_zalloc(SEAL_PLAIN_MAX + 1);
    uint8_t *sealed = mem_alloc(SEAL_PLAIN_MAX + SEAL_OVERHEAD);
    const uint8_t *back;
    size_t len, back_len;
    struct err e = ERR_INIT;
    assert_non_null(plain);
    assert_non_null(sealed);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(sealer_seal(d->sealers[i], SEAL_META, d->id, 1, plain, SEAL_PLAIN_MAX,
                                     sealed, &len, &e),
                         0);
        assert_int_equal(
            opener_open(d->opener, d->key, SEAL_META, d->id, 1, sealed, len, &back, &back_len, &e),
            0);
        assert_int_equal(back_len, SEAL_PLAIN_MAX);
        assert_memory_equal(back, plain, SEAL_PLAIN_MAX);
    }
    assert_int_equal(sealer_seal(d->sealers[0], SEAL_META, d->id, 1, plain, SEAL_PLAIN_MAX + 1,
                                 sealed, &len, &e),
                     -1);
    assert_int_equal(e.cls, ERR_LIMIT);
    mem_free(plain);
    mem_free(sealed);
}

static void nonce_zero_is_never_used(void **state)
{
    struct desk *d = *state;
    size_t len;
    struct err e = ERR_INIT;
    assert_int_equal(sealer_seal(d->sealers[0], SEAL_DATA, d->id, 0, "x", 1, d->sealed, &len, &e),
                     -1);
    assert_int_equal(e.cls, ERR_LIMIT);
}

static void no_bit_of_a_sealed_frame_can_change(void **state)
{
    struct desk *d = *state;
    static const size_t lens[] = {0, 1, 40, 300};
    for (size_t sealer = 0; sealer < 2; sealer++)
        for (size_t n = 0; n < sizeof lens / sizeof *lens; n++) {
            fill(d->plain, lens[n], true);
            size_t len = seal_it(d, sealer, lens[n]);
            uint8_t *good = mem_dup(d->sealed, len);
            for (size_t bit = 0; bit < 8 * len; bit++) {
                const uint8_t *back = NULL;
                size_t back_len = 4711;
                struct err e = ERR_INIT;
                memcpy(d->sealed, good, len);
                d->sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
                assert_int_equal(open_it(d, len, &back, &back_len, &e), -1);
                assert_int_equal(e.cls, ERR_DAMAGED);
                assert_null(back);
                assert_int_equal(back_len, 4711);
            }
            mem_free(good);
        }
}

static void cut_or_stretched_frames_are_refused(void **state)
{
    struct desk *d = *state;
    fill(d->plain, 100, true);
    size_t len = seal_it(d, 1, 100);
    uint8_t *good = mem_dup(d->sealed, len);
    for (size_t n = 0; n <= len + 3; n++) {
        const uint8_t *back;
        size_t back_len;
        struct err e = ERR_INIT;
        if (n == len)
            continue;
        memcpy(d->sealed, good, len);
        assert_int_equal(open_it(d, n, &back, &back_len, &e), -1);
        assert_int_equal(e.cls, ERR_DAMAGED);
    }
    mem_free(good);
}

static void kind_name_number_vault_and_key_must_be_right(void **state)
{
    struct desk *d = *state;
    fill(d->plain, 1000, true);
    size_t len = seal_it(d, 1, 1000);
    uint8_t *good = mem_dup(d->sealed, len), other_id[SEAL_ID_BYTES], other_vault[SEAL_UID_BYTES];
    struct data_key *other_key = fixture_data_key();
    struct opener *other = NULL;
    const uint8_t *back;
    size_t back_len;
    memcpy(other_id, d->id, sizeof other_id);
    other_id[31] ^= 1;
    other_key->key[31] ^= 1;
    memcpy(other_vault, fixture_vault, sizeof other_vault);
    other_vault[0] ^= 1;
    assert_int_equal(opener_new(other_vault, &other, NULL), 0);
    const struct {
        struct opener *opener;
        const struct data_key *key;
        enum seal_kind kind;
        const uint8_t *id;
        uint64_t nonce;
        int expected;
    } cases[] = {
        {d->opener, d->key, SEAL_DATA, d->id, 77, 0},
        {d->opener, d->key, SEAL_META, d->id, 77, -1},
        {d->opener, d->key, SEAL_ROOT, d->id, 77, -1},
        {d->opener, d->key, SEAL_DATA, other_id, 77, -1},
        {d->opener, d->key, SEAL_DATA, d->id, 78, -1},
        {d->opener, d->key, SEAL_DATA, d->id, 77 + (UINT64_C(1) << 32), -1},
        {d->opener, other_key, SEAL_DATA, d->id, 77, -1},
        {other, d->key, SEAL_DATA, d->id, 77, -1},
        {d->opener, d->key, SEAL_DATA, d->id, 77, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        memcpy(d->sealed, good, len);
        assert_int_equal(opener_open(cases[i].opener, cases[i].key, cases[i].kind, cases[i].id,
                                     cases[i].nonce, d->sealed, len, &back, &back_len, NULL),
                         cases[i].expected);
    }
    mem_free(good);
    data_key_free(other_key);
    opener_free(other);
}

/* Seals `inner` as it is, as somebody with the key but bad intentions could. */
static size_t seal_inner(struct desk *d, const uint8_t *inner, size_t len)
{
    uint8_t nonce[12] = {0}, aad[5 + 1 + SEAL_UID_BYTES + SEAL_ID_BYTES] = "abri1\x01";
    put_u64(nonce + 4, 77);
    memcpy(aad + 6, fixture_vault, SEAL_UID_BYTES);
    memcpy(aad + 6 + SEAL_UID_BYTES, d->id, SEAL_ID_BYTES);
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    int n = 0;
    assert_int_equal(EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, d->key->key, nonce), 1);
    assert_int_equal(EVP_EncryptUpdate(c, NULL, &n, aad, sizeof aad), 1);
    assert_int_equal(EVP_EncryptUpdate(c, d->sealed, &n, inner, (int)len), 1);
    assert_int_equal(EVP_EncryptFinal_ex(c, d->sealed + len, &n), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, 16, d->sealed + len), 1);
    EVP_CIPHER_CTX_free(c);
    return len + 16;
}

static void hostile_contents_are_refused(void **state)
{
    struct desk *d = *state;
    uint8_t inner[600] = {0};
    size_t z = ZSTD_compress(inner + 5, sizeof inner - 5,
                             "0123456789012345678901234567890123456789", 40, 3);
    assert_false(ZSTD_isError(z));
    const struct {
        uint8_t codec;
        uint32_t plain_len;
        size_t payload_len;
        int expected;
    } cases[] = {
        {1, 40, z, 0},
        {0, (uint32_t)z, z, 0},
        {0, (uint32_t)z + 1, z, -1}, /* stored, but longer than it is */
        {0, (uint32_t)z - 1, z, -1}, /* or shorter */
        {2, (uint32_t)z, z, -1},     /* unknown codec */
        {255, 40, z, -1},
        {1, 39, z, -1}, /* more than it says */
        {1, 41, z, -1}, /* less */
        {1, 0, z, -1},
        {1, 40, z - 1, -1}, /* cut short */
        {1, 40, z + 1, -1}, /* something behind it */
        {1, 40, 0, -1},
        {1, SEAL_PLAIN_MAX + 1, z, -1}, /* beyond all limits */
        {1, UINT32_MAX, z, -1},
        {0, UINT32_MAX, z, -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const uint8_t *back = NULL;
        size_t back_len = 0;
        struct err e = ERR_INIT;
        inner[0] = cases[i].codec;
        put_u32(inner + 1, cases[i].plain_len);
        size_t len = seal_inner(d, inner, 5 + cases[i].payload_len);
        /* No memory is asked for what is beyond the limit. */
        mem_fail_nth(cases[i].plain_len > SEAL_PLAIN_MAX);
        if (open_it(d, len, &back, &back_len, &e) != cases[i].expected)
            fail_msg("case %zu: expected %d", i, cases[i].expected);
        mem_fail_nth(0);
        if (cases[i].expected)
            assert_int_equal(e.cls, ERR_DAMAGED);
    }
}

static void openers_report_missing_memory(void **state)
{
    struct desk *d = *state;
    struct opener *o = NULL;
    struct sealer *s = NULL;
    struct err e = ERR_INIT;
    mem_fail_nth(1);
    assert_int_equal(opener_new(fixture_vault, &o, &e), -1);
    assert_int_equal(e.cls, ERR_NO_MEMORY);
    mem_fail_nth(1);
    assert_int_equal(sealer_new(d->key, fixture_vault, 1, &s, &e), -1);
    assert_int_equal(e.cls, ERR_NO_MEMORY);
    mem_fail_nth(0);
    assert_int_equal(opener_new(fixture_vault, &o, &e), 0);
    fill(d->plain, 5000, true);
    size_t len = seal_it(d, 1, 5000), back_len;
    const uint8_t *back;
    uint8_t *good = mem_dup(d->sealed, len);
    mem_fail_nth(1);
    assert_int_equal(
        opener_open(o, d->key, SEAL_DATA, d->id, 77, d->sealed, len, &back, &back_len, &e), -1);
    assert_int_equal(e.cls, ERR_NO_MEMORY);
    mem_fail_nth(0);
    assert_int_equal(opener_open(o, d->key, SEAL_DATA, d->id, 77, good, len, &back, &back_len, &e),
                     0);
    mem_free(good);
    opener_free(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sealed_comes_back),
        cmocka_unit_test(the_largest_chunk_comes_back),
        cmocka_unit_test(nonce_zero_is_never_used),
        cmocka_unit_test(no_bit_of_a_sealed_frame_can_change),
        cmocka_unit_test(cut_or_stretched_frames_are_refused),
        cmocka_unit_test(kind_name_number_vault_and_key_must_be_right),
        cmocka_unit_test(hostile_contents_are_refused),
        cmocka_unit_test(openers_report_missing_memory),
    };
    return cmocka_run_group_tests_name("seal/frame", tests, open_desk, close_desk);
}
