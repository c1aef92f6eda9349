/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include "base/mem.h"

#include <sodium.h>

const uint8_t fixture_vault[SEAL_UID_BYTES] = {0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17,
                                               0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f};
const uint8_t fixture_id_key[SEAL_KEY_BYTES] = {
    0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x4b, 0x4c, 0x4d, 0x4e, 0x4f,
    0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x5b, 0x5c, 0x5d, 0x5e, 0x5f};

void fixture_run(uint8_t first, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(first + i);
}

struct vault_secrets *fixture_secrets(void)
{
    struct vault_secrets *s = seal_secrets_new();
    assert_non_null(s);
    memcpy(s->id_key, fixture_id_key, sizeof s->id_key);
    fixture_run(0x60, s->owner_seed, sizeof s->owner_seed);
    return s;
}

struct recovery_key *fixture_recovery(void)
{
    struct recovery_key *k = recovery_key_new();
    assert_non_null(k);
    fixture_run(0xc0, k->secret_key, sizeof k->secret_key);
    assert_int_equal(crypto_scalarmult_base(k->public_key, k->secret_key), 0);
    return k;
}

struct data_key *fixture_data_key(void)
{
    struct data_key *k = data_key_new();
    assert_non_null(k);
    fixture_run(0x20, k->session, sizeof k->session);
    fixture_run(0x80, k->key, sizeof k->key);
    return k;
}

struct writer_key *fixture_writer(void)
{
    struct writer_key *w = writer_key_new();
    uint8_t seed[SIGN_SEED_BYTES];
    assert_non_null(w);
    memcpy(w->vault_id, fixture_vault, sizeof w->vault_id);
    fixture_run(0x30, w->id, sizeof w->id);
    fixture_run(0xa0, seed, sizeof seed);
    sign_key_from_seed(seed, &w->sign);
    memcpy(w->id_key, fixture_id_key, sizeof w->id_key);
    fixture_owner(w->owner_pk);
    w->generation = 3;
    strcpy(w->machine, "host");
    return w;
}

void fixture_owner(uint8_t public_key_out[SIGN_PUBLIC_BYTES])
{
    struct vault_secrets *s = fixture_secrets();
    struct sign_key owner;
    sign_key_from_seed(s->owner_seed, &owner);
    memcpy(public_key_out, owner.public_key, SIGN_PUBLIC_BYTES);
    sign_key_done(&owner);
    seal_secrets_free(s);
}

struct recipients fixture_recipients(const struct recovery_key *k)
{
    struct recipients r = {.generation = 3, .count = 1};
    memcpy(r.public_keys[0], k->public_key, 32);
    return r;
}

static void must_fail(const uint8_t *p, size_t len, size_t at, enum err_class also,
                      fixture_open *open, void *arg)
{
    struct err e = ERR_INIT;
    if (open(arg, p, len, &e) == 0)
        fail_msg("accepted with byte %zu of %zu changed or missing", at, len);
    bool version = at >= 8 && at < 12;
    if (e.cls != ERR_DAMAGED && e.cls != also && !(version && e.cls == ERR_NEWER))
        fail_msg("byte %zu: class %s: %s", at, err_class_name(e.cls), e.msg);
}

static void must_be_newer(const struct buf *object, fixture_open *open, void *arg)
{
    struct err e = ERR_INIT;
    uint8_t *copy = mem_dup(object->data, object->len);
    assert_non_null(copy);
    put_u32(copy + 8, 1000);
    hash_bytes(copy, object->len - HASH_BYTES, copy + object->len - HASH_BYTES);
    assert_int_equal(open(arg, copy, object->len, &e), -1);
    assert_int_equal(e.cls, ERR_NEWER);
    assert_non_null(strstr(e.msg, "newer abri"));
    mem_free(copy);
}

void fixture_refuses_changes(const struct buf *object, enum err_class also, fixture_open *open,
                             void *arg)
{
    must_be_newer(object, open, arg);
    for (size_t i = 0; i < object->len; i++) {
        static const uint8_t changes[] = {0x01, 0x80, 0xff};
        /* Exactly as long as it is, so that reading behind the end is seen. */
        uint8_t *copy = mem_dup(object->data, object->len);
        assert_non_null(copy);
        for (size_t j = 0; j < sizeof changes; j++) {
            copy[i] = object->data[i] ^ changes[j];
            must_fail(copy, object->len, i, also, open, arg);
        }
        mem_free(copy);
        copy = mem_dup(object->data, i);
        assert_non_null(copy);
        must_fail(copy, i, i, also, open, arg);
        mem_free(copy);
    }
    uint8_t *longer = mem_alloc(object->len + 1);
    assert_non_null(longer);
    memcpy(longer, object->data, object->len);
    longer[object->len] = 0;
    must_fail(longer, object->len + 1, object->len, also, open, arg);
    mem_free(longer);
}

int fixture_setup(void **state)
{
    (void)state;
    return sign_init(NULL);
}
