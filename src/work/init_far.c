/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making a vault on a server: the owner's half is made here, in memory, for the keeper that the server
 * names, and sent whole. The server never sees a secret of it.
 */
#include "work/work_internal.h"

#include "base/mem.h"
#include "remote/remote.h"

#include <string.h>
#include <unistd.h>

static int make_and_send(struct remote *r, const struct init_options *o,
                         const struct work_dirs *dirs, work_ask *ask, void *arg,
                         uint8_t vault_id_out[UID_BYTES], struct err *e)
{
    struct init_options far = *o;
    struct store *made = NULL;
    uint8_t keeper_pk[SIGN_PUBLIC_BYTES], id[UID_BYTES];
    far.keeper_pk = keeper_pk;
    if (remote_prepare_vault(r, keeper_pk, e) || store_mem_open(&made, e))
        return -1;
    int rc = work_init_in(made, &far, dirs, ask, arg, id, e) || remote_send_vault(r, made, id, e)
                 ? -1
                 : 0;
    store_close(made);
    if (!rc)
        memcpy(vault_id_out, id, UID_BYTES);
    return rc;
}

/* The server has one of this machine already: ours, if its writer's key is here (all keys are in place before it is
 * sent), and the answer was lost. */
static int take_up(struct remote *r, const struct work_dirs *dirs, uint8_t vault_id_out[UID_BYTES])
{
    char path[4096];
    uint8_t id[UID_BYTES];
    if (remote_find_vault(r, id, NULL) || writer_key_path(dirs, id, path, sizeof path, NULL) ||
        access(path, R_OK) || remote_note_vault(r, id, NULL))
        return -1; /* what the server said stands */
    memcpy(vault_id_out, id, UID_BYTES);
    return 0;
}

int work_init_far(const struct init_options *o, const struct work_dirs *dirs, work_ask *ask,
                  void *arg, uint8_t vault_id_out[UID_BYTES], struct err *e)
{
    const struct remote_where where = {dirs->config, dirs->cache, dirs->cancel, dirs->log_alarm, dirs->log_arg};
    struct remote *r = NULL;
    if (sign_init(e) || remote_connect(&where, o->location, &r, e))
        return -1;
    struct err why = ERR_INIT;
    int rc = make_and_send(r, o, dirs, ask, arg, vault_id_out, &why);
    if (rc && (why.cls != ERR_EXISTS || take_up(r, dirs, vault_id_out)))
        (void)err_give(e, &why);
    else
        rc = 0;
    remote_close(r);
    return rc;
}
