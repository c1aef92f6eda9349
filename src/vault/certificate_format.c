/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates, session envelopes, recipient lists, wrapped keys: what a
 * keeper can verify of them. Opens nothing. */
#include "vault/certificate_format.h"

#include "vault/object_head.h"

#include <string.h>

#define RECIPIENTS_MAX     64u
#define RECIPIENT_BYTES    (32u + 112u)
#define ENVELOPE_BOX_BYTES (32u + 80u)
#define RETIRED_MAX        64u
#define RETIRED_BOX_BYTES  80u
#define MACHINE_MAX        255u
#define LABEL_MAX          255u
#define CERTIFICATE_FORMAT 2u
#define RECIPIENTS_FORMAT  2u
#define KEY_FORMAT         2u

int certificate_decode(const uint8_t *p, size_t len, const uint8_t owner_pk[SIGN_PUBLIC_BYTES],
                       struct certificate *out, struct err *e)
{
    struct cursor c = cursor_of(p, len);
    struct certificate t = {0};
    uint32_t version;
    if (object_head_versions(&c, "abri.WRT", CERTIFICATE_FORMAT, &version,
                             "a writer's certificate", e))
        return -1;
    cursor_copy(&c, t.vault, UID_BYTES);
    cursor_copy(&c, t.writer, UID_BYTES);
    cursor_copy(&c, t.public_key, SIGN_PUBLIC_BYTES);
    t.enrolled_ns = (int64_t)cursor_u64(&c);
    t.machine = cursor_blob(&c, MACHINE_MAX, &t.machine_len);
    t.has_predecessor = version >= 2;
    if (t.has_predecessor)
        cursor_copy(&c, t.predecessor, UID_BYTES);
    const uint8_t *signature = cursor_bytes(&c, SIGN_BYTES);
    if (cursor_check(&c, true, "certificate", e))
        return -1;
    if (!sign_verify(owner_pk, "writer", p, len - SIGN_BYTES, signature))
        return err_set(e, ERR_DAMAGED, "certificate: the owner's signature does not match");
    *out = t;
    return 0;
}

int envelope_decode(const uint8_t *p, size_t len, struct envelope *out, struct err *e)
{
    struct cursor c = cursor_of(p, len);
    struct envelope n = {.signed_bytes = p};
    if (object_head_check(&c, "abri.SES", "a session", e))
        return -1;
    cursor_copy(&c, n.vault, UID_BYTES);
    cursor_copy(&c, n.session, UID_BYTES);
    cursor_copy(&c, n.writer, UID_BYTES);
    (void)cursor_bytes(&c, HASH_BYTES); /* commitment */
    uint32_t count = cursor_u32(&c);
    if (count < 1 || count > RECIPIENTS_MAX)
        return err_set(e, ERR_DAMAGED, "session: %u recipients", count);
    (void)cursor_bytes(&c, (size_t)count * ENVELOPE_BOX_BYTES);
    n.signature = cursor_bytes(&c, SIGN_BYTES);
    if (cursor_check(&c, true, "session", e))
        return -1;
    n.signed_len = len - SIGN_BYTES;
    *out = n;
    return 0;
}

bool envelope_is_signed(const struct envelope *n, const uint8_t writer_pk[SIGN_PUBLIC_BYTES])
{
    return sign_verify(writer_pk, "session", n->signed_bytes, n->signed_len, n->signature);
}

int resealed_decode(const uint8_t *p, size_t len, const uint8_t owner_pk[SIGN_PUBLIC_BYTES],
                    struct resealed_session *out, struct err *e)
{
    struct cursor c = cursor_of(p, len);
    struct resealed_session s = {0};
    if (object_head_check(&c, "abri.RES", "a re-sealed session", e))
        return -1;
    cursor_copy(&c, s.vault, UID_BYTES);
    cursor_copy(&c, s.session, UID_BYTES);
    cursor_copy(&c, s.writer, UID_BYTES);
    s.generation = cursor_u64(&c);
    (void)cursor_bytes(&c, HASH_BYTES); /* commitment */
    uint32_t count = cursor_u32(&c);
    if (count < 1 || count > RECIPIENTS_MAX)
        return err_set(e, ERR_DAMAGED, "re-sealed session: %u recipients", count);
    (void)cursor_bytes(&c, (size_t)count * ENVELOPE_BOX_BYTES);
    const uint8_t *signature = cursor_bytes(&c, SIGN_BYTES);
    if (cursor_check(&c, true, "re-sealed session", e))
        return -1;
    if (!sign_verify(owner_pk, "resealed", p, len - SIGN_BYTES, signature))
        return err_set(e, ERR_DAMAGED, "re-sealed session: the owner's signature does not match");
    *out = s;
    return 0;
}

int revocation_decode(const uint8_t *p, size_t len, const uint8_t owner_pk[SIGN_PUBLIC_BYTES],
                      struct revocation *out, struct err *e)
{
    struct cursor c = cursor_of(p, len);
    struct revocation r = {0};
    if (object_head_check(&c, "abri.RVK", "a revocation", e))
        return -1;
    cursor_copy(&c, r.vault, UID_BYTES);
    cursor_copy(&c, r.writer, UID_BYTES);
    r.last = cursor_u64(&c);
    r.made_ns = (int64_t)cursor_u64(&c);
    const uint8_t *signature = cursor_bytes(&c, SIGN_BYTES);
    if (cursor_check(&c, true, "revocation", e))
        return -1;
    if (!sign_verify(owner_pk, "revoked", p, len - SIGN_BYTES, signature))
        return err_set(e, ERR_DAMAGED, "revocation: the owner's signature does not match");
    *out = r;
    return 0;
}

int recipients_verify(const uint8_t *p, size_t len, const uint8_t vault[UID_BYTES],
                      uint64_t generation, const uint8_t owner_pk[SIGN_PUBLIC_BYTES], struct err *e)
{
    struct cursor c = cursor_of(p, len);
    uint8_t id[UID_BYTES];
    uint32_t version, retired = 0;
    if (object_head_versions(&c, "abri.RCP", RECIPIENTS_FORMAT, &version, "a list of recipients", e))
        return -1;
    cursor_copy(&c, id, UID_BYTES);
    uint64_t said = cursor_u64(&c);
    uint32_t count = cursor_u32(&c);
    if (count < 1 || count > RECIPIENTS_MAX)
        return err_set(e, ERR_DAMAGED, "recipients: %u of them", count);
    (void)cursor_bytes(&c, (size_t)count * RECIPIENT_BYTES);
    if (version >= 2 && ((retired = cursor_u32(&c)) < 1 || retired > RETIRED_MAX))
        return err_set(e, ERR_DAMAGED, "recipients: %u retired keys", retired);
    (void)cursor_bytes(&c, retired * (32u + (size_t)count * RETIRED_BOX_BYTES));
    const uint8_t *signature = cursor_bytes(&c, SIGN_BYTES);
    if (cursor_check(&c, true, "recipients", e))
        return -1;
    if (memcmp(id, vault, UID_BYTES) != 0 || said != generation)
        return err_set(e, ERR_DAMAGED, "recipients: of another vault or generation");
    if (!sign_verify(owner_pk, "recipients", p, len - SIGN_BYTES, signature))
        return err_set(e, ERR_DAMAGED, "recipients: the owner's signature does not match");
    return 0;
}

bool recipients_name(const uint8_t *p, size_t len, const uint8_t key[RECOVERY_PUBLIC_BYTES])
{
    struct cursor c = cursor_of(p, len);
    (void)cursor_bytes(&c, OBJECT_HEAD_BYTES + UID_BYTES + 8);
    uint32_t count = cursor_u32(&c);
    for (uint32_t i = 0; i < count && i < RECIPIENTS_MAX; i++) {
        const uint8_t *one = cursor_bytes(&c, RECIPIENT_BYTES);
        if (one && memcmp(one, key, RECOVERY_PUBLIC_BYTES) == 0)
            return true;
    }
    return false;
}

const uint8_t *key_wrapped(const uint8_t *p)
{
    return p + OBJECT_HEAD_BYTES + UID_BYTES + 1 + 4 + 4 + 16;
}

int key_verify(const uint8_t *p, size_t len, const uint8_t vault[UID_BYTES], struct err *e)
{
    struct cursor c = cursor_of(p, len);
    uint8_t id[UID_BYTES], again[HASH_BYTES];
    uint32_t version;
    size_t label;
    if (object_head_versions(&c, "abri.KEY", KEY_FORMAT, &version, "a recovery key", e))
        return -1;
    cursor_copy(&c, id, UID_BYTES);
    (void)cursor_bytes(&c, 1 + 4 + 4 + 16 + 32);
    if (version >= 2) {
        (void)cursor_u64(&c);
        (void)cursor_blob(&c, LABEL_MAX, &label);
    }
    (void)cursor_bytes(&c, 48);
    const uint8_t *hash = cursor_bytes(&c, HASH_BYTES);
    if (cursor_check(&c, true, "key", e))
        return -1;
    hash_bytes(p, len - HASH_BYTES, again);
    if (memcmp(hash, again, HASH_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "key: the hash does not match");
    if (memcmp(id, vault, UID_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "key: of another vault");
    return 0;
}

uint64_t key_cost(const uint8_t *p)
{
    const uint8_t *at = p + 12 + UID_BYTES + 1; /* head, vault, kdf */
    return (uint64_t)get_u32(at) * get_u32(at + 4);
}
