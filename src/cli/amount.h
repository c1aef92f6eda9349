/* SPDX-License-Identifier: Apache-2.0 */
/* Amounts as people write and read them: numbers, sizes, shares, times. */
#ifndef ABRI_CLI_AMOUNT_H
#define ABRI_CLI_AMOUNT_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define AMOUNT_TEXT_BYTES 32

/* Digits only. */
bool amount_parse_number(const char *text, uint64_t *out);
/* "500" (in units of `unit`), "64K", "10m", "1.5G", "2TiB": powers of 1024. */
bool amount_parse_size(const char *text, uint64_t unit, uint64_t *out);

/* Which part of the packs to read: "5%", "2/7", "10G". */
struct amount_subset {
    enum { SUBSET_UNSET = 0, SUBSET_SHARE, SUBSET_PART, SUBSET_SIZE } kind;
    double share;        /* SUBSET_SHARE: 0 < share ≤ 1 */
    uint64_t part, parts; /* SUBSET_PART: 1 ≤ part ≤ parts */
    uint64_t size_bytes;
};
bool amount_parse_subset(const char *text, struct amount_subset *out);

/* "812 B", "1.234 GiB" */
void amount_format_size(uint64_t bytes, char out[AMOUNT_TEXT_BYTES]);
/* "0.352 s", "12.3 s", "1:02", "3:01:02" */
void amount_format_duration(int64_t ns, char out[AMOUNT_TEXT_BYTES]);
/* "0:07", "1:02", "3:01:02": for what is redrawn in place */
void amount_format_clock(int64_t seconds, char out[AMOUNT_TEXT_BYTES]);

#endif
