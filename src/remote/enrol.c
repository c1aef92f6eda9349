/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Becoming known to a server.
 *
 * M1 The token's secret is sent to nobody but the holder of a certificate of the authority whose pin
 *    the token carries.
 * M2 The private key is made here and never leaves. It is saved before it is sent for: an enrolment
 *    whose answer was lost is repeated with the same key, by which the server knows it again.
 */
#include "remote/witness.h"

#include "base/file.h"
#include "base/mem.h"
#include "pki/pki.h"

#include <string.h>
#include <unistd.h>

struct enrolling {
    const struct remote_where *where;
    struct wire_url url;
    struct wire_token token;
    struct identity_files f;
    struct buf request;
    struct sign_key witness; /* for checkpoints of the log */
    json_t *checkpoint;      /* as the server sent it; NULL: it did not */
};

static void enrolling_done(struct enrolling *n)
{
    explicit_bzero(&n->token, sizeof n->token);
    identity_done(&n->f);
    buf_done(&n->request);
    sign_key_done(&n->witness);
    json_decref(n->checkpoint);
}

static int open_client(struct enrolling *n, bool pinned, struct client **out, struct err *e)
{
    const struct client_options o = {
        .url = &n->url,
        .authority_pem = pinned ? (const char *)n->f.authority.data : NULL,
        .cancel = n->where->cancel,
    };
    return client_new(&o, out, e);
}

/* M1: whoever answers, only the right authority's certificate hashes to the pin. */
static int learn_authority(struct enrolling *n, struct err *e)
{
    struct client *c = NULL;
    struct pki_identity authority;
    n->f.authority.max = PKI_PEM_MAX;
    struct client_call call = {
        .method = "GET", .path = "/v1/authority", .answer = &n->f.authority};
    if (open_client(n, false, &c, e))
        return -1;
    int rc = client_do(c, &call, e);
    client_free(c);
    if (rc)
        return -1;
    buf_put_u8(&n->f.authority, 0);
    if (buf_check(&n->f.authority, "the authority's certificate", e) ||
        pki_read(n->f.authority.data, n->f.authority.len - 1, &authority, e))
        return -1;
    if (memcmp(authority.key_pin, n->token.pin, WIRE_PIN_BYTES) != 0)
        return err_set(e, ERR_DAMAGED,
                       "https://%s:%u is not the server that made this token, or somebody sits in "
                       "between: the token was not sent",
                       n->url.host, n->url.port);
    return 0;
}

static int take_answer(struct enrolling *n, const json_t *o, struct err *e)
{
    const char *certificate = json_string_value(json_object_get(o, "certificate"));
    struct remote_identity *who = &n->f.who;
    if (!certificate || strlen(certificate) > PKI_PEM_MAX ||
        json_take_text(o, "id", who->id, sizeof who->id, NULL) ||
        json_take_text(o, "type", who->type, sizeof who->type, NULL) ||
        json_take_text(o, "name", who->name, sizeof who->name, NULL) ||
        json_take_text(o, "tenant", who->tenant, sizeof who->tenant, NULL))
        return err_set(e, ERR_DAMAGED, "the server's answer makes no sense");
    who->restore = json_is_true(json_object_get(o, "restore"));
    who->shared = json_is_true(json_object_get(o, "shared"));
    who->has_vault = json_take_id(o, "vault", who->vault, UID_BYTES);
    who->has_writer = json_take_id(o, "writer", who->writer, UID_BYTES);
    if (json_take_text(o, "log_key", n->f.log_key, sizeof n->f.log_key, NULL))
        n->f.log_key[0] = '\0'; /* an older server */
    buf_put(&n->f.certificate, certificate, strlen(certificate) + 1);
    if (buf_check(&n->f.certificate, "a certificate", e))
        return -1;
    return pki_check_pair(certificate, (const char *)n->f.key.data,
                          (const char *)n->f.authority.data, e);
}

/* A host's name may have any bytes; JSON is UTF-8. */
static int check_name(const char *name, struct err *e)
{
    json_t *text = json_string(name);
    json_decref(text);
    return text ? 0 : err_set(e, ERR_USAGE, "the name '%.200s' is not UTF-8: give another with --name", name);
}

static int be_certified(struct enrolling *n, const struct remote_enrolment *o, struct err *e)
{
    struct client *c = NULL;
    char host[256] = "localhost", token[WIRE_TOKEN_TEXT];
    (void)gethostname(host, sizeof host - 1);
    if (check_name(o->name ? o->name : host, e))
        return -1;
    wire_token_text(&n->token, token);
    CLEANUP(buf_done) struct buf witness = {.max = NOTE_KEY_TEXT};
    if (witness_key_prepare(n->f.dir, &n->witness, &witness, e) ||
        identity_prepare_key(n->f.dir, &n->f.key, e) ||
        pki_request_for((const char *)n->f.key.data, &n->request, e) || open_client(n, true, &c, e))
        return -1;
    buf_put_u8(&n->request, 0);
    json_t *answer = NULL;
    json_t *in = n->request.failed
                     ? NULL
                     : json_pack("{s:s, s:s, s:s, s:s}", "token", token, "request",
                                 (const char *)n->request.data, "name", o->name ? o->name : host,
                                 "witness", (const char *)witness.data);
    int rc = in ? client_json(c, "POST", "/v1/enrol", in, &answer, e)
                : err_no_memory(e, "a request");
    json_decref(in);
    client_free(c);
    explicit_bzero(token, sizeof token);
    if (!rc)
        rc = take_answer(n, answer, e);
    n->checkpoint = rc ? NULL : json_incref(json_object_get(answer, "checkpoint"));
    json_decref(answer);
    return rc;
}

/* The server has said no, and will say it again. */
static bool is_final(enum err_class cls)
{
    return cls == ERR_REFUSED || cls == ERR_USAGE || cls == ERR_NO_KEY || cls == ERR_NEWER;
}

int remote_enrol(const struct remote_where *where, const struct remote_enrolment *o,
                 struct remote_identity *out, struct err *e)
{
    CLEANUP(enrolling_done) struct enrolling n = {.where = where};
    struct err why = ERR_INIT;
    if (wire_url_parse(o->url, &n.url, e) || wire_token_parse(o->token, &n.token, e) ||
        identity_dir(where, &n.url, n.f.dir, e))
        return -1;
    if (identity_exists(n.f.dir))
        return err_set(e, ERR_EXISTS,
                       "this machine is enrolled at %s already ('%s'): to enrol it anew, run `abri enrol "
                       "--again`",
                       o->url, n.f.dir);
    if (sign_init(e) || learn_authority(&n, e))
        return -1;
    if (be_certified(&n, o, &why)) {
        if (is_final(why.cls))
            identity_drop_key(n.f.dir);
        return err_give(e, &why);
    }
    if (file_make_dirs(n.f.dir, 0700, e) || witness_begin(&n.f, &n.witness, n.checkpoint, e) ||
        identity_save(&n.f, e))
        return -1;
    *out = n.f.who;
    return 0;
}
