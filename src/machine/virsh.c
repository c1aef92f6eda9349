/* SPDX-License-Identifier: Apache-2.0 */
/* Asking virsh: its words go to memory files, so that neither pipe can fill and stall it. */
#include "machine/virsh.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/program.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ARGS_MAX 16
#define SAID_MAX 512u

extern char **environ;

/* "error: what failed\nerror: why\n" becomes "what failed: why". */
static void first_words(int fd, char out[SAID_MAX])
{
    char said[SAID_MAX];
    char *rest = NULL;
    ssize_t n = file_pread(fd, said, sizeof said - 1, 0);
    size_t used = 0;
    said[n > 0 ? n : 0] = '\0';
    *out = '\0';
    for (char *line = strtok_r(said, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        const char *text = strncmp(line, "error: ", 7) == 0 ? line + 7 : line;
        used += (size_t)snprintf(out + used, SAID_MAX - used, "%s%s", used ? ": " : "", text);
        if (used >= SAID_MAX)
            return;
    }
}

/* Ours, but virsh speaks English: its words are read. NULL: no memory. */
static char **environment(void)
{
    static char plain[] = "LC_ALL=C";
    size_t count = 0, n = 0;
    while (environ[count])
        count++;
    char **out = mem_array(count + 2, sizeof *out);
    for (size_t i = 0; out && i < count; i++)
        if (strncmp(environ[i], "LC_ALL=", 7) != 0 && strncmp(environ[i], "LANGUAGE=", 9) != 0)
            out[n++] = environ[i];
    if (out)
        out[n] = plain;
    return out;
}

static int run(const char *const *argv, int out_fd, int err_fd, struct err *e)
{
    CLEANUP_FREE char **env = environment();
    struct program p = {.argv = argv, .environment = env, .out_fd = out_fd, .err_fd = err_fd, .apart = true};
    char said[SAID_MAX];
    pid_t pid;
    if (!env)
        return err_no_memory(e, "running virsh");
    int rc = program_start(&p, &pid);
    if (rc == ENOENT)
        return err_set(e, ERR_NOT_FOUND, "there is no virsh: install libvirt-clients");
    if (rc)
        return err_sys(e, rc, "run virsh");
    struct err why = ERR_INIT;
    if (program_wait(pid, "virsh", &why) == 0)
        return 0;
    first_words(err_fd, said);
    return *said ? err_set(e, ERR_IO, "libvirt: %s", said) : err_give(e, &why);
}

static int slurp(int fd, struct buf *out, struct err *e)
{
    off_t len = lseek(fd, 0, SEEK_END);
    uint8_t *at = len > 0 ? buf_reserve(out, (size_t)len) : NULL;
    if (at && file_pread(fd, at, (size_t)len, 0) == len)
        buf_added(out, (size_t)len);
    return buf_check(out, "what virsh says", e);
}

int virsh_ask(const char *connection, struct buf *out, struct err *e, ...)
{
    const char *argv[ARGS_MAX] = {"virsh", "-q"};
    size_t n = 2;
    va_list args;
    CLEANUP(file_close) int out_fd = memfd_create("virsh", MFD_CLOEXEC);
    CLEANUP(file_close) int err_fd = memfd_create("virsh", MFD_CLOEXEC);
    if (out_fd < 0 || err_fd < 0)
        return err_sys(e, errno, "a file in memory");
    if (connection) {
        argv[n++] = "-c";
        argv[n++] = connection;
    }
    va_start(args, e);
    while (n < ARGS_MAX - 1 && (argv[n] = va_arg(args, const char *)) != NULL)
        n++;
    va_end(args);
    argv[n] = NULL;
    return run(argv, out_fd, err_fd, e) || (out && slurp(out_fd, out, e)) ? -1 : 0;
}
