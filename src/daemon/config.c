/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the configuration file. Does not stop at the first thing that is wrong, unless the text is not of the
 * language: then nobody knows what the rest means.
 */
#include "daemon/config.h"

#include "base/file.h"
#include "base/mem.h"
#include "profile/profile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LISTENER "listener-"

struct reading {
    const char *path;
    struct settings *out;
    config_complain *complain;
    void *arg;
    unsigned wrong;
};

PRINTF_LIKE(3, 4)
static void complain(struct reading *r, struct profile_place at, const char *fmt, ...)
{
    char why[512], text[1024];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    (void)snprintf(text, sizeof text, "'%.300s': line %u, column %u: %s", r->path, at.line, at.column, why);
    r->complain(r->arg, text);
    r->wrong++;
}

/* The listener of a table [listener-NAME]; NULL, and a complaint, if there can be none. */
static struct setting_listener *listener_of(struct reading *r, const struct profile_key *t, struct err *e)
{
    struct settings *s = r->out;
    const char *name = t->table + strlen(LISTENER);
    for (size_t i = 0; i < s->listener_count; i++)
        if (strcmp(s->listeners[i].name, name) == 0)
            return &s->listeners[i];
    if (!*name) {
        complain(r, t->table_at, "a listener has a name: [listener-NAME]");
        return NULL;
    }
    if (s->listener_count == SETTINGS_LISTENER_MAX) {
        complain(r, t->table_at, "at most %d listeners are possible", SETTINGS_LISTENER_MAX);
        return NULL;
    }
    char *copy = mem_strdup(name);
    if (!copy) {
        (void)err_no_memory(e, "a listener");
        return NULL;
    }
    s->listeners[s->listener_count] = (struct setting_listener){.name = copy};
    return &s->listeners[s->listener_count++];
}

static bool is_listener(const char *table)
{
    return strncmp(table, LISTENER, strlen(LISTENER)) == 0;
}

static bool fits(enum setting_kind kind, enum profile_kind said)
{
    return (kind == SETTING_TEXT && said == PROFILE_STRING) || (kind == SETTING_NUMBER && said == PROFILE_INTEGER) ||
           (kind == SETTING_LIST && said == PROFILE_ARRAY);
}

static const char *wanted(enum setting_kind kind)
{
    return kind == SETTING_TEXT ? "a string" : kind == SETTING_NUMBER ? "an integer" : "an array of strings";
}

/* The table was refused already: its keys would only repeat that. */
static bool is_known_table(const char *table)
{
    return !*table || strcmp(table, "limits") == 0 || is_listener(table);
}

static void take_key(struct reading *r, const struct profile_key *k, struct err *e)
{
    bool listener = is_listener(k->table);
    const struct setting *t = settings_find(listener ? "listener" : k->table, k->name);
    struct err why = ERR_INIT;
    if (!is_known_table(k->table))
        return;
    if (!t) {
        complain(r, k->at, "there is no '%s'%s%s%s: `abrid --check-config` prints those that there are", k->name,
                 *k->table ? " in [" : "", k->table, *k->table ? "]" : "");
        return;
    }
    if (!fits(t->kind, k->kind)) {
        complain(r, k->value_at, "'%s' is %s, not %s", k->name, wanted(t->kind), profile_kind_name(k->kind));
        return;
    }
    void *base = listener ? (void *)listener_of(r, k, e) : r->out;
    for (size_t i = 0; base && i < k->count; i++)
        if (settings_store(t, base, k->items[i], &why)) {
            complain(r, k->value_at, "'%s': %s", k->name, why.msg);
            why = ERR_INIT;
        }
}

static void take_all(struct reading *r, const struct profile *p, struct err *e)
{
    for (size_t i = 0; i < p->table_count; i++) {
        const struct profile_key *t = &p->tables[i];
        if (!is_known_table(t->table))
            complain(r, t->table_at, "there is no [%s]: [limits] and [listener-NAME] are possible", t->table);
        else if (is_listener(t->table))
            (void)listener_of(r, t, e);
    }
    for (size_t i = 0; i < p->count && e->cls == ERR_UNSET; i++)
        take_key(r, &p->keys[i], e);
}

int daemon_config_parse(const char *path, const char *text, size_t len, struct settings *out, config_complain *complain_to,
                 void *arg, struct err *e)
{
    struct reading r = {.path = path, .out = out, .complain = complain_to, .arg = arg};
    struct profile p = {0};
    struct err why = ERR_INIT;
    if (profile_parse(text, len, &p, &why)) {
        if (why.cls == ERR_NO_MEMORY)
            return err_give(e, &why);
        char line[1200];
        (void)snprintf(line, sizeof line, "'%.300s': %s", path, why.msg);
        complain_to(arg, line);
        return err_set(e, ERR_USAGE, "'%.300s' cannot be read", path);
    }
    take_all(&r, &p, &why);
    profile_done(&p);
    if (why.cls != ERR_UNSET)
        return err_give(e, &why);
    if (r.wrong)
        return err_set(e, ERR_USAGE, "'%.300s': %u %s wrong", path, r.wrong, r.wrong == 1 ? "thing is" : "things are");
    return 0;
}

static int check_owner(int fd, const char *path, struct err *e)
{
    struct stat st;
    if (fstat(fd, &st))
        return err_sys(e, errno, "'%s'", path);
    if (!S_ISREG(st.st_mode))
        return err_set(e, ERR_USAGE, "'%s' is no file", path);
    if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & (S_IWGRP | S_IWOTH)))
        return err_set(e, ERR_USAGE, "'%s' could have been written by others: chown root and chmod go-w mend it", path);
    return 0;
}

int daemon_config_read(const char *path, struct settings *out, config_complain *complain_to, void *arg, struct err *e)
{
    CLEANUP(file_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    CLEANUP(buf_done) struct buf text = {.max = CONFIG_BYTES_MAX + 1};
    if (fd < 0)
        return err_sys(e, errno, "the configuration '%s'", path);
    if (check_owner(fd, path, e))
        return -1;
    uint8_t *at = buf_reserve(&text, CONFIG_BYTES_MAX + 1);
    ssize_t n = at ? file_read(fd, at, CONFIG_BYTES_MAX + 1) : 0;
    if (!at)
        return buf_check(&text, "a configuration", e);
    if (n < 0)
        return err_sys(e, errno, "the configuration '%s'", path);
    if ((size_t)n > CONFIG_BYTES_MAX)
        return err_set(e, ERR_USAGE, "'%s' is longer than %zu bytes", path, CONFIG_BYTES_MAX);
    return daemon_config_parse(path, (const char *)at, (size_t)n, out, complain_to, arg, e);
}
