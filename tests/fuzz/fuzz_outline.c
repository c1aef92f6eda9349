/* SPDX-License-Identifier: Apache-2.0 */
/* Outlines: whatever is handed on lies within the bytes, names end, and writing the same items again gives the same bytes. */
#include "base/mem.h"
#include "fuzz.h"
#include "wire/wire.h"

#include <stdlib.h>
#include <string.h>

static int list(void *arg, const char *dir, const uint8_t *lines, size_t len, struct err *e)
{
    struct buf text = {0};
    (void)e;
    buf_put(&text, lines, len);
    wire_outline_list(arg, dir, &text);
    buf_done(&text);
    return 0;
}

static int object(void *arg, const char *name, uint64_t object_len, const uint8_t *p, size_t len, struct err *e)
{
    (void)e;
    if (strlen(name) > WIRE_NAME_MAX || len > object_len || len > WIRE_OUTLINE_PIECE)
        abort();
    wire_outline_object(arg, name, object_len, p, len);
    return 0;
}

static int past(void *arg, const uint8_t *writer, uint64_t sequence, const uint8_t *snapshot, struct err *e)
{
    (void)e;
    wire_outline_past(arg, writer, sequence, snapshot);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    struct buf again = {0};
    const struct wire_outline_sink sink = {list, object, past, &again};
    struct err e = ERR_INIT;
    wire_outline_begin(&again);
    if (wire_outline_take(p, len, &sink, &e) == 0) {
        wire_outline_end(&again);
        if (again.len != len || memcmp(again.data, p, len) != 0)
            abort();
    } else if (e.cls != ERR_DAMAGED && e.cls != ERR_NEWER) {
        abort();
    }
    buf_done(&again);
    return 0;
}
