/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream of unknown length as a file. The planner reads and cuts it, workers
 * name, compress, seal and add; the steps are those of a large file. It is cut
 * at the same places as a file with the same content would be.
 *
 *  B1 memory is one buffer for each job under way, whatever comes.
 */
#include "work/backup.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define LOOK_MS 200 /* how soon an interrupted wait for input ends */

/* ---- reading ------------------------------------------------------------------------ */

static int check_over(const struct backup *b, struct err *e)
{
    if (b->options->progress && progress_cancelled(b->options->progress))
        return err_set(e, ERR_CANCELLED, "interrupted: nothing was committed");
    return 0;
}

/* Reads until `len` bytes or the end. */
static int read_full(struct backup *b, uint8_t *p, size_t len, size_t *got_out, struct err *e)
{
    size_t done = 0;
    while (done < len) {
        struct pollfd pfd = {.fd = b->options->stream->fd, .events = POLLIN};
        if (check_over(b, e))
            return -1;
        int ready = poll(&pfd, 1, LOOK_MS);
        if (ready == 0 || (ready < 0 && errno == EINTR))
            continue;
        ssize_t n = ready < 0 ? -1 : read(pfd.fd, p + done, len - done);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n < 0)
            return err_sys(e, errno, "read what is to be saved as '%s'", b->options->stream->path);
        if (n == 0)
            break;
        done += (size_t)n;
        if (b->options->progress)
            progress_add(&b->options->progress->bytes, (uint64_t)n);
    }
    *got_out = done;
    return 0;
}

/* ---- cutting --------------------------------------------------------------------------- */

/* Input that was read and not yet cut: data[0 … have). */
struct input {
    uint8_t *data;
    size_t have, cap;
    uint64_t segment_left; /* files are cut anew at the beginning of each segment */
    bool at_end;
};

static int fill(struct backup *b, struct input *in, struct err *e)
{
    size_t got, want = in->cap - in->have;
    if (in->at_end || want == 0)
        return 0;
    if (read_full(b, in->data + in->have, want, &got, e))
        return -1;
    in->have += got;
    in->at_end = got < want;
    return 0;
}

/* How long the next chunk is that begins `at` bytes into the input; 0 if that
 * takes more input. */
static size_t next_cut(const struct backup *b, const struct input *in, size_t at)
{
    size_t have = in->have - at;
    bool ends = have >= in->segment_left;
    size_t len = ends ? (size_t)in->segment_left : have;
    if (len < b->chunking.cdc_max && !ends && !in->at_end)
        return 0;
    return len ? chunk_cut(&b->cutter, in->data + at, len) : 0;
}

static int add_len(struct job *j, size_t len, struct err *e)
{
    if (j->item_count == j->item_cap) {
        size_t cap = j->item_cap ? 2 * j->item_cap : 16;
        struct item *items = mem_realloc(j->items, cap, sizeof *items);
        if (!items)
            return err_no_memory(e, "a stream's chunks");
        j->items = items;
        j->item_cap = cap;
    }
    j->items[j->item_count++] = (struct item){.kind = ITEM_CHUNK, .len = len};
    return 0;
}

/* Takes all whole chunks of the input along with its buffer; what is left goes
 * to the beginning of a new one. */
static int take_chunks(struct backup *b, struct input *in, struct job *j, struct err *e)
{
    size_t at = 0, len;
    while (at < in->have && (len = next_cut(b, in, at)) > 0) {
        if (add_len(j, len, e))
            return -1;
        at += len;
        in->segment_left -= len;
        if (in->segment_left == 0)
            in->segment_left = SEGMENT_BYTES;
    }
    uint8_t *fresh = mem_alloc(in->cap);
    if (!fresh)
        return err_no_memory(e, "a stream");
    memcpy(fresh, in->data + at, in->have - at);
    j->data = in->data;
    in->data = fresh;
    in->have -= at;
    return 0;
}

static int push_chunks(struct backup *b, struct input *in, struct err *e)
{
    struct job *j = mem_zalloc(sizeof *j);
    if (!j)
        return err_no_memory(e, "a stream");
    if (take_chunks(b, in, j, e)) {
        job_free(j);
        return -1;
    }
    struct step s = {.kind = STEP_SEGMENT, .job = j};
    backup_submit(b, j);
    return backup_push(b, &s, e);
}

static int cut_all(struct backup *b, struct err *e)
{
    struct input in = {.cap = 2 * (size_t)b->chunking.cdc_max, .segment_left = SEGMENT_BYTES};
    in.data = mem_alloc(in.cap);
    int rc = in.data ? 0 : err_no_memory(e, "a stream");
    while (rc == 0) {
        rc = fill(b, &in, e);
        if (rc || (in.have == 0 && in.at_end))
            break;
        rc = push_chunks(b, &in, e);
    }
    mem_free(in.data);
    return rc;
}

/* ---- the file and its directories ---------------------------------------------------------- */

struct entry backup_made_now(const struct backup *b, enum entry_type type, uint32_t mode)
{
    return (struct entry){.type = type,
                          .mode = mode,
                          .uid = geteuid(),
                          .gid = getegid(),
                          .user = "",
                          .group = "",
                          .mtime_s = b->started_ns / NS_PER_S,
                          .mtime_ns = (uint32_t)(b->started_ns % NS_PER_S)};
}

/* The directories that the name of the stream goes through. */
static int push_parents(struct backup *b, const char *path, struct err *e)
{
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        struct entry dir = backup_made_now(b, ENTRY_DIR, 0700);
        CLEANUP_FREE char *copy = mem_strdup(path);
        if (!copy)
            return err_no_memory(e, "a path");
        copy[slash - path] = '\0';
        dir.path = copy;
        dir.path_len = (size_t)(slash - path);
        struct step s = {.kind = STEP_ENTRY, .entry = entry_dup(&dir)};
        if (!s.entry)
            return err_no_memory(e, "an entry");
        if (backup_push(b, &s, e))
            return -1;
    }
    return 0;
}

int backup_plan_stream(struct backup *b, struct err *e)
{
    const struct backup_stream *stream = b->options->stream;
    struct entry file = backup_made_now(b, ENTRY_FILE, 0600);
    file.path = stream->path;
    file.path_len = strlen(stream->path);
    b->result->files_new++;
    if (push_parents(b, stream->path, e))
        return -1;
    struct big_file *f = mem_zalloc(sizeof *f);
    struct step first = {.kind = STEP_FILE, .entry = entry_dup(&file)};
    b->planning = f;
    if (!f || !first.entry) {
        mem_free(first.entry);
        return err_no_memory(e, "an entry");
    }
    f->fd = -1;
    if (backup_push(b, &first, e) || cut_all(b, e))
        return -1;
    struct step last = {.kind = STEP_FILE_END, .file = TAKE(b->planning)};
    if (backup_push(b, &last, e) || backup_flush_all(b, e) || check_over(b, e))
        return -1;
    return stream->finish ? stream->finish(stream->arg, e) : 0;
}
