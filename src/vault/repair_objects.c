/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Repair of what is no pack: identity, keys, certificates, sessions, rules, records.
 * Each is read whole and verified as what its name says; what is not, is mended by
 * its parity, or found under another name.
 *
 * J1 Nothing is put in the place of an object but bytes that verify, whole and
 *    signed, as that object of this vault; H of parity alone is not believed.
 * J2 What cannot be mended stays as it is and is named; everything else goes on.
 * J3 A missing object comes back only if it has parity (Q2: then nobody removed it),
 *    its kind may, and nothing has taken its place since. It is seen to be missing
 *    before its parity is read, for whoever removes takes parity first.
 * J4 Whoever replaced an object looks again whether it still has parity; if not,
 *    somebody removed it meanwhile, and it goes again. So a repair that crosses a
 *    removal never brings anything back.
 * J5 What lies under other names is copied before any of it is overwritten: names
 *    that nothing has come first, and each other one has parity of what it is to
 *    hold, durably, for temporaries do not survive a power cut.
 * J6 A copy of another object is removed only if that lies in its own place with the
 *    same bytes, if the copy's name has no parity, and if no copy of this kind could
 *    stand for a refusal (revocations, rules, lists of recipients stay).
 * J7 What says that it is of a newer format stays, unless it differs from what its
 *    parity makes of it in nothing but that.
 */
#include "vault/repair_internal.h"

#include "base/mem.h"
#include "vault/object_parity.h"
#include "vault/parity.h"

#include <stdio.h>
#include <string.h>

#define NAMES_MAX ((size_t)1 << 30)

/* One that parity did not mend. */
struct lost {
    char leaf[OBJECT_NAME_BYTES];
    bool absent;   /* nothing has the name */
    bool is_other; /* its bytes are a whole object of this kind, of another name: */
    char other[OBJECT_NAME_BYTES];
    char why[ERR_MESSAGE_BYTES];
    struct store_writer *mended; /* found elsewhere, to be named */
};

struct mending {
    struct vault *v;
    const struct vault_repair_options *o;
    struct vault_repair_result *r;
    const struct object_kind *kind;
    struct buf leaves;
    struct lost *lost;
    size_t count, cap;
    bool exchanged; /* what lay under other names was copied; before that, it stays */
};

static int note_lost(struct mending *m, const char *leaf, const char *other, const char *why,
                     struct err *e)
{
    if (m->count == m->cap) {
        size_t cap = m->cap ? 2 * m->cap : 16;
        struct lost *l = mem_realloc(m->lost, cap, sizeof *l);
        if (!l)
            return err_no_memory(e, "damaged objects");
        m->lost = l;
        m->cap = cap;
    }
    struct lost *n = &m->lost[m->count++];
    *n = (struct lost){.is_other = other != NULL};
    (void)snprintf(n->leaf, sizeof n->leaf, "%s", leaf);
    (void)snprintf(n->other, sizeof n->other, "%s", other ? other : "");
    (void)snprintf(n->why, sizeof n->why, "%s", why);
    return 0;
}

static void tell_mended(struct mending *m, const char *name, const char *what)
{
    m->r->objects_mended++;
    repair_tell(m->o->mended, m->o->arg, name, what);
}

/* ---- reading --------------------------------------------------------------------------- */

enum found { FOUND_WHOLE = 1, FOUND_DAMAGED, FOUND_MISSING };

/* Whatever can be read of it. */
static int read_object(struct mending *m, const char *leaf, struct buf *b, enum found *out,
                       struct err *why)
{
    char name[OBJECT_NAME_BYTES];
    object_kind_name(m->kind, leaf, name);
    b->max = m->kind->max + 1;
    if (object_salvage(m->v->store, name, m->kind->max, b, why) == 0)
        *out = m->kind->verify(m->v, leaf, b->data, b->len, why) ? FOUND_DAMAGED : FOUND_WHOLE;
    else
        *out = why->cls == ERR_NOT_FOUND ? FOUND_MISSING : FOUND_DAMAGED;
    return why->cls == ERR_NO_MEMORY ? -1 : 0;
}

/* Whether damaged bytes are whole, but another object of the kind. */
static bool is_other(struct mending *m, const char *leaf, const struct buf *b,
                     char other_out[OBJECT_NAME_BYTES])
{
    return m->kind->claims && m->kind->claims(b->data, b->len, other_out) &&
           strcmp(other_out, leaf) != 0 &&
           m->kind->verify(m->v, other_out, b->data, b->len, NULL) == 0;
}

/* ---- parity of a whole object ------------------------------------------------------------ */

static int see_to_parity(struct mending *m, const char *name, const struct buf *b, struct err *e)
{
    CLEANUP(object_buf_done) struct buf want = {.max = PARITY_OBJECT_MAX};
    CLEANUP(object_buf_done) struct buf have = {.max = PARITY_OBJECT_MAX};
    char parity[PARITY_OF_BYTES], dir[PARITY_OF_BYTES];
    struct err why = ERR_INIT;
    struct parity_head h;
    object_parity_name(name, parity);
    int rc = object_salvage(m->v->store, parity, PARITY_OBJECT_MAX - 1, &have, &why);
    if (rc && why.cls == ERR_NO_MEMORY)
        return err_give(e, &why);
    bool missing = rc && why.cls == ERR_NOT_FOUND;
    if (!rc && parity_head_decode(have.data, have.len, &h, &why) && why.cls == ERR_NEWER)
        return 0; /* not ours to judge */
    if (object_parity_of(m->v, b->data, b->len, &want, e))
        return -1;
    if (!want.len || (!rc && have.len == want.len && memcmp(have.data, want.data, want.len) == 0))
        return 0;
    object_directory(parity, dir);
    if (object_parity_put(m->v, name, b->data, b->len, e) || store_sync(m->v->store, dir, e))
        return -1;
    m->r->parity_made += missing;
    m->r->parity_mended += !missing;
    if (!missing)
        repair_tell(m->o->mended, m->o->arg, parity, "was damaged: made again from its object");
    return 0;
}

/* ---- by parity ---------------------------------------------------------------------------- */

/* J1. 1 if `whole` is the object, 0 and `why` if not. */
static int by_parity(struct mending *m, const char *leaf, const struct buf *damaged,
                     struct buf *whole, struct err *why)
{
    char name[OBJECT_NAME_BYTES];
    struct parity_head h;
    object_kind_name(m->kind, leaf, name);
    whole->max = m->kind->max;
    int rc = object_mend(m->v->store, name, damaged, whole, &h, why);
    if (rc <= 0)
        return why->cls == ERR_NOT_FOUND ? err_set(why, ERR_DAMAGED, "it has no parity"), rc : rc;
    if (memcmp(h.vault, m->v->info.id, UID_BYTES) != 0)
        return err_set(why, ERR_DAMAGED, "its parity is of another vault"), 0;
    if (m->kind->verify(m->v, leaf, whole->data, whole->len, why))
        return why->cls == ERR_NO_MEMORY ? -1 : (err_wrap(why, "what its parity leads to"), 0);
    return 1;
}

/* J4. True if it was removed while it was put. */
static bool crossed_a_removal(struct mending *m, const char *name)
{
    char dir[PARITY_OF_BYTES];
    if (object_has_parity(m->v, name))
        return false;
    object_directory(name, dir);
    (void)!store_remove(m->v->store, name, NULL);
    (void)!store_sync(m->v->store, dir, NULL);
    return true;
}

static int put_back(struct mending *m, const char *leaf, const struct buf *whole,
                    const char *what, struct err *e)
{
    char name[OBJECT_NAME_BYTES];
    object_kind_name(m->kind, leaf, name);
    if (repair_replace(m->v, name, whole, e))
        return -1;
    if (crossed_a_removal(m, name))
        return 0;
    tell_mended(m, name, what);
    return see_to_parity(m, name, whole, e);
}

/* ---- by a replica --------------------------------------------------------------------------- */

/* J1. The same. */
static int by_replica(struct mending *m, const char *leaf, struct buf *whole, struct err *why)
{
    struct err none = ERR_INIT;
    buf_reset(whole);
    if (!m->o->replica)
        return 0;
    if (replica_object(m->v, m->o->replica, m->kind, leaf, whole, &none) ||
        m->kind->verify(m->v, leaf, whole->data, whole->len, &none)) {
        if (none.cls == ERR_NO_MEMORY)
            return err_give(why, &none);
        if (m->kind->in_replica)
            (void)err_wrap(why, "not in the replica either; here");
        return 0;
    }
    return 1;
}

/* J4 can be asked only if there was parity. */
static int take_over(struct mending *m, const char *leaf, const struct buf *whole, struct err *e)
{
    char name[OBJECT_NAME_BYTES];
    object_kind_name(m->kind, leaf, name);
    bool had_parity = object_has_parity(m->v, name);
    if (repair_replace(m->v, name, whole, e))
        return -1;
    if (had_parity && crossed_a_removal(m, name))
        return 0;
    tell_mended(m, name, "taken from the replica");
    return see_to_parity(m, name, whole, e);
}

/* ---- missing -------------------------------------------------------------------------------- */

/* J3. What was replaced since goes entirely. */
static int bring_back(struct mending *m, const char *leaf, struct err *e)
{
    CLEANUP(object_buf_done) struct buf whole = {0};
    struct buf nothing = {0};
    char name[OBJECT_NAME_BYTES], text[ERR_MESSAGE_BYTES];
    struct err why = ERR_INIT;
    object_kind_name(m->kind, leaf, name);
    int gone = m->kind->superseded ? m->kind->superseded(m->v, leaf, e) : 0;
    if (gone < 0)
        return -1;
    if (gone)
        return object_parity_remove(m->v, name, e);
    if (!object_has_parity(m->v, name))
        return 0; /* removed just now */
    if (m->kind->stays_away)
        return note_lost(m, leaf, NULL, OBJECT_STAYS_AWAY, e);
    int rc = by_parity(m, leaf, &nothing, &whole, &why);
    if (rc < 0)
        return err_give(e, &why);
    if (rc)
        return put_back(m, leaf, &whole, "was missing: made again from its parity", e);
    rc = by_replica(m, leaf, &whole, &why);
    if (rc)
        return rc < 0 ? err_give(e, &why) : take_over(m, leaf, &whole, e);
    (void)snprintf(text, sizeof text, "is missing, and cannot be made again: %.500s", why.msg);
    if (note_lost(m, leaf, NULL, text, e))
        return -1;
    m->lost[m->count - 1].absent = true;
    return 0;
}

/* ---- damaged -------------------------------------------------------------------------------- */

static int skip_newer(struct mending *m, const char *name, const struct err *why)
{
    m->r->skipped++;
    repair_tell(m->o->skipped, m->o->arg, name, why->msg);
    return 0;
}

/* J6: 1 if it was removed. */
static int drop_copy(struct mending *m, const char *leaf, const char *other,
                     const struct buf *b, struct err *e)
{
    CLEANUP(object_buf_done) struct buf original = {0};
    char name[OBJECT_NAME_BYTES], dir[PARITY_OF_BYTES], text[ERR_MESSAGE_BYTES];
    struct err why = ERR_INIT;
    enum found found;
    object_kind_name(m->kind, leaf, name);
    if (!m->kind->copy_goes || object_has_parity(m->v, name))
        return 0;
    if (read_object(m, other, &original, &found, &why))
        return err_give(e, &why);
    if (found != FOUND_WHOLE || original.len != b->len ||
        memcmp(original.data, b->data, b->len) != 0)
        return 0;
    object_directory(name, dir);
    if (store_remove(m->v->store, name, e) || store_sync(m->v->store, dir, e))
        return -1;
    m->r->copies_removed++;
    (void)snprintf(text, sizeof text, "was a copy of %s/%s: removed", m->kind->dir, other);
    repair_tell(m->o->mended, m->o->arg, name, text);
    return 1;
}

static int stays_damaged(struct mending *m, const char *leaf, const char *other,
                         const struct buf *b, const struct err *first, const struct err *why,
                         struct err *e)
{
    char text[ERR_MESSAGE_BYTES];
    int rc = other ? drop_copy(m, leaf, other, b, e) : 0;
    if (rc)
        return rc < 0 ? -1 : 0;
    if (other)
        (void)snprintf(text, sizeof text, "holds %s/%s; cannot be mended: %.300s", m->kind->dir,
                       other, why->msg);
    else
        (void)snprintf(text, sizeof text, "%.300s; cannot be mended: %.300s", first->msg, why->msg);
    return note_lost(m, leaf, other, text, e);
}

static int mend(struct mending *m, const char *leaf, const struct buf *b, const struct err *first,
                struct err *e)
{
    CLEANUP(object_buf_done) struct buf whole = {0};
    char name[OBJECT_NAME_BYTES], holds[OBJECT_NAME_BYTES];
    struct err why = ERR_INIT;
    object_kind_name(m->kind, leaf, name);
    const char *other = is_other(m, leaf, b, holds) ? holds : NULL;
    if (other && !m->exchanged) /* J5: it may be the only copy */
        return note_lost(m, leaf, other, "holds another object", e);
    int rc = by_parity(m, leaf, b, &whole, &why);
    if (rc < 0)
        return err_give(e, &why);
    if (rc && object_may_be_replaced(b, &whole))
        return put_back(m, leaf, &whole, "mended by its parity", e);
    if (first->cls == ERR_NEWER) /* J7 */
        return skip_newer(m, name, first);
    rc = by_replica(m, leaf, &whole, &why);
    if (rc)
        return rc < 0 ? err_give(e, &why) : take_over(m, leaf, &whole, e);
    return stays_damaged(m, leaf, other, b, first, &why, e);
}

static int repair_one(struct mending *m, const char *leaf, struct err *e)
{
    CLEANUP(object_buf_done) struct buf b = {0};
    char name[OBJECT_NAME_BYTES];
    struct err why = ERR_INIT;
    enum found found;
    if (read_object(m, leaf, &b, &found, &why))
        return err_give(e, &why);
    if (found == FOUND_MISSING)
        return bring_back(m, leaf, e);
    m->r->objects += !m->exchanged;
    if (found == FOUND_DAMAGED)
        return mend(m, leaf, &b, &why, e);
    object_kind_name(m->kind, leaf, name);
    return see_to_parity(m, name, &b, e);
}

/* ---- under other names (J5) -------------------------------------------------------------------- */

static struct lost *holder_of(struct mending *m, const char *leaf)
{
    for (size_t i = 0; i < m->count; i++)
        if (m->lost[i].is_other && strcmp(m->lost[i].other, leaf) == 0)
            return &m->lost[i];
    return NULL;
}

static bool is_lost(const struct mending *m, const char *leaf)
{
    for (size_t i = 0; i < m->count; i++)
        if (strcmp(m->lost[i].leaf, leaf) == 0)
            return true;
    return false;
}

/* What lies under another name alone is lost, too, unless it has been replaced. */
static int add_absent(struct mending *m, struct err *e)
{
    for (size_t i = 0, n = m->count; i < n; i++) {
        char leaf[OBJECT_NAME_BYTES], name[OBJECT_NAME_BYTES];
        struct store_reader *r = NULL;
        struct err why = ERR_INIT;
        memcpy(leaf, m->lost[i].other, sizeof leaf);
        if (!m->lost[i].is_other || is_lost(m, leaf))
            continue;
        object_kind_name(m->kind, leaf, name);
        if (store_open(m->v->store, name, &r, &why) == 0)
            store_reader_close(r);
        int gone = why.cls != ERR_NOT_FOUND   ? 1
                   : m->kind->superseded ? m->kind->superseded(m->v, leaf, e)
                                         : 0;
        if (gone < 0 || (!gone && note_lost(m, leaf, NULL, "missing", e)))
            return -1;
        if (!gone)
            m->lost[m->count - 1].absent = true;
    }
    return 0;
}

static int copy_to_temporary(struct mending *m, struct lost *l, struct err *e)
{
    const struct lost *from = holder_of(m, l->leaf);
    CLEANUP(object_buf_done) struct buf b = {.max = m->kind->max + 1};
    char name[OBJECT_NAME_BYTES];
    if (!from)
        return 0;
    object_kind_name(m->kind, from->leaf, name);
    if (object_salvage(m->v->store, name, m->kind->max, &b, e) ||
        m->kind->verify(m->v, l->leaf, b.data, b.len, e) ||
        store_create(m->v->store, &l->mended, e) ||
        store_write(l->mended, 0, b.data, b.len, e))
        return -1;
    object_kind_name(m->kind, l->leaf, name);
    return l->absent ? 0 : see_to_parity(m, name, &b, e);
}

static int name_one(struct mending *m, struct lost *l, struct err *e)
{
    char name[OBJECT_NAME_BYTES], dir[PARITY_OF_BYTES];
    object_kind_name(m->kind, l->leaf, name);
    object_directory(name, dir);
    if (store_writer_replace(TAKE(l->mended), name, e) || store_sync(m->v->store, dir, e))
        return -1;
    tell_mended(m, name, "was found whole under another name");
    return 0;
}

static int exchange(struct mending *m, struct err *e)
{
    if (add_absent(m, e))
        return -1;
    for (size_t i = 0; i < m->count; i++)
        if (copy_to_temporary(m, &m->lost[i], e))
            return -1;
    for (int absent = 1; absent >= 0; absent--)
        for (size_t i = 0; i < m->count; i++)
            if (m->lost[i].mended && m->lost[i].absent == absent && name_one(m, &m->lost[i], e))
                return -1;
    return 0;
}

/* All that was not whole at the first look, again: what is left of it is lost. */
static int look_again(struct mending *m, struct err *e)
{
    struct lost *before = TAKE(m->lost);
    size_t count = m->count;
    int rc = 0;
    m->exchanged = true;
    m->count = m->cap = 0;
    for (size_t i = 0; !rc && i < count; i++)
        rc = repair_one(m, before[i].leaf, e);
    mem_free(before);
    return rc;
}

/* ---- one kind ------------------------------------------------------------------------------------ */

static int repair_kind(struct mending *m, struct err *e)
{
    if (object_kind_list(m->v, m->kind, false, &m->leaves, e) ||
        object_kind_list(m->v, m->kind, true, &m->leaves, e))
        return -1;
    for (size_t at = 0; at < m->leaves.len; at += OBJECT_NAME_BYTES) {
        if (m->o->progress && progress_cancelled(m->o->progress))
            return err_set(e, ERR_CANCELLED, "interrupted; what was mended stays mended");
        if (repair_one(m, (const char *)m->leaves.data + at, e))
            return -1;
    }
    return exchange(m, e) || look_again(m, e) ? -1 : 0;
}

static void tell_lost(struct mending *m)
{
    m->r->objects_lost += m->count;
    for (size_t i = 0; i < m->count; i++) {
        char name[OBJECT_NAME_BYTES];
        object_kind_name(m->kind, m->lost[i].leaf, name);
        repair_tell(m->o->damaged, m->o->arg, name, m->lost[i].why);
    }
}

int repair_objects(struct vault *v, const struct vault_repair_options *o,
                   struct vault_repair_result *r, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < object_kind_count; i++) {
        struct mending m = {.v = v, .o = o, .r = r, .kind = &object_kinds[i],
                            .leaves = {.max = NAMES_MAX}};
        rc = repair_kind(&m, e);
        if (!rc)
            tell_lost(&m);
        for (size_t k = 0; k < m.count; k++)
            store_writer_abort(m.lost[k].mended);
        mem_free(m.lost);
        buf_done(&m.leaves);
    }
    return rc;
}
