/* SPDX-License-Identifier: Apache-2.0 */
/* Writers: what a machine keeps so that it may add, and the certificate by
 * which the keeper knows it. */
#include "seal/seal_internal.h"

#include <string.h>

#define KEY_MAGIC "abri.WKY"
#define CERTIFICATE_MAGIC "abri.WRT"
#define CERTIFICATE_FORMAT 2
#define REVOCATION_MAGIC "abri.RVK"

struct writer_key *writer_key_new(void)
{
    return seal_secret_alloc(sizeof(struct writer_key));
}

void writer_key_free(struct writer_key *k)
{
    seal_secret_free(k);
}

/* Version 1 says nothing of a predecessor, and is written where there is none. */
static int make_certificate(const struct writer_key *k, const struct sign_key *owner,
                            const uint8_t *predecessor, int64_t now_ns, struct buf *out,
                            struct err *e)
{
    size_t start = out->len;
    buf_put(out, CERTIFICATE_MAGIC, 8);
    buf_put_u32(out, predecessor ? CERTIFICATE_FORMAT : 1);
    buf_put(out, k->vault_id, SEAL_UID_BYTES);
    buf_put(out, k->id, SEAL_UID_BYTES);
    buf_put(out, k->sign.public_key, SIGN_PUBLIC_BYTES);
    buf_put_u64(out, (uint64_t)now_ns);
    buf_put_blob(out, k->machine, strlen(k->machine));
    if (predecessor)
        buf_put(out, predecessor, SEAL_UID_BYTES);
    if (buf_check(out, "a writer's certificate", e))
        return -1;
    uint8_t sig[SIGN_BYTES];
    sign_make(owner, "writer", out->data + start, out->len - start, sig);
    buf_put(out, sig, sizeof sig);
    return buf_check(out, "a writer's certificate", e);
}

int writer_enrol(struct writer_key *out, const uint8_t vault_id[SEAL_UID_BYTES],
                 const struct vault_secrets *s, uint64_t generation, const char *machine,
                 int64_t now_ns, struct buf *certificate_out, struct err *e)
{
    return writer_enrol_successor(out, vault_id, s, generation, machine, NULL, now_ns,
                                  certificate_out, e);
}

int writer_enrol_successor(struct writer_key *out, const uint8_t vault_id[SEAL_UID_BYTES],
                           const struct vault_secrets *s, uint64_t generation, const char *machine,
                           const uint8_t *predecessor, int64_t now_ns, struct buf *certificate_out,
                           struct err *e)
{
    size_t machine_len = strlen(machine);
    if (machine_len > WRITER_MACHINE_MAX)
        return err_set(e, ERR_USAGE, "the machine's name is longer than %d bytes",
                       WRITER_MACHINE_MAX);
    memcpy(out->vault_id, vault_id, SEAL_UID_BYTES);
    seal_random(out->id, SEAL_UID_BYTES);
    sign_key_new(&out->sign);
    memcpy(out->id_key, s->id_key, SEAL_KEY_BYTES);
    out->generation = generation;
    memcpy(out->machine, machine, machine_len + 1);
    struct sign_key owner;
    sign_key_from_seed(s->owner_seed, &owner);
    memcpy(out->owner_pk, owner.public_key, SIGN_PUBLIC_BYTES);
    int rc = make_certificate(out, &owner, predecessor, now_ns, certificate_out, e);
    sign_key_done(&owner);
    return rc;
}

int writer_revoke(const uint8_t vault_id[SEAL_UID_BYTES], const uint8_t writer[SEAL_UID_BYTES],
                  uint64_t last, int64_t now_ns, const struct vault_secrets *s, struct buf *out,
                  struct err *e)
{
    static const char what[] = "a revocation";
    size_t start = out->len;
    uint8_t sig[SIGN_BYTES];
    buf_put(out, REVOCATION_MAGIC, 8);
    buf_put_u32(out, SEAL_FORMAT);
    buf_put(out, vault_id, SEAL_UID_BYTES);
    buf_put(out, writer, SEAL_UID_BYTES);
    buf_put_u64(out, last);
    buf_put_u64(out, (uint64_t)now_ns);
    if (buf_check(out, what, e))
        return -1;
    struct sign_key owner;
    sign_key_from_seed(s->owner_seed, &owner);
    sign_make(&owner, "revoked", out->data + start, out->len - start, sig);
    sign_key_done(&owner);
    buf_put(out, sig, sizeof sig);
    return buf_check(out, what, e);
}

int writer_key_encode(const struct writer_key *k, struct buf *out, struct err *e)
{
    size_t start = out->len;
    uint8_t seed[SIGN_SEED_BYTES];
    sign_key_seed(&k->sign, seed);
    buf_put(out, KEY_MAGIC, 8);
    buf_put_u32(out, SEAL_FORMAT);
    buf_put(out, k->vault_id, SEAL_UID_BYTES);
    buf_put(out, k->id, SEAL_UID_BYTES);
    buf_put(out, seed, sizeof seed);
    buf_put(out, k->id_key, SEAL_KEY_BYTES);
    buf_put(out, k->owner_pk, SIGN_PUBLIC_BYTES);
    buf_put_u64(out, k->generation);
    buf_put_blob(out, k->machine, strlen(k->machine));
    seal_wipe(seed, sizeof seed);
    if (buf_check(out, "the writer key", e))
        return -1;
    uint8_t check[HASH_BYTES];
    hash_bytes(out->data + start, out->len - start, check);
    buf_put(out, check, sizeof check);
    return buf_check(out, "the writer key", e);
}

int writer_key_decode(const void *p, size_t len, struct writer_key *out, struct err *e)
{
    static const char what[] = "writer key";
    struct cursor c = cursor_of(p, len);
    uint8_t actual[HASH_BYTES];
    if (object_head(&c, KEY_MAGIC, what, e))
        return -1;
    if (len < HASH_BYTES)
        return err_set(e, ERR_DAMAGED, "%s: cut short", what);
    hash_bytes(p, len - HASH_BYTES, actual);
    if (memcmp(actual, (const uint8_t *)p + len - HASH_BYTES, HASH_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "%s: damaged", what);
    struct writer_key *k = writer_key_new();
    if (!k)
        return err_no_memory(e, what);
    uint8_t seed[SIGN_SEED_BYTES];
    cursor_copy(&c, k->vault_id, SEAL_UID_BYTES);
    cursor_copy(&c, k->id, SEAL_UID_BYTES);
    cursor_copy(&c, seed, sizeof seed);
    cursor_copy(&c, k->id_key, SEAL_KEY_BYTES);
    cursor_copy(&c, k->owner_pk, SIGN_PUBLIC_BYTES);
    k->generation = cursor_u64(&c);
    size_t machine_len = 0;
    const uint8_t *machine = cursor_blob(&c, WRITER_MACHINE_MAX, &machine_len);
    (void)cursor_bytes(&c, HASH_BYTES);
    int rc = cursor_check(&c, true, what, e);
    if (rc == 0) {
        memcpy(k->machine, machine, machine_len);
        sign_key_from_seed(seed, &k->sign);
        *out = *k;
    }
    seal_wipe(seed, sizeof seed);
    writer_key_free(k);
    return rc;
}
