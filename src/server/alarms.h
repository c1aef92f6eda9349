/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alarms: what somebody should look at. One is open from its first entry in the log until a person closes it or its
 * cause is gone; the same cause opens it once, and again only when it came anew.
 *
 * Threads: any. Not with a vault's lock.
 */
#ifndef ABRI_SERVER_ALARMS_H
#define ABRI_SERVER_ALARMS_H

#include "server/server_internal.h"

/* Their names, which the log holds for ever. */
#define ALARM_FLOOD    "flood"         /* a machine makes more snapshots than its policy expects */
#define ALARM_BYTES    "bytes"         /* a machine uploads more than its policy expects, or than is usual */
#define ALARM_QUOTA    "quota"         /* a tenant or vault has more than was agreed on */
#define ALARM_ENFORCED "enforced"      /* somebody decided that a quota ends protection */
#define ALARM_SILENCE  "silence"       /* a machine made no snapshot for too long */
#define ALARM_UNUSED   "unused"        /* a certificate or a token that nobody used */
#define ALARM_CLOCK    "clock"         /* not trusted: nothing is deleted */
#define ALARM_SPACE    "space"         /* the disk is nearly full */
#define ALARM_DAMAGE   "damage"        /* packs were lost */
#define ALARM_MENDED   "damage mended" /* it could be repaired */
#define ALARM_REQUEST  "request"       /* somebody asks for an early deletion */
#define ALARM_END      "end"           /* a whole vault is ending, or is gone */
#define ALARM_RIGHTS   "rights"        /* somebody was given a role */
#define ALARM_REVOKED  "revoked"       /* somebody revoked a machine or a person: nothing protects that machine any more */

/* Whom it is about: the same five are the same cause. NULL: nobody. */
struct alarm_cause {
    const char *name;
    const uint8_t *tenant, *vault, *id, *request;
};
enum alarm_again {
    ALARM_ONCE = 1, /* nothing is written while the cause stands, known or not */
    ALARM_IF_OTHER, /* unless it stands with this very text */
    ALARM_EACH      /* each time is news */
};
/* It cannot fail: what cannot be recorded is told to the operator. */
void alarm_raise(struct server *s, const struct alarm_cause *c, enum alarm_again again, const char *fmt,
                 ...) PRINTF_LIKE(4, 5);
/* Its cause is gone; nothing happens where it did not stand. */
void alarm_over(struct server *s, const struct alarm_cause *c, const char *why);

#endif
