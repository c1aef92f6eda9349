/* SPDX-License-Identifier: Apache-2.0 */
/* Starts programs and waits for them. Decides neither which nor with what rights. */
#include "base/program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST_FD 3 /* behind the standard ones */

/* Signals that we handle or ignore are as usual for the program. */
static int set_signals(posix_spawnattr_t *attr, bool apart)
{
    sigset_t usual, none;
    (void)sigemptyset(&none);
    (void)sigemptyset(&usual);
    (void)sigaddset(&usual, SIGPIPE);
    int rc = posix_spawnattr_setsigdefault(attr, &usual);
    if (rc == 0)
        rc = posix_spawnattr_setsigmask(attr, &none);
    if (rc == 0)
        rc = posix_spawnattr_setflags(attr, (short)(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
                                                    (apart ? POSIX_SPAWN_SETPGROUP : 0)));
    return rc;
}

static int set_files(posix_spawn_file_actions_t *actions, const struct program *s)
{
    int rc = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (rc == 0 && s->err_fd)
        rc = posix_spawn_file_actions_adddup2(actions, s->err_fd, STDERR_FILENO);
    return rc ? rc : posix_spawn_file_actions_adddup2(actions, s->out_fd, STDOUT_FILENO);
}

static int start(const struct program *s, posix_spawn_file_actions_t *actions, pid_t *pid_out)
{
    posix_spawnattr_t attr;
    pid_t pid;
    int rc = posix_spawnattr_init(&attr);
    if (rc)
        return rc;
    rc = set_signals(&attr, s->apart);
    if (rc == 0)
        rc = set_files(actions, s);
    if (rc == 0)
        rc = posix_spawnp(&pid, s->argv[0], actions, &attr, (char *const *)(uintptr_t)s->argv,
                          s->environment);
    (void)posix_spawnattr_destroy(&attr);
    if (rc == 0)
        *pid_out = pid;
    return rc;
}

/* Copies that lie above all places to which they go, so that none takes the place of another. */
static int lift(const struct program *s, int lifted[PROGRAM_FDS_MAX])
{
    for (size_t i = 0; i < s->fd_count; i++)
        if ((lifted[i] = fcntl(s->fds[i], F_DUPFD_CLOEXEC, FIRST_FD + PROGRAM_FDS_MAX)) < 0)
            return errno;
    return 0;
}

static int start_with(const struct program *s, const int *lifted, pid_t *pid_out)
{
    posix_spawn_file_actions_t actions;
    int rc = posix_spawn_file_actions_init(&actions);
    if (rc)
        return rc;
    for (size_t i = 0; rc == 0 && i < s->fd_count; i++)
        rc = posix_spawn_file_actions_adddup2(&actions, lifted[i], FIRST_FD + (int)i);
    if (rc == 0)
        rc = start(s, &actions, pid_out);
    (void)posix_spawn_file_actions_destroy(&actions);
    return rc;
}

int program_start(const struct program *s, pid_t *pid_out)
{
    int lifted[PROGRAM_FDS_MAX] = {-1, -1, -1, -1};
    if (s->fd_count > PROGRAM_FDS_MAX)
        return EINVAL;
    int rc = lift(s, lifted);
    if (rc == 0)
        rc = start_with(s, lifted, pid_out);
    for (size_t i = 0; i < s->fd_count; i++)
        if (lifted[i] >= 0)
            (void)close(lifted[i]);
    return rc;
}

int program_wait(pid_t pid, const char *who, struct err *e)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return err_sys(e, errno, "%s", who);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (WIFSIGNALED(status))
        return err_set(e, ERR_IO, "%s was ended by signal %d (%s)", who, WTERMSIG(status),
                       strsignal(WTERMSIG(status)));
    return err_set(e, ERR_IO, "%s failed with status %d", who, WEXITSTATUS(status));
}
