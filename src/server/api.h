/* SPDX-License-Identifier: Apache-2.0 */
/* The calls' handlers, by file; call_table.c lists them. Each answers exactly once. */
#ifndef ABRI_SERVER_API_H
#define ABRI_SERVER_API_H

#include "server/server_internal.h"

#define API_HANDLER(name)                                                                          \
    void name(struct request *q, const json_t *in, const uint8_t *body, size_t len)

/* api_enrol.c */
API_HANDLER(api_authority);
API_HANDLER(api_server);
API_HANDLER(api_enrol);
API_HANDLER(api_renew);
API_HANDLER(api_self);
/* What the log and the catalogue know of a token. */
void token_id(const uint8_t secret[WIRE_SECRET_BYTES], uint8_t out[EVENT_ID_BYTES]);
MUST_CHECK int api_random(void *p, size_t len, struct err *e);

/* listing.c: lists in answers */
struct listing {
    struct request *q;
    bool all; /* the caller looks after the whole installation */
    json_t *array;
};
/* -1: answered. */
int listing_begin(struct listing *l);
/* Whether the caller looks after that tenant; zeros: the installation's own. */
bool listing_shows(const struct listing *l, const uint8_t tenant[EVENT_ID_BYTES]);
/* {"<name>": […]}, or the error. Takes the array. */
void listing_end(struct listing *l, const char *name, int rc, const struct err *e);

/* api_tenants.c */
API_HANDLER(api_tenants);
API_HANDLER(api_tenant_create);
API_HANDLER(api_tenant);
API_HANDLER(api_tenant_close);

/* api_tokens.c */
API_HANDLER(api_tokens);
API_HANDLER(api_token_create);
API_HANDLER(api_token_cancel);
MUST_CHECK int token_make(struct server *s, struct event *ev, char out[WIRE_TOKEN_TEXT],
                          struct err *e);

/* api_identities.c */
API_HANDLER(api_identities);
API_HANDLER(api_identity);
API_HANDLER(api_identity_revoke);
API_HANDLER(api_role_give);
API_HANDLER(api_role_take);
/* Somebody has a role: others shall hear of it. */
void rights_given(struct server *s, const struct catalog_identity *whom, enum role role,
                  const uint8_t by[EVENT_ID_BYTES]);

/* api_grants.c */
API_HANDLER(api_grants);
API_HANDLER(api_grant_create);
API_HANDLER(api_grant_end);

/* api_vaults.c */
API_HANDLER(api_vaults);
API_HANDLER(api_vault);
API_HANDLER(api_vault_prepare);
API_HANDLER(api_vault_adopt);
API_HANDLER(api_writer_add);
API_HANDLER(api_key_add);
API_HANDLER(api_writer_past);

/* api_snapshots.c */
API_HANDLER(api_snapshots);
API_HANDLER(api_snapshots_lock);
API_HANDLER(api_snapshots_hold);
API_HANDLER(api_snapshots_tag);
API_HANDLER(api_snapshots_undelete);

/* api_ending.c */
API_HANDLER(api_vault_keep);

/* api_objects.c */
API_HANDLER(api_object);
API_HANDLER(api_object_list);
API_HANDLER(api_read);

/* outline.c */
API_HANDLER(api_outline);

/* api_sessions.c */
API_HANDLER(api_session_put);
API_HANDLER(api_session_begin);
API_HANDLER(api_session_end);
API_HANDLER(api_snapshot);
extern const struct http_sink pack_sink;

/* api_policies.c */
API_HANDLER(api_policy_tenant);
API_HANDLER(api_policy_tenant_set);
API_HANDLER(api_policy_vault);
API_HANDLER(api_policy_vault_set);
API_HANDLER(api_upkeep);
API_HANDLER(api_upkeep_ask);

/* api_alarms.c */
API_HANDLER(api_alarms);
API_HANDLER(api_alarm_close);

/* api_usage.c */
API_HANDLER(api_usage);
API_HANDLER(api_quota_tenant);
API_HANDLER(api_quota_vault);
API_HANDLER(api_quota_enforce);

/* api_requests.c */
API_HANDLER(api_requests);
API_HANDLER(api_request_create);
API_HANDLER(api_request_approve);
API_HANDLER(api_request_sign);
API_HANDLER(api_request_cancel);

/* api_log.c */
API_HANDLER(api_checkpoint);
API_HANDLER(api_consistency);
API_HANDLER(api_inclusion);
API_HANDLER(api_log_file);
/* "a=1&b=2": false if it is not there, or no number. */
bool query_number(const char *query, const char *key, uint64_t *out);
/* The value as it stands (nothing is decoded); false if it is not there or too long. */
bool query_text(const char *query, const char *key, char *out, size_t cap);
/* [base64, …]; NULL: out of memory. */
json_t *json_hashes(uint8_t proof[MERKLE_PROOF_MAX][MERKLE_BYTES], size_t count);
/* The log's key, as text, NUL-terminated. */
MUST_CHECK int log_key_text(const struct server *s, struct buf *out, struct err *e);

/* api_log_entries.c */
API_HANDLER(api_log_prove);
API_HANDLER(api_log_entries);

/* api_witness.c */
API_HANDLER(api_witness_key);
API_HANDLER(api_log_witness);
API_HANDLER(api_log_cosign);
/* Records that `id` has this key, if it is one of a witness: ERR_USAGE. */
MUST_CHECK int witness_record(struct server *s, const uint8_t id[EVENT_ID_BYTES], const char *text,
                              struct err *e);

#endif
