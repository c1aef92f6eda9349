/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the profile of the machine, and stores what it says where the options of
 * the command line are stored. Which keys there may be is in settings_check.c.
 *
 *  1. A profile that somebody else could have written is not used (trusted_file.h).
 *  2. The command line wins; the environment wins over a profile that nobody named.
 */
#include "cli/settings.h"

#include "base/file.h"
#include "base/mem.h"
#include "cli/trusted_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *settings_name(const struct cli *c)
{
    return c->global.profile ? c->global.profile : SETTINGS_DEFAULT;
}

int settings_wrap(const struct cli *c, struct profile_place at, struct err *e)
{
    return err_wrap(e, "profile '%s': line %u, column %u", c->profile_path, at.line, at.column);
}

/* ---- reading -------------------------------------------------------------------- */

/* The name becomes one of a file and of a service. */
static int check_name(const char *name, struct err *e)
{
    static const char fine[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t n = strlen(name);
    if (n == 0 || n > PROFILE_NAME_MAX || strspn(name, fine) != n || *name == '-' || *name == '.')
        return err_set(e, ERR_USAGE,
                       "--profile: '%.100s' cannot be a name: letters, digits, - _ . are fine", name);
    return 0;
}

static int find_path(struct cli *c, struct err *e)
{
    char here[2048] = "";
    const char *name = settings_name(c);
    if (check_name(name, e))
        return -1;
    if (*c->dirs.config != '/' && !getcwd(here, sizeof here))
        return err_sys(e, errno, "the current directory");
    int n = snprintf(c->profile_path, sizeof c->profile_path, "%s%s%s/profiles/%s.toml", here,
                     *here ? "/" : "", c->dirs.config, name);
    if (n < 0 || (size_t)n >= sizeof c->profile_path)
        return err_set(e, ERR_LIMIT, "'%s': the path is too long", c->dirs.config);
    return 0;
}

static int read_text(int fd, const char *path, struct buf *out, struct err *e)
{
    uint8_t *at = buf_reserve(out, PROFILE_TEXT_MAX + 1);
    if (!at)
        return buf_check(out, "a profile", e);
    ssize_t n = file_read(fd, at, PROFILE_TEXT_MAX + 1);
    if (n < 0)
        return err_sys(e, errno, "profile '%s'", path);
    buf_added(out, (size_t)n);
    return 0;
}

/* Without *found_out there is none, and nobody asked for one. */
static int read_profile(struct cli *c, struct buf *out, bool *found_out, struct err *e)
{
    CLEANUP(file_close) int fd = -1;
    if (trusted_open(c->profile_path, &fd, e) == 0) {
        *found_out = true;
        return read_text(fd, c->profile_path, out, e);
    }
    if (e->cls == ERR_NOT_FOUND && !c->global.profile) {
        *e = ERR_INIT;
        return 0;
    }
    if (e->cls == ERR_NOT_FOUND)
        return err_set(e, ERR_USAGE, "--profile %s: there is no '%s'", c->global.profile,
                       c->profile_path);
    return err_wrap(e, "profile");
}

/* ---- storing ---------------------------------------------------------------------- */

static int store_key(struct cli *c, const struct profile_key *k, const struct option_spec *s,
                     void *store, struct err *e)
{
    int rc = 0;
    if (s->kind == OPTION_FLAG)
        rc = k->yes ? options_store(s, store, NULL, e) : 0;
    for (size_t i = 0; i < k->count && rc == 0; i++)
        rc = options_store(s, store, k->items[i], e);
    return rc ? settings_wrap(c, k->value_at, e) : 0;
}

static bool is_set(const char *variable)
{
    const char *value = getenv(variable);
    return value && *value;
}

/* Stood on the command line, on or off. */
static bool is_given(const struct cli *c, const char *name)
{
    for (size_t i = 0; i < global_option_count && i < OPTION_SAID_MAX; i++)
        if (strcmp(global_options[i].name, name) == 0)
            return (c->globals_said >> i) & 1;
    return false;
}

/* Said already: on the command line, or by the environment. */
static bool is_said(const struct cli *c, const char *name)
{
    const struct global_args *g = &c->global;
    bool ask_environment = !g->profile;
    if (strcmp(name, "vault") == 0)
        return g->vault || (ask_environment && is_set("ABRI_VAULT"));
    if (strcmp(name, "cache-dir") == 0)
        return g->cache_dir || g->no_cache || (ask_environment && is_set("ABRI_CACHE_DIR"));
    if (strcmp(name, "no-cache") == 0)
        return g->cache_dir || is_given(c, "no-cache");
    return g->passphrase_file || g->key_file ||
           (ask_environment && (is_set("ABRI_PASSPHRASE_FILE") || is_set("ABRI_PASSPHRASE")));
}

static int apply_globals(struct cli *c, struct err *e)
{
    struct global_args g = c->global;
    for (size_t i = 0; i < c->profile.count; i++) {
        const struct profile_key *k = &c->profile.keys[i];
        if (*k->table || is_said(c, k->name))
            continue;
        if (store_key(c, k, settings_spec(SETTINGS_TOP, k->name), &g, e))
            return -1;
    }
    c->no_cache_of_profile = g.no_cache && !c->global.no_cache;
    c->global = g;
    return 0;
}

int settings_load(struct cli *c, struct err *e)
{
    CLEANUP(buf_done) struct buf text = {.max = PROFILE_TEXT_MAX + 2};
    bool found = false;
    if (find_path(c, e) || read_profile(c, &text, &found, e))
        return -1;
    if (!found)
        return 0;
    if (profile_parse((const char *)text.data, text.len, &c->profile, e))
        return err_wrap(e, "profile '%s'", c->profile_path);
    if (settings_check(c, e) || apply_globals(c, e))
        return -1;
    c->has_profile = true;
    return 0;
}

void settings_done(struct cli *c)
{
    profile_done(&c->profile);
}

/* ---- one command -------------------------------------------------------------------- */

const struct profile_key *settings_find(const struct cli *c, const char *table, const char *name)
{
    return profile_find(&c->profile, table, name);
}

bool settings_concern(const struct cli *c, const struct command *cmd)
{
    for (size_t i = 0; cmd->profile && i < c->profile.count; i++)
        if (strcmp(c->profile.keys[i].table, cmd->name) == 0)
            return true;
    return false;
}

int settings_apply(struct cli *c, const struct command *cmd, const void *given,
                   const struct words *w, void *args, struct err *e)
{
    for (size_t i = 0; i < c->profile.count; i++) {
        const struct profile_key *k = &c->profile.keys[i];
        const struct option_spec *s = settings_spec(k->table, k->name);
        if (!s || strcmp(k->table, cmd->name) != 0)
            continue;
        if (cmd->profile->counts && !cmd->profile->counts(given, w, k->name))
            continue;
        if (store_key(c, k, s, args, e))
            return -1;
    }
    return 0;
}

int settings_add_words(struct cli *c, const struct command *cmd, const void *given,
                       struct words *words, struct err *e)
{
    const char *name = cmd->profile->words_key;
    const struct profile_key *k = name ? settings_find(c, cmd->name, name) : NULL;
    if (!k || k->count == 0 ||
        (cmd->profile->counts && !cmd->profile->counts(given, words, name)))
        return 0;
    const char **items = mem_realloc(words->items, words->count + k->count, sizeof *items);
    if (!items)
        return err_no_memory(e, "the command line");
    for (size_t i = 0; i < k->count; i++)
        items[words->count++] = k->items[i];
    words->items = items;
    return 0;
}
