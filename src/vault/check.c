/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that can be verified without a key and without reading frames:
 * identity, certificates, envelopes, packs' ends. Records are in
 * check_records.c, frames in scrub.c. Goes on after damage, so that one report
 * names all of it; repairs nothing. Objects with names that mean nothing are
 * ignored, as the format says.
 */
#include "base/mem.h"
#include "vault/certificate_format.h"
#include "vault/check_internal.h"
#include "vault/marks.h"

#include <string.h>

static int note(struct check *c, const char *object, const struct err *why, struct err *e)
{
    return damage_note(&c->damage, object, why, e);
}

/* ---- identity ---------------------------------------------------------------------- */

static int check_identity(struct check *c, struct err *e)
{
    struct vault *v = c->vault;
    struct vault_info info;
    struct sign_key keeper = {0};
    struct err why = ERR_INIT;
    if (config_read(v->store, &info, &why)) {
        if (note(c, "vault", &why, e))
            return -1;
    } else if (memcmp(info.id, v->info.id, UID_BYTES) != 0 ||
               memcmp(info.owner_pk, v->info.owner_pk, SIGN_PUBLIC_BYTES) != 0) {
        damage_report(&c->damage, "vault", "was replaced by another vault's");
    }
    if (keeper_load(v, &keeper, &why))
        return note(c, "keeper", &why, e);
    sign_key_done(&keeper);
    return 0;
}

/* ---- small objects -------------------------------------------------------------------- */

static int verify_session(struct check *c, const char *name, const struct buf *b, struct err *e)
{
    uint8_t id[UID_BYTES] = {0}, writer[UID_BYTES];
    (void)hex_decode(name, strlen(name), id, UID_BYTES);
    return envelope_verify(c->vault, id, b->data, b->len, writer, e);
}

static int verify_writer(struct check *c, const char *name, const struct buf *b, struct err *e)
{
    uint8_t id[UID_BYTES] = {0};
    (void)b;
    (void)hex_decode(name, strlen(name), id, UID_BYTES);
    return writer_verify(c->vault, id, e);
}

static int verify_recipients(struct check *c, const char *name, const struct buf *b, struct err *e)
{
    uint8_t raw[8] = {0};
    (void)hex_decode(name, strlen(name), raw, 8);
    return recipients_verify(b->data, b->len, c->vault->info.id, __builtin_bswap64(get_u64(raw)),
                             c->vault->info.owner_pk, e);
}

static int verify_resealed(struct check *c, const char *name, const struct buf *b, struct err *e)
{
    uint8_t writer[UID_BYTES];
    return resealed_verify(c->vault, name, b->data, b->len, writer, e);
}

static int verify_revoked(struct check *c, const char *name, const struct buf *b, struct err *e)
{
    struct revocation r;
    uint8_t id[UID_BYTES] = {0};
    (void)hex_decode(name, strlen(name), id, UID_BYTES);
    if (revocation_decode(b->data, b->len, c->vault->info.owner_pk, &r, e))
        return -1;
    if (memcmp(r.vault, c->vault->info.id, UID_BYTES) != 0 || memcmp(r.writer, id, UID_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "of another vault or writer");
    return 0;
}

static int verify_key(struct check *c, const char *name, const struct buf *b, struct err *e)
{
    (void)name;
    return key_verify(b->data, b->len, c->vault->info.id, e);
}

struct small {
    struct check *check;
    enum vault_kind kind;
    int (*verify)(struct check *c, const char *name, const struct buf *b, struct err *e);
};

static int check_small(void *arg, const char *name, struct err *e)
{
    const struct small *s = arg;
    struct check *c = s->check;
    CLEANUP(buf_done) struct buf b = {0};
    struct err why = ERR_INIT;
    char full[OBJECT_NAME_BYTES];
    if (object_name(s->kind, name, full, e))
        return -1;
    int rc = vault_get(c->vault, s->kind, name, &b, &why);
    c->stats.bytes_read += b.len;
    if (rc && why.cls == ERR_NOT_FOUND)
        return 0; /* keys were changed since it was listed */
    if (!rc)
        rc = s->verify(c, name, &b, &why);
    return rc ? note(c, full, &why, e) : 0;
}

static int check_small_objects(struct check *c, struct err *e)
{
    const struct small kinds[] = {
        {c, VAULT_KEY, verify_key},
        {c, VAULT_RECIPIENTS, verify_recipients},
        {c, VAULT_WRITER, verify_writer},
        {c, VAULT_SESSION, verify_session},
        {c, VAULT_RESEALED, verify_resealed},
        {c, VAULT_REVOKED, verify_revoked},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct small s = kinds[i];
        if (vault_list(c->vault, s.kind, check_small, &s, e))
            return -1;
    }
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
    if (rc) {
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
 * go away, we look again, and find where to. */
static int check_packs(struct check *c, struct err *e)
{
    struct vault *v = c->vault;
    for (bool again = true; again;) {
        again = false;
        if (vault_refresh(v, NULL, NULL, e) || packs_room(c, e))
            return -1;
        for (uint32_t i = 0; i < c->pack_count; i++) {
            if (c->looked_at[i] || pack_set_at(&v->packs, i)->seen != v->refresh)
                continue;
            int rc = check_pack(c, i, e);
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
                     check_packs(&c, e) || check_records(&c, e) || check_marks(&c, e)
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
