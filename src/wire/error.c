/* SPDX-License-Identifier: Apache-2.0 */
/* Errors as bodies of answers, and back. */
#include "wire/wire.h"

#include <jansson.h>
#include <string.h>

static const int statuses[ERR_CLASS_COUNT] = {
    [ERR_USAGE] = 400,     [ERR_NOT_FOUND] = 404, [ERR_EXISTS] = 409,     [ERR_AMBIGUOUS] = 400,
    [ERR_NO_VAULT] = 404,  [ERR_BUSY] = 423,      [ERR_PASSPHRASE] = 400, [ERR_NO_KEY] = 403,
    [ERR_DAMAGED] = 422,   [ERR_NEWER] = 505,     [ERR_NO_SPACE] = 507,   [ERR_READ_ONLY] = 500,
    [ERR_IO] = 500,        [ERR_NO_MEMORY] = 503, [ERR_LIMIT] = 413,      [ERR_INCOMPLETE] = 500,
    [ERR_REFUSED] = 403,   [ERR_OFFLINE] = 503,   [ERR_CANCELLED] = 503,
};

int wire_status(enum err_class cls)
{
    int status = (unsigned)cls < ERR_CLASS_COUNT ? statuses[cls] : 0;
    return status ? status : 500;
}

static int append(const char *p, size_t len, void *arg)
{
    buf_put(arg, p, len);
    return 0;
}

void wire_error_put(struct buf *out, const char *code, const struct err *e)
{
    json_t *o = json_pack("{s:{s:s, s:s, s:s%}}", "error", "code", code, "class",
                          err_class_name(e->cls), "message", e->msg, strlen(e->msg));
    if (!o) /* a message that is no UTF-8 */
        o = json_pack("{s:{s:s, s:s, s:s}}", "error", "code", code, "class",
                      err_class_name(e->cls), "message", "the message cannot be shown");
    if (!o || json_dump_callback(o, append, out, JSON_COMPACT))
        out->failed = true;
    json_decref(o);
}

static enum err_class class_of_name(const char *name, int status)
{
    for (int cls = ERR_USAGE; cls < ERR_CLASS_COUNT; cls++)
        if (strcmp(name, err_class_name((enum err_class)cls)) == 0)
            return (enum err_class)cls;
    for (int cls = ERR_USAGE; cls < ERR_CLASS_COUNT; cls++)
        if (wire_status((enum err_class)cls) == status)
            return (enum err_class)cls;
    return status >= 500 ? ERR_IO : ERR_REFUSED;
}

/* Servers may be hostile: nothing of theirs reaches a terminal but printable text. */
static void clean(const char *in, char *out, size_t cap)
{
    size_t n = 0;
    for (; *in && n + 1 < cap; in++)
        out[n++] = (unsigned char)*in < 0x20 || *in == 0x7f ? '?' : *in;
    out[n] = '\0';
}

/* Ours say why. Whoever knows no such call and does not say so as we do, is another program, or of another time. */
static void say_status(int status, enum err_class cls, struct err *e)
{
    if (status == 404 || status == 405 || status == 501 || status == 505)
        err_set(e, ERR_NEWER, "it answered with status %d: it is no abrid, or one of quite another version", status);
    else
        err_set(e, cls, "the server answered with status %d", status);
}

int wire_error_take(int status, const void *body, size_t len, char *code_out, struct err *e)
{
    const char *code = "", *cls = "", *message = "";
    char text[512];
    json_t *o = len <= WIRE_JSON_MAX ? json_loadb(body, len, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (o && json_unpack(o, "{s:{s:s, s:s, s:s}}", "error", "code", &code, "class", &cls, "message",
                         &message))
        code = cls = message = "";
    if (code_out)
        clean(code, code_out, 64);
    clean(message, text, sizeof text);
    enum err_class c = class_of_name(cls, status);
    if (*text)
        err_set(e, c, "%s", text);
    else
        say_status(status, c, e);
    json_decref(o);
    return -1;
}
