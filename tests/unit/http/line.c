/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS 30000

static void give_up(const char *what)
{
    (void)fprintf(stderr, "no answer within %d s: %s\n", PATIENCE_MS / 1000, what);
    abort();
}

static int connect_with(const struct site *s, int receive_bytes)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)s->port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_bytes)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a)) {
        perror("connect");
        abort();
    }
    int one = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct timeval t = {.tv_sec = PATIENCE_MS / 1000};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
    return fd;
}

int tcp_connect(const struct site *s)
{
    return connect_with(s, 0);
}

bool socket_ends(int fd)
{
    char buf[4096];
    for (;;) {
        ssize_t n = recv(fd, buf, sizeof buf, 0);
        if (n == 0 || (n < 0 && errno == ECONNRESET))
            return true;
        if (n < 0 && errno != EINTR)
            return false;
    }
}

static void use_identity(SSL_CTX *ctx, const struct identity *i)
{
    BIO *c = BIO_new_mem_buf(i->certificate_pem, -1), *k = BIO_new_mem_buf(i->key_pem, -1);
    X509 *x = PEM_read_bio_X509(c, NULL, NULL, NULL);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(k, NULL, NULL, NULL);
    if (SSL_CTX_use_certificate(ctx, x) != 1 || SSL_CTX_use_PrivateKey(ctx, key) != 1)
        abort();
    X509_free(x);
    EVP_PKEY_free(key);
    BIO_free(c);
    BIO_free(k);
}

bool line_open(struct line *l, const struct site *s, const struct line_options *o)
{
    static const struct line_options plain;
    o = o ? o : &plain;
    int version = o->version ? o->version : TLS1_3_VERSION;
    const char *alpn = o->alpn ? o->alpn : "h2";
    l->fd = connect_with(s, o->receive_bytes);
    l->ctx = SSL_CTX_new(TLS_client_method());
    (void)SSL_CTX_set_min_proto_version(l->ctx, version);
    (void)SSL_CTX_set_max_proto_version(l->ctx, version);
    (void)SSL_CTX_set_options(l->ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
    (void)SSL_CTX_set_mode(l->ctx,
                           SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(l->ctx), s->authority.certificate);
    SSL_CTX_set_verify(l->ctx, SSL_VERIFY_PEER, NULL);
    if (o->identity)
        use_identity(l->ctx, o->identity);
    l->ssl = SSL_new(l->ctx);
    if (*alpn) {
        uint8_t list[32];
        size_t n = strlen(alpn);
        list[0] = (uint8_t)n;
        memcpy(list + 1, alpn, n);
        (void)SSL_set_alpn_protos(l->ssl, list, (unsigned)n + 1);
    }
    (void)SSL_set_fd(l->ssl, l->fd);
    if (o->before_len && send(l->fd, o->before, o->before_len, MSG_NOSIGNAL) < 0)
        return false;
    bool ok = SSL_connect(l->ssl) == 1;
    ERR_clear_error();
    return ok;
}

void line_close(struct line *l)
{
    SSL_free(l->ssl);
    SSL_CTX_free(l->ctx);
    if (l->fd >= 0)
        (void)close(l->fd);
    l->fd = -1;
    l->ssl = NULL;
    l->ctx = NULL;
}

bool line_write(struct line *l, const void *p, size_t len)
{
    const uint8_t *at = p;
    while (len) {
        ERR_clear_error();
        int n = SSL_write(l->ssl, at, (int)len);
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}

int line_read(struct line *l, void *p, size_t len, int ms)
{
    struct pollfd f = {.fd = l->fd, .events = POLLIN};
    for (;;) {
        if (!SSL_has_pending(l->ssl) && poll(&f, 1, ms) == 0)
            return -1;
        ERR_clear_error();
        int n = SSL_read(l->ssl, p, (int)len);
        if (n > 0)
            return n;
        int why = SSL_get_error(l->ssl, n);
        if (why == SSL_ERROR_WANT_READ) /* the socket's timeout */
            give_up("line_read");
        return 0;
    }
}

void line_wait_end(struct line *l)
{
    uint8_t buf[16384];
    int n;
    while ((n = line_read(l, buf, sizeof buf, PATIENCE_MS)) > 0) {
    }
    if (n < 0)
        give_up("the server should have ended the connection");
}

/* ---- frames ---------------------------------------------------------------------------- */

bool raw_send(struct line *l, uint8_t type, uint8_t flags, uint32_t stream, const void *p,
              size_t len)
{
    uint8_t buf[9 + 16384];
    const uint8_t head[9] = {(uint8_t)(len >> 16),
                             (uint8_t)(len >> 8),
                             (uint8_t)len,
                             type,
                             flags,
                             (uint8_t)(stream >> 24),
                             (uint8_t)(stream >> 16),
                             (uint8_t)(stream >> 8),
                             (uint8_t)stream};
    memcpy(buf, head, 9);
    if (len)
        memcpy(buf + 9, p, len);
    return line_write(l, buf, 9 + len);
}

bool raw_begin(struct line *l)
{
    return line_write(l, NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN) &&
           raw_send(l, NGHTTP2_SETTINGS, 0, 0, NULL, 0);
}

size_t raw_head(uint8_t *out, const char *const *pairs, size_t count)
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        const char *s = pairs[i];
        size_t n = strlen(s);
        if (i % 2 == 0)
            out[len++] = 0; /* a literal that is not indexed, with a new name */
        if (n >= 127)
            abort();
        out[len++] = (uint8_t)n;
        memcpy(out + len, s, n);
        len += n;
    }
    return len;
}

bool raw_get(struct line *l, uint32_t stream, const char *path, uint8_t flags)
{
    uint8_t buf[1024];
    const char *pairs[] = {":method", "GET", ":scheme", "https", ":path", path, ":authority", "a"};
    size_t n = raw_head(buf, pairs, 8);
    return raw_send(l, NGHTTP2_HEADERS, flags, stream, buf, n);
}

static bool read_exactly(struct line *l, uint8_t *p, size_t len)
{
    while (len) {
        int n = line_read(l, p, len, PATIENCE_MS);
        if (n < 0)
            give_up("raw_read");
        if (n == 0)
            return false;
        p += n;
        len -= (size_t)n;
    }
    return true;
}

bool raw_read(struct line *l, struct raw_frame *f)
{
    uint8_t h[9];
    if (!read_exactly(l, h, 9))
        return false;
    f->len = (uint32_t)h[0] << 16 | (uint32_t)h[1] << 8 | h[2];
    f->type = h[3];
    f->flags = h[4];
    f->stream =
        ((uint32_t)h[5] << 24 | (uint32_t)h[6] << 16 | (uint32_t)h[7] << 8 | h[8]) & 0x7fffffff;
    return f->len <= sizeof f->payload && read_exactly(l, f->payload, f->len);
}

bool raw_until(struct line *l, uint8_t type, struct raw_frame *f)
{
    while (raw_read(l, f))
        if (f->type == type)
            return true;
    return false;
}
