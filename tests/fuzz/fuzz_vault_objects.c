/* SPDX-License-Identifier: Apache-2.0 */
/* The small objects of a vault: the input's first byte chooses which. */
#include "fuzz.h"
#include "vault/certificate_format.h"
#include "vault/config_format.h"
#include "vault/vault_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    static const uint8_t zero[32];
    struct vault_info info;
    struct sign_key key;
    struct certificate certificate;
    struct envelope envelope;
    struct resealed_session resealed;
    struct revocation revocation;
    char name[OBJECT_NAME_BYTES];
    uint8_t id[ID_BYTES];
    if (len < 1)
        return 0;
    const uint8_t which = *p++;
    len--;
    switch (which) {
    case 0: (void)!config_decode(p, len, &info, NULL); break;
    case 1: (void)!keeper_decode(p, len, &key, NULL); break;
    case 2: (void)!certificate_decode(p, len, zero, &certificate, NULL); break;
    case 3:
        if (envelope_decode(p, len, &envelope, NULL) == 0)
            (void)envelope_is_signed(&envelope, zero);
        break;
    case 4: (void)!recipients_verify(p, len, zero, 0, zero, NULL); break;
    case 5: (void)!key_verify(p, len, zero, NULL); break;
    case 7: (void)!resealed_decode(p, len, zero, &resealed, NULL); break;
    case 8: (void)!revocation_decode(p, len, zero, &revocation, NULL); break;
    default:
        if (len && p[len - 1] == '\0') {
            (void)!object_name(VAULT_KEY, (const char *)p, name, NULL);
            (void)!object_name(VAULT_RESEALED, (const char *)p, name, NULL);
            (void)pack_name_decode((const char *)p, id);
        }
    }
    return 0;
}
