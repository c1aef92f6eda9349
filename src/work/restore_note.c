/* SPDX-License-Identifier: Apache-2.0 */
#include "work/restore_note.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static int note_name(const char *target, const uint8_t snapshot[ID_BYTES], const char *what,
                     char hex[2 * HASH_BYTES + 1], struct err *e)
{
    CLEANUP(buf_done) struct buf text = {0};
    char real[4096];
    const char *place = realpath(target, real) ? real : target;
    uint8_t hash[HASH_BYTES];
    buf_put(&text, snapshot, ID_BYTES);
    buf_put(&text, place, strlen(place) + 1);
    buf_put(&text, what, strlen(what) + 1);
    if (buf_check(&text, "the note of the restore", e))
        return -1;
    hash_bytes(text.data, text.len, hash);
    hex_encode(hash, HASH_BYTES, hex);
    return 0;
}

int restore_note_begin(const struct work_dirs *dirs, const char *target,
                       const uint8_t snapshot[ID_BYTES], const char *what,
                       struct restore_note *out, bool *resumes_out, struct err *e)
{
    char hex[2 * HASH_BYTES + 1];
    struct err ignored = ERR_INIT;
    out->fd = -1;
    *resumes_out = false;
    if (!dirs || !dirs->cache)
        return 0;
    if (note_name(target, snapshot, what, hex, e))
        return -1;
    if ((size_t)snprintf(out->path, sizeof out->path, "%s/restores", dirs->cache) >=
            sizeof out->path - sizeof hex - 1 ||
        file_make_dirs(out->path, 0700, &ignored))
        return 0;
    size_t len = strlen(out->path);
    (void)snprintf(out->path + len, sizeof out->path - len, "/%s", hex);
    *resumes_out = access(out->path, F_OK) == 0;
    out->fd = open(out->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (out->fd >= 0 && flock(out->fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK) {
        file_close(&out->fd);
        return err_set(e, ERR_BUSY, "another restore of this snapshot into '%s' is under way",
                       target);
    }
    return 0;
}

void restore_note_end(struct restore_note *n, bool finished)
{
    if (n->fd >= 0 && finished)
        (void)unlink(n->path);
    file_close(&n->fd);
}
