/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog_print.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void put(struct buf *out, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void put(struct buf *out, const char *fmt, ...)
{
    char text[8192];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    buf_put(out, text, (size_t)n);
}

void print_id(struct buf *out, const uint8_t id[16])
{
    char hex[33];
    hex_encode(id, 16, hex);
    put(out, " %s", hex);
}

static void numbers(struct buf *out, size_t count, const int64_t *n)
{
    for (size_t i = 0; i < count; i++)
        put(out, " %lld", (long long)n[i]);
}
#define NUMBERS(...) numbers(out, sizeof((int64_t[]){__VA_ARGS__}) / 8, (int64_t[]){__VA_ARGS__})

void print_text(struct buf *out, const char *text)
{
    put(out, " '%s'\n", text);
}

void print_roles(struct buf *out, unsigned installation, unsigned of_tenant)
{
    put(out, " roles %x %x\n", installation, of_tenant);
}

void print_tenant(struct buf *out, const struct catalog_tenant *t)
{
    put(out, " tenant");
    print_id(out, t->id);
    NUMBERS(t->created_ns, t->closed_ns);
    print_text(out, t->name);
}

void print_identity(struct buf *out, const struct catalog_identity *i)
{
    put(out, " identity");
    print_id(out, i->id);
    print_id(out, i->tenant);
    NUMBERS(i->type, i->restore, i->created_ns, i->revoked_ns, i->certificate_until_ns, i->seen_ns,
            i->snapshot_ns);
    print_text(out, i->name);
}

void print_token(struct buf *out, const struct catalog_token *t)
{
    put(out, " token");
    print_id(out, t->token);
    print_id(out, t->tenant);
    print_id(out, t->id);
    print_id(out, t->vault);
    print_id(out, t->by);
    print_id(out, t->used_by);
    print_id(out, t->used_pin);
    print_id(out, t->used_pin + 16);
    NUMBERS(t->type, t->role, t->restore, t->shared, t->created_ns, t->until_ns, t->used_ns, t->cancelled_ns);
    print_text(out, t->name);
}

void print_vault(struct buf *out, const struct catalog_vault *v)
{
    put(out, " vault");
    print_id(out, v->vault);
    print_id(out, v->tenant);
    print_id(out, v->id);
    NUMBERS(v->shared, v->created_ns, v->snapshot_ns, (int64_t)v->snapshots, (int64_t)v->bytes,
            (int64_t)v->stored, (int64_t)v->living, v->ending_ns, v->gone_ns);
    print_id(out, v->request);
    put(out, "\n");
}

void print_grant(struct buf *out, const struct catalog_grant *g)
{
    put(out, " grant");
    print_id(out, g->grant);
    print_id(out, g->vault);
    print_id(out, g->id);
    print_id(out, g->by);
    NUMBERS(g->created_ns, g->until_ns, g->ended_ns);
    print_text(out, g->text);
}

void print_request(struct buf *out, const struct catalog_request *r)
{
    put(out, " request");
    print_id(out, r->request);
    print_id(out, r->by);
    print_id(out, r->tenant);
    print_id(out, r->vault);
    NUMBERS(r->created_ns, r->cancelled_ns, r->executed_ns, r->signed_ns);
    for (unsigned i = 0; i < r->approvals; i++) {
        print_id(out, r->approval[i].by);
        NUMBERS(r->approval[i].role, r->approval[i].time_ns);
    }
    put(out, " %s", r->kind);
    print_text(out, r->text);
}

void print_alarm(struct buf *out, const struct catalog_alarm *a)
{
    put(out, " alarm");
    print_id(out, a->tenant);
    print_id(out, a->vault);
    print_id(out, a->id);
    print_id(out, a->request);
    print_id(out, a->closed_by);
    NUMBERS((int64_t)a->entry, a->since_ns, a->last_ns, (int64_t)a->count, a->closed_ns, a->over_ns);
    put(out, " %s '%s'", a->name, a->text);
    print_text(out, a->reason);
}

void print_held(struct buf *out, const struct catalog_held *h)
{
    NUMBERS((int64_t)h->stored, (int64_t)h->living, (int64_t)h->vaults);
    put(out, " held\n");
}

void print_quota(struct buf *out, const struct catalog_quota *q)
{
    NUMBERS((int64_t)q->bytes, (int64_t)q->count, q->enforced_ns);
    print_id(out, q->by);
    print_text(out, q->text);
}

void print_month(struct buf *out, const struct catalog_month *m)
{
    NUMBERS(m->month, (int64_t)m->stored, (int64_t)m->peak, (int64_t)m->added, (int64_t)m->snapshots,
            (int64_t)m->machines);
    put(out, " month\n");
}

void print_uploaded(struct buf *out, const struct catalog_uploaded *u)
{
    NUMBERS((int64_t)u->bytes, (int64_t)u->before, u->first);
    put(out, " uploaded\n");
}

void print_time(struct buf *out, int64_t ns)
{
    NUMBERS(ns);
    put(out, " earlier\n");
}

struct event question_cause(const struct question *q)
{
    struct event about = {.kind = EVENT_ALARM, .name = q->name};
    memcpy(about.tenant, q->a, 16);
    return about;
}

/* ---- questions ---------------------------------------------------------------------------------- */

struct asking {
    ask_one *ask;
    void *who;
    struct buf *out;
};

static void one(const struct asking *s, const struct question *q)
{
    put(s->out, "%d?", q->what);
    s->ask(s->who, q, s->out);
    put(s->out, "\n");
}

static void about_one(const struct asking *s, unsigned n, enum sort sort, struct question q)
{
    world_id(sort, n, q.a);
    one(s, &q);
}

/* The number WORLD_IDS stands for zeros. */
static void about_two(const struct asking *s, unsigned n, enum sort first, enum sort second, struct question q)
{
    world_id(first, n, q.a);
    for (unsigned k = 0; k <= WORLD_IDS; k++) {
        memset(q.b, 0, 16);
        if (k < WORLD_IDS)
            world_id(second, k, q.b);
        one(s, &q);
    }
}

void ask_all(ask_one *ask, void *who, int64_t now, struct buf *out)
{
    static const char *const names[] = {"anna", "bert", "Zoë's \"café\"", "'; DROP TABLE tenants; --",
                                        "?1 :by %s", "", "nobody"};
    const struct asking s = {ask, who, out};
    static const uint8_t zeros[16];
    one(&s, &(struct question){.what = ASK_LIST});
    one(&s, &(struct question){.what = ASK_LIST, .listed = zeros});
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        one(&s, &(struct question){.what = ASK_NAMED, .name = names[i]});
    for (int64_t entry = 0; entry < 500; entry += 7)
        one(&s, &(struct question){.what = ASK_ALARM, .now = entry});
    for (size_t i = 0; i < 2; i++)
        one(&s, &(struct question){.what = ASK_STANDING, .name = names[i]});
    for (unsigned n = 0; n < WORLD_IDS; n++) {
        for (size_t i = 0; i < 2; i++)
            about_one(&s, n, TENANT, (struct question){.what = ASK_STANDING, .name = names[i]});
        about_one(&s, n, TENANT, (struct question){.what = ASK_HELD});
        about_one(&s, n, TENANT, (struct question){.what = ASK_QUOTA});
        about_one(&s, n, VAULT, (struct question){.what = ASK_QUOTA});
        about_one(&s, n, TENANT, (struct question){.what = ASK_MONTHS});
        about_one(&s, n, PEOPLE, (struct question){.what = ASK_EARLIER, .now = now});
        about_one(&s, n, PEOPLE, (struct question){.what = ASK_UPLOADED});
        uint8_t tenant[16];
        world_id(TENANT, n, tenant);
        one(&s, &(struct question){.what = ASK_LIST, .listed = tenant});
        about_one(&s, n, TENANT, (struct question){.what = ASK_TENANT});
        about_one(&s, n, PEOPLE, (struct question){.what = ASK_IDENTITY});
        about_one(&s, n, SERIAL, (struct question){.what = ASK_CERTIFICATE});
        about_one(&s, n, TOKEN, (struct question){.what = ASK_TOKEN});
        about_one(&s, n, VAULT, (struct question){.what = ASK_VAULT});
        about_one(&s, n, PEOPLE, (struct question){.what = ASK_VAULT_OF});
        about_one(&s, n, PEOPLE, (struct question){.what = ASK_WITNESS});
        about_one(&s, n, TENANT, (struct question){.what = ASK_POLICY});
        about_one(&s, n, VAULT, (struct question){.what = ASK_POLICY});
        about_one(&s, n, REQUEST, (struct question){.what = ASK_REQUEST});
        about_two(&s, n, PEOPLE, TENANT, (struct question){.what = ASK_ROLES});
        about_two(&s, n, VAULT, PEOPLE, (struct question){.what = ASK_WRITER});
        for (int64_t at = now - 40; at <= now + 80; at += 20)
            about_two(&s, n, VAULT, PEOPLE, (struct question){.what = ASK_GRANT, .now = at});
    }
}

/* ---- the catalogue's answers ------------------------------------------------------------------------ */

#define EACH(what)                                                                                 \
    static int each_##what(void *arg, const struct catalog_##what *item, struct err *e)            \
    {                                                                                              \
        (void)e;                                                                                   \
        print_##what(arg, item);                                                                   \
        return 0;                                                                                  \
    }
EACH(tenant)
EACH(identity)
EACH(token)
EACH(vault)
EACH(grant)
EACH(request)
EACH(alarm)

static void list(struct catalog *c, const uint8_t *tenant, struct buf *out)
{
    assert_return_code(catalog_list_tenant(c, tenant, each_tenant, out, NULL), 0);
    assert_return_code(catalog_list_identity(c, tenant, each_identity, out, NULL), 0);
    assert_return_code(catalog_list_token(c, tenant, each_token, out, NULL), 0);
    assert_return_code(catalog_list_vault(c, tenant, each_vault, out, NULL), 0);
    assert_return_code(catalog_list_grant(c, tenant, each_grant, out, NULL), 0);
    assert_return_code(catalog_list_request(c, tenant, each_request, out, NULL), 0);
    assert_return_code(catalog_list_alarm(c, tenant, each_alarm, out, NULL), 0);
}

/* 0 or not there, nothing else. */
static bool got(int rc, const struct err *e)
{
    if (rc)
        assert_int_equal(e->cls, ERR_NOT_FOUND);
    return rc == 0;
}

static void ask_months(struct catalog *c, const uint8_t *tenant, struct buf *out)
{
    struct catalog_month m[2];
    size_t count = 0;
    assert_return_code(catalog_months(c, tenant, 12 * 1970, 12 * 1970 + 1, m, &count, NULL), 0);
    assert_int_equal(count, 2);
    print_month(out, &m[0]);
    print_month(out, &m[1]);
}

static void ask_uploaded(struct catalog *c, const uint8_t *machine, struct buf *out)
{
    static const int64_t days[] = {0, 30, 31};
    for (size_t i = 0; i < 3; i++) {
        struct catalog_uploaded u;
        assert_return_code(catalog_uploaded(c, machine, days[i], &u, NULL), 0);
        print_uploaded(out, &u);
    }
}

static void ask_alarm(struct catalog *c, const struct question *q, struct buf *out)
{
    static struct catalog_alarm a;
    const struct event about = question_cause(q);
    struct err e = ERR_INIT;
    if (got(q->what == ASK_ALARM ? catalog_alarm(c, (uint64_t)q->now, &a, &e)
                                 : catalog_standing_alarm(c, &about, &a, &e), &e))
        print_alarm(out, &a);
}

static void ask(void *who, const struct question *q, struct buf *out)
{
    struct catalog *c = who;
    struct err e = ERR_INIT;
    union {
        struct catalog_tenant tenant;
        struct catalog_identity identity;
        struct catalog_token token;
        struct catalog_vault vault;
        struct catalog_grant grant;
        struct catalog_request request;
        struct catalog_held held;
        struct catalog_quota quota;
        int64_t time;
        uint8_t id[16];
        unsigned roles[2];
    } *u = mem_zalloc(sizeof *u);
    CLEANUP(buf_done) struct buf text = {0};
    assert_non_null(u);
    switch (q->what) {
    case ASK_TENANT: if (got(catalog_tenant(c, q->a, &u->tenant, &e), &e)) print_tenant(out, &u->tenant); break;
    case ASK_NAMED: if (got(catalog_tenant_named(c, q->name, &u->tenant, &e), &e)) print_tenant(out, &u->tenant); break;
    case ASK_IDENTITY: if (got(catalog_identity(c, q->a, &u->identity, &e), &e)) print_identity(out, &u->identity); break;
    case ASK_ROLES:
        assert_return_code(catalog_roles(c, q->a, q->b, &u->roles[0], &u->roles[1], &e), 0);
        print_roles(out, u->roles[0], u->roles[1]);
        break;
    case ASK_CERTIFICATE: if (got(catalog_certificate(c, q->a, u->id, &e), &e)) print_id(out, u->id); break;
    case ASK_TOKEN: if (got(catalog_token(c, q->a, &u->token, &e), &e)) print_token(out, &u->token); break;
    case ASK_VAULT: if (got(catalog_vault(c, q->a, &u->vault, &e), &e)) print_vault(out, &u->vault); break;
    case ASK_WRITER: if (got(catalog_writer(c, q->a, q->b, u->id, &e), &e)) print_id(out, u->id); break;
    case ASK_VAULT_OF: if (got(catalog_vault_of(c, q->a, &u->vault, &e), &e)) print_vault(out, &u->vault); break;
    case ASK_GRANT: if (got(catalog_grant(c, q->a, q->b, q->now, &u->grant, &e), &e)) print_grant(out, &u->grant); break;
    case ASK_POLICY:
        if (got(catalog_policy(c, q->a, &text, &e), &e)) {
            buf_put_u8(&text, 0);
            print_text(out, (char *)text.data);
        }
        break;
    case ASK_WITNESS:
        if (got(catalog_witness(c, q->a, &text, &e), &e)) {
            buf_put_u8(&text, 0);
            print_text(out, (char *)text.data);
        }
        break;
    case ASK_REQUEST: if (got(catalog_request(c, q->a, &u->request, &e), &e)) print_request(out, &u->request); break;
    case ASK_ALARM:
    case ASK_STANDING: ask_alarm(c, q, out); break;
    case ASK_HELD: if (got(catalog_held(c, q->a, &u->held, &e), &e)) print_held(out, &u->held); break;
    case ASK_QUOTA: if (got(catalog_quota(c, q->a, &u->quota, &e), &e)) print_quota(out, &u->quota); break;
    case ASK_MONTHS: ask_months(c, q->a, out); break;
    case ASK_EARLIER: if (got(catalog_earlier_snapshot(c, q->a, q->now, 2, &u->time, &e), &e)) print_time(out, u->time); break;
    case ASK_UPLOADED: ask_uploaded(c, q->a, out); break;
    case ASK_LIST: list(c, q->listed, out); break;
    }
    mem_free(u);
}

void catalog_answers(struct catalog *c, int64_t now, struct buf *out)
{
    ask_all(ask, c, now, out);
}
