/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who can open a vault, and who may add to it: recovery keys and what wraps
 * them, recipients, writers. The objects are specified in docs/format/keys.md;
 * what happens when recipients change is argued in
 * docs/decisions/0012-changing-keys.md.
 *
 * Every change is made of steps that each leave the vault open to the keys of
 * before, of after, or both. Whoever is cut short runs the command again, or
 * work_reseal. Nothing here rewrites data.
 */
#ifndef ABRI_WORK_KEYS_H
#define ABRI_WORK_KEYS_H

#include "work/work.h"

#define KEY_NAME_BYTES 33

/* ---- recovery keys ---------------------------------------------------------- */

struct key_entry {
    char name[KEY_NAME_BYTES]; /* in keys/; "": a recipient whose secret lives elsewhere */
    struct key_info info;      /* of the latter only public_key */
    bool current;              /* sessions are sealed for it */
    bool opened;               /* the passphrase that was given opens it */
    char problem[ERR_MESSAGE_BYTES]; /* not empty: damaged; info and current say nothing */
};
struct key_listing {
    struct key_entry *items;
    size_t count;
    uint64_t generation;
};
void key_listing_done(struct key_listing *l);
/* Needs no key; with a `passphrase` tries it on each (and costs that). */
MUST_CHECK int work_key_list(struct access *a, const char *passphrase, struct key_listing *out,
                             struct err *e);
/* The entry that `spec` begins: of a name or, for recipients, of the public key
 * as digits or as text. ERR_NOT_FOUND, ERR_AMBIGUOUS. */
MUST_CHECK int key_listing_find(const struct key_listing *l, const char *spec,
                                const struct key_entry **out, struct err *e);

struct new_passphrase {
    const char *text;
    const char *label;    /* NULL: the host's name */
    struct kdf_cost cost; /* zeros: as the key that was opened, or the default */
};
/* All of the following need an access opened as owner. */
MUST_CHECK int work_key_add(struct access *a, const struct new_passphrase *p,
                            char name_out[KEY_NAME_BYTES], struct err *e);
/* The same in place of the one that the access was opened with. */
MUST_CHECK int work_key_passwd(struct access *a, const struct new_passphrase *p,
                               char name_out[KEY_NAME_BYTES], struct err *e);

struct reseal_result {
    uint64_t sessions;  /* that the vault has */
    uint64_t resealed;  /* by this run */
    uint64_t failed;    /* stay as they are: see `problem` of the call */
    uint64_t removed;   /* objects that nothing needs any more */
};
/* Seals what is not yet sealed for every recipient of today, and removes what
 * only keys of before could open. Any number of times. */
MUST_CHECK int work_reseal(struct access *a, work_problem *problem, void *arg,
                           struct reseal_result *out, struct err *e);

/* Takes a wrapped key away; and if nothing else wraps it, or `entry` is a mere
 * recipient, takes it off the recipients. ERR_USAGE for the last one that a
 * passphrase opens. */
MUST_CHECK int work_key_remove(struct access *a, const struct key_entry *entry,
                               work_problem *problem, void *arg, bool *recipient_out,
                               struct reseal_result *out, struct err *e);
/* ERR_EXISTS if it is one. */
MUST_CHECK int work_key_add_recipient(struct access *a, const uint8_t public_key[32],
                                      work_problem *problem, void *arg, struct reseal_result *out,
                                      struct err *e);
/* A new recovery key in the place of the one that the access was opened with,
 * wrapped by `p`. Other passphrases of the old one open nothing any more:
 * their labels are counted in *dropped_out. The access is the new key's. */
MUST_CHECK int work_key_rotate(struct access *a, const struct new_passphrase *p,
                               work_problem *problem, void *arg, char name_out[KEY_NAME_BYTES],
                               uint64_t *dropped_out, struct reseal_result *out, struct err *e);

/* Puts shares together and finds out whether it is a key of this vault. Where
 * there are more shares than needed, finds those that fit: *bad_out is the
 * first that does not, counted from 0, or SIZE_MAX. ERR_USAGE, ERR_NO_KEY. */
MUST_CHECK int work_key_combine(struct access *a, const struct key_share *shares, size_t count,
                                struct recovery_key *out, size_t *bad_out, struct err *e);

/* ---- writers ------------------------------------------------------------------- */

struct writer_entry {
    struct writer_info info;
    bool here;          /* this machine's key is its */
    uint64_t snapshots; /* accepted ones that are still there */
    int64_t latest_ns;  /* received; 0: none */
    char problem[ERR_MESSAGE_BYTES]; /* not empty: its certificate is damaged */
};
struct writer_listing {
    struct writer_entry *items;
    size_t count;
};
void writer_listing_done(struct writer_listing *l);
/* Needs no key. */
MUST_CHECK int work_writer_list(struct access *a, const struct work_dirs *dirs,
                                struct writer_listing *out, vault_damage *damaged, void *arg,
                                struct err *e);
MUST_CHECK int writer_listing_find(const struct writer_listing *l, const char *spec,
                                   const struct writer_entry **out, struct err *e);

struct writer_add_options {
    const char *machine;        /* NULL: the host's name */
    const uint8_t *predecessor; /* NULL: none */
    const char *file;           /* NULL: this machine's own place */
    bool replace;               /* though this machine has a key for the vault */
};
/* Owner. ERR_EXISTS if this machine, or the file, has a key. */
MUST_CHECK int work_writer_add(struct access *a, const struct work_dirs *dirs,
                               const struct writer_add_options *o, uint8_t id_out[UID_BYTES],
                               struct err *e);
/* Makes a key from a file this machine's own. Needs no key of the vault. */
MUST_CHECK int work_writer_import(struct access *a, const struct work_dirs *dirs, const char *file,
                                  bool replace, uint8_t id_out[UID_BYTES], struct err *e);
/* Owner. Accepts what the keeper has received until now. ERR_EXISTS if it is
 * revoked. */
MUST_CHECK int work_writer_revoke(struct access *a, const uint8_t writer[UID_BYTES],
                                  uint64_t *last_out, struct err *e);

/* ---- keys in files ------------------------------------------------------------------ */

/* The whole text of a small file; follows links and reads pipes. To be wiped. */
#define SECRET_FILE_MAX ((size_t)64 << 10)
MUST_CHECK int secret_file_read(const char *file, struct buf *out, struct err *e);
void secret_buf_done(struct buf *b); /* wipes and frees */
/* A file with one key sheet, of this vault or of none. */
MUST_CHECK int key_file_read(const char *file, const uint8_t vault_id[UID_BYTES],
                             struct recovery_key *out, struct err *e);

#endif
