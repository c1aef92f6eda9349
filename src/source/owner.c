/* SPDX-License-Identifier: Apache-2.0 */
/* Looks up names of users and groups, once each. A failure of the name service
 * is treated as "no name": numbers are what counts. */
#include "source/owner.h"

#include "base/mem.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stddef.h>
#include <string.h>

#define LOOKUP_MAX ((size_t)1 << 20) /* a group's members come with its name */

/* 0, or an errno; *name_out may stay NULL. */
typedef int lookup(uint32_t id, char *room, size_t room_len, char **name_out);

static int lookup_user(uint32_t id, char *room, size_t room_len, char **name_out)
{
    struct passwd pw, *found = NULL;
    int rc = getpwuid_r(id, &pw, room, room_len, &found);
    *name_out = found ? found->pw_name : NULL;
    return rc;
}

static int lookup_group(uint32_t id, char *room, size_t room_len, char **name_out)
{
    struct group gr, *found = NULL;
    int rc = getgrgid_r(id, &gr, room, room_len, &found);
    *name_out = found ? found->gr_name : NULL;
    return rc;
}

static char *ask(lookup *fn, uint32_t id)
{
    for (size_t room_len = 1024; room_len <= LOOKUP_MAX; room_len *= 4) {
        CLEANUP_FREE char *room = mem_alloc(room_len);
        char *name;
        if (!room)
            return NULL;
        int rc = fn(id, room, room_len, &name);
        if (rc != ERANGE)
            return rc == 0 && name ? mem_strdup(name) : NULL;
    }
    return NULL;
}

static const char *find(struct owner_slot *slots, uint32_t id, lookup *fn)
{
    struct owner_slot *s = &slots[id % OWNER_SLOTS];
    if (!s->known || s->id != id) {
        mem_free(s->name);
        *s = (struct owner_slot){.id = id, .known = true, .name = ask(fn, id)};
    }
    return s->name ? s->name : "";
}

const char *owners_user(struct owners *o, uint32_t uid)
{
    return find(o->users, uid, lookup_user);
}

const char *owners_group(struct owners *o, uint32_t gid)
{
    return find(o->groups, gid, lookup_group);
}

void owners_done(struct owners *o)
{
    for (size_t i = 0; i < OWNER_SLOTS; i++) {
        mem_free(o->users[i].name);
        mem_free(o->groups[i].name);
    }
}
