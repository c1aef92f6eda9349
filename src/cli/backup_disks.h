/* SPDX-License-Identifier: Apache-2.0 */
/* backup --disk and --domain: disks of a machine, instead of paths. */
#ifndef ABRI_CLI_BACKUP_DISKS_H
#define ABRI_CLI_BACKUP_DISKS_H

#include "cli/cli.h"
#include "machine/machine.h"

struct disk_words {
    const struct option_list *disks;        /* [NAME=]SOURCE */
    const struct option_list *formats;      /* [NAME=]FORMAT */
    const struct option_list *backing;      /* DIR */
    const struct option_list *descriptions; /* FILE */
    const char *bitmap, *next_bitmap;       /* may be NULL */
    const char *host; /* whose disks they are; NULL: this one's, or the domain's */
    const char *domain, *connection, *socket_dir, *scratch_dir; /* may be NULL */
    bool no_quiesce;
};

/* The opened disks, and what the words said. */
struct disk_input {
    struct backup_disks options;
    struct backup_disk *disks;        /* names and sources owned */
    struct backup_description *files; /* names owned */
    struct buf *texts;                /* of the descriptions */
    bool is_domain;
    struct domain domain;
    char map[BACKUP_MAP_MAX + 1];
};

/* Opens every disk; a domain's backup has begun then. ERR_USAGE. */
MUST_CHECK int disk_input_open(struct disk_input *in, struct cli *c, struct access *a,
                               const struct disk_words *w, struct err *e);
/* Closes the disks, ends the domain's backup. */
void disk_input_end(struct disk_input *in, bool saved);
void disk_input_done(struct disk_input *in);

#endif
