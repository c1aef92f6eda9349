/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Globs, without recursion: after a mismatch only the last '*' takes one more
 * character, since an earlier one taking more could not help.
 */
#include "select/glob.h"

#include <stdint.h>
#include <string.h>

struct text {
    const char *p, *end;
};

/* ---- characters ------------------------------------------------------------- */

/* Bytes that are not UTF-8 become values that no character has. */
#define RAW_BYTE 0x110000u

static unsigned continuation_count(unsigned char first)
{
    return first >= 0xf0 && first < 0xf5   ? 3
           : first >= 0xe0 && first < 0xf0 ? 2
           : first >= 0xc2 && first < 0xe0 ? 1
                                           : 0;
}

static uint32_t next_char(struct text *t)
{
    unsigned char first = (unsigned char)*t->p++;
    if (first < 0x80)
        return first;
    unsigned more = continuation_count(first);
    if (more == 0 || (size_t)(t->end - t->p) < more)
        return RAW_BYTE + first;
    uint32_t c = first & (0x3fu >> more);
    for (unsigned i = 0; i < more; i++) {
        if (((unsigned char)t->p[i] & 0xc0) != 0x80)
            return RAW_BYTE + first;
        c = c << 6 | ((unsigned char)t->p[i] & 0x3f);
    }
    t->p += more;
    return c;
}

static bool in(uint32_t c, uint32_t first, uint32_t last)
{
    return c >= first && c <= last;
}

/* The same letter in the other case; `c` itself if there is none. Not by
 * towlower: a pattern must mean the same in every locale. */
static uint32_t other_case(uint32_t c)
{
    if (in(c, 'a', 'z') || in(c, 'A', 'Z'))
        return c ^ 0x20;
    if (c < 0xc0)
        return c;
    if (in(c, 0xc0, 0xfe) && c != 0xd7 && c != 0xdf && c != 0xf7) /* Latin-1 */
        return c ^ 0x20;
    if (in(c, 0x100, 0x12f) || in(c, 0x132, 0x137) || in(c, 0x14a, 0x177)) /* Latin Extended-A */
        return c ^ 1;
    if (in(c, 0x139, 0x148) || in(c, 0x179, 0x17e))
        return c & 1 ? c + 1 : c - 1;
    if (in(c, 0x391, 0x3a9) || in(c, 0x410, 0x42f)) /* Greek, Cyrillic capitals */
        return c + 0x20;
    if ((in(c, 0x3b1, 0x3c9) && c != 0x3c2) || in(c, 0x430, 0x44f))
        return c - 0x20;
    if (in(c, 0x400, 0x40f))
        return c + 0x50;
    return in(c, 0x450, 0x45f) ? c - 0x50 : c;
}

/* ---- classes ----------------------------------------------------------------- */

/* A possibly quoted character of a class. False if the text ends. */
static bool class_char(struct text *g, uint32_t *out)
{
    if (g->p < g->end && *g->p == '\\')
        g->p++;
    if (g->p == g->end)
        return false;
    *out = next_char(g);
    return true;
}

/* `g` stands behind '['; moves it behind ']'. False if there is none. */
static bool class_has(struct text *g, uint32_t c, uint32_t c2, bool *has_out)
{
    bool negated = g->p < g->end && (*g->p == '^' || *g->p == '!');
    g->p += negated;
    bool has = false;
    for (bool first = true;; first = false) {
        if (g->p == g->end)
            return false;
        if (*g->p == ']' && !first)
            break;
        uint32_t low, high;
        if (!class_char(g, &low))
            return false;
        high = low;
        if (g->end - g->p >= 2 && g->p[0] == '-' && g->p[1] != ']') {
            g->p++;
            if (!class_char(g, &high))
                return false;
        }
        has |= in(c, low, high) || in(c2, low, high);
    }
    g->p++;
    *has_out = has != negated;
    return true;
}

/* ---- globs ------------------------------------------------------------------- */

const char *glob_check(const char *glob, size_t glob_len)
{
    struct text g = {glob, glob + glob_len};
    bool has;
    while (g.p < g.end) {
        char c = *g.p++;
        if (c == '\\' && g.p++ == g.end)
            return "it ends with a '\\' that quotes nothing; write '\\\\' for the character itself";
        if (c == '[' && !class_has(&g, 0, 0, &has))
            return "a '[' is not closed; write '\\[' for the character itself";
    }
    return NULL;
}

/* Compares one character of each, and moves both on. */
static bool one_matches(struct text *g, struct text *s, bool ignore_case)
{
    uint32_t c = next_char(s);
    uint32_t c2 = ignore_case ? other_case(c) : c;
    bool has;
    switch (*g->p) {
    case '?': g->p++; return true;
    case '[': g->p++; return class_has(g, c, c2, &has) && has;
    case '\\': g->p++; break;
    default: break;
    }
    uint32_t want = next_char(g);
    return want == c || want == c2;
}

/* Behind a '*': moves to where the glob's next character is at all; false if
 * there is none. Bytes below 128 are whole characters wherever they stand. */
static bool seek(struct text *at, const struct text *g, bool ignore_case)
{
    if (g->p == g->end || ignore_case || (*g->p & 0x80) || strchr("*?[\\", *g->p))
        return true;
    const char *p = memchr(at->p, *g->p, (size_t)(at->end - at->p));
    if (p)
        at->p = p;
    return p != NULL;
}

bool glob_matches(const char *glob, size_t glob_len, const char *s, size_t len, bool ignore_case)
{
    struct text g = {glob, glob + glob_len}, at = {s, s + len};
    struct text star = {NULL, NULL}, taken = at; /* behind the last '*'; what it took */
    while (at.p < at.end) {
        if (g.p < g.end && *g.p == '*') {
            g.p++;
            if (!seek(&at, &g, ignore_case))
                return false;
            star = g;
            taken = at;
            continue;
        }
        if (g.p < g.end && one_matches(&g, &at, ignore_case))
            continue;
        if (!star.p)
            return false;
        (void)next_char(&taken);
        g = star;
        at = taken;
        if (!seek(&at, &g, ignore_case))
            return false;
        taken = at;
    }
    while (g.p < g.end && *g.p == '*')
        g.p++;
    return g.p == g.end;
}
