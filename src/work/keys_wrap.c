/* SPDX-License-Identifier: Apache-2.0 */
/* Wrapping recovery keys by passphrases: another one, one in place of another.
 * Changes no recipient. */
#include "work/keys_internal.h"
#include "work/work_internal.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

/* As the key that was opened, or the default. */
static struct kdf_cost cost_of_opened(struct access *a)
{
    CLEANUP(buf_done) struct buf object = {0};
    struct key_info info = {0};
    if (a->key_name[0] && vault_get(a->vault, VAULT_KEY, a->key_name, &object, NULL) == 0 &&
        recovery_describe(object.data, object.len, vault_get_info(a->vault)->id, &info, NULL) == 0)
        return info.cost;
    return KDF_COST_DEFAULT;
}

int keys_wrap(struct access *a, const struct recovery_key *k, const struct new_passphrase *p,
              char name_out[KEY_NAME_BYTES], struct err *e)
{
    CLEANUP(buf_done) struct buf object = {0};
    uint8_t id[UID_BYTES];
    char host[256], name[KEY_NAME_BYTES];
    struct kdf_cost usual = cost_of_opened(a), cost = p->cost;
    work_host_name(host);
    if (!cost.passes)
        cost.passes = usual.passes;
    if (!cost.memory_kib)
        cost.memory_kib = usual.memory_kib;
    const struct key_wrapping how = {.cost = cost,
                                     .label = p->label ? p->label : host,
                                     .made_ns = clock_realtime_ns()};
    seal_random(id, sizeof id);
    hex_encode(id, sizeof id, name);
    if (recovery_wrap(k, vault_get_info(a->vault)->id, p->text, strlen(p->text), &how, &object, e) ||
        vault_put(a->vault, VAULT_KEY, name, object.data, object.len, e))
        return -1;
    memcpy(name_out, name, sizeof name);
    return 0;
}

int work_key_add(struct access *a, const struct new_passphrase *p, char name_out[KEY_NAME_BYTES],
                 struct err *e)
{
    return keys_wrap(a, a->recovery, p, name_out, e);
}

/* Both passphrases open the vault between the two steps. */
int work_key_passwd(struct access *a, const struct new_passphrase *p, char name_out[KEY_NAME_BYTES],
                    struct err *e)
{
    CLEANUP(buf_done) struct buf object = {0};
    struct key_info info = {0};
    struct new_passphrase as_before = *p;
    const uint8_t *vault_id = vault_get_info(a->vault)->id;
    if (!a->key_name[0])
        return err_set(e, ERR_USAGE,
                       "the vault was opened by a key, not by a passphrase that could be changed: "
                       "use `abri key add`");
    if (vault_get(a->vault, VAULT_KEY, a->key_name, &object, e) ||
        recovery_describe(object.data, object.len, vault_id, &info, e))
        return -1;
    if (!p->label && info.label[0])
        as_before.label = info.label;
    if (keys_wrap(a, a->recovery, &as_before, name_out, e))
        return -1;
    if (vault_remove_object(a->vault, VAULT_KEY, a->key_name, e))
        return err_wrap(e, "the new passphrase works, but so does the old one: keys/%s",
                        a->key_name);
    memcpy(a->key_name, name_out, KEY_NAME_BYTES);
    return 0;
}
