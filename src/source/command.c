/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The output of a command as a stream. The command is started by its name and
 * words, without a shell; its standard input is empty, its standard error ours.
 */
#include "source/source.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

struct source_command {
    pid_t pid; /* 0: has been waited for */
    int fd;
    char *name; /* "the command 'NAME'" */
};

static char *name_of(const char *program)
{
    size_t room = strlen(program) + sizeof "the command ''";
    char *name = mem_alloc(room);
    if (name)
        (void)snprintf(name, room, "the command '%s'", program);
    return name;
}

int source_command_start(const char *const *argv, struct source_command **out, struct err *e)
{
    int pipe_fds[2];
    struct source_command *c = mem_zalloc(sizeof *c);
    if (!c || !(c->name = name_of(argv[0]))) {
        mem_free(c);
        return err_no_memory(e, "a command");
    }
    int rc = pipe2(pipe_fds, O_CLOEXEC) ? errno : 0;
    if (rc == 0) {
        rc = program_start(
            &(struct program){.argv = argv, .environment = environ, .out_fd = pipe_fds[1]}, &c->pid);
        (void)close(pipe_fds[1]);
        if (rc)
            (void)close(pipe_fds[0]);
    }
    if (rc) {
        (void)err_sys(e, rc, "%s cannot be run", c->name);
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

static int wait_for(struct source_command *c, struct err *e)
{
    pid_t pid = c->pid;
    c->pid = 0;
    return program_wait(pid, c->name, e);
}

int source_command_finish(struct source_command *c, struct err *e)
{
    file_close(&c->fd);
    return wait_for(c, e);
}

void source_command_free(struct source_command *c)
{
    if (!c)
        return;
    file_close(&c->fd);
    if (c->pid) {
        (void)kill(c->pid, SIGTERM);
        (void)wait_for(c, NULL);
    }
    mem_free(c->name);
    mem_free(c);
}
