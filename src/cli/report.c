/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that the program says in lines, and where it goes.
 *
 *  S1 a line is printed whole, with `screen` held, after the progress bar has
 *     been taken away;
 *  S2 what goes to stderr is always escaped: one message, one line, wherever
 *     a log collects it; what goes to stdout is escaped for terminals only,
 *     so that a pipe gets names as they are.
 */
#include "cli/json_out.h"
#include "cli/term.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static void print_line(struct cli *c, FILE *f, bool escape, const char *text, size_t len)
{
    CLEANUP(buf_done) struct buf line = {0};
    if (escape)
        term_escape(text, len, &line);
    else
        buf_put(&line, text, len);
    buf_put_u8(&line, '\n');
    (void)pthread_mutex_lock(&c->screen);
    progress_bar_hide(c);
    if (!line.failed)
        (void)fwrite(line.data, 1, line.len, f);
    (void)pthread_mutex_unlock(&c->screen);
}

PRINTF_LIKE(2, 0) static void print_va(struct cli *c, const char *fmt, va_list ap, FILE *f)
{
    va_list again;
    va_copy(again, ap);
    int len = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    CLEANUP_FREE char *text = len < 0 ? NULL : mem_alloc((size_t)len + 1);
    if (text && vsnprintf(text, (size_t)len + 1, fmt, ap) == len)
        print_line(c, f, f == stderr || c->out_is_tty, text, (size_t)len);
}

void say(struct cli *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    print_va(c, fmt, ap, stdout);
    va_end(ap);
}

void say_note(struct cli *c, const char *fmt, ...)
{
    if (c->global.quiet || c->global.json)
        return;
    va_list ap;
    va_start(ap, fmt);
    print_va(c, fmt, ap, stdout);
    va_end(ap);
}

void say_detail(struct cli *c, const char *fmt, ...)
{
    if (!c->global.verbose || c->global.quiet || c->global.json)
        return;
    va_list ap;
    va_start(ap, fmt);
    print_va(c, fmt, ap, stdout);
    va_end(ap);
}

/* ---- stdout as a whole ------------------------------------------------------- */

bool say_is_over(void)
{
    return ferror(stdout) != 0;
}

int say_finish(struct err *e)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    if (errno == EPIPE)
        return 0; /* whoever read has seen enough */
    return err_sys(e, errno ? errno : EIO, "writing to standard output");
}

/* ---- problems and errors -------------------------------------------------------- */

PRINTF_LIKE(2, 3) static void complain(struct cli *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    print_va(c, fmt, ap, stderr);
    va_end(ap);
}

/* Whether a message already begins with what it is about, quoted or not. */
static bool is_named(const char *message, const char *item)
{
    size_t len = strlen(item), quote = *message == '\'';
    return strncmp(message + quote, item, len) == 0 &&
           (quote ? message[len + 1] == '\'' : message[len] == ':');
}

void report_problem(void *arg, const char *item, const struct err *e)
{
    struct cli *c = arg;
    if (c->global.json) {
        json_t *o = json_object_of("problem");
        json_put_string(o, "item", item);
        json_put_string(o, "class", err_class_name(e->cls));
        json_put_string(o, "message", e->msg);
        json_emit(c, stderr, o);
        return;
    }
    bool named = is_named(e->msg, item);
    complain(c, "abri: %s%s%s", named ? "" : item, named ? "" : ": ", e->msg);
}

void report_path_problem(void *arg, const char *path, const struct err *e)
{
    char full[4096];
    bool whole = *path == '/' || *path == '(' || strlen(path) + 2 > sizeof full;
    (void)snprintf(full, sizeof full, "/%s", whole ? "" : path);
    report_problem(arg, whole ? path : full, e);
}

void report_notice(struct cli *c, const char *item, const char *message)
{
    if (c->global.json) {
        json_t *o = json_object_of("notice");
        json_put_string(o, "item", item);
        json_put_string(o, "message", message);
        json_emit(c, stderr, o);
        return;
    }
    complain(c, "abri: %s: %s", item, message);
}

void report_damage(void *arg, const char *object, const char *message)
{
    struct cli *c = arg;
    if (c->global.json) {
        json_t *o = json_object_of("damage");
        json_put_string(o, "object", object);
        json_put_string(o, "message", message);
        json_emit(c, stdout, o);
        return;
    }
    bool named = is_named(message, object);
    complain(c, "abri: damaged: %s%s%s", named ? "" : object, named ? "" : ": ", message);
}

void report_log(void *arg, const char *server, const struct err *what)
{
    struct cli *c = arg;
    if (what->cls != ERR_DAMAGED || (c->running && c->running->despite_log)) {
        report_problem(c, server, what);
        return;
    }
    c->log_lie = *what;
    (void)err_wrap(&c->log_lie, "%s", server);
}

/* What to do next, where the message cannot know it. */
static const char *advice(const struct err *e)
{
    switch (e->cls) {
    case ERR_NO_VAULT: return "check the location, or make a vault there with `abri init`";
    case ERR_NO_SPACE: return "make room and run the same command again";
    default: return NULL;
    }
}

void report_error(struct cli *c, const struct err *e)
{
    const char *next = advice(e);
    if (c->global.json) {
        json_t *o = json_object_of("error");
        json_put_string(o, "class", err_class_name(e->cls));
        json_put_string(o, "message", e->msg);
        if (next)
            json_put_string(o, "advice", next);
        json_put_number(o, "code", (uint64_t)err_exit_status(e->cls));
        json_emit(c, stderr, o);
        return;
    }
    complain(c, "abri: %s%s%s%s", e->msg, next ? " (" : "", next ? next : "", next ? ")" : "");
}

const char *say_text(const struct cli *c, const char *text, size_t len, struct buf *scratch)
{
    buf_reset(scratch);
    if (c->out_is_tty)
        term_escape(text, len, scratch);
    else
        buf_put(scratch, text, len);
    buf_put_u8(scratch, 0);
    return scratch->failed ? "?" : (const char *)scratch->data;
}
