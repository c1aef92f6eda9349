/* SPDX-License-Identifier: Apache-2.0 */
/* Proofs as text: read as they were written, small, and refused with any byte changed. */
#include "base/clock.h"
#include "base/mem.h"
#include "sign/proof.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const char entry[] = "{\"kind\":\"snapshot\",\"v\":1}";
static struct sign_key key, witness;
static struct note_key log_key = {.name = "abri.0123456789abcdef"}, witness_key = {.name = "witness.0123456789abcdef"};

/* The first of 2^depth entries, whose siblings are invented. */
static struct log_proof make(size_t depth, bool extra)
{
    struct log_proof p = {.count = depth};
    struct checkpoint c = {.origin = "abri.0123456789abcdef", .size = UINT64_C(1) << depth};
    merkle_leaf(entry, sizeof entry - 1, c.root);
    for (size_t i = 0; i < depth; i++) {
        memset(p.hashes[i], (int)i + 1, MERKLE_BYTES);
        merkle_node(c.root, p.hashes[i], c.root);
    }
    assert_return_code(checkpoint_sign(&c, &key, &p.note, NULL), 0);
    assert_return_code(checkpoint_cosign(p.note.data, p.note.len, witness_key.name, &witness, 1700000000, &p.note, NULL), 0);
    if (extra)
        buf_put(&p.extra, entry, sizeof entry - 1);
    return p;
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    for (size_t depth = 0; depth < 40; depth++)
        for (int extra = 0; extra < 2; extra++) {
            struct log_proof p = make(depth, extra), q;
            struct buf text = {0}, again = {0};
            struct checkpoint c;
            assert_return_code(log_proof_put(&p, &text, NULL), 0);
            assert_return_code(log_proof_take(text.data, text.len, &q, NULL), 0);
            assert_return_code(log_proof_put(&q, &again, NULL), 0);
            assert_int_equal(text.len, again.len);
            assert_memory_equal(text.data, again.data, text.len);
            assert_return_code(log_proof_verify(&q, entry, sizeof entry - 1, &log_key, &c, NULL), 0);
            assert_int_equal(c.size, UINT64_C(1) << depth);
            if (!extra && depth <= 30) /* a thousand million entries */
                assert_true(text.len <= 2048);
            log_proof_done(&p);
            log_proof_done(&q);
            buf_done(&text);
            buf_done(&again);
        }
}

/* As `abri log verify` does with the witness's key. */
static bool holds(const uint8_t *text, size_t len)
{
    struct log_proof p;
    struct checkpoint c;
    struct err e = ERR_INIT;
    uint64_t time_s = 0;
    if (log_proof_take(text, len, &p, &e)) {
        assert_int_equal(e.cls, ERR_DAMAGED);
        return false;
    }
    bool good = p.extra.len == sizeof entry - 1 && memcmp(p.extra.data, entry, sizeof entry - 1) == 0 &&
                log_proof_verify(&p, p.extra.data, p.extra.len, &log_key, &c, &e) == 0 &&
                checkpoint_cosigned(p.note.data, p.note.len, &witness_key, &time_s);
    log_proof_done(&p);
    return good;
}

static void every_changed_byte_is_refused(void **state)
{
    struct log_proof p = make(7, true);
    struct buf text = {0};
    (void)state;
    assert_return_code(log_proof_put(&p, &text, NULL), 0);
    assert_true(holds(text.data, text.len));
    for (size_t i = 0; i < text.len; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            text.data[i] ^= (uint8_t)(1U << bit);
            if (holds(text.data, text.len))
                fail_msg("byte %zu, bit %u", i, bit);
            text.data[i] ^= (uint8_t)(1U << bit);
        }
        assert_false(holds(text.data, i));
    }
    buf_put_u8(&text, '\n');
    assert_false(holds(text.data, text.len));
    buf_done(&text);
    log_proof_done(&p);
}

static void what_is_too_much_is_refused(void **state)
{
    struct log_proof p = make(3, false), q;
    struct buf text = {0};
    struct err e = ERR_INIT;
    (void)state;
    buf_put(&text, "c2sp.org/tlog-proof@v1\nindex 0\n", 31);
    for (int i = 0; i <= MERKLE_PROOF_MAX; i++)
        buf_put(&text, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", 45);
    buf_put_u8(&text, '\n');
    buf_put(&text, p.note.data, p.note.len);
    assert_int_equal(log_proof_take(text.data, text.len, &q, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    static const char *const heads[] = {"index 00\n", "index 9223372036854775808\n", "index \n", "index -1\n", "extra \nindex 0\n",
                                        "extra AAA\nindex 0\n", "index 0\nextra AAAA\n", "extra AAAA\nextra AAAA\nindex 0\n"};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        buf_reset(&text);
        buf_put(&text, "c2sp.org/tlog-proof@v1\n", 23);
        buf_put(&text, heads[i], strlen(heads[i]));
        buf_put_u8(&text, '\n');
        buf_put(&text, p.note.data, p.note.len);
        if (log_proof_take(text.data, text.len, &q, &e) == 0)
            fail_msg("taken: %s", heads[i]);
    }
    uint8_t *huge = mem_zalloc(LOG_PROOF_MAX + 1);
    assert_int_equal(log_proof_take(huge, LOG_PROOF_MAX + 1, &q, &e), -1);
    mem_free(huge);
    buf_done(&text);
    log_proof_done(&p);
}

static int begin(void **state)
{
    static const uint8_t a[SIGN_SEED_BYTES] = {1}, b[SIGN_SEED_BYTES] = {2};
    (void)state;
    if (sign_init(NULL))
        return -1;
    sign_key_from_seed(a, &key);
    sign_key_from_seed(b, &witness);
    memcpy(log_key.public_key, key.public_key, SIGN_PUBLIC_BYTES);
    memcpy(witness_key.public_key, witness.public_key, SIGN_PUBLIC_BYTES);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(every_changed_byte_is_refused),
        cmocka_unit_test(what_is_too_much_is_refused),
    };
    return cmocka_run_group_tests(tests, begin, NULL);
}
