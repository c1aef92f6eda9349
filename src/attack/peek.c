/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A6: a machine's key, used to read: other machines' vaults, other tenants', its own history. What is somebody else's must be
 * answered exactly like what does not exist.
 */
#include "attack/families.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define NOWHERE "00000000000000000000000000000000"

struct peek {
    struct play *p;
    struct party *web;
    char vault[2 * UID_BYTES + 1];
    const char *theirs; /* a foreign vault, hex */
    struct refusal_tally t;
    unsigned compared, told_apart, leaks;
    char first[300];
};

static const char *const dirs[] = {"", "packs", "snapshots", "sessions", "keys", "marks", "writers", "recipients", "rules",
                                   "revoked", "parity", "clock", "index", "condemned", "resealed", "spare"};

static void get(struct peek *k, const char *path, struct told *told)
{
    CLEANUP(buf_done) struct buf body = {0};
    party_get(k->web, path, &body, told);
}

/* Theirs and none: the same, and refused. */
static void compare(struct peek *k, const char *method, const char *before, const char *after, const char *type, const char *body)
{
    struct told a, b;
    char one[400], none[400];
    (void)snprintf(one, sizeof one, "%s%s%s", before, k->theirs, after);
    (void)snprintf(none, sizeof none, "%s" NOWHERE "%s", before, after);
    party_try(k->web, method, one, type, body, strlen(body), &a);
    party_try(k->web, method, none, type, body, strlen(body), &b);
    (void)judge_refused(&k->t, one, a.status);
    k->compared++;
    if (!judge_same(&a, &b) && k->told_apart++ == 0)
        (void)snprintf(k->first, sizeof k->first, "%s %.140s: %d %.40s, and %d %.40s for none", method, one, a.status, a.code, b.status,
                       b.code);
}

static int compare_object(void *arg, const char *name, struct err *e)
{
    struct peek *k = arg;
    char after[300], line[300];
    (void)e;
    (void)snprintf(after, sizeof after, "/objects/%s", name);
    compare(k, "GET", "/v1/vaults/", after, NULL, "");
    (void)snprintf(line, sizeof line, "0 64 %s\n", name);
    compare(k, "POST", "/v1/vaults/", "/read", WIRE_BINARY, line);
    return 0;
}

static int look_at_foreign(struct peek *k, const struct party *other, struct err *e)
{
    char vault[2 * UID_BYTES + 1], dir[WORLD_PATH], after[100];
    party_vault(other, vault);
    k->theirs = vault;
    compare(k, "GET", "/v1/vaults/", "", NULL, "");
    compare(k, "GET", "/v1/vaults/", "/policy", NULL, "");
    compare(k, "GET", "/v1/vaults/", "/outline?of=open", NULL, "");
    compare(k, "GET", "/v1/vaults/", "/outline?of=read", NULL, "");
    compare(k, "POST", "/v1/vaults/", "/writers", WIRE_BINARY, "certificate");
    compare(k, "PUT", "/v1/vaults/", "/sessions/" NOWHERE, WIRE_BINARY, "a session");
    compare(k, "POST", "/v1/vaults/", "/sessions/" NOWHERE "/begin", NULL, "");
    for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
        (void)snprintf(after, sizeof after, "/objects?under=%s", dirs[i]);
        compare(k, "GET", "/v1/vaults/", after, NULL, "");
    }
    world_vault_dir(k->web->world, other, dir);
    return k->web->world->own ? tree_files(dir, compare_object, k, e) : compare_object(k, "snapshots/0000000000000001", e);
}

/* ---- its own history ------------------------------------------------------------------------------ */

static void own_frames(struct peek *k, const char *name)
{
    CLEANUP(buf_done) struct buf answer = {.max = (size_t)1 << 20};
    struct wire_part part;
    char path[200], line[300];
    struct err why = ERR_INIT;
    int n = snprintf(line, sizeof line, "200 100 %s\n", name);
    (void)snprintf(path, sizeof path, "/v1/vaults/%s/read", k->vault);
    const struct client_piece piece = {line, (size_t)n};
    struct client_call call = {.method = "POST", .path = path, .type = WIRE_BINARY, .pieces = &piece, .piece_count = 1,
                               .answer = &answer, .once = true};
    k->t.asked++;
    if (client_do(k->web->remote->client, &call, &why) == 0 && answer.len >= WIRE_PART_HEAD &&
        wire_part_take(answer.data, &part, NULL) == 0 && part.cls == ERR_UNSET && part.len)
        k->leaks++;
    else
        k->t.refused++;
}

static int own_object(void *arg, const char *name, struct err *e)
{
    static const char *const open[] = {"vault", "recipients/", "writers/", "revoked/", "condemned/"};
    struct peek *k = arg;
    char path[400];
    struct told told;
    (void)e;
    for (size_t i = 0; i < sizeof open / sizeof *open; i++)
        if (strncmp(name, open[i], strlen(open[i])) == 0)
            return 0; /* what every writer must see */
    if (strncmp(name, "packs/", 6) == 0) {
        own_frames(k, name);
        return 0;
    }
    (void)snprintf(path, sizeof path, "/v1/vaults/%s/objects/%s", k->vault, name);
    get(k, path, &told);
    (void)judge_refused(&k->t, path, told.status);
    return 0;
}

static int look_at_own(struct peek *k, struct err *e)
{
    static const char *const some[] = {"snapshots/0000000000000001", "keeper", "clock/0", ("keys/" NOWHERE)};
    char dir[WORLD_PATH];
    party_vault(k->web, k->vault);
    world_vault_dir(k->web->world, k->web, dir);
    if (!k->web->who.restore) {
        char path[200];
        struct told told;
        (void)snprintf(path, sizeof path, "/v1/vaults/%s/outline?of=read", k->vault);
        get(k, path, &told);
        (void)judge_refused(&k->t, path, told.status);
    }
    if (k->web->world->own)
        return tree_files(dir, own_object, k, e);
    for (size_t i = k->web->who.restore ? 1 : 0; i < sizeof some / sizeof *some; i++)
        if (!k->web->who.restore || strncmp(some[i], "keys/", 5) != 0)
            (void)own_object(k, some[i], e);
    return 0;
}

/* ---- the log --------------------------------------------------------------------------------------------- */

static bool log_tells(struct peek *k, const struct party *other)
{
    CLEANUP(buf_done) struct buf body = {0};
    char vault[2 * UID_BYTES + 1];
    struct told told;
    party_vault(other, vault);
    party_get(k->web, "/v1/log/entries?from=0&count=1000", &body, &told);
    buf_put_u8(&body, 0);
    return body.failed || told.status != 200 || strstr((char *)body.data, vault) || strstr((char *)body.data, other->who.id);
}

static int play(struct peek *k, struct victim *mine, struct party *const *others, size_t count, struct err *e)
{
    if (victim_backup(mine, e) || victim_backup(mine, e))
        return -1;
    for (size_t i = 0; i < count; i++) {
        struct victim v = {0};
        int rc = victim_begin(&v, others[i], e) || victim_backup(&v, e) || look_at_foreign(k, others[i], e) ? -1 : 0;
        victim_done(&v);
        if (rc)
            return -1;
        (void)play_claim(k->p, !log_tells(k, others[i]), "the log tells a machine of '%s'", others[i]->name);
    }
    if (look_at_own(k, e))
        return -1;
    (void)play_claim(k->p, k->t.asked >= 4 && k->t.refused == k->t.asked, "not refused: %s", k->t.first);
    (void)play_claim(k->p, k->leaks == 0, "%u packs of the machine's own history could be read", k->leaks);
    (void)play_claim(k->p, k->told_apart == 0, "what is others' can be told from what is not there: %s", k->first);
    play_tell(k->p, "%u attempts to read, %u of them with others' ids: all refused, none told apart from what does not exist",
              k->t.asked, k->compared);
    return 0;
}

static int second_tenant(struct world *w, struct party *far, struct err *e)
{
    json_t *in = json_pack("{s:s}", "name", "Beta"), *answer = NULL;
    char tenant[33];
    int rc = in ? party_ask(&w->owner, "POST", "/v1/tenants", in, &answer, e) : err_no_memory(e, "a request");
    if (!rc)
        rc = json_take_text(answer, "tenant", tenant, sizeof tenant, e) || party_machine(far, w, "far", tenant, false, e) ? -1 : 0;
    json_decref(in);
    json_decref(answer);
    return rc;
}

void attack_peek(struct play *p)
{
    struct world *w = p->world;
    struct peek k = {.p = p, .web = &w->web};
    CLEANUP(party_done) struct party db = {0};
    CLEANUP(party_done) struct party far = {0};
    CLEANUP(victim_done) struct victim mine = {0};
    struct party *own[] = {&db, &far}, *given[] = {&w->other};
    struct err *e = &p->error;
    if (victim_begin(&mine, &w->web, e) ||
        (w->own && (party_machine(&db, w, "db", w->tenant, false, e) || second_tenant(w, &far, e))))
        return;
    (void)play(&k, &mine, w->own ? own : given, w->own ? 2 : (size_t)w->has_other, e);
    victim_recover(p, &mine);
}
