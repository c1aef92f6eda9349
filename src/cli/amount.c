/* SPDX-License-Identifier: Apache-2.0 */
/* Reads and writes amounts. Whole numbers throughout: no locale, no rounding
 * surprises, and every overflow is refused. */
#include "cli/amount.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Moves *p behind the digits; false if there are none or too many. */
static bool digits(const char **p, uint64_t *out)
{
    uint64_t n = 0;
    const char *s = *p;
    if (!is_digit(*s))
        return false;
    for (; is_digit(*s); s++)
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, (uint64_t)(*s - '0'), &n))
            return false;
    *p = s;
    *out = n;
    return true;
}

bool amount_parse_number(const char *text, uint64_t *out)
{
    uint64_t n;
    if (!digits(&text, &n) || *text)
        return false;
    *out = n;
    return true;
}

/* ".25" as nine-digit fraction. */
static bool fraction(const char **p, uint64_t *billionths_out)
{
    uint64_t n = 0, place = 100000000;
    const char *s = *p;
    *billionths_out = 0;
    if (*s != '.')
        return true;
    if (!is_digit(*++s))
        return false;
    for (; is_digit(*s); s++, place /= 10)
        n += place * (uint64_t)(*s - '0');
    *p = s;
    *billionths_out = n;
    return true;
}

static bool unit_of(const char *suffix, uint64_t plain, uint64_t *out)
{
    static const char letters[] = "KMGTP";
    if (!*suffix) {
        *out = plain;
        return true;
    }
    if (strcmp(suffix, "B") == 0 || strcmp(suffix, "b") == 0) {
        *out = 1;
        return true;
    }
    char upper = (char)(*suffix & ~0x20);
    const char *at = strchr(letters, upper);
    if (!upper || !at)
        return false;
    const char *rest = suffix + 1;
    *out = UINT64_C(1) << (10 * (at - letters + 1));
    return !*rest || strcmp(rest, "B") == 0 || strcmp(rest, "b") == 0 || strcmp(rest, "iB") == 0 ||
           strcmp(rest, "ib") == 0;
}

bool amount_parse_size(const char *text, uint64_t unit, uint64_t *out)
{
    uint64_t whole, part, scale, bytes;
    if (!digits(&text, &whole) || !fraction(&text, &part) || !unit_of(text, unit, &scale))
        return false;
    uint64_t more = (uint64_t)((__uint128_t)part * scale / 1000000000u);
    if (__builtin_mul_overflow(whole, scale, &bytes) ||
        __builtin_add_overflow(bytes, more, &bytes) || bytes > INT64_MAX)
        return false;
    *out = bytes;
    return true;
}

static bool parse_share(const char *text, double *out)
{
    uint64_t whole, part;
    if (!digits(&text, &whole) || !fraction(&text, &part) || strcmp(text, "%") != 0 || whole > 100)
        return false;
    double share = ((double)whole + (double)part / 1e9) / 100;
    if (share <= 0 || share > 1)
        return false;
    *out = share;
    return true;
}

bool amount_parse_subset(const char *text, struct amount_subset *out)
{
    struct amount_subset s = {0};
    const char *p = text;
    if (parse_share(text, &s.share)) {
        s.kind = SUBSET_SHARE;
    } else if (digits(&p, &s.part) && *p == '/') {
        p++;
        if (!digits(&p, &s.parts) || *p || s.part < 1 || s.part > s.parts)
            return false;
        s.kind = SUBSET_PART;
    } else if (amount_parse_size(text, 1, &s.size_bytes) && s.size_bytes > 0) {
        s.kind = SUBSET_SIZE;
    } else {
        return false;
    }
    *out = s;
    return true;
}

void amount_format_size(uint64_t bytes, char out[AMOUNT_TEXT_BYTES])
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes < 1024) {
        (void)snprintf(out, AMOUNT_TEXT_BYTES, "%" PRIu64 " B", bytes);
        return;
    }
    size_t u = 0;
    unsigned shift = 10;
    while (u < 5 && bytes >> shift >= 1024) {
        shift += 10;
        u++;
    }
    uint64_t whole = bytes >> shift;
    uint64_t rest = bytes & ((UINT64_C(1) << shift) - 1);
    uint64_t thousandths = (uint64_t)((__uint128_t)rest * 1000 >> shift);
    (void)snprintf(out, AMOUNT_TEXT_BYTES, "%" PRIu64 ".%03" PRIu64 " %s", whole, thousandths,
                   units[u]);
}

void amount_format_clock(int64_t seconds, char out[AMOUNT_TEXT_BYTES])
{
    int64_t s = seconds < 0 ? 0 : seconds;
    if (s < 3600)
        (void)snprintf(out, AMOUNT_TEXT_BYTES, "%" PRId64 ":%02d", s / 60, (int)(s % 60));
    else
        (void)snprintf(out, AMOUNT_TEXT_BYTES, "%" PRId64 ":%02d:%02d", s / 3600,
                       (int)(s / 60 % 60), (int)(s % 60));
}

void amount_format_duration(int64_t ns, char out[AMOUNT_TEXT_BYTES])
{
    int64_t ms = ns < 0 ? 0 : ns / (NS_PER_S / 1000);
    if (ms < 10000)
        (void)snprintf(out, AMOUNT_TEXT_BYTES, "%d.%03d s", (int)(ms / 1000), (int)(ms % 1000));
    else if (ms < 60000)
        (void)snprintf(out, AMOUNT_TEXT_BYTES, "%d.%d s", (int)(ms / 1000), (int)(ms / 100 % 10));
    else
        amount_format_clock(ms / 1000, out);
}
