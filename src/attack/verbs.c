/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A1: a machine's key, and everything that can be said with it: each call, each other verb on each path and object, uploads that are not
 * what they say, records out of turn, and bytes that are changed at random. What was stored must be the same afterwards.
 */
#include "attack/families.h"

#include "base/clock.h"
#include "base/mem.h"
#include "vault/pack_format.h"

#include <stdio.h>
#include <string.h>

struct verbs {
    struct play *p;
    struct world *w;
    struct party *web;
    struct forger f;
    struct refusal_tally t;
    char vault[2 * UID_BYTES + 1], writer[2 * UID_BYTES + 1];
};

static void must_refuse(struct verbs *v, const char *method, const char *path, const char *type, const void *body, size_t len)
{
    struct told told;
    char what[300];
    (void)snprintf(what, sizeof what, "%s %.280s", method, path);
    party_try(v->web, method, path, type, body, len, &told);
    (void)judge_refused(&v->t, what, told.status);
}

/* ---- every call, every verb ---------------------------------------------------------------------- */

static const char *value_of(const struct verbs *v, const char *name, size_t len)
{
    static const struct {
        const char *name, *value;
    } fixed[] = {{"aa", "00"},
                 {"pack", "0000000000000000000000000000000000000000000000000000000000000000"},
                 {"name", "snapshots/0000000000000001"}};
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (strlen(fixed[i].name) == len && memcmp(fixed[i].name, name, len) == 0)
            return fixed[i].value;
    if (len == 5 && memcmp(name, "vault", 5) == 0)
        return v->vault;
    if (len == 7 && memcmp(name, "session", 7) == 0)
        return v->f.session;
    if (len == 6 && memcmp(name, "writer", 6) == 0)
        return v->writer;
    if (len == 6 && memcmp(name, "tenant", 6) == 0 && v->w->own)
        return v->w->tenant;
    return v->web->who.id;
}

/* "{vault}" and so on become what the machine knows. */
static void fill_path(const struct verbs *v, const char *pattern, char out[400])
{
    size_t n = 0;
    for (const char *p = pattern; *p && n < 399;) {
        const char *end = *p == '{' ? strchr(p, '}') : NULL;
        if (!end) {
            out[n++] = *p++;
            continue;
        }
        const char *value = value_of(v, p + 1, (size_t)(end - p - 1));
        int m = snprintf(out + n, 400 - n, "%s", value);
        n += m > 0 && (size_t)m < 400 - n ? (size_t)m : 0;
        p = end + 1;
    }
    out[n] = '\0';
}

/* Calls that look after others: no machine may make them. */
static bool is_of_people(const struct wire_call *c)
{
    static const char *const begin[] = {"/v1/tenants", "/v1/requests", "/v1/upkeep", "/v1/tokens", "/v1/grants", "/v1/alarms/"};
    for (size_t i = 0; i < sizeof begin / sizeof *begin; i++)
        if (strncmp(c->path, begin[i], strlen(begin[i])) == 0)
            return true;
    size_t n = strlen(c->path);
    bool changes = strcmp(c->method, "GET") != 0;
    return strcmp(c->path, "/v1/vaults") == 0 || strcmp(c->path, "/v1/identities") == 0 ||
           (changes && strncmp(c->path, "/v1/identities/", 15) == 0) ||
           (changes && n > 7 && (strcmp(c->path + n - 7, "/policy") == 0 || strcmp(c->path + n - 6, "/quota") == 0));
}

static bool is_a_call(const char *method, const char *path)
{
    for (size_t i = 0; i < wire_call_count; i++)
        if (strcmp(wire_calls[i].method, method) == 0 && strcmp(wire_calls[i].path, path) == 0)
            return true;
    return false;
}

static void try_calls(struct verbs *v)
{
    static const char *const verbs[] = {"DELETE", "PATCH", "PUT", "POST", "MOVE", "TRUNCATE"};
    for (size_t i = 0; i < wire_call_count && !world_cancelled(v->w); i++) {
        const struct wire_call *c = &wire_calls[i];
        char path[400];
        fill_path(v, c->path, path);
        if (is_of_people(c))
            must_refuse(v, c->method, path, c->json ? WIRE_JSON : NULL, "{}", c->json ? 2 : 0);
        for (size_t k = 0; k < sizeof verbs / sizeof *verbs; k++)
            if (!is_a_call(verbs[k], c->path))
                must_refuse(v, verbs[k], path, WIRE_BINARY, "x", 1);
    }
}

/* Every object that lies there, by its name, with every verb that changes anything. */
static int try_object(void *arg, const char *name, struct err *e)
{
    struct verbs *v = arg;
    char path[400];
    (void)e;
    (void)snprintf(path, sizeof path, "/v1/vaults/%s/objects/%s", v->vault, name);
    must_refuse(v, "DELETE", path, NULL, NULL, 0);
    must_refuse(v, "PUT", path, WIRE_BINARY, "overwritten", 11);
    must_refuse(v, "POST", path, WIRE_BINARY, "", 0);
    return 0;
}

/* ---- what is not what it says --------------------------------------------------------------------- */

static void send_pack(struct verbs *v, const char *what, const uint8_t *name_of, const void *p, size_t len)
{
    char path[400], name[PACK_NAME_BYTES];
    struct told told;
    pack_name(name_of, name);
    (void)snprintf(path, sizeof path, "/v1/vaults/%s/sessions/%s/%s", v->vault, v->f.session, name);
    party_try(v->web, "PUT", path, WIRE_BINARY, p, len, &told);
    (void)judge_refused(&v->t, what, told.status);
}

static void send_changed_packs(struct verbs *v, const struct forged_pack *k)
{
    CLEANUP(buf_done) struct buf b = {.max = k->bytes.max};
    uint8_t other[ID_BYTES] = {7};
    buf_put(&b, k->bytes.data, k->bytes.len);
    if (b.failed)
        return;
    send_pack(v, "a pack under another name", other, b.data, b.len);
    send_pack(v, "half a pack", k->id, b.data, b.len / 2);
    send_pack(v, "a pack's end alone", k->id, b.data + b.len - 64, 64);
    send_pack(v, "an empty pack", k->id, b.data, 0);
    buf_put(&b, "more", 4);
    send_pack(v, "a pack with something behind it", k->id, b.data, b.len);
    b.len -= 4;
    for (unsigned i = 0; i < v->p->o->requests && !world_cancelled(v->w); i++) {
        size_t at = play_below(v->p, b.len);
        uint8_t by = (uint8_t)(1 + play_below(v->p, 255));
        b.data[at] ^= by;
        send_pack(v, "a pack with a byte changed", k->id, b.data, b.len);
        b.data[at] ^= by;
    }
}

static int try_packs(struct verbs *v, struct err *e)
{
    static const char one[] = "this frame was first", two[] = "and this one second";
    struct forged_frame frames[] = {{.plain = one, .len = sizeof one}, {.plain = two, .len = sizeof two}};
    struct forged_pack k = {0};
    forger_name(&v->f, one, sizeof one, frames[0].id);
    forger_name(&v->f, two, sizeof two, frames[1].id);
    if (forger_pack(&v->f, NULL, frames, 2, &k, e))
        return -1;
    send_changed_packs(v, &k);
    buf_done(&k.bytes);
    return 0;
}

static void send_record(struct verbs *v, const char *what, const struct buf *b)
{
    char path[400];
    struct told told;
    (void)snprintf(path, sizeof path, "/v1/vaults/%s/sessions/%s/snapshot", v->vault, v->f.session);
    party_try(v->web, "POST", path, WIRE_BINARY, b->data, b->len, &told);
    (void)judge_refused(&v->t, what, told.status);
}

static int try_record(struct verbs *v, const char *what, const struct forged_record *r, struct err *e)
{
    CLEANUP(buf_done) struct buf b = {0};
    if (forger_record(&v->f, r, &b, e))
        return -1;
    send_record(v, what, &b);
    return 0;
}

static int try_records(struct verbs *v, struct err *e)
{
    CLEANUP(buf_done) struct buf b = {0};
    uint8_t bit = 1, nobody[UID_BYTES] = {1};
    struct refset_pack foreign = {.frame_count = 1, .bits = &bit, .pack = {9}};
    if (try_record(v, "a record in an earlier one's place", &(struct forged_record){.sequence = 1}, e) ||
        try_record(v, "a record far ahead", &(struct forged_record){.sequence = 1u << 30}, e) ||
        try_record(v, "a record in another's name", &(struct forged_record){.writer = nobody}, e) ||
        try_record(v, "a record of a pack that is not there", &(struct forged_record){.packs = &foreign, .pack_count = 1}, e) ||
        forger_record(&v->f, &(struct forged_record){0}, &b, e))
        return -1;
    for (unsigned i = 0; i < v->p->o->requests && !world_cancelled(v->w); i++) {
        size_t at = play_below(v->p, b.len);
        uint8_t by = (uint8_t)(1 + play_below(v->p, 255));
        b.data[at] ^= by;
        send_record(v, "a record with a byte changed", &b);
        b.data[at] ^= by;
    }
    return 0;
}

/* The same name with other bytes: it may be answered that the pack is there, nothing may change. */
static int again_one(void *arg, const char *name, struct err *e)
{
    struct verbs *v = arg;
    char path[400];
    struct told told;
    (void)e;
    (void)snprintf(path, sizeof path, "/v1/vaults/%s/sessions/%s/packs/%s", v->vault, v->f.session, name);
    party_try(v->web, "PUT", path, WIRE_BINARY, "something else altogether", 25, &told);
    if (told.status != 200) /* "it was there" */
        (void)judge_refused(&v->t, "another pack in place of one", told.status);
    return 0;
}

/* ---- all of it ------------------------------------------------------------------------------------------ */

static int attack_all(struct verbs *v, const char *dir, struct err *e)
{
    char packs[WORLD_PATH + 16];
    hex_encode(v->f.key->id, UID_BYTES, v->writer);
    party_vault(v->web, v->vault);
    try_calls(v);
    if (try_packs(v, e) || try_records(v, e))
        return -1;
    if (!v->w->own)
        return 0;
    (void)snprintf(packs, sizeof packs, "%s/packs", dir);
    return tree_files(dir, try_object, v, e) || tree_files(packs, again_one, v, e) ? -1 : 0;
}

static int look(struct verbs *v, const char *dir, struct file_prints *out, struct err *e)
{
    return v->w->own ? world_prints(dir, out, e) : 0;
}

static int play(struct verbs *v, struct victim *victim, struct err *e)
{
    char dir[WORLD_PATH];
    CLEANUP(file_prints_done) struct file_prints before = {0};
    CLEANUP(file_prints_done) struct file_prints after = {0};
    struct print_change change;
    uint64_t refusals_before = 0, refusals_after = 0;
    if (victim_backup(victim, e) || victim_backup(victim, e) || forger_begin(&v->f, v->web, e) || forger_session(&v->f, e))
        return -1;
    world_vault_dir(v->w, v->web, dir);
    if (look(v, dir, &before, e) || (v->w->own && world_entries(v->w, "refusal", NULL, &refusals_before, e)) ||
        attack_all(v, dir, e) || look(v, dir, &after, e))
        return -1;
    if (v->w->own && (world_upkeep(v->w, e) || world_entries(v->w, "refusal", NULL, &refusals_after, e)))
        return -1;
    judge_files(&before, &after, &change);
    (void)play_claim(v->p, v->t.asked > 300 && v->t.refused == v->t.asked, "not refused: %s", v->t.first);
    if (v->w->own) {
        (void)play_claim(v->p, before.count && !change.missing && !change.changed, "what was stored is not what it was: %s",
                         change.first);
        (void)play_claim(v->p, refusals_after > refusals_before, "the log says nothing of all these refusals");
    }
    play_tell(v->p, "%u requests that delete, overwrite, truncate or forge: all refused", v->t.asked);
    if (v->w->own)
        play_tell(v->p, "%zu stored files unchanged; refusals are in the log", before.count);
    return 0;
}

void attack_verbs(struct play *p)
{
    struct verbs v = {.p = p, .w = p->world, .web = &p->world->web};
    CLEANUP(victim_done) struct victim victim = {0};
    if (victim_begin(&victim, v.web, &p->error) == 0)
        (void)play(&v, &victim, &p->error);
    forger_done(&v.f);
    victim_recover(p, &victim);
}
