/* SPDX-License-Identifier: Apache-2.0 */
/* Condemnations as bytes. */
#include "vault/condemn_format.h"

#include "vault/object_head.h"

#include <string.h>

static const char magic[8] = "abri.CND";

void condemn_encode(struct buf *out, const struct condemnation *c, const uint8_t vault[UID_BYTES],
                    const struct sign_key *keeper)
{
    uint8_t signature[SIGN_BYTES];
    size_t from = out->len;
    object_head_put(out, magic);
    buf_put(out, vault, UID_BYTES);
    buf_put_u8(out, (uint8_t)c->stage);
    buf_put_u64(out, (uint64_t)c->made_ns);
    buf_put_u64(out, (uint64_t)c->until_ns);
    buf_put_varint(out, c->session_count);
    buf_put(out, c->sessions, (size_t)c->session_count * UID_BYTES);
    buf_put_varint(out, c->pack_count);
    buf_put(out, c->packs, (size_t)c->pack_count * ID_BYTES);
    if (out->failed)
        return; /* buf_check tells */
    sign_make(keeper, "condemned", out->data + from, out->len - from, signature);
    buf_put(out, signature, sizeof signature);
}

static int check_values(const struct condemnation *c, struct err *e)
{
    bool stage = c->stage >= CONDEMN_SAID && c->stage <= CONDEMN_DAMAGED;
    if (!stage || (c->stage != CONDEMN_SWEPT && c->until_ns) ||
        (c->stage != CONDEMN_WAITING && c->session_count))
        return err_set(e, ERR_DAMAGED, "condemnation: impossible values");
    return 0;
}

int condemn_decode(const uint8_t *p, size_t len, const uint8_t vault[UID_BYTES],
                   const uint8_t keeper_pk[SIGN_PUBLIC_BYTES], struct condemnation *out,
                   struct err *e)
{
    struct cursor c = cursor_of(p, len);
    struct condemnation n = {0};
    uint8_t of[UID_BYTES];
    if (object_head_check(&c, magic, "a condemnation", e))
        return -1;
    cursor_copy(&c, of, UID_BYTES);
    n.stage = (enum condemn_stage)cursor_u8(&c);
    n.made_ns = (int64_t)cursor_u64(&c);
    n.until_ns = (int64_t)cursor_u64(&c);
    n.session_count = (uint32_t)cursor_varint_max(&c, CONDEMN_SESSIONS_MAX);
    n.sessions = cursor_bytes(&c, (size_t)n.session_count * UID_BYTES);
    n.pack_count = (uint32_t)cursor_varint_max(&c, CONDEMN_PACKS_MAX);
    n.packs = cursor_bytes(&c, (size_t)n.pack_count * ID_BYTES);
    const uint8_t *signature = cursor_bytes(&c, SIGN_BYTES);
    if (cursor_check(&c, true, "condemnation", e))
        return -1;
    if (memcmp(of, vault, UID_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "condemnation: belongs to another vault");
    if (!sign_verify(keeper_pk, "condemned", p, len - SIGN_BYTES, signature))
        return err_set(e, ERR_DAMAGED, "condemnation: the keeper's signature does not match");
    if (check_values(&n, e))
        return -1;
    *out = n;
    return 0;
}
