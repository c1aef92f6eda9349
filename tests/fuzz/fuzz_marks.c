/* SPDX-License-Identifier: Apache-2.0 */
/* Marks, rules and witnesses: the input's first byte chooses which. Each is tried as it
 * is, and with the keeper's true signature behind it, so that what only a keeper
 * could have written is reached, too. */
#include "base/mem.h"
#include "fuzz.h"
#include "vault/mark_format.h"

#include <string.h>

static struct vault_info info;
static struct sign_key keeper;

static void prepare(void)
{
    static const uint8_t seed[SIGN_SEED_BYTES] = {1};
    struct err e = ERR_INIT;
    if (keeper.public_key[0] || keeper.public_key[1] || sign_init(&e))
        return;
    sign_key_from_seed(seed, &keeper);
    memcpy(info.keeper_pk, keeper.public_key, SIGN_PUBLIC_BYTES);
}

static void decode(int which, const uint8_t *p, size_t len)
{
    struct mark_fields m;
    struct vault_rules r;
    struct policy_witness w;
    uint64_t number;
    switch (which) {
    case 0:
        if (mark_decode(p, len, &info, &m, NULL) == 0 && m.text_len > MARK_TEXT_MAX)
            __builtin_trap();
        break;
    case 1:
        if (rules_decode(p, len, &info, &r, NULL) == 0 && (r.floor_ns < 0 || !r.generation))
            __builtin_trap();
        break;
    case 2: (void)!witness_decode(p, len, &info, &number, &w, NULL); break;
    default:
        if (len && p[len - 1] == '\0') {
            (void)mark_name_decode((const char *)p, &number);
            (void)keeper_name_decode("clock", (const char *)p, &number);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    static const char *const contexts[] = {"mark", "rules", "clock"};
    prepare();
    if (len < 1)
        return 0;
    int which = p[0] % 4;
    decode(which, p + 1, len - 1);
    uint8_t *copy = which < 3 ? mem_alloc(len - 1 + SIGN_BYTES) : NULL;
    if (!copy)
        return 0;
    memcpy(copy, p + 1, len - 1);
    sign_make(&keeper, contexts[which], copy, len - 1, copy + len - 1);
    decode(which, copy, len - 1 + SIGN_BYTES);
    mem_free(copy);
    return 0;
}
