/* SPDX-License-Identifier: Apache-2.0 */
/* nbdkit for a machine: it lives as long as the machine needs its backup, whatever signals come. */
#include "cli/boot.h"
#include "cli/export.h"

#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void is_ready(void *arg)
{
    struct boot_server *s = arg;
    (void)pthread_mutex_lock(&s->lock);
    s->ready = true;
    (void)pthread_cond_broadcast(&s->changed);
    (void)pthread_mutex_unlock(&s->lock);
}

static void *attend(void *arg)
{
    struct boot_server *s = arg;
    struct err e = ERR_INIT;
    CLEANUP_FREE const char **argv = nbd_argv(&s->words);
    const struct nbd_server server = {.argv = argv,
                                      .passphrase = s->cli->global.key_file ? NULL : s->cli->kept,
                                      .socket = s->socket,
                                      .end = &s->end,
                                      .ready = is_ready,
                                      .arg = s};
    int rc = argv ? nbd_serve(s->cli, &server, &e) : err_no_memory(&e, "the arguments of nbdkit");
    (void)pthread_mutex_lock(&s->lock);
    if (rc)
        s->err = e;
    s->ended = true;
    (void)pthread_cond_broadcast(&s->changed);
    (void)pthread_mutex_unlock(&s->lock);
    return NULL;
}

static int await_ready(struct boot_server *s, struct err *e)
{
    (void)pthread_mutex_lock(&s->lock);
    while (!s->ready && !s->ended)
        (void)pthread_cond_wait(&s->changed, &s->lock);
    bool ready = s->ready;
    struct err why = s->err;
    (void)pthread_mutex_unlock(&s->lock);
    if (ready)
        return 0;
    return why.cls != ERR_UNSET ? err_give(e, &why) : err_set(e, ERR_IO, "nbdkit ended before it served anything");
}

int boot_server_start(struct boot_server *s, struct cli *c, const char *dir, const char *plugin,
                      const uint8_t snapshot[ID_BYTES], struct err *e)
{
    *s = (struct boot_server){.cli = c};
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_cond_init(&s->changed, NULL);
    (void)snprintf(s->socket, sizeof s->socket, "%s/nbd", dir);
    if (nbd_word(&s->words, e, "nbdkit") || nbd_word(&s->words, e, "--foreground") ||
        nbd_word(&s->words, e, "--exit-with-parent") || nbd_word(&s->words, e, "--tls=off") ||
        nbd_word(&s->words, e, "--unix=%s", s->socket) ||
        nbd_plugin_words(c, plugin, snapshot, "", 0, &s->words, e))
        return -1;
    int rc = pthread_create(&s->thread, NULL, attend, s);
    if (rc)
        return err_sys(e, rc, "a thread");
    s->running = true;
    return await_ready(s, e);
}

void boot_server_end(struct boot_server *s)
{
    if (s->running) {
        atomic_store(&s->end, true);
        (void)pthread_join(s->thread, NULL);
        s->running = false;
    }
    string_list_done(&s->words);
}
