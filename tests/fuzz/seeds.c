/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the first inputs of the vault's fuzz targets into a corpus directory:
 * `seeds DIR`. Run when a format changes; what it writes is kept in git. */
#include "base/mem.h"
#include "vault/condemn_format.h"
#include "vault/config_format.h"
#include "vault/index_write.h"
#include "vault/mark_format.h"
#include "vault/object_head.h"
#include "vault/pack_format.h"
#include "vault/parity_format.h"
#include "vault/record_format.h"
#include "vault/refset_format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *top;

static void die(const char *what)
{
    fprintf(stderr, "seeds: %s\n", what);
    exit(1);
}

static void write_seed(const char *target, const char *name, int first, const void *p, size_t len)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", top, target);
    (void)mkdir(path, 0777);
    (void)snprintf(path, sizeof path, "%s/%s/%s", top, target, name);
    FILE *f = fopen(path, "wb");
    if (!f || (first >= 0 && fputc(first, f) == EOF) || fwrite(p, 1, len, f) != len || fclose(f))
        die(path);
}

static uint64_t rows(uint8_t *out, uint32_t count)
{
    uint64_t at = PACK_HEADER_BYTES;
    for (uint32_t i = 0; i < count; i++) {
        struct pack_row r = {.id = {(uint8_t)i}, .kind = FRAME_DATA, .offset = (uint32_t)at};
        r.len = 21 + i;
        pack_row_encode(&r, out + (size_t)i * PACK_ROW_BYTES);
        at += FRAME_HEADER_BYTES + r.len;
    }
    return at;
}

static void pack_seeds(void)
{
    uint8_t header[PACK_HEADER_BYTES], frame[FRAME_HEADER_BYTES], all[5 * PACK_ROW_BYTES];
    uint8_t trailer[8 + PACK_TRAILER_BYTES];
    struct pack_header h = {.kind = FRAME_DATA};
    struct frame f = {.kind = FRAME_DATA, .nonce = 1};
    pack_header_encode(&h, header);
    write_seed("pack", "header", 0, header, sizeof header);
    frame_header_encode(&f, 100, frame);
    write_seed("pack", "frame", 1, frame, sizeof frame);
    put_u64(trailer, 1000);
    pack_trailer_encode(100, trailer + 8);
    write_seed("pack", "trailer", 2, trailer, sizeof trailer);
    for (uint32_t count = 0; count <= 5; count += 5) {
        struct buf b = {0};
        buf_put_u64(&b, rows(all, count));
        buf_put_u8(&b, FRAME_DATA);
        pack_footer_encode(&b, all, count, NULL, 0);
        write_seed("pack", count ? "footer" : "footer-empty", 3, b.data, b.len);
        uint8_t origin[PACK_ORIGIN_BYTES] = {0};
        put_u32(b.data + 9 + 12, 3);
        buf_put_u32(&b, 2);
        buf_put_u32(&b, sizeof origin);
        buf_put(&b, origin, sizeof origin);
        buf_put_u32(&b, 99);
        buf_put_u32(&b, 2);
        buf_put(&b, "xy", 2);
        write_seed("pack", count ? "footer-sections" : "footer-sections-empty", 3, b.data, b.len);
        buf_done(&b);
    }
}

static void refs(struct buf *out)
{
    uint8_t bits[2][20] = {{0xff, 0x0f, 0x80}, {0x55}};
    struct refset_pack packs[2] = {{.pack = {1}, .frame_count = 150, .bits = bits[0]},
                                   {.pack = {2}, .frame_count = 8, .bits = bits[1]}};
    refset_encode(out, packs, 2);
}

static void record_seeds(void)
{
    struct buf w_bytes = {0}, k_bytes = {0}, r = {0}, all = {0};
    struct sign_key key;
    static const uint8_t seed[SIGN_SEED_BYTES];
    sign_key_from_seed(seed, &key);
    struct record_w w = {.sequence = 1,
                         .machine = (const uint8_t *)"m",
                         .machine_len = 1,
                         .tags = (const uint8_t *)"\1a\2bc",
                         .tags_len = 5,
                         .tag_count = 2,
                         .root = (const uint8_t *)"root",
                         .root_len = 4};
    struct record_k k = {.sequence = 1};
    refs(&r);
    record_w_put(&w_bytes, &w, &key);
    record_k_put(&k_bytes, &k, &key);
    struct record_head h = {(uint32_t)w_bytes.len, (uint32_t)k_bytes.len, (uint32_t)r.len};
    record_head_put(&all, &h);
    buf_put(&all, w_bytes.data, w_bytes.len);
    buf_put(&all, k_bytes.data, k_bytes.len);
    buf_put(&all, r.data, r.len);
    write_seed("record", "record", -1, all.data, all.len);
    write_seed("refset", "two-packs", -1, r.data, r.len);
    write_seed("refset", "empty", -1, "", 1);
    buf_done(&w_bytes);
    buf_done(&k_bytes);
    buf_done(&r);
    buf_done(&all);
}

static void index_seed(uint32_t count, const char *name)
{
    static const uint8_t vault[UID_BYTES];
    struct index_pack packs[2] = {{.id = {1}, .frame_count = 500, .kind = FRAME_DATA},
                                  {.id = {2}, .frame_count = 500, .kind = FRAME_META}};
    struct index_writer w;
    uint8_t *image;
    uint64_t len;
    if (index_write_begin(&w, NULL, vault, packs, 2, count, NULL))
        die("index");
    for (uint32_t i = 0; i < count; i++) {
        struct index_entry n = {.id = {(uint8_t)(i * 256 / count), (uint8_t)i},
                                .pack = i % 2,
                                .frame = i,
                                .offset = 64,
                                .len = 100};
        if (index_write_entry(&w, &n, NULL))
            die("index");
    }
    if (index_write_image(&w, &image, &len, NULL))
        die("index");
    write_seed("index", name, -1, image, (size_t)len);
    mem_free(image);
    index_write_done(&w);
}

static int ramp(void *arg, uint64_t off, void *p, size_t len, struct err *e)
{
    (void)arg;
    (void)e;
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)p)[i] = (uint8_t)(off + i);
    return 0;
}

static void parity_seeds(void)
{
    static const size_t lengths[] = {1, 300, 5000, 140000};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct buf b = {0};
        struct parity_head h = {0};
        char name[32];
        parity_shape(lengths[i], &h);
        if (parity_encode(&h, ramp, NULL, &b, NULL))
            die("parity");
        (void)snprintf(name, sizeof name, "pack-%zu", lengths[i]);
        write_seed("parity", name, -1, b.data, b.len);
        buf_done(&b);
    }
}

static void condemned_seeds(void)
{
    static const uint8_t ids[3 * ID_BYTES];
    static const char *const names[] = {"", "said", "waiting", "swept", "damaged"};
    struct sign_key key;
    sign_key_from_seed(ids, &key);
    for (unsigned stage = CONDEMN_SAID; stage <= CONDEMN_DAMAGED; stage++) {
        struct buf b = {0};
        struct condemnation c = {.stage = (enum condemn_stage)stage,
                                 .made_ns = 1,
                                 .until_ns = stage == CONDEMN_SWEPT ? 2 : 0,
                                 .session_count = stage == CONDEMN_WAITING ? 2 : 0,
                                 .sessions = ids,
                                 .pack_count = 3,
                                 .packs = ids};
        condemn_encode(&b, &c, ids, &key);
        write_seed("condemned", names[stage], -1, b.data, b.len);
        buf_done(&b);
    }
}

static void object_seeds(void)
{
    struct buf b = {0};
    struct sign_key key;
    static const uint8_t zero[256];
    uint8_t config[CONFIG_BYTES], keeper[KEEPER_BYTES];
    struct vault_info info = {0};
    sign_key_from_seed(zero, &key);
    memcpy(info.owner_pk, key.public_key, SIGN_PUBLIC_BYTES);
    config_encode(&info, &key, config);
    write_seed("vault_objects", "vault", 0, config, sizeof config);
    keeper_encode(&key, keeper);
    write_seed("vault_objects", "keeper", 1, keeper, sizeof keeper);
    object_head_put(&b, "abri.WRT");
    buf_put(&b, zero, 16 + 16 + 32 + 8);
    buf_put_blob(&b, "machine", 7);
    buf_put(&b, zero, SIGN_BYTES);
    write_seed("vault_objects", "writer", 2, b.data, b.len);
    buf_reset(&b);
    object_head_put(&b, "abri.SES");
    buf_put(&b, zero, 16 * 3 + 32);
    buf_put_u32(&b, 1);
    buf_put(&b, zero, 32 + 80 + SIGN_BYTES);
    write_seed("vault_objects", "session", 3, b.data, b.len);
    buf_reset(&b);
    object_head_put(&b, "abri.RCP");
    buf_put(&b, zero, 16 + 8);
    buf_put_u32(&b, 1);
    buf_put(&b, zero, 32 + 112 + SIGN_BYTES);
    write_seed("vault_objects", "recipients", 4, b.data, b.len);
    buf_reset(&b);
    object_head_put(&b, "abri.KEY");
    buf_put(&b, zero, 16 + 9 + 16 + 32 + 48 + 32);
    write_seed("vault_objects", "key", 5, b.data, b.len);
    buf_reset(&b);
    buf_put(&b, "abri.KEY\2\0\0", 12);
    buf_put(&b, zero, 16 + 9 + 16 + 32 + 8);
    buf_put_blob(&b, "label", 5);
    buf_put(&b, zero, 48 + 32);
    write_seed("vault_objects", "key-2", 5, b.data, b.len);
    buf_reset(&b);
    buf_put(&b, "abri.RCP\2\0\0", 12);
    buf_put(&b, zero, 16 + 8);
    buf_put_u32(&b, 1);
    buf_put(&b, zero, 32 + 112);
    buf_put_u32(&b, 1);
    buf_put(&b, zero, 32 + 80 + SIGN_BYTES);
    write_seed("vault_objects", "recipients-2", 4, b.data, b.len);
    buf_reset(&b);
    buf_put(&b, "abri.WRT\2\0\0", 12);
    buf_put(&b, zero, 16 + 16 + 32 + 8);
    buf_put_blob(&b, "machine", 7);
    buf_put(&b, zero, 16 + SIGN_BYTES);
    write_seed("vault_objects", "writer-2", 2, b.data, b.len);
    buf_reset(&b);
    object_head_put(&b, "abri.RES");
    buf_put(&b, zero, 16 * 3 + 8 + 32);
    buf_put_u32(&b, 1);
    buf_put(&b, zero, 32 + 80 + SIGN_BYTES);
    write_seed("vault_objects", "resealed", 7, b.data, b.len);
    buf_reset(&b);
    object_head_put(&b, "abri.RVK");
    buf_put(&b, zero, 16 * 2 + 16 + SIGN_BYTES);
    write_seed("vault_objects", "revoked", 8, b.data, b.len);
    write_seed("vault_objects", "resealed-name", 6,
               "0123456789abcdef0123456789abcdef-0123456789abcdef", 50);
    write_seed("vault_objects", "name", 6, "0123456789abcdef0123456789abcdef", 33);
    buf_done(&b);
}

/* Without their signatures, which the target makes itself. */
static void mark_seeds(void)
{
    static const char *const names[] = {"", "lock", "hold", "forgotten", "tag-added", "tag-removed"};
    struct sign_key key;
    struct vault_info info = {0};
    struct vault_rules rules = {.generation = 1, .floor_ns = 86400 * INT64_C(1000000000)};
    struct policy_witness witness = {.realtime_ns = 3, .confirmed = true};
    uint8_t bytes[WITNESS_BYTES];
    sign_key_new(&key);
    for (int kind = MARK_LOCK; kind <= MARK_TAG_REMOVED; kind++) {
        struct buf b = {0};
        bool timed = kind == MARK_LOCK || kind == MARK_FORGOTTEN;
        struct mark_fields m = {.kind = (enum mark_kind)kind, .sequence = 7, .made_ns = 8,
                                .until_ns = timed ? 9 : 0, .text = (const uint8_t *)"text",
                                .text_len = timed ? 0 : 4};
        mark_put_bytes(&b, &info, &m, &key);
        write_seed("marks", names[kind], 0, b.data, b.len - SIGN_BYTES);
        buf_done(&b);
    }
    rules_encode(&info, &rules, 5, &key, bytes);
    write_seed("marks", "rules", 1, bytes, RULES_BYTES - SIGN_BYTES);
    witness_encode(&info, 3, &witness, &key, bytes);
    write_seed("marks", "witness", 2, bytes, WITNESS_BYTES - SIGN_BYTES);
    write_seed("marks", "name", 3, "marks/0000000000000001-0123456789abcdef", 40);
    write_seed("marks", "number", 3, "clock/0000000000000001", 23);
}

int main(int argc, char **argv)
{
    if (argc != 2 || sign_init(NULL))
        die("usage: seeds DIR");
    top = argv[1];
    pack_seeds();
    record_seeds();
    index_seed(90, "two-blocks");
    index_seed(3, "one-block");
    object_seeds();
    condemned_seeds();
    parity_seeds();
    mark_seeds();
    return 0;
}
