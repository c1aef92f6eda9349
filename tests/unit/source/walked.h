/* SPDX-License-Identifier: Apache-2.0 */
/* A scratch tree, and what a walk said about it. */
#ifndef ABRI_TESTS_SOURCE_WALKED_H
#define ABRI_TESTS_SOURCE_WALKED_H

#include "source/source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "scratch.h"

/* The tests work in it: it is the working directory. */
extern char scratch[SCRATCH_PATH_MAX];
int scratch_enter(void **state);
int scratch_leave(void **state);

/* Seeds random() from $ABRI_TEST_SEED or anew, and prints the seed. */
void seed_random(void);
void make_dir(const char *path);
void make_file(const char *path, const char *content);

/* Paths of the walk below the scratch directory, one a line, each relative to
 * it, directories with '/' behind; problems as "! path". Checks the order. */
struct walked {
    char text[1 << 16];
    size_t items, ancestors, problems;
    struct err last_problem;
};
void walk_over(const struct walk_options *o, struct walked *out);
/* Requests "." with the other options. */
void walk_here(struct walk_options o, struct walked *out);
/* The first item of the walk over `path`. */
struct source_item first_item(const char *path, struct walk **walk_out);

#endif
