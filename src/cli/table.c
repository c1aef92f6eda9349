/* SPDX-License-Identifier: Apache-2.0 */
/* Tables: collects rows, knows the widest cell of each column, prints once. */
#include "cli/term.h"

#include <string.h>

#define TABLE_TEXT_MAX ((size_t)1 << 30)

void table_init(struct table *t, size_t columns)
{
    *t = (struct table){.columns = columns, .text.max = TABLE_TEXT_MAX};
}

void table_done(struct table *t)
{
    buf_done(&t->text);
}

void table_row(struct table *t, const char *const *cells, bool escape)
{
    for (size_t c = 0; c < t->columns; c++) {
        size_t begin = t->text.len, len = strlen(cells[c]);
        if (escape)
            term_escape(cells[c], len, &t->text);
        else
            buf_put(&t->text, cells[c], len);
        if (t->text.failed)
            return;
        size_t width = term_width((const char *)t->text.data + begin, t->text.len - begin);
        if (width > t->widths[c])
            t->widths[c] = width;
        buf_put_u8(&t->text, 0);
    }
}

static void print_row(const struct table *t, const char **cell, FILE *f)
{
    size_t owed = 0; /* blanks before the next cell that is not empty */
    for (size_t c = 0; c < t->columns; c++) {
        size_t len = strlen(*cell), pad = t->widths[c] - term_width(*cell, len);
        if (len > 0) {
            fprintf(f, "%*s%s", (int)(owed + (t->right[c] ? pad : 0)), "", *cell);
            owed = t->right[c] ? 0 : pad;
        } else {
            owed += t->widths[c];
        }
        owed += 2;
        *cell += len + 1;
    }
    fputc('\n', f);
}

int table_print(const struct table *t, FILE *f, struct err *e)
{
    if (buf_check(&t->text, "a table", e))
        return -1;
    size_t total = 2 * (t->columns - 1);
    for (size_t c = 0; c < t->columns; c++)
        total += t->widths[c];
    const char *cell = (const char *)t->text.data;
    const char *end = cell + t->text.len;
    for (size_t row = 0; cell < end; row++) {
        print_row(t, &cell, f);
        if (row == 0 || cell == end) {
            for (size_t i = 0; i < total; i++)
                fputc('-', f);
            fputc('\n', f);
        }
    }
    return 0;
}
