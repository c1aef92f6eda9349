/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions' keys as a keeper sees them: whose session it is, by the original
 * or by what the owner sealed anew. Names in "resealed/" are read once and
 * remembered; whoever misses one looks again.
 */
#include "base/mem.h"
#include "vault/certificate_format.h"
#include "vault/vault_internal.h"

#include <stdio.h>
#include <string.h>

#define NAMES_MAX ((size_t)1 << 24)

struct resealed {
    struct buf names; /* RESEALED_NAME_BYTES each, ascending */
};

void resealed_done(struct vault *v)
{
    if (v->resealed)
        buf_done(&v->resealed->names);
    mem_free(v->resealed);
}

static int gather(void *arg, const char *name, struct err *e)
{
    struct buf *names = arg;
    buf_put(names, name, RESEALED_NAME_BYTES);
    return buf_check(names, "list of sessions", e);
}

static int load(struct vault *v, struct err *e)
{
    struct resealed *r = mem_zalloc(sizeof *r);
    if (!r)
        return err_no_memory(e, "list of sessions");
    r->names.max = NAMES_MAX * RESEALED_NAME_BYTES;
    if (vault_list(v, VAULT_RESEALED, gather, &r->names, e)) {
        buf_done(&r->names);
        mem_free(r);
        return -1;
    }
    resealed_done(v);
    v->resealed = r;
    return 0;
}

/* The last name that begins with `prefix`, or NULL. */
static const char *last_of(const struct resealed *r, const char prefix[2 * UID_BYTES + 1])
{
    size_t low = 0, high = r->names.len / RESEALED_NAME_BYTES;
    while (low < high) { /* the first that is greater */
        size_t middle = (low + high) / 2;
        const char *name = (const char *)r->names.data + middle * RESEALED_NAME_BYTES;
        if (strncmp(name, prefix, 2 * UID_BYTES) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return NULL;
    const char *name = (const char *)r->names.data + (low - 1) * RESEALED_NAME_BYTES;
    return strncmp(name, prefix, 2 * UID_BYTES) == 0 ? name : NULL;
}

int vault_resealed_find(struct vault *v, const uint8_t session[UID_BYTES], bool again,
                        char name_out[RESEALED_NAME_BYTES], struct err *e)
{
    char prefix[2 * UID_BYTES + 1];
    hex_encode(session, UID_BYTES, prefix);
    (void)pthread_mutex_lock(&v->names);
    int rc = again || !v->resealed ? load(v, e) : 0;
    if (rc == 0) {
        const char *name = last_of(v->resealed, prefix);
        if (name)
            memcpy(name_out, name, RESEALED_NAME_BYTES);
        rc = name != NULL;
    }
    (void)pthread_mutex_unlock(&v->names);
    return rc;
}

int resealed_verify(struct vault *v, const char *name, const uint8_t *p, size_t len,
                    uint8_t writer_out[UID_BYTES], struct err *e)
{
    struct resealed_session s;
    char session[2 * UID_BYTES + 1], expected[RESEALED_NAME_BYTES];
    if (resealed_decode(p, len, v->info.owner_pk, &s, e))
        return -1;
    hex_encode(s.session, UID_BYTES, session);
    (void)snprintf(expected, sizeof expected, "%s-%016llx", session,
                   (unsigned long long)s.generation);
    if (memcmp(s.vault, v->info.id, UID_BYTES) != 0 || strcmp(name, expected) != 0)
        return err_set(e, ERR_DAMAGED, "of another vault, session or generation");
    memcpy(writer_out, s.writer, UID_BYTES);
    return 0;
}

int envelope_verify(struct vault *v, const uint8_t session[UID_BYTES], const uint8_t *p,
                    size_t len, uint8_t writer_out[UID_BYTES], struct err *e)
{
    struct envelope n;
    const uint8_t *key;
    if (envelope_decode(p, len, &n, e))
        return -1;
    if (memcmp(n.vault, v->info.id, UID_BYTES) != 0 || memcmp(n.session, session, UID_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "of another vault or session");
    if (writer_key(v, n.writer, &key, e))
        return err_wrap(e, "its writer's certificate");
    if (!envelope_is_signed(&n, key))
        return err_set(e, ERR_DAMAGED, "the writer's signature does not match");
    memcpy(writer_out, n.writer, UID_BYTES);
    return 0;
}

static int writer_by_resealed(struct vault *v, const uint8_t *session, uint8_t *writer_out,
                              struct err *e)
{
    CLEANUP(buf_done) struct buf b = {0};
    char name[RESEALED_NAME_BYTES];
    int found = vault_resealed_find(v, session, false, name, e);
    if (found == 0)
        found = vault_resealed_find(v, session, true, name, e);
    if (found == 0)
        return err_set(e, ERR_NOT_FOUND, "no such session");
    if (found < 0 || vault_get(v, VAULT_RESEALED, name, &b, e))
        return -1;
    return resealed_verify(v, name, b.data, b.len, writer_out, e);
}

int vault_session_writer(struct vault *v, const uint8_t session[UID_BYTES],
                         uint8_t writer_out[UID_BYTES], struct err *e)
{
    CLEANUP(buf_done) struct buf b = {0};
    char name[2 * UID_BYTES + 1];
    struct err why = ERR_INIT, none = ERR_INIT;
    hex_encode(session, UID_BYTES, name);
    if (vault_get(v, VAULT_SESSION, name, &b, &why) == 0)
        return envelope_verify(v, session, b.data, b.len, writer_out, e);
    if (why.cls != ERR_NOT_FOUND)
        return err_give(e, &why);
    if (writer_by_resealed(v, session, writer_out, &none) == 0)
        return 0;
    /* A session that is nowhere is missed under its own name. */
    return err_give(e, none.cls == ERR_NOT_FOUND ? &why : &none);
}
