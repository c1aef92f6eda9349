/* SPDX-License-Identifier: Apache-2.0 */
/* From a chunk id to its plaintext: find, read, open, and check the name. */
#include "work/work_internal.h"

#include "base/mem.h"

#include <string.h>

struct chunk_reader {
    struct access *access;
    struct opener *opener;
    uint8_t *buf;
    size_t cap;
    bool verify_ids;
};

int chunk_reader_new(struct access *a, bool verify_ids, struct chunk_reader **out, struct err *e)
{
    struct chunk_reader *r = mem_zalloc(sizeof *r);
    if (!r)
        return err_no_memory(e, "a chunk reader");
    r->access = a;
    r->verify_ids = verify_ids;
    if (opener_new(vault_get_info(a->vault)->id, &r->opener, e)) {
        mem_free(r);
        return -1;
    }
    *out = r;
    return 0;
}

void chunk_reader_free(struct chunk_reader *r)
{
    if (!r)
        return;
    opener_free(r->opener);
    mem_free(r->buf);
    mem_free(r);
}

static int reserve(struct chunk_reader *r, size_t len, struct err *e)
{
    if (len <= r->cap)
        return 0;
    uint8_t *buf = mem_realloc(r->buf, len, 1);
    if (!buf)
        return err_no_memory(e, "a chunk");
    r->buf = buf;
    r->cap = len;
    return 0;
}

static int open_frame(struct chunk_reader *r, const struct frame_loc *loc, enum seal_kind kind,
                      const uint8_t id[ID_BYTES], const uint8_t **plain_out, size_t *len_out,
                      struct err *e)
{
    struct frame f;
    const struct data_key *key;
    if (reserve(r, FRAME_HEADER_BYTES + (size_t)loc->len, e) ||
        vault_read_frame(r->access->vault, loc, r->buf, &f, e))
        return -1;
    if (memcmp(f.id, id, ID_BYTES) != 0 || (int)f.kind != (int)kind)
        return err_set(e, ERR_DAMAGED, "the frame holds another chunk");
    if (keyring_get(r->access->keyring, f.session, &key, e) ||
        opener_open(r->opener, key, kind, id, f.nonce, r->buf + FRAME_HEADER_BYTES, loc->len,
                    plain_out, len_out, e))
        return -1;
    if (!r->verify_ids)
        return 0;
    uint8_t actual[ID_BYTES];
    seal_id(r->access->ids, kind, *plain_out, *len_out, actual);
    if (memcmp(actual, id, ID_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "the content does not match its name");
    return 0;
}

static int not_there(const uint8_t id[ID_BYTES], struct err *e)
{
    char hex[2 * ID_BYTES + 1];
    hex_encode(id, ID_BYTES, hex);
    return err_set(e, ERR_DAMAGED, "chunk %.16s: not in any readable pack", hex);
}

/* Where the chunk is now, if the pack in which it was is gone: a collection that
 * went on beside us copied it first. */
static bool find_again(struct chunk_reader *r, const uint8_t id[ID_BYTES], struct frame_loc *loc)
{
    uint32_t was = loc->pack;
    return vault_refresh(r->access->vault, NULL, NULL, NULL) == 0 &&
           vault_find(r->access->vault, id, loc) && loc->pack != was;
}

int chunk_reader_get(struct chunk_reader *r, enum seal_kind kind, const uint8_t id[ID_BYTES],
                     const uint8_t **plain_out, size_t *len_out, struct err *e)
{
    char hex[2 * ID_BYTES + 1];
    struct frame_loc loc;
    struct err why = ERR_INIT;
    if (!vault_find(r->access->vault, id, &loc))
        return not_there(id, e);
    int rc = open_frame(r, &loc, kind, id, plain_out, len_out, &why);
    if (rc && why.cls == ERR_NOT_FOUND && find_again(r, id, &loc)) {
        why = ERR_INIT;
        rc = open_frame(r, &loc, kind, id, plain_out, len_out, &why);
    }
    if (rc == 0)
        return 0;
    if (why.cls == ERR_NOT_FOUND)
        err_reclass(&why, ERR_DAMAGED);
    (void)err_give(e, &why);
    hex_encode(vault_pack_id(r->access->vault, loc.pack), ID_BYTES, hex);
    return err_wrap(e, "pack %.16s, frame at %u", hex, loc.offset);
}

int chunk_reader_fetch(void *arg, const uint8_t id[ID_BYTES], struct buf *out, struct err *e)
{
    const uint8_t *plain;
    size_t len;
    if (chunk_reader_get(arg, SEAL_META, id, &plain, &len, e))
        return -1;
    buf_put(out, plain, len);
    return buf_check(out, "a metadata chunk", e);
}
