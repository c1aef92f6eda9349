/* SPDX-License-Identifier: Apache-2.0 */
/* Making a vault: the owner's secrets, a recovery key wrapped by the
 * passphrase, and this machine as the first writer. */
#include "work/work_internal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "vault/keeper.h"

#include <string.h>

/* Measured in bench/ (docs/decisions/0003): 1 MiB gives zstd its window and
 * keeps a frame within the second-level cache. */
static const struct vault_chunking default_chunking = {
    .small_max = 256 << 10,
    .bundle_min = 512 << 10,
    .bundle_avg = 1 << 20,
    .bundle_max = 2 << 20,
    .cdc_min = 256 << 10,
    .cdc_avg = 1 << 20,
    .cdc_max = 4 << 20,
    .fixed = 512 << 10,
};

struct new_vault {
    const struct init_options *options;
    const struct work_dirs *dirs;
    const char *passphrase;
    struct vault_info info;
    struct vault_secrets *secrets;
    struct recovery_key *recovery;
    struct writer_key *writer;
    struct recipients recipients;
};

static void new_vault_done(struct new_vault *n)
{
    seal_secrets_free(n->secrets);
    recovery_key_free(n->recovery);
    writer_key_free(n->writer);
}

static int make_keys(struct new_vault *n, struct err *e)
{
    n->secrets = seal_secrets_new();
    n->recovery = recovery_key_new();
    n->writer = writer_key_new();
    if (!n->secrets || !n->recovery || !n->writer)
        return err_no_memory(e, "keys");
    seal_random(n->secrets, sizeof *n->secrets);
    recovery_key_generate(n->recovery);
    n->recipients = (struct recipients){.generation = 1, .count = 1};
    memcpy(n->recipients.public_keys[0], n->recovery->public_key, 32);
    return 0;
}

static int put_keys(struct new_vault *n, struct vault *v, struct err *e)
{
    const struct init_options *o = n->options;
    CLEANUP(buf_done) struct buf wrapped = {0};
    CLEANUP(buf_done) struct buf list = {0};
    CLEANUP(buf_done) struct buf certificate = {0};
    const uint8_t *vault_id = vault_get_info(v)->id;
    char host[256], name[2 * UID_BYTES + 1];
    uint8_t id[UID_BYTES];
    work_host_name(host);
    seal_random(id, sizeof id);
    hex_encode(id, sizeof id, name);
    const struct key_wrapping how = {
        .cost = o->cost, .label = host, .made_ns = clock_realtime_ns()};
    if (recovery_wrap(n->recovery, vault_id, n->passphrase, strlen(n->passphrase), &how, &wrapped, e) ||
        vault_put(v, VAULT_KEY, name, wrapped.data, wrapped.len, e) ||
        recipients_make(&n->recipients, vault_id, n->secrets, &list, e) ||
        vault_put(v, VAULT_RECIPIENTS, "0000000000000001", list.data, list.len, e) ||
        writer_enrol(n->writer, vault_id, n->secrets, 1, o->machine ? o->machine : host,
                     clock_realtime_ns(), &certificate, e))
        return -1;
    hex_encode(n->writer->id, UID_BYTES, name);
    return vault_put(v, VAULT_WRITER, name, certificate.data, certificate.len, e);
}

/* All keys are in place, here and there, before the vault exists: a cut leaves
 * nothing, or a vault that can be used. */
static int fill(void *arg, struct vault *v, struct err *e)
{
    struct new_vault *n = arg;
    return put_keys(n, v, e) ? -1 : writer_key_save(n->writer, n->dirs, e);
}

static int create(struct new_vault *n, struct store *s, struct err *e)
{
    const struct init_options *o = n->options;
    struct sign_key owner;
    if (make_keys(n, e))
        return -1;
    sign_key_from_seed(n->secrets->owner_seed, &owner);
    n->info.shared = o->shared;
    n->info.chunking = o->chunking.cdc_avg ? o->chunking : default_chunking;
    int rc = o->keeper_pk ? vault_create_far(s, &n->info, o->keeper_pk, &owner, fill, n, e)
                          : vault_create(s, &n->info, &owner, fill, n, e);
    sign_key_done(&owner);
    return rc;
}

int work_init_in(struct store *s, const struct init_options *o, const struct work_dirs *dirs,
                 work_ask *ask, void *arg, uint8_t vault_id_out[UID_BYTES], struct err *e)
{
    char passphrase[PASSPHRASE_MAX];
    CLEANUP(new_vault_done)
    struct new_vault n = {.options = o, .dirs = dirs, .passphrase = passphrase};
    if (sign_init(e))
        return -1;
    int rc = ask(arg, passphrase, e);
    if (rc == 0)
        rc = create(&n, s, e);
    seal_wipe(passphrase, sizeof passphrase);
    if (rc == 0)
        memcpy(vault_id_out, n.info.id, UID_BYTES);
    return rc;
}

int work_init(const struct init_options *o, const struct work_dirs *dirs, work_ask *ask, void *arg,
              uint8_t vault_id_out[UID_BYTES], struct err *e)
{
    struct store *s = NULL;
    if (store_dir_create(o->location, vault_unfinished, &s, e))
        return -1;
    int rc = work_init_in(s, o, dirs, ask, arg, vault_id_out, e);
    store_close(s);
    return rc;
}
