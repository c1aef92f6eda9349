/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON: one object a line, its kind in "message_type". docs/json.md lists every
 * object and field and promises what stays.
 *
 * JSON text is Unicode, names on a disk are bytes: a text that is not UTF-8 is
 * given with U+FFFD for what is broken, and exactly, in base64, in the field
 * "<name>_b64" beside it.
 */
#ifndef ABRI_CLI_JSON_OUT_H
#define ABRI_CLI_JSON_OUT_H

#include "cli/cli.h"

#include <jansson.h>

json_t *json_object_of(const char *message_type); /* what fails shows when it is printed */
void json_put_text(json_t *o, const char *field, const char *p, size_t len);
void json_put_string(json_t *o, const char *field, const char *text);
void json_put_texts(json_t *o, const char *field, const char *const *items, size_t count);
void json_put_number(json_t *o, const char *field, uint64_t n);
void json_put_real(json_t *o, const char *field, double n);
void json_put_seconds(json_t *o, const char *field, int64_t ns);
void json_put_bool(json_t *o, const char *field, bool yes);
void json_put_time(json_t *o, const char *field, int64_t ns);
void json_put_hex(json_t *o, const char *field, const uint8_t *p, size_t len);
/* What ls and find say of an entry: path, type, mode, uid, gid, mtime, size. */
void json_put_entry(json_t *o, const struct entry *en);
/* Prints the object as one line and drops it. With `screen` not held. */
void json_emit(struct cli *c, FILE *f, json_t *o);
/* The same with `screen` held, or nobody else about; does not flush. */
void json_emit_locked(FILE *f, json_t *o);

#endif
