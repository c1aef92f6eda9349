/* SPDX-License-Identifier: Apache-2.0 */
/* Names: any byte but '/' and NUL, any length up to 255. */
#include "maketree.h"

#include <stdio.h>
#include <string.h>

static void random_bytes(struct maker *m, char *at, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned c = (unsigned)pick(m, 255) + 1;
        at[i] = (char)(c == '/' ? '_' : c);
    }
}

static void random_word(struct maker *m, char *at, size_t len)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz-_. ABC0123";
    for (size_t i = 0; i < len; i++)
        at[i] = letters[pick(m, sizeof letters - 1)];
}

void random_name(struct maker *m, char out[256])
{
    size_t len = chance(m, 3) ? 240 : 1 + pick(m, 24);
    if (chance(m, 15))
        random_bytes(m, out, len);
    else
        random_word(m, out, len);
    (void)snprintf(out + len, 256 - len, "%c%u", chance(m, 50) ? '.' : '-', m->serial++);
}
