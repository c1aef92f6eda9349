/* SPDX-License-Identifier: Apache-2.0 */
/* The content of one file, in order, every chunk checked against its name
 * before its bytes are given. */
#include "work/work_internal.h"

#include "base/mem.h"

#include <string.h>

#define ZEROS_BYTES ((size_t)1 << 16)

struct cat {
    work_bytes *take;
    void *arg;
    struct chunk_reader *chunks;
    struct list_reader *list;
    const struct progress *progress;
    uint8_t last_id[ID_BYTES]; /* of the chunk in `plain`: slices often share one */
    const uint8_t *plain;
    size_t plain_len;
};

static int give_zeros(struct cat *c, uint64_t len, struct err *e)
{
    static const uint8_t zeros[ZEROS_BYTES];
    for (; len > 0; len -= len < ZEROS_BYTES ? len : ZEROS_BYTES) {
        if (c->progress && progress_cancelled(c->progress))
            return err_set(e, ERR_CANCELLED, "interrupted");
        if (c->take(c->arg, zeros, len < ZEROS_BYTES ? (size_t)len : ZEROS_BYTES, e))
            return -1;
    }
    return 0;
}

static int give_item(struct cat *c, const struct item *it, struct err *e)
{
    if (it->kind == ITEM_HOLE)
        return give_zeros(c, it->len, e);
    if (!c->plain || memcmp(c->last_id, it->id, ID_BYTES) != 0) {
        c->plain = NULL;
        if (chunk_reader_get(c->chunks, SEAL_DATA, it->id, &c->plain, &c->plain_len, e))
            return -1;
        memcpy(c->last_id, it->id, ID_BYTES);
    }
    if (it->offset > c->plain_len || it->len > c->plain_len - it->offset)
        return err_set(e, ERR_DAMAGED, "its chunk is shorter than the snapshot says");
    return c->take(c->arg, c->plain + it->offset, (size_t)it->len, e);
}

/* The list has its own chunk reader: both keep what they read last. */
static int give_all(struct cat *c, struct access *a, const struct entry *en, struct err *e)
{
    struct chunk_reader *meta = NULL;
    struct item it;
    int rc = chunk_reader_new(a, true, &meta, e) || chunk_reader_new(a, true, &c->chunks, e) ||
                     list_reader_new(chunk_reader_fetch, meta, &c->list, e) ||
                     list_reader_begin(c->list, en, e)
                 ? -1
                 : 0;
    while (rc == 0 && (rc = list_reader_next(c->list, &it, e)) > 0) {
        rc = give_item(c, &it, e);
        if (rc == 0 && c->progress && progress_cancelled(c->progress))
            rc = err_set(e, ERR_CANCELLED, "interrupted");
    }
    list_reader_free(c->list);
    chunk_reader_free(c->chunks);
    chunk_reader_free(meta);
    return rc;
}

int work_cat(struct access *a, const struct tree_ref *tree, const char *path, work_bytes *take,
             void *arg, const struct progress *progress, struct err *e)
{
    struct cat c = {.take = take, .arg = arg, .progress = progress};
    CLEANUP_FREE struct entry *en = NULL;
    if (work_find_entry(a, tree, path, &en, e))
        return -1;
    if (en->type != ENTRY_FILE)
        return err_set(e, ERR_USAGE, "'/%s' is no file but a %s: `abri restore` writes it", path,
                       entry_type_name(en->type));
    return give_all(&c, a, en, e) ? err_wrap(e, "'/%s'", path) : 0;
}
