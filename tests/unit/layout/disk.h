/* SPDX-License-Identifier: Apache-2.0 */
/* A disk in memory for tests: what is not written is zeros; every read is checked. */
#ifndef ABRI_TESTS_LAYOUT_DISK_H
#define ABRI_TESTS_LAYOUT_DISK_H

#include "layout/layout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct disk {
    uint8_t *bytes; /* the first `kept` and the last `kept_end` of them are real */
    uint64_t size;
    uint64_t read;    /* bytes, in all */
    uint64_t fail_at; /* a read of this byte fails; 0: none */
};

#define DISK_HEAD ((uint64_t)1 << 20)
#define DISK_TAIL ((uint64_t)1 << 18)

static inline struct disk disk_new(uint64_t size)
{
    struct disk d = {.bytes = calloc(1, (size_t)(DISK_HEAD + DISK_TAIL)), .size = size};
    assert_non_null(d.bytes);
    return d;
}

/* Of the first MiB or the last 256 KiB; elsewhere NULL. */
static inline uint8_t *disk_at(const struct disk *d, uint64_t off)
{
    if (off < DISK_HEAD)
        return d->bytes + off;
    if (off < d->size && d->size - off <= DISK_TAIL)
        return d->bytes + DISK_HEAD + DISK_TAIL - (d->size - off);
    return NULL;
}

static inline int disk_read(void *arg, uint64_t off, void *p, size_t len, struct err *e)
{
    struct disk *d = arg;
    assert_true(off <= d->size && len <= d->size - off && len <= 8192 && off % 512 == 0);
    d->read += len;
    assert_true(d->read <= LAYOUT_READ_MAX);
    if (d->fail_at && off <= d->fail_at && d->fail_at - off < len)
        return err_set(e, ERR_IO, "a bad sector");
    for (size_t i = 0; i < len; i++) {
        const uint8_t *at = disk_at(d, off + i);
        ((uint8_t *)p)[i] = at ? *at : 0;
    }
    return 0;
}

static inline int disk_probe(struct disk *d, struct layout *out)
{
    struct err e = ERR_INIT;
    d->read = 0;
    int rc = layout_probe(d->size, disk_read, d, out, &e);
    assert_int_equal(rc == 0, e.cls == ERR_UNSET);
    return rc;
}

#endif
