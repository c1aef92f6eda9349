/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view: files of snapshots, read at random. One cache of opened chunks serves all files of an opened
 * vault; whoever reads forward finds what comes next opened already.
 *
 * Bounds: the cache holds at most `bytes_max` of opened chunks, and one more for each thread that
 * reads at this moment; tables of where things lie take VIEW_TABLE_BYTES on top of that. Nothing grows with
 * the size of a file, nor with how many are open.
 *
 * Threads: any number may read through one view, or through several. Views are closed before their
 * cache is freed, the cache before its access is closed. Threads that read ahead are started by
 * view_cache_new: whoever forks does so before.
 */
#ifndef ABRI_VIEW_VIEW_H
#define ABRI_VIEW_VIEW_H

#include "work/work.h"

#define VIEW_CACHE_DEFAULT ((size_t)128 << 20)
#define VIEW_CACHE_MIN     ((size_t)1 << 20)
#define VIEW_TABLE_BYTES   ((size_t)16 << 20)
#define VIEW_NO_READ_AHEAD UINT32_MAX
#define VIEW_THREADS_MAX   32u

struct view_options {
    size_t bytes_max;  /* 0: VIEW_CACHE_DEFAULT; at least VIEW_CACHE_MIN */
    unsigned threads;  /* that read ahead; 0: as many as processors; VIEW_NO_READ_AHEAD: none */
};
struct view_cache;
/* `reader` is an access that was opened as a reader, its index read (vault_refresh). */
MUST_CHECK int view_cache_new(struct access *reader, const struct view_options *o,
                              struct view_cache **out, struct err *e);
void view_cache_free(struct view_cache *c); /* NULL is fine */

/* What happened since the cache was made. */
struct view_counts {
    uint64_t opened;  /* chunks, list nodes too: read, decrypted, decompressed */
    uint64_t found;   /* asked for and there, or opened by another meanwhile */
    uint64_t ahead;   /* of `opened`: by those who read ahead */
    size_t bytes;     /* that are held now */
    size_t table_bytes;
};
void view_cache_counts(struct view_cache *c, struct view_counts *out);

struct view;
/* `file` is copied. ERR_USAGE if it is no file. Reads nothing yet. */
MUST_CHECK int view_open(struct view_cache *c, const struct entry *file, struct view **out,
                         struct err *e);
void view_close(struct view *v); /* NULL is fine */
uint64_t view_size(const struct view *v);
/* Exactly `len` bytes at `off`; ERR_USAGE beyond the end. Every chunk is verified against its seal and
 * its name. ERR_DAMAGED is about these bytes alone: others may be read. */
MUST_CHECK int view_read(struct view *v, uint64_t off, void *p, size_t len, struct err *e);
/* The stretch that begins at `off`: whether it is a hole (zeros), and its length (0 < length ≤ `most`;
 * neighbours of one kind are joined as far as one list node shows them). Reads lists alone. */
MUST_CHECK int view_extent(struct view *v, uint64_t off, uint64_t most, bool *hole_out,
                           uint64_t *len_out, struct err *e);
/* A hint: this stretch will be read soon. More than a part of the cache is not taken. */
void view_expect(struct view *v, uint64_t off, uint64_t len);

#endif
