/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots that a command is about, as the keeper sees them: opening the vault,
 * finding what words name. Needs no key. */
#include "cli/cli.h"

#include "base/mem.h"

#include <string.h>

void snaps_done(struct snaps *s)
{
    mem_free(s->part.items); /* what they point to is freed with `all` */
    snapshot_list_done(&s->all);
    access_close(&s->access);
    *s = (struct snaps){0};
}

static int choose(const struct snapshot_list *all, bool trash, struct snapshot_list *out,
                  struct err *e)
{
    out->items = mem_array(all->count + 1, sizeof *out->items);
    if (!out->items)
        return err_no_memory(e, "the list of snapshots");
    for (size_t i = 0; i < all->count; i++)
        if ((all->items[i].forgotten_until_ns != 0) == trash)
            out->items[out->count++] = all->items[i];
    return 0;
}

int snaps_open(struct cli *c, bool trash, struct snaps *out, struct err *e)
{
    struct snaps s = {.trash = trash};
    if (cli_open(c, &s.access, e))
        return -1;
    if (vault_snapshots_all(s.access.vault, &s.all, report_damage, c, e) ||
        choose(&s.all, trash, &s.part, e)) {
        snaps_done(&s);
        return -1;
    }
    *out = s;
    return 0;
}

int snaps_open_to_change(struct cli *c, bool trash, struct snaps *out, struct err *e)
{
    const char *location;
    if (cli_location(c, &location, e))
        return -1;
    if (access_is_far(location))
        return err_set(e, ERR_REFUSED,
                       "what becomes of snapshots on a server is decided there, by its rules and its people: "
                       "see `abri admin`");
    return snaps_open(c, trash, out, e);
}

/* Whether the others have one of that name. */
static bool is_elsewhere(const struct snaps *s, const char *spec)
{
    struct snapshot_list others = {0};
    size_t at;
    bool found = choose(&s->all, !s->trash, &others, NULL) == 0 &&
                 work_find_snapshot(&others, spec, &at, NULL) == 0;
    mem_free(others.items);
    return found;
}

int snaps_find(const struct snaps *s, const char *spec, const struct snapshot **out, struct err *e)
{
    size_t at;
    struct err why = ERR_INIT;
    if (work_find_snapshot(&s->part, spec, &at, &why) == 0) {
        *out = &s->part.items[at];
        return 0;
    }
    if (why.cls == ERR_NOT_FOUND && s->trash && is_elsewhere(s, spec))
        return err_set(e, ERR_NOT_FOUND, "snapshot '%s' is not in the trash", spec);
    if (why.cls == ERR_NOT_FOUND && s->trash)
        return err_set(e, ERR_NOT_FOUND,
                       "no snapshot '%s' in the trash: see `abri snapshots --trash`", spec);
    if (why.cls == ERR_NOT_FOUND && is_elsewhere(s, spec))
        return err_set(e, ERR_NOT_FOUND,
                       "snapshot '%s' is in the trash: `abri undelete` brings it back", spec);
    return err_give(e, &why);
}

int snaps_find_all(const struct snaps *s, const struct words *w, const struct snapshot **out,
                   struct err *e)
{
    for (size_t i = 0; i < w->count; i++) {
        if (snaps_find(s, w->items[i], &out[i], e))
            return -1;
        for (size_t j = 0; j < i; j++)
            if (out[j] == out[i])
                return err_set(e, ERR_USAGE, "'%s' and '%s' are the same snapshot", w->items[j],
                               w->items[i]);
    }
    return 0;
}

static bool has_tag(const struct snapshot *s, const char *tag, size_t len)
{
    for (size_t i = 0; i < s->tag_count; i++)
        if (strlen(s->tags[i]) == len && memcmp(s->tags[i], tag, len) == 0)
            return true;
    return false;
}

bool snapshot_has_tags(const struct snapshot *s, const char *commas)
{
    for (const char *p = commas;; p++) {
        size_t n = strcspn(p, ",");
        if (n > 0 && !has_tag(s, p, n))
            return false;
        p += n;
        if (!*p)
            return true;
    }
}

int snapshot_wrap(const struct snapshot *s, struct err *e)
{
    char id[SHORT_ID_BYTES];
    short_id(s->id, id);
    return err_wrap(e, "snapshot %s", id);
}
