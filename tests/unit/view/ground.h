/* SPDX-License-Identifier: Apache-2.0 */
/* A vault that holds one disk of many small chunks, and the bytes that the disk should have. */
#ifndef ABRI_TESTS_VIEW_GROUND_H
#define ABRI_TESTS_VIEW_GROUND_H

#include "scratch.h"

#include "view/view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define GRAIN      4096u
#define DISK_BYTES ((size_t)6 << 20)
#define HOLE_FROM  ((size_t)2 << 20) /* from here to HOLE_TO nothing was written */
#define HOLE_TO    ((size_t)3 << 20)

struct ground {
    char top[SCRATCH_PATH_MAX];
    char vault[600], disk[600];
    uint8_t *bytes; /* DISK_BYTES; repeated stretches among them */
    struct access access;
    struct entry *file;
};

#define assert_ok(call, e)                                                                         \
    do {                                                                                           \
        if (call)                                                                                  \
            fail_msg("%s: %s", #call, (e)->msg);                                                   \
    } while (0)

uint64_t ground_seed(void); /* printed: ABRI_SEED, or one of its own */
uint64_t ground_random(uint64_t *state);
void ground_make(struct ground *g, uint64_t seed);
void ground_remove(struct ground *g);
void ground_reopen(struct ground *g); /* the access and the file, anew */

#endif
