/* SPDX-License-Identifier: Apache-2.0 */
/* Links, fifos, sockets, device nodes. */
#include "maketree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static void symbolic(int dirfd, const char *target, const char *name)
{
    if (symlinkat(target, dirfd, name) && errno != ENAMETOOLONG)
        die("make link", name);
}

/* Another name for one of the files in "pool"; a file of its own if refused. */
static void hard(struct maker *m, int dirfd, const char *name)
{
    char from[32];
    (void)snprintf(from, sizeof from, "pool/%llu", (unsigned long long)pick(m, m->pooled));
    if (linkat(m->root_fd, from, dirfd, name, 0))
        refused(m, NO_LINK, name);
}

/* Only root's attributes may be on links and fifos. */
static void trusted(struct maker *m, int dirfd, const char *name)
{
    char path[300];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d/%s", dirfd, name);
    if (m->is_root && lsetxattr(path, "trusted.abri", name, strlen(name), 0))
        refused(m, NO_TRUSTED, name);
}

void make_links(struct maker *m, int dirfd)
{
    char longest[4096];
    memset(longest, 't', sizeof longest);
    longest[4095] = '\0';
    symbolic(dirfd, "nowhere/at/all", "dangling");
    symbolic(dirfd, "/etc/passwd", "absolute");
    trusted(m, dirfd, "absolute");
    symbolic(dirfd, "..", "to-dir");
    symbolic(dirfd, ".", "to-itself");
    symbolic(dirfd, "loop", "loop");
    symbolic(dirfd, "new\nline\xff", "odd");
    symbolic(dirfd, longest, "longest");
    if (mkdirat(dirfd, "sub", 0755))
        die("make", "sub");
    make_bytes(m, dirfd, "one", 5000);
    if (linkat(dirfd, "one", dirfd, "two", 0) || linkat(dirfd, "one", dirfd, "sub/three", 0))
        refused(m, NO_LINK, "one");
    if (linkat(dirfd, "dangling", dirfd, "dangling-too", 0)) /* links of links */
        refused(m, NO_LINK, "dangling");
    make_bytes(m, dirfd, "empty", 0);
    if (linkat(dirfd, "empty", dirfd, "empty-too", 0))
        refused(m, NO_LINK, "empty");
    for (int i = 0; i < 10; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "pooled-%d", i);
        hard(m, dirfd, name);
    }
}

static void node(struct maker *m, int dirfd, const char *name, mode_t mode, dev_t dev)
{
    if (mknodat(dirfd, name, mode, dev))
        refused(m, NO_DEVICE, name);
}

void make_nodes(struct maker *m, int dirfd)
{
    node(m, dirfd, "fifo", S_IFIFO | 0640, 0);
    trusted(m, dirfd, "fifo");
    node(m, dirfd, "socket", S_IFSOCK | 0755, 0);
    if (linkat(dirfd, "fifo", dirfd, "fifo-too", 0))
        refused(m, NO_LINK, "fifo");
    if (!m->is_root)
        return;
    node(m, dirfd, "null", S_IFCHR | 0666, makedev(1, 3));
    node(m, dirfd, "large", S_IFCHR | 0600, makedev(4095, 1048575));
    node(m, dirfd, "disk", S_IFBLK | 0660, makedev(8, 17));
    node(m, dirfd, "whiteout", S_IFCHR, makedev(0, 0));
}

void random_special(struct maker *m, int dirfd, const char *name)
{
    char target[256];
    switch (pick(m, 4)) {
    case 0: node(m, dirfd, name, S_IFIFO | 0644, 0); break;
    case 1: hard(m, dirfd, name); return; /* its metadata is shared */
    default: random_name(m, target); symbolic(dirfd, target, name);
    }
    set_time(m, dirfd, name, (int64_t)pick(m, 2000000000), (long)pick(m, 1000000000));
}
