/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of `abri key` and `abri writer` share. */
#ifndef ABRI_CLI_KEY_COMMANDS_H
#define ABRI_CLI_KEY_COMMANDS_H

#include "cli/json_out.h"
#include "cli/key_text.h"
#include "work/keys.h"

/* Options of whoever sets a passphrase. */
struct new_passphrase_args {
    const char *file, *label;
    uint64_t kdf_memory_mib, kdf_passes;
};
#define NEW_PASSPHRASE_OPTIONS(type, field)                                                        \
    {.name = "new-passphrase-file", .kind = OPTION_TEXT, .arg = "FILE",                            \
     .offset = offsetof(struct type, field.file),                                                  \
     .help = "read the new passphrase from this file (or set ABRI_NEW_PASSPHRASE)"},               \
    {.name = "label", .kind = OPTION_TEXT, .arg = "TEXT",                                          \
     .offset = offsetof(struct type, field.label),                                                 \
     .help = "what `key list` shall call it, in clear (default: this host's name)"},               \
    {.name = "kdf-memory", .kind = OPTION_NUMBER, .arg = "MIB", .min = 1, .max = 4096,             \
     .offset = offsetof(struct type, field.kdf_memory_mib),                                        \
     .help = "memory that each guess at the passphrase must cost (default: as the key in use)"},   \
    {.name = "kdf-passes", .kind = OPTION_NUMBER, .arg = "N", .min = 1, .max = 64,                 \
     .offset = offsetof(struct type, field.kdf_passes),                                            \
     .help = "passes over that memory (default: as the key in use)"}

/* Everything but the text. ERR_USAGE for labels that cannot be. */
MUST_CHECK int new_passphrase_of(const struct new_passphrase_args *a, struct new_passphrase *out,
                                 struct err *e);
MUST_CHECK int check_plain_name(const char *option, const char *text, size_t max, struct err *e);

/* What `work` reports of one session; arg is the cli. */
void report_session_problem(void *cli, const char *session, const struct err *e);
/* The `keys_changed` object, or nothing. */
void json_keys_changed(struct cli *c, const char *action, const char *id,
                       const struct reseal_result *r);
void say_resealed(struct cli *c, const struct reseal_result *r);
/* ERR_INCOMPLETE if sessions failed. */
MUST_CHECK int check_resealed(const struct reseal_result *r, struct err *e);

#endif
