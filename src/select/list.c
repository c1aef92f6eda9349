/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns in their order, and files of them. The last pattern that matches
 * decides; so matching begins at the end. */
#include "select/select.h"

#include "base/file.h"
#include "base/mem.h"
#include "select/pattern.h"

#include <fcntl.h>
#include <string.h>

#define FILE_MAX ((size_t)16 << 20)
#define WHITE    " \t\r\n\v\f"

struct select {
    struct pattern *items;
    size_t count, cap;
};

int select_new(struct select **out, struct err *e)
{
    struct select *s = mem_zalloc(sizeof *s);
    if (!s)
        return err_no_memory(e, "patterns");
    *out = s;
    return 0;
}

void select_free(struct select *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->count; i++)
        pattern_done(&s->items[i]);
    mem_free(s->items);
    mem_free(s);
}

int select_add(struct select *s, const char *pattern, bool ignore_case, struct err *e)
{
    if (s->count == s->cap) {
        size_t want = s->cap ? s->cap * 2 : 16;
        struct pattern *more = mem_realloc(s->items, want, sizeof *more);
        if (!more)
            return err_no_memory(e, "patterns");
        s->items = more;
        s->cap = want;
    }
    if (pattern_init(&s->items[s->count], pattern, ignore_case, e))
        return -1;
    s->count++;
    return 0;
}

/* Cuts white space at both ends, in place. */
static char *trim(char *line)
{
    line += strspn(line, WHITE);
    size_t len = strlen(line);
    while (len > 0 && strchr(WHITE, line[len - 1]))
        len--;
    line[len] = '\0';
    return line;
}

static int add_lines(struct select *s, char *text, const char *file, bool ignore_case,
                     struct err *e)
{
    if (strncmp(text, "\xef\xbb\xbf", 3) == 0) /* what some editors put first */
        text += 3;
    for (size_t number = 1; text; number++) {
        char *line = strsep(&text, "\n");
        line = trim(line);
        if (line[0] == '\0' || line[0] == '#')
            continue;
        if (select_add(s, line, ignore_case, e))
            return err_wrap(e, "'%s', line %zu", file, number);
    }
    return 0;
}

static void buf_cleanup(struct buf *b)
{
    buf_done(b);
}

int select_add_file(struct select *s, const char *file, bool ignore_case, struct err *e)
{
    CLEANUP(buf_cleanup) struct buf b = {.max = FILE_MAX + 65536 + 1};
    if (file_slurp(AT_FDCWD, file, FILE_MAX, &b, e))
        return err_wrap(e, "patterns");
    if (memchr(b.data, '\0', b.len))
        return err_set(e, ERR_USAGE, "'%s' holds a NUL byte: it is no list of patterns", file);
    buf_put_u8(&b, '\0');
    if (buf_check(&b, file, e))
        return -1;
    return add_lines(s, (char *)b.data, file, ignore_case, e);
}

bool select_is_empty(const struct select *s)
{
    return s->count == 0;
}

static void drop_slashes(const char **path, size_t *len)
{
    while (*len > 0 && **path == '/') {
        (*path)++;
        (*len)--;
    }
    while (*len > 0 && (*path)[*len - 1] == '/')
        (*len)--;
}

bool select_matches(const struct select *s, const char *path, size_t len)
{
    struct components c;
    drop_slashes(&path, &len);
    components_cut(&c, path, len);
    for (size_t i = s->count; i-- > 0;)
        if (pattern_matches(&s->items[i], &c))
            return !s->items[i].negated;
    return false;
}

bool select_names(const struct select *s, const char *path, size_t len)
{
    drop_slashes(&path, &len);
    for (size_t i = s->count; i-- > 0;)
        if (pattern_matches_whole(&s->items[i], path, len))
            return !s->items[i].negated;
    return false;
}

bool select_may_match_below(const struct select *s, const char *path, size_t len)
{
    drop_slashes(&path, &len);
    for (size_t i = 0; i < s->count; i++)
        if (!s->items[i].negated && pattern_may_match_below(&s->items[i], path, len))
            return true;
    return false;
}
