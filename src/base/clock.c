/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include "base/bytes.h"
#include "base/clock_test.h"
#include "base/file.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const struct clock_reading *_Atomic pretended;

void clock_pretend(const struct clock_reading *r)
{
    atomic_store(&pretended, r);
}

static _Atomic int64_t shift_wall, shift_passed;
static _Atomic uint32_t shift_boots;

void clock_set_shift(const struct clock_shift *s)
{
    atomic_store(&shift_wall, s->wall_ns);
    atomic_store(&shift_passed, s->passed_ns);
    atomic_store(&shift_boots, s->boots);
}

struct clock_shift clock_get_shift(void)
{
    return (struct clock_shift){atomic_load(&shift_wall), atomic_load(&shift_passed), atomic_load(&shift_boots)};
}

static int64_t now(clockid_t id)
{
    struct timespec t;
    (void)clock_gettime(id, &t);
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

/* Saturates: somebody may set a clock to any time. */
static int64_t later(int64_t ns, int64_t by)
{
    int64_t sum;
    return __builtin_add_overflow(ns, by, &sum) ? (by < 0 ? INT64_MIN : INT64_MAX) : sum;
}

static int64_t shifted_realtime(void)
{
    return later(later(now(CLOCK_REALTIME), atomic_load(&shift_passed)), atomic_load(&shift_wall));
}

int64_t clock_realtime_ns(void)
{
    const struct clock_reading *p = atomic_load(&pretended);
    if (p)
        return p->realtime_ns;
    return shifted_realtime();
}

int64_t clock_monotonic_ns(void)
{
    return now(CLOCK_MONOTONIC);
}

int64_t clock_running_ns(void)
{
    return later(now(CLOCK_BOOTTIME), atomic_load(&shift_passed));
}

/* "3b7c8e9a-…": 36 characters, of which the dashes mean nothing. */
static void boot_id(uint8_t out[CLOCK_BOOT_BYTES])
{
    char text[40], hex[2 * CLOCK_BOOT_BYTES];
    size_t n = 0;
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? 0 : file_read(fd, text, sizeof text);
    file_close(&fd);
    for (ssize_t i = 0; i < len && n < sizeof hex; i++)
        if (text[i] != '-')
            hex[n++] = text[i];
    if (n < sizeof hex || !hex_decode(hex, sizeof hex, out, CLOCK_BOOT_BYTES))
        memset(out, 0, CLOCK_BOOT_BYTES);
}

void clock_read(struct clock_reading *out)
{
    const struct clock_reading *p = atomic_load(&pretended);
    if (p) {
        *out = *p;
        return;
    }
    uint32_t boots = atomic_load(&shift_boots);
    out->realtime_ns = shifted_realtime();
    out->boottime_ns = clock_running_ns();
    boot_id(out->boot_id);
    for (unsigned i = 0; i < sizeof boots; i++)
        out->boot_id[i] ^= (uint8_t)(boots >> 8 * i);
}

static time_t floor_seconds(int64_t ns)
{
    return (time_t)(ns / NS_PER_S - (ns % NS_PER_S < 0));
}

void clock_format(int64_t ns, char out[CLOCK_TEXT_BYTES])
{
    time_t s = floor_seconds(ns);
    struct tm tm;
    if (!localtime_r(&s, &tm) || !strftime(out, CLOCK_TEXT_BYTES, "%Y-%m-%d %H:%M:%S", &tm))
        (void)snprintf(out, CLOCK_TEXT_BYTES, "(no valid time)");
}

void clock_format_utc(int64_t ns, char out[CLOCK_TEXT_BYTES])
{
    time_t s = floor_seconds(ns);
    struct tm tm;
    if (!gmtime_r(&s, &tm) || tm.tm_year > 8099 || tm.tm_year < -1900) {
        (void)snprintf(out, CLOCK_TEXT_BYTES, "(no valid time)");
        return;
    }
    size_t n = strftime(out, CLOCK_TEXT_BYTES, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(out + n, CLOCK_TEXT_BYTES - n, ".%09ldZ", (long)(ns - s * NS_PER_S));
}

/* ".123": adds to *fraction, divides *span; what follows it. */
static const char *parse_fraction(const char *p, int64_t *fraction, int64_t *span)
{
    if (*p != '.' || p[1] < '0' || p[1] > '9')
        return p;
    for (p++; *p >= '0' && *p <= '9' && *span > 1; p++) {
        *span /= 10;
        *fraction += (*p - '0') * *span;
    }
    return p;
}

bool clock_parse(const char *text, int64_t *ns_out)
{
    struct tm tm = {.tm_isdst = -1};
    int used = 0;
    int64_t span = 24 * 3600 * NS_PER_S, fraction = 0;
    if (sscanf(text, "%4d-%2d-%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &used) != 3)
        return false;
    const char *rest = text + used;
    if (*rest == ' ' || *rest == 'T') {
        if (sscanf(++rest, "%2d:%2d%n", &tm.tm_hour, &tm.tm_min, &used) != 2)
            return false;
        rest += used;
        span = 60 * NS_PER_S;
        if (*rest == ':') {
            if (sscanf(++rest, "%2d%n", &tm.tm_sec, &used) != 1)
                return false;
            rest += used;
            span = NS_PER_S;
            rest = parse_fraction(rest, &fraction, &span);
        }
    }
    bool utc = *rest == 'Z';
    if (rest[utc] != '\0' || tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 ||
        tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    time_t s = utc ? timegm(&tm) : mktime(&tm);
    int64_t ns;
    if (__builtin_mul_overflow((int64_t)s, NS_PER_S, &ns) ||
        __builtin_add_overflow(ns, fraction + span - 1, &ns))
        ns = s < 0 ? INT64_MIN : INT64_MAX; /* before 1678 or after 2261 */
    *ns_out = ns;
    return true;
}
