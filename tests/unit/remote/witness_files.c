/* SPDX-License-Identifier: Apache-2.0 */
/* What a witness keeps: read back as it was, private where it must be, and never written over. */
#include "base/mem.h"
#include "base/file.h"
#include "remote/witness.h"
#include "scratch.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[4096];
static struct sign_key log_secret;
static struct note_key log_key = {.name = "abri.0123456789abcdef"};

static void path_of(const char *name, char out[5000])
{
    (void)snprintf(out, 5000, "%s/%s", dir, name);
}

static void the_key_is_made_once_and_private(void **state)
{
    struct sign_key first, again;
    struct buf text = {0}, same = {0};
    struct stat st;
    char path[5000];
    (void)state;
    assert_return_code(witness_key_prepare(dir, &first, &text, NULL), 0);
    path_of("witness.key", path);
    assert_int_equal(access(path, F_OK), -1); /* prepared, not kept */
    assert_return_code(witness_key_save(dir, &first, NULL), 0);
    assert_return_code(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_return_code(witness_key_prepare(dir, &again, &same, NULL), 0);
    assert_string_equal((char *)text.data, (char *)same.data);
    assert_memory_equal(first.secret, again.secret, sizeof first.secret);
    struct err e = ERR_INIT;
    assert_return_code(truncate(path, 31), 0);
    assert_int_equal(witness_key_prepare(dir, &again, &same, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    buf_done(&text);
    buf_done(&same);
}

static void what_was_seen_is_read_back_with_its_time(void **state)
{
    struct checkpoint c = {.origin = "abri.0123456789abcdef", .size = 3, .root = {7}};
    struct buf note = {0}, back = {0};
    struct sign_key mine;
    struct note_key me;
    struct sighting s;
    struct err e = ERR_INIT;
    (void)state;
    sign_key_new(&mine);
    witness_name(mine.public_key, &me);
    assert_int_equal(witness_kept(dir, &log_key, &me, &back, &s, &e), -1);
    assert_int_equal(e.cls, ERR_NOT_FOUND);
    assert_return_code(checkpoint_sign(&c, &log_secret, &note, NULL), 0);
    assert_return_code(checkpoint_cosign(note.data, note.len, me.name, &mine, 1700000000, &note, NULL), 0);
    assert_return_code(witness_keep(dir, &note, NULL), 0);
    assert_return_code(witness_kept(dir, &log_key, &me, &back, &s, NULL), 0);
    assert_int_equal(s.c.size, 3);
    assert_int_equal(s.time_s, 1700000000);
    assert_memory_equal(back.data, note.data, note.len);
    note.data[25] ^= 1;
    assert_return_code(witness_keep(dir, &note, NULL), 0);
    assert_int_equal(witness_kept(dir, &log_key, &me, &back, &s, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    buf_done(&note);
    buf_done(&back);
}

static void evidence_is_never_written_over(void **state)
{
    struct buf kept = {0}, text = {0};
    char path[IDENTITY_PATH_MAX], again[IDENTITY_PATH_MAX];
    (void)state;
    buf_put(&kept, "what was\n", 9);
    assert_return_code(witness_evidence(dir, "it lied", &kept, "answer", 6, path, NULL), 0);
    assert_return_code(file_slurp(AT_FDCWD, path, 4096, &text, NULL), 0);
    buf_put_u8(&text, 0);
    assert_non_null(strstr((char *)text.data, "it lied"));
    assert_non_null(strstr((char *)text.data, "what was\n"));
    assert_non_null(strstr((char *)text.data, "answer\n"));
    int fd = open(path, O_WRONLY | O_TRUNC);
    assert_return_code(fd, 0);
    assert_return_code(close(fd), 0);
    assert_return_code(witness_evidence(dir, "it lied", &kept, "answer", 6, again, NULL), 0);
    assert_string_equal(path, again);
    buf_reset(&text);
    assert_return_code(file_slurp(AT_FDCWD, path, 4096, &text, NULL), 0);
    assert_int_equal(text.len, 0);
    assert_return_code(witness_evidence(dir, "it lied", &kept, "answe2", 6, again, NULL), 0);
    assert_string_not_equal(path, again);
    buf_done(&kept);
    buf_done(&text);
}

static void of_two_at_once_one_looks(void **state)
{
    (void)state;
    int one = witness_lock(dir);
    assert_true(one >= 0);
    assert_int_equal(witness_lock(dir), -1);
    file_close(&one);
    one = witness_lock(dir);
    assert_true(one >= 0);
    file_close(&one);
}

static int begin(void **state)
{
    static const uint8_t seed[SIGN_SEED_BYTES] = {1};
    (void)state;
    if (sign_init(NULL))
        return -1;
    sign_key_from_seed(seed, &log_secret);
    memcpy(log_key.public_key, log_secret.public_key, SIGN_PUBLIC_BYTES);
    scratch_make(dir);
    return 0;
}

static int end(void **state)
{
    (void)state;
    scratch_remove(dir);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_key_is_made_once_and_private),
        cmocka_unit_test(what_was_seen_is_read_back_with_its_time),
        cmocka_unit_test(evidence_is_never_written_over),
        cmocka_unit_test(of_two_at_once_one_looks),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
