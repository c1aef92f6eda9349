/* SPDX-License-Identifier: Apache-2.0 */
/* Copying snapshots to a replica, with the tags that they have now; and making a
 * replica. */
#include "work/work_internal.h"

#include "base/clock.h"
#include "base/mem.h"

#include <string.h>

/* ---- tags --------------------------------------------------------------------------- */

static bool has_tag(const struct snapshot *s, const char *tag)
{
    for (size_t i = 0; i < s->tag_count; i++)
        if (strcmp(s->tags[i], tag) == 0)
            return true;
    return false;
}

/* Tags of `a` that `b` lacks; the number. */
static size_t lacking(const struct snapshot *a, const struct snapshot *b, const char **out)
{
    size_t count = 0;
    for (size_t i = 0; i < a->tag_count; i++)
        if (!has_tag(b, a->tags[i]))
            out[count++] = a->tags[i];
    return count;
}

static int carry_tags(struct vault *to, const struct snapshot *ours, const struct snapshot *theirs,
                      struct err *e)
{
    CLEANUP_FREE const char **add = mem_array(theirs->tag_count + 1, sizeof *add);
    CLEANUP_FREE const char **remove = mem_array(ours->tag_count + 1, sizeof *remove);
    if (!add || !remove)
        return err_no_memory(e, "tags");
    size_t added = lacking(theirs, ours, add), removed = lacking(ours, theirs, remove);
    if (!added && !removed)
        return 0;
    return vault_tag(to, ours, add, added, remove, removed, e);
}

/* ---- copying --------------------------------------------------------------------------- */

struct copying {
    const struct vault_copy_options *o;
    struct buf copied; /* pointers to snapshots of the source */
};

static void note_copied(void *arg, const struct snapshot *s)
{
    struct copying *c = arg;
    buf_put(&c->copied, &s, sizeof(const struct snapshot *));
    if (c->o->copied)
        c->o->copied(c->o->arg, s);
}

static void pass_damage(void *arg, const char *object, const char *message)
{
    const struct copying *c = arg;
    if (c->o->damaged)
        c->o->damaged(c->o->arg, object, message);
}

static void pass_refused(void *arg, const struct snapshot *s, const char *why)
{
    const struct copying *c = arg;
    if (c->o->refused)
        c->o->refused(c->o->arg, s, why);
}

static const struct snapshot *find_id(const struct snapshot_list *l, const uint8_t *id)
{
    for (size_t i = l->count; i-- > 0;)
        if (memcmp(l->items[i].id, id, ID_BYTES) == 0)
            return &l->items[i];
    return NULL;
}

static int carry_all(struct copying *c, struct vault *to, struct err *e)
{
    CLEANUP(snapshot_list_done) struct snapshot_list l = {0};
    if (buf_check(&c->copied, "the list of snapshots", e) ||
        (c->copied.len && vault_snapshots_all(to, &l, NULL, NULL, e)))
        return -1;
    for (size_t at = 0; at < c->copied.len; at += sizeof(const struct snapshot *)) {
        const struct snapshot *theirs, *ours;
        memcpy(&theirs, c->copied.data + at, sizeof theirs);
        ours = find_id(&l, theirs->id);
        if (ours && carry_tags(to, ours, theirs, e))
            return -1;
    }
    return 0;
}

int work_copy(struct access *from, struct access *to, const struct snapshot *const *items,
              size_t count, const struct vault_copy_options *o, struct vault_copy_result *out,
              struct err *e)
{
    struct copying c = {.o = o};
    struct vault_copy_options inner = *o;
    inner.copied = note_copied;
    inner.damaged = pass_damage;
    inner.refused = pass_refused;
    inner.arg = &c;
    int rc = vault_copy(from->vault, to->vault, items, count, &inner, out, e);
    if (!o->dry_run && carry_all(&c, to->vault, rc ? NULL : e)) /* also of what came before an error */
        rc = -1;
    buf_done(&c.copied);
    return rc;
}

size_t work_copy_newer(const struct snapshot_list *there, const struct snapshot **items,
                       size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t newest = INT64_MIN;
        for (size_t k = 0; k < there->count; k++)
            if (memcmp(there->items[k].group, items[i]->group, UID_BYTES) == 0 &&
                there->items[k].dated_ns > newest)
                newest = there->items[k].dated_ns;
        if (items[i]->dated_ns > newest)
            items[kept++] = items[i];
    }
    return kept;
}

/* ---- making a replica -------------------------------------------------------------------- */

struct replica {
    struct access *of;
    const struct replica_options *o;
    uint64_t objects;
};

/* A passphrase of its own comes first: then that of the other is not brought. */
static int wrap_anew(const struct replica *r, struct vault *v, struct err *e)
{
    CLEANUP(buf_done) struct buf wrapped = {0};
    char host[256], name[2 * UID_BYTES + 1];
    uint8_t id[UID_BYTES];
    work_host_name(host);
    seal_random(id, sizeof id);
    hex_encode(id, sizeof id, name);
    const struct key_wrapping how = {
        .cost = r->o->cost, .label = host, .made_ns = clock_realtime_ns()};
    if (recovery_wrap(r->of->recovery, vault_get_info(v)->id, r->o->passphrase,
                      strlen(r->o->passphrase), &how, &wrapped, e))
        return -1;
    return vault_put(v, VAULT_KEY, name, wrapped.data, wrapped.len, e);
}

static int fill(void *arg, struct vault *v, struct err *e)
{
    struct replica *r = arg;
    if (r->o->passphrase && wrap_anew(r, v, e))
        return -1;
    return vault_copy_objects(r->of->vault, v, &r->objects, e);
}

int work_init_replica(struct access *of, const struct replica_options *o, struct err *e)
{
    struct vault_info info = *vault_get_info(of->vault);
    struct replica r = {.of = of, .o = o};
    struct sign_key owner;
    struct store *s = NULL;
    if (store_dir_create(o->location, vault_unfinished, &s, e))
        return -1;
    sign_key_from_seed(of->secrets->owner_seed, &owner);
    int rc = vault_create_replica(s, &info, &owner, fill, &r, e);
    sign_key_done(&owner);
    store_close(s);
    return rc;
}
