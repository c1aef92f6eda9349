/* SPDX-License-Identifier: Apache-2.0 */
/* A directory for one test: made below $TMPDIR (or /tmp), removed with all
 * that is in it. Both end the test program if they fail. */
#ifndef ABRI_TESTS_SUPPORT_SCRATCH_H
#define ABRI_TESTS_SUPPORT_SCRATCH_H

#include <stddef.h>

#define SCRATCH_PATH_MAX 512

void scratch_make(char path_out[SCRATCH_PATH_MAX]);
/* Does not follow links, makes what it cannot enter accessible first. */
void scratch_remove(const char *path);
/* The same, but keeps the directory itself. */
void scratch_empty(const char *path);

#endif
