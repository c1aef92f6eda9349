/* SPDX-License-Identifier: Apache-2.0 */
/* A backup from beginning to end: set up, walk and plan, commit. */
#include "work/backup.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECIPIENTS_TRIES 8

/* ---- setting up ------------------------------------------------------------------- */

static void worker_done(struct backup_worker *w)
{
    sealer_free(w->sealer);
    source_meta_free(w->meta);
    mem_free(w->plain);
    mem_free(w->sealed);
}

static int worker_init(struct backup *b, struct backup_worker *w, size_t plain_cap, struct err *e)
{
    w->plain_cap = plain_cap;
    size_t sealed_cap = plain_cap > CONTENT_NODE_MAX ? plain_cap : CONTENT_NODE_MAX;
    w->plain = plain_cap ? mem_alloc(plain_cap) : NULL;
    w->sealed = mem_alloc(FRAME_HEADER_BYTES + sealed_cap + SEAL_OVERHEAD);
    if ((plain_cap && !w->plain) || !w->sealed)
        return err_no_memory(e, "a worker's buffers");
    return sealer_new(b->key, b->access->writer->vault_id, b->options->level, &w->sealer, e) ||
                   source_meta_new(&w->meta, e)
               ? -1
               : 0;
}

static int start_workers(struct backup *b, struct err *e)
{
    const struct vault_chunking *c = &b->chunking;
    size_t cap = 2 * (size_t)c->cdc_max;
    if (cap < (size_t)c->bundle_max + c->small_max + 1)
        cap = (size_t)c->bundle_max + c->small_max + 1;
    b->threads = b->options->threads ? b->options->threads : pool_cpu_count();
    b->workers = mem_array(b->threads + 1, sizeof *b->workers);
    b->ring = mem_array(STEP_RING, sizeof *b->ring);
    if (!b->workers || !b->ring)
        return err_no_memory(e, "the pipeline");
    for (unsigned i = 0; i <= b->threads; i++)
        if (worker_init(b, &b->workers[i], i < b->threads ? cap : 0, e))
            return -1;
    b->meta = b->workers[b->threads].meta;
    return pool_new(b->threads, backup_run_job, b, &b->pool, e);
}

static void walk_problem(void *arg, const char *path, const struct err *why)
{
    backup_problem(arg, path, why);
}

static int open_walk(struct backup *b, const struct work_dirs *dirs, struct err *e)
{
    char vault[4096], cache[4096];
    const char *never[2];
    size_t count = 0;
    if (realpath(store_location(b->access->store), vault))
        never[count++] = vault;
    if (dirs->cache && realpath(dirs->cache, cache))
        never[count++] = cache;
    const struct backup_options *o = b->options;
    struct walk_options w = {
        .paths = o->paths,
        .path_count = o->path_count,
        .exclude = o->exclude,
        .one_file_system = o->one_file_system,
        .exclude_caches = o->exclude_caches,
        .exclude_if_present = o->exclude_if_present,
        .exclude_if_present_count = o->exclude_if_present_count,
        .exclude_larger_than = o->exclude_larger_than,
        .never = never,
        .never_count = count,
        .problem = walk_problem,
        .arg = b,
    };
    if (walk_open(&w, &b->walk, e))
        return -1;
    b->paths = walk_paths(b->walk, &b->path_count);
    return 0;
}

/* What a walk would be asked for. */
static int name_stream(struct backup *b, struct err *e)
{
    size_t len = strlen(b->options->stream->path);
    b->stream_path = mem_alloc(len + 2);
    if (!b->stream_path)
        return err_no_memory(e, "a path");
    (void)snprintf(b->stream_path, len + 2, "/%s", b->options->stream->path);
    b->paths = (const char *const *)&b->stream_path;
    b->path_count = 1;
    return 0;
}

/* What belongs together: the same paths of the same host. */
static int group_of(struct backup *b, const char *host, uint8_t out[UID_BYTES], struct err *e)
{
    CLEANUP(buf_done) struct buf text = {0};
    buf_put(&text, host, strlen(host) + 1);
    for (size_t i = 0; i < b->path_count; i++)
        buf_put(&text, b->paths[i], strlen(b->paths[i]) + 1);
    if (buf_check(&text, "the paths", e))
        return -1;
    seal_derive(b->access->ids, "abri group", text.data, text.len, out, UID_BYTES);
    return 0;
}

static int open_cache(struct backup *b, const struct work_dirs *dirs,
                      const uint8_t group[UID_BYTES], struct err *e)
{
    char vault[2 * UID_BYTES + 1], name[2 * UID_BYTES + 1], path[4096];
    uint8_t key[HASH_BYTES];
    struct err ignored = ERR_INIT;
    hash_two(b->access->writer->id, UID_BYTES, group, UID_BYTES, key);
    hex_encode(b->access->writer->vault_id, UID_BYTES, vault);
    hex_encode(group, UID_BYTES, name);
    bool usable = dirs->cache && !b->options->stream &&
                  (size_t)snprintf(path, sizeof path, "%s/%s", dirs->cache, vault) < sizeof path &&
                  file_make_dirs(path, 0700, &ignored) == 0 &&
                  (size_t)snprintf(path, sizeof path, "%s/%s/%s", dirs->cache, vault, name) <
                      sizeof path;
    if (cache_reader_open(usable ? path : NULL, key, &b->cache_in, e))
        return -1;
    if (b->options->progress) {
        uint64_t files, bytes;
        cache_reader_totals(b->cache_in, &files, &bytes);
        atomic_store(&b->options->progress->items_total, files);
        atomic_store(&b->options->progress->bytes_total, bytes);
    }
    return usable && !b->options->dry_run ? cache_writer_new(path, key, &b->cache_out, e) : 0;
}

static int put_envelope(struct backup *b, struct err *e)
{
    CLEANUP(buf_done) struct buf envelope = {0};
    char name[2 * UID_BYTES + 1];
    hex_encode(b->key->session, UID_BYTES, name);
    if (envelope_make(b->key, b->access->writer, &b->access->recipients, &envelope, e))
        return -1;
    return vault_put(b->access->vault, VAULT_SESSION, name, envelope.data, envelope.len, e);
}

/* If the recipients are the same before and after the envelope was stored, then
 * whoever changes them later finds it and seals it anew: no session can be
 * sealed for keys of the past alone. Else a fresh session begins. */
static int seal_for_recipients(struct backup *b, struct err *e)
{
    struct access *a = b->access;
    for (int i = 0; i < RECIPIENTS_TRIES; i++) {
        CLEANUP(buf_done) struct buf object = {0};
        struct recipients now = {0};
        if (put_envelope(b, e) || access_load_recipients(a, &object, &now, e))
            return -1;
        if (now.generation == a->recipients.generation)
            return 0;
        if (now.generation < a->recipients.generation)
            return err_set(e, ERR_DAMAGED, "the vault's list of recipients went back to an older one");
        a->recipients = now;
        data_key_generate(b->key);
    }
    return err_set(e, ERR_BUSY, "the vault's keys are being changed again and again: try again");
}

static int begin_session(struct backup *b, struct err *e)
{
    b->key = data_key_new();
    if (!b->key)
        return err_no_memory(e, "a session key");
    data_key_generate(b->key);
    if (b->options->dry_run)
        return vault_refresh(b->access->vault, NULL, NULL, e);
    if (seal_for_recipients(b, e))
        return -1;
    struct session_params p = {.no_parity = b->options->no_parity};
    memcpy(p.writer, b->access->writer->id, UID_BYTES);
    memcpy(p.session, b->key->session, UID_BYTES);
    return session_begin(b->access->vault, &p, &b->session, e);
}

static int name_input(struct backup *b, const struct work_dirs *dirs, struct err *e)
{
    if (b->options->stream)
        return name_stream(b, e);
    return b->options->disks ? backup_name_disks(b, e) : open_walk(b, dirs, e);
}

static int set_up(struct backup *b, const struct work_dirs *dirs, const char *host,
                  uint8_t group[UID_BYTES], struct err *e)
{
    uint8_t gear[CHUNK_GEAR_BYTES];
    b->started_ns = clock_realtime_ns();
    b->chunking = vault_get_info(b->access->vault)->chunking;
    seal_derive(b->access->ids, "abri gear table", NULL, 0, gear, sizeof gear);
    chunk_cutter_init(&b->cutter, gear, b->chunking.cdc_min, b->chunking.cdc_avg,
                      b->chunking.cdc_max);
    if (name_input(b, dirs, e) || group_of(b, host, group, e) || open_cache(b, dirs, group, e) || begin_session(b, e) ||
        start_workers(b, e) ||
        tree_builder_new(b->access->ids, backup_sink, b, &b->tree, e) ||
        list_builder_new(b->access->ids, backup_sink, b, &b->list, e))
        return -1;
    return 0;
}

static void forget_disks(struct backup *b)
{
    for (size_t i = 0; b->disk_paths && i < b->path_count; i++)
        mem_free(b->disk_paths[i]);
    mem_free(b->disk_paths);
    mem_free(b->disks);
}

static void tear_down(struct backup *b)
{
    pool_free(b->pool);
    if (b->ring)
        backup_discard_steps(b);
    for (unsigned i = 0; b->workers && i <= b->threads; i++)
        worker_done(&b->workers[i]);
    mem_free(b->workers);
    mem_free(b->ring);
    tree_builder_free(b->tree);
    list_builder_free(b->list);
    cache_reader_close(b->cache_in);
    cache_writer_abort(b->cache_out);
    walk_close(b->walk);
    mem_free(b->stream_path);
    forget_disks(b);
    session_end(b->session);
    data_key_free(b->key);
    for (size_t i = 0; i < b->problem_count; i++)
        mem_free((void *)(uintptr_t)b->problem_texts[i]);
    (void)pthread_mutex_destroy(&b->lock);
}

/* ---- the walk ----------------------------------------------------------------------- */

static int check_cancelled(const struct backup *b, struct err *e)
{
    if (b->options->progress && progress_cancelled(b->options->progress))
        return err_set(e, ERR_CANCELLED, "interrupted: nothing was committed");
    return 0;
}

static int walk_all(struct backup *b, struct err *e)
{
    struct source_item it;
    int rc;
    while ((rc = walk_next(b->walk, &it, e)) > 0)
        if (check_cancelled(b, e) || backup_plan_item(b, &it, e))
            return -1;
    if (rc < 0 || backup_flush_all(b, e))
        return -1;
    return check_cancelled(b, e); /* workers stop in the middle of files: never commit those */
}

static int read_input(struct backup *b, struct err *e)
{
    if (b->options->stream)
        return backup_plan_stream(b, e);
    if (!b->options->disks)
        return walk_all(b, e);
    return backup_plan_disks(b, e) || backup_flush_all(b, e) || check_cancelled(b, e) ? -1 : 0;
}

/* ---- the end -------------------------------------------------------------------------- */

static int seal_root(struct backup *b, const char *host, const struct tree_ref *tree,
                     struct snapshot_draft *d, struct buf *sealed, struct err *e)
{
    CLEANUP(buf_done) struct buf plain = {0};
    const struct backup_result *r = b->result;
    struct root root = {
        .tree = *tree,
        .host = host,
        .started_ns = b->started_ns,
        .ended_ns = clock_realtime_ns(),
        .paths = b->paths,
        .path_count = b->path_count,
        .tags = b->options->tags,
        .tag_count = b->options->tag_count,
        .files = r->files,
        .dirs = r->dirs,
        .others = r->others,
        .bytes = r->bytes,
        .problem_total = r->problems,
        .problems = b->problem_texts,
        .problem_count = b->problem_count,
    };
    if (root_encode(&root, &plain, e))
        return -1;
    seal_id(b->access->ids, SEAL_META, plain.data, plain.len, d->root_id);
    d->root_nonce = atomic_fetch_add(&b->nonce, 1) + 1;
    uint8_t *at = buf_reserve(sealed, plain.len + SEAL_OVERHEAD);
    size_t len;
    if (!at)
        return buf_check(sealed, "the root", e);
    if (sealer_seal(b->workers[b->threads].sealer, SEAL_ROOT, d->root_id, d->root_nonce,
                    plain.data, plain.len, at, &len, e))
        return -1;
    d->root = at;
    d->root_len = len;
    return 0;
}

static int commit(struct backup *b, const char *host, const uint8_t group[UID_BYTES],
                  struct err *e)
{
    struct tree_ref tree;
    CLEANUP(buf_done) struct buf sealed = {0};
    if (tree_builder_finish(b->tree, &tree, e))
        return -1;
    struct backup_result *r = b->result;
    if (!b->session) {
        r->stored_bytes = atomic_load(&b->new_plain);
        return 0;
    }
    struct snapshot_draft d = {
        .client_time_ns = b->started_ns,
        .machine = b->access->writer->machine,
        .tags = b->options->tags,
        .tag_count = b->options->tag_count,
        .files = tree.entries,
        .bytes = tree.bytes,
        .incomplete = r->problems > 0,
    };
    memcpy(d.group, group, UID_BYTES);
    if (seal_root(b, host, &tree, &d, &sealed, e) ||
        session_commit(b->session, &d, &b->access->writer->sign, r->id, e))
        return -1;
    struct session_stats stats = session_get_stats(b->session);
    r->stored_bytes = stats.bytes;
    r->data_bytes = stats.data_bytes;
    r->meta_bytes = stats.meta_bytes;
    cache_writer_commit(TAKE(b->cache_out), r->files + r->dirs + r->others, r->bytes);
    return 0;
}

int work_noted_map(struct access *a, const struct work_dirs *dirs, const char *host,
                   const struct backup_disk *disks, size_t count, char out[BACKUP_MAP_MAX + 1],
                   struct err *e)
{
    const struct backup_disks some = {.disks = disks, .count = count};
    const struct backup_options o = {.disks = &some, .dry_run = true};
    struct backup b = {.access = a, .options = &o};
    uint8_t group[UID_BYTES];
    int rc = backup_name_disks(&b, e) || group_of(&b, host, group, e) || open_cache(&b, dirs, group, e)
                 ? -1
                 : 0;
    if (rc == 0)
        backup_noted_map(&b, out);
    cache_reader_close(b.cache_in);
    forget_disks(&b);
    return rc;
}

int work_backup(struct access *a, const struct work_dirs *dirs, const struct backup_options *o,
                struct backup_result *out, struct err *e)
{
    struct backup_result result = {0};
    struct backup b = {.access = a, .options = o, .result = &result};
    char host[256];
    uint8_t group[UID_BYTES];
    int64_t start = clock_monotonic_ns();
    work_host_name(host);
    const char *host_name = o->host ? o->host : host;
    (void)pthread_mutex_init(&b.lock, NULL);
    int rc = set_up(&b, dirs, host_name, group, e);
    if (rc == 0)
        rc = read_input(&b, e);
    if (rc == 0)
        rc = commit(&b, host_name, group, e);
    tear_down(&b);
    if (rc)
        return -1;
    result.duration_ns = clock_monotonic_ns() - start;
    *out = result;
    return 0;
}
