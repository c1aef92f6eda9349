/* SPDX-License-Identifier: Apache-2.0 */
/* Regular files: sizes around every limit that programs have, and holes. */
#include "maketree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int create(int dirfd, const char *name)
{
    int fd = openat(dirfd, name, O_CREAT | O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        die("make", name);
    return fd;
}

/* Noise, text that repeats, or zeros that are no hole. */
static void fill_block(struct maker *m, uint8_t *p, size_t len, uint64_t kind)
{
    for (size_t i = 0; i < len; i += 8) {
        uint64_t word = kind == 0   ? pick(m, UINT64_MAX)
                        : kind == 1 ? 0x6f6c6c6568206120u + i % 512
                                    : 0;
        memcpy(p + i, &word, 8);
    }
}

static void write_bytes(struct maker *m, int fd, uint64_t len, const char *name)
{
    static uint8_t block[65536];
    uint64_t kind = pick(m, 3);
    while (len > 0) {
        size_t n = len < sizeof block ? (size_t)len : sizeof block;
        fill_block(m, block, (n + 7) / 8 * 8, kind);
        if (write(fd, block, n) != (ssize_t)n)
            die("write", name);
        len -= n;
    }
}

void make_bytes(struct maker *m, int dirfd, const char *name, uint64_t len)
{
    int fd = create(dirfd, name);
    write_bytes(m, fd, len, name);
    (void)close(fd);
}

void make_sizes(struct maker *m, int dirfd)
{
    static const uint64_t edges[] = {1, 512, 4096, 65536, 262144, 1 << 20, 4 << 20};
    size_t count = m->size_class == 0 ? 5 : m->size_class == 1 ? 6 : 7;
    for (size_t i = 0; i < count; i++) {
        for (uint64_t d = 0; d < 3; d++) {
            char name[32];
            uint64_t len = edges[i] + d - 1;
            (void)snprintf(name, sizeof name, "%07llu", (unsigned long long)len);
            make_bytes(m, dirfd, name, len);
        }
    }
}

struct stretch {
    uint64_t at, len;
};

static void make_holes(struct maker *m, int dirfd, const char *name, uint64_t size,
                       const struct stretch *data, size_t count)
{
    int fd = create(dirfd, name);
    if (ftruncate(fd, (off_t)size)) {
        if (errno != EFBIG)
            die("size", name);
        (void)fprintf(stderr, "maketree: no file of %llu bytes here\n", (unsigned long long)size);
        (void)unlinkat(dirfd, name, 0);
    } else {
        for (size_t i = 0; i < count; i++) {
            if (lseek(fd, (off_t)data[i].at, SEEK_SET) < 0)
                die("seek", name);
            write_bytes(m, fd, data[i].len, name);
        }
    }
    (void)close(fd);
}

void make_sparse(struct maker *m, int dirfd, bool huge)
{
    const uint64_t mib = 1 << 20, tib = UINT64_C(1) << 40;
    make_holes(m, dirfd, "all-hole", 3 * mib + 1, NULL, 0);
    make_holes(m, dirfd, "hole-start", 2 * mib, (struct stretch[]){{mib, mib}}, 1);
    make_holes(m, dirfd, "hole-end", 2 * mib, (struct stretch[]){{0, mib}}, 1);
    make_holes(m, dirfd, "hole-middle", 3 * mib, (struct stretch[]){{0, mib}, {2 * mib, mib}}, 2);
    make_holes(m, dirfd, "unaligned", mib + 777, (struct stretch[]){{100001, 5}, {mib, 700}}, 2);
    struct stretch many[32];
    for (uint64_t i = 0; i < 32; i++)
        many[i] = (struct stretch){i * 128 * 1024 + pick(m, 4) * 4096, 1 + pick(m, 8192)};
    make_holes(m, dirfd, "many-holes", 32 * 128 * 1024, many, 32);
    if (huge)
        make_holes(m, dirfd, "8TiB", 8 * tib,
                   (struct stretch[]){{0, 10}, {5 * tib + 12345, 4096}, {8 * tib - 3, 3}}, 3);
}

void random_file(struct maker *m, int dirfd, const char *name)
{
    static const uint64_t limits[] = {1, 100, 5000, 20000, 300000, 2000000};
    uint64_t top = limits[pick(m, m->size_class == 0 ? 5 : chance(m, 95) ? 5 : 6)];
    if (chance(m, 5))
        make_holes(m, dirfd, name, 4096 * (1 + pick(m, 100)),
                   (struct stretch[]){{4096 * pick(m, 50), pick(m, 9000)}}, 1);
    else
        make_bytes(m, dirfd, name, pick(m, top));
}
