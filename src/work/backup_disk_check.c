/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A map is believed after a look (docs/decisions/0024): chunks drawn at random from what
 * it calls unchanged or empty are read and compared. This finds a map that belongs to another
 * snapshot or another disk; it is no proof against one wrong block among millions.
 */
#include "work/backup_disk.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define KEPT_SAMPLES  24u
#define EMPTY_SAMPLES 8u

struct sample {
    uint64_t from, to;    /* equal: none was drawn */
    uint8_t id[ID_BYTES]; /* of what was kept */
};

struct drawing {
    uint64_t random;                  /* state */
    uint64_t kept_total, empty_total; /* candidates so far */
    struct sample kept[KEPT_SAMPLES], empty[EMPTY_SAMPLES];
};

void disk_plan_tell(const struct disk_plan *p, const char *fmt, ...)
{
    char text[256];
    va_list args;
    const struct backup_disks *o = p->backup->options->disks;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (o->told)
        o->told(o->arg, p->what->name, text);
}

/* splitmix64; seeded by the system, so that nobody knows which chunks are looked at. */
static uint64_t draw(struct drawing *d, uint64_t below)
{
    uint64_t x = d->random += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return (x ^ x >> 31) % below;
}

/* Each slot is drawn on its own: uniform over all candidates, in one pass. */
static void offer_kept(struct drawing *d, const struct item *it, uint64_t from, uint64_t to)
{
    d->kept_total++;
    for (unsigned i = 0; i < KEPT_SAMPLES; i++)
        if (draw(d, d->kept_total) == 0) {
            d->kept[i] = (struct sample){.from = from, .to = to};
            memcpy(d->kept[i].id, it->id, ID_BYTES);
        }
}

static void offer_empty(struct drawing *d, const struct disk_plan *p, const struct stretch *s)
{
    uint64_t chunks = (s->to - s->from + p->grain - 1) / p->grain;
    uint64_t before = d->empty_total;
    d->empty_total += chunks;
    for (unsigned i = 0; i < EMPTY_SAMPLES; i++) {
        uint64_t n = draw(d, d->empty_total);
        if (n < before)
            continue;
        uint64_t from = s->from + (n - before) * p->grain;
        uint64_t to = from + p->grain < s->to ? from + p->grain : s->to;
        d->empty[i] = (struct sample){.from = from, .to = to};
    }
}

static void offer_all_kept(struct drawing *d, struct disk_plan *p, const struct stretch *s)
{
    for (uint64_t from = s->from; from < s->to;) {
        uint64_t to = from + p->grain < s->to ? from + p->grain : s->to;
        const struct item *it = last_items_at(&p->last, from, to);
        if (it && it->kind == ITEM_CHUNK)
            offer_kept(d, it, from, to);
        /* A hole is passed as a whole. */
        uint64_t end = it && it->kind == ITEM_HOLE && p->last.to < s->to
                           ? p->last.to / p->grain * p->grain
                           : to;
        from = end > to ? end : to;
    }
}

static int draw_samples(struct disk_plan *p, struct drawing *d, struct err *e)
{
    struct stretch s;
    int rc;
    disk_plan_rewind(p);
    while ((rc = disk_plan_next(p, &s, e)) > 0) {
        if (s.kind == STRETCH_KEPT)
            offer_all_kept(d, p, &s);
        else if (s.kind == STRETCH_EMPTY)
            offer_empty(d, p, &s);
    }
    return rc;
}

/* 1 if the sample holds what the map says, 0 if not. */
static int look(struct disk_plan *p, const struct sample *s, bool empty, struct err *e)
{
    const uint8_t *data;
    size_t len;
    uint64_t first, bad = disk_bad(p->reader, &first);
    uint8_t id[ID_BYTES];
    if (s->from == s->to)
        return 1;
    if (disk_begin(p->reader, s->from, s->to, e) || disk_next(p->reader, &data, &len, e) < 0)
        return -1;
    if (disk_bad(p->reader, &first) != bad)
        return 1; /* it cannot be read: that says nothing of the map */
    if (empty)
        return bytes_are_zero(data, len);
    seal_id(p->backup->access->ids, SEAL_DATA, data, len, id);
    return memcmp(id, s->id, ID_BYTES) == 0;
}

static int look_at_all(struct disk_plan *p, const struct sample *samples, unsigned count,
                       bool empty, bool *believed, struct err *e)
{
    for (unsigned i = 0; i < count && *believed; i++) {
        int rc = look(p, &samples[i], empty, e);
        if (rc < 0)
            return -1;
        if (rc > 0)
            continue;
        *believed = false;
        disk_plan_tell(
            p, "its map says that nothing %s at byte %llu, but something does: all of it is read",
            empty ? "is" : "changed", (unsigned long long)samples[i].from);
    }
    return 0;
}

int disk_plan_check(struct disk_plan *p, struct err *e)
{
    struct drawing d = {0};
    if (disk_get_info(p->disk)->kernel_map)
        return 0;
    seal_random(&d.random, sizeof d.random);
    if (draw_samples(p, &d, e))
        return -1;
    return look_at_all(p, d.kept, KEPT_SAMPLES, false, &p->use_clean, e) ||
                   look_at_all(p, d.empty, EMPTY_SAMPLES, true, &p->use_empty, e)
               ? -1
               : 0;
}
