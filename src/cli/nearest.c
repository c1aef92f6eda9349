/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean …?": the nearest name by edit distance (Damerau, restricted:
 * insert, delete, replace, swap neighbours), or a name that begins so. */
#include "cli/options.h"

#include <string.h>

#define NAME_MAX_BYTES 40

static unsigned min2(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static unsigned distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    unsigned rows[3][NAME_MAX_BYTES + 1];
    for (size_t j = 0; j <= b_len; j++)
        rows[0][j] = (unsigned)j;
    for (size_t i = 1; i <= a_len; i++) {
        unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_len; j++) {
            unsigned replace = above[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = min2(replace, min2(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = min2(row[j], above2[j - 2] + 1);
        }
    }
    return rows[a_len % 3][b_len];
}

const char *options_nearest(const char *text, size_t len, const char *const *names, size_t count)
{
    const char *best = NULL;
    unsigned best_distance = 0;
    if (len == 0 || len > NAME_MAX_BYTES)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(names[i]);
        if (n > NAME_MAX_BYTES)
            continue;
        bool begins = len >= 3 && n > len && memcmp(names[i], text, len) == 0;
        unsigned d = begins ? 1 : distance(text, len, names[i], n);
        unsigned allowed = len < 4 ? 1 : len < 7 ? 2 : 3;
        if (d <= allowed && (!best || d < best_distance)) {
            best = names[i];
            best_distance = d;
        }
    }
    return best;
}
