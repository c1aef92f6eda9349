/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The backup of a running domain: libvirt's own ("pull"), which makes QEMU serve the disks
 * as they are at this moment, and begins a checkpoint in the same moment.
 *
 *  D1 a guest that was frozen is thawed before anything else is done;
 *  D2 one checkpoint of ours stays: the one that the last saved snapshot has noted.
 */
#include "machine/machine.h"

#include "machine/virsh.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIBVIRT_DIR "/var/lib/libvirt/qemu"

PRINTF_LIKE(2, 3) static void tell(const struct domain *d, const char *fmt, ...)
{
    char text[ERR_MESSAGE_BYTES];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (d->options.told)
        d->options.told(d->options.arg, d->options.name, text);
}

/* ---- a directory that QEMU may use ------------------------------------------------------ */

/* QEMU runs as a user of its own: that of the directory in which ours is made. */
static int make_dir(struct domain *d, struct err *e)
{
    struct stat st;
    const char *parent = d->options.socket_dir;
    if (!parent)
        parent = stat(LIBVIRT_DIR, &st) == 0 ? LIBVIRT_DIR : "/tmp";
    size_t cap = strlen(parent) + sizeof "/abri-XXXXXX";
    char *dir = mem_alloc(cap);
    if (!dir)
        return err_no_memory(e, "a directory");
    (void)snprintf(dir, cap, "%s/abri-XXXXXX", parent);
    if (!mkdtemp(dir)) {
        int why = errno;
        mem_free(dir);
        return err_sys(e, why, "make a directory in '%s' for the socket of its disks", parent);
    }
    d->dir = dir;
    if (stat(parent, &st) || (st.st_uid != geteuid() && chown(dir, st.st_uid, st.st_gid)))
        return err_sys(e, errno, "give '%s' to the user of '%s'", dir, parent);
    return 0;
}

static void remove_dir(struct domain *d)
{
    static const char *const names[] = {"nbd", "backup.xml", "checkpoint.xml"};
    char path[4096];
    if (!d->dir)
        return;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if ((size_t)snprintf(path, sizeof path, "%s/%s", d->dir, names[i]) < sizeof path)
            (void)unlink(path);
    (void)rmdir(d->dir);
    mem_free(TAKE(d->dir));
}

/* ---- requests ------------------------------------------------------------------------------ */

static void put_text(struct buf *b, const char *text)
{
    buf_put(b, text, strlen(text));
}

static void put_escaped(struct buf *b, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '&': put_text(b, "&amp;"); break;
        case '<': put_text(b, "&lt;"); break;
        case '>': put_text(b, "&gt;"); break;
        case '\'': put_text(b, "&apos;"); break;
        case '"': put_text(b, "&quot;"); break;
        default: buf_put_u8(b, (uint8_t)*text);
        }
}

static int write_request(const struct domain *d, const char *name, const struct buf *text,
                         char path[4096], struct err *e)
{
    if ((size_t)snprintf(path, 4096, "%s/%s", d->dir, name) >= 4096)
        return err_set(e, ERR_USAGE, "a directory with too long a name");
    return buf_check(text, "a request", e) || file_replace(path, text->data, text->len, 0600, e)
               ? -1
               : 0;
}

/* Where QEMU puts what the guest overwrites meanwhile: libvirt makes the file and removes it. */
static void put_scratch(struct buf *b, const struct domain *d, const struct domain_disk *disk)
{
    struct stat st;
    const char *dir = d->options.scratch_dir;
    bool beside = !dir && stat(disk->source, &st) == 0 && S_ISREG(st.st_mode);
    put_text(b, "<scratch file='");
    put_escaped(b, beside ? disk->source : dir ? dir : d->dir);
    put_text(b, beside ? "." : "/");
    put_escaped(b, d->next);
    put_text(b, "-");
    put_escaped(b, disk->name);
    put_text(b, "'/>");
}

static int write_backup(const struct domain *d, const char *since, char path[4096], struct err *e)
{
    CLEANUP(buf_done) struct buf b = {0};
    put_text(&b, "<domainbackup mode='pull'>");
    if (*since) {
        put_text(&b, "<incremental>");
        put_escaped(&b, since);
        put_text(&b, "</incremental>");
    }
    put_text(&b, "<server transport='unix' socket='");
    put_escaped(&b, d->dir);
    put_text(&b, "/nbd'/><disks>");
    for (size_t i = 0; i < d->disk_count; i++) {
        put_text(&b, "<disk name='");
        put_escaped(&b, d->disks[i].name);
        put_text(&b, "' backup='yes' type='file' exportname='");
        put_escaped(&b, d->disks[i].name);
        if (*since) {
            put_text(&b, "' exportbitmap='");
            put_escaped(&b, since);
        }
        put_text(&b, "'>");
        put_scratch(&b, d, &d->disks[i]);
        put_text(&b, "</disk>");
    }
    put_text(&b, "</disks></domainbackup>\n");
    return write_request(d, "backup.xml", &b, path, e);
}

static int write_checkpoint(const struct domain *d, char path[4096], struct err *e)
{
    CLEANUP(buf_done) struct buf b = {0};
    put_text(&b, "<domaincheckpoint><name>");
    put_escaped(&b, d->next);
    put_text(&b, "</name></domaincheckpoint>\n");
    return write_request(d, "checkpoint.xml", &b, path, e);
}

static int ask_backup(struct domain *d, const char *since, struct err *e)
{
    char backup[4096], checkpoint[4096];
    if (write_backup(d, since, backup, e) || write_checkpoint(d, checkpoint, e))
        return -1;
    return virsh_ask(d->options.connection, NULL, e, "backup-begin", d->options.name, backup,
                     checkpoint, NULL);
}

/* ---- checkpoints -------------------------------------------------------------------------------
 */

/* Calls `each` for the names of our checkpoints. */
static int each_checkpoint(struct domain *d,
                           void (*each)(struct domain *d, const char *name, void *arg), void *arg,
                           struct err *e)
{
    CLEANUP(buf_done) struct buf text = {0};
    char *rest = NULL;
    if (virsh_ask(d->options.connection, &text, e, "checkpoint-list", d->options.name, "--name",
                  NULL))
        return -1;
    buf_put_u8(&text, 0);
    if (buf_check(&text, "its checkpoints", e))
        return -1;
    for (char *name = strtok_r((char *)text.data, " \n", &rest); name;
         name = strtok_r(NULL, " \n", &rest))
        if (strncmp(name, CHECKPOINT_PREFIX, strlen(CHECKPOINT_PREFIX)) == 0)
            each(d, name, arg);
    return 0;
}

static void look_for(struct domain *d, const char *name, void *arg)
{
    (void)d;
    const char **wanted = arg;
    if (strcmp(name, *wanted) == 0)
        *wanted = "";
}

static bool has_checkpoint(struct domain *d, const char *name)
{
    struct err ignored = ERR_INIT;
    const char *wanted = name;
    return *name && each_checkpoint(d, look_for, &wanted, &ignored) == 0 && !*wanted;
}

static void drop_checkpoint(struct domain *d, const char *name)
{
    struct err e = ERR_INIT;
    if (virsh_ask(d->options.connection, NULL, &e, "checkpoint-delete", d->options.name, name,
                  NULL))
        tell(d, "the checkpoint '%s' stays: %s", name, e.msg);
}

static void drop_other(struct domain *d, const char *name, void *arg)
{
    (void)arg;
    if (strcmp(name, d->next) != 0)
        drop_checkpoint(d, name);
}

/* ---- freezing
 * ------------------------------------------------------------------------------------- */

static bool freeze(struct domain *d)
{
    struct err e = ERR_INIT;
    if (d->options.no_quiesce)
        return false;
    if (virsh_ask(d->options.connection, NULL, &e, "domfsfreeze", d->options.name, NULL) == 0)
        return true;
    tell(d,
         "its file systems are not frozen for the moment of the backup (%s): it will be as after a "
         "power cut",
         e.msg);
    return false;
}

static void thaw(struct domain *d)
{
    struct err e = ERR_INIT;
    for (int i = 0; i < 3; i++)
        if (virsh_ask(d->options.connection, NULL, &e, "domfsthaw", d->options.name, NULL) == 0)
            return;
    tell(d, "its file systems may still be frozen: virsh domfsthaw '%s' (%s)", d->options.name,
         e.msg);
}

/* ---- beginning and end
 * -------------------------------------------------------------------------------- */

static int name_checkpoint(struct domain *d, struct err *e)
{
    uint8_t random[8];
    char hex[2 * sizeof random + 1];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return err_sys(e, errno, "random numbers");
    hex_encode(random, sizeof random, hex);
    (void)snprintf(d->next, sizeof d->next, CHECKPOINT_PREFIX "%s", hex);
    return 0;
}

/* With the changed blocks since `since` if libvirt can tell them, else without. */
static int begin_frozen(struct domain *d, const char *since, struct err *e)
{
    struct err why = ERR_INIT;
    bool known = has_checkpoint(d, since);
    if (*since && !known)
        tell(d, "libvirt has no checkpoint '%s' any more: its disks are read whole", since);
    bool frozen = freeze(d);
    int rc = ask_backup(d, known ? since : "", known ? &why : e);
    if (rc && known) {
        rc = ask_backup(d, "", e);
        if (rc == 0)
            tell(d, "libvirt cannot tell what changed since the checkpoint '%s' (%s)", since,
                 why.msg);
        known = false;
    }
    if (frozen)
        thaw(d);
    d->begun = rc == 0;
    (void)snprintf(d->since, sizeof d->since, "%s", known ? since : "");
    return rc;
}

/* What stands in a query is percent-encoded, but for what our directories are made of. */
static void put_query(struct buf *b, const char *text)
{
    static const char digits[] = "0123456789ABCDEF";
    for (; *text; text++) {
        uint8_t c = (uint8_t)*text;
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            strchr("/-._~", c)) {
            buf_put_u8(b, c);
        } else {
            buf_put_u8(b, '%');
            buf_put_u8(b, (uint8_t)digits[c >> 4]);
            buf_put_u8(b, (uint8_t)digits[c & 15]);
        }
    }
}

static int point_to_server(struct domain *d, struct err *e)
{
    for (size_t i = 0; i < d->disk_count; i++) {
        CLEANUP(buf_done) struct buf uri = {0};
        put_text(&uri, "nbd+unix:///");
        put_query(&uri, d->disks[i].name);
        put_text(&uri, "?socket=");
        put_query(&uri, d->dir);
        put_text(&uri, "/nbd");
        buf_put_u8(&uri, 0);
        char *source = uri.failed ? NULL : mem_strdup((const char *)uri.data);
        if (!source)
            return err_no_memory(e, "a URI");
        mem_free(d->disks[i].source);
        d->disks[i].source = source;
    }
    return 0;
}

int domain_begin(struct domain *d, const char *since, struct err *e)
{
    if (!d->running)
        return 0;
    if (make_dir(d, e) || name_checkpoint(d, e) || begin_frozen(d, since, e) ||
        point_to_server(d, e))
        return err_wrap(e, "domain '%s'", d->options.name);
    return 0;
}

void domain_end(struct domain *d, bool saved)
{
    struct err e = ERR_INIT;
    if (d->begun &&
        virsh_ask(d->options.connection, NULL, &e, "domjobabort", d->options.name, NULL))
        tell(d, "its backup job could not be ended: %s", e.msg);
    if (d->begun && saved && each_checkpoint(d, drop_other, NULL, &e))
        tell(d, "its older checkpoints stay: %s", e.msg);
    if (d->begun && !saved)
        drop_checkpoint(d, d->next);
    d->begun = false;
    remove_dir(d);
}
