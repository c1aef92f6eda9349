/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Other programs: started without a shell, with empty standard input, signals as
 * usual, and nothing of ours open but standard error and what is named. Any thread may start and
 * wait; each program is waited for once.
 */
#ifndef ABRI_BASE_PROGRAM_H
#define ABRI_BASE_PROGRAM_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PROGRAM_FDS_MAX 4u

struct program {
    const char *const *argv; /* ends with NULL; a first word without '/' is looked for in PATH */
    char *const *environment; /* ends with NULL */
    int out_fd; /* becomes the standard output; open, and not 1 */
    int err_fd; /* becomes the standard error; 0: ours */
    const int *fds; /* further ones of ours, that become 3, 4, … in it */
    size_t fd_count; /* at most PROGRAM_FDS_MAX */
    bool apart; /* a process group of its own: what the terminal sends is not for it */
};

/* 0, or the errno that tells why it cannot be run; *pid_out is then untouched. */
MUST_CHECK int program_start(const struct program *s, pid_t *pid_out);

/* Waits until it ends. 0 if it ended with status 0; else -1, and the message says how,
 * beginning with `who`. Whoever only clears away need not look. */
int program_wait(pid_t pid, const char *who, struct err *e);

#endif
