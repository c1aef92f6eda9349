/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recovery keys and shares as people hold them: pages with lines of symbols
 * and a QR code. What is printed here is secret; buffers are wiped.
 */
#ifndef ABRI_CLI_KEY_TEXT_H
#define ABRI_CLI_KEY_TEXT_H

#include "cli/cli.h"
#include "work/keys.h"

/* A page around a sheet. */
struct page {
    const struct sheet *sheet;
    unsigned of; /* shares: how many there are */
    const char *location, *label; /* foreign text; may be NULL */
    int64_t made_ns;
};
/* `screen`: for a terminal, whatever its colours; else for paper. */
MUST_CHECK int page_text(const struct page *p, bool screen, struct buf *out, struct err *e);
MUST_CHECK int page_svg(const struct page *p, struct buf *out, struct err *e);
/* Creates a file, mode 0600; ERR_EXISTS if it is there. */
MUST_CHECK int page_write(const char *file, const struct buf *b, struct err *e);

/* ---- qr.c ------------------------------------------------------------------------ */

/* The squares of a QR code, with its quiet zone. */
struct qr {
    unsigned width;
    uint8_t *dark; /* width × width; 1 or 0 */
};
MUST_CHECK int qr_make(const char *text, struct qr *out, struct err *e);
void qr_done(struct qr *q); /* wipes */
/* Two squares a character, one above the other. */
void qr_text(const struct qr *q, bool screen, struct buf *out);
/* A path of squares, each of 1 unit, from (0, 0). */
void qr_svg_path(const struct qr *q, struct buf *out);

/* ---- reading ----------------------------------------------------------------------- */

/* Shares or one key, from files or typed in; each with where it came from. */
struct sheets {
    struct sheet **items;
    const char **from; /* file names, borrowed; NULL: typed */
    size_t count;
};
void sheets_done(struct sheets *s);
MUST_CHECK int sheets_read(struct sheets *s, const struct words *files, struct err *e);
/* Asks line by line; `key`: for one key sheet, else for shares until they suffice. */
MUST_CHECK int sheets_type(struct sheets *s, bool key, struct err *e);

#endif
