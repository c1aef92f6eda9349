/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether "somebody else's" and "not there" take the same time: not_found_time URL CONFIG FOREIGN N
 *
 * As the identity in CONFIG asks for two vaults in turn, in random order: FOREIGN, which is another tenant's, and one that does not
 * exist. Prints medians, their ratio, and by the Mann-Whitney test how surprising the two samples would be if they were of one kind (two-sided p).
 */
#include "base/clock.h"
#include "base/err.h"
#include "remote/remote.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sample {
    int64_t ns;
    int kind;
};

static int by_time(const void *x, const void *y)
{
    const struct sample *a = x, *b = y;
    return (a->ns > b->ns) - (a->ns < b->ns);
}

static int64_t ask(struct remote *r, const char *path)
{
    struct err why = ERR_INIT;
    int64_t from = clock_monotonic_ns();
    int rc = remote_json(r, "GET", path, NULL, NULL, &why);
    int64_t took = clock_monotonic_ns() - from;
    if (rc == 0 || why.cls != ERR_NOT_FOUND) {
        fprintf(stderr, "%s: %s\n", path, rc ? why.msg : "it was given");
        exit(1);
    }
    return took;
}

static double median(const struct sample *s, size_t n, int kind)
{
    size_t count = 0, at = 0;
    for (size_t i = 0; i < n; i++)
        count += s[i].kind == kind;
    for (size_t i = 0; i < n; i++)
        if (s[i].kind == kind && at++ == count / 2)
            return (double)s[i].ns / 1000;
    return 0;
}

/* Normal approximation, for thousands of samples: two-sided p. */
static double p_of(const struct sample *s, size_t n)
{
    double ranks = 0, count = 0;
    for (size_t i = 0; i < n; i++)
        if (s[i].kind) {
            ranks += (double)i + 1;
            count++;
        }
    double others = (double)n - count, u = ranks - count * (count + 1) / 2;
    double z = (u - count * others / 2) / sqrt(count * others * ((double)n + 1) / 12);
    return erfc(fabs(z) / sqrt(2));
}

int main(int argc, char **argv)
{
    static const char none[] = "/v1/vaults/ffffffffffffffffffffffffffffff01";
    struct err e = ERR_INIT;
    struct remote *r = NULL;
    char foreign[128];
    if (argc != 5)
        return fprintf(stderr, "usage: %s URL CONFIG FOREIGN N\n", argv[0]), 2;
    size_t n = strtoull(argv[4], NULL, 10), warm = 500;
    struct sample *s = calloc(n, sizeof *s);
    const struct remote_where where = {.config = argv[2]};
    (void)snprintf(foreign, sizeof foreign, "/v1/vaults/%s", argv[3]);
    if (!s || remote_connect(&where, argv[1], &r, &e))
        return fprintf(stderr, "%s\n", e.msg), 1;
    srand(1795);
    for (size_t i = 0; i < n + warm; i++) {
        int kind = rand() & 1;
        struct sample one = {ask(r, kind ? foreign : none), kind};
        if (i >= warm)
            s[i - warm] = one;
    }
    qsort(s, n, sizeof *s, by_time);
    double a = median(s, n, 0), b = median(s, n, 1);
    printf("{\"requests\": %zu, \"absent_us\": %.1f, \"foreign_us\": %.1f, \"ratio\": %.4f, \"p\": %.3f}\n", n, a, b, b / a,
           p_of(s, n));
    remote_close(r);
    free(s);
    return 0;
}
