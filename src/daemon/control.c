/* SPDX-License-Identifier: Apache-2.0 */
/* Both sides of the control socket. */
#include "daemon/control.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "daemon/trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATH_MAX_HERE 4096

static struct {
    control_token *token;
    control_trial *trial;
    void *arg;
} control;

static int path_of(const char *root, char out[PATH_MAX_HERE], struct err *e)
{
    int n = snprintf(out, PATH_MAX_HERE, "%s/control", root);
    return n < 0 || n >= PATH_MAX_HERE ? err_set(e, ERR_USAGE, "a root's path is too long") : 0;
}

static bool may_ask(int fd)
{
    struct ucred who;
    socklen_t len = sizeof who;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 && (who.uid == 0 || who.uid == geteuid());
}

static void answer(char *out, size_t cap, const char *line)
{
    struct err why = ERR_INIT;
    char text[CONTROL_LINE_MAX];
    int rc;
    if (strcmp(line, "new-owner-token\n") == 0)
        rc = control.token(control.arg, text, sizeof text, &why);
    else if (trial_knows(line))
        rc = control.trial ? control.trial(control.arg, line, text, sizeof text, &why)
                           : err_set(&why, ERR_REFUSED, "this abrid is in earnest: only one that began with --trial does that");
    else
        rc = err_set(&why, ERR_USAGE, "this abrid does not know that command: it is of another version");
    if (rc == 0)
        (void)snprintf(out, cap, "ok %s\n", text);
    if (why.cls != ERR_UNSET)
        (void)snprintf(out, cap, "error %d %s\n", (int)why.cls, why.msg);
    explicit_bzero(text, sizeof text);
}

static void serve(void *arg, int fd, int64_t until_ns)
{
    char line[64], out[CONTROL_LINE_MAX + 64] = "";
    (void)arg;
    if (!may_ask(fd) || local_read(fd, line, sizeof line, "\n", until_ns) < 0)
        return;
    answer(out, sizeof out, line);
    (void)local_write(fd, out, strlen(out), until_ns);
    explicit_bzero(out, sizeof out);
}

int control_open(const char *root, control_token *token, control_trial *trial, void *arg, struct local_door **out,
                 struct err *e)
{
    char path[PATH_MAX_HERE];
    int fd;
    control.token = token;
    control.trial = trial;
    control.arg = arg;
    if (path_of(root, path, e) || local_listen(path, 0600, &fd, e))
        return -1;
    return local_open(fd, serve, NULL, out, e);
}

void control_remove(const char *root)
{
    char path[PATH_MAX_HERE];
    if (path_of(root, path, NULL) == 0)
        (void)unlink(path);
}

/* ---- whoever asks --------------------------------------------------------------------------------- */

static int take_answer(const char *line, char *out, size_t cap, struct err *e)
{
    size_t n = strlen(line) - 1; /* without its end */
    if (strncmp(line, "ok ", 3) == 0 && n - 3 < cap) {
        (void)snprintf(out, cap, "%.*s", (int)(n - 3), line + 3);
        return 0;
    }
    char *rest;
    long cls = strncmp(line, "error ", 6) == 0 ? strtol(line + 6, &rest, 10) : 0;
    if (cls <= 0 || cls >= ERR_CLASS_COUNT || *rest != ' ')
        return err_set(e, ERR_IO, "abrid's answer cannot be read: is it of another version?");
    return err_set(e, (enum err_class)cls, "%.*s", (int)(line + n - rest - 1), rest + 1);
}

int control_ask_token(const char *root, char *out, size_t cap, struct err *e)
{
    static const char question[] = "new-owner-token\n";
    char path[PATH_MAX_HERE], line[CONTROL_LINE_MAX + 64];
    CLEANUP(file_close) int fd = -1;
    int64_t until = clock_monotonic_ns() + 2 * LOCAL_CALL_MS * INT64_C(1000000);
    if (path_of(root, path, e))
        return -1;
    if (local_connect(path, &fd, e))
        return e->cls == ERR_OFFLINE
                   ? err_set(e, ERR_OFFLINE, "no abrid serves '%.500s': start it, a new one says how to become its owner", root)
                   : -1;
    if (local_write(fd, question, sizeof question - 1, until) || local_read(fd, line, sizeof line, "\n", until) < 0)
        return err_set(e, ERR_IO, "the abrid that serves '%.500s' did not answer: only root and its own user may ask", root);
    int rc = take_answer(line, out, cap, e);
    explicit_bzero(line, sizeof line);
    return rc;
}
