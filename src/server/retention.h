/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies as tenants and vaults have them: JSON text in the log, rules for `policy`. Pure.
 *
 *     {"keep": {"last": 7, "daily": 30, "weekly": "unlimited"}, "within": {"each": "30d", "hourly": "2d"},
 *      "tags": ["legal"], "floor": "14d", "trash": "14d", "snapshots_a_day": 200, "silence": "36h",
 *      "snapshots_limit": 2000, "grace": "180d", "wait": "7d", "tenant_key": "<64 hex digits>"}
 *
 * Grains are "last" (or "each"), "hourly", "daily", "weekly", "monthly", "yearly"; times as policy_span_parse reads them.
 */
#ifndef ABRI_SERVER_RETENTION_H
#define ABRI_SERVER_RETENTION_H

#include "base/bytes.h"
#include "policy/policy.h"

#define RETENTION_TAGS_MAX 16
/* What every tenant begins with. */
#define RETENTION_DEFAULT                                                                          \
    "{\"floor\":\"14d\",\"keep\":{\"daily\":30,\"monthly\":12,\"weekly\":12},"                     \
    "\"silence\":\"36h\",\"snapshots_a_day\":200,\"trash\":\"14d\"}"

struct retention {
    struct policy_rules rules; /* its tags point into `tags` */
    const char *tags[RETENTION_TAGS_MAX];
    char tag_text[RETENTION_TAGS_MAX][256];
    int64_t floor_ns, trash_ns; /* minimum age; how long what was forgotten can be brought back */
    int64_t silence_ns;         /* without a snapshot for so long, a machine is silent */
    uint64_t snapshots_a_day;   /* more raise an alarm */
    uint64_t snapshots_limit;   /* of a machine in a day: beyond, one an hour is taken; 0: ten times the former */
    uint64_t bytes_a_day;       /* uploaded by a machine: more raise an alarm; POLICY_UNLIMITED: what is usual says */
    bool bytes_silent;          /* nothing about bytes raises one: bytes_a_day was 0 */
    int64_t grace_ns;           /* for so long after a tenant was closed, nothing of his is forgotten; 180 days unless
                                 * it says otherwise */
    int64_t wait_ns;            /* how long an early deletion waits; a week unless it says otherwise */
    bool has_tenant_key;        /* then the tenant signs early deletions, too: */
    uint8_t tenant_key[32];     /* Ed25519 */
};

/* ERR_USAGE says what is wrong. Do not copy the struct: it points into itself. */
MUST_CHECK int retention_parse(const char *text, struct retention *out, struct err *e);
/* The limit that holds: at least 24. POLICY_UNLIMITED: none. */
uint64_t retention_snapshots_limit(const struct retention *r);
/* Whether `next` could let something go that `now` keeps; says what, in `why` (at least 128 bytes). */
bool retention_keeps_less(const struct retention *now, const struct retention *next, char *why);

#endif
