/* SPDX-License-Identifier: Apache-2.0 */
/* backup --disk: names and sources from the command line, opened; descriptions of the machine,
 * read. */
#include "cli/backup_disks.h"

#include "base/file.h"
#include "base/mem.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define DISK_N_BYTES 32 /* of "disk" and a number */
#define NAME_CHARS   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

/* ---- names ---------------------------------------------------------------------------- */

/* How long the NAME of "NAME=REST" is; 0: there is none. */
static size_t name_len(const char *text)
{
    size_t n = strspn(text, NAME_CHARS);
    return text[n] == '=' ? n : 0;
}

static const char *without_name(const char *text)
{
    size_t n = name_len(text);
    return n ? text + n + 1 : text;
}

static const char *const suffixes[] = {".qcow2", ".qcow", ".vmdk", ".vhdx", ".vdi",
                                       ".vhd",   ".vpc",  ".img",  ".raw"};

/* What a source calls itself: the file without its suffix, the export of a URI. */
static int name_of_source(const char *source, size_t index, char **out, struct err *e)
{
    const char *end = source + strlen(source);
    if (disk_is_uri(source))
        end = source + strcspn(source, "?#");
    const char *begin = end;
    while (begin > source && begin[-1] != '/')
        begin--;
    size_t len = (size_t)(end - begin);
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes && !disk_is_uri(source); i++) {
        size_t n = strlen(suffixes[i]);
        if (len > n && strncasecmp(end - n, suffixes[i], n) == 0) {
            len -= n;
            break;
        }
    }
    bool is_host = disk_is_uri(source) && begin >= source + 3 && strncmp(begin - 3, "://", 3) == 0;
    char *name = mem_zalloc(len + DISK_N_BYTES);
    if (!name)
        return err_no_memory(e, "a name");
    if (len == 0 || is_host)
        (void)snprintf(name, DISK_N_BYTES, "disk%zu", index);
    else
        memcpy(name, begin, len);
    *out = name;
    return 0;
}

static int name_disk(const char *text, size_t index, char **out, struct err *e)
{
    size_t n = name_len(text);
    if (!n)
        return name_of_source(text, index, out, e);
    char *name = mem_zalloc(n + 1);
    if (!name)
        return err_no_memory(e, "a name");
    memcpy(name, text, n);
    *out = name;
    return 0;
}

/* ---- disks ---------------------------------------------------------------------------------- */

/* The last that names the disk, or that names none. */
static const char *format_of(const struct option_list *formats, const char *name)
{
    const char *format = NULL;
    for (size_t i = 0; i < formats->count; i++) {
        const char *text = formats->items[i].text;
        size_t n = name_len(text);
        if (!n || (strlen(name) == n && strncmp(name, text, n) == 0))
            format = without_name(text);
    }
    return format;
}

static int check_formats(const struct disk_input *in, const struct option_list *formats,
                         struct err *e)
{
    for (size_t i = 0; i < formats->count; i++) {
        const char *text = formats->items[i].text;
        size_t n = name_len(text);
        bool found = n == 0;
        for (size_t j = 0; j < in->options.count && !found; j++)
            found = strlen(in->disks[j].name) == n && strncmp(in->disks[j].name, text, n) == 0;
        if (!found)
            return err_set(e, ERR_USAGE, "--format: there is no disk called '%.*s'", (int)n, text);
    }
    return 0;
}

static int open_disks(struct disk_input *in, struct cli *c, const struct disk_words *w,
                      struct err *e)
{
    size_t dirs = w->backing->count;
    CLEANUP_FREE const char **backing = mem_array(dirs + 1, sizeof *backing);
    if (!backing)
        return err_no_memory(e, "disks");
    for (size_t i = 0; i < dirs; i++)
        backing[i] = w->backing->items[i].text;
    for (size_t i = 0; i < in->options.count; i++) {
        struct backup_disk *d = &in->disks[i];
        struct disk_request r = {.source = d->source,
                                 .format = format_of(w->formats, d->name),
                                 .backing = backing,
                                 .backing_count = dirs,
                                 .bitmap = in->options.map,
                                 .cancel = &c->progress.cancel};
        if (disk_open(&r, &d->disk, e))
            return -1;
    }
    return 0;
}

/* Takes over both strings. */
static int add_disk(struct disk_input *in, char *name, char *source, struct err *e)
{
    in->disks[in->options.count++] = (struct backup_disk){.name = name, .source = source};
    return name && source ? 0 : err_no_memory(e, "disks");
}

static int name_disks(struct disk_input *in, const struct option_list *words, struct err *e)
{
    for (size_t i = 0; i < words->count; i++) {
        const char *text = words->items[i].text;
        char *name = NULL;
        if (!*without_name(text))
            return err_set(e, ERR_USAGE, "--disk '%s': where is it?", text);
        if (name_disk(text, i, &name, e) || add_disk(in, name, mem_strdup(without_name(text)), e))
            return -1;
    }
    return 0;
}

/* ---- descriptions --------------------------------------------------------------------------- */

static int add_description(struct disk_input *in, const char *name, struct err *e)
{
    struct buf *text = &in->texts[in->options.file_count];
    char *copy = mem_strdup(name);
    in->files[in->options.file_count++] =
        (struct backup_description){.name = copy, .data = text->data, .len = text->len};
    return copy ? 0 : err_no_memory(e, "descriptions");
}

static int read_description(struct disk_input *in, const char *path, struct err *e)
{
    struct buf *text = &in->texts[in->options.file_count];
    const char *slash = strrchr(path, '/');
    text->max = BACKUP_DESCRIPTION_MAX;
    if (file_slurp(AT_FDCWD, path, BACKUP_DESCRIPTION_MAX, text, e)) {
        buf_done(text);
        return err_wrap(e, "--description");
    }
    return add_description(in, slash ? slash + 1 : path, e);
}

static int describe_domain(struct disk_input *in, const char *name, struct err *e)
{
    char file[ENTRY_NAME_MAX + 1];
    if ((size_t)snprintf(file, sizeof file, "%s.xml", name) >= sizeof file || strchr(name, '/'))
        (void)snprintf(file, sizeof file, "domain.xml");
    in->texts[in->options.file_count] = in->domain.xml;
    in->domain.xml = (struct buf){0};
    return add_description(in, file, e);
}

static int reserve(struct disk_input *in, size_t disks, size_t files, struct err *e)
{
    in->disks = mem_array(disks, sizeof *in->disks);
    in->files = mem_array(files, sizeof *in->files);
    in->texts = mem_array(files, sizeof *in->texts);
    if (!in->disks || !in->files || !in->texts)
        return err_no_memory(e, "disks");
    in->options.disks = in->disks;
    in->options.files = in->files;
    return 0;
}

static void tell(void *arg, const char *disk, const char *what)
{
    char item[ENTRY_NAME_MAX + 16];
    (void)snprintf(item, sizeof item, "disk '%s'", disk);
    report_notice(arg, item, what);
}

/* ---- domains -------------------------------------------------------------------------------- */

static void tell_domain(void *arg, const char *domain, const char *what)
{
    char item[ENTRY_NAME_MAX + 16];
    (void)snprintf(item, sizeof item, "domain '%s'", domain);
    report_notice(arg, item, what);
}

static int find_domain(struct disk_input *in, struct cli *c, const struct disk_words *w,
                       struct err *e)
{
    const struct domain_options o = {.name = w->domain,
                                     .connection = w->connection,
                                     .socket_dir = w->socket_dir,
                                     .scratch_dir = w->scratch_dir,
                                     .no_quiesce = w->no_quiesce,
                                     .told = tell_domain,
                                     .arg = c};
    if (domain_find(&o, &in->domain, e))
        return -1;
    in->is_domain = true;
    return 0;
}

/* From here on the domain's disks are as they were at this moment. */
static int begin_domain(struct disk_input *in, struct cli *c, struct access *a,
                        const struct disk_words *w, struct err *e)
{
    struct domain *d = &in->domain;
    const char *host = w->host ? w->host : w->domain;
    for (size_t i = 0; i < d->disk_count; i++)
        if (add_disk(in, mem_strdup(d->disks[i].name), mem_strdup(d->disks[i].source), e))
            return -1;
    if (work_noted_map(a, &c->dirs, host, in->disks, in->options.count, in->map, e) ||
        domain_begin(d, in->map, e))
        return -1;
    for (size_t i = 0; i < d->disk_count; i++) {
        mem_free((void *)(uintptr_t)in->disks[i].source);
        if (!(in->disks[i].source = mem_strdup(d->disks[i].source)))
            return err_no_memory(e, "disks");
    }
    in->options.map = *d->since ? d->since : NULL;
    in->options.next_map = *d->next ? d->next : NULL;
    return describe_domain(in, w->domain, e);
}

int disk_input_open(struct disk_input *in, struct cli *c, struct access *a,
                    const struct disk_words *w, struct err *e)
{
    if (w->next_bitmap && strlen(w->next_bitmap) > BACKUP_MAP_MAX)
        return err_set(e, ERR_USAGE, "--next-bitmap: a name has at most %d bytes", BACKUP_MAP_MAX);
    in->options.map = w->bitmap;
    in->options.next_map = w->next_bitmap;
    in->options.told = tell;
    in->options.arg = c;
    if ((w->domain && find_domain(in, c, w, e)) ||
        reserve(in, w->domain ? in->domain.disk_count : w->disks->count, w->descriptions->count + 1,
                e))
        return -1;
    if (w->domain ? begin_domain(in, c, a, w, e) : name_disks(in, w->disks, e))
        return -1;
    for (size_t i = 0; i < w->descriptions->count; i++)
        if (read_description(in, w->descriptions->items[i].text, e))
            return -1;
    return check_formats(in, w->formats, e) || open_disks(in, c, w, e) ? -1 : 0;
}

void disk_input_end(struct disk_input *in, bool saved)
{
    for (size_t i = 0; i < in->options.count; i++)
        disk_close(TAKE(in->disks[i].disk));
    if (in->is_domain)
        domain_end(&in->domain, saved);
}

void disk_input_done(struct disk_input *in)
{
    disk_input_end(in, false);
    for (size_t i = 0; i < in->options.count; i++) {
        mem_free((void *)(uintptr_t)in->disks[i].name);
        mem_free((void *)(uintptr_t)in->disks[i].source);
    }
    for (size_t i = 0; i < in->options.file_count; i++) {
        mem_free((void *)(uintptr_t)in->files[i].name);
        buf_done(&in->texts[i]);
    }
    mem_free(in->disks);
    mem_free(in->files);
    mem_free(in->texts);
    if (in->is_domain)
        domain_done(&in->domain);
}
