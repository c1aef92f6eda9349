/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration file: the language of profiles (docs/profiles.md), with the keys of settings.c. */
#ifndef ABRI_DAEMON_CONFIG_H
#define ABRI_DAEMON_CONFIG_H

#include "daemon/settings.h"

#define CONFIG_BYTES_MAX ((size_t)256 << 10)

/* Hears everything that is wrong, in the order of the text: "'FILE': line 3, column 7: …". */
typedef void config_complain(void *arg, const char *text);

/* Adds what the text says to `out`. ERR_USAGE, with how many complaints there were; `out` then holds what could be read. */
MUST_CHECK int daemon_config_parse(const char *path, const char *text, size_t len, struct settings *out,
                            config_complain *complain, void *arg, struct err *e);
/* Reads the file, which nobody but root and ourselves may be able to write. ERR_NOT_FOUND. */
MUST_CHECK int daemon_config_read(const char *path, struct settings *out, config_complain *complain, void *arg,
                           struct err *e);

#endif
