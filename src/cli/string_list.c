/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of strings that a command puts together itself. */
#include "cli/cli.h"

#include "base/mem.h"

#include <string.h>

#define STRINGS_MAX ((size_t)1 << 24)

void string_list_done(struct string_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        mem_free(l->items[i]);
    mem_free(l->items);
    *l = (struct string_list){0};
}

/* Room grows by doubling: a power of two is full. */
static int make_room(struct string_list *l, struct err *e)
{
    if (l->count > 0 && (l->count & (l->count - 1)) != 0)
        return 0;
    if (l->count >= STRINGS_MAX)
        return err_set(e, ERR_LIMIT, "more than %zu names in a list", STRINGS_MAX);
    char **items = mem_realloc(l->items, l->count ? l->count * 2 : 1, sizeof *items);
    if (!items)
        return err_no_memory(e, "a list of names");
    l->items = items;
    return 0;
}

int string_list_add(struct string_list *l, const char *p, size_t len, struct err *e)
{
    if (make_room(l, e))
        return -1;
    char *copy = mem_alloc(len + 1);
    if (!copy)
        return err_no_memory(e, "a list of names");
    memcpy(copy, p, len);
    copy[len] = '\0';
    l->items[l->count++] = copy;
    return 0;
}

int string_list_add_commas(struct string_list *l, const char *text, const char *what,
                           struct err *e)
{
    for (const char *p = text;; p++) {
        size_t n = strcspn(p, ",");
        if (n == 0)
            return err_set(e, ERR_USAGE, "%s '%s': an empty name", what, text);
        if (string_list_add(l, p, n, e))
            return -1;
        p += n;
        if (!*p)
            return 0;
    }
}
