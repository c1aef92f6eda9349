/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A7: garbage under the id of a chunk that somebody else will want. The keeper cannot see that it is garbage; so what one
 * machine stored must not count for another.
 */
#include "attack/families.h"

#include "base/file.h"
#include "base/mem.h"
#include "vault/pack_format.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

struct poison {
    struct play *p;
    struct victim *victim;
    struct forger thief; /* a neighbour, who somehow knows how the victim names its chunks */
    struct refusal_tally t;
    uint8_t wanted[ID_BYTES]; /* the id of what the victim will back up */
    uint8_t self_vault[UID_BYTES], self_writer[UID_BYTES]; /* the victim's */
};

/* What the victim will store next: it has only that one file, so the file is one chunk. */
static int known_content(struct buf *out, struct err *e)
{
    for (unsigned i = 0; i < 3000; i++)
        buf_put(out, "everybody has this file; ", 25);
    return buf_check(out, "a file", e);
}

static int name_it(struct poison *x, const struct buf *content, struct err *e)
{
    struct forger self = {0};
    int rc = forger_begin(&self, x->victim->machine, e);
    if (!rc) {
        forger_name(&self, content->data, content->len, x->wanted);
        memcpy(x->self_vault, self.key->vault_id, UID_BYTES);
        memcpy(x->self_writer, self.key->id, UID_BYTES);
    }
    forger_done(&self);
    return rc;
}

/* The same frame in packs that say that they are of others, each under the name that is right for it; and sent to the victim's vault. */
static int disguise(struct poison *x, const struct forged_frame *frame, struct err *e)
{
    static const uint8_t other[UID_BYTES] = {0x5a, 1, 2, 3};
    const uint8_t *writer = x->self_writer, *vault = x->self_vault;
    const struct forged_header as[] = {{.writer = writer},          {.writer = other},   {.vault = vault}, {.vault = other},
                                       {.vault = vault, .writer = writer}, {.session = other}, {0}};
    char path[400], hex[2 * UID_BYTES + 1], name[PACK_NAME_BYTES];
    party_vault(x->victim->machine, hex);
    for (size_t i = 0; i < sizeof as / sizeof *as; i++) {
        struct forged_pack k = {0};
        struct told told;
        if (forger_pack(&x->thief, &as[i], frame, 1, &k, e))
            return -1;
        pack_name(k.id, name);
        (void)snprintf(path, sizeof path, "/v1/vaults/%s/sessions/%s/%s", hex, x->thief.session, name);
        party_try(x->thief.as, "PUT", path, WIRE_BINARY, k.bytes.data, k.bytes.len, &told);
        (void)judge_refused(&x->t, "a pack put into another's vault", told.status);
        if (i + 1 < sizeof as / sizeof *as) {
            forger_send_pack(&x->thief, &k, &told);
            (void)judge_refused(&x->t, "a pack that names another vault, writer or session", told.status);
        }
        buf_done(&k.bytes);
    }
    return 0;
}

struct first_pack {
    uint8_t id[ID_BYTES];
    bool found;
};
static int take_first(void *arg, const char *name, struct err *e)
{
    struct first_pack *f = arg;
    char full[300];
    (void)e;
    (void)snprintf(full, sizeof full, "packs/%s", name);
    f->found = pack_name_decode(full, f->id);
    return f->found;
}

/* A record in the thief's vault that refers to what the victim stored. */
static int refer(struct poison *x, struct err *e)
{
    char dir[WORLD_PATH], packs[WORLD_PATH + 16];
    struct first_pack first = {0};
    uint8_t bits[64] = {1};
    struct told told;
    if (!x->p->world->own)
        return 0;
    world_vault_dir(x->p->world, x->victim->machine, dir);
    (void)snprintf(packs, sizeof packs, "%s/packs", dir);
    (void)!tree_files(packs, take_first, &first, NULL);
    struct refset_pack ref = {.frame_count = 1, .bits = bits};
    memcpy(ref.pack, first.id, ID_BYTES);
    if (forger_commit(&x->thief, &(struct forged_record){.packs = &ref, .pack_count = 1}, &told, e))
        return -1;
    (void)play_claim(x->p, first.found, "there was no pack of the victim to refer to");
    (void)judge_refused(&x->t, "a record that refers to another's pack", told.status);
    return 0;
}

static int poison(struct poison *x, struct party *thief, struct err *e)
{
    static const char garbage[] = "this is not what its id says";
    struct forged_frame frame = {.plain = garbage, .len = sizeof garbage};
    struct forged_pack k = {0};
    struct told told;
    memcpy(frame.id, x->wanted, ID_BYTES);
    if (forger_begin(&x->thief, thief, e) || forger_session(&x->thief, e) || disguise(x, &frame, e) ||
        forger_pack(&x->thief, NULL, &frame, 1, &k, e))
        return -1;
    forger_send_pack(&x->thief, &k, &told);
    (void)play_claim(x->p, told.status == 201, "the play itself: garbage could not be stored in the thief's own vault (%d)",
                     told.status);
    buf_done(&k.bytes);
    return refer(x, e);
}

/* The victim's next backup has the wanted file, alone in a directory of its own so that it is one chunk. */
static int back_up_wanted(struct poison *x, const struct buf *content, struct backup_result *r, char dir[WORLD_PATH],
                          struct err *e)
{
    struct party *m = x->victim->machine;
    CLEANUP(access_close) struct access a = {0};
    char path[WORLD_PATH + 16];
    (void)snprintf(dir, WORLD_PATH, "%.400s/wanted", m->world->dir);
    (void)snprintf(path, sizeof path, "%s/file", dir);
    const char *paths[] = {dir};
    const struct backup_options o = {.paths = paths, .path_count = 1, .host = m->name, .level = 1, .threads = 1};
    if (file_make_dirs(dir, 0700, e) || file_replace(path, content->data, content->len, 0600, e) ||
        access_open(m->world->url, &m->dirs, &a, e) || access_as_writer(&a, &m->dirs, e))
        return -1;
    return work_backup(&a, &m->dirs, &o, r, e);
}

static int read_back(struct poison *x, const uint8_t id[ID_BYTES], const char *dir, const struct buf *content, bool *same,
                     struct err *e)
{
    CLEANUP(access_close) struct access a = {0};
    CLEANUP(buf_done) struct buf got = {.max = (size_t)1 << 20};
    struct snapshot_list all = {0};
    char target[WORLD_PATH], path[WORLD_PATH * 2 + 16];
    struct restore_result r;
    struct frame_loc loc;
    int rc = victim_open(x->victim, &a, e) || vault_refresh(a.vault, NULL, NULL, e) ||
                     vault_snapshots(a.vault, &all, NULL, NULL, e)
                 ? -1
                 : 0;
    if (!rc)
        (void)play_claim(x->p, vault_find(a.vault, x->wanted, &loc), "the play itself: the victim needed another chunk");
    (void)snprintf(target, sizeof target, "%.400s/wanted-back", x->p->world->dir);
    const struct restore_options o = {.path = "", .target = target, .overwrite = TARGET_ALWAYS, .threads = 1};
    for (size_t i = 0; !rc && i < all.count; i++)
        if (memcmp(all.items[i].id, id, ID_BYTES) == 0)
            rc = file_make_dirs(target, 0700, e) || work_restore(&a, &all.items[i], &o, &r, e) ? -1 : 0;
    snapshot_list_done(&all);
    (void)snprintf(path, sizeof path, "%s%s/file", target, dir);
    *same = !rc && file_slurp(AT_FDCWD, path, (size_t)1 << 20, &got, NULL) == 0 && got.len == content->len &&
            memcmp(got.data, content->data, got.len) == 0;
    return rc;
}

static int play(struct poison *x, struct party *thief, struct err *e)
{
    CLEANUP(buf_done) struct buf content = {.max = (size_t)1 << 20};
    struct backup_result r = {0};
    char dir[WORLD_PATH];
    bool same = false;
    if (victim_backup(x->victim, e) || known_content(&content, e) || name_it(x, &content, e) || poison(x, thief, e) ||
        back_up_wanted(x, &content, &r, dir, e))
        return -1;
    (void)play_claim(x->p, r.data_bytes > 0, "the victim took the garbage for its own chunk, and stored nothing");
    (void)play_claim(x->p, x->t.asked >= 13 && x->t.refused == x->t.asked, "not refused: %s", x->t.first);
    if (victim_can_be_read(x->victim)) {
        if (read_back(x, r.id, dir, &content, &same, e))
            return -1;
        (void)play_claim(x->p, same, "what the victim restores is not what it backed up");
    }
    play_tell(x->p, "a garbage chunk under the id that the victim needs next, and %u attempts to place it in the victim's vault: "
                    "the victim stored its own, and got it back bit by bit",
              x->t.asked);
    return 0;
}

void attack_poison(struct play *p)
{
    struct world *w = p->world;
    CLEANUP(party_done) struct party thief = {0};
    CLEANUP(victim_done) struct victim v = {0};
    struct poison x = {.p = p, .victim = &v};
    struct err *e = &p->error;
    if (victim_begin(&v, &w->web, e) || (w->own && party_machine(&thief, w, "thief", w->tenant, false, e)))
        return;
    (void)play(&x, w->own ? &thief : &w->other, e);
    forger_done(&x.thief);
    victim_recover(p, &v);
}
