/* SPDX-License-Identifier: Apache-2.0 */
/* abri doctor: the vault and where it lies. Reads; writes nothing. */
#include "cli/amount.h"
#include "cli/doctor.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define SPACE_BAD_BYTES  ((uint64_t)256 << 20)
#define SPACE_WARN_BYTES ((uint64_t)2 << 30)
#define SPACE_WARN_SHARE 20 /* a twentieth */
#define AGE_WARN_HOURS   48

void doctor_open_vault(struct doctor *d)
{
    struct err e = ERR_INIT;
    if (cli_location(d->cli, &d->location, &e)) {
        doctor_tell(d, DOCTOR_BAD, "vault", "name it with --vault LOC, or set ABRI_VAULT",
                    "no vault is named");
        return;
    }
    if (access_open(d->location, &d->cli->dirs, &d->access, &e)) {
        doctor_tell(d, DOCTOR_BAD, "vault",
                    e.cls == ERR_NO_VAULT
                        ? "is the disk mounted? Else make a vault there, or finish what an `abri "
                          "init` began, with `abri init`"
                        : "see `abri help exit-codes`, and what the message says",
                    "%s", e.msg);
        return;
    }
    char id[2 * UID_BYTES + 1];
    hex_encode(vault_get_info(d->access.vault)->id, UID_BYTES, id);
    doctor_tell(d, DOCTOR_OK, "vault", NULL, "'%s' holds vault %s, format %d", d->location, id,
                VAULT_FORMAT);
}

/* ---- the place -------------------------------------------------------------------- */

static void look_writable(struct doctor *d, const struct statvfs *fs)
{
    if (fs->f_flag & ST_RDONLY)
        doctor_tell(d, DOCTOR_BAD, "writable", "mount it for writing; reading works as it is",
                    "the vault's file system is mounted read-only");
    else if (access(d->location, W_OK | X_OK))
        doctor_tell(d, DOCTOR_BAD, "writable", "run as its owner, or change the owner of the vault",
                    "this user may not write to the vault: %s", strerror(errno));
    else
        doctor_tell(d, DOCTOR_OK, "writable", NULL, "this user may write to the vault");
}

static void look_space(struct doctor *d, const struct statvfs *fs)
{
    uint64_t left = (uint64_t)fs->f_bavail * fs->f_frsize, all = (uint64_t)fs->f_blocks * fs->f_frsize;
    char text[AMOUNT_TEXT_BYTES];
    amount_format_size(left, text);
    bool no_names = fs->f_files && fs->f_favail < 1000;
    enum doctor_level level = left < SPACE_BAD_BYTES || no_names ? DOCTOR_BAD
                              : left < SPACE_WARN_BYTES || left < all / SPACE_WARN_SHARE
                                  ? DOCTOR_WARN
                                  : DOCTOR_OK;
    doctor_tell(d, level, "space", level == DOCTOR_OK ? NULL : "make room on the vault's disk",
                "%s left%s", text, no_names ? ", and hardly any inodes" : "");
}

static const char *file_system_name(long type)
{
    static const struct {
        long type;
        const char *name;
    } known[] = {{0x6969, "NFS"}, {(long)0xff534d42, "CIFS"}, {(long)0xfe534d42, "SMB"},
                 {0x65735546, "FUSE"}, {0x4d44, "FAT"}, {0x01021994, "tmpfs"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].type == type)
            return known[i].name;
    return NULL;
}

static bool can_lock(const char *location)
{
    CLEANUP(file_close) int fd = open(location, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) == 0;
}

static void look_kind(struct doctor *d)
{
    struct statfs fs;
    if (statfs(d->location, &fs))
        return;
    const char *name = file_system_name((long)fs.f_type);
    if (!can_lock(d->location) && errno != EWOULDBLOCK)
        doctor_tell(d, DOCTOR_BAD, "file system", "put the vault on another file system",
                    "the vault's file system has no file locks: %s", strerror(errno));
    else if (name && strcmp(name, "tmpfs") == 0)
        doctor_tell(d, DOCTOR_WARN, "file system", "put the vault on a disk",
                    "the vault is in memory (tmpfs): it ends with the machine");
    else if (name)
        doctor_tell(d, DOCTOR_WARN, "file system",
                    "run `abri check --read-data` from time to time, and mind its `sync` options",
                    "the vault is on %s: how durable it is depends on more than abri", name);
    else
        doctor_tell(d, DOCTOR_OK, "file system", NULL, "a local file system with locks");
}

void doctor_vault_place(struct doctor *d)
{
    struct statvfs fs;
    if (!d->access.vault || statvfs(d->location, &fs))
        return;
    look_writable(d, &fs);
    look_space(d, &fs);
    look_kind(d);
}

/* ---- snapshots -------------------------------------------------------------------------- */

struct damage {
    struct doctor *doctor;
    uint64_t count;
};

static void on_damage(void *arg, const char *object, const char *message)
{
    struct damage *d = arg;
    if (d->count++ == 0)
        doctor_tell(d->doctor, DOCTOR_BAD, "records", "run `abri check`", "%s: %s", object, message);
}

static const struct snapshot *newest_of(const struct snapshot_list *l, const uint8_t *writer)
{
    for (size_t i = l->count; i-- > 0;)
        if (!writer || memcmp(l->items[i].writer, writer, UID_BYTES) == 0)
            return &l->items[i];
    return NULL;
}

static void look_age(struct doctor *d, const struct snapshot *s, const char *whose)
{
    int64_t now = clock_realtime_ns(), age_s = (now - s->dated_ns) / NS_PER_S;
    char id[SHORT_ID_BYTES], when[CLOCK_TEXT_BYTES];
    short_id(s->id, id);
    clock_format(s->dated_ns, when);
    if (age_s < 0) {
        doctor_tell(d, DOCTOR_BAD, "clock", "set the clock, and keep it with NTP",
                    "the newest snapshot is from the future (%s): this clock is, or was, wrong", when);
        return;
    }
    bool old = age_s > (int64_t)AGE_WARN_HOURS * 3600;
    doctor_tell(d, old ? DOCTOR_WARN : DOCTOR_OK, "last snapshot",
                old ? "does the backup still run? See its log, or run `abri backup`" : NULL,
                "%s %s, %s, %" PRId64 " hours ago", whose, id, when, age_s / 3600);
    if (s->incomplete)
        doctor_tell(d, DOCTOR_WARN, "last snapshot",
                    "`abri backup` names what it could not save: see its output or log",
                    "snapshot %s is not complete", id);
}

void doctor_snapshots(struct doctor *d)
{
    CLEANUP(snapshot_list_done) struct snapshot_list all = {0};
    struct damage damage = {.doctor = d};
    struct err e = ERR_INIT;
    if (!d->access.vault)
        return;
    if (vault_snapshots(d->access.vault, &all, on_damage, &damage, &e)) {
        doctor_tell(d, DOCTOR_BAD, "records", "run `abri check`", "%s", e.msg);
        return;
    }
    if (all.refused)
        doctor_tell(d, DOCTOR_WARN, "records",
                    "somebody used a revoked key: find out who, and from where; the records count "
                    "for nothing",
                    "%" PRIu64 " record%s received after the writer had been revoked", all.refused,
                    PLURAL(all.refused));
    const struct snapshot *mine =
        newest_of(&all, d->is_writer ? d->access.writer->id : NULL);
    if (mine)
        look_age(d, mine, d->is_writer ? "this machine's" : "the vault's");
    else
        doctor_tell(d, DOCTOR_WARN, "last snapshot", "run `abri backup PATH…`",
                    d->is_writer ? "this machine has none in the vault" : "the vault has none");
}
