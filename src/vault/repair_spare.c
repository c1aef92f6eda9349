/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spares: packs that lie under other packs' names, for as long as it takes to give
 * them back their own. `spare/<pack id>` holds a whole, sound copy.
 *
 * H9 A spare is durable before anything is written over what it was copied from, and
 *    goes only when its pack is durable in its own place. So a repair that is cut off
 *    in between loses nothing: the next one begins with the spares.
 */
#include "vault/repair_internal.h"

#include "base/mem.h"
#include "vault/parity.h"

#include <stdio.h>
#include <string.h>

#define SPARE_NAME_BYTES (6 + 2 * ID_BYTES + 1)

static void spare_name(const uint8_t id[ID_BYTES], char out[SPARE_NAME_BYTES])
{
    memcpy(out, "spare/", 6);
    hex_encode(id, ID_BYTES, out + 6);
}

int spare_put(struct vault *v, const uint8_t id[ID_BYTES], const struct buf *b, struct err *e)
{
    char name[SPARE_NAME_BYTES];
    spare_name(id, name);
    return repair_replace(v, name, b, e);
}

int spare_get(struct vault *v, const uint8_t id[ID_BYTES], struct buf *out, struct err *e)
{
    char name[SPARE_NAME_BYTES];
    uint8_t found[ID_BYTES];
    spare_name(id, name);
    out->max = PARITY_PACK_MAX + 1;
    if (object_read(v->store, name, PARITY_PACK_MAX, out, e) ||
        pack_verify(v, out->data, out->len, found, e))
        return -1;
    if (memcmp(found, id, ID_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "%s: holds another pack", name);
    return 0;
}

void spare_drop(struct vault *v, const uint8_t id[ID_BYTES])
{
    char name[SPARE_NAME_BYTES];
    spare_name(id, name);
    (void)!store_remove(v->store, name, NULL);
    (void)!store_sync(v->store, "spare", NULL);
}

static int list_spare(void *arg, const char *name, uint64_t len_bytes, struct err *e)
{
    struct buf *ids = arg;
    uint8_t id[ID_BYTES];
    (void)len_bytes;
    if (strlen(name) == SPARE_NAME_BYTES - 1 &&
        hex_decode(name + 6, 2 * (size_t)ID_BYTES, id, ID_BYTES))
        buf_put(ids, id, ID_BYTES);
    return buf_check(ids, "spare packs", e);
}

int spare_list(struct vault *v, struct buf *ids, struct err *e)
{
    return store_list(v->store, "spare", list_spare, ids, e);
}
