/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bringing the small objects that a snapshot needs from one replica to another. Each
 * is verified before it is written, as what it is under its name.
 *
 * P1 Nothing that was removed in `to` on purpose comes back: a session's original
 *    is not brought where it was sealed anew, and a wrapped key only if it wraps a
 *    recipient in force that no key there wraps.
 * P2 Lists of recipients have one history: where both vaults have a generation it
 *    is the same, or nothing is brought.
 * P3 Revocations are not brought: they name sequences of one keeper.
 */
#include "vault/copy_internal.h"

#include "base/mem.h"
#include "vault/certificate_format.h"
#include "vault/object_kinds.h"

#include <string.h>

struct bringing {
    struct vault *from, *to;
    bool dry_run;
    struct damage *damage;
    uint64_t *brought;
    struct buf newest; /* the list of recipients in force in `to` */
    bool has_newest;
};

static bool is_absent(struct vault *v, enum vault_kind kind, const char *name, int *rc,
                      struct err *e)
{
    CLEANUP(buf_done) struct buf b = {0};
    struct err why = ERR_INIT;
    *rc = 0;
    if (vault_get(v, kind, name, &b, &why) == 0)
        return false;
    if (why.cls == ERR_NOT_FOUND)
        return true;
    if (why.cls != ERR_DAMAGED) /* that is for a repair to mend */
        *rc = err_give(e, &why);
    return false;
}

static int put(struct bringing *b, enum vault_kind kind, const char *name, const struct buf *object,
               struct err *e)
{
    struct err why = ERR_INIT;
    ++*b->brought;
    if (b->dry_run || vault_put(b->to, kind, name, object->data, object->len, &why) == 0)
        return 0;
    return why.cls == ERR_EXISTS ? 0 : err_give(e, &why);
}

/* What is wrong with an object of `from` is reported; -1 only without memory. */
static int blame(struct bringing *b, enum vault_kind kind, const char *name, const struct err *why,
                 struct err *e)
{
    char full[OBJECT_NAME_BYTES];
    return object_name(kind, name, full, e) ? -1 : damage_note(b->damage, full, why, e);
}

/* 1 and the bytes if it is there and sound. */
static int take(struct bringing *b, enum vault_kind kind, const char *name, struct buf *out,
                struct err *e)
{
    struct err why = ERR_INIT;
    if (vault_get(b->from, kind, name, out, &why) == 0 &&
        object_verify(b->from, kind, name, out, &why) == 0)
        return 1;
    return why.cls == ERR_NOT_FOUND ? 0 : blame(b, kind, name, &why, e);
}

/* ---- writers ------------------------------------------------------------------------------ */

static int bring_writer(void *arg, const char *name, struct err *e)
{
    struct bringing *b = arg;
    CLEANUP(buf_done) struct buf object = {0};
    int rc;
    if (!is_absent(b->to, VAULT_WRITER, name, &rc, e))
        return rc;
    rc = take(b, VAULT_WRITER, name, &object, e);
    return rc > 0 ? put(b, VAULT_WRITER, name, &object, e) : rc;
}

/* ---- recipients, and keys that wrap them ------------------------------------------------------- */

/* P2. Called in ascending order. */
static int bring_recipients(void *arg, const char *name, struct err *e)
{
    struct bringing *b = arg;
    CLEANUP(buf_done) struct buf object = {0}, there = {0};
    struct err why = ERR_INIT;
    int rc = take(b, VAULT_RECIPIENTS, name, &object, e);
    if (rc <= 0)
        return rc;
    if (vault_get(b->to, VAULT_RECIPIENTS, name, &there, &why)) {
        if (why.cls != ERR_NOT_FOUND)
            return err_give(e, &why);
        return put(b, VAULT_RECIPIENTS, name, &object, e);
    }
    if (there.len == object.len && memcmp(there.data, object.data, object.len) == 0)
        return 0;
    return err_set(e, ERR_USAGE,
                   "the keys of the two vaults have parted: both were changed by themselves "
                   "(recipients/%s differs), so neither can take over from the other", name);
}

static int note_newest(void *arg, const char *name, struct err *e)
{
    struct bringing *b = arg;
    buf_reset(&b->newest);
    b->has_newest = true;
    return vault_get(b->to, VAULT_RECIPIENTS, name, &b->newest, e);
}

struct wrapping {
    struct bringing *b;
    const uint8_t *key;
    bool found;
};

static int look_for_wrapped(void *arg, const char *name, struct err *e)
{
    struct wrapping *w = arg;
    CLEANUP(buf_done) struct buf object = {0};
    (void)e;
    if (vault_get(w->b->to, VAULT_KEY, name, &object, NULL) == 0 &&
        object_verify(w->b->to, VAULT_KEY, name, &object, NULL) == 0)
        w->found = w->found || memcmp(key_wrapped(object.data), w->key, RECOVERY_PUBLIC_BYTES) == 0;
    return 0;
}

/* P1 */
static int bring_key(void *arg, const char *name, struct err *e)
{
    struct bringing *b = arg;
    CLEANUP(buf_done) struct buf object = {0};
    int rc = take(b, VAULT_KEY, name, &object, e);
    if (rc <= 0)
        return rc;
    struct wrapping w = {.b = b, .key = key_wrapped(object.data)};
    if (!b->has_newest || !recipients_name(b->newest.data, b->newest.len, w.key))
        return 0;
    if (vault_list(b->to, VAULT_KEY, look_for_wrapped, &w, e))
        return -1;
    return w.found ? 0 : put(b, VAULT_KEY, name, &object, e);
}

/* ---- sessions ------------------------------------------------------------------------------------- */

static int bring_session(void *arg, const char *name, struct err *e)
{
    struct bringing *b = arg;
    CLEANUP(buf_done) struct buf object = {0};
    char again[RESEALED_NAME_BYTES];
    uint8_t id[UID_BYTES] = {0};
    int rc;
    (void)hex_decode(name, 2 * UID_BYTES, id, sizeof id);
    int resealed = vault_resealed_find(b->to, id, false, again, e);
    if (resealed || !is_absent(b->to, VAULT_SESSION, name, &rc, e))
        return resealed < 0 ? -1 : resealed ? 0 : rc;
    rc = take(b, VAULT_SESSION, name, &object, e);
    return rc > 0 ? put(b, VAULT_SESSION, name, &object, e) : rc;
}

/* The newest of each session, if it is newer than what is there. */
static int bring_resealed(void *arg, const char *name, struct err *e)
{
    struct bringing *b = arg;
    CLEANUP(buf_done) struct buf object = {0};
    char ours[RESEALED_NAME_BYTES], theirs[RESEALED_NAME_BYTES];
    uint8_t id[UID_BYTES] = {0};
    (void)hex_decode(name, 2 * UID_BYTES, id, sizeof id);
    int has = vault_resealed_find(b->from, id, false, theirs, e);
    int rc = vault_resealed_find(b->to, id, false, ours, e);
    if (has <= 0 || rc < 0)
        return has < 0 || rc < 0 ? -1 : 0;
    if (strcmp(name, theirs) != 0 || (rc && strcmp(ours, theirs) >= 0))
        return 0;
    rc = take(b, VAULT_RESEALED, name, &object, e);
    return rc > 0 ? put(b, VAULT_RESEALED, name, &object, e) : rc;
}

int copy_objects(struct vault *from, struct vault *to, bool dry_run, struct damage *d,
                 uint64_t *brought, struct err *e)
{
    struct bringing b = {from, to, dry_run, d, brought, {0}, false};
    char unused[RESEALED_NAME_BYTES];
    static const uint8_t nobody[UID_BYTES];
    int rc = vault_list(from, VAULT_RECIPIENTS, bring_recipients, &b, e) ||
                     vault_list(from, VAULT_WRITER, bring_writer, &b, e) ||
                     vault_list(to, VAULT_RECIPIENTS, note_newest, &b, e) ||
                     vault_list(from, VAULT_KEY, bring_key, &b, e) ||
                     vault_resealed_find(from, nobody, true, unused, e) < 0 ||
                     vault_resealed_find(to, nobody, true, unused, e) < 0 ||
                     vault_list(from, VAULT_RESEALED, bring_resealed, &b, e) ||
                     vault_list(from, VAULT_SESSION, bring_session, &b, e) ||
                     vault_resealed_find(to, nobody, true, unused, e) < 0
                 ? -1
                 : 0;
    buf_done(&b.newest);
    return rc;
}

/* Of each session, if there is nothing of it. */
static int bring_missing(void *arg, const char *name, struct err *e)
{
    struct bringing *b = arg;
    char ours[RESEALED_NAME_BYTES], session[2 * UID_BYTES + 1] = "";
    uint8_t id[UID_BYTES] = {0};
    int rc;
    memcpy(session, name, 2 * UID_BYTES);
    (void)hex_decode(session, 2 * UID_BYTES, id, sizeof id);
    int has = vault_resealed_find(b->to, id, false, ours, e);
    if (has || !is_absent(b->to, VAULT_SESSION, session, &rc, e))
        return has < 0 ? -1 : has ? 0 : rc;
    return bring_resealed(arg, name, e);
}

int copy_missing(struct vault *from, struct vault *to, struct damage *d, uint64_t *brought,
                 struct err *e)
{
    struct bringing b = {from, to, false, d, brought, {0}, false};
    char unused[RESEALED_NAME_BYTES];
    static const uint8_t nobody[UID_BYTES];
    return vault_resealed_find(from, nobody, true, unused, e) < 0 ||
                   vault_resealed_find(to, nobody, true, unused, e) < 0 ||
                   vault_list(from, VAULT_WRITER, bring_writer, &b, e) ||
                   vault_list(from, VAULT_SESSION, bring_session, &b, e) ||
                   vault_list(from, VAULT_RESEALED, bring_missing, &b, e) ||
                   vault_resealed_find(to, nobody, true, unused, e) < 0
               ? -1
               : 0;
}

int vault_copy_objects(struct vault *from, struct vault *to, uint64_t *brought_out, struct err *e)
{
    struct damage ignored = {0};
    uint64_t brought = 0;
    if (copy_objects(from, to, false, &ignored, &brought, e))
        return -1;
    *brought_out = brought;
    return 0;
}

int copy_revoked(struct vault *from, struct vault *to, uint64_t *count_out, struct err *e)
{
    CLEANUP(revoked_done) struct revoked theirs = {0};
    CLEANUP(revoked_done) struct revoked ours = {0};
    struct damage ignored = {0};
    if (revoked_load(from, &ignored, &theirs, e) || revoked_load(to, &ignored, &ours, e))
        return -1;
    *count_out = 0;
    for (size_t i = 0; i < theirs.count; i++)
        *count_out += revoked_find(&ours, theirs.items[i].writer) == NULL;
    return 0;
}
