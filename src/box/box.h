/* SPDX-License-Identifier: Apache-2.0 */
/*
 * box: a foreign program that gets no more than it needs: qemu-nbd and qemu-img on an image that
 * may be hostile, QEMU on a machine that may be infected. Linux 5.13 or newer, x86_64 and aarch64:
 * namespaces, Landlock, seccomp, resource limits.
 *
 * In a box a program has a root directory of its own, in which there are the system's programs and
 * libraries
 * (/usr and what belongs to it, read only), /dev/null, zero, random and urandom, a private /tmp in
 * memory (64 MiB, TMPDIR), and what `files` names, at the same paths; no /proc, no /sys, nothing
 * else of the file system, its sockets included. It has its own PIDs (it is 1), IPC, host name, and
 * an own and empty network (no interface is up), unless the options say otherwise; no capability
 * but to read (and, if a file is to be written, write) what it is shown when we are root; no new
 * privileges, no core dumps, none of the system calls that these programs do not need (seccomp.c),
 * and of our environment nothing: PATH, LANG=C, TMPDIR. Standard input is empty. It ends with us,
 * however we end, and takes along what it started. Where the kernel cannot do all of that, starting
 * fails (ERR_REFUSED says what is missing): nothing runs outside a box by accident.
 *
 * A box belongs to one caller at a time; different boxes may be used by different threads. Each has
 * a thread that starts it, reads what it says, and waits for it.
 */
#ifndef ABRI_BOX_BOX_H
#define ABRI_BOX_BOX_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define BOX_FILES_MAX 256u /* images may have many parts */
#define BOX_FDS_MAX   64u
#define BOX_SAID_MAX  2048u

/* Absolute, without "." and ".." among its components; links are followed, and the program finds it
 * under this name. A file, a device, a socket, or a directory with all below it. It must exist:
 * what is to be made needs its directory. Nothing below can be executed. */
struct box_file {
    const char *path;
    bool write; /* a directory: also make, remove and rename what is in it */
};

struct box_options {
    const char *const *argv;      /* ends with NULL; argv[0] without '/' is looked for in PATH */
    const struct box_file *files; /* borrowed until box_start returns, as all here */
    size_t file_count;
    int listen_fd; /* becomes its descriptor 3 by socket activation (LISTEN_FDS=1); -1: none. Stays
                      the caller's */
    const int *keep_fds; /* further descriptors that stay open under their numbers, from 3 (4 with
                            listen_fd); may be NULL */
    size_t keep_fd_count;
    uint64_t memory_max; /* bytes of address space; 0: no limit */
    bool kvm;            /* may open /dev/kvm, if there is one */
    bool host_network;   /* shares ours; for programs of which the operator wants that */
    int out_fd;          /* its standard output; -1: /dev/null */
};

struct box;
/* When this returns, the program has been executed. ERR_NOT_FOUND (a file, or the program: the
 * message says which), ERR_REFUSED, ERR_USAGE (a path or a descriptor that is not as above),
 * ERR_IO. */
MUST_CHECK int box_start(const struct box_options *o, struct box **out, struct err *e);
/* 1 while it runs, 0 if it ended. */
int box_is_running(struct box *b);
/* The same, but waits at most so long for its end. */
int box_is_running_after(struct box *b, int timeout_ms);
/* Waits for its end, any number of times: 0 if its status was 0, else -1, ERR_IO, with what it said
 * last on standard error. */
MUST_CHECK int box_wait(struct box *b, struct err *e);
/* The last lines that it wrote to standard error, as one line without control characters, at most
 * BOX_SAID_MAX bytes: for messages. Borrowed until the next call. */
const char *box_said(struct box *b);
pid_t box_pid(const struct box *b); /* as we see it; of the program itself */
/* Ends it, and all that it started: SIGTERM if it has a handler for it, and 5 s for that; else, and
 * then, SIGKILL. Frees. NULL is fine. */
void box_free(struct box *b);

/* Runs to the end and appends what it wrote to standard output, at most `max` bytes (ERR_LIMIT),
 * within `timeout_ms` (ERR_IO). `o->out_fd` is not used. `out` is unchanged on failure. */
struct buf;
MUST_CHECK int box_run(const struct box_options *o, size_t max, int timeout_ms, struct buf *out,
                       struct err *e);

#endif
