/* SPDX-License-Identifier: Apache-2.0 */
/*
 * abrid at work.
 *
 *  1. A reload that cannot be had whole changes nothing.
 *  2. What the server borrowed at its start (root, name) stays until it has stopped: `first` is never freed before.
 */
#include "daemon/serve.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "daemon/bootstrap.h"
#include "daemon/control.h"
#include "daemon/listen.h"
#include "daemon/notify.h"
#include "daemon/say.h"
#include "daemon/scrape.h"
#include "daemon/trial.h"
#include "server/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DRAIN_MS 30000
/* The server's certificate lasts 397 days and is made anew at each start, at each reload, and so often beside: */
#define RENEW_NS (INT64_C(90) * 86400 * NS_PER_S)
#define LOOK_S   3600

struct running {
    struct settings first, now; /* 2; `now` is empty until the first reload */
    struct http_listener listeners[LISTEN_MAX];
    size_t listener_count;
    char url[400];
    struct server *server;
    struct scrape *scrape;
    struct local_door *control;
    int64_t certified_ns;
};

static const struct settings *current(const struct running *r)
{
    return r->now.root ? &r->now : &r->first;
}

/* ---- sockets ------------------------------------------------------------------------------------- */

static int add_listener(struct running *r, int fd, const struct setting_list *proxy, struct err *e)
{
    if (r->listener_count == LISTEN_MAX) {
        (void)close(fd);
        return err_set(e, ERR_USAGE, "more than %d sockets to listen on", LISTEN_MAX);
    }
    r->listeners[r->listener_count++] = (struct http_listener){
        .fd = fd, .trusted = (const char *const *)proxy->items, .trusted_count = proxy->count};
    return 0;
}

static const struct setting_listener *listener_named(const struct settings *s, const char *name)
{
    for (size_t i = 0; i < s->listener_count; i++)
        if (!s->listeners[i].address && strcmp(s->listeners[i].name, name) == 0)
            return &s->listeners[i];
    return NULL;
}

/* Those of systemd: one that has a table of its name takes its front ends from there. */
static int take_inherited(struct running *r, size_t *count_out, struct err *e)
{
    const struct settings *s = &r->first;
    struct listen_fd fds[LISTEN_MAX];
    size_t n = listen_inherited(fds), named = 0, wanted = 0;
    for (size_t i = 0; i < n; i++) {
        const struct setting_listener *l = listener_named(s, fds[i].name);
        named += l != NULL;
        if (add_listener(r, fds[i].fd, l ? &l->proxy : &s->proxy, e))
            return -1;
    }
    for (size_t i = 0; i < s->listener_count; i++)
        wanted += s->listeners[i].address == NULL;
    if (named < wanted)
        return err_set(e, ERR_USAGE,
                       "a [listener-…] has no address, and no socket of its name was handed over (FileDescriptorName=)");
    *count_out = n;
    return 0;
}

static int make_listener(struct running *r, const char *where, const struct setting_list *proxy, struct err *e)
{
    int fd;
    return listen_on(where, &fd, e) || add_listener(r, fd, proxy, e) ? -1 : 0;
}

static int open_listeners(struct running *r, struct err *e)
{
    const struct settings *s = &r->first;
    size_t inherited;
    if (take_inherited(r, &inherited, e))
        return -1;
    for (size_t i = 0; i < s->listen.count; i++)
        if (make_listener(r, s->listen.items[i], &s->proxy, e))
            return -1;
    for (size_t i = 0; i < s->listener_count; i++)
        if (s->listeners[i].address && make_listener(r, s->listeners[i].address, &s->listeners[i].proxy, e))
            return -1;
    return r->listener_count ? 0 : make_listener(r, "*:8443", &s->proxy, e);
}

/* Where a person would find us: a socket on all addresses is nowhere in particular. */
static void find_url(struct running *r)
{
    char where[80], host[256] = "localhost";
    const struct setting_list *names = &r->first.server_names;
    listen_name(r->listeners[0].fd, where, sizeof where);
    if (strncmp(where, "[::]", 4) != 0 && strncmp(where, "0.0.0.0", 7) != 0) {
        (void)snprintf(r->url, sizeof r->url, "https://%s", where);
        return;
    }
    if (names->count && !strpbrk(names->items[0], "*:"))
        (void)snprintf(host, sizeof host, "%s", names->items[0]);
    else if (gethostname(host, sizeof host - 1))
        (void)snprintf(host, sizeof host, "localhost");
    (void)snprintf(r->url, sizeof r->url, "https://%s%s", host, strrchr(where, ':'));
}

/* ---- what the server and others call back --------------------------------------------------------------- */

static void tell(void *arg, const char *line)
{
    (void)arg;
    say(LOG_LEVEL_WARNING, "%s", line);
}

static void claimed(void *arg)
{
    const struct running *r = arg;
    bootstrap_forget(r->first.root);
    say(LOG_LEVEL_INFO, "the first owner has enrolled");
}

static int new_token(void *arg, char *out, size_t cap, struct err *e)
{
    const struct running *r = arg;
    if (bootstrap_renew(r->server, r->first.root, r->url, out, cap, e))
        return -1;
    say(LOG_LEVEL_INFO, "a new token for the first owner was made: the earlier one is good for nothing");
    return 0;
}

static int certify(struct running *r, const struct settings *s, struct err *e);

static int for_trials(void *arg, const char *line, char *out, size_t cap, struct err *e)
{
    struct running *r = arg;
    if (trial_do(r->first.root, r->server, line, out, cap, e))
        return -1;
    return strncmp(line, "clock pass", 10) == 0 ? certify(r, current(r), e) : 0; /* ours would be old soon */
}

/* ---- start and stop ---------------------------------------------------------------------------------------- */

static int start_server(struct running *r, struct err *e)
{
    const struct settings *s = &r->first;
    if (trial_begin(s->root, s->trial, e))
        return -1;
    if (!server_exists(s->root) && server_init(s->root, s->name, e))
        return -1;
    const struct server_options so = {
        .root = s->root, .name = s->name,
        .names = (const char *const *)s->server_names.items, .name_count = s->server_names.count,
        .listeners = r->listeners, .listener_count = r->listener_count,
        .loops = (unsigned)s->loops, .workers = (unsigned)s->workers, .limits = settings_limits(s),
        .certificate_days = (unsigned)s->certificate_days, .free_percent = (unsigned)s->free_percent,
        .trial = s->trial, .tell = tell, .claimed = claimed, .arg = r,
    };
    if (server_start(&so, &r->server, e))
        return -1;
    r->certified_ns = clock_monotonic_ns();
    return 0;
}

static int greet(struct running *r, const char *metrics, struct err *e)
{
    char where[80];
    for (size_t i = 0; i < r->listener_count; i++) {
        listen_name(r->listeners[i].fd, where, sizeof where);
        printf("abrid: serving at https://%s\n", where);
    }
    if (*metrics)
        printf("abrid: metrics at http://%s/metrics\n", metrics);
    if (r->first.trial)
        printf("abrid: for trials alone: anybody who may use '%s/control' can move its clocks\n", r->first.root);
    int rc = bootstrap_offer(r->server, r->first.root, r->url, e);
    (void)fflush(stdout);
    return rc;
}

static int start_all(struct running *r, struct err *e)
{
    char metrics[80];
    if (open_listeners(r, e))
        return -1;
    find_url(r);
    notify_say("STATUS=Reading the log and the catalogue");
    if (start_server(r, e) || control_open(r->first.root, new_token, r->first.trial ? for_trials : NULL, r, &r->control, e) ||
        scrape_start(r->server, r->first.metrics_socket, r->first.metrics_address, &r->scrape, metrics, e) ||
        watchdog_start(r->server, e) || greet(r, metrics, e))
        return -1;
    notify_say("READY=1\nSTATUS=Serving at %s", r->url);
    return 0;
}

static void stop_all(struct running *r)
{
    notify_say("STOPPING=1\nSTATUS=Finishing what is under way");
    watchdog_stop();
    scrape_stop(r->scrape);
    if (r->control) {
        local_close(r->control);
        control_remove(r->first.root);
    }
    if (r->server && !server_stop(r->server, DRAIN_MS)) {
        (void)fflush(NULL);
        _exit(EXIT_FAILURE); /* a thread of it hangs: nothing may be freed */
    }
    if (!r->server)
        for (size_t i = 0; i < r->listener_count; i++)
            file_close(&r->listeners[i].fd);
    settings_done(&r->now);
    settings_done(&r->first);
}

/* ---- reload: 1 ------------------------------------------------------------------------------------------------ */

static int certify(struct running *r, const struct settings *s, struct err *e)
{
    if (server_set_names(r->server, (const char *const *)s->server_names.items, s->server_names.count, e))
        return -1;
    r->certified_ns = clock_monotonic_ns();
    return 0;
}

static int try_reload(struct running *r, struct settings *fresh, struct err *e)
{
    char fixed[512];
    settings_fixed_differences(&r->first, fresh, fixed, sizeof fixed);
    if (*fixed)
        return err_set(e, ERR_USAGE, "only a restart can change: %s", fixed);
    if (certify(r, fresh, e))
        return -1;
    const struct http_limits limits = settings_limits(fresh);
    server_set_limits(r->server, &limits);
    say_set_level(settings_log_level(fresh));
    return 0;
}

static void reload(struct running *r, serve_settings *again, void *arg)
{
    struct settings fresh = {0};
    struct err why = ERR_INIT;
    notify_reloading();
    if (again(arg, &fresh, &why) || try_reload(r, &fresh, &why)) {
        say(LOG_LEVEL_ERROR, "not reloaded, all stays as it was: %s", why.msg);
        settings_done(&fresh);
    } else {
        settings_done(&r->now);
        r->now = fresh;
        say(LOG_LEVEL_INFO, "reloaded");
    }
    notify_say("READY=1\nSTATUS=Serving at %s%s", r->url, why.cls == ERR_UNSET ? "" : " (the last reload was refused)");
}

static void renew_if_old(struct running *r)
{
    struct err why = ERR_INIT;
    if (clock_monotonic_ns() - r->certified_ns > RENEW_NS && certify(r, current(r), &why))
        say(LOG_LEVEL_ERROR, "the server's certificate could not be renewed: %s", why.msg);
}

int serve(struct settings *s, const sigset_t *signals, serve_settings *again, void *arg, struct err *e)
{
    const struct timespec look = {.tv_sec = LOOK_S};
    struct running r = {.first = *s};
    *s = (struct settings){0};
    say_set_level(settings_log_level(&r.first));
    if (start_all(&r, e)) {
        stop_all(&r);
        return -1;
    }
    for (int sig = 0; sig != SIGTERM && sig != SIGINT;) {
        sig = sigtimedwait(signals, NULL, &look);
        if (sig == SIGHUP)
            reload(&r, again, arg);
        else if (sig < 0 && errno == EAGAIN)
            renew_if_old(&r);
    }
    stop_all(&r);
    return 0;
}
