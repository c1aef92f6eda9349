/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scrubbing one pack: every stored byte against the hashes in the footer. If
 * the ends of the pack are damaged, what can still be recognized as a frame is
 * found by its magic and check, and given to the caller unverified.
 */
#include "base/mem.h"
#include "vault/parity.h"

#include <stdio.h>
#include <string.h>

#define WINDOW ((size_t)256 << 10)

struct scrub {
    struct vault *vault;
    uint32_t pack;
    char name[PACK_NAME_BYTES];
    struct pack_contents contents;
    struct damage damage;
    struct vault_check_stats stats;
    vault_each_frame *each;
    void *arg;
    uint8_t *frame; /* room for header and sealed bytes */
    size_t frame_cap;
};

static int room_for(struct scrub *s, size_t len, struct err *e)
{
    if (len <= s->frame_cap)
        return 0;
    uint8_t *p = mem_realloc(s->frame, len, 1);
    if (!p)
        return err_no_memory(e, "a frame");
    s->frame = p;
    s->frame_cap = len;
    return 0;
}

static int give(struct scrub *s, const struct frame_loc *loc, const struct frame *f, bool present,
                bool intact, struct err *e)
{
    const uint8_t *sealed = present ? s->frame + FRAME_HEADER_BYTES : NULL;
    s->stats.frames++;
    return s->each ? s->each(s->arg, loc, f, sealed, intact, e) : 0;
}

/* ---- with a footer ------------------------------------------------------------------ */

static void say_frame(struct scrub *s, uint32_t i, const struct pack_row *row, const char *what)
{
    char id[2 * ID_BYTES + 1], text[ERR_MESSAGE_BYTES];
    hex_encode(row->id, ID_BYTES, id);
    (void)snprintf(text, sizeof text, "frame %u at offset %u (chunk %.16s…) is damaged: %.500s", i,
                   row->offset, id, what);
    damage_report(&s->damage, s->name, text);
}

/* What the footer says of a frame whose header cannot be read. */
static void describe(const struct scrub *s, const struct pack_row *row, struct frame *out)
{
    *out = (struct frame){.kind = row->kind};
    memcpy(out->id, row->id, ID_BYTES);
    memcpy(out->session, s->contents.header.session, UID_BYTES);
}

static int scrub_frame(struct scrub *s, uint32_t i, struct err *e)
{
    struct pack_row row;
    pack_row_decode(s->contents.footer.rows + (size_t)i * PACK_ROW_BYTES, &row);
    size_t bytes = FRAME_HEADER_BYTES + (size_t)row.len;
    struct frame_loc loc = {s->pack, i, row.offset, row.len};
    struct frame f;
    uint32_t len;
    uint8_t hash[HASH_BYTES];
    struct err why = ERR_INIT;
    if (room_for(s, bytes, e))
        return -1;
    describe(s, &row, &f);
    if (store_read(s->contents.reader, row.offset, s->frame, bytes, &why)) {
        say_frame(s, i, &row, why.msg);
        return give(s, &loc, &f, false, false, e);
    }
    s->stats.bytes_read += bytes;
    hash_bytes(s->frame, bytes, hash);
    bool intact = memcmp(hash, row.hash, HASH_BYTES) == 0;
    bool readable = frame_header_decode(s->frame, bytes, &f, &len, &why) == 0;
    if (!intact)
        say_frame(s, i, &row, "its hash does not match");
    else if (!readable || len != row.len || memcmp(f.id, row.id, ID_BYTES) != 0)
        say_frame(s, i, &row, "its header and the footer disagree");
    intact = intact && readable && len == row.len && memcmp(f.id, row.id, ID_BYTES) == 0;
    return give(s, &loc, &f, true, intact, e);
}

/* ---- without: by magic and check ------------------------------------------------------ */

/* The offset of the next frame header at or behind `from`; the end if none. */
static uint64_t next_header(struct scrub *s, uint8_t *window, uint64_t from)
{
    uint64_t len = s->contents.len;
    while (from + FRAME_HEADER_BYTES <= len) {
        size_t n = len - from < WINDOW ? (size_t)(len - from) : WINDOW;
        if (store_read(s->contents.reader, from, window, n, NULL))
            return len;
        for (size_t i = 0; i + FRAME_HEADER_BYTES <= n; i++) {
            struct frame f;
            uint32_t sealed;
            const uint8_t *magic = memmem(window + i, n - i, "aFRM", 4);
            if (!magic || magic + FRAME_HEADER_BYTES > window + n)
                break;
            i = (size_t)(magic - window);
            if (frame_header_decode(magic, FRAME_HEADER_BYTES, &f, &sealed, NULL) == 0)
                return from + i;
        }
        if (n < WINDOW)
            return len;
        from += n - FRAME_HEADER_BYTES + 1;
    }
    return len;
}

static int salvage_frame(struct scrub *s, uint64_t at, uint32_t number, uint64_t *next_out,
                         struct err *e)
{
    uint8_t header[FRAME_HEADER_BYTES];
    struct frame f;
    uint32_t sealed;
    *next_out = at + 1;
    if (store_read(s->contents.reader, at, header, sizeof header, NULL) ||
        frame_header_decode(header, sizeof header, &f, &sealed, NULL))
        return 0;
    struct frame_loc loc = {s->pack, number, (uint32_t)at, sealed};
    size_t bytes = FRAME_HEADER_BYTES + (size_t)sealed;
    bool present = bytes <= s->contents.len - at;
    if (present && room_for(s, bytes, e))
        return -1;
    present = present && store_read(s->contents.reader, at, s->frame, bytes, NULL) == 0;
    if (present) {
        s->stats.bytes_read += bytes;
        *next_out = at + bytes;
    }
    return give(s, &loc, &f, present, false, e);
}

static int salvage(struct scrub *s, struct err *e)
{
    CLEANUP_FREE uint8_t *window = mem_alloc(WINDOW);
    if (!window)
        return err_no_memory(e, "a frame");
    uint64_t at = PACK_HEADER_BYTES, end = s->contents.len;
    if (end > UINT32_MAX)
        end = UINT32_MAX;
    for (uint32_t number = 0; at < end; number++) {
        uint64_t next;
        at = next_header(s, window, at);
        if (at >= end)
            break;
        int rc = salvage_frame(s, at, number, &next, e);
        if (rc)
            return rc;
        at = next;
    }
    return 0;
}

static int scrub_parity(struct scrub *s, const uint8_t *id, struct err *e)
{
    struct err why = ERR_INIT;
    char name[PARITY_NAME_BYTES];
    if (parity_check(s->vault, id, &why) == 0)
        return 0;
    parity_name(id, name);
    return damage_note(&s->damage, name, &why, e);
}

/* ---- one pack ----------------------------------------------------------------------------- */

static int scrub_all(struct scrub *s, struct err *e)
{
    struct err why = ERR_INIT;
    const struct pack *p = pack_set_at(&s->vault->packs, s->pack);
    if (atomic_load(&p->swept))
        return 0; /* no record needs it, and it waits to be removed: nothing to be mended */
    s->stats.packs++;
    if (scrub_parity(s, p->id, e))
        return -1;
    if (pack_contents_read(s->vault, p->id, &s->contents, &why)) {
        if (why.cls == ERR_NOT_FOUND)
            return 0; /* a collection removed it since it was listed */
        s->stats.unreadable++;
        if (damage_note(&s->damage, s->name, &why, e))
            return -1;
        return s->contents.reader ? salvage(s, e) : 0;
    }
    for (uint32_t i = 0; i < s->contents.footer.count; i++) {
        int rc = scrub_frame(s, i, e);
        if (rc)
            return rc;
    }
    return 0;
}

int vault_scrub_pack(struct vault *v, uint32_t pack, vault_each_frame *each, void *arg,
                     vault_damage *damaged, void *damaged_arg, struct vault_check_stats *stats,
                     struct err *e)
{
    if (pack >= vault_pack_count(v))
        return err_set(e, ERR_USAGE, "pack %u: the vault has no pack of this number", pack);
    struct scrub s = {
        .vault = v,
        .pack = pack,
        .damage = {.each = damaged, .arg = damaged_arg},
        .each = each,
        .arg = arg,
    };
    pack_name(pack_set_at(&v->packs, pack)->id, s.name);
    int rc = scrub_all(&s, e);
    pack_contents_done(&s.contents);
    mem_free(s.frame);
    stats->packs += s.stats.packs;
    stats->frames += s.stats.frames;
    stats->unreadable += s.stats.unreadable;
    stats->bytes_read += s.stats.bytes_read;
    stats->damaged += s.damage.count;
    return rc;
}
