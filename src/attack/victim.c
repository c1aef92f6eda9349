/* SPDX-License-Identifier: Apache-2.0 */
/* The victim: data that changes from backup to backup, and what comes back of it. */
#include "attack/world.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define GRANT_HOURS 2

int victim_begin(struct victim *v, struct party *machine, struct err *e)
{
    struct world *w = machine->world;
    *v = (struct victim){.machine = machine, .seed = w->o->seed};
    for (const char *p = machine->name; *p; p++)
        v->seed = v->seed * 31 + (unsigned char)*p;
    int n = snprintf(v->source, sizeof v->source, "%s/%s-data", w->dir, machine->name);
    if (n < 0 || n >= (int)sizeof v->source)
        return err_set(e, ERR_LIMIT, "'%s': the path is too long", w->dir);
    v->points = mem_array(VICTIM_MAX, sizeof *v->points);
    return v->points ? 0 : err_no_memory(e, "snapshots");
}

void victim_done(struct victim *v)
{
    mem_free(v->points);
    *v = (struct victim){0};
}

/* ---- backup --------------------------------------------------------------------------------------- */

static void problem(void *arg, const char *item, const struct err *e)
{
    struct err *first = arg;
    if (first->cls == ERR_UNSET) {
        *first = *e;
        (void)err_wrap(first, "%s", item);
    }
}

int victim_backup(struct victim *v, struct err *e)
{
    struct party *m = v->machine;
    CLEANUP(access_close) struct access a = {0};
    struct err first = ERR_INIT;
    const char *paths[] = {v->source};
    const struct backup_options o = {.paths = paths, .path_count = 1, .host = m->name, .level = 1, .threads = 1,
                                     .problem = problem, .arg = &first};
    struct backup_result r = {0};
    if (v->count == VICTIM_MAX)
        return err_set(e, ERR_LIMIT, "more than %d backups in one play", VICTIM_MAX);
    if (tree_make(v->source, v->seed, ++v->version, e) || access_open(m->world->url, &m->dirs, &a, e) ||
        access_as_writer(&a, &m->dirs, e) || work_backup(&a, &m->dirs, &o, &r, e))
        return err_wrap(e, "'%s' backs up", m->name);
    if (first.cls != ERR_UNSET)
        return err_give(e, &first);
    memcpy(v->points[v->count].id, r.id, ID_BYTES);
    v->points[v->count++].version = v->version;
    return 0;
}

/* ---- reading --------------------------------------------------------------------------------------- */

bool victim_can_be_read(const struct victim *v)
{
    return v->machine->world->own || v->machine->who.restore;
}

static int grant(struct world *w, const char *vault, struct err *e)
{
    json_t *in = json_pack("{s:s, s:s, s:i, s:s}", "vault", vault, "to", w->owner.who.id, "hours", GRANT_HOURS, "reason",
                           "restore after an attack");
    int rc = in ? party_ask(&w->owner, "POST", "/v1/grants", in, NULL, e) : err_no_memory(e, "a request");
    json_decref(in);
    return rc;
}

/* Of an own server the owner reads, by a grant: the machine itself may not. */
int victim_open(struct victim *v, struct access *out, struct err *e)
{
    struct world *w = v->machine->world;
    struct party *reader = w->own ? &w->owner : v->machine;
    char vault[2 * UID_BYTES + 1], location[512];
    party_vault(v->machine, vault);
    (void)snprintf(location, sizeof location, "%s/%s", w->url, vault);
    if ((w->own && grant(w, vault, e)) || access_open(location, &reader->dirs, out, e))
        return -1;
    if (access_as_reader(out, world_ask_passphrase, w, e)) {
        access_close(out);
        return -1;
    }
    return 0;
}

int victim_list(struct victim *v, struct snapshot_list *out, struct err *e)
{
    CLEANUP(access_close) struct access a = {0};
    return victim_open(v, &a, e) || vault_snapshots(a.vault, out, NULL, NULL, e) ? -1 : 0;
}

static int restore_to(struct access *a, const struct victim_point *point, const char *target, struct victim_restored *out,
                      struct err *e)
{
    struct snapshot_list all = {0};
    struct err first = ERR_INIT;
    struct restore_result r;
    const struct restore_options o = {.path = "", .target = target, .overwrite = TARGET_ALWAYS, .threads = 1,
                                      .problem = problem, .arg = &first};
    const struct snapshot *found = NULL;
    int rc = vault_snapshots(a->vault, &all, NULL, NULL, e);
    for (size_t i = 0; !rc && i < all.count; i++)
        if (memcmp(all.items[i].id, point->id, ID_BYTES) == 0)
            found = &all.items[i];
    if (!rc && !found)
        rc = err_set(e, ERR_NOT_FOUND, "the snapshot is gone");
    if (!rc)
        out->age_s = (double)(clock_realtime_ns() - found->received_ns) / (double)NS_PER_S;
    if (!rc)
        rc = work_restore(a, found, &o, &r, e);
    snapshot_list_done(&all);
    return rc || first.cls != ERR_UNSET ? (rc ? rc : err_give(e, &first)) : 0;
}

int victim_restore(struct victim *v, const struct victim_point *point, struct victim_restored *out, struct err *e)
{
    struct world *w = v->machine->world;
    CLEANUP(access_close) struct access a = {0};
    char target[WORLD_PATH], expected[WORLD_PATH], restored[WORLD_PATH * 2];
    int64_t start = clock_monotonic_ns();
    *out = (struct victim_restored){0};
    (void)snprintf(target, sizeof target, "%.450s/restored-%u", w->dir, ++w->restores);
    (void)snprintf(expected, sizeof expected, "%.450s/expected", w->dir);
    (void)snprintf(restored, sizeof restored, "%s%s", target, v->source);
    int rc = file_make_dirs(target, 0700, e) || victim_open(v, &a, e) || restore_to(&a, point, target, out, e) ? -1 : 0;
    out->took_s = (double)(clock_monotonic_ns() - start) / (double)NS_PER_S;
    if (!rc)
        rc = tree_remove(expected, e) || tree_make(expected, v->seed, point->version, e) ? -1 : 0;
    if (!rc)
        out->same = tree_same(expected, restored, out->why);
    (void)!tree_remove(target, NULL);
    return rc;
}

void victim_recover(struct play *p, struct victim *v)
{
    struct victim_restored r;
    struct err why = ERR_INIT;
    if (!victim_can_be_read(v)) {
        play_tell(p, "not restored: the token allowed no reading");
        return;
    }
    if (!v->count || p->error.cls != ERR_UNSET)
        return;
    if (victim_restore(v, &v->points[v->count - 1], &r, &why)) {
        (void)play_claim(p, false, "the newest clean snapshot could not be restored: %s", why.msg);
        return;
    }
    if (!play_claim(p, r.same, "what was restored differs: %s", r.why))
        return;
    p->result.recovered = true;
    p->result.rpo_s = r.age_s < 0 ? 0 : r.age_s;
    p->result.rto_s = r.took_s;
}
