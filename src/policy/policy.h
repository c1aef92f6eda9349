/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy: which snapshots are kept, which may go, and why; and whether the
 * clock may be believed. Pure decisions: no input or output, no clock of its
 * own, the same answer for the same question. Nothing here removes anything;
 * whoever does must ask again by himself (the keeper: vault_forget).
 *
 * Times are nanoseconds since 1970, UTC; snapshots are dated by the receive time of the
 * keeper that had them first, never by a client's clock; how long they are protected goes by
 * this keeper's. Hours, days, weeks (from Monday),
 * months and years of the rules begin and end in UTC, so that a decision does
 * not depend on where it is made or on summer time.
 *
 * What must hold, whatever the input (the tests name these):
 *   M1 A floor only protects: a snapshot younger than it is kept, however many
 *      newer ones there are; raising a floor never makes a kept one go.
 *   M2 A lock in force, a hold, or a doubt about the marks of a snapshot keeps
 *      it under all rules.
 *   M3 A clock that is not trusted frees nothing.
 *   M4 A snapshot of the future (received later than now) is kept and takes no
 *      other's place.
 *   M5 No rules are accepted that keep nothing of a group, unless that was allowed.
 *
 * All functions are thread-safe.
 */
#ifndef ABRI_POLICY_POLICY_H
#define ABRI_POLICY_POLICY_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define POLICY_GROUP_BYTES 16
#define POLICY_BOOT_BYTES  16

/* ---- the clock ------------------------------------------------------------------ */

/* A reading of the keeper's clocks that was believed when it was made, or that
 * a person confirmed. */
struct policy_witness {
    int64_t realtime_ns;
    int64_t boottime_ns; /* since the start of the machine; goes on while it sleeps */
    uint8_t boot_id[POLICY_BOOT_BYTES]; /* zeros: unknown, and then equal to no other */
    int64_t received_ns; /* the greatest receive time of any record that existed then */
    bool confirmed;
};

/* Limits, from the study of attacks on retention by false clocks (cases A5 and P5
 * of it) and the practice of others: */

/* A clock may be set back so much: what a synchronised clock corrects when it is
 * stepped, and what bupstash allows between client and server. */
#define POLICY_BACK_NS (INT64_C(300) * 1000000000)
/* One jump within one start of the machine: A5 asks that more than an hour
 * freezes. The clock since the start is no one's to set, so the difference
 * between the two is a step and nothing else. */
#define POLICY_JUMP_NS (INT64_C(3600) * 1000000000)
/* All jumps since a person last confirmed, none of which was noticed alone: A5's
 * budget of 24 hours, the limit that Veeam has for a single one and a
 * fourteenth of what Data Domain lets pass. */
#define POLICY_SKEW_NS (INT64_C(24) * 3600 * 1000000000)
/* Between two starts only the battery clock tells how long the machine was off.
 * A month passes unasked, so that a disk that is fetched from the cupboard each
 * month needs no confirmation; what a thief of the clock gains is bounded by the
 * floor and the locks, which he must jump over at once. Receive times within
 * the gap divide it. */
#define POLICY_GAP_NS (INT64_C(35) * 24 * 3600 * 1000000000)

enum policy_clock_why {
    POLICY_CLOCK_UNSET = 0,
    POLICY_CLOCK_TRUSTED,
    POLICY_CLOCK_WENT_BACK, /* before a witness */
    POLICY_CLOCK_PAST,      /* before a receive time */
    POLICY_CLOCK_JUMPED,    /* by too much within one start */
    POLICY_CLOCK_DRIFTED,   /* by too much in sum */
    POLICY_CLOCK_GAP,       /* too long without any sign of life */
    POLICY_CLOCK_UNSOUND,   /* the witnesses do not ascend, or cannot be read */
};

struct policy_clock {
    enum policy_clock_why why;
    int64_t now_ns;     /* what was judged */
    int64_t against_ns; /* the time that contradicts it; 0 if there is none */
    int64_t by_ns;      /* how far off, by the measure of `why` */
};
static inline bool policy_clock_trusted(const struct policy_clock *c)
{
    return c->why == POLICY_CLOCK_TRUSTED;
}

/* Judges the reading `now` (its received_ns and confirmed are not looked at) by
 * the witnesses in the order in which they were made, and the receive times of
 * records, ascending. Witnesses before the last confirmed one, and receive times
 * up to the last witness's received_ns, are settled. With nothing to compare
 * with, the clock is trusted: somebody has to begin. */
void policy_clock_judge(const struct policy_witness *witnesses, size_t count,
                        const int64_t *received, size_t received_count,
                        const struct policy_witness *now, struct policy_clock *out);

#define POLICY_TEXT_BYTES 1280
/* "the clock went back by 3 h to before 2026-11-20 10:00:00 UTC, when …" */
void policy_clock_text(const struct policy_clock *c, char out[POLICY_TEXT_BYTES]);

/* ---- a clock that is watched: a server's --------------------------------------- */

/* From here on the clock and the ticks went alike. */
struct policy_run {
    int64_t realtime_ns, ticks_ns;
};
#define POLICY_RUNS_MAX 1024u

/* What is known of the clock by looking at it again and again; the caller keeps it. Doubted are: more than
 * POLICY_JUMP_NS at once while the machine ran; a start before the last look; and more than POLICY_SKEW_NS a year in
 * sum of what the time since the start does not explain: moved by hand, or while the machine was off. */
struct policy_guard {
    int64_t ticks_ns;                              /* in which somebody looked, in all */
    int64_t seen_ns, seen_boottime_ns;             /* the last look */
    int64_t reference_ns, reference_boottime_ns;   /* the last one at which the clock had been moved */
    uint8_t boot_id[POLICY_BOOT_BYTES];
    int64_t moved_ns;                              /* used of the budget */
    enum policy_clock_why why;                     /* until somebody confirms: what was seen first */
    int64_t against_ns, by_ns;
    struct policy_run runs[POLICY_RUNS_MAX];
    unsigned run_count;
};
/* `now` is a reading as for policy_clock_judge. Nothing is known yet … */
void policy_guard_begin(struct policy_guard *g, const struct policy_witness *now);
/* … or goes on after time in which nobody looked: no ticks. */
void policy_guard_resume(struct policy_guard *g, const struct policy_witness *now);
/* Again, by the process that looked last: what passed since are ticks. */
void policy_guard_look(struct policy_guard *g, const struct policy_witness *now);
/* Something else speaks against the clock. */
void policy_guard_doubt(struct policy_guard *g, enum policy_clock_why why, int64_t against_ns, int64_t by_ns);
/* People say that what was seen last is right. */
void policy_guard_confirm(struct policy_guard *g);
void policy_guard_verdict(const struct policy_guard *g, struct policy_clock *out);
/* How much time has truly passed since the clock showed that: at most what the clock says if it was never moved, nothing for
 * what was before the beginning. */
int64_t policy_guard_elapsed(const struct policy_guard *g, int64_t since_ns);

/* ---- rules ------------------------------------------------------------------------- */

enum policy_grain {
    POLICY_EACH = 0, /* keep-last, keep-within */
    POLICY_HOURLY,
    POLICY_DAILY,
    POLICY_WEEKLY,
    POLICY_MONTHLY,
    POLICY_YEARLY,
    POLICY_GRAINS
};

#define POLICY_UNLIMITED UINT64_MAX

/* "1y6m14d12h": calendar years, months and days, then hours. At most 1,000,000 each. */
struct policy_span {
    uint32_t years, months, days, hours;
};
/* "30d", "1y6m", "36h", "2w"; each unit at most once, in this order: y m w d h;
 * not nothing. */
bool policy_span_parse(const char *text, struct policy_span *out);
bool policy_span_is_zero(const struct policy_span *s);
/* The same time of day, that much earlier or later by the calendar of UTC.
 * Saturates at the ends of time. */
int64_t policy_span_before(const struct policy_span *s, int64_t ns);
int64_t policy_span_after(const struct policy_span *s, int64_t ns);
/* At least as long as any such span on a calendar: years of 366 days, months of 31. */
int64_t policy_span_longest_ns(const struct policy_span *s);
#define POLICY_SPAN_TEXT_BYTES 64
void policy_span_text(const struct policy_span *s, char out[POLICY_SPAN_TEXT_BYTES]);

/* Each rule says what it keeps; what any rule keeps, is kept. As restic's `forget`
 * counts: from the newest, the newest of each hour (day, …) that has one, so empty
 * hours do not count; where that does not fill n, the oldest snapshot is kept as
 * well, as restic since 0.13 and borg do, so that a young group keeps its
 * beginning until the years have one of their own. */
struct policy_rules {
    uint64_t keep[POLICY_GRAINS]; /* 0: no such rule; POLICY_UNLIMITED */
    /* All, or the newest of each hour …, received within the span before the
     * newest snapshot of the group (not before now: a group that gets no new
     * snapshot loses none). Zero: no such rule. */
    struct policy_span within[POLICY_GRAINS];
    const char *const *tags; /* keep what has all tags of one of these comma lists */
    size_t tag_count;
};

/* ERR_USAGE if there is no rule at all, or if two contradict each other: one that
 * keeps each snapshot (or the newest of each hour …) without end or for longer
 * leaves nothing for another of the same or coarser grain to keep for shorter.
 * Only rules of one kind are compared. */
MUST_CHECK int policy_rules_check(const struct policy_rules *r, struct err *e);

/* ---- decisions ------------------------------------------------------------------------ */

enum policy_group_by {
    POLICY_BY_GROUP = 0, /* by the record's group: host and paths */
    POLICY_BY_MACHINE,
    POLICY_BY_NOTHING, /* all of the vault is one group */
};

/* What policy needs of a snapshot; everything is borrowed. */
struct policy_snapshot {
    uint64_t sequence;
    int64_t received_ns;  /* by this keeper: what floor, future and clock go by */
    int64_t dated_ns;     /* when a keeper first received it: what rules go by; not later */
    const uint8_t *group; /* POLICY_GROUP_BYTES */
    const char *machine;
    const char (*tags)[256];
    size_t tag_count;
    int64_t locked_until_ns; /* 0: never locked */
    const char *hold_reason; /* NULL: not held */
    bool doubtful;           /* a mark of it cannot be read */
    bool forgotten;          /* in the trash: takes no place, nothing is decided */
};

enum policy_why {
    POLICY_WHY_UNSET = 0,
    POLICY_WHY_RULE,   /* grain, number (from 1), of (or unlimited), oldest */
    POLICY_WHY_WITHIN, /* grain, span, oldest */
    POLICY_WHY_TAG,    /* text: the list that it has */
    POLICY_WHY_LOCK,   /* until */
    POLICY_WHY_HOLD,   /* text: the reason */
    POLICY_WHY_DOUBT,
    POLICY_WHY_FLOOR, /* until: when it will be old enough; length: of the floor */
    POLICY_WHY_FUTURE,
    POLICY_WHY_CLOCK,
    POLICY_WHY_NO_RULE, /* the one reason of what goes */
    POLICY_WHY_NAMED,   /* … or that somebody named it; set by callers alone */
    POLICY_WHY_TRASH,   /* … or of what is gone already */
};

struct policy_reason {
    enum policy_why why;
    enum policy_grain grain;
    bool oldest; /* kept because it is the oldest, not as the newest of its time */
    uint64_t number, of;
    struct policy_span span;
    int64_t until_ns, length_ns;
    const char *text; /* borrowed from the question */
};

/* A snapshot has at most one reason of each grain of both kinds, a tag list, and
 * each protection. */
#define POLICY_REASONS_MAX (2 * POLICY_GRAINS + 7)

struct policy_decision {
    bool keep;
    bool by_rule;                                     /* a rule keeps it, whatever else does */
    struct policy_reason reasons[POLICY_REASONS_MAX]; /* rules first; at least one */
    size_t reason_count;
};

struct policy_question {
    const struct policy_snapshot *snapshots; /* in any order; sequences differ */
    size_t count;
    const struct policy_rules *rules;
    enum policy_group_by group_by;
    int64_t floor_ns;                 /* minimum age; 0: none */
    const struct policy_clock *clock; /* tells what time it is, too */
    bool allow_remove_all;
};

/* decisions_out[i] is about snapshots[i]. ERR_USAGE as policy_rules_check, or if the
 * rules keep nothing of some group that has living snapshots (even if protections do,
 * for these end), unless allow_remove_all; ERR_NO_MEMORY. */
MUST_CHECK int policy_decide(const struct policy_question *q, struct policy_decision *decisions_out,
                             struct err *e);

/* What forbids forgetting a snapshot, whatever the rules say: locks, holds, doubts,
 * floor, future, clock. Appends to the reasons (of which at least five must be
 * free) and returns true if there is any. The keeper asks this last. */
bool policy_protects(const struct policy_snapshot *s, int64_t floor_ns,
                     const struct policy_clock *clock, struct policy_decision *d);

/* "weekly 3 of 8", "within 30d", "locked until 2026-12-24 00:00:00 UTC". For the clock,
 * `clock` gives the words. */
void policy_reason_text(const struct policy_reason *r, const struct policy_clock *clock,
                        char out[POLICY_TEXT_BYTES]);
/* "rule", "lock", …: stable, for machine-readable output. */
const char *policy_why_name(enum policy_why why);
/* "last", "hourly", … */
const char *policy_grain_name(enum policy_grain g);

#endif
