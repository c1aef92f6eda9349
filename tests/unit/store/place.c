/* SPDX-License-Identifier: Apache-2.0 */
#include "place.h"

#include "base/bytes.h"
#include "base/mem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- opening -------------------------------------------------------------------- */

static int old_create(void *arg, const struct store_dir_at *at)
{
    return store_dir_system.create(arg, at);
}
static ssize_t old_pwrite(void *arg, int fd, const char *path, const void *p, size_t len, off_t off)
{
    return store_dir_system.pwrite(arg, fd, path, p, len, off);
}
static int old_fdatasync(void *arg, int fd, const char *path)
{
    return store_dir_system.fdatasync(arg, fd, path);
}
static int old_sync_dir(void *arg, int fd, const char *path)
{
    return store_dir_system.sync_dir(arg, fd, path);
}
static int old_rename_new(void *arg, const struct store_dir_at *from, const struct store_dir_at *to)
{
    (void)arg;
    (void)from;
    (void)to;
    errno = EINVAL;
    return -1;
}
static int old_rename(void *arg, const struct store_dir_at *from, const struct store_dir_at *to)
{
    return store_dir_system.rename(arg, from, to);
}
static int old_link(void *arg, const struct store_dir_at *from, const struct store_dir_at *to)
{
    return store_dir_system.link(arg, from, to);
}
static int old_unlink(void *arg, const struct store_dir_at *at)
{
    return store_dir_system.unlink(arg, at);
}
static int old_mkdir(void *arg, const struct store_dir_at *at)
{
    return store_dir_system.mkdir(arg, at);
}

const struct store_dir_ops place_old_ops = {
    .create = old_create,
    .pwrite = old_pwrite,
    .fdatasync = old_fdatasync,
    .sync_dir = old_sync_dir,
    .rename_new = old_rename_new,
    .rename = old_rename,
    .link = old_link,
    .unlink = old_unlink,
    .mkdir = old_mkdir,
    .no_openat2 = true,
};

int place_open(void **state)
{
    struct place *p = *state;
    struct err e = ERR_INIT;
    scratch_make(p->path);
    p->below = NULL;
    int rc;
    switch (p->kind) {
    case PLACE_DIR: rc = store_dir_create(below(p->path, "vault"), NULL, &p->s, &e); break;
    case PLACE_DIR_OLD:
        rc = store_dir_open_with(below(p->path, "vault"), true, &place_old_ops, NULL, &p->s, &e);
        break;
    case PLACE_MEM: rc = store_mem_open(&p->s, &e); break;
    default:
        rc = store_mem_open(&p->below, &e);
        if (rc == 0)
            rc = store_fault_open(p->below, &p->s, &e);
    }
    if (rc)
        print_error("%s: %s\n", p->name, e.msg);
    return rc;
}

int place_close(void **state)
{
    struct place *p = *state;
    store_close(p->s);
    store_close(p->below);
    scratch_remove(p->path);
    return 0;
}

/* ---- checks ------------------------------------------------------------------------ */

const char *below(const char *path, const char *name)
{
    static char joined[2 * SCRATCH_PATH_MAX];
    (void)snprintf(joined, sizeof joined, "%s/%s", path, name);
    return joined;
}

void assert_ok(int rc, const struct err *e)
{
    if (rc)
        print_error("unexpected error: %s: %s\n", err_class_name(e->cls), e->msg);
    assert_int_equal(rc, 0);
}

void assert_class(int rc, const struct err *e, enum err_class cls)
{
    assert_int_equal(rc, -1);
    if (e->cls != cls)
        print_error("unexpected class: %s: %s\n", err_class_name(e->cls), e->msg);
    assert_int_equal(e->cls, cls);
    assert_true(e->msg[0] != '\0');
}

void put(struct store *s, const char *name, const char *text)
{
    struct err e = ERR_INIT;
    assert_ok(store_put(s, name, text, strlen(text), &e), &e);
}

void sync_dir(struct store *s, const char *dir)
{
    struct err e = ERR_INIT;
    assert_ok(store_sync(s, dir, &e), &e);
}

void assert_holds(struct store *s, const char *name, const void *p, size_t len)
{
    struct err e = ERR_INIT;
    struct store_reader *r;
    assert_ok(store_open(s, name, &r, &e), &e);
    assert_int_equal(store_reader_len(r), len);
    CLEANUP_FREE uint8_t *got = mem_alloc(len);
    assert_non_null(got);
    assert_ok(store_read(r, 0, got, len, &e), &e);
    assert_memory_equal(got, p, len);
    const uint8_t *map = store_reader_map(r);
    assert_non_null(map);
    assert_memory_equal(map, p, len);
    assert_ptr_equal(store_reader_map(r), map);
    store_reader_close(r);
}

void assert_text(struct store *s, const char *name, const char *text)
{
    assert_holds(s, name, text, strlen(text));
}

void assert_missing(struct store *s, const char *name)
{
    struct err e = ERR_INIT;
    struct store_reader *r = NULL;
    assert_class(store_open(s, name, &r, &e), &e, ERR_NOT_FOUND);
    assert_null(r);
}

struct names {
    char (*items)[STORE_NAME_MAX + 1];
    size_t count;
};

static int collect(void *arg, const char *name, uint64_t len_bytes, struct err *e)
{
    (void)len_bytes;
    (void)e;
    struct names *n = arg;
    n->items = mem_realloc(n->items, n->count + 1, sizeof *n->items);
    assert_non_null(n->items);
    assert_true(strlen(name) <= STORE_NAME_MAX);
    memcpy(n->items[n->count++], name, strlen(name) + 1);
    return 0;
}

static int order(const void *a, const void *b)
{
    return strcmp(a, b);
}

char *list_names(struct store *s, const char *dir)
{
    struct err e = ERR_INIT;
    struct names n = {0};
    assert_ok(store_list(s, dir, collect, &n, &e), &e);
    if (n.count)
        qsort(n.items, n.count, sizeof *n.items, order);
    struct buf b = {0};
    for (size_t i = 0; i < n.count; i++) {
        if (i > 0)
            buf_put_u8(&b, ' ');
        buf_put(&b, n.items[i], strlen(n.items[i]));
    }
    buf_put_u8(&b, 0);
    mem_free(n.items);
    assert_false(b.failed);
    return (char *)b.data;
}

void assert_names(struct store *s, const char *dir, const char *names)
{
    CLEANUP_FREE char *got = list_names(s, dir);
    assert_string_equal(got, names);
}
