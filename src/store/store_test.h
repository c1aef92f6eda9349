/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tests need beyond store.h: the system calls of a directory through a
 * table of functions, power cuts for memory, and a layer of faults over any
 * store. No program includes this header.
 */
#ifndef ABRI_STORE_STORE_TEST_H
#define ABRI_STORE_STORE_TEST_H

#include "store/store.h"

#include <sys/types.h>

/* ---- the system calls of a directory ---------------------------------------- */

/* A file or directory: `name` within the opened `dirfd`, and its whole path
 * below the top for those who record ("tmp/…"; the top itself is ""). */
struct store_dir_at {
    int dirfd;
    const char *name;
    const char *path;
};

/* Every call of a directory store that changes or syncs something. Each
 * returns as the system call of its name: -1 and errno on failure. `path` of an
 * open file is where it was created. */
struct store_dir_ops {
    int (*create)(void *arg, const struct store_dir_at *at); /* O_EXCL, 0600: the descriptor */
    ssize_t (*pwrite)(void *arg, int fd, const char *path, const void *p, size_t len, off_t off);
    int (*fdatasync)(void *arg, int fd, const char *path);
    int (*sync_dir)(void *arg, int fd, const char *path); /* ".." is the parent of the top */
    /* renameat2 with RENAME_NOREPLACE; EINVAL where it is not supported. */
    int (*rename_new)(void *arg, const struct store_dir_at *from, const struct store_dir_at *to);
    int (*rename)(void *arg, const struct store_dir_at *from, const struct store_dir_at *to);
    int (*link)(void *arg, const struct store_dir_at *from, const struct store_dir_at *to);
    int (*unlink)(void *arg, const struct store_dir_at *at);
    int (*mkdir)(void *arg, const struct store_dir_at *at); /* mode 0700 */
    bool no_openat2; /* go down component by component, as on kernels before 5.6 */
};

/* The real calls, for a table that passes some of them on. */
extern const struct store_dir_ops store_dir_system;

/* store_dir_open with another table. `ops` and `arg` are borrowed until the
 * store is closed, and are used from all threads that use the store. */
MUST_CHECK int store_dir_open_with(const char *path, bool create, const struct store_dir_ops *ops,
                                   void *arg, struct store **out, struct err *e);

/* ---- power cuts in memory ------------------------------------------------------ */

enum store_cut {
    STORE_CUT_LOST = 1, /* every name that was not synced is as it was at the last sync */
    STORE_CUT_KEPT,     /* all had reached the disk: nothing is lost but temporaries */
    STORE_CUT_MIXED,    /* for each unsynced name and directory a seeded coin decides */
    STORE_CUT_LIED,     /* as mixed, and the disk had not written what it said was synced in
                         * objects whose name was not: they come back cut short or zeroed.
                         * Outside the promises of store.h; only damage must be noticed. */
};

/* A new memory store with what survives a power cut of `s` (which must be a
 * memory store, and stays open and unchanged). Temporaries never survive. */
MUST_CHECK int store_mem_power_cut(struct store *s, uint64_t seed, enum store_cut cut,
                                   struct store **out, struct err *e);

/* ---- faults ---------------------------------------------------------------------- */

enum store_op {
    STORE_OP_CREATE = 1,
    STORE_OP_WRITE,
    STORE_OP_COMMIT,
    STORE_OP_SYNC,
    STORE_OP_OPEN,
    STORE_OP_READ,
    STORE_OP_LIST,
    STORE_OP_REMOVE,
    STORE_OP_COUNT
};

struct store_counts {
    uint64_t ops[STORE_OP_COUNT]; /* indexed by enum store_op; [0] is the sum */
    uint64_t written_bytes, read_bytes;
};

/* All counts begin with 1 at the next operation; 0 means never. */
struct store_fault_plan {
    unsigned only;     /* bits 1 << enum store_op: which operations fail_at counts; 0: all */
    uint64_t fail_at;  /* this operation fails, the ones after it succeed again */
    int fail_errno;    /* with this errno: ENOSPC, EIO (0 means EIO) */
    bool fail_late;    /* it is carried out, and then reported as failed */
    uint64_t crash_at; /* this operation (of all) and every one after it fails: the process
                        * is as good as dead. Then cut the power below. */
    uint64_t short_at; /* this read (of reads) finds the object cut short */
    bool no_map;       /* no mappings, so that every byte is read by store_read */
};

/* A layer over `below`, which it borrows: close the layer, then `below`. */
MUST_CHECK int store_fault_open(struct store *below, struct store **out, struct err *e);
/* Takes a new plan and starts all counts at zero; NULL: no faults. */
void store_fault_plan(struct store *s, const struct store_fault_plan *plan);
struct store_counts store_fault_counts(struct store *s);
/* True once crash_at was reached. */
bool store_fault_crashed(struct store *s);

#endif
