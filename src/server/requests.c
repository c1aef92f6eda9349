/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What requests need, and carrying them out.
 *
 * D1 Two people with different roles: who asks and who agrees; one of them an owner or a security officer. A
 *    person who has two roles counts once (the catalogue takes one agreement of each), and roles are looked at again
 *    when it is carried out: who has lost his, agrees no more.
 * D2 The waiting time counts by the clock and by ticks, from when it was asked for; both must have passed.
 * D3 If the policy in force names a tenant's key, its signature over the request is needed.
 *    None but one about the clock is carried out while the clock is in doubt.
 * D4 What weakens any of this (a shorter wait, another key) is a policy that keeps less, and so a request itself.
 */
#include "server/requests.h"

#include "base/clock.h"
#include "base/mem.h"
#include "server/alarms.h"
#include "server/clock_guard.h"
#include "server/ending.h"
#include "server/upkeep.h"

#include <stdio.h>
#include <string.h>

/* ---- what it needs ------------------------------------------------------------------------- */

static json_t *parameters(const struct catalog_request *r)
{
    return json_loads(r->text, JSON_REJECT_DUPLICATES, NULL);
}

/* D1 */
static bool is_agreed(struct server *s, const struct catalog_request *r)
{
    unsigned roles = 0, people = 0;
    for (unsigned i = 0; i < r->approvals; i++) {
        unsigned installation = 0, of_tenant = 0;
        if (catalog_roles(s->catalog, r->approval[i].by, r->tenant, &installation, &of_tenant, NULL) ||
            !((installation | of_tenant) & R(r->approval[i].role)) || (roles & R(r->approval[i].role)))
            continue;
        roles |= R(r->approval[i].role);
        people++;
    }
    return people >= 2 && (roles & (R(ROLE_OWNER) | R(ROLE_SECURITY_OFFICER)));
}

/* D2 */
static bool has_waited(struct server *s, const struct catalog_request *r, int64_t wait_ns)
{
    json_t *o = parameters(r);
    int64_t asked = json_integer_value(json_object_get(o, "ticks"));
    bool told = json_is_integer(json_object_get(o, "ticks"));
    json_decref(o);
    return told && clock_realtime_ns() - r->created_ns >= wait_ns && server_ticks(s) - asked >= wait_ns;
}

enum request_state request_state(struct server *s, const struct catalog_request *r,
                                 const struct retention *policy)
{
    bool waits = strcmp(r->kind, REQUEST_CLOCK) != 0;
    if (r->executed_ns || r->cancelled_ns)
        return REQUEST_OVER;
    if (!is_agreed(s, r))
        return REQUEST_ALONE;
    if (policy->has_tenant_key && waits && !r->signed_ns)
        return REQUEST_UNSIGNED;
    return waits && !has_waited(s, r, policy->wait_ns) ? REQUEST_WAITING : REQUEST_READY;
}

const char *request_state_name(enum request_state st)
{
    static const char *const names[] = {
        [REQUEST_UNSET] = "?",           [REQUEST_OVER] = "over",       [REQUEST_ALONE] = "alone",
        [REQUEST_UNSIGNED] = "unsigned", [REQUEST_WAITING] = "waiting", [REQUEST_READY] = "ready"};
    return names[st];
}

int request_policy(struct server *s, const struct catalog_request *r, struct retention *out,
                   struct err *e)
{
    struct catalog_vault v = {0};
    memcpy(v.vault, r->vault, UID_BYTES);
    memcpy(v.tenant, r->tenant, EVENT_ID_BYTES);
    return upkeep_policy(s, &v, out, e);
}

void request_message(const struct catalog_request *r, struct buf *out)
{
    buf_put(out, r->request, EVENT_ID_BYTES);
    buf_put_blob(out, r->kind, strlen(r->kind));
    buf_put_blob(out, r->text, strlen(r->text));
}

/* ---- whether it makes sense -------------------------------------------------------------------- */

static int check_policy(const json_t *o, struct retention *out, char **text_out, struct err *e)
{
    char *text = json_dumps(json_object_get(o, "policy"), JSON_COMPACT | JSON_SORT_KEYS);
    if (!text)
        return err_set(e, ERR_USAGE, "which policy? {\"policy\":{…}}");
    int rc = retention_parse(text, out, e);
    if (!rc && text_out)
        *text_out = text;
    else
        mem_free(text);
    return rc;
}

static int check_sequences(const json_t *o, struct err *e)
{
    const json_t *list = json_object_get(o, "sequences");
    size_t n = json_array_size(list);
    for (size_t i = 0; i < n; i++)
        if (!json_is_integer(json_array_get(list, i)))
            n = 0;
    return n && n <= 1000 ? 0 : err_set(e, ERR_USAGE, "which snapshots? {\"sequences\":[1, 2, …]}, at most 1000");
}

static int check_end(struct server *s, const uint8_t *vault, const json_t *o, struct err *e)
{
    struct catalog_vault v;
    const json_t *reason = json_object_get(o, "reason");
    if (reason && (!json_is_string(reason) || json_string_length(reason) > EVENT_NAME_MAX))
        return err_set(e, ERR_USAGE, "a reason is a text of at most %d bytes", EVENT_NAME_MAX);
    if (catalog_vault(s->catalog, vault, &v, e))
        return -1;
    return v.ending_ns ? err_set(e, ERR_EXISTS, "this vault is ending already") : 0;
}

int request_check(struct server *s, const struct catalog_request *r, struct err *e)
{
    struct retention policy;
    bool of_vault = !bytes_are_zero(r->vault, UID_BYTES);
    json_t *o = parameters(r);
    int rc;
    if (strcmp(r->kind, REQUEST_POLICY) == 0)
        rc = check_policy(o, &policy, NULL, e);
    else if (strcmp(r->kind, REQUEST_FORGET) == 0 || strcmp(r->kind, REQUEST_RELEASE) == 0)
        rc = of_vault ? check_sequences(o, e) : err_set(e, ERR_USAGE, "of which vault?");
    else if (strcmp(r->kind, REQUEST_DELETE) == 0)
        rc = of_vault ? check_end(s, r->vault, o, e) : err_set(e, ERR_USAGE, "the end of which vault?");
    else if (strcmp(r->kind, REQUEST_CLOCK) == 0)
        rc = of_vault || bytes_are_zero(r->tenant, EVENT_ID_BYTES)
                 ? 0
                 : err_set(e, ERR_USAGE, "the clock is the server's: name a vault, or nothing for all of it");
    else
        rc = err_set(e, ERR_USAGE, "a request is for \"policy\", \"forget\", \"release\", \"delete\" or \"clock\"");
    json_decref(o);
    return rc;
}

/* ---- carrying out --------------------------------------------------------------------------------- */

static int set_policy(struct server *s, const struct catalog_request *r, const json_t *o,
                      struct err *e)
{
    struct retention policy;
    char *text = NULL;
    if (check_policy(o, &policy, &text, e))
        return -1;
    struct event ev = {.kind = EVENT_POLICY_SET, .policy = text};
    if (!bytes_are_zero(r->vault, UID_BYTES))
        memcpy(ev.vault, r->vault, UID_BYTES);
    else
        memcpy(ev.tenant, r->tenant, EVENT_ID_BYTES);
    int rc = server_decide(s, &ev, e);
    mem_free(text);
    return rc;
}

static bool is_named(const json_t *o, uint64_t sequence)
{
    const json_t *list = json_object_get(o, "sequences");
    for (size_t i = 0; i < json_array_size(list); i++)
        if ((uint64_t)json_integer_value(json_array_get(list, i)) == sequence)
            return true;
    return false;
}

static int execute(struct server *s, const struct catalog_request *r, char *what, size_t cap,
                   struct err *e)
{
    json_t *o = parameters(r);
    int rc;
    (void)snprintf(what, cap, "done");
    if (strcmp(r->kind, REQUEST_POLICY) == 0)
        rc = set_policy(s, r, o, e);
    else if (strcmp(r->kind, REQUEST_CLOCK) == 0)
        rc = bytes_are_zero(r->vault, UID_BYTES) ? upkeep_confirm_clocks(s, what, cap, e)
                                                 : upkeep_confirm_clock(s, r->vault, e);
    else if (strcmp(r->kind, REQUEST_RELEASE) == 0)
        rc = upkeep_release_named(s, r->vault, is_named, o, what, cap, e);
    else if (strcmp(r->kind, REQUEST_DELETE) == 0)
        rc = ending_begin(s, r, json_string_value(json_object_get(o, "reason")), e);
    else
        rc = upkeep_forget_named(s, r->vault, is_named, o, what, cap, e);
    json_decref(o);
    return rc;
}

void request_is_over(struct server *s, const struct catalog_request *r, const char *why)
{
    const struct alarm_cause c = {ALARM_REQUEST, r->tenant, r->vault, r->by, r->request};
    alarm_over(s, &c, why);
}

/* The entry comes first where carrying out leaves entries of its own; a failure is told in it. */
static void carry_out(struct server *s, const struct catalog_request *r)
{
    char what[512];
    struct err why = ERR_INIT;
    struct event ev = {.kind = EVENT_REQUEST_EXECUTE, .text = what};
    memcpy(ev.request, r->request, EVENT_ID_BYTES);
    if (execute(s, r, what, sizeof what, &why))
        (void)snprintf(what, sizeof what, "failed: %.480s", why.msg);
    if (server_record(s, &ev, NULL, &why))
        server_tell(s, "a request was carried out, but that could not be recorded: %s", why.msg);
    request_is_over(s, r, "the request was carried out");
}

static int gather(void *arg, const struct catalog_request *r, struct err *e)
{
    if (!r->executed_ns && !r->cancelled_ns)
        buf_put(arg, r, sizeof *r);
    return buf_check(arg, "a list of requests", e);
}

void requests_execute(struct server *s)
{
    CLEANUP(buf_done) struct buf all = {.max = (size_t)256 << 20};
    struct err why = ERR_INIT;
    bool trusted = clock_guard_look(s);
    if (catalog_list_request(s->catalog, NULL, gather, &all, &why))
        server_tell(s, "requests: %s", why.msg);
    for (size_t at = 0; at < all.len; at += sizeof(struct catalog_request)) {
        const struct catalog_request *r = (const void *)(all.data + at);
        struct retention policy;
        (void)pthread_mutex_lock(&s->decide);
        bool ready = request_policy(s, r, &policy, NULL) == 0 &&
                     request_state(s, r, &policy) == REQUEST_READY &&
                     (trusted || strcmp(r->kind, REQUEST_CLOCK) == 0); /* K1 */
        if (ready)
            carry_out(s, r);
        (void)pthread_mutex_unlock(&s->decide);
    }
}
