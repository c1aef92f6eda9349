/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making a log, opening it, and what a crash left. Reads the checkpoint, the tiles and the bundle
 * at the right edge, and the journal: nothing that grows with the log.
 *
 * Does not read what is in full tiles (verify.c does), and removes nothing but its own temporaries.
 */
#include "tlog/tlog_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define READER_TRIES 16

/* ---- the struct ----------------------------------------------------------------------------- */

static struct tlog *new_log(const char *name)
{
    struct tlog *t = mem_zalloc(sizeof *t);
    if (!t)
        return NULL;
    (void)pthread_mutex_init(&t->lock, NULL);
    (void)pthread_mutex_init(&t->cosign_lock, NULL);
    (void)pthread_cond_init(&t->changed, NULL);
    t->queue_end = &t->queue;
    t->lock_fd = t->journal_fd = t->files.dirfd = -1;
    t->files.name = mem_strdup(name);
    t->files.ops = &tlog_system;
    if (t->files.name)
        return t;
    tlog_close(t);
    return NULL;
}

/* Forgets what was read, so that it can be read again. */
static void forget(struct tlog *t)
{
    tail_done(&t->tail);
    t->tail = (struct tail){0};
    buf_reset(&t->note);
    buf_reset(&t->cosigned);
    t->cosigned_size = 0;
}

void tlog_close(struct tlog *t)
{
    if (!t)
        return;
    /* Whoever reads the directory finds all of it in tiles; if not, the journal has it. */
    if (t->journal_fd >= 0 && !t->broken && t->settled != t->edge.size)
        t->settle_failed = tlog_settle(t, NULL) != 0;
    file_close(&t->journal_fd);
    file_close(&t->lock_fd);
    file_close(&t->files.dirfd);
    mem_free(t->files.name);
    tail_done(&t->tail);
    buf_done(&t->note);
    buf_done(&t->cosigned);
    buf_done(&t->record);
    sodium_free(t->key); /* wipes it */
    (void)pthread_cond_destroy(&t->changed);
    (void)pthread_mutex_destroy(&t->cosign_lock);
    (void)pthread_mutex_destroy(&t->lock);
    mem_free(t);
}

/* ---- the right edge ---------------------------------------------------------------------------
 */

/* A partial tile under its name, or the beginning of the full one that took its place. */
static int read_partial(struct tlog *t, unsigned level, uint64_t n, unsigned width, struct buf *out,
                        struct err *e)
{
    char path[TLOG_PATH_BYTES];
    struct err caught = ERR_INIT;
    size_t max = level == TILE_ENTRIES ? BUNDLE_MAX : (size_t)width * MERKLE_BYTES;
    tile_path(level, n, width, path);
    if (files_read(&t->files, path, max, out, &caught) == 0)
        return 0;
    if (caught.cls != ERR_NOT_FOUND)
        return err_give(e, &caught);
    tile_path(level, n, TILE_WIDTH, path);
    if (files_read(&t->files, path, level == TILE_ENTRIES ? BUNDLE_MAX : TILE_BYTES, out, NULL) ==
        0)
        return 0;
    return err_set(e, ERR_DAMAGED, "%s: a tile that the checkpoint needs is gone", caught.msg);
}

static int load_level(struct tlog *t, unsigned level, uint64_t size, struct err *e)
{
    struct tail_level *l = &t->tail.level[level];
    uint64_t count = size >> (8 * level);
    unsigned width = (unsigned)(count % TILE_WIDTH);
    l->first = count - width;
    if (width == 0)
        return 0;
    if (read_partial(t, level, count / TILE_WIDTH, width, &l->hashes, e))
        return -1;
    size_t wanted = (size_t)width * MERKLE_BYTES;
    if (l->hashes.len != wanted && l->hashes.len != TILE_BYTES)
        return err_set(e, ERR_DAMAGED, "log '%s': a tile of level %u has a wrong length",
                       t->files.name, level);
    l->hashes.len = wanted;
    return 0;
}

/* The last bundle, each entry against its leaf. */
static int load_entries(struct tlog *t, uint64_t size, struct err *e)
{
    unsigned width = (unsigned)(size % TILE_WIDTH);
    if (width == 0)
        return 0;
    if (read_partial(t, TILE_ENTRIES, size / TILE_WIDTH, width, &t->tail.entries, e))
        return -1;
    struct cursor c = cursor_of(t->tail.entries.data, t->tail.entries.len);
    for (unsigned i = 0; i < width; i++) {
        uint8_t leaf[MERKLE_BYTES];
        size_t len = 0;
        uint32_t start = (uint32_t)(c.p - t->tail.entries.data);
        const uint8_t *entry = bundle_next(&c, &len);
        if (!entry)
            return err_set(e, ERR_DAMAGED, "log '%s': the last bundle is cut short", t->files.name);
        merkle_leaf(entry, len, leaf);
        if (memcmp(leaf, t->tail.level[0].hashes.data + (size_t)i * MERKLE_BYTES, MERKLE_BYTES) !=
            0)
            return err_set(e, ERR_DAMAGED, "log '%s': entry %llu does not hash to its leaf",
                           t->files.name, (unsigned long long)(size - width + i));
        buf_put_u32(&t->tail.starts, start);
    }
    t->tail.entries.len = (size_t)(c.p - t->tail.entries.data);
    return buf_check(&t->tail.starts, "the log's right edge", e);
}

static int load_edge(struct tlog *t, const struct checkpoint *c, struct err *e)
{
    uint8_t root[MERKLE_BYTES];
    for (unsigned level = 0; level < TILE_LEVELS; level++)
        if (load_level(t, level, c->size, e))
            return -1;
    if (load_entries(t, c->size, e))
        return -1;
    tail_edge(&t->tail, &t->edge);
    merkle_edge_root(&t->edge, root);
    if (memcmp(root, c->root, sizeof root) != 0)
        return err_set(e, ERR_DAMAGED, "log '%s': the tiles do not hash to the checkpoint's root",
                       t->files.name);
    return 0;
}

/* ---- the journal -------------------------------------------------------------------------------
 */

static int replay_record(struct tlog *t, const struct journal_record *r, struct err *e)
{
    struct checkpoint c;
    uint8_t root[MERKLE_BYTES];
    struct cursor entries = cursor_of(r->entries, r->entries_len);
    if (tail_reserve(&t->tail, r->count, r->entries_len, e))
        return -1;
    for (uint32_t i = 0; i < r->count; i++) {
        uint8_t leaf[MERKLE_BYTES];
        size_t len = 0;
        const uint8_t *entry = bundle_next(&entries, &len);
        if (!entry)
            return err_set(e, ERR_DAMAGED, "a record of 'pending' is cut short");
        merkle_leaf(entry, len, leaf);
        tail_add(&t->tail, entry, len, leaf);
        merkle_edge_add(&t->edge, leaf);
    }
    merkle_edge_root(&t->edge, root);
    if (cursor_left(&entries) || checkpoint_verify(r->note, r->note_len, &t->log, &c, e))
        return err_wrap(e, "a record of 'pending'");
    if (c.size != t->edge.size || memcmp(c.root, root, sizeof root) != 0)
        return err_set(e, ERR_DAMAGED, "a record of 'pending' does not hash to its checkpoint");
    buf_reset(&t->note);
    buf_put(&t->note, r->note, r->note_len);
    return buf_check(&t->note, "a checkpoint", e);
}

/* Appends what is behind the checkpoint. *settle_out: the journal is not as a settled log leaves
 * it. */
static int replay(struct tlog *t, const struct buf *journal, bool *settle_out, struct err *e)
{
    uint64_t base;
    size_t at = JOURNAL_BLOCK;
    if (journal_head(journal, &base, e))
        return -1;
    if (base > t->edge.size)
        return err_set(e, ERR_DAMAGED,
                       "the checkpoint is older than 'pending': it was put back from a copy");
    *settle_out = journal->len != JOURNAL_BLOCK || base != t->edge.size;
    uint64_t expected = base;
    for (;;) {
        struct journal_record r;
        enum journal_state state;
        if (journal_next(journal, &at, &r, &state, e))
            return -1;
        if (state != JOURNAL_RECORD)
            return 0;
        /* A settled record is passed over: its entries are in tiles. No checkpoint lies within a
         * record. */
        if (r.first != expected || (r.first < t->edge.size && r.first + r.count > t->edge.size))
            return err_set(e, ERR_DAMAGED, "'pending' does not go on where the checkpoint ends");
        expected += r.count;
        if (r.first >= t->edge.size && replay_record(t, &r, e))
            return -1;
    }
}

/* ---- loading ------------------------------------------------------------------------------------
 */

static bool exists(struct tlog *t, const char *path)
{
    struct stat st;
    return fstatat(t->files.dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* More than a creation that was cut short leaves: there was a log. */
static bool has_remains(struct tlog *t)
{
    struct stat st;
    return exists(t, "tile") || exists(t, "cosigned") ||
           (fstatat(t->files.dirfd, "pending", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            st.st_size > JOURNAL_BLOCK);
}

/* The journal as it is on disk: what was read and is not yet durable is made so. */
static int read_journal(struct tlog *t, struct buf *out, struct err *e)
{
    if (files_read(&t->files, "pending", JOURNAL_MAX, out, e))
        return -1;
    CLEANUP(file_close)
    int fd = openat(t->files.dirfd, "pending", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || t->files.ops->fdatasync(t->files.arg, fd, "pending"))
        return err_sys(e, errno, "log '%s': sync 'pending'", t->files.name);
    return 0;
}

static int read_cosigned(struct tlog *t, struct err *e)
{
    struct err caught = ERR_INIT;
    if (files_read(&t->files, "cosigned", NOTE_MAX, &t->cosigned, &caught) == 0 ||
        caught.cls == ERR_NOT_FOUND)
        return 0;
    return err_give(e, &caught);
}

static int load(struct tlog *t, struct buf *journal, bool *settle_out, struct err *e)
{
    struct checkpoint c;
    if (!exists(t, "checkpoint"))
        return has_remains(t)
                   ? err_set(e, ERR_DAMAGED, "log '%s': its checkpoint is gone", t->files.name)
                   : err_set(e, ERR_NOT_FOUND, "there is no log in '%s'", t->files.name);
    /* Witnesses' words before the journal: a log that grows meanwhile is never behind them. The
     * version first, before anything is called damaged. */
    uint64_t base;
    if (read_cosigned(t, e))
        return -1;
    if (read_journal(t, journal, e) || journal_head(journal, &base, e))
        return e && e->cls == ERR_NOT_FOUND ? err_reclass(e, ERR_DAMAGED) : -1;
    if (files_read(&t->files, "checkpoint", NOTE_MAX, &t->note, e) ||
        checkpoint_verify(t->note.data, t->note.len, &t->log, &c, e))
        return -1;
    t->settled = c.size;
    if (load_edge(t, &c, e) || replay(t, journal, settle_out, e))
        return -1;
    return tlog_check_cosigned(t, e);
}

int tlog_load(struct tlog *t, bool *settle_out, struct err *e)
{
    struct buf journal = {.max = JOURNAL_MAX + 65536};
    struct err caught = ERR_INIT;
    int rc = load(t, &journal, settle_out, &caught);
    buf_done(&journal);
    if (rc == 0)
        return 0;
    err_give(e, &caught);
    return strstr(caught.msg, t->files.name) ? -1 : err_wrap(e, "log '%s'", t->files.name);
}

/* ---- opening
 * --------------------------------------------------------------------------------------- */

static int open_dir(struct tlog *t, const char *dir, struct err *e)
{
    t->files.dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return t->files.dirfd >= 0 ? 0 : err_sys(e, errno, "open the log '%s'", dir);
}

static int take_lock(struct tlog *t, struct err *e)
{
    t->lock_fd = openat(t->files.dirfd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (t->lock_fd < 0)
        return err_sys(e, errno, "log '%s': open its lock", t->files.name);
    if (flock(t->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno == EWOULDBLOCK)
        return err_set(e, ERR_BUSY, "log '%s': another process has it open for writing",
                       t->files.name);
    return err_sys(e, errno, "log '%s': lock it", t->files.name);
}

static int set_writer(struct tlog *t, const char *origin, const struct sign_key *key,
                      const struct tlog_ops *ops, void *arg, struct err *e)
{
    size_t len = strnlen(origin, NOTE_NAME_MAX + 1);
    if (len > NOTE_NAME_MAX)
        return err_set(e, ERR_USAGE, "the origin of a log has 1 to %d bytes", NOTE_NAME_MAX);
    memcpy(t->log.name, origin, len);
    memcpy(t->log.public_key, key->public_key, SIGN_PUBLIC_BYTES);
    t->key = sodium_malloc(sizeof *t->key);
    if (!t->key)
        return err_no_memory(e, "the log's key");
    memcpy(t->key, key, sizeof *key);
    t->writable = true;
    t->files.ops = ops;
    t->files.arg = arg;
    return 0;
}

static int open_journal(struct tlog *t, struct err *e)
{
    t->journal_fd = openat(t->files.dirfd, "pending", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    t->journal_len = JOURNAL_BLOCK;
    return t->journal_fd >= 0 ? 0 : err_sys(e, errno, "log '%s': open its journal", t->files.name);
}

static int open_writer(struct tlog *t, const char *dir, struct err *e)
{
    bool settle = false;
    if (open_dir(t, dir, e) || take_lock(t, e) || tlog_load(t, &settle, e))
        return -1;
    return settle ? tlog_settle(t, e) : open_journal(t, e);
}

int tlog_open_with(const char *dir, const char *origin, const struct sign_key *key,
                   const struct tlog_ops *ops, void *arg, struct tlog **out, struct err *e)
{
    struct tlog *t = new_log(dir);
    if (!t)
        return err_no_memory(e, "a log");
    if (set_writer(t, origin, key, ops, arg, e) || open_writer(t, dir, e)) {
        tlog_close(t);
        return -1;
    }
    *out = t;
    return 0;
}

int tlog_open(const char *dir, const char *origin, const struct sign_key *key, struct tlog **out,
              struct err *e)
{
    return tlog_open_with(dir, origin, key, &tlog_system, NULL, out, e);
}

/* A writer that settles meanwhile makes checkpoint and journal disagree for a moment: then look
 * again. */
static int load_beside_writer(struct tlog *t, struct err *e)
{
    struct err caught = ERR_INIT;
    bool settle;
    for (int i = 0; i < READER_TRIES; i++) {
        forget(t);
        if (tlog_load(t, &settle, &caught) == 0)
            return 0;
        if (caught.cls != ERR_DAMAGED)
            break;
    }
    return err_give(e, &caught);
}

int tlog_reader_at(int dirfd, const char *name, const struct note_key *log,
                   const struct tlog_ops *ops, void *arg, struct tlog **out, struct err *e)
{
    struct tlog *t = new_log(name);
    if (!t) {
        file_close(&dirfd);
        return err_no_memory(e, "a log");
    }
    t->log = *log;
    t->files.dirfd = dirfd;
    t->files.ops = ops;
    t->files.arg = arg;
    if (load_beside_writer(t, e)) {
        tlog_close(t);
        return -1;
    }
    *out = t;
    return 0;
}

int tlog_open_reader_with(const char *dir, const struct note_key *log, const struct tlog_ops *ops,
                          void *arg, struct tlog **out, struct err *e)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(e, errno, "open the log '%s'", dir);
    return tlog_reader_at(fd, dir, log, ops, arg, out, e);
}

int tlog_open_reader(const char *dir, const struct note_key *log, struct tlog **out, struct err *e)
{
    return tlog_open_reader_with(dir, log, &tlog_system, NULL, out, e);
}

/* ---- making one
 * ---------------------------------------------------------------------------------------- */

static int make_dir(struct tlog *t, const char *dir, struct err *e)
{
    if (mkdir(dir, 0750) == 0) {
        /* Its own name must be durable, too. */
        CLEANUP(file_close) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CLEANUP(file_close)
        int up = fd < 0 ? -1 : openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (up < 0 || t->files.ops->sync_dir(t->files.arg, up, ".."))
            return err_sys(e, errno, "sync the directory of '%s'", dir);
        return 0;
    }
    return errno == EEXIST ? 0 : err_sys(e, errno, "make the log '%s'", dir);
}

static int write_empty(struct tlog *t, struct err *e)
{
    struct checkpoint c = {0};
    memcpy(c.origin, t->log.name, sizeof c.origin);
    merkle_empty(c.root);
    if (checkpoint_sign(&c, t->key, &t->note, e))
        return -1;
    struct buf head = {0};
    journal_put_head(&head, 0);
    int rc = buf_check(&head, "a journal", e);
    /* The checkpoint last: with it the log is there. */
    if (rc == 0)
        rc = files_replace(&t->files, "create.tmp", "pending", head.data, head.len, NULL, e);
    buf_done(&head);
    return rc ? rc
              : files_replace(&t->files, "create.tmp", "checkpoint", t->note.data, t->note.len,
                              NULL, e);
}

static int create(struct tlog *t, const char *dir, struct err *e)
{
    if (make_dir(t, dir, e) || open_dir(t, dir, e) || take_lock(t, e))
        return -1;
    if (exists(t, "checkpoint") || has_remains(t))
        return err_set(e, ERR_EXISTS, "there is a log in '%s' already", dir);
    return write_empty(t, e);
}

int tlog_create_with(const char *dir, const char *origin, const struct sign_key *key,
                     const struct tlog_ops *ops, void *arg, struct err *e)
{
    struct tlog *t = new_log(dir);
    if (!t)
        return err_no_memory(e, "a log");
    int rc = set_writer(t, origin, key, ops, arg, e) || create(t, dir, e) ? -1 : 0;
    tlog_close(t);
    return rc;
}

int tlog_create(const char *dir, const char *origin, const struct sign_key *key, struct err *e)
{
    return tlog_create_with(dir, origin, key, &tlog_system, NULL, e);
}
