/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pki_papers make DIR: an authority, a server, a machine and its request in DIR, as PEM.
 * pki_papers certify DIR REQUEST OUT: certifies a request by the authority in DIR; prints serial
 * and pin. pki_papers check CERTIFICATE KEY AUTHORITY: pki_check_pair. pki_papers read CERTIFICATE:
 * what pki_read sees. Failures are one line and status 1.
 */
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "pki/pki.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(int rc, const struct err *e)
{
    if (rc == 0)
        return;
    fprintf(stderr, "%s: %s\n", err_class_name(e->cls), e->msg);
    exit(1);
}

static void save(const char *dir, const char *name, struct buf *b)
{
    char path[4096];
    struct err e = ERR_INIT;
    (void)snprintf(path, sizeof path, "%s%s%s", dir, dir[0] ? "/" : "", name);
    must(file_replace(path, b->data, b->len, 0600, &e), &e);
    buf_done(b);
}

static char *load(const char *dir, const char *name)
{
    char path[4096];
    struct err e = ERR_INIT;
    struct buf b = {0};
    (void)snprintf(path, sizeof path, "%s%s%s", dir, dir[0] ? "/" : "", name);
    must(file_slurp(AT_FDCWD, path, (size_t)16 << 20, &b, &e), &e);
    buf_put_u8(&b, 0);
    return (char *)b.data;
}

static struct pki_authority *open_authority(const char *dir)
{
    struct err e = ERR_INIT;
    struct pki_authority *a = NULL;
    CLEANUP_FREE char *certificate = load(dir, "ca.pem");
    CLEANUP_FREE char *key = load(dir, "ca.key");
    must(pki_authority_open(certificate, key, &a, &e), &e);
    return a;
}

static void tell(const struct pki_identity *id)
{
    char serial[2 * PKI_SERIAL_BYTES + 1], pin[2 * PKI_PIN_BYTES + 1];
    hex_encode(id->serial, PKI_SERIAL_BYTES, serial);
    hex_encode(id->key_pin, PKI_PIN_BYTES, pin);
    printf("uri=%s\nserial=%s\npin=%s\nnot_before=%" PRId64 "\nnot_after=%" PRId64 "\n", id->uri,
           serial, pin, id->not_before_ns / NS_PER_S, id->not_after_ns / NS_PER_S);
}

static void certify(const char *dir, const char *request, const char *out)
{
    struct err e = ERR_INIT;
    struct buf certificate = {0};
    struct pki_identity id;
    CLEANUP_FREE char *text = load("", request);
    struct pki_authority *a = open_authority(dir);
    must(pki_certify(a, text, "abri:machine:00112233445566778899aabbccddeeff", 30,
                     clock_realtime_ns(), &certificate, &id, &e),
         &e);
    save("", out, &certificate);
    tell(&id);
    pki_authority_close(a);
}

static void make(const char *dir)
{
    static const char *const names[] = {"backup.example.com", "*.example.net", "192.0.2.1",
                                        "2001:db8::1"};
    struct err e = ERR_INIT;
    struct buf certificate = {0}, key = {0};
    must(pki_make_authority("abri of example.com", &certificate, &key, &e), &e);
    save(dir, "ca.pem", &certificate);
    save(dir, "ca.key", &key);
    struct pki_authority *a = open_authority(dir);
    must(pki_make_server(a, names, 4, 365, clock_realtime_ns(), &certificate, &key, &e), &e);
    save(dir, "server.pem", &certificate);
    save(dir, "server.key", &key);
    must(pki_make_request(&key, &certificate, &e), &e);
    save(dir, "machine.key", &key);
    save(dir, "machine.csr", &certificate);
    pki_authority_close(a);
}

int main(int argc, char **argv)
{
    struct err e = ERR_INIT;
    if (argc == 3 && strcmp(argv[1], "make") == 0) {
        make(argv[2]);
    } else if (argc == 5 && strcmp(argv[1], "certify") == 0) {
        certify(argv[2], argv[3], argv[4]);
    } else if (argc == 5 && strcmp(argv[1], "check") == 0) {
        CLEANUP_FREE char *certificate = load("", argv[2]);
        CLEANUP_FREE char *key = load("", argv[3]);
        CLEANUP_FREE char *authority = load("", argv[4]);
        must(pki_check_pair(certificate, key, authority, &e), &e);
    } else if (argc == 3 && strcmp(argv[1], "read") == 0) {
        struct buf b = {0};
        struct pki_identity id;
        must(file_slurp(AT_FDCWD, argv[2], (size_t)16 << 20, &b, &e), &e);
        must(pki_read(b.data, b.len, &id, &e), &e);
        buf_done(&b);
        tell(&id);
    } else {
        return 2;
    }
    return 0;
}
