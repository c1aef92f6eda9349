/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events: what happened, as entries of the log. One JSON object each, at most TLOG_ENTRY_MAX bytes, keys
 * sorted, no spaces, so that the same event is the same bytes. docs/protocol/log.md lists the kinds and
 * their fields; an entry of a kind, or with a field, that this program does not know is passed over by what it does
 * not change (a newer server wrote it), and refused if it says "must":true.
 *
 * No secret is ever in an event: of a token its id, which is a hash.
 */
#ifndef ABRI_SERVER_EVENT_H
#define ABRI_SERVER_EVENT_H

#include "base/bytes.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define EVENT_ID_BYTES   16
#define EVENT_NAME_MAX   255 /* bytes of UTF-8 without control characters */
#define EVENT_TEXT_MAX   4096
#define EVENT_POLICY_MAX 8192

enum event_kind {
    EVENT_UNSET = 0,
    EVENT_SERVER_INIT,       /* text: the authority's pin, hex */
    EVENT_TENANT_CREATE,     /* tenant, name */
    EVENT_TENANT_CHANGE,     /* tenant, name */
    EVENT_TENANT_CLOSE,      /* tenant, text: why. Its machines may do nothing new */
    EVENT_TOKEN_CREATE,      /* token, id: 0 or a machine that enrols again, type, name, tenant, role, restore, shared, vault, until */
    EVENT_TOKEN_USE,         /* token, id */
    EVENT_TOKEN_CANCEL,      /* token */
    EVENT_IDENTITY_CREATE,   /* id, type, name, tenant, restore */
    EVENT_IDENTITY_REVOKE,   /* id, text: why. For ever */
    EVENT_CERTIFICATE_ISSUE, /* id, serial, pin, until */
    EVENT_ROLE_GIVE,         /* id, role, tenant (zeros: the installation) */
    EVENT_ROLE_TAKE,         /* id, role, tenant */
    EVENT_VAULT_CREATE,      /* vault, tenant, id: the machine, shared */
    EVENT_VAULT_WRITER,      /* vault, writer, id: the machine */
    EVENT_GRANT_CREATE,      /* grant, vault, id: who may read, until, text: why */
    EVENT_GRANT_END,         /* grant */
    EVENT_SESSION_BEGIN,     /* vault, session, writer, id */
    EVENT_SNAPSHOT,          /* vault, snapshot, writer, session, sequence, received, bytes (added), files, text: machine's name */
    EVENT_READ,              /* vault, id, grant, bytes, count: what was read since the last such entry */
    EVENT_REFUSAL,           /* id (zeros: nobody), text: call and reason, count: how many like it */
    EVENT_POLICY_SET,        /* tenant or vault, policy: JSON text */
    EVENT_REQUEST_CREATE,    /* request, name: what kind, tenant, vault, text: parameters as JSON */
    EVENT_REQUEST_APPROVE,   /* request, role */
    EVENT_REQUEST_SIGN,      /* request, text: the tenant's signature, base64 */
    EVENT_REQUEST_CANCEL,    /* request, text: why */
    EVENT_REQUEST_EXECUTE,   /* request, text: what came of it */
    EVENT_FORGET,            /* vault, snapshot, sequence, until: end of its trash window, text: the rule or request */
    EVENT_UNDELETE,          /* vault, snapshot, sequence */
    EVENT_FREE,              /* vault, snapshot, sequence */
    EVENT_PROTECT,           /* vault, snapshot, sequence, name: "lock", "hold" or "release", until, text */
    EVENT_CLOCK,             /* name: "suspect" or "confirmed", text */
    EVENT_SCRUB,             /* vault, count: packs read, bytes, text: damage, or "" */
    EVENT_ALARM,             /* name: which, tenant, vault, id, text */
    EVENT_KIND_COUNT
};

enum identity_type { IDENTITY_UNSET = 0, IDENTITY_MACHINE, IDENTITY_PERSON };

enum role {
    ROLE_UNSET = 0,
    ROLE_OWNER, /* of the installation */
    ROLE_SECURITY_OFFICER,
    ROLE_OPERATOR,
    ROLE_AUDITOR,
    ROLE_TENANT_ADMIN, /* of one tenant */
    ROLE_TENANT_RESTORER,
    ROLE_WRITER, /* what machines have */
    ROLE_COUNT
};
const char *role_name(enum role r); /* "security-officer"; NULL beyond */
enum role role_of_name(const char *name); /* ROLE_UNSET if there is none */

/* All fields of all kinds; zeros where a kind has none. Texts are borrowed: from what was decoded, until event_done. */
struct event {
    enum event_kind kind;
    int64_t time_ns;             /* the server's clock */
    uint8_t by[EVENT_ID_BYTES];  /* who; zeros: the server itself */
    uint8_t id[EVENT_ID_BYTES], tenant[EVENT_ID_BYTES], token[EVENT_ID_BYTES];
    uint8_t vault[EVENT_ID_BYTES], writer[EVENT_ID_BYTES], session[EVENT_ID_BYTES];
    uint8_t grant[EVENT_ID_BYTES], request[EVENT_ID_BYTES], serial[EVENT_ID_BYTES];
    uint8_t snapshot[32], pin[32];
    enum identity_type type;
    enum role role;
    bool restore, shared;
    int64_t until_ns, received_ns;
    uint64_t sequence, bytes, files, count;
    const char *name, *text, *policy; /* NULL: none */
    void *json; /* what the texts are borrowed from; the decoder's */
};
const char *event_kind_name(enum event_kind k); /* "tenant.create" */

/* Appends the JSON. ERR_LIMIT if a text is too long; ERR_USAGE if it is no UTF-8 or has control characters. */
MUST_CHECK int event_encode(const struct event *ev, struct buf *out, struct err *e);
/* ERR_DAMAGED; ERR_NEWER for one that must be understood and is not. An unknown kind gives EVENT_UNSET. */
MUST_CHECK int event_decode(const uint8_t *p, size_t len, struct event *out, struct err *e);
void event_done(struct event *ev);

#endif
