/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a machine that was started from its backup needs to go on: which snapshot its overlays
 * stand on, and how it was started. A file of this machine, version 1; not part of any vault.
 */
#include "cli/boot.h"
#include "cli/json_out.h"

#include "base/file.h"
#include "base/mem.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define NOTE_VERSION 1
#define NOTE_MAX 65536u

static int note_path(const struct boot *b, char out[4096], struct err *e)
{
    if ((size_t)snprintf(out, 4096, "%s/machine.json", b->dir) >= 4096)
        return err_set(e, ERR_USAGE, "a directory with too long a name");
    return 0;
}

int boot_note_write(const struct boot *b, struct err *e)
{
    char path[4096], hex[2 * ID_BYTES + 1];
    hex_encode(b->snapshot, ID_BYTES, hex);
    json_t *o = json_pack("{s:i, s:s, s:b, s:I, s:i, s:i, s:i, s:b}", "version", NOTE_VERSION, "snapshot", hex,
                          "whole", (int)b->whole, "memory_mib", (json_int_t)b->options.memory_mib, "cpus",
                          (int)b->options.cpus, "firmware", (int)b->options.firmware, "bus", (int)b->options.bus,
                          "network", (int)b->options.network);
    CLEANUP_FREE char *text = o ? json_dumps(o, JSON_INDENT(2)) : NULL;
    json_decref(o);
    if (!text)
        return err_no_memory(e, "the note of the machine");
    return note_path(b, path, e) || file_replace(path, text, strlen(text), 0600, e) ? -1 : 0;
}

static int take(struct boot *b, json_t *o, struct err *e)
{
    struct boot_options *p = &b->options;
    const char *hex = json_string_value(json_object_get(o, "snapshot"));
    if (json_integer_value(json_object_get(o, "version")) != NOTE_VERSION || !hex ||
        !hex_decode(hex, strlen(hex), b->snapshot, ID_BYTES))
        return err_set(e, ERR_DAMAGED, "'%s/machine.json' is not of this version of abri, or damaged", b->dir);
    b->whole = json_is_true(json_object_get(o, "whole"));
    json_int_t memory = json_integer_value(json_object_get(o, "memory_mib"));
    json_int_t cpus = json_integer_value(json_object_get(o, "cpus"));
    json_int_t firmware = json_integer_value(json_object_get(o, "firmware"));
    json_int_t bus = json_integer_value(json_object_get(o, "bus"));
    if (!p->memory_mib && memory > 0)
        p->memory_mib = (uint64_t)memory;
    if (!p->cpus && cpus > 0 && cpus < 1024)
        p->cpus = (unsigned)cpus;
    if (p->firmware == BOOT_FIRMWARE_AUTO && firmware > 0 && firmware <= BOOT_UEFI)
        p->firmware = (enum boot_firmware)firmware;
    if (p->bus == VM_BUS_UNSET && bus > 0 && bus <= VM_IDE)
        p->bus = (enum vm_bus)bus;
    p->network = p->network || json_is_true(json_object_get(o, "network"));
    return 0;
}

int boot_note_read(struct boot *b, struct err *e)
{
    char path[4096];
    CLEANUP(buf_done) struct buf text = {0};
    if (note_path(b, path, e) || file_slurp(AT_FDCWD, path, NOTE_MAX, &text, e))
        return -1;
    json_t *o = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    int rc = take(b, o, e);
    json_decref(o);
    return rc;
}
