/* SPDX-License-Identifier: Apache-2.0 */
/* A world with some snapshots and a clock that the test moves. */
#ifndef ABRI_TESTS_UNIT_VAULT_LIFE_H
#define ABRI_TESTS_UNIT_VAULT_LIFE_H

#include "world.h"

#include "base/clock_test.h"
#include "base/mem.h"
#include "vault/mark_format.h"

#define DAY (24 * 3600 * NS_PER_S)

struct life {
    struct world w;
    struct clock_reading now; /* what the clock says: shared by all lives */
    struct snapshot_list list, trash;
    struct reports reports;      /* of the last look */
    char why[ERR_MESSAGE_BYTES]; /* of the last refusal */
};

/* Snapshots 1 … count, an hour apart, tagged "daily" and "x"; the clock begins at the
 * same moment in each life. */
void life_open(struct life *l, size_t count);
void life_close(struct life *l);
/* Time passes, as it should. */
void pass(struct life *l, int64_t ns);
/* Reads both lists again. */
void life_look(struct life *l);
void life_refused(void *arg, const struct snapshot *s, const char *why); /* arg: the life */
/* Forgets list.items[i]: how many were forgotten; looks again. */
size_t forget_one(struct life *l, size_t i);
bool may_free(struct life *l, const struct snapshot *s);
/* Looks; nobody reports anything, nor does vault_check. */
void assert_checked(struct life *l);
/* The snapshot lives, is doubtful, and one damage is told: `name`, unless NULL. With
 * `wholly`, also: it refuses to be forgotten, may not be freed, and is told by vault_check. */
void assert_doubtful(struct life *l, uint64_t seq, const char *name, bool wholly);
/* Its tags, joined by blanks. */
void assert_tags(struct life *l, size_t i, const char *expected);

/* A sound mark of list.items[i]. */
struct mark_fields life_mark(struct life *l, size_t i, enum mark_kind kind);
void put_mark(struct life *l, const struct vault_info *info, const struct mark_fields *m,
              const struct sign_key *key, uint64_t name_sequence);
void clear_marks(struct life *l);

#endif
