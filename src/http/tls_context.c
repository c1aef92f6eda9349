/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TLS that all connections share: version 1.3 alone, "h2" alone, a client's certificate
 * asked for but not demanded. Whether it leads to the authority is found out and recorded
 * (SSL_get_verify_result), not enforced: whoever answers says why (http.h).
 *
 * No tickets and no session cache: a resumed session would bring back a certificate
 * that was not shown again, and a machine that was removed must not come back so.
 */
#include "http/http_internal.h"

#include "base/clock.h"
#include "base/mem.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

/* Some certificates with keys of RSA 4096 and a few intermediates. */
#define CHAIN_BYTES_MAX (32 << 10)
#define CHAIN_DEPTH_MAX 4

static int select_h2(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                     const unsigned char *in, unsigned in_len, void *arg)
{
    (void)ssl;
    (void)arg;
    for (unsigned i = 0; i + 1 <= in_len && i + 1 + in[i] <= in_len; i += 1U + in[i])
        if (in[i] == 2 && memcmp(in + i + 1, "h2", 2) == 0) {
            *out = in + i + 1;
            *out_len = 2;
            return SSL_TLSEXT_ERR_OK;
        }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* Verifies as OpenSSL would, keeps the first error, and lets the handshake go on. */
static int verify_and_go_on(X509_STORE_CTX *x, void *arg)
{
    (void)arg;
    /* By the clock that everything else goes by. */
    X509_VERIFY_PARAM_set_time(X509_STORE_CTX_get0_param(x), (time_t)(clock_realtime_ns() / NS_PER_S));
    int ok = X509_verify_cert(x);
    if (ok <= 0 && X509_STORE_CTX_get_error(x) == X509_V_OK)
        X509_STORE_CTX_set_error(x, X509_V_ERR_UNSPECIFIED);
    ERR_clear_error();
    return 1;
}

/* Never asks on a terminal. */
static int no_passphrase(char *buf, int size, int writing, void *arg)
{
    (void)buf;
    (void)size;
    (void)writing;
    (void)arg;
    return -1;
}

static int tls_fails(struct err *e, const char *what)
{
    unsigned long code = ERR_peek_last_error();
    const char *why = code ? ERR_reason_error_string(code) : NULL;
    (void)err_set(e, ERR_USAGE, "%s: %s", what, why ? why : "it cannot be used");
    ERR_clear_error();
    return -1;
}

static BIO *bio_of(const char *pem)
{
    return pem ? BIO_new_mem_buf(pem, -1) : NULL;
}

static X509 *next_certificate(BIO *b)
{
    return PEM_read_bio_X509(b, NULL, no_passphrase, NULL);
}

static int use_certificate(SSL_CTX *ctx, const char *pem, struct err *e)
{
    BIO *b = bio_of(pem);
    X509 *x = b ? next_certificate(b) : NULL;
    bool ok = x && SSL_CTX_use_certificate(ctx, x) == 1;
    X509_free(x);
    while (ok && (x = next_certificate(b)))
        if (SSL_CTX_add0_chain_cert(ctx, x) != 1) {
            X509_free(x);
            ok = false;
        }
    BIO_free(b);
    if (!ok)
        return tls_fails(e, "the server's certificate");
    ERR_clear_error();
    return 0;
}

static int use_key(SSL_CTX *ctx, const char *pem, struct err *e)
{
    BIO *b = bio_of(pem);
    EVP_PKEY *key = b ? PEM_read_bio_PrivateKey(b, NULL, no_passphrase, NULL) : NULL;
    bool fits = key && SSL_CTX_use_PrivateKey(ctx, key) == 1 && SSL_CTX_check_private_key(ctx) == 1;
    bool read = key;
    EVP_PKEY_free(key);
    BIO_free(b);
    if (!read)
        return tls_fails(e, "the server's key");
    if (!fits)
        return tls_fails(e, "the server's key is not that of its certificate");
    return 0;
}

static int use_authority(SSL_CTX *ctx, const char *pem, struct err *e)
{
    BIO *b = bio_of(pem);
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    unsigned count = 0;
    bool ok = b && store;
    for (X509 *x; ok && (x = next_certificate(b)); count++) {
        ok = X509_STORE_add_cert(store, x) == 1;
        X509_free(x);
    }
    BIO_free(b);
    if (!ok || !count)
        return tls_fails(e, "the authority of clients' certificates");
    ERR_clear_error();
    return 0;
}

int tls_context_new(const struct http_tls *t, SSL_CTX **out, struct err *e)
{
    ERR_clear_error();
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (!ctx || SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) != 1) {
        SSL_CTX_free(ctx);
        return err_no_memory(e, "TLS");
    }
    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
                                       SSL_OP_IGNORE_UNEXPECTED_EOF);
    (void)SSL_CTX_set_num_tickets(ctx, 0);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
    /* Or a peer that sends nothing but key updates would keep SSL_read, and the loop. */
    (void)SSL_CTX_clear_mode(ctx, SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_alpn_select_cb(ctx, select_h2, NULL);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_verify_depth(ctx, CHAIN_DEPTH_MAX);
    SSL_CTX_set_cert_verify_callback(ctx, verify_and_go_on, NULL);
    SSL_CTX_set_max_cert_list(ctx, CHAIN_BYTES_MAX);
    /* Two records for each read of the socket; freed while there is nothing to read. More would
     * cost more: OpenSSL moves what is left in the buffer after each record. */
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_default_read_buffer_len(ctx, TLS_READ_BYTES);
    if (use_certificate(ctx, t->certificate_pem, e) || use_key(ctx, t->key_pem, e) ||
        use_authority(ctx, t->authority_pem, e)) {
        SSL_CTX_free(ctx);
        return -1;
    }
    *out = ctx;
    return 0;
}
