/* SPDX-License-Identifier: Apache-2.0 */
#include "raw.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

void put_raw(struct buf *b, const struct raw *r)
{
    size_t len = r->suffix_len ? r->suffix_len : strlen(r->suffix);
    buf_put_varint(b, r->shared);
    buf_put_blob(b, r->suffix, len);
    buf_put_u8(b, r->type);
    buf_put_varint(b, r->flags);
    buf_put_varint(b, r->mode);
    buf_put_varint(b, r->owner);
    buf_put_zigzag(b, -5);
    buf_put_varint(b, r->nanoseconds);
    if (r->type == ENTRY_FILE)
        buf_put_varint(b, r->size);
    if (r->tail)
        buf_put(b, r->tail->data, r->tail->len);
}

int decode_leaf(const struct buf *b, size_t count, struct err *e)
{
    struct entry_decoder *d = NULL;
    struct entry en;
    uint8_t *copy = mem_dup(b->data, b->len);
    struct cursor c = cursor_of(copy, b->len);
    assert_int_equal(entry_decoder_new(&d, NULL), 0);
    int rc = entry_decoder_begin(d, &c, e);
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = entry_decode(d, &c, &en, e);
    if (rc == 0)
        rc = cursor_check(&c, true, "leaf", e);
    entry_decoder_free(d);
    mem_free(copy);
    return rc;
}

int decode_raw(const struct raw *first, const struct raw *second, struct err *e)
{
    struct buf b = {0};
    static const uint8_t owners[] = {1, 0, 0, 0, 0};
    buf_put(&b, owners, sizeof owners);
    put_raw(&b, first);
    if (second)
        put_raw(&b, second);
    int rc = decode_leaf(&b, second ? 2 : 1, e);
    buf_done(&b);
    return rc;
}

void accepts2(const struct raw *first, const struct raw *second)
{
    struct err e = ERR_INIT;
    if (decode_raw(first, second, &e))
        fail_msg("'%s' refused: %s", first->suffix, e.msg);
}

void refuses2(const struct raw *first, const struct raw *second)
{
    struct err e = ERR_INIT;
    assert_int_equal(decode_raw(first, second, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    assert_true(strlen(e.msg) > 0);
}

void accepts(struct raw r)
{
    accepts2(&r, NULL);
}

void refuses(struct raw r)
{
    refuses2(&r, NULL);
}
