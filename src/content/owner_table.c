/* SPDX-License-Identifier: Apache-2.0 */
/* Owners of a node's entries: each (uid, gid, names) once. Few in practice, so
 * the last hit and then a scan from the newest find them. */
#include "content/content_internal.h"

#include "base/mem.h"

#include <string.h>

struct owner {
    uint32_t uid, gid;
    const char *user, *group; /* owned */
};

struct owner_table {
    struct owner *items;
    size_t count, cap;
    uint32_t last;
};

int owner_table_new(struct owner_table **out, struct err *e)
{
    *out = mem_zalloc(sizeof **out);
    return *out ? 0 : err_no_memory(e, "owners");
}

void owner_table_reset(struct owner_table *t)
{
    for (size_t i = 0; i < t->count; i++) {
        mem_free((void *)(uintptr_t)t->items[i].user);
        mem_free((void *)(uintptr_t)t->items[i].group);
    }
    t->count = 0;
    t->last = 0;
}

void owner_table_free(struct owner_table *t)
{
    if (!t)
        return;
    owner_table_reset(t);
    mem_free(t->items);
    mem_free(t);
}

static bool is_owner(const struct owner *o, const struct entry *en)
{
    return o->uid == en->uid && o->gid == en->gid && !strcmp(o->user, en->user) &&
           !strcmp(o->group, en->group);
}

static int append(struct owner_table *t, uint32_t uid, uint32_t gid, const char *user,
                  size_t user_len, const char *group, size_t group_len, struct err *e)
{
    if (t->count == t->cap) {
        size_t cap = t->cap ? 2 * t->cap : 8;
        struct owner *items = mem_realloc(t->items, cap, sizeof *items);
        if (!items)
            return err_no_memory(e, "owners");
        t->items = items;
        t->cap = cap;
    }
    char *u = mem_alloc(user_len + 1), *g = mem_alloc(group_len + 1);
    if (!u || !g) {
        mem_free(u);
        mem_free(g);
        return err_no_memory(e, "owners");
    }
    memcpy(u, user, user_len);
    memcpy(g, group, group_len);
    u[user_len] = g[group_len] = '\0';
    t->items[t->count++] = (struct owner){.uid = uid, .gid = gid, .user = u, .group = g};
    return 0;
}

uint32_t owner_table_index(struct owner_table *t, const struct entry *en, struct err *e)
{
    if (t->last < t->count && is_owner(&t->items[t->last], en))
        return t->last;
    for (size_t i = t->count; i-- > 0;)
        if (is_owner(&t->items[i], en))
            return t->last = (uint32_t)i;
    if (t->count >= OWNERS_MAX) {
        (void)err_set(e, ERR_LIMIT, "more than %u owners in one node", OWNERS_MAX);
        return OWNER_NONE;
    }
    if (append(t, en->uid, en->gid, en->user, strlen(en->user), en->group, strlen(en->group), e))
        return OWNER_NONE;
    return t->last = (uint32_t)t->count - 1;
}

void owner_table_encode(const struct owner_table *t, struct buf *out)
{
    buf_put_varint(out, t->count);
    for (size_t i = 0; i < t->count; i++) {
        buf_put_varint(out, t->items[i].uid);
        buf_put_varint(out, t->items[i].gid);
        buf_put_blob(out, t->items[i].user, strlen(t->items[i].user));
        buf_put_blob(out, t->items[i].group, strlen(t->items[i].group));
    }
}

int owner_table_decode(struct owner_table *t, struct cursor *c, struct err *e)
{
    owner_table_reset(t);
    uint64_t count = cursor_varint_max(c, OWNERS_MAX);
    for (uint64_t i = 0; i < count && !c->bad; i++) {
        uint32_t uid = (uint32_t)cursor_varint_max(c, UINT32_MAX);
        uint32_t gid = (uint32_t)cursor_varint_max(c, UINT32_MAX);
        size_t user_len, group_len;
        const uint8_t *user = cursor_blob(c, 4096, &user_len);
        const uint8_t *group = cursor_blob(c, 4096, &group_len);
        if (c->bad || memchr(user, 0, user_len) || memchr(group, 0, group_len))
            return err_set(e, ERR_DAMAGED, "owners: malformed");
        if (append(t, uid, gid, (const char *)user, user_len, (const char *)group, group_len, e))
            return -1;
    }
    return cursor_check(c, false, "owners", e);
}

bool owner_table_get(const struct owner_table *t, uint64_t index, struct entry *en)
{
    if (index >= t->count)
        return false;
    const struct owner *o = &t->items[index];
    en->uid = o->uid;
    en->gid = o->gid;
    en->user = o->user;
    en->group = o->group;
    return true;
}
