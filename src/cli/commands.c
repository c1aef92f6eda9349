/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands and the options that every command knows. */
#include "cli/settings.h"

#include <string.h>

const struct command *const commands[] = {
    &cmd_init, &cmd_backup, &cmd_snapshots, &cmd_ls, &cmd_diff, &cmd_find, &cmd_cat, &cmd_stats,
    &cmd_restore, &cmd_export, &cmd_mount, &cmd_boot, &cmd_drill, &cmd_check, &cmd_repair,
    &cmd_forget, &cmd_undelete, &cmd_lock, &cmd_hold, &cmd_tag, &cmd_floor, &cmd_clock, &cmd_gc, &cmd_copy,
    &cmd_key, &cmd_writer, &cmd_enrol, &cmd_admin, &cmd_log, &cmd_service, &cmd_selftest, &cmd_doctor, &cmd_config, &cmd_help, &cmd_version, NULL,
};

const struct option_spec global_options[] = {
    {.name = "vault", .letter = 'r', .kind = OPTION_TEXT, .arg = "LOC",
     OPTION_AT(global_args, vault),
     .help = "the vault's directory (or set ABRI_VAULT)"},
    {.name = "passphrase-file", .kind = OPTION_TEXT, .arg = "FILE",
     OPTION_AT(global_args, passphrase_file),
     .help = "read the passphrase from this file (or set ABRI_PASSPHRASE_FILE or ABRI_PASSPHRASE)"},
    {.name = "key-file", .kind = OPTION_TEXT, .arg = "FILE", OPTION_AT(global_args, key_file),
     .help = "open the vault with the recovery key in this file instead of a passphrase"},
    {.name = "cache-dir", .kind = OPTION_TEXT, .arg = "DIR", OPTION_AT(global_args, cache_dir),
     .help = "keep caches here (or set ABRI_CACHE_DIR)"},
    {.name = "no-cache", .kind = OPTION_FLAG, OPTION_AT(global_args, no_cache),
     .help = "keep and use no cache: every file is read again"},
    {.name = "profile", .kind = OPTION_TEXT, .arg = "NAME", OPTION_AT(global_args, profile),
     .help = "take settings from this profile instead of `default` (see `abri help profiles`)"},
    {.name = "json", .kind = OPTION_FLAG, OPTION_AT(global_args, json),
     .help = "print JSON objects, one a line"},
    {.name = "quiet", .letter = 'q', .kind = OPTION_FLAG, OPTION_AT(global_args, quiet),
     .help = "print only results that were asked for, problems and errors"},
    {.name = "verbose", .letter = 'v', .kind = OPTION_FLAG, OPTION_AT(global_args, verbose),
     .help = "print more about what happens"},
    {.name = "help", .letter = 'h', .kind = OPTION_FLAG, OPTION_AT(global_args, help),
     .help = "explain the command"},
    {.name = "version", .kind = OPTION_FLAG, OPTION_AT(global_args, version),
     .help = "print the program's version"},
};
const size_t global_option_count = OPTION_COUNT(global_options);

struct option_table global_option_table(struct global_args *store, uint64_t *said_out)
{
    return (struct option_table){
        .specs = global_options,
        .count = global_option_count,
        .store = store,
        .can_be_off = settings_can_be_off,
        .command = SETTINGS_TOP,
        .said_out = said_out,
    };
}

struct option_table command_option_table(const struct command *cmd, void *args)
{
    return (struct option_table){
        .specs = cmd->options,
        .count = cmd->option_count,
        .store = args,
        .can_be_off = settings_can_be_off,
        .command = cmd->name,
    };
}

const struct command *command_find(const char *name)
{
    for (size_t i = 0; commands[i]; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

const struct command *command_find_verb(const struct command *group, const char *name)
{
    for (size_t i = 0; group->verbs[i]; i++)
        if (strcmp(strrchr(group->verbs[i]->name, ' ') + 1, name) == 0)
            return group->verbs[i];
    return NULL;
}

int command_choose(const struct command *group, const char *name, const struct command **out,
                   struct err *e)
{
    const struct command *const *list = group ? group->verbs : commands;
    const char *names[64];
    size_t count = 0;
    const struct command *cmd = group ? command_find_verb(group, name) : command_find(name);
    if (cmd) {
        *out = cmd;
        return 0;
    }
    for (; list[count] && count < 64; count++)
        names[count] = group ? strrchr(list[count]->name, ' ') + 1 : list[count]->name;
    const char *near = options_nearest(name, strlen(name), names, count);
    const char *before = group ? group->name : "", *blank = group ? " " : "";
    if (near)
        return err_set(e, ERR_USAGE, "unknown command '%s%s%.64s': did you mean %s%s%s?", before,
                       blank, name, before, blank, near);
    return err_set(e, ERR_USAGE, "unknown command '%s%s%.64s': `abri help%s%s` lists them", before,
                   blank, name, blank, before);
}

const struct command *command_at(size_t i)
{
    for (size_t c = 0; commands[c]; c++) {
        if (!commands[c]->verbs) {
            if (i-- == 0)
                return commands[c];
            continue;
        }
        for (size_t v = 0; commands[c]->verbs[v]; v++)
            if (i-- == 0)
                return commands[c]->verbs[v];
    }
    return NULL;
}

int command_expect_words(const struct command *cmd, const struct words *w, size_t min, size_t max,
                         struct err *e)
{
    if (w->count < min)
        return err_set(e, ERR_USAGE, "usage: abri %s %s (see `abri help %s`)", cmd->name,
                       cmd->operands, cmd->name);
    if (w->count > max)
        return err_set(e, ERR_USAGE, "'%s' is one word too many: abri %s %s", w->items[max],
                       cmd->name, cmd->operands);
    return 0;
}
