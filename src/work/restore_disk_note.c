/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far the restore of a disk is, in its note (restore_note.h). Private to this machine; anything
 * unexpected is no note, and then the restore begins at the beginning.
 *
 * Two slots, at 0 and at SLOT_STEP, written in turns, so that a torn one leaves the other:
 * "abri.RDN" ‖ u32 version ‖ u64 sequence ‖ snapshot[32] ‖ u8 place ‖ u64 device ‖ u64 inode ‖ u64
 * born ns ‖ u64 size ‖ u64 offset ‖ u64 damaged ‖ u8 fresh ‖ zeros ‖ BLAKE3[32] of all before it.
 * Little endian.
 */
#include "work/restore_disk.h"

#include "base/file.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define MAGIC       "abri.RDN"
#define VERSION     1u
#define SLOT_STEP   512
#define CHECK_AT    (DISK_NOTE_BYTES - HASH_BYTES)
#define FIELD_BYTES 110u
_Static_assert(FIELD_BYTES <= CHECK_AT, "all fields are before the check");

static uint8_t *add_u64(uint8_t *p, uint64_t v)
{
    put_u64(p, v);
    return p + 8;
}

void disk_note_encode(const struct disk_note *d, uint8_t out[DISK_NOTE_BYTES])
{
    uint8_t *p = out;
    memset(out, 0, DISK_NOTE_BYTES);
    memcpy(p, MAGIC, 8);
    put_u32(p + 8, VERSION);
    p = add_u64(p + 12, d->sequence);
    memcpy(p, d->snapshot, ID_BYTES);
    p += ID_BYTES;
    *p++ = (uint8_t)d->target.place;
    p = add_u64(p, d->target.device);
    p = add_u64(p, d->target.ino);
    p = add_u64(p, (uint64_t)d->target.born_ns);
    p = add_u64(p, d->size);
    p = add_u64(p, d->offset);
    p = add_u64(p, d->damaged);
    *p = d->fresh;
    hash_bytes(out, CHECK_AT, out + CHECK_AT);
}

bool disk_note_decode(const uint8_t *bytes, size_t len, struct disk_note *out)
{
    uint8_t check[HASH_BYTES], magic[8];
    struct disk_note d = {0};
    if (len < DISK_NOTE_BYTES)
        return false;
    hash_bytes(bytes, CHECK_AT, check);
    struct cursor c = cursor_of(bytes, CHECK_AT);
    if (memcmp(check, bytes + CHECK_AT, HASH_BYTES) != 0 || !cursor_copy(&c, magic, sizeof magic) ||
        memcmp(magic, MAGIC, sizeof magic) != 0 || cursor_u32(&c) != VERSION)
        return false;
    d.sequence = cursor_u64(&c);
    (void)cursor_copy(&c, d.snapshot, sizeof d.snapshot);
    d.target.place = (enum disk_place)cursor_u8(&c);
    d.target.device = cursor_u64(&c);
    d.target.ino = cursor_u64(&c);
    d.target.born_ns = (int64_t)cursor_u64(&c);
    d.size = cursor_u64(&c);
    d.offset = cursor_u64(&c);
    d.damaged = cursor_u64(&c);
    d.fresh = cursor_u8(&c) == 1;
    if (c.bad || d.offset > d.size || d.damaged > d.offset)
        return false;
    *out = d;
    return true;
}

bool disk_note_load(const struct restore_note *n, struct disk_note *out)
{
    uint8_t slot[DISK_NOTE_BYTES];
    struct disk_note d;
    bool found = false;
    for (int i = 0; n->fd >= 0 && i < 2; i++) {
        ssize_t got = file_pread(n->fd, slot, sizeof slot, i * SLOT_STEP);
        if (got < 0 || !disk_note_decode(slot, (size_t)got, &d) ||
            (found && d.sequence < out->sequence))
            continue;
        *out = d;
        found = true;
    }
    return found;
}

int disk_note_save(const struct restore_note *n, struct disk_note *d, struct err *e)
{
    uint8_t slot[DISK_NOTE_BYTES];
    if (n->fd < 0)
        return 0;
    d->sequence++;
    disk_note_encode(d, slot);
    if (file_pwrite(n->fd, slot, sizeof slot, (off_t)(d->sequence & 1) * SLOT_STEP) ||
        fdatasync(n->fd))
        return err_sys(e, errno, "write the note '%s'", n->path);
    return 0;
}
