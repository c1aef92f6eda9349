/* SPDX-License-Identifier: Apache-2.0 */
/* The log between store_record.c, which writes it, and store_replay.c, which
 * reads it. */
#ifndef ABRI_TESTS_SUPPORT_STORE_RECORD_LOG_H
#define ABRI_TESTS_SUPPORT_STORE_RECORD_LOG_H

#include "store_record.h"

#include <pthread.h>

enum logged_kind {
    LOGGED_CREATE = 1,
    LOGGED_PWRITE,
    LOGGED_FDATASYNC,
    LOGGED_SYNC_DIR,
    LOGGED_RENAME,
    LOGGED_REPLACE, /* a rename over what has the name */
    LOGGED_LINK,
    LOGGED_UNLINK,
    LOGGED_MKDIR,
    LOGGED_KINDS
};

struct logged {
    enum logged_kind kind;
    char *path;
    char *to; /* of rename, replace and link */
    uint64_t off;
    size_t len;
    uint8_t *data;
};

struct store_record {
    pthread_mutex_t lock;
    struct logged *ops;
    size_t count, cap;
    size_t before; /* the first ones stand for what was there already */
};

#endif
