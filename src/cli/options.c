/* SPDX-License-Identifier: Apache-2.0 */
/* Parses the command line by the tables of options.h. Knows no option by
 * name, opens nothing and prints nothing. */
#include "cli/options.h"

#include "base/mem.h"
#include "cli/amount.h"

#include <stdio.h>
#include <string.h>

#define WORDS_MAX ((size_t)1 << 20)

struct parse {
    const struct option_table *tables;
    size_t table_count;
    int argc, next;
    char **argv;
    bool only_before_word;
};

struct found {
    const struct option_spec *spec;
    void *at;
    bool off; /* a flag, by the name that switches it off */
};

void option_off_name(const struct option_spec *spec, char out[OPTION_NAME_MAX])
{
    bool negative = strncmp(spec->name, "no-", 3) == 0;
    (void)snprintf(out, OPTION_NAME_MAX, "%s%s", negative ? "" : "no-",
                   spec->name + (negative ? 3 : 0));
}

/* What a name of the line is compared with: a letter, a name, or an off name. */
struct wanted {
    const char *name; /* NULL: the letter */
    size_t len;
    char letter;
    bool off;
};

static bool can_be_off(const struct option_table *t, const struct option_spec *s)
{
    return s->kind == OPTION_FLAG && t->can_be_off && t->can_be_off(t->command, s);
}

static bool is_wanted(const struct wanted *w, const struct option_table *t,
                      const struct option_spec *s)
{
    char off[OPTION_NAME_MAX];
    const char *name = s->name;
    if (!w->name)
        return s->letter == w->letter;
    if (w->off) {
        if (!can_be_off(t, s))
            return false;
        option_off_name(s, off);
        name = off;
    }
    return strlen(name) == w->len && memcmp(name, w->name, w->len) == 0;
}

static bool find(const struct parse *p, const struct wanted *w, struct found *out)
{
    for (size_t t = 0; t < p->table_count; t++) {
        const struct option_table *table = &p->tables[t];
        for (size_t i = 0; i < table->count; i++) {
            const struct option_spec *s = &table->specs[i];
            if (!is_wanted(w, table, s))
                continue;
            if (table->said_out && i < OPTION_SAID_MAX)
                *table->said_out |= (uint64_t)1 << i;
            *out = (struct found){
                .spec = s, .at = (char *)table->store + s->offset, .off = w->off};
            return true;
        }
    }
    return false;
}

/* What is called so comes before what is switched off so. */
static bool find_name(const struct parse *p, const char *name, size_t len, struct found *out)
{
    return find(p, &(struct wanted){.name = name, .len = len}, out) ||
           find(p, &(struct wanted){.name = name, .len = len, .off = true}, out);
}

/* ---- values ------------------------------------------------------------- */

static int list_add(struct option_list *l, const char *text, int tag, struct err *e)
{
    if (l->count >= WORDS_MAX)
        return err_set(e, ERR_LIMIT, "too many options");
    struct option_item *items = mem_realloc(l->items, l->count + 1, sizeof *items);
    if (!items)
        return err_no_memory(e, "the command line");
    items[l->count++] = (struct option_item){.text = text, .tag = tag};
    l->items = items;
    return 0;
}

static int store_choice(const struct found *f, const char *value, struct err *e)
{
    char all[128] = "";
    for (int i = 0; f->spec->words[i]; i++) {
        if (strcmp(f->spec->words[i], value) == 0) {
            *(int *)f->at = i + 1;
            return 0;
        }
        size_t used = strlen(all);
        const char *join = i == 0 ? "" : f->spec->words[i + 1] ? ", " : " or ";
        (void)snprintf(all + used, sizeof all - used, "%s%s", join, f->spec->words[i]);
    }
    return err_set(e, ERR_USAGE, "--%s: '%s' is none of %s", f->spec->name, value, all);
}

static int store_number(const struct found *f, const char *value, struct err *e)
{
    uint64_t n;
    if (!amount_parse_number(value, &n) || n < f->spec->min || n > f->spec->max)
        return err_set(e, ERR_USAGE, "--%s: '%s' is not a number from %llu to %llu", f->spec->name,
                       value, (unsigned long long)f->spec->min,
                       (unsigned long long)f->spec->max);
    *(uint64_t *)f->at = n;
    return 0;
}

static int store_size(const struct found *f, const char *value, uint64_t unit, struct err *e)
{
    uint64_t n;
    if (!amount_parse_size(value, unit, &n) || n < f->spec->min)
        return err_set(e, ERR_USAGE, "--%s: '%s' is not a size such as 500, 64K, 10M or 1.5G",
                       f->spec->name, value);
    *(uint64_t *)f->at = n;
    return 0;
}

static int store_value(const struct found *f, const char *value, struct err *e)
{
    switch (f->spec->kind) {
    case OPTION_FLAG: *(bool *)f->at = !f->off; return 0;
    case OPTION_TEXT: *(const char **)f->at = value; return 0;
    case OPTION_LIST: return list_add(f->at, value, f->spec->tag, e);
    case OPTION_NUMBER: return store_number(f, value, e);
    case OPTION_SIZE: return store_size(f, value, 1, e);
    case OPTION_RATE: return store_size(f, value, 1024, e);
    case OPTION_CHOICE: return store_choice(f, value, e);
    case OPTION_UNSET: break;
    }
    return err_set(e, ERR_USAGE, "--%s: not an option", f->spec->name);
}

int options_store(const struct option_spec *spec, void *store, const char *text, struct err *e)
{
    struct found f = {.spec = spec, .at = (char *)store + spec->offset};
    return store_value(&f, text, e);
}

/* The value that stands apart, in the next argument. */
static int take_next(struct parse *p, const struct found *f, struct err *e)
{
    if (p->next >= p->argc)
        return err_set(e, ERR_USAGE, "--%s needs a value: --%s %s", f->spec->name, f->spec->name,
                       f->spec->arg);
    return store_value(f, p->argv[p->next++], e);
}

/* ---- names -------------------------------------------------------------- */

#define NAMES_MAX 128

struct names {
    const char *items[NAMES_MAX];
    char offs[NAMES_MAX][OPTION_NAME_MAX];
    size_t count;
};

static void names_of(const struct option_table *t, struct names *out)
{
    for (size_t i = 0; i < t->count && out->count < NAMES_MAX; i++) {
        out->items[out->count++] = t->specs[i].name;
        if (!can_be_off(t, &t->specs[i]) || out->count == NAMES_MAX)
            continue;
        option_off_name(&t->specs[i], out->offs[out->count]);
        out->items[out->count] = out->offs[out->count];
        out->count++;
    }
}

static int unknown_long(const struct parse *p, const char *name, size_t len, struct err *e)
{
    struct names names = {.count = 0};
    for (size_t t = 0; t < p->table_count; t++)
        names_of(&p->tables[t], &names);
    const char *near = options_nearest(name, len, names.items, names.count);
    int shown = len > 64 ? 64 : (int)len;
    if (near)
        return err_set(e, ERR_USAGE, "unknown option --%.*s: did you mean --%s?", shown, name, near);
    if (p->only_before_word)
        return err_set(e, ERR_USAGE,
                       "unknown option --%.*s: options of a command stand behind its name", shown,
                       name);
    return err_set(e, ERR_USAGE, "unknown option --%.*s: see `abri help`", shown, name);
}

static int parse_long(struct parse *p, const char *text, struct err *e)
{
    struct found f;
    const char *equals = strchr(text, '=');
    size_t len = equals ? (size_t)(equals - text) : strlen(text);
    if (!find_name(p, text, len, &f))
        return unknown_long(p, text, len, e);
    if (f.spec->kind == OPTION_FLAG && equals)
        return err_set(e, ERR_USAGE, "--%.*s takes no value", (int)len, text);
    if (f.spec->kind == OPTION_FLAG || equals)
        return store_value(&f, equals ? equals + 1 : NULL, e);
    return take_next(p, &f, e);
}

static int parse_letters(struct parse *p, const char *text, struct err *e)
{
    for (; *text; text++) {
        struct found f;
        if (!find(p, &(struct wanted){.letter = *text}, &f))
            return err_set(e, ERR_USAGE, "unknown option -%c: see `abri help`", *text);
        if (f.spec->kind != OPTION_FLAG)
            return text[1] ? store_value(&f, text + 1, e) : take_next(p, &f, e);
        if (store_value(&f, NULL, e))
            return -1;
    }
    return 0;
}

/* ---- the whole line ------------------------------------------------------- */

static int words_add(struct words *w, const char *text, struct err *e)
{
    const char **items =
        w->count < WORDS_MAX ? mem_realloc(w->items, w->count + 1, sizeof *items) : NULL;
    if (!items)
        return err_no_memory(e, "the command line");
    items[w->count++] = text;
    w->items = items;
    return 0;
}

static int parse_all(struct parse *p, struct words *words, struct err *e)
{
    bool ended = false;
    while (p->next < p->argc) {
        const char *arg = p->argv[p->next];
        bool is_word = ended || arg[0] != '-' || arg[1] == '\0';
        if (is_word && p->only_before_word)
            return 0;
        p->next++;
        int rc;
        if (is_word)
            rc = words_add(words, arg, e);
        else if (strcmp(arg, "--") == 0)
            rc = (ended = true, 0);
        else
            rc = arg[1] == '-' ? parse_long(p, arg + 2, e) : parse_letters(p, arg + 1, e);
        if (rc)
            return -1;
    }
    return 0;
}

int options_parse(const struct option_table *tables, size_t table_count, int argc, char **argv,
                  int first, bool only_before_word, struct words *words_out, int *next_out,
                  struct err *e)
{
    struct parse p = {
        .tables = tables,
        .table_count = table_count,
        .argc = argc,
        .argv = argv,
        .next = first,
        .only_before_word = only_before_word,
    };
    struct words words = {0};
    if (parse_all(&p, &words, e)) {
        words_done(&words);
        return -1;
    }
    if (words_out)
        *words_out = words;
    if (next_out)
        *next_out = p.next;
    return 0;
}

void words_done(struct words *w)
{
    mem_free(w->items);
    *w = (struct words){0};
}

void option_table_done(const struct option_table *t)
{
    for (size_t i = 0; i < t->count; i++) {
        if (t->specs[i].kind != OPTION_LIST)
            continue;
        struct option_list *l = (void *)((char *)t->store + t->specs[i].offset);
        mem_free(l->items); /* several options may share one list */
        *l = (struct option_list){0};
    }
}
