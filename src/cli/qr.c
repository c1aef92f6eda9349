/* SPDX-License-Identifier: Apache-2.0 */
/* QR codes, by libqrencode (docs/decisions/0013-qr-codes.md), drawn as text and
 * as SVG. */
#include "cli/key_text.h"

#include "base/mem.h"

#include <qrencode.h>
#include <stdio.h>
#include <string.h>

#define QUIET 4u /* squares around it that the standard asks for */

int qr_make(const char *text, struct qr *out, struct err *e)
{
    QRcode *code = QRcode_encodeString(text, 0, QR_ECLEVEL_M, QR_MODE_8, 1);
    if (!code)
        return err_no_memory(e, "a QR code");
    unsigned inner = (unsigned)code->width;
    struct qr q = {.width = inner + 2 * QUIET};
    q.dark = mem_zalloc((size_t)q.width * q.width);
    for (unsigned y = 0; q.dark && y < inner; y++)
        for (unsigned x = 0; x < inner; x++)
            q.dark[(y + QUIET) * q.width + x + QUIET] = code->data[y * inner + x] & 1;
    seal_wipe(code->data, (size_t)inner * inner);
    QRcode_free(code);
    if (!q.dark)
        return err_no_memory(e, "a QR code");
    *out = q;
    return 0;
}

void qr_done(struct qr *q)
{
    if (q->dark)
        seal_wipe(q->dark, (size_t)q->width * q->width);
    mem_free(q->dark);
    *q = (struct qr){0};
}

static bool is_dark(const struct qr *q, unsigned x, unsigned y)
{
    return y < q->width && q->dark[y * q->width + x];
}

static void put(struct buf *b, const char *text)
{
    buf_put(b, text, strlen(text));
}

/* On a screen colours are set, for a light code on dark is read by few; on
 * paper ink is dark. */
void qr_text(const struct qr *q, bool screen, struct buf *out)
{
    static const char *const halves[] = {" ", "▄", "▀", "█"};
    for (unsigned y = 0; y < q->width; y += 2) {
        put(out, screen ? "\033[30;107m" : "");
        for (unsigned x = 0; x < q->width; x++)
            put(out, halves[2 * is_dark(q, x, y) + is_dark(q, x, y + 1)]);
        put(out, screen ? "\033[0m\n" : "\n");
    }
}

void qr_svg_path(const struct qr *q, struct buf *out)
{
    char text[48];
    for (unsigned y = 0; y < q->width; y++)
        for (unsigned x = 0; x < q->width; x++)
            if (is_dark(q, x, y)) {
                (void)snprintf(text, sizeof text, "M%u %uh1v1h-1z", x, y);
                put(out, text);
            }
}
