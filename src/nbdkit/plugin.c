/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What nbdkit calls. It reads parameters, forks if it was told to, and then asks from many threads.
 *
 *  P1 Everything is tried before the fork (get_ready), where a person reads what went wrong; then closed
 *     again: threads and locked memory do not survive a fork. What serves is opened after it.
 *  P2 The passphrase is never a word of the command line, and is wiped once the vault is open.
 *  P3 Nothing here writes. A read that fails is EIO for that stretch; the others go on.
 */
#include "nbdkit/disks.h"

#include "base/mem.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL
#define BLOCK_LEAST  4096u
#define BLOCK_MOST   ((uint32_t)32 << 20) /* nbdkit's own limit */

static struct {
    char *vault, *snapshot, *disk, *key_file, *config_dir, *cache_dir;
    size_t cache_bytes;
    bool has_passphrase, no_cache;
    int ready_fd;
    char passphrase[PASSPHRASE_MAX];
    char config_found[PATH_MAX], cache_found[PATH_MAX];
} asked = {.ready_fd = -1};

static struct disks *disks;
static atomic_bool ending;

static void no_dumps(void)
{
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)mlock(asked.passphrase, sizeof asked.passphrase); /* of this process: a fork has to ask again */
}

static void plugin_load(void)
{
    no_dumps();
}

static void plugin_unload(void)
{
    seal_wipe(asked.passphrase, sizeof asked.passphrase);
    mem_free(asked.vault);
    mem_free(asked.snapshot);
    mem_free(asked.disk);
    mem_free(asked.key_file);
    mem_free(asked.config_dir);
    mem_free(asked.cache_dir);
}

static int complain(const struct err *e)
{
    nbdkit_error("%s", e->msg);
    return -1;
}

/* ---- parameters ------------------------------------------------------------------------------ */

static int take_text(char **to, const char *key, const char *value)
{
    if (*to) {
        nbdkit_error("%s= is given twice", key);
        return -1;
    }
    if (!*value) {
        nbdkit_error("%s= is empty", key);
        return -1;
    }
    *to = mem_strdup(value);
    if (!*to)
        nbdkit_error("no memory for %s=", key);
    return *to ? 0 : -1;
}

/* A path that holds wherever nbdkit goes: it changes to / when it forks. */
static int take_path(char **to, const char *key, const char *value)
{
    if (*value == '/' || access_is_far(value))
        return take_text(to, key, value);
    char *path = nbdkit_absolute_path(value);
    int rc = path ? take_text(to, key, path) : -1;
    mem_free(path);
    return rc;
}

static int take_passphrase(const char *value)
{
    char *given = NULL;
    if (*value != '-' && *value != '+') {
        nbdkit_error("a passphrase on a command line is there for everybody to read: say passphrase=- to be asked, "
                     "passphrase=+FILE or passphrase=-FD");
        return -1;
    }
    if (asked.has_passphrase) {
        nbdkit_error("passphrase= is given twice");
        return -1;
    }
    if (nbdkit_read_password(value, &given))
        return -1;
    size_t len = strlen(given);
    bool fits = len > 0 && len < sizeof asked.passphrase;
    if (fits)
        memcpy(asked.passphrase, given, len + 1);
    else
        nbdkit_error("the passphrase is empty, or longer than %d bytes", PASSPHRASE_MAX - 1);
    seal_wipe(given, len);
    mem_free(given);
    asked.has_passphrase = fits;
    return fits ? 0 : -1;
}

static int take_flag(bool *to, const char *value)
{
    int yes = nbdkit_parse_bool(value);
    *to = yes > 0;
    return yes < 0 ? -1 : 0;
}

static int take_cache_size(const char *value)
{
    int64_t size = nbdkit_parse_size(value);
    if (size < 0)
        return -1;
    if ((uint64_t)size < VIEW_CACHE_MIN || (uint64_t)size > SIZE_MAX / 2) {
        nbdkit_error("cache-size=%s: at least %zu bytes", value, VIEW_CACHE_MIN);
        return -1;
    }
    asked.cache_bytes = (size_t)size;
    return 0;
}

static int plugin_config(const char *key, const char *value)
{
    if (strcmp(key, "vault") == 0)
        return take_path(&asked.vault, key, value);
    if (strcmp(key, "snapshot") == 0)
        return take_text(&asked.snapshot, key, value);
    if (strcmp(key, "disk") == 0)
        return take_text(&asked.disk, key, value);
    if (strcmp(key, "passphrase") == 0)
        return take_passphrase(value);
    if (strcmp(key, "key-file") == 0)
        return take_path(&asked.key_file, key, value);
    if (strcmp(key, "config-dir") == 0)
        return take_path(&asked.config_dir, key, value);
    if (strcmp(key, "cache-dir") == 0)
        return take_path(&asked.cache_dir, key, value);
    if (strcmp(key, "cache-size") == 0)
        return take_cache_size(value);
    if (strcmp(key, "no-cache") == 0)
        return take_flag(&asked.no_cache, value);
    if (strcmp(key, "ready-fd") == 0)
        return nbdkit_parse_int(key, value, &asked.ready_fd);
    nbdkit_error("unknown parameter '%s'", key);
    return -1;
}

static int plugin_config_complete(void)
{
    struct err e = ERR_INIT;
    const char *location = getenv("ABRI_VAULT");
    if (!asked.vault && location && *location && take_path(&asked.vault, "vault", location))
        return -1;
    if (!asked.vault) {
        nbdkit_error("which vault? Say vault=LOCATION");
        return -1;
    }
    if (!asked.has_passphrase && !asked.key_file) {
        nbdkit_error("how is the vault opened? Say passphrase=- to be asked, passphrase=+FILE, or key-file=FILE");
        return -1;
    }
    if (asked.has_passphrase && asked.key_file) {
        nbdkit_error("passphrase= or key-file=, not both");
        return -1;
    }
    if (work_config_dir(asked.config_found, sizeof asked.config_found, &e) ||
        work_cache_dir(asked.cache_found, sizeof asked.cache_found, &e))
        return complain(&e);
    return 0;
}

#define HELP                                                                                       \
    "vault=LOCATION     the vault: a directory or abris://… (or set ABRI_VAULT)\n"                 \
    "snapshot=SNAP      latest (the default), a date, or the beginning of an id\n"                 \
    "disk=DISK          a name below disks/, or a path; without, every disk is an export\n"         \
    "passphrase=-       ask for it; passphrase=+FILE reads it, passphrase=-FD too\n"                \
    "key-file=FILE      open with the recovery key in this file instead\n"                          \
    "cache-size=SIZE    memory for opened chunks (128M)\n"                                          \
    "config-dir=DIR     as ABRI_CONFIG_DIR\n"                                                       \
    "cache-dir=DIR      as ABRI_CACHE_DIR"

static void plugin_dump(void)
{
    (void)printf("abri_version=%s\nabri_servers=abris\n", ABRI_VERSION);
}

/* ---- life ---------------------------------------------------------------------------------------- */

static void report_damage(void *arg, const char *object, const char *message)
{
    (void)arg;
    nbdkit_error("%s: %s", object, message);
}

static void report_log(void *arg, const char *server, const struct err *what)
{
    (void)arg;
    nbdkit_error("%s: %s", server, what->msg);
}

static int open_disks(struct disks **out, struct err *e)
{
    const struct disks_options o = {
        .location = asked.vault,
        .snapshot = asked.snapshot ? asked.snapshot : "latest",
        .disk = asked.disk,
        .passphrase = asked.passphrase,
        .key_file = asked.key_file,
        .dirs = {.config = asked.config_dir ? asked.config_dir : asked.config_found,
                 .cache = asked.no_cache    ? NULL
                          : asked.cache_dir ? asked.cache_dir
                                            : asked.cache_found,
                 .cancel = &ending,
                 .log_alarm = report_log},
        .damage = report_damage,
    };
    return disks_open(&o, out, e);
}

static int plugin_get_ready(void)
{
    struct err e = ERR_INIT;
    struct disks *tried = NULL;
    if (open_disks(&tried, &e))
        return complain(&e);
    disks_free(tried);
    return 0;
}

/* Whoever started us may know now that clients are welcome: sockets are there already. */
static void tell_ready(void)
{
    if (asked.ready_fd < 0)
        return;
    (void)!write(asked.ready_fd, "", 1);
    (void)close(asked.ready_fd);
}

static int plugin_after_fork(void)
{
    struct err e = ERR_INIT;
    no_dumps();
    if (open_disks(&disks, &e))
        return complain(&e);
    seal_wipe(asked.passphrase, sizeof asked.passphrase);
    if (disks_serve(disks, asked.cache_bytes, &e))
        return complain(&e);
    tell_ready();
    return 0;
}

static void plugin_cleanup(void)
{
    atomic_store(&ending, true);
    disks_free(TAKE(disks));
}

/* ---- exports ------------------------------------------------------------------------------------------ */

static int plugin_list_exports(int readonly, int is_tls, struct nbdkit_exports *exports)
{
    (void)readonly;
    (void)is_tls;
    for (size_t i = 0; i < disks->count; i++)
        if (nbdkit_add_export(exports, disks->items[i].name, NULL))
            return -1;
    return 0;
}

static const char *plugin_default_export(int readonly, int is_tls)
{
    (void)readonly;
    (void)is_tls;
    return disks->count == 1 ? disks->items[0].name : NULL;
}

static const char *plugin_description(void *handle)
{
    char hex[2 * ID_BYTES + 1];
    const struct disk *d = handle;
    hex_encode(disks->snapshot, ID_BYTES, hex);
    return nbdkit_printf_intern("%s of snapshot %.8s", d->name, hex);
}

static void *plugin_open(int readonly)
{
    (void)readonly;
    const char *name = nbdkit_export_name();
    const struct disk *d = name ? disks_find(disks, name) : NULL;
    if (d)
        return (void *)(uintptr_t)d;
    if (name && *name)
        nbdkit_error("there is no disk '%s'", name);
    else
        nbdkit_error("there are %zu disks: name one as the export", disks->count);
    nbdkit_set_error(ENOENT);
    return NULL;
}

static int64_t plugin_get_size(void *handle)
{
    const struct disk *d = handle;
    uint64_t size = view_size(d->view);
    if (size <= INT64_MAX)
        return (int64_t)size;
    nbdkit_error("%s: too large", d->name);
    return -1;
}

static int say_yes(void *handle)
{
    (void)handle;
    return 1;
}

static int say_no(void *handle)
{
    (void)handle;
    return 0;
}

static int can_cache(void *handle)
{
    (void)handle;
    return NBDKIT_CACHE_NATIVE;
}

/* A chunk is the least that is opened, so who asks for one at its place asks well. */
static int plugin_block_size(void *handle, uint32_t *minimum, uint32_t *preferred, uint32_t *maximum)
{
    (void)handle;
    uint32_t grain = vault_get_info(disks->access.vault)->chunking.fixed;
    *minimum = 1;
    *preferred = grain < BLOCK_LEAST ? BLOCK_LEAST : grain > BLOCK_MOST ? BLOCK_MOST : grain;
    *maximum = BLOCK_MOST;
    return 0;
}

/* ---- reading ---------------------------------------------------------------------------------------------- */

static int fail(const struct err *e)
{
    nbdkit_error("%s", e->msg);
    nbdkit_set_error(EIO);
    return -1;
}

static int plugin_pread(void *handle, void *buf, uint32_t count, uint64_t offset, uint32_t flags)
{
    const struct disk *d = handle;
    struct err e = ERR_INIT;
    (void)flags;
    return view_read(d->view, offset, buf, count, &e) ? fail(&e) : 0;
}

static int plugin_extents(void *handle, uint32_t count, uint64_t offset, uint32_t flags,
                          struct nbdkit_extents *extents)
{
    const struct disk *d = handle;
    uint64_t end = offset + count, len;
    for (; offset < end; offset += len) {
        struct err e = ERR_INIT;
        bool is_hole;
        if (view_extent(d->view, offset, end - offset, &is_hole, &len, &e))
            return fail(&e);
        if (nbdkit_add_extent(extents, offset, len, is_hole ? NBDKIT_EXTENT_HOLE | NBDKIT_EXTENT_ZERO : 0))
            return -1;
        if (flags & NBDKIT_FLAG_REQ_ONE)
            break;
    }
    return 0;
}

static int plugin_cache(void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
    const struct disk *d = handle;
    (void)flags;
    view_expect(d->view, offset, count);
    return 0;
}

static struct nbdkit_plugin plugin = {
    .name = "abri",
    .longname = "disks of abri's snapshots",
    .version = ABRI_VERSION,
    .description = "serves the disks of a snapshot, read only, straight from the backup",
    .load = plugin_load,
    .unload = plugin_unload,
    .config = plugin_config,
    .config_complete = plugin_config_complete,
    .config_help = HELP,
    .magic_config_key = "vault",
    .dump_plugin = plugin_dump,
    .get_ready = plugin_get_ready,
    .after_fork = plugin_after_fork,
    .cleanup = plugin_cleanup,
    .list_exports = plugin_list_exports,
    .default_export = plugin_default_export,
    .export_description = plugin_description,
    .open = plugin_open,
    .get_size = plugin_get_size,
    .can_write = say_no,
    .can_multi_conn = say_yes,
    .can_extents = say_yes,
    .can_cache = can_cache,
    .block_size = plugin_block_size,
    .pread = plugin_pread,
    .extents = plugin_extents,
    .cache = plugin_cache,
};

/* What nbdkit's header declares is ours to define; it declares no prototype of it. */
struct nbdkit_plugin *plugin_init(void);
NBDKIT_REGISTER_PLUGIN(plugin)
