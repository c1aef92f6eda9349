/* SPDX-License-Identifier: Apache-2.0 */
/* Notes of disks: what is read is written again and read as the same. */
#include "base/mem.h"
#include "fuzz.h"
#include "layout/layout.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    static struct layout_note n, again;
    struct err e = ERR_INIT;
    struct buf out = {0};
    memset(&n, 0, sizeof n);
    if (layout_note_decode(p, len, &n, &e)) {
        if (e.cls != ERR_DAMAGED && e.cls != ERR_NEWER)
            abort();
        return 0;
    }
    memset(&again, 0, sizeof again);
    if (layout_note_encode(&n, &out, &e) || out.len > len ||
        layout_note_decode(out.data, out.len, &again, &e) || memcmp(&n, &again, sizeof n) != 0)
        abort();
    buf_done(&out);
    return 0;
}
