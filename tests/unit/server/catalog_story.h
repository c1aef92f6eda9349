/* SPDX-License-Identifier: Apache-2.0 */
/* A short log in which everything is taken: a tenant, an operator, a machine that enrols and backs up. */
#ifndef ABRI_TESTS_SERVER_CATALOG_STORY_H
#define ABRI_TESTS_SERVER_CATALOG_STORY_H

#include "catalog_world.h"

#define STORY_EVENTS 18
void story(struct event out[STORY_EVENTS]);
/* The catalogue at `path` with its first `count` events in it; the root is all bytes `count`. */
struct catalog *story_catalog(const char *path, size_t count);
/* Applies event number `index`. */
int story_apply(struct catalog *c, size_t index, struct err *e);
/* Fails the test unless `c` has exactly the first `count` events. */
void story_assert(struct catalog *c, size_t count);

#endif
