/* SPDX-License-Identifier: Apache-2.0 */
/*
 * select: which paths are meant. Patterns with the habits that users of restic
 * have (its documentation, "Excluding Files"): shell globs per component
 * (* ? [a-z] [^a-z] and \ to quote); `**` matches any number of components; a pattern
 * that begins with '/' is anchored at the top; any other matches at any depth;
 * a pattern that matches a directory takes all that is below it; a leading '!'
 * takes back what an earlier pattern matched; a trailing '/' is ignored.
 * Compiled once, matched without allocation, in time linear in the pattern
 * count times the path length (no exponential back-tracking).
 */
#ifndef ABRI_SELECT_SELECT_H
#define ABRI_SELECT_SELECT_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct select; /* a list of patterns, in order */

MUST_CHECK int select_new(struct select **out, struct err *e);
void select_free(struct select *s);
/* ERR_USAGE for an empty pattern or an unclosed '['. */
MUST_CHECK int select_add(struct select *s, const char *pattern, bool ignore_case, struct err *e);
/* One pattern a line; empty lines and lines that begin with '#' are skipped;
 * white space at both ends is cut. */
MUST_CHECK int select_add_file(struct select *s, const char *file, bool ignore_case,
                               struct err *e);
bool select_is_empty(const struct select *s);
/* Whether the path ('/'-separated, with or without a leading '/') itself is
 * matched by the last pattern that has a say about it. A parent that matches
 * counts for what is below it. */
bool select_matches(const struct select *s, const char *path, size_t len);
/* Whether the path itself, not a parent of it, is matched: a pattern of one component
 * that is not anchored is about names; with two stars at its end, about what lies below. */
bool select_names(const struct select *s, const char *path, size_t len);
/* Whether something below directory `path` could match (for includes: is it
 * worth going down?). May say yes too often, never no wrongly. */
bool select_may_match_below(const struct select *s, const char *path, size_t len);

#endif
