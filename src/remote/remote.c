/* SPDX-License-Identifier: Apache-2.0 */
/* An identity in use: JSON requests, renewal, making a vault. */
#include "remote/remote_internal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "pki/pki.h"

#include <stdio.h>
#include <string.h>

/* ---- JSON -------------------------------------------------------------------------------- */

int json_take_text(const json_t *o, const char *key, char *out, size_t cap, struct err *e)
{
    const char *text = json_string_value(json_object_get(o, key));
    if (!text || strlen(text) >= cap)
        return err_set(e, ERR_DAMAGED, "no valid '%s'", key);
    memcpy(out, text, strlen(text) + 1);
    return 0;
}

bool json_take_id(const json_t *o, const char *key, uint8_t *out, size_t len)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text && hex_decode(text, strlen(text), out, len);
}

int client_json(struct client *c, const char *method, const char *path, const json_t *in,
                json_t **out, struct err *e)
{
    CLEANUP(buf_done) struct buf answer = {.max = WIRE_LIST_MAX};
    char *text = in ? json_dumps(in, JSON_COMPACT) : NULL;
    if (in && !text)
        return err_no_memory(e, "a request");
    const struct client_piece body = {text, text ? strlen(text) : 0};
    struct client_call call = {.method = method, .path = path, .type = in ? WIRE_JSON : NULL,
                               .pieces = &body, .piece_count = in ? 1 : 0, .answer = &answer};
    int rc = client_do(c, &call, e);
    if (text) {
        explicit_bzero(text, strlen(text)); /* it may hold a token */
        mem_free(text);
    }
    if (rc || !out)
        return rc;
    *out = json_loadb((const char *)answer.data, answer.len, JSON_REJECT_DUPLICATES, NULL);
    if (!*out)
        return err_set(e, ERR_DAMAGED, "%s: an answer that makes no sense", client_name(c));
    return 0;
}

/* ---- connecting ---------------------------------------------------------------------------- */

static int open_client(struct remote *r, const struct remote_where *where, struct err *e)
{
    const struct client_options o = {
        .url = &r->url,
        .authority_pem = (const char *)r->identity.authority.data,
        .certificate_pem = (const char *)r->identity.certificate.data,
        .key_pem = (const char *)r->identity.key.data,
        .cancel = where->cancel,
        .waiting = where->alarm,
        .arg = where->arg,
    };
    return client_new(&o, &r->client, e);
}

int remote_connect(const struct remote_where *where, const char *url, struct remote **out,
                   struct err *e)
{
    struct remote *r = mem_zalloc(sizeof *r);
    if (!r)
        return err_no_memory(e, "a connection");
    r->alarm = where->alarm;
    r->alarm_arg = where->arg;
    if (wire_url_parse(url, &r->url, e) || identity_load(where, &r->url, &r->identity, e) ||
        open_client(r, where, e)) {
        remote_close(r);
        return -1;
    }
    *out = r;
    return 0;
}

void remote_close(struct remote *r)
{
    if (!r)
        return;
    witness_free(r);
    client_free(r->client);
    identity_done(&r->identity);
    mem_free(r);
}

int remote_json(struct remote *r, const char *method, const char *path, const json_t *in,
                json_t **out, struct err *e)
{
    return client_json(r->client, method, path, in, out, e);
}

/* ---- renewal ----------------------------------------------------------------------------------- */

/* By this machine's clock; one that says that the certificate is not valid yet (it dates from the server's) is false,
 * and tells nothing: then each time. */
static bool is_due(const struct pki_identity *c)
{
    int64_t life = c->not_after_ns - c->not_before_ns, now = clock_realtime_ns();
    return now < c->not_before_ns || now > c->not_after_ns - life / 3 * 2;
}

static int take_certificate(struct remote *r, const json_t *answer, struct err *e)
{
    const char *text = json_string_value(json_object_get(answer, "certificate"));
    if (!text || strlen(text) > PKI_PEM_MAX ||
        pki_check_pair(text, (const char *)r->identity.key.data,
                       (const char *)r->identity.authority.data, NULL))
        return err_set(e, ERR_DAMAGED, "%s: a certificate that makes no sense",
                       client_name(r->client));
    buf_reset(&r->identity.certificate);
    buf_put(&r->identity.certificate, text, strlen(text) + 1);
    return buf_check(&r->identity.certificate, "a certificate", e) ||
                   identity_save_certificate(&r->identity, e)
               ? -1
               : 0;
}

int remote_renew(struct remote *r, struct err *e)
{
    CLEANUP(buf_done) struct buf request = {0};
    struct pki_identity now;
    const struct buf *pem = &r->identity.certificate;
    if (pki_read(pem->data, pem->len - 1, &now, e))
        return -1;
    if (!is_due(&now))
        return 0;
    if (pki_request_for((const char *)r->identity.key.data, &request, e))
        return -1;
    buf_put_u8(&request, 0);
    json_t *answer = NULL;
    json_t *in = request.failed ? NULL : json_pack("{s:s}", "request", (const char *)request.data);
    struct err why = ERR_INIT;
    int rc = in ? remote_json(r, "POST", "/v1/self/certificate", in, &answer, &why)
                : err_no_memory(&why, "a request");
    json_decref(in);
    if (!rc)
        rc = take_certificate(r, answer, &why);
    json_decref(answer);
    if (rc && clock_realtime_ns() > now.not_after_ns)
        return err_give(e, &why);
    return 0;
}

/* ---- a vault for this machine ----------------------------------------------------------------- */

int remote_prepare_vault(struct remote *r, uint8_t keeper_pk[SIGN_PUBLIC_BYTES], struct err *e)
{
    json_t *answer = NULL;
    if (remote_json(r, "POST", "/v1/self/vault/prepare", NULL, &answer, e))
        return -1;
    bool good = json_take_id(answer, "keeper_key", keeper_pk, SIGN_PUBLIC_BYTES);
    json_decref(answer);
    return good ? 0
                : err_set(e, ERR_DAMAGED, "%s: an answer that makes no sense",
                          client_name(r->client));
}

struct bundling {
    struct store *store;
    struct buf body;
    size_t count;
};

static int count_object(void *arg, const char *name, uint64_t len, struct err *e)
{
    (void)name, (void)len, (void)e;
    ++*(size_t *)arg;
    return 0;
}

static int add_object(void *arg, const char *name, uint64_t len, struct err *e)
{
    struct bundling *b = arg;
    struct store_reader *o = NULL;
    CLEANUP(buf_done) struct buf bytes = {.max = WIRE_BUNDLE_MAX};
    if (store_open(b->store, name, &o, e))
        return -1;
    uint8_t *room = buf_reserve(&bytes, (size_t)len + 1);
    int rc = room ? store_read(o, 0, room, (size_t)len, e) : err_no_memory(e, name);
    store_reader_close(o);
    if (rc)
        return -1;
    wire_bundle_put(&b->body, &(struct wire_object){name, room, (size_t)len});
    return buf_check(&b->body, "a new vault", e);
}

int remote_note_vault(struct remote *r, const uint8_t vault[UID_BYTES], struct err *e)
{
    memcpy(r->identity.own_vault, vault, UID_BYTES);
    r->identity.has_own_vault = true;
    return identity_save_description(&r->identity, e);
}

int remote_find_vault(struct remote *r, uint8_t vault[UID_BYTES], struct err *e)
{
    json_t *answer = NULL;
    if (r->identity.has_own_vault)
        return err_set(e, ERR_EXISTS, "%s: this machine has a vault already", client_name(r->client));
    if (remote_json(r, "GET", "/v1/self", NULL, &answer, e))
        return -1;
    bool found = json_take_id(answer, "vault", vault, UID_BYTES);
    json_decref(answer);
    return found ? 0 : err_set(e, ERR_NOT_FOUND, "%s: this machine has no vault yet", client_name(r->client));
}

int remote_send_vault(struct remote *r, struct store *made, const uint8_t vault[UID_BYTES],
                      struct err *e)
{
    struct bundling b = {.store = made, .body = {.max = WIRE_BUNDLE_MAX}};
    size_t count = 0;
    int rc = store_list(made, "", count_object, &count, e);
    wire_bundle_begin(&b.body, count);
    if (!rc)
        rc = store_list(made, "", add_object, &b, e);
    const struct client_piece body = {b.body.data, b.body.len};
    struct client_call call = {.method = "PUT", .path = "/v1/self/vault", .type = WIRE_BINARY,
                               .pieces = &body, .piece_count = 1};
    if (!rc)
        rc = client_do(r->client, &call, e);
    buf_done(&b.body);
    return rc ? -1 : remote_note_vault(r, vault, e);
}
