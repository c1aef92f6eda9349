/* SPDX-License-Identifier: Apache-2.0 */
#include "restored.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

char scratch[SCRATCH_PATH_MAX];
struct said said;

int scratch_enter(void **state)
{
    (void)state;
    char path[SCRATCH_PATH_MAX];
    scratch_make(path);
    char *real = realpath(path, NULL);
    if (!real || strlen(real) >= sizeof scratch)
        return -1;
    memcpy(scratch, real, strlen(real) + 1);
    free(real);
    said = (struct said){0};
    return chdir(scratch);
}

int scratch_leave(void **state)
{
    (void)state;
    if (chdir("/"))
        return -1;
    scratch_remove(scratch);
    return 0;
}

static void problem(void *arg, const char *path, bool expected, const struct err *e)
{
    struct said *s = arg;
    s->expected = expected;
    s->count++;
    s->e = *e;
    (void)snprintf(s->path, sizeof s->path, "%s", path);
}

struct target *open_target(enum target_overwrite overwrite, bool dry_run)
{
    struct target_options o = {
        .overwrite = overwrite, .dry_run = dry_run, .problem = problem, .arg = &said};
    struct err e = ERR_INIT;
    struct target *t;
    if (target_open("t", &o, &t, &e))
        fail_msg("%s", e.msg);
    return t;
}

void close_target(struct target *t)
{
    struct err e = ERR_INIT;
    if (target_close(t, &e))
        fail_msg("%s", e.msg);
}

static struct entry entry_of(enum entry_type type, uint32_t mode)
{
    return (struct entry){.path = "",
                          .type = type,
                          .mode = mode,
                          .uid = geteuid(),
                          .gid = getegid(),
                          .user = "",
                          .group = "",
                          .mtime_s = 1000000000,
                          .mtime_ns = 500000000};
}

struct entry file_entry(uint64_t size)
{
    struct entry e = entry_of(ENTRY_FILE, 0640);
    e.size = size;
    return e;
}

struct entry dir_entry(void)
{
    return entry_of(ENTRY_DIR, 0750);
}

struct entry link_entry(const char *target)
{
    struct entry e = entry_of(ENTRY_SYMLINK, 0777);
    e.target = target;
    e.target_len = strlen(target);
    return e;
}

struct target_dir *make_dir_in(struct target_dir *parent, const char *name)
{
    struct err e = ERR_INIT;
    struct entry meta = dir_entry();
    struct target_dir *d;
    if (target_dir_make(parent, name, &meta, &d, &e))
        fail_msg("%s: %s", name, e.msg);
    return d;
}

enum target_decision put(struct target_dir *d, const char *name, const char *content)
{
    struct err e = ERR_INIT;
    struct entry meta = file_entry(strlen(content));
    enum target_decision decision;
    if (target_file_put(d, name, &meta, content, strlen(content), &decision, &e))
        fail_msg("%s: %s", name, e.msg);
    return decision;
}

void plant_file(const char *path, const char *content)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(content, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

void assert_content(const char *path, const char *content)
{
    char text[4096] = "";
    FILE *f = fopen(path, "r");
    if (!f)
        fail_msg("'%s' is missing", path);
    assert_true(fread(text, 1, sizeof text - 1, f) == strlen(content));
    (void)fclose(f);
    assert_string_equal(text, content);
}

bool exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}
