/* SPDX-License-Identifier: Apache-2.0 */
/* Marks as they were read, and what they mean together. */
#ifndef ABRI_VAULT_MARKS_H
#define ABRI_VAULT_MARKS_H

#include "vault/mark_format.h"
#include "vault/vault_internal.h"

struct mark {
    char name[MARK_NAME_BYTES];
    enum mark_kind kind; /* MARK_UNREADABLE: only name and sequence are known */
    uint64_t sequence;
    uint8_t snapshot[ID_BYTES];
    int64_t made_ns, until_ns;
    char *text; /* NULL unless the kind has one */
};

struct mark_list {
    struct mark *items; /* by sequence, then in the order in which they were made */
    size_t count, cap;
    bool unreadable; /* they could not even be listed: every snapshot is doubtful */
    struct err trouble; /* the first that could not be read at all (a failing disk); or unset */
};
void mark_list_done(struct mark_list *l);

/* All marks, or those of one sequence (0: all). What cannot be read, does not
 * verify or is not known is reported, and stays in the list as MARK_UNREADABLE. */
MUST_CHECK int marks_read(struct vault *v, uint64_t sequence, struct mark_list *out,
                          struct damage *d, struct err *e);
/* The same for those who act on what marks say: what could not be read at all is an
 * error, not a doubt. */
MUST_CHECK int marks_read_strictly(struct vault *v, uint64_t sequence, struct mark_list *out,
                                   struct err *e);
/* The first of a sequence, and *count_out of them. */
const struct mark *marks_of(const struct mark_list *l, uint64_t sequence, size_t *count_out);

/* What the marks of one snapshot come to. */
struct mark_state {
    int64_t locked_until_ns;    /* 0: never locked */
    int64_t locked_since_ns;    /* when that lock was made */
    const struct mark *hold;    /* the first one, or NULL */
    bool doubtful;              /* a mark of it cannot be read */
    int64_t forgotten_until_ns; /* 0: living */
    int64_t forgotten_since_ns; /* when that mark was made */
    int64_t newest_ns;          /* of all its marks; INT64_MIN: none */
    size_t foreign;             /* marks of its sequence that are about another snapshot */
};
void marks_judge(const struct mark_list *l, uint64_t sequence, const uint8_t id[ID_BYTES],
                 struct mark_state *out);

/* Changes the tags as marks say. */
MUST_CHECK int marks_apply_tags(const struct mark_list *l, struct snapshot *s, struct err *e);
/* Sets what marks say: locks, holds, trash, tags. Marks about another snapshot
 * are reported. */
MUST_CHECK int marks_apply(const struct mark_list *l, struct snapshot *s, struct damage *d,
                           struct err *e);

/* snapshots.c: the records that can be trusted, without their marks. */
MUST_CHECK int records_trusted(struct vault *v, struct snapshot_list *out, struct damage *d,
                               struct err *e);

/* check_marks.c */
struct check;
MUST_CHECK int check_marks(struct check *c, struct err *e);

/* As damage_note; of bytes that are wrong, the report also says what to do. */
MUST_CHECK int damage_note_advice(struct damage *d, const char *object, const struct err *why,
                                  const char *advice, struct err *e);

/* rules.c: the rules of all generations, one by one; `e` is filled where one is bad. */
MUST_CHECK int rules_check(struct vault *v, struct damage *d, struct err *e);
/* witness.c */
/* Whether a person confirmed a clock that stood at `now_ns` or before, when there was
 * a record received at `received_ns` or later: so that one was wrong. */
MUST_CHECK int witness_settles(struct vault *v, int64_t received_ns, int64_t now_ns, bool *out,
                               struct err *e);
MUST_CHECK int witnesses_check(struct vault *v, struct damage *d, struct err *e);

#endif
