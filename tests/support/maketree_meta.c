/* SPDX-License-Identifier: Apache-2.0 */
/* Owners, modes, times, extended attributes, ACLs, capabilities, flags. */
#include "maketree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

/* ---- time -------------------------------------------------------------------- */

void set_time(struct maker *m, int dirfd, const char *name, int64_t s, long ns)
{
    (void)m;
    struct timespec times[2] = {{s, 0}, {s, ns}};
    if (utimensat(dirfd, name, times, AT_SYMLINK_NOFOLLOW))
        die("set the time of", name);
}

static const int64_t moments[] = {0,          1,          -1,         -1000000000, 1700000000,
                                  2147483647, 2147483648, 4294967296, 7258118400};

void make_times(struct maker *m, int dirfd)
{
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "%lld", (long long)moments[i]);
        make_bytes(m, dirfd, name, 1);
        set_time(m, dirfd, name, moments[i], i % 2 ? 999999999 : 1);
    }
    if (symlinkat("old", dirfd, "link") || mkdirat(dirfd, "dir", 0755))
        die("make", "times");
    set_time(m, dirfd, "link", -5, 5);
    set_time(m, dirfd, "dir", 86400, 7);
}

/* ---- mode, owner -------------------------------------------------------------- */

void make_modes(struct maker *m, int dirfd)
{
    static const mode_t modes[] = {0,    0400,  0200,  0111,  0444,  0644,  0666,
                                   0777, 04755, 02755, 06711, 01644, 07777, 04000};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "%04o", modes[i]);
        make_bytes(m, dirfd, name, 10);
        if (!m->is_root && !(modes[i] & 0400)) /* could not be read back */
            continue;
        if (fchmodat(dirfd, name, modes[i], 0))
            die("chmod", name);
    }
}

static void random_owner(struct maker *m, int dirfd, const char *name)
{
    static const uint32_t ids[] = {0, 1, 33, 1000, 65534, 3999999990u};
    if (m->is_root && fchownat(dirfd, name, ids[pick(m, 6)], ids[pick(m, 6)], AT_SYMLINK_NOFOLLOW))
        refused(m, NO_OWNER, name);
}

/* ---- extended attributes ------------------------------------------------------ */

static void set_xattr(struct maker *m, enum refusal what, int fd, const char *name,
                      const void *value, size_t len)
{
    if (fsetxattr(fd, name, value, len, 0) && errno != ENOSPC && errno != E2BIG)
        refused(m, what, name);
}

static void put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

/* As the kernel lays it out: linux/posix_acl_xattr.h. */
static size_t make_acl(struct maker *m, uint8_t out[64])
{
    static const unsigned tags[] = {0x01, 0x02, 0x04, 0x08, 0x10, 0x20};
    size_t at = 4;
    memset(out, 0, 64);
    out[0] = 2;
    for (size_t i = 0; i < 6; i++, at += 8) {
        bool is_named = tags[i] == 0x02 || tags[i] == 0x08;
        put16(out + at, tags[i]);
        put16(out + at + 2, i == 0 ? (m->is_root ? 6 : 7) : (unsigned)pick(m, 8));
        memset(out + at + 4, 0xff, 4);
        if (is_named) {
            put16(out + at + 4, 1000 + (unsigned)pick(m, 50));
            put16(out + at + 6, 0);
        }
    }
    return at;
}

static void random_xattrs(struct maker *m, int fd, bool is_dir)
{
    static uint8_t value[3000];
    uint8_t acl[64];
    for (size_t i = 0; i < sizeof value; i++)
        value[i] = (uint8_t)pick(m, 256);
    for (uint64_t n = pick(m, 4); n > 0; n--) {
        char name[64];
        (void)snprintf(name, sizeof name, "user.%llu", (unsigned long long)pick(m, 1000));
        set_xattr(m, NO_XATTR, fd, name, value, pick(m, chance(m, 90) ? 100 : sizeof value));
    }
    if (m->is_root && chance(m, 20))
        set_xattr(m, NO_TRUSTED, fd, "trusted.abri", value, 10);
    if (chance(m, 30))
        set_xattr(m, NO_ACL, fd, "system.posix_acl_access", acl, make_acl(m, acl));
    if (is_dir && chance(m, 30))
        set_xattr(m, NO_ACL, fd, "system.posix_acl_default", acl, make_acl(m, acl));
}

/* cap_net_raw+ep, revision 2 of linux/capability.h. */
static void set_capability(struct maker *m, int fd)
{
    static const uint8_t cap[20] = {1, 0, 0, 2, 0, 0x20};
    set_xattr(m, NO_CAPABILITY, fd, "security.capability", cap, sizeof cap);
}

void make_xattrs(struct maker *m, int dirfd)
{
    static const char *const names[] = {"file", "many", "capability", "acl", "empty-value", "dir"};
    uint8_t acl[64];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        bool is_dir = strcmp(names[i], "dir") == 0;
        if (is_dir ? mkdirat(dirfd, names[i], 0755) : (make_bytes(m, dirfd, names[i], 100), 0))
            die("make", names[i]);
        int fd = openat(dirfd, names[i], O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            die("open", names[i]);
        if (i == 0 || is_dir)
            random_xattrs(m, fd, is_dir);
        for (int k = 0; i == 1 && k < 30; k++) {
            char name[64];
            (void)snprintf(name, sizeof name, "user.attribute-%d", k);
            set_xattr(m, NO_XATTR, fd, name, &k, sizeof k);
        }
        if (i == 2 && m->is_root)
            set_capability(m, fd);
        if (i == 3 || is_dir)
            set_xattr(m, NO_ACL, fd, "system.posix_acl_access", acl, make_acl(m, acl));
        if (is_dir)
            set_xattr(m, NO_ACL, fd, "system.posix_acl_default", acl, make_acl(m, acl));
        if (i == 4)
            set_xattr(m, NO_XATTR, fd, "user.empty", "", 0);
        (void)close(fd);
    }
}

/* ---- flags -------------------------------------------------------------------- */

static void set_flags(struct maker *m, int fd, int set)
{
    int flags = 0;
    if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0) {
        flags |= set;
        if (ioctl(fd, FS_IOC_SETFLAGS, &flags) == 0)
            return;
    }
    refused(m, NO_ATTRS, "flags");
}

void make_attrs(struct maker *m, int dirfd, bool locked)
{
    static const struct {
        const char *name;
        int flags;
    } files[] = {{"nodump", FS_NODUMP_FL},
                 {"noatime", FS_NOATIME_FL},
                 {"immutable", FS_IMMUTABLE_FL},
                 {"append", FS_APPEND_FL | FS_NODUMP_FL}};
    for (size_t i = 0; i < (locked ? 4 : 2); i++) {
        make_bytes(m, dirfd, files[i].name, 1000);
        set_time(m, dirfd, files[i].name, 1000000, 1);
        int fd = openat(dirfd, files[i].name, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            die("open", files[i].name);
        if (i == 2 && linkat(dirfd, files[i].name, dirfd, "immutable-link", 0))
            refused(m, NO_LINK, files[i].name);
        set_flags(m, fd, files[i].flags);
        (void)close(fd);
    }
}

/* ---- all of it, at random ------------------------------------------------------- */

void random_meta(struct maker *m, int dirfd, const char *name)
{
    struct stat st;
    int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st))
        die("open", name);
    if (chance(m, 30))
        random_owner(m, dirfd, name);
    if (chance(m, 20))
        random_xattrs(m, fd, S_ISDIR(st.st_mode));
    if (chance(m, 30)) {
        mode_t mode = (mode_t)pick(m, 010000) | (m->is_root            ? 0
                                                 : S_ISDIR(st.st_mode) ? 0700
                                                                       : 0400);
        if (fchmod(fd, mode))
            die("chmod", name);
    }
    if (m->is_root && S_ISREG(st.st_mode) && chance(m, 2))
        set_capability(m, fd);
    int64_t s = chance(m, 20) ? moments[pick(m, sizeof moments / sizeof *moments)]
                              : (int64_t)pick(m, 1700000000);
    set_time(m, dirfd, name, s, (long)pick(m, 1000000000));
    (void)close(fd);
}
