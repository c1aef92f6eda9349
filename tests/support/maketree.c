/* SPDX-License-Identifier: Apache-2.0 */
/*
 * maketree SEED DIRECTORY [small|medium|large] [--deep] [--huge] [--locked]
 *
 * Fills DIRECTORY (made if missing) with a tree that depends on the seed alone:
 * every kind of file and attribute that the user and the file system may make,
 * once on purpose, then at random.
 *
 *   --deep    paths longer than PATH_MAX (many tools cannot read them)
 *   --huge    a sparse file of 8 TiB
 *   --locked  immutable and append-only files (chattr -R -ia before removing)
 */
#include "maketree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* SplitMix64: small, and the same everywhere. */
static uint64_t next(struct maker *m)
{
    uint64_t x = m->seed += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

uint64_t pick(struct maker *m, uint64_t below)
{
    return next(m) % below;
}

bool chance(struct maker *m, unsigned percent)
{
    return pick(m, 100) < percent;
}

_Noreturn void die(const char *what, const char *name)
{
    (void)fprintf(stderr, "maketree: %s '%s': %s\n", what, name, strerror(errno));
    exit(1);
}

void refused(struct maker *m, enum refusal what, const char *name)
{
    static const char *const names[] = {"user xattrs",  "trusted xattrs", "ACLs",   "capabilities",
                                        "chattr flags", "device nodes",   "owners", "hard links"};
    if (errno != EPERM && errno != EACCES && errno != ENOTSUP && errno != ENOTTY &&
        errno != ENOSYS && errno != EINVAL && errno != EMLINK)
        die(names[what], name);
    if (!(m->refused & UINT64_C(1) << what))
        (void)fprintf(stderr, "maketree: no %s here: %s\n", names[what], strerror(errno));
    m->refused |= UINT64_C(1) << what;
}

static int enter(int dirfd, const char *name)
{
    if (mkdirat(dirfd, name, 0755) && errno != EEXIST)
        die("make directory", name);
    int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        die("enter", name);
    return fd;
}

static void fill(struct maker *m, int dirfd, int depth);

static void random_entry(struct maker *m, int dirfd, int depth)
{
    char name[256];
    random_name(m, name);
    m->budget--;
    if (depth < 12 && chance(m, 18)) {
        int fd = enter(dirfd, name);
        fill(m, fd, depth + 1);
        (void)close(fd);
    } else if (chance(m, 15)) {
        random_special(m, dirfd, name);
        return;
    } else {
        random_file(m, dirfd, name);
    }
    random_meta(m, dirfd, name);
}

static void fill(struct maker *m, int dirfd, int depth)
{
    for (uint64_t n = pick(m, depth ? 12 : 200) + (depth ? 0 : 20); n > 0 && m->budget > 0; n--)
        random_entry(m, dirfd, depth);
}

static void make_deep(struct maker *m, int dirfd)
{
    char name[201];
    int fd = dup(dirfd);
    memset(name, 'd', 200);
    name[200] = '\0';
    for (int i = 0; i < 30; i++) {
        int next_fd = enter(fd, name);
        make_bytes(m, fd, "beside", pick(m, 100));
        (void)close(fd);
        fd = next_fd;
    }
    make_bytes(m, fd, "bottom", 12345);
    (void)close(fd);
}

/* Names that scripts and parsers trip over. */
static void make_names(struct maker *m, int dirfd)
{
    static const char *const odd[] = {"...",          "-rf",      " ",           "trailing ",
                                      "new\nline",    "tab\t",    "back\\slash", "quote'",
                                      "\"",           "$HOME",    "*",           "?",
                                      "[a]",          "\xff\xfe", "\xc3\x28",    "caf\xc3\xa9",
                                      "cafe\xcc\x81", "#",        "a:b",         "~",
                                      "\x01\x7f",     "CON",      "%s%n",        "a=b;c&d|e"};
    char longest[256];
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        make_bytes(m, dirfd, odd[i], pick(m, 50));
    memset(longest, 'n', 255);
    longest[255] = '\0';
    make_bytes(m, dirfd, longest, 1);
    memset(longest, 0xe9, 255);
    (void)close(enter(dirfd, longest));
    for (int c = 1; c < 256; c++) {
        char name[3] = {(char)c, 'x', '\0'};
        if (c != '/' && c != '.')
            make_bytes(m, dirfd, name, 0);
    }
}

/* Read-only and closed directories that hold something. */
static void make_closed(struct maker *m, int dirfd)
{
    static const struct {
        const char *name;
        mode_t mode;
    } dirs[] = {{"r-x", 0555},     {"r--", 0444},     {"--x", 0111},
                {"sticky", 01777}, {"setgid", 02755}, {"none", 0}};
    for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
        int fd = enter(dirfd, dirs[i].name);
        make_bytes(m, fd, "inside", 100);
        (void)close(enter(fd, "empty"));
        /* Without root nothing could read the others back. */
        if (m->is_root || (dirs[i].mode & 0500) == 0500)
            (void)fchmod(fd, dirs[i].mode);
        (void)close(fd);
    }
}

struct options {
    bool deep, huge, locked;
};

static void make_corners(struct maker *m, const struct options *o)
{
    static void (*const makers[])(struct maker *, int) = {make_names, make_sizes,  make_links,
                                                          make_nodes, make_xattrs, make_modes,
                                                          make_times, make_closed};
    static const char *const names[] = {"names",  "sizes", "links", "nodes",
                                        "xattrs", "modes", "times", "closed"};
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++) {
        int fd = enter(m->root_fd, names[i]);
        makers[i](m, fd);
        (void)close(fd);
    }
    int fd = enter(m->root_fd, "sparse");
    make_sparse(m, fd, o->huge);
    (void)close(fd);
    fd = enter(m->root_fd, "attrs");
    make_attrs(m, fd, o->locked);
    (void)close(fd);
    if (o->deep) {
        fd = enter(m->root_fd, "deep");
        make_deep(m, fd);
        (void)close(fd);
    }
}

static void make_pool(struct maker *m)
{
    int fd = enter(m->root_fd, "pool");
    for (; m->pooled < 10; m->pooled++) {
        char name[16];
        (void)snprintf(name, sizeof name, "%u", m->pooled);
        random_file(m, fd, name);
        random_meta(m, fd, name);
    }
    (void)close(fd);
}

static void read_options(struct maker *m, struct options *o, int argc, char **argv)
{
    for (int i = 3; i < argc; i++) {
        if (strcmp(argv[i], "--deep") == 0)
            o->deep = true;
        else if (strcmp(argv[i], "--huge") == 0)
            o->huge = true;
        else if (strcmp(argv[i], "--locked") == 0)
            o->locked = true;
        else if (strcmp(argv[i], "medium") == 0)
            m->size_class = 1;
        else if (strcmp(argv[i], "large") == 0)
            m->size_class = 2;
        else if (strcmp(argv[i], "small") != 0) {
            (void)fprintf(stderr, "maketree: what is '%s'?\n", argv[i]);
            exit(2);
        }
    }
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        (void)fprintf(stderr, "usage: maketree SEED DIRECTORY [small|medium|large] [--deep] "
                              "[--huge] [--locked]\n");
        return 2;
    }
    struct maker m = {.seed = strtoull(argv[1], NULL, 0), .is_root = geteuid() == 0};
    struct options o = {0};
    read_options(&m, &o, argc, argv);
    static const unsigned budgets[] = {300, 3000, 30000};
    m.budget = budgets[m.size_class];
    (void)umask(022);
    m.root_fd = enter(AT_FDCWD, argv[2]);
    make_pool(&m);
    make_corners(&m, &o);
    int fd = enter(m.root_fd, "random");
    while (m.budget > 0)
        fill(&m, fd, 0);
    (void)close(fd);
    random_meta(&m, m.root_fd, "random");
    set_time(&m, m.root_fd, ".", 1234567890, 123456789);
    return 0;
}
