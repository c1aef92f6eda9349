/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries of the log, for those whom they concern, and proofs that they are in it.
 *
 * A6 Who looks after the installation sees all; who looks after a tenant what is that tenant's; everybody what
 *    they did or what was done to them; a machine also what happens to the vault that is its alone.
 * A7 An entry that one may not see is answered as one that does not exist.
 */
#include "server/api.h"

#include "base/mem.h"
#include "sign/proof.h"

#include <string.h>

#define COUNT_MAX 1000    /* entries of one answer */
#define SCAN_MAX  20000   /* entries that one request may look at */
#define MATCH_MAX 64      /* snapshots with the same beginning */
#define TENANT_LOOKERS (R(ROLE_TENANT_ADMIN) | R(ROLE_TENANT_RESTORER))
#define LOOKERS                                                                                    \
    (TENANT_LOOKERS | R(ROLE_OWNER) | R(ROLE_SECURITY_OFFICER) | R(ROLE_OPERATOR) | R(ROLE_AUDITOR))

struct viewer {
    struct request *q;
    bool all, of_tenant, has_vault;
    uint8_t vault[UID_BYTES]; /* nobody else adds to it */
};

static void viewer_init(struct request *q, struct viewer *v)
{
    static const uint8_t none[EVENT_ID_BYTES];
    const struct catalog_identity *who = &q->caller.identity;
    struct catalog_vault own;
    *v = (struct viewer){.q = q};
    v->all = caller_may(q->server, &q->caller, LOOKERS & ~TENANT_LOOKERS, none);
    v->of_tenant = !bytes_are_zero(who->tenant, EVENT_ID_BYTES) &&
                   caller_may(q->server, &q->caller, LOOKERS, who->tenant);
    v->has_vault = who->type == IDENTITY_MACHINE &&
                   catalog_vault_of(q->server->catalog, who->id, &own, NULL) == 0 && !own.shared &&
                   memcmp(own.id, who->id, EVENT_ID_BYTES) == 0;
    if (v->has_vault)
        memcpy(v->vault, own.vault, UID_BYTES);
}

/* Whom an event concerns: its tenant, or that of its vault or identity. */
static void tenant_of(struct server *s, const struct event *ev, uint8_t out[EVENT_ID_BYTES])
{
    struct catalog_vault v;
    struct catalog_identity i;
    memcpy(out, ev->tenant, EVENT_ID_BYTES);
    if (!bytes_are_zero(out, EVENT_ID_BYTES))
        return;
    if (!bytes_are_zero(ev->vault, UID_BYTES) && catalog_vault(s->catalog, ev->vault, &v, NULL) == 0)
        memcpy(out, v.tenant, EVENT_ID_BYTES);
    else if (!bytes_are_zero(ev->id, EVENT_ID_BYTES) &&
             catalog_identity(s->catalog, ev->id, &i, NULL) == 0)
        memcpy(out, i.tenant, EVENT_ID_BYTES);
}

/* A6 */
static bool may_see(const struct viewer *v, const struct event *ev)
{
    const struct catalog_identity *who = &v->q->caller.identity;
    uint8_t tenant[EVENT_ID_BYTES];
    if (v->all || memcmp(ev->id, who->id, EVENT_ID_BYTES) == 0 ||
        memcmp(ev->by, who->id, EVENT_ID_BYTES) == 0 ||
        (v->has_vault && memcmp(ev->vault, v->vault, UID_BYTES) == 0))
        return true;
    if (!v->of_tenant)
        return false;
    tenant_of(v->q->server, ev, tenant);
    return memcmp(tenant, who->tenant, EVENT_ID_BYTES) == 0;
}

static int decode_and_see(const struct viewer *v, const uint8_t *entry, size_t len, bool *sees,
                          struct err *e)
{
    struct event ev;
    if (event_decode(entry, len, &ev, e))
        return -1;
    *sees = may_see(v, &ev);
    event_done(&ev);
    return 0;
}

/* ---- lists ------------------------------------------------------------------------------------- */

struct entry_list {
    struct viewer viewer;
    json_t *array;
    uint64_t wanted, next;
};

static int add_entry(void *arg, uint64_t index, const uint8_t *entry, size_t len, struct err *e)
{
    struct entry_list *l = arg;
    bool sees;
    if (json_array_size(l->array) >= l->wanted)
        return 1;
    if (decode_and_see(&l->viewer, entry, len, &sees, e))
        return -1;
    l->next = index + 1;
    if (!sees)
        return 0;
    json_t *o = json_pack("{s:I, s:o}", "index", (json_int_t)index, "event",
                          json_loadb((const char *)entry, len, 0, NULL));
    return json_array_append_new(l->array, o) ? err_no_memory(e, "a list") : 0;
}

/* {"entries": […], "next": where to go on, "size": of the log}. */
void api_log_entries(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    struct entry_list l = {.array = json_array(), .wanted = 100};
    uint64_t from = 0, size = tlog_size(q->server->log);
    struct err why = ERR_INIT;
    (void)in, (void)body, (void)len;
    (void)query_number(http_query(q->http), "from", &from);
    (void)query_number(http_query(q->http), "count", &l.wanted);
    if (l.wanted > COUNT_MAX)
        l.wanted = COUNT_MAX;
    if (from > size)
        from = size;
    l.next = from;
    viewer_init(q, &l.viewer);
    uint64_t to = size - from > SCAN_MAX ? from + SCAN_MAX : size;
    int rc = l.array ? tlog_scan(q->server->log, from, to, add_entry, &l, &why)
                     : err_no_memory(&why, "a list");
    if (rc < 0) {
        json_decref(l.array);
        reply_fail(q, &why);
        return;
    }
    reply_json(q, 200, json_pack("{s:o, s:I, s:I}", "entries", l.array, "next", (json_int_t)l.next,
                                 "size", (json_int_t)size));
}

/* ---- one, with its proof ----------------------------------------------------------------------- */

/* 0: *sees says whether the caller may; the entry is appended. */
static int look_at(const struct viewer *v, uint64_t index, struct buf *entry, bool *sees, struct err *e)
{
    buf_reset(entry);
    return tlog_entry(v->q->server->log, index, entry, e) ||
                   decode_and_see(v, entry->data, entry->len, sees, e)
               ? -1
               : 0;
}

/* The first digits of an id: the least and the greatest that begin so. */
static bool parse_prefix(const char *text, uint8_t least[EVENT_ID_BYTES], uint8_t most[EVENT_ID_BYTES])
{
    char low[2 * EVENT_ID_BYTES + 1], high[2 * EVENT_ID_BYTES + 1];
    size_t n = strlen(text);
    if (n == 0 || n > 64 || strspn(text, "0123456789abcdef") != n)
        return false;
    for (size_t i = 0; i < sizeof low - 1; i++) {
        low[i] = i < n ? text[i] : '0';
        high[i] = i < n ? text[i] : 'f';
    }
    return hex_decode(low, sizeof low - 1, least, EVENT_ID_BYTES) &&
           hex_decode(high, sizeof high - 1, most, EVENT_ID_BYTES);
}

/* Whether an entry is about a snapshot whose id begins so. */
static bool is_about(const struct buf *entry, const char *prefix)
{
    struct event ev;
    char hex[2 * 32 + 1];
    if (event_decode(entry->data, entry->len, &ev, NULL))
        return false;
    hex_encode(ev.snapshot, 32, hex);
    event_done(&ev);
    return strncmp(hex, prefix, strlen(prefix)) == 0;
}

/* The only one among those that the caller may see. */
static int find_snapshot(const struct viewer *v, const char *prefix, uint64_t *index_out, struct err *e)
{
    CLEANUP(buf_done) struct buf entry = {.max = TLOG_ENTRY_MAX};
    uint8_t least[EVENT_ID_BYTES], most[EVENT_ID_BYTES];
    struct catalog *c = v->q->server->catalog;
    unsigned found = 0;
    if (!parse_prefix(prefix, least, most))
        return err_set(e, ERR_USAGE, "'%.70s' is no beginning of a snapshot's id", prefix);
    for (uint64_t n = 0; n < MATCH_MAX; n++) {
        uint64_t index;
        bool sees;
        if (catalog_snapshot_entry(c, least, most, n, &index, e))
            break;
        if (look_at(v, index, &entry, &sees, e))
            return -1;
        if (sees && is_about(&entry, prefix)) {
            *index_out = index;
            found++;
        }
    }
    if (found > 1)
        return err_set(e, ERR_AMBIGUOUS, "several snapshots begin with '%s': give more digits", prefix);
    return found ? 0 : err_set(e, ERR_NOT_FOUND, "the log has no snapshot '%s' that you may see", prefix);
}

static int find_latest(const struct viewer *v, uint64_t *index_out, struct err *e)
{
    struct catalog *c = v->q->server->catalog;
    struct catalog_vault vault;
    if (catalog_vault_of(c, v->q->caller.identity.id, &vault, NULL) ||
        catalog_newest_entry(c, vault.vault, index_out, NULL))
        return err_set(e, ERR_NOT_FOUND, "there is no snapshot of yours in the log");
    return 0;
}

static int choose_entry(const struct viewer *v, uint64_t *index_out, struct err *e)
{
    const char *query = http_query(v->q->http);
    char snapshot[72];
    if (query_number(query, "entry", index_out))
        return 0;
    if (!query_text(query, "snapshot", snapshot, sizeof snapshot))
        return err_set(e, ERR_USAGE, "?entry=NUMBER, or ?snapshot=ID, or ?snapshot=latest");
    return strcmp(snapshot, "latest") == 0 ? find_latest(v, index_out, e)
                                           : find_snapshot(v, snapshot, index_out, e);
}

/* The newest checkpoint that witnesses signed, if it has the entry; else the newest. */
static int choose_checkpoint(struct server *s, uint64_t index, struct buf *note, uint64_t *size,
                             struct err *e)
{
    struct note_key log = {0};
    struct checkpoint c;
    memcpy(log.name, s->installation.origin, sizeof log.name);
    memcpy(log.public_key, s->installation.log_key.public_key, SIGN_PUBLIC_BYTES);
    if (tlog_cosigned(s->log, note, NULL) ||
        checkpoint_verify(note->data, note->len, &log, &c, NULL) || c.size <= index) {
        buf_reset(note);
        if (tlog_checkpoint(s->log, note, e) || checkpoint_verify(note->data, note->len, &log, &c, e))
            return -1;
    }
    *size = c.size;
    return 0;
}

static int prove(const struct viewer *v, struct log_proof *p, struct err *e)
{
    struct server *s = v->q->server;
    uint64_t size;
    bool sees = false;
    if (choose_entry(v, &p->index, e))
        return -1;
    bool there = p->index < tlog_size(s->log);
    if (there && look_at(v, p->index, &p->extra, &sees, e))
        return -1;
    if (!sees) /* A7 */
        return err_set(e, ERR_NOT_FOUND, "the log has no entry %llu that you may see",
                       (unsigned long long)p->index);
    return choose_checkpoint(s, p->index, &p->note, &size, e) ||
                   tlog_prove_inclusion(s->log, p->index, size, p->hashes, &p->count, e)
               ? -1
               : 0;
}

/* A whole tlog-proof, as text. */
void api_log_prove(struct request *q, const json_t *in, const uint8_t *body, size_t len)
{
    CLEANUP(log_proof_done) struct log_proof p = {.extra = {.max = TLOG_ENTRY_MAX},
                                                  .note = {.max = NOTE_MAX}};
    CLEANUP(buf_done) struct buf text = {.max = LOG_PROOF_MAX};
    struct viewer v;
    struct err why = ERR_INIT;
    (void)in, (void)body, (void)len;
    viewer_init(q, &v);
    if (prove(&v, &p, &why) || log_proof_put(&p, &text, &why))
        reply_fail(q, &why);
    else
        http_respond(q->http, 200, WIRE_TEXT, text.data, text.len);
}
