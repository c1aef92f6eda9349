/* SPDX-License-Identifier: Apache-2.0 */
/* Serving disks over NBD: where, and by which program. */
#ifndef ABRI_CLI_EXPORT_H
#define ABRI_CLI_EXPORT_H

#include "cli/cli.h"

/* ---- addresses ----------------------------------------------------------------------------- */

#define NBD_SOCKET_MAX 107u /* of struct sockaddr_un */

struct nbd_address {
    char socket[NBD_SOCKET_MAX + 1]; /* absolute; "": TCP */
    char host[256], port[6];         /* a host without brackets */
    bool is_local;                   /* nobody else's machine reaches it */
};
/* "/run/x.sock", "unix:/run/x.sock", "host:port", "[::1]:port", ":port". ERR_USAGE. */
MUST_CHECK int nbd_address_parse(const char *text, struct nbd_address *out, struct err *e);
/* As libnbd and QEMU read it, NUL-terminated. */
MUST_CHECK int nbd_uri(const struct nbd_address *a, bool tls, const char *name, struct buf *out,
                       struct err *e);

/* ---- nbdkit --------------------------------------------------------------------------------- */

struct nbd_server {
    const char *const *argv; /* ends with NULL; descriptor 3: the passphrase, 4: for the plugin's ready-fd */
    const char *passphrase;  /* may be NULL */
    const char *socket;      /* removed at the end; "": none */
    const atomic_bool *end;  /* ends it; NULL: whoever interrupts us does */
    void (*ready)(void *arg); /* clients are welcome now */
    void *arg;
};
/* Until it ends, or somebody interrupts us (then 0). What it complains of is reported meanwhile. */
MUST_CHECK int nbd_serve(struct cli *c, const struct nbd_server *s, struct err *e);
/* The words of nbdkit's command line that name our module, the vault and the snapshot; `disk` "" for all
 * of them, `plugin` NULL for that of nbd_plugin_path, `cache_size` 0 for the default. */
MUST_CHECK int nbd_plugin_words(struct cli *c, const char *plugin, const uint8_t snapshot[ID_BYTES],
                                const char *disk, uint64_t cache_size, struct string_list *words,
                                struct err *e);
/* One word more, formatted. */
MUST_CHECK int nbd_word(struct string_list *words, struct err *e, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* As argv, ended with NULL; borrows from the list. Freed by mem_free; NULL: no memory. */
const char **nbd_argv(const struct string_list *words);
/* Our module: beside the program that runs, else its name alone, which nbdkit knows if it is installed. */
void nbd_plugin_path(char out[4096]);

#endif
