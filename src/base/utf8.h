/* SPDX-License-Identifier: Apache-2.0 */
/* Text that comes from outside: one character of UTF-8 at a time, and text that can be shown. */
#ifndef ABRI_BASE_UTF8_H
#define ABRI_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the character at `p`, 1 … 4, and which it is; 0 if the bytes are not well-formed
 * UTF-8 (RFC 3629: shortest form, no surrogates, nothing above U+10FFFF) or there are none. */
size_t utf8_get(const void *p, size_t len, uint32_t *out);
/* Writes it and gives the bytes; 0 for what is no character (a surrogate, above U+10FFFF). */
size_t utf8_put(uint32_t c, char out[4]);
/* May stand in text that is shown: neither a control (C0, DEL, C1), nor a separator of lines, nor
 * one of the marks that turn the direction of what follows, nor no character at all. */
bool utf8_can_show(uint32_t c);
/* Copies `len` bytes to `out`, of `cap` > 0 bytes: always well-formed, ended with NUL, cut between
 * characters; what cannot be shown becomes '?'. */
void utf8_clean(const void *p, size_t len, char *out, size_t cap);
/* Well-formed, and all of it can be shown. */
bool utf8_is_clean(const void *p, size_t len);

#endif
