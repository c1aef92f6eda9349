/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading an object of a directory: by pread, or through a mapping that is made
 * when it is first asked for.
 *
 * Anything but a regular file under an object's name is damage: a pipe or a
 * device there could block or answer without end. It is opened without waiting.
 */
#include "store/store_dir.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

struct dir_reader {
    struct store_reader base;
    struct dir_store *store;
    int fd;
    _Atomic(const uint8_t *) map;
};

static const uint8_t empty_map[1];

static struct dir_reader *dir_reader_of(struct store_reader *r)
{
    return (struct dir_reader *)r;
}

static int open_regular(struct dir_store *s, const char *name, int *fd_out, struct stat *st,
                        struct err *e)
{
    CLEANUP(file_close) int fd = dir_open_beneath(s, name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return err_set(e, ERR_NOT_FOUND, "there is no '%s' in '%s'", name, s->location);
    if (fd < 0 && errno != ENXIO)
        return dir_fail(s, errno, "open", name, e);
    if (fd >= 0 && fstat(fd, st))
        return dir_fail(s, errno, "look at", name, e);
    if (fd >= 0 && S_ISDIR(st->st_mode))
        return err_set(e, ERR_NOT_FOUND, "'%s' in '%s' is a directory", name, s->location);
    if (fd < 0 || !S_ISREG(st->st_mode))
        return err_set(e, ERR_DAMAGED, "'%s' in '%s' is not a regular file", name, s->location);
    *fd_out = fd;
    fd = -1;
    return 0;
}

int dir_open(struct store *s, const char *name, struct store_reader **out, struct err *e)
{
    int fd;
    struct stat st;
    if (open_regular(dir_store_of(s), name, &fd, &st, e))
        return -1;
    struct dir_reader *r = mem_zalloc(sizeof *r);
    if (!r) {
        file_close(&fd);
        return err_no_memory(e, "an open object");
    }
    r->base.impl = s->impl;
    r->base.len = (uint64_t)st.st_size;
    memcpy(r->base.name, name, strlen(name) + 1);
    r->store = dir_store_of(s);
    r->fd = fd;
    *out = &r->base;
    return 0;
}

int dir_read(struct store_reader *base, uint64_t off, void *p, size_t len, struct err *e)
{
    struct dir_reader *r = dir_reader_of(base);
    ssize_t n = file_pread(r->fd, p, len, (off_t)off);
    if (n < 0)
        return dir_fail(r->store, errno, "read", base->name, e);
    if ((size_t)n < len)
        return err_set(e, ERR_DAMAGED, "'%s/%s' was cut short: it ends after %llu of %llu bytes",
                       r->store->location, base->name, (unsigned long long)(off + (uint64_t)n),
                       (unsigned long long)base->len);
    return 0;
}

/* Two threads may both make a mapping; the second one gives its own back. */
const uint8_t *dir_map(struct store_reader *base)
{
    struct dir_reader *r = dir_reader_of(base);
    const uint8_t *map = atomic_load(&r->map);
    if (map || base->len == 0)
        return map ? map : empty_map;
    if (base->len > SIZE_MAX)
        return NULL;
    void *fresh = mmap(NULL, (size_t)base->len, PROT_READ, MAP_SHARED, r->fd, 0);
    if (fresh == MAP_FAILED)
        return NULL;
    if (atomic_compare_exchange_strong(&r->map, &map, (const uint8_t *)fresh))
        return fresh;
    (void)munmap(fresh, (size_t)base->len);
    return map;
}

void dir_reader_close(struct store_reader *base)
{
    struct dir_reader *r = dir_reader_of(base);
    const uint8_t *map = atomic_load(&r->map);
    if (map)
        (void)munmap((void *)(uintptr_t)map, (size_t)base->len);
    file_close(&r->fd);
    mem_free(r);
}
