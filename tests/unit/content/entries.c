/* SPDX-License-Identifier: Apache-2.0 */
#include "entries.h"

#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

uint64_t random_next(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* Bytes that a name can have; never '/' nor NUL. */
static size_t put_name(char *out, uint64_t seed, size_t max)
{
    size_t len = random_next(&seed) % (max + 1);
    for (size_t i = 0; i < len; i++) {
        char c = (char)random_next(&seed);
        out[i] = c == '/' || c == '\0' ? 'x' : c;
    }
    out[len] = '\0';
    return len;
}

/* A number of fixed width keeps the order, random bytes behind it do the rest. */
static size_t put_component(char *out, uint64_t seed, const char *format, size_t number)
{
    size_t n = (size_t)snprintf(out, 16, format, (unsigned)number);
    return n + put_name(out + n, seed ^ (number * 77 + (uint8_t)*format), 20);
}

static size_t put_path(char *out, uint64_t seed, size_t number)
{
    size_t n = put_component(out, seed, "d%06u", number / 1000);
    if (number % 1000 == 0)
        return n;
    out[n++] = '/';
    if (number % 1000 < 50)
        return n + put_component(out + n, seed ^ number / 50, "b%02u", number % 50);
    n += put_component(out + n, seed ^ number / 1000, "e%02u", number % 1000 / 50);
    if (number % 50 == 0)
        return n;
    out[n++] = '/';
    return n + put_component(out + n, seed ^ number / 50, "f%02u", number % 50);
}

static void put_items(struct random_entry *r, uint64_t *s, size_t number)
{
    struct entry *en = &r->en;
    en->item_count = random_next(s) % (ENTRIES_ITEMS + 1);
    for (size_t i = 0; i < en->item_count; i++) {
        struct item *it = &r->items[i];
        *it = (struct item){.kind = (enum item_kind)(random_next(s) % 3)};
        it->len = 1 + random_next(s) % (1 << 20);
        if (it->kind == ITEM_SLICE) { /* often the next one of the same chunk */
            put_u64(it->id, number / 16);
            it->offset = (uint32_t)(number % 16) * 7000;
            it->len = 7000;
        } else if (it->kind == ITEM_CHUNK) {
            for (size_t j = 0; j < 4; j++)
                put_u64(it->id + 8 * j, random_next(s));
        } else if (random_next(s) % 8 == 0) {
            it->len = UINT64_C(1) << 50;
        }
        en->size += it->len;
    }
    en->items = en->item_count ? r->items : NULL;
    if (!en->item_count && random_next(s) % 2) {
        en->has_list = true;
        en->size = 1 + random_next(s) % INT64_MAX;
        en->list_level = (uint8_t)(random_next(s) % 9);
        put_u64(en->list_id, random_next(s));
    }
    en->partial = random_next(s) % 16 == 0;
}

static void put_note(struct random_entry *r, uint64_t *s)
{
    struct entry *en = &r->en;
    en->note_len = random_next(s) % 8 ? 0 : 1 + random_next(s) % sizeof r->note;
    for (size_t i = 0; i < en->note_len; i++)
        r->note[i] = (uint8_t)random_next(s);
    en->note = r->note;
}

static void put_xattrs(struct random_entry *r, uint64_t *s)
{
    r->en.xattr_count = random_next(s) % 4 ? 0 : 1 + random_next(s) % ENTRIES_XATTRS;
    r->en.xattrs = r->en.xattr_count ? r->xattrs : NULL;
    for (size_t i = 0; i < r->en.xattr_count; i++) {
        (void)snprintf(r->names[i], sizeof r->names[i], "user.%zu.%u", i,
                       (unsigned)(random_next(s) % 1000));
        for (size_t j = 0; j < sizeof r->values[i]; j++)
            r->values[i][j] = (uint8_t)random_next(s);
        r->xattrs[i] = (struct entry_xattr){.name = r->names[i],
                                            .value = r->values[i],
                                            .value_len = random_next(s) % sizeof r->values[i]};
    }
}

static void put_fields(struct random_entry *r, uint64_t *s)
{
    struct entry *en = &r->en;
    static const int64_t seconds[] = {0, -1, INT64_MIN, INT64_MAX, 1700000000};
    en->mode = (uint32_t)(random_next(s) % 010000);
    en->uid = random_next(s) % 8 ? 1000 : (uint32_t)random_next(s);
    en->gid = random_next(s) % 8 ? 1000 : UINT32_MAX;
    (void)snprintf(r->user, sizeof r->user, "%s", en->uid == 1000 ? "alice" : "");
    (void)snprintf(r->group, sizeof r->group, "%s", en->gid == 1000 ? "users" : "");
    en->user = r->user;
    en->group = r->group;
    en->mtime_s =
        random_next(s) % 4 ? (int64_t)(random_next(s) >> 30) : seconds[random_next(s) % 5];
    en->mtime_ns = (uint32_t)(random_next(s) % 1000000000);
    en->attrs = random_next(s) % 8 ? 0 : (uint32_t)random_next(s) & ENTRY_ATTRS;
}

void random_entry_make(struct random_entry *r, uint64_t seed, size_t number, unsigned version)
{
    memset(r, 0, sizeof *r);
    struct entry *en = &r->en;
    uint64_t type_seed = seed ^ number, s = seed ^ (number * 2654435761u) ^ (version * 40503u);
    en->path = r->path;
    en->path_len = put_path(r->path, seed, number);
    unsigned draw = (unsigned)(random_next(&type_seed) % 16);
    en->type = number % 50 == 0       ? ENTRY_DIR
               : draw < 7 && draw > 2 ? (enum entry_type)draw
                                      : ENTRY_FILE;
    put_fields(r, &s);
    put_xattrs(r, &s);
    if (en->type == ENTRY_FILE)
        put_items(r, &s, number);
    if (en->type == ENTRY_FILE && version == ENTRIES_NOTED)
        put_note(r, &s);
    if (en->type == ENTRY_SYMLINK) {
        en->target = r->target;
        r->target[0] = 't';
        en->target_len = 1 + put_name(r->target + 1, s, 50);
    }
    if (en->type == ENTRY_CHAR || en->type == ENTRY_BLOCK) {
        en->dev_major = (uint32_t)random_next(&s);
        en->dev_minor = (uint32_t)random_next(&s);
    }
    if (en->type != ENTRY_DIR && random_next(&s) % 8 == 0) {
        en->has_link = true;
        en->link = random_next(&s);
    }
}

static void assert_xattrs_equal(const struct entry *a, const struct entry *b)
{
    assert_int_equal(a->xattr_count, b->xattr_count);
    for (size_t i = 0; i < a->xattr_count; i++) {
        assert_string_equal(a->xattrs[i].name, b->xattrs[i].name);
        assert_int_equal(a->xattrs[i].value_len, b->xattrs[i].value_len);
        if (a->xattrs[i].value_len)
            assert_memory_equal(a->xattrs[i].value, b->xattrs[i].value, a->xattrs[i].value_len);
    }
}

static void assert_content_equal(const struct entry *a, const struct entry *b)
{
    assert_int_equal(a->size, b->size);
    assert_int_equal(a->partial, b->partial);
    assert_int_equal(a->note_len, b->note_len);
    if (a->note_len)
        assert_memory_equal(a->note, b->note, a->note_len);
    assert_int_equal(a->item_count, b->item_count);
    for (size_t i = 0; i < a->item_count; i++) {
        assert_int_equal(a->items[i].kind, b->items[i].kind);
        assert_int_equal(a->items[i].offset, b->items[i].offset);
        assert_int_equal(a->items[i].len, b->items[i].len);
        assert_memory_equal(a->items[i].id, b->items[i].id, ENTRY_ID_BYTES);
    }
    assert_int_equal(a->has_list, b->has_list);
    assert_int_equal(a->list_level, b->list_level);
    assert_memory_equal(a->list_id, b->list_id, ENTRY_ID_BYTES);
}

void assert_entries_equal(const struct entry *a, const struct entry *b)
{
    assert_int_equal(a->path_len, b->path_len);
    assert_string_equal(a->path, b->path);
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->mode, b->mode);
    assert_int_equal(a->uid, b->uid);
    assert_int_equal(a->gid, b->gid);
    assert_string_equal(a->user, b->user);
    assert_string_equal(a->group, b->group);
    assert_true(a->mtime_s == b->mtime_s);
    assert_int_equal(a->mtime_ns, b->mtime_ns);
    assert_int_equal(a->has_link, b->has_link);
    assert_int_equal(a->link, b->link);
    assert_int_equal(a->dev_major, b->dev_major);
    assert_int_equal(a->dev_minor, b->dev_minor);
    assert_int_equal(a->target_len, b->target_len);
    if (a->target_len)
        assert_string_equal(a->target, b->target);
    assert_int_equal(a->attrs, b->attrs);
    assert_xattrs_equal(a, b);
    assert_content_equal(a, b);
}
