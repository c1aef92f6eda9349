/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ABRI_MACHINE_VM_INTERNAL_H
#define ABRI_MACHINE_VM_INTERNAL_H

#include "machine/qmp.h"
#include "machine/vm.h"

#include "box/box.h"

#define VM_ARGS_MAX (64u + 8u * VM_DISKS_MAX)

/* The words of QEMU's command line; owned. */
struct vm_args {
    char *words[VM_ARGS_MAX + 1];
    size_t count;
};
void vm_args_done(struct vm_args *a);
MUST_CHECK int vm_args_make(const struct vm_options *o, bool kvm, struct vm_args *out,
                            struct err *e);

struct vm {
    struct box *box;
    struct qmp *qmp;
    bool kvm;
    bool ended;
    char dir[128];
    char reason[256];
    char names[VM_DISKS_MAX][VM_NAME_MAX];
    size_t disk_count;
    bool streamed[VM_DISKS_MAX];
};

#define VM_PROBE_PORT 7777u /* in the network of the box */
#define VM_FIRMWARE_CODE "/usr/share/OVMF/OVMF_CODE_4M.fd"
#define VM_FIRMWARE_VARS "/usr/share/OVMF/OVMF_VARS_4M.fd"

#endif
