/* SPDX-License-Identifier: Apache-2.0 */
/* Content lists, several levels of them: reading ends, and if nothing was wrong
 * the lengths add up to the size of the file. */
#include "fuzz.h"
#include "fuzz_nodes.h"

#include <string.h>

/* A list may rightly repeat a short item very often. */
#define ITEMS_ENOUGH 100000

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    struct nodes nodes;
    if (!nodes_split(&nodes, p, len))
        return 0;
    struct entry en = {
        .type = ENTRY_FILE, .size = nodes.promised, .has_list = true, .list_level = nodes.level};
    struct list_reader *r = NULL;
    struct item it;
    uint64_t size = 0;
    int rc, n = 0;
    if (list_reader_new(nodes_fetch, &nodes, &r, NULL))
        abort();
    rc = list_reader_begin(r, &en, NULL);
    if (rc == 0)
        while ((rc = list_reader_next(r, &it, NULL)) > 0 && n++ < ITEMS_ENOUGH) {
            size += it.len;
            if (it.len == 0 || size > en.size)
                abort();
            if (it.kind != ITEM_HOLE && it.offset + it.len > SEAL_PLAIN_MAX)
                abort();
        }
    if (rc == 0 && size != en.size)
        abort();
    for (uint64_t off = en.size; rc == 0 && off > 0; off /= 3) { /* what reads whole is found from any byte */
        uint64_t start, end;
        if (list_reader_seek(r, off - 1, &start, &end, NULL) || start > off - 1 || end < off ||
            list_reader_next(r, &it, NULL) != 1)
            abort();
    }
    if (rc < 0) {
        uint64_t start, end;
        (void)!list_reader_seek(r, en.size / 2, &start, &end, NULL);
    }
    list_reader_free(r);
    return 0;
}
