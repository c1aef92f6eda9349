/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of boxes share: a line of shell or Python in a box, and what came of it. */
#ifndef ABRI_TESTS_BOX_TEST_H
#define ABRI_TESTS_BOX_TEST_H

#include "box/box.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

extern char place[SCRATCH_PATH_MAX]; /* removed at the end */

/* A path in `place`; of a few buffers in turn. */
const char *at(const char *name);
void make_file(const char *path, const char *text);
/* "sh -c line" or "python3 -c line", for 60 s and 64 KiB; what it wrote is in *out (ended with
 * NUL). */
int shell(const char *line, const struct box_options *with, char out[1024], struct err *e);
int python(const char *line, const struct box_options *with, char out[1024], struct err *e);
/* Nothing shown, nothing passed. */
struct box_options plain(void);

/* "nobody" as the argument: all tests as a user without rights. Skips with a reason where there
 * are no user namespaces, or no such user can be had. */
int run_boxes(int argc, char **argv, const char *name, const struct CMUnitTest *tests,
              size_t count);

#endif
