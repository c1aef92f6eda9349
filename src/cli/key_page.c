/* SPDX-License-Identifier: Apache-2.0 */
/* The printable page of a recovery key or of a share, as text and as SVG. */
#include "cli/key_text.h"
#include "cli/term.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PAGE_WIDTH 210u /* A4, in millimetres */
#define PAGE_HEIGHT 297u
#define QR_SIDE 70u

/* What both forms say, line by line. */
struct lines {
    char head[12][128];
    size_t head_count;
    char secret[SHEET_LINES][SHEET_LINE_BYTES];
    const char *const *advice; /* ends with NULL */
};

static const char *const key_advice[] = {
    "Whoever holds this page and the vault's files reads everything in it.",
    "Keep it on paper, away from the machines that are backed up.",
    "",
    "To open the vault with it, type it in:  abri key combine --sheet",
    "or save its lines in a file:            abri --key-file FILE restore ...",
    NULL,
};
static const char *const share_advice[] = {
    "This share alone tells nothing. Keep each with somebody else.",
    "",
    "To open the vault:  abri key combine FILE...   or typed in:  abri key combine",
    NULL,
};

PRINTF_LIKE(2, 3) static void head(struct lines *l, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(l->head[l->head_count++], sizeof l->head[0], fmt, ap);
    va_end(ap);
}

/* Foreign text, harmless and cut to fit. */
static void head_text(struct lines *l, const char *name, const char *text)
{
    CLEANUP(buf_done) struct buf clean = {0};
    if (!text || !*text)
        return;
    term_escape(text, strlen(text), &clean);
    if (!clean.failed)
        head(l, "%-9s %.*s", name,
             (int)term_fit((const char *)clean.data, clean.len, 66), (const char *)clean.data);
}

static void fill_head(const struct page *p, struct lines *l)
{
    char hex[2 * UID_BYTES + 1], time[CLOCK_TEXT_BYTES];
    const struct key_share *s = &p->sheet->share;
    bool share = p->sheet->kind == SHEET_SHARE;
    if (share)
        head(l, "abri: share %u of %u of a recovery key; any %u of them give it", s->x, p->of, s->k);
    else
        head(l, "abri: recovery key");
    head(l, "%s", "");
    if (!bytes_are_zero(s->vault_id, UID_BYTES)) {
        hex_encode(s->vault_id, UID_BYTES, hex);
        head(l, "%-9s %s", "vault", hex);
    }
    head_text(l, "location", p->location);
    head_text(l, "label", p->label);
    clock_format(p->made_ns, time);
    head(l, "%-9s %.16s", "printed", time);
    if (share) {
        hex_encode(s->set, SHARE_SET_BYTES, hex);
        head(l, "%-9s %s", "set", hex);
    }
    l->advice = share ? share_advice : key_advice;
    sheet_format(p->sheet, l->secret);
}

static int make_qr(const struct page *p, struct qr *out, struct err *e)
{
    char code[SHEET_CODE_BYTES];
    sheet_code(p->sheet, code);
    int rc = qr_make(code, out, e);
    seal_wipe(code, sizeof code);
    return rc;
}

static void put(struct buf *b, const char *text)
{
    buf_put(b, text, strlen(text));
}

static void put_line(struct buf *b, const char *before, const char *text)
{
    put(b, *text ? before : "");
    put(b, text);
    put(b, "\n");
}

int page_text(const struct page *p, bool screen, struct buf *out, struct err *e)
{
    struct lines l = {0};
    CLEANUP(qr_done) struct qr qr = {0};
    if (make_qr(p, &qr, e))
        return -1;
    fill_head(p, &l);
    for (size_t i = 0; i < l.head_count; i++)
        put_line(out, "", l.head[i]);
    put(out, "\n");
    for (size_t i = 0; i < SHEET_LINES; i++)
        put_line(out, "    ", l.secret[i]);
    put(out, "\n");
    qr_text(&qr, screen, out);
    put(out, "\n");
    for (size_t i = 0; l.advice[i]; i++)
        put_line(out, "", l.advice[i]);
    seal_wipe(&l, sizeof l);
    return buf_check(out, "a page", e);
}

/* ---- SVG ------------------------------------------------------------------------ */

static void put_escaped(struct buf *b, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '<': put(b, "&lt;"); break;
        case '>': put(b, "&gt;"); break;
        case '&': put(b, "&amp;"); break;
        default: buf_put_u8(b, (uint8_t)*text);
        }
}

static void svg_line(struct buf *b, unsigned y, double size, const char *text)
{
    char start[128];
    (void)snprintf(start, sizeof start,
                   "<text x=\"20\" y=\"%u\" font-size=\"%.1f\" xml:space=\"preserve\">", y, size);
    put(b, start);
    put_escaped(b, text);
    put(b, "</text>\n");
}

static void svg_qr(struct buf *b, const struct qr *qr, unsigned y)
{
    char start[160];
    (void)snprintf(start, sizeof start,
                   "<g transform=\"translate(20 %u) scale(%.4f)\"><path fill=\"#000\" d=\"", y,
                   (double)QR_SIDE / qr->width);
    put(b, start);
    qr_svg_path(qr, b);
    put(b, "\"/></g>\n");
}

int page_svg(const struct page *p, struct buf *out, struct err *e)
{
    struct lines l = {0};
    char start[256];
    CLEANUP(qr_done) struct qr qr = {0};
    if (make_qr(p, &qr, e))
        return -1;
    fill_head(p, &l);
    unsigned y = 25;
    (void)snprintf(start, sizeof start,
                   "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%umm\" height=\"%umm\" "
                   "viewBox=\"0 0 %u %u\" font-family=\"monospace\">\n"
                   "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
                   PAGE_WIDTH, PAGE_HEIGHT, PAGE_WIDTH, PAGE_HEIGHT);
    put(out, start);
    for (size_t i = 0; i < l.head_count; i++, y += 7)
        svg_line(out, y, i ? 4 : 5, l.head[i]);
    y += 7;
    for (size_t i = 0; i < SHEET_LINES; i++, y += 9)
        svg_line(out, y, 6, l.secret[i]);
    svg_qr(out, &qr, y);
    y += QR_SIDE + 12;
    for (size_t i = 0; l.advice[i]; i++, y += 6)
        svg_line(out, y, 3.6, l.advice[i]);
    put(out, "</svg>\n");
    seal_wipe(&l, sizeof l);
    return buf_check(out, "a page", e);
}

int page_write(const char *file, const struct buf *b, struct err *e)
{
    CLEANUP(file_close) int fd =
        open(file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST)
        return err_set(e, ERR_EXISTS, "'%s' exists already: name a new file", file);
    if (fd < 0)
        return err_sys(e, errno, "make '%s'", file);
    if (file_write(fd, b->data, b->len) || fsync(fd))
        return err_sys(e, errno, "write '%s'", file);
    return 0;
}
