/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests by libcurl. Each call borrows a connection of the pool, or opens one; a
 * connection that failed is thrown away.
 *
 * N1 TLS 1.3, HTTP/2, the pinned authority, the name "abrid": anything else is no server. When its certificate ends
 *    is not asked: the clock of a machine that is to be saved may say anything (decisions/0020), and
 *    the key of a server's certificate lives no longer than the server runs.
 * N2 A call is tried again only if nothing of an answer was given to anybody, and only once a
 *    server has answered before, or took the connection and was too busy to go on, or is known from enrolment: who types a wrong
 *    address learns it at once.
 * N3 No answer is longer than who asked allows; no call waits forever: a stall ends it.
 */
#include "remote/client.h"

#include "base/clock.h"
#include "base/mem.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CONNECT_S      15L
#define STALL_S        60L
#define PATIENCE_NS    (INT64_C(300) * NS_PER_S)
#define RESTART_NS     (INT64_C(15) * NS_PER_S)
#define UPLOAD_BUFFER  (512L << 10)
#define RECEIVE_BUFFER (512L << 10)
#define TEXT_OF(number) #number
#define TEXT_OF_VALUE(number) TEXT_OF(number)
#define PROTOCOL       TEXT_OF_VALUE(WIRE_API)
#define ERROR_BODY_MAX ((size_t)64 << 10)

struct client {
    pthread_mutex_t lock;
    CURL *idle[CLIENT_CONNECTIONS_MAX];
    unsigned idle_count;
    char base[300], name[300];
    struct curl_slist *connect_to;
    char *authority, *certificate, *key;
    const atomic_bool *cancel;
    atomic_bool reached;
    atomic_bool served;  /* … and well */
    atomic_bool told;    /* that it is waited for */
    void (*waiting)(void *arg, const char *server, const struct err *what);
    void *arg;
};

/* ---- making one ---------------------------------------------------------------------- */

static void curl_once(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

static char *copy(const char *text)
{
    return text ? mem_strdup(text) : NULL;
}

static int fill(struct client *c, const struct client_options *o, struct err *e)
{
    char target[WIRE_HOST_MAX + 64];
    const char *colon = strchr(o->url->host, ':');
    (void)snprintf(c->base, sizeof c->base, "https://%s:%u",
                   o->authority_pem ? WIRE_SERVER_NAME : o->url->host, o->url->port);
    if (!o->authority_pem && colon)
        (void)snprintf(c->base, sizeof c->base, "https://[%s]:%u", o->url->host, o->url->port);
    (void)snprintf(c->name, sizeof c->name, colon ? "https://[%s]:%u" : "https://%s:%u",
                   o->url->host, o->url->port);
    /* N1: whatever it is called in the network, its certificate says "abrid". */
    (void)snprintf(target, sizeof target, colon ? "%s:%u:[%s]:%u" : "%s:%u:%s:%u", WIRE_SERVER_NAME,
                   o->url->port, o->url->host, o->url->port);
    c->connect_to = curl_slist_append(NULL, target);
    c->authority = copy(o->authority_pem);
    c->certificate = copy(o->certificate_pem);
    c->key = copy(o->key_pem);
    if (!c->connect_to || (o->authority_pem && !c->authority) ||
        (o->certificate_pem && !c->certificate) || (o->key_pem && !c->key))
        return err_no_memory(e, "a connection");
    return 0;
}

int client_new(const struct client_options *o, struct client **out, struct err *e)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, curl_once);
    struct client *c = mem_zalloc(sizeof *c);
    if (!c)
        return err_no_memory(e, "a connection");
    (void)pthread_mutex_init(&c->lock, NULL);
    c->cancel = o->cancel;
    c->waiting = o->waiting;
    c->arg = o->arg;
    if (fill(c, o, e)) {
        client_free(c);
        return -1;
    }
    *out = c;
    return 0;
}

static void wipe(char *secret)
{
    if (secret)
        explicit_bzero(secret, strlen(secret));
    mem_free(secret);
}

void client_free(struct client *c)
{
    if (!c)
        return;
    for (unsigned i = 0; i < c->idle_count; i++)
        curl_easy_cleanup(c->idle[i]);
    curl_slist_free_all(c->connect_to);
    mem_free(c->authority);
    mem_free(c->certificate);
    wipe(c->key);
    (void)pthread_mutex_destroy(&c->lock);
    mem_free(c);
}

const char *client_name(const struct client *c)
{
    return c->name;
}

bool client_was_served(const struct client *c)
{
    return atomic_load(&c->served);
}

/* ---- the pool ---------------------------------------------------------------------------- */

static void set_blob(CURL *h, CURLoption option, char *text)
{
    struct curl_blob blob = {.data = text, .len = strlen(text), .flags = CURL_BLOB_NOCOPY};
    (void)curl_easy_setopt(h, option, &blob);
}

/* Where time was said to have passed (clock_set_shift), it has passed for certificates, too. A clock that somebody
 * set is no such thing: a machine whose clock is wrong learns from TLS that it is. */
static CURLcode judge_by_our_clock(CURL *h, void *context, void *arg)
{
    int64_t passed = clock_get_shift().passed_ns;
    (void)h, (void)arg;
    if (passed)
        X509_VERIFY_PARAM_set_time(SSL_CTX_get0_param(context), time(NULL) + (time_t)(passed / NS_PER_S));
    return CURLE_OK;
}

/* N1 */
static CURLcode ignore_clock(CURL *h, void *ctx, void *arg)
{
    (void)h, (void)arg;
    return X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx), X509_V_FLAG_NO_CHECK_TIME) == 1
               ? CURLE_OK
               : CURLE_ABORTED_BY_CALLBACK;
}

/* N1 */
static CURL *open_handle(struct client *c)
{
    CURL *h = curl_easy_init();
    if (!h)
        return NULL;
    (void)curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "https");
    (void)curl_easy_setopt(h, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    (void)curl_easy_setopt(h, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3);
    (void)curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(h, CURLOPT_PROXY, ""); /* what the environment says of proxies is not about backups */
    (void)curl_easy_setopt(h, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    (void)curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
    (void)curl_easy_setopt(h, CURLOPT_LOW_SPEED_LIMIT, 1L);
    (void)curl_easy_setopt(h, CURLOPT_LOW_SPEED_TIME, STALL_S);
    (void)curl_easy_setopt(h, CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BUFFER);
    (void)curl_easy_setopt(h, CURLOPT_BUFFERSIZE, RECEIVE_BUFFER);
    (void)curl_easy_setopt(h, CURLOPT_TCP_KEEPALIVE, 1L);
    (void)curl_easy_setopt(h, CURLOPT_SSL_CTX_FUNCTION, judge_by_our_clock);
    if (c->authority) {
        set_blob(h, CURLOPT_CAINFO_BLOB, c->authority);
        (void)curl_easy_setopt(h, CURLOPT_CONNECT_TO, c->connect_to);
        (void)curl_easy_setopt(h, CURLOPT_SSL_CTX_FUNCTION, ignore_clock);
    } else {
        (void)curl_easy_setopt(h, CURLOPT_SSL_VERIFYPEER, 0L);
        (void)curl_easy_setopt(h, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (c->certificate) {
        set_blob(h, CURLOPT_SSLCERT_BLOB, c->certificate);
        set_blob(h, CURLOPT_SSLKEY_BLOB, c->key);
    }
    return h;
}

static CURL *borrow(struct client *c)
{
    CURL *h = NULL;
    (void)pthread_mutex_lock(&c->lock);
    if (c->idle_count)
        h = c->idle[--c->idle_count];
    (void)pthread_mutex_unlock(&c->lock);
    return h ? h : open_handle(c);
}

static void give_back(struct client *c, CURL *h, bool good)
{
    (void)pthread_mutex_lock(&c->lock);
    if (good && c->idle_count < CLIENT_CONNECTIONS_MAX) {
        c->idle[c->idle_count++] = h;
        h = NULL;
    }
    (void)pthread_mutex_unlock(&c->lock);
    if (h)
        curl_easy_cleanup(h);
}

/* ---- one attempt -------------------------------------------------------------------------- */

struct attempt {
    struct client *client;
    struct client_call *call;
    CURL *handle;
    size_t piece, at;       /* where the sending is */
    struct buf refusal;     /* the body of one */
    size_t answer_began;    /* length of call->answer before */
    bool began;             /* `take` has got something */
    bool too_long, ended;   /* by N3; by `take` */
    bool busy;              /* it took the connection, and then had no time for us */
    char problem[CURL_ERROR_SIZE];
};

static size_t send_body(char *out, size_t size, size_t count, void *arg)
{
    struct attempt *a = arg;
    size_t room = size * count, n = 0;
    while (n < room && a->piece < a->call->piece_count) {
        const struct client_piece *p = &a->call->pieces[a->piece];
        size_t part = p->len - a->at < room - n ? p->len - a->at : room - n;
        memcpy(out + n, (const uint8_t *)p->p + a->at, part);
        n += part;
        a->at += part;
        if (a->at == p->len) {
            a->piece++;
            a->at = 0;
        }
    }
    return n;
}

static int rewind_body(void *arg, curl_off_t off, int origin)
{
    struct attempt *a = arg;
    if (off || origin != SEEK_SET)
        return CURL_SEEKFUNC_CANTSEEK;
    a->piece = a->at = 0;
    return CURL_SEEKFUNC_OK;
}

static size_t take_body(char *p, size_t size, size_t count, void *arg)
{
    struct attempt *a = arg;
    struct client_call *call = a->call;
    size_t len = size * count;
    long status = 0;
    (void)curl_easy_getinfo(a->handle, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200 || status > 299) {
        buf_put(&a->refusal, p, len);
        return len; /* what is too long is cut: refusal.failed */
    }
    if (call->take) {
        a->began = true;
        a->ended = call->take(call->arg, (const uint8_t *)p, len) != 0;
        return a->ended ? 0 : len;
    }
    if (!call->answer)
        return len;
    buf_put(call->answer, p, len);
    a->too_long = call->answer->failed;
    return a->too_long ? 0 : len;
}

/* "content-range: bytes 0-9/100" tells the length of the whole. */
static size_t take_header(char *p, size_t size, size_t count, void *arg)
{
    static const char name[] = "content-range: bytes ";
    struct attempt *a = arg;
    size_t len = size * count;
    char line[128];
    if (len > sizeof name && len < sizeof line && strncasecmp(p, name, sizeof name - 1) == 0) {
        memcpy(line, p, len);
        line[len] = '\0';
        const char *slash = strchr(line, '/');
        if (slash)
            a->call->object_len = strtoull(slash + 1, NULL, 10);
    }
    return len;
}

static int look_up(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct client *client = arg;
    (void)a, (void)b, (void)c, (void)d;
    return client->cancel && atomic_load(client->cancel);
}

static void set_body(CURL *h, struct attempt *a)
{
    const struct client_call *call = a->call;
    curl_off_t len = 0;
    for (size_t i = 0; i < call->piece_count; i++)
        len += (curl_off_t)call->pieces[i].len;
    (void)curl_easy_setopt(h, CURLOPT_HTTPGET, 1L);
    if (call->type) {
        (void)curl_easy_setopt(h, CURLOPT_UPLOAD, 1L);
        (void)curl_easy_setopt(h, CURLOPT_READFUNCTION, send_body);
        (void)curl_easy_setopt(h, CURLOPT_READDATA, a);
        (void)curl_easy_setopt(h, CURLOPT_SEEKFUNCTION, rewind_body);
        (void)curl_easy_setopt(h, CURLOPT_SEEKDATA, a);
        (void)curl_easy_setopt(h, CURLOPT_INFILESIZE_LARGE, len);
    } else {
        (void)curl_easy_setopt(h, CURLOPT_UPLOAD, 0L);
        (void)curl_easy_setopt(h, CURLOPT_HTTPGET, 1L);
    }
    (void)curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, call->method);
}

static CURLcode perform(struct attempt *a, struct curl_slist *headers)
{
    CURL *h = a->handle;
    char url[1024], range[64];
    (void)snprintf(url, sizeof url, "%s%s", a->client->base, a->call->path);
    (void)snprintf(range, sizeof range, "%" PRIu64 "-%" PRIu64, a->call->first, a->call->last);
    set_body(h, a);
    (void)curl_easy_setopt(h, CURLOPT_URL, url);
    (void)curl_easy_setopt(h, CURLOPT_RANGE, a->call->ranged ? range : NULL);
    (void)curl_easy_setopt(h, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, take_body);
    (void)curl_easy_setopt(h, CURLOPT_WRITEDATA, a);
    (void)curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, take_header);
    (void)curl_easy_setopt(h, CURLOPT_HEADERDATA, a);
    (void)curl_easy_setopt(h, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(h, CURLOPT_XFERINFOFUNCTION, look_up);
    (void)curl_easy_setopt(h, CURLOPT_XFERINFODATA, a->client);
    (void)curl_easy_setopt(h, CURLOPT_ERRORBUFFER, a->problem);
    return curl_easy_perform(h);
}

static int explain(const struct attempt *a, CURLcode code, struct err *e)
{
    const char *name = a->client->name;
    const char *why = *a->problem ? a->problem : curl_easy_strerror(code);
    switch (code) {
    case CURLE_ABORTED_BY_CALLBACK: return err_set(e, ERR_CANCELLED, "interrupted");
    case CURLE_OUT_OF_MEMORY: return err_no_memory(e, "a request");
    case CURLE_PEER_FAILED_VERIFICATION:
        return err_set(e, ERR_DAMAGED,
                       "%s is not the server that this machine was enrolled at: its certificate is "
                       "of another authority (%s)",
                       name, why);
    case CURLE_WRITE_ERROR:
        if (a->too_long)
            return err_set(e, ERR_LIMIT, "%s: the answer is longer than it may be", name);
        return err_set(e, ERR_DAMAGED, "%s: an answer that makes no sense", name);
    case CURLE_SSL_CONNECT_ERROR:
        return err_set(e, ERR_OFFLINE, "%s: no TLS 1.3 with this server: %s", name, why);
    default: return err_set(e, ERR_OFFLINE, "%s cannot be reached: %s", name, why);
    }
}

#define BUSY_US INT64_C(5000000)

/* Somebody listens, but TLS did not begin in time: thousands at once do that to a server. */
static bool was_busy(CURL *h, CURLcode code)
{
    curl_off_t connected = 0, tls = 0, total = 0;
    (void)curl_easy_getinfo(h, CURLINFO_CONNECT_TIME_T, &connected);
    (void)curl_easy_getinfo(h, CURLINFO_APPCONNECT_TIME_T, &tls);
    (void)curl_easy_getinfo(h, CURLINFO_TOTAL_TIME_T, &total);
    return (code == CURLE_OPERATION_TIMEDOUT || code == CURLE_SSL_CONNECT_ERROR) && connected > 0 && tls == 0 &&
           total - connected > BUSY_US;
}

/* 0 if there is an answer, of whatever status. */
static int attempt(struct attempt *a, struct curl_slist *headers, struct err *e)
{
    a->handle = borrow(a->client);
    if (!a->handle)
        return err_no_memory(e, "a connection");
    CURLcode code = perform(a, headers);
    long status = 0, version = 0;
    curl_off_t len = -1;
    (void)curl_easy_getinfo(a->handle, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(a->handle, CURLINFO_HTTP_VERSION, &version);
    (void)curl_easy_getinfo(a->handle, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &len);
    a->busy = was_busy(a->handle, code);
    give_back(a->client, a->handle, code == CURLE_OK);
    if (code != CURLE_OK)
        return explain(a, code, e);
    if (version != CURL_HTTP_VERSION_2)
        return err_set(e, ERR_OFFLINE, "%s does not speak HTTP/2", a->client->name);
    if (!a->call->object_len && len > 0)
        a->call->object_len = (uint64_t)len;
    a->call->status = (int)status;
    atomic_store(&a->client->reached, true);
    return 0;
}

/* ---- a call ------------------------------------------------------------------------------------ */

static bool is_passing(const struct attempt *a, int rc, const struct err *why)
{
    if (a->began || a->ended || a->call->once)
        return false;
    if (rc)
        return why->cls == ERR_OFFLINE && (a->busy || a->client->certificate || atomic_load(&a->client->reached));
    int s = a->call->status;
    return s == 429 || s == 502 || s == 503 || s == 504;
}

/* How long it is tried: one that was here comes back; one that is only known may be starting. */
static int64_t patience(const struct attempt *a)
{
    return a->busy || atomic_load(&a->client->reached) ? PATIENCE_NS : RESTART_NS;
}

static void tell_waiting(struct client *c, const struct err *why, int64_t left_ns)
{
    struct err what = *why;
    if (!c->waiting || why->cls != ERR_OFFLINE || atomic_exchange(&c->told, true))
        return;
    size_t name = strlen(c->name); /* whoever hears it says it in front */
    const char *text = strncmp(why->msg, c->name, name) == 0 && why->msg[name] == ' ' ? why->msg + name + 1 : why->msg;
    (void)err_set(&what, ERR_OFFLINE, "%s: trying again for up to %lld s", text, (long long)((left_ns + NS_PER_S - 1) / NS_PER_S));
    c->waiting(c->arg, c->name, &what);
}

/* In short steps, so that a signal is heard. */
static void wait_ms(const struct client *c, unsigned ms)
{
    for (unsigned done = 0; done < ms && !(c->cancel && atomic_load(c->cancel)); done += 50)
        (void)nanosleep(&(struct timespec){.tv_nsec = 50L * 1000 * 1000}, NULL);
}

static int refused(struct attempt *a, struct err *e)
{
    (void)wire_error_take(a->call->status, a->refusal.data, a->refusal.failed ? 0 : a->refusal.len,
                          a->call->code, e);
    return err_wrap(e, "%s", a->client->name);
}

static void reset(struct attempt *a)
{
    a->piece = a->at = 0;
    a->too_long = false;
    a->problem[0] = '\0';
    buf_reset(&a->refusal);
    a->refusal.failed = false;
    a->call->object_len = 0;
    a->call->status = 0;
    if (a->call->answer) {
        a->call->answer->len = a->answer_began;
        a->call->answer->failed = false;
    }
}

static int try_until_settled(struct attempt *a, struct curl_slist *headers, struct err *e)
{
    int64_t began = clock_monotonic_ns();
    for (unsigned pause_ms = 100;; pause_ms = pause_ms < 10000 ? pause_ms * 2 : pause_ms) {
        struct err why = ERR_INIT;
        reset(a);
        int rc = attempt(a, headers, &why);
        if (rc == 0 && a->call->status >= 200 && a->call->status <= 299) {
            atomic_store(&a->client->served, true);
            atomic_store(&a->client->told, false);
            return 0;
        }
        int64_t left = began + patience(a) - clock_monotonic_ns();
        if (is_passing(a, rc, &why) && left > 0 && !(a->client->cancel && atomic_load(a->client->cancel))) {
            if (pause_ms > 200)
                tell_waiting(a->client, &why, left);
            wait_ms(a->client, pause_ms);
            continue;
        }
        return rc ? err_give(e, &why) : refused(a, e);
    }
}

/* Takes the list; NULL if there is no memory. */
static struct curl_slist *add_header(struct curl_slist *headers, const char *line)
{
    struct curl_slist *more = line ? curl_slist_append(headers, line) : NULL;
    if (!more)
        curl_slist_free_all(headers);
    return more;
}

int client_do(struct client *c, struct client_call *call, struct err *e)
{
    CLEANUP(buf_done) struct buf type = {.max = 256};
    struct attempt a = {.client = c, .call = call, .refusal = {.max = ERROR_BODY_MAX}};
    a.answer_began = call->answer ? call->answer->len : 0;
    struct curl_slist *headers = add_header(add_header(NULL, "expect:"), WIRE_PROTOCOL_FIELD ": " PROTOCOL);
    if (headers && call->type) {
        buf_put(&type, "content-type: ", 14);
        buf_put(&type, call->type, strlen(call->type) + 1);
        headers = add_header(headers, type.failed ? NULL : (const char *)type.data);
    }
    int rc = headers ? try_until_settled(&a, headers, e) : err_no_memory(e, "a request");
    curl_slist_free_all(headers);
    buf_done(&a.refusal);
    return rc;
}
