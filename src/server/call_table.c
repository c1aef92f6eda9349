/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of the API: this table is all there is. docs/api/openapi.yaml describes each. */
#include "server/api.h"

#define INSTALLATION (R(ROLE_OWNER) | R(ROLE_SECURITY_OFFICER) | R(ROLE_OPERATOR) | R(ROLE_AUDITOR))
#define TENANT       (R(ROLE_TENANT_ADMIN) | R(ROLE_TENANT_RESTORER))
#define LOOKERS      (INSTALLATION | TENANT)
#define ADMINS       (R(ROLE_OWNER) | R(ROLE_OPERATOR) | R(ROLE_TENANT_ADMIN))

#define ASKERS       (ADMINS | R(ROLE_SECURITY_OFFICER))

#define VAULT   "/v1/vaults/{vault}"
#define SESSION VAULT "/sessions/{session}"

const struct call calls[] = {
    {"GET", "/v1/authority", CALL_ANYONE, BODY_NONE, 0, api_authority, NULL, "the authority's certificate"},
    {"GET", "/v1/server", CALL_ANYONE, BODY_NONE, 0, api_server, NULL, "who this is"},
    {"POST", "/v1/enrol", CALL_ANYONE, BODY_JSON, WIRE_JSON_MAX, api_enrol, NULL, "a token for a certificate"},
    {"GET", "/v1/self", CALL_KNOWN, BODY_NONE, 0, api_self, NULL, "who I am"},
    {"POST", "/v1/self/certificate", CALL_KNOWN, BODY_JSON, WIRE_JSON_MAX, api_renew, NULL, "renew my certificate"},
    {"POST", "/v1/self/witness", CALL_KNOWN, BODY_JSON, WIRE_JSON_MAX, api_witness_key, NULL, "the key with which I co-sign"},
    {"POST", "/v1/self/vault/prepare", CALL_MACHINE, BODY_NONE, 0, api_vault_prepare, NULL, "the keeper's half of a vault"},
    {"PUT", "/v1/self/vault", CALL_MACHINE, BODY_BYTES, WIRE_BUNDLE_MAX, api_vault_adopt, NULL, "the owner's half"},

    {"GET", "/v1/vaults", LOOKERS, BODY_NONE, 0, api_vaults, NULL, "list vaults"},
    {"GET", VAULT, CALL_KNOWN, BODY_NONE, 0, api_vault, NULL, "describe a vault"},
    {"POST", VAULT "/keep", ASKERS, BODY_JSON, WIRE_JSON_MAX, api_vault_keep, NULL, "call off its end"},
    {"POST", VAULT "/writers", CALL_MACHINE, BODY_BYTES, VAULT_OBJECT_MAX, api_writer_add, NULL, "join a vault"},
    {"GET", VAULT "/writers/{writer}/past", CALL_MACHINE, BODY_NONE, 0, api_writer_past, NULL, "where my chain stands"},
    {"PUT", VAULT "/keys/{key}", CALL_MACHINE, BODY_BYTES, VAULT_OBJECT_MAX, api_key_add, NULL, "another passphrase: a recovery key, wrapped"},
    {"GET", VAULT "/objects", CALL_KNOWN, BODY_NONE, 0, api_object_list, NULL, "list objects"},
    {"GET", VAULT "/objects/{name}", CALL_KNOWN, BODY_NONE, 0, api_object, NULL, "read an object"},
    {"GET", VAULT "/outline", CALL_KNOWN, BODY_NONE, 0, api_outline, NULL, "lists and small objects in one answer"},
    {"POST", VAULT "/read", CALL_KNOWN, BODY_BYTES, WIRE_RANGES_MAX * (WIRE_NAME_MAX + 48), api_read, NULL, "read many ranges"},
    {"GET", VAULT "/snapshots", LOOKERS, BODY_NONE, 0, api_snapshots, NULL, "list snapshots, those in the trash as well"},
    {"POST", VAULT "/snapshots/lock", ASKERS, BODY_JSON, WIRE_JSON_MAX, api_snapshots_lock, NULL, "keep some until a time"},
    {"POST", VAULT "/snapshots/hold", ASKERS, BODY_JSON, WIRE_JSON_MAX, api_snapshots_hold, NULL, "keep some until two people release them"},
    {"POST", VAULT "/snapshots/tag", ASKERS, BODY_JSON, WIRE_JSON_MAX, api_snapshots_tag, NULL, "give some a tag"},
    {"POST", VAULT "/snapshots/undelete", ASKERS | R(ROLE_TENANT_RESTORER), BODY_JSON, WIRE_JSON_MAX, api_snapshots_undelete, NULL, "bring some back from the trash, and lock them"},
    {"PUT", SESSION, CALL_MACHINE, BODY_BYTES, VAULT_OBJECT_MAX, api_session_put, NULL, "a session's sealed key"},
    {"POST", SESSION "/begin", CALL_MACHINE, BODY_NONE, 0, api_session_begin, NULL, "begin a session"},
    {"POST", SESSION "/end", CALL_MACHINE, BODY_NONE, 0, api_session_end, NULL, "end it"},
    {"PUT", SESSION "/packs/{aa}/{pack}", CALL_MACHINE, BODY_STREAM, ARRIVAL_MAX, NULL, &pack_sink, "store a pack"},
    {"POST", SESSION "/snapshot", CALL_MACHINE, BODY_BYTES, (size_t)1 << 28, api_snapshot, NULL, "commit a snapshot"},

    {"GET", "/v1/tenants", LOOKERS, BODY_NONE, 0, api_tenants, NULL, "list tenants"},
    {"POST", "/v1/tenants", R(ROLE_OWNER) | R(ROLE_OPERATOR), BODY_JSON, WIRE_JSON_MAX, api_tenant_create, NULL, "make a tenant"},
    {"GET", "/v1/tenants/{tenant}", LOOKERS, BODY_NONE, 0, api_tenant, NULL, "describe a tenant"},
    {"POST", "/v1/tenants/{tenant}/close", R(ROLE_OWNER), BODY_JSON, WIRE_JSON_MAX, api_tenant_close, NULL, "close a tenant"},
    {"GET", "/v1/tenants/{tenant}/policy", LOOKERS, BODY_NONE, 0, api_policy_tenant, NULL, "a tenant's policy"},
    {"PUT", "/v1/tenants/{tenant}/policy", ADMINS, BODY_JSON, WIRE_JSON_MAX, api_policy_tenant_set, NULL, "set it: to keep more"},
    {"GET", VAULT "/policy", CALL_KNOWN, BODY_NONE, 0, api_policy_vault, NULL, "a vault's policy"},
    {"PUT", VAULT "/policy", ADMINS, BODY_JSON, WIRE_JSON_MAX, api_policy_vault_set, NULL, "set it: to keep more"},
    {"PUT", VAULT "/quota", R(ROLE_OWNER) | R(ROLE_OPERATOR), BODY_JSON, WIRE_JSON_MAX, api_quota_vault, NULL, "what was agreed on"},
    {"PUT", "/v1/tenants/{tenant}/quota", R(ROLE_OWNER) | R(ROLE_OPERATOR), BODY_JSON, WIRE_JSON_MAX, api_quota_tenant, NULL, "what was agreed on"},
    {"POST", "/v1/tenants/{tenant}/quota/enforce", R(ROLE_OWNER) | R(ROLE_OPERATOR), BODY_JSON, WIRE_JSON_MAX, api_quota_enforce, NULL, "decide that a quota ends protection, or that it does not"},
    {"GET", "/v1/tenants/{tenant}/usage", LOOKERS, BODY_NONE, 0, api_usage, NULL, "what a tenant uses, by months"},
    {"GET", "/v1/alarms", LOOKERS | CALL_MACHINE, BODY_NONE, 0, api_alarms, NULL, "list alarms"},
    {"POST", "/v1/alarms/{alarm}/close", ASKERS, BODY_JSON, WIRE_JSON_MAX, api_alarm_close, NULL, "close one: it is known"},
    {"GET", "/v1/requests", LOOKERS, BODY_NONE, 0, api_requests, NULL, "list requests for early deletion"},
    {"POST", "/v1/requests", ASKERS, BODY_JSON, WIRE_JSON_MAX, api_request_create, NULL, "ask for one"},
    {"POST", "/v1/requests/{request}/approve", ASKERS, BODY_JSON, WIRE_JSON_MAX, api_request_approve, NULL, "agree to it"},
    {"POST", "/v1/requests/{request}/sign", ASKERS, BODY_JSON, WIRE_JSON_MAX, api_request_sign, NULL, "the tenant's signature"},
    {"POST", "/v1/requests/{request}/cancel", ASKERS, BODY_JSON, WIRE_JSON_MAX, api_request_cancel, NULL, "cancel it"},
    {"GET", "/v1/upkeep", LOOKERS, BODY_NONE, 0, api_upkeep, NULL, "rounds of upkeep that have ended"},
    {"POST", "/v1/upkeep", R(ROLE_OWNER) | R(ROLE_OPERATOR), BODY_NONE, 0, api_upkeep_ask, NULL, "begin one now"},
    {"GET", "/v1/tokens", LOOKERS, BODY_NONE, 0, api_tokens, NULL, "list tokens"},
    {"POST", "/v1/tokens", ADMINS, BODY_JSON, WIRE_JSON_MAX, api_token_create, NULL, "make a token"},
    {"POST", "/v1/tokens/{token}/cancel", ADMINS, BODY_NONE, 0, api_token_cancel, NULL, "cancel a token"},
    {"GET", "/v1/identities", LOOKERS, BODY_NONE, 0, api_identities, NULL, "list machines and people"},
    {"GET", "/v1/identities/{id}", CALL_KNOWN, BODY_NONE, 0, api_identity, NULL, "describe one"},
    {"POST", "/v1/identities/{id}/revoke", ADMINS | R(ROLE_SECURITY_OFFICER), BODY_JSON, WIRE_JSON_MAX, api_identity_revoke, NULL, "revoke one, for ever"},
    {"POST", "/v1/identities/{id}/roles", R(ROLE_OWNER), BODY_JSON, WIRE_JSON_MAX, api_role_give, NULL, "give a role"},
    {"POST", "/v1/identities/{id}/roles/take", R(ROLE_OWNER), BODY_JSON, WIRE_JSON_MAX, api_role_take, NULL, "take a role"},
    {"GET", "/v1/grants", LOOKERS, BODY_NONE, 0, api_grants, NULL, "list rights to read"},
    {"POST", "/v1/grants", ADMINS | R(ROLE_SECURITY_OFFICER) | R(ROLE_TENANT_RESTORER), BODY_JSON, WIRE_JSON_MAX, api_grant_create, NULL, "give the right to read"},
    {"POST", "/v1/grants/{grant}/end", ADMINS | R(ROLE_SECURITY_OFFICER) | R(ROLE_TENANT_RESTORER), BODY_NONE, 0, api_grant_end, NULL, "end it"},

    {"GET", "/v1/log/checkpoint", CALL_KNOWN, BODY_NONE, 0, api_checkpoint, NULL, "the newest checkpoint"},
    {"GET", "/v1/log/consistency", CALL_KNOWN, BODY_NONE, 0, api_consistency, NULL, "prove that the log only grew"},
    {"GET", "/v1/log/inclusion", CALL_KNOWN, BODY_NONE, 0, api_inclusion, NULL, "prove that an entry is in it"},
    {"GET", "/v1/log/entries", CALL_KNOWN, BODY_NONE, 0, api_log_entries, NULL, "read entries that concern me"},
    {"GET", "/v1/log/prove", CALL_KNOWN, BODY_NONE, 0, api_log_prove, NULL, "an entry with its proof"},
    {"GET", "/v1/log/file", CALL_KNOWN, BODY_NONE, 0, api_log_file, NULL, "a file of the log: a tile, its checkpoint"},
    {"POST", "/v1/log/witness", CALL_KNOWN, BODY_JSON, WIRE_JSON_MAX, api_log_witness, NULL, "the newest checkpoint, and that the log only grew"},
    {"POST", "/v1/log/cosign", CALL_KNOWN, BODY_JSON, WIRE_JSON_MAX, api_log_cosign, NULL, "co-sign a checkpoint"},
};
const size_t call_count = sizeof calls / sizeof *calls;
