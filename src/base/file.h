/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files: whole transfers that survive short reads, EINTR and odd lengths.
 * Nothing here follows a final symbolic link unless it says so.
 */
#ifndef ABRI_BASE_FILE_H
#define ABRI_BASE_FILE_H

#include "base/bytes.h"
#include "base/err.h"

#include <sys/types.h>

/* Closes and sets to -1; for the attribute: CLEANUP(file_close) int fd = -1; */
void file_close(int *fd);

/* Reads until `len` bytes, end of file or an error: the bytes read, or -1 with
 * errno set. */
ssize_t file_pread(int fd, void *p, size_t len, off_t off);
ssize_t file_read(int fd, void *p, size_t len);

/* Writes all of it: 0, or -1 with errno set (a write of 0 bytes is ENOSPC). */
int file_pwrite(int fd, const void *p, size_t len, off_t off);
int file_write(int fd, const void *p, size_t len);

/* Appends the whole file to `out`. ERR_LIMIT if it is longer than `max`. */
MUST_CHECK int file_slurp(int dirfd, const char *path, size_t max, struct buf *out, struct err *e);

/* Replaces or creates `path` with mode `mode`: temporary beside it, fdatasync,
 * rename, fsync of the directory. Either the old or the new content survives
 * a power cut. */
MUST_CHECK int file_replace(const char *path, const void *p, size_t len, mode_t mode,
                            struct err *e);

/* mkdir -p with mode `mode` for the directories that it makes. */
MUST_CHECK int file_make_dirs(const char *path, mode_t mode, struct err *e);

/* The next stretch of data at or behind `off`: *data_out and *end_out (holes
 * lie outside). Where the file system cannot tell, the whole file is data.
 * 1 if found, 0 if only a hole is left before `size`. */
int file_next_data(int fd, uint64_t off, uint64_t size, uint64_t *data_out, uint64_t *end_out);

#endif
