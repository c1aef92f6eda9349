/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time that nobody can set: how long this server has run, in all. Kept in `ticks` below the root, written each
 * minute and at the end; what a crash takes from it only lengthens what waits.
 */
#include "server/server_internal.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#include <fcntl.h>
#include <string.h>

#define TICKS_BYTES 16

int ticks_open(struct server *s, struct err *e)
{
    CLEANUP(buf_done) struct buf b = {0};
    struct clock_reading now;
    struct err why = ERR_INIT;
    char path[SERVER_PATH_MAX];
    installation_path(&s->installation, path, "ticks");
    clock_read(&now);
    s->ticks_began_ns = now.boottime_ns;
    if (file_slurp(AT_FDCWD, path, 4096, &b, &why))
        return why.cls == ERR_NOT_FOUND ? 0 : err_give(e, &why);
    if (b.len != TICKS_BYTES || memcmp(b.data, "abri.TCK", 8) != 0) {
        server_tell(s, "'%s' is damaged: what waits begins to wait anew", path);
        return 0;
    }
    s->ticks_before_ns = (int64_t)get_u64(b.data + 8);
    return 0;
}

int64_t server_ticks(const struct server *s)
{
    struct clock_reading now;
    clock_read(&now);
    int64_t run = now.boottime_ns - s->ticks_began_ns;
    return s->ticks_before_ns + (run > 0 ? run : 0);
}

void ticks_save(struct server *s)
{
    uint8_t bytes[TICKS_BYTES] = "abri.TCK";
    char path[SERVER_PATH_MAX];
    struct err why = ERR_INIT;
    put_u64(bytes + 8, (uint64_t)server_ticks(s));
    installation_path(&s->installation, path, "ticks");
    if (file_replace(path, bytes, sizeof bytes, 0600, &why))
        server_tell(s, "%s", why.msg);
}
