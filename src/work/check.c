/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checking a vault. Without a key: everything that the keeper can verify. With
 * one, further: every seal opens and every chunk is what its name says
 * (check_data.c); every tree is well formed, and everything that it names is
 * there and is held by the snapshot's reference set. Damage is told as the
 * files that it touches.
 *
 * Every tree is read whole, also where two snapshots share nodes: each has a
 * reference set of its own, and a collection relies on all of them.
 */
#include "work/check.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

struct check {
    struct access *access;
    const struct check_options *options;
    struct check_result *result;
    struct bad_chunks bad;
    const struct snapshot *snapshot; /* being read */
    struct refset refs;
    bool reported_hole; /* in the reference set: once a snapshot */
    bool first_look, suspicious; /* first look: nothing is told, the first doubt ends it */
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
    if (c->first_look) {
        c->suspicious = true;
        return;
    }
    hex_encode(c->snapshot->id, ID_BYTES, hex);
    (void)snprintf(name, sizeof name, "snapshot %.8s", hex);
    c->result->vault.damaged++;
    damage(c, name, message);
}

/* ---- the trees ------------------------------------------------------------------------------ */

/* Whether a chunk can be read, as far as is known; sees to the reference set. */
static bool chunk_is_good(struct check *c, const uint8_t id[ID_BYTES])
{
    struct frame_loc loc;
    if (!vault_find(c->access->vault, id, &loc) || bad_chunks_has(&c->bad, id, loc.pack))
        return false;
    if (!c->reported_hole && !vault_refs_hold(c->access->vault, &c->refs, id)) {
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
    if (c->first_look) {
        c->suspicious = true;
        return;
    }
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
    while (!c->suspicious) {
        struct err why = ERR_INIT;
        int rc = tree_reader_next(tree, &en, &why);
        if (rc == 0)
            return 0;
        if (rc < 0 && why.cls == ERR_NO_MEMORY)
            return err_give(e, &why);
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
    return 0;
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

static int look_at(struct check *c, const struct snapshot *s, struct err *e)
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

/* A collection beside us may move what we are about to read, or take away a
 * snapshot whose time is over. So what looks damaged is looked at again with a
 * fresh index, if it is still there; only then it is told. */
static int check_snapshot(struct check *c, const struct snapshot *s, struct err *e)
{
    uint64_t entries = c->result->entries;
    c->first_look = true;
    c->suspicious = false;
    int rc = look_at(c, s, e);
    c->first_look = false;
    if (rc || !c->suspicious)
        return rc;
    c->suspicious = false;
    c->result->entries = entries;
    if (!vault_snapshot_exists(c->access->vault, s))
        return 0;
    return vault_refresh(c->access->vault, NULL, NULL, e) || look_at(c, s, e) ? -1 : 0;
}

static int check_snapshots(struct check *c, struct err *e)
{
    struct snapshot_list list = {0};
    /* Records that do not verify were reported by the structural check. */
    if (vault_snapshots_all(c->access->vault, &list, NULL, NULL, e))
        return -1;
    /* What was committed meanwhile has packs that the index does not know yet. */
    int rc = vault_refresh(c->access->vault, NULL, NULL, e);
    for (size_t i = list.count; i-- > 0 && rc == 0;)
        rc = check_snapshot(c, &list.items[i], e);
    snapshot_list_done(&list);
    return rc;
}

/* What stays damaged is not told here: the check that follows names it, frame by
 * frame, and with a key file by file. */
int work_repair(struct access *a, struct access *replica, const struct check_options *o,
                struct vault_repair_result *out, struct err *e)
{
    const struct vault_repair_options r = {.mended = o->mended,
                                           .skipped = o->skipped,
                                           .replica = replica ? replica->vault : NULL,
                                           .damaged_there = o->damaged_there,
                                           .arg = o->arg,
                                           .progress = o->progress};
    return vault_repair(a->vault, &r, out, e);
}

int work_check(struct access *a, const struct check_options *o, struct check_result *out,
               struct err *e)
{
    struct check_result result = {.with_key = a->keyring != NULL};
    struct check c = {.access = a, .options = o, .result = &result};
    int rc = vault_check(a->vault, damage, &c, &result.vault, e);
    if (rc == 0 && o->read_data)
        rc = check_data(a, o, &result, &c.bad, e);
    if (rc == 0 && a->keyring)
        rc = check_snapshots(&c, e);
    bad_chunks_done(&c.bad);
    if (rc == 0)
        *out = result;
    return rc;
}
