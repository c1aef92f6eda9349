/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of directories that are made of what others wrote: hosts, tags. Any text goes in; what comes out is one
 * component of a path, and no two texts share it.
 */
#include "mount/catalog.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define TEXT_MAX 4096u /* what tells two hosts apart; the rest of a longer one is not looked at */
#define NUMBER_ROOM 12u

void host_name_clean(const char *text, char out[HOST_NAME_BYTES])
{
    size_t len = strnlen(text, HOST_NAME_BYTES - 1 - NUMBER_ROOM);
    for (size_t i = 0; i < len; i++)
        out[i] = text[i];
    out[len] = '\0';
    for (size_t i = 0; i < len; i++)
        if (out[i] == '/')
            out[i] = '_';
    if (len == 0 || (out[0] == '.' && (len == 1 || (len == 2 && out[1] == '.'))))
        (void)snprintf(out, HOST_NAME_BYTES, "%s", len == 2 ? "__" : "_");
}

static bool is_taken(const struct name_table *t, const char *name)
{
    for (uint32_t i = 0; i < t->count; i++)
        if (strcmp(t->items[i].name, name) == 0)
            return true;
    return false;
}

static void choose_name(const struct name_table *t, const char *text, char out[HOST_NAME_BYTES])
{
    host_name_clean(text, out);
    size_t len = strlen(out);
    for (unsigned n = 2; is_taken(t, out); n++)
        (void)snprintf(out + len, HOST_NAME_BYTES - len, "-%u", n);
}

int name_table_add(struct name_table *t, const char *text, uint32_t *out, struct err *e)
{
    for (uint32_t i = 0; i < t->count; i++)
        if (strncmp(t->items[i].text, text, TEXT_MAX) == 0) {
            *out = i;
            return 0;
        }
    if (t->count >> NODE_SLOT_BITS)
        return err_set(e, ERR_LIMIT, "more than %u names", 1u << NODE_SLOT_BITS);
    size_t len = strnlen(text, TEXT_MAX);
    struct given_name *more = mem_realloc(t->items, (size_t)t->count + 1, sizeof *more);
    char *copy = mem_zalloc(len + 1);
    if (more)
        t->items = more;
    if (!more || !copy) {
        mem_free(copy);
        return err_no_memory(e, "names");
    }
    memcpy(copy, text, len);
    choose_name(t, copy, more[t->count].name);
    more[t->count].text = copy;
    *out = t->count++;
    return 0;
}

void name_table_done(struct name_table *t)
{
    for (uint32_t i = 0; i < t->count; i++)
        mem_free(t->items[i].text);
    mem_free(t->items);
    *t = (struct name_table){0};
}
