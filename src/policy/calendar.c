/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calendar: buckets of time and how times are written, in UTC. Asks neither
 * the clock nor the time zone. Days are counted as in the proleptic Gregorian
 * calendar (the algorithm is the usual one of eras of 400 years, 146,097 days).
 */
#include "policy/policy_internal.h"

#include <inttypes.h>
#include <stdio.h>

#define SECOND INT64_C(1000000000)
#define HOUR   (3600 * SECOND)
#define DAY    (24 * HOUR)

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* What floor_div leaves: 0 … b − 1. */
static int64_t floor_rest(int64_t a, int64_t b)
{
    return a % b < 0 ? a % b + b : a % b;
}

/* count × unit, at the end of time where it leaves it. */
static int64_t times(int64_t count, int64_t unit)
{
    int64_t product;
    return __builtin_mul_overflow(count, unit, &product) ? INT64_MAX : product;
}

struct date {
    int64_t year;
    int month, day; /* from 1 */
};

static struct date date_of_day(int64_t days)
{
    int64_t z = days + 719468; /* from 0000-03-01 */
    int64_t era = floor_div(z, 146097), doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    struct date d = {.month = (int)(mp < 10 ? mp + 3 : mp - 9)};
    d.day = (int)(doy - (153 * mp + 2) / 5 + 1);
    d.year = yoe + era * 400 + (d.month <= 2);
    return d;
}

static int64_t day_of_date(int64_t year, int64_t month, int64_t day)
{
    int64_t y = year - (month <= 2), era = floor_div(y, 400), yoe = y - era * 400;
    int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

int64_t calendar_bucket(enum policy_grain g, int64_t ns)
{
    int64_t days = floor_div(ns, DAY);
    struct date d = date_of_day(days);
    switch (g) {
    case POLICY_HOURLY: return floor_div(ns, HOUR);
    case POLICY_DAILY: return days;
    case POLICY_WEEKLY: return floor_div(days + 3, 7); /* day 0 was a Thursday */
    case POLICY_MONTHLY: return d.year * 12 + d.month;
    case POLICY_YEARLY: return d.year;
    case POLICY_EACH:
    case POLICY_GRAINS: break;
    }
    return ns;
}

int64_t calendar_add(int64_t ns, int64_t more)
{
    int64_t sum;
    if (__builtin_add_overflow(ns, more, &sum))
        return more < 0 ? INT64_MIN : INT64_MAX;
    return sum;
}

/* ---- spans ------------------------------------------------------------------------ */

/* Adds `sign` times the span; a day that the month lacks runs over into the next
 * (31 March − 1 month is 3 March), as in most calendars of programs. */
static int64_t shift(const struct policy_span *s, int64_t ns, int sign)
{
    int64_t days = floor_div(ns, DAY), rest = floor_rest(ns, DAY);
    struct date d = date_of_day(days);
    int64_t months =
        d.year * 12 + d.month - 1 + sign * ((int64_t)s->years * 12 + (int64_t)s->months);
    int64_t year = floor_div(months, 12);
    int64_t day =
        day_of_date(year, months - year * 12 + 1, 1) + d.day - 1 + sign * (int64_t)s->days;
    int64_t limit = INT64_MAX / DAY - 1, out;
    if (day > limit || day < -limit || __builtin_add_overflow(day * DAY, rest, &out))
        return sign < 0 ? INT64_MIN : INT64_MAX;
    return calendar_add(out, sign * times(s->hours, HOUR));
}

int64_t policy_span_before(const struct policy_span *s, int64_t ns)
{
    return shift(s, ns, -1);
}

int64_t policy_span_after(const struct policy_span *s, int64_t ns)
{
    return shift(s, ns, 1);
}

int64_t policy_span_longest_ns(const struct policy_span *s)
{
    int64_t days = (int64_t)s->years * 366 + (int64_t)s->months * 31 + (int64_t)s->days;
    return calendar_add(times(days, DAY), times(s->hours, HOUR));
}

bool policy_span_is_zero(const struct policy_span *s)
{
    return !s->years && !s->months && !s->days && !s->hours;
}

bool policy_span_parse(const char *text, struct policy_span *out)
{
    static const char order[] = "ymwdh";
    struct policy_span s = {0};
    const char *left = order;
    while (*text) {
        uint32_t n = 0;
        const char *digits = text;
        for (; *text >= '0' && *text <= '9' && n <= 1000000; text++)
            n = n * 10 + (uint32_t)(*text - '0');
        while (*left && *left != *text)
            left++;
        if (text == digits || n > 1000000 || !*left)
            return false;
        switch (*left++) {
        case 'y': s.years = n; break;
        case 'm': s.months = n; break;
        case 'w': s.days = 7 * n; break;
        case 'd': s.days += n; break;
        default: s.hours = n; break;
        }
        text++;
    }
    if (policy_span_is_zero(&s) || s.days > 1000000)
        return false;
    *out = s;
    return true;
}

void policy_span_text(const struct policy_span *s, char out[POLICY_SPAN_TEXT_BYTES])
{
    const uint32_t n[] = {s->years, s->months, s->days, s->hours};
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < 4; i++)
        if (n[i])
            used += (size_t)snprintf(out + used, POLICY_SPAN_TEXT_BYTES - used, "%" PRIu32 "%c",
                                     n[i], "ymdh"[i]);
}

/* ---- texts ------------------------------------------------------------------------- */

void calendar_text(int64_t ns, char out[CALENDAR_TEXT_BYTES])
{
    int64_t days = floor_div(ns, DAY), s = floor_rest(ns, DAY) / SECOND;
    struct date d = date_of_day(days);
    (void)snprintf(out, CALENDAR_TEXT_BYTES, "%04" PRId64 "-%02d-%02d %02d:%02d:%02d UTC", d.year,
                   d.month, d.day, (int)(s / 3600), (int)(s / 60 % 60), (int)(s % 60));
}

void calendar_length_text(int64_t ns, char out[CALENDAR_TEXT_BYTES])
{
    int64_t s = ns < 0 ? 0 : ns / SECOND;
    if (s < 120)
        (void)snprintf(out, CALENDAR_TEXT_BYTES, "%" PRId64 " s", s);
    else if (s < 7200)
        (void)snprintf(out, CALENDAR_TEXT_BYTES, "%" PRId64 " min", s / 60);
    else if (s < 48 * 3600)
        (void)snprintf(out, CALENDAR_TEXT_BYTES, "%" PRId64 " h", s / 3600);
    else
        (void)snprintf(out, CALENDAR_TEXT_BYTES, "%" PRId64 " days", s / 86400);
}
