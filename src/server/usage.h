/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What vaults hold, counted by the keeper: bytes of their packs (not of parity and indexes). What machines say about
 * themselves is never used to bill or to refuse.
 */
#ifndef ABRI_SERVER_USAGE_H
#define ABRI_SERVER_USAGE_H

#include "server/server_internal.h"

/* Counts the packs of a vault, one by one. */
MUST_CHECK int usage_measure(struct store *store, uint64_t *out, struct err *e);
/* Of an opened vault: counted once, and then kept up to date with what arrives. 0 where it cannot be counted. */
uint64_t usage_of(struct server *s, struct vault_entry *v);
void usage_arrived(struct vault_entry *v, uint64_t bytes);
/* Upkeep counted: the log learns of it if it is news, and the opened vault too. */
MUST_CHECK int usage_record(struct server *s, const uint8_t vault[UID_BYTES], uint64_t stored,
                            uint64_t snapshots, struct err *e);

/* Whether `len` bytes more may be stored: ERR_NO_SPACE only if somebody decided that the tenant's quota is enforced. */
MUST_CHECK int quota_admit(struct server *s, const struct catalog_vault *about, struct vault_entry *v,
                           uint64_t len, struct err *e);
/* Raises the alarms of a tenant and of its vaults, or ends them. Nothing else happens. */
void quota_watch_tenant(struct server *s, const uint8_t tenant[EVENT_ID_BYTES]);
void quota_watch_vault(struct server *s, const uint8_t vault[UID_BYTES]);
/* Whether the tenant has more than was agreed on: for the invoice. */
bool quota_is_exceeded(struct server *s, const uint8_t tenant[EVENT_ID_BYTES]);

#endif
