/* SPDX-License-Identifier: Apache-2.0 */
/* Lists in answers: each caller sees what belongs to tenants that it looks after. */
#include "server/api.h"

#include "base/mem.h"

#include <string.h>

#define OF_INSTALLATION                                                                            \
    (R(ROLE_OWNER) | R(ROLE_SECURITY_OFFICER) | R(ROLE_OPERATOR) | R(ROLE_AUDITOR))

int listing_begin(struct listing *l)
{
    static const uint8_t none[EVENT_ID_BYTES];
    l->all = caller_may(l->q->server, &l->q->caller, OF_INSTALLATION, none);
    l->array = json_array();
    if (l->array)
        return 0;
    reply_json(l->q, 500, NULL);
    return -1;
}

bool listing_shows(const struct listing *l, const uint8_t tenant[EVENT_ID_BYTES])
{
    return l->all || (!bytes_are_zero(tenant, EVENT_ID_BYTES) &&
                      memcmp(l->q->caller.identity.tenant, tenant, EVENT_ID_BYTES) == 0);
}

void listing_end(struct listing *l, const char *name, int rc, const struct err *e)
{
    if (rc) {
        json_decref(l->array);
        reply_fail(l->q, e);
        return;
    }
    reply_json(l->q, 200, json_pack("{s:o}", name, l->array));
}
