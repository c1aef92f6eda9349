/* SPDX-License-Identifier: Apache-2.0 */
/* restore --to: which disks are meant and where each goes; then one after the other, and what came
 * of it. */
#include "cli/restore_disks.h"

#include "cli/amount.h"
#include "cli/json_out.h"

#include "work/find_disks.h"

#include "base/file.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct meant {
    struct disk_list disks;
    char *snap, *disk; /* of the word; disk is "" if there was none */
    bool into_dir;
};

static void meant_done(struct meant *m)
{
    disk_list_done(&m->disks);
    mem_free(m->snap);
    mem_free(m->disk);
}

/* ---- which ------------------------------------------------------------------------ */

static int say_which(const struct meant *m, struct err *e)
{
    char names[256] = "";
    for (size_t i = 0; i < m->disks.count; i++) {
        size_t used = strlen(names);
        (void)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "",
                       m->disks.items[i].name);
    }
    return err_set(
        e, ERR_USAGE,
        "the snapshot has several disks (%s): name one with SNAP:DISK, or a directory with "
        "--to DIR/",
        names);
}

static int find_meant(struct meant *m, struct access *a, const struct snapshot *s, struct err *e)
{
    CLEANUP_FREE struct root *root = NULL;
    if (work_open_root(a, s, &root, e) ||
        work_find_disks(a, root, *m->disk ? m->disk : NULL, &m->disks, e))
        return -1;
    return m->disks.count > 1 && !m->into_dir ? say_which(m, e) : 0;
}

/* ---- where -------------------------------------------------------------------------- */

static bool is_directory(const char *to)
{
    struct stat st;
    if (disk_is_uri(to))
        return false;
    size_t len = strlen(to);
    return (len && to[len - 1] == '/') || (stat(to, &st) == 0 && S_ISDIR(st.st_mode));
}

/* DIR/NAME, or DIR/NAME.qcow2. A link there is not followed: the name is the snapshot's. */
static int place_in(const struct disk_restore_words *w, const char *path, char **out, struct err *e)
{
    struct stat st;
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    bool raw = !w->format || strcmp(w->format, "raw") == 0;
    size_t dir = strlen(w->to);
    size_t cap = dir + strlen(name) + (raw ? 0 : strlen(w->format)) + sizeof "/.";
    char *place = mem_alloc(cap);
    if (!place)
        return err_no_memory(e, "a path");
    (void)snprintf(place, cap, "%s%s%s%s%s", w->to, w->to[dir - 1] == '/' ? "" : "/", name,
                   raw ? "" : ".", raw ? "" : w->format);
    if (lstat(place, &st) == 0 && !S_ISREG(st.st_mode)) {
        (void)err_set(e, ERR_EXISTS, "'%s' is there, and is no file", place);
        mem_free(place);
        return -1;
    }
    *out = place;
    return 0;
}

/* ---- one ------------------------------------------------------------------------------ */

static void tell_notice(void *arg, const char *target, const char *what)
{
    report_notice(arg, target, what);
}

static void tell_json(struct cli *c, const struct snapshot *s, const char *path, const char *to,
                      const struct disk_restore_words *w, const struct restore_disk_result *r)
{
    json_t *o = json_object_of("summary");
    json_put_bool(o, "dry_run", w->dry_run);
    json_put_hex(o, "snapshot_id", s->id, ID_BYTES);
    json_put_text(o, "path", path, strlen(path));
    json_put_text(o, "target", to, strlen(to));
    if (*r->format)
        json_put_string(o, "format", r->format);
    json_put_number(o, "disk_bytes", r->size);
    json_put_number(o, "disk_bytes_written", r->written);
    json_put_number(o, "disk_bytes_left", r->left);
    json_put_number(o, "disk_bytes_zero", r->zeros);
    json_put_number(o, "disk_bytes_damaged", r->damaged);
    if (w->verify && !w->dry_run)
        json_put_number(o, "disk_bytes_verified", r->verified);
    if (!w->dry_run)
        json_put_number(o, "target_bytes", r->target_size);
    json_put_bool(o, "resumed", r->resumed);
    if (r->resumed)
        json_put_number(o, "resumed_at", r->resumed_at);
    json_put_seconds(o, "total_duration", r->duration_ns);
    json_emit(c, stdout, o);
}

static void tell_people(struct cli *c, const struct snapshot *s, const char *path, const char *to,
                        const struct disk_restore_words *w, const struct restore_disk_result *r)
{
    char id[SHORT_ID_BYTES], size[AMOUNT_TEXT_BYTES], part[AMOUNT_TEXT_BYTES],
        time[AMOUNT_TEXT_BYTES];
    const char *slash = strrchr(path, '/');
    short_id(s->id, id);
    amount_format_size(r->size, size);
    amount_format_duration(r->duration_ns, time);
    if (r->resumed)
        say_note(c, "went on with an interrupted restore, at byte %" PRIu64, r->resumed_at);
    say_note(c, "%s '%s' (%s) of snapshot %s to '%s' in %s",
             w->dry_run ? "would restore" : "restored", slash ? slash + 1 : path, size, id, to,
             time);
    amount_format_size(r->written, part);
    amount_format_size(r->zeros, size);
    say_note(c, "%s %s, %s are empty", w->dry_run ? "would write" : "wrote", part, size);
    if (w->delta) {
        amount_format_size(r->left, part);
        say_note(c, "left %s as it was", part);
    }
    if (!w->dry_run && r->target_size > r->size)
        say_note(c, "the target is larger: its %" PRIu64 " bytes behind the disk were left alone",
                 r->target_size - r->size);
    if (w->verify && !w->dry_run) {
        amount_format_size(r->verified, part);
        say_note(c, "verified %s", part);
    }
}

static int restore_one(struct cli *c, struct access *a, const struct snapshot *s, const char *path,
                       const char *to, const struct disk_restore_words *w, uint64_t *damaged,
                       struct err *e)
{
    size_t dirs = w->backing->count;
    CLEANUP_FREE const char **backing = mem_array(dirs + 1, sizeof *backing);
    if (!backing)
        return err_no_memory(e, "a list");
    for (size_t i = 0; i < dirs; i++)
        backing[i] = w->backing->items[i].text;
    struct restore_disk_options o = {
        .path = path,
        .target = to,
        .format = w->format,
        .existing = w->delta     ? DISK_EXISTING_KEEP
                    : w->replace ? DISK_EXISTING_REPLACE
                                 : DISK_EXISTING_REFUSE,
        .delta = w->delta,
        .backing = backing,
        .backing_count = dirs,
        .dry_run = w->dry_run,
        .verify = w->verify,
        .threads = w->threads,
        .stretch = w->sync_every,
        .dirs = &c->dirs,
        .problem = report_problem,
        .told = tell_notice,
        .arg = c,
        .progress = &c->progress,
    };
    struct restore_disk_result r = {0};
    progress_bar_start(c, "disks");
    int rc = work_restore_disk(a, s, &o, &r, e);
    progress_bar_stop(c);
    if (rc)
        return -1;
    *damaged += r.damaged;
    if (c->global.json)
        tell_json(c, s, path, to, w, &r);
    else
        tell_people(c, s, path, to, w, &r);
    return 0;
}

/* ---- all ------------------------------------------------------------------------------- */

static int end_with_damage(const struct disk_restore_words *w, uint64_t damaged, struct err *e)
{
    if (damaged == 0)
        return 0;
    if (w->allow_damage)
        return err_set(e, ERR_INCOMPLETE,
                       "%" PRIu64 " bytes are damaged in the vault: see above; everything else was "
                       "restored",
                       damaged);
    return err_set(
        e, ERR_DAMAGED,
        "%" PRIu64 " bytes are damaged in the vault, so this is not the disk as it was: see "
        "above. After `abri repair`, --delta writes what is missing; --allow-damage takes it "
        "as it is",
        damaged);
}

static int restore_all(struct cli *c, struct access *a, const struct snapshot *s,
                       const struct meant *m, const struct disk_restore_words *w, struct err *e)
{
    uint64_t damaged = 0;
    for (size_t i = 0; i < m->disks.count; i++) {
        CLEANUP_FREE char *place = NULL;
        const char *path = m->disks.items[i].file->path;
        if (m->into_dir && place_in(w, path, &place, e))
            return -1;
        if (restore_one(c, a, s, path, place ? place : w->to, w, &damaged, e))
            return err_wrap(e, "disk '%s'", path);
    }
    return end_with_damage(w, damaged, e);
}

int restore_disks(struct cli *c, const char *spec, const struct disk_restore_words *w,
                  struct err *e)
{
    CLEANUP(access_close) struct access access = {0};
    CLEANUP(snapshot_list_done) struct snapshot_list all = {0};
    CLEANUP(meant_done) struct meant m = {0};
    size_t at;
    if (!*w->to)
        return err_set(e, ERR_USAGE, "--to '': where is it?");
    m.into_dir = is_directory(w->to);
    if (snap_spec_split(spec, &m.snap, &m.disk, e) || cli_open_reader(c, &access, e) ||
        vault_snapshots(access.vault, &all, report_damage, c, e) ||
        work_find_snapshot(&all, m.snap, &at, e) || find_meant(&m, &access, &all.items[at], e) ||
        (m.into_dir && !w->dry_run && file_make_dirs(w->to, 0700, e)))
        return -1;
    return restore_all(c, &access, &all.items[at], &m, w, e);
}
