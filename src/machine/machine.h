/* SPDX-License-Identifier: Apache-2.0 */
/*
 * machine: virtual machines. A libvirt domain gives its disks as they are at one
 * moment, through its own NBD server, with the changed blocks since an earlier checkpoint.
 *
 * Everything is asked of `virsh`, as the user could: abri links nothing of libvirt, and what the
 * user may not do, abri cannot. One thread at a time.
 */
#ifndef ABRI_MACHINE_MACHINE_H
#define ABRI_MACHINE_MACHINE_H

#include "base/bytes.h"
#include "base/err.h"

#include <stdbool.h>

#define DOMAIN_DISKS_MAX  64u
#define DOMAIN_XML_MAX    ((size_t)4 << 20)
#define CHECKPOINT_PREFIX "abri-" /* of the names of our checkpoints */
#define CHECKPOINT_BYTES  24

struct domain_disk {
    char *name;   /* its target: "vda" */
    char *source; /* where it is: the file or device; once the backup has begun, the URI to read */
};

struct domain_options {
    const char *name;
    const char *connection; /* virsh -c; NULL: the default */
    const char
        *socket_dir; /* in which the machine's QEMU may make a socket; NULL: that of libvirt */
    const char *scratch_dir; /* in which QEMU may keep what is overwritten meanwhile; NULL: beside
                                its images */
    bool no_quiesce;         /* do not ask the guest's agent to freeze its file systems */
    void (*told)(void *arg, const char *domain, const char *what);
    void *arg;
};

/* A domain, found. */
struct domain {
    struct domain_options options;
    bool running;
    struct domain_disk disks[DOMAIN_DISKS_MAX];
    size_t disk_count;
    struct buf xml; /* its inactive definition, without secrets */
    /* Once the backup has begun: */
    bool begun;
    char
        since[CHECKPOINT_BYTES]; /* the checkpoint that the maps begin with; "": whole disks only */
    char next[CHECKPOINT_BYTES]; /* the one that begins now */
    char *dir;                   /* of the socket and our requests */
};

/* Looks at it: ERR_NOT_FOUND; ERR_USAGE without a disk; ERR_NOT_FOUND too if there is no virsh. */
MUST_CHECK int domain_find(const struct domain_options *o, struct domain *out, struct err *e);
/* Begins a backup of a running domain at this moment: its sources become URIs, each with a dirty
 * bitmap called `since` if libvirt still has that checkpoint. `since` may be "". A domain that does
 * not run has nothing to begin: its sources are files. */
MUST_CHECK int domain_begin(struct domain *d, const char *since, struct err *e);
/* Ends it. If the snapshot was saved, our older checkpoints go, else the new one. What fails is
 * told. */
void domain_end(struct domain *d, bool saved);
void domain_done(struct domain *d);

#endif
