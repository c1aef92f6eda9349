/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first owner's token.
 *
 *  1. It is never written to standard output or error unless that is a terminal: those may be a log that others read.
 *  2. The file is of mode 0600, and goes when the token was used or replaced.
 */
#include "daemon/bootstrap.h"

#include "base/file.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int path_of(const char *root, char out[4096], struct err *e)
{
    int n = snprintf(out, 4096, "%s/" BOOTSTRAP_FILE, root);
    return n < 0 || n >= 4096 ? err_set(e, ERR_USAGE, "a root's path is too long") : 0;
}

void bootstrap_forget(const char *root)
{
    char path[4096];
    if (path_of(root, path, NULL) == 0)
        (void)unlink(path);
}

static int make(struct server *s, const char *url, char *out, size_t cap, struct err *e)
{
    char token[WIRE_TOKEN_TEXT];
    if (server_bootstrap(s, token, e))
        return -1;
    (void)snprintf(out, cap, "abri enrol %s %s", url, token);
    explicit_bzero(token, sizeof token);
    return 0;
}

/* 1 */
static int show(const char *root, const char *line, struct err *e)
{
    char path[4096], text[BOOTSTRAP_LINE_MAX + 2];
    if (isatty(STDOUT_FILENO)) {
        printf("abrid: there is no owner yet. To become it, within an hour:\n\n    %s\n\n", line);
        bootstrap_forget(root);
        return 0;
    }
    if (path_of(root, path, e))
        return -1;
    int n = snprintf(text, sizeof text, "%s\n", line);
    int rc = file_replace(path, text, (size_t)n, 0600, e);
    explicit_bzero(text, sizeof text);
    if (!rc)
        printf("abrid: there is no owner yet: '%s' says how to become it, within an hour\n", path);
    return rc;
}

int bootstrap_offer(struct server *s, const char *root, const char *url, struct err *e)
{
    char line[BOOTSTRAP_LINE_MAX];
    if (!server_is_new(s)) {
        bootstrap_forget(root);
        return 0;
    }
    if (make(s, url, line, sizeof line, e))
        return -1;
    int rc = show(root, line, e);
    explicit_bzero(line, sizeof line);
    return rc;
}

int bootstrap_renew(struct server *s, const char *root, const char *url, char *out, size_t cap, struct err *e)
{
    if (make(s, url, out, cap, e))
        return -1;
    bootstrap_forget(root);
    return 0;
}
