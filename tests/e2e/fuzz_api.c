/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_api PORT IDENTITY VAULT SEED COUNT [MINE…]: a machine that turned against its server. Sends COUNT requests with its own valid
 * certificate: calls of the table with true, strange and cut ids, bodies made of what a vault really has (the files MINE), changed
 * at random; some connections speak raw frames, cut and changed. Prints how many were answered, by status. It succeeds if the server goes on
 * answering; what the server has kept is for the caller to compare.
 */
#include "bench_identity.h"
#include "client.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "server/server_internal.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MAX 70000u
#define AT_ONCE  64u
#define SEEDS    32u

static uint64_t state;
static struct site site;
static struct identity machine;
static const char *vault;
static char *seeds[SEEDS];
static size_t seed_len[SEEDS], seed_count;
static unsigned long statuses[1000], raw_lines;

/* xorshift64*: the same everywhere for a seed */
static uint64_t rnd(uint64_t below)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * UINT64_C(2685821657736338717) % below;
}

static void load_seed(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f || seed_count == SEEDS) {
        perror(path);
        exit(2);
    }
    seeds[seed_count] = calloc(1, BODY_MAX);
    seed_len[seed_count] = fread(seeds[seed_count], 1, BODY_MAX, f);
    seed_count++;
    (void)fclose(f);
}

/* ---- paths -------------------------------------------------------------------------------- */

static size_t put_hex(char *out, size_t digits)
{
    for (size_t i = 0; i < digits; i++)
        out[i] = "0123456789abcdef"[rnd(16)];
    return digits;
}

static size_t put_name(char *out)
{
    static const char *const names[] = {"vault", "keeper", "recipients/0000000000000001", "snapshots/0000000000000001", "packs/",
                                        "keys/", "clock/1", "../../authority.key", "marks", "sessions/", "%2e%2e/log.key",
                                        "packs/00/", "index/", "spare/", "parity/packs/00"};
    const char *n = names[rnd(sizeof names / sizeof *names)];
    size_t len = strlen(n);
    memcpy(out, n, len);
    return len + (rnd(2) ? put_hex(out + len, 32 * rnd(3)) : 0);
}

static void make_path(const struct call *c, char out[1024])
{
    size_t n = 0;
    for (const char *p = c->path; *p; p++) {
        if (*p != '{') {
            out[n++] = *p;
            continue;
        }
        const char *end = strchr(p, '}');
        if (strncmp(p, "{vault}", 7) == 0 && rnd(8)) {
            memcpy(out + n, vault, strlen(vault));
            n += strlen(vault);
        } else if (strncmp(p, "{name}", 6) == 0) {
            n += put_name(out + n);
        } else {
            n += put_hex(out + n, strncmp(p, "{aa}", 4) == 0 ? 2 : strncmp(p, "{pack}", 6) == 0 ? 64 : rnd(20) ? 32 : rnd(40));
        }
        p = end;
    }
    static const char *const queries[] = {"", "", "", "?begin", "?end", "?of=read", "?of=open", "?under=packs", "?under=../..",
                                          "?from=0&count=1000", "?path=checkpoint", "?path=../log.key", "?index=18446744073709551615&size=1"};
    const char *q = queries[rnd(sizeof queries / sizeof *queries)];
    memcpy(out + n, q, strlen(q) + 1);
    n += strlen(q);
    if (rnd(20) == 0)
        out[1 + rnd(n - 1)] = "/?&%{.~0"[rnd(8)];
}

/* ---- bodies --------------------------------------------------------------------------------- */

static const char *const texts[] = {
    "{}", "[]", "{\"size\":0}", "{\"size\":-1}", "{\"token\":\"abri-\"}", "{\"request\":\"-----BEGIN CERTIFICATE REQUEST-----\"}",
    "{\"checkpoint\":\"abri\\n0\\n\",\"cosignature\":\"x\"}", "{\"witness\":\"a+b+c\"}", "{\"type\":\"machine\"}",
    "{\"keep\":{\"last\":1},\"floor\":\"0d\"}", "{\"reason\":\"x\"}", "0 100 vault\n", "0 18446744073709551615 keeper\n",
    "0 64 packs/00/x\n0 10 snapshots/0000000000000001\n", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "{\"a\":1,\"a\":2}"};

struct body {
    uint8_t *p;
    size_t len, sent;
};

static void change(struct body *b)
{
    for (uint64_t n = rnd(6); n && b->len; n--)
        switch (rnd(4)) {
        case 0: b->p[rnd(b->len)] ^= (uint8_t)(1u << rnd(8)); break;
        case 1: b->p[rnd(b->len)] = (uint8_t)rnd(256); break;
        case 2: b->len = rnd(b->len + 1); break;
        default: if (b->len >= 8) put_u32(b->p + rnd(b->len / 4) * 4, rnd(2) ? UINT32_MAX : (uint32_t)rnd(70000)); break;
        }
}

static void make_body(struct body *b)
{
    *b = (struct body){.p = malloc(BODY_MAX)};
    if (seed_count && rnd(2)) {
        size_t i = rnd(seed_count);
        memcpy(b->p, seeds[i], seed_len[i]);
        b->len = seed_len[i];
    } else if (rnd(4)) {
        const char *t = texts[rnd(sizeof texts / sizeof *texts)];
        b->len = strlen(t);
        memcpy(b->p, t, b->len);
    } else {
        b->len = rnd(512);
        for (size_t i = 0; i < b->len; i++)
            b->p[i] = (uint8_t)rnd(256);
    }
    if (rnd(4))
        change(b);
}

static ssize_t give_body(nghttp2_session *h2, int32_t id, uint8_t *buf, size_t len, uint32_t *flags,
                         nghttp2_data_source *source, void *user)
{
    struct body *b = source->ptr;
    (void)h2, (void)id, (void)user;
    size_t n = b->len - b->sent < len ? b->len - b->sent : len;
    memcpy(buf, b->p + b->sent, n);
    b->sent += n;
    if (b->sent == b->len)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

/* ---- requests --------------------------------------------------------------------------------- */

static nghttp2_nv pair(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name), strlen(value), 0};
}

static void request(struct client *c, struct body *b)
{
    static const char *const types[] = {"application/json", "application/octet-stream", "text/html"};
    static const char *const methods[] = {"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "TRACE", "x"};
    const struct call *call = &calls[rnd(call_count)];
    char path[1024], length[24], range[64];
    make_path(call, path);
    make_body(b);
    (void)snprintf(length, sizeof length, "%" PRIu64, rnd(40) ? b->len : rnd(100000));
    (void)snprintf(range, sizeof range, "bytes=%" PRIu64 "-%" PRIu64, rnd(100000), rnd(100000));
    const char *method = rnd(20) ? call->method : methods[rnd(sizeof methods / sizeof *methods)];
    bool has_body = rnd(20) ? call->body != BODY_NONE : rnd(2);
    nghttp2_nv nv[8] = {pair(":method", method), pair(":scheme", "https"), pair(":path", path), pair(":authority", "abrid")};
    size_t n = 4;
    if (has_body) {
        nv[n++] = pair("content-type", call->body == BODY_JSON && rnd(8) ? types[0] : types[rnd(3)]);
        if (rnd(4))
            nv[n++] = pair("content-length", length);
    } else if (rnd(4) == 0) {
        nv[n++] = pair("range", range);
    }
    struct client_stream *s = &c->streams[c->count++];
    *s = (struct client_stream){0};
    const nghttp2_data_provider p = {.source.ptr = b, .read_callback = give_body};
    s->id = nghttp2_submit_request(c->h2, NULL, nv, n, has_body ? &p : NULL, s);
    s->closed = s->id < 0;
}

/* AT_ONCE requests on a connection, some of them taken back. */
static size_t round_of(struct client *c)
{
    static struct body bodies[AT_ONCE];
    c->count = 0;
    for (size_t i = 0; i < AT_ONCE; i++)
        request(c, &bodies[i]);
    if (rnd(4) == 0) {
        client_step(c, 0);
        for (size_t i = 0; i < AT_ONCE; i++)
            if (rnd(8) == 0 && !c->streams[i].closed)
                (void)nghttp2_submit_rst_stream(c->h2, 0, c->streams[i].id, NGHTTP2_CANCEL);
    }
    client_until_all_closed(c);
    for (size_t i = 0; i < AT_ONCE; i++) {
        statuses[c->streams[i].status >= 0 && c->streams[i].status < 1000 ? c->streams[i].status : 0]++;
        free(bodies[i].p);
        bodies[i].p = NULL;
    }
    return AT_ONCE;
}

/* Frames that no client would send, on a connection of their own. */
static size_t raw_round(const struct line_options *o)
{
    struct line l;
    uint8_t payload[4096];
    size_t sent = 0;
    if (!line_open(&l, &site, o) || !raw_begin(&l)) {
        line_close(&l);
        return 1;
    }
    for (uint64_t n = 1 + rnd(AT_ONCE); n; n--, sent++) {
        static const char *const head[] = {":method", "GET", ":scheme", "https", ":path", "/v1/self", ":authority", "abrid"};
        size_t len = rnd(2) ? raw_head(payload, head, 4) : rnd(rnd(8) ? 64 : sizeof payload);
        for (size_t i = 0; i < len && rnd(8); i++)
            if (rnd(6) == 0)
                payload[i] = (uint8_t)rnd(256);
        if (!raw_send(&l, (uint8_t)rnd(rnd(8) ? 10 : 256), (uint8_t)rnd(256), (uint32_t)rnd(rnd(2) ? 8 : UINT32_MAX), payload, len))
            break;
    }
    (void)line_read(&l, payload, sizeof payload, 20); /* frames that are nothing are passed over, and not answered */
    line_close(&l);
    raw_lines++;
    return sent + 1;
}

static void must_live(const struct client_options *o, const char *when)
{
    struct client *c = calloc(1, sizeof *c);
    int status = 0;
    if (client_open(c, &site, o)) {
        (void)client_get(c, "/v1/self", &status);
        client_close(c);
    }
    free(c);
    if (status != 200) {
        (void)fprintf(stderr, "the server no longer answers %s: %d\n", when, status);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    if (argc < 6)
        return 2;
    (void)signal(SIGPIPE, SIG_IGN);
    bench_identity(argv[1], argv[2], &site, &machine);
    vault = argv[3];
    state = strtoull(argv[4], NULL, 10) * 2 + 1;
    uint64_t count = strtoull(argv[5], NULL, 10), sent = 0;
    for (int i = 6; i < argc; i++)
        load_seed(argv[i]);
    const struct client_options o = {.line.identity = &machine};
    struct client *c = calloc(1, sizeof *c);
    bool open = false;
    must_live(&o, "before it began");
    while (sent < count) {
        if (rnd(16) == 0) {
            sent += raw_round(&o.line);
            continue;
        }
        if (!open && !client_open(c, &site, &o))
            must_live(&o, "after a connection");
        open = true;
        sent += round_of(c);
        if (c->gone || c->goaway || rnd(64) == 0) {
            client_close(c);
            open = false;
        }
    }
    if (open)
        client_close(c);
    free(c);
    must_live(&o, "at the end");
    printf("%" PRIu64 " messages with seed %s, %lu raw connections; answers:", sent, argv[4], raw_lines);
    for (size_t i = 0; i < 1000; i++)
        if (statuses[i])
            printf(" %zu×%lu", i, statuses[i]);
    printf("\n");
    return 0;
}
