/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions and their writers, looked up by whoever takes frames from elsewhere. */
#include "vault/session_owners.h"

#include "base/mem.h"
#include "vault/pack_format.h"

#include <stdlib.h>
#include <string.h>

#define PAIR_BYTES (2 * (size_t)UID_BYTES)

struct loading {
    struct vault *v;
    struct buf *pairs;
};

void session_owners_done(struct session_owners *o)
{
    buf_done(&o->pairs);
}

static int take(void *arg, const char *name, struct err *e)
{
    const struct loading *l = arg;
    uint8_t pair[2 * UID_BYTES];
    struct err why = ERR_INIT;
    if (!hex_decode(name, 2 * (size_t)UID_BYTES, pair, UID_BYTES))
        return 0;
    if (vault_session_writer(l->v, pair, pair + UID_BYTES, &why))
        return why.cls == ERR_NO_MEMORY ? err_give(e, &why) : 0;
    buf_put(l->pairs, pair, sizeof pair);
    return buf_check(l->pairs, "the list of sessions", e);
}

static int by_session(const void *a, const void *b)
{
    return memcmp(a, b, UID_BYTES);
}

int session_owners_load(struct vault *v, struct session_owners *out, struct err *e)
{
    struct buf pairs = {.max = (size_t)1 << 30};
    struct loading l = {v, &pairs};
    if (vault_list(v, VAULT_SESSION, take, &l, e) || vault_list(v, VAULT_RESEALED, take, &l, e)) {
        buf_done(&pairs);
        return -1;
    }
    if (pairs.len)
        qsort(pairs.data, pairs.len / PAIR_BYTES, PAIR_BYTES, by_session);
    out->pairs = pairs;
    return 0;
}

int session_owners_check(const struct session_owners *o, const uint8_t *frame,
                         const uint8_t writer[UID_BYTES], struct err *e)
{
    struct frame f;
    uint32_t len;
    if (frame_header_decode(frame, FRAME_HEADER_BYTES, &f, &len, e))
        return -1;
    const uint8_t *pair = o->pairs.len ? bsearch(f.session, o->pairs.data,
                                                 o->pairs.len / PAIR_BYTES, PAIR_BYTES, by_session)
                                       : NULL;
    if (!pair)
        return err_set(e, ERR_DAMAGED, "the key of the session that sealed a frame is missing");
    if (memcmp(pair + UID_BYTES, writer, UID_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "a frame was sealed by another writer than the pack names");
    return 0;
}
