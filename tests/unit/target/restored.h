/* SPDX-License-Identifier: Apache-2.0 */
/* A scratch directory, a target "t" in it, and entries to restore. */
#ifndef ABRI_TESTS_TARGET_RESTORED_H
#define ABRI_TESTS_TARGET_RESTORED_H

#include "target/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "scratch.h"

/* The tests work in it: it is the working directory. */
extern char scratch[SCRATCH_PATH_MAX];
int scratch_enter(void **state);
int scratch_leave(void **state);

/* What the target said about things not restored exactly. */
struct said {
    size_t count;
    bool expected;
    char path[4096];
    struct err e;
};
extern struct said said;

struct target *open_target(enum target_overwrite overwrite, bool dry_run);
void close_target(struct target *t);

/* Of the running user, mode 0640 (directories 0750), mtime 1000000000.5. */
struct entry file_entry(uint64_t size);
struct entry dir_entry(void);
struct entry link_entry(const char *target);

struct target_dir *make_dir_in(struct target_dir *parent, const char *name);
enum target_decision put(struct target_dir *d, const char *name, const char *content);

void plant_file(const char *path, const char *content);
void assert_content(const char *path, const char *content);
bool exists(const char *path);

#define SCRATCH_TEST(f) cmocka_unit_test_setup_teardown(f, scratch_enter, scratch_leave)

#endif
