/* SPDX-License-Identifier: Apache-2.0 */
/* A real server's site and a machine's real identity, for clients by hand and for measuring. */
#ifndef ABRI_TESTS_HTTP_BENCH_IDENTITY_H
#define ABRI_TESTS_HTTP_BENCH_IDENTITY_H

#include "site.h"

#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline char *bench_slurp(const char *dir, const char *name)
{
    char path[4096], *text = calloc(1, 65536);
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "rb");
    if (!f || !text || fread(text, 1, 65535, f) == 0) {
        perror(path);
        exit(1);
    }
    (void)fclose(f);
    return text;
}

/* `dir`: authority.pem, certificate.pem, key.pem. */
static inline void bench_identity(const char *port, const char *dir, struct site *s, struct identity *out)
{
    s->port = (int)strtol(port, NULL, 10);
    s->authority.pem = bench_slurp(dir, "authority.pem");
    BIO *b = BIO_new_mem_buf(s->authority.pem, -1);
    s->authority.certificate = PEM_read_bio_X509(b, NULL, NULL, NULL);
    BIO_free(b);
    if (!s->authority.certificate)
        exit(1);
    out->certificate_pem = bench_slurp(dir, "certificate.pem");
    out->key_pem = bench_slurp(dir, "key.pem");
}

#endif
