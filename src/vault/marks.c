/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Marks: what the keeper said about a snapshot after it was received. A mark is
 * one object; it appears by one rename and goes by one unlink, so several
 * processes need no lock. What marks mean together does not depend on the clock:
 *
 * Y1 A hold makes a snapshot living, and so does a lock that ends after a
 *    forgotten mark was made: such a mark has no effect. So if a lock or a hold
 *    and a forgetting cross, in whatever order, the snapshot lives.
 * Y2 A mark that cannot be read or verified makes its snapshot doubtful: living,
 *    and kept until a person has looked. Damage never makes a snapshot
 *    forgettable, and never frees one.
 * Y3 A mark counts only for the snapshot whose id it names, not for a later one
 *    that was given the same sequence.
 * Y4 Of two marks of one snapshot the later one has the greater time, whatever
 *    the clock did between them (the writers of marks see to that).
 *
 *             lock, hold                    lock, hold (crossing; Y1)
 *              ┌─────┐                 ┌──────────────────────────┐
 *              ▼     │                 ▼                          │
 *   committed ─► living ── forget ──► trash ── window over, gc ─► freed
 *                 ▲                    │
 *                 └──── undelete ──────┘
 */
#include "vault/marks.h"

#include "base/mem.h"
#include "vault/record_format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK_ADVICE                                                                                \
    "nobody can say what it was, so its snapshot is kept whatever is asked; run `abri check "      \
    "--repair`, or remove this file (and its parity) from the vault, see `abri snapshots` and "    \
    "`abri snapshots --trash`, and say again what you meant (lock, hold, tag, forget)"

#define MARKS_MAX ((size_t)1 << 24)

void mark_list_done(struct mark_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        mem_free(l->items[i].text);
    mem_free(l->items);
    *l = (struct mark_list){0};
}

/* ---- reading ------------------------------------------------------------------------ */

struct gathering {
    struct mark_list list;
    uint64_t only; /* sequence; 0: all */
};

static int gather(void *arg, const char *name, uint64_t len, struct err *e)
{
    struct gathering *g = arg;
    struct mark_list *l = &g->list;
    uint64_t sequence;
    (void)len;
    if (!mark_name_decode(name, &sequence) || (g->only && g->only != sequence))
        return 0;
    if (l->count == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 16;
        struct mark *items = l->cap < MARKS_MAX ? mem_realloc(l->items, cap, sizeof *items) : NULL;
        if (!items)
            return err_no_memory(e, "the marks of snapshots");
        l->items = items;
        l->cap = cap;
    }
    struct mark *m = &l->items[l->count++];
    *m = (struct mark){.sequence = sequence};
    memcpy(m->name, name, MARK_NAME_BYTES);
    return 0;
}

static int take_fields(struct mark *m, const struct mark_fields *f, struct err *e)
{
    if (f->text_len) {
        m->text = mem_zalloc(f->text_len + 1);
        if (!m->text)
            return err_no_memory(e, "a mark");
        memcpy(m->text, f->text, f->text_len);
    }
    m->kind = f->kind;
    m->made_ns = f->made_ns;
    m->until_ns = f->until_ns;
    memcpy(m->snapshot, f->snapshot, ID_BYTES);
    return 0;
}

static int read_mark(struct vault *v, struct mark *m, struct err *e)
{
    CLEANUP(buf_done) struct buf b = {0};
    struct mark_fields f;
    if (object_read(v->store, m->name, MARK_BYTES_MAX, &b, e) ||
        mark_decode(b.data, b.len, &v->info, &f, e))
        return -1;
    if (f.sequence != m->sequence)
        return err_set(e, ERR_DAMAGED, "a mark under the name of another sequence");
    return take_fields(m, &f, e);
}

static int compare(const void *x, const void *y)
{
    const struct mark *a = x, *b = y;
    if (a->sequence != b->sequence)
        return a->sequence < b->sequence ? -1 : 1;
    if (a->made_ns != b->made_ns)
        return a->made_ns < b->made_ns ? -1 : 1;
    return strcmp(a->name, b->name);
}

static void note_trouble(struct mark_list *l, const struct err *why)
{
    bool read = why->cls == ERR_DAMAGED || why->cls == ERR_NEWER || why->cls == ERR_LIMIT;
    if (!read && l->trouble.cls == ERR_UNSET)
        l->trouble = *why;
}

int damage_note_advice(struct damage *d, const char *object, const struct err *why,
                       const char *advice, struct err *e)
{
    char text[ERR_MESSAGE_BYTES];
    if (why->cls != ERR_DAMAGED && why->cls != ERR_LIMIT)
        return damage_note(d, object, why, e);
    (void)snprintf(text, sizeof text, "%.400s: %s", why->msg, advice);
    damage_report(d, object, text);
    return 0;
}

/* Reads each; those that went meanwhile leave the list. */
static int read_all(struct vault *v, struct mark_list *l, struct damage *d, struct err *e)
{
    size_t kept = 0;
    int rc = 0;
    for (size_t i = 0; i < l->count; i++) {
        struct err why = ERR_INIT;
        struct mark m = l->items[i];
        if (!rc && read_mark(v, &m, &why) && why.cls != ERR_NOT_FOUND) {
            note_trouble(l, &why);
            rc = damage_note_advice(d, m.name, &why, MARK_ADVICE, e);
        }
        if (why.cls != ERR_NOT_FOUND)
            l->items[kept++] = m;
    }
    l->count = kept;
    return rc;
}

int marks_read(struct vault *v, uint64_t sequence, struct mark_list *out, struct damage *d,
               struct err *e)
{
    struct gathering g = {.only = sequence};
    struct err why = ERR_INIT;
    int rc = 0;
    if (store_list(v->store, "marks", gather, &g, &why)) {
        g.list.unreadable = true;
        note_trouble(&g.list, &why);
        rc = damage_note(d, "marks", &why, e);
    }
    if (!rc)
        rc = read_all(v, &g.list, d, e);
    if (rc) {
        mark_list_done(&g.list);
        return -1;
    }
    if (g.list.count)
        qsort(g.list.items, g.list.count, sizeof *g.list.items, compare);
    *out = g.list;
    return 0;
}

int marks_read_strictly(struct vault *v, uint64_t sequence, struct mark_list *out, struct err *e)
{
    struct damage d = {0};
    struct mark_list l = {0};
    if (marks_read(v, sequence, &l, &d, e))
        return -1;
    if (l.trouble.cls != ERR_UNSET) {
        (void)err_give(e, &l.trouble);
        mark_list_done(&l);
        return err_wrap(e, "the marks of snapshots");
    }
    *out = l;
    return 0;
}

const struct mark *marks_of(const struct mark_list *l, uint64_t sequence, size_t *count_out)
{
    size_t from = 0, to = l->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (l->items[middle].sequence < sequence)
            from = middle + 1;
        else
            to = middle;
    }
    for (to = from; to < l->count && l->items[to].sequence == sequence;)
        to++;
    *count_out = to - from;
    return l->items ? l->items + from : NULL;
}

/* ---- meaning -------------------------------------------------------------------------- */

static bool is_about(const struct mark *m, const uint8_t *id)
{
    return memcmp(m->snapshot, id, ID_BYTES) == 0;
}

static void judge_one(struct mark_state *s, const struct mark *m)
{
    if (m->made_ns > s->newest_ns)
        s->newest_ns = m->made_ns;
    if (m->kind == MARK_LOCK && m->until_ns > s->locked_until_ns) {
        s->locked_until_ns = m->until_ns;
        s->locked_since_ns = m->made_ns;
    }
    if (m->kind == MARK_HOLD && !s->hold)
        s->hold = m;
}

void marks_judge(const struct mark_list *l, uint64_t sequence, const uint8_t id[ID_BYTES],
                 struct mark_state *out)
{
    size_t count;
    const struct mark *m = marks_of(l, sequence, &count);
    struct mark_state s = {.newest_ns = INT64_MIN, .doubtful = l->unreadable};
    for (size_t i = 0; i < count; i++) {
        if (m[i].kind == MARK_UNREADABLE)
            s.doubtful = true;
        else if (is_about(&m[i], id))
            judge_one(&s, &m[i]);
        else
            s.foreign++;
    }
    for (size_t i = 0; i < count && !s.hold && !s.doubtful; i++)
        if (m[i].kind == MARK_FORGOTTEN && is_about(&m[i], id) &&
            m[i].made_ns >= s.locked_until_ns && m[i].until_ns > s.forgotten_until_ns) {
            s.forgotten_until_ns = m[i].until_ns;
            s.forgotten_since_ns = m[i].made_ns;
        }
    *out = s;
}

static size_t find_tag(const struct snapshot *s, const char *tag)
{
    size_t i = 0;
    while (i < s->tag_count && strcmp(s->tags[i], tag) != 0)
        i++;
    return i;
}

static int add_tag(struct snapshot *s, const char *tag, struct err *e)
{
    if (find_tag(s, tag) < s->tag_count || s->tag_count >= RECORD_TAGS_MAX)
        return 0;
    char(*tags)[256] = mem_realloc(s->tags, s->tag_count + 1, sizeof *tags);
    if (!tags)
        return err_no_memory(e, "a snapshot's tags");
    s->tags = tags;
    memset(tags[s->tag_count], 0, sizeof *tags);
    memcpy(tags[s->tag_count++], tag, strlen(tag)); /* the decoder knows its length */
    return 0;
}

static void remove_tag(struct snapshot *s, const char *tag)
{
    size_t at = find_tag(s, tag);
    if (at == s->tag_count)
        return;
    s->tag_count--;
    memmove(s->tags[at], s->tags[at + 1], (s->tag_count - at) * sizeof *s->tags);
}

int marks_apply_tags(const struct mark_list *l, struct snapshot *s, struct err *e)
{
    size_t count;
    const struct mark *m = marks_of(l, s->seq, &count);
    for (size_t i = 0; i < count; i++) {
        if (m[i].kind == MARK_TAG_ADDED && is_about(&m[i], s->id) && add_tag(s, m[i].text, e))
            return -1;
        if (m[i].kind == MARK_TAG_REMOVED && is_about(&m[i], s->id))
            remove_tag(s, m[i].text);
    }
    return 0;
}

static void report_foreign(const struct mark_list *l, const struct snapshot *s, struct damage *d)
{
    size_t count;
    const struct mark *m = marks_of(l, s->seq, &count);
    for (size_t i = 0; i < count; i++)
        if (m[i].kind != MARK_UNREADABLE && !is_about(&m[i], s->id))
            damage_report(d, m[i].name, "is about another snapshot than the one of its sequence");
}

int marks_apply(const struct mark_list *l, struct snapshot *s, struct damage *d, struct err *e)
{
    struct mark_state state;
    marks_judge(l, s->seq, s->id, &state);
    if (state.foreign)
        report_foreign(l, s, d);
    s->locked_until_ns = state.locked_until_ns;
    s->locked_since_ns = state.locked_since_ns;
    s->forgotten_until_ns = state.forgotten_until_ns;
    s->forgotten_since_ns = state.forgotten_since_ns;
    s->doubtful = state.doubtful;
    s->held = state.hold != NULL;
    if (state.hold) {
        s->hold_reason = mem_strdup(state.hold->text ? state.hold->text : "");
        if (!s->hold_reason)
            return err_no_memory(e, "a hold");
    }
    return marks_apply_tags(l, s, e);
}
