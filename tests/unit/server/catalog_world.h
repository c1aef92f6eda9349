/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small world for the catalogue: few ids, so that events made at random meet and contradict each other; a
 * naive model of what follows from them, written from docs/protocol/log.md; and all answers
 * of either as text, to be compared.
 */
#ifndef ABRI_TESTS_SERVER_CATALOG_WORLD_H
#define ABRI_TESTS_SERVER_CATALOG_WORLD_H

#include "base/mem.h"
#include "server/catalog.h"

#define WORLD_IDS 4 /* of each sort */
/* Sorts of ids; the last vault has the id of the first tenant. */
enum sort { TENANT = 1, PEOPLE, TOKEN, VAULT, WRITER, GRANT, REQUEST, SERIAL, SESSION };
void world_id(enum sort sort, unsigned n, uint8_t out[EVENT_ID_BYTES]);

struct world_random {
    uint64_t state;
};
uint64_t world_random(struct world_random *r, uint64_t below);
/* The next event; `now` goes on, and sometimes back. Texts are constants. */
struct event world_event(struct world_random *r, int64_t *now);

struct model;
struct model *model_new(void);
void model_free(struct model *m);
bool model_apply(struct model *m, const struct event *ev); /* whether it is taken */

/* All answers. `now` is when grants are asked for. */
void model_answers(const struct model *m, int64_t now, struct buf *out);
void catalog_answers(struct catalog *c, int64_t now, struct buf *out);

#endif
