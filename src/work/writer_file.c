/* SPDX-License-Identifier: Apache-2.0 */
/* The file in which a machine keeps its writer key: where it is, reading it,
 * writing it. What stands in it is seal's. */
#include "work/work_internal.h"

#include "base/file.h"
#include "base/mem.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define WRITER_KEY_FILE_MAX 4096

int writer_key_path(const struct work_dirs *dirs, const uint8_t vault_id[UID_BYTES], char *out,
                    size_t cap, struct err *e)
{
    char hex[2 * UID_BYTES + 1];
    hex_encode(vault_id, UID_BYTES, hex);
    if ((size_t)snprintf(out, cap, "%s/writers/%s", dirs->config, hex) >= cap)
        return err_set(e, ERR_LIMIT, "'%s': the path is too long", dirs->config);
    return 0;
}

int writer_key_write(const struct writer_key *k, const char *path, struct err *e)
{
    CLEANUP(buf_done) struct buf file = {0};
    int rc = writer_key_encode(k, &file, e);
    if (rc == 0)
        rc = file_replace(path, file.data, file.len, 0600, e);
    if (file.data)
        seal_wipe(file.data, file.cap);
    return rc;
}

int writer_key_save(const struct writer_key *k, const struct work_dirs *dirs, struct err *e)
{
    char path[4096];
    if ((size_t)snprintf(path, sizeof path, "%s/writers", dirs->config) >= sizeof path)
        return err_set(e, ERR_LIMIT, "'%s': the path is too long", dirs->config);
    if (file_make_dirs(path, 0700, e) ||
        writer_key_path(dirs, k->vault_id, path, sizeof path, e))
        return -1;
    return writer_key_write(k, path, e);
}

int writer_key_load(const char *path, struct writer_key *out, struct err *e)
{
    CLEANUP(buf_done) struct buf file = {0};
    if (file_slurp(AT_FDCWD, path, WRITER_KEY_FILE_MAX, &file, e))
        return -1;
    int rc = writer_key_decode(file.data, file.len, out, e);
    if (file.data)
        seal_wipe(file.data, file.cap);
    return rc ? err_wrap(e, "'%s'", path) : 0;
}
