/* SPDX-License-Identifier: Apache-2.0 */
/* One pattern, inside the room. */
#ifndef ABRI_SELECT_PATTERN_H
#define ABRI_SELECT_PATTERN_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a component of a pattern is compared: most are simple. */
enum part_kind {
    PART_UNSET = 0,
    PART_LITERAL, /* equal to text */
    PART_SUFFIX,  /* "*text" */
    PART_ANY,     /* "*" */
    PART_GLOB,    /* text is a glob */
    PART_DEEP     /* "**": any number of components */
};

struct part {
    enum part_kind kind;
    const char *text;
    size_t len;
};

struct pattern {
    bool negated;       /* began with '!' */
    bool anchored;      /* began with '/' */
    bool ignore_case;   /* Latin, Greek and Cyrillic letters */
    bool has_deep;      /* some part is "**" */
    struct part *parts; /* the pattern's one allocation */
    size_t count;
};

/* A path cut at its '/', once for all patterns. Paths with more components are
 * matched without it, in the same way but slower. */
#define COMPONENTS_MAX 64

struct component {
    uint32_t at, len;
};

struct components {
    const char *path; /* without '/' at either end */
    size_t len;
    bool all; /* they fit */
    uint32_t count;
    struct component items[COMPONENTS_MAX];
};

void components_cut(struct components *c, const char *path, size_t len);

MUST_CHECK int pattern_init(struct pattern *p, const char *text, bool ignore_case, struct err *e);
void pattern_done(struct pattern *p);
/* Whether it matches the path or one of its parents; negation is ignored. */
bool pattern_matches(const struct pattern *p, const struct components *path);
/* Whether it matches the path to its end. */
bool pattern_matches_whole(const struct pattern *p, const char *path, size_t len);
/* Whether it could match something below the path. */
bool pattern_may_match_below(const struct pattern *p, const char *path, size_t len);

#endif
