/* SPDX-License-Identifier: Apache-2.0 */
#include "http/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

struct address address_of_v4(const uint8_t p[4])
{
    struct address a = {.known = true};
    memcpy(a.b, mapped, sizeof mapped);
    memcpy(a.b + 12, p, 4);
    return a;
}

struct address address_of_v6(const uint8_t p[16])
{
    struct address a = {.known = true};
    memcpy(a.b, p, 16);
    return a;
}

struct address address_of_socket(const struct sockaddr_storage *s)
{
    if (s->ss_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, s, sizeof in);
        return address_of_v4((const uint8_t *)&in.sin_addr);
    }
    if (s->ss_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, s, sizeof in6);
        return address_of_v6((const uint8_t *)&in6.sin6_addr);
    }
    return (struct address){.known = false};
}

static bool is_v4(const struct address *a)
{
    return memcmp(a->b, mapped, sizeof mapped) == 0;
}

void address_text(const struct address *a, char *out, size_t len)
{
    const char *made = NULL;
    if (a->known)
        made = is_v4(a) ? inet_ntop(AF_INET, a->b + 12, out, (socklen_t)len)
                        : inet_ntop(AF_INET6, a->b, out, (socklen_t)len);
    if (!made)
        (void)snprintf(out, len, "local");
}

/* "24": decimal digits alone, at most `max`. */
static bool parse_bits(const char *s, unsigned max, unsigned *out)
{
    unsigned n = 0;
    if (!*s || strlen(s) > 3)
        return false;
    for (; *s; s++) {
        if (*s < '0' || *s > '9')
            return false;
        n = n * 10 + (unsigned)(*s - '0');
    }
    *out = n;
    return n <= max;
}

bool network_parse(const char *text, struct network *out)
{
    char host[INET6_ADDRSTRLEN];
    const char *slash = strchr(text, '/');
    size_t len = slash ? (size_t)(slash - text) : strlen(text);
    if (len == 0 || len >= sizeof host)
        return false;
    memcpy(host, text, len);
    host[len] = '\0';
    uint8_t raw[16];
    struct network n;
    bool v4 = inet_pton(AF_INET, host, raw) == 1;
    if (!v4 && inet_pton(AF_INET6, host, raw) != 1)
        return false;
    n.base = v4 ? address_of_v4(raw) : address_of_v6(raw);
    n.bits = v4 ? 32 : 128;
    if (slash && !parse_bits(slash + 1, n.bits, &n.bits))
        return false;
    if (v4)
        n.bits += 96;
    *out = n;
    return true;
}

bool network_has(const struct network *n, const struct address *a)
{
    size_t whole = n->bits / 8;
    unsigned rest = n->bits % 8;
    if (!a->known || memcmp(n->base.b, a->b, whole) != 0)
        return false;
    return !rest || ((n->base.b[whole] ^ a->b[whole]) >> (8 - rest)) == 0;
}
