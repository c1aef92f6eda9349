/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificate of a drill (docs/format/drill.md): what was started, when, what was seen. It is
 * signed by the vault's owner, for a drill opens the vault anyway.
 */
#include "cli/drill.h"

#include "base/clock.h"
#include "base/mem.h"
#include "sign/sign.h"

#include <string.h>

#define CERTIFICATE_VERSION 1

static void put_time(json_t *o, const char *key, int64_t ns)
{
    char text[CLOCK_TEXT_BYTES];
    clock_format_utc(ns, text);
    json_put_string(o, key, text);
}

static json_t *proof_object(const struct drill_proof *p)
{
    json_t *o = json_object();
    json_put_string(o, "kind", drill_kind_name(p->kind));
    if (p->kind != DRILL_AGENT)
        json_put_string(o, "expected", p->text);
    json_put_bool(o, "seen", p->seen);
    if (p->seen)
        json_put_number(o, "after_ms", (uint64_t)(p->seen_ns / (NS_PER_S / 1000)));
    if (*p->line)
        json_put_string(o, "line", p->line);
    return o;
}

static json_t *drill_object(const struct drill *d)
{
    const struct boot *b = &d->boot;
    json_t *o = json_object(), *disks = json_array(), *proofs = json_array();
    json_put_number(o, "version", CERTIFICATE_VERSION);
    json_put_hex(o, "vault", b->vault_id, UID_BYTES);
    json_put_hex(o, "snapshot", b->snapshot, ID_BYTES);
    put_time(o, "snapshot_time", b->snapshot_ns);
    json_put_string(o, "host", b->host);
    put_time(o, "began", d->began_ns);
    put_time(o, "ended", d->ended_ns);
    json_put_bool(o, "passed", d->passed);
    if (!d->passed)
        json_put_string(o, "why", d->why);
    json_put_string(o, "accelerator", b->vm && vm_uses_kvm(b->vm) ? "kvm" : "tcg");
    json_put_string(o, "firmware", b->options.firmware == BOOT_UEFI ? "uefi" : "bios");
    for (size_t i = 0; i < b->disks.count; i++) {
        json_t *disk = json_object();
        json_put_text(disk, "name", b->disks.items[i].name, strlen(b->disks.items[i].name));
        json_put_number(disk, "size", b->disks.items[i].file->size);
        (void)json_array_append_new(disks, disk);
    }
    (void)json_object_set_new(o, "disks", disks);
    for (size_t i = 0; i < d->proof_count; i++)
        (void)json_array_append_new(proofs, proof_object(&d->proofs[i]));
    (void)json_object_set_new(o, "proofs", proofs);
    if (d->has_screen)
        json_put_hex(o, "screen", d->screen, HASH_BYTES);
    return o;
}

/* What the signature is over: the same for everybody who reads the object. */
static char *signed_text(const json_t *drill)
{
    return json_dumps(drill, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII);
}

int drill_certificate_make(const struct drill *d, json_t **out, struct err *e)
{
    json_t *drill = drill_object(d);
    CLEANUP_FREE char *text = signed_text(drill);
    uint8_t signature[SIGN_BYTES];
    char hex[2 * SIGN_BYTES + 1];
    struct sign_key key;
    if (!text) {
        json_decref(drill);
        return err_no_memory(e, "a certificate");
    }
    sign_key_from_seed(d->boot.secrets->owner_seed, &key);
    sign_make(&key, DRILL_CONTEXT, text, strlen(text), signature);
    sign_key_done(&key);
    json_t *o = json_object();
    (void)json_object_set_new(o, "drill", drill);
    hex_encode(signature, sizeof signature, hex);
    json_put_string(o, "signature", hex);
    *out = o;
    return 0;
}

int drill_certificate_check(json_t *certificate, const uint8_t vault_id[UID_BYTES],
                            const uint8_t owner_pk[SIGN_PUBLIC_BYTES], const json_t **drill_out,
                            struct err *e)
{
    const json_t *drill = json_object_get(certificate, "drill");
    const char *hex = json_string_value(json_object_get(certificate, "signature"));
    const char *vault = json_string_value(json_object_get(drill, "vault"));
    uint8_t signature[SIGN_BYTES], id[UID_BYTES];
    CLEANUP_FREE char *text = json_is_object(drill) ? signed_text(drill) : NULL;
    if (!text || !hex || !vault || !hex_decode(hex, strlen(hex), signature, sizeof signature) ||
        !hex_decode(vault, strlen(vault), id, sizeof id))
        return err_set(e, ERR_DAMAGED, "that is no certificate of a drill");
    if (json_integer_value(json_object_get(drill, "version")) > CERTIFICATE_VERSION)
        return err_set(e, ERR_NEWER, "a certificate of a newer abri: update abri");
    if (memcmp(id, vault_id, UID_BYTES) != 0)
        return err_set(e, ERR_DAMAGED, "a certificate of another vault: %s", vault);
    if (!sign_verify(owner_pk, DRILL_CONTEXT, text, strlen(text), signature))
        return err_set(e, ERR_DAMAGED, "the certificate is not as the owner of this vault signed it");
    *drill_out = drill;
    return 0;
}
