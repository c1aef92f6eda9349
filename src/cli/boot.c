/* SPDX-License-Identifier: Apache-2.0 */
/* From a snapshot to a machine that runs: which disks, which firmware, which directory. */
#include "cli/boot.h"
#include "cli/export.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/pool.h"
#include "layout/layout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MEMORY_DEFAULT_MIB 1024u
#define CPUS_DEFAULT_MAX 4u
#define GUID_ESP "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
#define GUID_BIOS_BOOT "21686148-6449-6e6f-744e-656564454649"

const char *const boot_firmware_words[] = {"bios", "uefi", NULL};
const char *const boot_bus_words[] = {"virtio", "sata", "ide", NULL};
_Static_assert(BOOT_BIOS == 1 && BOOT_UEFI == 2 && VM_VIRTIO == 1 && VM_SATA == 2 && VM_IDE == 3,
               "the words above are in this order");

/* ---- the directory ------------------------------------------------------------------------- */

static bool is_empty(const char *path)
{
    DIR *d = opendir(path);
    int names = 0;
    while (d && names < 3 && readdir(d))
        names++;
    if (d)
        (void)closedir(d);
    return names <= 2; /* "." and ".." */
}

static int take_dir(struct boot *b, struct err *e)
{
    char real[PATH_MAX];
    struct err why = ERR_INIT;
    if (mkdir(b->options.dir, 0700) && errno != EEXIST)
        return err_sys(e, errno, "make '%s'", b->options.dir);
    if (!realpath(b->options.dir, real))
        return err_sys(e, errno, "'%s'", b->options.dir);
    if (strlen(real) > 90)
        return err_set(e, ERR_USAGE, "'%s': a machine's directory has a path of at most 90 bytes", real);
    (void)snprintf(b->dir, sizeof b->dir, "%s", real);
    b->keeps_dir = true;
    if (is_empty(real))
        return b->options.snap ? 0 : err_set(e, ERR_USAGE, "'%s' is empty: start which snapshot?", real);
    if (boot_note_read(b, &why))
        return why.cls == ERR_NOT_FOUND
                   ? err_set(e, ERR_USAGE, "'%s' is not empty, and no machine was started there", real)
                   : err_give(e, &why);
    if (b->options.snap)
        return err_set(e, ERR_USAGE, "a machine was started in '%s' before: to go on with it, leave out the snapshot",
                       real);
    b->resumed = true;
    return 0;
}

static int make_dir(struct boot *b, struct err *e)
{
    const char *tmp = getenv("TMPDIR");
    if (!b->options.snap)
        return err_set(e, ERR_USAGE, "start which snapshot? Or go on with which machine: --dir");
    if (!tmp || strlen(tmp) > 60 || *tmp != '/')
        tmp = "/var/tmp";
    (void)snprintf(b->dir, sizeof b->dir, "%s/abri-machine-XXXXXX", tmp);
    if (!mkdtemp(b->dir)) {
        *b->dir = '\0';
        return err_sys(e, errno, "make a directory in '%s'", tmp);
    }
    return 0;
}

static void remove_dir(const struct boot *b)
{
    DIR *d = *b->dir && !b->keeps_dir ? opendir(b->dir) : NULL;
    for (struct dirent *one; d && (one = readdir(d)) != NULL;)
        if (strcmp(one->d_name, ".") != 0 && strcmp(one->d_name, "..") != 0)
            (void)unlinkat(dirfd(d), one->d_name, 0);
    if (d)
        (void)closedir(d);
    if (*b->dir && !b->keeps_dir)
        (void)rmdir(b->dir);
}

/* ---- the snapshot ---------------------------------------------------------------------------- */

static bool has_part(const struct layout *l, const char *type)
{
    for (size_t i = 0; i < l->part_count; i++)
        if (strcmp(l->parts[i].type, type) == 0)
            return true;
    return false;
}

/* A disk that could be started either way is started as machines of its time were: by the BIOS. */
static bool wants_uefi(const struct boot *b)
{
    struct err ignored = ERR_INIT;
    bool uefi = false;
    struct layout_note *n = mem_zalloc(sizeof *n);
    for (size_t i = 0; n && i < b->disks.count; i++) {
        const struct entry *file = b->disks.items[i].file;
        if (file->note_len && layout_note_decode(file->note, file->note_len, n, &ignored) == 0)
            uefi = uefi || (has_part(&n->layout, GUID_ESP) && !has_part(&n->layout, GUID_BIOS_BOOT));
    }
    mem_free(n);
    return uefi;
}

static enum vm_bus bus_by_name(const char *name)
{
    if (strncmp(name, "sd", 2) == 0)
        return VM_SATA;
    return strncmp(name, "hd", 2) == 0 ? VM_IDE : VM_VIRTIO;
}

static int find_snapshot(struct boot *b, struct access *a, struct root **root, struct err *e)
{
    CLEANUP(snapshot_list_done) struct snapshot_list all = {0};
    char hex[2 * ID_BYTES + 1];
    size_t at;
    hex_encode(b->snapshot, ID_BYTES, hex);
    if (vault_snapshots(a->vault, &all, report_damage, b->cli, e) ||
        work_find_snapshot(&all, b->resumed ? hex : b->options.snap, &at, e) ||
        work_open_root(a, &all.items[at], root, e))
        return -1;
    memcpy(b->snapshot, all.items[at].id, ID_BYTES);
    b->snapshot_ns = all.items[at].received_ns;
    b->host = mem_strdup((*root)->host);
    return b->host ? 0 : err_no_memory(e, "a name");
}

static int look(struct boot *b, struct err *e)
{
    CLEANUP(access_close) struct access access = {0};
    CLEANUP_FREE struct root *root = NULL;
    b->cli->keep_passphrase = true;
    if (cli_open_reader(b->cli, &access, e) || find_snapshot(b, &access, &root, e) ||
        vault_refresh(access.vault, report_damage, b->cli, e))
        return -1;
    if (b->options.signs && access_as_owner(&access, e))
        return -1;
    b->secrets = TAKE(access.secrets);
    memcpy(b->vault_id, vault_get_info(access.vault)->id, UID_BYTES);
    memcpy(b->owner_pk, vault_get_info(access.vault)->owner_pk, SIGN_PUBLIC_BYTES);
    return work_find_disks(&access, root, NULL, &b->disks, e);
}

static int describe(struct boot *b, struct err *e)
{
    struct boot_options *o = &b->options;
    unsigned cpus = pool_cpu_count();
    if (b->disks.count > VM_DISKS_MAX)
        return err_set(e, ERR_LIMIT, "a machine has at most %u disks", VM_DISKS_MAX);
    for (size_t i = 0; i < b->disks.count; i++) {
        const struct disk_file *d = &b->disks.items[i];
        b->vm_disks[i] = (struct vm_disk){.name = d->name,
                                          .size = d->file->size,
                                          .bus = o->bus ? o->bus : bus_by_name(d->name)};
    }
    if (o->firmware == BOOT_FIRMWARE_AUTO)
        o->firmware = wants_uefi(b) ? BOOT_UEFI : BOOT_BIOS;
    o->memory_mib = o->memory_mib ? o->memory_mib : MEMORY_DEFAULT_MIB;
    o->cpus = o->cpus ? o->cpus : cpus < CPUS_DEFAULT_MAX ? cpus : CPUS_DEFAULT_MAX;
    b->vm_options = (struct vm_options){.dir = b->dir,
                                        .nbd_socket = b->server.socket,
                                        .disks = b->vm_disks,
                                        .disk_count = b->disks.count,
                                        .memory_mib = o->memory_mib,
                                        .cpus = o->cpus,
                                        .uefi = o->firmware == BOOT_UEFI,
                                        .network = o->network,
                                        .probe_port = o->probe_port,
                                        .whole = b->whole,
                                        .cancel = &b->cli->progress.cancel};
    return 0;
}

/* What a run that was killed has left is in the way of the next. */
static int lock_dir(struct boot *b, struct err *e)
{
    b->dir_fd = open(b->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (b->dir_fd < 0)
        return err_sys(e, errno, "'%s'", b->dir);
    if (flock(b->dir_fd, LOCK_EX | LOCK_NB))
        return errno == EWOULDBLOCK ? err_set(e, ERR_BUSY, "the machine in '%s' runs already", b->dir)
                                    : err_sys(e, errno, "lock '%s'", b->dir);
    (void)unlinkat(b->dir_fd, "nbd", 0);
    return 0;
}

int boot_prepare(struct cli *c, const struct boot_options *o, struct boot *out, struct err *e)
{
    *out = (struct boot){.cli = c, .options = *o, .dir_fd = -1};
    return (o->dir ? take_dir(out, e) : make_dir(out, e)) || lock_dir(out, e) || look(out, e) || describe(out, e)
               ? -1
               : 0;
}

int boot_start(struct boot *b, struct err *e)
{
    if (boot_note_write(b, e))
        return -1;
    if (!b->whole && boot_server_start(&b->server, b->cli, b->dir, b->options.plugin, b->snapshot, e))
        return -1;
    return vm_make_overlays(&b->vm_options, e) || vm_start(&b->vm_options, &b->vm, e) ? -1 : 0;
}

int boot_is_whole(struct boot *b, struct err *e)
{
    b->whole = true;
    boot_server_end(&b->server);
    return boot_note_write(b, e);
}

void boot_done(struct boot *b)
{
    vm_free(b->vm);
    boot_server_end(&b->server);
    remove_dir(b);
    file_close(&b->dir_fd);
    disk_list_done(&b->disks);
    mem_free(b->host);
    seal_secrets_free(b->secrets);
}
