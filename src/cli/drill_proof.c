/* SPDX-License-Identifier: Apache-2.0 */
/* Signs of life: what is waited for, and whether it is there. Everything that a guest says is only compared. */
#include "cli/amount.h"
#include "cli/drill.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define ASK_NS (2 * NS_PER_S) /* between questions that cost something */
#define LOG_STEP ((size_t)64 << 10)

static const char *const names[] = {"", "serial", "agent", "screen", "tcp"};

const char *drill_kind_name(enum drill_kind k)
{
    return names[k];
}

static int parse_port(const char *text, uint16_t *out, struct err *e)
{
    uint64_t port;
    if (!amount_parse_number(text, &port) || port == 0 || port > UINT16_MAX)
        return err_set(e, ERR_USAGE, "--expect tcp:%s: a port is a number from 1 to 65535", text);
    *out = (uint16_t)port;
    return 0;
}

int drill_proof_parse(const char *text, struct drill_proof *out, struct err *e)
{
    struct drill_proof p = {0};
    uint8_t hash[HASH_BYTES];
    size_t n = strcspn(text, ":");
    const char *rest = text[n] ? text + n + 1 : "";
    for (int k = DRILL_SERIAL; k <= DRILL_TCP; k++)
        if (strlen(names[k]) == n && strncmp(text, names[k], n) == 0)
            p.kind = (enum drill_kind)k;
    bool fits = strlen(rest) < sizeof p.text;
    (void)snprintf(p.text, sizeof p.text, "%s", rest);
    if (p.kind == DRILL_UNSET || (p.kind == DRILL_AGENT) != !*rest || !fits)
        return err_set(e, ERR_USAGE, "--expect '%s': that is none of serial:TEXT, agent, screen:HASH, tcp:PORT", text);
    if (p.kind == DRILL_SCREEN && !hex_decode(rest, strlen(rest), hash, sizeof hash))
        return err_set(e, ERR_USAGE, "--expect screen: the hash of a screen has 64 digits, as a certificate shows it");
    if (p.kind == DRILL_TCP && parse_port(rest, &p.port, e))
        return -1;
    *out = p;
    return 0;
}

/* ---- the serial line ---------------------------------------------------------------------- */

/* The line around what was found. */
static void keep_line(struct drill_proof *p, const char *from, const char *end, const char *at)
{
    const char *begin = at, *stop = at;
    while (begin > from && begin[-1] != '\n')
        begin--;
    while (stop < end && *stop != '\n' && *stop != '\r')
        stop++;
    utf8_clean(begin, (size_t)(stop - begin), p->line, sizeof p->line);
}

static int look_at_serial(struct drill_proof *p, const struct boot *b, struct err *e)
{
    char path[4096], text[LOG_STEP];
    (void)snprintf(path, sizeof path, "%s/serial.log", b->dir);
    CLEANUP(file_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return 0; /* nothing was said yet */
    for (;;) {
        ssize_t n = file_pread(fd, text, sizeof text, (off_t)p->read);
        if (n < 0)
            return err_set(e, ERR_IO, "the serial log cannot be read");
        const char *at = n > 0 ? memmem(text, (size_t)n, p->text, strlen(p->text)) : NULL;
        if (at) {
            p->seen = true;
            keep_line(p, text, text + n, at);
            return 0;
        }
        /* What may be the beginning of it is looked at again. */
        size_t tail = strlen(p->text) - 1;
        if ((size_t)n < sizeof text) {
            p->read += (size_t)n > tail ? (size_t)n - tail : 0;
            return 0;
        }
        p->read += (size_t)n - tail;
    }
}

/* ---- the screen ----------------------------------------------------------------------------- */

static int look_at_screen(struct drill_proof *p, struct boot *b, struct err *e)
{
    char path[4096], hex[2 * HASH_BYTES + 1];
    uint8_t hash[HASH_BYTES];
    CLEANUP(buf_done) struct buf png = {0};
    (void)snprintf(path, sizeof path, "%s/screen.png", b->dir);
    if (vm_screenshot(b->vm, e) || file_slurp(AT_FDCWD, path, VM_SCREEN_MAX, &png, e))
        return -1;
    hash_bytes(png.data, png.len, hash);
    hex_encode(hash, sizeof hash, hex);
    p->seen = strcmp(hex, p->text) == 0;
    return 0;
}

int drill_proof_look(struct drill_proof *p, struct boot *b, int64_t started_ns, struct err *e)
{
    int64_t now = clock_monotonic_ns();
    int rc = 0;
    bool asks = p->kind != DRILL_SERIAL;
    if (p->seen || (asks && p->asked_ns && now - p->asked_ns < ASK_NS))
        return 0;
    p->asked_ns = now;
    switch (p->kind) {
    case DRILL_UNSET: break;
    case DRILL_SERIAL: rc = look_at_serial(p, b, e); break;
    case DRILL_AGENT: rc = vm_agent_answers(b->vm, &p->seen, e); break;
    case DRILL_SCREEN: rc = look_at_screen(p, b, e); break;
    case DRILL_TCP: rc = vm_port_answers(b->vm, &p->seen, e); break;
    }
    if (p->seen)
        p->seen_ns = clock_monotonic_ns() - started_ns;
    return rc;
}
