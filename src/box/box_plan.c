/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decides before the fork what the child shall do, so that the child need not allocate: what is
 * shown and how, which descriptors stay, which capabilities. Does none of it (box_child.c).
 */
#include "box/box_plan.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct box_view system_views[] = {
    {"/usr", BOX_VIEW_PROGRAMS, false, -1, false, false},
    {"/bin", BOX_VIEW_PROGRAMS, true, -1, false, false},
    {"/sbin", BOX_VIEW_PROGRAMS, true, -1, false, false},
    {"/lib", BOX_VIEW_PROGRAMS, true, -1, false, false},
    {"/lib32", BOX_VIEW_PROGRAMS, true, -1, false, false},
    {"/lib64", BOX_VIEW_PROGRAMS, true, -1, false, false},
    {"/libx32", BOX_VIEW_PROGRAMS, true, -1, false, false},
    {"/etc/ld.so.cache", BOX_VIEW_PROGRAMS, true, -1, false, false},
    {"/etc/alternatives", BOX_VIEW_PROGRAMS, true, -1, false, false},
    {"/dev/null", BOX_VIEW_DEVICE, false, -1, false, false},
    {"/dev/zero", BOX_VIEW_DEVICE, false, -1, false, false},
    {"/dev/random", BOX_VIEW_DEVICE, false, -1, false, false},
    {"/dev/urandom", BOX_VIEW_DEVICE, false, -1, false, false},
    {"/tmp", BOX_VIEW_TMP, false, -1, false, false},
};
#define SYSTEM_VIEWS (sizeof system_views / sizeof system_views[0])

static int check_path(const char *path, struct err *e)
{
    if (path[0] != '/' || path[1] == '\0')
        return err_set(e, ERR_USAGE, "a box can show only absolute paths below '/', not '%s'",
                       path);
    if (strlen(path) >= PATH_MAX)
        return err_set(e, ERR_LIMIT, "the path '%.60s…' is longer than %d bytes", path,
                       PATH_MAX - 1);
    for (const char *p = path; *p;) {
        size_t n = strcspn(p, "/");
        if ((n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
            return err_set(e, ERR_USAGE,
                           "a box cannot show '%s': give the path without '.' and '..'", path);
        p += n + (p[n] == '/');
    }
    return 0;
}

/* A path is before what is below it: so a mount never hides a deeper one. */
static int by_path(const void *a, const void *b)
{
    const struct box_view *x = a, *y = b;
    return strcmp(x->path, y->path);
}

static int plan_views(struct box_plan *p, const struct box_options *o, struct err *e)
{
    if (o->file_count > BOX_FILES_MAX)
        return err_set(e, ERR_LIMIT, "a box shows at most %u files, not %zu", BOX_FILES_MAX,
                       o->file_count);
    p->views = mem_array(SYSTEM_VIEWS + 1 + o->file_count, sizeof *p->views);
    if (!p->views)
        return err_no_memory(e, "a box");
    memcpy(p->views, system_views, sizeof system_views);
    p->view_count = SYSTEM_VIEWS;
    if (o->kvm)
        p->views[p->view_count++] =
            (struct box_view){"/dev/kvm", BOX_VIEW_DEVICE, true, -1, false, false};
    size_t from = p->view_count;
    for (size_t i = 0; i < o->file_count; i++) {
        const struct box_file *f = &o->files[i];
        if (check_path(f->path, e))
            return -1;
        p->views[p->view_count++] = (struct box_view){
            f->path, f->write ? BOX_VIEW_WRITE : BOX_VIEW_READ, false, -1, false, false};
        if (f->write)
            p->keep_caps |= 1ul << CAP_DAC_OVERRIDE;
    }
    if (o->file_count > 1)
        qsort(p->views + from, o->file_count, sizeof *p->views, by_path);
    p->keep_caps |= 1ul << CAP_DAC_READ_SEARCH;
    return 0;
}

static int by_number(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

static int plan_fds(struct box_plan *p, const struct box_options *o, struct err *e)
{
    int least = o->listen_fd >= 0 ? 4 : 3;
    p->out_fd = o->out_fd;
    p->listen_fd = o->listen_fd;
    if (o->keep_fd_count == 0)
        return 0;
    if (o->keep_fd_count > BOX_FDS_MAX)
        return err_set(e, ERR_LIMIT, "a box keeps at most %u descriptors open", BOX_FDS_MAX);
    p->keep = mem_array(o->keep_fd_count, sizeof *p->keep);
    if (!p->keep)
        return err_no_memory(e, "a box");
    memcpy(p->keep, o->keep_fds, o->keep_fd_count * sizeof *p->keep);
    qsort(p->keep, o->keep_fd_count, sizeof *p->keep, by_number);
    for (size_t i = 0; i < o->keep_fd_count; i++) {
        if (p->keep[i] < least || (p->keep_count && p->keep[i] == p->keep[p->keep_count - 1]))
            return err_set(e, ERR_USAGE, "a box cannot keep descriptor %d: each once, from %d on",
                           p->keep[i], least);
        p->keep[p->keep_count++] = p->keep[i];
    }
    return 0;
}

static int plan(struct box_plan *p, const struct box_options *o, struct err *e)
{
    p->argv = o->argv;
    p->talk_fd = p->parent_fd = p->err_fd = -1;
    p->memory_max = o->memory_max;
    p->host_network = o->host_network;
    p->user_ns = geteuid() != 0;
    (void)snprintf(p->uid_map, sizeof p->uid_map, "%u %u 1\n", geteuid(), geteuid());
    (void)snprintf(p->gid_map, sizeof p->gid_map, "%u %u 1\n", getegid(), getegid());
    if (!o->argv[0] || !o->argv[0][0])
        return err_set(e, ERR_USAGE, "a box needs the name of a program");
    if (box_landlock_abi() < 1)
        return err_set(
            e, ERR_REFUSED,
            "'%s' is not started without a box, and this kernel has no Landlock: it needs "
            "Linux 5.13 with CONFIG_SECURITY_LANDLOCK and 'landlock' in the boot option lsm=",
            o->argv[0]);
    if (plan_views(p, o, e) || plan_fds(p, o, e))
        return -1;
    if (geteuid() != 0)
        p->keep_caps = 0; /* nobody but root reads what he may not */
    box_seccomp_build(p);
    return 0;
}

int box_plan_new(const struct box_options *o, struct box_plan **out, struct err *e)
{
    struct box_plan *p = mem_zalloc(sizeof *p);
    if (!p)
        return err_no_memory(e, "a box");
    if (plan(p, o, e)) {
        box_plan_free(p);
        return -1;
    }
    *out = p;
    return 0;
}

void box_plan_free(struct box_plan *p)
{
    if (!p)
        return;
    mem_free(p->views);
    mem_free(p->keep);
    mem_free(p);
}

unsigned long box_plan_flags(const struct box_plan *p)
{
    unsigned long flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS;
    if (!p->host_network)
        flags |= CLONE_NEWNET;
    if (p->user_ns)
        flags |= CLONE_NEWUSER;
    return flags;
}

static int exec_failure(const struct box_plan *p, int why, struct err *e)
{
    if (why == ENOENT)
        return err_set(e, ERR_NOT_FOUND, "the program '%s' is not installed", p->argv[0]);
    return err_sys(e, why, "cannot execute '%s'", p->argv[0]);
}

int box_plan_failure(const struct box_plan *p, const struct box_report *r, struct err *e)
{
    static const char *const what[BOX_STEP_COUNT] = {
        [BOX_STEP_LIFE] = "it cannot be bound to our life",
        [BOX_STEP_IDS] = "user namespaces are restricted here",
        [BOX_STEP_MOUNTS] = "mounts cannot be made private",
        [BOX_STEP_ROOT] = "a root directory of its own cannot be made",
        [BOX_STEP_FDS] = "descriptors cannot be arranged",
        [BOX_STEP_LIMITS] = "limits cannot be set",
        [BOX_STEP_LANDLOCK] = "Landlock rules cannot be set",
        [BOX_STEP_CAPS] = "capabilities cannot be given up",
        [BOX_STEP_SECCOMP] = "the filter of system calls cannot be set",
    };
    size_t step = (size_t)r->step;
    if (r->step == BOX_STEP_EXEC)
        return exec_failure(p, r->os_errno, e);
    if ((r->step == BOX_STEP_TAKE || r->step == BOX_STEP_SHOW) && r->view < p->view_count)
        return err_sys(e, r->os_errno, "cannot show '%s' to '%s'", p->views[r->view].path,
                       p->argv[0]);
    (void)err_sys(e, r->os_errno, "'%s' is not started without a box, and %s", p->argv[0],
                  step < BOX_STEP_COUNT && what[step] ? what[step] : "it cannot be made");
    return err_reclass(e, ERR_REFUSED);
}
