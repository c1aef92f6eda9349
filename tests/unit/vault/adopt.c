/* SPDX-License-Identifier: Apache-2.0 */
/* A vault that an owner elsewhere made: taken over whole and verified, or not at all. */
#include "world.h"

#include "base/mem.h"
#include "vault/config_format.h"
#include "vault/keeper.h"
#include "vault/object_head.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The owner's side: what it made, in a store in memory; and the keeper's store. */
struct deal {
    struct store *keeper, *made;
    struct sign_key owner, writer;
    struct vault_info info;
    struct keeper_object objects[KEEPER_OBJECTS_MAX + 2];
    object_names names[KEEPER_OBJECTS_MAX + 2];
    size_t count;
};

static int put_signed(struct vault *v, enum vault_kind kind, const char *name, struct buf *b,
                      const struct sign_key *key, const char *context, struct err *e)
{
    uint8_t signature[SIGN_BYTES];
    sign_make(key, context, b->data, b->len, signature);
    buf_put(b, signature, sizeof signature);
    int rc = vault_put(v, kind, name, b->data, b->len, e);
    buf_done(b);
    return rc;
}

static void certificate(const struct deal *d, uint8_t number, const struct vault_info *info, struct buf *out)
{
    uint8_t id[UID_BYTES];
    memset(id, number, sizeof id);
    object_head_put(out, "abri.WRT");
    buf_put(out, info->id, UID_BYTES);
    buf_put(out, id, UID_BYTES);
    buf_put(out, d->writer.public_key, SIGN_PUBLIC_BYTES);
    buf_put_u64(out, 1);
    buf_put_blob(out, "machine", 7);
}

static void wrapped_key_of(const uint8_t *vault, uint32_t passes, uint32_t memory, struct buf *out)
{
    uint8_t boxes[16 + 32 + 48] = {1}, hash[HASH_BYTES];
    object_head_put(out, "abri.KEY");
    buf_put(out, vault, UID_BYTES);
    buf_put_u8(out, 1);
    buf_put_u32(out, passes);
    buf_put_u32(out, memory);
    buf_put(out, boxes, sizeof boxes);
    hash_bytes(out->data, out->len, hash);
    buf_put(out, hash, sizeof hash);
}

static void wrapped_key(const uint8_t *vault, struct buf *out)
{
    wrapped_key_of(vault, 3, 64, out);
}

static int put_key(struct vault *v, struct err *e)
{
    CLEANUP(buf_done) struct buf b = {0};
    wrapped_key(vault_get_info(v)->id, &b);
    return vault_put(v, VAULT_KEY, "00112233445566778899aabbccddeeff", b.data, b.len, e);
}

static int fill(void *arg, struct vault *v, struct err *e)
{
    const struct deal *d = arg;
    struct buf recipients = {0}, writer = {0};
    uint8_t boxes[32 + 112] = {2};
    object_head_put(&recipients, "abri.RCP");
    buf_put(&recipients, vault_get_info(v)->id, UID_BYTES);
    buf_put_u64(&recipients, 1);
    buf_put_u32(&recipients, 1);
    buf_put(&recipients, boxes, sizeof boxes);
    certificate(d, 0x31, vault_get_info(v), &writer);
    return put_key(v, e) ||
                   put_signed(v, VAULT_RECIPIENTS, "0000000000000001", &recipients, &d->owner, "recipients", e) ||
                   put_signed(v, VAULT_WRITER, "31313131313131313131313131313131", &writer, &d->owner, "writer", e)
               ? -1
               : 0;
}

static void add(struct deal *d, const char *name, uint8_t *bytes, size_t len)
{
    (void)snprintf(d->names[d->count], sizeof d->names[0], "%s", name);
    d->objects[d->count] = (struct keeper_object){d->names[d->count], bytes, len};
    d->count++;
}

static void gather(struct deal *d)
{
    size_t count, len;
    object_names *names = names_below(d->made, "", &count);
    for (size_t i = 0; i < count; i++) {
        uint8_t *p = object_bytes(d->made, names[i], &len);
        add(d, names[i], p, len);
    }
    mem_free(names);
}

static void deal_open(struct deal *d, enum world_kind kind, char *path)
{
    uint8_t keeper_pk[SIGN_PUBLIC_BYTES], again[SIGN_PUBLIC_BYTES];
    *d = (struct deal){.info = {.chunking = {.small_max = 7, .fixed = 4096}}};
    assert_ok(sign_init(e));
    sign_key_new(&d->owner);
    sign_key_new(&d->writer);
    if (kind == WORLD_DIR) {
        char vault[SCRATCH_PATH_MAX + 8];
        scratch_make(path);
        (void)snprintf(vault, sizeof vault, "%s/vault", path);
        assert_ok(store_dir_create(vault, NULL, &d->keeper, e));
    } else {
        assert_ok(store_mem_open(&d->keeper, e));
    }
    assert_ok(keeper_prepare(d->keeper, keeper_pk, e));
    assert_ok(keeper_prepare(d->keeper, again, e));
    assert_memory_equal(keeper_pk, again, sizeof again);
    assert_ok(store_mem_open(&d->made, e));
    assert_ok(vault_create_far(d->made, &d->info, keeper_pk, &d->owner, fill, d, e));
    gather(d);
    assert_int_equal(d->count, 4); /* nothing but these: no keeper of its own */
}

static void deal_close(struct deal *d, const char *path)
{
    for (size_t i = 0; i < d->count; i++)
        mem_free((void *)(uintptr_t)d->objects[i].bytes);
    store_close(d->made);
    store_close(d->keeper);
    if (path)
        scratch_remove(path);
}

static struct keeper_object *object(struct deal *d, const char *begins)
{
    for (size_t i = 0; i < d->count; i++)
        if (strncmp(d->objects[i].name, begins, strlen(begins)) == 0)
            return &d->objects[i];
    fail();
    return NULL;
}

static int adopt(struct deal *d, struct err *e)
{
    return keeper_adopt(d->keeper, d->objects, d->count, e);
}

/* There is no vault, and of the objects none. */
static void refuse(struct deal *d, enum err_class cls)
{
    struct vault *v = NULL;
    struct err why = ERR_INIT;
    size_t count;
    if (adopt(d, &why) == 0)
        fail_msg("it was taken");
    if (why.cls != cls)
        fail_msg("%s, not %s: %s", err_class_name(why.cls), err_class_name(cls), why.msg);
    assert_err(vault_open(d->keeper, &v, e), ERR_NO_VAULT);
    object_names *names = names_below(d->keeper, "", &count);
    assert_int_equal(count, 1);
    assert_string_equal(names[0], "keeper");
    mem_free(names);
}

/* ---- tests -------------------------------------------------------------------------------------- */

static void a_vault_is_taken_over_whole(void **state)
{
    struct deal d;
    struct vault *v = NULL;
    char path[SCRATCH_PATH_MAX];
    enum world_kind kind = *(enum world_kind *)*state;
    struct vault_check_stats stats;
    struct reports r = {0};
    uint8_t pk[SIGN_PUBLIC_BYTES];
    deal_open(&d, kind, path);
    assert_ok(adopt(&d, e));
    assert_ok(vault_open(d.keeper, &v, e));
    assert_memory_equal(vault_get_info(v)->id, d.info.id, UID_BYTES);
    assert_memory_equal(vault_get_info(v)->owner_pk, d.owner.public_key, SIGN_PUBLIC_BYTES);
    for (size_t i = 0; i < d.count; i++) {
        size_t len;
        uint8_t *p = object_bytes(d.keeper, d.objects[i].name, &len);
        assert_int_equal(len, d.objects[i].len);
        assert_memory_equal(p, d.objects[i].bytes, len);
        mem_free(p);
    }
    assert_ok(vault_check(v, report, &r, &stats, e));
    if (r.count)
        fail_msg("%s: %s", r.object, r.message);
    assert_false(vault_needs_repair(v));
    vault_close(v);
    assert_err(adopt(&d, e), ERR_EXISTS);
    assert_err(keeper_prepare(d.keeper, pk, e), ERR_EXISTS);
    deal_close(&d, kind == WORLD_DIR ? path : NULL);
}

static void every_object_must_be_there(void **state)
{
    static const char *const parts[] = {"vault", "keys/", "recipients/", "writers/"};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct deal d;
        deal_open(&d, WORLD_MEM, NULL);
        struct keeper_object *o = object(&d, parts[i]), *last = &d.objects[d.count - 1], was = *o;
        *o = *last;
        *last = was;
        d.count--;
        refuse(&d, ERR_REFUSED);
        d.count++;
        assert_ok(adopt(&d, e)); /* what was refused may come again, whole */
        deal_close(&d, NULL);
    }
}

static void every_changed_byte_is_refused(void **state)
{
    struct deal d;
    (void)state;
    deal_open(&d, WORLD_MEM, NULL);
    for (size_t k = 0; k < d.count; k++) {
        uint8_t *p = (uint8_t *)(uintptr_t)d.objects[k].bytes;
        size_t len = d.objects[k].len;
        for (size_t i = 0; i < len; i++) {
            struct vault *v = NULL;
            p[i] ^= 1;
            if (adopt(&d, NULL) == 0)
                fail_msg("%s, byte %zu", d.objects[k].name, i);
            p[i] ^= 1;
            assert_int_equal(vault_open(d.keeper, &v, NULL), -1);
            d.objects[k].len = i; /* and every cut */
            if (adopt(&d, NULL) == 0)
                fail_msg("%s, cut at %zu", d.objects[k].name, i);
            d.objects[k].len = len;
        }
    }
    size_t count;
    mem_free(names_below(d.keeper, "", &count));
    assert_int_equal(count, 1);
    assert_ok(adopt(&d, e));
    deal_close(&d, NULL);
}

static void what_a_new_vault_has_not_is_refused(void **state)
{
    static const char *const names[] = {
        "keeper", "parity/top/vault", "index/0011", "tmp/a", "packs/00/00", "snapshots/0000000000000001",
        "sessions/00112233445566778899aabbccddeeff", "revoked/31313131313131313131313131313131", "",
        "clock/0000000000000001", "marks/1", "rules/0000000000000001", "vault/", "keys", "vaults",
    };
    static const char *const malformed[] = {
        "keys/", "keys/../keeper", "keys/0011", "keys/00112233445566778899AABBCCDDEEFF",
        "keys/00112233445566778899aabbccddeeff0", "keys//0112233445566778899aabbccddeeff",
        "recipients/1", "writers/31313131313131313131313131313131/a", "writers/3131313131313131313131313131313g",
    };
    struct deal d;
    (void)state;
    deal_open(&d, WORLD_MEM, NULL);
    const struct keeper_object key = *object(&d, "keys/");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        d.objects[d.count] = (struct keeper_object){names[i], key.bytes, key.len};
        d.count++;
        refuse(&d, ERR_REFUSED);
        d.count--;
    }
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++) {
        d.objects[d.count] = (struct keeper_object){malformed[i], key.bytes, key.len};
        d.count++;
        refuse(&d, ERR_USAGE);
        d.count--;
    }
    for (size_t i = 0; i < 4; i++) { /* twice the same */
        d.objects[d.count] = d.objects[i];
        d.count++;
        refuse(&d, ERR_REFUSED);
        d.count--;
    }
    for (size_t i = d.count; i < KEEPER_OBJECTS_MAX + 1; i++)
        d.objects[i] = key;
    size_t count = d.count;
    d.count = KEEPER_OBJECTS_MAX + 1;
    refuse(&d, ERR_LIMIT);
    d.count = count;
    deal_close(&d, NULL);
}

static void of_another_owner_or_vault_nothing_is_taken(void **state)
{
    static const char *const parts[] = {"keys/", "recipients/", "writers/"};
    struct deal d, other;
    (void)state;
    deal_open(&d, WORLD_MEM, NULL);
    deal_open(&other, WORLD_MEM, NULL);
    for (size_t i = 0; i < 3; i++) {
        struct keeper_object *mine = object(&d, parts[i]), was = *mine;
        *mine = *object(&other, parts[i]);
        refuse(&d, ERR_DAMAGED);
        *mine = was;
    }
    /* A certificate of this vault that another owner signed; one under another's name. */
    CLEANUP(buf_done) struct buf b = {0};
    uint8_t signature[SIGN_BYTES];
    struct keeper_object *writer = object(&d, "writers/"), was = *writer;
    certificate(&d, 0x31, &d.info, &b);
    sign_make(&other.owner, "writer", b.data, b.len, signature);
    buf_put(&b, signature, sizeof signature);
    writer->bytes = b.data;
    writer->len = b.len;
    refuse(&d, ERR_DAMAGED);
    *writer = was;
    writer->name = "writers/32323232323232323232323232323232";
    refuse(&d, ERR_DAMAGED);
    *writer = was;
    deal_close(&d, NULL);
    deal_close(&other, NULL);
}

static void a_vault_for_another_keeper_is_refused(void **state)
{
    struct deal d, other;
    (void)state;
    deal_open(&d, WORLD_MEM, NULL);
    deal_open(&other, WORLD_MEM, NULL);
    struct store *mine = d.keeper;
    d.keeper = other.keeper;
    refuse(&d, ERR_REFUSED);
    d.keeper = mine;
    deal_close(&d, NULL);
    deal_close(&other, NULL);
}

static void a_vault_is_taken_over_durably_or_not_at_all(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        bool done = false;
        for (uint64_t n = 1; !done; n++) {
            struct deal d;
            struct store *faulty, *cut, *mine;
            struct vault *v = NULL;
            struct err why = ERR_INIT;
            deal_open(&d, WORLD_MEM, NULL);
            mine = d.keeper;
            assert_ok(store_fault_open(mine, &faulty, e));
            store_fault_plan(faulty, &(struct store_fault_plan){.fail_at = n, .fail_errno = ENOSPC, .fail_late = late});
            d.keeper = faulty;
            int rc = adopt(&d, &why);
            done = store_fault_counts(faulty).ops[0] < n;
            store_fault_plan(faulty, NULL);
            assert_ok(store_mem_power_cut(mine, n, STORE_CUT_LOST, &cut, e));
            struct err opened = ERR_INIT;
            if (vault_open(cut, &v, &opened))
                assert_int_equal(opened.cls, ERR_NO_VAULT);
            if (!rc)
                assert_non_null(v);
            if (v) { /* then it is whole */
                struct reports r = {0};
                struct vault_check_stats stats;
                assert_ok(vault_check(v, report, &r, &stats, e));
                for (size_t i = 0; i < d.count; i++)
                    assert_true(object_exists(cut, d.objects[i].name, NULL));
            }
            vault_close(v);
            store_close(cut);
            if (rc && adopt(&d, &why)) /* again: it was there already, or it is taken */
                assert_int_equal(why.cls, ERR_EXISTS);
            v = NULL;
            assert_ok(vault_open(faulty, &v, e));
            vault_close(v);
            store_close(faulty);
            d.keeper = mine;
            deal_close(&d, NULL);
        }
    }
}

static void another_writer_needs_the_owners_signature(void **state)
{
    struct deal d;
    struct vault *v = NULL;
    uint8_t id[UID_BYTES] = {0}, expected[UID_BYTES], signature[SIGN_BYTES];
    size_t count;
    (void)state;
    deal_open(&d, WORLD_MEM, NULL);
    assert_ok(adopt(&d, e));
    assert_ok(vault_open(d.keeper, &v, e));
    CLEANUP(buf_done) struct buf b = {0};
    certificate(&d, 0x44, &d.info, &b);
    sign_make(&d.owner, "writer", b.data, b.len, signature);
    buf_put(&b, signature, sizeof signature);
    for (size_t i = 0; i < b.len; i++) {
        b.data[i] ^= 1;
        assert_int_equal(keeper_add_writer(v, b.data, b.len, id, NULL), -1);
        b.data[i] ^= 1;
        assert_int_equal(keeper_add_writer(v, b.data, i, id, NULL), -1);
    }
    mem_free(names_below(d.keeper, "writers", &count));
    assert_int_equal(count, 1);
    memset(expected, 0x44, sizeof expected);
    for (int i = 0; i < 2; i++) { /* the same again is fine */
        memset(id, 0, sizeof id);
        assert_ok(keeper_add_writer(v, b.data, b.len, id, e));
        assert_memory_equal(id, expected, sizeof id);
    }
    /* another certificate for an id that is there: the first stays */
    buf_reset(&b);
    d.writer = d.owner;
    certificate(&d, 0x44, &d.info, &b);
    sign_make(&d.owner, "writer", b.data, b.len, signature);
    buf_put(&b, signature, sizeof signature);
    assert_err(keeper_add_writer(v, b.data, b.len, id, e), ERR_EXISTS);
    /* and one of the same owner for another vault */
    struct vault_info elsewhere = d.info;
    elsewhere.id[0] ^= 1;
    buf_reset(&b);
    certificate(&d, 0x45, &elsewhere, &b);
    sign_make(&d.owner, "writer", b.data, b.len, signature);
    buf_put(&b, signature, sizeof signature);
    assert_err(keeper_add_writer(v, b.data, b.len, id, e), ERR_REFUSED);
    vault_close(v);
    deal_close(&d, NULL);
}

static void passphrases_are_added_and_not_replaced(void **state)
{
    struct deal d;
    struct vault *v = NULL;
    uint8_t id[UID_BYTES] = {9};
    size_t count;
    (void)state;
    deal_open(&d, WORLD_MEM, NULL);
    assert_ok(adopt(&d, e));
    assert_ok(vault_open(d.keeper, &v, e));
    CLEANUP(buf_done) struct buf b = {0}, other = {0};
    wrapped_key(d.info.id, &b);
    for (size_t i = 0; i < b.len; i++) {
        b.data[i] ^= 1;
        assert_int_equal(keeper_add_key(v, id, b.data, b.len, NULL), -1);
        b.data[i] ^= 1;
        assert_int_equal(keeper_add_key(v, id, b.data, i, NULL), -1);
    }
    struct vault_info elsewhere = d.info;
    elsewhere.id[0] ^= 1;
    wrapped_key(elsewhere.id, &other);
    assert_int_equal(keeper_add_key(v, id, other.data, other.len, NULL), -1);
    buf_reset(&other);
    wrapped_key_of(d.info.id, 64, 4194304, &other); /* hours for whoever tries it */
    assert_err(keeper_add_key(v, id, other.data, other.len, e), ERR_REFUSED);
    mem_free(names_below(d.keeper, "keys", &count));
    assert_int_equal(count, 1);
    assert_ok(keeper_add_key(v, id, b.data, b.len, e));
    assert_ok(keeper_add_key(v, id, b.data, b.len, e)); /* the same again */
    hex_decode("00112233445566778899aabbccddeeff", 32, id, sizeof id);
    assert_ok(keeper_add_key(v, id, b.data, b.len, e)); /* that of the beginning */
    for (count = 2; count < KEEPER_KEYS_MAX; count++) {
        id[15] = (uint8_t)count;
        assert_ok(keeper_add_key(v, id, b.data, b.len, e));
    }
    assert_ok(keeper_add_key(v, id, b.data, b.len, e));
    id[15] = 1;
    assert_err(keeper_add_key(v, id, b.data, b.len, e), ERR_LIMIT);
    vault_close(v);
    deal_close(&d, NULL);
}

int main(void)
{
    static enum world_kind mem = WORLD_MEM, dir = WORLD_DIR;
#define BOTH(name)                                                                                 \
    {#name " (memory)", name, NULL, NULL, &mem}, {#name " (directory)", name, NULL, NULL, &dir}
    const struct CMUnitTest tests[] = {
        BOTH(a_vault_is_taken_over_whole),
        cmocka_unit_test(every_object_must_be_there),
        cmocka_unit_test(every_changed_byte_is_refused),
        cmocka_unit_test(what_a_new_vault_has_not_is_refused),
        cmocka_unit_test(of_another_owner_or_vault_nothing_is_taken),
        cmocka_unit_test(a_vault_for_another_keeper_is_refused),
        cmocka_unit_test(a_vault_is_taken_over_durably_or_not_at_all),
        cmocka_unit_test(another_writer_needs_the_owners_signature),
        cmocka_unit_test(passphrases_are_added_and_not_replaced),
    };
    return cmocka_run_group_tests_name("vault/adopt", tests, NULL, NULL);
}
