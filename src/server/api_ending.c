/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vaults that are ending, over the wire: why one is still there, and keeping it.
 *
 * A20 One person alone keeps a vault, in any role that may ask for its end: keeping is always cheap. Who may not
 *     hears what somebody hears who asks for what does not exist.
 */
#include "server/alarms.h"
#include "server/api.h"
#include "server/clock_guard.h"
#include "server/ending.h"

#define KEEPERS (R(ROLE_OWNER) | R(ROLE_SECURITY_OFFICER) | R(ROLE_OPERATOR) | R(ROLE_TENANT_ADMIN))

static json_t *number(uint64_t n)
{
    return json_integer((json_int_t)(n & INT64_MAX));
}

static void put_state(struct server *s, const struct catalog_vault *v, json_t *o)
{
    struct ending_state st;
    struct policy_clock clock;
    struct err why = ERR_INIT;
    if (ending_look(s, v, &st, &why)) {
        server_tell(s, "a vault that is ending could not be looked at: %s", why.msg);
        return;
    }
    clock_guard_verdict(s, &clock);
    (void)json_object_set_new(o, "snapshots", number(st.living));
    (void)json_object_set_new(o, "trash", number(st.trash));
    (void)json_object_set_new(o, "floor", number(st.floor));
    (void)json_object_set_new(o, "lock", number(st.lock));
    (void)json_object_set_new(o, "hold", number(st.hold));
    (void)json_object_set_new(o, "doubt", number(st.doubt));
    (void)json_object_set_new(o, "damaged", number(st.damaged));
    (void)json_object_set_new(o, "earliest", json_time(st.earliest_ns));
    (void)json_object_set_new(o, "latest", json_time(st.latest_ns));
    (void)json_object_set_new(o, "frozen", json_boolean(!policy_clock_trusted(&clock)));
}

void ending_describe(struct server *s, const struct catalog_vault *v, json_t *out)
{
    json_t *o = v->ending_ns ? json_pack("{s:o, s:o}", "since", json_time(v->ending_ns), "request",
                                         json_id(v->request, EVENT_ID_BYTES))
                             : json_null();
    if (v->ending_ns && !v->gone_ns)
        put_state(s, v, o);
    (void)json_object_set_new(out, "ending", o);
    (void)json_object_set_new(out, "gone", json_time(v->gone_ns));
}

/* -1: answered. */
static int find(struct request *q, struct catalog_vault *v)
{
    bool there = catalog_vault(q->server->catalog, q->ids[0], v, NULL) == 0;
    if (caller_may_there(q->server, &q->caller, there, KEEPERS, v->tenant))
        return ending_refuse_gone(q, v);
    reply_not_found(q);
    return -1;
}

void api_vault_keep(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct catalog_vault v = {0};
    struct ending_kept done;
    struct err why = ERR_INIT;
    const char *reason = take_name(in, "reason");
    (void)body, (void)len;
    if (find(q, &v))
        return;
    if (reason && !*reason)
        (void)err_set(&why, ERR_USAGE, "a reason is a text of 1 to %d bytes", EVENT_NAME_MAX);
    if (why.cls || ending_keep(q->server, v.vault, q->caller.identity.id, reason, &done, &why))
        reply_fail(q, &why);
    else
        reply_json(q, 200, json_pack("{s:o, s:o, s:o}", "vault", json_id(v.vault, UID_BYTES), "back", number(done.back),
                                     "lost", number(done.lost)));
}
