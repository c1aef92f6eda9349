/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody may see of a vault, and that it is recorded: A7 and A8 (reading.h). */
#include "server/reading.h"
#include "server/ending.h"

void reading_done(struct reading *r)
{
    if (r->view) {
        (void)pthread_mutex_lock(&r->v->lock);
        keeper_view_close(r->view);
        (void)pthread_mutex_unlock(&r->v->lock);
    }
    if (r->v)
        vaults_give(r->q->server, r->v);
}

int reading_begin(struct request *q, struct reading *r)
{
    struct err why = ERR_INIT;
    *r = (struct reading){.q = q};
    if (access_to_vault(q, q->ids[0], &r->access))
        return -1;
    if (!r->access.rights) {
        reply_refuse(q, "forbidden", "reading needs a grant: ask for one");
        return -1;
    }
    if (ending_refuse_gone(q, &r->access.vault))
        return -1;
    if (vaults_take(q->server, q->ids[0], &r->v, &why)) {
        reply_fail(q, &why);
        return -1;
    }
    return 0;
}

bool reading_may(const struct reading *r)
{
    return (r->access.rights & WIRE_RIGHT_READ) != 0;
}

int reading_note(struct reading *r, uint64_t bytes, struct err *e)
{
    if (!reading_may(r))
        return 0;
    return tally_read(r->q->server, r->access.vault.vault, r->q->caller.identity.id,
                      r->access.grant, bytes, e);
}

static int open_view(struct reading *r, struct err *e)
{
    if (r->view)
        return 0;
    (void)pthread_mutex_lock(&r->v->lock);
    int rc = keeper_view_open(r->v->vault, r->access.writer, &r->view, e);
    (void)pthread_mutex_unlock(&r->v->lock);
    return rc;
}

static int hidden(const char *name, struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, "%s: there is nothing of that name for you", name);
}

/* Who may add to a vault knows that it is there, so he is told what he lacks; and the log is told of him. */
static int not_without_grant(const char *name, struct err *e)
{
    return err_set(e, ERR_REFUSED,
                   "%s: this identity may add to the vault, not read it: ask for a grant", name);
}

/* A7: of a pack with "add" alone, the header, and what lies behind the frames. */
static int check_ends(struct reading *r, const char *name, uint64_t off, uint64_t len,
                      struct err *e)
{
    uint8_t id[ID_BYTES];
    uint64_t footer;
    if (!keeper_pack_id(name, id))
        return hidden(name, e);
    if (open_view(r, e))
        return -1;
    (void)pthread_mutex_lock(&r->v->lock);
    int rc = keeper_view_footer(r->view, id, &footer, e);
    (void)pthread_mutex_unlock(&r->v->lock);
    if (rc)
        return e->cls == ERR_NOT_FOUND ? hidden(name, e) : -1;
    if (off >= footer || (off <= KEEPER_PACK_HEADER && len <= KEEPER_PACK_HEADER - off))
        return 0;
    return err_set(e, ERR_REFUSED, "%s: frames may only be read with the right to read", name);
}

int reading_check(struct reading *r, const char *name, uint64_t off, uint64_t len,
                        struct err *e)
{
    switch (wire_object_access(name)) {
    case WIRE_NEVER: return hidden(name, e);
    case WIRE_OPEN: return 0;
    case WIRE_READ: return reading_may(r) ? 0 : not_without_grant(name, e);
    case WIRE_ENDS: return reading_may(r) ? 0 : check_ends(r, name, off, len, e);
    }
    return hidden(name, e);
}

void reading_refuse(struct request *q, const struct err *why)
{
    if (why->cls == ERR_REFUSED)
        reply_refuse(q, "forbidden", "%s", why->msg);
    else if (why->cls == ERR_NOT_FOUND)
        reply_not_found(q);
    else
        reply_fail(q, why);
}

/* ---- a list ------------------------------------------------------------------------------------- */

static int put_line(void *arg, const char *name, uint64_t len, struct err *e)
{
    struct buf *out = arg;
    if (wire_object_access(name) == WIRE_NEVER)
        return 0;
    wire_list_put(out, name, len);
    return buf_check(out, "a list of objects", e);
}

int reading_list(struct reading *r, const char *dir, struct buf *out, struct err *e)
{
    enum wire_access access = wire_list_access(dir);
    if (access == WIRE_NEVER)
        return hidden(dir, e);
    if (access == WIRE_READ && !reading_may(r))
        return not_without_grant(dir, e);
    if (access != WIRE_OPEN && reading_note(r, 0, e))
        return -1;
    if (access != WIRE_ENDS || reading_may(r))
        return store_list(r->v->store, dir, put_line, out, e);
    if (open_view(r, e))
        return -1;
    (void)pthread_mutex_lock(&r->v->lock);
    int rc = keeper_view_packs(r->view, put_line, out, e);
    (void)pthread_mutex_unlock(&r->v->lock);
    return rc;
}

