/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk: a stack of directories, each with its sorted names; one statx per
 * name, no allocation per name, the path kept in one buffer. Does not read
 * files, links or extended attributes.
 *
 *  W1 items ascend by path_compare: names of a directory ascend bytewise, and a
 *     directory is entered directly after it was given.
 *  W2 a directory is entered through its parent's descriptor with O_NOFOLLOW:
 *     no symbolic link is followed below "/".
 *  W3 levels [open_from, depth) have their directory open, at most
 *     SOURCE_OPEN_DIRS of them; the last two always.
 *  W4 a level that is opened again is the same directory (device, inode).
 */
#include "source/walk.h"

#include "source/dir.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define STATX_WANTED                                                                               \
    (STATX_TYPE | STATX_MODE | STATX_NLINK | STATX_UID | STATX_GID | STATX_MTIME | STATX_CTIME |   \
     STATX_INO | STATX_SIZE | STATX_BLOCKS)

static void report(struct walk *w, const struct err *e)
{
    if (w->problem)
        w->problem(w->arg, w->path, e);
}

static void report_sys(struct walk *w, int os_errno, const char *what)
{
    struct err e = ERR_INIT;
    (void)err_sys(&e, os_errno, "%s", what);
    report(w, &e);
}

/* ---- the path -------------------------------------------------------------- */

/* The path of a level with `name` behind it. 1, or 0 (reported) if the format
 * has no room for such a path, or -1. */
static int path_put(struct walk *w, size_t dir_len, const char *name, size_t name_len,
                    struct err *e)
{
    size_t need = dir_len + 1 + name_len + 1;
    if (need > w->path_cap) {
        char *more = mem_realloc(w->path, need * 2, 1);
        if (!more)
            return err_no_memory(e, "a path");
        w->path = more;
        w->path_cap = need * 2;
    }
    w->path[dir_len] = '/';
    memcpy(w->path + dir_len + 1, name, name_len);
    w->path_len = dir_len + 1 + name_len;
    w->path[w->path_len] = '\0';
    if (name_len <= ENTRY_NAME_MAX && w->path_len - 1 <= ENTRY_PATH_MAX)
        return 1;
    struct err problem = ERR_INIT;
    (void)err_set(&problem, ERR_LIMIT, "left out: its name has over %u bytes, or its path over %zu",
                  ENTRY_NAME_MAX, ENTRY_PATH_MAX);
    report(w, &problem);
    return 0;
}

/* Back to the path of a directory, for messages about it. */
static void path_cut(struct walk *w, size_t len)
{
    w->path_len = len ? len : 1;
    w->path[w->path_len] = '\0';
}

/* ---- levels ---------------------------------------------------------------- */

static void level_close(struct level *l)
{
    source_dir_unref(l->dir);
    l->dir = NULL;
}

static struct level *level_push(struct walk *w)
{
    if (w->depth == w->level_cap) {
        size_t want = w->level_cap ? w->level_cap * 2 : 64;
        struct level *more = mem_realloc(w->levels, want, sizeof *more);
        if (!more)
            return NULL;
        w->levels = more;
        w->level_cap = want;
    }
    if (w->depth - w->open_from == SOURCE_OPEN_DIRS)
        level_close(&w->levels[w->open_from++]);
    struct level *l = &w->levels[w->depth++];
    *l = (struct level){0};
    return l;
}

/* The same directory as when the level was pushed? Takes over `fd`. */
static bool level_adopt(struct level *l, int fd)
{
    struct stat st;
    if (fd < 0)
        return false;
    if (fstat(fd, &st) || st.st_dev != l->dev || st.st_ino != l->ino) {
        file_close(&fd);
        return false;
    }
    l->dir = source_dir_new(fd);
    return l->dir != NULL;
}

/* From "/" down by names. Only when a directory below was moved elsewhere. */
static int open_by_path(const char *path, size_t len)
{
    const int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    char name[ENTRY_NAME_MAX + 1];
    int fd = open("/", flags);
    for (size_t at = 1; fd >= 0 && at < len;) {
        size_t n = strcspn(path + at, "/");
        n = n < len - at ? n : len - at;
        memcpy(name, path + at, n);
        name[n] = '\0';
        int next = openat(fd, name, flags);
        file_close(&fd);
        fd = next;
        at += n + 1;
    }
    return fd;
}

/* Opens the top level again, whose child is still open or NULL. O_PATH is
 * enough (its names were read long ago) and asks for no permission to read. */
static void level_reopen(struct walk *w, const struct source_dir *child)
{
    struct level *l = &w->levels[w->depth - 1];
    w->open_from = w->depth - 1;
    if (child && level_adopt(l, openat(child->fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC)))
        return;
    (void)level_adopt(l, open_by_path(w->path, l->path_len));
}

static void level_pop(struct walk *w)
{
    struct level *l = &w->levels[--w->depth];
    names_pop(&w->names, l->names);
    if (w->open_from > w->depth)
        w->open_from = w->depth;
    if (w->depth > 0 && !w->levels[w->depth - 1].dir)
        level_reopen(w, l->dir);
    level_close(l);
}

/* Out of descriptors: those of levels far up are the ones to spare (W3). */
static bool level_spare(struct walk *w)
{
    if ((errno != EMFILE && errno != ENFILE) || w->depth - w->open_from <= 2)
        return false;
    level_close(&w->levels[w->open_from++]);
    return true;
}

static int dir_open(struct walk *w, int parent, const char *name, bool only_pass)
{
    int fd;
    do
        fd = only_pass ? openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                       : source_openat(parent, name, O_DIRECTORY);
    while (fd < 0 && level_spare(w));
    return fd;
}

/* ---- entering -------------------------------------------------------------- */

/* Reads the names, and leaves only the tag if one lies there. */
static int read_names(struct walk *w, struct level *l, struct err *e)
{
    int read_errno;
    if (names_push(&w->names, l->dir->fd, &read_errno, e))
        return -1;
    if (read_errno)
        report_sys(w, read_errno, "its directory could not be read to its end");
    l->next = l->names.count;
    l->end = w->names.count;
    size_t tag = skips_find_tag(&w->skips, &w->names, l->next, l->dir->fd);
    if (tag != SIZE_MAX) {
        l->next = tag;
        l->end = tag + 1;
    }
    return 0;
}

/* Pushes the directory open as `fd`, which is taken over. */
static int enter_fd(struct walk *w, int fd, struct err *e)
{
    const struct entering *in = &w->entering;
    struct stat st;
    if (fstat(fd, &st)) {
        report_sys(w, errno, "its directory could not be read");
        file_close(&fd);
        return 0;
    }
    struct source_dir *dir = source_dir_new(fd);
    struct level *l = dir ? level_push(w) : NULL;
    if (!l) {
        source_dir_unref(dir);
        return err_no_memory(e, "a directory");
    }
    *l = (struct level){.dir = dir,
                        .dev = st.st_dev,
                        .ino = st.st_ino,
                        .path_len = w->path_len > 1 ? w->path_len : 0,
                        .names = names_mark(&w->names),
                        .request = in->request,
                        .request_end = in->request_end,
                        .allowed_dev = in->itself ? st.st_dev : in->allowed_dev,
                        .only_requested = in->only_requested};
    /* What was mounted since statx (an automount) is another file system. */
    bool crossed = w->one_file_system && st.st_dev != l->allowed_dev;
    return l->only_requested || crossed ? 0 : read_names(w, l, e);
}

/* Enters the directory that was given last; its path is still in the buffer. */
static int enter(struct walk *w, struct err *e)
{
    w->entering.due = false;
    const struct level *l = &w->levels[w->depth - 1];
    int fd = dir_open(w, l->dir->fd, w->path + w->entering.name_at, w->entering.only_requested);
    if (fd < 0) {
        report_sys(w, errno, "its directory could not be opened");
        return 0;
    }
    return enter_fd(w, fd, e);
}

/* ---- looking at one name ----------------------------------------------------- */

/* The requests at or below `name`, taken from the level: how the name is asked for. */
struct asked {
    size_t first, end; /* requests strictly below it */
    bool itself;
};

static bool begins_with(const struct request *r, const char *path, size_t len)
{
    return path_is_below(r->rel, r->rel_len, path, len);
}

static struct asked take_requests(const struct walk *w, struct level *l)
{
    const struct request *all = w->requests.items;
    const char *rel = w->path + 1;
    size_t len = w->path_len - 1;
    struct asked a = {0};
    /* Requests sort as the walk does: what it has passed was never found. */
    while (l->request < l->request_end && !begins_with(&all[l->request], rel, len) &&
           path_compare(all[l->request].rel, all[l->request].rel_len, rel, len) < 0)
        l->request++;
    if (l->request < l->request_end && begins_with(&all[l->request], rel, len) &&
        all[l->request].rel_len == len) {
        a.itself = true;
        l->request++;
    }
    a.first = l->request;
    while (l->request < l->request_end && begins_with(&all[l->request], rel, len))
        l->request++;
    a.end = l->request;
    return a;
}

static enum entry_type type_of(unsigned mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG: return ENTRY_FILE;
    case S_IFDIR: return ENTRY_DIR;
    case S_IFLNK: return ENTRY_SYMLINK;
    case S_IFIFO: return ENTRY_FIFO;
    case S_IFSOCK: return ENTRY_SOCKET;
    case S_IFCHR: return ENTRY_CHAR;
    case S_IFBLK: return ENTRY_BLOCK;
    default: return ENTRY_UNSET;
    }
}

static uint32_t attrs_of(uint64_t statx_attributes)
{
    /* The statx bits were given the values of the flags; two flags have none. */
    _Static_assert(STATX_ATTR_COMPRESSED == ENTRY_ATTR_COMPRESSED, "same bit");
    _Static_assert(STATX_ATTR_IMMUTABLE == ENTRY_ATTR_IMMUTABLE, "same bit");
    _Static_assert(STATX_ATTR_APPEND == ENTRY_ATTR_APPEND, "same bit");
    _Static_assert(STATX_ATTR_NODUMP == ENTRY_ATTR_NODUMP, "same bit");
    return (uint32_t)statx_attributes &
           (ENTRY_ATTR_COMPRESSED | ENTRY_ATTR_IMMUTABLE | ENTRY_ATTR_APPEND | ENTRY_ATTR_NODUMP);
}

static void item_fill(const struct walk *w, const struct level *l, struct source_item *out)
{
    const struct statx *s = &w->stx;
    *out = (struct source_item){.path = w->path + 1,
                                .path_len = w->path_len - 1,
                                .name = w->path + l->path_len + 1,
                                .dir = l->dir,
                                .type = type_of(s->stx_mode),
                                .mode = s->stx_mode & 07777,
                                .uid = s->stx_uid,
                                .gid = s->stx_gid,
                                .size = s->stx_size,
                                .blocks = s->stx_blocks,
                                .mtime_s = s->stx_mtime.tv_sec,
                                .ctime_s = s->stx_ctime.tv_sec,
                                .mtime_ns = s->stx_mtime.tv_nsec,
                                .ctime_ns = s->stx_ctime.tv_nsec,
                                .dev = makedev(s->stx_dev_major, s->stx_dev_minor),
                                .ino = s->stx_ino,
                                .nlink = s->stx_nlink,
                                .dev_major = s->stx_rdev_major,
                                .dev_minor = s->stx_rdev_minor,
                                .attrs = attrs_of(s->stx_attributes),
                                .is_ancestor = l->only_requested};
}

/* Decides how the directory `it` will be entered by the next call. */
static void enter_later(struct walk *w, const struct level *l, const struct source_item *it,
                        const struct asked *a, bool foreign)
{
    bool read = (!l->only_requested || a->itself) && !foreign &&
                !skips_never(&w->skips, w->path, it->dev, it->ino);
    w->entering = (struct entering){.due = read || a->first < a->end,
                                    .name_at = l->path_len + 1,
                                    .request = a->first,
                                    .request_end = a->end,
                                    .allowed_dev = l->allowed_dev,
                                    .itself = a->itself,
                                    .only_requested = !read};
}

/* statx of the current path's name: 1 it is an item, 0 left out. */
static int look(struct walk *w, const struct level *l, const struct asked *a,
                struct source_item *out)
{
    const char *name = w->path + l->path_len + 1;
    /* Not AT_STATX_DONT_SYNC: a network file system could then hide a change
     * for as long as it likes, and local ones are no faster for it. */
    if (statx(l->dir->fd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_WANTED, &w->stx)) {
        report_sys(w, errno, errno == ENOENT ? "vanished" : "its metadata could not be read");
        return 0;
    }
    struct source_item it;
    item_fill(w, l, &it);
    if (it.type == ENTRY_UNSET) {
        struct err e = ERR_INIT;
        (void)err_set(&e, ERR_IO, "left out: of a type unknown to abri (mode %o)", w->stx.stx_mode);
        report(w, &e);
        return 0;
    }
    it.is_ancestor = l->only_requested && !a->itself;
    bool foreign =
        w->one_file_system && !l->only_requested && !a->itself && it.dev != l->allowed_dev;
    if (it.type == ENTRY_DIR)
        enter_later(w, l, &it, a, foreign);
    else if (foreign || (it.type == ENTRY_FILE && it.size > w->skips.larger_than))
        return 0;
    *out = it;
    return 1;
}

/* ---- the next item ----------------------------------------------------------- */

/* The next name of the level, borrowed; NULL at its end. */
static const char *next_name(struct walk *w, struct level *l, size_t *len_out)
{
    if (!l->only_requested) {
        if (l->next == l->end)
            return NULL;
        const char *name = names_at(&w->names, l->next++);
        *len_out = strlen(name);
        return name;
    }
    if (l->request == l->request_end)
        return NULL;
    /* path_len counts the leading '/', which stands for the one between here. */
    const char *name = w->requests.items[l->request].rel + l->path_len;
    *len_out = strcspn(name, "/");
    return name;
}

static bool is_excluded(const struct walk *w, const struct level *l, const struct asked *a)
{
    if (!w->skips.exclude || (l->only_requested && !a->itself))
        return false;
    return select_matches(w->skips.exclude, w->path, w->path_len);
}

/* One step on the top level: 1 an item, 0 nothing yet, -1. */
static int step(struct walk *w, struct source_item *out, struct err *e)
{
    struct level *l = &w->levels[w->depth - 1];
    size_t name_len;
    const char *name = next_name(w, l, &name_len);
    if (!name) {
        level_pop(w);
        return 0;
    }
    if (!l->dir) {
        path_cut(w, l->path_len);
        report_sys(w, ESTALE, "moved while it was read, the rest of it is left out");
        level_pop(w);
        return 0;
    }
    int fits = path_put(w, l->path_len, name, name_len, e);
    struct asked a = {0};
    if (l->request < l->request_end)
        a = take_requests(w, l);
    if (fits != 1)
        return fits;
    return is_excluded(w, l, &a) ? 0 : look(w, l, &a, out);
}

int walk_next(struct walk *w, struct source_item *out, struct err *e)
{
    if (w->entering.due && enter(w, e))
        return -1;
    while (w->depth > 0) {
        int rc = step(w, out, e);
        if (rc)
            return rc;
    }
    return 0;
}

/* ---- opening and closing ------------------------------------------------------- */

static int enter_root(struct walk *w, struct err *e)
{
    const struct requests *r = &w->requests;
    bool whole = r->items[0].rel_len == 0;
    w->path[0] = '/';
    path_cut(w, 0);
    w->entering = (struct entering){
        .request = whole, .request_end = r->count, .itself = whole, .only_requested = !whole};
    int fd = dir_open(w, AT_FDCWD, "/", !whole);
    if (fd < 0)
        return err_sys(e, errno, "open '/'");
    return enter_fd(w, fd, e);
}

int walk_open(const struct walk_options *o, struct walk **out, struct err *e)
{
    struct walk *w = mem_zalloc(sizeof *w);
    if (!w)
        return err_no_memory(e, "a walk");
    w->one_file_system = o->one_file_system;
    w->problem = o->problem;
    w->arg = o->arg;
    w->path_cap = 4096;
    w->path = mem_alloc(w->path_cap);
    int rc = w->path ? 0 : err_no_memory(e, "a path");
    if (rc || requests_resolve(o, &w->requests, e) || skips_init(o, &w->skips, e) ||
        names_init(&w->names, e) || enter_root(w, e)) {
        walk_close(w);
        return -1;
    }
    *out = w;
    return 0;
}

void walk_close(struct walk *w)
{
    if (!w)
        return;
    for (size_t i = 0; i < w->depth; i++)
        level_close(&w->levels[i]);
    mem_free(w->levels);
    names_done(&w->names);
    skips_done(&w->skips);
    requests_done(&w->requests);
    mem_free(w->path);
    mem_free(w);
}

const char *const *walk_paths(const struct walk *w, size_t *count_out)
{
    *count_out = w->requests.count;
    return w->requests.paths;
}
