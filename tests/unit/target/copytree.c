/* SPDX-License-Identifier: Apache-2.0 */
/*
 * copytree FROM TO [always|if-changed|if-newer|never]
 *
 * Copies a tree as a backup and its restore would: walk, metadata, target. What
 * comes out of TO is compared by other programs.
 */
#include "base/file.h"
#include "base/mem.h"
#include "source/source.h"
#include "target/target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SMALL ((uint64_t)128 << 10)

struct link_seen {
    uint64_t link;
    char *path; /* relative to the target */
};

struct copy {
    struct target *t;
    struct source_meta *meta;
    char *from; /* relative to "/" */
    size_t from_len;
    struct target_dir **dirs; /* open, from the root down; NULL: skipped */
    size_t *dir_len;          /* length of the path of each */
    size_t depth, cap;
    struct link_seen *links;
    size_t link_count;
    size_t problems, skipped;
};

static void said(void *arg, const char *path, const struct err *e)
{
    struct copy *c = arg;
    c->problems++;
    (void)fprintf(stderr, "problem: '%s': %s\n", path, e->msg);
}

static void imperfect(void *arg, const char *path, bool expected, const struct err *e)
{
    (void)expected;
    said(arg, path, e);
}

_Noreturn static void die(const char *path, const struct err *e)
{
    (void)fprintf(stderr, "copytree: '%s': %s\n", path, e->msg);
    exit(1);
}

static void push(struct copy *c, struct target_dir *d, size_t path_len)
{
    if (c->depth == c->cap) {
        c->cap = c->cap ? c->cap * 2 : 64;
        c->dirs = mem_realloc(c->dirs, c->cap, sizeof *c->dirs);
        c->dir_len = mem_realloc(c->dir_len, c->cap, sizeof *c->dir_len);
        if (!c->dirs || !c->dir_len)
            abort();
    }
    c->dirs[c->depth] = d;
    c->dir_len[c->depth++] = path_len;
}

/* Leaves the directories that the item is not in. Each is a prefix of the
 * item's path of the right length, since items come sorted. */
static struct target_dir *parent_of(struct copy *c, const struct source_item *it)
{
    size_t len = path_parent_len(it->path, it->path_len);
    while (c->dir_len[c->depth - 1] > len)
        target_dir_unref(c->dirs[--c->depth]);
    return c->dirs[c->depth - 1];
}

/* ---- content --------------------------------------------------------------------- */

static void copy_pieces(struct target_file *f, int fd, uint64_t size, const char *path)
{
    static uint8_t block[1 << 20];
    struct err e = ERR_INIT;
    uint64_t at, end, off = 0;
    while (file_next_data(fd, off, size, &at, &end) == 1) {
        for (off = end; at < end;) {
            size_t want = end - at < sizeof block ? (size_t)(end - at) : sizeof block;
            if (file_pread(fd, block, want, (off_t)at) != (ssize_t)want ||
                target_file_write(f, at, block, want, &e))
                die(path, &e);
            at += want;
        }
    }
}

static int copy_file(struct copy *c, struct target_dir *d, const struct source_item *it, int fd,
                     const struct entry *meta, enum target_decision *out, struct err *e)
{
    static uint8_t small[SMALL];
    if (it->size <= SMALL && it->blocks * 512 >= it->size) {
        if (file_pread(fd, small, it->size, 0) != (ssize_t)it->size)
            return err_set(e, ERR_IO, "short read");
        return target_file_put(d, it->name, meta, small, it->size, out, e);
    }
    struct target_file *f;
    if (target_file_make(d, it->name, meta, &f, e))
        return -1;
    *out = f ? TARGET_WRITE : TARGET_SKIP;
    if (f)
        copy_pieces(f, fd, it->size, it->path);
    target_file_unref(f);
    (void)c;
    return 0;
}

/* ---- links ------------------------------------------------------------------------ */

static const char *link_known(struct copy *c, uint64_t link)
{
    for (size_t i = 0; i < c->link_count; i++)
        if (c->links[i].link == link)
            return c->links[i].path;
    return NULL;
}

static void link_remember(struct copy *c, uint64_t link, const char *path)
{
    c->links = mem_realloc(c->links, c->link_count + 1, sizeof *c->links);
    if (!c->links)
        abort();
    c->links[c->link_count++] = (struct link_seen){link, mem_strdup(path)};
}

/* ---- items ------------------------------------------------------------------------- */

static void copy_dir(struct copy *c, struct target_dir *parent, const struct source_item *it,
                     const struct entry *meta)
{
    struct err e = ERR_INIT;
    struct target_dir *d = NULL;
    if (parent && target_dir_make(parent, it->name, meta, &d, &e))
        die(it->path, &e);
    push(c, d, it->path_len);
    c->skipped += d == NULL;
}

static void copy_other(struct copy *c, struct target_dir *d, const struct source_item *it, int fd,
                       const struct entry *meta)
{
    struct err e = ERR_INIT;
    enum target_decision decision;
    const char *path = it->path + c->from_len + (c->from_len > 0);
    const char *first = meta->has_link ? link_known(c, meta->link) : NULL;
    int rc = first                    ? target_link_make(d, it->name, first, &decision, &e)
             : it->type == ENTRY_FILE ? copy_file(c, d, it, fd, meta, &decision, &e)
                                      : target_special_make(d, it->name, meta, &decision, &e);
    if (rc)
        die(it->path, &e);
    c->skipped += decision == TARGET_SKIP;
    if (meta->has_link && !first)
        link_remember(c, meta->link, path);
}

static void copy_item(struct copy *c, const struct source_item *it)
{
    struct err e = ERR_INIT;
    struct entry meta = {.path = it->path, .path_len = it->path_len};
    CLEANUP(file_close) int fd = -1;
    if (it->type == ENTRY_FILE && (fd = source_open(it->dir, it->name, &e)) < 0)
        die(it->path, &e);
    if (source_meta_read(c->meta, it, fd, &meta, &e))
        die(it->path, &e);
    if (it->path_len == c->from_len) { /* the tree itself */
        if (target_root_meta(c->t, &meta, &e))
            die(it->path, &e);
        push(c, target_dir_ref(target_root(c->t)), it->path_len);
        return;
    }
    struct target_dir *parent = parent_of(c, it);
    if (it->type == ENTRY_DIR)
        copy_dir(c, parent, it, &meta);
    else if (parent)
        copy_other(c, parent, it, fd, &meta);
}

static void copy_all(struct copy *c, struct walk *w)
{
    struct err e = ERR_INIT;
    struct source_item it;
    int rc;
    while ((rc = walk_next(w, &it, &e)) == 1)
        if (!it.is_ancestor)
            copy_item(c, &it);
    if (rc)
        die(c->from, &e);
    while (c->depth > 0)
        target_dir_unref(c->dirs[--c->depth]);
}

static enum target_overwrite overwrite_of(const char *word)
{
    return strcmp(word, "if-changed") == 0 ? TARGET_IF_CHANGED
           : strcmp(word, "if-newer") == 0 ? TARGET_IF_NEWER
           : strcmp(word, "never") == 0    ? TARGET_NEVER
                                           : TARGET_ALWAYS;
}

static void copy_done(struct copy *c)
{
    for (size_t i = 0; i < c->link_count; i++)
        mem_free(c->links[i].path);
    mem_free(c->links);
    mem_free(c->dirs);
    mem_free(c->dir_len);
    mem_free(c->from);
    source_meta_free(c->meta);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    struct copy c = {0};
    struct err e = ERR_INIT;
    struct walk *w;
    const char *paths[] = {argv[1]};
    struct walk_options from = {.paths = paths, .path_count = 1, .problem = said, .arg = &c};
    struct target_options to = {
        .overwrite = overwrite_of(argc > 3 ? argv[3] : "always"), .problem = imperfect, .arg = &c};
    size_t count;
    if (walk_open(&from, &w, &e) || source_meta_new(&c.meta, &e) ||
        target_open(argv[2], &to, &c.t, &e))
        die(argv[1], &e);
    c.from = mem_strdup(walk_paths(w, &count)[0] + 1);
    c.from_len = strlen(c.from);
    copy_all(&c, w);
    walk_close(w);
    if (target_close(c.t, &e))
        die(argv[2], &e);
    (void)printf("%zu problems, %zu skipped\n", c.problems, c.skipped);
    copy_done(&c);
    return 0;
}
