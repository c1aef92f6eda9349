/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 4648's vectors, and that nothing but the one text is read. */
#include "sign/note.h"
#include "sign/sign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void vectors_of_the_rfc(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"},
                                           {"\xfb\xff\xfe", "+//+"}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct buf text = {0}, bytes = {0};
        struct err e = ERR_INIT;
        base64_put(&text, pairs[i][0], strlen(pairs[i][0]));
        assert_int_equal(text.len, strlen(pairs[i][1]));
        if (text.len)
            assert_memory_equal(text.data, pairs[i][1], text.len);
        buf_put(&bytes, "x", 1);
        assert_int_equal(base64_get(pairs[i][1], strlen(pairs[i][1]), &bytes, &e), 0);
        assert_int_equal(bytes.len, 1 + strlen(pairs[i][0]));
        assert_memory_equal(bytes.data + 1, pairs[i][0], bytes.len - 1);
        buf_done(&text);
        buf_done(&bytes);
    }
}

static void other_texts_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "Z",     "Zg",   "Zg=",  "Zh==", "Zm9=", "Zg==Zg==", "Zg== ",  " Zg==",   "Zm9v\n",
        "Zm 9v", "====", "=Zg=", "Z===", "Zm9-", "Zm9_",     "Zm9vZg", "Zm9v===="};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct buf bytes = {0};
        struct err e = ERR_INIT;
        if (base64_get(bad[i], strlen(bad[i]), &bytes, &e) == 0)
            fail_msg("'%s' was read", bad[i]);
        assert_int_equal(e.cls, ERR_DAMAGED);
        assert_int_equal(bytes.len, 0);
        buf_done(&bytes);
    }
}

static int init(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    return sign_init(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(vectors_of_the_rfc),
                                       cmocka_unit_test(other_texts_are_refused)};
    return cmocka_run_group_tests(tests, init, NULL);
}
