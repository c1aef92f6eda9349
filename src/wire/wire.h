/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire: what agents and servers say to each other: names, statuses, the shapes of bodies, and which
 * right lets one see which object. Encode and decode only; nothing here sends or decides. docs/protocol/
 * describes it for people, docs/api/openapi.yaml for machines.
 *
 * Every decoder takes hostile input and is bounded by the limits named here. Thread-safe.
 */
#ifndef ABRI_WIRE_WIRE_H
#define ABRI_WIRE_WIRE_H

#include "base/bytes.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define WIRE_API      1 /* "/v1/…" */
/* What a caller says it speaks, in this field; whoever does not say (curl) speaks what the path says. A server
 * that does not speak it says so at once (protocol_newer, protocol_older), whatever the call. */
#define WIRE_PROTOCOL_FIELD "abri-protocol"
#define WIRE_ID_BYTES 16
#define WIRE_HASH_BYTES 32
#define WIRE_NAME_MAX 200 /* of an object, as the store has it */

/* The name that a server's certificate has, whatever it is called in the network. */
#define WIRE_SERVER_NAME "abrid"

#define WIRE_JSON   "application/json"
#define WIRE_BINARY "application/octet-stream"
#define WIRE_TEXT   "text/plain; charset=utf-8"
#define WIRE_PEM    "application/x-pem-file"

#define WIRE_JSON_MAX   ((size_t)256 << 10) /* of any JSON body but lists */
#define WIRE_BUNDLE_MAX ((size_t)4 << 20)
#define WIRE_LIST_MAX   ((size_t)256 << 20)

/* ---- the calls that there are ---------------------------------------------------------- */

struct wire_call {
    const char *method, *path; /* "/v1/vaults/{vault}/objects/{name}" */
    bool json;                 /* takes a JSON object */
};
extern const struct wire_call wire_calls[];
extern const size_t wire_call_count;

/* ---- objects and rights ------------------------------------------------------------ */

/* What somebody may do in a vault. Nobody may remove or replace: there is no such right. */
enum wire_right { WIRE_RIGHT_ADD = 1, WIRE_RIGHT_READ = 2 };

enum wire_access {
    WIRE_NEVER = 0, /* no name that anybody may see from outside */
    WIRE_OPEN,      /* with any right */
    WIRE_ENDS,      /* packs: with "add" header and footer of those one may build upon; with "read" all */
    WIRE_READ       /* with the right "read" alone */
};
/* Of an object's full name. */
enum wire_access wire_object_access(const char *name);
/* Of a directory, to list it: as the objects below it. */
enum wire_access wire_list_access(const char *dir);

/* ---- errors --------------------------------------------------------------------------- */

/* {"error":{"code":"token_used","class":"refused","message":"…"}}. `code` is finer than the class and stable. */
void wire_error_put(struct buf *out, const char *code, const struct err *e);
/* The error that a body says, whatever it says; always returns -1. Sizes and bytes are bounded; what is not
 * JSON becomes a general message with the status. `code_out` may be NULL (64 bytes). */
int wire_error_take(int status, const void *body, size_t len, char *code_out, struct err *e);
/* The HTTP status of a class, 400 … 507. */
int wire_status(enum err_class cls);

/* Whether a server that speaks WIRE_API alone can answer: `said` is the caller's WIRE_PROTOCOL_FIELD (NULL: not said), `path`
 * begins with "/v<N>/". NULL, or the code of the refusal, and ERR_NEWER (ERR_USAGE for what is no number). */
const char *wire_protocol_problem(const char *said, const char *path, struct err *e);

/* ---- lists of objects: lines "<length> <name>" --------------------------------------------- */

void wire_list_put(struct buf *out, const char *name, uint64_t len);
typedef int wire_each(void *arg, const char *name, uint64_t len, struct err *e);
MUST_CHECK int wire_list_take(const void *p, size_t len, wire_each *each, void *arg, struct err *e);

/* ---- reading many ranges at once ------------------------------------------------------------- */

#define WIRE_RANGES_MAX      4096
#define WIRE_RANGE_BYTES_MAX ((uint64_t)64 << 20) /* in one request */
struct wire_range {
    char name[WIRE_NAME_MAX + 1];
    uint64_t off;
    uint64_t len; /* what lies behind the end is left out */
};
/* Lines "<offset> <length> <name>". */
void wire_range_put(struct buf *out, const struct wire_range *r);
/* Calls `each` for every line. ERR_USAGE. */
typedef int wire_each_range(void *arg, const struct wire_range *r, struct err *e);
MUST_CHECK int wire_ranges_take(const void *p, size_t len, wire_each_range *each, void *arg,
                                struct err *e);
/* In the answer, for each range in order: a head and `len` bytes. */
#define WIRE_PART_HEAD 24u
struct wire_part {
    enum err_class cls;  /* ERR_UNSET: the bytes follow; else none do */
    uint64_t object_len; /* of the whole object, if it could be opened */
    uint64_t len;
};
void wire_part_put(const struct wire_part *h, uint8_t out[static WIRE_PART_HEAD]);
MUST_CHECK int wire_part_take(const uint8_t in[static WIRE_PART_HEAD], struct wire_part *out,
                              struct err *e);

/* ---- an outline of a vault: lists and small objects in one answer --------------------------------- */

#define WIRE_OUTLINE_PIECE ((size_t)64 << 10) /* of an object its first bytes, up to this */
#define WIRE_OUTLINE_MAX   (WIRE_LIST_MAX + ((size_t)8 << 20))
void wire_outline_begin(struct buf *out);
void wire_outline_list(struct buf *out, const char *dir, const struct buf *lines);
void wire_outline_object(struct buf *out, const char *name, uint64_t object_len, const void *p, size_t len);
/* Where a writer's chain stands. */
void wire_outline_past(struct buf *out, const uint8_t writer[WIRE_ID_BYTES], uint64_t sequence,
                       const uint8_t snapshot[WIRE_HASH_BYTES]);
void wire_outline_end(struct buf *out);
/* What is handed on borrows from the bytes; names end with NUL. Not 0 ends the taking, and is returned. */
struct wire_outline_sink {
    int (*list)(void *arg, const char *dir, const uint8_t *lines, size_t len, struct err *e);
    int (*object)(void *arg, const char *name, uint64_t object_len, const uint8_t *p, size_t len, struct err *e);
    int (*past)(void *arg, const uint8_t *writer, uint64_t sequence, const uint8_t *snapshot, struct err *e);
    void *arg;
};
MUST_CHECK int wire_outline_take(const void *p, size_t len, const struct wire_outline_sink *s, struct err *e);

/* ---- a new vault: all its objects in one body -------------------------------------------------- */

#define WIRE_BUNDLE_OBJECTS 64
struct wire_object {
    const char *name; /* NUL-terminated, borrowed */
    const uint8_t *bytes;
    size_t len;
};
void wire_bundle_begin(struct buf *out, size_t count);
void wire_bundle_put(struct buf *out, const struct wire_object *o);
/* Borrows from the bytes. */
MUST_CHECK int wire_bundle_take(const uint8_t *p, size_t len,
                                struct wire_object out[WIRE_BUNDLE_OBJECTS], size_t *count_out,
                                struct err *e);

/* ---- a snapshot: the writer's part and the reference set ------------------------------------------ */

#define WIRE_SNAPSHOT_HEAD 16u
void wire_snapshot_head(uint32_t w_len, uint32_t refs_len, uint8_t out[static WIRE_SNAPSHOT_HEAD]);
/* Borrows. */
MUST_CHECK int wire_snapshot_take(const uint8_t *p, size_t len, const uint8_t **w, size_t *w_len,
                                  const uint8_t **refs, size_t *refs_len, struct err *e);

/* ---- tokens ------------------------------------------------------------------------------------------ */

/* What an operator gives to a machine: a secret that is good once, and by what to know the server. Text:
 * "abri-" and 55 of a-z, 2-7 (base32 of pin, secret, check), so that it can be dictated; case and dashes
 * do not matter. */
#define WIRE_PIN_BYTES    16 /* the first half of pki's pin of the authority */
#define WIRE_SECRET_BYTES 16
#define WIRE_TOKEN_TEXT   80 /* with NUL */
struct wire_token {
    uint8_t pin[WIRE_PIN_BYTES], secret[WIRE_SECRET_BYTES];
};
void wire_token_text(const struct wire_token *t, char out[WIRE_TOKEN_TEXT]);
/* ERR_USAGE: a typing error says so. */
MUST_CHECK int wire_token_parse(const char *text, struct wire_token *out, struct err *e);

/* ---- where servers are ---------------------------------------------------------------------------------- */

#define WIRE_HOST_MAX     253
#define WIRE_DEFAULT_PORT 8443
struct wire_url {
    char host[WIRE_HOST_MAX + 1]; /* a name or an address, IPv6 without brackets */
    uint16_t port;
    bool has_vault;
    uint8_t vault[WIRE_ID_BYTES];
};
/* "https://HOST[:PORT][/VAULT]". ERR_USAGE for anything else. */
MUST_CHECK int wire_url_parse(const char *text, struct wire_url *out, struct err *e);
bool wire_is_url(const char *text);

#endif
