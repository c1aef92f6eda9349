/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checking a vault. Without a key: everything that the keeper can verify. With
 * one, further: every seal opens, every chunk is what its name says, every
 * tree is well formed, and everything that it names is there and is held by
 * the snapshot's reference set. Damage is told as the files that it touches.
 */
#include "work/work_internal.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct check {
    struct access *access;
    const struct check_options *options;
    struct check_result *result;
    struct opener *opener;
    uint8_t *bad_ids; /* chunks that do not verify, ID_BYTES each, sorted later */
    size_t bad_count, bad_cap;
    uint8_t *copy; /* of sealed bytes: opening is done in place */
    size_t copy_cap;

    const struct snapshot *snapshot; /* being read */
    struct refset refs;
    bool reported_hole; /* in the reference set: once a snapshot */
};

static void damage(void *arg, const char *object, const char *message)
{
    struct check *c = arg;
    if (c->options->damage)
        c->options->damage(c->options->arg, object, message);
}

static void snapshot_damage(struct check *c, const char *message)
{
    char hex[2 * ID_BYTES + 1], name[32];
    hex_encode(c->snapshot->id, ID_BYTES, hex);

    (void)snprintf(name, sizeof name, "snapshot %.8s", hex);
    c->result->vault.damaged++;
    damage(c, name, message);
}

/* ---- the data: every frame of the chosen packs --------------------------------------- */

static int remember_bad(struct check *c, const uint8_t id[ID_BYTES], struct err *e)
{
    if (c->bad_count == c->bad_cap) {
        size_t cap = c->bad_cap ? 2 * c->bad_cap : 64;
        uint8_t *ids = mem_realloc(c->bad_ids, cap, ID_BYTES);
        if (!ids)
            return err_no_memory(e, "damaged chunks");
        c->bad_ids = ids;
        c->bad_cap = cap;
    }
    memcpy(c->bad_ids + c->bad_count++ * ID_BYTES, id, ID_BYTES);
    return 0;
}

static int open_frame(struct check *c, const struct frame_loc *loc, const struct frame *f,
                      const uint8_t *sealed, struct err *e)
{
    const struct data_key *key;
    const uint8_t *plain;
    size_t len;
    uint8_t actual[ID_BYTES];
    enum seal_kind kind = f->kind == FRAME_DATA ? SEAL_DATA : SEAL_META;
    if (loc->len > c->copy_cap) {
        mem_free(c->copy);
        c->copy = mem_alloc(loc->len);
        c->copy_cap = c->copy ? loc->len : 0;
        if (!c->copy)
            return err_no_memory(e, "a chunk");
    }
    memcpy(c->copy, sealed, loc->len);
    if (keyring_get(c->access->keyring, f->session, &key, e) ||
        opener_open(c->opener, key, kind, f->id, f->nonce, c->copy, loc->len, &plain, &len, e))
        return -1;
    seal_id(c->access->ids, kind, plain, len, actual);
    if (memcmp(actual, f->id, ID_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "the content does not match its name");
    return 0;
}

static int each_frame(void *arg, const struct frame_loc *loc, const struct frame *f,
                      const uint8_t *sealed, bool intact, struct err *e)
{
    struct check *c = arg;
    struct progress *p = c->options->progress;
    if (p) {
        progress_add(&p->bytes, loc->len + FRAME_HEADER_BYTES);
        if (progress_cancelled(p))
            return err_set(e, ERR_CANCELLED, "interrupted");
    }
    if (!intact)
        return remember_bad(c, f->id, e);
    if (!c->access->keyring)
        return 0;
    struct err why = ERR_INIT;
    if (open_frame(c, loc, f, sealed, &why) == 0)
        return 0;
    if (why.cls == ERR_NO_MEMORY) {
        *e = why;
        return -1;
    }
    char name[5 + 2 * ID_BYTES + 1];
    memcpy(name, "pack ", 5);
    hex_encode(vault_pack_id(c->access->vault, loc->pack), ID_BYTES, name + 5);
    c->result->vault.damaged++;
    damage(c, name, why.msg);
    return remember_bad(c, f->id, e);
}

/* Whether a pack is in the subset: a hash of the seed and its id decides, so
 * that other seeds find other packs. */
static bool is_chosen(const struct check *c, uint32_t pack)
{
    uint8_t seed[8], h[HASH_BYTES];
    put_u64(seed, c->options->seed);
    hash_two(seed, sizeof seed, vault_pack_id(c->access->vault, pack), ID_BYTES, h);
    double at = (double)(get_u64(h) >> 11) / 9007199254740992.0; /* exact, below 1 */
    double from = c->options->subset_from;
    return at >= from && at < from + c->options->subset;
}

/* Packs and frames were counted by the structural check. */
static int read_pack(struct check *c, uint32_t pack, struct err *e)
{
    struct vault_check_stats s = {0};
    int rc = vault_scrub_pack(c->access->vault, pack, each_frame, c, damage, c, &s, e);
    c->result->vault.bytes_read += s.bytes_read;
    c->result->vault.damaged += s.damaged;
    return rc;
}

static int read_packs(struct check *c, struct err *e)
{
    uint32_t count = vault_pack_count(c->access->vault);
    if (c->options->progress)
        atomic_store(&c->options->progress->items_total, count);
    for (uint32_t i = 0; i < count; i++) {
        if (c->options->progress)
            progress_add(&c->options->progress->items, 1);
        if (c->options->subset < 1 && !is_chosen(c, i))
            continue;
        if (read_pack(c, i, e))
            return -1;
    }
    return 0;
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, ID_BYTES);
}

static bool is_bad(const struct check *c, const uint8_t id[ID_BYTES])
{
    return c->bad_count && bsearch(id, c->bad_ids, c->bad_count, ID_BYTES, compare_ids);
}

/* ---- the trees ------------------------------------------------------------------------------ */

static int compare_pack(const void *key, const void *item)
{
    return memcmp(key, ((const struct refset_pack *)item)->pack, ID_BYTES);
}

static bool is_referenced(const struct check *c, const struct frame_loc *loc)
{
    const struct refset_pack *p = bsearch(vault_pack_id(c->access->vault, loc->pack), c->refs.packs,
                                          c->refs.count, sizeof *c->refs.packs, compare_pack);
    return p && loc->frame < p->frame_count && p->bits[loc->frame / 8] >> (loc->frame % 8) & 1;
}

/* Whether a chunk can be read, as far as is known; sees to the reference set. */
static bool chunk_is_good(struct check *c, const uint8_t id[ID_BYTES])
{
    struct frame_loc loc;
    if (!vault_find(c->access->vault, id, &loc) || is_bad(c, id))
        return false;
    if (!is_referenced(c, &loc) && !c->reported_hole) {
        c->reported_hole = true;
        snapshot_damage(c, "its reference set lacks a chunk that its tree names: a collection "
                           "could remove it; back up again");
    }
    return true;
}

static void see_node(void *arg, const uint8_t *id)
{
    (void)chunk_is_good(arg, id);
}

static void touch(struct check *c, const char *path)
{
    c->result->touched++;
    c->result->vault.damaged += c->options->read_data ? 0 : 1;
    if (c->options->touched)
        c->options->touched(c->options->arg, c->snapshot, path);
}

static int check_content(struct check *c, struct list_reader *list, const struct entry *en)
{
    struct item it;
    struct err why = ERR_INIT;
    bool good = true;
    int rc = list_reader_begin(list, en, &why);
    while (rc == 0 && (rc = list_reader_next(list, &it, &why)) > 0) {
        rc = 0;
        if (it.kind != ITEM_HOLE)
            good = chunk_is_good(c, it.id) && good;
    }
    if (rc < 0 || !good)
        touch(c, en->path);
    return rc < 0 && why.cls == ERR_NO_MEMORY ? -1 : 0;
}

static int read_tree(struct check *c, struct tree_reader *tree, struct list_reader *list,
                     struct err *e)
{
    struct entry en;
    for (;;) {
        struct err why = ERR_INIT;
        int rc = tree_reader_next(tree, &en, &why);
        if (rc == 0)
            return 0;
        if (rc < 0 && why.cls == ERR_NO_MEMORY) {
            *e = why;
            return -1;
        }
        if (rc < 0) {
            snapshot_damage(c, why.msg);
            if (!tree_reader_skip_damage(tree))
                return 0;
            continue;
        }
        c->result->entries++;
        if (c->options->progress && progress_cancelled(c->options->progress))
            return err_set(e, ERR_CANCELLED, "interrupted");
        if (en.type == ENTRY_FILE && check_content(c, list, &en))
            return err_no_memory(e, "reading a tree");
    }
}

static int check_tree(struct check *c, const struct root *root, struct err *e)
{
    struct chunk_reader *chunks = NULL;
    struct tree_reader *tree = NULL;
    struct list_reader *list = NULL;
    int rc = chunk_reader_new(c->access, true, &chunks, e);
    if (rc == 0)
        rc = tree_reader_new(&root->tree, chunk_reader_fetch, chunks, &tree, e);
    if (rc == 0)
        rc = list_reader_new(chunk_reader_fetch, chunks, &list, e);
    if (rc == 0) {
        tree_reader_on_node(tree, see_node, c);
        list_reader_on_node(list, see_node, c);
        rc = read_tree(c, tree, list, e);
    }
    list_reader_free(list);
    tree_reader_free(tree);
    chunk_reader_free(chunks);
    return rc;
}

static int check_snapshot(struct check *c, const struct snapshot *s, struct err *e)
{
    struct err why = ERR_INIT;
    struct root *root = NULL;
    c->snapshot = s;
    c->reported_hole = false;
    if (vault_snapshot_refs(c->access->vault, s, &c->refs, &why) ||
        work_open_root(c->access, s, &root, &why)) {
        snapshot_damage(c, why.msg);
        refset_done(&c->refs);
        return 0;
    }
    int rc = check_tree(c, root, e);
    refset_done(&c->refs);
    mem_free(root);
    return rc;
}

static int check_snapshots(struct check *c, struct err *e)
{
    struct snapshot_list list = {0};
    /* Records that do not verify were reported by the structural check. */
    if (vault_snapshots_all(c->access->vault, &list, NULL, NULL, e))
        return -1;
    int rc = 0;
    for (size_t i = list.count; i-- > 0 && rc == 0;)
        rc = check_snapshot(c, &list.items[i], e);
    snapshot_list_done(&list);
    return rc;
}

int work_check(struct access *a, const struct check_options *o, struct check_result *out,
               struct err *e)
{
    struct check_result result = {.with_key = a->keyring != NULL};
    struct check c = {.access = a, .options = o, .result = &result};
    int rc = vault_check(a->vault, damage, &c, &result.vault, e);
    if (rc == 0)
        rc = opener_new(vault_get_info(a->vault)->id, &c.opener, e);
    if (rc == 0 && o->read_data)
        rc = read_packs(&c, e);
    if (rc == 0 && c.bad_count)
        qsort(c.bad_ids, c.bad_count, ID_BYTES, compare_ids);
    if (rc == 0 && a->keyring)
        rc = check_snapshots(&c, e);
    opener_free(c.opener);
    mem_free(c.bad_ids);
    mem_free(c.copy);
    if (rc == 0)
        *out = result;
    return rc;
}
