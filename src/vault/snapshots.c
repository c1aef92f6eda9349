/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of snapshots: every record that can be trusted.
 *
 * A record is trusted if both its parts are. A part is trusted if its own
 * signature verifies, or if a trusted later record holds its hash as its
 * predecessor: the keeper's parts form one chain, each writer's parts another,
 * and whoever signed the later one vouched for the earlier one. So a list of
 * ten thousand records costs a signature or two per writer, not per record.
 * vault_check verifies each signature by itself.
 *
 * S1 Newest first: a chain is only ever followed from a trusted record.
 * S2 A writer's chain vouches only for records of the same writer.
 * S3 A record that came when its writer was revoked is left out, and vouches
 *    for nothing of its writer.
 */
#include "base/mem.h"
#include "vault/certificate_format.h"
#include "vault/marks.h"
#include "vault/record_read.h"

#include <stdlib.h>
#include <string.h>

/* What a writer's newest trusted record, so far, says about the one before. */
struct chain {
    uint8_t writer[UID_BYTES];
    uint8_t previous[ID_BYTES];
};

struct walk {
    struct vault *v;
    struct damage *damage;
    struct record record;
    uint8_t k_previous[HASH_BYTES]; /* of the trusted record above; zeros: none */
    struct chain *chains;
    size_t chain_count;
    struct revoked revoked;
    struct snapshot_list list; /* newest first */
    size_t cap;
};

static void snapshot_done(struct snapshot *s)
{
    mem_free(s->tags);
    mem_free(s->root);
    mem_free(s->hold_reason);
}

void snapshot_list_done(struct snapshot_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        snapshot_done(&l->items[i]);
    mem_free(l->items);
    *l = (struct snapshot_list){0};
}

static int copy_tags(const struct record_w *w, struct snapshot *s, struct err *e)
{
    if (!w->tag_count)
        return 0;
    s->tags = mem_array(w->tag_count, sizeof *s->tags);
    if (!s->tags)
        return err_no_memory(e, "a snapshot's tags");
    struct cursor c = cursor_of(w->tags, w->tags_len);
    for (size_t i = 0; i < w->tag_count; i++) {
        size_t len;
        const uint8_t *p = cursor_blob(&c, RECORD_TAG_BYTES, &len);
        if (p)
            memcpy(s->tags[i], p, len);
    }
    s->tag_count = w->tag_count;
    return 0;
}

/* Our keeper has verified and signed what the other said. */
static void copy_origin(const struct record *r, struct snapshot *s)
{
    struct record_k origin;
    s->dated_ns = s->received_ns;
    s->copied = r->k.copied;
    if (!s->copied || record_k_decode(r->k.origin.k, sizeof r->k.origin.k, &origin, NULL))
        return;
    memcpy(s->origin_keeper, r->k.origin.keeper_pk, SIGN_PUBLIC_BYTES);
    s->origin_seq = origin.sequence;
    if (origin.received_ns < s->received_ns)
        s->dated_ns = origin.received_ns;
}

int snapshot_of_record(const struct record *r, struct snapshot *out, struct err *e)
{
    const struct record_w *w = &r->w;
    struct snapshot s = {
        .seq = r->sequence,
        .received_ns = r->k.received_ns,
        .client_time_ns = w->client_time_ns,
        .writer_seq = w->sequence,
        .files = w->files,
        .bytes = w->bytes,
        .added_bytes = w->added_bytes,
        .suspicion = w->suspicion,
        .incomplete = w->flags & RECORD_INCOMPLETE,
        .root_nonce = w->root_nonce,
        .root_len = w->root_len,
    };
    memcpy(s.id, r->id, ID_BYTES);
    memcpy(s.writer, w->writer, UID_BYTES);
    memcpy(s.session, w->session, UID_BYTES);
    memcpy(s.group, w->group, UID_BYTES);
    memcpy(s.machine, w->machine, w->machine_len);
    memcpy(s.root_id, w->root_id, ID_BYTES);
    memcpy(s.refs_hash, w->refs_hash, HASH_BYTES);
    copy_origin(r, &s);
    s.root = mem_dup(w->root, w->root_len);
    if (!s.root)
        return err_no_memory(e, "a snapshot's root");
    if (copy_tags(w, &s, e)) {
        mem_free(s.root);
        return -1;
    }
    *out = s;
    return 0;
}

/* ---- trust --------------------------------------------------------------------------- */

static struct chain *chain_of(struct walk *w, const uint8_t *writer)
{
    for (size_t i = 0; i < w->chain_count; i++)
        if (memcmp(w->chains[i].writer, writer, UID_BYTES) == 0)
            return &w->chains[i];
    return NULL;
}

static int chain_follow(struct walk *w, struct err *e)
{
    const struct record_w *said = &w->record.w;
    struct chain *c = chain_of(w, said->writer);
    if (!c) {
        struct chain *chains = mem_realloc(w->chains, w->chain_count + 1, sizeof *chains);
        if (!chains)
            return err_no_memory(e, "the list of snapshots");
        w->chains = chains;
        c = &chains[w->chain_count++];
        memcpy(c->writer, said->writer, UID_BYTES);
    }
    memcpy(c->previous, said->previous, ID_BYTES);
    return 0;
}

static int trust(struct walk *w, struct err *e)
{
    const struct record *r = &w->record;
    const struct chain *c = chain_of(w, r->w.writer);
    if (memcmp(r->k_hash, w->k_previous, HASH_BYTES) != 0 && record_verify_keeper(w->v, r, e))
        return -1;
    if (c && memcmp(c->previous, r->id, ID_BYTES) == 0)
        return 0;
    return record_verify_writer(w->v, r, e);
}

/* ---- the list ---------------------------------------------------------------------------- */

static int append(struct walk *w, struct err *e)
{
    if (w->list.count == w->cap) {
        size_t cap = w->cap ? w->cap * 2 : 64;
        struct snapshot *items = mem_realloc(w->list.items, cap, sizeof *items);
        if (!items)
            return err_no_memory(e, "the list of snapshots");
        w->list.items = items;
        w->cap = cap;
    }
    if (snapshot_of_record(&w->record, &w->list.items[w->list.count], e))
        return -1;
    w->list.count++;
    return 0;
}

/* -1 only if the list cannot go on. */
static int visit(struct walk *w, uint64_t sequence, struct err *e)
{
    char name[RECORD_NAME_BYTES];
    struct err inner = ERR_INIT;
    record_name(sequence, name);
    if (record_read(w->v, sequence, &w->record, &inner) == 0 && trust(w, &inner) == 0) {
        memcpy(w->k_previous, w->record.k.previous, HASH_BYTES);
        if (revoked_refuses(&w->revoked, w->record.w.writer, sequence)) {
            w->list.refused++;
            return 0;
        }
        return chain_follow(w, e) ? -1 : append(w, e);
    }
    memset(w->k_previous, 0, HASH_BYTES);
    if (inner.cls == ERR_NO_MEMORY)
        return err_give(e, &inner);
    if (inner.cls != ERR_NOT_FOUND) /* else it went while we read */
        damage_report(w->damage, name, inner.msg);
    return 0;
}

static void reverse(struct snapshot_list *l)
{
    for (size_t i = 0; i < l->count / 2; i++) {
        struct snapshot t = l->items[i];
        l->items[i] = l->items[l->count - 1 - i];
        l->items[l->count - 1 - i] = t;
    }
}

int records_trusted(struct vault *v, struct snapshot_list *out, struct damage *d, struct err *e)
{
    CLEANUP(sequences_done) struct sequences all = {0};
    struct walk w = {.v = v, .damage = d};
    if (record_list(v, &all, e) || revoked_load(v, d, &w.revoked, e))
        return -1;
    int rc = 0;
    for (size_t i = all.count; !rc && i-- > 0;)
        rc = visit(&w, all.items[i], e);
    record_done(&w.record);
    revoked_done(&w.revoked);
    mem_free(w.chains);
    if (rc) {
        snapshot_list_done(&w.list);
        return -1;
    }
    reverse(&w.list);
    *out = w.list;
    return 0;
}

/* ---- with their marks ------------------------------------------------------------------------ */

static int by_date(const void *x, const void *y)
{
    const struct snapshot *a = x, *b = y;
    if (a->dated_ns != b->dated_ns)
        return a->dated_ns < b->dated_ns ? -1 : 1;
    return a->seq < b->seq ? -1 : a->seq > b->seq;
}

int vault_snapshots_all(struct vault *v, struct snapshot_list *out, vault_damage *damaged,
                        void *arg, struct err *e)
{
    struct damage d = {.each = damaged, .arg = arg};
    struct snapshot_list list = {0};
    CLEANUP(mark_list_done) struct mark_list marks = {0};
    /* Marks first: a collector removes the record before its marks. */
    if (marks_read(v, 0, &marks, &d, e) || records_trusted(v, &list, &d, e))
        return -1;
    int rc = 0;
    for (size_t i = 0; !rc && i < list.count; i++)
        rc = marks_apply(&marks, &list.items[i], &d, e);
    if (rc) {
        snapshot_list_done(&list);
        return -1;
    }
    if (list.count)
        qsort(list.items, list.count, sizeof *list.items, by_date);
    *out = list;
    return 0;
}

static void keep_only(struct snapshot_list *l, bool trash)
{
    size_t kept = 0;
    for (size_t i = 0; i < l->count; i++) {
        if ((l->items[i].forgotten_until_ns != 0) == trash)
            l->items[kept++] = l->items[i];
        else
            snapshot_done(&l->items[i]);
    }
    l->count = kept;
}

int vault_snapshots(struct vault *v, struct snapshot_list *out, vault_damage *damaged, void *arg,
                    struct err *e)
{
    if (vault_snapshots_all(v, out, damaged, arg, e))
        return -1;
    keep_only(out, false);
    return 0;
}

int vault_snapshots_trash(struct vault *v, struct snapshot_list *out, vault_damage *damaged,
                          void *arg, struct err *e)
{
    if (vault_snapshots_all(v, out, damaged, arg, e))
        return -1;
    keep_only(out, true);
    return 0;
}

int vault_snapshot_refresh(struct vault *v, struct snapshot *s, struct err *e)
{
    struct damage d = {0};
    CLEANUP(mark_list_done) struct mark_list marks = {0};
    if (marks_read(v, s->seq, &marks, &d, e))
        return -1;
    mem_free(TAKE(s->hold_reason));
    return marks_apply(&marks, s, &d, e);
}

void snapshot_for_policy(const struct snapshot *s, struct policy_snapshot *out)
{
    *out = (struct policy_snapshot){
        .sequence = s->seq,
        .received_ns = s->received_ns,
        .dated_ns = s->dated_ns,
        .group = s->group,
        .machine = s->machine,
        .tags = (const char(*)[256])s->tags,
        .tag_count = s->tag_count,
        .locked_until_ns = s->locked_until_ns,
        .hold_reason = s->held ? s->hold_reason : NULL,
        .doubtful = s->doubtful,
        .forgotten = s->forgotten_until_ns != 0,
    };
}
