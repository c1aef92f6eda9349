/* SPDX-License-Identifier: Apache-2.0 */
/* Sheets and public keys in a text, as it comes; what is found must come back
 * when it is printed. */
#include "base/mem.h"
#include "fuzz.h"
#include "fuzz_keys.h"

#include <stdio.h>

static void print_and_read(const struct sheet *s, struct sheet *back)
{
    char lines[SHEET_LINES][SHEET_LINE_BYTES], text[SHEET_LINES * SHEET_LINE_BYTES];
    char code[SHEET_CODE_BYTES];
    size_t at = 0, n = 0;
    sheet_format(s, lines);
    for (unsigned i = 0; i < SHEET_LINES; i++) {
        if (!sheet_line_is_good(lines[i], i + 1))
            abort();
        n += (size_t)snprintf(text + n, sizeof text - n, "%s\n", lines[i]);
    }
    if (sheet_find(text, n, &at, back, NULL) != 1 || memcmp(s, back, sizeof *s) != 0)
        abort();
    sheet_code(s, code);
    at = 0;
    if (sheet_find(code, strlen(code), &at, back, NULL) != 1 || memcmp(s, back, sizeof *s) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    (void)fuzz_keys();
    struct sheet *s = sheet_new(), *back = sheet_new();
    char *text = mem_alloc(len + 1);
    uint8_t key[32];
    size_t at = 0;
    if (!s || !back || !text)
        abort();
    memcpy(text, p, len);
    text[len] = '\0';
    while (sheet_find((const char *)p, len, &at, s, NULL) == 1)
        print_and_read(s, back);
    if (at > len)
        abort();
    for (unsigned i = 1; i <= SHEET_LINES; i++)
        (void)sheet_line_is_good(text, i);
    (void)!public_key_parse(text, key, NULL);
    mem_free(text);
    sheet_free(s);
    sheet_free(back);
    return 0;
}
