/* SPDX-License-Identifier: Apache-2.0 */
/* abri doctor: what its checks share. */
#ifndef ABRI_CLI_DOCTOR_H
#define ABRI_CLI_DOCTOR_H

#include "cli/cli.h"

enum doctor_level { DOCTOR_OK = 1, DOCTOR_WARN, DOCTOR_BAD };

struct doctor {
    struct cli *cli;
    const char *location;  /* NULL: no vault is named */
    struct access access;  /* vault NULL: it could not be opened */
    bool is_writer;        /* access has the writer's key */
    uint64_t warnings, bad;
};

/* One line. `advice` may be NULL: what to do about it. */
void doctor_tell(struct doctor *d, enum doctor_level level, const char *check, const char *advice,
                 const char *fmt, ...) PRINTF_LIKE(5, 6);

/* doctor_vault.c: in this order */
void doctor_open_vault(struct doctor *d);
void doctor_vault_place(struct doctor *d); /* writable, space, kind of file system */
void doctor_snapshots(struct doctor *d);
/* doctor_machine.c */
void doctor_writer_key(struct doctor *d);
void doctor_secrets(struct doctor *d); /* who can read keys and passphrases */
void doctor_cache(struct doctor *d);
void doctor_clock(struct doctor *d);
void doctor_memory(struct doctor *d);

#endif
