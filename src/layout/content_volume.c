/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What carries other things: members of arrays (md), volume groups (LVM2), pools (ZFS), encryption
 * (LUKS). The label and id are those of what they are members of for md and ZFS, their own for LVM2
 * and LUKS, as blkid has it.
 */
#include "layout/layout_look.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MD_MAGIC 0xa92b4efcu

static bool take_md1(const uint8_t *p, struct layout_part *out)
{
    if (get_u32(p) != MD_MAGIC || get_u32(p + 4) != 1)
        return false;
    content_name(out, "md");
    text_uuid(p + 16, out->id);
    text_label(p + 32, 32, out->label, sizeof out->label);
    return true;
}

/* Its four words are shown as numbers, the high byte first. */
static bool take_md0(const uint8_t *p, struct layout_part *out)
{
    static const size_t words[4] = {20, 52, 56, 60};
    uint8_t id[16];
    if (get_u32(p) != MD_MAGIC || get_u32(p + 4) != 0 || get_u32(p + 8) > 100)
        return false;
    for (size_t i = 0; i < 4; i++)
        for (size_t k = 0; k < 4; k++)
            id[4 * i + k] = p[words[i] + 3 - k];
    content_name(out, "md");
    text_uuid(id, out->id);
    return true;
}

/* Four places: 1.1 at the beginning, 1.2 4 KiB on, 1.0 and 0.90 at the end. */
bool find_md(const struct region *r, const uint8_t *head, struct layout_part *out)
{
    uint8_t p[512];
    if (take_md1(head, out) || take_md1(head + 4096, out))
        return true;
    if (r->bytes >= 65536 && region_at(r, ((r->bytes - 8192) & ~UINT64_C(4095)), p, sizeof p) &&
        take_md1(p, out))
        return true;
    return r->bytes >= 131072 && region_at(r, (r->bytes & ~UINT64_C(65535)) - 65536, p, sizeof p) &&
           take_md0(p, out);
}

bool find_lvm2(const struct region *r, const uint8_t *head, struct layout_part *out)
{
    (void)r;
    for (size_t i = 0; i < 4; i++) {
        const uint8_t *p = head + 512 * i;
        uint32_t at = get_u32(p + 20);
        if (memcmp(p, "LABELONE", 8) != 0 || memcmp(p + 24, "LVM2 001", 8) != 0 ||
            get_u64(p + 8) != i || at > 480)
            continue;
        char id[33];
        text_label(p + at, 32, id, sizeof id);
        content_name(out, "lvm2");
        if (strlen(id) == 32)
            (void)snprintf(out->id, sizeof out->id, "%.6s-%.4s-%.4s-%.4s-%.4s-%.4s-%.6s", id,
                           id + 6, id + 10, id + 14, id + 18, id + 22, id + 26);
        return true;
    }
    return false;
}

bool find_luks(const struct region *r, const uint8_t *head, struct layout_part *out)
{
    (void)r;
    unsigned version = get_be16(head + 6);
    if (memcmp(head, "LUKS\xba\xbe", 6) != 0 || (version != 1 && version != 2))
        return false;
    content_name(out, version == 1 ? "luks1" : "luks2");
    text_label(head + 168, 40, out->id, sizeof out->id);
    if (version == 2)
        text_label(head + 24, 48, out->label, sizeof out->label);
    return true;
}

/* ---- ZFS: a list of names and values in XDR, 16 KiB into each member -------- */

static uint32_t xdr_u32(struct cursor *c)
{
    const uint8_t *p = cursor_bytes(c, 4);
    return p ? get_be32(p) : 0;
}

static const uint8_t *xdr_text(struct cursor *c, size_t *len_out)
{
    uint32_t len = xdr_u32(c);
    const uint8_t *p = len <= 256 ? cursor_bytes(c, ((size_t)len + 3) & ~(size_t)3) : NULL;
    *len_out = p ? len : 0;
    return p;
}

static bool is_named(const uint8_t *p, size_t len, const char *name)
{
    return len == strlen(name) && memcmp(p, name, len) == 0;
}

#define NV_UINT64 8u
#define NV_STRING 9u

/* One pair. False at the end of the list, or if it is none. */
static bool take_pair(struct cursor *c, struct layout_part *out)
{
    uint32_t len = xdr_u32(c);
    (void)xdr_u32(c); /* its length in memory */
    if (len < 20 || len - 8 > cursor_left(c))
        return false;
    struct cursor pair = cursor_of(c->p, len - 8);
    c->p += len - 8;
    size_t name_len = 0, text_len = 0;
    const uint8_t *name = xdr_text(&pair, &name_len);
    uint32_t type = xdr_u32(&pair), count = xdr_u32(&pair);
    if (!name || pair.bad || count != 1)
        return !pair.bad;
    if (type == NV_STRING && is_named(name, name_len, "name")) {
        const uint8_t *text = xdr_text(&pair, &text_len);
        if (text)
            text_label(text, text_len, out->label, sizeof out->label);
    } else if (type == NV_UINT64 && is_named(name, name_len, "pool_guid")) {
        uint64_t high = xdr_u32(&pair), low = xdr_u32(&pair);
        if (!pair.bad)
            (void)snprintf(out->id, sizeof out->id, "%" PRIu64, high << 32 | low);
    }
    return true;
}

bool find_zfs(const struct region *r, const uint8_t *head, struct layout_part *out)
{
    static const uint8_t begins[12] = {
        1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}; /* XDR, little-endian host, version 0, unique names */
    uint8_t p[4096];
    struct layout_part found = *out;
    (void)head;
    if (!region_at(r, 16384, p, sizeof p) || memcmp(p, begins, sizeof begins) != 0)
        return false;
    struct cursor c = cursor_of(p + sizeof begins, sizeof p - sizeof begins);
    for (int i = 0; i < 64 && take_pair(&c, &found);)
        i++;
    if (!found.id[0])
        return false;
    content_name(&found, "zfs");
    *out = found;
    return true;
}
