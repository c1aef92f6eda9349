/* SPDX-License-Identifier: Apache-2.0 */
/* Tree nodes, several levels of them: reading ends, in order, with every
 * directory before what it contains; also behind damage and after a seek. */
#include "base/mem.h"
#include "fuzz.h"
#include "fuzz_nodes.h"

#include <string.h>

struct last {
    char *path;
    size_t len;
};

static void check_order(struct last *last, const struct entry *en)
{
    if (!path_is_valid(en->path, en->path_len))
        abort();
    if (last->path && path_compare(last->path, last->len, en->path, en->path_len) >= 0)
        abort();
    mem_free(last->path);
    last->path = mem_dup(en->path, en->path_len);
    last->len = en->path_len;
}

/* Reads all that can be had; gives the number of entries, in *whole whether
 * nothing was wrong. */
static uint64_t read_all(struct tree_reader *t, bool *whole)
{
    struct last last = {0};
    struct entry en;
    uint64_t n = 0;
    *whole = true;
    for (int rc; (rc = tree_reader_next(t, &en, NULL)) != 0;) {
        if (rc > 0) {
            check_order(&last, &en);
            n++;
            continue;
        }
        *whole = false;
        if (!tree_reader_skip_damage(t))
            break;
    }
    mem_free(last.path);
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    struct nodes nodes;
    if (!nodes_split(&nodes, p, len))
        return 0;
    struct tree_ref ref = {.level = nodes.level, .entries = nodes.promised};
    struct tree_reader *t = NULL;
    bool whole;
    if (tree_reader_new(&ref, nodes_fetch, &nodes, &t, NULL))
        abort();
    if (read_all(t, &whole) != nodes.promised && whole)
        abort();
    /* To a place that the input names. */
    const char *path = (const char *)nodes.at[0];
    size_t path_len = nodes.len[0] < 40 ? nodes.len[0] : 40;
    if (tree_reader_seek(t, path, path_len, NULL) == 0)
        (void)read_all(t, &whole);
    tree_reader_free(t);
    return 0;
}
