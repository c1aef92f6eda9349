/* SPDX-License-Identifier: Apache-2.0 */
/* abri admin request, approve, sign, cancel, tenant-key: early deletion and the end of vaults, which nobody can do alone; upkeep. */
#include "cli/admin.h"
#include "cli/amount.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct request_args {
    const char *role, *reason, *key;
};

static const struct option_spec role_options[] = {
    {.name = "role", .kind = OPTION_TEXT, .arg = "ROLE", OPTION_AT(request_args, role),
     .help = "in which of your roles: owner, security-officer, operator, tenant-admin (default: operator)"},
};

static const char *role_of(const struct request_args *a)
{
    return a->role ? a->role : "operator";
}

/* ---- asking --------------------------------------------------------------------------------- */

static int sequences(const struct words *w, json_t **out, struct err *e)
{
    json_t *list = json_array();
    for (size_t i = 2; i < w->count; i++) {
        uint64_t n;
        if (!amount_parse_number(w->items[i], &n) || n == 0 || n > INT64_MAX) {
            json_decref(list);
            return err_set(e, ERR_USAGE, "'%.60s' is no number of a snapshot: `abri admin snapshots` lists them", w->items[i]);
        }
        (void)json_array_append_new(list, json_integer((json_int_t)n));
    }
    *out = json_pack("{s:o}", "sequences", list);
    return 0;
}

enum request_kind { KIND_FORGET, KIND_RELEASE, KIND_DELETE, KIND_CLOCK, KIND_COUNT };
static const char *const kind_names[] = {"forget", "release", "delete", "clock"};

/* What is asked for, as far as the words tell. */
static int parse_request(const struct request_args *a, const struct words *w, enum request_kind *kind, json_t **parameters,
                         struct err *e)
{
    *kind = KIND_FORGET;
    while (*kind < KIND_COUNT && strcmp(w->items[0], kind_names[*kind]) != 0)
        ++*kind;
    if (*kind == KIND_COUNT)
        return err_set(e, ERR_USAGE, "'%.60s' is none of \"forget\", \"release\", \"delete\", \"clock\"; for a policy that keeps less there is `abri admin policy --ask`",
                       w->items[0]);
    if (a->reason && *kind != KIND_DELETE)
        return err_set(e, ERR_USAGE, "only the end of a vault has a reason");
    bool some = *kind == KIND_FORGET || *kind == KIND_RELEASE;
    if (some && w->count < 3)
        return err_set(e, ERR_USAGE, "which snapshots? Their numbers");
    if (*kind == KIND_DELETE && w->count != 2)
        return err_set(e, ERR_USAGE, "which vault? One at a time; for single snapshots there is `abri admin request forget`");
    if (*kind == KIND_CLOCK && w->count > 2)
        return err_set(e, ERR_USAGE, "a clock has no snapshots");
    if (some)
        return sequences(w, parameters, e);
    *parameters = json_pack("{s:s*}", "reason", a->reason);
    return *parameters ? 0 : err_set(e, ERR_USAGE, "the reason is no text");
}

static void say_asked(struct cli *c, enum request_kind kind, const json_t *out)
{
    const char *id = json_string_value(json_object_get(out, "request"));
    say(c, "asked for: request %s", id ? id : "?");
    if (kind == KIND_DELETE)
        say_note(c, "somebody with another role must agree: `abri admin approve`. When its time has passed, nothing more is taken, and what is there goes as soon as "
                    "neither floor nor lock nor hold protects it. Until it is gone, one person can keep it: `abri admin keep`");
}

static int run_request(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct request_args *a = args;
    struct remote *r = NULL;
    json_t *out = NULL, *parameters = NULL;
    enum request_kind kind;
    char vault[ADMIN_ID_BYTES] = "";
    if (command_expect_words(&cmd_admin_request, w, 1, SIZE_MAX, e) || parse_request(a, w, &kind, &parameters, e))
        return -1;
    if (admin_connect(c, &r, e)) {
        json_decref(parameters);
        return -1;
    }
    int rc = w->count > 1 ? admin_find(r, ADMIN_VAULT, w->items[1], vault, e) : 0;
    if (rc)
        json_decref(parameters);
    else
        rc = admin_do(c, r, "POST", "/v1/requests",
                      json_pack("{s:s, s:s, s:s*, s:o}", "role", role_of(a), "kind", kind_names[kind], "vault", *vault ? vault : NULL, "parameters", parameters),
                      "request", &out, e);
    if (!rc && out)
        say_asked(c, kind, out);
    json_decref(out);
    remote_close(r);
    return rc;
}

static const struct option_spec request_options[] = {
    {.name = "role", .kind = OPTION_TEXT, .arg = "ROLE", OPTION_AT(request_args, role),
     .help = "in which of your roles: owner, security-officer, operator, tenant-admin (default: operator)"},
    {.name = "reason", .kind = OPTION_TEXT, .arg = "TEXT", OPTION_AT(request_args, reason), .help = "of `delete`: why, for the log"},
};

const struct command cmd_admin_request = {
    .name = "admin request",
    .summary = "ask for an early deletion, or for a vault's end",
    .operands = "forget|release|delete|clock [VAULT [N…]]",
    .description = "Asks for what nobody can do alone. `forget`: snapshots go to the trash before their rules say so, but never below the floor, a lock or a hold. `release`: what is held is so no longer. `delete`: the "
                   "same of all that is in a vault, and then the vault goes itself, for ever; `abri admin keep` calls it off. `clock`: the "
                   "server's clock is right now, so that what was frozen goes on; of one vault alone if it is named. Somebody with another role must agree; a deletion waits besides, by the clock and by ticks.",
    .examples = {{"abri admin request forget web1 12 13", "two snapshots, by their numbers"},
                 {"abri admin request delete web1 --reason 'erasure asked for on 3 May'", "everything, for a customer who wants it erased"},
                 {"abri admin request clock --role owner", "after the server's clock was set"}},
    .options = request_options,
    .option_count = OPTION_COUNT(request_options),
    .args_bytes = sizeof(struct request_args),
    .run = run_request,
};

/* ---- answering -------------------------------------------------------------------------------- */

static int run_approve(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    if (command_expect_words(&cmd_admin_approve, w, 1, 1, e))
        return -1;
    return admin_about(c, ADMIN_REQUEST, w->items[0], "approve", json_pack("{s:s}", "role", role_of(args)), "approved", e);
}

const struct command cmd_admin_approve = {
    .name = "admin approve",
    .summary = "agree to somebody's request",
    .operands = "REQUEST",
    .description = "Agrees to a request, in a role that differs from that of whoever asked; one of the two is an owner or a security officer.",
    .examples = {{"abri admin approve 3f2a91c0 --role security-officer", "`abri admin requests` lists what there is to agree to"},
                 {"abri admin approve 3f2a91c0 --role owner", "in another role"}},
    .options = role_options,
    .option_count = OPTION_COUNT(role_options),
    .args_bytes = sizeof(struct request_args),
    .run = run_approve,
};

static const struct option_spec reason_options[] = {
    {.name = "reason", .kind = OPTION_TEXT, .arg = "TEXT", OPTION_AT(request_args, reason), .help = "why, for the log; needed"},
};

static int run_cancel(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct request_args *a = args;
    if (command_expect_words(&cmd_admin_cancel, w, 1, 1, e))
        return -1;
    if (!a->reason)
        return err_set(e, ERR_USAGE, "why? --reason TEXT");
    return admin_about(c, ADMIN_REQUEST, w->items[0], "cancel", json_pack("{s:s}", "reason", a->reason), "cancelled", e);
}

const struct command cmd_admin_cancel = {
    .name = "admin cancel",
    .summary = "stop a request",
    .operands = "REQUEST",
    .description = "Stops a request that is under way. Anybody who looks after the tenant may.",
    .examples = {{"abri admin cancel 3f2a91c0 --reason 'we did not ask for this'", "nothing is deleted"},
                 {"abri admin cancel 3f2a91c0 --reason mistake --json", "for a program"}},
    .options = reason_options,
    .option_count = OPTION_COUNT(reason_options),
    .args_bytes = sizeof(struct request_args),
    .run = run_cancel,
};

/* ---- the tenant's own key ------------------------------------------------------------------------ */

static int run_tenant_key(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    struct sign_key k;
    uint8_t seed[SIGN_SEED_BYTES];
    char text[2 * SIGN_SEED_BYTES + 1], hex[2 * SIGN_PUBLIC_BYTES + 1];
    CLEANUP(file_close) int fd = -1;
    (void)args;
    if (command_expect_words(&cmd_admin_tenant_key, w, 1, 1, e) || sign_init(e))
        return -1;
    fd = open(w->items[0], O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(e, errno, "'%.500s'", w->items[0]);
    sign_key_new(&k);
    sign_key_seed(&k, seed);
    hex_encode(seed, sizeof seed, text);
    text[2 * SIGN_SEED_BYTES] = '\n';
    int rc = file_write(fd, text, 2 * SIGN_SEED_BYTES + 1) || fsync(fd) ? -1 : 0;
    explicit_bzero(text, sizeof text);
    explicit_bzero(seed, sizeof seed);
    hex_encode(k.public_key, SIGN_PUBLIC_BYTES, hex);
    sign_key_done(&k);
    if (rc)
        return err_set(e, ERR_IO, "'%.500s' could not be written", w->items[0]);
    if (c->global.json) {
        json_t *o = json_object_of("tenant_key");
        json_put_string(o, "public", hex);
        json_put_string(o, "file", w->items[0]);
        json_emit(c, stdout, o);
        return 0;
    }
    say(c, "%s", hex);
    say_note(c, "that is the public half, for `abri admin policy TENANT --tenant-key`. Keep '%s' away from the server and from whoever runs it", w->items[0]);
    return 0;
}

const struct command cmd_admin_tenant_key = {
    .name = "admin tenant-key",
    .summary = "make the key with which a tenant signs",
    .operands = "FILE",
    .description = "Makes an Ed25519 key, writes its secret half to a new file (mode 0600), and prints the public half, for the tenant's policy. Then not even two people of the "
                   "provider can delete early: the tenant signs, or it does not happen.",
    .examples = {{"abri admin tenant-key /root/example.key", "on the tenant's own machine"},
                 {"abri admin tenant-key example.key --quiet", "prints the public half alone, for its policy"}},
    .run = run_tenant_key,
};

/* ---- signing ----------------------------------------------------------------------------------------- */

static const struct option_spec sign_options[] = {
    {.name = "key", .kind = OPTION_TEXT, .arg = "FILE", OPTION_AT(request_args, key), .help = "the tenant's secret key; needed"},
};

static int load_key(const char *path, struct sign_key *out, struct err *e)
{
    CLEANUP(file_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint8_t seed[SIGN_SEED_BYTES];
    char text[256];
    ssize_t len = fd < 0 ? -1 : file_read(fd, text, sizeof text);
    if (len < 0)
        return err_sys(e, errno, "'%.500s'", path);
    while (len && strchr("\r\n \t", text[len - 1]))
        len--;
    bool good = len == 2 * (ssize_t)sizeof seed && hex_decode(text, (size_t)len, seed, sizeof seed);
    if (good)
        sign_key_from_seed(seed, out);
    explicit_bzero(text, sizeof text);
    explicit_bzero(seed, sizeof seed);
    return good ? 0 : err_set(e, ERR_USAGE, "'%.500s' is no key of `abri admin tenant-key`: 64 hex digits are", path);
}

/* docs/protocol: id[16] ‖ blob kind ‖ blob parameters as the log has them. */
static int message_of(const json_t *requests, const char *id, struct buf *out, struct err *e)
{
    uint8_t raw[16];
    for (size_t i = 0; i < json_array_size(requests); i++) {
        const json_t *o = json_array_get(requests, i);
        const char *own = json_string_value(json_object_get(o, "request")), *kind = json_string_value(json_object_get(o, "kind"));
        if (!own || !kind || strcmp(own, id) != 0 || !hex_decode(own, strlen(own), raw, sizeof raw))
            continue;
        char *text = json_dumps(json_object_get(o, "parameters"), JSON_COMPACT | JSON_SORT_KEYS);
        if (!text)
            break;
        buf_put(out, raw, sizeof raw);
        buf_put_blob(out, kind, strlen(kind));
        buf_put_blob(out, text, strlen(text));
        mem_free(text);
        return buf_check(out, "a request", e);
    }
    return err_set(e, ERR_NOT_FOUND, "there is no such request");
}

static int sign_request(struct cli *c, struct remote *r, const char *word, const struct sign_key *k, struct err *e)
{
    CLEANUP(buf_done) struct buf message = {.max = 1 << 20};
    json_t *list = NULL;
    char id[ADMIN_ID_BYTES], path[160], base64[128];
    uint8_t signature[SIGN_BYTES];
    if (admin_find(r, ADMIN_REQUEST, word, id, e) || admin_list(r, ADMIN_REQUEST, &list, e))
        return -1;
    int rc = message_of(list, id, &message, e);
    json_decref(list);
    if (rc)
        return -1;
    sign_make(k, "request", message.data, message.len, signature);
    (void)sodium_bin2base64(base64, sizeof base64, signature, sizeof signature, sodium_base64_VARIANT_ORIGINAL);
    (void)snprintf(path, sizeof path, "/v1/requests/%s/sign", id);
    return admin_do(c, r, "POST", path, json_pack("{s:s}", "signature", base64), "signed", NULL, e);
}

static int run_sign(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct request_args *a = args;
    struct sign_key k;
    struct remote *r = NULL;
    if (command_expect_words(&cmd_admin_sign, w, 1, 1, e))
        return -1;
    if (!a->key)
        return err_set(e, ERR_USAGE, "with which key? --key FILE");
    if (sign_init(e) || load_key(a->key, &k, e))
        return -1;
    int rc = admin_connect(c, &r, e);
    if (!rc)
        rc = sign_request(c, r, w->items[0], &k, e);
    sign_key_done(&k);
    remote_close(r);
    return rc;
}

const struct command cmd_admin_sign = {
    .name = "admin sign",
    .summary = "the tenant agrees, with its own key",
    .operands = "REQUEST",
    .description = "Signs a request with the key that the tenant's policy names. Look at it first: `abri admin requests --json` shows what is asked for, and that is what "
                   "is signed.",
    .examples = {{"abri admin sign 3f2a91c0 --key /root/example.key", "agreed"},
                 {"abri admin sign 3f2a91c0 --key example.key --json", "for a program"}},
    .options = sign_options,
    .option_count = OPTION_COUNT(sign_options),
    .args_bytes = sizeof(struct request_args),
    .run = run_sign,
};

/* ---- upkeep -------------------------------------------------------------------------------------------- */

static int run_upkeep(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    struct remote *r = NULL;
    (void)args;
    if (command_expect_words(&cmd_admin_upkeep, w, 0, 0, e) || admin_connect(c, &r, e))
        return -1;
    int rc = admin_do(c, r, "POST", "/v1/upkeep", NULL, "upkeep", NULL, e);
    if (!rc)
        say_note(c, "a round begins: policies, collection, a share of the packs verified, requests whose time has come");
    remote_close(r);
    return rc;
}

const struct command cmd_admin_upkeep = {
    .name = "admin upkeep",
    .summary = "let a round of upkeep begin now",
    .operands = "",
    .description = "The server does this by itself every few hours. What it finds is in the log and among the alarms.",
    .examples = {{"abri admin upkeep", "now"}, {"abri admin upkeep --json", "how many rounds have ended before"}},
    .run = run_upkeep,
};
