/* SPDX-License-Identifier: Apache-2.0 */
#include "walked.h"

#include "base/mem.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Longer paths are counted, not looked at: megabytes for each item. */
#define LOOK_MAX 16384

char scratch[SCRATCH_PATH_MAX];

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

void seed_random(void)
{
    const char *given = getenv("ABRI_TEST_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)getpid();
    print_message("ABRI_TEST_SEED=%u\n", seed);
    srandom(seed);
}

void make_dir(const char *path)
{
    if (mkdir(path, 0755))
        fail_msg("mkdir '%s'", path);
}

void make_file(const char *path, const char *content)
{
    FILE *f = fopen(path, "w");
    if (!f)
        fail_msg("make '%s'", path);
    assert_true(fputs(content, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void add_line(struct walked *w, const char *sign, const char *path, const char *end)
{
    size_t used = strlen(w->text);
    size_t base = strlen(scratch);
    if (strncmp(path, scratch, base) == 0)
        path += base;
    path += *path == '/';
    if (strlen(path) + 4 > sizeof w->text - used) /* deep trees are only counted */
        return;
    (void)snprintf(w->text + used, sizeof w->text - used, "%s%s%s\n", sign, path, end);
}

static void problem(void *arg, const char *path, const struct err *e)
{
    struct walked *w = arg;
    w->problems++;
    w->last_problem = *e;
    assert_true(path[0] == '/');
    add_line(w, "! ", path, "");
}

void walk_over(const struct walk_options *o, struct walked *out)
{
    struct walk_options with = *o;
    struct err e = ERR_INIT;
    struct walk *w;
    struct source_item it;
    char *before = mem_zalloc(LOOK_MAX + 1);
    char *absolute = mem_zalloc(LOOK_MAX + 2);
    int rc;
    *out = (struct walked){0};
    with.problem = problem;
    with.arg = out;
    if (walk_open(&with, &w, &e))
        fail_msg("%s", e.msg);
    while ((rc = walk_next(w, &it, &e)) == 1) {
        out->items++;
        out->ancestors += it.is_ancestor;
        if (it.path_len > LOOK_MAX)
            continue;
        assert_int_equal(strlen(it.path), it.path_len);
        assert_true(path_is_valid(it.path, it.path_len));
        if (before[0] && path_compare(before, strlen(before), it.path, it.path_len) >= 0)
            fail_msg("'%s' came after '%s'", it.path, before);
        memcpy(before, it.path, it.path_len + 1);
        absolute[0] = '/';
        memcpy(absolute + 1, it.path, it.path_len + 1);
        if (!it.is_ancestor)
            add_line(out, "", absolute, it.type == ENTRY_DIR ? "/" : "");
    }
    if (rc)
        fail_msg("%s", e.msg);
    walk_close(w);
    mem_free(before);
    mem_free(absolute);
}

void walk_here(struct walk_options o, struct walked *out)
{
    const char *here = ".";
    o.paths = &here;
    o.path_count = 1;
    walk_over(&o, out);
}

struct source_item first_item(const char *path, struct walk **walk_out)
{
    struct walk_options o = {.paths = &path, .path_count = 1};
    struct err e = ERR_INIT;
    struct source_item it;
    if (walk_open(&o, walk_out, &e))
        fail_msg("%s", e.msg);
    do
        if (walk_next(*walk_out, &it, &e) != 1)
            fail_msg("'%s' is not in its walk", path);
    while (it.is_ancestor);
    return it;
}
