/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events: what happened, as entries of the log. One JSON object each, at most EVENT_BYTES_MAX bytes, keys
 * sorted, no spaces, so that the same event is the same bytes. docs/protocol/log.md lists the kinds and
 * their fields; a kind, or a field of a kind, that this program does not know is passed over
 * (a newer server wrote it), unless the entry says "must":true.
 *
 * A field that is zero, false or an empty text is not written: absent and zero are the same.
 *
 * No secret is ever in an event: of a token its id, which is a hash.
 *
 * Threads: everything here is pure.
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
#define EVENT_BYTES_MAX  ((size_t)65535) /* TLOG_ENTRY_MAX */

enum event_kind {
    EVENT_UNSET = 0,
    EVENT_SERVER_INIT,       /* text: the authority's pin, hex */
    EVENT_TENANT_CREATE,     /* tenant, name */
    EVENT_TENANT_CHANGE,     /* tenant, name */
    EVENT_TENANT_CLOSE,      /* tenant, text: why. Its machines may do nothing new */
    EVENT_TOKEN_CREATE,      /* token, id: 0 or a machine that enrols again, type, name, tenant, role, restore, shared, vault, until */
    EVENT_TOKEN_USE,         /* token, id, pin: of the key that came with it */
    EVENT_TOKEN_CANCEL,      /* token, text: why */
    EVENT_IDENTITY_CREATE,   /* id, type, name, tenant, restore */
    EVENT_IDENTITY_REVOKE,   /* id, text: why. For ever */
    EVENT_CERTIFICATE_ISSUE, /* id, serial, pin, until */
    EVENT_IDENTITY_WITNESS,  /* id, text: the key with which it co-signs checkpoints, as note_key_text has it */
    EVENT_ROLE_GIVE,         /* id, role, tenant (zeros: the installation) */
    EVENT_ROLE_TAKE,         /* id, role, tenant */
    EVENT_VAULT_CREATE,      /* vault, tenant, id: the machine, shared */
    EVENT_VAULT_WRITER,      /* vault, writer, id: the machine */
    EVENT_GRANT_CREATE,      /* grant, vault, id: who may read, until, text: why */
    EVENT_GRANT_END,         /* grant, text: why */
    EVENT_SESSION_BEGIN,     /* vault, session, writer, id */
    EVENT_SNAPSHOT,          /* vault, snapshot, writer, session, sequence, received, id, bytes (added), files, stored: bytes of the vault's packs, text: machine's name */
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
    EVENT_PROTECT,           /* vault, snapshot, sequence, name: "lock", "hold", "tag" or "release", until, text: why, or the tag */
    EVENT_CLOCK,             /* name: "suspect" or "confirmed", text */
    EVENT_SCRUB,             /* vault, count: packs read, bytes, text: damage, or "" */
    EVENT_ALARM,             /* name: which, tenant, vault, id, request: whom it is about, text. Open from then on */
    EVENT_ALARM_CLOSE,       /* the same; text: why. By somebody: it is known; by the server: its cause is gone */
    EVENT_USAGE,             /* tenant, vault, stored: bytes of its packs, count: snapshots that live */
    EVENT_QUOTA_SET,         /* tenant or vault, bytes, count: machines of a tenant, snapshots of a vault; 0: no limit */
    EVENT_QUOTA_ENFORCE,     /* tenant, text: why. Above its bytes nothing more is taken */
    EVENT_QUOTA_RELAX,       /* tenant, text: why. It only alarms again */
    EVENT_UPLOAD,            /* vault, id, bytes, count: packs that came since the last such entry, as the keeper counted */
    EVENT_VAULT_END,         /* vault, request, text: why. All that is in it shall go */
    EVENT_VAULT_KEEP,        /* vault, text: why. It shall not, after all */
    EVENT_VAULT_GONE,        /* vault, request, count: snapshots received, ever; bytes: that they added; stored: bytes of its packs at the end. For ever */
    EVENT_KEY_ADD,           /* vault, id: the machine, text: the wrapped key's id */
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
    uint64_t sequence, bytes, files, count, stored;
    const char *name, *text, *policy; /* NULL: none */
    void *json; /* what the texts are borrowed from; the decoder's */
};
const char *event_kind_name(enum event_kind k); /* "tenant.create"; NULL beyond */
enum event_kind event_kind_of_name(const char *name); /* EVENT_UNSET if there is none */

/* Copies text from outside so that an event can carry it: what is no UTF-8 or a control character
 * becomes '?', and it is cut after at most `max` bytes, between characters. `out` has max + 1 bytes. */
void event_clean(const void *text, size_t len, size_t max, char *out);

/* Appends the JSON. ERR_LIMIT if a text is too long; ERR_USAGE if it is no UTF-8 or has control characters, a
 * field is set that the kind has not, or one is missing that it needs, or a number is negative or above 2^63 - 1. */
MUST_CHECK int event_encode(const struct event *ev, struct buf *out, struct err *e);
/* ERR_DAMAGED, also for what event_encode would have written otherwise; ERR_NEWER for another version, and for
 * what must be understood and is not. An unknown kind gives EVENT_UNSET, with `time_ns` and `by` alone. */
MUST_CHECK int event_decode(const uint8_t *p, size_t len, struct event *out, struct err *e);
void event_done(struct event *ev); /* of event_decode; a second time is fine */

#endif
