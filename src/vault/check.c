/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that can be verified without a key and without reading frames:
 * identity, certificates, envelopes, packs' ends. Records are in
 * check_records.c, frames in scrub.c. Goes on after damage, so that one report
 * names all of it; repairs nothing. Objects with names that mean nothing are
 * ignored, as the format says.
 */
#include "base/mem.h"
#include "vault/check_internal.h"
#include "vault/marks.h"
#include "vault/object_kinds.h"

#include <string.h>

static int note(struct check *c, const char *object, const struct err *why, struct err *e)
{
    return damage_note(&c->damage, object, why, e);
}

/* ---- identity ---------------------------------------------------------------------- */

static int note_top(struct check *c, const char *object, const struct err *why, struct err *e)
{
    if (why->cls != ERR_NOT_FOUND && why->cls != ERR_NO_VAULT)
        return note(c, object, why, e);
    damage_report(&c->damage, object,
                  "is missing: `abri check --repair` brings it back if it has parity");
    return 0;
}

static int check_identity(struct check *c, struct err *e)
{
    struct vault *v = c->vault;
    struct vault_info info;
    struct sign_key keeper = {0};
    struct err why = ERR_INIT;
    if (config_read(v->store, &info, &why)) {
        if (note_top(c, "vault", &why, e))
            return -1;
    } else if (memcmp(info.id, v->info.id, UID_BYTES) != 0 ||
               memcmp(info.owner_pk, v->info.owner_pk, SIGN_PUBLIC_BYTES) != 0) {
        damage_report(&c->damage, "vault", "was replaced by another vault's");
    }
    if (v->far) /* whose affair it is */
        return 0;
    if (keeper_load(v, &keeper, &why))
        return note_top(c, "keeper", &why, e);
    sign_key_done(&keeper);
    return 0;
}

/* ---- small objects -------------------------------------------------------------------- */

static int check_small(struct check *c, const struct object_kind *k, const char *leaf,
                       struct err *e)
{
    CLEANUP(buf_done) struct buf b = {0};
    struct err why = ERR_INIT;
    char name[OBJECT_NAME_BYTES];
    object_kind_name(k, leaf, name);
    int rc = object_read(c->vault->store, name, k->max, &b, &why);
    c->stats.bytes_read += b.len;
    if (rc && why.cls == ERR_NOT_FOUND)
        return 0; /* keys were changed since it was listed */
    if (!rc)
        rc = k->verify(c->vault, leaf, b.data, b.len, &why);
    return rc ? note(c, name, &why, e) : 0;
}

static int check_kind(struct check *c, const struct object_kind *k, struct err *e)
{
    CLEANUP(buf_done) struct buf leaves = {.max = CHECK_NAMES_MAX};
    if (object_kind_list(c->vault, k, false, &leaves, e))
        return -1;
    for (size_t at = 0; at < leaves.len; at += OBJECT_NAME_BYTES)
        if (check_small(c, k, (const char *)leaves.data + at, e))
            return -1;
    return 0;
}

/* Those at the top are seen to by themselves, and so are records and rules. */
static bool is_small(const struct object_kind *k)
{
    return *k->dir && strcmp(k->dir, "rules") != 0 && strcmp(k->dir, "snapshots") != 0;
}

static int check_small_objects(struct check *c, struct err *e)
{
    for (size_t i = 0; i < object_kind_count; i++)
        if (is_small(&object_kinds[i]) && check_kind(c, &object_kinds[i], e))
            return -1;
    return 0;
}

/* ---- condemnations ---------------------------------------------------------------------- */

static int check_condemned(struct check *c, struct err *e)
{
    CLEANUP(condemned_done) struct condemned l = {0};
    return condemned_read(c->vault, &c->damage, &l, e);
}

/* ---- packs ---------------------------------------------------------------------------------- */

/* 1 if the pack went away since it was listed: a collection removed it. */
static int check_pack(struct check *c, uint32_t number, struct err *e)
{
    struct vault *v = c->vault;
    const struct pack *p = pack_set_at(&v->packs, number);
    struct pack_contents contents;
    struct err why = ERR_INIT;
    int rc = pack_contents_read(v, p->id, &contents, &why);
    if (rc && why.cls == ERR_NOT_FOUND) {
        pack_contents_done(&contents);
        return 1;
    }
    c->stats.packs++;
    c->looked_at[number] = true;
    if (rc && atomic_load(&p->swept) && why.cls == ERR_DAMAGED) {
        rc = 0; /* waits to be removed; a record that needs it all the same is reported */
    } else if (rc) {
        char name[PACK_NAME_BYTES];
        pack_name(p->id, name);
        rc = note(c, name, &why, e);
    } else if (contents.footer.origin_count &&
               origins_add(&c->origins, number, &contents.footer, e)) {
        rc = -1;
    } else {
        c->frames_of[number] = contents.footer.count;
        c->stats.frames += contents.footer.count;
        c->stats.bytes_read += PACK_HEADER_BYTES + PACK_TRAILER_BYTES +
                               (uint64_t)contents.footer.count * PACK_ROW_BYTES;
    }
    pack_contents_done(&contents);
    return rc;
}

#define LOOKS_MAX 16u

static int missing_pack(struct check *c, uint32_t number)
{
    char name[PACK_NAME_BYTES];
    pack_name(pack_set_at(&c->vault->packs, number)->id, name);
    damage_report(&c->damage, name, "is listed, but is not there");
    c->looked_at[number] = true;
    return 0;
}

static int packs_room(struct check *c, struct err *e)
{
    uint32_t had = c->pack_count;
    c->pack_count = vault_pack_count(c->vault);
    if (c->pack_count == had && c->frames_of)
        return 0;
    uint32_t *frames = mem_realloc(c->frames_of, (size_t)c->pack_count + 1, sizeof *frames);
    if (frames)
        c->frames_of = frames;
    bool *looked_at = mem_realloc(c->looked_at, (size_t)c->pack_count + 1, sizeof *looked_at);
    if (looked_at)
        c->looked_at = looked_at;
    if (!frames || !looked_at)
        return err_no_memory(e, "checking packs");
    for (uint32_t i = had; i < c->pack_count; i++) {
        frames[i] = CHECK_NO_FOOTER;
        looked_at[i] = false;
    }
    return 0;
}

/* What a collection removes under our eyes it has moved before: as long as packs
 * go away, we look again, and find where to. One that is listed again and again but is not there
 * (a server may say so) is missing. */
static int check_packs(struct check *c, struct err *e)
{
    struct vault *v = c->vault;
    bool again = true;
    for (unsigned round = 1; again; round++) {
        again = false;
        if (vault_refresh(v, NULL, NULL, e) || packs_room(c, e))
            return -1;
        for (uint32_t i = 0; i < c->pack_count; i++) {
            if (c->looked_at[i] || pack_set_at(&v->packs, i)->seen != v->refresh)
                continue;
            int rc = check_pack(c, i, e);
            if (rc == 1 && round == LOOKS_MAX)
                rc = missing_pack(c, i);
            if (rc < 0)
                return -1;
            again = again || rc;
        }
    }
    origins_sort(&c->origins);
    return 0;
}

int vault_check(struct vault *v, vault_damage *damaged, void *arg, struct vault_check_stats *stats,
                struct err *e)
{
    struct check c = {.vault = v, .damage = {.each = damaged, .arg = arg}};
    /* Records are listed before packs: whatever they need is there by then. */
    int rc = record_list(v, &c.records, e) || check_identity(&c, e) || check_small_objects(&c, e) || check_condemned(&c, e) ||
                     check_packs(&c, e) || check_records(&c, e) || check_marks(&c, e) ||
                     check_parity(&c, e)
                 ? -1
                 : 0;
    mem_free(c.frames_of);
    mem_free(c.looked_at);
    sequences_done(&c.records);
    origins_done(&c.origins);
    c.stats.damaged = c.damage.count;
    *stats = c.stats;
    return rc;
}
