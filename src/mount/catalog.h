/* SPDX-License-Identifier: Apache-2.0 */
/* What catalog.c and catalog_find.c share. */
#ifndef ABRI_MOUNT_CATALOG_H
#define ABRI_MOUNT_CATALOG_H

#include "mount/mount_internal.h"

struct slot {
    uint8_t id[ID_BYTES];
    char name[SNAPSHOT_NAME_BYTES], short_id[9];
    int64_t dated_ns;
    uint32_t group;
    const struct snapshot *item; /* in `list`; NULL: it was forgotten */
    bool is_open;
    struct tree_ref tree; /* once it is */
};
struct known_id { /* where to find a slot; ascending by id */
    uint8_t id[ID_BYTES];
    uint32_t slot;
};
struct group {
    uint8_t id[UID_BYTES];
    uint32_t host; /* NO_HOST: not yet known */
};
/* Texts, and what the directories that stand for them are called. */
struct name_table {
    struct given_name {
        char *text;
        char name[HOST_NAME_BYTES];
    } *items;
    uint32_t count;
};
struct catalog {
    struct catalog_options o;
    pthread_mutex_t lock;
    struct snapshot_list list;
    struct slot *slots;
    size_t slot_count, slot_cap;
    struct known_id *known;
    size_t known_count;
    struct group *groups;
    uint32_t group_count;
    struct name_table hosts, tags;
    int64_t looked_ns;
};
/* Finds it, or gives it a name that no other has. */
MUST_CHECK int name_table_add(struct name_table *t, const char *text, uint32_t *out, struct err *e);
void name_table_done(struct name_table *t);
MUST_CHECK int catalog_note_tags(struct catalog *c, const struct snapshot *s, struct err *e);

#endif
