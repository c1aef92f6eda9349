/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and requests of others: what is read is plain, what is certified says what we say.
 */
#include "base/mem.h"
#include "fuzz.h"
#include "pki/pki.h"

#include <stdlib.h>
#include <string.h>

#define URI "abri:machine:00112233445566778899aabbccddeeff"

static struct pki_authority *authority;

static void open_authority(void)
{
    struct buf certificate = {0}, key = {0};
    struct err e = ERR_INIT;
    if (pki_make_authority("fuzz", &certificate, &key, &e))
        abort();
    buf_put_u8(&certificate, 0);
    buf_put_u8(&key, 0);
    if (pki_authority_open((char *)certificate.data, (char *)key.data, &authority, &e))
        abort();
    buf_done(&certificate);
    buf_done(&key);
}

static void check_read(const uint8_t *p, size_t len)
{
    struct pki_identity id;
    struct err e = ERR_INIT;
    if (pki_read(p, len, &id, &e)) {
        if (e.cls != ERR_DAMAGED)
            abort();
        return;
    }
    size_t uri = strnlen(id.uri, sizeof id.uri);
    if (uri > PKI_URI_MAX)
        abort();
    for (size_t i = 0; i < uri; i++)
        if (id.uri[i] <= ' ' || id.uri[i] > '~')
            abort();
}

static void check_certify(const uint8_t *p, size_t len)
{
    char *text = mem_zalloc(len + 1);
    struct buf out = {0};
    struct pki_identity id, back;
    struct err e = ERR_INIT;
    memcpy(text, p, len);
    if (pki_certify(authority, text, URI, 30, 1700000000000000000, &out, &id, &e)) {
        if (e.cls != ERR_USAGE || out.len)
            abort();
    } else if (pki_read(out.data, out.len, &back, &e) || strcmp(back.uri, URI) != 0 ||
               memcmp(back.serial, id.serial, sizeof id.serial) != 0 ||
               memcmp(back.key_pin, id.key_pin, sizeof id.key_pin) != 0) {
        abort();
    }
    buf_done(&out);
    mem_free(text);
}

static void check_key(const uint8_t *p, size_t len)
{
    char *text = mem_zalloc(len + 1);
    struct buf out = {0};
    struct err e = ERR_INIT;
    memcpy(text, p, len);
    if (pki_request_for(text, &out, &e) && e.cls != ERR_DAMAGED)
        abort();
    buf_done(&out);
    mem_free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    if (!authority)
        open_authority();
    check_read(p, len);
    check_certify(p, len);
    check_key(p, len);
    return 0;
}
