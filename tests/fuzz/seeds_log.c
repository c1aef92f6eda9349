/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the first inputs of the fuzz targets note, log and pki into a corpus directory:
 * `fuzz_seeds_log DIR`. What it writes is kept in git. */
#include "base/mem.h"
#include "pki/pki.h"
#include "tlog/tlog_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *top;

static void write_seed(const char *target, const char *name, struct buf *b)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", top, target);
    (void)mkdir(path, 0777);
    (void)snprintf(path, sizeof path, "%s/%s/%s", top, target, name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(b->data, 1, b->len, f) != b->len || fclose(f)) {
        perror(path);
        exit(1);
    }
    buf_done(b);
}

static void must(int rc, const struct err *e)
{
    if (rc == 0)
        return;
    fprintf(stderr, "seeds: %s\n", e->msg);
    exit(1);
}

static void text_seed(const char *target, const char *name, const char *text)
{
    struct buf b = {0};
    buf_put(&b, text, strlen(text));
    write_seed(target, name, &b);
}

static void note_seeds(struct buf *note_out)
{
    static const uint8_t seed[SIGN_SEED_BYTES];
    struct sign_key key;
    struct note_key k = {.name = "fuzz.example/log"};
    struct checkpoint c = {.origin = "fuzz.example/log", .size = 3, .root = {1}};
    struct buf note = {0}, text = {0};
    struct err e = ERR_INIT;
    sign_key_from_seed(seed, &key);
    memcpy(k.public_key, key.public_key, SIGN_PUBLIC_BYTES);
    must(checkpoint_sign(&c, &key, &note, &e), &e);
    buf_put(note_out, note.data, note.len);
    must(checkpoint_cosign(note.data, note.len, k.name, &key, 1700000000, &note, &e), &e);
    write_seed("note", "cosigned", &note);
    buf_put(&note, note_out->data, note_out->len);
    write_seed("note", "checkpoint", &note);
    must(note_key_text(&k, false, &text, &e), &e);
    write_seed("note", "key", &text);
    must(note_key_text(&k, true, &text, &e), &e);
    write_seed("note", "cosigner-key", &text);
}

static void log_seeds(const struct buf *note)
{
    static const uint8_t entries[] = "\0\5hello\0\0\0\2hi";
    struct buf b = {0};
    struct journal_record r = {.first = 0,
                               .count = 3,
                               .entries = entries,
                               .entries_len = sizeof entries - 1,
                               .note = note->data,
                               .note_len = note->len};
    text_seed("log", "path-tile", "tile/1/x001/234.p/17");
    text_seed("log", "path-entries", "tile/entries/000");
    buf_put(&b, entries, sizeof entries - 1);
    write_seed("log", "bundle", &b);
    journal_put_head(&b, 0);
    journal_put(&b, &r);
    r.first = 3;
    journal_put(&b, &r);
    write_seed("log", "journal", &b);
    journal_put_head(&b, 7);
    write_seed("log", "journal-empty", &b);
}

static void pki_seeds(void)
{
    static const char *const names[] = {"a.example", "192.0.2.1", "2001:db8::1"};
    struct buf certificate = {0}, key = {0}, request = {0}, out = {0};
    struct pki_authority *a;
    struct pki_identity id;
    struct err e = ERR_INIT;
    must(pki_make_authority("seed", &certificate, &key, &e), &e);
    buf_put_u8(&certificate, 0);
    buf_put_u8(&key, 0);
    must(pki_authority_open((char *)certificate.data, (char *)key.data, &a, &e), &e);
    certificate.len--;
    buf_done(&key);
    write_seed("pki", "authority", &certificate);
    must(pki_make_server(a, names, 3, 30, 1700000000000000000, &certificate, &key, &e), &e);
    write_seed("pki", "server", &certificate);
    write_seed("pki", "key", &key);
    must(pki_make_request(&key, &request, &e), &e);
    buf_done(&key);
    buf_put_u8(&request, 0);
    must(pki_certify(a, (char *)request.data, "abri:machine:00112233445566778899aabbccddeeff", 30,
                     1700000000000000000, &out, &id, &e),
         &e);
    request.len--;
    write_seed("pki", "request", &request);
    write_seed("pki", "machine", &out);
    pki_authority_close(a);
}

int main(int argc, char **argv)
{
    struct err e = ERR_INIT;
    struct buf note = {0};
    if (argc != 2)
        return 2;
    top = argv[1];
    must(sign_init(&e), &e);
    note_seeds(&note);
    log_seeds(&note);
    pki_seeds();
    buf_done(&note);
    return 0;
}
