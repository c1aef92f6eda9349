/* SPDX-License-Identifier: Apache-2.0 */
/* Each kind of object that follows from nothing else: verified in memory. */
#include "vault/object_kinds.h"

#include "base/mem.h"
#include "vault/certificate_format.h"
#include "vault/config_format.h"
#include "vault/marks.h"
#include "vault/parity_format.h"
#include "vault/record_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMED_ID_AT ((size_t)28) /* behind head and vault id: whose the object is */

/* ---- verifying --------------------------------------------------------------------------- */

static int verify_config(struct vault *v, const char *leaf, const uint8_t *p, size_t len,
                         struct err *e)
{
    struct vault_info info;
    (void)leaf;
    if (config_decode(p, len, &info, e))
        return -1;
    if (memcmp(info.id, v->info.id, UID_BYTES) != 0 ||
        memcmp(info.owner_pk, v->info.owner_pk, SIGN_PUBLIC_BYTES) != 0 ||
        memcmp(info.keeper_pk, v->info.keeper_pk, SIGN_PUBLIC_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "of another vault, or another of its family");
    return 0;
}

static int verify_keeper(struct vault *v, const char *leaf, const uint8_t *p, size_t len,
                         struct err *e)
{
    CLEANUP(sign_key_done) struct sign_key k = {0};
    (void)leaf;
    if (keeper_decode(p, len, &k, e))
        return -1;
    if (memcmp(k.public_key, v->info.keeper_pk, SIGN_PUBLIC_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "not the key that the vault names");
    return 0;
}

static void leaf_id(const char *leaf, uint8_t id[UID_BYTES])
{
    memset(id, 0, UID_BYTES);
    (void)hex_decode(leaf, 2 * (size_t)UID_BYTES, id, UID_BYTES);
}

static uint64_t leaf_number(const char *leaf)
{
    uint8_t raw[8] = {0};
    (void)hex_decode(leaf, 16, raw, 8);
    return __builtin_bswap64(get_u64(raw));
}

static int verify_writer(struct vault *v, const char *leaf, const uint8_t *p, size_t len,
                         struct err *e)
{
    struct certificate t;
    uint8_t id[UID_BYTES];
    leaf_id(leaf, id);
    if (certificate_decode(p, len, v->info.owner_pk, &t, e))
        return -1;
    if (memcmp(t.vault, v->info.id, UID_BYTES) != 0 || memcmp(t.writer, id, UID_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "certificate of another writer or vault");
    return 0;
}

static int verify_revoked(struct vault *v, const char *leaf, const uint8_t *p, size_t len,
                          struct err *e)
{
    struct revocation r;
    uint8_t id[UID_BYTES];
    leaf_id(leaf, id);
    if (revocation_decode(p, len, v->info.owner_pk, &r, e))
        return -1;
    if (memcmp(r.vault, v->info.id, UID_BYTES) != 0 || memcmp(r.writer, id, UID_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "of another vault or writer");
    return 0;
}

static int verify_recipients(struct vault *v, const char *leaf, const uint8_t *p, size_t len,
                             struct err *e)
{
    return recipients_verify(p, len, v->info.id, leaf_number(leaf), v->info.owner_pk, e);
}

static int verify_key(struct vault *v, const char *leaf, const uint8_t *p, size_t len,
                      struct err *e)
{
    (void)leaf;
    return key_verify(p, len, v->info.id, e);
}

static int verify_resealed(struct vault *v, const char *leaf, const uint8_t *p, size_t len,
                           struct err *e)
{
    uint8_t writer[UID_BYTES];
    return resealed_verify(v, leaf, p, len, writer, e);
}

static int verify_session(struct vault *v, const char *leaf, const uint8_t *p, size_t len,
                          struct err *e)
{
    uint8_t id[UID_BYTES], writer[UID_BYTES];
    leaf_id(leaf, id);
    return envelope_verify(v, id, p, len, writer, e);
}

static int verify_rules(struct vault *v, const char *leaf, const uint8_t *p, size_t len,
                        struct err *e)
{
    struct vault_rules r;
    if (rules_decode(p, len, &v->info, &r, e))
        return -1;
    if (r.generation != leaf_number(leaf))
        return err_set(e, ERR_DAMAGED, "holds another generation");
    return 0;
}

/* All of a record: the reference set, too, which a reader leaves for later. */
static int verify_record(struct vault *v, const char *leaf, const uint8_t *p, size_t len,
                         struct err *e)
{
    struct record r;
    uint8_t hash[HASH_BYTES];
    if (record_of_bytes(v, leaf_number(leaf), p, len, &r, e))
        return -1;
    int rc = record_verify_keeper(v, &r, e) || record_verify_writer(v, &r, e) ? -1 : 0;
    if (!rc) {
        hash_bytes(p + (len - r.head.r_len), r.head.r_len, hash);
        if (memcmp(hash, r.w.refs_hash, HASH_BYTES) != 0)
            rc = err_set(e, ERR_DAMAGED, "the reference set is damaged");
    }
    record_done(&r);
    return rc;
}

/* ---- the name that the bytes give themselves ------------------------------------------------- */

static bool claims_id(const uint8_t *p, size_t len, char leaf_out[OBJECT_NAME_BYTES])
{
    if (len < NAMED_ID_AT + UID_BYTES)
        return false;
    hex_encode(p + NAMED_ID_AT, UID_BYTES, leaf_out);
    return true;
}

#define NUMBER_BYTES 17 /* 16 digits and NUL */

static void number_leaf(uint64_t number, char out[static NUMBER_BYTES])
{
    (void)snprintf(out, NUMBER_BYTES, "%016llx", (unsigned long long)number);
}

static bool claims_number(const uint8_t *p, size_t len, char leaf_out[OBJECT_NAME_BYTES])
{
    if (len < NAMED_ID_AT + 8)
        return false;
    number_leaf(get_u64(p + NAMED_ID_AT), leaf_out);
    return true;
}

static bool claims_resealed(const uint8_t *p, size_t len, char leaf_out[OBJECT_NAME_BYTES])
{
    size_t at = NAMED_ID_AT + 2 * (size_t)UID_BYTES;
    if (len < at + 8)
        return false;
    hex_encode(p + NAMED_ID_AT, UID_BYTES, leaf_out);
    leaf_out[2 * UID_BYTES] = '-';
    number_leaf(get_u64(p + at), leaf_out + 2 * UID_BYTES + 1);
    return true;
}

static bool claims_sequence(const uint8_t *p, size_t len, char leaf_out[OBJECT_NAME_BYTES])
{
    struct record_head h;
    struct record_k k;
    if (record_head_decode(p, len, len, &h, NULL) ||
        record_k_decode(p + RECORD_HEAD_BYTES + h.w_len, h.k_len, &k, NULL))
        return false;
    number_leaf(k.sequence, leaf_out);
    return true;
}

/* ---- what was replaced, and may have been removed on purpose ------------------------------------- */

static int note_highest(void *arg, const char *name, struct err *e)
{
    (void)e;
    (void)snprintf(arg, OBJECT_NAME_BYTES, "%s", name);
    return 0;
}

static int recipients_superseded(struct vault *v, const char *leaf, struct err *e)
{
    char highest[OBJECT_NAME_BYTES] = "";
    if (vault_list(v, VAULT_RECIPIENTS, note_highest, highest, e))
        return -1;
    return strcmp(highest, leaf) > 0;
}

static int resealed_superseded(struct vault *v, const char *leaf, struct err *e)
{
    uint8_t session[UID_BYTES];
    char newest[RESEALED_NAME_BYTES];
    leaf_id(leaf, session);
    int found = vault_resealed_find(v, session, true, newest, e);
    return found <= 0 ? found : strcmp(newest, leaf) > 0;
}

static int session_superseded(struct vault *v, const char *leaf, struct err *e)
{
    uint8_t session[UID_BYTES];
    char newest[RESEALED_NAME_BYTES];
    leaf_id(leaf, session);
    return vault_resealed_find(v, session, true, newest, e);
}

/* ---- the table ------------------------------------------------------------------------------------- */

#define TOP_MAX ((size_t)4096)

const struct object_kind object_kinds[] = {
    {.dir = "", .only = "vault", .max = TOP_MAX, .verify = verify_config},
    {.dir = "", .only = "keeper", .max = TOP_MAX, .verify = verify_keeper},
    {.kind = VAULT_WRITER, .dir = "writers", .digits = 32, .max = VAULT_OBJECT_MAX,
     .verify = verify_writer, .claims = claims_id, .copy_goes = true, .in_replica = REPLICA_SAME},
    {.kind = VAULT_REVOKED, .dir = "revoked", .digits = 32, .max = VAULT_OBJECT_MAX,
     .verify = verify_revoked, .claims = claims_id},
    {.kind = VAULT_RECIPIENTS, .dir = "recipients", .digits = 16, .max = VAULT_OBJECT_MAX,
     .verify = verify_recipients, .claims = claims_number, .superseded = recipients_superseded, .in_replica = REPLICA_SAME},
    {.kind = VAULT_KEY, .dir = "keys", .digits = 32, .max = VAULT_OBJECT_MAX, .verify = verify_key,
     .stays_away = true, .in_replica = REPLICA_SAME},
    {.kind = VAULT_RESEALED, .dir = "resealed", .digits = 32, .more = 16, .max = VAULT_OBJECT_MAX,
     .verify = verify_resealed, .claims = claims_resealed, .superseded = resealed_superseded,
     .copy_goes = true, .in_replica = REPLICA_SAME},
    {.kind = VAULT_SESSION, .dir = "sessions", .digits = 32, .max = VAULT_OBJECT_MAX,
     .verify = verify_session, .claims = claims_id, .superseded = session_superseded, .copy_goes = true, .in_replica = REPLICA_SAME},
    {.dir = "rules", .digits = 16, .max = TOP_MAX, .verify = verify_rules,
     .claims = claims_number},
    {.dir = "snapshots", .digits = 16, .max = (size_t)PARITY_PACK_MAX, .verify = verify_record,
     .claims = claims_sequence, .copy_goes = true, .in_replica = REPLICA_RECORD},
};
const size_t object_kind_count = sizeof object_kinds / sizeof *object_kinds;

int object_verify(struct vault *v, enum vault_kind kind, const char *leaf, const struct buf *b,
                  struct err *e)
{
    for (size_t i = 0; i < object_kind_count; i++)
        if (object_kinds[i].kind == kind)
            return object_kinds[i].verify(v, leaf, b->data, b->len, e);
    return err_set(e, ERR_USAGE, "objects of kind %d do not exist", (int)kind);
}

/* ---- names ------------------------------------------------------------------------------------------ */

void object_kind_name(const struct object_kind *k, const char *leaf, char out[OBJECT_NAME_BYTES])
{
    (void)snprintf(out, OBJECT_NAME_BYTES, "%s%s%s", k->dir, *k->dir ? "/" : "", leaf);
}

void object_parity_name(const char *object, char out[PARITY_OF_BYTES])
{
    (void)snprintf(out, PARITY_OF_BYTES, "parity/%s%s", strchr(object, '/') ? "" : "top/", object);
}

void object_directory(const char *name, char out[PARITY_OF_BYTES])
{
    const char *slash = strrchr(name, '/');
    (void)snprintf(out, PARITY_OF_BYTES, "%.*s", slash ? (int)(slash - name) : 0, name);
}

static bool is_leaf(const struct object_kind *k, const char *s)
{
    static const char hex[] = "0123456789abcdef";
    if (k->only)
        return strcmp(s, k->only) == 0;
    if (strspn(s, hex) != k->digits)
        return false;
    s += k->digits;
    if (!k->more)
        return *s == '\0';
    return *s == '-' && strspn(s + 1, hex) == k->more && s[1 + k->more] == '\0';
}

/* ---- lists ------------------------------------------------------------------------------------------ */

struct listing {
    const struct object_kind *kind;
    size_t prefix; /* bytes of "parity/sessions/" */
    struct buf *leaves;
};

static int put_leaf(struct buf *leaves, const char *leaf, struct err *e)
{
    char one[OBJECT_NAME_BYTES] = "";
    (void)snprintf(one, sizeof one, "%s", leaf);
    buf_put(leaves, one, sizeof one);
    return buf_check(leaves, "a list of names", e);
}

static int take_name(void *arg, const char *name, uint64_t len_bytes, struct err *e)
{
    const struct listing *l = arg;
    (void)len_bytes;
    if (strlen(name) <= l->prefix || !is_leaf(l->kind, name + l->prefix))
        return 0; /* not ours */
    return put_leaf(l->leaves, name + l->prefix, e);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void sort_once(struct buf *leaves)
{
    size_t count = leaves->len / OBJECT_NAME_BYTES, kept = 0;
    if (!count)
        return;
    char(*all)[OBJECT_NAME_BYTES] = (void *)leaves->data;
    qsort(all, count, sizeof *all, by_name);
    for (size_t i = 0; i < count; i++)
        if (!kept || strcmp(all[kept - 1], all[i]) != 0)
            memmove(all[kept++], all[i], sizeof *all);
    leaves->len = kept * OBJECT_NAME_BYTES;
}

int object_kind_list(struct vault *v, const struct object_kind *k, bool parity, struct buf *out,
                     struct err *e)
{
    char dir[PARITY_OF_BYTES];
    struct listing l = {.kind = k, .leaves = out};
    struct store_reader *r = NULL;
    int rc = 0;
    if (k->only && !parity) { /* not a directory of its own */
        if (store_open(v->store, k->only, &r, NULL) == 0)
            rc = put_leaf(out, k->only, e);
        store_reader_close(r);
    } else {
        (void)snprintf(dir, sizeof dir, "%s%s", parity ? "parity/" : "", *k->dir ? k->dir : "top");
        l.prefix = strlen(dir) + 1;
        rc = store_list(v->store, dir, take_name, &l, e);
    }
    sort_once(out);
    return rc;
}
