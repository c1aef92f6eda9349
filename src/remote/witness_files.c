/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a witness keeps, below servers/<host>_<port>/:
 *
 *     witness.key     (mode 0600) the seed with which this identity co-signs
 *     checkpoint      the last note that was seen, with this identity's own line: when it was
 *     log-evidence-…  both sides of a contradiction
 */
#include "remote/witness.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static void path_of(const char *dir, const char *name, char out[IDENTITY_PATH_MAX + 32])
{
    (void)snprintf(out, IDENTITY_PATH_MAX + 32, "%s/%s", dir, name);
}

/* ---- the key ----------------------------------------------------------------------------- */

void witness_name(const uint8_t public_key[SIGN_PUBLIC_BYTES], struct note_key *out)
{
    char hex[17];
    hex_encode(public_key, 8, hex);
    *out = (struct note_key){0};
    (void)snprintf(out->name, sizeof out->name, "witness.%s", hex);
    memcpy(out->public_key, public_key, SIGN_PUBLIC_BYTES);
}

int witness_key_load(const char *dir, struct sign_key *out, struct err *e)
{
    char path[IDENTITY_PATH_MAX + 32];
    struct buf seed = {0};
    path_of(dir, "witness.key", path);
    int rc = file_slurp(AT_FDCWD, path, SIGN_SEED_BYTES, &seed, e);
    if (!rc && seed.len != SIGN_SEED_BYTES)
        rc = err_set(e, ERR_DAMAGED, "'%s' is damaged: remove it, and a new one is made", path);
    if (!rc)
        sign_key_from_seed(seed.data, out);
    if (seed.data)
        explicit_bzero(seed.data, seed.cap);
    buf_done(&seed);
    return rc;
}

int witness_key_save(const char *dir, const struct sign_key *key, struct err *e)
{
    char path[IDENTITY_PATH_MAX + 32];
    uint8_t seed[SIGN_SEED_BYTES];
    path_of(dir, "witness.key", path);
    sign_key_seed(key, seed);
    int rc = file_replace(path, seed, sizeof seed, 0600, e);
    explicit_bzero(seed, sizeof seed);
    return rc;
}

int witness_key_prepare(const char *dir, struct sign_key *out, struct buf *text, struct err *e)
{
    struct err why = ERR_INIT;
    struct note_key me;
    if (witness_key_load(dir, out, &why)) {
        if (why.cls != ERR_NOT_FOUND)
            return err_give(e, &why);
        sign_key_new(out);
    }
    witness_name(out->public_key, &me);
    if (note_key_text(&me, true, text, e))
        return -1;
    buf_put_u8(text, 0);
    return buf_check(text, "a key", e);
}

/* ---- the checkpoint ------------------------------------------------------------------------ */

int witness_kept(const char *dir, const struct note_key *log, const struct note_key *me,
                 struct buf *note, struct sighting *out, struct err *e)
{
    char path[IDENTITY_PATH_MAX + 32];
    struct sighting s = {0};
    path_of(dir, "checkpoint", path);
    if (file_slurp(AT_FDCWD, path, NOTE_MAX, note, e))
        return -1;
    if (checkpoint_verify(note->data, note->len, log, &s.c, e))
        return err_wrap(e, "'%s' does not hold what this machine saw (remove it to begin anew)", path);
    (void)checkpoint_cosigned(note->data, note->len, me, &s.time_s);
    *out = s;
    return 0;
}

int witness_keep(const char *dir, const struct buf *note, struct err *e)
{
    char path[IDENTITY_PATH_MAX + 32];
    path_of(dir, "checkpoint", path);
    return file_replace(path, note->data, note->len, 0644, e);
}

/* ---- evidence -------------------------------------------------------------------------------- */

static int write_new(const char *path, const struct buf *b, struct err *e)
{
    CLEANUP(file_close) int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return errno == EEXIST ? 0 : err_sys(e, errno, "make '%s'", path);
    if (file_write(fd, b->data, b->len) || fsync(fd))
        return err_sys(e, errno, "write '%s'", path);
    return 0;
}

int witness_evidence(const char *dir, const char *what, const struct buf *kept, const void *said,
                     size_t said_len, char path_out[IDENTITY_PATH_MAX], struct err *e)
{
    CLEANUP(buf_done) struct buf text = {.max = (size_t)1 << 20};
    uint8_t hash[HASH_BYTES];
    char hex[17], now[CLOCK_TEXT_BYTES];
    clock_format_utc(clock_realtime_ns(), now);
    hash_two(kept->data, kept->len, said, said_len, hash); /* the same contradiction is told once */
    hex_encode(hash, 8, hex);
    int n = snprintf(path_out, IDENTITY_PATH_MAX, "%s/log-evidence-%s.txt", dir, hex);
    if (n < 0 || n >= IDENTITY_PATH_MAX)
        return err_set(e, ERR_LIMIT, "'%s': the path is too long", dir);
    buf_put(&text, now, strlen(now));
    buf_put(&text, ": ", 2);
    buf_put(&text, what, strlen(what));
    static const char before[] = "\n\n==== what this machine had seen\n", after[] = "\n==== what the server answered\n";
    buf_put(&text, before, sizeof before - 1);
    if (kept->len)
        buf_put(&text, kept->data, kept->len);
    buf_put(&text, after, sizeof after - 1);
    if (said_len)
        buf_put(&text, said, said_len);
    buf_put_u8(&text, '\n');
    return buf_check(&text, "evidence", e) || write_new(path_out, &text, e) ? -1 : 0;
}

int witness_lock(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB))
        file_close(&fd);
    return fd;
}
