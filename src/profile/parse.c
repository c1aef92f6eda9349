/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the text of a profile, line by line. Strings are in string.c. Does not
 * know which keys exist, and opens nothing.
 *
 *  1. No key stands twice in a table, no table twice.
 *  2. A failure leaves nothing behind.
 */
#include "profile/profile_internal.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

struct parser {
    struct reader r;
    struct profile out;
    struct profile_key table; /* the one that is open */
};

/* ---- places ------------------------------------------------------------------- */

void reader_skip(struct reader *r)
{
    if (r->p >= r->end)
        return;
    unsigned char c = (unsigned char)*r->p++;
    bool inner = r->p < r->end && ((unsigned char)*r->p & 0xc0) == 0x80;
    if (c == '\n')
        r->at = (struct profile_place){.line = r->at.line + 1, .column = 1};
    else if (!inner || c < 0x80)
        r->at.column++;
}

int reader_fail(struct profile_place at, struct err *e, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return err_set(e, ERR_USAGE, "line %u, column %u: %s", at.line, at.column, text);
}

static void skip_blanks(struct reader *r)
{
    while (reader_peek(r) == ' ' || reader_peek(r) == '\t')
        reader_skip(r);
}

static int skip_comment(struct reader *r, struct err *e)
{
    if (reader_peek(r) != '#')
        return 0;
    for (int c; (c = reader_peek(r)) != '\n' && c != READER_END; reader_skip(r))
        if ((c < 0x20 && c != '\t' && c != '\r') || c == 0x7f)
            return reader_fail(r->at, e, "a control character in a comment");
    return 0;
}

/* Whether a line ends here; goes behind its end. */
static bool skip_line_end(struct reader *r)
{
    bool crlf = r->end - r->p >= 2 && r->p[0] == '\r' && r->p[1] == '\n';
    if (crlf)
        reader_skip(r);
    if (reader_peek(r) != '\n')
        return reader_peek(r) == READER_END;
    reader_skip(r);
    return true;
}

static int end_line(struct reader *r, const char *behind, struct err *e)
{
    skip_blanks(r);
    if (skip_comment(r, e))
        return -1;
    if (!skip_line_end(r))
        return reader_fail(r->at, e, "nothing but a comment may stand behind %s", behind);
    return 0;
}

/* Blanks, comments and lines' ends within an array. */
static int skip_space(struct reader *r, struct err *e)
{
    for (;;) {
        skip_blanks(r);
        if (skip_comment(r, e))
            return -1;
        int c = reader_peek(r);
        if (c == READER_END || (c != '\n' && c != '\r'))
            return 0;
        if (!skip_line_end(r))
            return reader_fail(r->at, e, "a carriage return without a line's end");
    }
}

/* ---- names ---------------------------------------------------------------------- */

static bool is_name_char(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '-' || c == '_';
}

static int read_name(struct reader *r, const char *what, char out[PROFILE_NAME_MAX + 1],
                     struct err *e)
{
    struct profile_place at = r->at;
    size_t n = 0;
    for (; is_name_char(reader_peek(r)); reader_skip(r)) {
        if (n == PROFILE_NAME_MAX)
            return reader_fail(at, e, "%s has at most %u characters", what, PROFILE_NAME_MAX);
        out[n++] = *r->p;
    }
    out[n] = '\0';
    if (n == 0)
        return reader_fail(at, e, "%s is expected here: letters, digits, - and _", what);
    return 0;
}

/* ---- values ----------------------------------------------------------------------- */

static int add_item(struct profile_key *k, const char *text, struct err *e)
{
    if (k->count >= PROFILE_ITEMS_MAX)
        return err_set(e, ERR_LIMIT, "line %u: more than %u items", k->at.line, PROFILE_ITEMS_MAX);
    if ((k->count & (k->count - 1)) == 0) { /* room grows by doubling: a power of two is full */
        char **items = mem_realloc(k->items, k->count ? k->count * 2 : 1, sizeof *items);
        if (!items)
            return err_no_memory(e, "a profile");
        k->items = items;
    }
    char *copy = mem_strdup(text);
    if (!copy)
        return err_no_memory(e, "a profile");
    k->items[k->count++] = copy;
    return 0;
}

static int read_string(struct reader *r, struct profile_key *k, struct err *e)
{
    CLEANUP(buf_done) struct buf text = {.max = PROFILE_TEXT_MAX + 1};
    if (reader_string(r, &text, e))
        return -1;
    return add_item(k, (const char *)text.data, e);
}

static int read_array(struct reader *r, struct profile_key *k, struct err *e)
{
    struct profile_place begin = r->at;
    reader_skip(r);
    for (;;) {
        if (skip_space(r, e))
            return -1;
        int c = reader_peek(r);
        if (c == ']')
            break;
        if (c == READER_END)
            return reader_fail(begin, e, "this array has no end: the closing ] is missing");
        if (c != '"' && c != '\'')
            return reader_fail(r->at, e, "an array holds strings, in quotes");
        if (read_string(r, k, e) || skip_space(r, e))
            return -1;
        c = reader_peek(r);
        if (c == ',')
            reader_skip(r);
        else if (c != ']' && c != READER_END)
            return reader_fail(r->at, e, "between two strings of an array stands a comma");
    }
    reader_skip(r);
    return 0;
}

static bool word_is(const char *p, size_t len, const char *word)
{
    return strlen(word) == len && memcmp(p, word, len) == 0;
}

/* Digits, with single '_' between them and no needless 0 before them. */
static bool copy_integer(const char *p, size_t len, char out[32])
{
    size_t n = 0, i = 0;
    if (len > 0 && (p[0] == '-' || p[0] == '+')) {
        if (p[0] == '-')
            out[n++] = '-';
        i = 1;
    }
    if (i == len || (p[i] == '0' && len > i + 1))
        return false;
    for (bool digit_before = false; i < len; i++) {
        bool digit = p[i] >= '0' && p[i] <= '9';
        if (!digit && (p[i] != '_' || !digit_before || i + 1 == len))
            return false;
        if (digit && n >= 20)
            return false;
        if (digit)
            out[n++] = p[i];
        digit_before = digit;
    }
    out[n] = '\0';
    return true;
}

static int read_word(struct reader *r, struct profile_key *k, struct err *e)
{
    const char *begin = r->p;
    char digits[32];
    while (is_name_char(reader_peek(r)) || reader_peek(r) == '+' || reader_peek(r) == '.' ||
           reader_peek(r) == ':' || reader_peek(r) == '/')
        reader_skip(r);
    size_t len = (size_t)(r->p - begin);
    if (word_is(begin, len, "true") || word_is(begin, len, "false")) {
        k->kind = PROFILE_BOOLEAN;
        k->yes = *begin == 't';
        return 0;
    }
    if (copy_integer(begin, len, digits)) {
        k->kind = PROFILE_INTEGER;
        return add_item(k, digits, e);
    }
    if (len == 0)
        return reader_fail(k->value_at, e, "behind the = stands a value: \"text\", 7, true or [\"a\", \"b\"]");
    return reader_fail(k->value_at, e, "'%.*s' is no value: text stands in quotes",
                       len > 40 ? 40 : (int)len, begin);
}

static int read_value(struct reader *r, struct profile_key *k, struct err *e)
{
    k->value_at = r->at;
    switch (reader_peek(r)) {
    case '"':
    case '\'': k->kind = PROFILE_STRING; return read_string(r, k, e);
    case '[': k->kind = PROFILE_ARRAY; return read_array(r, k, e);
    default: return read_word(r, k, e);
    }
}

/* ---- lines ------------------------------------------------------------------------- */

static int append(struct profile_key **list, size_t *count, const struct profile_key *k,
                  struct err *e)
{
    if (*count >= PROFILE_KEYS_MAX)
        return err_set(e, ERR_LIMIT, "line %u: more than %u keys", k->at.line, PROFILE_KEYS_MAX);
    struct profile_key *grown = mem_realloc(*list, *count + 1, sizeof *grown);
    if (!grown)
        return err_no_memory(e, "a profile");
    grown[(*count)++] = *k;
    *list = grown;
    return 0;
}

static int read_table(struct parser *p, struct err *e)
{
    struct profile_key t = {.at = p->r.at, .table_at = p->r.at};
    reader_skip(&p->r);
    if (reader_peek(&p->r) == '[')
        return reader_fail(t.at, e, "arrays of tables are not read here");
    skip_blanks(&p->r);
    t.table_at = p->r.at;
    if (read_name(&p->r, "the name of a table", t.table, e))
        return -1;
    skip_blanks(&p->r);
    if (reader_peek(&p->r) != ']')
        return reader_fail(p->r.at, e, "a table is written [%s], on a line of its own", t.table);
    reader_skip(&p->r);
    for (size_t i = 0; i < p->out.table_count; i++)
        if (strcmp(p->out.tables[i].table, t.table) == 0)
            return reader_fail(t.at, e, "[%s] stands already in line %u", t.table,
                               p->out.tables[i].at.line);
    if (end_line(&p->r, "the name of a table", e))
        return -1;
    p->table = t;
    return append(&p->out.tables, &p->out.table_count, &t, e);
}

static void key_done(struct profile_key *k)
{
    for (size_t i = 0; i < k->count; i++)
        mem_free(k->items[i]);
    mem_free(k->items);
}

static int read_assignment(struct parser *p, struct profile_key *k, struct err *e)
{
    if (read_name(&p->r, "the name of a key", k->name, e))
        return -1;
    const struct profile_key *twin = profile_find(&p->out, k->table, k->name);
    if (twin)
        return reader_fail(k->at, e, "'%s' stands already in line %u", k->name, twin->at.line);
    skip_blanks(&p->r);
    if (reader_peek(&p->r) == '.')
        return reader_fail(p->r.at, e, "a name has no dots: tables are written [%s]", k->name);
    if (reader_peek(&p->r) != '=')
        return reader_fail(p->r.at, e, "behind '%s' stands = and a value", k->name);
    reader_skip(&p->r);
    skip_blanks(&p->r);
    if (read_value(&p->r, k, e))
        return -1;
    return end_line(&p->r, "a value", e);
}

static int read_key(struct parser *p, struct err *e)
{
    struct profile_key k = p->table;
    k.at = p->r.at;
    if (read_assignment(p, &k, e) || append(&p->out.keys, &p->out.count, &k, e)) {
        key_done(&k);
        return -1;
    }
    return 0;
}

static int read_line(struct parser *p, struct err *e)
{
    skip_blanks(&p->r);
    int c = reader_peek(&p->r);
    if (c == '[')
        return read_table(p, e);
    if (c == '#' || c == '\n' || c == '\r' || c == READER_END)
        return end_line(&p->r, "a line's begin", e);
    return read_key(p, e);
}

int profile_parse(const char *text, size_t len, struct profile *out, struct err *e)
{
    struct parser p = {.r = {.p = text, .end = text + len, .at = {.line = 1, .column = 1}}};
    if (len > PROFILE_TEXT_MAX)
        return err_set(e, ERR_LIMIT, "longer than %zu bytes", PROFILE_TEXT_MAX);
    while (reader_peek(&p.r) != READER_END) {
        if (read_line(&p, e)) {
            profile_done(&p.out);
            return -1;
        }
    }
    *out = p.out;
    return 0;
}

void profile_done(struct profile *p)
{
    for (size_t i = 0; i < p->count; i++)
        key_done(&p->keys[i]);
    mem_free(p->keys);
    mem_free(p->tables);
    *p = (struct profile){0};
}

const struct profile_key *profile_find(const struct profile *p, const char *table, const char *name)
{
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->keys[i].table, table) == 0 && strcmp(p->keys[i].name, name) == 0)
            return &p->keys[i];
    return NULL;
}

const char *profile_kind_name(enum profile_kind kind)
{
    static const char *const names[] = {"nothing", "a string", "an integer", "true or false",
                                        "an array of strings"};
    return names[kind];
}
