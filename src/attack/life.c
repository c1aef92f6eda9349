/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What time does: A15, a key that everybody forgot; A16, a customer who left; A20, backups that stopped. And A17: all keys of
 * machines and people are gone.
 */
#include "attack/families.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define DAY_S INT64_C(86400)

/* ---- A15 --------------------------------------------------------------------------------------------- */

/* Every call of a machine, as one who should be nobody. */
static void try_all(struct party *x, struct refusal_tally *t, const char *code, unsigned *by_code)
{
    for (size_t i = 0; i < wire_call_count; i++) {
        const struct wire_call *c = &wire_calls[i];
        struct told told;
        if (strcmp(c->path, "/v1/authority") == 0 || strcmp(c->path, "/v1/server") == 0 || strcmp(c->path, "/v1/enrol") == 0)
            continue; /* of anybody */
        if (strchr(c->path, '{'))
            continue; /* who asks is looked at before what for */
        party_try(x, c->method, c->path, c->json ? WIRE_JSON : NULL, "{}", c->json ? 2 : 0, &told);
        (void)judge_refused(t, c->path, told.status);
        *by_code += strcmp(told.code, code) == 0;
    }
}

static bool inventory_has(struct world *w, const struct party *x, struct err *e)
{
    json_t *answer = NULL, *o;
    size_t i;
    bool found = false;
    if (party_ask(&w->owner, "GET", "/v1/identities", NULL, &answer, e))
        return false;
    json_array_foreach(json_object_get(answer, "identities"), i, o) {
        const char *id = json_string_value(json_object_get(o, "id"));
        char text[2048] = "";
        char *dump = json_dumps(o, 0);
        (void)snprintf(text, sizeof text, "%s", dump ? dump : "");
        mem_free(dump);
        if (id && strcmp(id, x->who.id) == 0)
            found = strstr(text, "seen") != NULL;
    }
    json_decref(answer);
    return found;
}

static int play_abandoned(struct play *p, struct party *idle, struct victim *v, struct err *e)
{
    struct world *w = p->world;
    struct refusal_tally expired = {0}, revoked = {0}, again = {0};
    unsigned expired_by = 0, revoked_by = 0;
    struct err why = ERR_INIT;
    char path[200];
    struct told told;
    if (victim_backup(v, e))
        return -1;
    struct victim left = {0};
    if (victim_begin(&left, idle, e) || victim_backup(&left, e)) {
        victim_done(&left);
        return -1;
    }
    world_let_expire(w, idle);
    for (unsigned day = 0; day < 31; day++)
        if (world_pass(w, DAY_S, e) || (day % 10 == 0 && victim_backup(v, e))) {
            victim_done(&left);
            return -1;
        }
    remote_close(idle->remote); /* not over a connection that stood */
    idle->remote = NULL;
    const struct remote_where where = {idle->dirs.config, NULL, NULL, NULL, NULL};
    int rc = remote_connect(&where, w->url, &idle->remote, e);
    if (!rc)
        try_all(idle, &expired, "certificate_expired", &expired_by);
    if (!rc) {
        (void)play_claim(p, expired.asked > 10 && expired.refused == expired.asked, "a key that was unused for 31 days: %s", expired.first);
        (void)play_claim(p, expired_by == expired.asked, "only %u of %u refusals say that the certificate has expired", expired_by,
                         expired.asked);
        (void)play_claim(p, victim_backup(&left, &why) != 0, "a machine that was silent for 31 days could back up");
        (void)play_claim(p, inventory_has(w, idle, e), "the list of identities does not say when it was last seen");
        (void)snprintf(path, sizeof path, "/v1/identities/%s/revoke", v->machine->who.id);
        party_try_json(&w->owner, "POST", path, &told, "{\"reason\":\"stolen\"}");
        (void)play_claim(p, told.status < 300, "the play itself: a machine could not be revoked (%d)", told.status);
        try_all(v->machine, &revoked, "identity_revoked", &revoked_by);
        (void)play_claim(p, revoked.asked > 10 && revoked.refused == revoked.asked && revoked_by == revoked.asked,
                         "a revoked key, in force a moment ago: %s", revoked.first);
        world_let_expire(w, v->machine);
        party_try_json(v->machine, "POST", "/v1/self/certificate", &told, "{\"request\":\"\"}");
        (void)judge_refused(&again, "a renewal after the revocation", told.status);
        (void)play_claim(p, again.refused == again.asked, "not refused: %s", again.first);
    }
    victim_done(&left);
    play_tell(p, "unused for 31 days: %u calls refused as expired, listed with when it was last seen; revoked: %u calls refused at once, "
                 "over the connection that stood",
              expired.asked, revoked.asked);
    return rc;
}

void attack_abandoned(struct play *p)
{
    CLEANUP(victim_done) struct victim v = {0};
    CLEANUP(party_done) struct party idle = {0};
    struct err *e = &p->error;
    if (victim_begin(&v, &p->world->web, e) || party_machine(&idle, p->world, "idle", p->world->tenant, false, e))
        return;
    (void)play_abandoned(p, &idle, &v, e);
    victim_recover(p, &v);
}

/* ---- A16 --------------------------------------------------------------------------------------------------- */

static int play_leaver(struct play *p, struct victim *v, struct err *e)
{
    struct world *w = p->world;
    char path[200];
    struct told told;
    struct refusal_tally t = {0};
    for (unsigned i = 0; i < 3; i++)
        if (victim_backup(v, e) || world_pass(w, DAY_S, e))
            return -1;
    (void)snprintf(path, sizeof path, "/v1/tenants/%s/close", w->tenant);
    party_try_json(&w->owner, "POST", path, &told, "{\"reason\":\"the contract has ended\"}");
    (void)play_claim(p, told.status < 300, "the play itself: the tenant could not be closed (%d)", told.status);
    world_let_expire(w, v->machine);
    party_try(v->machine, "GET", "/v1/self", NULL, NULL, 0, &told);
    (void)judge_refused(&t, "a machine of a closed tenant", told.status);
    for (unsigned i = 0; i < 20; i++)
        if (world_pass(w, (i ? 9 : 8) * DAY_S, e) || world_upkeep(w, e))
            return -1;
    (void)play_claim(p, t.refused == t.asked, "not refused: %s", t.first);
    play_tell(p, "179 days after the contract ended, upkeep each 9 days: the machine can do nothing new, its last point is there");
    return 0;
}

void attack_leaver(struct play *p)
{
    CLEANUP(victim_done) struct victim v = {0};
    if (victim_begin(&v, &p->world->web, &p->error) == 0)
        (void)play_leaver(p, &v, &p->error);
    victim_recover(p, &v);
}

/* ---- A17 -------------------------------------------------------------------------------------------------- */

#define SHARES 3u
#define NEEDED 2u

static int split(struct victim *v, struct key_share *shares, struct err *e)
{
    CLEANUP(access_close) struct access a = {0};
    return victim_open(v, &a, e) || key_split(a.recovery, vault_get_info(a.vault)->id, NEEDED, SHARES, shares, e) ? -1 : 0;
}

/* With nothing but the files of the vault, and those shares. */
static int restore_with(struct play *p, struct victim *v, const char *vault, const struct key_share *shares, size_t count, bool *same,
                        struct err *e)
{
    CLEANUP(access_close) struct access a = {0};
    struct snapshot_list l = {0};
    struct recovery_key *key = recovery_key_new();
    char target[WORLD_PATH], expected[WORLD_PATH], restored[WORLD_PATH * 2], why[256];
    const struct work_dirs nobody = {.config = "/nonexistent"};
    struct restore_result r;
    const struct restore_options o = {.path = "", .target = target, .overwrite = TARGET_ALWAYS, .threads = 1};
    int64_t start = clock_monotonic_ns();
    *same = false;
    (void)snprintf(target, sizeof target, "%.400s/by-shares", p->world->dir);
    (void)snprintf(expected, sizeof expected, "%.400s/by-shares-expected", p->world->dir);
    (void)snprintf(restored, sizeof restored, "%s%s", target, v->source);
    int rc = !key || tree_remove(target, e) || tree_remove(expected, e) || file_make_dirs(target, 0700, e) ||
                     key_combine(shares, count, key, e) || access_open(vault, &nobody, &a, e) || access_with_key(&a, key, e) ||
                     vault_snapshots(a.vault, &l, NULL, NULL, e)
                 ? -1
                 : 0;
    if (!rc && l.count) {
        const struct snapshot *newest = &l.items[l.count - 1];
        rc = work_restore(&a, newest, &o, &r, e) || tree_make(expected, v->seed, v->version, e) ? -1 : 0;
        *same = !rc && tree_same(expected, restored, why);
        p->result.rpo_s = (double)(clock_realtime_ns() - newest->received_ns) / (double)NS_PER_S;
        p->result.rto_s = (double)(clock_monotonic_ns() - start) / (double)NS_PER_S;
        p->result.recovered = *same;
    }
    snapshot_list_done(&l);
    recovery_key_free(key);
    return rc;
}

static int play_keys_lost(struct play *p, struct victim *v, struct key_share *shares, struct err *e)
{
    struct world *w = p->world;
    struct err why = ERR_INIT;
    char vault[WORLD_PATH];
    bool same = false;
    if (victim_backup(v, e) || victim_backup(v, e) || split(v, shares, e))
        return -1;
    world_vault_dir(w, v->machine, vault);
    world_stop(w, false);
    if (tree_remove(w->owner.config, e) || tree_remove(w->web.config, e))
        return -1;
    for (unsigned missing = 0; missing < SHARES; missing++) {
        const struct key_share two[NEEDED] = {shares[(missing + 1) % SHARES], shares[(missing + 2) % SHARES]};
        if (restore_with(p, v, vault, two, NEEDED, &same, e))
            return -1;
        (void)play_claim(p, same, "shares without number %u did not bring the data back", missing + 1);
    }
    (void)play_claim(p, restore_with(p, v, vault, shares, 1, &same, &why) != 0 && !same, "a single share opened the vault");
    p->result.recovered = true;
    play_tell(p, "the machine's keys, all certificates and the passphrase gone, the server off: any 2 of 3 shares and the files of the "
                 "vault bring the data back, 1 does not");
    return 0;
}

void attack_keys_lost(struct play *p)
{
    CLEANUP(victim_done) struct victim v = {0};
    struct key_share *shares = key_shares_new(SHARES);
    if (!shares)
        (void)err_no_memory(&p->error, "shares");
    else if (victim_begin(&v, &p->world->web, &p->error) == 0)
        (void)play_keys_lost(p, &v, shares, &p->error);
    key_shares_free(shares);
}

/* ---- A20 ---------------------------------------------------------------------------------------------------- */

static int play_silence(struct play *p, struct victim *v, struct err *e)
{
    struct world *w = p->world;
    uint64_t early = 1, late = 0;
    for (unsigned i = 0; i < 3; i++)
        if (victim_backup(v, e) || world_pass(w, DAY_S, e))
            return -1;
    if (world_upkeep(w, e) || world_entries(w, "alarm", "silence", &early, e) || world_pass(w, DAY_S / 2 + 3600, e) ||
        world_upkeep(w, e) || world_entries(w, "alarm", "silence", &late, e))
        return -1;
    (void)play_claim(p, early == 0, "an alarm for a machine that backs up each day");
    (void)play_claim(p, late > 0, "a machine that stopped raised no alarm within 1.5 of its days");
    play_tell(p, "a daily machine stops: no alarm after 24 h, one after 37 h (due: 36 h)");
    return 0;
}

void attack_silence(struct play *p)
{
    CLEANUP(victim_done) struct victim v = {0};
    if (victim_begin(&v, &p->world->web, &p->error) == 0)
        (void)play_silence(p, &v, &p->error);
    victim_recover(p, &v);
}
