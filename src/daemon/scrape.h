/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics for a collector on this machine: GET / or /metrics in HTTP/1.0's manner, one answer, and the connection ends.
 * The text is kept for some seconds, so that a collector that asks all the time costs no more than one that does not.
 */
#ifndef ABRI_DAEMON_SCRAPE_H
#define ABRI_DAEMON_SCRAPE_H

#include "daemon/local.h"
#include "server/server.h"

#define SCRAPE_KEEP_MS 5000

struct scrape;
/* `path` and `address` may be NULL. What the metrics' address became (port 0) is in where_out, "" without one. */
MUST_CHECK int scrape_start(struct server *s, const char *path, const char *address, struct scrape **out,
                            char where_out[80], struct err *e);
void scrape_stop(struct scrape *p); /* NULL is fine; before the server stops */

#endif
