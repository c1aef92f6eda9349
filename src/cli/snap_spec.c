/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "SNAP[:PATH]": a snapshot by id, date or "latest", and a path within it. A date
 * has colons of its own ("2026-11-21 21:26:00:/etc"), so a colon between the
 * digits of a time does not part.
 */
#include "cli/cli.h"

#include "base/mem.h"

#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "2026-11-…" */
static bool begins_with_date(const char *s)
{
    static const char shape[] = "0000-00-00";
    for (size_t i = 0; shape[i]; i++)
        if (shape[i] == '0' ? !is_digit(s[i]) : s[i] != shape[i])
            return false;
    return true;
}

static bool is_time_colon(const char *text, const char *colon)
{
    return colon - text >= 2 && is_digit(colon[-1]) && is_digit(colon[-2]) && is_digit(colon[1]) &&
           is_digit(colon[2]) && !is_digit(colon[3]);
}

static const char *parting_colon(const char *text)
{
    bool date = begins_with_date(text);
    const char *colon = strchr(text, ':');
    for (int times = 0; colon && date && times < 2 && is_time_colon(text, colon); times++)
        colon = strchr(colon + 1, ':');
    return colon;
}

/* Drops empty and "." components; ".." has no meaning in a snapshot. */
static int normalise(const char *path, char **out, struct err *e)
{
    size_t len = strlen(path), used = 0;
    CLEANUP_FREE char *clean = mem_alloc(len + 1);
    if (!clean)
        return err_no_memory(e, "a path");
    for (const char *p = path; *p;) {
        size_t n = strcspn(p, "/");
        if (n == 2 && memcmp(p, "..", 2) == 0)
            return err_set(e, ERR_USAGE, "'%s': '..' has no meaning within a snapshot", path);
        if (n > 0 && !(n == 1 && *p == '.')) {
            if (used > 0)
                clean[used++] = '/';
            memcpy(clean + used, p, n);
            used += n;
        }
        p += n + (p[n] == '/');
    }
    clean[used] = '\0';
    *out = TAKE(clean);
    return 0;
}

int snap_spec_split(const char *text, char **snap_out, char **path_out, struct err *e)
{
    const char *colon = parting_colon(text);
    size_t len = colon ? (size_t)(colon - text) : strlen(text);
    if (len == 0)
        return err_set(e, ERR_USAGE, "'%s': which snapshot? An id, a date or \"latest\"", text);
    CLEANUP_FREE char *snap = mem_alloc(len + 1);
    if (!snap)
        return err_no_memory(e, "a snapshot's name");
    memcpy(snap, text, len);
    snap[len] = '\0';
    if (normalise(colon ? colon + 1 : "", path_out, e))
        return -1;
    *snap_out = TAKE(snap);
    return 0;
}

void short_id(const uint8_t id[ID_BYTES], char out[SHORT_ID_BYTES])
{
    hex_encode(id, (SHORT_ID_BYTES - 1) / 2, out);
}
