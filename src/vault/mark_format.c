/* SPDX-License-Identifier: Apache-2.0 */
/* Marks, rules and witnesses as bytes. Does not decide what they mean together:
 * marks.c, rules.c and witness.c do. */
#include "vault/mark_format.h"

#include "base/clock.h"
#include "vault/object_head.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char mark_magic[8] = "abri.MRK";
static const char rules_magic[8] = "abri.RUL";
static const char witness_magic[8] = "abri.CLK";

/* Consumes head and vault id. */
static int check_begin(struct cursor *c, const char magic[static 8], const char *what,
                       const struct vault_info *info, struct err *e)
{
    if (object_head_check(c, magic, what, e))
        return -1;
    const uint8_t *vault = cursor_bytes(c, UID_BYTES);
    if (vault && memcmp(vault, info->id, UID_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "%s of another vault", what);
    return 0;
}

/* The signature at the end, behind which nothing follows. */
static int check_end(struct cursor *c, const uint8_t *p, const char *context, const char *what,
                     const struct vault_info *info, struct err *e)
{
    size_t len = (size_t)(c->p - p);
    const uint8_t *signature = cursor_bytes(c, SIGN_BYTES);
    if (cursor_check(c, true, what, e))
        return -1;
    if (!sign_verify(info->keeper_pk, context, p, len, signature))
        return err_set(e, ERR_DAMAGED, "the keeper's signature does not match");
    return 0;
}

/* ---- marks ------------------------------------------------------------------------------ */

void mark_put_bytes(struct buf *out, const struct vault_info *info, const struct mark_fields *m,
                    const struct sign_key *keeper)
{
    uint8_t signature[SIGN_BYTES] = {0};
    size_t begin = out->len;
    object_head_put(out, mark_magic);
    buf_put(out, info->id, UID_BYTES);
    buf_put_u8(out, (uint8_t)m->kind);
    buf_put(out, m->snapshot, ID_BYTES);
    buf_put_u64(out, m->sequence);
    buf_put_u64(out, (uint64_t)m->made_ns);
    buf_put_u64(out, (uint64_t)m->until_ns);
    buf_put_blob(out, m->text_len ? (const void *)m->text : "", m->text_len);
    if (!out->failed)
        sign_make(keeper, "mark", out->data + begin, out->len - begin, signature);
    buf_put(out, signature, SIGN_BYTES);
}

static bool is_sound(const struct mark_fields *m)
{
    bool timed = m->kind == MARK_LOCK || m->kind == MARK_FORGOTTEN;
    bool tag = m->kind == MARK_TAG_ADDED || m->kind == MARK_TAG_REMOVED;
    if (timed ? m->text_len > 0 || m->until_ns <= 0 : m->until_ns != 0)
        return false;
    if (tag && (m->text_len < 1 || m->text_len > MARK_TAG_MAX))
        return false;
    return m->sequence > 0 && (!m->text_len || !memchr(m->text, 0, m->text_len));
}

int mark_decode(const uint8_t *p, size_t len, const struct vault_info *info,
                struct mark_fields *out, struct err *e)
{
    struct cursor c = cursor_of(p, len);
    struct mark_fields m = {0};
    if (check_begin(&c, mark_magic, "a mark", info, e))
        return -1;
    uint8_t kind = cursor_u8(&c);
    cursor_copy(&c, m.snapshot, ID_BYTES);
    m.sequence = cursor_u64(&c);
    m.made_ns = (int64_t)cursor_u64(&c);
    m.until_ns = (int64_t)cursor_u64(&c);
    m.text = cursor_blob(&c, MARK_TEXT_MAX, &m.text_len);
    if (check_end(&c, p, "mark", "a mark", info, e))
        return -1;
    if (kind < MARK_LOCK || kind > MARK_TAG_REMOVED)
        return err_set(e, ERR_NEWER, "a mark of kind %u; update abri to use it", kind);
    m.kind = (enum mark_kind)kind;
    if (!is_sound(&m))
        return err_set(e, ERR_DAMAGED, "a mark that contradicts itself");
    *out = m;
    return 0;
}

static bool hex_number(const char *digits, uint64_t *out)
{
    uint8_t raw[8];
    if (!hex_decode(digits, 16, raw, 8))
        return false;
    *out = __builtin_bswap64(get_u64(raw));
    return true;
}

void mark_name(uint64_t sequence, const uint8_t random[8], char out[static MARK_NAME_BYTES])
{
    char hex[17];
    hex_encode(random, 8, hex);
    (void)snprintf(out, MARK_NAME_BYTES, "marks/%016" PRIx64 "-%s", sequence, hex);
}

bool mark_name_decode(const char *name, uint64_t *sequence_out)
{
    uint64_t sequence, random;
    if (strlen(name) != MARK_NAME_BYTES - 1 || strncmp(name, "marks/", 6) != 0 || name[22] != '-' ||
        !hex_number(name + 6, &sequence) || !hex_number(name + 23, &random) || !sequence)
        return false;
    *sequence_out = sequence;
    return true;
}

/* ---- rules -------------------------------------------------------------------------------- */

void rules_encode(const struct vault_info *info, const struct vault_rules *r, int64_t made_ns,
                  const struct sign_key *keeper, uint8_t out[static RULES_BYTES])
{
    object_head_encode(out, rules_magic);
    memcpy(out + 12, info->id, UID_BYTES);
    put_u64(out + 28, r->generation);
    put_u64(out + 36, (uint64_t)made_ns);
    put_u64(out + 44, (uint64_t)(r->floor_ns / NS_PER_S));
    put_u64(out + 52, (uint64_t)(r->trash_window_ns / NS_PER_S));
    memset(out + 60, 0, 8);
    sign_make(keeper, "rules", out, RULES_BYTES - SIGN_BYTES, out + RULES_BYTES - SIGN_BYTES);
}

int rules_decode(const uint8_t *p, size_t len, const struct vault_info *info,
                 struct vault_rules *out, struct err *e)
{
    struct cursor c = cursor_of(p, len);
    struct vault_rules r = {0};
    if (check_begin(&c, rules_magic, "rules", info, e))
        return -1;
    r.generation = cursor_u64(&c);
    (void)cursor_u64(&c); /* when they were made: for people */
    uint64_t floor = cursor_u64(&c), window = cursor_u64(&c), flags = cursor_u64(&c);
    if (check_end(&c, p, "rules", "rules", info, e))
        return -1;
    if (flags)
        return err_set(e, ERR_NEWER, "rules that are not known; update abri to use them");
    if (!r.generation || floor > RULES_SECONDS_MAX || window > RULES_SECONDS_MAX)
        return err_set(e, ERR_DAMAGED, "impossible rules");
    r.floor_ns = (int64_t)floor * NS_PER_S;
    r.trash_window_ns = (int64_t)window * NS_PER_S;
    *out = r;
    return 0;
}

/* ---- witnesses ------------------------------------------------------------------------------ */

void witness_encode(const struct vault_info *info, uint64_t number, const struct policy_witness *w,
                    const struct sign_key *keeper, uint8_t out[static WITNESS_BYTES])
{
    object_head_encode(out, witness_magic);
    memcpy(out + 12, info->id, UID_BYTES);
    put_u64(out + 28, number);
    put_u64(out + 36, (uint64_t)w->realtime_ns);
    put_u64(out + 44, (uint64_t)w->boottime_ns);
    put_u64(out + 52, (uint64_t)w->received_ns);
    memcpy(out + 60, w->boot_id, POLICY_BOOT_BYTES);
    out[76] = w->confirmed;
    sign_make(keeper, "clock", out, WITNESS_BYTES - SIGN_BYTES, out + WITNESS_BYTES - SIGN_BYTES);
}

int witness_decode(const uint8_t *p, size_t len, const struct vault_info *info,
                   uint64_t *number_out, struct policy_witness *out, struct err *e)
{
    struct cursor c = cursor_of(p, len);
    struct policy_witness w = {0};
    if (check_begin(&c, witness_magic, "a witness of the clock", info, e))
        return -1;
    uint64_t number = cursor_u64(&c);
    w.realtime_ns = (int64_t)cursor_u64(&c);
    w.boottime_ns = (int64_t)cursor_u64(&c);
    w.received_ns = (int64_t)cursor_u64(&c);
    cursor_copy(&c, w.boot_id, POLICY_BOOT_BYTES);
    uint8_t confirmed = cursor_u8(&c);
    if (check_end(&c, p, "clock", "a witness of the clock", info, e))
        return -1;
    if (confirmed > 1)
        return err_set(e, ERR_NEWER, "a witness of the clock that is not known; update abri");
    if (!number)
        return err_set(e, ERR_DAMAGED, "a witness of the clock without a number");
    w.confirmed = confirmed;
    *number_out = number;
    *out = w;
    return 0;
}

void keeper_name(const char *dir, uint64_t number, char out[static KEEPER_NAME_BYTES])
{
    (void)snprintf(out, KEEPER_NAME_BYTES, "%s/%016" PRIx64, dir, number);
}

bool keeper_name_decode(const char *dir, const char *name, uint64_t *number_out)
{
    size_t len = strlen(dir);
    return strncmp(name, dir, len) == 0 && name[len] == '/' && strlen(name) == len + 17 &&
           hex_number(name + len + 1, number_out) && *number_out;
}
