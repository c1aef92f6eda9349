/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who asks: a certificate says who, the catalogue whether that still is true.
 *
 * X3 A certificate counts only if the log says that it was issued, to that identity: a stolen
 *    authority's key makes none that work here.
 * X4 What was revoked is a tombstone: no certificate, token or renewal brings it back.
 */
#include "server/server_internal.h"

#include "base/clock.h"

#include <string.h>

static const char *refuse_certificate(int verify_error, struct err *e)
{
    switch (pki_problem(verify_error)) {
    case PKI_EXPIRED:
        err_set(e, ERR_NO_KEY,
                "the certificate has expired: it was not renewed by a backup for too long. Enrol again "
                "with a new token");
        return "certificate_expired";
    case PKI_NOT_YET:
        err_set(e, ERR_NO_KEY, "the certificate is not valid yet: is this server's clock right?");
        return "certificate_not_yet_valid";
    case PKI_VALID:
    case PKI_FOREIGN:
    case PKI_INVALID: break;
    }
    err_set(e, ERR_NO_KEY, "the certificate is not of this installation: %s",
            pki_verify_text(verify_error));
    return "certificate_foreign";
}

/* "abri:machine:<id>". */
static bool read_uri(const char *uri, uint8_t id[EVENT_ID_BYTES])
{
    static const char *const prefixes[] = {"abri:machine:", "abri:person:"};
    for (size_t i = 0; i < 2; i++) {
        size_t n = strlen(prefixes[i]);
        if (strncmp(uri, prefixes[i], n) == 0)
            return hex_decode(uri + n, strlen(uri + n), id, EVENT_ID_BYTES);
    }
    return false;
}

bool caller_owner(void *server, const struct http_peer *p, uint8_t key_out[HTTP_OWNER_BYTES])
{
    _Static_assert(HTTP_OWNER_BYTES == EVENT_ID_BYTES, "an owner is an identity");
    struct pki_identity c;
    (void)server;
    return p->certificate && !p->verify_error && pki_read(p->certificate, p->certificate_len, &c, NULL) == 0 &&
           read_uri(c.uri, key_out);
}

/* X3 */
static int look_up(struct server *s, const struct pki_identity *c, struct caller *out, struct err *e)
{
    uint8_t id[EVENT_ID_BYTES], issued_to[EVENT_ID_BYTES];
    unsigned of_tenant;
    if (!read_uri(c->uri, id) || catalog_certificate(s->catalog, c->serial, issued_to, e) ||
        memcmp(id, issued_to, sizeof id) != 0 ||
        catalog_identity(s->catalog, id, &out->identity, e))
        return -1;
    memcpy(out->serial, c->serial, PKI_SERIAL_BYTES);
    return catalog_roles(s->catalog, id, out->identity.tenant, &out->roles, &of_tenant, e);
}

static bool tenant_is_closed(struct server *s, const struct caller *c)
{
    struct catalog_tenant t;
    if (bytes_are_zero(c->identity.tenant, EVENT_ID_BYTES))
        return false;
    return catalog_tenant(s->catalog, c->identity.tenant, &t, NULL) || t.closed_ns;
}

const char *caller_identify(struct server *s, const struct http_peer *peer, struct caller *out,
                            struct err *e)
{
    struct pki_identity c;
    *out = (struct caller){0};
    if (!peer->certificate) {
        err_set(e, ERR_NO_KEY, "this needs a certificate: enrol with a token");
        return "certificate_missing";
    }
    if (peer->verify_error)
        return refuse_certificate(peer->verify_error, e);
    if (pki_read(peer->certificate, peer->certificate_len, &c, e))
        return refuse_certificate(1, e);
    if (clock_realtime_ns() > c.not_after_ns) /* a connection may outlive it */
        return refuse_certificate(10 /* X509_V_ERR_CERT_HAS_EXPIRED */, e);
    if (look_up(s, &c, out, e)) {
        err_set(e, ERR_NO_KEY, "this installation has not issued that certificate");
        return "certificate_foreign";
    }
    if (out->identity.revoked_ns) { /* X4 */
        err_set(e, ERR_NO_KEY,
                "this identity was revoked. Nothing brings it back: enrol anew with a new token");
        return "identity_revoked";
    }
    if (tenant_is_closed(s, out)) {
        err_set(e, ERR_REFUSED, "the tenant of this identity was closed");
        return "tenant_closed";
    }
    out->known = true;
    return NULL;
}

bool caller_may_there(struct server *s, const struct caller *c, bool there, unsigned roles,
                      const uint8_t tenant[EVENT_ID_BYTES])
{
    static const uint8_t nobody[EVENT_ID_BYTES];
    bool may = caller_may(s, c, roles, there ? tenant : nobody);
    return there && may;
}

bool caller_may(struct server *s, const struct caller *c, unsigned roles,
                const uint8_t tenant[EVENT_ID_BYTES])
{
    unsigned installation, of_tenant;
    if (!c->known || catalog_roles(s->catalog, c->identity.id, tenant, &installation, &of_tenant, NULL))
        return false;
    return ((installation | of_tenant) & roles) != 0;
}
