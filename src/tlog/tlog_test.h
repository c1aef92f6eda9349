/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tests need beyond tlog.h: every system call by which a log changes or syncs something,
 * through a table of functions, so that a test can record them, fail them, and cut the power. No
 * program includes this header.
 */
#ifndef ABRI_TLOG_TLOG_TEST_H
#define ABRI_TLOG_TLOG_TEST_H

#include "tlog/tlog.h"

#include <sys/types.h>

/* Each returns as the system call of its name: -1 and errno on failure. `path` is below the log's
 * directory, which is `dirfd`; of an open file it is the name that the file has now. */
struct tlog_ops {
    int (*create)(void *arg, int dirfd, const char *path); /* O_EXCL: the descriptor */
    ssize_t (*pwrite)(void *arg, int fd, const char *path, const void *p, size_t len, off_t off);
    int (*fdatasync)(void *arg, int fd, const char *path);
    int (*sync_dir)(void *arg, int fd, const char *path); /* "": the log's own */
    int (*rename)(void *arg, int dirfd, const char *from, const char *to);
    int (*unlink)(void *arg, int dirfd, const char *path);
    int (*mkdir)(void *arg, int dirfd, const char *path);
    int (*rmdir)(void *arg, int dirfd, const char *path);
};
/* The real calls. */
extern const struct tlog_ops tlog_system;

/* tlog_create and tlog_open with another table, which is borrowed until the log is closed. */
MUST_CHECK int tlog_create_with(const char *dir, const char *origin, const struct sign_key *key,
                                const struct tlog_ops *ops, void *arg, struct err *e);
MUST_CHECK int tlog_open_with(const char *dir, const char *origin, const struct sign_key *key,
                              const struct tlog_ops *ops, void *arg, struct tlog **out,
                              struct err *e);
MUST_CHECK int tlog_open_reader_with(const char *dir, const struct note_key *log,
                                     const struct tlog_ops *ops, void *arg, struct tlog **out,
                                     struct err *e);

#endif
