/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU's command line. What names a file or a disk goes through JSON, where no comma can split it.
 */
#include "machine/vm_internal.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECONNECT_S 86400 /* how long a guest waits for its disks before it is told */

void vm_args_done(struct vm_args *a)
{
    for (size_t i = 0; i < a->count; i++)
        mem_free(a->words[i]);
    a->count = 0;
}

static int add(struct vm_args *a, struct err *e, const char *word)
{
    if (a->count == VM_ARGS_MAX)
        return err_set(e, ERR_LIMIT, "a command line that is too long");
    a->words[a->count] = mem_strdup(word);
    if (!a->words[a->count])
        return err_no_memory(e, "QEMU's command line");
    a->words[++a->count] = NULL;
    return 0;
}

static int add_all(struct vm_args *a, struct err *e, ...)
{
    va_list words;
    const char *word;
    int rc = 0;
    va_start(words, e);
    while (rc == 0 && (word = va_arg(words, const char *)) != NULL)
        rc = add(a, e, word);
    va_end(words);
    return rc;
}

PRINTF_LIKE(4, 5)
static int add_option(struct vm_args *a, struct err *e, const char *option, const char *fmt, ...)
{
    char text[4096];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof text)
        return err_set(e, ERR_LIMIT, "a name that is too long");
    return add(a, e, option) || add(a, e, text) ? -1 : 0;
}

/* Takes over `o`. */
static int add_json(struct vm_args *a, struct err *e, const char *option, json_t *o)
{
    char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
    json_decref(o);
    if (!text)
        return err_no_memory(e, "QEMU's command line");
    int rc = add(a, e, option) || add(a, e, text) ? -1 : 0;
    mem_free(text);
    return rc;
}

/* ---- disks ---------------------------------------------------------------------------- */

static const char *bus_device(enum vm_bus bus)
{
    switch (bus) {
    case VM_SATA: return "ide-hd"; /* of the AHCI controller, a port each */
    case VM_IDE: return "ide-hd";
    case VM_VIRTIO:
    case VM_BUS_UNSET: break;
    }
    return "virtio-blk-pci";
}

/* The places of the two kinds of controllers that have few. */
struct places {
    unsigned sata, ide;
};

static json_t *device_of(const struct vm_disk *d, size_t index, struct places *p)
{
    char bus[16] = "";
    json_t *o = json_pack("{s:s, s:s, s:s, s:i, s:s, s:s}", "driver", bus_device(d->bus), "id",
                          d->name, "drive", d->name, "bootindex", (int)index + 1, "rerror", "stop",
                          "werror", "stop");
    if (d->bus == VM_SATA)
        (void)snprintf(bus, sizeof bus, "sata.%u", p->sata++);
    if (d->bus == VM_IDE)
        (void)snprintf(bus, sizeof bus, "ide.%u", p->ide / 2);
    if (o && *bus)
        (void)json_object_set_new(o, "bus", json_string(bus));
    if (o && d->bus == VM_IDE)
        (void)json_object_set_new(o, "unit", json_integer(p->ide++ % 2));
    return o;
}

static json_t *far_node(const struct vm_options *o, const char *disk, const char *node)
{
    return json_pack("{s:s, s:s, s:s, s:{s:s, s:s}, s:b, s:i, s:i}", "driver", "nbd", "node-name", node, "export",
                     disk, "server", "type", "unix", "path", o->nbd_socket, "read-only", 1, "reconnect-delay",
                     RECONNECT_S, "open-timeout", 60);
}

static json_t *image_node(const char *disk, const char *image, const char *backing)
{
    json_t *o = json_pack("{s:s, s:s, s:s, s:{s:s, s:s, s:s, s:s}}", "driver", "qcow2", "node-name", disk, "discard",
                          "unmap", "file", "driver", "file", "filename", image, "discard", "unmap", "aio", "threads");
    if (o && backing)
        (void)json_object_set_new(o, "backing", json_string(backing));
    return o;
}

static int add_disk(struct vm_args *a, const struct vm_options *o, size_t index, struct places *p,
                    struct err *e)
{
    const struct vm_disk *d = &o->disks[index];
    char image[4096], far[VM_NAME_MAX + 8];
    if ((size_t)snprintf(image, sizeof image, "%s/%s.qcow2", o->dir, d->name) >= sizeof image)
        return err_set(e, ERR_LIMIT, "a name that is too long");
    (void)snprintf(far, sizeof far, "%s-backup", d->name);
    if (!o->whole && add_json(a, e, "-blockdev", far_node(o, d->name, far)))
        return -1;
    return add_json(a, e, "-blockdev", image_node(d->name, image, o->whole ? NULL : far)) ||
                   add_json(a, e, "-device", device_of(d, index, p))
               ? -1
               : 0;
}

static int add_disks(struct vm_args *a, const struct vm_options *o, struct err *e)
{
    struct places p = {0};
    bool sata = false;
    for (size_t i = 0; i < o->disk_count; i++)
        sata = sata || o->disks[i].bus == VM_SATA;
    if (sata && add_all(a, e, "-device", "ahci,id=sata", NULL))
        return -1;
    for (size_t i = 0; i < o->disk_count; i++)
        if (add_disk(a, o, i, &p, e))
            return -1;
    return 0;
}

/* ---- everything else ---------------------------------------------------------------------- */

static int add_firmware(struct vm_args *a, const struct vm_options *o, struct err *e)
{
    if (!o->uefi)
        return 0;
    return add_option(a, e, "-drive", "if=pflash,format=raw,unit=0,readonly=on,file=%s",
                      VM_FIRMWARE_CODE) ||
                   add_option(a, e, "-drive", "if=pflash,format=raw,unit=1,file=%s/firmware.fd",
                              o->dir)
               ? -1
               : 0;
}

/* Sockets and logs; a directory with a comma in its name is refused before. */
static int add_channels(struct vm_args *a, const struct vm_options *o, struct err *e)
{
    const char *dir = o->dir;
    return add_option(a, e, "-qmp", "unix:%s/qmp,server=on,wait=off", dir) ||
                   add_option(
                       a, e, "-chardev",
                       "socket,id=serial,path=%s/serial,server=on,wait=off,logfile=%s/serial.log",
                       dir, dir) ||
                   add_all(a, e, "-serial", "chardev:serial", NULL) ||
                   add_option(a, e, "-vnc", "unix:%s/vnc", dir) ||
                   add_all(a, e, "-device", "virtio-serial-pci", NULL) ||
                   add_option(a, e, "-chardev", "socket,id=agent,path=%s/agent,server=on,wait=off",
                              dir) ||
                   add_all(a, e, "-device",
                           "virtserialport,chardev=agent,name=org.qemu.guest_agent.0", NULL)
               ? -1
               : 0;
}

/* A card for the probe leads nowhere but back to us, through the empty network of the box. */
static int add_network(struct vm_args *a, const struct vm_options *o, struct err *e)
{
    if (o->network)
        return add_all(a, e, "-nic", "user,model=virtio-net-pci", NULL);
    if (!o->probe_port)
        return add_all(a, e, "-nic", "none", NULL);
    return add_option(a, e, "-nic", "user,restrict=on,model=virtio-net-pci,hostfwd=tcp:0.0.0.0:%u-:%u",
                      VM_PROBE_PORT, o->probe_port);
}

int vm_args_make(const struct vm_options *o, bool kvm, struct vm_args *out, struct err *e)
{
    struct vm_args a = {0};
    if (add_all(&a, e, "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-S", "-machine",
                o->uefi ? "q35" : "pc", "-accel", kvm ? "kvm" : "tcg,thread=multi", "-cpu",
                kvm ? "host" : "max", "-vga", "std", "-device", "virtio-rng-pci", "-boot",
                "menu=off,strict=on", NULL) ||
        add_option(&a, e, "-m", "%llu", (unsigned long long)o->memory_mib) ||
        add_option(&a, e, "-smp", "%u", o->cpus) || add_firmware(&a, o, e) ||
        add_channels(&a, o, e) ||
        add_network(&a, o, e) ||
        add_disks(&a, o, e)) {
        vm_args_done(&a);
        return -1;
    }
    *out = a;
    return 0;
}
