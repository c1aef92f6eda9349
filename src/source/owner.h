/* SPDX-License-Identifier: Apache-2.0 */
/* Names of users and groups, remembered: asking the system may mean asking a
 * directory server. Bounded: a slot per id modulo the number of slots. */
#ifndef ABRI_SOURCE_OWNER_H
#define ABRI_SOURCE_OWNER_H

#include <stdbool.h>
#include <stdint.h>

#define OWNER_SLOTS 256

struct owner_slot {
    uint32_t id;
    bool known;
    char *name; /* NULL: the id has no name */
};

struct owners {
    struct owner_slot users[OWNER_SLOTS], groups[OWNER_SLOTS];
};

void owners_done(struct owners *o);
/* "" if unknown. Borrowed until another user is asked for. */
const char *owners_user(struct owners *o, uint32_t uid);
const char *owners_group(struct owners *o, uint32_t gid);

#endif
