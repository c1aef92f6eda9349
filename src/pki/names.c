/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in subjectAltName: DNS names and addresses of a server, or one URI. The names are put
 * together as structures, never as a line of configuration, so that no name can smuggle in another.
 */
#include "pki/pki_internal.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <string.h>

#define NAMES_MAX 100u
#define DNS_MAX   253u
#define LABEL_MAX 63u

static bool is_label_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

/* Letters, digits, '-' and '_' in labels; "*." may stand first; the last label is not a number,
 * which would be an address that was mistyped. */
static bool is_dns_name(const char *name)
{
    size_t len = strnlen(name, DNS_MAX + 1);
    if (len == 0 || len > DNS_MAX)
        return false;
    if (name[0] == '*' && name[1] == '.')
        name += 2;
    for (;;) {
        size_t label = 0, digits = 0;
        for (; is_label_char(name[label]); label++)
            digits += name[label] >= '0' && name[label] <= '9';
        if (label == 0 || label > LABEL_MAX || name[0] == '-' || name[label - 1] == '-')
            return false;
        if (name[label] == '\0')
            return digits < label;
        if (name[label] != '.')
            return false;
        name += label + 1;
    }
}

bool pki_uri_is_plain(const char *uri, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (uri[i] <= ' ' || uri[i] > '~')
            return false;
    return len > 0 && len <= PKI_URI_MAX;
}

static int push(STACK_OF(GENERAL_NAME) * names, int type, const void *p, size_t len, struct err *e)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_STRING *value =
        ASN1_STRING_type_new(type == GEN_IPADD ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);
    if (name && value && ASN1_STRING_set(value, p, (int)len)) {
        GENERAL_NAME_set0_value(name, type, value);
        value = NULL;
        if (sk_GENERAL_NAME_push(names, name) > 0)
            return 0;
    }
    ASN1_STRING_free(value);
    GENERAL_NAME_free(name);
    ERR_clear_error();
    return err_no_memory(e, "the names of a certificate");
}

static int push_server(STACK_OF(GENERAL_NAME) * names, const char *name, struct err *e)
{
    uint8_t address[16];
    if (inet_pton(AF_INET, name, address) == 1)
        return push(names, GEN_IPADD, address, 4, e);
    if (inet_pton(AF_INET6, name, address) == 1)
        return push(names, GEN_IPADD, address, 16, e);
    if (is_dns_name(name))
        return push(names, GEN_DNS, name, strlen(name), e);
    return err_set(e, ERR_USAGE,
                   "'%.100s' is neither a DNS name nor an address: write "
                   "backup.example.com, 192.0.2.1 or 2001:db8::1",
                   name);
}

int pki_names_of_server(const char *const *names, size_t count, STACK_OF(GENERAL_NAME) * *out,
                        struct err *e)
{
    if (count == 0 || count > NAMES_MAX)
        return err_set(e, ERR_USAGE, "a server's certificate has 1 to %u names, not %zu", NAMES_MAX,
                       count);
    CLEANUP(pki_names_done) STACK_OF(GENERAL_NAME) *list = sk_GENERAL_NAME_new_null();
    if (!list)
        return err_no_memory(e, "the names of a certificate");
    for (size_t i = 0; i < count; i++)
        if (push_server(list, names[i], e))
            return -1;
    *out = TAKE(list);
    return 0;
}

int pki_names_of_uri(const char *uri, STACK_OF(GENERAL_NAME) * *out, struct err *e)
{
    size_t len = strnlen(uri, PKI_URI_MAX + 1);
    if (!pki_uri_is_plain(uri, len))
        return err_set(e, ERR_USAGE,
                       "a certificate's URI has 1 to %d printable characters and no "
                       "spaces",
                       PKI_URI_MAX);
    CLEANUP(pki_names_done) STACK_OF(GENERAL_NAME) *list = sk_GENERAL_NAME_new_null();
    if (!list)
        return err_no_memory(e, "the names of a certificate");
    if (push(list, GEN_URI, uri, len, e))
        return -1;
    *out = TAKE(list);
    return 0;
}
