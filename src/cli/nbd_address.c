/* SPDX-License-Identifier: Apache-2.0 */
/* Where NBD is served, as people write it and as URIs say it. Resolves no names. */
#include "cli/export.h"

#include <stdio.h>
#include <string.h>

static int parse_socket(const char *path, struct nbd_address *a, struct err *e)
{
    if (*path != '/')
        return err_set(e, ERR_USAGE, "--nbd unix:%s: the socket's path must be absolute", path);
    if (strlen(path) > NBD_SOCKET_MAX)
        return err_set(e, ERR_USAGE, "--nbd %s: a socket's path has at most %u bytes", path, NBD_SOCKET_MAX);
    memcpy(a->socket, path, strlen(path) + 1);
    a->is_local = true;
    return 0;
}

static bool is_port(const char *text)
{
    unsigned value = 0;
    if (!*text || strlen(text) > 5)
        return false;
    for (; *text >= '0' && *text <= '9'; text++)
        value = 10 * value + (unsigned)(*text - '0');
    return !*text && value > 0 && value <= 65535;
}

static bool is_host(const char *text, size_t len, bool is_v6)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:%";
    size_t allowed = sizeof letters - 1 - (is_v6 ? 0 : 2);
    for (size_t i = 0; i < len; i++)
        if (!memchr(letters, text[i], allowed))
            return false;
    return len > 0 && len < sizeof(((struct nbd_address *)0)->host) && *text != '-';
}

static bool is_loopback(const char *host)
{
    return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 || strncmp(host, "127.", 4) == 0;
}

int nbd_address_parse(const char *text, struct nbd_address *out, struct err *e)
{
    struct nbd_address a = {.is_local = false};
    if (*text == '/' || strncmp(text, "unix:", 5) == 0) {
        if (parse_socket(*text == '/' ? text : text + 5, &a, e))
            return -1;
        *out = a;
        return 0;
    }
    const char *colon = strrchr(text, ':'), *host = text;
    size_t len = colon ? (size_t)(colon - text) : 0;
    bool is_v6 = len >= 2 && *text == '[' && colon[-1] == ']';
    if (is_v6) {
        host++;
        len -= 2;
    } else if (colon && len == 0) {
        host = "127.0.0.1";
        len = strlen(host);
    }
    if (!colon || !is_port(colon + 1) || !is_host(host, len, is_v6))
        return err_set(e, ERR_USAGE, "--nbd %.200s: it takes a socket's absolute path, HOST:PORT, [V6]:PORT or :PORT",
                       text);
    memcpy(a.host, host, len);
    memcpy(a.port, colon + 1, strlen(colon + 1) + 1);
    a.is_local = is_loopback(a.host);
    *out = a;
    return 0;
}

static void put_escaped(struct buf *b, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
    for (; *text; text++) {
        char hex[4];
        if (strchr(plain, *text)) {
            buf_put_u8(b, (uint8_t)*text);
            continue;
        }
        (void)snprintf(hex, sizeof hex, "%%%02X", (unsigned char)*text);
        buf_put(b, hex, 3);
    }
}

static void put_text(struct buf *b, const char *text)
{
    buf_put(b, text, strlen(text));
}

int nbd_uri(const struct nbd_address *a, bool tls, const char *name, struct buf *out, struct err *e)
{
    bool is_v6 = strchr(a->host, ':') != NULL;
    put_text(out, tls ? "nbds" : "nbd");
    put_text(out, *a->socket ? "+unix:///" : "://");
    if (!*a->socket) {
        put_text(out, is_v6 ? "[" : "");
        put_text(out, a->host);
        put_text(out, is_v6 ? "]:" : ":");
        put_text(out, a->port);
        put_text(out, "/");
    }
    put_escaped(out, name);
    if (*a->socket) {
        put_text(out, "?socket=");
        put_escaped(out, a->socket);
    }
    buf_put_u8(out, '\0');
    return buf_check(out, "an address", e);
}
