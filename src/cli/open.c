/* SPDX-License-Identifier: Apache-2.0 */
/* How commands open the vault that the user named: as anyone, with a passphrase
 * or a key file as a reader, as its owner. */
#include "cli/key_text.h"

#include "base/mem.h"

int cli_open_at(struct cli *c, const char *location, struct access *out, struct err *e)
{
    struct err why = ERR_INIT;
    if (access_open(location, &c->dirs, out, e))
        return -1;
    if (!vault_needs_repair(out->vault))
        return 0;
    (void)err_set(&why, ERR_DAMAGED,
                  "is damaged, and was read by its parity: run `abri check --repair`");
    report_problem(c, "vault", &why);
    return 0;
}

int cli_open(struct cli *c, struct access *out, struct err *e)
{
    const char *location;
    return cli_location(c, &location, e) ? -1 : cli_open_at(c, location, out, e);
}

static int open_with_passphrase(struct cli *c, const char *location, struct access *out,
                                struct err *e)
{
    for (int attempt = 1;; attempt++) {
        struct access a = {0};
        c->prompted = false;
        if (attempt == 1 ? cli_open_at(c, location, &a, e) : access_open(location, &c->dirs, &a, e))
            return -1;
        if (access_as_reader(&a, passphrase_ask, c, e) == 0) {
            *out = a;
            return 0;
        }
        access_close(&a);
        if (e->cls != ERR_PASSPHRASE || !c->prompted || attempt == 3)
            return -1;
        report_error(c, e);
    }
}

static int open_with_file(struct cli *c, const char *location, struct access *out, struct err *e)
{
    struct access a = {0};
    if (cli_open_at(c, location, &a, e))
        return -1;
    struct recovery_key *k = recovery_key_new();
    int rc = k ? key_file_read(c->global.key_file, vault_get_info(a.vault)->id, k, e)
               : err_no_memory(e, "the recovery key");
    if (rc == 0)
        rc = access_with_key(&a, k, e);
    recovery_key_free(k);
    if (rc)
        access_close(&a);
    else
        *out = a;
    return rc;
}

static int open_reader(struct cli *c, const char *location, struct access *out, struct err *e)
{
    return c->global.key_file ? open_with_file(c, location, out, e)
                              : open_with_passphrase(c, location, out, e);
}

int cli_open_reader(struct cli *c, struct access *out, struct err *e)
{
    const char *location;
    return cli_location(c, &location, e) || open_reader(c, location, out, e) ? -1 : 0;
}

int cli_open_owner_at(struct cli *c, const char *location, struct access *out, struct err *e)
{
    struct access a = {0};
    if (open_reader(c, location, &a, e))
        return -1;
    if (access_as_owner(&a, e)) {
        access_close(&a);
        return -1;
    }
    *out = a;
    return 0;
}

int cli_open_owner(struct cli *c, struct access *out, struct err *e)
{
    const char *location;
    return cli_location(c, &location, e) || cli_open_owner_at(c, location, out, e) ? -1 : 0;
}
