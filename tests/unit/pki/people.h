/* SPDX-License-Identifier: Apache-2.0 */
/* An authority, and somebody whom it certifies; shared by the tests of the room. */
#ifndef ABRI_TESTS_PKI_PEOPLE_H
#define ABRI_TESTS_PKI_PEOPLE_H

#include "pki/pki.h"

#define PEOPLE_URI "abri:machine:00112233445566778899aabbccddeeff"
#define PEOPLE_DAY INT64_C(86400000000000)

/* PEM as a C string; everything here ends the test if it fails. */
struct person {
    char *certificate, *key;
};
struct person people_authority(const char *name, struct pki_authority **open_out);
struct person people_machine(struct pki_authority *a, const char *uri, unsigned days,
                             int64_t now_ns, struct pki_identity *identity_out);
struct person people_server(struct pki_authority *a, const char *const *names, size_t count,
                            unsigned days, int64_t now_ns);
void people_done(struct person *p);
/* The text of a buffer, which is emptied. */
char *people_text(struct buf *b);

#endif
