/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a profile can be meant so: tables and keys that exist, values of their
 * kind. Every profile is checked whole, whatever command is run. Decides nothing.
 */
#include "cli/settings.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 128

/* Options of every command that make sense for good. */
static const char *const top_names[] = {"vault", "passphrase-file", "key-file", "cache-dir",
                                        "no-cache", NULL};

static bool is_listed(const char *const *list, const char *name)
{
    for (size_t i = 0; list && list[i]; i++)
        if (strcmp(list[i], name) == 0)
            return true;
    return false;
}

static const struct command *table_command(const char *table)
{
    const struct command *cmd = command_find(table);
    return cmd && cmd->profile ? cmd : NULL;
}

const struct option_spec *settings_spec(const char *table, const char *name)
{
    const struct option_spec *specs = global_options;
    size_t count = global_option_count;
    if (*table) {
        const struct command *cmd = table_command(table);
        if (!cmd || is_listed(cmd->profile->refused, name))
            return NULL;
        specs = cmd->options;
        count = cmd->option_count;
    } else if (!is_listed(top_names, name)) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        if (strcmp(specs[i].name, name) == 0)
            return &specs[i];
    return NULL;
}

bool settings_can_be_off(const char *table, const struct option_spec *spec)
{
    return spec->kind == OPTION_FLAG && settings_spec(table, spec->name) == spec;
}

static const struct profile_own *own_key(const char *table, const char *name)
{
    const struct command *cmd = table_command(table);
    for (const struct profile_own *o = cmd ? cmd->profile->own : NULL; o && o->name; o++)
        if (strcmp(o->name, name) == 0)
            return o;
    return NULL;
}

static bool is_words_key(const char *table, const char *name)
{
    const struct command *cmd = table_command(table);
    return cmd && cmd->profile->words_key && strcmp(cmd->profile->words_key, name) == 0;
}

static bool is_known(const char *table, const char *name)
{
    return settings_spec(table, name) || own_key(table, name) || is_words_key(table, name);
}

/* ---- names ---------------------------------------------------------------------- */

static size_t names_of(const char *table, const char *names[NAMES_MAX])
{
    const struct command *cmd = table_command(table);
    size_t n = 0;
    for (size_t i = 0; !*table && top_names[i]; i++)
        names[n++] = top_names[i];
    for (size_t i = 0; cmd && i < cmd->option_count && n < NAMES_MAX; i++)
        if (settings_spec(table, cmd->options[i].name))
            names[n++] = cmd->options[i].name;
    for (const struct profile_own *o = cmd ? cmd->profile->own : NULL; o && o->name; o++)
        if (n < NAMES_MAX)
            names[n++] = o->name;
    if (cmd && cmd->profile->words_key && n < NAMES_MAX)
        names[n++] = cmd->profile->words_key;
    return n;
}

static int unknown_key(const struct profile_key *k, struct err *e)
{
    const char *names[NAMES_MAX], *open = *k->table ? " in [" : " before the first table",
               *close = *k->table ? "]" : "";
    const char *near = options_nearest(k->name, strlen(k->name), names, names_of(k->table, names));
    if (near)
        return err_set(e, ERR_USAGE, "unknown key '%s'%s%s%s: did you mean %s?", k->name, open,
                       k->table, close, near);
    for (size_t i = 0; commands[i]; i++)
        if (commands[i]->profile && is_known(commands[i]->name, k->name))
            return err_set(e, ERR_USAGE, "unknown key '%s'%s%s%s: it belongs to [%s]", k->name,
                           open, k->table, close, commands[i]->name);
    if (is_known(SETTINGS_TOP, k->name))
        return err_set(e, ERR_USAGE, "unknown key '%s'%s%s%s: it stands before the first table",
                       k->name, open, k->table, close);
    return err_set(e, ERR_USAGE, "unknown key '%s'%s%s%s: see `abri help profiles`", k->name, open,
                   k->table, close);
}

static int check_table(const struct cli *c, const struct profile_key *t, struct err *e)
{
    const char *names[NAMES_MAX];
    size_t n = 0;
    if (table_command(t->table))
        return 0;
    for (size_t i = 0; commands[i] && n < NAMES_MAX; i++)
        if (commands[i]->profile)
            names[n++] = commands[i]->name;
    const char *near = options_nearest(t->table, strlen(t->table), names, n);
    if (near)
        (void)err_set(e, ERR_USAGE, "unknown table [%s]: did you mean [%s]?", t->table, near);
    else
        (void)err_set(e, ERR_USAGE, "unknown table [%s]: see `abri help profiles`", t->table);
    return settings_wrap(c, t->table_at, e);
}

/* ---- values ----------------------------------------------------------------------- */

static bool is_path_option(const struct option_spec *s)
{
    return s->arg && (strcmp(s->arg, "FILE") == 0 || strcmp(s->arg, "DIR") == 0 ||
                      strcmp(s->arg, "LOC") == 0);
}

/* A profile is read wherever somebody stands: its paths are whole ones. */
static int complete_path(char **item, struct err *e)
{
    const char *text = *item, *home = getenv("HOME");
    if (*text == '/' || strstr(text, "://"))
        return 0;
    if (strncmp(text, "~/", 2) != 0 || !home || *home != '/')
        return err_set(e, ERR_USAGE, "'%.200s': a path begins with / or ~/", text);
    size_t room = strlen(home) + strlen(text);
    char *whole = mem_alloc(room);
    if (!whole)
        return err_no_memory(e, "a profile");
    (void)snprintf(whole, room, "%s%s", home, text + 1);
    mem_free(*item);
    *item = whole;
    return 0;
}

static int complete_paths(struct profile_key *k, struct err *e)
{
    for (size_t i = 0; i < k->count; i++)
        if (complete_path(&k->items[i], e))
            return -1;
    return 0;
}

static int wrong_kind(const struct profile_key *k, const char *wanted, struct err *e)
{
    return err_set(e, ERR_USAGE, "'%s' is %s, not %s", k->name, wanted, profile_kind_name(k->kind));
}

static int check_kind(const struct profile_key *k, const struct option_spec *s, struct err *e)
{
    bool single = k->kind == PROFILE_STRING || k->kind == PROFILE_INTEGER;
    switch (s->kind) {
    case OPTION_FLAG: return k->kind == PROFILE_BOOLEAN ? 0 : wrong_kind(k, "true or false", e);
    case OPTION_LIST:
        return k->kind == PROFILE_ARRAY || k->kind == PROFILE_STRING
                   ? 0
                   : wrong_kind(k, "a string or an array of strings", e);
    case OPTION_TEXT:
    case OPTION_SIZE:
    case OPTION_RATE: return single ? 0 : wrong_kind(k, "a string or an integer", e);
    case OPTION_NUMBER: return single ? 0 : wrong_kind(k, "an integer", e);
    case OPTION_CHOICE: return k->kind == PROFILE_STRING ? 0 : wrong_kind(k, "a string", e);
    case OPTION_UNSET: break;
    }
    return unknown_key(k, e);
}

static int check_key(struct profile_key *k, struct err *e)
{
    const struct option_spec *s = settings_spec(k->table, k->name);
    const struct profile_own *own = own_key(k->table, k->name);
    if (own)
        return k->kind == own->kind ? 0 : wrong_kind(k, profile_kind_name(own->kind), e);
    if (is_words_key(k->table, k->name))
        return k->kind == PROFILE_ARRAY ? complete_paths(k, e)
                                        : wrong_kind(k, "an array of strings", e);
    if (!s)
        return unknown_key(k, e);
    if (check_kind(k, s, e))
        return -1;
    return is_path_option(s) ? complete_paths(k, e) : 0;
}

/* Values, by storing them where nobody looks. */
static int try_values(struct cli *c, const struct command *cmd, struct err *e)
{
    static const struct words none;
    CLEANUP_FREE void *given = mem_zalloc(cmd->args_bytes + 1);
    CLEANUP_FREE void *args = mem_zalloc(cmd->args_bytes + 1);
    if (!given || !args)
        return err_no_memory(e, "a profile");
    int rc = settings_apply(c, cmd, given, &none, args, e);
    struct option_table table = command_option_table(cmd, args);
    option_table_done(&table);
    return rc;
}

int settings_check(struct cli *c, struct err *e)
{
    for (size_t i = 0; i < c->profile.table_count; i++)
        if (check_table(c, &c->profile.tables[i], e))
            return -1;
    for (size_t i = 0; i < c->profile.count; i++)
        if (check_key(&c->profile.keys[i], e))
            return settings_wrap(c, is_known(c->profile.keys[i].table, c->profile.keys[i].name)
                                        ? c->profile.keys[i].value_at
                                        : c->profile.keys[i].at,
                                 e);
    for (size_t i = 0; i < c->profile.table_count; i++)
        if (try_values(c, table_command(c->profile.tables[i].table), e))
            return -1;
    return 0;
}
