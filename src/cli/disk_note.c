/* SPDX-License-Identifier: Apache-2.0 */
/* What the note of a disk says. Its texts are clean: whoever decodes it sees to that. */
#include "cli/disk_note.h"

#include "cli/amount.h"

#include "base/mem.h"
#include "layout/layout.h"

#include <inttypes.h>

static struct layout_note *note_of(const struct entry *en)
{
    struct err ignored = ERR_INIT;
    struct layout_note *n = en->note_len ? mem_zalloc(sizeof *n) : NULL;
    if (n && layout_note_decode(en->note, en->note_len, n, &ignored)) {
        mem_free(n);
        return NULL;
    }
    return n;
}

static const char *table_name(enum layout_table t)
{
    switch (t) {
    case LAYOUT_MBR: return "mbr";
    case LAYOUT_GPT: return "gpt";
    case LAYOUT_NO_TABLE: break;
    }
    return "none";
}

static void print_part(const struct layout_part *p)
{
    char size[AMOUNT_TEXT_BYTES], number[16] = "";
    const char *label = *p->label ? p->label : p->name;
    amount_format_size(p->bytes, size);
    if (p->number)
        (void)snprintf(number, sizeof number, "%" PRIu32 ": ", p->number);
    fprintf(stdout, "    %s%s, %s%s%s%s%s%s\n", number, size, *p->content ? p->content : "unknown content",
            *label ? " '" : "", label, *label ? "'" : "", *p->id ? ", " : "", p->id);
}

void disk_note_print(const struct entry *en)
{
    CLEANUP_FREE struct layout_note *n = note_of(en);
    if (!n)
        return;
    const struct layout *l = &n->layout;
    fprintf(stdout, "    %s of %s", n->format, n->source);
    if (l->table != LAYOUT_NO_TABLE)
        fprintf(stdout, ", %s", table_name(l->table));
    fputc('\n', stdout);
    for (size_t i = 0; i < l->part_count; i++)
        print_part(&l->parts[i]);
    if (l->more)
        fputs("    … and more\n", stdout);
}

static json_t *part_object(const struct layout_part *p)
{
    json_t *o = json_object();
    json_put_number(o, "number", p->number);
    json_put_number(o, "start", p->start);
    json_put_number(o, "size", p->bytes);
    json_put_string(o, "type", p->type);
    json_put_string(o, "name", p->name);
    json_put_string(o, "content", p->content);
    json_put_string(o, "label", p->label);
    json_put_string(o, "id", p->id);
    return o;
}

json_t *disk_note_object(const struct entry *en)
{
    CLEANUP_FREE struct layout_note *n = note_of(en);
    if (!n)
        return NULL;
    json_t *o = json_object(), *parts = json_array();
    json_put_string(o, "format", n->format);
    json_put_string(o, "source", n->source);
    json_put_string(o, "map", n->mark);
    json_put_string(o, "table", table_name(n->layout.table));
    json_put_string(o, "table_id", n->layout.table_id);
    for (size_t i = 0; i < n->layout.part_count; i++)
        (void)json_array_append_new(parts, part_object(&n->layout.parts[i]));
    (void)json_object_set_new(o, "parts", parts);
    json_put_bool(o, "more_parts", n->layout.more);
    return o;
}
