/* SPDX-License-Identifier: Apache-2.0 */
/* abri export: the disks of a snapshot, served over NBD by nbdkit and our plugin. */
#include "cli/export.h"
#include "cli/json_out.h"

#include "base/mem.h"
#include "work/find_disks.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct export_args {
    const char *nbd, *tls, *plugin;
    struct option_list filters;
    uint64_t cache_size;
    bool verify_peer, read_only;
};

static const struct option_spec options[] = {
    {.name = "nbd", .kind = OPTION_TEXT, .arg = "SOCKET|ADDR", OPTION_AT(export_args, nbd),
     .help = "where: the absolute path of a socket to be made, HOST:PORT, [V6]:PORT, or :PORT of this machine alone"},
    {.name = "filter", .kind = OPTION_LIST, .arg = "NAME", OPTION_AT(export_args, filters),
     .help = "put this filter of nbdkit in front (cow, cache, partition, …); its parameters follow `--`"},
    {.name = "tls", .kind = OPTION_TEXT, .arg = "DIR|FILE", OPTION_AT(export_args, tls),
     .help = "require TLS, with the certificates in a directory or the pre-shared keys in a file"},
    {.name = "tls-verify-peer", .kind = OPTION_FLAG, OPTION_AT(export_args, verify_peer),
     .help = "with certificates: clients must have one, too"},
    {.name = "read-only", .kind = OPTION_FLAG, OPTION_AT(export_args, read_only),
     .help = "refuse writing even where a filter would take it"},
    {.name = "cache-size", .kind = OPTION_SIZE, .arg = "SIZE", .min = 1 << 20, OPTION_AT(export_args, cache_size),
     .help = "memory for opened pieces (128M)"},
    {.name = "plugin", .kind = OPTION_TEXT, .arg = "FILE", OPTION_AT(export_args, plugin),
     .help = "use this nbdkit-abri-plugin.so"},
};

struct request {
    struct cli *cli;
    const struct export_args *args;
    struct nbd_address at;
    char *snap, *disk;
    uint8_t snapshot[ID_BYTES];
    struct disk_list disks;
    struct string_list argv;
};

static void request_done(struct request *r)
{
    mem_free(r->snap);
    mem_free(r->disk);
    disk_list_done(&r->disks);
    string_list_done(&r->argv);
}

/* ---- before anything is served --------------------------------------------------------------- */

/* Errors are found here, where the passphrase can be asked for again. */
static int look(struct request *r, struct err *e)
{
    CLEANUP(access_close) struct access access = {0};
    CLEANUP(snapshot_list_done) struct snapshot_list all = {0};
    CLEANUP_FREE struct root *root = NULL;
    size_t at;
    r->cli->keep_passphrase = true;
    if (cli_open_reader(r->cli, &access, e) ||
        vault_snapshots(access.vault, &all, report_damage, r->cli, e) ||
        work_find_snapshot(&all, r->snap, &at, e) || work_open_root(&access, &all.items[at], &root, e) ||
        vault_refresh(access.vault, report_damage, r->cli, e))
        return -1;
    memcpy(r->snapshot, all.items[at].id, ID_BYTES);
    return work_find_disks(&access, root, *r->disk ? r->disk : NULL, &r->disks, e);
}

static int check_socket(const struct nbd_address *a, struct err *e)
{
    struct stat st;
    if (*a->socket && lstat(a->socket, &st) == 0)
        return err_set(e, ERR_EXISTS, "'%s' is there already: if nobody serves there any more, remove it", a->socket);
    return 0;
}

static void warn_of_strangers(struct request *r)
{
    struct err why = ERR_INIT;
    if (r->at.is_local || r->args->tls)
        return;
    (void)err_set(&why, ERR_REFUSED, "whoever reaches %s:%s can read these disks: --tls keeps strangers out",
                  r->at.host, r->at.port);
    report_problem(r->cli, "--nbd", &why);
}

/* ---- nbdkit's command line -------------------------------------------------------------------------- */

#define add(r, ...) nbd_word(&(r)->argv, __VA_ARGS__)

static int add_address(struct request *r, struct err *e)
{
    if (*r->at.socket)
        return add(r, e, "--unix=%s", r->at.socket);
    return add(r, e, "--ipaddr=%s", r->at.host) || add(r, e, "--port=%s", r->at.port) ? -1 : 0;
}

static int add_tls(struct request *r, struct err *e)
{
    struct stat st;
    const char *tls = r->args->tls;
    if (r->args->verify_peer && !tls)
        return err_set(e, ERR_USAGE, "--tls-verify-peer goes with --tls");
    if (!tls)
        return add(r, e, "--tls=off");
    if (stat(tls, &st))
        return err_sys(e, errno, "--tls %s", tls);
    if (add(r, e, "--tls=require") ||
        add(r, e, S_ISDIR(st.st_mode) ? "--tls-certificates=%s" : "--tls-psk=%s", tls))
        return -1;
    return r->args->verify_peer ? add(r, e, "--tls-verify-peer") : 0;
}

static bool is_name(const char *text, size_t len)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";
    return len > 0 && strspn(text, letters) >= len && *text != '-' && *text != '_';
}

static int add_filters(struct request *r, struct err *e)
{
    for (size_t i = 0; i < r->args->filters.count; i++) {
        const char *name = r->args->filters.items[i].text;
        if (!is_name(name, strlen(name)))
            return err_set(e, ERR_USAGE, "--filter %s: that is no name of a filter", name);
        if (add(r, e, "--filter=%s", name))
            return -1;
    }
    return r->args->read_only ? add(r, e, "--readonly") : 0;
}

static int add_parameters(struct request *r, const struct words *w, struct err *e)
{
    for (size_t i = 1; i < w->count; i++) {
        const char *equals = strchr(w->items[i], '=');
        if (!equals || !is_name(w->items[i], (size_t)(equals - w->items[i])))
            return err_set(e, ERR_USAGE, "'%s': parameters of filters are written NAME=VALUE", w->items[i]);
        if (add(r, e, "%s", w->items[i]))
            return -1;
    }
    return 0;
}

static int make_argv(struct request *r, const struct words *w, struct err *e)
{
    return add(r, e, "nbdkit") || add(r, e, "--foreground") || add(r, e, "--exit-with-parent") ||
                   add_address(r, e) || add_tls(r, e) || add_filters(r, e) ||
                   nbd_plugin_words(r->cli, r->args->plugin, r->snapshot, r->disk, r->args->cache_size, &r->argv, e) ||
                   add_parameters(r, w, e)
               ? -1
               : 0;
}

/* ---- once it serves ------------------------------------------------------------------------------------ */

static json_t *disk_object(const struct disk_file *d, const char *uri)
{
    json_t *o = json_object();
    json_put_text(o, "name", d->name, strlen(d->name));
    json_put_number(o, "size", d->file->size);
    json_put_string(o, "uri", uri);
    return o;
}

static void tell(void *arg)
{
    struct request *r = arg;
    json_t *all = json_array();
    struct err e = ERR_INIT;
    for (size_t i = 0; i < r->disks.count; i++) {
        CLEANUP(buf_done) struct buf uri = {0};
        const struct disk_file *d = &r->disks.items[i];
        if (nbd_uri(&r->at, r->args->tls != NULL, r->disks.count == 1 ? "" : d->name, &uri, &e))
            break;
        if (r->cli->global.json)
            (void)json_array_append_new(all, disk_object(d, (const char *)uri.data));
        else
            say(r->cli, "%s", (const char *)uri.data);
    }
    if (r->cli->global.json) {
        json_t *o = json_object_of("export");
        json_put_hex(o, "snapshot", r->snapshot, ID_BYTES);
        json_put_bool(o, "tls", r->args->tls != NULL);
        (void)json_object_set(o, "disks", all);
        json_emit(r->cli, stdout, o);
    }
    json_decref(all);
    (void)fflush(stdout); /* whoever waits for it reads a pipe */
}

static int serve(struct request *r, const struct words *w, struct err *e)
{
    if (make_argv(r, w, e))
        return -1;
    CLEANUP_FREE const char **argv = nbd_argv(&r->argv);
    if (!argv)
        return err_no_memory(e, "the arguments of nbdkit");
    const struct nbd_server s = {.argv = argv, .passphrase = r->cli->global.key_file ? NULL : r->cli->kept,
                                 .socket = r->at.socket, .ready = tell, .arg = r};
    warn_of_strangers(r);
    return nbd_serve(r->cli, &s, e);
}

static int run(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    CLEANUP(request_done) struct request r = {.cli = c, .args = args};
    if (command_expect_words(&cmd_export, w, 1, SIZE_MAX, e))
        return -1;
    if (!r.args->nbd || !*r.args->nbd)
        return err_set(e, ERR_USAGE, "export where? Name a socket or an address with --nbd");
    if (nbd_address_parse(r.args->nbd, &r.at, e) || check_socket(&r.at, e) ||
        snap_spec_split(w->items[0], &r.snap, &r.disk, e) || look(&r, e))
        return -1;
    return serve(&r, w, e);
}

const struct command cmd_export = {
    .name = "export",
    .summary = "serve disks of a snapshot over NBD, without restoring them",
    .operands = "SNAP[:DISK] --nbd SOCKET|ADDR [-- NAME=VALUE…]",
    .description =
        "Starts nbdkit, which serves the disks of a snapshot read only, until the command is interrupted. DISK is "
        "a name below disks/ of the snapshot, or the path of any file; without it all disks are "
        "served, each under its name. What is read comes straight from the vault, is verified, and "
        "stays in a cache of bounded size. The addresses are printed once clients are welcome.\n"
        "\n"
        "For clients that write, put --filter cow in front: what they write is forgotten at the end. A "
        "piece that is damaged gives an I/O error where it lies; everything else is served. A snapshot that is "
        "forgotten and collected meanwhile goes from under its readers: `abri lock` keeps it.\n"
        "\n"
        "On an address that other machines reach, whoever gets there can read the disks: --tls "
        "asks for certificates (as nbdkit-tls(1) lays them out) or keys. Without abri in between, see "
        "nbdkit-abri-plugin(1).",
    .examples = {{"abri -r /mnt/vault export latest:sda --nbd /run/sda.sock", "one disk, for programs of this machine"},
                 {"abri -r /mnt/vault export latest:sda --nbd :10809 --filter cow",
                  "over TCP of this machine, and clients may write"},
                 {"abri -r /mnt/vault export 3f2a91c0 --nbd 192.0.2.1:10809 --tls /etc/pki/nbd",
                  "all disks, to whoever has the certificates"},
                 {"abri -r /mnt/vault export latest:sda --nbd /run/sda1.sock --filter partition -- partition=1",
                  "one partition of it"}},
    .options = options,
    .option_count = OPTION_COUNT(options),
    .args_bytes = sizeof(struct export_args),
    .run = run,
    .despite_log = true,
};
