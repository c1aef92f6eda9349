/* SPDX-License-Identifier: Apache-2.0 */
/* Sheets from files and from the keyboard. */
#include "cli/key_text.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define TYPING_TRIES 5

void sheets_done(struct sheets *s)
{
    for (size_t i = 0; i < s->count; i++)
        sheet_free(s->items[i]);
    mem_free(s->items);
    mem_free(s->from);
    *s = (struct sheets){0};
}

static int add(struct sheets *s, const struct sheet *sheet, const char *from, struct err *e)
{
    if (s->count > SHARES_MAX)
        return err_set(e, ERR_USAGE, "more sheets than there can be shares");
    struct sheet **items = mem_realloc(s->items, s->count + 1, sizeof(struct sheet *));
    if (!items)
        return err_no_memory(e, "the sheets");
    s->items = items;
    const char **names = mem_realloc(s->from, s->count + 1, sizeof(const char *));
    if (!names)
        return err_no_memory(e, "the sheets");
    s->from = names;
    items[s->count] = sheet_new();
    if (!items[s->count])
        return err_no_memory(e, "the sheets");
    *items[s->count] = *sheet;
    names[s->count++] = from;
    return 0;
}

static int read_file(struct sheets *s, const char *file, struct err *e)
{
    CLEANUP(secret_buf_done) struct buf text = {0};
    size_t at = 0, before = s->count;
    int rc = secret_file_read(file, &text, e);
    if (rc)
        return -1;
    struct sheet *sheet = sheet_new();
    if (!sheet)
        return err_no_memory(e, "a sheet");
    while (rc == 0 && (rc = sheet_find((const char *)text.data, text.len, &at, sheet, e)) > 0)
        rc = add(s, sheet, file, e);
    sheet_free(sheet);
    if (rc)
        return err_wrap(e, "'%s'", file);
    if (s->count == before)
        return err_set(e, ERR_USAGE, "'%s' holds no recovery key and no share", file);
    return 0;
}

int sheets_read(struct sheets *s, const struct words *files, struct err *e)
{
    for (size_t i = 0; i < files->count; i++)
        if (read_file(s, files->items[i], e))
            return -1;
    return 0;
}

/* ---- typed ------------------------------------------------------------------------ */

/* One line that is as it was printed, appended with its number. */
static int type_line(struct buf *text, unsigned number, struct err *e)
{
    char question[64], line[PASSPHRASE_MAX];
    int rc = -1;
    for (int i = 0; i < TYPING_TRIES; i++) {
        (void)snprintf(question, sizeof question, "%sline %u of the sheet: ",
                       i ? "not as it was printed; again, " : "", number);
        if (prompt_secret(question, line, e))
            break;
        if (!sheet_line_is_good(line, number)) {
            (void)err_set(e, ERR_USAGE, "line %u is not as it was printed: nothing was done",
                          number);
            continue;
        }
        (void)snprintf(question, sizeof question, "%u:", number);
        const char *from = strchr(line, ':') ? strchr(line, ':') + 1 : line;
        buf_put(text, question, strlen(question));
        buf_put(text, from, strlen(from));
        buf_put_u8(text, '\n');
        rc = 0;
        break;
    }
    seal_wipe(line, sizeof line);
    return rc;
}

static int type_sheet(struct sheets *s, struct err *e)
{
    CLEANUP(secret_buf_done) struct buf text = {.max = SECRET_FILE_MAX};
    struct sheet *sheet = sheet_new();
    size_t at = 0;
    int rc = sheet && buf_reserve(&text, 4096) ? 0 : err_no_memory(e, "a sheet");
    for (unsigned i = 1; rc == 0 && i <= SHEET_LINES; i++)
        rc = type_line(&text, i, e);
    if (rc == 0)
        rc = sheet_find((const char *)text.data, text.len, &at, sheet, e) > 0
                 ? add(s, sheet, NULL, e)
                 : -1;
    sheet_free(sheet);
    return rc;
}

int sheets_type(struct sheets *s, bool key, struct err *e)
{
    for (;;) {
        if (type_sheet(s, e))
            return -1;
        const struct sheet *last = s->items[s->count - 1];
        if (key && last->kind != SHEET_KEY)
            return err_set(e, ERR_USAGE, "this is a share: leave --sheet out");
        if (last->kind == SHEET_KEY || s->count >= last->share.k)
            return 0;
    }
}
