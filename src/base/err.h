/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors: one caller-owned record, filled once where the failure is seen and
 * prefixed on the way out, so that the message reads from the user's object
 * to the cause: "restore 'etc/passwd': pack 3f2a…: footer hash mismatch".
 *
 * Every fallible function returns 0 or -1 and takes a `struct err *` last;
 * on -1 the record is filled and the other outputs are untouched, unless the
 * header of the function says otherwise. Callers branch on the class alone.
 */
#ifndef ABRI_BASE_ERR_H
#define ABRI_BASE_ERR_H

#include <stdarg.h>
#include <stddef.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/* The class decides the exit status (err_exit_status), nothing else does. */
enum err_class {
    ERR_UNSET = 0,
    ERR_USAGE,      /* the command line or a configuration is wrong */
    ERR_NOT_FOUND,  /* a named thing (path, snapshot, object) is not there */
    ERR_EXISTS,     /* a thing that must be new is already there */
    ERR_AMBIGUOUS,  /* a prefix that names several things */
    ERR_NO_VAULT,   /* no vault at the location */
    ERR_BUSY,       /* another process holds what we need */
    ERR_PASSPHRASE, /* the passphrase opens no recovery key */
    ERR_NO_KEY,     /* this machine has no writer key, or it is not trusted */
    ERR_DAMAGED,    /* bytes do not verify: bit rot, truncation, forgery */
    ERR_NEWER,      /* written by a newer format than this program reads */
    ERR_NO_SPACE,   /* ENOSPC, EDQUOT */
    ERR_READ_ONLY,  /* EROFS, EACCES, EPERM */
    ERR_IO,         /* any other failure of the operating system */
    ERR_NO_MEMORY,  /* an allocation failed or a bound was reached */
    ERR_LIMIT,      /* input exceeds a documented limit */
    ERR_INCOMPLETE, /* done, except for the items that were reported */
    ERR_REFUSED,    /* the other side does not allow it */
    ERR_OFFLINE,    /* the other side cannot be reached */
    ERR_CANCELLED,  /* interrupted by the user */
    ERR_CLASS_COUNT
};

#define ERR_MESSAGE_BYTES 768

struct err {
    enum err_class cls;
    int os_errno; /* 0 if the operating system was not involved */
    char msg[ERR_MESSAGE_BYTES];
};

#define ERR_INIT ((struct err){0})

/* Fills `e` (which may be NULL) and returns -1, so that a failing function
 * can end with `return err_set(...)`. Too long messages are cut. */
int err_set(struct err *e, enum err_class cls, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The same for a failed system call: appends strerror(os_errno) and derives
 * the class from it (ENOENT → NOT_FOUND, ENOSPC → NO_SPACE, …). */
int err_sys(struct err *e, int os_errno, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Allocation failure; `what` says for what. */
int err_no_memory(struct err *e, const char *what);

/* Prefixes "<context>: " to the message and returns -1. */
int err_wrap(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Hands on an error that was caught apart; returns -1. */
int err_give(struct err *e, const struct err *caught);

/* Changes the class, keeps the message; returns -1. */
int err_reclass(struct err *e, enum err_class cls);

/* Exit status of a program that ends with this class. */
int err_exit_status(enum err_class cls);

/* Stable lower-case name for machine-readable output: "not_found". */
const char *err_class_name(enum err_class cls);

#endif
