/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people type at `abri admin` and `abri enrol` becomes JSON, which is UTF-8: looked at once, before anything is asked of a server.
 * What names a file ("FILE") stays here, and may have any bytes.
 */
#include "cli/admin.h"

#include "cli/term.h"

#include <string.h>

static bool is_utf8(const char *text)
{
    size_t len = strlen(text), n = 0;
    uint32_t code;
    for (; len && (n = term_utf8(text, len, &code)) != 0; len -= n)
        text += n;
    return len == 0;
}

static int refuse(const char *before, const char *what, const char *text, struct err *e)
{
    return err_set(e, ERR_USAGE, "%s%s: '%.200s' is not UTF-8", before, what, text);
}

static int check_option(const struct option_spec *o, const void *args, struct err *e)
{
    const void *at = (const char *)args + o->offset;
    if (!o->arg || strcmp(o->arg, "FILE") == 0)
        return 0;
    if (o->kind == OPTION_TEXT) {
        const char *text = *(const char *const *)at;
        return !text || is_utf8(text) ? 0 : refuse("--", o->name, text, e);
    }
    const struct option_list *list = at;
    for (size_t i = 0; o->kind == OPTION_LIST && i < list->count; i++)
        if (!is_utf8(list->items[i].text))
            return refuse("--", o->name, list->items[i].text, e);
    return 0;
}

static bool is_sent(const struct command *cmd)
{
    for (size_t i = 0; cmd_admin.verbs[i]; i++)
        if (cmd == cmd_admin.verbs[i])
            return true;
    return cmd == &cmd_enrol;
}

int admin_check_text(const struct command *cmd, const void *args, const struct words *w, struct err *e)
{
    if (!is_sent(cmd))
        return 0;
    for (size_t i = 0; strcmp(cmd->operands, "FILE") != 0 && i < w->count; i++)
        if (!is_utf8(w->items[i]))
            return refuse("abri ", cmd->name, w->items[i], e);
    for (size_t i = 0; i < cmd->option_count; i++)
        if (check_option(&cmd->options[i], args, e))
            return -1;
    return 0;
}
