/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The catalogue: what follows from the log and the vaults, in SQLite, to be looked up. It can be deleted:
 * the server then reads the log again. It decides nothing and knows no roles' meaning.
 *
 * Threads: any, at once (one lock inside; look-ups take microseconds).
 */
#ifndef ABRI_SERVER_CATALOG_H
#define ABRI_SERVER_CATALOG_H

#include "server/event.h"
#include "sign/merkle.h"

struct catalog;

/* Opens or makes it. One that is damaged, of another version, or not of the log with this `origin` is thrown away and made
 * anew; *fresh_out says whether it is empty. `path` may be ":memory:". ERR_BUSY if another process has it. */
MUST_CHECK int catalog_open(const char *path, const char *origin, struct catalog **out,
                            bool *fresh_out, struct err *e);
void catalog_close(struct catalog *c); /* NULL is fine; what was begun and not committed is forgotten */

/* How many entries of the log are in it for good, and the root of the tree over them as it was told (zeros if none). */
MUST_CHECK int catalog_position(struct catalog *c, uint64_t *size_out, uint8_t root_out[MERKLE_BYTES],
                                struct err *e);
/* The next event: entry number `index` (ERR_USAGE if it is not the next), after which the log has this `root`
 * (NULL between begin and commit only). What contradicts what is there (an unknown tenant, a second use of a
 * token, an act of somebody revoked) changes nothing but the position: the log says what was said, not that it was right.
 * *took_out (NULL is fine) tells which it was: of two who use a token at once, the one whose entry
 * was taken has it. docs/protocol/log.md says what each kind needs. All of it happens, or nothing. */
MUST_CHECK int catalog_apply(struct catalog *c, uint64_t index, const struct event *ev,
                             const uint8_t root[MERKLE_BYTES], bool *took_out, struct err *e);
/* Several applies as one transaction (replay), by one thread; look-ups see it while it grows. After an apply that failed,
 * commit fails too, and all since begin is forgotten. */
MUST_CHECK int catalog_begin(struct catalog *c, struct err *e);
MUST_CHECK int catalog_commit(struct catalog *c, const uint8_t root[MERKLE_BYTES], struct err *e);
void catalog_rollback(struct catalog *c); /* fine where nothing was begun */

/* ---- look-ups: 0, or -1 with ERR_NOT_FOUND ---------------------------------------------- */

struct catalog_tenant {
    uint8_t id[EVENT_ID_BYTES];
    char name[EVENT_NAME_MAX + 1]; /* unique among those that are open */
    int64_t created_ns, closed_ns; /* 0: open */
};
MUST_CHECK int catalog_tenant(struct catalog *c, const uint8_t id[EVENT_ID_BYTES], struct catalog_tenant *out, struct err *e);
MUST_CHECK int catalog_tenant_named(struct catalog *c, const char *name, struct catalog_tenant *out, struct err *e);

struct catalog_identity {
    uint8_t id[EVENT_ID_BYTES], tenant[EVENT_ID_BYTES]; /* tenant: zeros for people of the installation */
    enum identity_type type;
    char name[EVENT_NAME_MAX + 1];
    bool restore; /* a machine that may read its own vault */
    int64_t created_ns, revoked_ns; /* 0: not */
    int64_t certificate_until_ns;   /* of its newest certificate; 0: none */
    int64_t seen_ns;                /* the last thing it did that is in the log */
    int64_t snapshot_ns;            /* its last snapshot; 0: none */
};
MUST_CHECK int catalog_identity(struct catalog *c, const uint8_t id[EVENT_ID_BYTES], struct catalog_identity *out, struct err *e);
/* Bits 1 << role, of the installation and of that tenant (zeros: only the former). Who is revoked or unknown has none. */
MUST_CHECK int catalog_roles(struct catalog *c, const uint8_t id[EVENT_ID_BYTES], const uint8_t tenant[EVENT_ID_BYTES],
                             unsigned *installation_out, unsigned *tenant_out, struct err *e);
/* Whether a certificate with that serial number was issued to that identity. */
MUST_CHECK int catalog_certificate(struct catalog *c, const uint8_t serial[EVENT_ID_BYTES], uint8_t id_out[EVENT_ID_BYTES], struct err *e);

/* The key with which it co-signs checkpoints: text of a note_key, appended. */
MUST_CHECK int catalog_witness(struct catalog *c, const uint8_t id[EVENT_ID_BYTES], struct buf *out, struct err *e);

struct catalog_token {
    uint8_t token[EVENT_ID_BYTES], tenant[EVENT_ID_BYTES], id[EVENT_ID_BYTES], vault[EVENT_ID_BYTES], by[EVENT_ID_BYTES];
    enum identity_type type;
    enum role role;
    bool restore, shared;
    char name[EVENT_NAME_MAX + 1];
    int64_t created_ns, until_ns, used_ns, cancelled_ns; /* 0: not; from until_ns on it is too late */
    uint8_t used_by[EVENT_ID_BYTES], used_pin[32]; /* of the key that came with it */
};
MUST_CHECK int catalog_token(struct catalog *c, const uint8_t token[EVENT_ID_BYTES], struct catalog_token *out, struct err *e);

struct catalog_vault {
    uint8_t vault[EVENT_ID_BYTES], tenant[EVENT_ID_BYTES], id[EVENT_ID_BYTES]; /* id: the machine that made it */
    bool shared;
    int64_t created_ns, snapshot_ns; /* the newest snapshot; 0: none */
    uint64_t snapshots;              /* received, ever */
    uint64_t bytes;                  /* added by them, as their writers say; at most 2^63 - 1 */
    uint64_t stored;                 /* bytes of its packs, as the keeper last said; at most CATALOG_STORED_MAX */
    uint64_t living;                 /* snapshots that are not forgotten: as upkeep counted, and those since */
    int64_t ending_ns, gone_ns;      /* since when all that is in it shall go; when it went, for ever. 0: not */
    uint8_t request[EVENT_ID_BYTES]; /* by which request it ends, or ended; zeros: by none */
};
MUST_CHECK int catalog_vault(struct catalog *c, const uint8_t vault[EVENT_ID_BYTES], struct catalog_vault *out, struct err *e);
/* The newest writer that the machine has in the vault. */
MUST_CHECK int catalog_writer(struct catalog *c, const uint8_t vault[EVENT_ID_BYTES], const uint8_t machine[EVENT_ID_BYTES],
                              uint8_t writer_out[EVENT_ID_BYTES], struct err *e);
/* The vault that a machine adds to: where it has its newest writer. */
MUST_CHECK int catalog_vault_of(struct catalog *c, const uint8_t machine[EVENT_ID_BYTES], struct catalog_vault *out, struct err *e);

/* Whose writer that is. */
MUST_CHECK int catalog_writer_machine(struct catalog *c, const uint8_t vault[EVENT_ID_BYTES], const uint8_t writer[EVENT_ID_BYTES],
                                      uint8_t machine_out[EVENT_ID_BYTES], struct err *e);
/* Whether the log has told of the vault's snapshot of that number. */
MUST_CHECK int catalog_has_snapshot(struct catalog *c, const uint8_t vault[EVENT_ID_BYTES], uint64_t sequence, bool *has_out, struct err *e);

/* Entries of the log about snapshots whose ids' first 16 bytes are from `least` to `most`: the `n`-th of them, in their order. */
MUST_CHECK int catalog_snapshot_entry(struct catalog *c, const uint8_t least[EVENT_ID_BYTES], const uint8_t most[EVENT_ID_BYTES], uint64_t n,
                                      uint64_t *entry_out, struct err *e);
/* The one about the newest snapshot of a vault. */
MUST_CHECK int catalog_newest_entry(struct catalog *c, const uint8_t vault[EVENT_ID_BYTES], uint64_t *entry_out, struct err *e);

struct catalog_grant {
    uint8_t grant[EVENT_ID_BYTES], vault[EVENT_ID_BYTES], id[EVENT_ID_BYTES], by[EVENT_ID_BYTES];
    int64_t created_ns, until_ns, ended_ns;
    char text[EVENT_NAME_MAX + 1]; /* cut */
};
/* The one that ends last among those that let `id` read `vault` at `now` (before until_ns). Who is revoked has none. */
MUST_CHECK int catalog_grant(struct catalog *c, const uint8_t vault[EVENT_ID_BYTES], const uint8_t id[EVENT_ID_BYTES], int64_t now_ns,
                             struct catalog_grant *out, struct err *e);

MUST_CHECK int catalog_grant_named(struct catalog *c, const uint8_t grant[EVENT_ID_BYTES], struct catalog_grant *out, struct err *e);

/* The newest policy of a tenant or of a vault, JSON text appended. */
MUST_CHECK int catalog_policy(struct catalog *c, const uint8_t id[EVENT_ID_BYTES], struct buf *out, struct err *e);

#define CATALOG_APPROVALS_MAX 8
struct catalog_request {
    uint8_t request[EVENT_ID_BYTES], by[EVENT_ID_BYTES], tenant[EVENT_ID_BYTES], vault[EVENT_ID_BYTES];
    char kind[EVENT_NAME_MAX + 1];
    char text[EVENT_TEXT_MAX + 1];
    int64_t created_ns, cancelled_ns, executed_ns;
    int64_t signed_ns; /* the tenant's signature came */
    unsigned approvals; /* of different people, in their order; what comes after the eighth is passed over */
    struct {
        uint8_t by[EVENT_ID_BYTES];
        enum role role;
        int64_t time_ns;
    } approval[CATALOG_APPROVALS_MAX];
};
MUST_CHECK int catalog_request(struct catalog *c, const uint8_t request[EVENT_ID_BYTES], struct catalog_request *out, struct err *e);

/* When the n-th newest (from 0) of the snapshots of a machine was received, among those up to `now`. */
MUST_CHECK int catalog_earlier_snapshot(struct catalog *c, const uint8_t machine[EVENT_ID_BYTES], int64_t now_ns, uint64_t n,
                                        int64_t *received_out, struct err *e);

/* Bytes of packs that a machine uploaded, by days (of UTC, since 1970). Zeros: nothing that is known. */
struct catalog_uploaded {
    uint64_t bytes, before; /* in that day; in the 30 days before it, of each CATALOG_STORED_MAX at most */
    int64_t first;          /* the first day of all that had some */
};
MUST_CHECK int catalog_uploaded(struct catalog *c, const uint8_t machine[EVENT_ID_BYTES], int64_t day, struct catalog_uploaded *out,
                                struct err *e);

/* ---- alarms (catalog_alarms.c) */

struct catalog_alarm {
    uint64_t entry; /* of the log that opened it: its id */
    char name[EVENT_NAME_MAX + 1];
    uint8_t tenant[EVENT_ID_BYTES], vault[EVENT_ID_BYTES], id[EVENT_ID_BYTES], request[EVENT_ID_BYTES]; /* zeros: none */
    char text[EVENT_TEXT_MAX + 1];         /* the newest */
    int64_t since_ns, last_ns;             /* the first and the newest entry about it */
    uint64_t count;                        /* of entries */
    int64_t closed_ns;                     /* 0: open */
    uint8_t closed_by[EVENT_ID_BYTES];     /* zeros: with its cause */
    char reason[EVENT_TEXT_MAX + 1];       /* why it was closed */
    int64_t over_ns;                       /* its cause is gone; 0: not that anybody knows */
};
MUST_CHECK int catalog_alarm(struct catalog *c, uint64_t entry, struct catalog_alarm *out, struct err *e);
/* The newest about the same (name, tenant, vault, id, request of `about`) whose cause is not gone, open or closed. */
MUST_CHECK int catalog_standing_alarm(struct catalog *c, const struct event *about, struct catalog_alarm *out, struct err *e);

/* ---- what tenants use (catalog_usage.c) */

#define CATALOG_STORED_MAX (UINT64_C(1) << 50) /* of a vault: more counts as so much */
struct catalog_held {
    uint64_t stored, living, vaults; /* of all vaults of a tenant: bytes of packs, snapshots, how many */
};
MUST_CHECK int catalog_held(struct catalog *c, const uint8_t tenant[EVENT_ID_BYTES], struct catalog_held *out, struct err *e);

struct catalog_quota {
    uint64_t bytes, count; /* 0: no limit; count: of machines (of a tenant), of snapshots (of a vault) */
    int64_t enforced_ns;   /* 0: it only alarms */
    uint8_t by[EVENT_ID_BYTES]; /* who enforced it */
    char text[EVENT_NAME_MAX + 1]; /* why; cut */
};
MUST_CHECK int catalog_quota(struct catalog *c, const uint8_t id[EVENT_ID_BYTES], struct catalog_quota *out, struct err *e);

/* Months are counted 12 * year + month - 1, by the log's times. */
struct catalog_month {
    int32_t month;
    uint64_t stored;    /* at its end, or now */
    uint64_t peak;      /* at most, what it began with included */
    uint64_t added, snapshots; /* received in it; bytes as their writers say */
    uint64_t machines;  /* with a snapshot in it */
};
#define CATALOG_MONTHS_MAX 120
/* All from `from` to `to`, also those in which nothing happened, in `out` (CATALOG_MONTHS_MAX of them); how many. ERR_LIMIT. */
MUST_CHECK int catalog_months(struct catalog *c, const uint8_t tenant[EVENT_ID_BYTES], int32_t from, int32_t to,
                              struct catalog_month *out, size_t *count_out, struct err *e);

/* ---- lists: each is called in order of creation; nonzero ends the list and is returned. `tenant` NULL: all.
 * The lock is not held during the calls: they may look up and apply. An item is as it is when its turn comes. */
#define CATALOG_LIST(what)                                                                          \
    typedef int catalog_each_##what(void *arg, const struct catalog_##what *item, struct err *e);    \
    MUST_CHECK int catalog_list_##what(struct catalog *c, const uint8_t *tenant,                     \
                                       catalog_each_##what *each, void *arg, struct err *e)
CATALOG_LIST(tenant);
CATALOG_LIST(identity);
CATALOG_LIST(token);
CATALOG_LIST(vault);
CATALOG_LIST(grant);
CATALOG_LIST(alarm);   /* those that are open first */
CATALOG_LIST(request); /* those that are neither executed nor cancelled first */

#endif
