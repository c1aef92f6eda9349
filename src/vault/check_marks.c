/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checking what the keeper wrote about the life of snapshots: marks, rules,
 * witnesses, each by its signature, and that a mark is about the snapshot of its
 * sequence. A mark whose snapshot is gone is no damage: a collector removes the
 * record first.
 */
#include "base/mem.h"
#include "vault/check_internal.h"
#include "vault/marks.h"
#include "vault/record_read.h"

#include <string.h>

/* Marks of one sequence stand together: each record is read once. */
static int check_owner(struct check *c, const struct mark *m, struct record *r, bool *there,
                       struct err *e)
{
    struct err why = ERR_INIT;
    if (r->sequence != m->sequence)
        *there = record_read(c->vault, m->sequence, r, &why) == 0;
    if (why.cls == ERR_NO_MEMORY)
        return err_give(e, &why);
    r->sequence = m->sequence;
    if (*there && memcmp(r->id, m->snapshot, ID_BYTES) != 0)
        damage_report(&c->damage, m->name,
                      "is about another snapshot than the one of its sequence, and has no meaning: remove this file "
                      "from the vault");
    return 0;
}

int check_marks(struct check *c, struct err *e)
{
    CLEANUP(mark_list_done) struct mark_list marks = {0};
    struct record r = {0};
    bool there = false;
    if (marks_read(c->vault, 0, &marks, &c->damage, e))
        return -1;
    int rc = 0;
    for (size_t i = 0; !rc && i < marks.count; i++)
        if (marks.items[i].kind != MARK_UNREADABLE)
            rc = check_owner(c, &marks.items[i], &r, &there, e);
    record_done(&r);
    return rc || rules_check(c->vault, &c->damage, e) || witnesses_check(c->vault, &c->damage, e)
               ? -1
               : 0;
}
