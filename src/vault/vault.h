/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vault: the keeper's side of a store. Packs of sealed frames, an index that
 * can be rebuilt from them, signed and chained snapshot records, sessions.
 * It holds no key that opens anything: frames, session envelopes, recipient
 * lists and roots are opaque bytes here. The bytes are specified in
 * docs/format/vault.md; every structure named below is described there.
 *
 * Threads: a `struct vault` may be read from several threads at once
 * (vault_find, vault_read_frame); a session's offer, refer and add likewise.
 * Everything else belongs to one thread at a time. Processes need no lock:
 * everything durable is immutable and appears by one rename or link.
 */
#ifndef ABRI_VAULT_VAULT_H
#define ABRI_VAULT_VAULT_H

#include "base/bytes.h"
#include "base/err.h"
#include "base/progress.h"
#include "policy/policy.h"
#include "sign/sign.h"
#include "store/store.h"

#define VAULT_FORMAT 1
#define ID_BYTES     32 /* chunk ids, pack ids, snapshot ids */
#define UID_BYTES    16 /* vault, writer and session ids: random */

/* Chunk cutting parameters: fixed for the life of a vault, so that all its
 * writers cut alike. All in bytes; see chunk.h for their use. */
struct vault_chunking {
    uint32_t small_max; /* files up to this size are bundled */
    uint32_t bundle_min, bundle_avg, bundle_max;
    uint32_t cdc_min, cdc_avg, cdc_max; /* avg is a power of two */
    uint32_t fixed;                     /* for disk images; a power of two */
};

struct vault_info {
    uint8_t id[UID_BYTES];
    uint8_t owner_pk[SIGN_PUBLIC_BYTES];
    uint8_t keeper_pk[SIGN_PUBLIC_BYTES];
    int64_t created_ns;
    bool shared; /* writers may refer to each other's chunks */
    struct vault_chunking chunking;
};

struct vault;

/* Puts what a vault must hold from its first moment (keys, recipients, the
 * first writer) with vault_put. */
typedef int vault_fill(void *arg, struct vault *v, struct err *e);
/* Makes a vault in an empty store: a fresh keeper key, what `fill` puts (NULL:
 * nothing), and last the object "vault", signed by `owner`. `info->id`,
 * `created_ns` and `keeper_pk` are filled in before `fill` is called. A
 * creation that was cut short is begun anew: what it left is removed.
 * ERR_EXISTS if the store already holds a vault. */
MUST_CHECK int vault_create(struct store *s, struct vault_info *info, const struct sign_key *owner,
                            vault_fill *fill, void *arg, struct err *e);
/* The same, but a replica of the vault that `info` describes: its id, its owner, its
 * chunking; a keeper of its own. What one has, the other can take over without a key. */
MUST_CHECK int vault_create_replica(struct store *s, struct vault_info *info,
                                const struct sign_key *owner, vault_fill *fill, void *arg,
                                struct err *e);
/* The names at the top that a creation which was cut short may leave; ends
 * with NULL. For store_dir_create. */
extern const char *const vault_unfinished[];
/* ERR_NO_VAULT if the store holds none, nor parity of one; ERR_NEWER; ERR_DAMAGED. Borrows `s`
 * for the life of the vault. Reads neither packs nor the index yet. */
MUST_CHECK int vault_open(struct store *s, struct vault **out, struct err *e);
void vault_close(struct vault *v);
/* The writer's last record at a keeper, copies apart; sequence 0: none. */
struct writer_past {
    uint64_t sequence;
    uint8_t id[ID_BYTES];
};
/* The keeper of a store that lies elsewhere: what needs its signing key is asked of it. */
struct vault_keeper {
    int (*past)(void *arg, const uint8_t writer[UID_BYTES], struct writer_past *out,
                struct err *e);
    /* Receives what a session commits; durable when it returns 0. */
    int (*receive)(void *arg, const uint8_t session[UID_BYTES], const struct buf *w,
                   const struct buf *refs, struct err *e);
    void *arg;
};
/* As vault_open. Parity, and what a session may build upon, are then the keeper's affair:
 * its store lists no other packs to those who may only add. */
MUST_CHECK int vault_open_far(struct store *s, const struct vault_keeper *keeper,
                              struct vault **out, struct err *e);
/* The object `vault` is damaged or missing, and was read by its parity: everything
 * works, and vault_repair mends it. */
bool vault_needs_repair(const struct vault *v);
const struct vault_info *vault_get_info(const struct vault *v);
struct store *vault_store(struct vault *v);

/* ---- small objects that others seal and sign ----------------------------- */

enum vault_kind {
    VAULT_KEY = 1,    /* "keys/<32 hex>": a wrapped recovery key */
    VAULT_RECIPIENTS, /* "recipients/<16 hex generation>" */
    VAULT_WRITER,     /* "writers/<32 hex writer id>": a certificate */
    VAULT_SESSION,    /* "sessions/<32 hex session id>": a sealed data key */
    VAULT_RESEALED,   /* "resealed/<32 hex session id>-<16 hex generation>" */
    VAULT_REVOKED,    /* "revoked/<32 hex writer id>": what is no longer accepted */
};
#define VAULT_OBJECT_MAX ((size_t)1 << 20)

/* Durable, name and all, when it returns 0. `name` is the part behind '/'. */
MUST_CHECK int vault_put(struct vault *v, enum vault_kind kind, const char *name, const void *p,
                         size_t len, struct err *e);
/* Appends the object to `out`. ERR_NOT_FOUND; ERR_LIMIT over VAULT_OBJECT_MAX. */
MUST_CHECK int vault_get(struct vault *v, enum vault_kind kind, const char *name, struct buf *out,
                         struct err *e);
/* Durable when it returns 0. ERR_NOT_FOUND. For keys, lists of recipients and
 * session keys that others replace: nothing here knows what is still needed. */
MUST_CHECK int vault_remove_object(struct vault *v, enum vault_kind kind, const char *name,
                                   struct err *e);
typedef int vault_each_name(void *arg, const char *name, struct err *e);
/* In ascending order of name. */
MUST_CHECK int vault_list(struct vault *v, enum vault_kind kind, vault_each_name *each, void *arg,
                          struct err *e);

/* ---- writers and their sessions, as far as a keeper can tell ------------------ */

struct writer_info {
    uint8_t id[UID_BYTES];
    int64_t enrolled_ns;
    char machine[256];
    bool has_predecessor;
    uint8_t predecessor[UID_BYTES]; /* whose packs it may refer to, too */
    bool revoked;
    uint64_t last_seq; /* if revoked: the last keeper's sequence that is accepted */
    int64_t revoked_ns;
};
/* From its certificate and, if there is one, its revocation, both verified.
 * ERR_NOT_FOUND: no such writer. */
MUST_CHECK int vault_writer_info(struct vault *v, const uint8_t writer[UID_BYTES],
                                 struct writer_info *out, struct err *e);
#define RESEALED_NAME_BYTES 50
/* The newest name in "resealed/" of a session: 1, or 0 if there is none. What
 * is there is remembered; `again` looks anew. Thread-safe. */
int vault_resealed_find(struct vault *v, const uint8_t session[UID_BYTES], bool again,
                        char name_out[RESEALED_NAME_BYTES], struct err *e);
/* Whose session it is, by the original (signed by the writer) or, where that is
 * gone, by what the owner sealed anew; verified. */
MUST_CHECK int vault_session_writer(struct vault *v, const uint8_t session[UID_BYTES],
                                    uint8_t writer_out[UID_BYTES], struct err *e);
/* The newest sequence that a record has, 0 if there is none. */
MUST_CHECK int vault_last_sequence(struct vault *v, uint64_t *out, struct err *e);

/* ---- frames ---------------------------------------------------------------- */

enum frame_kind { FRAME_DATA = 1, FRAME_META = 2 };

struct frame {
    enum frame_kind kind;
    uint8_t id[ID_BYTES];
    uint8_t session[UID_BYTES]; /* whose data key sealed it */
    uint64_t nonce;             /* counter within that session, never 0 */
};

#define FRAME_HEADER_BYTES 72u
#define FRAME_SEALED_MAX   ((uint32_t)17 << 20) /* sealed bytes of one frame */

/* Where a frame lies. `pack` counts within the opened vault: valid until
 * vault_close, meaningless to anyone else. */
struct frame_loc {
    uint32_t pack;
    uint32_t frame;  /* ordinal within the pack */
    uint32_t offset; /* of the frame header within the pack */
    uint32_t len;    /* sealed bytes, without the header */
};

/* Loads the index, reads the footers of packs that it does not cover yet, and
 * drops what it covers but is gone. Called by the functions below as needed;
 * calling it again picks up packs of other processes. A damaged or missing
 * index is rebuilt silently; a damaged footer is reported through `damaged`
 * (may be NULL) and its pack left out. Tries to store the refreshed index
 * and goes on without if it cannot (read-only disk, no space). */
typedef void vault_damage(void *arg, const char *object, const char *message);
MUST_CHECK int vault_refresh(struct vault *v, vault_damage *damaged, void *arg, struct err *e);

/* True and *out if a pack holds the chunk. */
bool vault_find(struct vault *v, const uint8_t id[ID_BYTES], struct frame_loc *out);
/* The pack's id, and how many frames it has. */
const uint8_t *vault_pack_id(struct vault *v, uint32_t pack);
uint32_t vault_pack_count(struct vault *v);                 /* packs are 0 … count − 1 */
uint32_t vault_pack_frames(struct vault *v, uint32_t pack); /* 0 if its footer is damaged */

/* Reads header and sealed bytes into `buf` (at least FRAME_HEADER_BYTES +
 * loc->len), checks the header, gives the frame's description; the sealed
 * bytes begin at buf + FRAME_HEADER_BYTES. ERR_DAMAGED names the pack and the
 * offset; ERR_NOT_FOUND if the pack is gone: a collection may have moved the
 * chunk, vault_refresh finds it. Does not hash: opening the seal authenticates. */
MUST_CHECK int vault_read_frame(struct vault *v, const struct frame_loc *loc, uint8_t *buf,
                                struct frame *out, struct err *e);

/* Frames that will be read soon, in about this order: a vault that is far away fetches them ahead. */
void vault_expect(struct vault *v, const struct frame_loc *locs, size_t count);

/* ---- sessions: adding ------------------------------------------------------ */

struct session;
#define SESSION_SEALERS_MAX 8u

struct session_params {
    bool no_parity; /* packs get no parity object */
    /* Threads that seal full packs, at most SESSION_SEALERS_MAX; 0: whoever fills one does. For stores where that
     * takes long and costs no processor; one more pack waits for them. */
    unsigned sealers;
    uint8_t writer[UID_BYTES];
    uint8_t session[UID_BYTES]; /* its envelope must already be put */
    uint32_t pack_bytes;        /* target size; 0 = 32 MiB data, 8 MiB metadata */
};

/* ERR_NO_KEY if the writer was revoked. */
MUST_CHECK int session_begin(struct vault *v, const struct session_params *p, struct session **out,
                             struct err *e);

enum session_have { SESSION_HAS = 1, SESSION_WANTS };

/* "Do you have this chunk?" SESSION_HAS: the writer may refer to it (it is in
 * a pack of this writer or its predecessors, or of any writer in a shared vault,
 * save what only refused records refer to; or another thread is adding it), and the snapshot now refers to it. SESSION_WANTS: the caller
 * has promised to session_add it; if it cannot, the session cannot commit. */
MUST_CHECK int session_offer(struct session *s, const uint8_t id[ID_BYTES], enum session_have *out,
                             struct err *e);
/* As offer, for a chunk that the caller could not add: false if not there. */
bool session_refer(struct session *s, const uint8_t id[ID_BYTES]);

/* Appends a frame. `buf` has FRAME_HEADER_BYTES of room before the `len`
 * sealed bytes; the header is written there, and the whole goes to the pack in
 * one write. The pack is sealed and synced when it is full, by the caller whose
 * frame completes it; others go on with the next pack meanwhile. */
MUST_CHECK int session_add(struct session *s, const struct frame *f, uint8_t *buf, uint32_t len,
                           struct err *e);

struct session_stats {
    uint64_t frames, bytes; /* added by this session: frames, stored bytes */
    uint64_t data_bytes, meta_bytes;
};
struct session_stats session_get_stats(struct session *s);

/* Seals and syncs all packs; afterwards add fails. Called by commit. */
MUST_CHECK int session_flush(struct session *s, struct err *e);

/* What the keeper may see of a snapshot, supplied by the writer. */
struct snapshot_draft {
    int64_t client_time_ns;   /* a label, never trusted */
    const char *machine;      /* at most 255 bytes */
    uint8_t group[UID_BYTES]; /* keyed hash of host and paths: what belongs together */
    const char *const *tags;  /* labels in clear, each at most 255 bytes */
    size_t tag_count;         /* at most 64 */
    uint64_t files, bytes;    /* entries and plain bytes of the whole snapshot */
    uint8_t suspicion;        /* 0 = none measured … 255 */
    bool incomplete;          /* some items could not be read */
    uint64_t root_nonce;
    uint8_t root_id[ID_BYTES];
    const uint8_t *root; /* sealed; at most 1 MiB */
    size_t root_len;
};

/* Flushes, writes the record (signed by `key`, chained to the writer's
 * previous one, received and signed by the keeper), durably. Only now is the
 * snapshot visible. Several processes may commit at once. */
MUST_CHECK int session_commit(struct session *s, const struct snapshot_draft *d,
                              const struct sign_key *key, uint8_t snapshot_id_out[ID_BYTES],
                              struct err *e);
/* Frees; what was sealed stays for a later session to use. NULL is fine. */
void session_end(struct session *s);

/* ---- snapshots --------------------------------------------------------------- */

struct snapshot {
    uint8_t id[ID_BYTES];
    uint64_t seq;        /* given by the keeper, ascending */
    int64_t received_ns; /* by the keeper's clock */
    int64_t dated_ns;    /* when a keeper first received it, never later: what people and rules
                            go by. Differs for copies */
    bool copied;         /* from a replica: */
    uint8_t origin_keeper[SIGN_PUBLIC_BYTES];
    uint64_t origin_seq; /* which that keeper gave it */
    int64_t client_time_ns;
    uint8_t writer[UID_BYTES];
    uint8_t session[UID_BYTES]; /* whose key sealed the root */
    uint8_t group[UID_BYTES];
    uint64_t writer_seq;
    uint64_t files, bytes, added_bytes;
    uint8_t suspicion;
    bool incomplete;
    char machine[256];
    char (*tags)[256]; /* those in force: of the record, then as marks changed them */
    size_t tag_count;
    uint64_t root_nonce;
    uint8_t root_id[ID_BYTES];
    uint8_t *root;
    size_t root_len;
    uint8_t refs_hash[HASH_BYTES];
    /* What its marks say. */
    int64_t locked_until_ns; /* 0: never locked; may lie in the past */
    int64_t locked_since_ns; /* when that lock was made */
    bool held;
    char *hold_reason;          /* of the first hold; NULL: not held */
    bool doubtful;              /* a mark of it cannot be read: it is kept until somebody looked */
    int64_t forgotten_until_ns; /* 0: living; else in the trash, and when its window ends */
    int64_t forgotten_since_ns; /* when the trash took it; only then */
};

struct snapshot_list {
    struct snapshot *items; /* ascending by dated_ns, then by seq */
    size_t count;
    uint64_t refused; /* records left out: received after their writer had been revoked */
};
void snapshot_list_done(struct snapshot_list *l);

/* All living snapshots whose signatures (writer's certificate, keeper) verify and
 * that no revocation refuses. Those that are refused are counted and left out; those
 * that do not verify are reported through `damaged` and left out, and so are marks
 * that do not verify. Reads no reference set. */
MUST_CHECK int vault_snapshots(struct vault *v, struct snapshot_list *out, vault_damage *damaged,
                               void *arg, struct err *e);
/* The same with those in the trash: what the vault must be able to give back. */
MUST_CHECK int vault_snapshots_all(struct vault *v, struct snapshot_list *out,
                                   vault_damage *damaged, void *arg, struct err *e);

/* Those in the trash alone. */
MUST_CHECK int vault_snapshots_trash(struct vault *v, struct snapshot_list *out,
                                     vault_damage *damaged, void *arg, struct err *e);

/* Reads the marks of one snapshot again. */
MUST_CHECK int vault_snapshot_refresh(struct vault *v, struct snapshot *s, struct err *e);

/* Whether its record is still there: a collection may have removed an expired one. */
bool vault_snapshot_exists(struct vault *v, const struct snapshot *s);

/* The reference set of one snapshot: which frames of which packs. Frames that
 * compaction moved are named where they were, and where they are. */
struct refset_pack {
    uint8_t pack[ID_BYTES];
    uint32_t frame_count; /* in the pack */
    uint8_t *bits;        /* frame_count bits, least significant first */
};
struct refset {
    struct refset_pack *packs;
    size_t count;
};
void refset_done(struct refset *r);
MUST_CHECK int vault_snapshot_refs(struct vault *v, const struct snapshot *s, struct refset *out,
                                   struct err *e);
/* Whether one of the places where the chunk lies is in the set. */
bool vault_refs_hold(struct vault *v, const struct refset *r, const uint8_t id[ID_BYTES]);

/* ---- garbage collection ---------------------------------------------------------

 * Beside backups, without a key, without a lock that a backup could wait for
 * (docs/decisions/0011; the model in tests/model proves the order of its steps).
 * What no record needs is condemned; when the sessions that were under way then
 * have ended, it is looked at again, swept, and after `swept_ns` removed. Packs
 * that are needed in part are first copied, the needed part, into new packs. A
 * collection that is cut off anywhere leaves a whole vault, and the next one
 * goes on. ERR_BUSY if another collection is at work. */

struct gc_options {
    bool dry_run;
    double max_unused;    /* share of the needed bytes that may stay unused: 0.05 */
    uint64_t max_rewrite; /* bytes to copy at most; UINT64_MAX: no limit */
    int64_t swept_ns;     /* how long swept packs stay; 0: removed at once */
    struct policy_clock clock; /* judged; if it is not trusted, nothing is removed */
    vault_damage *damaged;
    /* Asked before a snapshot whose time in the trash is over is removed; *stays: not by this collection. NULL: it
     * goes. */
    int (*freeing)(void *arg, const struct snapshot *s, bool *stays, struct err *e);
    void *arg;
    struct progress *progress; /* bytes copied; may be NULL */
};
struct gc_result {
    uint64_t expired; /* snapshots removed: their time in the trash was over */
    uint64_t snapshots, references; /* that were looked at; frames, counted once a snapshot */
    uint64_t packs, bytes;          /* in the vault before */
    uint64_t needed_bytes;          /* an estimate by frames */
    uint64_t packs_condemned;       /* now; of these: */
    uint64_t packs_copied, bytes_copied, packs_written;
    uint64_t packs_waiting, sessions_waited_for; /* a later collection goes on with them */
    uint64_t packs_swept, bytes_swept; /* wait for their time to be over */
    uint64_t packs_removed, bytes_removed;
    uint64_t frames_healed; /* needed of damaged packs, found elsewhere: references lead there */
    uint64_t frames_lost;   /* needed of damaged packs, and found nowhere */
    uint64_t packs_taken_back; /* condemned, and found needed after all */
    int64_t mark_ns;           /* the time that marking took */
};
MUST_CHECK int vault_gc(struct vault *v, const struct gc_options *o, struct gc_result *out,
                        struct err *e);

/* ---- replicas ---------------------------------------------------------------------

 * Vaults of one id and one owner, each with its keeper (docs/decisions/0015).
 * Everything but what a keeper says is valid in all of them as it is, so it is
 * copied sealed, without a key. */

/* ERR_USAGE if they are not replicas of one vault, or are one and the same. */
MUST_CHECK int vault_check_replicas(const struct vault *a, const struct vault *b, struct err *e);

typedef void vault_refused(void *arg, const struct snapshot *s, const char *why);

struct vault_copy_options {
    bool dry_run;
    bool no_parity;        /* packs that come whole get none */
    vault_damage *damaged; /* an object of `from` that is damaged */
    vault_refused *refused; /* a snapshot that is not copied, and why */
    void (*copied)(void *arg, const struct snapshot *s); /* or would be */
    void *arg;
    struct progress *progress; /* bytes of packs */
};
struct vault_copy_result {
    uint64_t copied, present, refused; /* snapshots */
    uint64_t objects;                  /* certificates, lists, keys, sessions that were new */
    uint64_t packs_whole, packs_made;  /* came as they are; were made of single frames */
    uint64_t bytes;                    /* of packs written; with dry_run an estimate */
    uint64_t revoked_elsewhere; /* writers that `from` refuses and `to` does not: only an owner
                                   can revoke them there */
};
/* Certificates, lists of recipients, wrapped keys and sessions' keys alone; counts those
 * that were new. For a replica that is being made. */
MUST_CHECK int vault_copy_objects(struct vault *from, struct vault *to, uint64_t *brought_out,
                                  struct err *e);
/* Copies snapshots of `from`, in the order given, with all that they need and `to`
 * lacks. Each is there whole or not at all; one that `to` has already (in its trash,
 * too) is passed over. What was brought before an error stays, and is not brought
 * again. No backup, collection or copy at the same time is in its way. */
MUST_CHECK int vault_copy(struct vault *from, struct vault *to, const struct snapshot *const *items,
                          size_t count, const struct vault_copy_options *o,
                          struct vault_copy_result *out, struct err *e);

/* ---- the life of a snapshot -----------------------------------------------------
 *
 * The keeper's side: none of this needs a key of the customer. What is said about a
 * snapshot is a mark, one small object that the keeper signs; records are never
 * rewritten. Each function is durable when it returns 0, leaves either the old or
 * the new state if the power fails, and may run in several processes at once; the
 * invariants (Y1 …) are in marks.c. A snapshot is given by a member of a list from
 * vault_snapshots(_all); its fields may be out of date, its marks are read again.
 * What protects a snapshot is refused with ERR_READ_ONLY, what makes no sense with
 * ERR_USAGE; ERR_NOT_FOUND if the snapshot is gone. */

#define VAULT_TRASH_WINDOW_NS (INT64_C(7) * 24 * 3600 * 1000000000) /* unless rules say otherwise */
#define VAULT_LOCK_MAX_NS     (INT64_C(100) * 366 * 24 * 3600 * 1000000000)
#define VAULT_REASON_MAX      1024u /* bytes of a hold's reason */

struct vault_rules {
    uint64_t generation;     /* of the newest; 0: none were ever given */
    int64_t floor_ns;        /* minimum age of what is forgotten: the highest of all generations */
    int64_t trash_window_ns; /* of the newest generation */
};
/* ERR_DAMAGED if any generation does not verify, for it may have had a higher floor. */
MUST_CHECK int vault_rules(struct vault *v, struct vault_rules *out, struct err *e);
/* Writes the next generation, in whole seconds. ERR_USAGE if the floor is lower than
 * the one in force, or either is negative or over 2^32 seconds. */
MUST_CHECK int vault_set_rules(struct vault *v, int64_t floor_ns, int64_t trash_window_ns,
                               struct err *e);

/* Judges the clock by the witnesses in the vault and the receive times of its records
 * (policy_clock_judge). 0 and a verdict, trusted or not. _judge leaves a witness if
 * the clock is trusted: for those who act on it. _look writes nothing. A witness of
 * a clock that is not trusted is never written, so no repetition makes it so. */
MUST_CHECK int vault_clock_judge(struct vault *v, struct policy_clock *out, struct err *e);
MUST_CHECK int vault_clock_look(struct vault *v, struct policy_clock *out, struct err *e);
/* A person says that the clock is right now. */
MUST_CHECK int vault_clock_confirm(struct vault *v, struct err *e);

/* Only extends: ERR_USAGE if it is locked for as long already, if `until_ns` is not in
 * the future or more than VAULT_LOCK_MAX_NS away, or if it is in the trash. */
MUST_CHECK int vault_lock(struct vault *v, const struct snapshot *s, int64_t until_ns,
                          struct err *e);
/* `reason`: 1 to VAULT_REASON_MAX bytes. A snapshot may be held several times;
 * release ends all of them. */
MUST_CHECK int vault_hold(struct vault *v, const struct snapshot *s, const char *reason,
                          struct err *e);
MUST_CHECK int vault_release(struct vault *v, const struct snapshot *s, struct err *e);
/* Adds and removes tags; what is there (or gone) already is fine. ERR_LIMIT over 64
 * tags, or if one has not 1 to 255 bytes. */
MUST_CHECK int vault_tag(struct vault *v, const struct snapshot *s, const char *const *add,
                         size_t add_count, const char *const *remove, size_t remove_count,
                         struct err *e);

struct vault_forgotten {
    size_t count;     /* moved to the trash */
    size_t refused;   /* reported through `refused` */
    int64_t until_ns; /* when their window ends */
};
/* Moves snapshots to the trash. Whatever the caller decided, it refuses each one that
 * is locked, held, doubtful, under the floor, or in the trash already; and
 * everything (ERR_READ_ONLY) if the clock is not trusted. What became protected while
 * it ran is taken back. If it fails on the way, `out` says how many it has moved. */
MUST_CHECK int vault_forget(struct vault *v, const struct snapshot *const *items, size_t count,
                            vault_refused *refused, void *arg, struct vault_forgotten *out,
                            struct err *e);
/* Brings one back from the trash. ERR_READ_ONLY once the window has ended by a
 * trusted clock. */
MUST_CHECK int vault_undelete(struct vault *v, const struct snapshot *s, struct err *e);

/* A collector frees a snapshot this long after its window: an undelete that was let
 * in at the last moment has ended by then. */
#define VAULT_FREE_MARGIN_NS (INT64_C(3600) * 1000000000)
/* Whether a collector may free it, by what was read just now: it is in the trash,
 * its window and the margin are over, nothing protects it, the clock is trusted. */
bool vault_may_free(const struct snapshot *s, const struct vault_rules *r,
                    const struct policy_clock *clock);
/* What policy needs to know of it; borrowed from `s`. */
void snapshot_for_policy(const struct snapshot *s, struct policy_snapshot *out);

/* ---- verification without keys -------------------------------------------------- */

struct vault_check_stats {
    uint64_t snapshots, packs, frames, bytes_read, damaged;
    uint64_t refused;    /* records, received after their writer had been revoked: no damage */
    uint64_t unreadable; /* packs whose ends are damaged: what is in them is not known */
};

/* Structure: the vault object, certificates, session envelopes' signatures,
 * every record and its chain, every pack's header, footer and length, every
 * reference set against the footers (moved frames are followed), frame headers
 * not read. Objects with names that mean nothing are ignored. Damage is
 * reported and counted; -1 only if the check itself cannot go on. */
MUST_CHECK int vault_check(struct vault *v, vault_damage *damaged, void *arg,
                           struct vault_check_stats *stats, struct err *e);

/* Calls `each` for every snapshot, living or in the trash, that needs chunks of one of the packs (`count` ids of ID_BYTES each), with how
 * many. For those who found damage, to say whom it touches; needs no key, and names no files. */
typedef void vault_needs(void *arg, const struct snapshot *s, uint64_t frames);
MUST_CHECK int vault_needed_by(struct vault *v, const uint8_t *packs, size_t count, vault_needs *each, void *arg,
                               struct err *e);

/* Reads `count` frames that snapshots need (or all, if there are fewer), drawn at random, whole, against the hashes that packs'
 * names vouch for; a pack that is needed and not listed is damage, too. Needs no key. -1 only if nothing more can be asked. */
#define VAULT_CHALLENGE 4603 /* find with 99 % certainty that one in a thousand is lost: 1 − 0.999^4603 */
struct vault_challenge_result {
    uint64_t snapshots, needed; /* frames that they need */
    uint64_t asked, bytes, bad; /* frames that were drawn; read; not as they should be */
    uint64_t damaged;           /* messages to `damaged` */
    double certainty;           /* to meet one bad frame, if one in a thousand were bad */
};
MUST_CHECK int vault_challenge(struct vault *v, uint64_t count, vault_damage *damaged, void *arg,
                               struct vault_challenge_result *out, struct err *e);

struct vault_repair_options {
    vault_damage *mended;  /* an object, and what was done to it */
    vault_damage *damaged; /* an object that stays damaged, and why */
    vault_damage *skipped; /* one of a newer format, which is left as it is */
    /* NULL, or where to take what parity cannot mend; only read. ERR_USAGE if it is none. */
    struct vault *replica;
    vault_damage *damaged_there; /* an object of the replica that is damaged, too */
    void *arg;
    struct progress *progress; /* items: packs; may be NULL */
};
struct vault_repair_result {
    uint64_t packs, packs_mended, packs_lost, bytes_mended;
    /* What is no pack: looked at, mended or brought back, lost, and copies of others
     * that were removed. */
    uint64_t objects, objects_mended, objects_lost, copies_removed;
    uint64_t parity_made, parity_mended; /* where there was none; that was damaged */
    uint64_t packs_taken, packs_made; /* from the replica: whole; of single frames */
    uint64_t skipped;                    /* of a newer format */
};
/* First the objects that follow from nothing else: identity, keys, certificates,
 * sessions, rules, records (repair_objects.c says which may come back). Then reads
 * every byte of every pack. A damaged one is computed again from its parity
 * (docs/format/vault.md says how much damage that bears), or found under another
 * pack's name; only what then is the pack that its name says, byte for byte, takes
 * its place, durably. One that cannot be mended stays as it is and is set aside:
 * sessions that begin from now on store anew what is in it. Missing and damaged
 * parity is made from what is sound. What is of a newer format stays as it is.
 * Needs no key. ERR_BUSY beside a collection. */
MUST_CHECK int vault_repair(struct vault *v, const struct vault_repair_options *o,
                            struct vault_repair_result *out, struct err *e);

/* One pack, every byte: hashes each frame against the footer. `each` gets
 * every frame (ok or not) with its stored bytes, for a caller that can open
 * seals; bytes is NULL if the frame lies beyond the end of the file. Where the
 * footer itself is damaged, `each` gets the frames that can be recognized, not
 * intact, numbered as they come. Verifies its parity, too, if it has any. Adds to `stats`, which the caller zeroes. */
typedef int vault_each_frame(void *arg, const struct frame_loc *loc, const struct frame *f,
                             const uint8_t *sealed, bool intact, struct err *e);
MUST_CHECK int vault_scrub_pack(struct vault *v, uint32_t pack, vault_each_frame *each, void *arg,
                                vault_damage *damaged, void *damaged_arg,
                                struct vault_check_stats *stats, struct err *e);

#endif
