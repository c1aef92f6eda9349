/* SPDX-License-Identifier: Apache-2.0 */
/* All questions of the small world, and answers as text. */
#ifndef ABRI_TESTS_SERVER_CATALOG_PRINT_H
#define ABRI_TESTS_SERVER_CATALOG_PRINT_H

#include "catalog_world.h"

struct question {
    enum {
        ASK_TENANT, ASK_NAMED, ASK_IDENTITY, ASK_ROLES, ASK_CERTIFICATE, ASK_TOKEN, ASK_VAULT, ASK_WRITER,
        ASK_VAULT_OF, ASK_GRANT, ASK_POLICY, ASK_WITNESS, ASK_REQUEST, ASK_LIST, ASK_ALARM, ASK_STANDING, ASK_HELD,
        ASK_QUOTA, ASK_MONTHS, ASK_EARLIER, ASK_UPLOADED
    } what;
    uint8_t a[16], b[16];
    const char *name;
    int64_t now;
    const uint8_t *listed; /* tenant */
};
typedef void ask_one(void *who, const struct question *q, struct buf *out);
void ask_all(ask_one *ask, void *who, int64_t now, struct buf *out);

void print_id(struct buf *out, const uint8_t id[16]);
void print_text(struct buf *out, const char *text);
void print_roles(struct buf *out, unsigned installation, unsigned of_tenant);
void print_tenant(struct buf *out, const struct catalog_tenant *t);
void print_identity(struct buf *out, const struct catalog_identity *i);
void print_token(struct buf *out, const struct catalog_token *t);
void print_vault(struct buf *out, const struct catalog_vault *v);
void print_grant(struct buf *out, const struct catalog_grant *g);
void print_alarm(struct buf *out, const struct catalog_alarm *a);
void print_held(struct buf *out, const struct catalog_held *h);
void print_quota(struct buf *out, const struct catalog_quota *q);
void print_month(struct buf *out, const struct catalog_month *m);
void print_uploaded(struct buf *out, const struct catalog_uploaded *u);
void print_time(struct buf *out, int64_t ns);
/* What ASK_STANDING asks about: the name, the tenant `a`, and nobody else. */
struct event question_cause(const struct question *q);
void print_request(struct buf *out, const struct catalog_request *r);

#endif
