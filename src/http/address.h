/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses of peers: one shape for IPv4 and IPv6 (IPv4 as ::ffff:a.b.c.d), so that
 * a peer is the same whichever socket it came through. Pure.
 */
#ifndef ABRI_HTTP_ADDRESS_H
#define ABRI_HTTP_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct address {
    uint8_t b[16];
    bool known; /* false: a local socket, or nothing was said */
};

struct network {
    struct address base;
    unsigned bits; /* of 128 */
};

struct address address_of_v4(const uint8_t p[4]);
struct address address_of_v6(const uint8_t p[16]);
struct address address_of_socket(const struct sockaddr_storage *s);
/* "192.0.2.7", "2001:db8::1", "local"; at least 64 bytes. */
void address_text(const struct address *a, char *out, size_t len);
/* "192.0.2.0/24", "::1/128", "10.0.0.1". */
bool network_parse(const char *text, struct network *out);
bool network_has(const struct network *n, const struct address *a);

#endif
