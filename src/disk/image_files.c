/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an image names: backing files, external data, extents. An image may come
 * from a customer, and what it names would be read with our rights into their backup.
 *
 *  I1 a file counts only if it is the image, an extent whose name begins with the
 *     image's, or below a directory that the operator named;
 *  I2 what is no plain path (json:, nbd://, ssh:) is refused whatever the operator named.
 */
#include "disk/image_files.h"

#include "disk/disk_internal.h"

#include "base/bytes.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CHAIN_MAX     32
#define INFO_MAX      ((size_t)4 << 20)
#define INFO_LIMIT_MS 60000
#define MEMORY_MAX    ((uint64_t)4 << 30)

void image_files_done(struct image_files *f)
{
    for (size_t i = 0; i < f->count; i++)
        mem_free((void *)(uintptr_t)f->files[i].path);
    mem_free(f->files);
    mem_free(f->image);
    *f = (struct image_files){0};
}

static int add(struct image_files *f, const char *path, bool write, struct err *e)
{
    if (f->count == IMAGE_FILES_MAX)
        return err_set(e, ERR_LIMIT, "it consists of more than %u files", IMAGE_FILES_MAX);
    if (f->count == f->cap) {
        size_t cap = f->cap ? 2 * f->cap : 8;
        struct box_file *files = mem_realloc(f->files, cap, sizeof *files);
        if (!files)
            return err_no_memory(e, "the files of an image");
        f->files = files;
        f->cap = cap;
    }
    char *copy = mem_strdup(path);
    if (!copy)
        return err_no_memory(e, "the files of an image");
    f->files[f->count++] = (struct box_file){.path = copy, .write = write};
    return 0;
}

/* ---- extents ---------------------------------------------------------------------- */

/* NAME-s001.vmdk, NAME-flat.vmdk, … beside NAME.vmdk. */
static bool is_extent_of(const char *name, const char *stem, size_t stem_len)
{
    size_t len = strlen(name);
    return len > stem_len + strlen(".vmdk") && strncmp(name, stem, stem_len) == 0 &&
           name[stem_len] == '-' && strcmp(name + len - strlen(".vmdk"), ".vmdk") == 0;
}

/* What is written is a file of its own: a link under an extent's name leads to whatever its maker
 * wanted to see overwritten. */
static bool may_be_written(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1;
}

static int add_extents(struct image_files *f, struct err *e)
{
    char path[PATH_MAX];
    const char *slash = strrchr(f->image, '/');
    size_t dir_len = (size_t)(slash - f->image), stem_len = strlen(slash + 1);
    if (stem_len <= strlen(".vmdk"))
        return 0;
    stem_len -= strlen(".vmdk");
    (void)snprintf(path, sizeof path, "%.*s/", (int)dir_len, f->image);
    DIR *dir = opendir(path);
    if (!dir)
        return err_sys(e, errno, "look into '%s'", path);
    int rc = 0;
    for (struct dirent *d; rc == 0 && (d = readdir(dir)) != NULL;)
        if (is_extent_of(d->d_name, slash + 1, stem_len) &&
            (size_t)snprintf(path, sizeof path, "%.*s/%s", (int)dir_len, f->image, d->d_name) <
                sizeof path &&
            (!f->write || may_be_written(path)))
            rc = add(f, path, f->write, e);
    (void)closedir(dir);
    return rc;
}

/* ---- what the image names ------------------------------------------------------------- */

static bool is_below(const char *path, const char *dir)
{
    size_t len = strlen(dir);
    while (len > 1 && dir[len - 1] == '/')
        len--;
    return strncmp(path, dir, len) == 0 && (path[len] == '/' || len == 1);
}

static bool is_allowed(const struct image_files *f, const char *path)
{
    for (size_t i = 0; i < f->count; i++)
        if (strcmp(f->files[i].path, path) == 0 || is_below(path, f->files[i].path))
            return true;
    return false;
}

/* Whether a name that stands in `image` may be followed; where it leads. */
static int follow(const struct image_files *f, const char *image, const char *name,
                  char real[PATH_MAX], struct err *e)
{
    char path[PATH_MAX];
    const char *colon = strchr(name, ':'), *slash = strchr(name, '/');
    if (!*name || (colon && (!slash || colon < slash)))
        return err_set(e, ERR_REFUSED,
                       "it names '%s', which is no file: flatten it first (qemu-img convert)",
                       name);
    int dir_len = (int)(strrchr(image, '/') - image);
    int n = *name == '/' ? snprintf(path, sizeof path, "%s", name)
                         : snprintf(path, sizeof path, "%.*s/%s", dir_len, image, name);
    if (n < 0 || (size_t)n >= sizeof path)
        return err_set(e, ERR_REFUSED, "it names a file with too long a path");
    if (!realpath(path, real))
        return err_sys(e, errno, "it needs the file '%s'", path);
    if (!is_allowed(f, real))
        return err_set(
            e, ERR_REFUSED,
            "it names the file '%s': if that belongs to it, allow its directory with --backing",
            real);
    return 0;
}

static int ask_qemu(const struct image_files *f, const char *image, const char *format,
                    json_t **out, struct err *e)
{
    CLEANUP(buf_done) struct buf text = {0};
    const char *const argv[] = {"qemu-img", "info", "--output=json", "-f",
                                format,     "--",   image,           NULL};
    struct box_options o = {.argv = argv,
                            .files = f->files,
                            .file_count = f->count,
                            .listen_fd = -1,
                            .memory_max = MEMORY_MAX};
    if (box_run(&o, INFO_MAX, INFO_LIMIT_MS, &text, e)) {
        if (strstr(e->msg, " lock") && f->write)
            return err_set(e, ERR_BUSY, "a running machine uses it: stop that first");
        if (strstr(e->msg, " lock"))
            return err_set(
                e, ERR_BUSY,
                "a running machine uses it: back it up with --domain, or through its NBD export");
        return -1;
    }
    json_t *o_json = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(o_json)) {
        json_decref(o_json);
        return err_set(e, ERR_IO, "qemu-img gave an answer that is no JSON");
    }
    *out = o_json;
    return 0;
}

/* Checks what one image of the chain names; `next` and `format` become its backing file's, or "".
 */
static int check_link(const struct image_files *f, char next[PATH_MAX], char format[FORMAT_BYTES],
                      struct err *e)
{
    json_t *info = NULL;
    char here[PATH_MAX], data[PATH_MAX];
    (void)snprintf(here, sizeof here, "%s", next);
    if (ask_qemu(f, here, format, &info, e))
        return -1;
    json_t *special = json_object_get(json_object_get(info, "format-specific"), "data");
    const char *external = json_string_value(json_object_get(special, "data-file"));
    const char *backing = json_string_value(json_object_get(info, "backing-filename"));
    const char *kind = json_string_value(json_object_get(info, "backing-filename-format"));
    const char *type = json_string_value(json_object_get(special, "create-type"));
    int rc = external ? follow(f, here, external, data, e) : 0;
    if (rc == 0 && external && f->write && strcmp(here, f->image) == 0)
        rc = err_set(e, ERR_REFUSED, "it keeps its content in the file '%s': name that as the target",
                     data);
    if (rc == 0 && f->write && type && strcmp(type, "streamOptimized") == 0)
        rc = err_set(e, ERR_READ_ONLY,
                     "it is a streamOptimized VMDK, which cannot be changed: write a new image");
    *next = '\0';
    if (rc == 0 && backing)
        rc = follow(f, here, backing, next, e);
    if (rc == 0 && backing && !kind)
        rc = err_set(e, ERR_REFUSED,
                     "it does not say of which format its backing file is: qemu-img rebase -u -F "
                     "FORMAT -b '%s'",
                     backing);
    if (rc == 0)
        (void)snprintf(format, FORMAT_BYTES, "%s", kind ? kind : "");
    json_decref(info);
    return rc;
}

static int check_chain(const struct image_files *f, const char *format, struct err *e)
{
    char next[PATH_MAX], kind[FORMAT_BYTES];
    (void)snprintf(next, sizeof next, "%s", f->image);
    (void)snprintf(kind, sizeof kind, "%s", format);
    for (int i = 0; *next; i++) {
        if (i == CHAIN_MAX)
            return err_set(e, ERR_LIMIT, "its chain of backing files is longer than %d", CHAIN_MAX);
        if (check_link(f, next, kind, e))
            return -1;
    }
    return 0;
}

int image_files_find(const struct disk_request *r, const char *format, bool write,
                     struct image_files *out, struct err *e)
{
    char real[PATH_MAX];
    out->write = write;
    if (!realpath(r->source, real))
        return err_sys(e, errno, "look for it");
    out->image = mem_strdup(real);
    if (!out->image)
        return err_no_memory(e, "the files of an image");
    if (add(out, real, write, e) || (strcmp(format, "vmdk") == 0 && add_extents(out, e)))
        return -1;
    for (size_t i = 0; i < r->backing_count; i++) {
        if (!realpath(r->backing[i], real))
            return err_sys(e, errno, "--backing '%s'", r->backing[i]);
        if (add(out, real, false, e))
            return -1;
    }
    /* One that was cut off while it was written can only be opened for writing; it has no way to
     * name a file (QEMU refuses those that have a parent). */
    if (write && strcmp(format, "vhdx") == 0)
        return 0;
    return check_chain(out, format, e);
}
