/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths as byte strings: their order, their validity, their parents. Never
 * touches a file system, never normalises.
 *
 *  P1 path_compare is a total order in which a directory stands directly
 *     before all that is below it.
 */
#include "entry/entry.h"

#include <string.h>

/* '/' counts as less than any byte that a name can hold (NUL cannot). */
static inline int rank(char c)
{
    return c == '/' ? 0 : (unsigned char)c;
}

int path_compare(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t common = a_len < b_len ? a_len : b_len;
    size_t i = 0;
    while (i + 8 <= common) {
        uint64_t x, y;
        memcpy(&x, a + i, 8);
        memcpy(&y, b + i, 8);
        if (x != y)
            break;
        i += 8;
    }
    while (i < common && a[i] == b[i])
        i++;
    if (i < common)
        return rank(a[i]) < rank(b[i]) ? -1 : 1;
    return (a_len > b_len) - (a_len < b_len);
}

/* Length of the valid component at the start of `p`; 0 if it is not one. */
static size_t component_len(const char *p, size_t left)
{
    const char *slash = memchr(p, '/', left);
    size_t len = slash ? (size_t)(slash - p) : left;
    if (len == 0 || len > ENTRY_NAME_MAX)
        return 0;
    if (p[0] == '.' && (len == 1 || (len == 2 && p[1] == '.')))
        return 0;
    return memchr(p, '\0', len) ? 0 : len;
}

bool path_is_valid(const char *path, size_t len)
{
    if (len == 0 || len > ENTRY_PATH_MAX)
        return false;
    for (size_t at = 0; at <= len;) {
        size_t n = component_len(path + at, len - at);
        if (n == 0)
            return false;
        at += n + 1;
    }
    return true;
}

size_t path_parent_len(const char *path, size_t len)
{
    const char *slash = len ? memrchr(path, '/', len) : NULL;
    return slash ? (size_t)(slash - path) : 0;
}

bool path_is_below(const char *path, size_t len, const char *dir, size_t dir_len)
{
    if (dir_len == 0)
        return true;
    if (len < dir_len || memcmp(path, dir, dir_len) != 0)
        return false;
    return len == dir_len || path[dir_len] == '/';
}
