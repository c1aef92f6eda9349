/* SPDX-License-Identifier: Apache-2.0 */
/* The entries of a leaf. What was accepted obeys the rules, and comes back when
 * it is encoded again. */
#include "content/content.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

/* Decodes until an error or the end; encodes what it got. */
static size_t pass(const uint8_t *p, size_t len, struct entry_encoder *c, struct buf *body)
{
    struct entry_decoder *d = NULL;
    struct cursor at = cursor_of(p, len);
    struct entry en;
    size_t n = 0;
    if (entry_decoder_new(&d, NULL))
        abort();
    if (entry_decoder_begin(d, &at, NULL) == 0)
        while (cursor_left(&at) && entry_decode(d, &at, &en, NULL) == 0) {
            if (!path_is_valid(en.path, en.path_len) || en.path[en.path_len] != '\0')
                abort();
            if (n && path_compare((const char *)c->last_path.data, c->last_path.len, en.path,
                                  en.path_len) >= 0)
                abort();
            if (entry_encode(c, &en, body, NULL))
                break;
            n++;
        }
    entry_decoder_free(d);
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    struct entry_encoder first, second;
    struct buf body = {0}, node = {0}, again = {0};
    if (entry_encoder_init(&first, NULL) || entry_encoder_init(&second, NULL))
        abort();
    size_t n = pass(p, len, &first, &body);
    owner_table_encode(first.owners, &node);
    buf_put(&node, body.data, body.len);
    if (pass(node.data, node.len, &second, &again) != n || again.len != body.len ||
        (again.len && memcmp(again.data, body.data, again.len) != 0))
        abort();
    entry_encoder_done(&first);
    entry_encoder_done(&second);
    buf_done(&body);
    buf_done(&node);
    buf_done(&again);
    return 0;
}
