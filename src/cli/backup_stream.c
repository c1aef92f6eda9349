/* SPDX-License-Identifier: Apache-2.0 */
/* backup --stdin and --command: the name of the file, and where it comes from. */
#include "cli/backup_stream.h"

#include "base/mem.h"
#include "source/source.h"

#include <string.h>
#include <unistd.h>

#define DEFAULT_NAME "stdin"

/* "/db//main.sql" names db/main.sql. */
static int name_file(const char *name, char **out, struct err *e)
{
    size_t used = 0;
    CLEANUP_FREE char *path = mem_alloc(strlen(name) + 1);
    if (!path)
        return err_no_memory(e, "a name");
    for (const char *p = name; *p; p++)
        if (*p != '/' || (used > 0 && path[used - 1] != '/'))
            path[used++] = *p;
    path[used] = '\0';
    if (!path_is_valid(path, used))
        return err_set(e, ERR_USAGE,
                       "--stdin-name: '%s' cannot name a file: no '..', no '/' at its end", name);
    *out = TAKE(path);
    return 0;
}

static int finish_command(void *arg, struct err *e)
{
    struct backup_input *in = arg;
    if (source_command_finish(in->command, e) == 0)
        return 0;
    size_t used = strlen(e->msg);
    if (used + 32 < sizeof e->msg)
        memcpy(e->msg + used, ": no snapshot was saved", 24);
    return -1;
}

int backup_input_open(struct backup_input *in, bool is_command, const char *name,
                      const struct words *w, struct err *e)
{
    if (is_command && w->count == 0)
        return err_set(e, ERR_USAGE, "--command: which one? abri backup --command -- CMD [ARG]…");
    if (!is_command && w->count > 0)
        return err_set(e, ERR_USAGE, "--stdin and paths do not go together: '%s'", w->items[0]);
    if (!is_command && isatty(STDIN_FILENO))
        return err_set(e, ERR_USAGE, "--stdin: standard input is a terminal; send something in");
    if (name_file(name ? name : DEFAULT_NAME, &in->path, e))
        return -1;
    in->stream = (struct backup_stream){.fd = STDIN_FILENO, .path = in->path};
    if (!is_command)
        return 0;
    CLEANUP_FREE const char **argv = mem_array(w->count + 1, sizeof *argv);
    if (!argv)
        return err_no_memory(e, "a command");
    memcpy(argv, w->items, w->count * sizeof *argv);
    if (source_command_start(argv, &in->command, e))
        return -1;
    in->stream.fd = source_command_fd(in->command);
    in->stream.finish = finish_command;
    in->stream.arg = in;
    return 0;
}

void backup_input_done(struct backup_input *in)
{
    source_command_free(in->command);
    mem_free(in->path);
}
