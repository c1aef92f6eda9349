/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_log DIR [ENTRIES]: appends ENTRIES (default 20,000) of 300 bytes by 16 threads and by one
 * to logs below DIR, then times opening, proofs and their verification. Prints one line each.
 */
#include "base/clock.h"
#include "tlog/tlog.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ORIGIN  "abri.example/bench"
#define THREADS 16
#define PROOFS  1000

static struct tlog *t;
static uint64_t per_thread;

static void must(int rc, const struct err *e)
{
    if (rc == 0)
        return;
    fprintf(stderr, "%s\n", e->msg);
    exit(1);
}

static double seconds_since(int64_t from)
{
    return (double)(clock_monotonic_ns() - from) / (double)NS_PER_S;
}

static void *append(void *arg)
{
    char entry[300] = {0};
    (void)arg;
    for (uint64_t i = 0; i < per_thread; i++) {
        uint64_t index;
        struct err e = ERR_INIT;
        (void)snprintf(entry, sizeof entry, "{\"kind\":\"bench\",\"number\":%llu}",
                       (unsigned long long)i);
        must(tlog_append(t, entry, sizeof entry, &index, &e), &e);
    }
    return NULL;
}

static void bench_append(const char *dir, const struct sign_key *key, unsigned threads,
                         uint64_t entries)
{
    pthread_t thread[THREADS];
    struct err e = ERR_INIT;
    must(tlog_create(dir, ORIGIN, key, &e), &e);
    must(tlog_open(dir, ORIGIN, key, &t, &e), &e);
    per_thread = entries / threads;
    int64_t from = clock_monotonic_ns();
    for (unsigned i = 0; i < threads; i++)
        if (pthread_create(&thread[i], NULL, append, NULL))
            exit(1);
    for (unsigned i = 0; i < threads; i++)
        (void)pthread_join(thread[i], NULL);
    double s = seconds_since(from);
    printf("append, %2u threads: %8.0f entries/s (%llu in %.2f s)\n", threads,
           (double)(per_thread * threads) / s, (unsigned long long)(per_thread * threads), s);
    tlog_close(t);
}

static void bench_proofs(const char *dir, const struct sign_key *key)
{
    struct err e = ERR_INIT;
    uint8_t proof[MERKLE_PROOF_MAX][MERKLE_BYTES], root[MERKLE_BYTES], older[MERKLE_BYTES],
        leaf[MERKLE_BYTES];
    size_t count, longest = 0;
    int64_t from = clock_monotonic_ns();
    must(tlog_open(dir, ORIGIN, key, &t, &e), &e);
    uint64_t size = tlog_size(t);
    printf("open at %llu entries: %.2f ms\n", (unsigned long long)size, seconds_since(from) * 1e3);
    must(tlog_root(t, size, root, &e), &e);
    double make = 0, check = 0;
    for (uint64_t i = 0; i < PROOFS; i++) {
        uint64_t m = (i * UINT64_C(2654435761)) % size;
        struct buf entry = {0};
        must(tlog_entry(t, m, &entry, &e), &e);
        from = clock_monotonic_ns();
        must(tlog_prove_inclusion(t, m, size, proof, &count, &e), &e);
        make += seconds_since(from);
        from = clock_monotonic_ns();
        merkle_leaf(entry.data, entry.len, leaf);
        if (!merkle_verify_inclusion(leaf, m, size, proof[0], count, root))
            exit(1);
        check += seconds_since(from);
        longest = count > longest ? count : longest;
        buf_done(&entry);
    }
    printf("inclusion: at most %zu bytes, made in %.1f us, verified in %.1f us\n",
           longest * MERKLE_BYTES, make * 1e6 / PROOFS, check * 1e6 / PROOFS);
    make = check = 0;
    longest = 0;
    for (uint64_t i = 0; i < PROOFS; i++) {
        uint64_t m = 1 + (i * UINT64_C(2654435761)) % size;
        must(tlog_root(t, m, older, &e), &e);
        from = clock_monotonic_ns();
        must(tlog_prove_consistency(t, m, size, proof, &count, &e), &e);
        make += seconds_since(from);
        from = clock_monotonic_ns();
        if (!merkle_verify_consistency(m, older, size, root, proof[0], count))
            exit(1);
        check += seconds_since(from);
        longest = count > longest ? count : longest;
    }
    printf("consistency: at most %zu bytes, made in %.1f us, verified in %.1f us\n",
           longest * MERKLE_BYTES, make * 1e6 / PROOFS, check * 1e6 / PROOFS);
    struct buf note = {0};
    struct note_key log = {.name = ORIGIN};
    struct checkpoint c;
    memcpy(log.public_key, key->public_key, SIGN_PUBLIC_BYTES);
    must(tlog_checkpoint(t, &note, &e), &e);
    from = clock_monotonic_ns();
    must(checkpoint_verify(note.data, note.len, &log, &c, &e), &e);
    printf("checkpoint: %zu bytes, verified in %.1f us\n", note.len, seconds_since(from) * 1e6);
    buf_done(&note);
    uint64_t faults = 0;
    from = clock_monotonic_ns();
    must(tlog_verify(t, NULL, NULL, &faults, &e), &e);
    printf("whole audit: %.2f s, %llu faults\n", seconds_since(from), (unsigned long long)faults);
    tlog_close(t);
}

int main(int argc, char **argv)
{
    struct err e = ERR_INIT;
    struct sign_key key;
    char dir[4096];
    if (argc < 2)
        return 2;
    uint64_t entries = argc > 2 ? strtoull(argv[2], NULL, 10) : 20000;
    must(sign_init(&e), &e);
    sign_key_new(&key);
    (void)snprintf(dir, sizeof dir, "%s/one", argv[1]);
    bench_append(dir, &key, 1, entries / 10);
    (void)snprintf(dir, sizeof dir, "%s/many", argv[1]);
    bench_append(dir, &key, THREADS, entries);
    bench_proofs(dir, &key);
    sign_key_done(&key);
    return 0;
}
