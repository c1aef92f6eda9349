/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What somebody may do in a vault.
 *
 * A4 A machine may add to the vault in which it has a writer; read it only if that was allowed at its
 *    enrolment, or by a grant that is in force. People read by grants alone.
 * A5 Whoever has no right at all, and does not look after the tenant either, is told the same as if there was no such vault.
 */
#include "server/server_internal.h"

#include "base/clock.h"

#include <string.h>

#define LOOKS_AFTER                                                                                \
    (R(ROLE_OWNER) | R(ROLE_SECURITY_OFFICER) | R(ROLE_OPERATOR) | R(ROLE_AUDITOR) |               \
     R(ROLE_TENANT_ADMIN) | R(ROLE_TENANT_RESTORER))

static void as_machine(struct request *q, const uint8_t *vault, struct vault_access *a)
{
    const struct catalog_identity *who = &q->caller.identity;
    bool writes = catalog_writer(q->server->catalog, vault, who->id, a->writer, NULL) == 0;
    if (!writes || who->type != IDENTITY_MACHINE ||
        memcmp(who->tenant, a->vault.tenant, EVENT_ID_BYTES) != 0)
        return;
    a->rights |= WIRE_RIGHT_ADD;
    if (who->restore)
        a->rights |= WIRE_RIGHT_READ;
}

static void by_grant(struct request *q, struct vault_access *a)
{
    struct catalog_grant g;
    if (catalog_grant(q->server->catalog, a->vault.vault, q->caller.identity.id,
                      clock_realtime_ns(), &g, NULL))
        return;
    a->rights |= WIRE_RIGHT_READ;
    memcpy(a->grant, g.grant, EVENT_ID_BYTES);
}

/* All look-ups are made whatever the first ones say (A5). */
int access_to_vault(struct request *q, const uint8_t vault[UID_BYTES], struct vault_access *out)
{
    struct vault_access a = {0};
    bool there = catalog_vault(q->server->catalog, vault, &a.vault, NULL) == 0;
    as_machine(q, vault, &a);
    by_grant(q, &a);
    bool looks_after = caller_may(q->server, &q->caller, LOOKS_AFTER, a.vault.tenant);
    if (!there || (!a.rights && !looks_after)) {
        reply_not_found(q);
        return -1;
    }
    *out = a;
    return 0;
}
