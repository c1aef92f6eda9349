/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What kind of image a file is. A guest that has a raw disk can write anything to its
 * first sector, a qcow2 header that names /etc/shadow as backing file, too: so the head alone
 * never decides, and where name and head differ, somebody has to say it.
 */
#include "disk/disk_internal.h"

#include "base/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define HEAD_BYTES 512

static const char *const formats[] = {"raw", "qcow2", "qcow", "vmdk", "vhdx", "vdi", "vpc"};

static const struct {
    const char *suffix, *format;
} suffixes[] = {{".qcow2", "qcow2"}, {".qcow", "qcow"}, {".vmdk", "vmdk"}, {".vhdx", "vhdx"},
                {".vdi", "vdi"},     {".vhd", "vpc"},   {".vpc", "vpc"}};

static const struct {
    size_t at, len;
    const char *bytes, *format;
} heads[] = {{0, 4, "QFI\xfb", "qcow2"},
             {0, 4, "KDMV", "vmdk"},
             {0, 4, "COWD", "vmdk"},
             {0, 21, "# Disk DescriptorFile", "vmdk"},
             {64, 4, "\x7f\x10\xda\xbe", "vdi"},
             {0, 8, "conectix", "vpc"},
             {0, 8, "vhdxfile", "vhdx"}};

bool disk_is_uri(const char *source)
{
    size_t n = strspn(source, "abcdefghijklmnopqrstuvwxyz+");
    return n > 0 && strncmp(source + n, "://", 3) == 0;
}

static const char *by_name(const char *path)
{
    size_t len = strlen(path);
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        size_t n = strlen(suffixes[i].suffix);
        if (len > n && strcasecmp(path + len - n, suffixes[i].suffix) == 0)
            return suffixes[i].format;
    }
    return "raw";
}

static const char *by_head(const uint8_t *head, size_t len)
{
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        if (len >= heads[i].at + heads[i].len &&
            memcmp(head + heads[i].at, heads[i].bytes, heads[i].len) == 0)
            return heads[i].format;
    return "raw";
}

static const char *known(const char *said)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strcmp(said, formats[i]) == 0)
            return formats[i];
    return strcmp(said, "vhd") == 0 ? "vpc" : NULL;
}

static bool agree(const char *name, const char *head)
{
    if (strcmp(name, head) == 0)
        return true;
    /* Two versions with one magic; a fixed VHD has only a footer. */
    return (strcmp(name, "qcow") == 0 && strcmp(head, "qcow2") == 0) ||
           (strcmp(name, "vpc") == 0 && strcmp(head, "raw") == 0);
}

static int unknown(const char *said, struct err *e)
{
    return err_set(e, ERR_USAGE,
                   "the format '%s' is none of raw, qcow2, qcow, vmdk, vhdx, vdi, vhd", said);
}

int format_of_name(const char *path, const char *said, char out[FORMAT_BYTES], struct err *e)
{
    const char *format = said ? known(said) : by_name(path);
    if (!format)
        return unknown(said, e);
    (void)snprintf(out, FORMAT_BYTES, "%s", format);
    return 0;
}

int format_of_file(const char *path, int fd, const char *said, char out[FORMAT_BYTES],
                   struct err *e)
{
    uint8_t head[HEAD_BYTES];
    ssize_t n = file_pread(fd, head, sizeof head, 0);
    if (n < 0)
        return err_sys(e, errno, "read its head");
    const char *name = by_name(path), *first = by_head(head, (size_t)n);
    if (said && !(name = known(said)))
        return unknown(said, e);
    if (!said && !agree(name, first))
        return err_set(e, ERR_USAGE, "its name says %s, its head %s: say which with --format", name,
                       first);
    (void)snprintf(out, FORMAT_BYTES, "%s", name);
    return 0;
}
