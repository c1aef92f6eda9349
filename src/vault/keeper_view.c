/* SPDX-License-Identifier: Apache-2.0 */
/* What a writer may see of packs: those that it may build upon, and of those what
 * says which chunks they hold. */
#include "vault/keeper.h"

#include "base/mem.h"
#include "vault/vault_internal.h"

#include <string.h>

_Static_assert(KEEPER_PACK_HEADER == PACK_HEADER_BYTES, "as the format has it");

bool keeper_pack_id(const char *name, uint8_t id_out[ID_BYTES])
{
    return pack_name_decode(name, id_out);
}

struct keeper_view {
    struct vault *vault;
    struct scope *scope;
    uint64_t refresh; /* of which its packs are */
};

void keeper_view_close(struct keeper_view *w)
{
    if (!w)
        return;
    scope_free(w->scope);
    mem_free(w);
}

int keeper_view_open(struct vault *v, const uint8_t writer[UID_BYTES], struct keeper_view **out,
                     struct err *e)
{
    struct keeper_view *w = mem_zalloc(sizeof *w);
    if (!w)
        return err_no_memory(e, "a view of the vault");
    w->vault = v;
    if (vault_refresh(v, NULL, NULL, e) || scope_new(v, writer, &w->scope, e)) {
        keeper_view_close(w);
        return -1;
    }
    w->refresh = v->refresh;
    *out = w;
    return 0;
}

static bool may_see(const struct keeper_view *w, const uint8_t *id)
{
    uint32_t number = pack_set_find(&w->vault->packs, id);
    const struct pack *p = number == PACK_NONE ? NULL : pack_set_at(&w->vault->packs, number);
    const struct frame_loc loc = {.pack = number};
    return p && p->known && p->seen >= w->refresh && scope_allows(w->scope, p, &loc);
}

struct showing {
    struct keeper_view *view;
    keeper_each_pack *each;
    void *arg;
};

static int show(void *arg, const char *name, uint64_t len, struct err *e)
{
    const struct showing *s = arg;
    uint8_t id[ID_BYTES];
    if (!pack_name_decode(name, id) || !may_see(s->view, id))
        return 0;
    return s->each(s->arg, name, len, e);
}

int keeper_view_packs(struct keeper_view *w, keeper_each_pack *each, void *arg, struct err *e)
{
    struct showing s = {w, each, arg};
    return store_list(w->vault->store, PACK_DIR, show, &s, e);
}

int keeper_view_footer(struct keeper_view *w, const uint8_t id[ID_BYTES], uint64_t *offset_out,
                       struct err *e)
{
    struct pack_contents c;
    if (!may_see(w, id))
        return err_set(e, ERR_NOT_FOUND, "no such pack for this writer");
    int rc = pack_contents_read(w->vault, id, &c, e);
    if (!rc)
        *offset_out = c.frames_end;
    pack_contents_done(&c);
    return rc;
}
