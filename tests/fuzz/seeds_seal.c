/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the first inputs of the fuzz targets of seal into a corpus directory:
 * `fuzz_seeds_seal DIR`. What it writes is kept in git. */
#include "fuzz_keys.h"

#include <stdio.h>
#include <sys/stat.h>
#include <zstd.h>

static const char *top;

static void write_seed(const char *target, const char *name, const void *p, size_t len)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", top, target);
    (void)mkdir(path, 0777);
    (void)snprintf(path, sizeof path, "%s/%s/%s", top, target, name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(p, 1, len, f) != len || fclose(f)) {
        perror(path);
        exit(1);
    }
}

static void must(int rc, const struct err *e)
{
    if (rc == 0)
        return;
    fprintf(stderr, "seeds: %s\n", e->msg);
    exit(1);
}

static struct recipients people(uint32_t count)
{
    struct recipients r = {.generation = 1, .count = count};
    for (uint32_t i = 0; i < count; i++)
        memset(r.public_keys[i], (int)i + 9, 32);
    memcpy(r.public_keys[count - 1], fuzz_keys()->recovery->public_key, 32);
    return r;
}

static void recovery_seeds(void)
{
    struct buf b = {0};
    struct err e = ERR_INIT;
    struct key_wrapping cost = {{.passes = 1, .memory_kib = 8}, "label", 5};
    must(recovery_wrap(fuzz_keys()->recovery, fuzz_vault, FUZZ_PASSPHRASE, strlen(FUZZ_PASSPHRASE),
                       &cost, &b, &e),
         &e);
    write_seed("recovery", "right", b.data, b.len);
    buf_reset(&b);
    must(recovery_wrap(fuzz_keys()->recovery, fuzz_vault, "other", 5, &cost, &b, &e), &e);
    write_seed("recovery", "other-passphrase", b.data, b.len);
    buf_done(&b);
}

static void boxes_seeds(const struct writer_key *w)
{
    struct buf b = {0};
    struct err e = ERR_INIT;
    struct data_key k = {.session = {1}, .key = {2}};
    for (uint32_t count = 1; count <= 3; count += 2) {
        struct recipients r = people(count);
        buf_reset(&b);
        must(recipients_make(&r, fuzz_vault, fuzz_keys()->secrets, &b, &e), &e);
        write_seed("recipients", count == 1 ? "one" : "three", b.data, b.len);
        buf_reset(&b);
        must(envelope_make(&k, w, &r, &b, &e), &e);
        write_seed("envelope", count == 1 ? "one" : "three", b.data, b.len);
        buf_reset(&b);
        must(resealed_make(&k, w->id, &r, fuzz_vault, fuzz_keys()->secrets, &b, &e), &e);
        write_seed("resealed", count == 1 ? "one" : "three", b.data, b.len);
        buf_reset(&b);
        struct retired_keys *retired = retired_keys_new();
        if (!retired)
            exit(1);
        retired_keys_add(retired, fuzz_keys()->recovery);
        must(recipients_make_with(&r, retired, fuzz_vault, fuzz_keys()->secrets, &b, &e), &e);
        retired_keys_free(retired);
        write_seed("recipients", count == 1 ? "one-retired" : "three-retired", b.data, b.len);
    }
    buf_done(&b);
}

static void sheet_seeds(void)
{
    struct sheet *s = sheet_new();
    char lines[SHEET_LINES][SHEET_LINE_BYTES], code[SHEET_CODE_BYTES], text[1024];
    char public_key[PUBLIC_KEY_TEXT_BYTES];
    if (!s)
        exit(1);
    for (s->kind = SHEET_KEY; s->kind <= SHEET_SHARE; s->kind++) {
        size_t n = 0;
        memcpy(s->share.vault_id, fuzz_vault, sizeof s->share.vault_id);
        memset(s->share.y, 7, sizeof s->share.y);
        s->share.k = s->share.x = s->kind == SHEET_SHARE ? 2 : 0;
        sheet_format(s, lines);
        for (unsigned i = 0; i < SHEET_LINES; i++)
            n += (size_t)snprintf(text + n, sizeof text - n, "  %s\n", lines[i]);
        write_seed("sheet", s->kind == SHEET_KEY ? "key" : "share", text, n);
        sheet_code(s, code);
        write_seed("sheet", s->kind == SHEET_KEY ? "key-code" : "share-code", code, strlen(code));
    }
    public_key_format(fuzz_keys()->recovery->public_key, public_key);
    write_seed("sheet", "public-key", public_key, strlen(public_key));
    sheet_free(s);
}

static void frame_seeds(void)
{
    static const char text[] = "to be or not to be, to be or not to be, to be or not to be";
    uint8_t inner[200] = {0};
    put_u32(inner + 1, sizeof text);
    memcpy(inner + 5, text, sizeof text);
    write_seed("opener", "stored", inner, 5 + sizeof text);
    inner[0] = 1;
    size_t n = ZSTD_compress(inner + 5, sizeof inner - 5, text, sizeof text, 3);
    write_seed("opener", "compressed", inner, 5 + n);
    put_u32(inner + 1, 1 << 20);
    write_seed("opener", "wrong-length", inner, 5 + n);
    struct data_key k = {.key = {9}};
    struct sealer *s = NULL;
    struct err e = ERR_INIT;
    uint8_t id[SEAL_ID_BYTES] = {3}, sealed[sizeof text + SEAL_OVERHEAD];
    must(sealer_new(&k, fuzz_vault, 1, &s, &e), &e);
    must(sealer_seal(s, SEAL_DATA, id, 5, text, sizeof text, sealed, &n, &e), &e);
    write_seed("opener", "sealed", sealed, n);
    sealer_free(s);
}

int main(int argc, char **argv)
{
    struct err e = ERR_INIT;
    struct buf b = {0}, certificate = {0};
    if (argc != 2)
        return 2;
    top = argv[1];
    struct writer_key *w = fuzz_keys() ? writer_key_new() : NULL;
    if (!w)
        return 1;
    must(writer_enrol(w, fuzz_vault, fuzz_keys()->secrets, 1, "machine", 0, &certificate, &e), &e);
    must(writer_key_encode(w, &b, &e), &e);
    write_seed("writer_key", "key", b.data, b.len);
    recovery_seeds();
    boxes_seeds(w);
    frame_seeds();
    sheet_seeds();
    buf_done(&b);
    buf_done(&certificate);
    writer_key_free(w);
    return 0;
}
