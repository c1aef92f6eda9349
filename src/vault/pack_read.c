/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading what a pack says about itself. The name authenticates header and
 * footer, so what comes out of here is what the writer wrote, or an error.
 * Does not read frames.
 */
#include "base/mem.h"
#include "vault/vault_internal.h"

#include <stdio.h>
#include <string.h>

void pack_contents_done(struct pack_contents *c)
{
    store_reader_close(c->reader);
    mem_free(c->footer_bytes);
    *c = (struct pack_contents){0};
}

static int read_parts(struct vault *v, const uint8_t *id, struct pack_contents *c, struct err *e)
{
    uint8_t header[PACK_HEADER_BYTES], trailer[PACK_TRAILER_BYTES], again[ID_BYTES];
    uint32_t footer_len;
    if (c->len < sizeof header + sizeof trailer)
        return err_set(e, ERR_DAMAGED, "only %llu bytes long", (unsigned long long)c->len);
    if (store_read(c->reader, 0, header, sizeof header, e) ||
        pack_header_decode(header, sizeof header, &c->header, e) ||
        store_read(c->reader, c->len - sizeof trailer, trailer, sizeof trailer, e) ||
        pack_trailer_decode(trailer, c->len, &footer_len, e))
        return -1;
    c->footer_bytes = mem_alloc(footer_len);
    if (!c->footer_bytes)
        return err_no_memory(e, "a footer");
    c->frames_end = c->len - sizeof trailer - footer_len;
    if (store_read(c->reader, c->frames_end, c->footer_bytes, footer_len, e))
        return -1;
    pack_id(header, c->footer_bytes, footer_len, again);
    if (memcmp(again, id, ID_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "header or footer damaged: their hash is not the name");
    if (memcmp(c->header.vault, v->info.id, UID_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "belongs to another vault");
    return pack_footer_decode(c->footer_bytes, footer_len, c->frames_end, c->header.kind,
                              &c->footer, e);
}

int pack_contents_read(struct vault *v, const uint8_t id[ID_BYTES], struct pack_contents *out,
                       struct err *e)
{
    char name[PACK_NAME_BYTES];
    pack_name(id, name);
    *out = (struct pack_contents){0};
    if (store_open(v->store, name, &out->reader, e))
        return -1; /* the store named it */
    out->len = store_reader_len(out->reader);
    if (read_parts(v, id, out, e))
        return err_wrap(e, "%s", name);
    return 0;
}

bool pack_describe(struct pack *p, const struct index_pack *said)
{
    if (p->known)
        return p->frame_count == said->frame_count && p->kind == said->kind &&
               p->moved_in == said->moved_in &&
               memcmp(p->writer, said->writer, UID_BYTES) == 0;
    memcpy(p->writer, said->writer, UID_BYTES);
    p->frame_count = said->frame_count;
    p->kind = said->kind;
    p->moved_in = said->moved_in;
    p->known = true;
    return true;
}

int packs_sync(struct vault *v, const bool dirs[256], struct err *e)
{
    for (unsigned i = 0; i < 256; i++) {
        char dir[16];
        if (!dirs[i])
            continue;
        (void)snprintf(dir, sizeof dir, "packs/%02x", i);
        if (store_sync(v->store, dir, e))
            return -1;
    }
    return 0;
}
