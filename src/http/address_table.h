/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many connections each address has now. IPv6 counts by /64, which is what one customer
 * gets. Any thread. The table never has more entries than there are connections.
 */
#ifndef ABRI_HTTP_ADDRESS_TABLE_H
#define ABRI_HTTP_ADDRESS_TABLE_H

#include "base/err.h"
#include "http/address.h"

#include <pthread.h>

/* What counts as one: IPv4 whole, IPv6 by /64. */
#define ADDRESS_KEY_BYTES 16
void address_key(const struct address *a, uint8_t key[ADDRESS_KEY_BYTES]);

struct address_slot;
struct address_table {
    pthread_mutex_t lock;
    struct address_slot **buckets;
    uint32_t bucket_count;
    uint32_t seed; /* so that nobody chooses addresses that collide */
};

MUST_CHECK int address_table_init(struct address_table *t, uint32_t connections, struct err *e);
void address_table_done(struct address_table *t);
/* Counts one more, unless there are `max`, or no memory. */
MUST_CHECK bool address_table_add(struct address_table *t, const struct address *a, uint32_t max);
void address_table_remove(struct address_table *t, const struct address *a);

#endif
