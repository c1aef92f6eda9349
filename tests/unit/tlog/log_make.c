/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_make DIR SIZE [BEHIND]: a log of SIZE entries in DIR, settled, and BEHIND more that are only
 * in the journal (the process ends without closing). Prints the key and the checkpoint's size.
 * Entry i is "entry <i>\n", i % 50 times.
 */
#include "base/mem.h"
#include "tlog/tlog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ORIGIN "abri.example/second"

static void must(int rc, const struct err *e)
{
    if (rc == 0)
        return;
    fprintf(stderr, "%s\n", e->msg);
    exit(1);
}

static void grow(struct tlog *t, uint64_t size)
{
    for (uint64_t i = tlog_size(t); i < size; i++) {
        char line[40], entry[50 * 40];
        size_t len = 0;
        uint64_t index;
        struct err e = ERR_INIT;
        int n = snprintf(line, sizeof line, "entry %llu\n", (unsigned long long)i);
        for (uint64_t k = 0; k < i % 50; k++, len += (size_t)n)
            memcpy(entry + len, line, (size_t)n);
        must(tlog_append(t, entry, len, &index, &e), &e);
    }
}

/* A witness signs what there is now. */
static void cosign(struct tlog *t, const struct note_key *log)
{
    struct sign_key secret;
    struct note_key witness = {.name = "witness.example/w"};
    struct buf note = {0}, line = {0}, text = {0};
    struct checkpoint c;
    struct err e = ERR_INIT;
    sign_key_new(&secret);
    memcpy(witness.public_key, secret.public_key, SIGN_PUBLIC_BYTES);
    must(tlog_checkpoint(t, &note, &e), &e);
    must(checkpoint_verify(note.data, note.len, log, &c, &e), &e);
    must(checkpoint_cosign(note.data, note.len, witness.name, &secret, 1700000000, &line, &e), &e);
    must(tlog_add_cosignature(t, &c, &witness, line.data, line.len, &e), &e);
    must(note_key_text(&witness, true, &text, &e), &e);
    printf("witness=%.*s\n", (int)text.len, (char *)text.data);
    buf_done(&note);
    buf_done(&line);
    buf_done(&text);
    sign_key_done(&secret);
}

int main(int argc, char **argv)
{
    struct err e = ERR_INIT;
    struct sign_key key;
    struct note_key log = {.name = ORIGIN};
    struct tlog *t = NULL;
    struct buf text = {0};
    if (argc < 3)
        return 2;
    must(sign_init(&e), &e);
    sign_key_new(&key);
    memcpy(log.public_key, key.public_key, SIGN_PUBLIC_BYTES);
    must(tlog_create(argv[1], ORIGIN, &key, &e), &e);
    must(tlog_open(argv[1], ORIGIN, &key, &t, &e), &e);
    grow(t, strtoull(argv[2], NULL, 10));
    must(note_key_text(&log, false, &text, &e), &e);
    printf("key=%.*s\n", (int)text.len, (char *)text.data);
    cosign(t, &log);
    buf_done(&text);
    tlog_close(t);
    if (argc > 3) {
        must(tlog_open(argv[1], ORIGIN, &key, &t, &e), &e);
        grow(t, tlog_size(t) + strtoull(argv[3], NULL, 10));
        printf("size=%llu\n", (unsigned long long)tlog_size(t));
        (void)fflush(stdout);
        _Exit(0); /* as a crash would */
    }
    printf("size=%s\n", argv[2]);
    sign_key_done(&key);
    return 0;
}
