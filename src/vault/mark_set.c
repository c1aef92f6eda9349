/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locks, holds, releases, tags. The invariants Y1 to Y4 are in marks.c.
 *
 * Z1 A lock or hold is written and synced first; then its writer looks again and
 *    removes the marks of a forgetting that crossed it. If it dies in between, Y1
 *    says the same.
 * Z2 A mark that is superseded is removed only after the mark that supersedes it
 *    is durable.
 */
#include "vault/mark_set.h"

#include "base/clock.h"
#include "base/mem.h"
#include "vault/record_read.h"

#include <string.h>

/* ---- shared -------------------------------------------------------------------------- */

int mark_change_look(struct mark_change *c, struct err *e)
{
    struct mark_list marks = {0};
    if (marks_read_strictly(c->v, c->s->seq, &marks, e))
        return -1;
    mark_list_done(&c->marks);
    c->marks = marks;
    marks_judge(&c->marks, c->s->seq, c->s->id, &c->state);
    return 0;
}

int mark_change_begin(struct vault *v, const struct snapshot *s, struct mark_change *out,
                      struct err *e)
{
    *out = (struct mark_change){.v = v, .s = s};
    return keeper_load(v, &out->keeper, e) || mark_change_record(out, e) || mark_change_look(out, e)
               ? -1
               : 0;
}

void mark_change_done(struct mark_change *c)
{
    sign_key_done(&c->keeper);
    mark_list_done(&c->marks);
}

int mark_change_record(struct mark_change *c, struct err *e)
{
    struct record r = {0};
    struct err why = ERR_INIT;
    int rc = record_read(c->v, c->s->seq, &r, &why);
    bool same = !rc && memcmp(r.id, c->s->id, ID_BYTES) == 0;
    record_done(&r);
    if (same)
        return 0;
    if (!rc || why.cls == ERR_NOT_FOUND)
        return err_set(e, ERR_NOT_FOUND, "the snapshot is gone: it was freed");
    return err_give(e, &why);
}

int64_t mark_time(const struct mark_state *state, int64_t now_ns)
{
    return state->newest_ns < now_ns      ? now_ns
           : state->newest_ns < INT64_MAX ? state->newest_ns + 1
                                          : INT64_MAX;
}

int mark_write(struct vault *v, const struct sign_key *keeper, const struct mark_fields *m,
               char name_out[MARK_NAME_BYTES], struct err *e)
{
    CLEANUP(buf_done) struct buf b = {.max = MARK_BYTES_MAX};
    uint8_t random[8];
    mark_put_bytes(&b, &v->info, m, keeper);
    if (buf_check(&b, "a mark", e) || random_bytes(random, sizeof random, e))
        return -1;
    mark_name(m->sequence, random, name_out);
    return store_put(v->store, name_out, b.data, b.len, e);
}

int marks_sync(struct vault *v, struct err *e)
{
    return store_sync(v->store, "marks", e);
}

int mark_change_add(struct mark_change *c, enum mark_kind kind, int64_t until_ns, const char *text,
                    struct err *e)
{
    char name[MARK_NAME_BYTES];
    struct mark_fields m = {
        .kind = kind,
        .sequence = c->s->seq,
        .made_ns = mark_time(&c->state, clock_realtime_ns()),
        .until_ns = until_ns,
        .text = (const uint8_t *)text,
        .text_len = text ? strlen(text) : 0,
    };
    memcpy(m.snapshot, c->s->id, ID_BYTES);
    c->state.newest_ns = m.made_ns;
    return mark_write(c->v, &c->keeper, &m, name, e) || marks_sync(c->v, e) ? -1 : 0;
}

int mark_remove(struct vault *v, const char *name, struct err *e)
{
    struct err why = ERR_INIT;
    if (store_remove(v->store, name, &why) == 0 || why.cls == ERR_NOT_FOUND)
        return 0;
    return err_give(e, &why);
}

int mark_change_remove(struct mark_change *c, enum mark_kind kind, const char *text, struct err *e)
{
    bool any = false;
    for (size_t i = 0; i < c->marks.count; i++) {
        const struct mark *m = &c->marks.items[i];
        if (m->kind != kind || memcmp(m->snapshot, c->s->id, ID_BYTES) != 0 ||
            (text && (!m->text || strcmp(m->text, text) != 0)))
            continue;
        if (mark_remove(c->v, m->name, e))
            return -1;
        any = true;
    }
    return any ? marks_sync(c->v, e) : 0;
}

static bool has_record(const struct sequences *all, uint64_t sequence)
{
    size_t from = 0, to = all->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (all->items[middle] < sequence)
            from = middle + 1;
        else
            to = middle;
    }
    return from < all->count && all->items[from] == sequence;
}

int marks_remove_orphans(struct vault *v, struct err *e)
{
    CLEANUP(mark_list_done) struct mark_list marks = {0};
    CLEANUP(sequences_done) struct sequences records = {0};
    bool any = false;
    /* Marks first: a record is there before its first mark. */
    if (marks_read_strictly(v, 0, &marks, e) || record_list(v, &records, e))
        return -1;
    for (size_t i = 0; i < marks.count; i++) {
        if (has_record(&records, marks.items[i].sequence))
            continue;
        if (mark_remove(v, marks.items[i].name, e))
            return -1;
        any = true;
    }
    return any ? marks_sync(v, e) : 0;
}

/* ---- locks and holds ------------------------------------------------------------------ */

static int refuse_trash(const struct mark_change *c, struct err *e)
{
    if (!c->state.forgotten_until_ns)
        return 0;
    return err_set(e, ERR_USAGE,
                   "the snapshot is in the trash: bring it back with `abri undelete`");
}

/* Z1 */
static int undo_crossing(struct mark_change *c, struct err *e)
{
    return mark_change_look(c, e) || mark_change_remove(c, MARK_FORGOTTEN, NULL, e) ||
                   mark_change_record(c, e)
               ? -1
               : 0;
}

int vault_lock(struct vault *v, const struct snapshot *s, int64_t until_ns, struct err *e)
{
    CLEANUP(mark_change_done) struct mark_change c = {0};
    int64_t now = clock_realtime_ns();
    if (until_ns <= now)
        return err_set(e, ERR_USAGE, "a lock must end in the future");
    if (until_ns - VAULT_LOCK_MAX_NS > now)
        return err_set(e, ERR_USAGE, "a lock ends within 100 years: a hold has no end");
    if (mark_change_begin(v, s, &c, e) || refuse_trash(&c, e))
        return -1;
    if (until_ns <= c.state.locked_until_ns) {
        char until[CLOCK_TEXT_BYTES];
        clock_format(c.state.locked_until_ns, until);
        return err_set(e, ERR_USAGE, "it is locked until %s already; a lock can only be extended",
                       until);
    }
    return mark_change_add(&c, MARK_LOCK, until_ns, NULL, e) || undo_crossing(&c, e) ? -1 : 0;
}

int vault_hold(struct vault *v, const struct snapshot *s, const char *reason, struct err *e)
{
    CLEANUP(mark_change_done) struct mark_change c = {0};
    size_t len = strlen(reason);
    if (len < 1 || len > VAULT_REASON_MAX)
        return err_set(e, ERR_USAGE, "the reason of a hold has 1 to %u bytes", VAULT_REASON_MAX);
    if (mark_change_begin(v, s, &c, e) || refuse_trash(&c, e))
        return -1;
    return mark_change_add(&c, MARK_HOLD, 0, reason, e) || undo_crossing(&c, e) ? -1 : 0;
}

int vault_release(struct vault *v, const struct snapshot *s, struct err *e)
{
    CLEANUP(mark_change_done) struct mark_change c = {0};
    if (mark_change_begin(v, s, &c, e))
        return -1;
    if (!c.state.hold)
        return err_set(e, ERR_USAGE, "the snapshot is not held");
    /* What crossed the hold must not come true when the hold goes. */
    return mark_change_remove(&c, MARK_FORGOTTEN, NULL, e) ||
                   mark_change_remove(&c, MARK_HOLD, NULL, e)
               ? -1
               : 0;
}

/* ---- tags -------------------------------------------------------------------------------- */

static int check_tags(const char *const *tags, size_t count, struct err *e)
{
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(tags[i]);
        if (len < 1 || len > MARK_TAG_MAX)
            return err_set(e, ERR_LIMIT, "a tag must have 1 to %u bytes: '%.40s'", MARK_TAG_MAX,
                           tags[i]);
    }
    return 0;
}

static bool is_among(const char *tag, const char *const *tags, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(tags[i], tag) == 0)
            return true;
    return false;
}

/* The tags as they are now, by what was known of the snapshot and the marks that
 * were read again. */
static int tags_now(const struct mark_change *c, struct snapshot *out, struct err *e)
{
    struct snapshot now = {.seq = c->s->seq};
    memcpy(now.id, c->s->id, ID_BYTES);
    now.tags = mem_array(c->s->tag_count + 1, sizeof *now.tags);
    if (!now.tags)
        return err_no_memory(e, "tags");
    if (c->s->tag_count)
        memcpy(now.tags, c->s->tags, c->s->tag_count * sizeof *now.tags);
    now.tag_count = c->s->tag_count;
    if (marks_apply_tags(&c->marks, &now, e)) {
        mem_free(now.tags);
        return -1;
    }
    *out = now;
    return 0;
}

static bool has_tag(const struct snapshot *s, const char *tag)
{
    for (size_t i = 0; i < s->tag_count; i++)
        if (strcmp(s->tags[i], tag) == 0)
            return true;
    return false;
}

static int set_tag(struct mark_change *c, const char *tag, bool add, struct err *e)
{
    /* Z2: only the last word about a tag counts; `marks` does not have it yet. */
    return mark_change_add(c, add ? MARK_TAG_ADDED : MARK_TAG_REMOVED, 0, tag, e) ||
                   mark_change_remove(c, MARK_TAG_ADDED, tag, e) ||
                   mark_change_remove(c, MARK_TAG_REMOVED, tag, e)
               ? -1
               : 0;
}

struct tag_change {
    const char *const *add, *const *remove;
    size_t add_count, remove_count;
};

/* Whether tag `i` of the list is to be set: each once, and only if that changes
 * something. What is both added and removed is added. */
static bool is_to_add(const struct tag_change *t, size_t i, const struct snapshot *now)
{
    return !is_among(t->add[i], t->add, i) && !has_tag(now, t->add[i]);
}

static bool is_to_remove(const struct tag_change *t, size_t i, const struct snapshot *now)
{
    return !is_among(t->remove[i], t->remove, i) && has_tag(now, t->remove[i]) &&
           !is_among(t->remove[i], t->add, t->add_count);
}

static int change_tags(struct mark_change *c, const struct tag_change *t,
                       const struct snapshot *now, struct err *e)
{
    size_t count = now->tag_count;
    for (size_t i = 0; i < t->add_count; i++)
        count += is_to_add(t, i, now);
    for (size_t i = 0; i < t->remove_count; i++)
        count -= is_to_remove(t, i, now);
    if (count > RECORD_TAGS_MAX)
        return err_set(e, ERR_LIMIT, "%zu tags; %u are possible", count, RECORD_TAGS_MAX);
    for (size_t i = 0; i < t->remove_count; i++)
        if (is_to_remove(t, i, now) && set_tag(c, t->remove[i], false, e))
            return -1;
    for (size_t i = 0; i < t->add_count; i++)
        if (is_to_add(t, i, now) && set_tag(c, t->add[i], true, e))
            return -1;
    return 0;
}

int vault_tag(struct vault *v, const struct snapshot *s, const char *const *add, size_t add_count,
              const char *const *remove, size_t remove_count, struct err *e)
{
    CLEANUP(mark_change_done) struct mark_change c = {0};
    const struct tag_change t = {add, remove, add_count, remove_count};
    struct snapshot now;
    if (check_tags(add, add_count, e) || check_tags(remove, remove_count, e) ||
        mark_change_begin(v, s, &c, e) || refuse_trash(&c, e) || tags_now(&c, &now, e))
        return -1;
    int rc = change_tags(&c, &t, &now, e);
    mem_free(now.tags);
    return rc;
}
