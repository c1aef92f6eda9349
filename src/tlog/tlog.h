/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tlog: a transparency log in a directory. Entries are only ever appended; a checkpoint signs how
 * many there are and the root of the Merkle tree over them (sign/merkle.h, sign/note.h), so that
 * whoever kept an older checkpoint notices when entries were taken away, changed, or told apart to
 * others. Layout and hashing as C2SP tlog-tiles has them (height 8): whoever can read a directory
 * can audit the log with others' tools. docs/format/log.md says what is there.
 *
 * Threads: everything may be called from several threads at once. Appends that come
 * together share one sync. One process at a time has a log open for writing.
 */
#ifndef ABRI_TLOG_TLOG_H
#define ABRI_TLOG_TLOG_H

#include "base/bytes.h"
#include "base/err.h"
#include "sign/note.h"

#define TLOG_ENTRY_MAX ((size_t)65535) /* C2SP: 16 bits of length */

struct tlog;

/* Makes the directory and an empty log in it. ERR_EXISTS if one is there. */
MUST_CHECK int tlog_create(const char *dir, const char *origin, const struct sign_key *key,
                           struct err *e);
/* Opens it: finishes or drops what a crash left (an entry whose append had returned is never
 * dropped), and recomputes the right edge. ERR_DAMAGED if what is there does not hash to the
 * checkpoint; ERR_BUSY if another process has it; ERR_NEWER. `key` is copied. */
MUST_CHECK int tlog_open(const char *dir, const char *origin, const struct sign_key *key,
                         struct tlog **out, struct err *e);
/* To look only: no key, no lock, nothing is written; sees what was durable then. */
MUST_CHECK int tlog_open_reader(const char *dir, const struct note_key *log, struct tlog **out,
                                struct err *e);
void tlog_close(struct tlog *t); /* NULL is fine */

/* Appends. When it returns 0 the entry, its hashes and a checkpoint over it are durable. */
MUST_CHECK int tlog_append(struct tlog *t, const void *entry, size_t len, uint64_t *index_out,
                           struct err *e);
uint64_t tlog_size(struct tlog *t);
/* The newest checkpoint, with the cosignatures that were added to exactly it. */
MUST_CHECK int tlog_checkpoint(struct tlog *t, struct buf *out, struct err *e);
/* The newest checkpoint that has a cosignature, if there is one (ERR_NOT_FOUND): durable, kept. */
MUST_CHECK int tlog_cosigned(struct tlog *t, struct buf *out, struct err *e);
/* Adds a witness's line (checkpoint_cosign) to the checkpoint `note` that it is about, which must
 * be one of ours; the caller knows the witness. A newer cosigned one takes the place of an older;
 * of one size at most NOTE_SIGNATURES_MAX lines. */
MUST_CHECK int tlog_add_cosignature(struct tlog *t, const struct checkpoint *about,
                                    const struct note_key *witness, const void *line, size_t len,
                                    struct err *e);

/* Appends entry number `index`. ERR_NOT_FOUND beyond the end; ERR_DAMAGED if it does not hash to
 * its leaf. */
MUST_CHECK int tlog_entry(struct tlog *t, uint64_t index, struct buf *out, struct err *e);
/* Entries `from` … `to` − 1 in order; each is verified against its leaf. Nonzero from `each` ends
 * it and is returned. */
typedef int tlog_each(void *arg, uint64_t index, const uint8_t *entry, size_t len, struct err *e);
MUST_CHECK int tlog_scan(struct tlog *t, uint64_t from, uint64_t to, tlog_each *each, void *arg,
                         struct err *e);

/* Root of the first `size` entries; ERR_NOT_FOUND beyond the end. */
MUST_CHECK int tlog_root(struct tlog *t, uint64_t size, uint8_t out[MERKLE_BYTES], struct err *e);
/* Proofs for merkle_verify_…: `*count_out` hashes. */
MUST_CHECK int tlog_prove_inclusion(struct tlog *t, uint64_t index, uint64_t size,
                                    uint8_t proof[MERKLE_PROOF_MAX][MERKLE_BYTES],
                                    size_t *count_out, struct err *e);
MUST_CHECK int tlog_prove_consistency(struct tlog *t, uint64_t from, uint64_t to,
                                      uint8_t proof[MERKLE_PROOF_MAX][MERKLE_BYTES],
                                      size_t *count_out, struct err *e);
/* A file of the C2SP layout by its path below the log ("checkpoint", "tile/0/x001/067",
 * "tile/entries/000.p/5"), for those who audit over HTTP. ERR_USAGE if it is no such path;
 * ERR_NOT_FOUND. */
MUST_CHECK int tlog_file(struct tlog *t, const char *path, struct buf *out, struct err *e);
/* Every entry against its leaf, every tile, the checkpoint. `damaged` hears each fault; counts
 * them. */
MUST_CHECK int tlog_verify(struct tlog *t, void (*damaged)(void *arg, const char *what), void *arg,
                           uint64_t *faults_out, struct err *e);

#endif
