/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of settings, and what is done with each of them alike: stored, filled, compared, printed. What the file's
 * text looks like is in config.c, the command line in options.c.
 */
#include "daemon/settings.h"

#include "base/mem.h"
#include "daemon/listen.h"
#include "http/address.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- checks of a text ---------------------------------------------------------------------------- */

static int check_level(const char *text, struct err *e)
{
    if (strcmp(text, "error") == 0 || strcmp(text, "warning") == 0 || strcmp(text, "info") == 0)
        return 0;
    return err_set(e, ERR_USAGE, "'%.40s' is no level: error, warning or info", text);
}

static int check_path(const char *text, struct err *e)
{
    return *text == '/' ? 0 : err_set(e, ERR_USAGE, "'%.200s' is no path from the root: it begins with /", text);
}

static int check_server_name(const char *text, struct err *e)
{
    static const char fine[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:*";
    size_t n = strlen(text);
    if (n > 0 && n <= 253 && strspn(text, fine) == n)
        return 0;
    return err_set(e, ERR_USAGE, "'%.100s' is neither a name of the DNS nor an address", text);
}

static int check_proxy(const char *text, struct err *e)
{
    if (network_parse(text, &(struct network){0}))
        return 0;
    return err_set(e, ERR_USAGE, "'%.100s' is neither an address nor a network, such as 192.0.2.7 or 2001:db8::/32", text);
}

static int check_name(const char *text, struct err *e)
{
    if (*text && strlen(text) <= 200)
        return 0;
    return err_set(e, ERR_USAGE, "a name has 1 to 200 bytes");
}

static int check_root(const char *text, struct err *e)
{
    return *text ? 0 : err_set(e, ERR_USAGE, "an empty path");
}

/* ---- the table -------------------------------------------------------------------------------------- */

#define AT(field)       offsetof(struct settings, field)
#define LIMIT(field)    offsetof(struct settings, limits.field)
#define LISTENER(field) offsetof(struct setting_listener, field)

const struct setting settings_table[] = {
    {"", "root", SETTING_TEXT, AT(root), 0, 0, false, "DIR", "where everything is kept", NULL, check_root},
    {"", "name", SETTING_TEXT, AT(name), 0, 0, false, "TEXT", "what the installation is called", "abri", check_name},
    {"", "listen", SETTING_LIST, AT(listen), 0, 0, false, "ADDR:PORT",
     "address to listen on; may be repeated. [ADDR6]:PORT and *:PORT are fine, port 0 lets the kernel choose", "*:8443, unless systemd hands sockets over", listen_check},
    {"", "proxy", SETTING_LIST, AT(proxy), 0, 0, false, "NETWORK",
     "front ends whose PROXY protocol v2 is demanded and believed, on all sockets without a table of their own; may be repeated", "none", check_proxy},
    {"", "server-name", SETTING_LIST, AT(server_names), 0, 0, true, "NAME",
     "a further name or address for the server's certificate; may be repeated", "none", check_server_name},
    {"", "loops", SETTING_NUMBER, AT(loops), 1, 64, false, "N", "threads that read and write sockets", "half the processors, at most 4", NULL},
    {"", "workers", SETTING_NUMBER, AT(workers), 1, 256, false, "N", "threads that work on requests", "2 for each processor, at least 4", NULL},
    {"", "certificate-days", SETTING_NUMBER, AT(certificate_days), 1, 397, false, "DAYS",
     "how long certificates of machines and people last; machines renew them with backups that work", "30", NULL},
    {"", "free-percent", SETTING_NUMBER, AT(free_percent), 1, 100, false, "N",
     "with less than so much of the disk free there is an alarm", "5", NULL},
    {"", "metrics-socket", SETTING_TEXT, AT(metrics_socket), 0, 0, false, "PATH", "a local socket that answers with metrics, for user and group", "none", check_path},
    {"", "metrics-address", SETTING_TEXT, AT(metrics_address), 0, 0, false, "ADDR:PORT", "the same on an address of this machine, for all of its users", "none", listen_check_local},
    {"", "log-level", SETTING_TEXT, AT(log_level), 0, 0, true, "LEVEL", "what is said: error, warning or info", "info", check_level},
    {"limits", "connections", SETTING_NUMBER, LIMIT(connections), 1, 1000000, true, "N", "connections at once", "4096", NULL},
    {"limits", "connections-per-address", SETTING_NUMBER, LIMIT(connections_per_address), 1, 1000000, true, "N", "of them from one address", "1024", NULL},
    {"limits", "streams", SETTING_NUMBER, LIMIT(streams), 1, 1000, true, "N", "requests at once in a connection", "100", NULL},
    {"limits", "handshake-seconds", SETTING_NUMBER, LIMIT(handshake_s), 1, 3600, true, "S", "from accepting to the end of TLS's handshake", "10", NULL},
    {"limits", "head-seconds", SETTING_NUMBER, LIMIT(head_s), 1, 3600, true, "S", "from a request's first byte to its head", "10", NULL},
    {"limits", "idle-seconds", SETTING_NUMBER, LIMIT(idle_s), 1, 86400, true, "S", "a connection without a request", "600", NULL},
    {"limits", "stall-seconds", SETTING_NUMBER, LIMIT(stall_s), 1, 3600, true, "S", "a body or an answer that does not move at all", "60", NULL},
    {"limits", "slow-seconds", SETTING_NUMBER, LIMIT(slow_s), 1, 3600, true, "S", "how long bodies and answers of a connection may be slow", "60", NULL},
    {"limits", "slow-bytes-per-second", SETTING_NUMBER, LIMIT(slow_bytes_per_s), 1, 1048576, true, "N", "what is slow: less than so much", "1024", NULL},
    {"limits", "connections-per-machine", SETTING_NUMBER, LIMIT(connections_per_machine), 1, 1000000, true, "N", "connections of one machine or person", "256", NULL},
    {"limits", "requests-per-machine", SETTING_NUMBER, LIMIT(requests_per_machine), 1, 1000000, true, "N", "requests at once of one machine or person", "512", NULL},
    {"limits", "buffer-per-machine-mib", SETTING_NUMBER, LIMIT(buffer_per_machine_mib), 1, 1048576, true, "MIB", "received and not worked on, of one machine or person", "a quarter of all", NULL},
    {"limits", "buffer-kib", SETTING_NUMBER, LIMIT(buffer_kib), 512, 1048576, true, "KIB", "received and not worked on, of a connection", "4096", NULL},
    {"limits", "buffer-total-mib", SETTING_NUMBER, LIMIT(buffer_total_mib), 1, 1048576, true, "MIB", "the same of all connections", "128", NULL},
    {"listener", "address", SETTING_TEXT, LISTENER(address), 0, 0, false, "ADDR:PORT", "where it listens; without it, systemd hands a socket of this NAME over", NULL, listen_check},
    {"listener", "proxy", SETTING_LIST, LISTENER(proxy), 0, 0, false, "NETWORK", "its front ends", "none", check_proxy},
};
const size_t settings_count = sizeof settings_table / sizeof *settings_table;

const struct setting *settings_find(const char *table, const char *name)
{
    for (size_t i = 0; i < settings_count; i++)
        if (strcmp(settings_table[i].table, table) == 0 && strcmp(settings_table[i].name, name) == 0)
            return &settings_table[i];
    return NULL;
}

static void *field(const struct setting *t, const void *base)
{
    return (char *)(uintptr_t)base + t->offset;
}

/* ---- storing and freeing --------------------------------------------------------------------------- */

static void list_done(struct setting_list *l)
{
    while (l->count)
        mem_free(l->items[--l->count]);
}

void settings_done(struct settings *s)
{
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *t = &settings_table[i];
        if (strcmp(t->table, "listener") == 0)
            continue;
        if (t->kind == SETTING_TEXT)
            mem_free(*(char **)field(t, s));
        else if (t->kind == SETTING_LIST)
            list_done(field(t, s));
    }
    for (size_t i = 0; i < s->listener_count; i++) {
        mem_free(s->listeners[i].name);
        mem_free(s->listeners[i].address);
        list_done(&s->listeners[i].proxy);
    }
    *s = (struct settings){0};
}

static int store_number(const struct setting *t, void *base, const char *text, struct err *e)
{
    char *end;
    size_t digits = strspn(text, "0123456789");
    uint64_t value = digits && digits <= 18 && !text[digits] ? strtoull(text, &end, 10) : UINT64_MAX;
    if (value < t->min || value > t->max)
        return err_set(e, ERR_USAGE, "'%.30s': a number from %" PRIu64 " to %" PRIu64 " is possible", text, t->min, t->max);
    *(uint64_t *)field(t, base) = value;
    return 0;
}

static int check_text(const struct setting *t, const char *text, struct err *e)
{
    if (strlen(text) > SETTINGS_TEXT_MAX)
        return err_set(e, ERR_USAGE, "longer than %d bytes", SETTINGS_TEXT_MAX);
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return err_set(e, ERR_USAGE, "a control character cannot be meant");
    return t->check ? t->check(text, e) : 0;
}

int settings_store(const struct setting *t, void *base, const char *text, struct err *e)
{
    if (t->kind == SETTING_NUMBER)
        return store_number(t, base, text, e);
    if (check_text(t, text, e))
        return -1;
    struct setting_list *l = field(t, base);
    if (t->kind == SETTING_LIST && l->count == SETTINGS_LIST_MAX)
        return err_set(e, ERR_USAGE, "at most %d are possible", SETTINGS_LIST_MAX);
    char *copy = mem_strdup(text);
    if (!copy)
        return err_no_memory(e, "a setting");
    if (t->kind == SETTING_LIST) {
        l->items[l->count++] = copy;
        return 0;
    }
    mem_free(*(char **)field(t, base));
    *(char **)field(t, base) = copy;
    return 0;
}

static bool is_set(const struct setting *t, const void *base)
{
    if (t->kind == SETTING_NUMBER)
        return *(const uint64_t *)field(t, base) != 0;
    if (t->kind == SETTING_LIST)
        return ((const struct setting_list *)field(t, base))->count != 0;
    return *(char *const *)field(t, base) != NULL;
}

void settings_fill(struct settings *said, struct settings *file)
{
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *t = &settings_table[i];
        if (strcmp(t->table, "listener") == 0 || is_set(t, said))
            continue;
        if (t->kind == SETTING_NUMBER) {
            *(uint64_t *)field(t, said) = *(uint64_t *)field(t, file);
        } else if (t->kind == SETTING_TEXT) {
            *(char **)field(t, said) = TAKE(*(char **)field(t, file));
        } else {
            struct setting_list *l = field(t, file);
            *(struct setting_list *)field(t, said) = *l;
            l->count = 0;
        }
    }
    memcpy(said->listeners, file->listeners, sizeof said->listeners);
    said->listener_count = file->listener_count;
    file->listener_count = 0;
}

/* ---- comparing and printing -------------------------------------------------------------------------- */

static bool same_list(const struct setting_list *a, const struct setting_list *b)
{
    for (size_t i = 0; a->count == b->count && i < a->count; i++)
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    return a->count == b->count;
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same(const struct setting *t, const void *a, const void *b)
{
    if (t->kind == SETTING_NUMBER)
        return *(const uint64_t *)field(t, a) == *(const uint64_t *)field(t, b);
    if (t->kind == SETTING_LIST)
        return same_list(field(t, a), field(t, b));
    return same_text(*(char *const *)field(t, a), *(char *const *)field(t, b));
}

static bool same_listeners(const struct settings *a, const struct settings *b)
{
    for (size_t i = 0; a->listener_count == b->listener_count && i < a->listener_count; i++)
        if (strcmp(a->listeners[i].name, b->listeners[i].name) != 0 ||
            !same_text(a->listeners[i].address, b->listeners[i].address) ||
            !same_list(&a->listeners[i].proxy, &b->listeners[i].proxy))
            return false;
    return a->listener_count == b->listener_count;
}

static void add_name(char *out, size_t cap, const char *name)
{
    size_t n = strlen(out);
    (void)snprintf(out + n, cap - n, "%s%s", n ? ", " : "", name);
}

void settings_fixed_differences(const struct settings *a, const struct settings *b, char *out, size_t cap)
{
    *out = '\0';
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *t = &settings_table[i];
        if (strcmp(t->table, "listener") != 0 && !t->live && !same(t, a, b))
            add_name(out, cap, t->name);
    }
    if (!same_listeners(a, b))
        add_name(out, cap, "[listener-…]");
}

static void print_text(const char *text, FILE *f)
{
    fputc('"', f);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', f);
        fputc(*text, f);
    }
    fputc('"', f);
}

static void print_one(const struct setting *t, const void *base, FILE *f)
{
    if (!is_set(t, base)) {
        if (t->otherwise)
            fprintf(f, "# %s: %s\n", t->name, t->otherwise);
        return;
    }
    fprintf(f, "%s = ", t->name);
    if (t->kind == SETTING_NUMBER) {
        fprintf(f, "%" PRIu64, *(const uint64_t *)field(t, base));
    } else if (t->kind == SETTING_TEXT) {
        print_text(*(char *const *)field(t, base), f);
    } else {
        const struct setting_list *l = field(t, base);
        for (size_t i = 0; i < l->count; i++) {
            fputs(i ? ", " : "[", f);
            print_text(l->items[i], f);
        }
        fputc(']', f);
    }
    fputc('\n', f);
}

static void print_table(const char *table, const void *base, FILE *f)
{
    for (size_t i = 0; i < settings_count; i++)
        if (strcmp(settings_table[i].table, table) == 0)
            print_one(&settings_table[i], base, f);
}

void settings_print(const struct settings *s, FILE *f)
{
    print_table("", s, f);
    fputs("\n[limits]\n", f);
    print_table("limits", s, f);
    for (size_t i = 0; i < s->listener_count; i++) {
        fprintf(f, "\n[listener-%s]\n", s->listeners[i].name);
        print_table("listener", &s->listeners[i], f);
    }
}

/* ---- what they mean together ---------------------------------------------------------------------------- */

/* What holds, said or not. */
static uint64_t or_else(uint64_t said, uint64_t otherwise)
{
    return said ? said : otherwise;
}

struct http_limits settings_limits(const struct settings *s)
{
    return (struct http_limits){
        .connections = (uint32_t)s->limits.connections,
        .connections_per_address = (uint32_t)s->limits.connections_per_address,
        .streams = (uint32_t)s->limits.streams,
        .handshake_ms = (uint32_t)s->limits.handshake_s * 1000,
        .head_ms = (uint32_t)s->limits.head_s * 1000,
        .idle_ms = (uint32_t)s->limits.idle_s * 1000,
        .stall_ms = (uint32_t)s->limits.stall_s * 1000,
        .slow_ms = (uint32_t)s->limits.slow_s * 1000,
        .slow_bytes = (uint32_t)(s->limits.slow_s || s->limits.slow_bytes_per_s
                                     ? or_else(s->limits.slow_s, 60) * or_else(s->limits.slow_bytes_per_s, 1024)
                                     : 0),
        .connections_per_owner = (uint32_t)s->limits.connections_per_machine,
        .requests_per_owner = (uint32_t)s->limits.requests_per_machine,
        .buffered_per_owner = (size_t)s->limits.buffer_per_machine_mib << 20,
        .buffered_per_connection = (size_t)s->limits.buffer_kib << 10,
        .buffered_total = (size_t)s->limits.buffer_total_mib << 20,
    };
}

enum log_level settings_log_level(const struct settings *s)
{
    if (s->log_level && strcmp(s->log_level, "error") == 0)
        return LOG_LEVEL_ERROR;
    return s->log_level && strcmp(s->log_level, "warning") == 0 ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO;
}

unsigned settings_contradict(const struct settings *s, void (*complain)(void *arg, const char *text), void *arg)
{
    unsigned found = 0;
    if (or_else(s->limits.connections_per_address, 1) > or_else(s->limits.connections, 4096)) {
        complain(arg, "[limits] connections-per-address is more than connections");
        found++;
    }
    if (or_else(s->limits.buffer_kib, 4096) > or_else(s->limits.buffer_total_mib, 128) * 1024) {
        complain(arg, "[limits] buffer-kib of one connection is more than buffer-total-mib of all");
        found++;
    }
    for (size_t i = 0; i < s->listener_count; i++)
        for (size_t k = 0; s->listeners[i].address && k < s->listen.count; k++)
            if (strcmp(s->listeners[i].address, s->listen.items[k]) == 0 && !listen_is_any_port(s->listen.items[k])) {
                complain(arg, "an address of a [listener-…] stands in 'listen', too");
                found++;
            }
    return found;
}
