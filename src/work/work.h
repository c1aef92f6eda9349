/* SPDX-License-Identifier: Apache-2.0 */
/*
 * work: the pipelines. Each verb of the program that touches content is one
 * function here, with its options as a struct and what it found as another.
 * Nothing here prints: whoever calls gets figures, problems and events.
 */
#ifndef ABRI_WORK_WORK_H
#define ABRI_WORK_WORK_H

#include "base/err.h"
#include "base/progress.h"
#include "content/content.h"
#include "disk/disk.h"
#include "seal/seal.h"
#include "select/select.h"
#include "target/target.h"
#include "vault/vault.h"

#include <stdatomic.h>

/* ---- where things are ------------------------------------------------------- */

struct work_dirs {
    const char *config; /* writer keys: <config>/writers/<vault id>; servers/… */
    const char *cache;  /* <cache>/<vault id>/…; NULL: work without a cache */
    const atomic_bool *cancel; /* ends waiting for a server; may be NULL */
    /* Hears what is wrong with the log of a server (remote_alarm); may be NULL. */
    void (*log_alarm)(void *arg, const char *server, const struct err *what);
    void *log_arg;
};

/* Where those are on this machine: ABRI_CONFIG_DIR and ABRI_CACHE_DIR, root's, or XDG's. */
MUST_CHECK int work_config_dir(char *out, size_t cap, struct err *e);
MUST_CHECK int work_cache_dir(char *out, size_t cap, struct err *e);

/* Where this machine keeps its key for a vault. */
MUST_CHECK int writer_key_path(const struct work_dirs *dirs, const uint8_t vault_id[UID_BYTES],
                               char *out, size_t cap, struct err *e);

/* Asks for the passphrase: fills `out` (NUL-terminated, wiped by the caller).
 * ERR_PASSPHRASE if there is nobody to ask. */
#define PASSPHRASE_MAX 1024
typedef int work_ask(void *arg, char out[PASSPHRASE_MAX], struct err *e);

/* A problem with one item; the work goes on and ends "incomplete". */
typedef void work_problem(void *arg, const char *item, const struct err *e);

/* ---- access: an opened vault and what we may do with it ------------------------ */

struct access {
    struct store *store;
    struct vault *vault;
    struct seal_ids *ids;          /* writer or reader */
    struct writer_key *writer;     /* writer only */
    struct recipients recipients;  /* writer only */
    struct recovery_key *recovery; /* reader only */
    struct retired_keys *retired;  /* reader only: what it could be opened with before */
    char key_name[33];             /* reader only: in keys/, that the passphrase opened; or "" */
    struct vault_secrets *secrets; /* owner only */
    struct keyring *keyring;       /* reader only */
};

/* The vault alone, in a directory or on a server: no key. ERR_NO_VAULT. */
MUST_CHECK int access_open(const char *location, const struct work_dirs *dirs, struct access *out,
                           struct err *e);
bool access_is_far(const char *location);
/* Loads this machine's writer key. ERR_NO_KEY if it has none for the vault. */
MUST_CHECK int access_as_writer(struct access *a, const struct work_dirs *dirs, struct err *e);
/* Unwraps a recovery key with the passphrase that `ask` gives. */
MUST_CHECK int access_as_reader(struct access *a, work_ask *ask, void *arg, struct err *e);
/* Opens with a recovery key that came from elsewhere. ERR_NO_KEY if it is not
 * a recipient (any more). */
MUST_CHECK int access_with_key(struct access *a, const struct recovery_key *k, struct err *e);
/* A reader that may also sign as the owner: changes keys and enrols writers. */
MUST_CHECK int access_as_owner(struct access *a, struct err *e);
void access_close(struct access *a);

/* ---- init ------------------------------------------------------------------------- */

struct init_options {
    const char *location;
    const char *machine; /* NULL: the host's name */
    bool shared;
    struct kdf_cost cost;
    struct vault_chunking chunking; /* all zero: the defaults */
    const uint8_t *keeper_pk; /* of a keeper elsewhere (vault_create_far); NULL: here */
};
/* Makes the vault and its keys, enrols this machine as a writer. */
MUST_CHECK int work_init(const struct init_options *o, const struct work_dirs *dirs, work_ask *ask,
                         void *arg, uint8_t vault_id_out[UID_BYTES], struct err *e);
/* The same in a store that is open already; o->location is not used. */
MUST_CHECK int work_init_in(struct store *s, const struct init_options *o,
                            const struct work_dirs *dirs, work_ask *ask, void *arg,
                            uint8_t vault_id_out[UID_BYTES], struct err *e);

/* The same on the server that o->location names, where this machine is enrolled: its own vault. */
MUST_CHECK int work_init_far(const struct init_options *o, const struct work_dirs *dirs,
                             work_ask *ask, void *arg, uint8_t vault_id_out[UID_BYTES],
                             struct err *e);

/* ---- replicas ----------------------------------------------------------------------------- */

struct replica_options {
    const char *location;   /* a new or empty directory */
    const char *passphrase; /* of its own, NUL-terminated; NULL: those of the other's keys */
    struct kdf_cost cost;   /* for that one */
};
/* Makes an empty replica of the vault that `of` opened as its owner: with the same
 * recipients and writers, and a keeper of its own. */
MUST_CHECK int work_init_replica(struct access *of, const struct replica_options *o,
                                 struct err *e);

/* Copies snapshots, and the tags that they have now (vault_copy). Needs no key. */
MUST_CHECK int work_copy(struct access *from, struct access *to,
                         const struct snapshot *const *items, size_t count,
                         const struct vault_copy_options *o, struct vault_copy_result *out,
                         struct err *e);
/* Keeps those that are newer than all of their group in `there`; how many. */
size_t work_copy_newer(const struct snapshot_list *there, const struct snapshot **items,
                       size_t count);

/* ---- backup -------------------------------------------------------------------------- */

/* A file whose content comes from a descriptor, of whatever length. */
struct backup_stream {
    int fd;           /* read to its end, not closed */
    const char *path; /* of the file in the snapshot, valid, without leading '/' */
    /* After the end, before anything is committed: -1 if what came is not
     * whole; then there is no snapshot. May be NULL. */
    int (*finish)(void *arg, struct err *e);
    void *arg;
};

/* The disks of one machine: each becomes the file disks/NAME, with a note of what is on it. */
struct backup_disk {
    const char *name; /* a name that a file can have; each once */
    struct disk *disk;
    const char *source; /* for the note: where it is */
};
/* What describes the machine (libvirt's XML, .vmx, …): it becomes machine/NAME. */
struct backup_description {
    const char *name;
    const void *data;
    size_t len; /* at most BACKUP_DESCRIPTION_MAX */
};
#define BACKUP_DESCRIPTION_MAX ((size_t)4 << 20)
#define BACKUP_DISKS_MAX 256u
#define BACKUP_MAP_MAX 63 /* bytes of the name of a map that is noted */
struct backup_disks {
    const struct backup_disk *disks; /* at least one; more than BACKUP_DISKS_MAX: ERR_LIMIT */
    size_t count;
    const struct backup_description *files;
    size_t file_count;
    /* The changed-block map that the disks were opened with: what it leaves out is taken from the last
     * snapshot, if that one has noted it as its `next_map`. NULL: none. */
    const char *map;
    const char *next_map; /* the one that begins with this snapshot; NULL: none */
    /* Something that the user should know: a map that is not used, and why. */
    void (*told)(void *arg, const char *disk, const char *what);
    void *arg;
};

/* The map that the last snapshot of these disks (their names count) has noted, the same for all of
 * them; "" if there is none, or this machine does not remember. */
MUST_CHECK int work_noted_map(struct access *a, const struct work_dirs *dirs, const char *host,
                              const struct backup_disk *disks, size_t count,
                              char out[BACKUP_MAP_MAX + 1], struct err *e);

struct backup_options {
    const struct backup_stream *stream; /* NULL, or instead of the paths */
    const struct backup_disks *disks;   /* likewise */
    const char *const *paths;
    size_t path_count;
    const struct select *exclude;
    bool one_file_system, exclude_caches;
    const char *const *exclude_if_present;
    size_t exclude_if_present_count;
    uint64_t exclude_larger_than;
    const char *const *tags;
    size_t tag_count;
    const char *host; /* NULL: the host's name */
    bool dry_run, force_read;
    bool no_parity; /* packs get none (vault.h) */
    int level;             /* zstd; 0: no compression */
    uint64_t limit_upload; /* bytes a second; 0: none */
    unsigned threads;      /* 0: as many as there are processors */
    work_problem *problem;
    void *arg;
    struct progress *progress; /* may be NULL */
};

struct backup_result {
    uint8_t id[ID_BYTES]; /* zeros after a dry run */
    uint64_t files, dirs, others, bytes;
    uint64_t files_new, files_changed, files_unchanged;
    uint64_t stored_bytes, data_bytes, meta_bytes; /* added to the vault; with dry_run an
                                                      estimate: plain bytes of new chunks */
    uint64_t disk_read, disk_kept, disk_empty; /* of disks: bytes read, taken from the last snapshot
                                                  without a look, skipped as zeros */
    uint64_t problems;
    int64_t duration_ns;
};
/* 0 even if there were problems: see result->problems. */
MUST_CHECK int work_backup(struct access *a, const struct work_dirs *dirs,
                           const struct backup_options *o, struct backup_result *out,
                           struct err *e);

/* ---- snapshots, trees --------------------------------------------------------------- */

/* "latest", a date, or at least the first digit of an id. *index_out counts in
 * `l`. ERR_NOT_FOUND, ERR_AMBIGUOUS. */
MUST_CHECK int work_find_snapshot(const struct snapshot_list *l, const char *spec,
                                  size_t *index_out, struct err *e);
/* Opens the sealed root; free with mem_free. */
MUST_CHECK int work_open_root(struct access *a, const struct snapshot *s, struct root **out,
                              struct err *e);
/* Calls `each` for every entry at or below `path` ("" is everything). */
typedef int work_each_entry(void *arg, const struct entry *en, struct err *e);
MUST_CHECK int work_walk_tree(struct access *a, const struct tree_ref *tree, const char *path,
                              work_each_entry *each, void *arg, struct err *e);

/* A copy of the entry at `path`, freed by mem_free. ERR_NOT_FOUND. */
MUST_CHECK int work_find_entry(struct access *a, const struct tree_ref *tree, const char *path,
                               struct entry **out, struct err *e);
/* 1 if two files hold the same bytes, 0 if not, -1. Reads chunks where names do
 * not tell, up to the first difference. */
MUST_CHECK int work_same_content(struct access *a, const struct entry *x, const struct entry *y,
                                 const struct progress *p, struct err *e);

/* Gives the content of the file at `path` to `take`, in order and verified.
 * ERR_NOT_FOUND; ERR_USAGE if it is no file. What came before damage has been given. */
typedef int work_bytes(void *arg, const void *p, size_t len, struct err *e);
MUST_CHECK int work_cat(struct access *a, const struct tree_ref *tree, const char *path,
                        work_bytes *take, void *arg, const struct progress *progress,
                        struct err *e);

/* ---- diff ------------------------------------------------------------------------------- */

struct diff_part {
    const struct root *root;
    const char *path; /* within the snapshot; "" for everything */
};
struct diff_options {
    /* One of the two is NULL if only the other snapshot has the path; else
     * `differs` is a sum of ENTRY_DIFFERS_… In order of path below the parts. */
    int (*each)(void *arg, const struct entry *before, const struct entry *after,
                unsigned differs, struct err *e);
    void *arg;
    struct progress *progress; /* may be NULL; only looked at */
};
struct diff_count {
    uint64_t files, dirs, others, bytes;
};
struct diff_result {
    struct diff_count added, removed;
    struct diff_count changed_before, changed_after; /* in type or content */
    uint64_t metadata;                               /* changed in nothing else */
    uint64_t nodes_read; /* of both trees: shared ones are not read */
};
/* ERR_NOT_FOUND if a path is in neither. Content counts as changed only if its
 * bytes are others. */
MUST_CHECK int work_diff(struct access *a, const struct diff_part *before,
                         const struct diff_part *after, const struct diff_options *o,
                         struct diff_result *out, struct err *e);

/* ---- find --------------------------------------------------------------------------------- */

struct find_range { /* positions in the list of snapshots, both included */
    uint32_t first, last;
};
/* A path in one state: the same type, content, metadata. */
struct find_match {
    const struct entry *entry;
    const struct find_range *ranges;
    size_t range_count; /* at least 1 */
};
struct find_options {
    const struct select *patterns; /* of whole paths, or of names: see select_names */
    enum entry_type type;          /* ENTRY_UNSET: all */
    uint64_t size_min, size_max;   /* of files; 0 and UINT64_MAX: all types, all sizes */
    int64_t newer_than_ns, older_than_ns; /* mtime: above, at most; INT64_MIN and MAX: all */
    /* In order of path, then of the first snapshot. */
    int (*each)(void *arg, const struct find_match *m, struct err *e);
    work_problem *problem; /* a snapshot that cannot be read whole; the others are */
    void *arg;
    struct progress *progress; /* may be NULL; only looked at */
};
struct find_result {
    uint64_t matches, problems;
    uint64_t nodes_read, nodes_known; /* trees share nodes: each is read once */
};
/* Ranges join snapshots that follow each other in the list and are of one group.
 * ERR_LIMIT if too much matches to be remembered. */
MUST_CHECK int work_find(struct access *a, const struct snapshot *const *snapshots, size_t count,
                         const struct find_options *o, struct find_result *out, struct err *e);

/* ---- restore --------------------------------------------------------------------------- */

struct restore_options {
    const char *path;   /* within the snapshot, without leading '/'; "" for everything */
    const char *target; /* directory */
    const struct select *include, *exclude; /* may be NULL */
    enum target_overwrite overwrite;
    bool dry_run, verify;
    /* First remove what the snapshot does not have, in directories that it has at or below
     * the paths that were backed up; only what include and exclude select. Never a
     * mount point, the vault, or `dirs`. */
    bool delete_others;
    /* Something was removed, or would be: its path below the target. May be NULL. */
    void (*deleted)(void *arg, const char *path, bool is_dir);
    unsigned threads;
    const struct work_dirs *dirs; /* for the note of an interrupted restore; may be NULL */
    work_problem *problem;
    void *arg;
    struct progress *progress;
};
struct restore_result {
    uint64_t files, dirs, others, links, bytes; /* written */
    uint64_t skipped;                           /* there already */
    uint64_t deleted;                           /* names removed */
    uint64_t verified;                          /* files read back and compared */
    uint64_t problems;
    bool resumed;
    int64_t duration_ns;
};
MUST_CHECK int work_restore(struct access *a, const struct snapshot *s,
                            const struct restore_options *o, struct restore_result *out,
                            struct err *e);

/* ---- restore of disks --------------------------------------------------------------------- */

struct restore_disk_options {
    const char *path;   /* of a file in the snapshot: "disks/vda" */
    const char *target; /* disk.h: a path or a URI of NBD */
    const char *format; /* NULL: by the target's name */
    /* REFUSE, REPLACE or KEEP a file that is there. A run that was cut off goes on whatever this says. */
    enum disk_existing existing;
    bool delta; /* read what is there, and write only what differs; goes with KEEP */
    const char *const *backing; /* disk_target_request */
    size_t backing_count;
    bool dry_run; /* the target is read at most */
    bool verify;  /* check the name of every chunk, then read all back */
    unsigned threads;
    uint64_t stretch; /* bytes after which all is made durable, and noted; 0: 1 GiB */
    const struct work_dirs *dirs; /* for the note; may be NULL */
    work_problem *problem;        /* a range that the vault cannot give: "bytes 4096 to 8192" */
    /* Something that the user should know. */
    void (*told)(void *arg, const char *target, const char *what);
    void *arg;
    struct progress *progress;
};
struct restore_disk_result {
    uint64_t size;        /* of the disk */
    uint64_t target_size; /* at least that; 0 in a dry run */
    char format[32];      /* of the target */
    /* Of this run; with `resumed_at` and `damaged` they add up to the size. */
    uint64_t written, left, zeros; /* bytes written; the same already; empty */
    uint64_t damaged;  /* bytes that the vault cannot give, also of an earlier run: zeros, or what was there with delta */
    uint64_t verified; /* bytes read back */
    bool resumed;
    uint64_t resumed_at; /* where it went on */
    int64_t duration_ns;
};
/* Writes one disk. 0 even if the vault could not give all: see result->damaged. What fails later than opening the
 * target says how much is safe; the same call goes on there. ERR_NOT_FOUND, ERR_BUSY (a restore to there is under way),
 * ERR_DAMAGED (what was read back differs), and what disk_target_open and disk_write say. */
MUST_CHECK int work_restore_disk(struct access *a, const struct snapshot *s,
                                 const struct restore_disk_options *o,
                                 struct restore_disk_result *out, struct err *e);

/* ---- check -------------------------------------------------------------------------------- */

struct check_options {
    bool read_data;
    double subset;      /* share of the packs to read, 0 < subset ≤ 1 */
    double subset_from; /* where it begins, 0 ≤ from < 1: with one seed, neighbouring
                           ranges share no pack, and all together are every pack */
    uint64_t seed;      /* which ones */
    vault_damage *damage; /* an object that is damaged */
    vault_damage *mended; /* an object that was mended, and how */
    vault_damage *skipped; /* of a newer format: a repair leaves it as it is */
    /* A file of a snapshot that damage touches. */
    void (*touched)(void *arg, const struct snapshot *s, const char *path);
    vault_damage *damaged_there; /* an object of the replica */
    void *arg;
    struct progress *progress;
};
struct check_result {
    struct vault_check_stats vault;
    uint64_t entries, touched;
    bool with_key; /* trees were read, names are known */
};
/* Mends what can be mended (vault_repair): before keys are read, for they may be
 * what is damaged. `replica`: where to take the rest; NULL: nowhere. Uses `mended`,
 * `skipped`, `damaged_there` and `progress`. */
MUST_CHECK int work_repair(struct access *a, struct access *replica, const struct check_options *o,
                           struct vault_repair_result *out, struct err *e);
/* With `a` opened as reader, also reads every tree and opens every seal.
 * 0 even if damage was found: see result->vault.damaged. */
MUST_CHECK int work_check(struct access *a, const struct check_options *o,
                          struct check_result *out, struct err *e);

#endif
