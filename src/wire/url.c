/* SPDX-License-Identifier: Apache-2.0 */
/* Where a server is, as people write it. */
#include "wire/wire.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char scheme[] = "https://";

bool wire_is_url(const char *text)
{
    return strncmp(text, scheme, sizeof scheme - 1) == 0 || strncmp(text, "http://", 7) == 0;
}

static int bad(const char *text, const char *why, struct err *e)
{
    return err_set(e, ERR_USAGE, "'%.300s': %s (https://HOST[:PORT][/VAULT])", text, why);
}

static bool host_is_valid(const char *host, bool bracketed)
{
    for (const char *p = host; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr(bracketed ? ":." : ".-", *p))
            return false;
    return *host != '\0';
}

/* Moves behind the host. */
static bool take_host(const char **p, struct wire_url *out)
{
    bool bracketed = **p == '[';
    const char *begin = *p + bracketed;
    size_t n = strcspn(begin, bracketed ? "]" : ":/");
    if (n > WIRE_HOST_MAX || (bracketed && begin[n] != ']'))
        return false;
    memcpy(out->host, begin, n);
    out->host[n] = '\0';
    *p = begin + n + bracketed;
    return host_is_valid(out->host, bracketed);
}

static bool take_port(const char **p, struct wire_url *out)
{
    out->port = WIRE_DEFAULT_PORT;
    if (**p != ':')
        return true;
    uint32_t port = 0;
    const char *s = *p + 1;
    size_t n = 0;
    for (; isdigit((unsigned char)s[n]) && n < 6; n++)
        port = port * 10 + (uint32_t)(s[n] - '0');
    if (n == 0 || port == 0 || port > 65535)
        return false;
    out->port = (uint16_t)port;
    *p = s + n;
    return true;
}

int wire_url_parse(const char *text, struct wire_url *out, struct err *e)
{
    struct wire_url u = {0};
    if (strncmp(text, "http://", 7) == 0)
        return bad(text, "a server is only spoken to over TLS", e);
    if (strncmp(text, scheme, sizeof scheme - 1) != 0)
        return bad(text, "that is no URL of a server", e);
    const char *p = text + sizeof scheme - 1;
    if (!take_host(&p, &u))
        return bad(text, "no valid host", e);
    if (!take_port(&p, &u))
        return bad(text, "no valid port", e);
    if (*p == '/' && p[1]) {
        p++;
        size_t n = strcspn(p, "/");
        if (!hex_decode(p, n, u.vault, WIRE_ID_BYTES))
            return bad(text, "a vault is 32 hex digits", e);
        u.has_vault = true;
        p += n;
    }
    if (*p == '/')
        p++;
    if (*p)
        return bad(text, "something follows that does not belong there", e);
    *out = u;
    return 0;
}
