/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this room share.
 *
 * Locks, in the order in which they are taken:
 *   server.decide    who looks something up and records what follows from it, as one step
 *   server.end_lock  who sends what is in an ending vault to the trash, brings it back, or says that it is gone
 *   server.alarm_lock  the same as decide, of alarms
 *   vault_entry.lock everything of an opened vault but objects and arrivals
 *   vaults.lock, sessions.lock, record.lock   short, taken alone
 */
#ifndef ABRI_SERVER_INTERNAL_H
#define ABRI_SERVER_INTERNAL_H

#include "base/bytes.h"
#include "pki/pki.h"
#include "server/catalog.h"
#include "server/server.h"
#include "sign/note.h"
#include "tlog/tlog.h"
#include "vault/keeper.h"

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>

#define ROOT_MAX 3072

/* ---- installation.c ------------------------------------------------------------------------- */

struct installation {
    char root[ROOT_MAX + 1];
    int lock_fd;
    struct buf authority_pem, server_pem, server_key; /* NUL-terminated */
    uint8_t pin[PKI_PIN_BYTES]; /* of the authority */
    struct pki_authority *authority;
    struct sign_key log_key;
    char origin[NOTE_NAME_MAX + 1]; /* of the log: "abri.<first half of the pin>" */
};
MUST_CHECK int installation_open(const char *root, const char *const *names, size_t count,
                                 struct installation *out, struct err *e);
void installation_close(struct installation *i);
/* A certificate for the server and its key, each ending with NUL; whoever has no use for the key any more wipes it. */
MUST_CHECK int installation_certify(const struct installation *i, const char *const *names, size_t count,
                                    struct buf *pem, struct buf *key, struct err *e);
void installation_wipe(struct buf *secret);
/* "<root>/<name>". */
#define SERVER_PATH_MAX (ROOT_MAX + 256)
void installation_path(const struct installation *i, char out[SERVER_PATH_MAX], const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* ---- vaults.c: those that are open -------------------------------------------------------------- */

struct vault_entry {
    uint8_t id[UID_BYTES];
    struct store *store;
    struct vault *vault;
    pthread_mutex_t lock;
    _Atomic uint64_t stored; /* bytes of its packs; UINT64_MAX: not counted (usage.c) */
    unsigned users; /* by vaults.lock */
    uint64_t used;  /* when, by a counter */
    struct vault_entry *next;
};
struct vaults {
    pthread_mutex_t lock;
    struct vault_entry *first;
    unsigned count;
    uint64_t clock;
};
void vaults_init(struct vaults *v);
void vaults_done(struct vaults *v);
/* Opens it, or finds it open; give it back. ERR_NO_VAULT. */
MUST_CHECK int vaults_take(struct server *s, const uint8_t id[UID_BYTES], struct vault_entry **out,
                           struct err *e);
void vaults_give(struct server *s, struct vault_entry *v); /* NULL is fine */
/* Opens it once more, for whatever takes long; both are set as far as it came. ERR_NO_VAULT. */
MUST_CHECK int vaults_open_apart(struct server *s, const uint8_t id[UID_BYTES], struct store **store,
                                 struct vault **vault, struct err *e);
/* Closes one that is open and that nobody uses: ERR_BUSY. */
MUST_CHECK int vaults_drop(struct server *s, const uint8_t id[UID_BYTES], struct err *e);
/* Its packs were counted anew; nothing happens if it is not open. */
void vaults_measured(struct vaults *v, const uint8_t id[UID_BYTES], uint64_t stored);

/* ---- vault_settle.c: new ones, on their way to their place ------------------------------------------ */

/* "<root>/pending/<machine>". */
void vault_pending_path(const struct server *s, const uint8_t machine[EVENT_ID_BYTES],
                        char out[SERVER_PATH_MAX]);
/* What a vault that was just made is, and its first writer. */
MUST_CHECK int vault_look_into(struct store *s, struct vault_info *info, uint8_t writer[UID_BYTES],
                               struct err *e);
/* What that machine has made below pending/ enters the log, and comes to its place. With server.decide. */
MUST_CHECK int vault_enter(struct server *s, const struct catalog_identity *who,
                           const struct vault_info *info, struct err *e);
/* Finishes what a crash cut off between the two; fine where there is nothing. With server.decide. */
MUST_CHECK int vault_settle(struct server *s, const uint8_t machine[EVENT_ID_BYTES], struct err *e);
/* The same for all machines, before the server serves; what is missing, or unknown, is told. */
void vaults_settle(struct server *s);

/* ---- snapshot_recall.c: what a vault has and the log has not ---------------------------------------- */

/* Enters it; what goes wrong is told. `v` NULL: opened if needed. */
void snapshots_recall(struct server *s, const uint8_t vault[UID_BYTES], struct store *store, struct vault *v);
void snapshots_recall_all(struct server *s);

/* ---- sessions.c: those under way ------------------------------------------------------------------ */

struct server_session {
    uint8_t vault[UID_BYTES], session[UID_BYTES], writer[UID_BYTES], machine[EVENT_ID_BYTES];
    struct vault_entry *entry;
    struct keeper_session *keeper;
    unsigned users;
    int64_t used_ns; /* monotonic */
    bool over;       /* to be freed by its last user */
    struct server_session *next;
};
struct sessions {
    pthread_mutex_t lock;
    struct server_session *first;
    unsigned count;
};
struct caller;
void sessions_init(struct sessions *s);
void sessions_done(struct server *s);
/* The session of that writer, which begins if it is not under way; give it back. `begun` may be NULL. */
MUST_CHECK int sessions_take(struct server *s, const uint8_t vault[UID_BYTES],
                             const uint8_t session[UID_BYTES], const uint8_t writer[UID_BYTES],
                             const uint8_t machine[EVENT_ID_BYTES], struct server_session **out,
                             bool *begun, struct err *e);
void sessions_give(struct server *s, struct server_session *n); /* NULL is fine */
/* It ends: as soon as nobody uses it. */
void sessions_end(struct server *s, const uint8_t vault[UID_BYTES], const uint8_t session[UID_BYTES],
                  const uint8_t writer[UID_BYTES]);
/* All of a vault: as soon as nobody uses them. */
void sessions_end_all(struct server *s, const uint8_t vault[UID_BYTES]);
/* Ends those that nobody has used since `before_ns`. */
void sessions_sweep(struct server *s, int64_t before_ns);

/* ---- record.c: the log and what follows ------------------------------------------------------------ */

struct recording {
    pthread_mutex_t lock;
    pthread_cond_t turn;
    uint64_t next;  /* the entry that the catalogue sees next */
    enum err_class why; /* it failed */
    bool failed;    /* the catalogue could not follow: nothing is accepted until it has caught up */
};
struct recorded {
    uint64_t index; /* of the entry */
    bool took;      /* it did not contradict what was there: see catalog_apply */
};
/* Appends to the log, durably, and tells the catalogue. Fills in the time. `out` may be NULL. */
MUST_CHECK int server_record(struct server *s, struct event *ev, struct recorded *out,
                             struct err *e);
/* The same, and ERR_BUSY if it did not take: something else happened meanwhile. */
MUST_CHECK int server_decide(struct server *s, struct event *ev, struct err *e);
/* Brings the catalogue up to the log. */
MUST_CHECK int server_replay(struct server *s, bool fresh, struct err *e);

/* ---- the server ----------------------------------------------------------------------------------------- */

struct tallies; /* tally.c */

/* ---- refusals.c: how many there were since the start, by reason, for the metrics -------------------- */

#define REFUSAL_REASONS 48
struct refusal_counts {
    pthread_mutex_t lock;
    unsigned used;
    struct {
        char reason[48];
        uint64_t count;
    } items[REFUSAL_REASONS]; /* the last one is "other" where they do not suffice */
};
void refusals_init(struct refusal_counts *r);
void refusals_done(struct refusal_counts *r);
void refusals_add(struct refusal_counts *r, const char *reason);

struct server {
    struct server_options options;
    struct installation installation;
    struct tlog *log;
    struct catalog *catalog;
    struct recording recording;
    pthread_mutex_t decide, alarm_lock, end_lock;
    struct vaults vaults;
    struct sessions sessions;
    struct tallies *tallies;
    struct rates *rates; /* rates.h */
    struct http_server *http;
    struct refusal_counts refusals;
    pthread_t keeper_thread; /* upkeep.c */
    bool keeper_runs;
    pthread_mutex_t upkeep_lock;
    pthread_cond_t upkeep_wake;
    struct policy_guard guard; /* clock_guard.c */
    pthread_mutex_t guard_lock;
    bool guard_open;
    bool upkeep_asked;      /* a round shall begin now */
    uint64_t upkeep_rounds; /* that have ended */
    _Atomic bool stopping;
};

void server_tell(struct server *s, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* ---- room.c: what uploads leave for the log -------------------------------------------------------- */

/* ERR_NO_SPACE if `len` bytes more would leave too little. */
MUST_CHECK int server_room(const struct server *s, uint64_t len, struct err *e);

/* ---- tally.c: reads, uploads and refusals, gathered before they go into the log ------------------------------ */

MUST_CHECK int tallies_new(struct tallies **out, struct err *e);
void tallies_free(struct tallies *t);
/* Before the first byte of a reading is given, an entry says that it begins; later ones how much it was. */
MUST_CHECK int tally_read(struct server *s, const uint8_t vault[UID_BYTES],
                          const uint8_t id[EVENT_ID_BYTES], const uint8_t grant[EVENT_ID_BYTES],
                          uint64_t bytes, struct err *e);
void tally_refusal(struct server *s, const uint8_t id[EVENT_ID_BYTES], const char *text);
/* A pack came, whole, of so many bytes. */
void tally_upload(struct server *s, const uint8_t vault[UID_BYTES], const uint8_t id[EVENT_ID_BYTES], uint64_t bytes);
/* Writes what was gathered. */
void tallies_flush(struct server *s);

/* ---- clock_guard.c: how long this server has run, in all ---------------------------------------------- */

int64_t server_ticks(struct server *s); /* nanoseconds; any thread */

/* ---- upkeep.c: what is done now and then -------------------------------------------------------------- */

MUST_CHECK int upkeep_start(struct server *s, struct err *e);
void upkeep_stop(struct server *s);
/* A round shall begin now; how many have ended before. */
uint64_t upkeep_ask(struct server *s);
uint64_t upkeep_rounds(struct server *s);

/* ---- caller.c: who asks ----------------------------------------------------------------------------------- */

struct caller {
    bool known;
    struct catalog_identity identity;
    uint8_t serial[PKI_SERIAL_BYTES];
    unsigned roles; /* of the installation, bits */
};
/* Whose a connection is, as its certificate says, without looking anything up. */
bool caller_owner(void *server, const struct http_peer *p, uint8_t key_out[HTTP_OWNER_BYTES]);
/* A stable code for the answer, and the error. NULL: known. */
const char *caller_identify(struct server *s, const struct http_peer *peer, struct caller *out,
                            struct err *e);
/* Whether the caller has one of the roles (bits), in the installation or for that tenant. */
bool caller_may(struct server *s, const struct caller *c, unsigned roles,
                const uint8_t tenant[EVENT_ID_BYTES]);

/* … if it is there: looked up in any case, so that "not there" takes as long as "somebody else's". */
bool caller_may_there(struct server *s, const struct caller *c, bool there, unsigned roles,
                      const uint8_t tenant[EVENT_ID_BYTES]);

/* ---- calls.c: requests of the API ---------------------------------------------------------------------------- */

#define CALL_IDS 3
struct call;
struct request {
    struct server *server;
    struct http_request *http;
    const struct call *call;
    struct caller caller;
    uint8_t ids[CALL_IDS][32]; /* from the path, in order */
    unsigned id_count;
    char rest[WIRE_NAME_MAX + 1]; /* what {name} matched */
    void *state; /* of a stream; freed by what it is of */
    const char *limit; /* which one was met: the code of the answer */
    bool refused; /* the stream's rest is not wanted */
};
enum call_body { BODY_NONE = 0, BODY_JSON, BODY_BYTES, BODY_STREAM };
/* Who may call; beside that each handler looks at whose object it is. */
#define CALL_ANYONE  (1u << 31)
#define CALL_KNOWN   (1u << 30)  /* any identity that is in force */
#define CALL_MACHINE (1u << 29)
#define CALL_PERSON  (1u << 28)
#define R(role)      (1u << (role))
struct call {
    const char *method, *path; /* "/v1/vaults/{vault}/objects/{name}" */
    unsigned who;
    enum call_body body;
    size_t max;
    void (*run)(struct request *q, const json_t *in, const uint8_t *body, size_t len);
    const struct http_sink *sink; /* of BODY_STREAM */
    const char *summary;
};
extern const struct call calls[];
extern const size_t call_count;
void calls_head(void *server, struct http_request *r);
void calls_done(void *server, struct http_request *r);
/* Identifies and checks `who`: 0, or -1 and the refusal was answered and noted. */
int call_admit(struct request *q);

/* ---- reply.c ----------------------------------------------------------------------------------------------------- */

void reply_json(struct request *q, int status, json_t *o); /* takes `o`; NULL: out of memory */
void reply_empty(struct request *q, int status);
void reply_error(struct request *q, const char *code, const struct err *e);
/* The class's name as the code. */
void reply_fail(struct request *q, const struct err *e);
/* A refusal that the log shall know of. */
void reply_refuse(struct request *q, const char *code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Too much or too often: the log shall know of it. */
void reply_limit(struct request *q, const char *code, const struct err *e);
/* One answer for what does not exist and for what is somebody else's. */
void reply_not_found(struct request *q);
json_t *json_id(const uint8_t *id, size_t len);
json_t *json_time(int64_t ns); /* RFC 3339; null for 0 */
bool take_id(const json_t *o, const char *key, uint8_t *out, size_t len);
/* NULL if it is missing; "" if it is no text of a name's limits. */
const char *take_name(const json_t *o, const char *key);

/* ---- access.c: what somebody may do in a vault ------------------------------------------------------------------- */

struct vault_access {
    unsigned rights; /* WIRE_RIGHT_… */
    struct catalog_vault vault;
    uint8_t writer[UID_BYTES];       /* with "add" */
    uint8_t grant[EVENT_ID_BYTES];   /* with "read" by a grant */
};
/* 0 and rights that may be none; -1 and an answer was given: not found. */
int access_to_vault(struct request *q, const uint8_t vault[UID_BYTES], struct vault_access *out);

#endif
