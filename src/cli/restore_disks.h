/* SPDX-License-Identifier: Apache-2.0 */
/* restore --to: disks instead of files. */
#ifndef ABRI_CLI_RESTORE_DISKS_H
#define ABRI_CLI_RESTORE_DISKS_H

#include "cli/cli.h"

struct disk_restore_words {
    const char *to, *format; /* format: NULL if none was said */
    const struct option_list *backing;
    bool replace, delta, verify, dry_run, allow_damage;
    unsigned threads;
    uint64_t sync_every; /* 0: the default */
};

/* `spec`: SNAP[:DISK]. */
MUST_CHECK int restore_disks(struct cli *c, const char *spec, const struct disk_restore_words *w,
                             struct err *e);

#endif
