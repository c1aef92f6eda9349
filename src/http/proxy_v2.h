/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PROXY protocol, version 2 (haproxy's doc/proxy-protocol.txt, §2.2): what a front end
 * says about whom it speaks for, in front of the first byte of TLS. Pure decoder; version 1
 * (text) is refused, because where it ends is for guessing.
 */
#ifndef ABRI_HTTP_PROXY_V2_H
#define ABRI_HTTP_PROXY_V2_H

#include "http/address.h"

#define PROXY_V2_HEAD_BYTES 16
/* The specification allows 65,535 behind the head; front ends send some hundred (TLVs). */
#define PROXY_V2_REST_MAX 2048

extern const uint8_t proxy_v2_signature[12];

/* How many bytes follow a head of 16; -1: no head of this protocol, or one that is refused. */
int proxy_v2_rest(const uint8_t head[PROXY_V2_HEAD_BYTES]);

enum proxy_v2 {
    PROXY_V2_UNSET = 0,
    PROXY_V2_BAD,
    PROXY_V2_LOCAL, /* the front end speaks for itself (a health check), or does not say for whom */
    PROXY_V2_CLIENT, /* *source_out is the address of the client */
};
/* A whole header: head and rest. *source_out is untouched unless PROXY_V2_CLIENT. */
enum proxy_v2 proxy_v2_decode(const uint8_t *p, size_t len, struct address *source_out);

#endif
