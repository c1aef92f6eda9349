/* SPDX-License-Identifier: Apache-2.0 */
/* The attacks, by file; table.c lists them. Each plays in a world, claims, and leaves what went wrong in p->error. */
#ifndef ABRI_ATTACK_FAMILIES_H
#define ABRI_ATTACK_FAMILIES_H

#include "attack/world.h"

/* verbs.c */
void attack_verbs(struct play *p); /* A1 */
/* flood.c */
void attack_flood(struct play *p);  /* A2 */
void attack_latest(struct play *p); /* A3 */
void attack_noise(struct play *p);  /* A8 */
/* clocks.c */
void attack_client_clock(struct play *p); /* A4 */
void attack_server_clock(struct play *p); /* A5 */
/* peek.c */
void attack_peek(struct play *p); /* A6 */
/* poison.c */
void attack_poison(struct play *p); /* A7 */
/* people.c */
void attack_one_person(struct play *p); /* A9 */
void attack_two_people(struct play *p); /* A10 */
/* disk.c */
void attack_wiped(struct play *p);   /* A11 */
void attack_rotten(struct play *p);  /* A12 */
void attack_ransom(struct play *p);  /* A24 */
/* liar.c */
void attack_rollback(struct play *p); /* A13 */
void attack_log(struct play *p);      /* A21 */
/* life.c */
void attack_abandoned(struct play *p); /* A15 */
void attack_leaver(struct play *p);    /* A16 */
void attack_keys_lost(struct play *p); /* A17 */
void attack_silence(struct play *p);   /* A20 */
/* crash.c */
void attack_crash(struct play *p); /* A18 */

#endif
