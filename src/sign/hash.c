/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The unkeyed BLAKE3 hash of whole objects. Keyed and derived hashes belong to
 * the rooms that hold keys; they do not go through here.
 */
#include "sign/sign.h"

#include <blake3.h>

_Static_assert(HASH_BYTES == BLAKE3_OUT_LEN, "the format fixes the hash at 32 bytes");

void hash_bytes(const void *p, size_t len, uint8_t out[HASH_BYTES])
{
    hash_two(p, len, NULL, 0, out);
}

void hash_two(const void *a, size_t a_len, const void *b, size_t b_len, uint8_t out[HASH_BYTES])
{
    blake3_hasher h;
    blake3_hasher_init(&h);
    if (a_len)
        blake3_hasher_update(&h, a, a_len);
    if (b_len)
        blake3_hasher_update(&h, b, b_len);
    blake3_hasher_finalize(&h, out, HASH_BYTES);
}

_Static_assert(sizeof(blake3_hasher) <= HASH_STREAM_BYTES, "the state has room");

void hash_stream_begin(struct hash_stream *h)
{
    blake3_hasher_init((blake3_hasher *)(void *)h->state);
}

void hash_stream_put(struct hash_stream *h, const void *p, size_t len)
{
    if (len)
        blake3_hasher_update((blake3_hasher *)(void *)h->state, p, len);
}

void hash_stream_end(const struct hash_stream *h, uint8_t out[HASH_BYTES])
{
    blake3_hasher_finalize((const blake3_hasher *)(const void *)h->state, out, HASH_BYTES);
}
