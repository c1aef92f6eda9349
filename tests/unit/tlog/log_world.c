/* SPDX-License-Identifier: Apache-2.0 */
#include "log_world.h"

#include "base/mem.h"
#include "tlog/tlog_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "%s\n", what);
    abort();
}

void world_ok(int rc, const struct err *e)
{
    if (rc)
        die(e->msg);
}

static int no_sync(void *arg, int fd, const char *path)
{
    (void)arg;
    (void)fd;
    (void)path;
    return 0;
}

/* The table of a file system that is always in time. */
struct tlog_ops world_ops;

void world_make(struct log_world *w)
{
    struct err e = ERR_INIT;
    uint8_t seed[SIGN_SEED_BYTES] = {1};
    *w =
        (struct log_world){.log = {.name = WORLD_ORIGIN}, .witness = {.name = "witness.example/w"}};
    world_ops = tlog_system;
    world_ops.fdatasync = world_ops.sync_dir = no_sync;
    world_ok(sign_init(&e), &e);
    sign_key_from_seed(seed, &w->key);
    seed[0] = 2;
    sign_key_from_seed(seed, &w->witness_secret);
    memcpy(w->log.public_key, w->key.public_key, SIGN_PUBLIC_BYTES);
    memcpy(w->witness.public_key, w->witness_secret.public_key, SIGN_PUBLIC_BYTES);
    scratch_make(w->top);
    (void)snprintf(w->dir, sizeof w->dir, "%s/log", w->top);
}

void world_done(struct log_world *w)
{
    scratch_remove(w->top);
}

struct tlog *world_open(struct log_world *w)
{
    struct tlog *t = NULL;
    struct err e = ERR_INIT;
    world_ok(tlog_open_with(w->dir, WORLD_ORIGIN, &w->key, &world_ops, NULL, &t, &e), &e);
    return t;
}

struct tlog *world_reader(struct log_world *w)
{
    struct tlog *t = NULL;
    struct err e = ERR_INIT;
    world_ok(tlog_open_reader_with(w->dir, &w->log, &world_ops, NULL, &t, &e), &e);
    return t;
}

struct tlog *world_create(struct log_world *w)
{
    struct err e = ERR_INIT;
    world_ok(tlog_create_with(w->dir, WORLD_ORIGIN, &w->key, &world_ops, NULL, &e), &e);
    return world_open(w);
}

size_t world_entry(uint64_t i, uint8_t out[WORLD_ENTRY_MAX])
{
    uint64_t z = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
    z ^= z >> 29;
    size_t len = z % 97 == 0 ? 300 + z % 400 : z % 7 == 0 ? z % 3 : z % 120;
    for (size_t at = 0; at < len; at++, z = z * UINT64_C(6364136223846793005) + 1)
        out[at] = (uint8_t)(z >> 33);
    if (len >= 8)
        memcpy(out, &i, 8); /* no two long ones are alike */
    return len;
}

void world_leaf(uint64_t i, uint8_t out[MERKLE_BYTES])
{
    uint8_t entry[WORLD_ENTRY_MAX];
    merkle_leaf(entry, world_entry(i, entry), out);
}

void world_grow(struct tlog *t, uint64_t size)
{
    for (uint64_t i = tlog_size(t); i < size; i++) {
        uint8_t entry[WORLD_ENTRY_MAX];
        struct err e = ERR_INIT;
        uint64_t index = 0;
        world_ok(tlog_append(t, entry, world_entry(i, entry), &index, &e), &e);
        if (index != i)
            die("an entry got another's number");
    }
}

struct checkpoint world_checkpoint(struct log_world *w, struct tlog *t)
{
    struct buf note = {0};
    struct checkpoint c;
    struct err e = ERR_INIT;
    world_ok(tlog_checkpoint(t, &note, &e), &e);
    world_ok(checkpoint_verify(note.data, note.len, &w->log, &c, &e), &e);
    buf_done(&note);
    return c;
}

static int compare_entry(void *arg, uint64_t index, const uint8_t *entry, size_t len, struct err *e)
{
    struct merkle_edge *edge = arg;
    uint8_t expected[WORLD_ENTRY_MAX], leaf[MERKLE_BYTES];
    if (index != edge->size || len != world_entry(index, expected) ||
        (len && memcmp(entry, expected, len) != 0))
        return err_set(e, ERR_DAMAGED, "entry %llu is another", (unsigned long long)index);
    merkle_leaf(entry, len, leaf);
    merkle_edge_add(edge, leaf);
    return 0;
}

void world_check(struct log_world *w, struct tlog *t, uint64_t size)
{
    struct merkle_edge edge = {0};
    struct err e = ERR_INIT;
    uint8_t root[MERKLE_BYTES];
    struct checkpoint c = world_checkpoint(w, t);
    if (tlog_size(t) != size || c.size != size)
        die("the log has another size");
    world_ok(tlog_scan(t, 0, size, compare_entry, &edge, &e), &e);
    merkle_edge_root(&edge, root);
    if (memcmp(root, c.root, sizeof root) != 0)
        die("the checkpoint has another root");
}

static void print_fault(void *arg, const char *what)
{
    if (*(bool *)arg)
        printf("fault: %s\n", what);
}

uint64_t world_faults(struct tlog *t, bool print)
{
    uint64_t faults = 0;
    struct err e = ERR_INIT;
    world_ok(tlog_verify(t, print_fault, &print, &faults, &e), &e);
    return faults;
}
