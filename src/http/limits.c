/* SPDX-License-Identifier: Apache-2.0 */
/* The limits where none are given, each with its reason. */
#include "http/http_internal.h"

static void default_u32(uint32_t *v, uint32_t otherwise)
{
    if (!*v)
        *v = otherwise;
}

void limits_fill(struct http_limits *l)
{
    /* Twice the 2,000 agents of a large installation, each with more than one now and then;
     * at 50 KiB for an idle one (measured; 17 of it are nghttp2's frame buffer) that is 200 MiB. */
    default_u32(&l->connections, 4096);
    /* A customer behind one address: 250 machines with four connections each. */
    default_u32(&l->connections_per_address, 1024);
    /* RFC 9113 recommends no fewer than 100. */
    default_u32(&l->streams, 100);
    /* Names of objects and queries have some hundred bytes. */
    default_u32(&l->path_bytes, 4096);
    default_u32(&l->header_bytes, 32 << 10);
    /* Three round trips of a satellite with losses fit many times. */
    default_u32(&l->handshake_ms, 10 * 1000);
    default_u32(&l->head_ms, 10 * 1000);
    /* Long enough that a machine which reports each five minutes keeps its connection. */
    default_u32(&l->idle_ms, 10 * 60 * 1000);
    /* A link that loses everything for a minute is down. */
    default_u32(&l->stall_ms, 60 * 1000);
    /* 1 KiB/s, a tenth of what an analogue modem did: below, a stream is not for its bytes. */
    default_u32(&l->slow_ms, 60 * 1000);
    default_u32(&l->slow_bytes, 60 << 10);
    /* An agent has four, or some dozens if many of its programs run at once. */
    default_u32(&l->connections_per_owner, 256);
    default_u32(&l->requests_per_owner, 512);
    /* What a fast peer sends while a disk syncs once: 4 MiB at 1 Gbit/s are 34 ms. */
    if (!l->buffered_per_connection)
        l->buffered_per_connection = (size_t)4 << 20;
    /* A quarter of the 512 MiB that a server may take. */
    if (!l->buffered_total)
        l->buffered_total = (size_t)128 << 20;
    /* So that three who flood at once still leave room for everybody else. */
    if (!l->buffered_per_owner)
        l->buffered_per_owner = l->buffered_total / 4;
    if (l->buffered_per_owner < l->buffered_per_connection)
        l->buffered_per_owner = l->buffered_per_connection;
}

void limits_set(struct live_limits *out, const struct http_limits *l)
{
    atomic_store(&out->connections, l->connections);
    atomic_store(&out->connections_per_address, l->connections_per_address);
    atomic_store(&out->streams, l->streams);
    atomic_store(&out->path_bytes, l->path_bytes);
    atomic_store(&out->header_bytes, l->header_bytes);
    atomic_store(&out->handshake_ms, l->handshake_ms);
    atomic_store(&out->head_ms, l->head_ms);
    atomic_store(&out->idle_ms, l->idle_ms);
    atomic_store(&out->stall_ms, l->stall_ms);
    atomic_store(&out->slow_ms, l->slow_ms);
    atomic_store(&out->slow_bytes, l->slow_bytes);
    atomic_store(&out->connections_per_owner, l->connections_per_owner);
    atomic_store(&out->requests_per_owner, l->requests_per_owner);
    atomic_store(&out->buffered_per_owner, l->buffered_per_owner);
    atomic_store(&out->buffered_per_connection, l->buffered_per_connection);
    atomic_store(&out->buffered_total, l->buffered_total);
}
