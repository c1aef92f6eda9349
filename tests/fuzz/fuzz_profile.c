/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles: what is read holds no NUL, has its kind, and can be found again. */
#include "base/mem.h"
#include "fuzz.h"
#include "profile/profile.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
    struct profile profile = {0};
    struct err e = ERR_INIT;
    if (profile_parse((const char *)p, len, &profile, &e)) {
        if (profile.keys || (e.cls == ERR_USAGE && strncmp(e.msg, "line ", 5) != 0))
            abort();
        return 0;
    }
    size_t bytes = 0;
    for (size_t i = 0; i < profile.count; i++) {
        const struct profile_key *k = &profile.keys[i];
        if (profile_find(&profile, k->table, k->name) != k || k->kind == PROFILE_UNSET)
            abort();
        if ((k->kind == PROFILE_BOOLEAN && k->count != 0) ||
            ((k->kind == PROFILE_STRING || k->kind == PROFILE_INTEGER) && k->count != 1))
            abort();
        for (size_t n = 0; n < k->count; n++)
            bytes += strlen(k->items[n]);
    }
    if (bytes > len)
        abort();
    profile_done(&profile);
    return 0;
}
