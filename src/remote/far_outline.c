/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a server told of a vault without being asked twice: outlines (wire/outline.c), and small objects that it sent
 * together.
 *
 * L1 A list serves once: whoever looks again wants to know what is there now. Lists of an older outline go when a newer one comes.
 * L2 Objects serve as often as they are asked for: what has a name never changes. Of many the oldest give way.
 * L3 Whatever is not here is asked for, so a server that knows no outlines only costs more time.
 */
#include "remote/far_outline.h"

#include "base/mem.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define LISTS       16u
#define BUNDLES     24u
#define BLOCK_NAMES 512u /* fetched together, where one of them is wanted */
#define BLOCK_BYTES ((uint64_t)4 << 20)
#define NAMES_MAX   ((size_t)64 << 20) /* of a list that is remembered for blocks */

struct piece {
    const char *name; /* in the bundle's bytes, with a 0 at its end; before it is there, anywhere */
    size_t name_len;
    uint64_t object_len;
    const uint8_t *p;
    size_t len;
};
struct bundle {
    struct buf bytes;
    struct buf pieces; /* of struct piece, by name */
};
struct list {
    char dir[WIRE_NAME_MAX + 1];
    struct buf lines; /* as they came */
    bool fresh;       /* L1 */
    struct buf names; /* of struct entry, by name; into `lines`; made when a block is wanted */
};
struct entry {
    const char *name; /* ends with '\n' */
    size_t name_len;
    uint64_t len;
};
struct outline {
    struct far_store *far;
    pthread_mutex_t lock;
    struct list lists[LISTS];
    unsigned list_count;
    struct bundle bundles[BUNDLES];
    unsigned next;
    bool read_asked; /* for what the right to read shows */
    bool has_past;
    uint8_t writer[UID_BYTES];
    struct writer_past past;
};

/* ---- beginning and end ---------------------------------------------------------------------- */

int outline_new(struct far_store *f, struct outline **out, struct err *e)
{
    struct outline *o = mem_zalloc(sizeof *o);
    if (!o)
        return err_no_memory(e, "a vault on a server");
    o->far = f;
    (void)pthread_mutex_init(&o->lock, NULL);
    *out = o;
    return 0;
}

static void list_done(struct list *l)
{
    buf_done(&l->lines);
    buf_done(&l->names);
    *l = (struct list){0};
}

static void bundle_done(struct bundle *b)
{
    buf_done(&b->bytes);
    buf_done(&b->pieces);
    *b = (struct bundle){0};
}

void outline_free(struct outline *o)
{
    if (!o)
        return;
    for (unsigned i = 0; i < o->list_count; i++)
        list_done(&o->lists[i]);
    for (unsigned i = 0; i < BUNDLES; i++)
        bundle_done(&o->bundles[i]);
    (void)pthread_mutex_destroy(&o->lock);
    mem_free(o);
}

/* ---- lists ---------------------------------------------------------------------------------- */

static struct list *find_list(struct outline *o, const char *dir)
{
    for (unsigned i = 0; i < o->list_count; i++)
        if (strcmp(o->lists[i].dir, dir) == 0)
            return &o->lists[i];
    return NULL;
}

/* Without room or memory it is not remembered (L3). */
static void keep_list(struct outline *o, const char *dir, const void *lines, size_t len, bool fresh)
{
    struct list *l = find_list(o, dir);
    if (l)
        list_done(l);
    else if (o->list_count < LISTS)
        l = &o->lists[o->list_count++];
    if (!l)
        return;
    (void)memcpy(l->dir, dir, strlen(dir) + 1);
    l->lines.max = WIRE_LIST_MAX;
    buf_put(&l->lines, lines, len);
    l->fresh = fresh && !l->lines.failed;
}

static bool take_list(struct outline *o, const char *dir, struct buf *lines)
{
    struct list *l = find_list(o, dir);
    if (!l || !l->fresh)
        return false;
    l->fresh = false; /* L1 */
    buf_put(lines, l->lines.data, l->lines.len);
    if (wire_list_access(dir) == WIRE_ENDS) /* the longest list of all, and no blocks are made of it */
        buf_done(&l->lines);
    return !lines->failed;
}

/* ---- objects -------------------------------------------------------------------------------- */

static int by_piece(const void *a, const void *b)
{
    return strcmp(((const struct piece *)a)->name, ((const struct piece *)b)->name);
}

static const struct piece *find_piece(const struct outline *o, const char *name)
{
    const struct piece key = {.name = name};
    for (unsigned i = 0; i < BUNDLES; i++) {
        const struct buf *pieces = &o->bundles[i].pieces;
        const struct piece *found =
            pieces->len ? bsearch(&key, pieces->data, pieces->len / sizeof key, sizeof key, by_piece) : NULL;
        if (found)
            return found;
    }
    return NULL;
}

/* Into bytes of their own: an answer is mostly lists, or goes before they do. */
static int copy_pieces(struct piece *pieces, size_t count, struct buf *bytes)
{
    size_t room = 0;
    for (size_t i = 0; i < count; i++)
        room += pieces[i].name_len + 1 + pieces[i].len;
    uint8_t *p = buf_reserve(bytes, room);
    for (size_t i = 0; p && i < count; i++) {
        struct piece *x = &pieces[i];
        x->name = memcpy(p, x->name, x->name_len);
        p[x->name_len] = '\0';
        x->p = memcpy(p + x->name_len + 1, x->p, x->len);
        p += x->name_len + 1 + x->len;
    }
    return p ? 0 : -1;
}

/* Takes the pieces, copies what they point to. Without memory it is not remembered (L3). */
static void keep_pieces(struct outline *o, struct buf *pieces)
{
    struct bundle *b = &o->bundles[o->next], kept = {.pieces = *pieces};
    size_t count = pieces->len / sizeof(struct piece);
    *pieces = (struct buf){0};
    if (kept.pieces.failed || !count || copy_pieces((void *)kept.pieces.data, count, &kept.bytes)) {
        bundle_done(&kept);
        return;
    }
    qsort(kept.pieces.data, count, sizeof(struct piece), by_piece);
    bundle_done(b); /* L2 */
    *b = kept;
    o->next = (o->next + 1) % BUNDLES;
}

/* ---- outlines -------------------------------------------------------------------------------- */

struct taking {
    struct outline *o;
    struct buf pieces;
};

static int on_list(void *arg, const char *dir, const uint8_t *lines, size_t len, struct err *e)
{
    struct taking *t = arg;
    (void)e;
    keep_list(t->o, dir, lines, len, true);
    return 0;
}

static int on_object(void *arg, const char *name, uint64_t object_len, const uint8_t *p, size_t len,
                     struct err *e)
{
    struct taking *t = arg;
    const struct piece x = {name, strlen(name), object_len, p, len};
    (void)e;
    buf_put(&t->pieces, &x, sizeof x);
    return 0;
}

static int on_past(void *arg, const uint8_t *writer, uint64_t sequence, const uint8_t *snapshot,
                   struct err *e)
{
    struct outline *o = ((struct taking *)arg)->o;
    (void)e;
    memcpy(o->writer, writer, UID_BYTES);
    o->past.sequence = sequence;
    memcpy(o->past.id, snapshot, ID_BYTES);
    o->has_past = true;
    return 0;
}

/* With the lock. Ends the bytes. */
static int take(struct outline *o, struct buf *bytes, struct err *e)
{
    struct taking t = {.o = o};
    const struct wire_outline_sink sink = {on_list, on_object, on_past, &t};
    for (unsigned i = 0; i < o->list_count; i++)
        o->lists[i].fresh = false; /* L1 */
    int rc = wire_outline_take(bytes->data, bytes->len, &sink, e);
    if (!rc)
        keep_pieces(o, &t.pieces);
    buf_done(bytes);
    if (rc) { /* half of it is nothing */
        for (unsigned i = 0; i < o->list_count; i++)
            o->lists[i].fresh = false;
        o->has_past = false;
        buf_done(&t.pieces);
        return err_wrap(e, "%s", o->far->where);
    }
    return 0;
}

int outline_take(struct outline *o, struct buf *bytes, struct err *e)
{
    (void)pthread_mutex_lock(&o->lock);
    int rc = take(o, bytes, e);
    (void)pthread_mutex_unlock(&o->lock);
    return rc;
}

/* With the lock. What the server will not tell in one is asked for singly, and then it says why (L3). */
static int ask(struct outline *o, const char *of, struct err *e)
{
    char path[FAR_PATH_MAX];
    struct buf bytes = {.max = WIRE_OUTLINE_MAX};
    struct err why = ERR_INIT;
    far_path(o->far, path, "outline?of=%s", of);
    struct client_call call = {.method = "GET", .path = path, .answer = &bytes};
    if (client_do(o->far->remote->client, &call, &why) == 0)
        return take(o, &bytes, e);
    buf_done(&bytes);
    return why.cls == ERR_OFFLINE || why.cls == ERR_CANCELLED || why.cls == ERR_NO_MEMORY ? err_give(e, &why) : 0;
}

int outline_open(struct outline *o, struct err *e)
{
    (void)pthread_mutex_lock(&o->lock);
    int rc = ask(o, "open", e);
    (void)pthread_mutex_unlock(&o->lock);
    return rc;
}

/* With the lock: before the first of what only the right to read shows. */
static int ask_history(struct outline *o, enum wire_access access, struct err *e)
{
    if (access != WIRE_READ || o->read_asked)
        return 0;
    o->read_asked = true;
    return ask(o, "read", e);
}

/* ---- blocks: many small objects that lie side by side -------------------------------------------- */

static int by_entry(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    size_t n = x->name_len < y->name_len ? x->name_len : y->name_len;
    int order = memcmp(x->name, y->name, n);
    return order ? order : (x->name_len > y->name_len) - (x->name_len < y->name_len);
}

static void index_list(struct list *l)
{
    const char *line = (const char *)l->lines.data, *end = line + l->lines.len;
    l->names.max = NAMES_MAX;
    for (const char *stop; line < end && (stop = memchr(line, '\n', (size_t)(end - line))) != NULL;
         line = stop + 1) {
        char *name = NULL;
        struct entry x = {.len = strtoull(line, &name, 10)};
        if (!name || *name != ' ')
            continue;
        x.name = name + 1;
        x.name_len = (size_t)(stop - name - 1);
        if (x.name_len <= WIRE_NAME_MAX)
            buf_put(&l->names, &x, sizeof x);
    }
    if (l->names.failed)
        buf_reset(&l->names);
    if (l->names.len)
        qsort(l->names.data, l->names.len / sizeof(struct entry), sizeof(struct entry), by_entry);
}

struct block {
    struct buf request, answer;
    const struct entry *entries[BLOCK_NAMES];
    size_t count;
};

static void choose(const struct entry *all, size_t count, size_t at, struct block *b)
{
    uint64_t bytes = 0;
    size_t first = at / BLOCK_NAMES * BLOCK_NAMES;
    /* Forward from the wanted one, then those before it, as far as there is room. */
    for (size_t i = 0; i < BLOCK_NAMES && bytes < BLOCK_BYTES; i++) {
        size_t n = first + (at - first + i) % BLOCK_NAMES;
        if (n >= count)
            continue;
        struct wire_range r = {.len = all[n].len < WIRE_OUTLINE_PIECE ? all[n].len : WIRE_OUTLINE_PIECE};
        memcpy(r.name, all[n].name, all[n].name_len);
        wire_range_put(&b->request, &r);
        b->entries[b->count++] = &all[n];
        bytes += r.len + 256;
    }
}

static int ask_block(struct outline *o, struct block *b, struct err *e)
{
    char path[FAR_PATH_MAX];
    far_path(o->far, path, "read");
    const struct client_piece piece = {b->request.data, b->request.len};
    struct client_call call = {.method = "POST", .path = path, .type = WIRE_BINARY, .pieces = &piece,
                               .piece_count = 1, .answer = &b->answer};
    if (buf_check(&b->request, "a list of objects", e))
        return -1;
    return client_do(o->far->remote->client, &call, e);
}

static void keep_parts(struct outline *o, const struct block *b)
{
    struct buf pieces = {0};
    size_t at = 0;
    for (size_t i = 0; i < b->count && b->answer.len - at >= WIRE_PART_HEAD; i++) {
        const struct entry *of = b->entries[i];
        struct wire_part h;
        if (wire_part_take(b->answer.data + at, &h, NULL) || h.len > b->answer.len - at - WIRE_PART_HEAD)
            break;
        const struct piece x = {of->name, of->name_len, h.object_len, b->answer.data + at + WIRE_PART_HEAD, (size_t)h.len};
        if (!h.cls && h.len == (h.object_len < WIRE_OUTLINE_PIECE ? h.object_len : WIRE_OUTLINE_PIECE))
            buf_put(&pieces, &x, sizeof x);
        at += WIRE_PART_HEAD + (size_t)h.len;
    }
    keep_pieces(o, &pieces);
}

/* With the lock: if its directory was listed, its neighbours come along. Failing is no error: it is asked for alone. */
static void fetch_block(struct outline *o, const char *name)
{
    char dir[WIRE_NAME_MAX + 1] = "";
    const char *slash = strchr(name, '/');
    if (!slash)
        return;
    memcpy(dir, name, (size_t)(slash - name));
    struct list *l = find_list(o, dir);
    if (!l)
        return;
    if (!l->names.len)
        index_list(l);
    const struct entry key = {.name = name, .name_len = strlen(name)};
    size_t count = l->names.len / sizeof key;
    const struct entry *all = (const void *)l->names.data;
    const struct entry *found = count > 1 ? bsearch(&key, all, count, sizeof key, by_entry) : NULL;
    struct block *b = found ? mem_zalloc(sizeof *b) : NULL;
    if (!b)
        return;
    b->answer.max = 2 * WIRE_RANGE_BYTES_MAX;
    choose(all, count, (size_t)(found - all), b);
    if (ask_block(o, b, NULL) == 0)
        keep_parts(o, b);
    buf_done(&b->request);
    buf_done(&b->answer);
    mem_free(b);
}

/* ---- what the store asks -------------------------------------------------------------------------- */

int outline_list(struct outline *o, const char *dir, struct buf *lines, struct err *e)
{
    (void)pthread_mutex_lock(&o->lock);
    int rc = ask_history(o, wire_list_access(dir), e);
    if (!rc)
        rc = take_list(o, dir, lines);
    (void)pthread_mutex_unlock(&o->lock);
    return rc;
}

void outline_listed(struct outline *o, const char *dir, const struct buf *lines)
{
    if (wire_list_access(dir) == WIRE_ENDS || lines->len > NAMES_MAX)
        return;
    (void)pthread_mutex_lock(&o->lock);
    keep_list(o, dir, lines->data, lines->len, false);
    (void)pthread_mutex_unlock(&o->lock);
}

int outline_object(struct outline *o, const char *name, struct buf *begin, uint64_t *object_len,
                   struct err *e)
{
    enum wire_access access = wire_object_access(name);
    if (access == WIRE_ENDS)
        return 0;
    (void)pthread_mutex_lock(&o->lock);
    int rc = ask_history(o, access, e);
    const struct piece *x = rc ? NULL : find_piece(o, name);
    if (!rc && !x) {
        fetch_block(o, name);
        x = find_piece(o, name);
    }
    if (x) {
        buf_put(begin, x->p, x->len);
        *object_len = x->object_len;
        rc = buf_check(begin, name, e) ? -1 : 1;
    }
    (void)pthread_mutex_unlock(&o->lock);
    return rc;
}

bool outline_past(struct outline *o, const uint8_t writer[UID_BYTES], struct writer_past *out)
{
    (void)pthread_mutex_lock(&o->lock);
    bool known = o->has_past && memcmp(o->writer, writer, UID_BYTES) == 0;
    o->has_past = false; /* once: whoever asks again was told that the chain has gone on */
    if (known)
        *out = o->past;
    (void)pthread_mutex_unlock(&o->lock);
    return known;
}
