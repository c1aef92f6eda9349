/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The paths that the user asked for: absolute, sorted, none inside another.
 * Does not look below them.
 *
 *  R1 no component but the last of a request is a symbolic link when resolved,
 *     so that the walk may refuse to follow any.
 *  R2 with one_file_system a path inside another stays: asking for "/" and
 *     "/home" must reach /home on a file system of its own.
 */
#include "source/walk.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* realpath's memory comes from malloc; ours must come from base/mem.h. */
static char *resolve(const char *path)
{
    char *real = realpath(path, NULL);
    if (!real)
        return NULL;
    char *copy = mem_strdup(real);
    mem_free(real);
    if (!copy)
        errno = ENOMEM;
    return copy;
}

static bool last_is_followed(const char *path, const char *base)
{
    return *base == '\0' || strcmp(base, ".") == 0 || strcmp(base, "..") == 0 || path[0] == '\0';
}

static char *join(const char *dir, const char *base)
{
    size_t dir_len = strcmp(dir, "/") == 0 ? 0 : strlen(dir);
    size_t base_len = strlen(base);
    char *path = mem_alloc(dir_len + 1 + base_len + 1);
    if (!path) {
        errno = ENOMEM;
        return NULL;
    }
    memcpy(path, dir, dir_len);
    path[dir_len] = '/';
    memcpy(path + dir_len + 1, base, base_len + 1);
    return path;
}

char *request_absolute(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    if (last_is_followed(path, base))
        return resolve(path);
    size_t parent_len = slash ? (size_t)(slash - path) + 1 : 0;
    CLEANUP_FREE char *parent = parent_len ? mem_dup(path, parent_len + 1) : mem_strdup(".");
    if (!parent) {
        errno = ENOMEM;
        return NULL;
    }
    if (parent_len)
        parent[parent_len] = '\0';
    CLEANUP_FREE char *real = resolve(parent);
    return real ? join(real, base) : NULL;
}

static int request_resolve(const char *given, struct request *out, struct err *e)
{
    if (given[0] == '\0')
        return err_set(e, ERR_USAGE,
                       "an empty path cannot be backed up; for the working directory "
                       "give '.'");
    char *path = request_absolute(given);
    if (!path)
        return errno == ENOMEM ? err_no_memory(e, "a path") : err_sys(e, errno, "'%s'", given);
    struct statx stx;
    if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_TYPE, &stx)) {
        int saved = errno;
        mem_free(path);
        return err_sys(e, saved, "'%s'", given);
    }
    *out = (struct request){.path = path, .rel = path + 1, .rel_len = strlen(path + 1)};
    return 0;
}

static int by_path(const void *a, const void *b)
{
    const struct request *x = a, *y = b;
    return path_compare(x->rel, x->rel_len, y->rel, y->rel_len);
}

static bool is_wanted(const struct request *before, const struct request *r, bool one_file_system)
{
    if (!before)
        return true;
    if (one_file_system)
        return by_path(before, r) != 0;
    return !path_is_below(r->rel, r->rel_len, before->rel, before->rel_len);
}

static void drop_repeated(struct requests *r, bool one_file_system)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->count; i++) {
        if (is_wanted(kept ? &r->items[kept - 1] : NULL, &r->items[i], one_file_system))
            r->items[kept++] = r->items[i];
        else
            mem_free(r->items[i].path);
    }
    r->count = kept;
}

int requests_resolve(const struct walk_options *o, struct requests *out, struct err *e)
{
    if (o->path_count == 0)
        return err_set(e, ERR_USAGE, "no path was given");
    struct requests r = {.items = mem_array(o->path_count, sizeof *r.items),
                         .paths = mem_array(o->path_count, sizeof *r.paths)};
    if (!r.items || !r.paths) {
        requests_done(&r);
        return err_no_memory(e, "the paths");
    }
    for (; r.count < o->path_count; r.count++) {
        if (request_resolve(o->paths[r.count], &r.items[r.count], e)) {
            requests_done(&r);
            return -1;
        }
    }
    qsort(r.items, r.count, sizeof *r.items, by_path);
    drop_repeated(&r, o->one_file_system);
    for (size_t i = 0; i < r.count; i++)
        r.paths[i] = r.items[i].path;
    *out = r;
    return 0;
}

void requests_done(struct requests *r)
{
    for (size_t i = 0; i < r->count; i++)
        mem_free(r->items[i].path);
    mem_free(r->items);
    mem_free(r->paths);
    *r = (struct requests){0};
}
