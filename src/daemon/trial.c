/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trials.
 *
 *  1. The mark is written before the installation is made, and an installation without it never gets one.
 *  2. The clocks are saved before they move: a restart never sets them back.
 */
#include "daemon/trial.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MARK         "trial"
#define PATH_BYTES   4096
#define SECONDS_MOST (INT64_C(200) * 366 * 86400)
#define CLOCK        "clock "
#define LINE         "abri trial 1: wall %" PRId64 " passed %" PRId64 " boots %" PRIu32 "\n"
#define LINE_SCANNED "abri trial 1: wall %" SCNd64 " passed %" SCNd64 " boots %" SCNu32

static int path_of(const char *root, char out[PATH_BYTES], struct err *e)
{
    int n = snprintf(out, PATH_BYTES, "%s/" MARK, root);
    return n < 0 || n >= PATH_BYTES ? err_set(e, ERR_USAGE, "a root's path is too long") : 0;
}

static int save(const char *root, const struct clock_shift *s, struct err *e)
{
    char path[PATH_BYTES], line[160];
    int n = snprintf(line, sizeof line, LINE, s->wall_ns, s->passed_ns, s->boots);
    return path_of(root, path, e) ? -1 : file_replace(path, line, (size_t)n, 0600, e);
}

static int load(const char *path, struct clock_shift *out, struct err *e)
{
    CLEANUP(buf_done) struct buf text = {0};
    if (file_slurp(AT_FDCWD, path, 1024, &text, e))
        return -1;
    buf_put_u8(&text, 0);
    if (text.failed || sscanf((const char *)text.data, LINE_SCANNED, &out->wall_ns, &out->passed_ns, &out->boots) != 3)
        return err_set(e, ERR_DAMAGED, "'%s' is damaged: remove the whole root, it is good for trials alone", path);
    return 0;
}

/* 1 */
static int make(const char *root, struct err *e)
{
    const struct clock_shift none = {0};
    if (server_exists(root))
        return err_set(e, ERR_USAGE,
                       "'%.500s' holds a server that is in earnest: its clocks cannot be moved. --trial needs a new root", root);
    return file_make_dirs(root, 0700, e) || save(root, &none, e) ? -1 : 0;
}

int trial_begin(const char *root, bool asked, struct err *e)
{
    char path[PATH_BYTES];
    struct clock_shift s = {0};
    if (path_of(root, path, e))
        return -1;
    bool marked = access(path, F_OK) == 0;
    if (!asked)
        return marked ? err_set(e, ERR_USAGE,
                                "'%.500s' was made with --trial, with clocks that anybody here can move: it must never hold what "
                                "somebody needs. Name another root, or say --trial",
                                root)
                      : 0;
    if (!marked && make(root, e))
        return -1;
    if (load(path, &s, e))
        return -1;
    clock_set_shift(&s);
    return 0;
}

/* ---- what can be asked for ------------------------------------------------------------------------- */

bool trial_knows(const char *line)
{
    return strncmp(line, CLOCK, sizeof CLOCK - 1) == 0 || strcmp(line, "upkeep\n") == 0 || strcmp(line, "rounds\n") == 0;
}

static int take_seconds(const char *text, int64_t *ns_out, struct err *e)
{
    char *end;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (errno || end == text || strcmp(end, "\n") != 0 || n > SECONDS_MOST || n < -SECONDS_MOST)
        return err_set(e, ERR_USAGE, "how many seconds? At most two hundred years");
    *ns_out = (int64_t)n * NS_PER_S;
    return 0;
}

static int move_clock(const char *what, struct clock_shift *s, struct err *e)
{
    int64_t by, *at = strncmp(what, "wall ", 5) == 0 ? &s->wall_ns : &s->passed_ns;
    if (strcmp(what, "boot\n") == 0) {
        s->boots++;
        return 0;
    }
    if (strncmp(what, "wall ", 5) != 0 && strncmp(what, "pass ", 5) != 0)
        return err_set(e, ERR_USAGE, "which clock? wall, pass or boot");
    if (take_seconds(what + 5, &by, e))
        return -1;
    if (at == &s->passed_ns && by < 0)
        return err_set(e, ERR_USAGE, "time does not pass backwards");
    if (__builtin_add_overflow(*at, by, at))
        return err_set(e, ERR_USAGE, "that is too far");
    return 0;
}

int trial_do(const char *root, struct server *server, const char *line, char *out, size_t cap, struct err *e)
{
    struct clock_shift s = clock_get_shift();
    if (strncmp(line, CLOCK, sizeof CLOCK - 1) != 0) {
        uint64_t rounds = *line == 'u' ? server_upkeep_ask(server) : server_upkeep_rounds(server);
        (void)snprintf(out, cap, "%" PRIu64, rounds);
        return 0;
    }
    if (move_clock(line + sizeof CLOCK - 1, &s, e) || save(root, &s, e)) /* 2 */
        return -1;
    clock_set_shift(&s);
    (void)snprintf(out, cap, "%" PRId64, clock_realtime_ns() / NS_PER_S);
    return 0;
}
