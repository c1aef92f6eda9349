/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The output of a command as a stream. The command is started by its name and
 * words, without a shell; its standard input is empty, its standard error ours.
 */
#include "source/source.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

struct source_command {
    pid_t pid; /* 0: has been waited for */
    int fd;
    char *name;
};

/* Signals that we handle or ignore are as usual for the command. */
static int set_signals(posix_spawnattr_t *attr)
{
    sigset_t usual, none;
    (void)sigemptyset(&none);
    (void)sigemptyset(&usual);
    (void)sigaddset(&usual, SIGPIPE);
    int rc = posix_spawnattr_setsigdefault(attr, &usual);
    if (rc == 0)
        rc = posix_spawnattr_setsigmask(attr, &none);
    if (rc == 0)
        rc = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    return rc;
}

static int spawn(const char *const *argv, int out, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    int rc = posix_spawn_file_actions_init(&actions);
    if (rc)
        return rc;
    rc = posix_spawnattr_init(&attr);
    if (rc == 0) {
        rc = set_signals(&attr);
        if (rc == 0)
            rc = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        if (rc == 0)
            rc = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
        if (rc == 0)
            rc = posix_spawnp(pid, argv[0], &actions, &attr, (char *const *)(uintptr_t)argv, environ);
        (void)posix_spawnattr_destroy(&attr);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return rc;
}

int source_command_start(const char *const *argv, struct source_command **out, struct err *e)
{
    int pipe_fds[2];
    struct source_command *c = mem_zalloc(sizeof *c);
    if (!c || !(c->name = mem_strdup(argv[0]))) {
        mem_free(c);
        return err_no_memory(e, "a command");
    }
    int rc = pipe2(pipe_fds, O_CLOEXEC) ? errno : 0;
    if (rc == 0) {
        rc = spawn(argv, pipe_fds[1], &c->pid);
        (void)close(pipe_fds[1]);
        if (rc)
            (void)close(pipe_fds[0]);
    }
    if (rc) {
        (void)err_sys(e, rc, "the command '%s' cannot be run", c->name);
        mem_free(c->name);
        mem_free(c);
        return err_reclass(e, ERR_USAGE);
    }
    c->fd = pipe_fds[0];
    *out = c;
    return 0;
}

int source_command_fd(const struct source_command *c)
{
    return c->fd;
}

static int reap(struct source_command *c)
{
    int status = 0;
    while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
        ;
    c->pid = 0;
    return status;
}

int source_command_finish(struct source_command *c, struct err *e)
{
    file_close(&c->fd);
    int status = reap(c);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (WIFSIGNALED(status))
        return err_set(e, ERR_IO, "the command '%s' was ended by signal %d (%s)", c->name,
                       WTERMSIG(status), strsignal(WTERMSIG(status)));
    return err_set(e, ERR_IO, "the command '%s' failed with status %d", c->name,
                   WEXITSTATUS(status));
}

void source_command_free(struct source_command *c)
{
    if (!c)
        return;
    file_close(&c->fd);
    if (c->pid) {
        (void)kill(c->pid, SIGTERM);
        (void)reap(c);
    }
    mem_free(c->name);
    mem_free(c);
}
