/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vm: a machine that QEMU runs in a box, with disks that come from elsewhere (an NBD server on a
 * socket) and whose writes go to images of its own: durable, and enough to go on with.
 *
 *     NBD server ◄── read ── overlay (qcow2) ◄── guest
 *
 *  V1 the guest's network is empty unless said otherwise;
 *  V2 nothing but the overlay is ever written, and a write that the guest was told of is in it;
 *  V3 if a disk cannot be read or written the guest is stopped, not told: it goes on when that is
 * mended.
 *
 * One thread.
 */
#ifndef ABRI_MACHINE_VM_H
#define ABRI_MACHINE_VM_H

#include "base/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VM_DISKS_MAX  32u
#define VM_NAME_MAX   64u
#define VM_SCREEN_MAX ((size_t)64 << 20)

enum vm_bus { VM_BUS_UNSET = 0, VM_VIRTIO, VM_SATA, VM_IDE };

struct vm_disk {
    const char
        *name;     /* letters, digits, '.', '_', '-': of the export, and of the image NAME.qcow2 */
    uint64_t size; /* bytes */
    enum vm_bus bus;
};

struct vm_options {
    const char
        *dir; /* absolute; of the images, sockets and the serial log; nothing else is written */
    const char *nbd_socket; /* below dir */
    const struct vm_disk *disks;
    size_t disk_count;
    uint64_t memory_mib;
    unsigned cpus;
    bool uefi;
    bool network; /* user-mode network: the guest reaches out, with the addresses of this host.
                     Default: none */
    uint16_t probe_port; /* without a network: a card that nothing but vm_answers reaches, at this port; 0: none */
    bool whole; /* the images hold everything: no NBD server is needed */
    const atomic_bool *cancel; /* may be NULL */
};

/* Makes the images that are not there yet. ERR_NOT_FOUND without qemu-img. */
MUST_CHECK int vm_make_overlays(const struct vm_options *o, struct err *e);

struct vm;
/* Starts it; the serial console is dir/serial (a socket) and dir/serial.log, the screen dir/vnc (a
 * socket for VNC), the guest's agent dir/agent. */
MUST_CHECK int vm_start(const struct vm_options *o, struct vm **out, struct err *e);
/* Ends QEMU at once if it still runs, frees. Guest writes that were flushed are in the images. */
void vm_free(struct vm *v);

enum vm_news {
    VM_NOTHING = 0,
    VM_ENDED,    /* QEMU ended: the guest shut down, or somebody ended it */
    VM_STOPPED,  /* a disk failed; the guest waits: see vm_reason */
    VM_STREAMED, /* a disk is whole in its image */
    VM_STREAM_FAILED
};
/* Waits at most so long for news. -1: QEMU is gone without a word. */
MUST_CHECK int vm_wait(struct vm *v, int timeout_ms, enum vm_news *out, struct err *e);
/* What the last news was about: the disk, or why. Borrowed until the next call. */
const char *vm_reason(const struct vm *v);
bool vm_uses_kvm(const struct vm *v);

/* Lets a guest that was stopped go on. */
MUST_CHECK int vm_continue(struct vm *v, struct err *e);
/* Begins to copy what the images do not have yet, while the guest runs; VM_STREAMED for each disk.
 */
MUST_CHECK int vm_stream(struct vm *v, struct err *e);
/* How far that is, of all disks: bytes. */
MUST_CHECK int vm_stream_progress(struct vm *v, uint64_t *done_out, uint64_t *total_out,
                                  struct err *e);
/* Whether something in the guest answers: the agent to a ping, whoever listens at probe_port with a byte or more.
 * Waits some seconds at most. -1 only if it cannot be asked. */
MUST_CHECK int vm_agent_answers(struct vm *v, bool *out, struct err *e);
MUST_CHECK int vm_port_answers(struct vm *v, bool *out, struct err *e);
/* The screen as PNG, into dir/screen.png. */
MUST_CHECK int vm_screenshot(struct vm *v, struct err *e);
/* Presses the power button; ends QEMU after it has flushed. */
MUST_CHECK int vm_powerdown(struct vm *v, struct err *e);
MUST_CHECK int vm_quit(struct vm *v, struct err *e);

#endif
