/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second fence: whatever the program should find a way to name, it may open only what it is
 * shown, and with those rights; and it may neither trace nor signal what is not in the box. Raw
 * system calls: the rules are three structures. ABI 1 must be there; what newer ones know is used
 * where it is known (2 renaming between directories, 3 truncating, 5 ioctl of devices, 6 abstract
 * sockets and signals).
 */
#include "box/box_child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>

#define FS_EXECUTE   (1u << 0)
#define FS_WRITE     (1u << 1)
#define FS_READ      (1u << 2)
#define FS_READ_DIR  (1u << 3)
#define FS_MAKE_CHAR (1u << 6)
#define FS_MAKE_BLK  (1u << 11)
#define FS_ABI_1     ((1u << 13) - 1)
#define FS_REFER     (1u << 13)
#define FS_TRUNCATE  (1u << 14)
#define FS_IOCTL_DEV (1u << 15)
#define FS_OF_FILES  (FS_EXECUTE | FS_WRITE | FS_READ | FS_TRUNCATE | FS_IOCTL_DEV)
#define SCOPE_ALL    3u

struct ruleset {
    uint64_t fs, net, scoped;
};
struct path_rule {
    uint64_t allowed;
    int32_t fd;
} __attribute__((packed));
#define RULE_PATH_BENEATH 1

int box_landlock_abi(void)
{
    long n = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
    return n < 0 ? 0 : (int)n;
}

static uint64_t known(int abi)
{
    uint64_t fs = FS_ABI_1;
    if (abi >= 2)
        fs |= FS_REFER;
    if (abi >= 3)
        fs |= FS_TRUNCATE;
    if (abi >= 5)
        fs |= FS_IOCTL_DEV;
    return fs;
}

static uint64_t rights_of(const struct box_view *v)
{
    uint64_t fs = 0;
    switch (v->kind) {
    case BOX_VIEW_PROGRAMS: fs = FS_EXECUTE | FS_READ | FS_READ_DIR; break;
    case BOX_VIEW_READ: fs = FS_READ | FS_READ_DIR; break;
    case BOX_VIEW_DEVICE: fs = FS_READ | FS_WRITE; break;
    case BOX_VIEW_WRITE:
    case BOX_VIEW_TMP:
        fs = (FS_ABI_1 & ~(FS_EXECUTE | FS_MAKE_CHAR | FS_MAKE_BLK)) | FS_REFER | FS_TRUNCATE;
        break;
    case BOX_VIEW_UNSET: break;
    }
    if (v->is_device)
        fs |= FS_IOCTL_DEV; /* sizes of disks; the whole of KVM */
    return v->is_dir ? fs : fs & FS_OF_FILES;
}

int box_landlock_apply(const struct box_plan *p)
{
    int abi = box_landlock_abi();
    uint64_t fs = known(abi);
    struct ruleset set = {.fs = fs, .scoped = abi >= 6 ? SCOPE_ALL : 0};
    long fd = syscall(SYS_landlock_create_ruleset, &set, sizeof set, 0);
    if (fd < 0)
        return -1;
    for (size_t i = 0; i < p->view_count; i++) {
        struct path_rule rule = {.allowed = rights_of(&p->views[i]) & fs, .fd = p->views[i].fd};
        if (rule.fd < 0)
            continue;
        if (syscall(SYS_landlock_add_rule, fd, RULE_PATH_BENEATH, &rule, 0))
            return -1;
    }
    return (int)syscall(SYS_landlock_restrict_self, fd, 0);
}
