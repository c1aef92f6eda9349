/* SPDX-License-Identifier: Apache-2.0 */
/* Which snapshots need packs that are lost or damaged: what damage means to people. */
#include "base/mem.h"
#include "vault/vault_internal.h"

#include <stdlib.h>
#include <string.h>

static int by_id(const void *a, const void *b)
{
    return memcmp(a, b, ID_BYTES);
}

static uint32_t frames_of(const struct refset_pack *p)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->frame_count; i++)
        n += p->bits[i / 8] >> i % 8 & 1;
    return n;
}

static uint64_t frames_needed(const struct refset *refs, const uint8_t *packs, size_t count)
{
    uint64_t n = 0;
    for (size_t i = 0; i < refs->count; i++)
        if (bsearch(refs->packs[i].pack, packs, count, ID_BYTES, by_id))
            n += frames_of(&refs->packs[i]);
    return n;
}

int vault_needed_by(struct vault *v, const uint8_t *packs, size_t count, vault_needs *each, void *arg,
                    struct err *e)
{
    struct snapshot_list all = {0};
    CLEANUP_FREE uint8_t *sorted = mem_dup(packs, count * ID_BYTES);
    if (!count)
        return 0;
    if (!sorted)
        return err_no_memory(e, "a list of packs");
    qsort(sorted, count, ID_BYTES, by_id);
    if (vault_snapshots_all(v, &all, NULL, NULL, e))
        return -1;
    for (size_t i = 0; i < all.count; i++) {
        struct refset refs = {0};
        if (vault_snapshot_refs(v, &all.items[i], &refs, NULL))
            continue; /* a record that is damaged itself is named by itself */
        uint64_t frames = frames_needed(&refs, sorted, count);
        refset_done(&refs);
        if (frames)
            each(arg, &all.items[i], frames);
    }
    snapshot_list_done(&all);
    return 0;
}
