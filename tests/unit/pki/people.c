/* SPDX-License-Identifier: Apache-2.0 */
#include "people.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

static void must(int rc, const struct err *e)
{
    if (rc == 0)
        return;
    fprintf(stderr, "%s\n", e->msg);
    abort();
}

char *people_text(struct buf *b)
{
    buf_put_u8(b, 0);
    if (b->failed)
        abort();
    char *text = (char *)b->data;
    *b = (struct buf){0};
    return text;
}

struct person people_authority(const char *name, struct pki_authority **open_out)
{
    struct buf certificate = {0}, key = {0};
    struct err e = ERR_INIT;
    must(pki_make_authority(name, &certificate, &key, &e), &e);
    struct person p = {people_text(&certificate), people_text(&key)};
    if (open_out)
        must(pki_authority_open(p.certificate, p.key, open_out, &e), &e);
    return p;
}

struct person people_machine(struct pki_authority *a, const char *uri, unsigned days,
                             int64_t now_ns, struct pki_identity *identity_out)
{
    struct buf key = {0}, request = {0}, certificate = {0};
    struct pki_identity identity;
    struct err e = ERR_INIT;
    must(pki_make_request(&key, &request, &e), &e);
    CLEANUP_FREE char *text = people_text(&request);
    must(pki_certify(a, text, uri, days, now_ns, &certificate, &identity, &e), &e);
    if (identity_out)
        *identity_out = identity;
    return (struct person){people_text(&certificate), people_text(&key)};
}

struct person people_server(struct pki_authority *a, const char *const *names, size_t count,
                            unsigned days, int64_t now_ns)
{
    struct buf key = {0}, certificate = {0};
    struct err e = ERR_INIT;
    must(pki_make_server(a, names, count, days, now_ns, &certificate, &key, &e), &e);
    return (struct person){people_text(&certificate), people_text(&key)};
}

void people_done(struct person *p)
{
    mem_free(p->certificate);
    mem_free(p->key);
}
