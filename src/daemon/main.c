/* SPDX-License-Identifier: Apache-2.0 */
/*
 * abrid: serves vaults. Options in, one line for each thing that an operator should know out; the
 * rest is `server`.
 */
#include "daemon/listen.h"

#include "base/mem.h"
#include "server/server.h"

#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define DRAIN_MS 30000

struct options {
    const char *root, *name;
    const char *listen[LISTEN_MAX];
    size_t listen_count;
    const char *names[32];
    size_t name_count;
    bool help, version;
};

static void usage(FILE *f)
{
    fputs("usage: abrid --root DIR --listen ADDR:PORT [OPTIONS]\n\n"
          "Serves vaults below DIR over HTTP/2 and TLS 1.3. On a new or empty directory it makes its own\n"
          "certificate authority and prints a token for the first owner, good for an hour.\n\n"
          "  --root DIR           where everything is kept\n"
          "  --listen ADDR:PORT   address to listen on; may be repeated (default: *:8443)\n"
          "  --server-name NAME   a further name or address for the server's certificate; may be repeated\n"
          "  --name TEXT          what the installation is called\n"
          "  --help, --version\n",
          f);
}

static int fail(const struct err *e)
{
    fprintf(stderr, "abrid: %s\n", e->msg);
    return err_exit_status(e->cls);
}

static int add(const char **list, size_t *count, size_t max, const char *what, const char *value,
               struct err *e)
{
    if (*count == max)
        return err_set(e, ERR_USAGE, "%s: at most %zu", what, max);
    list[(*count)++] = value;
    return 0;
}

static int parse(int argc, char **argv, struct options *o, struct err *e)
{
    static const struct option longs[] = {
        {"root", required_argument, NULL, 'r'},        {"listen", required_argument, NULL, 'l'},
        {"server-name", required_argument, NULL, 's'}, {"name", required_argument, NULL, 'n'},
        {"help", no_argument, NULL, 'h'},              {"version", no_argument, NULL, 'v'},
        {NULL, 0, NULL, 0},
    };
    int c, rc = 0;
    opterr = 0;
    while (!rc && (c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
        switch (c) {
        case 'r': o->root = optarg; break;
        case 'l': rc = add(o->listen, &o->listen_count, LISTEN_MAX, "--listen", optarg, e); break;
        case 's': rc = add(o->names, &o->name_count, 32, "--server-name", optarg, e); break;
        case 'n': o->name = optarg; break;
        case 'h': o->help = true; break;
        case 'v': o->version = true; break;
        default: rc = err_set(e, ERR_USAGE, "'%.100s' is no option, or lacks its value: see --help", argv[optind - 1]);
        }
    }
    if (!rc && optind < argc)
        rc = err_set(e, ERR_USAGE, "'%.100s' does not belong here: see --help", argv[optind]);
    if (!rc && !o->root && !o->help && !o->version)
        rc = err_set(e, ERR_USAGE, "where shall things be kept? --root DIR");
    return rc;
}

static void tell(void *arg, const char *line)
{
    (void)arg;
    fprintf(stderr, "abrid: %s\n", line);
}

static int open_listeners(const struct options *o, struct http_listener out[LISTEN_MAX],
                          size_t *count_out, struct err *e)
{
    int fds[LISTEN_MAX];
    size_t n = listen_inherited(fds);
    const char *everywhere = "*:8443";
    const char *const *where = o->listen_count ? o->listen : &everywhere;
    size_t wanted = o->listen_count ? o->listen_count : n ? 0 : 1;
    for (size_t i = 0; i < wanted && n < LISTEN_MAX; i++, n++)
        if (listen_on(where[i], &fds[n], e))
            return -1;
    for (size_t i = 0; i < n; i++)
        out[i] = (struct http_listener){.fd = fds[i]};
    *count_out = n;
    return 0;
}

/* The token goes to whoever started us at a terminal, or to standard output: never into a log of others. */
static int greet(struct server *s, const struct http_listener *l, size_t count, struct err *e)
{
    char where[80], token[WIRE_TOKEN_TEXT];
    for (size_t i = 0; i < count; i++) {
        listen_name(l[i].fd, where, sizeof where);
        printf("abrid: serving at https://%s\n", where);
    }
    if (server_is_new(s)) {
        if (server_bootstrap(s, token, e))
            return -1;
        printf("abrid: there is no owner yet. To become it, within an hour:\n\n"
               "    abri enrol https://%s %s\n\n",
               where, token);
        explicit_bzero(token, sizeof token);
    }
    (void)fflush(stdout);
    return 0;
}

static int serve(const struct options *o, const sigset_t *signals, struct err *e)
{
    struct http_listener listeners[LISTEN_MAX];
    size_t count = 0;
    struct server *s = NULL;
    int sig;
    if (!server_exists(o->root) && server_init(o->root, o->name, e))
        return -1;
    if (open_listeners(o, listeners, &count, e))
        return -1;
    const struct server_options so = {
        .root = o->root, .name = o->name, .names = o->names, .name_count = o->name_count,
        .listeners = listeners, .listener_count = count, .tell = tell,
    };
    if (server_start(&so, &s, e))
        return -1;
    int rc = greet(s, listeners, count, e);
    if (!rc)
        (void)sigwait(signals, &sig);
    server_stop(s, DRAIN_MS);
    return rc;
}

int main(int argc, char **argv)
{
    struct options o = {0};
    struct err e = ERR_INIT;
    sigset_t signals;
    if (parse(argc, argv, &o, &e))
        return fail(&e);
    if (o.help || o.version) {
        if (o.version)
            puts("abrid " ABRI_VERSION);
        else
            usage(stdout);
        return 0;
    }
    (void)prctl(PR_SET_DUMPABLE, 0);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL); /* threads inherit it */
    return serve(&o, &signals, &e) ? fail(&e) : 0;
}
