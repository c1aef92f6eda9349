/* SPDX-License-Identifier: Apache-2.0 */
/* The throw-away server: started, asked, ended. Its output lies beside its root, and goes with it. */
#include "attack/world.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define START_NS  (INT64_C(60) * NS_PER_S)
#define STOP_NS   (INT64_C(40) * NS_PER_S)
#define UPKEEP_NS (INT64_C(600) * NS_PER_S)
#define STEP_S    (INT64_C(9) * 86400) /* certificates last for 30 days */

extern char **environ;

static void pause_ms(long ms)
{
    (void)nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

/* ---- starting --------------------------------------------------------------------------------------- */

/* Ours, without what systemd said to us, and with no configuration of this machine. */
static char **environment(const struct world *w, char config[WORLD_PATH + 32])
{
    static const char *const without[] = {"NOTIFY_SOCKET=", "LISTEN_", "WATCHDOG_", "ABRI_"};
    size_t n = 0, k = 0;
    while (environ[n])
        n++;
    char **out = mem_array(n + 2, sizeof *out);
    for (size_t i = 0; out && i < n; i++) {
        bool drop = false;
        for (size_t j = 0; j < sizeof without / sizeof *without; j++)
            drop |= strncmp(environ[i], without[j], strlen(without[j])) == 0;
        if (!drop)
            out[k++] = environ[i];
    }
    (void)snprintf(config, WORLD_PATH + 32, "ABRI_CONFIG_DIR=%s/nothing", w->dir);
    if (out)
        out[k] = config;
    return out;
}

static int output(const struct world *w, const char *name, int flags)
{
    char path[WORLD_PATH + 32];
    (void)snprintf(path, sizeof path, "%s/%s", w->dir, name);
    return open(path, flags | O_CLOEXEC, 0600);
}

static int spawn(struct world *w, struct err *e)
{
    char listen[32], config[WORLD_PATH + 32];
    const char *argv[] = {w->o->abrid, "--trial", "--root", w->root, "--listen", listen, NULL};
    CLEANUP(file_close) int out = output(w, "abrid.out", O_WRONLY | O_CREAT | O_TRUNC);
    CLEANUP(file_close) int err = output(w, "abrid.err", O_WRONLY | O_CREAT | O_APPEND);
    CLEANUP_FREE char **env = environment(w, config);
    (void)snprintf(listen, sizeof listen, "127.0.0.1:%u", w->port);
    if (out < 0 || err < 0 || !env)
        return err_set(e, ERR_IO, "'%s' cannot be written to", w->dir);
    const struct program p = {.argv = argv, .environment = env, .out_fd = out, .err_fd = err, .apart = true};
    int rc = program_start(&p, &w->pid);
    return rc ? err_sys(e, rc, "'%s' cannot be run", w->o->abrid) : 0;
}

static void read_output(const struct world *w, const char *name, struct buf *out)
{
    CLEANUP(file_close) int fd = output(w, name, O_RDONLY);
    uint8_t *at = buf_reserve(out, 8192);
    ssize_t n = fd < 0 || !at ? 0 : file_read(fd, at, 8191);
    if (n > 0)
        buf_added(out, (size_t)n);
    buf_put_u8(out, 0);
}

/* "serving at https://127.0.0.1:1234", a whole line. */
static bool find_url(struct world *w)
{
    static const char mark[] = "serving at ";
    CLEANUP(buf_done) struct buf text = {.max = 16384};
    read_output(w, "abrid.out", &text);
    const char *at = text.failed ? NULL : strstr((const char *)text.data, mark);
    const char *end = at ? strchr(at, '\n') : NULL;
    if (!end || !strstr(end, "trials alone"))
        return false;
    /* the token follows, if there is one: the greeting is flushed whole */
    at += sizeof mark - 1;
    (void)snprintf(w->url, sizeof w->url, "%.*s", (int)(end - at < 300 ? end - at : 300), at);
    w->port = (unsigned)strtoul(strrchr(w->url, ':') + 1, NULL, 10);
    return true;
}

static bool has_ended(struct world *w)
{
    int status;
    if (waitpid(w->pid, &status, WNOHANG) != w->pid)
        return false;
    w->pid = 0;
    return true;
}

/* It may be on its way. */
bool world_has_died(struct world *w, bool likely)
{
    for (int i = 0; w->pid && !has_ended(w) && likely && i < 100; i++)
        pause_ms(10);
    return w->own && !w->pid && !w->stopped;
}

int world_start(struct world *w, struct err *e)
{
    int64_t until = clock_monotonic_ns() + START_NS;
    if (spawn(w, e))
        return -1;
    w->stopped = false;
    while (!find_url(w)) {
        CLEANUP(buf_done) struct buf text = {.max = 16384};
        if (has_ended(w)) {
            read_output(w, "abrid.err", &text);
            return err_set(e, ERR_IO, "abrid ended at once: %.*s", text.failed ? 0 : (int)strcspn((char *)text.data, "\n"),
                           (char *)text.data);
        }
        if (clock_monotonic_ns() > until || world_cancelled(w)) {
            world_stop(w, true);
            return world_cancelled(w) ? err_set(e, ERR_CANCELLED, "interrupted") : err_set(e, ERR_IO, "abrid does not begin to serve");
        }
        pause_ms(5);
    }
    return 0;
}

void world_stop(struct world *w, bool hard)
{
    int64_t until = clock_monotonic_ns() + STOP_NS;
    w->stopped = true;
    if (!w->pid)
        return;
    (void)kill(w->pid, hard ? SIGKILL : SIGTERM);
    while (!has_ended(w)) {
        if (!hard && clock_monotonic_ns() > until)
            (void)kill(w->pid, SIGKILL);
        pause_ms(2);
    }
}

/* ---- asking --------------------------------------------------------------------------------------------- */

static int connect_control(const struct world *w, int *fd_out, struct err *e)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int n = snprintf(at.sun_path, sizeof at.sun_path, "%s/control", w->root);
    if (n < 0 || n >= (int)sizeof at.sun_path)
        return err_set(e, ERR_LIMIT, "'%s': too long a path for a socket: set TMPDIR to a shorter one", w->root);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&at, sizeof at)) {
        (void)err_sys(e, errno, "'%s'", at.sun_path);
        if (fd >= 0)
            (void)close(fd);
        return -1;
    }
    *fd_out = fd;
    return 0;
}

static int take_answer(const char *line, char *out, size_t cap, struct err *e)
{
    if (strncmp(line, "ok ", 3) != 0)
        return err_set(e, ERR_IO, "abrid: %.300s", line);
    if (out)
        (void)snprintf(out, cap, "%.*s", (int)strcspn(line + 3, "\n"), line + 3);
    return 0;
}

int world_control(struct world *w, char *out, size_t cap, struct err *e, const char *fmt, ...)
{
    char line[1200] = "";
    CLEANUP(file_close) int fd = -1;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(line, sizeof line - 2, fmt, ap);
    va_end(ap);
    line[n] = '\n';
    if (connect_control(w, &fd, e))
        return -1;
    if (file_write(fd, line, (size_t)n + 1))
        return err_sys(e, errno, "abrid's control socket");
    ssize_t got = file_read(fd, line, sizeof line - 1);
    line[got > 0 ? got : 0] = '\0';
    return take_answer(line, out, cap, e);
}

/* ---- time -------------------------------------------------------------------------------------------------- */

static int pass(struct world *w, int64_t seconds, struct err *e)
{
    struct clock_shift s = clock_get_shift();
    if (world_control(w, NULL, 0, e, "clock pass %lld", (long long)seconds))
        return -1;
    s.passed_ns += seconds * NS_PER_S;
    clock_set_shift(&s);
    return world_cancelled(w) ? err_set(e, ERR_CANCELLED, "interrupted") : 0;
}

int world_pass(struct world *w, int64_t seconds, struct err *e)
{
    while (seconds > 0) {
        int64_t step = seconds < STEP_S ? seconds : STEP_S;
        if (pass(w, step, e))
            return -1;
        for (size_t i = 0; i < w->renewing_count; i++)
            if (party_renew(w->renewing[i], e))
                return -1;
        seconds -= step;
    }
    return 0;
}

void world_let_expire(struct world *w, const struct party *x)
{
    for (size_t i = 0; i < w->renewing_count; i++)
        if (w->renewing[i] == x)
            w->renewing[i--] = w->renewing[--w->renewing_count];
}

int world_sleep(struct world *w, int64_t seconds, struct err *e)
{
    return pass(w, seconds, e);
}

int world_upkeep(struct world *w, struct err *e)
{
    char before[64], now[64];
    int64_t until = clock_monotonic_ns() + UPKEEP_NS;
    if (world_control(w, before, sizeof before, e, "upkeep"))
        return -1;
    for (;;) {
        if (world_control(w, now, sizeof now, e, "rounds"))
            return -1;
        if (strcmp(before, now) != 0)
            return 0;
        if (clock_monotonic_ns() > until || world_cancelled(w))
            return err_set(e, ERR_CANCELLED, "a round of upkeep does not end");
        pause_ms(2);
    }
}
