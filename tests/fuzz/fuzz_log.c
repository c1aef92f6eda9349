/* SPDX-License-Identifier: Apache-2.0 */
/* What a log reads from disk and from those who ask: journals, bundles of entries, paths of tiles.
 */
#include "fuzz.h"
#include "tlog/tlog_internal.h"

#include <stdlib.h>
#include <string.h>

static void check_path(const uint8_t *p, size_t len)
{
    char *text = mem_zalloc(len + 1), again[TLOG_PATH_BYTES];
    unsigned level, width;
    uint64_t n;
    memcpy(text, p, len);
    if (tile_path_parse(text, &level, &n, &width) && level <= TILE_ENTRIES) {
        tile_path(level, n, width, again);
        if (strcmp(text, again) != 0)
            abort();
    }
    mem_free(text);
}

static void check_bundle(const uint8_t *p, size_t len)
{
    struct cursor c = cursor_of(p, len);
    size_t sum = 0, one = 0;
    const uint8_t *entry;
    while ((entry = bundle_next(&c, &one))) {
        sum += 2 + one;
        if (one > TLOG_ENTRY_MAX || entry < p || entry + one > p + len)
            abort();
    }
    if (sum > len)
        abort();
}

static void check_journal(const uint8_t *p, size_t len)
{
    struct buf b = {0}, again = {0};
    struct journal_record r;
    enum journal_state state = JOURNAL_END;
    struct err e = ERR_INIT;
    uint64_t base;
    buf_put(&b, p, len);
    if (journal_head(&b, &base, &e) == 0)
        journal_put_head(&again, base);
    size_t at = again.len;
    while (again.len && journal_next(&b, &at, &r, &state, &e) == 0 && state == JOURNAL_RECORD) {
        check_bundle(r.entries, r.entries_len);
        journal_put(&again, &r);
        /* One text for each record. */
        if (again.len != at || memcmp(again.data, b.data, at) != 0)
            abort();
    }
    if (at > len)
        abort();
    buf_done(&again);
    buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    check_path(p, len);
    check_bundle(p, len);
    if (len)
        check_journal(p, len);
    return 0;
}
