/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealing sessions for the recipients of today. Costs one small object a
 * session; data is not touched. docs/decisions/0012-changing-keys.md argues
 * why no session can slip through.
 *
 *  L1 A session's key that was sealed anew is durable, and was read back,
 *     before anything that held it is removed.
 *  L2 Removed is only: what an object of the generation in force replaces, and
 *     wrapped keys that this generation names as retired.
 *  L3 It can be cut anywhere and run again; two at once do no harm: both make
 *     objects that say the same, under one name.
 */
#include "work/keys.h"
#include "work/work_internal.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEX_UID (2 * UID_BYTES)

struct resealing {
    struct access *access;
    work_problem *problem;
    void *arg;
    struct buf sessions; /* ids, UID_BYTES each, ascending */
    struct buf doomed;   /* names to remove, RESEALED_NAME_BYTES each */
    enum vault_kind kind; /* of `doomed` */
    struct reseal_result result;
};

static void report(struct resealing *r, const char *item, const struct err *why)
{
    r->result.failed++;
    if (r->problem)
        r->problem(r->arg, item, why);
}

/* ---- which sessions there are ------------------------------------------------- */

static int gather_session(void *arg, const char *name, struct err *e)
{
    struct resealing *r = arg;
    uint8_t id[UID_BYTES];
    if (!hex_decode(name, HEX_UID, id, sizeof id))
        return 0;
    buf_put(&r->sessions, id, sizeof id);
    return buf_check(&r->sessions, "list of sessions", e);
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, UID_BYTES);
}

static void sort_sessions(struct buf *b)
{
    size_t count = b->len / UID_BYTES, kept = 0;
    if (count)
        qsort(b->data, count, UID_BYTES, compare_ids);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *id = b->data + i * UID_BYTES;
        if (kept && memcmp(b->data + (kept - 1) * UID_BYTES, id, UID_BYTES) == 0)
            continue;
        memmove(b->data + kept++ * UID_BYTES, id, UID_BYTES);
    }
    b->len = kept * UID_BYTES;
}

static int list_sessions(struct resealing *r, struct err *e)
{
    r->sessions.max = SIZE_MAX / 2;
    if (vault_list(r->access->vault, VAULT_SESSION, gather_session, r, e) ||
        vault_list(r->access->vault, VAULT_RESEALED, gather_session, r, e))
        return -1;
    sort_sessions(&r->sessions);
    return 0;
}

/* ---- one session ------------------------------------------------------------------ */

enum cover { COVER_NONE = 0, COVER_ORIGINAL, COVER_RESEALED };

static bool has(const struct recipients *r, const uint8_t public_key[32])
{
    for (uint32_t i = 0; i < r->count; i++)
        if (memcmp(r->public_keys[i], public_key, 32) == 0)
            return true;
    return false;
}

static bool same_set(const struct recipients *a, const struct recipients *b)
{
    for (uint32_t i = 0; i < a->count; i++)
        if (!has(b, a->public_keys[i]))
            return false;
    for (uint32_t i = 0; i < b->count; i++)
        if (!has(a, b->public_keys[i]))
            return false;
    return true;
}

/* What seals the session for exactly the recipients of today. */
static int covered_by(struct resealing *r, const uint8_t *session, enum cover *out, struct err *e)
{
    struct access *a = r->access;
    char name[RESEALED_NAME_BYTES], generation[GENERATION_NAME_BYTES];
    CLEANUP(buf_done) struct buf object = {0};
    struct recipients sealed = {0};
    generation_name(a->recipients.generation, generation);
    int found = vault_resealed_find(a->vault, session, false, name, e);
    *out = COVER_NONE;
    if (found < 0)
        return -1;
    if (found && strcmp(name + HEX_UID + 1, generation) == 0) {
        *out = COVER_RESEALED;
        return 0;
    }
    hex_encode(session, UID_BYTES, name);
    if (vault_get(a->vault, VAULT_SESSION, name, &object, NULL) == 0 &&
        envelope_recipients(object.data, object.len, vault_get_info(a->vault)->id, &sealed,
                            NULL) == 0 &&
        same_set(&sealed, &a->recipients))
        *out = COVER_ORIGINAL;
    return 0;
}

/* Reads back what was stored: the signature, and the key itself if we can. */
static int read_back(struct access *a, const char *name, const struct data_key *key, struct err *e)
{
    CLEANUP(buf_done) struct buf object = {0};
    struct data_key *back = data_key_new();
    uint64_t generation;
    const struct vault_info *info = vault_get_info(a->vault);
    int rc = back ? vault_get(a->vault, VAULT_RESEALED, name, &object, e)
                  : err_no_memory(e, "a session key");
    if (rc == 0 && has(&a->recipients, a->recovery->public_key)) {
        rc = resealed_open(object.data, object.len, info->id, info->owner_pk, a->recovery, back,
                           &generation, e);
        if (rc == 0 && memcmp(back, key, sizeof *key) != 0)
            rc = err_set(e, ERR_DAMAGED, "what was stored is not what was sealed");
    }
    data_key_free(back);
    return rc;
}

static int seal_anew(struct resealing *r, const uint8_t *session, struct err *e)
{
    struct access *a = r->access;
    uint8_t writer[UID_BYTES];
    char name[RESEALED_NAME_BYTES], generation[GENERATION_NAME_BYTES];
    const struct data_key *key;
    CLEANUP(buf_done) struct buf object = {0};
    hex_encode(session, UID_BYTES, name);
    generation_name(a->recipients.generation, generation);
    name[HEX_UID] = '-';
    memcpy(name + HEX_UID + 1, generation, sizeof generation);
    if (vault_session_writer(a->vault, session, writer, e) ||
        keyring_get(a->keyring, session, &key, e) ||
        resealed_make(key, writer, &a->recipients, vault_get_info(a->vault)->id, a->secrets,
                      &object, e))
        return -1;
    struct err why = ERR_INIT;
    if (vault_put(a->vault, VAULT_RESEALED, name, object.data, object.len, &why) &&
        why.cls != ERR_EXISTS)
        return err_give(e, &why);
    return read_back(a, name, key, e);
}

static bool is_of_one_session(const struct err *e)
{
    return e->cls == ERR_DAMAGED || e->cls == ERR_NO_KEY || e->cls == ERR_NOT_FOUND ||
           e->cls == ERR_NEWER;
}

static int reseal_one(struct resealing *r, const uint8_t *session, struct err *e)
{
    char name[RESEALED_NAME_BYTES];
    struct err why = ERR_INIT;
    enum cover cover;
    if (covered_by(r, session, &cover, e))
        return -1;
    if (cover != COVER_NONE)
        return 0;
    if (seal_anew(r, session, &why) == 0) {
        r->result.resealed++;
        return 0;
    }
    if (!is_of_one_session(&why))
        return err_give(e, &why);
    hex_encode(session, UID_BYTES, name);
    report(r, name, &why);
    return 0;
}

/* ---- what nothing needs any more ----------------------------------------------------- */

static int doom(struct resealing *r, const char *name, struct err *e)
{
    char padded[RESEALED_NAME_BYTES] = {0};
    (void)snprintf(padded, sizeof padded, "%s", name);
    buf_put(&r->doomed, padded, sizeof padded);
    return buf_check(&r->doomed, "list of objects", e);
}

/* A session: an original, or an earlier re-sealing, that a later one replaces. */
static int doom_session(void *arg, const char *name, struct err *e)
{
    struct resealing *r = arg;
    uint8_t session[UID_BYTES];
    char newest[RESEALED_NAME_BYTES], generation[GENERATION_NAME_BYTES];
    if (!hex_decode(name, HEX_UID, session, sizeof session))
        return 0;
    generation_name(r->access->recipients.generation, generation);
    int found = vault_resealed_find(r->access->vault, session, false, newest, e);
    if (found < 0)
        return -1;
    bool replaced = found && strcmp(newest + HEX_UID + 1, generation) == 0 &&
                    strcmp(newest, name) != 0;
    return replaced ? doom(r, name, e) : 0;
}

static int doom_generation(void *arg, const char *name, struct err *e)
{
    struct resealing *r = arg;
    char generation[GENERATION_NAME_BYTES];
    generation_name(r->access->recipients.generation, generation);
    return strcmp(name, generation) < 0 ? doom(r, name, e) : 0;
}

static int doom_key(void *arg, const char *name, struct err *e)
{
    struct resealing *r = arg;
    struct access *a = r->access;
    struct key_info info;
    CLEANUP(buf_done) struct buf object = {0};
    if (vault_get(a->vault, VAULT_KEY, name, &object, NULL) ||
        recovery_describe(object.data, object.len, vault_get_info(a->vault)->id, &info, NULL))
        return 0;
    for (uint32_t i = 0; i < a->retired->count; i++)
        if (memcmp(a->retired->keys[i].public_key, info.public_key, 32) == 0)
            return doom(r, name, e);
    return 0;
}

static int remove_doomed(struct resealing *r, enum vault_kind kind, vault_each_name *choose,
                         struct err *e)
{
    buf_reset(&r->doomed);
    if (vault_list(r->access->vault, kind, choose, r, e))
        return -1;
    for (size_t at = 0; at < r->doomed.len; at += RESEALED_NAME_BYTES) {
        struct err why = ERR_INIT;
        if (vault_remove_object(r->access->vault, kind, (const char *)r->doomed.data + at, &why) ==
            0)
            r->result.removed++;
        else if (why.cls != ERR_NOT_FOUND)
            return err_give(e, &why);
    }
    return 0;
}

/* Keys first: they are what opens the rest. */
static int tidy(struct resealing *r, struct err *e)
{
    uint8_t none[UID_BYTES] = {0};
    char name[RESEALED_NAME_BYTES];
    if (vault_resealed_find(r->access->vault, none, true, name, e) < 0)
        return -1; /* only for the fresh list of names */
    r->doomed.max = SIZE_MAX / 2;
    return remove_doomed(r, VAULT_KEY, doom_key, e) ||
                   remove_doomed(r, VAULT_SESSION, doom_session, e) ||
                   remove_doomed(r, VAULT_RESEALED, doom_session, e) ||
                   (r->result.failed == 0 &&
                    remove_doomed(r, VAULT_RECIPIENTS, doom_generation, e))
               ? -1
               : 0;
}

int work_reseal(struct access *a, work_problem *problem, void *arg, struct reseal_result *out,
                struct err *e)
{
    struct resealing r = {.access = a, .problem = problem, .arg = arg};
    struct err why = ERR_INIT;
    int rc = list_sessions(&r, &why);
    r.result.sessions = r.sessions.len / UID_BYTES;
    for (size_t at = 0; rc == 0 && at < r.sessions.len; at += UID_BYTES)
        rc = reseal_one(&r, r.sessions.data + at, &why);
    if (rc == 0)
        rc = tidy(&r, &why);
    buf_done(&r.sessions);
    buf_done(&r.doomed);
    if (rc == 0)
        *out = r.result;
    else
        (void)err_give(e, &why);
    return rc;
}
