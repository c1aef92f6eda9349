/* SPDX-License-Identifier: Apache-2.0 */
/* Starting and stopping: what is opened in which order. */
#include "server/api.h"
#include "server/clock_guard.h"
#include "server/rates.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define STOP_MS      30000 /* of a handler that waits for a disk; systemd gives 90 seconds */
#define BOOTSTRAP_NS (INT64_C(3600) * NS_PER_S)

void server_tell(struct server *s, const char *fmt, ...)
{
    char line[1024];
    va_list ap;
    if (!s->options.tell)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    s->options.tell(s->options.arg, line);
}

static int open_log(struct server *s, struct err *e)
{
    char path[SERVER_PATH_MAX];
    const struct installation *i = &s->installation;
    installation_path(i, path, "log");
    return tlog_open(path, i->origin, &i->log_key, &s->log, e);
}

/* A log of no entries begins with who it is of. */
static int record_init(struct server *s, struct err *e)
{
    char pin[2 * PKI_PIN_BYTES + 1];
    struct event ev = {.kind = EVENT_SERVER_INIT, .text = pin};
    if (tlog_size(s->log))
        return 0;
    hex_encode(s->installation.pin, PKI_PIN_BYTES, pin);
    return server_decide(s, &ev, e);
}

static int open_catalog(struct server *s, struct err *e)
{
    char path[SERVER_PATH_MAX];
    bool fresh = false;
    installation_path(&s->installation, path, "catalog.sqlite");
    return catalog_open(path, s->installation.origin, &s->catalog, &fresh, e) ||
                   server_replay(s, fresh, e) || record_init(s, e)
               ? -1
               : 0;
}

static int serve(struct server *s, struct err *e)
{
    const struct server_options *o = &s->options;
    const struct http_config c = {
        .tls = {.certificate_pem = (const char *)s->installation.server_pem.data,
                .key_pem = (const char *)s->installation.server_key.data,
                .authority_pem = (const char *)s->installation.authority_pem.data},
        .listeners = o->listeners,
        .listener_count = o->listener_count,
        .loops = o->loops,
        .workers = o->workers,
        .limits = o->limits,
        .handler = {calls_head, calls_done, s, caller_owner},
        .stop_ms = STOP_MS,
    };
    int rc = http_server_start(&c, &s->http, e);
    installation_wipe(&s->installation.server_key); /* TLS has it now */
    return rc;
}

/* What a crash cut off; 0. */
static int settle(struct server *s)
{
    vaults_settle(s);
    return 0;
}

static void set_up(struct server *s, const struct server_options *o)
{
    s->options = *o;
    s->installation.lock_fd = -1;
    (void)pthread_mutex_init(&s->decide, NULL);
    (void)pthread_mutex_init(&s->alarm_lock, NULL);
    (void)pthread_mutex_init(&s->end_lock, NULL);
    (void)pthread_mutex_init(&s->recording.lock, NULL);
    (void)pthread_cond_init(&s->recording.turn, NULL);
    (void)pthread_mutex_init(&s->guard_lock, NULL);
    (void)pthread_mutex_init(&s->upkeep_lock, NULL);
    (void)pthread_cond_init(&s->upkeep_wake, NULL);
    refusals_init(&s->refusals);
    vaults_init(&s->vaults);
    sessions_init(&s->sessions);
}

int server_start(const struct server_options *o, struct server **out, struct err *e)
{
    struct server *s = mem_zalloc(sizeof *s);
    if (!s)
        return err_no_memory(e, "the server");
    set_up(s, o);
    if (installation_open(o->root, o->names, o->name_count, &s->installation, e) ||
        tallies_new(&s->tallies, e) || rates_new(&s->rates, e) || open_log(s, e) || open_catalog(s, e) ||
        clock_guard_open(s, e) || settle(s) || upkeep_start(s, e) || serve(s, e)) {
        (void)server_stop(s, 0); /* nobody came yet */
        return -1;
    }
    *out = s;
    return 0;
}

bool server_stop(struct server *s, unsigned drain_ms)
{
    if (!s)
        return true;
    if (!http_server_stop(s->http, drain_ms)) {
        server_tell(s, "a request did not come back from a disk: what was acknowledged is durable");
        return false;
    }
    upkeep_stop(s);
    if (s->tallies && s->catalog) {
        tallies_flush(s);
        clock_guard_close(s);
    }
    sessions_done(s);
    vaults_done(&s->vaults);
    catalog_close(s->catalog);
    tlog_close(s->log);
    tallies_free(s->tallies);
    rates_free(s->rates);
    installation_close(&s->installation);
    refusals_done(&s->refusals);
    (void)pthread_mutex_destroy(&s->decide);
    (void)pthread_mutex_destroy(&s->alarm_lock);
    (void)pthread_mutex_destroy(&s->end_lock);
    (void)pthread_mutex_destroy(&s->recording.lock);
    (void)pthread_cond_destroy(&s->recording.turn);
    (void)pthread_mutex_destroy(&s->guard_lock);
    (void)pthread_mutex_destroy(&s->upkeep_lock);
    (void)pthread_cond_destroy(&s->upkeep_wake);
    mem_free(s);
    return true;
}

/* ---- while it runs ---------------------------------------------------------------------------- */

int server_set_names(struct server *s, const char *const *names, size_t count, struct err *e)
{
    CLEANUP(buf_done) struct buf pem = {0};
    CLEANUP(installation_wipe) struct buf key = {0};
    if (installation_certify(&s->installation, names, count, &pem, &key, e))
        return -1;
    const struct http_tls tls = {
        .certificate_pem = (const char *)pem.data,
        .key_pem = (const char *)key.data,
        .authority_pem = (const char *)s->installation.authority_pem.data,
    };
    return http_server_set_tls(s->http, &tls, e);
}

void server_set_limits(struct server *s, const struct http_limits *limits)
{
    http_server_set_limits(s->http, limits);
}

struct http_pulse server_pulse(struct server *s)
{
    return http_server_pulse(s->http);
}

/* ---- the first owner ------------------------------------------------------------------------ */

static int is_owner(void *arg, const struct catalog_identity *i, struct err *e)
{
    struct server *s = arg;
    unsigned installation = 0, of_tenant;
    (void)e;
    return i->type == IDENTITY_PERSON &&
           catalog_roles(s->catalog, i->id, i->tenant, &installation, &of_tenant, NULL) == 0 &&
           (installation & R(ROLE_OWNER));
}

bool server_is_new(struct server *s)
{
    return catalog_list_identity(s->catalog, NULL, is_owner, s, NULL) == 0;
}

/* Earlier tokens for a first owner, that nobody used. */
static int cancel_earlier(void *arg, const struct catalog_token *t, struct err *e)
{
    struct server *s = arg;
    struct event ev = {.kind = EVENT_TOKEN_CANCEL};
    if (t->role != ROLE_OWNER || t->used_ns || t->cancelled_ns || !bytes_are_zero(t->by, EVENT_ID_BYTES))
        return 0;
    memcpy(ev.token, t->token, EVENT_ID_BYTES);
    return server_decide(s, &ev, e);
}

int server_bootstrap(struct server *s, char out[WIRE_TOKEN_TEXT], struct err *e)
{
    struct event ev = {.type = IDENTITY_PERSON, .role = ROLE_OWNER, .name = "first owner",
                       .until_ns = clock_realtime_ns() + BOOTSTRAP_NS};
    if (!server_is_new(s))
        return err_set(e, ERR_REFUSED, "there is an owner: owners make tokens for others");
    (void)pthread_mutex_lock(&s->decide);
    int rc = catalog_list_token(s->catalog, NULL, cancel_earlier, s, e) ||
                     token_make(s, &ev, out, e)
                 ? -1
                 : 0;
    (void)pthread_mutex_unlock(&s->decide);
    return rc;
}
