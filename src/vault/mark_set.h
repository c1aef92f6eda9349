/* SPDX-License-Identifier: Apache-2.0 */
/* Writing and removing marks: what the verbs about one snapshot share. */
#ifndef ABRI_VAULT_MARK_SET_H
#define ABRI_VAULT_MARK_SET_H

#include "vault/marks.h"

/* A change of one snapshot's marks under way. */
struct mark_change {
    struct vault *v;
    const struct snapshot *s;
    struct mark_list marks; /* as they were read last */
    struct mark_state state;
    struct sign_key keeper;
};

/* Reads the marks of `s` and the keeper's key. Always call mark_change_done. */
MUST_CHECK int mark_change_begin(struct vault *v, const struct snapshot *s, struct mark_change *out,
                                 struct err *e);
void mark_change_done(struct mark_change *c);
/* Reads the marks again. */
MUST_CHECK int mark_change_look(struct mark_change *c, struct err *e);

/* A time for a new mark of the snapshot: `now_ns`, but later than all its others (Y4). */
int64_t mark_time(const struct mark_state *state, int64_t now_ns);
/* Puts one mark; its name is durable after marks_sync. */
MUST_CHECK int mark_write(struct vault *v, const struct sign_key *keeper,
                          const struct mark_fields *m, char name_out[MARK_NAME_BYTES],
                          struct err *e);
MUST_CHECK int marks_sync(struct vault *v, struct err *e);
/* Puts a mark of the snapshot, durably. */
MUST_CHECK int mark_change_add(struct mark_change *c, enum mark_kind kind, int64_t until_ns,
                               const char *text, struct err *e);
/* Removes its marks of one kind (with that text, unless it is NULL) that were read
 * last, durably; those that are gone already are fine. */
MUST_CHECK int mark_change_remove(struct mark_change *c, enum mark_kind kind, const char *text,
                                  struct err *e);
/* One mark by name; gone already is fine. Does not sync. */
MUST_CHECK int mark_remove(struct vault *v, const char *name, struct err *e);
/* Removes the marks of records that are gone, durably. */
MUST_CHECK int marks_remove_orphans(struct vault *v, struct err *e);
/* ERR_NOT_FOUND if the record is not there (any more). */
MUST_CHECK int mark_change_record(struct mark_change *c, struct err *e);

#endif
