/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshot records, whole: head, W, K, R. */
#include "base/mem.h"
#include "fuzz.h"
#include "vault/record_format.h"
#include "vault/record_read.h"
#include "vault/refset_format.h"

#include <stdlib.h>
#include <string.h>

static void copy_out(const struct record_w *w)
{
    struct record r = {.w = *w};
    struct snapshot s = {0};
    if (snapshot_of_record(&r, &s, NULL))
        return;
    struct snapshot_list list = {.items = mem_dup(&s, sizeof s), .count = 1};
    if (list.items)
        snapshot_list_done(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    struct record_head h;
    struct record_w w;
    struct record_k k;
    struct refset refs;
    if (record_head_decode(p, len, len, &h, NULL))
        return 0;
    const uint8_t *at = p + RECORD_HEAD_BYTES;
    if (record_w_decode(at, h.w_len, &w, NULL) == 0)
        copy_out(&w);
    at += h.w_len;
    if (record_k_decode(at, h.k_len, &k, NULL) != 0)
        abort(); /* the head promised its length */
    at += h.k_len;
    if (refset_decode(at, h.r_len, &refs, NULL) == 0)
        refset_done(&refs);
    return 0;
}
