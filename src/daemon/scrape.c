/* SPDX-License-Identifier: Apache-2.0 */
/* Answers collectors of metrics. Reads a bounded head, understands one request of it, and nothing is kept open. */
#include "daemon/scrape.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "daemon/listen.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HEAD_MAX 8192
#define TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

struct scrape {
    struct server *server;
    struct local_door *doors[2];
    size_t door_count;
    char *path; /* of the socket, to be removed */
    pthread_mutex_t lock;
    struct buf text;
    int64_t made_ns; /* 0: never */
};

static void send_answer(int fd, int64_t until_ns, const char *status, const char *type, const void *body, size_t len, bool with_body)
{
    char head[256];
    int n = snprintf(head, sizeof head,
                     "HTTP/1.0 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", status,
                     type, len);
    if (local_write(fd, head, (size_t)n, until_ns) == 0 && with_body)
        (void)local_write(fd, body, len, until_ns);
}

static void send_error(int fd, int64_t until_ns, const char *status)
{
    char body[64];
    int n = snprintf(body, sizeof body, "%s\n", status);
    send_answer(fd, until_ns, status, "text/plain", body, (size_t)n, true);
}

/* A copy of the text, so that a slow caller of one door does not hold the other's. */
static int text_now(struct scrape *p, struct buf *out, struct err *e)
{
    int rc = 0;
    (void)pthread_mutex_lock(&p->lock);
    int64_t now = clock_monotonic_ns();
    if (!p->made_ns || now - p->made_ns > SCRAPE_KEEP_MS * INT64_C(1000000)) {
        buf_done(&p->text);
        p->text = (struct buf){.max = SERVER_METRICS_MAX};
        rc = server_metrics(p->server, ABRI_VERSION, &p->text, e);
        p->made_ns = rc ? 0 : now;
    }
    if (!rc) {
        buf_put(out, p->text.data, p->text.len);
        rc = buf_check(out, "metrics", e);
    }
    (void)pthread_mutex_unlock(&p->lock);
    return rc;
}

/* "GET /metrics HTTP/1.1"; a query is passed over. The status to refuse it with, or NULL. */
static const char *refusal(char *line, bool *head_out)
{
    char *method = line, *path = strchr(line, ' '), *version = path ? strchr(path + 1, ' ') : NULL;
    if (!version || strncmp(version + 1, "HTTP/1.", 7) != 0)
        return "400 Bad Request";
    *path++ = '\0';
    *version = '\0';
    path[strcspn(path, "?")] = '\0';
    *head_out = strcmp(method, "HEAD") == 0;
    if (!*head_out && strcmp(method, "GET") != 0)
        return "405 Method Not Allowed";
    return strcmp(path, "/") == 0 || strcmp(path, "/metrics") == 0 ? NULL : "404 Not Found";
}

static void serve(void *arg, int fd, int64_t until_ns)
{
    struct scrape *p = arg;
    char head[HEAD_MAX];
    bool is_head = false;
    CLEANUP(buf_done) struct buf text = {.max = SERVER_METRICS_MAX};
    struct err why = ERR_INIT;
    if (local_read(fd, head, sizeof head, "\r\n\r\n", until_ns) < 0) {
        send_error(fd, until_ns, "400 Bad Request");
        return;
    }
    const char *refused = refusal(head, &is_head);
    if (!refused && text_now(p, &text, &why))
        refused = "503 Service Unavailable";
    if (refused)
        send_error(fd, until_ns, refused);
    else
        send_answer(fd, until_ns, "200 OK", TYPE, text.data, text.len, !is_head);
}

static int add_door(struct scrape *p, int fd, struct err *e)
{
    if (local_open(fd, serve, p, &p->doors[p->door_count], e))
        return -1;
    p->door_count++;
    return 0;
}

static int open_doors(struct scrape *p, const char *path, const char *address, char where_out[80], struct err *e)
{
    int fd;
    if (path) {
        char *copy = mem_strdup(path);
        if (!copy)
            return err_no_memory(e, "metrics");
        if (local_listen(path, 0660, &fd, e)) {
            mem_free(copy);
            return -1;
        }
        p->path = copy;
        if (add_door(p, fd, e))
            return -1;
    }
    if (address) {
        if (listen_on(address, &fd, e))
            return -1;
        listen_name(fd, where_out, 80);
        return add_door(p, fd, e);
    }
    return 0;
}

int scrape_start(struct server *s, const char *path, const char *address, struct scrape **out, char where_out[80],
                 struct err *e)
{
    struct scrape *p = mem_zalloc(sizeof *p);
    where_out[0] = '\0';
    if (!p)
        return err_no_memory(e, "metrics");
    p->server = s;
    (void)pthread_mutex_init(&p->lock, NULL);
    if (open_doors(p, path, address, where_out, e)) {
        scrape_stop(p);
        return err_wrap(e, "metrics");
    }
    *out = p;
    return 0;
}

void scrape_stop(struct scrape *p)
{
    if (!p)
        return;
    while (p->door_count)
        local_close(p->doors[--p->door_count]);
    if (p->path)
        (void)unlink(p->path);
    mem_free(p->path);
    buf_done(&p->text);
    (void)pthread_mutex_destroy(&p->lock);
    mem_free(p);
}
