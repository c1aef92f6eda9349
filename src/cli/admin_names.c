/* SPDX-License-Identifier: Apache-2.0 */
/* What people call tenants, machines and vaults on a server: a whole id, the beginning of one, or a name. */
#include "cli/admin.h"

#include "base/mem.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define PREFIX_MIN 4

struct kind {
    const char *what; /* for messages */
    const char *path, *list, *id, *name;
};
static const struct kind kinds[] = {
    [ADMIN_TENANT] = {"tenant", "/v1/tenants", "tenants", "tenant", "name"},
    [ADMIN_IDENTITY] = {"machine or person", "/v1/identities", "identities", "id", "name"},
    [ADMIN_VAULT] = {"vault", "/v1/vaults", "vaults", "vault", NULL},
    [ADMIN_TOKEN] = {"token", "/v1/tokens", "tokens", "id", NULL},
    [ADMIN_GRANT] = {"right to read", "/v1/grants", "grants", "grant", NULL},
    [ADMIN_REQUEST] = {"request", "/v1/requests", "requests", "request", NULL},
};

int admin_list(struct remote *r, enum admin_kind kind, json_t **out, struct err *e)
{
    json_t *answer = NULL;
    if (remote_json(r, "GET", kinds[kind].path, NULL, &answer, e))
        return -1;
    json_t *list = json_incref(json_object_get(answer, kinds[kind].list));
    json_decref(answer);
    if (json_is_array(list)) {
        *out = list;
        return 0;
    }
    json_decref(list);
    return err_set(e, ERR_DAMAGED, "the server's list of %ss makes no sense", kinds[kind].what);
}

static bool is_prefix(const char *text, const char *id)
{
    size_t n = strlen(text);
    for (size_t i = 0; i < n; i++)
        if (!isxdigit((unsigned char)text[i]))
            return false;
    return n >= PREFIX_MIN && n <= 64 && id && strncmp(text, id, n) == 0;
}

/* Something that was closed or revoked is found by its id alone. */
static bool is_called(const json_t *o, const struct kind *k, const char *text)
{
    const char *name = k->name ? json_string_value(json_object_get(o, k->name)) : NULL;
    return name && strcmp(name, text) == 0 && json_is_null(json_object_get(o, k == &kinds[ADMIN_TENANT] ? "closed" : "revoked"));
}

static int choose(const json_t *list, const struct kind *k, const char *text, char out[ADMIN_ID_BYTES], struct err *e)
{
    unsigned found = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i);
        const char *id = json_string_value(json_object_get(o, k->id));
        if (!id || strlen(id) >= ADMIN_ID_BYTES || (!is_prefix(text, id) && !is_called(o, k, text)))
            continue;
        found++;
        memcpy(out, id, strlen(id) + 1);
    }
    if (found == 1)
        return 0;
    return err_set(e, found ? ERR_USAGE : ERR_NOT_FOUND,
                   found ? "'%.100s' may be %u different %ss: give more of its id" : "there is no '%.100s' among %u %ss",
                   text, found ? found : (unsigned)json_array_size(list), k->what);
}

/* The vault of a machine of that name. */
static int vault_of_machine(struct remote *r, const json_t *vaults, const char *name, char out[ADMIN_ID_BYTES], struct err *e)
{
    char machine[ADMIN_ID_BYTES];
    if (admin_find(r, ADMIN_IDENTITY, name, machine, e))
        return -1;
    unsigned found = 0;
    for (size_t i = 0; i < json_array_size(vaults); i++) {
        const json_t *o = json_array_get(vaults, i);
        const char *of = json_string_value(json_object_get(o, "machine"));
        const char *id = json_string_value(json_object_get(o, "vault"));
        if (!of || !id || strlen(id) >= ADMIN_ID_BYTES || strcmp(of, machine) != 0)
            continue;
        found++;
        memcpy(out, id, strlen(id) + 1);
    }
    return found == 1 ? 0
                      : err_set(e, found ? ERR_USAGE : ERR_NOT_FOUND, "'%.100s' made %u vaults: name one by its id", name, found);
}

int admin_find(struct remote *r, enum admin_kind kind, const char *text, char out[ADMIN_ID_BYTES], struct err *e)
{
    json_t *list = NULL;
    struct err why = ERR_INIT;
    if (admin_list(r, kind, &list, e))
        return -1;
    int rc = choose(list, &kinds[kind], text, out, &why);
    if (rc && kind == ADMIN_VAULT && why.cls == ERR_NOT_FOUND)
        rc = vault_of_machine(r, list, text, out, e);
    else if (rc)
        (void)err_give(e, &why);
    json_decref(list);
    return rc;
}

int admin_about(struct cli *c, enum admin_kind kind, const char *word, const char *verb, json_t *in,
                const char *message_type, struct err *e)
{
    struct remote *r = NULL;
    char id[ADMIN_ID_BYTES], path[256];
    if (admin_connect(c, &r, e)) {
        json_decref(in);
        return -1;
    }
    int rc = admin_find(r, kind, word, id, e);
    if (rc) {
        json_decref(in);
    } else {
        (void)snprintf(path, sizeof path, "%s/%s/%s", kinds[kind].path, id, verb);
        rc = admin_do(c, r, "POST", path, in, message_type, NULL, e);
    }
    remote_close(r);
    return rc;
}
