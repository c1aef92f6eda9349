/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recognises disk images by the first bytes of their formats, or by the usual
 * suffixes. A wrong guess costs some deduplication, nothing else.
 */
#include "source/source.h"

#include <string.h>
#include <strings.h>

struct magic {
    size_t at, len;
    const char *bytes;
};

static const struct magic magics[] = {
    {0, 4, "QFI\xfb"},           /* qcow, qcow2: qemu docs/interop/qcow2.txt */
    {0, 4, "KDMV"},              /* VMDK, sparse extent */
    {0, 4, "COWD"},              /* VMDK of ESXi */
    {64, 4, "\x7f\x10\xda\xbe"}, /* VDI */
    {0, 8, "conectix"},          /* VHD, dynamic */
    {0, 8, "vhdxfile"},          /* VHDX */
    {0, 6, "LUKS\xba\xbe"},      /* LUKS 1 and 2 */
    {0, 8, "LABELONE"},          /* LVM: the label is in one of four sectors */
    {512, 8, "LABELONE"},
    {1024, 8, "LABELONE"},
    {1536, 8, "LABELONE"},
    {0, 4, "XFSB"},
    {512, 8, "EFI PART"},   /* GPT */
    {510, 2, "\x55\xaa"},   /* MBR, FAT, NTFS */
    {1080, 2, "\x53\xef"},  /* ext2, ext3, ext4 */
    {65600, 8, "_BHRfS_M"}, /* btrfs, if the caller has so much */
};

static const char *const suffixes[] = {".img", ".raw", ".qcow", ".qcow2", ".vmdk",
                                       ".vdi", ".vhd", ".vhdx", ".avhdx"};

static bool has_suffix(const char *name, const char *suffix)
{
    size_t len = strlen(name), suffix_len = strlen(suffix);
    return len > suffix_len && strcasecmp(name + len - suffix_len, suffix) == 0;
}

bool source_is_disk_image(const char *name, const uint8_t *head, size_t head_len)
{
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        if (has_suffix(name, suffixes[i]))
            return true;
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++) {
        const struct magic *m = &magics[i];
        if (head_len >= m->at + m->len && memcmp(head + m->at, m->bytes, m->len) == 0)
            return true;
    }
    return false;
}
