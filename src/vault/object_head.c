/* SPDX-License-Identifier: Apache-2.0 */
/* The head that every object of a vault begins with. Pure. */
#include "vault/object_head.h"

#include <string.h>

void object_head_encode(uint8_t out[static OBJECT_HEAD_BYTES], const char magic[static 8])
{
    memcpy(out, magic, 8);
    put_u32(out + 8, OBJECT_VERSION);
}

void object_head_put(struct buf *b, const char magic[static 8])
{
    uint8_t head[OBJECT_HEAD_BYTES];
    object_head_encode(head, magic);
    buf_put(b, head, sizeof head);
}

int object_head_check(struct cursor *c, const char magic[static 8], const char *what, struct err *e)
{
    uint32_t version;
    return object_head_versions(c, magic, OBJECT_VERSION, &version, what, e);
}

int object_head_versions(struct cursor *c, const char magic[static 8], uint32_t newest,
                         uint32_t *version_out, const char *what, struct err *e)
{
    const uint8_t *head = cursor_bytes(c, OBJECT_HEAD_BYTES);
    if (!head)
        return err_set(e, ERR_DAMAGED, "too short to be %s", what);
    if (memcmp(head, magic, 8) != 0)
        return err_set(e, ERR_DAMAGED, "does not begin as %s does", what);
    uint32_t version = get_u32(head + 8);
    if (version > newest)
        return err_set(e, ERR_NEWER,
                       "%s was written by a newer abri (format %u); update abri to use it", what,
                       version);
    if (version == 0)
        return err_set(e, ERR_DAMAGED, "%s of format %u, which never existed", what, version);
    *version_out = version;
    return 0;
}
