/* SPDX-License-Identifier: Apache-2.0 */
#include "copy_world.h"

#include <stdio.h>

void note_refused(void *arg, const struct snapshot *s, const char *why)
{
    struct events *ev = arg;
    (void)s;
    ev->refused++;
    (void)snprintf(ev->why, sizeof ev->why, "%s", why);
}

static void on_damaged(void *arg, const char *object, const char *message)
{
    struct events *ev = arg;
    (void)object;
    (void)message;
    ev->damaged++;
}

static void on_copied(void *arg, const struct snapshot *s)
{
    const struct events *ev = arg;
    (void)s;
    if (ev->on_copied)
        ev->on_copied();
}

int copy_try(struct world *from, struct world *to, size_t only, bool dry_run,
                    struct events *ev, struct vault_copy_result *r, struct err *e)
{
    struct snapshot_list l = {0};
    const struct snapshot *items[64];
    size_t count = 0;
    struct vault_copy_options o = {.dry_run = dry_run, .refused = note_refused, .copied = on_copied,
                                   .damaged = on_damaged, .arg = ev};
    *r = (struct vault_copy_result){0};
    if (vault_snapshots(from->v, &l, NULL, NULL, e))
        return -1;
    for (size_t i = 0; i < l.count && count < 64; i++)
        if (only == SIZE_MAX || only == i)
            items[count++] = &l.items[i];
    int rc = vault_copy(from->v, to->v, items, count, &o, r, e);
    snapshot_list_done(&l);
    return rc;
}

struct vault_copy_result copy(struct world *from, struct world *to)
{
    struct events ev = {0};
    struct vault_copy_result r;
    assert_ok(copy_try(from, to, SIZE_MAX, false, &ev, &r, e));
    if (ev.refused)
        fail_msg("refused: %s", ev.why);
    return r;
}

struct snapshot_list list_of(struct world *w)
{
    struct snapshot_list l = {0};
    assert_ok(vault_snapshots(w->v, &l, NULL, NULL, e));
    return l;
}
