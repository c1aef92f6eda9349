/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pattern over the components of a path.
 *
 * A pattern that matches a directory takes what is below, so a pattern never
 * needs to reach the end of the path. That makes the leftmost place for each
 * stretch between two "**" as good as any other: no back-tracking.
 */
#include "select/pattern.h"

#include "base/mem.h"
#include "select/glob.h"

#include <string.h>

/* ---- compiling ---------------------------------------------------------------- */

static bool is_plain(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (strchr("*?[\\", s[i]))
            return false;
    return true;
}

static struct part part_of(const char *s, size_t len, bool ignore_case)
{
    struct part p = {.kind = PART_GLOB, .text = s, .len = len};
    if (len == 2 && memcmp(s, "**", 2) == 0)
        p.kind = PART_DEEP;
    else if (len == 1 && *s == '*')
        p.kind = PART_ANY;
    else if (is_plain(s, len) && !ignore_case)
        p.kind = PART_LITERAL;
    else if (*s == '*' && is_plain(s + 1, len - 1) && !ignore_case)
        p = (struct part){.kind = PART_SUFFIX, .text = s + 1, .len = len - 1};
    return p;
}

static int part_add(struct pattern *p, const char *s, size_t len, const char *whole, struct err *e)
{
    if (len == 0 || (len == 1 && *s == '.'))
        return 0;
    if (len == 2 && memcmp(s, "..", 2) == 0)
        return err_set(e, ERR_USAGE, "pattern '%s': '..' can match nothing; give the path without",
                       whole);
    const char *wrong = glob_check(s, len);
    if (wrong)
        return err_set(e, ERR_USAGE, "pattern '%s': %s", whole, wrong);
    struct part part = part_of(s, len, p->ignore_case);
    p->has_deep |= part.kind == PART_DEEP;
    p->parts[p->count++] = part;
    return 0;
}

int pattern_init(struct pattern *p, const char *text, bool ignore_case, struct err *e)
{
    const char *body = text + (text[0] == '!');
    size_t len = strlen(body), parts = 1;
    if (len == 0)
        return err_set(e, ERR_USAGE, "a pattern is empty");
    for (size_t i = 0; i < len; i++)
        parts += body[i] == '/';
    struct pattern made = {.negated = body != text,
                           .anchored = body[0] == '/',
                           .ignore_case = ignore_case,
                           .parts = mem_zalloc(parts * sizeof(struct part) + len + 1)};
    if (!made.parts)
        return err_no_memory(e, "a pattern");
    char *copy = memcpy(made.parts + parts, body, len + 1);
    for (size_t at = 0; at <= len;) {
        size_t n = strcspn(copy + at, "/");
        if (part_add(&made, copy + at, n, text, e)) {
            pattern_done(&made);
            return -1;
        }
        at += n + 1;
    }
    *p = made;
    return 0;
}

void pattern_done(struct pattern *p)
{
    mem_free(p->parts);
    *p = (struct pattern){0};
}

/* ---- matching ----------------------------------------------------------------- */

static inline bool part_matches(const struct part *part, const char *s, size_t n, bool ignore_case)
{
    switch (part->kind) {
    /* One byte decides nearly always; it spares a call. Lengths are never 0. */
    case PART_LITERAL:
        return n == part->len && s[0] == part->text[0] && memcmp(s, part->text, n) == 0;
    case PART_SUFFIX:
        return n >= part->len && s[n - 1] == part->text[part->len - 1] &&
               memcmp(s + n - part->len, part->text, part->len) == 0;
    case PART_GLOB: return glob_matches(part->text, part->len, s, n, ignore_case);
    case PART_ANY:
    case PART_DEEP:
    case PART_UNSET: break;
    }
    return true;
}

/* ---- without "**": on the components -------------------------------------------- */

void components_cut(struct components *c, const char *path, size_t len)
{
    c->path = path;
    c->len = len;
    c->count = 0;
    c->all = len <= UINT32_MAX;
    for (size_t at = 0; c->all && at < len;) {
        const char *slash = memchr(path + at, '/', len - at);
        size_t n = slash ? (size_t)(slash - path) - at : len - at;
        c->all = c->count < COMPONENTS_MAX;
        if (c->all)
            c->items[c->count++] = (struct component){(uint32_t)at, (uint32_t)n};
        at += n + 1;
    }
}

static bool matches_at(const struct pattern *p, const struct components *c, size_t first)
{
    for (size_t i = 0; i < p->count; i++) {
        const struct component *x = &c->items[first + i];
        if (!part_matches(&p->parts[i], c->path + x->at, x->len, p->ignore_case))
            return false;
    }
    return true;
}

static bool plain_matches(const struct pattern *p, const struct components *c)
{
    if (p->count > c->count)
        return false;
    if (p->anchored)
        return matches_at(p, c, 0);
    for (size_t first = 0; first + p->count <= c->count; first++)
        if (matches_at(p, c, first))
            return true;
    return false;
}

/* ---- in general: going along the path -------------------------------------------- */

/* The components of a path not passed yet; each is at `p`, `n` bytes long. */
struct walker {
    const char *p, *end;
    size_t n;
};

static void measure(struct walker *w)
{
    const char *slash = memchr(w->p, '/', (size_t)(w->end - w->p));
    w->n = (size_t)((slash ? slash : w->end) - w->p);
}

static struct walker walker_of(const char *path, size_t len)
{
    struct walker w = {.p = path, .end = path + len};
    measure(&w);
    return w;
}

static bool at_end(const struct walker *w)
{
    return w->p == w->end;
}

static void go_on(struct walker *w)
{
    w->p += w->n;
    if (w->p == w->end)
        return;
    w->p++;
    measure(w);
}

/* Parts from `first` up to the next "**" or the end. */
static size_t stretch_len(const struct pattern *p, size_t first)
{
    size_t n = 0;
    while (first + n < p->count && p->parts[first + n].kind != PART_DEEP)
        n++;
    return n;
}

/* How many parts of the stretch match from here on; moves over them. */
static size_t stretch_matches(const struct pattern *p, size_t first, size_t count, struct walker *w)
{
    size_t i = 0;
    for (; i < count && !at_end(w); i++, go_on(w))
        if (!part_matches(&p->parts[first + i], w->p, w->n, p->ignore_case))
            break;
    return i;
}

/* Moves over the leftmost place of the stretch. */
static bool stretch_find(const struct pattern *p, size_t first, size_t count, struct walker *w)
{
    for (;;) {
        struct walker try = *w;
        if (stretch_matches(p, first, count, &try) == count) {
            *w = try;
            return true;
        }
        if (at_end(w) || at_end(&try)) /* nothing longer is left further on */
            return false;
        go_on(w);
    }
}

bool pattern_matches(const struct pattern *p, const struct components *path)
{
    if (path->all && !p->has_deep)
        return plain_matches(p, path);
    struct walker w = walker_of(path->path, path->len);
    bool here = p->anchored;
    for (size_t i = 0; i < p->count;) {
        if (p->parts[i].kind == PART_DEEP) {
            here = false;
            i++;
            continue;
        }
        size_t n = stretch_len(p, i);
        if (here ? stretch_matches(p, i, n, &w) < n : !stretch_find(p, i, n, &w))
            return false;
        i += n; /* at a "**", or at the end */
    }
    return true;
}

static size_t components_left(struct walker w)
{
    size_t n = 0;
    for (; !at_end(&w); n++)
        go_on(&w);
    return n;
}

/* The last stretch: where the path ends, and only there if `here`. */
static bool stretch_ends(const struct pattern *p, size_t first, size_t count, bool here,
                         struct walker *w)
{
    size_t left = components_left(*w);
    if (left < count || (here && left != count))
        return false;
    for (; left > count; left--)
        go_on(w);
    return stretch_matches(p, first, count, w) == count;
}

bool pattern_matches_whole(const struct pattern *p, const char *path, size_t len)
{
    struct walker w = walker_of(path, len);
    bool here = p->anchored;
    for (size_t i = 0; i < p->count;) {
        if (p->parts[i].kind == PART_DEEP) {
            here = false;
            i++;
            continue;
        }
        size_t n = stretch_len(p, i);
        if (i + n == p->count)
            return stretch_ends(p, i, n, here, &w);
        if (here ? stretch_matches(p, i, n, &w) < n : !stretch_find(p, i, n, &w))
            return false;
        i += n;
    }
    return !at_end(&w); /* ends with "**": something must be left for it; or is "/" */
}

bool pattern_may_match_below(const struct pattern *p, const char *path, size_t len)
{
    if (!p->anchored)
        return true;
    struct walker w = walker_of(path, len);
    size_t n = stretch_len(p, 0);
    /* All of the stretch, or all of the path: the rest may follow below. */
    return stretch_matches(p, 0, n, &w) == n || at_end(&w);
}
