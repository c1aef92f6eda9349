/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be measured, as OpenMetrics 1.0 text. Numbers come from the catalogue's lists and from counters;
 * nothing here opens a vault, and nobody is made to wait.
 *
 * M1 The samples of a family stand together, behind its one TYPE and HELP.
 * M2 Names are of people: whatever they hold, a label's value has no bare quote, backslash or line's end.
 */
#include "server/clock_guard.h"

#include "base/clock.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Machines and vaults with series of their own: a scrape stays below 10 MiB. Others are counted. */
#define LISTED_MAX 20000u

struct listing_state {
    struct server *server;
    int64_t now_ns;
    struct buf ages, certificates, bytes; /* samples of families that are listed at once */
    uint64_t tenants, machines, unlisted, vaults, snapshots, added;
};

PRINTF_LIKE(2, 3) static void put(struct buf *out, const char *fmt, ...)
{
    char line[512];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    buf_put(out, line, n < 0 ? 0 : (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
}

static void put_family(struct buf *out, const char *name, const char *type, const char *help)
{
    put(out, "# TYPE %s %s\n# HELP %s %s\n", name, type, name, help);
}

/* M2 */
static void put_label(struct buf *out, char before, const char *name, const char *value)
{
    put(out, "%c%s=\"", before, name);
    for (; *value; value++) {
        if (*value == '\n') {
            buf_put(out, "\\n", 2);
            continue;
        }
        if (*value == '"' || *value == '\\')
            buf_put_u8(out, '\\');
        buf_put_u8(out, (uint8_t)*value);
    }
    buf_put_u8(out, '"');
}

static void put_gauge(struct buf *out, const char *name, const char *help, uint64_t value)
{
    put_family(out, name, "gauge", help);
    put(out, "%s %" PRIu64 "\n", name, value);
}

static void put_counter(struct buf *out, const char *name, const char *help, uint64_t value)
{
    put_family(out, name, "counter", help);
    put(out, "%s_total %" PRIu64 "\n", name, value);
}

/* ---- from the catalogue ---------------------------------------------------------------------------- */

static int count_tenant(void *arg, const struct catalog_tenant *t, struct err *e)
{
    struct listing_state *l = arg;
    (void)e;
    l->tenants += t->closed_ns == 0;
    return 0;
}

static void put_labels(struct buf *out, const char *family, const char *tenant, const char *key,
                       const uint8_t *id, const char *name)
{
    char hex[2 * EVENT_ID_BYTES + 1];
    hex_encode(id, EVENT_ID_BYTES, hex);
    put(out, "%s", family);
    put_label(out, '{', "tenant", tenant);
    put_label(out, ',', key, hex);
    if (name)
        put_label(out, ',', "name", name);
    put(out, "} ");
}

static void tenant_of(const struct listing_state *l, const uint8_t *id, struct catalog_tenant *out)
{
    if (catalog_tenant(l->server->catalog, id, out, NULL))
        *out = (struct catalog_tenant){0};
}

/* Whole seconds; a clock that was set back gives 0. */
static int64_t seconds(int64_t ns)
{
    return ns < 0 ? 0 : ns / NS_PER_S;
}

static int list_machine(void *arg, const struct catalog_identity *i, struct err *e)
{
    struct listing_state *l = arg;
    struct catalog_tenant tenant;
    (void)e;
    if (i->type != IDENTITY_MACHINE || i->revoked_ns)
        return 0;
    tenant_of(l, i->tenant, &tenant);
    if (tenant.closed_ns)
        return 0;
    if (l->machines++ >= LISTED_MAX) {
        l->unlisted++;
        return 0;
    }
    put_labels(&l->ages, "abri_machine_snapshot_age_seconds", tenant.name, "machine", i->id, i->name);
    if (i->snapshot_ns)
        put(&l->ages, "%" PRId64 "\n", seconds(l->now_ns - i->snapshot_ns));
    else
        put(&l->ages, "+Inf\n"); /* so that every alarm for "too old" rings */
    put_labels(&l->certificates, "abri_machine_certificate_left_seconds", tenant.name, "machine",
               i->id, i->name);
    put(&l->certificates, "%" PRId64 "\n", seconds(i->certificate_until_ns - l->now_ns));
    return 0;
}

static int list_vault(void *arg, const struct catalog_vault *v, struct err *e)
{
    struct listing_state *l = arg;
    struct catalog_tenant tenant;
    (void)e;
    l->snapshots += v->snapshots;
    l->added += v->bytes;
    if (v->gone_ns)
        return 0;
    if (l->vaults++ >= LISTED_MAX)
        return 0;
    tenant_of(l, v->tenant, &tenant);
    put_labels(&l->bytes, "abri_vault_added_bytes", tenant.name, "vault", v->vault, NULL);
    put(&l->bytes, "%" PRIu64 "\n", v->bytes);
    return 0;
}

static void put_listed(struct buf *out, const struct listing_state *l)
{
    put_gauge(out, "abri_tenants", "Tenants that are open.", l->tenants);
    put_gauge(out, "abri_machines", "Machines that are enrolled and not revoked.", l->machines);
    put_gauge(out, "abri_machines_unlisted", "Machines without series of their own: there are too many.",
              l->unlisted);
    put_family(out, "abri_machine_snapshot_age_seconds", "gauge",
               "Time since the last snapshot was received; +Inf: there is none.");
    buf_put(out, l->ages.data, l->ages.len);
    put_family(out, "abri_machine_certificate_left_seconds", "gauge",
               "Time until the certificate ends; 0: it has.");
    buf_put(out, l->certificates.data, l->certificates.len);
    put_gauge(out, "abri_vaults", "Vaults.", l->vaults);
    put_counter(out, "abri_snapshots", "Snapshots received, ever.", l->snapshots);
    put_counter(out, "abri_added_bytes", "Bytes that snapshots added, ever.", l->added);
    put_family(out, "abri_vault_added_bytes", "gauge", "Bytes that snapshots added to the vault, ever.");
    buf_put(out, l->bytes.data, l->bytes.len);
}

static int put_catalog(struct server *s, struct buf *out, struct err *e)
{
    struct listing_state l = {.server = s, .now_ns = clock_realtime_ns(),
                              .ages = {.max = SERVER_METRICS_MAX},
                              .certificates = {.max = SERVER_METRICS_MAX},
                              .bytes = {.max = SERVER_METRICS_MAX}};
    int rc = catalog_list_tenant(s->catalog, NULL, count_tenant, &l, e) ||
             catalog_list_identity(s->catalog, NULL, list_machine, &l, e) ||
             catalog_list_vault(s->catalog, NULL, list_vault, &l, e) ||
             buf_check(&l.ages, "metrics", e) || buf_check(&l.certificates, "metrics", e) ||
             buf_check(&l.bytes, "metrics", e);
    if (!rc)
        put_listed(out, &l);
    buf_done(&l.ages);
    buf_done(&l.certificates);
    buf_done(&l.bytes);
    return rc ? -1 : 0;
}

/* ---- alarms ------------------------------------------------------------------------------------------- */

/* Of each name and tenant one series: alarms are few, or somebody should know. */
#define ALARM_SERIES 4096u
struct alarm_count {
    char tenant[EVENT_NAME_MAX + 1]; /* its name: of tenants that were closed several may have had it */
    char name[32];
    uint64_t count;
};

struct alarm_counting {
    struct server *server;
    struct buf counts;
};

static int count_alarm(void *arg, const struct catalog_alarm *a, struct err *e)
{
    struct alarm_counting *k = arg;
    struct buf *b = &k->counts;
    struct catalog_tenant tenant = {0};
    if (a->closed_ns)
        return 1; /* open ones come first */
    struct alarm_count n = {.count = 1};
    if (catalog_tenant(k->server->catalog, a->tenant, &tenant, NULL) == 0)
        memcpy(n.tenant, tenant.name, sizeof n.tenant);
    (void)snprintf(n.name, sizeof n.name, "%.31s", a->name);
    struct alarm_count *all = (struct alarm_count *)(void *)b->data;
    size_t count = b->len / sizeof n;
    for (size_t i = 0; i < count; i++)
        if (strcmp(all[i].tenant, n.tenant) == 0 && strcmp(all[i].name, n.name) == 0) {
            all[i].count++;
            return 0;
        }
    if (count < ALARM_SERIES)
        buf_put(b, &n, sizeof n);
    return buf_check(b, "metrics", e);
}

static int put_alarms(struct server *s, struct buf *out, struct err *e)
{
    struct alarm_counting k = {s, {.max = ALARM_SERIES * sizeof(struct alarm_count)}};
    int rc = catalog_list_alarm(s->catalog, NULL, count_alarm, &k, e);
    put_family(out, "abri_alarms", "gauge", "Alarms that are open.");
    for (size_t at = 0; rc >= 0 && at < k.counts.len; at += sizeof(struct alarm_count)) {
        const struct alarm_count *n = (const void *)(k.counts.data + at);
        put(out, "abri_alarms");
        put_label(out, '{', "name", n->name);
        put_label(out, ',', "tenant", n->tenant);
        put(out, "} %" PRIu64 "\n", n->count);
    }
    buf_done(&k.counts);
    return rc < 0 ? -1 : 0;
}

/* ---- the log ------------------------------------------------------------------------------------------ */

/* The newest time in the lines of witnesses: "— name base64(id 4, time 8, signature 64)". They were verified when
 * they were taken in. */
static int64_t cosigned_s(const struct buf *note)
{
    const char *p = (const char *)note->data, *end = p + note->len;
    int64_t newest = 0;
    while (p < end) {
        const char *eol = memchr(p, '\n', (size_t)(end - p)), *space;
        size_t len = eol ? (size_t)(eol - p) : (size_t)(end - p);
        struct buf raw = {.max = 4096};
        if (len > 4 && memcmp(p, "\xe2\x80\x94 ", 4) == 0 && (space = memrchr(p, ' ', len)) &&
            base64_get(space + 1, len - (size_t)(space + 1 - p), &raw, NULL) == 0 && raw.len == 76) {
            int64_t t = 0;
            for (int i = 0; i < 8; i++)
                t = (int64_t)((uint64_t)t << 8 | raw.data[4 + i]);
            newest = t > newest ? t : newest;
        }
        buf_done(&raw);
        p += len + 1;
    }
    return newest;
}

static void put_log(struct server *s, struct buf *out)
{
    CLEANUP(buf_done) struct buf note = {.max = NOTE_MAX};
    put_gauge(out, "abri_log_entries", "Entries of the log.", tlog_size(s->log));
    put_family(out, "abri_log_cosigned_age_seconds", "gauge",
               "Time since the newest cosignature of a checkpoint; +Inf: there is none.");
    int64_t at = tlog_cosigned(s->log, &note, NULL) ? 0 : cosigned_s(&note);
    int64_t age = clock_realtime_ns() / NS_PER_S - at;
    if (at)
        put(out, "abri_log_cosigned_age_seconds %" PRId64 "\n", age < 0 ? 0 : age);
    else
        put(out, "abri_log_cosigned_age_seconds +Inf\n");
}

static void put_clock(struct server *s, struct buf *out)
{
    struct policy_clock c;
    clock_guard_verdict(s, &c);
    put_gauge(out, "abri_clock_trusted", "1, or 0: nothing is deleted until two people confirm the clock.", policy_clock_trusted(&c));
    put_counter(out, "abri_run_seconds", "Time in which this installation ran, ever; what floors and locks count.",
                (uint64_t)(server_ticks(s) / NS_PER_S));
    put_counter(out, "abri_upkeep_rounds", "Rounds of upkeep that ended, since the start.", upkeep_rounds(s));
}

/* ---- counters ------------------------------------------------------------------------------------------- */

static void put_refusals(struct server *s, struct buf *out)
{
    struct refusal_counts *r = &s->refusals;
    put_family(out, "abri_refusals", "counter", "Requests that were refused since the start, by reason.");
    (void)pthread_mutex_lock(&r->lock);
    for (unsigned i = 0; i < r->used; i++) {
        put(out, "abri_refusals_total");
        put_label(out, '{', "reason", r->items[i].reason);
        put(out, "} %" PRIu64 "\n", r->items[i].count);
    }
    (void)pthread_mutex_unlock(&r->lock);
}

static void put_http(struct server *s, struct buf *out)
{
    const struct http_stats h = http_server_stats(s->http);
    (void)pthread_mutex_lock(&s->sessions.lock);
    uint64_t sessions = s->sessions.count;
    (void)pthread_mutex_unlock(&s->sessions.lock);
    put_gauge(out, "abri_sessions", "Backups under way.", sessions);
    put_gauge(out, "abri_connections", "Connections.", h.connections_now);
    put_gauge(out, "abri_streams", "Requests under way.", h.streams_now);
    put_gauge(out, "abri_queue_requests", "Pieces of work that wait for a worker.", h.queued_now);
    put_gauge(out, "abri_buffered_bytes", "Received bytes that wait for a worker.", h.buffered_now);
    put_counter(out, "abri_accepted_connections", "Connections that were accepted.", h.accepted);
    put_counter(out, "abri_requests", "Requests.", h.requests);
    put_counter(out, "abri_received_bytes", "Bytes that came, of TLS.", h.bytes_in);
    put_counter(out, "abri_sent_bytes", "Bytes that went, of TLS.", h.bytes_out);
    put_counter(out, "abri_timeouts", "Connections and requests that took too long.", h.timed_out);
    put_family(out, "abri_refused_connections", "counter", "Connections that were ended, by reason.");
    put(out,
        "abri_refused_connections_total{reason=\"full\"} %" PRIu64 "\n"
        "abri_refused_connections_total{reason=\"address\"} %" PRIu64 "\n"
        "abri_refused_connections_total{reason=\"machine\"} %" PRIu64 "\n"
        "abri_refused_connections_total{reason=\"proxy\"} %" PRIu64 "\n"
        "abri_refused_connections_total{reason=\"handshake\"} %" PRIu64 "\n"
        "abri_refused_connections_total{reason=\"protocol\"} %" PRIu64 "\n",
        h.refused_full, h.refused_address, h.refused_owner, h.refused_proxy, h.handshakes_failed, h.protocol_errors);
}

int server_metrics(struct server *s, const char *version, struct buf *out, struct err *e)
{
    size_t before = out->len;
    put_family(out, "abri_build", "info", "What serves.");
    put(out, "abri_build_info");
    put_label(out, '{', "version", version);
    put(out, "} 1\n");
    put_http(s, out);
    put_refusals(s, out);
    put_log(s, out);
    put_clock(s, out);
    if (put_alarms(s, out, e) || put_catalog(s, out, e)) {
        out->len = before;
        return -1;
    }
    put(out, "# EOF\n");
    return buf_check(out, "metrics", e);
}
