/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings: what the machine's profile says, brought together with the tables of
 * options. A key is called like the option whose value it gives; a table like the
 * command whose options it holds.
 */
#ifndef ABRI_CLI_SETTINGS_H
#define ABRI_CLI_SETTINGS_H

#include "cli/cli.h"

#define SETTINGS_DEFAULT "default"

/* Reads the profile that is named, or "default" if there is one; checks every
 * key of it; lets it set what neither the command line nor (unless the profile
 * was named) the environment says. Needs c->dirs.config. ERR_USAGE. */
MUST_CHECK int settings_load(struct cli *c, struct err *e);
void settings_done(struct cli *c);

/* The name of the profile that is meant. */
const char *settings_name(const struct cli *c);
/* NULL if the profile does not say. */
const struct profile_key *settings_find(const struct cli *c, const char *table, const char *name);
/* The profile has a table for the command. */
bool settings_concern(const struct cli *c, const struct command *cmd);
/* Stores what the table says into `args`, of the command's type and still zeroed,
 * as far as it counts beside what the command line says: `given` and `w`. */
MUST_CHECK int settings_apply(struct cli *c, const struct command *cmd, const void *given,
                              const struct words *w, void *args, struct err *e);
/* Likewise the command's words; `words` are those of the command line. */
MUST_CHECK int settings_add_words(struct cli *c, const struct command *cmd, const void *given,
                                  struct words *words, struct err *e);
/* "profile '/etc/abri/profiles/default.toml': line 3, column 1: ", before the message; returns -1. */
int settings_wrap(const struct cli *c, struct profile_place at, struct err *e);

/* In settings_check.c: every key is one that some table knows, and of its kind. */
MUST_CHECK int settings_check(struct cli *c, struct err *e);
#define SETTINGS_TOP "" /* the table of what stands before the first one: options of every command */
/* The spec that a key of a table names, or NULL. */
const struct option_spec *settings_spec(const char *table, const char *name);
/* A flag of the table's command that a profile may set: the command line may take it back. */
bool settings_can_be_off(const char *table, const struct option_spec *spec);

#endif
