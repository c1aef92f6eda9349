/* SPDX-License-Identifier: Apache-2.0 */
/* One line of JSON each way. */
#include "machine/qmp.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define REPLY_MS 120000 /* QEMU answers at once, unless its disks hang */
#define AGAIN_MS 20

struct qmp {
    int fd;
    struct buf in;  /* received, not yet taken */
    json_t *events; /* an array, oldest first */
    uint64_t next_id;
};

void qmp_close(struct qmp *q)
{
    if (!q)
        return;
    file_close(&q->fd);
    buf_done(&q->in);
    json_decref(q->events);
    mem_free(q);
}

static int gone(struct err *e)
{
    return err_set(e, ERR_OFFLINE, "QEMU closed its control socket");
}

/* ---- lines ---------------------------------------------------------------------------- */

/* 1 if more came, 0 if nothing did in time. */
static int receive(struct qmp *q, int timeout_ms, struct err *e)
{
    struct pollfd p = {.fd = q->fd, .events = POLLIN};
    int ready = poll(&p, 1, timeout_ms);
    if (ready == 0 || (ready < 0 && errno == EINTR))
        return 0;
    uint8_t *at = buf_reserve(&q->in, 4096);
    if (!at)
        return err_set(e, ERR_LIMIT, "QEMU says more than it should");
    ssize_t n = recv(q->fd, at, 4096, 0);
    if (n <= 0)
        return gone(e);
    buf_added(&q->in, (size_t)n);
    return 1;
}

/* 1 and the next object, 0 if none is whole yet. */
static int take_line(struct qmp *q, json_t **out, struct err *e)
{
    const uint8_t *end = q->in.len ? memchr(q->in.data, '\n', q->in.len) : NULL;
    if (!end)
        return 0;
    size_t len = (size_t)(end - q->in.data);
    json_t *o = json_loadb((const char *)q->in.data, len, JSON_REJECT_DUPLICATES, NULL);
    memmove(q->in.data, end + 1, q->in.len - len - 1);
    q->in.len -= len + 1;
    if (!json_is_object(o)) {
        json_decref(o);
        return err_set(e, ERR_IO, "QEMU says what is no JSON");
    }
    *out = o;
    return 1;
}

/* 1 and an object, 0 if none came in time. */
static int next_object(struct qmp *q, int timeout_ms, json_t **out, struct err *e)
{
    int64_t until = clock_monotonic_ns() + (int64_t)timeout_ms * 1000000;
    for (;;) {
        int rc = take_line(q, out, e);
        if (rc)
            return rc;
        int64_t left = (until - clock_monotonic_ns()) / 1000000;
        if (left < 0)
            return 0;
        if (receive(q, (int)left, e) < 0)
            return -1;
    }
}

static int send_object(struct qmp *q, json_t *o, struct err *e)
{
    char *text = json_dumps(o, JSON_COMPACT);
    if (!text)
        return err_no_memory(e, "a command for QEMU");
    size_t len = strlen(text), done = 0;
    text[len] = '\n'; /* in place of the NUL */
    while (done <= len) {
        ssize_t n = send(q->fd, text + done, len + 1 - done, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    mem_free(text);
    return done > len ? 0 : gone(e);
}

/* ---- commands and events ----------------------------------------------------------------- */

static int keep_event(struct qmp *q, json_t *event)
{
    if (json_array_size(q->events) == QMP_EVENTS_MAX)
        (void)json_array_remove(q->events, 0);
    return json_array_append_new(q->events, event);
}

static int take_reply(json_t *reply, const char *command, json_t **out, struct err *e)
{
    json_t *value = json_object_get(reply, "return");
    const char *why = json_string_value(json_object_get(json_object_get(reply, "error"), "desc"));
    int rc = 0;
    if (!value)
        rc = err_set(e, ERR_IO, "QEMU refuses %s: %s", command, why ? why : "it does not say why");
    else if (out)
        *out = json_incref(value);
    json_decref(reply);
    return rc;
}

static int await_reply(struct qmp *q, uint64_t id, const char *command, json_t **out, struct err *e)
{
    for (;;) {
        json_t *o = NULL;
        int rc = next_object(q, REPLY_MS, &o, e);
        if (rc < 0)
            return -1;
        if (rc == 0)
            return err_set(e, ERR_OFFLINE, "QEMU does not answer to %s", command);
        if (json_object_get(o, "event")) {
            if (keep_event(q, o))
                return err_no_memory(e, "an event");
        } else if (json_integer_value(json_object_get(o, "id")) == (json_int_t)id) {
            return take_reply(o, command, out, e);
        } else {
            json_decref(o);
        }
    }
}

int qmp_do(struct qmp *q, const char *command, json_t *arguments, json_t **reply_out, struct err *e)
{
    uint64_t id = ++q->next_id;
    json_t *o = json_pack("{s:s, s:I}", "execute", command, "id", (json_int_t)id);
    if (arguments && json_object_set_new(o, "arguments", arguments)) {
        json_decref(o);
        return err_no_memory(e, "a command for QEMU");
    }
    int rc = o ? send_object(q, o, e) : err_no_memory(e, "a command for QEMU");
    json_decref(o);
    return rc ? -1 : await_reply(q, id, command, reply_out, e);
}

int qmp_event(struct qmp *q, int timeout_ms, json_t **out, struct err *e)
{
    if (json_array_size(q->events)) {
        *out = json_incref(json_array_get(q->events, 0));
        return json_array_remove(q->events, 0) ? err_no_memory(e, "an event") : 1;
    }
    json_t *o = NULL;
    int rc = next_object(q, timeout_ms, &o, e);
    if (rc <= 0)
        return rc;
    if (!json_object_get(o, "event")) {
        json_decref(o);
        return 0;
    }
    *out = o;
    return 1;
}

/* ---- connecting ---------------------------------------------------------------------------------
 */

static int connect_to(const char *path, int timeout_ms, int *fd_out, struct err *e)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int64_t until = clock_monotonic_ns() + (int64_t)timeout_ms * 1000000;
    if (strlen(path) >= sizeof at.sun_path)
        return err_set(e, ERR_USAGE, "'%s' is too long for a socket", path);
    memcpy(at.sun_path, path, strlen(path) + 1);
    for (;;) {
        CLEANUP(file_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
            return err_sys(e, errno, "a socket");
        if (connect(fd, (const struct sockaddr *)&at, sizeof at) == 0) {
            *fd_out = fd;
            fd = -1;
            return 0;
        }
        if (clock_monotonic_ns() > until)
            return err_set(e, ERR_OFFLINE, "QEMU does not open its control socket");
        (void)poll(NULL, 0, AGAIN_MS);
    }
}

static int greet(struct qmp *q, int timeout_ms, struct err *e)
{
    json_t *greeting = NULL;
    int rc = next_object(q, timeout_ms, &greeting, e);
    if (rc < 0)
        return -1;
    if (rc == 0)
        return err_set(e, ERR_OFFLINE, "QEMU does not greet");
    bool known = json_object_get(greeting, "QMP") != NULL;
    json_decref(greeting);
    return known ? qmp_do(q, "qmp_capabilities", NULL, NULL, e)
                 : err_set(e, ERR_IO, "that is no control socket of QEMU");
}

int qmp_open(const char *socket, int timeout_ms, struct qmp **out, struct err *e)
{
    struct qmp *q = mem_zalloc(sizeof *q);
    if (!q)
        return err_no_memory(e, "QEMU's control socket");
    q->fd = -1;
    q->in.max = QMP_LINE_MAX;
    q->events = json_array();
    if (!q->events || connect_to(socket, timeout_ms, &q->fd, e) || greet(q, timeout_ms, e)) {
        int rc = q->events ? -1 : err_no_memory(e, "events");
        qmp_close(q);
        return rc;
    }
    *out = q;
    return 0;
}
