/* SPDX-License-Identifier: Apache-2.0 */
/* Events: what is read whole is written as the very same bytes; the rest of what is read, as an event that is. */
#include "base/mem.h"
#include "fuzz.h"
#include "server/event.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    struct event ev = {.count = 77}, again;
    struct err e = ERR_INIT;
    CLEANUP(buf_done) struct buf b = {0}, twice = {0};
    if (event_decode(p, len, &ev, &e)) {
        if (ev.count != 77 || (e.cls != ERR_DAMAGED && e.cls != ERR_NEWER))
            abort();
        return 0;
    }
    if (ev.kind == EVENT_UNSET) { /* a newer server's */
        if (ev.time_ns <= 0 || ev.name || ev.count)
            abort();
    } else {
        if (event_encode(&ev, &b, &e) || b.len > len || (b.len == len && memcmp(b.data, p, len) != 0))
            abort();
        if (event_decode(b.data, b.len, &again, &e) || event_encode(&again, &twice, &e) ||
            twice.len != b.len || memcmp(twice.data, b.data, b.len) != 0)
            abort();
        event_done(&again);
    }
    event_done(&ev);
    return 0;
}
