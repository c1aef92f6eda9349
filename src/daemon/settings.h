/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What abrid can be told: one table (settings.c) for the command line, the configuration file, --check-config, --help
 * and the man page. A setting has one value wherever it was said; the command line wins over the file,
 * and a list that it gives takes the place of that of the file.
 */
#ifndef ABRI_DAEMON_SETTINGS_H
#define ABRI_DAEMON_SETTINGS_H

#include "base/err.h"
#include "http/http.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define SETTINGS_LIST_MAX     32
#define SETTINGS_LISTENER_MAX 16
#define SETTINGS_FILE         "/etc/abri/abrid.toml"
#define SETTINGS_TEXT_MAX     3000 /* bytes of any one value */

struct setting_list {
    char *items[SETTINGS_LIST_MAX];
    size_t count;
};

/* A socket with front ends of its own: made at `address`, or handed over by systemd under that name. */
struct setting_listener {
    char *name;
    char *address; /* NULL: handed over */
    struct setting_list proxy;
};

enum log_level { LOG_LEVEL_ERROR = 1, LOG_LEVEL_WARNING, LOG_LEVEL_INFO };

struct settings {
    bool trial; /* of the command line alone, so that no file makes a real server one */
    char *root, *name, *metrics_socket, *metrics_address, *log_level; /* NULL: not said */
    struct setting_list listen, proxy, server_names;
    uint64_t loops, workers, certificate_days, free_percent; /* 0: not said; so are these: */
    struct {
        uint64_t connections, connections_per_address, streams;
        uint64_t handshake_s, head_s, idle_s, stall_s, slow_s, slow_bytes_per_s, buffer_kib, buffer_total_mib;
        uint64_t connections_per_machine, requests_per_machine, buffer_per_machine_mib;
    } limits;
    struct setting_listener listeners[SETTINGS_LISTENER_MAX];
    size_t listener_count;
};

enum setting_kind { SETTING_TEXT = 1, SETTING_LIST, SETTING_NUMBER };

struct setting {
    const char *table; /* "", "limits" or "listener": of [listener-NAME] */
    const char *name;  /* of the key, and of the option where the table is "" */
    enum setting_kind kind;
    size_t offset;     /* in struct settings; of "listener" in struct setting_listener */
    uint64_t min, max; /* of a number */
    bool live;         /* SIGHUP changes it */
    const char *arg, *help, *otherwise; /* otherwise: what holds if it is not said */
    /* Whether the text (each item of a list) can be meant; NULL: any text can. ERR_USAGE. */
    int (*check)(const char *text, struct err *e);
};
extern const struct setting settings_table[];
extern const size_t settings_count;
const struct setting *settings_find(const char *table, const char *name); /* NULL: there is none */

void settings_done(struct settings *s);

/* Adds to a list, or sets what is not set yet or no list. Checks. `base`: what `offset` is in. */
MUST_CHECK int settings_store(const struct setting *t, void *base, const char *text, struct err *e);
/* All that contradicts itself when everything was said; `complain` hears each. How many. */
unsigned settings_contradict(const struct settings *s, void (*complain)(void *arg, const char *text), void *arg);
/* Where the command line said nothing, what the file said; takes it away from there. */
void settings_fill(struct settings *said, struct settings *from_file);
/* The effective settings, as a file would say them. */
void settings_print(const struct settings *s, FILE *f);
/* Names of settings that differ and are not live, ", " between them; "" if there are none. */
void settings_fixed_differences(const struct settings *a, const struct settings *b, char *out, size_t cap);

struct http_limits settings_limits(const struct settings *s);
enum log_level settings_log_level(const struct settings *s);

#endif
