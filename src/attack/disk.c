/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Root on the server: A11 wipes it, A12 takes single packs and bits, A24 overwrites a part of it. What helps is elsewhere: a
 * replica that was pulled before, and the daily reading of what is stored.
 */
#include "attack/families.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- a replica --------------------------------------------------------------------------------------- */

static void replica_dir(const struct world *w, char out[WORLD_PATH])
{
    (void)snprintf(out, WORLD_PATH, "%.400s/replica", w->dir);
}

/* Pulled: whoever copies reads here and is known nowhere. */
static int pull(struct victim *v, struct err *e)
{
    struct world *w = v->machine->world;
    CLEANUP(access_close) struct access from = {0};
    CLEANUP(access_close) struct access to = {0};
    struct snapshot_list l = {0};
    char dir[WORLD_PATH];
    const struct replica_options ro = {.location = dir};
    const struct vault_copy_options co = {0};
    struct vault_copy_result r;
    replica_dir(w, dir);
    if (victim_open(v, &from, e) || access_as_owner(&from, e) || work_init_replica(&from, &ro, e) ||
        access_open(dir, &w->owner.dirs, &to, e) || vault_snapshots(from.vault, &l, NULL, NULL, e))
        return -1;
    CLEANUP_FREE const struct snapshot **items = mem_array(l.count + 1, sizeof *items);
    for (size_t i = 0; items && i < l.count; i++)
        items[i] = &l.items[i];
    int rc = items ? work_copy(&from, &to, items, l.count, &co, &r, e) : err_no_memory(e, "a copy");
    snapshot_list_done(&l);
    return rc;
}

/* From a vault's directory, without any server. */
static int try_restore_from(struct play *p, struct victim *v, const char *dir, const struct victim_point *point, bool *same_out,
                            char why[256], struct err *e)
{
    CLEANUP(access_close) struct access a = {0};
    struct snapshot_list l = {0};
    char target[WORLD_PATH], expected[WORLD_PATH], restored[WORLD_PATH * 2];
    struct restore_result r;
    const struct restore_options o = {.path = "", .target = target, .overwrite = TARGET_ALWAYS, .threads = 1};
    int64_t start = clock_monotonic_ns();
    (void)snprintf(target, sizeof target, "%.400s/from-disk", p->world->dir);
    (void)snprintf(expected, sizeof expected, "%.400s/from-disk-expected", p->world->dir);
    (void)snprintf(restored, sizeof restored, "%s%s", target, v->source);
    int rc = tree_remove(target, e) || tree_remove(expected, e) || file_make_dirs(target, 0700, e) ||
                     access_open(dir, &p->world->owner.dirs, &a, e) || access_as_reader(&a, world_ask_passphrase, p->world, e) ||
                     vault_snapshots(a.vault, &l, NULL, NULL, e) || tree_make(expected, v->seed, point->version, e)
                 ? -1
                 : 0;
    for (size_t i = 0; !rc && i < l.count; i++) {
        if (memcmp(l.items[i].id, point->id, ID_BYTES) != 0)
            continue;
        rc = work_restore(&a, &l.items[i], &o, &r, e);
        *same_out = !rc && tree_same(expected, restored, why);
        p->result.rpo_s = (double)(clock_realtime_ns() - l.items[i].dated_ns) / (double)NS_PER_S;
        p->result.rto_s = (double)(clock_monotonic_ns() - start) / (double)NS_PER_S;
    }
    snapshot_list_done(&l);
    return rc;
}

static void restore_from(struct play *p, struct victim *v, const char *dir, const struct victim_point *point)
{
    struct err e = ERR_INIT;
    bool same = false;
    char why[256] = "it is not there";
    int rc = try_restore_from(p, v, dir, point, &same, why, &e);
    p->result.recovered = play_claim(p, !rc && same, "the replica did not bring a snapshot back: %s", rc ? e.msg : why);
}

/* ---- A11 ------------------------------------------------------------------------------------------------ */

static int play_wiped(struct play *p, struct victim *v, struct err *e)
{
    char dir[WORLD_PATH];
    if (victim_backup(v, e) || world_pass(p->world, 3600, e) || victim_backup(v, e) || pull(v, e))
        return -1;
    size_t copied = v->count;
    if (world_pass(p->world, 3600, e) || victim_backup(v, e))
        return -1;
    world_stop(p->world, true);
    if (tree_remove(p->world->root, e))
        return -1;
    replica_dir(p->world, dir);
    (void)play_claim(p, access(p->world->root, F_OK) != 0, "the play itself: the root is still there");
    for (size_t i = 0; i < copied; i++)
        restore_from(p, v, dir, &v->points[i]);
    play_tell(p, "the whole root removed: all %zu snapshots up to the last pull came back from the replica", copied);
    return 0;
}

void attack_wiped(struct play *p)
{
    CLEANUP(victim_done) struct victim v = {0};
    if (victim_begin(&v, &p->world->web, &p->error) == 0)
        (void)play_wiped(p, &v, &p->error);
}

/* ---- A12 -------------------------------------------------------------------------------------------------- */

struct picking {
    struct play *p;
    unsigned seen;
    char name[200];
    off_t least;
    const char *dir;
};

/* One of the large packs, each with the same chance. */
static int pick(void *arg, const char *path, struct err *e)
{
    struct picking *k = arg;
    struct stat st;
    char full[WORLD_PATH * 2];
    (void)e;
    (void)snprintf(full, sizeof full, "%s/%s", k->dir, path);
    if (stat(full, &st) == 0 && st.st_size >= k->least && play_below(k->p, ++k->seen) == 0)
        (void)snprintf(k->name, sizeof k->name, "%s", path);
    return 0;
}

static int slurp(const char *path, struct buf *out, struct err *e)
{
    out->max = (size_t)256 << 20;
    return file_slurp(AT_FDCWD, path, out->max, out, e);
}

static int overwrite(const char *path, const struct buf *bytes, struct err *e)
{
    (void)!chmod(path, 0600);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    int rc = fd < 0 || file_pwrite(fd, bytes->data, bytes->len, 0) ? err_sys(e, errno, "write '%s'", path) : 0;
    if (fd >= 0)
        (void)close(fd);
    return rc;
}

/* A bit of a pack, on the disk, behind everybody's back. */
static int flip(struct play *p, const char *path, struct err *e)
{
    CLEANUP(buf_done) struct buf bytes = {0};
    if (slurp(path, &bytes, e))
        return -1;
    bytes.data[200 + play_below(p, bytes.len - 300)] ^= (uint8_t)(1u << play_below(p, 8));
    return overwrite(path, &bytes, e);
}

static bool same_file(const char *path, const struct buf *was)
{
    CLEANUP(buf_done) struct buf now = {0};
    return slurp(path, &now, NULL) == 0 && now.len == was->len && memcmp(now.data, was->data, now.len) == 0;
}

static int play_flip(struct play *p, const char *pack, const char *name, struct err *e)
{
    CLEANUP(buf_done) struct buf was = {0};
    uint64_t alarms = 0;
    if (slurp(pack, &was, e) || flip(p, pack, e) || world_upkeep(p->world, e) ||
        world_entries(p->world, "alarm", "damage mended", &alarms, e))
        return -1;
    (void)play_claim(p, alarms > 0, "a flipped bit in packs/%s was not noticed", name);
    (void)play_claim(p, same_file(pack, &was), "packs/%s was not mended", name);
    return 0;
}

static int play_rotten(struct play *p, struct victim *v, struct err *e)
{
    char dir[WORLD_PATH], packs[WORLD_PATH + 16], path[WORLD_PATH * 2], parity[WORLD_PATH * 2];
    uint64_t before = 0, after = 0;
    for (unsigned i = 0; i < 3; i++)
        if (victim_backup(v, e))
            return -1;
    world_vault_dir(p->world, v->machine, dir);
    (void)snprintf(packs, sizeof packs, "%s/packs", dir);
    struct picking k = {.p = p, .least = 20000, .dir = packs};
    if (tree_files(packs, pick, &k, e))
        return -1;
    if (!play_claim(p, k.seen > 0, "the play itself: there is no large pack"))
        return 0;
    (void)snprintf(path, sizeof path, "%s/%s", packs, k.name);
    (void)snprintf(parity, sizeof parity, "%s/parity/%s", dir, k.name);
    if (play_flip(p, path, k.name, e) || world_entries(p->world, "alarm", "damage", &before, e))
        return -1;
    bool had_parity = access(parity, F_OK) == 0;
    (void)!unlink(parity);
    if (unlink(path))
        return err_sys(e, errno, "remove '%s'", path);
    if (world_upkeep(p->world, e) || world_entries(p->world, "alarm", "damage", &after, e) || victim_backup(v, e))
        return -1;
    (void)play_claim(p, after > before, "a pack that was deleted on the disk was not noticed");
    (void)play_claim(p, had_parity, "the play itself: no parity at '%s'", parity);
    play_tell(p, "a flipped bit: found by the next round, mended; a pack deleted with its parity (1 of %u): found by the next round, "
                 "and the next backup stored what was missing",
              k.seen);
    return 0;
}

void attack_rotten(struct play *p)
{
    CLEANUP(victim_done) struct victim v = {0};
    if (victim_begin(&v, &p->world->web, &p->error) == 0)
        (void)play_rotten(p, &v, &p->error);
    victim_recover(p, &v);
}

/* ---- A24 ----------------------------------------------------------------------------------------------------- */

struct ransom {
    struct play *p;
    const char *dir;
    unsigned number, taken;
};

/* Every third file of what counts, whatever it is. */
static int encrypt_one(void *arg, const char *path, struct err *e)
{
    struct ransom *k = arg;
    CLEANUP(buf_done) struct buf bytes = {0};
    char full[WORLD_PATH * 2];
    (void)snprintf(full, sizeof full, "%s/%s", k->dir, path);
    if (k->number++ % 3)
        return 0;
    if (slurp(full, &bytes, e))
        return -1;
    for (size_t i = 0; i < bytes.len; i++)
        bytes.data[i] ^= (uint8_t)(play_random(k->p) >> 11);
    k->taken++;
    return overwrite(full, &bytes, e);
}

static int heal(struct play *p, const char *vault, struct vault_repair_result *out, struct err *e)
{
    CLEANUP(access_close) struct access here = {0};
    CLEANUP(access_close) struct access there = {0};
    char dir[WORLD_PATH];
    const struct check_options o = {0};
    replica_dir(p->world, dir);
    return access_open(vault, &p->world->owner.dirs, &here, e) || access_open(dir, &p->world->owner.dirs, &there, e) ||
                   work_repair(&here, &there, &o, out, e)
               ? -1
               : 0;
}

static int play_ransom(struct play *p, struct victim *v, struct err *e)
{
    char dir[WORLD_PATH], packs[WORLD_PATH + 16], parity[WORLD_PATH + 16];
    uint64_t alarms = 0;
    struct vault_repair_result r = {0};
    for (unsigned i = 0; i < 3; i++)
        if (victim_backup(v, e))
            return -1;
    world_vault_dir(p->world, v->machine, dir);
    (void)snprintf(packs, sizeof packs, "%s/packs", dir);
    (void)snprintf(parity, sizeof parity, "%s/parity", dir);
    struct ransom k = {.p = p, .dir = packs};
    if (pull(v, e) || tree_files(packs, encrypt_one, &k, e) || tree_remove(parity, e) || world_upkeep(p->world, e) ||
        world_entries(p->world, "alarm", "damage", &alarms, e))
        return -1;
    (void)play_claim(p, k.taken > 0, "the play itself: nothing was encrypted");
    (void)play_claim(p, alarms > 0, "encrypted packs were not noticed");
    world_stop(p->world, false);
    if (heal(p, dir, &r, e) || world_start(p->world, e))
        return -1;
    (void)play_claim(p, r.packs_lost == 0 && r.objects_lost == 0, "%llu packs could not be had from the replica",
                     (unsigned long long)r.packs_lost);
    play_tell(p, "%u of %u packs encrypted on the disk, all parity gone: the next round said so, and `repair --from` the replica "
                 "brought all of it back",
              k.taken, k.number);
    return 0;
}

void attack_ransom(struct play *p)
{
    CLEANUP(victim_done) struct victim v = {0};
    if (victim_begin(&v, &p->world->web, &p->error) == 0)
        (void)play_ransom(p, &v, &p->error);
    victim_recover(p, &v);
}
