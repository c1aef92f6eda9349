/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A world is made for one attack (or, with a given server, for all of them), and nothing of it stays: neither files nor
 * processes, nor clocks that were moved.
 */
#include "attack/world.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

int world_ask_passphrase(void *arg, char out[PASSPHRASE_MAX], struct err *e)
{
    const struct world *w = arg;
    (void)e;
    (void)snprintf(out, PASSPHRASE_MAX, "%s", w->passphrase);
    return 0;
}

bool world_cancelled(const struct world *w)
{
    return w->o->cancel && atomic_load(w->o->cancel);
}

static int choose_passphrase(struct world *w, struct err *e)
{
    uint8_t secret[32];
    if (getrandom(secret, sizeof secret, 0) != (ssize_t)sizeof secret)
        return err_set(e, ERR_IO, "no random numbers");
    hex_encode(secret, sizeof secret, w->passphrase);
    return 0;
}

/* ---- a server of its own ------------------------------------------------------------------------- */

/* "abri enrol https://… abri-…". */
static int first_token(const struct world *w, char out[WIRE_TOKEN_TEXT], struct err *e)
{
    CLEANUP(buf_done) struct buf text = {0};
    char path[WORLD_PATH + 32];
    (void)snprintf(path, sizeof path, "%s/bootstrap-token", w->root);
    if (file_slurp(AT_FDCWD, path, 2048, &text, e))
        return -1;
    buf_put_u8(&text, 0);
    const char *at = text.failed ? NULL : strstr((const char *)text.data, " abri-");
    size_t n = at ? strcspn(at + 1, " \n") : 0;
    if (!n || n >= WIRE_TOKEN_TEXT)
        return err_set(e, ERR_DAMAGED, "'%s' holds no token", path);
    (void)snprintf(out, WIRE_TOKEN_TEXT, "%.*s", (int)n, at + 1);
    return 0;
}

static int make_tenant(struct world *w, struct err *e)
{
    json_t *in = json_pack("{s:s}", "name", "Alpha"), *answer = NULL;
    int rc = in ? party_ask(&w->owner, "POST", "/v1/tenants", in, &answer, e) : err_no_memory(e, "a request");
    if (!rc)
        rc = json_take_text(answer, "tenant", w->tenant, sizeof w->tenant, e);
    json_decref(in);
    json_decref(answer);
    return rc;
}

static int populate_own(struct world *w, struct err *e)
{
    char token[WIRE_TOKEN_TEXT];
    if (world_start(w, e) || first_token(w, token, e) || party_enrol(&w->owner, w, "owner", token, e))
        return -1;
    w->renewing[w->renewing_count++] = &w->owner;
    return make_tenant(w, e) || party_machine(&w->web, w, "web", w->tenant, false, e) ? -1 : 0;
}

/* ---- a given one ---------------------------------------------------------------------------------- */

static int populate_given(struct world *w, struct err *e)
{
    (void)snprintf(w->url, sizeof w->url, "%s", w->o->url);
    if (party_enrol(&w->web, w, "web", w->o->tokens[0], e))
        return -1;
    if (strcmp(w->web.who.type, "machine") != 0)
        return err_set(e, ERR_USAGE, "the token is for a person: attacks need one for a machine");
    if (w->o->token_count < 2)
        return 0;
    w->has_other = true;
    return party_enrol(&w->other, w, "other", w->o->tokens[1], e);
}

int world_new(const struct attack_options *o, const char *dir, struct world **out, struct err *e)
{
    struct world *w = mem_zalloc(sizeof *w);
    if (!w)
        return err_no_memory(e, "a server for attacks");
    w->o = o;
    w->own = o->url == NULL;
    (void)snprintf(w->dir, sizeof w->dir, "%s", dir);
    if (w->own)
        (void)snprintf(w->root, sizeof w->root, "%.400s/root", dir);
    if (sign_init(e) || choose_passphrase(w, e) || file_make_dirs(dir, 0700, e) ||
        (w->own ? populate_own(w, e) : populate_given(w, e))) {
        world_free(w);
        return -1;
    }
    *out = w;
    return 0;
}

void world_free(struct world *w)
{
    const struct clock_shift none = {0};
    if (!w)
        return;
    party_done(&w->other);
    party_done(&w->web);
    party_done(&w->owner);
    world_stop(w, true);
    (void)!tree_remove(w->dir, NULL);
    clock_set_shift(&none);
    explicit_bzero(w->passphrase, sizeof w->passphrase);
    mem_free(w);
}

/* ---- looking --------------------------------------------------------------------------------------- */

static void count_page(const json_t *answer, const char *kind, const char *name, uint64_t *count)
{
    size_t i;
    json_t *entry;
    json_array_foreach(json_object_get(answer, "entries"), i, entry) {
        const json_t *event = json_object_get(entry, "event");
        const char *k = json_string_value(json_object_get(event, "kind")),
                   *n = json_string_value(json_object_get(event, "name"));
        *count += k && strcmp(k, kind) == 0 && (!name || (n && strcmp(n, name) == 0));
    }
}

int world_entries(struct world *w, const char *kind, const char *name, uint64_t *out, struct err *e)
{
    uint64_t count = 0, from = 0, size = 1;
    while (from < size) {
        char path[128];
        json_t *answer = NULL;
        (void)snprintf(path, sizeof path, "/v1/log/entries?from=%llu&count=1000", (unsigned long long)from);
        if (party_ask(&w->owner, "GET", path, NULL, &answer, e))
            return -1;
        count_page(answer, kind, name, &count);
        uint64_t next = (uint64_t)json_integer_value(json_object_get(answer, "next"));
        size = (uint64_t)json_integer_value(json_object_get(answer, "size"));
        json_decref(answer);
        if (next <= from)
            break;
        from = next;
    }
    *out = count;
    return 0;
}

void world_vault_dir(const struct world *w, const struct party *machine, char out[WORLD_PATH])
{
    char hex[2 * UID_BYTES + 1];
    party_vault(machine, hex);
    (void)snprintf(out, WORLD_PATH, "%.400s/vaults/%s", w->root, hex);
}

struct printing {
    const char *dir;
    struct buf items;
};

/* What is derived, or the keeper's own diary, changes by itself. */
static bool is_passing(const char *path)
{
    static const char *const passing[] = {"index", "tmp", "clock"};
    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++) {
        size_t n = strlen(passing[i]);
        if (strncmp(path, passing[i], n) == 0 && (path[n] == '/' || path[n] == '\0'))
            return true;
    }
    return false;
}

static int print_one(void *arg, const char *path, struct err *e)
{
    struct printing *p = arg;
    CLEANUP(buf_done) struct buf bytes = {.max = (size_t)256 << 20};
    struct file_print f = {0};
    char full[WORLD_PATH * 2];
    if (is_passing(path))
        return 0;
    (void)snprintf(full, sizeof full, "%s/%s", p->dir, path);
    if (file_slurp(AT_FDCWD, full, (size_t)256 << 20, &bytes, e))
        return -1;
    (void)snprintf(f.name, sizeof f.name, "%s", path);
    hash_bytes(bytes.data, bytes.len, f.hash);
    buf_put(&p->items, &f, sizeof f);
    return buf_check(&p->items, "a list of files", e);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct file_print *)a)->name, ((const struct file_print *)b)->name);
}

int world_prints(const char *dir, struct file_prints *out, struct err *e)
{
    struct printing p = {.dir = dir, .items = {.max = (size_t)1 << 30}};
    if (tree_files(dir, print_one, &p, e)) {
        buf_done(&p.items);
        return -1;
    }
    out->count = p.items.len / sizeof(struct file_print);
    out->items = mem_array(out->count + 1, sizeof *out->items);
    if (out->items && out->count) {
        memcpy(out->items, p.items.data, p.items.len);
        qsort(out->items, out->count, sizeof *out->items, by_name);
    }
    buf_done(&p.items);
    return out->items ? 0 : err_no_memory(e, "a list of files");
}
