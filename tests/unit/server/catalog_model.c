/* SPDX-License-Identifier: Apache-2.0 */
/* The model: arrays that are searched from end to end, one function a kind. */
#include "catalog_world.h"

#include <stdlib.h>
#include <string.h>

#define MANY 64
struct writer {
    uint8_t vault[16], writer[16], machine[16];
};
struct given {
    uint8_t id[16], tenant[16];
    enum role role;
};
struct counted {
    uint8_t vault[16];
    uint64_t sequence;
};
struct quota {
    uint8_t id[16];
    struct catalog_quota q;
};
struct month {
    uint8_t tenant[16];
    struct catalog_month m;
    uint8_t machines[64][16];
};
struct received {
    uint8_t machine[16];
    int64_t ns;
};
struct uploaded {
    uint8_t machine[16];
    uint64_t bytes;
};
struct policy {
    uint8_t id[16];
    const char *text;
};
struct witness {
    uint8_t id[16];
    char text[EVENT_NAME_MAX + 1];
};
struct certificate {
    uint8_t serial[16], id[16];
};
#define TABLE(type, name)                                                                          \
    struct type name[MANY * 8];                                                                    \
    size_t name##_count
struct model {
    TABLE(catalog_tenant, tenants);
    TABLE(catalog_identity, identities);
    TABLE(catalog_token, tokens);
    TABLE(catalog_vault, vaults);
    TABLE(catalog_grant, grants);
    TABLE(catalog_request, requests);
    TABLE(writer, writers);
    TABLE(given, roles);
    TABLE(counted, counted);
    TABLE(policy, policies);
    TABLE(certificate, certificates);
    TABLE(witness, witnesses);
    TABLE(catalog_alarm, alarms);
    TABLE(quota, quotas);
    TABLE(month, months);
    TABLE(received, received);
    TABLE(uploaded, uploads);
    uint64_t entries;
};

struct model *model_new(void)
{
    struct model *m = calloc(1, sizeof *m);
    if (!m)
        abort();
    return m;
}

void model_free(struct model *m)
{
    free(m);
}

static bool same(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, 16) == 0;
}
static bool none(const uint8_t *a)
{
    return bytes_are_zero(a, 16);
}

#define FIND(type, table, member, finder)                                                          \
    static struct type *finder(struct model *m, const uint8_t *id)                                 \
    {                                                                                              \
        for (size_t i = 0; i < m->table##_count; i++)                                              \
            if (same(m->table[i].member, id))                                                      \
                return &m->table[i];                                                               \
        return NULL;                                                                               \
    }
FIND(catalog_tenant, tenants, id, tenant_of)
FIND(catalog_identity, identities, id, identity_of)
FIND(catalog_token, tokens, token, token_of)
FIND(catalog_vault, vaults, vault, vault_of)
FIND(catalog_grant, grants, grant, grant_of)
FIND(catalog_request, requests, request, request_of)
FIND(certificate, certificates, serial, certificate_of)
FIND(witness, witnesses, id, witness_of)
FIND(policy, policies, id, policy_of)
FIND(quota, quotas, id, quota_of)
FIND(month, months, tenant, month_of)
FIND(uploaded, uploads, machine, uploaded_of)

static bool open_tenant(struct model *m, const uint8_t *id)
{
    const struct catalog_tenant *t = tenant_of(m, id);
    return t && !t->closed_ns;
}
static bool none_or_open(struct model *m, const uint8_t *id)
{
    return none(id) || open_tenant(m, id);
}
static bool living(struct model *m, const uint8_t *id)
{
    const struct catalog_identity *i = identity_of(m, id);
    return i && !i->revoked_ns;
}
static bool acts(struct model *m, const struct event *ev)
{
    return none(ev->by) || living(m, ev->by);
}
static bool enrols(struct model *m, const struct event *ev)
{
    return acts(m, ev) || same(ev->by, ev->id);
}
static bool name_taken(struct model *m, const struct event *ev)
{
    for (size_t i = 0; i < m->tenants_count; i++)
        if (!m->tenants[i].closed_ns && !same(m->tenants[i].id, ev->tenant) &&
            strcmp(m->tenants[i].name, ev->name) == 0)
            return true;
    return false;
}
static struct writer *writer_of(struct model *m, const uint8_t *vault, const uint8_t *writer)
{
    for (size_t i = 0; i < m->writers_count; i++)
        if (same(m->writers[i].vault, vault) && same(m->writers[i].writer, writer))
            return &m->writers[i];
    return NULL;
}
static bool machine_of(struct model *m, const uint8_t *id, const uint8_t *tenant)
{
    const struct catalog_identity *i = identity_of(m, id);
    return i && !i->revoked_ns && i->type == IDENTITY_MACHINE && same(i->tenant, tenant);
}

static void copy_text(char *out, size_t size, const char *text)
{
    size_t len = text ? strlen(text) : 0;
    if (len >= size)
        abort();
    if (len)
        memcpy(out, text, len);
    out[len] = '\0';
}
#define COPY(member) memcpy(new->member, ev->member, sizeof new->member)

static bool tenant_create(struct model *m, const struct event *ev)
{
    if (!acts(m, ev) || tenant_of(m, ev->tenant) || vault_of(m, ev->tenant) || name_taken(m, ev))
        return false;
    struct catalog_tenant *new = &m->tenants[m->tenants_count++];
    memcpy(new->id, ev->tenant, 16);
    copy_text(new->name, sizeof new->name, ev->name);
    new->created_ns = ev->time_ns;
    return true;
}

static bool tenant_change(struct model *m, const struct event *ev)
{
    if (!acts(m, ev) || !open_tenant(m, ev->tenant) || name_taken(m, ev))
        return false;
    struct catalog_tenant *t = tenant_of(m, ev->tenant);
    copy_text(t->name, sizeof t->name, ev->name);
    return true;
}

static bool tenant_close(struct model *m, const struct event *ev)
{
    if (!acts(m, ev) || !open_tenant(m, ev->tenant))
        return false;
    tenant_of(m, ev->tenant)->closed_ns = ev->time_ns;
    return true;
}

static bool token_create(struct model *m, const struct event *ev)
{
    const struct catalog_identity *i = identity_of(m, ev->id);
    const struct catalog_vault *v = vault_of(m, ev->vault);
    if (!acts(m, ev) || token_of(m, ev->token) || !none_or_open(m, ev->tenant) ||
        (ev->type == IDENTITY_MACHINE && none(ev->tenant)))
        return false;
    if (!none(ev->id) && (!i || i->revoked_ns || i->type != ev->type || !same(i->tenant, ev->tenant)))
        return false;
    if (!none(ev->vault) && (!v || v->ending_ns || !same(v->tenant, ev->tenant)))
        return false;
    struct catalog_token *new = &m->tokens[m->tokens_count++];
    COPY(token);
    COPY(tenant);
    COPY(id);
    COPY(vault);
    COPY(by);
    new->type = ev->type;
    new->role = ev->role;
    new->restore = ev->restore;
    new->shared = ev->shared;
    copy_text(new->name, sizeof new->name, ev->name);
    new->created_ns = ev->time_ns;
    new->until_ns = ev->until_ns;
    return true;
}

static bool token_use(struct model *m, const struct event *ev)
{
    struct catalog_token *t = token_of(m, ev->token);
    const struct catalog_identity *i = identity_of(m, ev->id);
    if (!t || t->used_ns || t->cancelled_ns || ev->time_ns >= t->until_ns || !enrols(m, ev) ||
        !none_or_open(m, t->tenant) || (!none(t->id) && !same(t->id, ev->id)) || (i && i->revoked_ns))
        return false;
    t->used_ns = ev->time_ns;
    memcpy(t->used_by, ev->id, 16);
    memcpy(t->used_pin, ev->pin, 32);
    return true;
}

static bool token_cancel(struct model *m, const struct event *ev)
{
    struct catalog_token *t = token_of(m, ev->token);
    if (!t || t->used_ns || t->cancelled_ns || !acts(m, ev))
        return false;
    t->cancelled_ns = ev->time_ns;
    return true;
}

static bool identity_create(struct model *m, const struct event *ev)
{
    if (!enrols(m, ev) || identity_of(m, ev->id) || !none_or_open(m, ev->tenant) ||
        (ev->type == IDENTITY_MACHINE && none(ev->tenant)))
        return false;
    struct catalog_identity *new = &m->identities[m->identities_count++];
    COPY(id);
    COPY(tenant);
    new->type = ev->type;
    copy_text(new->name, sizeof new->name, ev->name);
    new->restore = ev->restore;
    new->created_ns = ev->time_ns;
    return true;
}

static bool identity_revoke(struct model *m, const struct event *ev)
{
    if (!acts(m, ev) || !living(m, ev->id))
        return false;
    identity_of(m, ev->id)->revoked_ns = ev->time_ns;
    return true;
}

static bool certificate_issue(struct model *m, const struct event *ev)
{
    if (!acts(m, ev) || !living(m, ev->id) || !none_or_open(m, identity_of(m, ev->id)->tenant) ||
        certificate_of(m, ev->serial))
        return false;
    struct certificate *new = &m->certificates[m->certificates_count++];
    COPY(serial);
    COPY(id);
    identity_of(m, ev->id)->certificate_until_ns = ev->until_ns;
    return true;
}

static bool identity_witness(struct model *m, const struct event *ev)
{
    struct witness *new = witness_of(m, ev->id);
    if (!living(m, ev->id) || !same(ev->by, ev->id))
        return false;
    if (!new)
        new = &m->witnesses[m->witnesses_count++];
    COPY(id);
    copy_text(new->text, sizeof new->text, ev->text);
    return true;
}

static struct given *role_of(struct model *m, const struct event *ev)
{
    for (size_t i = 0; i < m->roles_count; i++)
        if (same(m->roles[i].id, ev->id) && same(m->roles[i].tenant, ev->tenant) &&
            m->roles[i].role == ev->role)
            return &m->roles[i];
    return NULL;
}

static bool role_give(struct model *m, const struct event *ev)
{
    if (!acts(m, ev) || !living(m, ev->id) || !none_or_open(m, ev->tenant) || role_of(m, ev))
        return false;
    struct given *new = &m->roles[m->roles_count++];
    COPY(id);
    COPY(tenant);
    new->role = ev->role;
    return true;
}

static bool role_take(struct model *m, const struct event *ev)
{
    struct given *g = role_of(m, ev);
    if (!acts(m, ev) || !g)
        return false;
    *g = m->roles[--m->roles_count];
    return true;
}

static bool vault_create(struct model *m, const struct event *ev)
{
    if (!acts(m, ev) || !open_tenant(m, ev->tenant) || !machine_of(m, ev->id, ev->tenant) ||
        vault_of(m, ev->vault) || tenant_of(m, ev->vault))
        return false;
    struct catalog_vault *new = &m->vaults[m->vaults_count++];
    COPY(vault);
    COPY(tenant);
    COPY(id);
    new->shared = ev->shared;
    new->created_ns = ev->time_ns;
    return true;
}

static bool vault_writer(struct model *m, const struct event *ev)
{
    const struct catalog_vault *v = vault_of(m, ev->vault);
    if (!v || v->ending_ns || !acts(m, ev) || !open_tenant(m, v->tenant) || !machine_of(m, ev->id, v->tenant) ||
        (!v->shared && !same(v->id, ev->id)) || writer_of(m, ev->vault, ev->writer))
        return false;
    struct writer *new = &m->writers[m->writers_count++];
    COPY(vault);
    COPY(writer);
    memcpy(new->machine, ev->id, 16);
    return true;
}

static bool grant_create(struct model *m, const struct event *ev)
{
    const struct catalog_vault *v = vault_of(m, ev->vault);
    if (!acts(m, ev) || !v || v->gone_ns || !living(m, ev->id) || grant_of(m, ev->grant))
        return false;
    struct catalog_grant *new = &m->grants[m->grants_count++];
    COPY(grant);
    COPY(vault);
    COPY(id);
    COPY(by);
    new->created_ns = ev->time_ns;
    new->until_ns = ev->until_ns;
    copy_text(new->text, sizeof new->text, ev->text);
    return true;
}

static bool grant_end(struct model *m, const struct event *ev)
{
    struct catalog_grant *g = grant_of(m, ev->grant);
    if (!acts(m, ev) || !g || g->ended_ns)
        return false;
    g->ended_ns = ev->time_ns;
    return true;
}

/* All of the small world happens in January 1970. */
static struct month *sum_up(struct model *m, const uint8_t *tenant)
{
    struct month *n = month_of(m, tenant);
    if (!n)
        n = &m->months[m->months_count++];
    memcpy(n->tenant, tenant, 16);
    n->m.month = 12 * 1970;
    n->m.stored = 0;
    for (size_t i = 0; i < m->vaults_count; i++)
        if (same(m->vaults[i].tenant, tenant))
            n->m.stored += m->vaults[i].stored;
    if (n->m.stored > n->m.peak)
        n->m.peak = n->m.stored;
    return n;
}

static uint64_t most(uint64_t stored)
{
    return stored > CATALOG_STORED_MAX ? CATALOG_STORED_MAX : stored;
}

static void count_month(struct model *m, const uint8_t *tenant, const uint8_t *machine, uint64_t bytes)
{
    struct month *n = sum_up(m, tenant);
    n->m.snapshots++;
    n->m.added = n->m.added + bytes > INT64_MAX ? INT64_MAX : n->m.added + bytes;
    for (uint64_t i = 0; i < n->m.machines; i++)
        if (same(n->machines[i], machine))
            return;
    memcpy(n->machines[n->m.machines++], machine, 16);
}

static bool usage(struct model *m, const struct event *ev)
{
    struct catalog_vault *v = vault_of(m, ev->vault);
    if (!v || v->gone_ns || !same(v->tenant, ev->tenant))
        return false;
    v->stored = most(ev->stored);
    v->living = ev->count;
    (void)sum_up(m, v->tenant);
    return true;
}

static bool upload(struct model *m, const struct event *ev)
{
    struct uploaded *u = uploaded_of(m, ev->id);
    if (!vault_of(m, ev->vault) || !identity_of(m, ev->id))
        return false;
    if (!u)
        u = &m->uploads[m->uploads_count++];
    memcpy(u->machine, ev->id, 16);
    u->bytes = u->bytes + ev->bytes > INT64_MAX ? INT64_MAX : u->bytes + ev->bytes;
    return true;
}

static struct quota *quota_new(struct model *m, const uint8_t *id)
{
    struct quota *q = quota_of(m, id);
    if (!q)
        q = &m->quotas[m->quotas_count++];
    memcpy(q->id, id, 16);
    return q;
}

static bool quota_set(struct model *m, const struct event *ev)
{
    const uint8_t *id = none(ev->vault) ? ev->tenant : ev->vault;
    if (!acts(m, ev) || (none(ev->vault) ? !tenant_of(m, id) : !vault_of(m, id)))
        return false;
    struct quota *q = quota_new(m, id);
    q->q.bytes = ev->bytes;
    q->q.count = ev->count;
    return true;
}

static bool quota_enforce(struct model *m, const struct event *ev)
{
    const struct quota *there = quota_of(m, ev->tenant);
    if (none(ev->by) || !living(m, ev->by) || !open_tenant(m, ev->tenant) || (there && there->q.enforced_ns))
        return false;
    struct quota *q = quota_new(m, ev->tenant);
    q->q.enforced_ns = ev->time_ns;
    memcpy(q->q.by, ev->by, 16);
    copy_text(q->q.text, sizeof q->q.text, ev->text);
    return true;
}

static bool quota_relax(struct model *m, const struct event *ev)
{
    struct quota *q = quota_of(m, ev->tenant);
    if (!acts(m, ev) || !q || !q->q.enforced_ns)
        return false;
    q->q.enforced_ns = 0;
    memset(q->q.by, 0, 16);
    q->q.text[0] = '\0';
    return true;
}

static bool same_cause(const struct catalog_alarm *a, const struct event *ev)
{
    return strcmp(a->name, ev->name) == 0 && same(a->tenant, ev->tenant) && same(a->vault, ev->vault) &&
           same(a->id, ev->id) && same(a->request, ev->request);
}

static bool alarm_begins(struct model *m, const struct event *ev)
{
    struct catalog_alarm *new = NULL;
    for (size_t i = 0; i < m->alarms_count; i++)
        if (same_cause(&m->alarms[i], ev) && !m->alarms[i].closed_ns)
            new = &m->alarms[i];
    if (!new) {
        new = &m->alarms[m->alarms_count++];
        new->entry = m->entries;
        new->since_ns = ev->time_ns;
        copy_text(new->name, sizeof new->name, ev->name);
        COPY(tenant);
        COPY(vault);
        COPY(id);
        COPY(request);
    }
    copy_text(new->text, sizeof new->text, ev->text);
    new->last_ns = ev->time_ns;
    new->count++;
    return true;
}

static bool alarm_close(struct model *m, const struct event *ev)
{
    bool some = false;
    for (size_t i = 0; acts(m, ev) && i < m->alarms_count; i++) {
        struct catalog_alarm *a = &m->alarms[i];
        bool person = !none(ev->by), open = a->closed_ns == 0;
        if (!same_cause(a, ev) || a->over_ns || (person && !open))
            continue;
        some = true;
        if (open) {
            a->closed_ns = ev->time_ns;
            memcpy(a->closed_by, ev->by, 16);
            copy_text(a->reason, sizeof a->reason, ev->text);
        }
        if (!person)
            a->over_ns = ev->time_ns;
    }
    return some;
}

static bool snapshot(struct model *m, const struct event *ev)
{
    const struct writer *w = writer_of(m, ev->vault, ev->writer);
    if (!w)
        return false;
    for (size_t i = 0; i < m->counted_count; i++)
        if (same(m->counted[i].vault, ev->vault) && m->counted[i].sequence == ev->sequence)
            return false;
    struct counted *new = &m->counted[m->counted_count++];
    COPY(vault);
    new->sequence = ev->sequence;
    struct catalog_vault *v = vault_of(m, ev->vault);
    struct catalog_identity *i = identity_of(m, w->machine);
    struct received *r = &m->received[m->received_count++];
    memcpy(r->machine, w->machine, 16);
    r->ns = ev->received_ns;
    v->snapshots++;
    v->living++;
    v->stored = ev->stored ? most(ev->stored) : v->stored;
    v->bytes = v->bytes + ev->bytes > INT64_MAX ? INT64_MAX : v->bytes + ev->bytes;
    if (ev->received_ns > v->snapshot_ns)
        v->snapshot_ns = ev->received_ns;
    if (ev->received_ns > i->snapshot_ns)
        i->snapshot_ns = ev->received_ns;
    i->seen_ns = ev->time_ns;
    count_month(m, v->tenant, w->machine, ev->bytes);
    return true;
}

static bool policy_set(struct model *m, const struct event *ev)
{
    const uint8_t *id = none(ev->vault) ? ev->tenant : ev->vault;
    if (!acts(m, ev) || (none(ev->vault) ? !tenant_of(m, id) : !vault_of(m, id)))
        return false;
    struct policy *p = policy_of(m, id);
    p = p ? p : &m->policies[m->policies_count++];
    memcpy(p->id, id, 16);
    p->text = ev->policy;
    return true;
}

static bool request_create(struct model *m, const struct event *ev)
{
    if (!acts(m, ev) || request_of(m, ev->request) || (!none(ev->tenant) && !tenant_of(m, ev->tenant)) ||
        (!none(ev->vault) && !vault_of(m, ev->vault)))
        return false;
    struct catalog_request *new = &m->requests[m->requests_count++];
    COPY(request);
    COPY(by);
    COPY(tenant);
    COPY(vault);
    copy_text(new->kind, sizeof new->kind, ev->name);
    copy_text(new->text, sizeof new->text, ev->text);
    new->created_ns = ev->time_ns;
    return true;
}

static bool request_step(struct model *m, const struct event *ev)
{
    struct catalog_request *r = request_of(m, ev->request);
    if (!acts(m, ev) || !r || r->executed_ns || r->cancelled_ns)
        return false;
    if (ev->kind == EVENT_REQUEST_CANCEL)
        return (r->cancelled_ns = ev->time_ns);
    if (ev->kind == EVENT_REQUEST_EXECUTE)
        return (r->executed_ns = ev->time_ns);
    if (ev->kind == EVENT_REQUEST_SIGN)
        return r->signed_ns ? false : (r->signed_ns = ev->time_ns);
    for (unsigned i = 0; i < r->approvals; i++)
        if (same(r->approval[i].by, ev->by))
            return false;
    if (none(ev->by) || r->approvals == CATALOG_APPROVALS_MAX)
        return false;
    memcpy(r->approval[r->approvals].by, ev->by, 16);
    r->approval[r->approvals].role = ev->role;
    r->approval[r->approvals++].time_ns = ev->time_ns;
    return true;
}

static bool vault_end(struct model *m, const struct event *ev)
{
    struct catalog_vault *v = vault_of(m, ev->vault);
    const struct catalog_request *r = request_of(m, ev->request);
    if (!acts(m, ev) || !v || v->ending_ns || !r || !same(r->vault, ev->vault) || strcmp(r->kind, "delete") != 0 ||
        r->executed_ns || r->cancelled_ns)
        return false;
    v->ending_ns = ev->time_ns;
    memcpy(v->request, ev->request, 16);
    return true;
}

static bool vault_keep(struct model *m, const struct event *ev)
{
    struct catalog_vault *v = vault_of(m, ev->vault);
    if (!acts(m, ev) || !v || !v->ending_ns || v->gone_ns)
        return false;
    v->ending_ns = 0;
    memset(v->request, 0, 16);
    for (size_t i = 0; i < m->requests_count; i++) {
        struct catalog_request *r = &m->requests[i];
        if (same(r->vault, ev->vault) && strcmp(r->kind, "delete") == 0 && !r->executed_ns && !r->cancelled_ns)
            r->cancelled_ns = ev->time_ns;
    }
    return true;
}

static bool vault_gone(struct model *m, const struct event *ev)
{
    struct catalog_vault *v = vault_of(m, ev->vault);
    if (!acts(m, ev) || !v || !v->ending_ns || v->gone_ns || !same(v->request, ev->request))
        return false;
    v->gone_ns = ev->time_ns;
    v->stored = v->living = 0;
    (void)sum_up(m, v->tenant);
    return true;
}

static bool take(struct model *m, const struct event *ev)
{
    switch (ev->kind) {
    case EVENT_TENANT_CREATE: return tenant_create(m, ev);
    case EVENT_TENANT_CHANGE: return tenant_change(m, ev);
    case EVENT_TENANT_CLOSE: return tenant_close(m, ev);
    case EVENT_TOKEN_CREATE: return token_create(m, ev);
    case EVENT_TOKEN_USE: return token_use(m, ev);
    case EVENT_TOKEN_CANCEL: return token_cancel(m, ev);
    case EVENT_IDENTITY_CREATE: return identity_create(m, ev);
    case EVENT_IDENTITY_REVOKE: return identity_revoke(m, ev);
    case EVENT_CERTIFICATE_ISSUE: return certificate_issue(m, ev);
    case EVENT_IDENTITY_WITNESS: return identity_witness(m, ev);
    case EVENT_ROLE_GIVE: return role_give(m, ev);
    case EVENT_ROLE_TAKE: return role_take(m, ev);
    case EVENT_VAULT_CREATE: return vault_create(m, ev);
    case EVENT_VAULT_WRITER: return vault_writer(m, ev);
    case EVENT_GRANT_CREATE: return grant_create(m, ev);
    case EVENT_GRANT_END: return grant_end(m, ev);
    case EVENT_SESSION_BEGIN: return writer_of(m, ev->vault, ev->writer) != NULL;
    case EVENT_SNAPSHOT: return snapshot(m, ev);
    case EVENT_READ: return vault_of(m, ev->vault) != NULL;
    case EVENT_POLICY_SET: return policy_set(m, ev);
    case EVENT_REQUEST_CREATE: return request_create(m, ev);
    case EVENT_REQUEST_APPROVE:
    case EVENT_REQUEST_SIGN:
    case EVENT_REQUEST_CANCEL:
    case EVENT_REQUEST_EXECUTE: return request_step(m, ev);
    case EVENT_ALARM: return alarm_begins(m, ev);
    case EVENT_ALARM_CLOSE: return alarm_close(m, ev);
    case EVENT_USAGE: return usage(m, ev);
    case EVENT_QUOTA_SET: return quota_set(m, ev);
    case EVENT_QUOTA_ENFORCE: return quota_enforce(m, ev);
    case EVENT_QUOTA_RELAX: return quota_relax(m, ev);
    case EVENT_UPLOAD: return upload(m, ev);
    case EVENT_VAULT_END: return vault_end(m, ev);
    case EVENT_VAULT_KEEP: return vault_keep(m, ev);
    case EVENT_VAULT_GONE: return vault_gone(m, ev);
    default: return true;
    }
}

bool model_apply(struct model *m, const struct event *ev)
{
    bool reports = ev->kind == EVENT_SESSION_BEGIN || ev->kind == EVENT_SNAPSHOT || ev->kind == EVENT_READ;
    bool took = take(m, ev);
    m->entries++;
    if (!took)
        return false;
    struct catalog_identity *who = identity_of(m, none(ev->by) && reports ? ev->id : ev->by);
    if (who)
        who->seen_ns = ev->time_ns;
    return true;
}

/* ---- answers ---------------------------------------------------------------------------------- */

#include "catalog_print.h"

static bool request_is_of(struct model *m, const struct catalog_request *r, const uint8_t *tenant)
{
    const struct catalog_vault *v = vault_of(m, r->vault);
    return !tenant || same(r->tenant, tenant) || (v && same(v->tenant, tenant));
}

static void list(struct model *m, const uint8_t *tenant, struct buf *out)
{
#define LIST(table, print, condition)                                                              \
    for (size_t i = 0; i < m->table##_count; i++)                                                  \
        if (!tenant || (condition))                                                                \
    print(out, &m->table[i])
    LIST(tenants, print_tenant, same(m->tenants[i].id, tenant));
    LIST(identities, print_identity, same(m->identities[i].tenant, tenant));
    LIST(tokens, print_token, same(m->tokens[i].tenant, tenant));
    LIST(vaults, print_vault, same(m->vaults[i].tenant, tenant));
    LIST(grants, print_grant, same(vault_of(m, m->grants[i].vault)->tenant, tenant));
    for (int ended = 0; ended < 2; ended++)
        for (size_t i = 0; i < m->requests_count; i++)
            if (request_is_of(m, &m->requests[i], tenant) &&
                (m->requests[i].executed_ns || m->requests[i].cancelled_ns) == ended)
                print_request(out, &m->requests[i]);
    for (int closed = 0; closed < 2; closed++)
        for (size_t i = 0; i < m->alarms_count; i++)
            if ((!tenant || same(m->alarms[i].tenant, tenant)) && (m->alarms[i].closed_ns != 0) == closed)
                print_alarm(out, &m->alarms[i]);
}

static void ask_alarm(struct model *m, const struct question *q, struct buf *out)
{
    const struct catalog_alarm *found = NULL;
    for (size_t i = 0; i < m->alarms_count; i++) {
        const struct catalog_alarm *a = &m->alarms[i];
        const struct event about = question_cause(q);
        if (q->what == ASK_ALARM ? a->entry == (uint64_t)q->now : same_cause(a, &about) && !a->over_ns)
            found = a;
    }
    if (found)
        print_alarm(out, found);
}

static void ask_held(struct model *m, const uint8_t *tenant, struct buf *out)
{
    struct catalog_held h = {0};
    for (size_t i = 0; i < m->vaults_count; i++)
        if (same(m->vaults[i].tenant, tenant) && !m->vaults[i].gone_ns) {
            h.stored += m->vaults[i].stored;
            h.living += m->vaults[i].living;
            h.vaults++;
        }
    print_held(out, &h);
}

static int newer(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return *x < *y ? 1 : *x > *y ? -1 : 0;
}

static void ask_earlier(struct model *m, const struct question *q, struct buf *out)
{
    int64_t at[MANY * 8];
    size_t n = 0;
    for (size_t i = 0; i < m->received_count; i++)
        if (same(m->received[i].machine, q->a) && m->received[i].ns <= q->now)
            at[n++] = m->received[i].ns;
    qsort(at, n, sizeof *at, newer);
    if (n > 2)
        print_time(out, at[2]);
}

static void ask_months(struct model *m, const uint8_t *tenant, struct buf *out)
{
    const struct month *n = month_of(m, tenant);
    struct catalog_month none_yet = {.month = 12 * 1970}, next = {.month = 12 * 1970 + 1};
    print_month(out, n ? &n->m : &none_yet);
    next.stored = next.peak = n ? n->m.stored : 0;
    print_month(out, &next);
}

/* All was on the first day. */
static void ask_uploaded(struct model *m, const uint8_t *machine, struct buf *out)
{
    const struct uploaded *u = uploaded_of(m, machine);
    uint64_t bytes = u ? u->bytes : 0;
    print_uploaded(out, &(struct catalog_uploaded){bytes, 0, 0});
    print_uploaded(out, &(struct catalog_uploaded){0, most(bytes), 0});
    print_uploaded(out, &(struct catalog_uploaded){0, 0, 0});
}

static void ask_roles(struct model *m, const uint8_t *id, const uint8_t *tenant, struct buf *out)
{
    unsigned installation = 0, of_tenant = 0;
    for (size_t i = 0; i < m->roles_count && living(m, id); i++) {
        const struct given *g = &m->roles[i];
        if (same(g->id, id) && none(g->tenant))
            installation |= 1U << g->role;
        else if (same(g->id, id) && same(g->tenant, tenant))
            of_tenant |= 1U << g->role;
    }
    print_roles(out, installation, of_tenant);
}

static void ask_grant(struct model *m, const uint8_t *vault, const uint8_t *id, int64_t now, struct buf *out)
{
    const struct catalog_grant *best = NULL;
    for (size_t i = 0; i < m->grants_count; i++) {
        const struct catalog_grant *g = &m->grants[i];
        if (same(g->vault, vault) && same(g->id, id) && !g->ended_ns && g->until_ns > now && living(m, id) &&
            (!best || g->until_ns >= best->until_ns))
            best = g;
    }
    if (best)
        print_grant(out, best);
}

static void ask_writer(struct model *m, const uint8_t *vault, const uint8_t *machine, struct buf *out)
{
    for (size_t i = m->writers_count; i-- > 0;)
        if (same(m->writers[i].machine, machine) && (!vault || same(m->writers[i].vault, vault))) {
            if (vault)
                print_id(out, m->writers[i].writer);
            else
                print_vault(out, vault_of(m, m->writers[i].vault));
            return;
        }
}

static void ask_named(struct model *m, const char *name, struct buf *out)
{
    for (size_t i = 0; i < m->tenants_count; i++)
        if (!m->tenants[i].closed_ns && strcmp(m->tenants[i].name, name) == 0)
            print_tenant(out, &m->tenants[i]);
}

static void ask(void *who, const struct question *q, struct buf *out)
{
    struct model *m = who;
    struct certificate *c;
    struct policy *p;
    struct witness *w;
    switch (q->what) {
    case ASK_TENANT: if (tenant_of(m, q->a)) print_tenant(out, tenant_of(m, q->a)); break;
    case ASK_NAMED: ask_named(m, q->name, out); break;
    case ASK_IDENTITY: if (identity_of(m, q->a)) print_identity(out, identity_of(m, q->a)); break;
    case ASK_ROLES: ask_roles(m, q->a, q->b, out); break;
    case ASK_CERTIFICATE: if ((c = certificate_of(m, q->a))) print_id(out, c->id); break;
    case ASK_TOKEN: if (token_of(m, q->a)) print_token(out, token_of(m, q->a)); break;
    case ASK_VAULT: if (vault_of(m, q->a)) print_vault(out, vault_of(m, q->a)); break;
    case ASK_WRITER: ask_writer(m, q->a, q->b, out); break;
    case ASK_VAULT_OF: ask_writer(m, NULL, q->a, out); break;
    case ASK_GRANT: ask_grant(m, q->a, q->b, q->now, out); break;
    case ASK_POLICY: if ((p = policy_of(m, q->a))) print_text(out, p->text); break;
    case ASK_WITNESS: if ((w = witness_of(m, q->a))) print_text(out, w->text); break;
    case ASK_REQUEST: if (request_of(m, q->a)) print_request(out, request_of(m, q->a)); break;
    case ASK_ALARM:
    case ASK_STANDING: ask_alarm(m, q, out); break;
    case ASK_HELD: ask_held(m, q->a, out); break;
    case ASK_QUOTA: if (quota_of(m, q->a)) print_quota(out, &quota_of(m, q->a)->q); break;
    case ASK_MONTHS: ask_months(m, q->a, out); break;
    case ASK_EARLIER: ask_earlier(m, q, out); break;
    case ASK_UPLOADED: ask_uploaded(m, q->a, out); break;
    case ASK_LIST: list(m, q->listed, out); break;
    }
}

void model_answers(const struct model *m, int64_t now, struct buf *out)
{
    ask_all(ask, (void *)(uintptr_t)m, now, out);
}
