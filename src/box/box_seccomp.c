/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filter of system calls: what none of these programs needs is refused with EPERM, all else is
 * allowed. A list of what is allowed would be shorter to attack and would break with the next libc;
 * the fences are the namespaces and Landlock, and this narrows the kernel that can be reached.
 * clone3 says "not there" (ENOSYS), for its flags cannot be seen: libc then takes clone, whose
 * flags can.
 */
#include "box/box_child.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "base/bytes.h"

#if defined __x86_64__
#define OUR_ARCH AUDIT_ARCH_X86_64
#elif defined __aarch64__
#define OUR_ARCH AUDIT_ARCH_AARCH64
#else
#error "box_seccomp.c knows x86_64 and aarch64"
#endif

static const uint16_t refused[] = {
    /* other processes */
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_kcmp,
    SYS_pidfd_getfd,
    SYS_process_madvise,
    SYS_move_pages,
    SYS_migrate_pages,
    /* other worlds */
    SYS_unshare,
    SYS_setns,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_open_tree,
    SYS_move_mount,
    SYS_fsopen,
    SYS_fsconfig,
    SYS_fsmount,
    SYS_fspick,
    SYS_mount_setattr,
    SYS_name_to_handle_at,
    SYS_open_by_handle_at,
    SYS_fanotify_init,
    SYS_quotactl,
    /* keys, programs in the kernel, counters */
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_lookup_dcookie,
    /* much kernel that is rarely needed */
    SYS_userfaultfd,
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
    SYS_vmsplice,
    /* the machine */
    SYS_kexec_load,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_acct,
    SYS_syslog,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_clock_adjtime,
    SYS_adjtimex,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_vhangup,
    SYS_personality,
#ifdef SYS_kexec_file_load
    SYS_kexec_file_load,
#endif
#ifdef SYS_quotactl_fd
    SYS_quotactl_fd,
#endif
#if defined __x86_64__
    SYS_iopl,
    SYS_ioperm,
    SYS_modify_ldt,
    SYS_uselib,
    SYS__sysctl,
    SYS_create_module,
    SYS_ustat,
#endif
};

#define NAMESPACES                                                                                 \
    ((uint32_t)(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |      \
                CLONE_NEWPID | CLONE_NEWNET))
#define TIOCLINUX_ 0x541cu

static void add(struct box_plan *p, uint16_t code, uint8_t yes, uint8_t no, uint32_t k)
{
    p->code[p->filter.len++] = (struct sock_filter){code, yes, no, k};
}

static void load(struct box_plan *p, size_t offset)
{
    add(p, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

static void answer(struct box_plan *p, int os_errno)
{
    add(p, BPF_RET | BPF_K, 0, 0,
        os_errno ? SECCOMP_RET_ERRNO | (uint32_t)os_errno : SECCOMP_RET_ALLOW);
}

static void refuse_if(struct box_plan *p, uint16_t test, uint32_t k, int os_errno)
{
    add(p, BPF_JMP | test | BPF_K, 0, 1, k);
    answer(p, os_errno);
}

/* Begins what is said of one call by its argument; `len` instructions follow. */
static void on_call(struct box_plan *p, uint32_t nr, unsigned arg, uint8_t len)
{
    add(p, BPF_JMP | BPF_JEQ | BPF_K, 0, (uint8_t)(len + 1), nr);
    load(p, offsetof(struct seccomp_data, args) + 8u * arg); /* little-endian: the low half */
}

void box_seccomp_build(struct box_plan *p)
{
    p->filter = (struct sock_fprog){.len = 0, .filter = p->code};
    load(p, offsetof(struct seccomp_data, arch));
    add(p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, OUR_ARCH);
    answer(p, EPERM);
    load(p, offsetof(struct seccomp_data, nr));
#if defined __x86_64__
    refuse_if(p, BPF_JGE, 0x40000000u, ENOSYS); /* x32 */
#endif
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        refuse_if(p, BPF_JEQ, refused[i], EPERM);
    refuse_if(p, BPF_JEQ, SYS_clone3, ENOSYS);
    on_call(p, SYS_clone, 0, 3);
    refuse_if(p, BPF_JSET, NAMESPACES, EPERM);
    answer(p, 0);
    on_call(p, SYS_prctl, 0, 3);
    refuse_if(p, BPF_JEQ, PR_SET_PDEATHSIG, EPERM);
    answer(p, 0);
    on_call(p, SYS_ioctl, 1, 5); /* what puts words into a terminal's mouth: output may be ours */
    refuse_if(p, BPF_JEQ, TIOCSTI, EPERM);
    refuse_if(p, BPF_JEQ, TIOCLINUX_, EPERM);
    answer(p, 0);
    /* Families that know no network namespaces (vsock), or are much kernel (alg, packet). */
    on_call(p, SYS_socket, 0, 4);
    add(p, BPF_JMP | BPF_JEQ | BPF_K, 3, 0, AF_UNIX);
    add(p, BPF_JMP | BPF_JEQ | BPF_K, 2, 0, AF_INET);
    add(p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, AF_INET6);
    answer(p, EAFNOSUPPORT);
    answer(p, 0);
}
