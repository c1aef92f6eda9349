/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine started from its snapshot: nbdkit serves the disks, QEMU runs on overlays of them.
 * What `boot` and `drill` share.
 */
#ifndef ABRI_CLI_BOOT_H
#define ABRI_CLI_BOOT_H

#include "cli/cli.h"
#include "machine/vm.h"
#include "work/find_disks.h"

#include <pthread.h>

enum boot_firmware { BOOT_FIRMWARE_AUTO = 0, BOOT_BIOS, BOOT_UEFI };
/* For options: in the order of boot_firmware and vm_bus, ended with NULL. */
extern const char *const boot_firmware_words[], *const boot_bus_words[];

struct boot_options {
    const char *snap; /* SNAP; NULL: what `dir` was begun with */
    const char *dir;  /* of the overlays, kept; NULL: one that goes away */
    const char *plugin;
    uint64_t memory_mib; /* 0: 1024 */
    unsigned cpus;       /* 0: as many as here, at most 4 */
    enum boot_firmware firmware;
    enum vm_bus bus;     /* VM_BUS_UNSET: as the names of the disks say */
    bool network;
    uint16_t probe_port; /* see vm.h */
    bool signs;          /* the owner's key is needed, too: boot.secrets */
};

/* The nbdkit beside us, attended by a thread. */
struct boot_server {
    struct cli *cli;
    struct string_list words;
    char socket[160];
    atomic_bool end;
    pthread_t thread;
    bool running; /* the thread has to be joined */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool ready, ended; /* under lock */
    struct err err;    /* valid if it ended */
};

struct boot {
    struct cli *cli;
    struct boot_options options;
    char dir[160];
    int dir_fd; /* locked: one machine a directory */
    bool keeps_dir, resumed;
    bool whole; /* the overlays need no backup any more */
    uint8_t snapshot[ID_BYTES];
    int64_t snapshot_ns;
    char *host; /* whose machine it is */
    struct disk_list disks;
    struct vm_disk vm_disks[VM_DISKS_MAX];
    struct vm_options vm_options;
    struct boot_server server;
    struct vm *vm;
    struct vault_secrets *secrets; /* if asked for */
    uint8_t vault_id[UID_BYTES], owner_pk[SIGN_PUBLIC_BYTES];
};

/* Finds the snapshot and its disks (asking for the passphrase), makes or finds the directory. */
MUST_CHECK int boot_prepare(struct cli *c, const struct boot_options *o, struct boot *out, struct err *e);
/* Serves, makes the overlays, starts the machine. */
MUST_CHECK int boot_start(struct boot *b, struct err *e);
/* The overlays hold everything: remembers it, ends the server. */
MUST_CHECK int boot_is_whole(struct boot *b, struct err *e);
/* Ends what runs; removes the directory if it is not to be kept. */
void boot_done(struct boot *b);

/* boot_server.c */
MUST_CHECK int boot_server_start(struct boot_server *s, struct cli *c, const char *dir, const char *plugin,
                                 const uint8_t snapshot[ID_BYTES], struct err *e);
void boot_server_end(struct boot_server *s);

/* boot_note.c: DIR/machine.json, by which a machine goes on later. */
MUST_CHECK int boot_note_write(const struct boot *b, struct err *e);
/* ERR_NOT_FOUND if the directory was not begun by boot. Fills snapshot, whole and what the options leave open. */
MUST_CHECK int boot_note_read(struct boot *b, struct err *e);

#endif
