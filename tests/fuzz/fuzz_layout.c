/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks: the first byte says how large the disk is and where the rest of the input lies on it (its
 * end is that of the disk for odd ones). Parts lie within, texts can be shown, reading stays within
 * its bounds, and what was found comes back from a note.
 */
#include "base/mem.h"
#include "base/utf8.h"
#include "fuzz.h"
#include "layout/layout.h"

#include <stdlib.h>
#include <string.h>

struct disk {
    const uint8_t *p;
    uint64_t len, at, size, read;
};

static int take(void *arg, uint64_t off, void *out, size_t len, struct err *e)
{
    struct disk *d = arg;
    (void)e;
    d->read += len;
    if (off > d->size || len > d->size - off || d->read > LAYOUT_READ_MAX)
        abort();
    memset(out, 0, len);
    uint64_t from = off > d->at ? off : d->at;
    uint64_t to = off + len < d->at + d->len ? off + len : d->at + d->len;
    if (from < to)
        memcpy((uint8_t *)out + (from - off), d->p + (from - d->at), (size_t)(to - from));
    return 0;
}

static void check(const struct disk *d, const struct layout *l)
{
    if (l->part_count > LAYOUT_PARTS_MAX)
        abort();
    for (size_t i = 0; i < l->part_count; i++) {
        const struct layout_part *p = &l->parts[i];
        const char *const texts[] = {p->type, p->name, p->content, p->label, p->id};
        if (p->start > d->size || p->bytes > d->size - p->start)
            abort();
        for (size_t k = 0; k < 5; k++)
            if (!utf8_is_clean(texts[k], strlen(texts[k])))
                abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    static struct layout_note n, again;
    struct err e = ERR_INIT;
    struct buf out = {0}, second = {0};
    if (len < 1)
        return 0;
    static const uint64_t sizes[] = {0, 1 << 20, UINT64_C(1) << 40, INT64_MAX};
    struct disk d = {.p = p + 1, .len = len - 1, .size = sizes[p[0] >> 1 & 3]};
    if (d.size < d.len)
        d.size = d.len;
    if (p[0] & 1)
        d.at = d.size - d.len;
    memset(&n, 0, sizeof n);
    if (layout_probe(d.size, take, &d, &n.layout, &e))
        abort();
    check(&d, &n.layout);
    if (layout_note_encode(&n, &out, &e) || layout_note_decode(out.data, out.len, &again, &e))
        abort();
    if (layout_note_encode(&again, &second, &e) || out.len != second.len ||
        memcmp(out.data, second.data, out.len) != 0)
        abort();
    buf_done(&out);
    buf_done(&second);
    return 0;
}
