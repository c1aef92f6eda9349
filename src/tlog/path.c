/* SPDX-License-Identifier: Apache-2.0 */
/* Paths of tiles and bundles as C2SP tlog-tiles has them: each has exactly one form. */
#include "tlog/tlog_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define GROUPS_MAX 7u /* of three digits: 2^64 has twenty */

void tile_path(unsigned level, uint64_t n, unsigned width, char out[TLOG_PATH_BYTES])
{
    unsigned groups[GROUPS_MAX], count = 0;
    do {
        groups[count++] = (unsigned)(n % 1000);
        n /= 1000;
    } while (n);
    int at = level == TILE_ENTRIES ? snprintf(out, TLOG_PATH_BYTES, "tile/entries")
                                   : snprintf(out, TLOG_PATH_BYTES, "tile/%u", level);
    while (count-- > 0)
        at += snprintf(out + at, TLOG_PATH_BYTES - (size_t)at, count ? "/x%03u" : "/%03u",
                       groups[count]);
    if (width == 0)
        (void)snprintf(out + at, TLOG_PATH_BYTES - (size_t)at, ".p");
    else if (width < TILE_WIDTH)
        (void)snprintf(out + at, TLOG_PATH_BYTES - (size_t)at, ".p/%u", width);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Decimal without leading zeros, at most `max`; moves on. */
static bool take_number(const char **p, unsigned max, unsigned *out)
{
    unsigned v = 0, digits = 0;
    if ((*p)[0] == '0' && is_digit((*p)[1]))
        return false;
    for (; is_digit(**p) && digits < 4; (*p)++, digits++)
        v = 10 * v + (unsigned)(**p - '0');
    *out = v;
    return digits > 0 && v <= max;
}

static bool take_group(const char **p, uint64_t *n)
{
    if (!is_digit((*p)[0]) || !is_digit((*p)[1]) || !is_digit((*p)[2]))
        return false;
    unsigned v = (unsigned)((*p)[0] - '0') * 100 + (unsigned)((*p)[1] - '0') * 10 +
                 (unsigned)((*p)[2] - '0');
    if (*n > (UINT64_MAX - v) / 1000)
        return false;
    *n = *n * 1000 + v;
    *p += 3;
    return true;
}

static bool take_index(const char **p, uint64_t *n)
{
    bool first = true;
    *n = 0;
    while (**p == 'x') {
        ++*p;
        if (!take_group(p, n) || (first && *n == 0) || *(*p)++ != '/')
            return false;
        first = false;
    }
    return take_group(p, n);
}

bool tile_path_parse(const char *path, unsigned *level, uint64_t *n, unsigned *width)
{
    if (strncmp(path, "tile/", 5) != 0)
        return false;
    path += 5;
    if (strncmp(path, "entries/", 8) == 0) {
        *level = TILE_ENTRIES;
        path += 7;
    } else if (!take_number(&path, 63, level)) {
        return false;
    } else if (*level >= TILE_LEVELS) {
        *level = TILE_ENTRIES + 1; /* well formed, and never there */
    }
    if (*path++ != '/' || !take_index(&path, n))
        return false;
    *width = TILE_WIDTH;
    if (strncmp(path, ".p/", 3) == 0) {
        path += 3;
        if (!take_number(&path, TILE_WIDTH - 1, width) || *width == 0)
            return false;
    }
    return *path == '\0';
}
