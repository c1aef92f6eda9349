/* SPDX-License-Identifier: Apache-2.0 */
/* What a server told of a vault ahead of the questions. Thread-safe; one lock, which is held over a request where one is needed. */
#ifndef ABRI_REMOTE_FAR_OUTLINE_H
#define ABRI_REMOTE_FAR_OUTLINE_H

#include "remote/far_store.h"

MUST_CHECK int outline_new(struct far_store *f, struct outline **out, struct err *e);
void outline_free(struct outline *o); /* NULL is fine */
/* Asks for what any opening begins with. An error only if nothing can be asked. */
MUST_CHECK int outline_open(struct outline *o, struct err *e);
/* The server sent one; takes the bytes. */
MUST_CHECK int outline_take(struct outline *o, struct buf *bytes, struct err *e);

/* 1 and the lines of a directory, appended, as fresh as one could ask for; 0: ask; -1. */
MUST_CHECK int outline_list(struct outline *o, const char *dir, struct buf *lines, struct err *e);
/* The server was asked, and this is the answer: it says which objects lie side by side. */
void outline_listed(struct outline *o, const char *dir, const struct buf *lines);
/* 1 and the object's first 64 KiB, and its length; 0: ask; -1. */
MUST_CHECK int outline_object(struct outline *o, const char *name, struct buf *begin,
                              uint64_t *object_len, struct err *e);
/* Where the writer's chain stood when the session began; once. */
bool outline_past(struct outline *o, const uint8_t writer[UID_BYTES], struct writer_past *out);

#endif
