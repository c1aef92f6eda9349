/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an attack claims.
 *
 *  1. "held" needs all claims of the row looked at, none false, no error: it is never what remains.
 *  2. A false claim is never forgotten, whatever else went wrong.
 */
#include "attack/play.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void append(char *text, size_t cap, const char *between, const char *fmt, va_list ap)
{
    size_t n = strlen(text);
    if (n + 1 >= cap)
        return;
    int more = n ? snprintf(text + n, cap - n, "%s", between) : 0;
    n += more > 0 ? (size_t)more : 0;
    if (n < cap)
        (void)vsnprintf(text + n, cap - n, fmt, ap);
}

bool play_claim(struct play *p, bool ok, const char *fmt, ...)
{
    struct attack_result *r = &p->result;
    r->claims++;
    if (ok)
        return true;
    if (r->failed++ == 0) {
        va_list ap;
        r->text[0] = '\0'; /* 2: what is false is told, not what was fine before */
        va_start(ap, fmt);
        append(r->text, sizeof r->text, "", fmt, ap);
        va_end(ap);
    }
    return false;
}

void play_tell(struct play *p, const char *fmt, ...)
{
    va_list ap;
    if (p->result.failed)
        return;
    va_start(ap, fmt);
    append(p->result.text, sizeof p->result.text, "; ", fmt, ap);
    va_end(ap);
}

void play_gap(struct play *p, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    append(p->result.gap, sizeof p->result.gap, "; ", fmt, ap);
    va_end(ap);
}

/* 1 */
void play_finish(struct play *p, unsigned least)
{
    struct attack_result *r = &p->result;
    if (r->failed) {
        r->verdict = ATTACK_BROKE;
        return;
    }
    if (p->error.cls != ERR_UNSET) {
        r->verdict = ATTACK_NOT_KNOWN;
        (void)snprintf(r->text, sizeof r->text, "%.690s", p->error.msg);
        return;
    }
    if (r->claims < least || !r->claims) {
        r->verdict = ATTACK_NOT_KNOWN;
        (void)snprintf(r->text, sizeof r->text, "it ended early: %u of %u claims were looked at", r->claims, least);
        return;
    }
    r->verdict = r->gap[0] ? ATTACK_PARTLY : ATTACK_HELD;
}

/* splitmix64: Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2016. */
uint64_t play_random(struct play *p)
{
    uint64_t z = (p->random += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint64_t play_below(struct play *p, uint64_t n)
{
    return play_random(p) % n;
}

const char *attack_verdict_name(enum attack_verdict v)
{
    static const char *const names[] = {
        [ATTACK_UNSET] = "?",          [ATTACK_HELD] = "held",
        [ATTACK_PARTLY] = "partly",    [ATTACK_BROKE] = "DID NOT HOLD",
        [ATTACK_NOT_PLAYED] = "not played", [ATTACK_NOT_KNOWN] = "not known",
    };
    return names[v];
}
