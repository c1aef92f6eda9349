/* SPDX-License-Identifier: Apache-2.0 */
/*
 * layout: what is on a disk, from a look at its first and last sectors and the
 * super-blocks: partition tables (MBR with logical partitions, GPT) and file systems,
 * volume managers, encryption. It recognises; it does not open. And the note of
 * a disk, which a snapshot keeps beside its content (docs/format/tree.md).
 *
 * Every byte is a guest's. Reads at most LAYOUT_READ_MAX bytes in all, whatever the
 * disk says (a usual disk: some hundred KiB), in pieces of at most 8 KiB that begin at multiples of
 * 512; nothing found is trusted further than to be shown. Nothing is allocated. Pure but for the
 * callback; any thread.
 *
 * Names of contents: ext2 ext3 ext4 jbd xfs btrfs f2fs reiserfs squashfs iso9660 swap swsuspend,
 * fat12 fat16 fat32 exfat ntfs refs bitlocker, lvm2 luks1 luks2 md zfs.
 */
#ifndef ABRI_LAYOUT_LAYOUT_H
#define ABRI_LAYOUT_LAYOUT_H

#include "base/bytes.h"
#include "base/err.h"

#define LAYOUT_PARTS_MAX 128u
#define LAYOUT_READ_MAX  ((uint64_t)64 << 20)
#define LAYOUT_NOTE_MAX  ((size_t)64 << 10) /* encoded */
#define LAYOUT_TEXT      64                 /* of a short text, NUL included */
#define LAYOUT_LABEL     160 /* of a name that somebody gave: UTF-8, no control characters */

enum layout_table { LAYOUT_NO_TABLE = 0, LAYOUT_MBR, LAYOUT_GPT };

struct layout_part {
    uint32_t number;           /* as Linux counts; 0: the whole disk, without a table */
    uint64_t start, bytes;     /* bytes; within the disk, cut if the table says more */
    char type[LAYOUT_TEXT];    /* "0x83", or a GUID in lower case; "" for the whole disk */
    char name[LAYOUT_LABEL];   /* of GPT; "" if it has none */
    char content[LAYOUT_TEXT]; /* "ext4", "ntfs", "lvm2", "luks2", "swap", …; "" if unknown */
    char label[LAYOUT_LABEL];  /* of the file system */
    char id[LAYOUT_TEXT];      /* its UUID or serial as blkid(8) shows it; "" if it has none */
};

struct layout {
    enum layout_table table;
    char table_id[LAYOUT_TEXT]; /* GUID, or the eight digits of an MBR; "" */
    uint32_t
        sector; /* bytes of a logical sector: 4096 if a GPT says so, else 512; 0: not looked at */
    struct layout_part parts[LAYOUT_PARTS_MAX]; /* in the order of their numbers */
    size_t part_count;
    bool more; /* there were more than LAYOUT_PARTS_MAX */
};

/* Reads exactly `len` bytes at `off`, which are within the disk. */
typedef int layout_read(void *arg, uint64_t off, void *p, size_t len, struct err *e);

/* Fills `out`, whatever the disk holds; -1 only if `read` failed (its error). */
MUST_CHECK int layout_probe(uint64_t size, layout_read *read, void *arg, struct layout *out,
                            struct err *e);

/* What a snapshot keeps of a disk beside its bytes. Strings are UTF-8 without
 * control characters, at most LAYOUT_SOURCE bytes with their NUL. */
#define LAYOUT_SOURCE 1024
struct layout_note {
    char format[LAYOUT_TEXT];   /* "raw", "qcow2", …, "nbd" */
    char source[LAYOUT_SOURCE]; /* where it was, for people */
    char mark[LAYOUT_TEXT];     /* the changed-block map that begins here; "" */
    struct layout layout;
};
/* Appends at most LAYOUT_NOTE_MAX bytes: if there were more, the last parts are left out, and
 * `more` says so. What may not stand in a text becomes '?'. ERR_NO_MEMORY. */
MUST_CHECK int layout_note_encode(const struct layout_note *n, struct buf *out, struct err *e);
/* ERR_DAMAGED, ERR_NEWER; `out` is then untouched. */
MUST_CHECK int layout_note_decode(const void *p, size_t len, struct layout_note *out,
                                  struct err *e);

/* Copies a text that somebody gave: what is no UTF-8 and control characters become '?', cut to
 * fit at a character's border. */
void layout_clean_text(const char *in, char *out, size_t cap);

#endif
