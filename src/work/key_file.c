/* SPDX-License-Identifier: Apache-2.0 */
/* A recovery key from a file: the text of a sheet, whatever stands around it. */
#include "work/keys.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

void secret_buf_done(struct buf *b)
{
    if (b->data)
        seal_wipe(b->data, b->cap);
    buf_done(b);
}

int secret_file_read(const char *file, struct buf *out, struct err *e)
{
    CLEANUP(file_close) int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return err_sys(e, errno, "'%s'", file);
    uint8_t *room = buf_reserve(out, SECRET_FILE_MAX + 1);
    if (!room)
        return err_no_memory(e, file);
    ssize_t n = file_read(fd, room, SECRET_FILE_MAX + 1);
    if (n < 0)
        return err_sys(e, errno, "'%s'", file);
    if ((size_t)n > SECRET_FILE_MAX)
        return err_set(e, ERR_USAGE, "'%s': too long to be a sheet", file);
    buf_added(out, (size_t)n);
    return 0;
}

static int key_of_sheet(const struct sheet *s, const char *file, const uint8_t vault_id[UID_BYTES],
                        struct recovery_key *out, struct err *e)
{
    const struct key_share *k = &s->share;
    if (s->kind != SHEET_KEY)
        return err_set(e, ERR_USAGE, "'%s' holds shares: `abri key combine` puts them together", file);
    if (!bytes_are_zero(k->vault_id, UID_BYTES) && memcmp(k->vault_id, vault_id, UID_BYTES) != 0)
        return err_set(e, ERR_NO_KEY, "'%s' is the key of another vault", file);
    return recovery_key_of_secret(k->y, out, e);
}

static int find_only_sheet(const struct buf *text, const char *file, struct sheet *out, struct err *e)
{
    size_t at = 0;
    const char *p = (const char *)text->data;
    struct sheet *another = sheet_new();
    int rc = another ? sheet_find(p, text->len, &at, out, e) : err_no_memory(e, "a sheet");
    int more = rc > 0 ? sheet_find(p, text->len, &at, another, e) : 0;
    sheet_free(another);
    if (rc < 0 || more < 0)
        return err_wrap(e, "'%s'", file);
    if (rc == 0)
        return err_set(e, ERR_USAGE, "'%s' holds no recovery key and no share", file);
    return more ? err_set(e, ERR_USAGE, "'%s' holds shares: `abri key combine` puts them together", file) : 0;
}

int key_file_read(const char *file, const uint8_t vault_id[UID_BYTES], struct recovery_key *out,
                  struct err *e)
{
    CLEANUP(secret_buf_done) struct buf text = {0};
    struct sheet *sheet = sheet_new();
    int rc = sheet ? 0 : err_no_memory(e, "a sheet");
    if (rc == 0)
        rc = secret_file_read(file, &text, e) || find_only_sheet(&text, file, sheet, e) ||
                     key_of_sheet(sheet, file, vault_id, out, e)
                 ? -1
                 : 0;
    sheet_free(sheet);
    return rc;
}
