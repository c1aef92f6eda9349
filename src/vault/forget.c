/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moving snapshots to the trash and back. Frees nothing: a collector does, by
 * vault_may_free.
 *
 * F1 The keeper decides: whatever the caller's rules said, a protection that stands
 *    when the mark is written, or that is found when the marks are read again
 *    after it, keeps the snapshot.
 * F2 Nothing is forgotten by a clock that is not trusted: the judgement, and its
 *    witness, come before the first mark.
 * F3 After the marks are durable they are read again, and the mark of a snapshot
 *    that was locked or held meanwhile (or that a higher floor covers) is taken
 *    back. If the process dies before that, Y1 holds all the same.
 */
#include "vault/mark_set.h"

#include "base/clock.h"
#include "base/mem.h"

#include <string.h>

struct forgetting {
    struct vault *v;
    const struct snapshot *const *items;
    char (*names)[MARK_NAME_BYTES]; /* of the marks written; "": none */
    size_t count;
    struct policy_clock clock;
    struct vault_rules rules;
    struct mark_list marks;
    struct sign_key keeper;
    int64_t until_ns;
    vault_refused *refused;
    void *arg;
    struct vault_forgotten result;
};

static void forgetting_done(struct forgetting *f)
{
    mem_free(f->names);
    mark_list_done(&f->marks);
    sign_key_done(&f->keeper);
}

static int read_state(struct forgetting *f, struct err *e)
{
    mark_list_done(&f->marks);
    return vault_rules(f->v, &f->rules, e) || marks_read_strictly(f->v, 0, &f->marks, e) ? -1 : 0;
}

static void refuse(struct forgetting *f, size_t i, const char *why)
{
    f->result.refused++;
    if (f->refused)
        f->refused(f->arg, f->items[i], why);
}

/* Says why not, if anything protects it by what was read last. */
static bool is_protected(struct forgetting *f, size_t i, const struct mark_state *state)
{
    struct policy_snapshot s;
    struct policy_decision d = {0};
    char why[POLICY_TEXT_BYTES];
    snapshot_for_policy(f->items[i], &s);
    s.locked_until_ns = state->locked_until_ns;
    s.hold_reason = !state->hold ? NULL : state->hold->text ? state->hold->text : "";
    s.doubtful = state->doubtful;
    if (!policy_protects(&s, f->rules.floor_ns, &f->clock, &d))
        return false;
    policy_reason_text(&d.reasons[0], &f->clock, why);
    refuse(f, i, why);
    return true;
}

static int write_mark(struct forgetting *f, size_t i, struct err *e)
{
    const struct snapshot *s = f->items[i];
    struct mark_state state;
    marks_judge(&f->marks, s->seq, s->id, &state);
    if (is_protected(f, i, &state))
        return 0;
    if (state.forgotten_until_ns) {
        refuse(f, i, "it is in the trash already");
        return 0;
    }
    struct mark_fields m = {
        .kind = MARK_FORGOTTEN,
        .sequence = s->seq,
        .made_ns = mark_time(&state, f->clock.now_ns),
        .until_ns = f->until_ns,
    };
    memcpy(m.snapshot, s->id, ID_BYTES);
    char name[MARK_NAME_BYTES];
    if (mark_write(f->v, &f->keeper, &m, name, e))
        return -1;
    memcpy(f->names[i], name, sizeof name);
    f->result.count++;
    return 0;
}

static int write_marks(struct forgetting *f, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < f->count; i++)
        rc = write_mark(f, i, e);
    if (!f->result.count)
        return rc;
    /* Even if one could not be written, the others must not be left half said. */
    return marks_sync(f->v, rc ? NULL : e) || rc ? -1 : 0;
}

/* F3 */
static int take_back(struct forgetting *f, struct err *e)
{
    bool any = false;
    if (!f->result.count)
        return 0;
    if (read_state(f, e))
        return -1;
    for (size_t i = 0; i < f->count; i++) {
        struct mark_state state;
        if (!f->names[i][0])
            continue;
        marks_judge(&f->marks, f->items[i]->seq, f->items[i]->id, &state);
        if (!is_protected(f, i, &state))
            continue;
        f->result.count--;
        any = true;
        if (mark_remove(f->v, f->names[i], e))
            return -1;
    }
    return any ? marks_sync(f->v, e) : 0;
}

static int begin(struct forgetting *f, struct err *e)
{
    char why[POLICY_TEXT_BYTES];
    if (vault_clock_judge(f->v, &f->clock, e))
        return -1;
    if (!policy_clock_trusted(&f->clock)) {
        policy_clock_text(&f->clock, why);
        return err_set(e, ERR_READ_ONLY,
                       "nothing is forgotten, for the clock is not trusted: %s; see `abri clock`",
                       why);
    }
    f->names = mem_array(f->count + 1, sizeof *f->names);
    if (!f->names)
        return err_no_memory(e, "forgetting snapshots");
    if (keeper_load(f->v, &f->keeper, e) || read_state(f, e))
        return -1;
    if (__builtin_add_overflow(f->clock.now_ns, f->rules.trash_window_ns, &f->until_ns))
        f->until_ns = INT64_MAX;
    return 0;
}

int vault_forget(struct vault *v, const struct snapshot *const *items, size_t count,
                 vault_refused *refused, void *arg, struct vault_forgotten *out, struct err *e)
{
    CLEANUP(forgetting_done) struct forgetting f = {.v = v, .items = items, .count = count};
    f.refused = refused;
    f.arg = arg;
    *out = (struct vault_forgotten){0};
    if (begin(&f, e))
        return -1;
    f.result.until_ns = f.until_ns;
    int rc = write_marks(&f, e);
    if (take_back(&f, rc ? NULL : e))
        rc = -1;
    *out = f.result;
    return rc;
}

/* ---- and back -------------------------------------------------------------------------- */

static int check_window(struct mark_change *c, struct err *e)
{
    struct policy_clock clock;
    char ended[CLOCK_TEXT_BYTES];
    if (vault_clock_judge(c->v, &clock, e))
        return -1;
    if (!policy_clock_trusted(&clock) || clock.now_ns < c->state.forgotten_until_ns)
        return 0; /* a clock that is not trusted ends nothing */
    clock_format(c->state.forgotten_until_ns, ended);
    return err_set(e, ERR_READ_ONLY,
                   "its time in the trash ended at %s: it may be freed any moment", ended);
}

int vault_undelete(struct vault *v, const struct snapshot *s, struct err *e)
{
    CLEANUP(mark_change_done) struct mark_change c = {0};
    if (mark_change_begin(v, s, &c, e))
        return -1;
    if (!c.state.forgotten_until_ns)
        return err_set(e, ERR_USAGE, "the snapshot is not in the trash");
    return check_window(&c, e) || mark_change_remove(&c, MARK_FORGOTTEN, NULL, e) ||
                   mark_change_record(&c, e)
               ? -1
               : 0;
}

/* ---- and away ---------------------------------------------------------------------------- */

bool vault_may_free(const struct snapshot *s, const struct vault_rules *r,
                    const struct policy_clock *clock)
{
    struct policy_snapshot p;
    struct policy_decision d = {0};
    int64_t from;
    if (!s->forgotten_until_ns ||
        __builtin_add_overflow(s->forgotten_until_ns, VAULT_FREE_MARGIN_NS, &from) ||
        clock->now_ns < from)
        return false;
    snapshot_for_policy(s, &p);
    return !policy_protects(&p, r->floor_ns, clock, &d);
}
