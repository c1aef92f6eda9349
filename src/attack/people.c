/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A9: the certificate of a tenant's administrator, and one of an operator, in wrong hands. A10: two operators of the provider
 * together, where the customer holds a key.
 */
#include "attack/families.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define DAY_S INT64_C(86400)
#define LESS  "{\"keep\":{\"daily\":1},\"floor\":\"1d\",\"trash\":\"1d\"}"

struct people {
    struct play *p;
    struct world *w;
    struct victim *v;
    struct refusal_tally t;
    char vault[2 * UID_BYTES + 1], policy[200];
};

static void refuse(struct people *k, struct party *who, const char *method, const char *path, const char *body)
{
    struct told told;
    char what[300];
    (void)snprintf(what, sizeof what, "%s %.200s by %s", method, path, who->name);
    party_try(who, method, path, WIRE_JSON, body, strlen(body), &told);
    (void)judge_refused(&k->t, what, told.status);
}

static char *policy_now(struct people *k, struct err *e)
{
    json_t *answer = NULL;
    if (party_ask(&k->w->owner, "GET", k->policy, NULL, &answer, e))
        return NULL;
    char *text = json_dumps(answer, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(answer);
    return text;
}

/* Asks for an early deletion; "" if that was refused. */
static void ask(struct party *who, const char *role, const char *kind, const char *parameters, const char *subject,
                char request[33])
{
    CLEANUP(buf_done) struct buf answer = {.max = 1 << 16};
    char body[1024];
    int n = snprintf(body, sizeof body, "{\"role\":\"%s\",\"kind\":\"%s\",\"parameters\":%s,%s}", role, kind, parameters, subject);
    const struct client_piece piece = {body, (size_t)n};
    struct client_call call = {.method = "POST", .path = "/v1/requests", .type = WIRE_JSON, .pieces = &piece, .piece_count = 1,
                               .answer = &answer, .once = true};
    request[0] = '\0';
    if (client_do(who->remote->client, &call, NULL))
        return;
    json_t *o = json_loadb((const char *)answer.data, answer.len, 0, NULL);
    if (json_take_text(o, "request", request, 33, NULL))
        request[0] = '\0';
    json_decref(o);
}

static void state_of(struct people *k, const char *request, char out[32])
{
    json_t *answer = NULL, *r;
    size_t i;
    out[0] = '\0';
    if (party_ask(&k->w->owner, "GET", "/v1/requests", NULL, &answer, NULL))
        return;
    json_array_foreach(json_object_get(answer, "requests"), i, r) {
        const char *id = json_string_value(json_object_get(r, "request"));
        if (id && strcmp(id, request) == 0)
            (void)!json_take_text(r, "state", out, 32, NULL);
    }
    json_decref(answer);
}

static int begin(struct people *k, struct err *e)
{
    (void)snprintf(k->policy, sizeof k->policy, "/v1/tenants/%s/policy", k->w->tenant);
    if (victim_backup(k->v, e) || victim_backup(k->v, e))
        return -1;
    party_vault(k->v->machine, k->vault);
    return 0;
}

static bool member_is(const json_t *o, const char *member, const char *text)
{
    const char *is = json_string_value(json_object_get(o, member));
    return is && strcmp(is, text) == 0;
}

/* ---- A9 ---------------------------------------------------------------------------------------------- */

static void alone(struct people *k, struct party *who, const char *role, char requests[3][33])
{
    char path[200], subject[100], body[200];
    refuse(k, who, "PUT", k->policy, LESS);
    (void)snprintf(path, sizeof path, "/v1/vaults/%s/policy", k->vault);
    refuse(k, who, "PUT", path, LESS);
    (void)snprintf(path, sizeof path, "/v1/tenants/%s/close", k->w->tenant);
    refuse(k, who, "POST", path, "{\"reason\":\"x\"}");
    (void)snprintf(path, sizeof path, "/v1/identities/%s/roles", who->who.id);
    refuse(k, who, "POST", path, "{\"role\":\"owner\"}");
    refuse(k, who, "POST", "/v1/tokens", "{\"type\":\"person\",\"role\":\"owner\"}");
    (void)snprintf(subject, sizeof subject, "\"tenant\":\"%s\"", k->w->tenant);
    ask(who, role, "policy", "{\"policy\":" LESS "}", subject, requests[0]);
    (void)snprintf(subject, sizeof subject, "\"vault\":\"%s\"", k->vault);
    ask(who, role, "forget", "{\"sequences\":[1,2]}", subject, requests[1]);
    ask(who, role, "clock", "{}", subject, requests[2]);
    for (size_t i = 0; i < 3; i++) {
        if (!requests[i][0])
            continue;
        (void)snprintf(path, sizeof path, "/v1/requests/%s/approve", requests[i]);
        (void)snprintf(body, sizeof body, "{\"role\":\"%s\"}", role);
        refuse(k, who, "POST", path, body);
        refuse(k, who, "POST", path, "{\"role\":\"owner\"}");
    }
}

/* Whether an alarm of the tenant's says who removed the machine, and the tenant's list of those that nothing protects has it. */
static bool removal_is_told(struct people *k, const struct party *by)
{
    char path[120];
    json_t *alarms = NULL, *usage = NULL, *o;
    size_t i;
    bool told = false, listed = false;
    (void)snprintf(path, sizeof path, "/v1/tenants/%s/usage", k->w->tenant);
    if (party_ask(&k->w->owner, "GET", "/v1/alarms?open=1", NULL, &alarms, NULL) == 0 &&
        party_ask(&k->w->owner, "GET", path, NULL, &usage, NULL) == 0) {
        json_array_foreach(json_object_get(alarms, "alarms"), i, o) {
            const char *text = json_string_value(json_object_get(o, "text"));
            told = told || (member_is(o, "name", "revoked") && member_is(o, "id", k->v->machine->who.id) &&
                            member_is(o, "tenant", k->w->tenant) && text && strstr(text, by->who.name));
        }
        json_array_foreach(json_object_get(usage, "unprotected"), i, o)
            listed = listed || (member_is(o, "machine", k->v->machine->who.id) && member_is(o, "why", "revoked"));
    }
    json_decref(alarms);
    json_decref(usage);
    return told && listed;
}

static int one_person(struct people *k, struct party *op, struct party *admin, struct err *e)
{
    char requests[2][3][33], path[200], state[32];
    uint64_t forgotten = 1, freed = 1, asked = 0, revoked = 0;
    struct told told;
    CLEANUP_FREE char *before = policy_now(k, e);
    if (!before)
        return -1;
    alone(k, admin, "tenant-admin", requests[0]);
    alone(k, op, "operator", requests[1]);
    (void)snprintf(path, sizeof path, "/v1/identities/%s/revoke", k->v->machine->who.id);
    party_try_json(op, "POST", path, &told, "{\"reason\":\"deleted\"}"); /* that he may: no backup goes by it */
    if (world_pass(k->w, 9 * DAY_S, e) || world_upkeep(k->w, e) || world_pass(k->w, 21 * DAY_S, e) || world_upkeep(k->w, e) ||
        world_entries(k->w, "forget", NULL, &forgotten, e) || world_entries(k->w, "free", NULL, &freed, e) ||
        world_entries(k->w, "alarm", "request", &asked, e) ||
        world_entries(k->w, "identity.revoke", NULL, &revoked, e))
        return -1;
    CLEANUP_FREE char *after = policy_now(k, e);
    if (!after)
        return -1;
    for (size_t i = 0; i < 6; i++) {
        state_of(k, requests[i / 3][i % 3], state);
        (void)play_claim(k->p, !requests[i / 3][i % 3][0] || strcmp(state, "alone") == 0,
                         "an early deletion that one person asked for is '%s' after a month", state);
    }
    (void)play_claim(k->p, k->t.asked >= 20 && k->t.asked == k->t.refused, "not refused: %s", k->t.first);
    (void)play_claim(k->p, strcmp(before, after) == 0, "the policy is another one");
    (void)play_claim(k->p, !forgotten && !freed, "%llu snapshots were forgotten, %llu freed", (unsigned long long)forgotten,
                     (unsigned long long)freed);
    (void)play_claim(k->p, asked > 0, "no alarm says that somebody asked for an early deletion");
    (void)play_claim(k->p, revoked > 0, "the log does not say who removed a machine");
    (void)play_claim(k->p, removal_is_told(k, op), "no alarm tells the tenant who removed its machine, or it is not listed as unprotected");
    play_tell(k->p, "%u acts of a stolen administrator and a stolen operator refused; their requests still wait for a second person after "
                    "30 days, with alarms; so has the machine that they removed, which can be restored",
              k->t.asked);
    return 0;
}

void attack_one_person(struct play *p)
{
    struct world *w = p->world;
    CLEANUP(victim_done) struct victim v = {0};
    CLEANUP(party_done) struct party op = {0};
    CLEANUP(party_done) struct party admin = {0};
    struct people k = {.p = p, .w = w, .v = &v};
    struct err *e = &p->error;
    if (victim_begin(&v, &w->web, e) || begin(&k, e) || party_person(&op, w, "operator", "operator", NULL, e) ||
        party_person(&admin, w, "admin", "tenant-admin", w->tenant, e))
        return;
    world_let_expire(w, &w->web); /* it will be revoked */
    (void)one_person(&k, &op, &admin, e);
    victim_recover(p, &v);
}

/* ---- A10 ------------------------------------------------------------------------------------------------ */

static int set_tenant_key(struct people *k, struct party *admin, struct err *e)
{
    struct sign_key key;
    char hex[2 * SIGN_PUBLIC_BYTES + 1];
    sign_key_new(&key);
    hex_encode(key.public_key, SIGN_PUBLIC_BYTES, hex);
    sign_key_done(&key); /* nobody has it any more: so nobody signs */
    json_t *in = json_pack("{s:{s:i, s:i, s:i}, s:s, s:s, s:s, s:i, s:s}", "keep", "daily", 30, "weekly", 12, "monthly", 12, "floor",
                           "14d", "trash", "14d", "silence", "36h", "snapshots_a_day", 200, "tenant_key", hex);
    int rc = in ? party_ask(admin, "PUT", k->policy, in, NULL, e) : err_no_memory(e, "a policy");
    json_decref(in);
    return rc;
}

static int two_people(struct people *k, struct party *op, struct party *officer, struct err *e)
{
    char requests[2][33], subject[100], path[200], state[32];
    struct told told;
    uint64_t forgotten = 1;
    CLEANUP_FREE char *before = policy_now(k, e);
    if (!before)
        return -1;
    (void)snprintf(subject, sizeof subject, "\"vault\":\"%s\"", k->vault);
    ask(officer, "security-officer", "forget", "{\"sequences\":[1,2]}", subject, requests[0]);
    (void)snprintf(subject, sizeof subject, "\"tenant\":\"%s\"", k->w->tenant);
    ask(officer, "security-officer", "policy", "{\"policy\":" LESS "}", subject, requests[1]);
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof path, "/v1/requests/%s/approve", requests[i]);
        party_try_json(op, "POST", path, &told, "{\"role\":\"operator\"}");
        (void)play_claim(k->p, told.status == 200, "the play itself: two people could not agree (%d)", told.status);
        (void)snprintf(path, sizeof path, "/v1/requests/%s/sign", requests[i]);
        refuse(k, op, "POST", path,
               "{\"signature\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\"}");
    }
    if (world_pass(k->w, 30 * DAY_S, e) || world_upkeep(k->w, e) || world_entries(k->w, "forget", NULL, &forgotten, e))
        return -1;
    CLEANUP_FREE char *after = policy_now(k, e);
    for (size_t i = 0; i < 2; i++) {
        state_of(k, requests[i], state);
        (void)play_claim(k->p, strcmp(state, "unsigned") == 0, "what the customer did not sign is '%s' after a month", state);
    }
    (void)play_claim(k->p, after && strcmp(before, after) == 0, "the policy is another one");
    (void)play_claim(k->p, forgotten == 0, "%llu snapshots were forgotten", (unsigned long long)forgotten);
    (void)play_claim(k->p, k->t.asked == 2 && k->t.refused == 2, "not refused: %s", k->t.first);
    play_tell(k->p, "an officer and an operator agree to delete and to shorten: after 30 days both wait for the customer's signature");
    return 0;
}

void attack_two_people(struct play *p)
{
    struct world *w = p->world;
    CLEANUP(victim_done) struct victim v = {0};
    CLEANUP(party_done) struct party op = {0};
    CLEANUP(party_done) struct party officer = {0};
    CLEANUP(party_done) struct party admin = {0};
    struct people k = {.p = p, .w = w, .v = &v};
    struct err *e = &p->error;
    if (victim_begin(&v, &w->web, e) || begin(&k, e) || party_person(&op, w, "operator", "operator", NULL, e) ||
        party_person(&officer, w, "officer", "security-officer", NULL, e) ||
        party_person(&admin, w, "admin", "tenant-admin", w->tenant, e) || set_tenant_key(&k, &admin, e))
        return;
    (void)two_people(&k, &op, &officer, e);
    victim_recover(p, &v);
}
