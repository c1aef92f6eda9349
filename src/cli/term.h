/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Terminals: what may be sent to one, how wide it is there, and tables.
 * Text is taken as UTF-8 whatever the locale; names come from anybody's disk,
 * so nothing in them may move the cursor, ring, or change the order of the
 * characters around it.
 */
#ifndef ABRI_CLI_TERM_H
#define ABRI_CLI_TERM_H

#include "base/bytes.h"

#include <stdio.h>

/* Length of the well-formed UTF-8 character at `p` and *code_out, or 0. */
size_t term_utf8(const char *p, size_t len, uint32_t *code_out);

/* Appends `text`, with every byte that is not part of a harmless character as
 * \xNN: controls, broken UTF-8, marks that reorder or hide text. */
void term_escape(const char *text, size_t len, struct buf *out);
/* Columns that well-formed, harmless text takes. */
size_t term_width(const char *text, size_t len);
/* Longest beginning of `text` that fits into `columns`. */
size_t term_fit(const char *text, size_t len, size_t columns);
/* Columns of the terminal behind `fd`; 80 if it cannot say. */
size_t term_columns(int fd);

/* A table: cells are copied; the last column is not padded. */
#define TABLE_COLUMNS_MAX 8
struct table {
    struct buf text; /* every cell, NUL-terminated, row after row */
    size_t columns;
    size_t widths[TABLE_COLUMNS_MAX];
    bool right[TABLE_COLUMNS_MAX]; /* set to align a column to the right */
};
void table_init(struct table *t, size_t columns);
void table_done(struct table *t);
/* `escape`: treat the cells as foreign text. */
void table_row(struct table *t, const char *const *cells, bool escape);
/* The first row is the head, with a line below it and one at the end. */
MUST_CHECK int table_print(const struct table *t, FILE *f, struct err *e);

#endif
