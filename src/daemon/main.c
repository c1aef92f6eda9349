/* SPDX-License-Identifier: Apache-2.0 */
/*
 * abrid: serves vaults. The command line and the configuration become settings; serve.c does the rest. What this
 * process may do is narrowed here, before there is anything to protect.
 */
#include "daemon/config.h"
#include "daemon/control.h"
#include "daemon/notify.h"
#include "daemon/options.h"
#include "daemon/say.h"
#include "daemon/serve.h"

#include "base/mem.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

struct command {
    int argc;
    char **argv;
};

static int fail(const struct err *e)
{
    say(LOG_LEVEL_ERROR, "%s", e->msg);
    return err_exit_status(e->cls);
}

/* No new rights, no dumps of memory that holds keys, no files for others; private keys of TLS and of the authority in
 * locked memory, if the limit allows. */
static void harden(void)
{
    const struct rlimit none = {0};
    struct rlimit files;
    (void)umask(077);
    (void)prctl(PR_SET_DUMPABLE, 0);
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    (void)setrlimit(RLIMIT_CORE, &none);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max < 65536 ? files.rlim_max : 65536;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    (void)CRYPTO_secure_malloc_init((size_t)128 << 10, 32);
}

/* ---- settings ------------------------------------------------------------------------------------ */

static void complain(void *arg, const char *text)
{
    unsigned *count = arg;
    say(LOG_LEVEL_ERROR, "%s", text);
    (*count)++;
}

/* Where abri looks, too: ABRI_CONFIG_DIR, else /etc/abri. */
static int default_path(char out[4096])
{
    const char *dir = getenv("ABRI_CONFIG_DIR");
    int n = snprintf(out, 4096, "%s", SETTINGS_FILE);
    if (dir && *dir)
        n = snprintf(out, 4096, "%s/abrid.toml", dir);
    return n;
}

static int read_file(const struct options *o, struct settings *out, unsigned *wrong, struct err *e)
{
    char path[4096];
    if (default_path(path) >= (int)sizeof path)
        return err_set(e, ERR_USAGE, "ABRI_CONFIG_DIR is too long");
    int rc = daemon_config_read(o->config ? o->config : path, out, complain, wrong, e);
    if (rc && e->cls == ERR_NOT_FOUND && !o->config) {
        *e = ERR_INIT;
        return 0;
    }
    return rc && e->cls == ERR_NOT_FOUND ? err_reclass(e, ERR_USAGE) : rc;
}

/* The file below the command line; all that is wrong is said before this fails. */
static int merge(struct options *o, struct settings *out, struct err *e)
{
    struct settings from_file = {0};
    unsigned wrong = 0, said = 0;
    int rc = read_file(o, &from_file, &wrong, e);
    settings_fill(&o->said, &from_file);
    settings_done(&from_file);
    if (!rc && settings_contradict(&o->said, complain, &said))
        rc = err_set(e, ERR_USAGE, "the settings contradict each other");
    if (!rc && !o->said.root)
        rc = err_set(e, ERR_USAGE, "where shall things be kept? --root DIR");
    if (rc)
        return -1;
    *out = o->said;
    o->said = (struct settings){0};
    return 0;
}

static int read_settings(void *arg, struct settings *out, struct err *e)
{
    const struct command *c = arg;
    struct options o = {0};
    if (options_parse(c->argc, c->argv, &o, e))
        return -1;
    int rc = merge(&o, out, e);
    options_done(&o);
    return rc;
}

/* ---- what was asked for ------------------------------------------------------------------------------ */

static int run_server(struct settings *s, struct command *c, struct err *e)
{
    sigset_t signals;
    (void)signal(SIGPIPE, SIG_IGN);
    if (s->trial)
        (void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* nobody else would end it */
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL); /* threads inherit it */
    notify_init();
    int rc = serve(s, &signals, read_settings, c, e);
    notify_done();
    return rc;
}

static int ask_token(const struct settings *s, struct err *e)
{
    char line[CONTROL_LINE_MAX];
    if (control_ask_token(s->root, line, sizeof line, e))
        return -1;
    puts(line);
    explicit_bzero(line, sizeof line);
    return fflush(stdout) ? err_set(e, ERR_IO, "the token could not be printed") : 0;
}

static int act(struct options *o, struct command *c, struct err *e)
{
    struct settings s = {0};
    if (o->help || o->version || o->manual) {
        if (o->version)
            puts("abrid " ABRI_VERSION);
        else
            (o->help ? options_help : options_manual)(stdout);
        return 0;
    }
    if (merge(o, &s, e))
        return -1;
    int rc = 0;
    if (o->check_config)
        settings_print(&s, stdout);
    else
        rc = o->new_owner_token ? ask_token(&s, e) : run_server(&s, c, e);
    settings_done(&s);
    return rc;
}

int main(int argc, char **argv)
{
    struct command c = {argc, argv};
    struct options o = {0};
    struct err e = ERR_INIT;
    harden();
    say_init();
    if (options_parse(argc, argv, &o, &e))
        return fail(&e);
    int rc = act(&o, &c, &e);
    options_done(&o);
    return rc ? fail(&e) : 0;
}
