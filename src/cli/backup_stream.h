/* SPDX-License-Identifier: Apache-2.0 */
/* backup --stdin and --command: what is read instead of paths. */
#ifndef ABRI_CLI_BACKUP_STREAM_H
#define ABRI_CLI_BACKUP_STREAM_H

#include "cli/cli.h"

struct source_command;

struct backup_input {
    char *path; /* owned: of the file in the snapshot */
    struct source_command *command; /* NULL: standard input */
    struct backup_stream stream;
};

/* Starts the command, if `is_command`: the words are its name and arguments. Without it
 * there must be none. `name` may be NULL. ERR_USAGE. */
MUST_CHECK int backup_input_open(struct backup_input *in, bool is_command, const char *name,
                                 const struct words *w, struct err *e);
void backup_input_done(struct backup_input *in);

#endif
