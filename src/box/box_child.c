/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The child between clone and exec: gives up, step by step, what the program shall not have.
 * Does not decide what that is (box.c), does not build the filter (box_seccomp.c).
 *
 * 1. Other threads of ours may hold any lock: here there are system calls and the stack, no
 *    allocation, no stdio, nothing of libc that keeps state.
 * 2. Whoever forked us was alive after PDEATHSIG was set: it gives leave only then. So the program
 * never outlives us; and as it is the init of its PIDs, nothing outlives it. The filter keeps it
 * from taking the signal off.
 * 3. Of our descriptors only those stay that the options name.
 * 4. Landlock before the capabilities go, the filter last: each step needs less than the one
 * before.
 */
#include "box/box_child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

/* Long-living descriptors of the child move here, out of the way of 0 … 3. */
#define FD_ABOVE 10

static _Noreturn void fail(const struct box_plan *p, struct box_report *r, enum box_step step)
{
    r->step = step;
    r->os_errno = errno;
    (void)syscall(SYS_sendto, p->talk_fd, r, sizeof *r, MSG_NOSIGNAL, NULL, 0);
    for (;;)
        (void)syscall(SYS_exit_group, 127);
}

/* Invariant 2. */
static int arm(const struct box_plan *p)
{
    struct box_report armed = {.step = BOX_STEP_ARMED};
    char leave;
    (void)syscall(SYS_close, p->parent_fd);
    if (syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
        return -1;
    if (syscall(SYS_sendto, p->talk_fd, &armed, sizeof armed, MSG_NOSIGNAL, NULL, 0) < 0)
        return -1;
    return syscall(SYS_read, p->talk_fd, &leave, 1) == 1 ? 0 : -1;
}

static int write_file(const char *path, const char *text)
{
    long fd = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    size_t len = box_text_len(text);
    long n = syscall(SYS_write, fd, text, len);
    int saved = errno;
    (void)syscall(SYS_close, fd);
    errno = saved;
    return n == (long)len ? 0 : -1;
}

/* We keep our own ids and no others: files of other owners belong to nobody. A process that may not
 * be looked into (PR_SET_DUMPABLE), as ours may not, does not own its files in /proc: for a moment
 * this one does. */
static int map_ids(const struct box_plan *p)
{
    if (!p->user_ns)
        return 0;
    long could = syscall(SYS_prctl, PR_GET_DUMPABLE, 0, 0, 0, 0);
    if (could != 1 && syscall(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0))
        return -1;
    if (write_file("/proc/self/setgroups", "deny") && errno != ENOENT)
        return -1;
    if (write_file("/proc/self/gid_map", p->gid_map) ||
        write_file("/proc/self/uid_map", p->uid_map))
        return -1;
    return could == 1 ? 0 : (int)syscall(SYS_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/* No terminal, no name of the host, signals as usual. The kernel's struct sigaction is zeros
 * for "default", on all that we support. */
static void leave_our_world(void)
{
    static const char name[] = "box";
    const uint64_t none = 0, usual[4] = {0};
    (void)syscall(SYS_setsid);
    (void)syscall(SYS_sethostname, name, sizeof name - 1);
    (void)syscall(SYS_setdomainname, name, 0);
    (void)syscall(SYS_umask, 077);
    for (int s = 1; s <= 64; s++)
        (void)syscall(SYS_rt_sigaction, s, usual, NULL, sizeof none);
    (void)syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none);
}

static int move_up(int *fd)
{
    if (*fd < 0)
        return 0;
    long n = syscall(SYS_fcntl, *fd, F_DUPFD_CLOEXEC, FD_ABOVE);
    if (n < 0)
        return -1;
    *fd = (int)n;
    return 0;
}

/* Closes all from 3 on but the kept ones, the socket of the activation, and the talk, which exec
 * closes. */
static int close_others(const struct box_plan *p)
{
    unsigned from = p->listen_fd >= 0 ? 4 : 3;
    bool talk_seen = false;
    for (size_t i = 0; i <= p->keep_count;) {
        bool talk = !talk_seen && (i == p->keep_count || p->talk_fd < p->keep[i]);
        if (!talk && i == p->keep_count)
            break;
        unsigned fd = (unsigned)(talk ? p->talk_fd : p->keep[i]);
        if (fd > from && syscall(SYS_close_range, from, fd - 1, 0))
            return -1;
        from = fd + 1;
        if (talk)
            talk_seen = true;
        else
            i++;
    }
    return (int)syscall(SYS_close_range, from, ~0u, 0);
}

/* Invariant 3. All ours go up first, so that none is overwritten before it is used. */
static int arrange_fds(struct box_plan *p)
{
    long null = syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC);
    int in = (int)null;
    if (null < 0)
        return -1;
    if (move_up(&in) || move_up(&p->talk_fd) || move_up(&p->err_fd) || move_up(&p->out_fd) ||
        move_up(&p->listen_fd))
        return -1;
    if (syscall(SYS_dup3, in, STDIN_FILENO, 0) < 0 ||
        syscall(SYS_dup3, p->out_fd >= 0 ? p->out_fd : in, STDOUT_FILENO, 0) < 0 ||
        syscall(SYS_dup3, p->err_fd, STDERR_FILENO, 0) < 0)
        return -1;
    if (p->listen_fd >= 0 && syscall(SYS_dup3, p->listen_fd, 3, 0) < 0)
        return -1;
    if (close_others(p))
        return -1;
    for (size_t i = 0; i < p->keep_count; i++)
        if (syscall(SYS_fcntl, p->keep[i], F_SETFD, 0))
            return -1;
    return 0;
}

/* At most `n`; what is lower already stays. */
static int limit(int what, uint64_t n)
{
    struct rlimit l;
    if (syscall(SYS_prlimit64, 0, what, NULL, &l))
        return -1;
    if (l.rlim_max > n)
        l.rlim_max = n;
    l.rlim_cur = l.rlim_max;
    return (int)syscall(SYS_prlimit64, 0, what, &l, NULL);
}

/* A limit of one byte: where core dumps go to a program, 0 would not stop them, and 1 does
 * (core(5)). Who has 0 already and may not raise it keeps it. */
static int set_limits(const struct box_plan *p)
{
    const struct rlimit one = {1, 1};
    if (syscall(SYS_prlimit64, 0, RLIMIT_CORE, &one, NULL) && limit(RLIMIT_CORE, 0))
        return -1;
    if (limit(RLIMIT_NOFILE, 1024))
        return -1;
    return p->memory_max ? limit(RLIMIT_AS, p->memory_max) : 0;
}

/* Root gets back at exec what its bounding set allows; others get nothing. */
static int drop_capabilities(const struct box_plan *p)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {0};
    for (unsigned long c = 0; c < 64; c++) {
        if (c < sizeof p->keep_caps * 8 && (p->keep_caps >> c & 1))
            continue;
        if (syscall(SYS_prctl, PR_CAPBSET_DROP, c, 0, 0, 0) && errno != EINVAL)
            return -1;
    }
    if (syscall(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) && errno != EINVAL)
        return -1;
    if (syscall(SYS_capget, &head, data))
        return -1;
    uint32_t keep = data[0].permitted & (uint32_t)p->keep_caps;
    struct __user_cap_data_struct less[2] = {{.effective = keep, .permitted = keep}};
    return (int)syscall(SYS_capset, &head, less);
}

/* As execvp does it, in the world as it is now. */
static void execute(const struct box_plan *p)
{
    static const char *const dirs[] = {"/usr/local/sbin/", "/usr/local/bin/", "/usr/sbin/",
                                       "/usr/bin/",        "/sbin/",          "/bin/"};
    static const char *const environment[] = {
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG=C",
        "TMPDIR=/tmp",
        "LISTEN_FDS=1",
        "LISTEN_PID=1",
        NULL};
    const char *env[6];
    size_t n = p->listen_fd >= 0 ? 5 : 3, len = box_text_len(p->argv[0]);
    for (size_t i = 0; i < n; i++)
        env[i] = environment[i];
    env[n] = NULL;
    bool is_path = false;
    for (size_t i = 0; i < len; i++)
        is_path = is_path || p->argv[0][i] == '/';
    if (is_path) {
        (void)syscall(SYS_execve, p->argv[0], p->argv, env);
        return;
    }
    char path[512];
    int why = ENOENT;
    for (size_t i = 0; i < sizeof dirs / sizeof dirs[0]; i++) {
        size_t dir_len = box_text_len(dirs[i]);
        if (dir_len + len + 1 > sizeof path)
            break;
        box_text_copy(path, dirs[i], dir_len);
        box_text_copy(path + dir_len, p->argv[0], len + 1);
        (void)syscall(SYS_execve, path, p->argv, env);
        if (errno != ENOENT && errno != ENOTDIR)
            why = errno;
    }
    errno = why;
}

static _Noreturn void live(struct box_plan *p)
{
    struct box_report r = {0};
    if (arm(p))
        fail(p, &r, BOX_STEP_LIFE);
    if (map_ids(p))
        fail(p, &r, BOX_STEP_IDS);
    leave_our_world();
    if (box_mounts_make(p, &r))
        fail(p, &r, r.step);
    if (syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || box_landlock_apply(p))
        fail(p, &r, BOX_STEP_LANDLOCK);
    if (arrange_fds(p))
        fail(p, &r, BOX_STEP_FDS);
    if (set_limits(p))
        fail(p, &r, BOX_STEP_LIMITS);
    if (drop_capabilities(p))
        fail(p, &r, BOX_STEP_CAPS);
    if (syscall(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p->filter, 0, 0))
        fail(p, &r, BOX_STEP_SECCOMP);
    execute(p);
    fail(p, &r, BOX_STEP_EXEC);
}

/* As fork, without the handlers of libc: the child uses nothing of it. */
long box_child_clone(struct box_plan *p, unsigned long flags, int *pid_fd_out)
{
    long pid = syscall(SYS_clone, flags | CLONE_PIDFD | SIGCHLD, NULL, pid_fd_out, NULL, 0);
    if (pid == 0)
        live(p);
    return pid;
}
