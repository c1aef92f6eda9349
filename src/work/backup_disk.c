/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disks of a machine, as files of a snapshot. The planner walks the map of each
 * disk; workers read what has to be read; what a changed-block map leaves out is taken
 * from the last snapshot, whose chunks the cache knows.
 *
 *  K4 a chunk that is kept is referred to in this session; one that the vault does not
 *     have any more is read instead.
 */
#include "work/backup_disk.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "layout/layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DISKS_DIR   "disks"
#define MACHINE_DIR "machine"
#define KEPT_ITEMS  2048u /* of one step */

/* ---- names ------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    const struct backup_disk *x = *(const struct backup_disk *const *)a;
    const struct backup_disk *y = *(const struct backup_disk *const *)b;
    return path_compare(x->name, strlen(x->name), y->name, strlen(y->name));
}

static int by_file_name(const void *a, const void *b)
{
    const struct backup_description *x = *(const struct backup_description *const *)a;
    const struct backup_description *y = *(const struct backup_description *const *)b;
    return path_compare(x->name, strlen(x->name), y->name, strlen(y->name));
}

static bool is_name(const char *name)
{
    return path_is_valid(name, strlen(name)) && !strchr(name, '/');
}

static int check_names(const struct backup_disks *o, struct err *e)
{
    if (o->count == 0 || o->count > BACKUP_DISKS_MAX || o->file_count > BACKUP_DISKS_MAX)
        return err_set(e, ERR_LIMIT, "1 to %u disks in one snapshot", BACKUP_DISKS_MAX);
    for (size_t i = 0; i < o->count; i++)
        if (!is_name(o->disks[i].name))
            return err_set(e, ERR_USAGE, "'%s' is no name for a disk", o->disks[i].name);
    for (size_t i = 0; i < o->file_count; i++)
        if (!is_name(o->files[i].name) || o->files[i].len > BACKUP_DESCRIPTION_MAX)
            return err_set(e, ERR_USAGE,
                           "'%s' is no description of a machine: too long, or no name",
                           o->files[i].name);
    return 0;
}

int backup_name_disks(struct backup *b, struct err *e)
{
    const struct backup_disks *o = b->options->disks;
    if (check_names(o, e))
        return -1;
    b->disks = mem_array(o->count, sizeof *b->disks);
    b->disk_paths = mem_array(o->count, sizeof *b->disk_paths);
    if (!b->disks || !b->disk_paths)
        return err_no_memory(e, "disks");
    b->path_count = o->count;
    for (size_t i = 0; i < o->count; i++)
        b->disks[i] = &o->disks[i];
    qsort(b->disks, o->count, sizeof *b->disks, by_name);
    for (size_t i = 0; i < o->count; i++) {
        const char *name = b->disks[i]->name;
        size_t cap = strlen(name) + sizeof "/" DISKS_DIR "/";
        if (i && strcmp(b->disks[i - 1]->name, name) == 0)
            return err_set(e, ERR_USAGE, "two disks are called '%s': --disk NAME=SOURCE", name);
        if (!(b->disk_paths[i] = mem_alloc(cap)))
            return err_no_memory(e, "disks");
        (void)snprintf(b->disk_paths[i], cap, "/" DISKS_DIR "/%s", name);
    }
    b->paths = (const char *const *)b->disk_paths;
    return 0;
}

/* ---- entries --------------------------------------------------------------------------- */

static const struct seen never_seen = {.ctime_ns = UINT32_MAX};

static int push_entry(struct backup *b, const struct entry *en, struct err *e)
{
    struct step s = {.kind = STEP_ENTRY, .seen = never_seen, .entry = entry_dup(en)};
    return s.entry ? backup_push(b, &s, e) : err_no_memory(e, "an entry");
}

static int push_dir(struct backup *b, const char *name, struct err *e)
{
    struct entry en = backup_made_now(b, ENTRY_DIR, 0700);
    en.path = name;
    en.path_len = strlen(name);
    return push_entry(b, &en, e);
}

static int push_description(struct backup *b, const struct backup_description *f, struct err *e)
{
    char path[sizeof MACHINE_DIR "/" + ENTRY_NAME_MAX];
    struct item it = {.kind = ITEM_CHUNK, .len = f->len};
    struct entry en = backup_made_now(b, ENTRY_FILE, 0600);
    en.path_len = (size_t)snprintf(path, sizeof path, MACHINE_DIR "/%s", f->name);
    en.path = path;
    en.size = f->len;
    if (f->len) {
        seal_id(b->access->ids, SEAL_DATA, f->data, f->len, it.id);
        if (backup_store(b, &b->workers[b->threads], SEAL_DATA, it.id, f->data, f->len, e))
            return -1;
        en.items = &it;
        en.item_count = 1;
    }
    b->result->files_new++;
    return push_entry(b, &en, e);
}

/* ---- the note ------------------------------------------------------------------------------ */

static int read_for_layout(void *arg, uint64_t off, void *p, size_t len, struct err *e)
{
    return disk_read_at(arg, off, p, len, e);
}

static int make_note(struct disk_plan *p, struct buf *out, struct err *e)
{
    const struct backup_disks *o = p->backup->options->disks;
    struct layout_note *n = mem_zalloc(sizeof *n);
    if (!n)
        return err_no_memory(e, "the note of a disk");
    (void)snprintf(n->format, sizeof n->format, "%s", disk_get_info(p->disk)->format);
    const char *mark = o->next_map ? o->next_map : "";
    utf8_clean(p->what->source, strlen(p->what->source), n->source, sizeof n->source);
    utf8_clean(mark, strlen(mark), n->mark, sizeof n->mark);
    int rc =
        layout_probe(p->size, read_for_layout, p, &n->layout, e) || layout_note_encode(n, out, e)
            ? -1
            : 0;
    mem_free(n);
    return rc;
}

/* The map that the last snapshot noted as beginning with it. */
static bool noted_map(const struct entry *last, char out[LAYOUT_TEXT])
{
    struct err ignored = ERR_INIT;
    struct layout_note *n = mem_zalloc(sizeof *n);
    bool ok =
        n && last->note_len && layout_note_decode(last->note, last->note_len, n, &ignored) == 0;
    (void)snprintf(out, LAYOUT_TEXT, "%s", ok ? n->mark : "");
    mem_free(n);
    return ok;
}

void backup_noted_map(struct backup *b, char out[BACKUP_MAP_MAX + 1])
{
    _Static_assert(LAYOUT_TEXT == BACKUP_MAP_MAX + 1, "a note holds the name of a map");
    char noted[LAYOUT_TEXT];
    *out = '\0';
    for (size_t i = 0; i < b->path_count; i++) {
        const struct entry *last;
        const struct seen *seen;
        const char *path = b->disk_paths[i] + 1;
        bool known = cache_reader_find(b->cache_in, path, strlen(path), &last, &seen) &&
                     noted_map(last, noted);
        if (!known || (i > 0 && strcmp(noted, out) != 0)) {
            *out = '\0';
            return;
        }
        memcpy(out, noted, sizeof noted);
    }
}

/* Whether the changed-block map tells what changed since the last snapshot. */
static bool map_belongs(const struct disk_plan *p, const struct entry *last)
{
    char noted[LAYOUT_TEXT];
    const char *map = p->backup->options->disks->map;
    if (!map)
        return false;
    if (!disk_get_info(p->disk)->has_bitmap) {
        disk_plan_tell(p, "its server offers no map called '%s': all of it is read", map);
        return false;
    }
    if (!last) {
        disk_plan_tell(p, "no earlier snapshot of it is remembered here: all of it is read");
        return false;
    }
    if (!noted_map(last, noted) || strcmp(noted, map) != 0) {
        disk_plan_tell(p,
                       "the map '%s' does not begin with the last snapshot (that noted '%s'): all "
                       "of it is read",
                       map, noted);
        return false;
    }
    return true;
}

/* ---- content -------------------------------------------------------------------------------- */

static struct job *kept_job(struct err *e)
{
    struct job *j = mem_zalloc(sizeof *j);
    if (!j) {
        (void)err_no_memory(e, "a disk");
        return NULL;
    }
    j->submitted = true;
    atomic_store(&j->base.done, true); /* nothing to run: it only carries items */
    return j;
}

static int push_kept_items(struct backup *b, struct job **j, struct err *e)
{
    struct step s = {.kind = STEP_SEGMENT, .job = *j};
    *j = NULL;
    return s.job ? backup_push(b, &s, e) : 0;
}

/* 1 if the chunk at [from, to) was kept; 0 if it has to be read. */
static int keep_chunk(struct disk_plan *p, struct job **j, uint64_t from, uint64_t to,
                      struct err *e)
{
    const struct item *last = last_items_at(&p->last, from, to);
    if (!last || (last->kind == ITEM_CHUNK && !backup_refer(p->backup, last->id)))
        return 0;
    struct item it = *last;
    it.len = to - from;
    if (*j && (*j)->item_count == KEPT_ITEMS && push_kept_items(p->backup, j, e))
        return -1;
    if ((!*j && !(*j = kept_job(e))) || job_add_item(*j, &it, e))
        return -1;
    p->backup->result->disk_kept += it.len;
    return 1;
}

static int push_data(struct disk_plan *p, struct big_file *f, uint64_t from, uint64_t to,
                     struct err *e)
{
    p->backup->result->disk_read += to - from;
    return backup_push_segments(p->backup, f, from, to, true, e);
}

static void count_skipped(struct disk_plan *p, uint64_t len)
{
    if (p->backup->options->progress)
        progress_add(&p->backup->options->progress->bytes, len);
}

static int push_kept(struct disk_plan *p, struct big_file *f, const struct stretch *s,
                     struct err *e)
{
    struct job *j = NULL;
    int rc = 0;
    for (uint64_t from = s->from; from < s->to && rc >= 0;) {
        uint64_t to = from + p->grain < s->to ? from + p->grain : s->to;
        rc = keep_chunk(p, &j, from, to, e);
        if (rc == 0 && (push_kept_items(p->backup, &j, e) || push_data(p, f, from, to, e)))
            rc = -1;
        if (rc > 0)
            count_skipped(p, to - from);
        from = to;
    }
    if (rc < 0) {
        if (j)
            job_free(j);
        return -1;
    }
    return push_kept_items(p->backup, &j, e);
}

static int push_stretch(struct disk_plan *p, struct big_file *f, const struct stretch *s,
                        struct err *e)
{
    if (s->kind == STRETCH_KEPT)
        return push_kept(p, f, s, e);
    if (s->kind == STRETCH_DATA)
        return push_data(p, f, s->from, s->to, e);
    p->backup->result->disk_empty += s->to - s->from;
    count_skipped(p, s->to - s->from);
    return backup_push_hole(p->backup, s->to - s->from, e);
}

static int push_content(struct disk_plan *p, struct big_file *f, struct err *e)
{
    struct backup *b = p->backup;
    struct stretch s;
    int rc;
    disk_plan_rewind(p);
    while ((rc = disk_plan_next(p, &s, e)) > 0) {
        if (b->options->progress && progress_cancelled(b->options->progress))
            return err_set(e, ERR_CANCELLED, "interrupted: nothing was committed");
        if (push_stretch(p, f, &s, e))
            return -1;
    }
    return rc ? err_wrap(e, "disk '%s'", p->what->name) : 0;
}

static struct big_file *new_file(struct backup *b, const struct backup_disk *what, struct err *e)
{
    struct big_file *f = mem_zalloc(sizeof *f);
    struct disk_reader **readers = mem_array(b->threads, sizeof *readers);
    if (!f || !readers) {
        mem_free(f);
        mem_free(readers);
        (void)err_no_memory(e, "a disk");
        return NULL;
    }
    *f = (struct big_file){.fd = -1,
                           .disk = what->disk,
                           .disk_name = what->name,
                           .readers = readers,
                           .reader_count = b->threads};
    atomic_init(&f->pending, 1);
    return f;
}

/* ---- a disk -------------------------------------------------------------------------------------
 */

static struct source_item item_of(const struct backup *b, const struct disk_plan *p,
                                  const char *path)
{
    const struct disk_info *info = disk_get_info(p->disk);
    struct source_item it = {.path = path,
                             .path_len = strlen(path),
                             .type = ENTRY_FILE,
                             .mode = 0600,
                             .size = info->size,
                             .ino = info->ino,
                             .ctime_s = info->ctime_s,
                             .ctime_ns = info->ctime_ns,
                             .mtime_s = info->mtime_s,
                             .mtime_ns = info->mtime_ns};
    if (!info->has_stat) {
        it.mtime_s = b->started_ns / NS_PER_S;
        it.mtime_ns = (uint32_t)(b->started_ns % NS_PER_S);
        it.ctime_ns = UINT32_MAX;
    }
    return it;
}

static int push_disk(struct disk_plan *p, const struct source_item *it, struct err *e)
{
    struct backup *b = p->backup;
    CLEANUP(buf_done) struct buf note = {0};
    struct entry en = backup_made_now(b, ENTRY_FILE, it->mode);
    if (disk_reader_new(p->disk, p->grain, &p->reader, e) || disk_plan_check(p, e) ||
        make_note(p, &note, e))
        return err_wrap(e, "disk '%s'", p->what->name);
    en.path = it->path;
    en.path_len = it->path_len;
    en.mtime_s = it->mtime_s;
    en.mtime_ns = it->mtime_ns;
    en.size = it->size;
    en.note = note.data;
    en.note_len = note.len;
    struct step first = {.kind = STEP_FILE,
                         .seen = {.ino = it->ino, .ctime_s = it->ctime_s, .ctime_ns = it->ctime_ns},
                         .entry = entry_dup(&en)};
    if (!first.entry)
        return err_no_memory(e, "an entry");
    if (!(b->planning = new_file(b, p->what, e))) {
        mem_free(first.entry);
        return -1;
    }
    if (backup_push(b, &first, e) || push_content(p, b->planning, e))
        return -1;
    big_file_release(b->planning);
    struct step last = {.kind = STEP_FILE_END, .file = TAKE(b->planning)};
    return backup_push(b, &last, e);
}

/* As the cache has it, or NULL. */
static const struct entry *entry_of_last(struct backup *b, const struct source_item *it)
{
    const struct entry *en;
    const struct seen *seen;
    return cache_reader_find(b->cache_in, it->path, it->path_len, &en, &seen) ? en : NULL;
}

static int plan_disk(struct backup *b, const struct backup_disk *what, const char *path,
                     struct err *e)
{
    struct disk_plan p = {.backup = b,
                          .what = what,
                          .disk = what->disk,
                          .size = disk_get_info(what->disk)->size,
                          .grain = b->chunking.fixed,
                          .use_empty = true};
    struct source_item it = item_of(b, &p, path);
    const struct entry *last;
    /* What is still in the ring reads the cache, too. */
    if (backup_flush_all(b, e))
        return -1;
    int taken = 0;
    if (disk_get_info(p.disk)->has_stat)
        taken = backup_take_unchanged(b, &it, &last, e);
    else
        last = entry_of_last(b, &it);
    if (taken) {
        count_skipped(&p, p.size);
        b->result->disk_kept += p.size;
        return taken < 0 ? -1 : 0;
    }
    if (last)
        b->result->files_changed++;
    else
        b->result->files_new++;
    p.use_clean = !b->options->force_read && map_belongs(&p, last);
    if (p.use_clean)
        p.last = (struct last_items){
            .cache = b->cache_in, .where = cache_reader_items(b->cache_in), .entry = last};
    int rc = push_disk(&p, &it, e);
    disk_reader_free(p.reader);
    return rc;
}

static int plan_descriptions(struct backup *b, const struct backup_disks *o, struct err *e)
{
    CLEANUP_FREE const struct backup_description **files = mem_array(o->file_count, sizeof *files);
    if (!files)
        return err_no_memory(e, "descriptions");
    for (size_t i = 0; i < o->file_count; i++)
        files[i] = &o->files[i];
    qsort(files, o->file_count, sizeof *files, by_file_name);
    if (push_dir(b, MACHINE_DIR, e))
        return -1;
    for (size_t i = 0; i < o->file_count; i++) {
        if (i && strcmp(files[i - 1]->name, files[i]->name) == 0)
            return err_set(e, ERR_USAGE, "two descriptions are called '%s'", files[i]->name);
        if (push_description(b, files[i], e))
            return -1;
    }
    return 0;
}

int backup_plan_disks(struct backup *b, struct err *e)
{
    const struct backup_disks *o = b->options->disks;
    if (b->options->progress) {
        uint64_t total = 0;
        for (size_t i = 0; i < o->count; i++)
            total += disk_get_info(o->disks[i].disk)->size;
        atomic_store(&b->options->progress->bytes_total, total);
        atomic_store(&b->options->progress->items_total, o->count + o->file_count);
    }
    if (push_dir(b, DISKS_DIR, e))
        return -1;
    for (size_t i = 0; i < o->count; i++)
        if (plan_disk(b, b->disks[i], b->disk_paths[i] + 1, e))
            return -1;
    return o->file_count ? plan_descriptions(b, o, e) : 0;
}
