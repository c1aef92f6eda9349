/* SPDX-License-Identifier: Apache-2.0 */
/* Roots. What was accepted comes back when it is encoded again. */
#include "base/mem.h"
#include "content/content.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    struct root *root = NULL, *again = NULL;
    struct buf a = {0}, b = {0};
    if (root_decode(p, len, &root, NULL))
        return 0;
    if (root_encode(root, &a, NULL) || root_decode(a.data, a.len, &again, NULL) ||
        root_encode(again, &b, NULL))
        abort();
    if (a.len != b.len || memcmp(a.data, b.data, a.len) != 0)
        abort();
    mem_free(root);
    mem_free(again);
    buf_done(&a);
    buf_done(&b);
    return 0;
}
