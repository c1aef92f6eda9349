/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The replaying half: a small file system in memory that knows, for each name
 * and each byte, what the process sees and what the disk has.
 *
 * Invariants
 * 1. A node's bytes are writes[0 … count); the disk is sure
 *    of writes[0 … synced) only.
 * 2. An entry's `now` is what the process sees, `durable` what its directory
 *    had when it was last synced.
 * 3. The same record, number of calls, cut and seed always give the same tree.
 */
#include "store_record_log.h"

#include "base/file.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct node;

struct entry {
    char *name;
    struct node *now, *durable;
};

struct node {
    struct node *next; /* of all nodes, for freeing */
    uint64_t number;
    bool is_dir;
    struct entry *entries;
    size_t entry_count;
    size_t *writes; /* numbers of calls */
    size_t write_count, synced;
};

struct disk {
    const struct store_record *record;
    struct node *all;
    struct node *top;
    uint64_t nodes;
    enum record_cut cut;
    uint64_t seed, random;
};

/* ---- the tree -------------------------------------------------------------------- */

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state * UINT64_C(0x2545f4914f6cdd1d) >> 11;
}

static struct node *node_new(struct disk *d, bool is_dir)
{
    struct node *n = mem_zalloc(sizeof *n);
    assert(n);
    n->is_dir = is_dir;
    n->number = ++d->nodes;
    n->next = d->all;
    d->all = n;
    return n;
}

static void disk_done(struct disk *d)
{
    for (struct node *n = d->all; n;) {
        struct node *next = n->next;
        for (size_t i = 0; i < n->entry_count; i++)
            mem_free(n->entries[i].name);
        mem_free(n->entries);
        mem_free(n->writes);
        mem_free(n);
        n = next;
    }
}

/* The entry `name` (`len` bytes) of a directory, made if missing. */
static struct entry *entry_of(struct node *dir, const char *name, size_t len)
{
    for (size_t i = 0; i < dir->entry_count; i++)
        if (strlen(dir->entries[i].name) == len && memcmp(dir->entries[i].name, name, len) == 0)
            return &dir->entries[i];
    dir->entries = mem_realloc(dir->entries, dir->entry_count + 1, sizeof *dir->entries);
    char *copy = mem_zalloc(len + 1);
    assert(dir->entries && copy);
    memcpy(copy, name, len);
    struct entry *made = &dir->entries[dir->entry_count++];
    *made = (struct entry){.name = copy};
    return made;
}

/* Where `path` stands in the tree that the process sees. */
static struct entry *find(struct disk *d, const char *path)
{
    struct node *dir = d->top;
    for (;;) {
        size_t len = strcspn(path, "/");
        struct entry *found = entry_of(dir, path, len);
        if (path[len] == '\0')
            return found;
        assert(found->now && found->now->is_dir);
        dir = found->now;
        path += len + 1;
    }
}

static void sync_dir(struct disk *d, const char *path)
{
    struct node *dir = path[0] == '\0' ? d->top : find(d, path)->now;
    assert(dir && dir->is_dir);
    for (size_t i = 0; i < dir->entry_count; i++)
        dir->entries[i].durable = dir->entries[i].now;
}

static void add_write(struct node *n, size_t op)
{
    n->writes = mem_realloc(n->writes, n->write_count + 1, sizeof *n->writes);
    assert(n->writes);
    n->writes[n->write_count++] = op;
}

static void apply(struct disk *d, size_t op)
{
    const struct logged *l = &d->record->ops[op];
    if (l->path[0] == '\0' && l->kind == LOGGED_MKDIR)
        return; /* the top itself: taken as there */
    if (strcmp(l->path, "..") == 0)
        return;
    if (l->kind == LOGGED_SYNC_DIR) {
        sync_dir(d, l->path);
        return;
    }
    struct node *n = find(d, l->path)->now;
    assert(n || l->kind == LOGGED_CREATE || l->kind == LOGGED_MKDIR);
    switch (l->kind) {
    case LOGGED_CREATE: find(d, l->path)->now = node_new(d, false); break;
    case LOGGED_MKDIR: find(d, l->path)->now = node_new(d, true); break;
    case LOGGED_PWRITE: add_write(n, op); break;
    case LOGGED_FDATASYNC: n->synced = n->write_count; break;
    case LOGGED_LINK: find(d, l->to)->now = n; break;
    case LOGGED_RENAME:
    case LOGGED_REPLACE:
        find(d, l->path)->now = NULL;
        find(d, l->to)->now = n;
        break;
    case LOGGED_UNLINK: find(d, l->path)->now = NULL; break;
    default: abort() /* a kind of call that the replay does not know */;
    }
}

/* ---- what is left ------------------------------------------------------------------------ */

/* One write that was not synced, as the cut has it. */
static int put_unsynced(struct disk *d, int fd, const struct logged *l, uint64_t *random)
{
    if (d->cut == RECORD_CUT_LOST)
        return 0;
    uint64_t coin = d->cut == RECORD_CUT_KEPT ? 0 : next_random(random) % 4;
    size_t part = (size_t)(next_random(random) % l->len);
    struct stat st;
    switch (coin) {
    case 0: return file_pwrite(fd, l->data, l->len, (off_t)l->off);
    case 1: return 0;
    case 2: return file_pwrite(fd, l->data, part, (off_t)l->off);
    default: /* the length reached the disk, the bytes did not */
        if (fstat(fd, &st))
            return -1;
        return st.st_size >= (off_t)(l->off + l->len) ? 0 : ftruncate(fd, (off_t)(l->off + l->len));
    }
}

static int put_file(struct disk *d, const struct node *n, const char *path, struct err *e)
{
    CLEANUP(file_close) int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(e, errno, "write '%s'", path);
    /* Two links to one node must come out alike. */
    uint64_t random = (d->seed ^ n->number * UINT64_C(0x9e3779b97f4a7c15)) | 1;
    for (size_t i = 0; i < n->write_count; i++) {
        const struct logged *l = &d->record->ops[n->writes[i]];
        int rc = i < n->synced ? file_pwrite(fd, l->data, l->len, (off_t)l->off)
                               : put_unsynced(d, fd, l, &random);
        if (rc)
            return err_sys(e, errno, "write '%s'", path);
    }
    return 0;
}

static struct node *survivor(struct disk *d, const struct entry *entry)
{
    if (entry->now == entry->durable || d->cut == RECORD_CUT_LOST)
        return entry->durable;
    if (d->cut == RECORD_CUT_KEPT)
        return entry->now;
    return next_random(&d->random) & 1 ? entry->now : entry->durable;
}

static int put_dir(struct disk *d, const struct node *dir, const char *path, struct err *e)
{
    if (mkdir(path, 0700) && errno != EEXIST)
        return err_sys(e, errno, "make '%s'", path);
    for (size_t i = 0; i < dir->entry_count; i++) {
        char full[PATH_MAX];
        const struct node *n = survivor(d, &dir->entries[i]);
        if (!n)
            continue;
        if (snprintf(full, sizeof full, "%s/%s", path, dir->entries[i].name) >= PATH_MAX)
            return err_set(e, ERR_LIMIT, "the path of '%s' is too long", dir->entries[i].name);
        if (n->is_dir ? put_dir(d, n, full, e) : put_file(d, n, full, e))
            return -1;
    }
    return 0;
}

int store_record_cut(struct store_record *r, size_t ops, enum record_cut cut, uint64_t seed,
                     const char *to, struct err *e)
{
    struct disk d = {.record = r, .cut = cut, .seed = seed};
    d.random = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
    d.top = node_new(&d, true);
    (void)pthread_mutex_lock(&r->lock);
    assert(ops <= r->count - r->before);
    for (size_t i = 0; i < r->before + ops; i++)
        apply(&d, i);
    int rc = put_dir(&d, d.top, to, e);
    (void)pthread_mutex_unlock(&r->lock);
    disk_done(&d);
    return rc;
}
