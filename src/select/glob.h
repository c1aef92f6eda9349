/* SPDX-License-Identifier: Apache-2.0 */
/* Shell globs over one component: * ? [a-z] [^a-z] [!a-z] and \ to quote.
 * Characters are those of UTF-8; a byte that is not UTF-8 counts as one. */
#ifndef ABRI_SELECT_GLOB_H
#define ABRI_SELECT_GLOB_H

#include <stdbool.h>
#include <stddef.h>

/* NULL, or what is wrong with it. */
const char *glob_check(const char *glob, size_t glob_len);
/* The glob must have passed glob_check. Time at most glob_len × len. */
bool glob_matches(const char *glob, size_t glob_len, const char *s, size_t len, bool ignore_case);

#endif
