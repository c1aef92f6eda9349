/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals. The first SIGINT, SIGTERM or SIGHUP asks the work to end cleanly;
 * the second ends the process where it stands, which the vault survives. What
 * whoever started us chose to ignore (nohup) stays ignored.
 */
#include "cli/cli.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

static atomic_bool *cancel_flag;

static void on_signal(int sig)
{
    (void)sig;
    int saved = errno;
    if (atomic_exchange(cancel_flag, true))
        _exit(err_exit_status(ERR_CANCELLED));
    errno = saved;
}

void signals_install(atomic_bool *cancel)
{
    static const int ending[] = {SIGINT, SIGTERM, SIGHUP};
    cancel_flag = cancel;
    (void)signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < sizeof ending / sizeof *ending; i++) {
        struct sigaction old, act = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
        (void)sigemptyset(&act.sa_mask);
        if (sigaction(ending[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            (void)sigaction(ending[i], &act, NULL);
    }
}
