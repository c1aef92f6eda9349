/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which packs a session may refer to.
 *
 * Y1 In a vault that is not shared: packs of the writer itself and of those
 *    that it succeeds, link by link, each link a certificate of the owner.
 * Y2 In a shared vault: packs of anyone.
 * Y3 Of a revoked writer, in both: only packs that an accepted record refers
 *    to. What it stored after, or in sessions that never ended in an accepted
 *    record, is as if it were not there.
 */
#include "base/mem.h"
#include "vault/certificate_format.h"
#include "vault/vault_internal.h"

#include <string.h>

#define LINKS_MAX 64u /* longer chains, and circles, end here */

struct scope {
    bool everyone;
    uint8_t writers[LINKS_MAX][UID_BYTES]; /* unless everyone */
    size_t writer_count;
    struct revoked revoked;
    uint8_t *accepted; /* by the vault's number of the pack; for revoked ones */
    uint32_t accepted_packs;
};

void scope_free(struct scope *s)
{
    if (!s)
        return;
    revoked_done(&s->revoked);
    mem_free(s->accepted);
    mem_free(s);
}

static bool is_accepted(const struct scope *s, uint32_t number)
{
    return number < s->accepted_packs && (s->accepted[number / 8] >> number % 8 & 1);
}

static bool has_writer(const struct scope *s, const uint8_t *writer)
{
    for (size_t i = 0; i < s->writer_count; i++)
        if (memcmp(s->writers[i], writer, UID_BYTES) == 0)
            return true;
    return false;
}

bool scope_allows(const void *scope, const struct pack *p, const struct frame_loc *loc)
{
    const struct scope *s = scope;
    if (!s->everyone && !has_writer(s, p->writer))
        return false;
    return !revoked_find(&s->revoked, p->writer) || is_accepted(s, loc->pack);
}

/* A certificate that is gone or cannot be read ends the chain: less to build upon,
 * nothing wrong. */
static int follow_predecessors(struct scope *s, struct vault *v, const uint8_t *writer,
                               struct err *e)
{
    uint8_t before[UID_BYTES];
    memcpy(s->writers[s->writer_count++], writer, UID_BYTES);
    while (s->writer_count < LINKS_MAX) {
        struct err why = ERR_INIT;
        int linked = writer_predecessor(v, s->writers[s->writer_count - 1], before, &why);
        if (linked < 0) {
            if (why.cls == ERR_NOT_FOUND || why.cls == ERR_DAMAGED || why.cls == ERR_NEWER ||
                why.cls == ERR_LIMIT)
                return 0;
            return err_give(e, &why);
        }
        if (!linked || has_writer(s, before))
            return 0;
        memcpy(s->writers[s->writer_count++], before, UID_BYTES);
    }
    return 0;
}

/* Who may only add to a keeper elsewhere cannot read records: then nothing of revoked
 * writers counts, which costs space alone. */
static bool needs_records(const struct scope *s, const struct vault *v)
{
    if (v->far)
        return false;
    if (s->everyone)
        return s->revoked.count > 0;
    for (size_t i = 0; i < s->writer_count; i++)
        if (revoked_find(&s->revoked, s->writers[i]))
            return true;
    return false;
}

static void accept_refs(struct scope *s, struct vault *v, const struct refset *refs)
{
    (void)pthread_rwlock_rdlock(&v->lock);
    for (size_t i = 0; i < refs->count; i++) {
        uint32_t number = pack_set_find(&v->packs, refs->packs[i].pack);
        if (number < s->accepted_packs)
            s->accepted[number / 8] |= (uint8_t)(1u << number % 8);
    }
    (void)pthread_rwlock_unlock(&v->lock);
}

/* A reference set that cannot be read accepts nothing; check reports it. */
static int accept_records(struct scope *s, struct vault *v, struct err *e)
{
    struct snapshot_list all = {0};
    s->accepted_packs = vault_pack_count(v);
    s->accepted = mem_zalloc(s->accepted_packs / 8 + 1);
    if (!s->accepted)
        return err_no_memory(e, "a session");
    if (vault_snapshots_all(v, &all, NULL, NULL, e)) /* the trash may come back */
        return -1;
    for (size_t i = 0; i < all.count; i++) {
        struct refset refs = {0};
        if (vault_snapshot_refs(v, &all.items[i], &refs, NULL) == 0) {
            accept_refs(s, v, &refs);
            refset_done(&refs);
        }
    }
    snapshot_list_done(&all);
    return 0;
}

int scope_new(struct vault *v, const uint8_t writer[UID_BYTES], struct scope **out, struct err *e)
{
    struct scope *s = mem_zalloc(sizeof *s);
    if (!s)
        return err_no_memory(e, "a session");
    s->everyone = v->info.shared;
    int rc = revoked_load(v, NULL, &s->revoked, e);
    if (rc == 0 && !s->everyone)
        rc = follow_predecessors(s, v, writer, e);
    if (rc == 0 && needs_records(s, v))
        rc = accept_records(s, v, e);
    if (rc) {
        scope_free(s);
        return -1;
    }
    *out = s;
    return 0;
}
