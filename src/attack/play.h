/* SPDX-License-Identifier: Apache-2.0 */
/* One attack being played: what it claims, and what it found. The judging is here, apart from all that acts. */
#ifndef ABRI_ATTACK_PLAY_H
#define ABRI_ATTACK_PLAY_H

#include "attack/attack.h"

#include "base/bytes.h"

struct world;
struct play {
    struct world *world;
    const struct attack_options *o;
    struct attack_result result;
    struct err error; /* set: it could not be played to its end */
    uint64_t random;
};

/* Something that must be so. Remembers the first that is not, in words. Returns `ok`. */
bool play_claim(struct play *p, bool ok, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Appends to the text of the result. */
void play_tell(struct play *p, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* What this version does not promise: the verdict is "partly" at best. */
void play_gap(struct play *p, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The verdict follows from claims, error and gap; `least` claims must have been looked at. */
void play_finish(struct play *p, unsigned least);
/* Deterministic by the seed. */
uint64_t play_random(struct play *p);
uint64_t play_below(struct play *p, uint64_t n); /* 0 … n − 1 */

/* ---- judge.c: pure ---------------------------------------------------------------------------- */

/* A request that must be refused, and what came. */
struct refusal_tally {
    unsigned asked, refused; /* by a status of 4xx or 5xx, or by the end of the connection */
    char first[300];         /* the first that was not */
};
/* `status` 0: no answer. */
bool judge_refused(struct refusal_tally *t, const char *what, int status);

/* Names and hashes of files, before and after. */
struct file_print {
    char name[200];
    uint8_t hash[32];
};
struct file_prints {
    struct file_print *items; /* ascending by name */
    size_t count;
};
void file_prints_done(struct file_prints *l);
struct print_change {
    size_t missing, changed, added;
    char first[256]; /* that is missing or changed */
};
void judge_files(const struct file_prints *before, const struct file_prints *after, struct print_change *out);

/* Two answers that must not differ. */
struct told {
    int status;
    char code[64];
    char text[ERR_MESSAGE_BYTES];
};
bool judge_same(const struct told *a, const struct told *b);

#endif
