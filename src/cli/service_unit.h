/* SPDX-License-Identifier: Apache-2.0 */
/* The systemd units that run a profile. Makes texts; writes nothing. */
#ifndef ABRI_CLI_SERVICE_UNIT_H
#define ABRI_CLI_SERVICE_UNIT_H

#include "base/bytes.h"

#include <stdbool.h>

#define SERVICE_MARK "# Written by `abri service install`"

struct service_plan {
    const char *program, *profile, *profile_path, *vault, *config_dir, *cache_dir; /* absolute */
    const char *passphrase_file; /* NULL: check does without */
    const char *schedule, *maintenance, *delay; /* as systemd.time(7) has them */
    bool user;      /* units of one user: no confinement that needs root */
    bool has_hooks; /* commands of the profile run in the backup's unit */
    bool has_rules; /* of forget */
    bool vault_is_foreign; /* the vault's files belong to somebody else */
    bool vault_is_far;     /* an address, not a path: the network is needed */
};

enum service_unit {
    SERVICE_UNSET = 0,
    SERVICE_BACKUP,
    SERVICE_BACKUP_TIMER,
    SERVICE_MAINTENANCE,
    SERVICE_MAINTENANCE_TIMER,
    SERVICE_END
};

#define SERVICE_NAME_BYTES 128
/* "abri-backup-default.service" */
void service_unit_name(enum service_unit unit, const char *profile, char out[SERVICE_NAME_BYTES]);
/* Appends the text of the unit. ERR_USAGE if something cannot stand in one. */
MUST_CHECK int service_unit_text(enum service_unit unit, const struct service_plan *p,
                                 struct buf *out, struct err *e);

#endif
