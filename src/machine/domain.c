/* SPDX-License-Identifier: Apache-2.0 */
/* A libvirt domain as it is: whether it runs, its disks, its description. */
#include "machine/machine.h"

#include "machine/virsh.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

static void drop_disks(struct domain *d)
{
    for (size_t i = 0; i < d->disk_count; i++) {
        mem_free(d->disks[i].name);
        mem_free(d->disks[i].source);
    }
    d->disk_count = 0;
}

void domain_done(struct domain *d)
{
    drop_disks(d);
    buf_done(&d->xml);
    mem_free(TAKE(d->dir));
}

/* The next word of a line, NUL-terminated in place; NULL at its end. */
static char *take_word(char **at)
{
    char *word = *at + strspn(*at, " \t");
    char *end = word + strcspn(word, " \t");
    *at = *end ? end + 1 : end;
    *end = '\0';
    return *word ? word : NULL;
}

/* " file   disk   vda   /var/lib/libvirt/images/my disk.qcow2" */
static int take_disk(struct domain *d, char *line, struct err *e)
{
    char *type = take_word(&line), *device = take_word(&line), *target = take_word(&line);
    if (!type || !device || !target || strcmp(device, "disk") != 0)
        return 0;
    line += strspn(line, " \t");
    if (!*line || strcmp(line, "-") == 0)
        return 0;
    if (d->disk_count == DOMAIN_DISKS_MAX)
        return err_set(e, ERR_LIMIT, "it has more than %u disks", DOMAIN_DISKS_MAX);
    struct domain_disk disk = {.name = mem_strdup(target), .source = mem_strdup(line)};
    d->disks[d->disk_count++] = disk;
    return disk.name && disk.source ? 0 : err_no_memory(e, "disks");
}

static int list_disks(struct domain *d, struct err *e)
{
    CLEANUP(buf_done) struct buf text = {0};
    char *rest = NULL;
    if (virsh_ask(d->options.connection, &text, e, "domblklist", d->options.name, "--details",
                  NULL))
        return -1;
    buf_put_u8(&text, 0);
    if (buf_check(&text, "its disks", e))
        return -1;
    for (char *line = strtok_r((char *)text.data, "\n", &rest); line;
         line = strtok_r(NULL, "\n", &rest))
        if (take_disk(d, line, e))
            return -1;
    return d->disk_count ? 0 : err_set(e, ERR_USAGE, "it has no disks");
}

static int ask_state(struct domain *d, struct err *e)
{
    CLEANUP(buf_done) struct buf text = {0};
    if (virsh_ask(d->options.connection, &text, e, "domstate", d->options.name, NULL))
        return -1;
    buf_put_u8(&text, 0);
    if (buf_check(&text, "its state", e))
        return -1;
    d->running = strncmp((const char *)text.data, "shut off", 8) != 0;
    return 0;
}

int domain_find(const struct domain_options *o, struct domain *out, struct err *e)
{
    struct domain d = {.options = *o, .xml.max = DOMAIN_XML_MAX};
    if (ask_state(&d, e) || list_disks(&d, e) ||
        virsh_ask(o->connection, &d.xml, e, "dumpxml", o->name, "--inactive", NULL)) {
        domain_done(&d);
        return err_wrap(e, "domain '%s'", o->name);
    }
    *out = d;
    return 0;
}
