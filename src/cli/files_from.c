/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of paths to back up, read from files ("-" is standard input):
 *   --files-from           one shell pattern a line; '#' begins a comment line
 *   --files-from-verbatim  one path a line, as it is
 *   --files-from-raw       paths that end with NUL
 * A list that ends in the middle (no final NUL) is refused: it may have been cut.
 */
#include "cli/cli.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <string.h>
#include <unistd.h>

#define LIST_FILE_MAX ((size_t)1 << 30)

static int slurp(const char *name, struct buf *out, struct err *e)
{
    bool in = strcmp(name, "-") == 0;
    CLEANUP(file_close) int own = in ? -1 : open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    int fd = in ? STDIN_FILENO : own;
    if (fd < 0)
        return err_sys(e, errno, "list of files '%s'", name);
    out->max = LIST_FILE_MAX;
    for (;;) {
        uint8_t *room = buf_reserve(out, 65536);
        if (!room)
            return buf_check(out, name, e);
        ssize_t n = file_read(fd, room, 65536);
        if (n < 0)
            return err_sys(e, errno, "list of files '%s'", name);
        if (n == 0)
            return 0;
        buf_added(out, (size_t)n);
    }
}

struct reading {
    struct string_list *out;
    work_problem *problem;
    void *arg;
};

static int add_pattern(const struct reading *r, char *line, struct err *e)
{
    glob_t g;
    int rc = glob(line, 0, NULL, &g);
    if (rc == GLOB_NOMATCH) {
        struct err none = ERR_INIT;
        (void)err_set(&none, ERR_NOT_FOUND, "matches nothing that exists");
        r->problem(r->arg, line, &none);
        return 0;
    }
    if (rc)
        return err_set(e, rc == GLOB_NOSPACE ? ERR_NO_MEMORY : ERR_IO,
                       "'%s': the pattern could not be expanded", line);
    for (size_t i = 0; i < g.gl_pathc && rc == 0; i++)
        rc = string_list_add(r->out, g.gl_pathv[i], strlen(g.gl_pathv[i]), e);
    globfree(&g);
    return rc;
}

static int add_trimmed(const struct reading *r, char *line, struct err *e)
{
    static const char blanks[] = " \t\r\v\f";
    line += strspn(line, blanks);
    size_t len = strlen(line);
    while (len > 0 && strchr(blanks, line[len - 1]))
        line[--len] = '\0';
    return len == 0 || *line == '#' ? 0 : add_pattern(r, line, e);
}

static int add_one(const struct reading *r, int tag, char *name, struct err *e)
{
    if (tag == FILES_FROM)
        return add_trimmed(r, name, e);
    if (!*name && tag == FILES_FROM_RAW)
        return err_set(e, ERR_USAGE, "an empty name");
    return *name ? string_list_add(r->out, name, strlen(name), e) : 0;
}

static int add_all(const struct reading *r, int tag, struct buf *text, struct err *e)
{
    char end = tag == FILES_FROM_RAW ? '\0' : '\n';
    char *p = (char *)text->data, *stop = p + text->len;
    if (tag != FILES_FROM_RAW && text->len > 0 && memchr(p, '\0', text->len))
        return err_set(e, ERR_USAGE, "holds NUL bytes: use --files-from-raw");
    while (p < stop) {
        char *at = memchr(p, end, (size_t)(stop - p));
        if (!at && tag == FILES_FROM_RAW)
            return err_set(e, ERR_USAGE, "the last name does not end with NUL: the list was cut");
        if (!at)
            at = stop; /* slurp left room for one byte */
        *at = '\0';
        if (add_one(r, tag, p, e))
            return -1;
        p = at + 1;
    }
    return 0;
}

int files_from_read(const struct option_list *l, struct string_list *out, work_problem *problem,
                    void *arg, struct err *e)
{
    struct reading r = {.out = out, .problem = problem, .arg = arg};
    for (size_t i = 0; i < l->count; i++) {
        CLEANUP(buf_done) struct buf text = {0};
        if (slurp(l->items[i].text, &text, e))
            return -1;
        if (add_all(&r, l->items[i].tag, &text, e))
            return err_wrap(e, "list of files '%s'", l->items[i].text);
    }
    return 0;
}
