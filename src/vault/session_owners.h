/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which writer each session is of, as signatures say it. The header of a pack names
 * its writer unsigned: where packs come from somewhere else, it is believed only if
 * the sessions that sealed its frames are that writer's. Else whoever holds the other
 * place could give a writer chunks to build upon that are not what their ids say.
 */
#ifndef ABRI_VAULT_SESSION_OWNERS_H
#define ABRI_VAULT_SESSION_OWNERS_H

#include "vault/vault_internal.h"

struct session_owners {
    struct buf pairs; /* session id, writer id; ascending */
};
/* All sessions that verify; what does not is left out. Immutable, so any thread may ask. */
MUST_CHECK int session_owners_load(struct vault *v, struct session_owners *out, struct err *e);
void session_owners_done(struct session_owners *o);
/* ERR_DAMAGED unless the frame that begins there was sealed in a session of `writer`. */
MUST_CHECK int session_owners_check(const struct session_owners *o, const uint8_t *frame,
                                    const uint8_t writer[UID_BYTES], struct err *e);

#endif
