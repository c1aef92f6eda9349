/* SPDX-License-Identifier: Apache-2.0 */
/* Writers' public keys, each verified once against the owner's signature. */
#include "base/mem.h"
#include "vault/certificate_format.h"
#include "vault/vault_internal.h"

#include <string.h>

struct writer_cert {
    uint8_t writer[UID_BYTES];
    uint8_t key[SIGN_PUBLIC_BYTES];
};

void writers_done(struct vault *v)
{
    for (size_t i = 0; i < v->writer_count; i++)
        mem_free(v->writers[i]);
    mem_free(v->writers);
}

/* `machine` (may be NULL) gets the machine's name. */
static int read_certificate(struct vault *v, const uint8_t *writer, struct certificate *out,
                            char machine[256], struct err *e)
{
    char name[2 * UID_BYTES + 1];
    CLEANUP(buf_done) struct buf b = {0};
    hex_encode(writer, UID_BYTES, name);
    if (vault_get(v, VAULT_WRITER, name, &b, e))
        return -1;
    if (certificate_decode(b.data, b.len, v->info.owner_pk, out, e))
        return err_wrap(e, "writers/%s", name);
    if (machine && out->machine_len)
        memcpy(machine, out->machine, out->machine_len);
    out->machine = NULL; /* its bytes go now */
    if (memcmp(out->vault, v->info.id, UID_BYTES) != 0 ||
        memcmp(out->writer, writer, UID_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "writers/%s: certificate of another writer or vault", name);
    return 0;
}

static int remember(struct vault *v, const struct certificate *t, const uint8_t **key_out,
                    struct err *e)
{
    struct writer_cert **list =
        mem_realloc(v->writers, v->writer_count + 1, sizeof(struct writer_cert *));
    if (!list)
        return err_no_memory(e, "writers' certificates");
    v->writers = list;
    struct writer_cert *w = mem_alloc(sizeof *w);
    if (!w)
        return err_no_memory(e, "writers' certificates");
    memcpy(w->writer, t->writer, UID_BYTES);
    memcpy(w->key, t->public_key, SIGN_PUBLIC_BYTES);
    v->writers[v->writer_count++] = w;
    *key_out = w->key;
    return 0;
}

int writer_predecessor(struct vault *v, const uint8_t writer[UID_BYTES], uint8_t out[UID_BYTES], struct err *e)
{
    struct certificate t;
    if (read_certificate(v, writer, &t, NULL, e))
        return -1;
    memcpy(out, t.predecessor, UID_BYTES);
    return t.has_predecessor;
}

int vault_writer_info(struct vault *v, const uint8_t writer[UID_BYTES], struct writer_info *out,
                      struct err *e)
{
    struct writer_info w = {0};
    struct certificate t;
    CLEANUP(revoked_done) struct revoked revoked = {0};
    if (read_certificate(v, writer, &t, w.machine, e) || revoked_load(v, &(struct damage){0}, &revoked, e))
        return -1;
    memcpy(w.id, writer, UID_BYTES);
    w.enrolled_ns = t.enrolled_ns;
    w.has_predecessor = t.has_predecessor;
    memcpy(w.predecessor, t.predecessor, UID_BYTES);
    const struct revocation *r = revoked_find(&revoked, writer);
    if (r) {
        w.revoked = true;
        w.last_seq = r->last;
        w.revoked_ns = r->made_ns;
    }
    *out = w;
    return 0;
}

int writer_key(struct vault *v, const uint8_t writer[UID_BYTES], const uint8_t **key_out,
               struct err *e)
{
    for (size_t i = 0; i < v->writer_count; i++) {
        if (memcmp(v->writers[i]->writer, writer, UID_BYTES) == 0) {
            *key_out = v->writers[i]->key;
            return 0;
        }
    }
    struct certificate t;
    if (read_certificate(v, writer, &t, NULL, e))
        return -1;
    return remember(v, &t, key_out, e);
}
