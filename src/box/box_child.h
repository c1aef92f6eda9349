/* SPDX-License-Identifier: Apache-2.0 */
/* What box.c decides before the fork, and what the child does with it. Of the room alone. */
#ifndef ABRI_BOX_BOX_CHILD_H
#define ABRI_BOX_BOX_CHILD_H

#include "box/box.h"

#include <linux/filter.h>
#include <sys/syscall.h>
#include <unistd.h>

enum box_view_kind {
    BOX_VIEW_UNSET = 0,
    BOX_VIEW_PROGRAMS, /* read and execute; a link stays a link */
    BOX_VIEW_DEVICE,   /* of the minimal /dev */
    BOX_VIEW_READ,
    BOX_VIEW_WRITE,
    BOX_VIEW_TMP, /* the private directory, no part of the outside */
};

/* One thing that the program sees of the file system. */
struct box_view {
    const char *path;
    enum box_view_kind kind;
    bool optional; /* not an error if it is missing */
    int fd;        /* the child's: a mount, detached and then at `path`; -1: not there */
    bool is_dir, is_device;
};

#define BOX_FILTER_MAX 512u
#define BOX_LINK_MAX   256u

struct box_plan {
    const char *const *argv;
    struct box_view *views; /* what is above comes before what is below */
    size_t view_count;
    int *keep; /* ascending */
    size_t keep_count;
    int talk_fd, parent_fd; /* the two ends of the talk; the child closes the parent's */
    int out_fd, err_fd, listen_fd;
    uint64_t memory_max;
    bool user_ns; /* the child has a user namespace of its own and must map its ids */
    bool host_network;
    unsigned long keep_caps; /* bits of capabilities that stay */
    char uid_map[40], gid_map[40];
    struct sock_fprog filter;
    struct sock_filter code[BOX_FILTER_MAX];
};

/* Where the child failed; box.c has a sentence for each. */
enum box_step {
    BOX_STEP_ARMED = 0, /* no failure: it will die with us, and waits for leave to go on */
    BOX_STEP_LIFE,
    BOX_STEP_IDS,
    BOX_STEP_MOUNTS,
    BOX_STEP_TAKE, /* a view could not be opened */
    BOX_STEP_ROOT,
    BOX_STEP_SHOW, /* a view could not be shown */
    BOX_STEP_FDS,
    BOX_STEP_LIMITS,
    BOX_STEP_LANDLOCK,
    BOX_STEP_CAPS,
    BOX_STEP_SECCOMP,
    BOX_STEP_EXEC,
    BOX_STEP_COUNT
};

struct box_report {
    enum box_step step;
    int os_errno;
    size_t view;
};

/* Clones; gives the child's number, or -1 with errno. The child does all until exec, and never
 * returns: only system calls and the stack, in a library of its own (meson.build) into which no
 * sanitizer puts calls that take locks. */
long box_child_clone(struct box_plan *p, unsigned long flags, int *pid_fd_out);

static inline size_t box_text_len(const char *s)
{
    size_t n = 0;
    while (s[n])
        n++;
    return n;
}
static inline void box_text_copy(char *out, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = s[i];
}

/* Each 0, or -1 with errno and *r filled as far as it knows more than errno. */
int box_mounts_make(struct box_plan *p, struct box_report *r);
int box_landlock_apply(const struct box_plan *p);
int box_landlock_abi(void); /* 0: none */
/* Fills p->code and p->filter; before the fork. */
void box_seccomp_build(struct box_plan *p);

#endif
