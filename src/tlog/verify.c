/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole audit from the disk: every entry is hashed, every tile compared with what its entries
 * make, roots with what was signed. Believes nothing in memory but the key, and how long the log
 * was.
 *
 * Does not look at partial tiles beside a full one: they say nothing any more.
 */
#include "tlog/tlog_internal.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct audit {
    struct tlog *disk; /* a reader of its own */
    void (*damaged)(void *arg, const char *what);
    void *arg;
    uint64_t faults;
    struct merkle_edge edge;
    uint64_t counts[TILE_LEVELS];
    uint8_t tiles[TILE_LEVELS][TILE_BYTES]; /* what the entries make, at each level the last tile */
};

static void PRINTF_LIKE(2, 3) fault(struct audit *a, const char *fmt, ...)
{
    char text[ERR_MESSAGE_BYTES];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    a->faults++;
    if (a->damaged)
        a->damaged(a->arg, text);
}

/* 0; -1 only for what is no damage: no memory, a disk that does not read. */
static int outcome(struct audit *a, struct err *caught, struct err *e)
{
    if (caught->cls != ERR_DAMAGED && caught->cls != ERR_NOT_FOUND)
        return err_give(e, caught);
    fault(a, "%s", caught->msg);
    return 0;
}

/* One file of hashes against ours; NOT_FOUND is a fault if it must be there. */
static int compare_tile(struct audit *a, unsigned level, uint64_t n, unsigned width, bool needed,
                        struct err *e)
{
    char path[TLOG_PATH_BYTES];
    struct buf file = {0};
    struct err caught = ERR_INIT;
    int rc = 0;
    tile_path(level, n, width, path);
    if (files_read(&a->disk->files, path, TILE_BYTES, &file, &caught)) {
        if (needed || caught.cls != ERR_NOT_FOUND)
            rc = outcome(a, &caught, e);
    } else if (file.len != (size_t)width * MERKLE_BYTES) {
        fault(a, "%s: %zu bytes instead of %zu", path, file.len, (size_t)width * MERKLE_BYTES);
    } else if (memcmp(file.data, a->tiles[level], file.len) != 0) {
        fault(a, "%s: its hashes are not those of the entries", path);
    }
    buf_done(&file);
    return rc;
}

static int add_hash(struct audit *a, unsigned level, const uint8_t hash[MERKLE_BYTES],
                    struct err *e)
{
    uint64_t at = a->counts[level]++;
    memcpy(a->tiles[level] + (at % TILE_WIDTH) * MERKLE_BYTES, hash, MERKLE_BYTES);
    if ((at + 1) % TILE_WIDTH || level + 1 == TILE_LEVELS)
        return 0;
    uint8_t root[MERKLE_BYTES];
    tile_root(a->tiles[level], TILE_WIDTH, root);
    /* Beyond the checkpoint a tile is in the journal, and not yet a file. */
    if ((at + 1) << (8 * level) <= a->disk->settled &&
        compare_tile(a, level, at / TILE_WIDTH, TILE_WIDTH, true, e))
        return -1;
    return add_hash(a, level + 1, root, e);
}

static int compare_signed(struct audit *a, const struct buf *note, const char *what, struct err *e)
{
    struct checkpoint c;
    struct err caught = ERR_INIT;
    uint8_t root[MERKLE_BYTES];
    if (note->len == 0)
        return 0;
    if (checkpoint_verify(note->data, note->len, &a->disk->log, &c, &caught))
        return outcome(a, &caught, e);
    if (c.size != a->edge.size)
        return 0;
    merkle_edge_root(&a->edge, root);
    if (memcmp(root, c.root, sizeof root) != 0)
        fault(a, "%s: the entries do not hash to the root that is signed for %" PRIu64, what,
              c.size);
    return 0;
}

/* The partial tiles of the checkpoint, and any other widths that are left. */
static int compare_partial(struct audit *a, struct err *e)
{
    for (unsigned level = 0; level < TILE_LEVELS; level++) {
        uint64_t count = a->disk->settled >> (8 * level);
        unsigned needed = (unsigned)(count % TILE_WIDTH);
        for (unsigned width = 1; width <= needed; width++)
            if (compare_tile(a, level, count / TILE_WIDTH, width, width == needed, e))
                return -1;
    }
    return 0;
}

/* At the sizes for which something is signed. */
static int compare_roots(struct audit *a, const struct buf *checkpoint, struct err *e)
{
    uint64_t size = a->edge.size;
    struct tlog *t = a->disk;
    if (size == t->settled &&
        (compare_signed(a, checkpoint, "checkpoint", e) || compare_partial(a, e)))
        return -1;
    if (size == t->cosigned_size && compare_signed(a, &t->cosigned, "cosigned", e))
        return -1;
    return size == t->edge.size ? compare_signed(a, &t->note, "the last checkpoint", e) : 0;
}

/* ---- entries ------------------------------------------------------------------------------------
 */

/* One bundle of `width` entries; `hash`: they join the tree, else they are only compared with our
 * leaves. */
static int audit_bundle(struct audit *a, const struct buf *bundle, const char *path, unsigned width,
                        bool exact, bool hash, const struct buf *checkpoint, struct err *e)
{
    struct cursor c = cursor_of(bundle->data, bundle->len);
    for (unsigned i = 0; i < width; i++) {
        uint8_t leaf[MERKLE_BYTES];
        size_t len = 0;
        const uint8_t *entry = bundle_next(&c, &len);
        if (!entry) {
            fault(a, "%s: ends before its entry %u", path, i);
            return 0;
        }
        merkle_leaf(entry, len, leaf);
        if (!hash && memcmp(leaf, a->tiles[0] + (size_t)i * MERKLE_BYTES, MERKLE_BYTES) != 0)
            fault(a, "%s: its entry %u is another", path, i);
        if (!hash)
            continue;
        merkle_edge_add(&a->edge, leaf);
        if (add_hash(a, 0, leaf, e) || compare_roots(a, checkpoint, e))
            return -1;
    }
    if (exact && cursor_left(&c))
        fault(a, "%s: bytes follow its last entry", path);
    return 0;
}

static int audit_file(struct audit *a, uint64_t n, unsigned width, bool needed, bool hash,
                      const struct buf *checkpoint, struct err *e)
{
    char path[TLOG_PATH_BYTES];
    struct buf bundle = {0};
    struct err caught = ERR_INIT;
    tile_path(TILE_ENTRIES, n, width, path);
    int rc;
    if (files_read(&a->disk->files, path, BUNDLE_MAX, &bundle, &caught) == 0)
        rc = audit_bundle(a, &bundle, path, width, true, hash, checkpoint, e);
    else
        rc = needed || caught.cls != ERR_NOT_FOUND ? outcome(a, &caught, e) : 0;
    buf_done(&bundle);
    return rc;
}

/* What is not in full bundles on disk was read, and verified, when the reader was opened. */
static int audit_tail(struct audit *a, const struct buf *checkpoint, struct err *e)
{
    struct tlog *t = a->disk;
    uint64_t first = t->tail.level[0].first, size = t->edge.size;
    for (uint64_t n = first / TILE_WIDTH; n * TILE_WIDTH < size; n++) {
        uint64_t end = (n + 1) * TILE_WIDTH < size ? (n + 1) * TILE_WIDTH : size;
        struct buf bundle = {0};
        size_t len;
        const uint8_t *p = tail_bundle(&t->tail, n * TILE_WIDTH, end, &len);
        buf_put(&bundle, p, len);
        int rc = buf_check(&bundle, "a bundle of entries", e);
        if (rc == 0)
            rc = audit_bundle(a, &bundle, "pending", (unsigned)(end - n * TILE_WIDTH), true, true,
                              checkpoint, e);
        buf_done(&bundle);
        if (rc)
            return rc;
        /* Partial bundles on disk say the same. */
        unsigned settled = t->settled / TILE_WIDTH == n ? (unsigned)(t->settled % TILE_WIDTH) : 0;
        for (unsigned width = 1; width <= settled; width++)
            if (audit_file(a, n, width, width == settled, false, checkpoint, e))
                return -1;
    }
    return 0;
}

static int audit(struct audit *a, struct err *e)
{
    struct buf checkpoint = {0};
    struct err caught = ERR_INIT;
    int rc = files_read(&a->disk->files, "checkpoint", NOTE_MAX, &checkpoint, &caught);
    if (rc)
        rc = outcome(a, &caught, e);
    uint64_t full = a->disk->tail.level[0].first / TILE_WIDTH;
    for (uint64_t n = 0; rc == 0 && a->edge.size == n * TILE_WIDTH && n < full; n++)
        rc = audit_file(a, n, TILE_WIDTH, true, true, &checkpoint, e);
    /* Where entries are missing, no root above them can be compared. */
    if (rc == 0 && a->edge.size == full * TILE_WIDTH)
        rc = audit_tail(a, &checkpoint, e);
    buf_done(&checkpoint);
    return rc;
}

int tlog_verify(struct tlog *t, void (*damaged)(void *arg, const char *what), void *arg,
                uint64_t *faults_out, struct err *e)
{
    uint64_t size = tlog_size(t);
    struct err caught = ERR_INIT;
    struct audit *a = mem_zalloc(sizeof *a);
    if (!a)
        return err_no_memory(e, "verifying a log");
    a->damaged = damaged;
    a->arg = arg;
    int fd = fcntl(t->files.dirfd, F_DUPFD_CLOEXEC, 0), rc;
    if (fd < 0 ||
        tlog_reader_at(fd, t->files.name, &t->log, t->files.ops, t->files.arg, &a->disk, &caught)) {
        rc = fd < 0 ? err_set(e, ERR_IO, "log '%s': no more files can be opened", t->files.name)
                    : outcome(a, &caught, e);
    } else {
        rc = audit(a, e);
        if (a->disk->edge.size < size)
            fault(a, "the disk holds %" PRIu64 " entries, there were %" PRIu64, a->disk->edge.size,
                  size);
    }
    if (rc == 0)
        *faults_out = a->faults;
    tlog_close(a->disk);
    mem_free(a);
    return rc;
}
