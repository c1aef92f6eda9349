/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attack: plays attacks on a server, with what an attacker would have, and judges what came of them
 * (docs/decisions/0018-selftest.md). For operators who want to see it on their machine, before they believe a page.
 *
 * Each attack is real: requests over the wire with a machine's own key and certificate, forged records signed with its
 * writer's key, files of the server changed on its disk, its clock moved. Afterwards the victim's data is restored and
 * compared, byte for byte. An attack has held only if every claim of its row was looked at and was true: one that
 * ended early has not held.
 *
 * A server of its own (a new root below a temporary directory, `abrid --trial`, 127.0.0.1) is started for each attack,
 * ended by its process id, and removed. A given server gets only what a machine alone can do, with machines of
 * tokens that were given, and nothing is touched there that is not theirs.
 *
 * Threads: one at a time; the clocks of the process are moved (clock_set_shift) while an attack runs, and put back.
 */
#ifndef ABRI_ATTACK_ATTACK_H
#define ABRI_ATTACK_ATTACK_H

#include "base/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum attack_verdict {
    ATTACK_UNSET = 0,
    ATTACK_HELD,
    ATTACK_PARTLY,     /* what this version promises held; what it does not promise yet is said */
    ATTACK_BROKE,      /* a claim was false */
    ATTACK_NOT_PLAYED, /* it cannot be, here or in this version; the text says why */
    ATTACK_NOT_KNOWN   /* something else failed on the way */
};
const char *attack_verdict_name(enum attack_verdict v); /* "held", "partly", … */

struct attack_options {
    const char *abrid;       /* the program; for servers of its own */
    const char *url;         /* of a given server, with its tokens for machines; NULL: servers of its own */
    const char *const *tokens;
    size_t token_count;      /* 1 or 2 */
    const char *below;       /* where temporary directories go; NULL: TMPDIR, or /tmp */
    unsigned snapshots, days, requests, kills; /* how much; 0: the defaults below */
    uint64_t seed;           /* of everything that is chosen at random */
    const atomic_bool *cancel;
};
#define ATTACK_SNAPSHOTS 200u
#define ATTACK_DAYS      60u
#define ATTACK_REQUESTS  150u
#define ATTACK_KILLS     8u

enum attack_needs {
    ATTACK_NEEDS_MACHINE = 1, /* a machine's token: also played against a given server */
    ATTACK_NEEDS_TWO,         /* … of two machines */
    ATTACK_NEEDS_SERVER,      /* a server of its own */
    ATTACK_NEEDS_MORE         /* something that this version does not have: never played */
};

struct play;
struct attack {
    const char *id;    /* "A7" */
    const char *title; /* what is tried, one line */
    enum attack_needs needs;
    unsigned claims;   /* at least so many must have been looked at */
    void (*run)(struct play *p);
    const char *missing; /* of ATTACK_NEEDS_MORE: what */
};
extern const struct attack attacks[];
extern const size_t attack_count;
const struct attack *attack_find(const char *id); /* NULL: none */

#define ATTACK_TEXT 700
struct attack_result {
    enum attack_verdict verdict;
    unsigned claims, failed;
    char text[ATTACK_TEXT]; /* what was done and what came of it; of one that broke, what first was false */
    char gap[ATTACK_TEXT];  /* ATTACK_PARTLY: what is not promised */
    bool recovered;         /* the victim's data was restored and compared: */
    double rpo_s;           /* age of the newest clean snapshot, by the clocks of the play */
    double rto_s;           /* seconds that restoring it took */
};

/* What attacks are played on. */
struct attack_ground;
/* ERR_USAGE: no abrid, a token that is none, …; ERR_OFFLINE. With a given server its machines are enrolled here. */
MUST_CHECK int attack_ground_open(const struct attack_options *o, struct attack_ground **out, struct err *e);
/* Ends and removes what is left. NULL is fine. */
void attack_ground_close(struct attack_ground *g);
/* Always fills `out`. */
void attack_play(struct attack_ground *g, const struct attack *a, struct attack_result *out);

#endif
