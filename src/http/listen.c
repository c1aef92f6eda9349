/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes connections, and gives each to the loop with the fewest. Those beyond the limit
 * are closed at once, which costs less than to leave them waiting in the kernel.
 */
#include "http/http_internal.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#define ACCEPT_ROUND    64
#define ACCEPT_PAUSE_MS 100 /* when there are no descriptors or no memory */

int listener_init(struct listener *l, const struct http_listener *from, struct err *e)
{
    *l = (struct listener){.fd = from->fd};
    l->trusted = mem_array(from->trusted_count, sizeof *l->trusted);
    if (!l->trusted)
        return err_no_memory(e, "the list of trusted front ends");
    for (size_t i = 0; i < from->trusted_count; i++)
        if (!network_parse(from->trusted[i], &l->trusted[l->trusted_count++]))
            return err_set(
                e, ERR_USAGE,
                "trusted front end '%s': not an address or a network, such as 192.0.2.7 or "
                "2001:db8::/32",
                from->trusted[i]);
    int flags = fcntl(l->fd, F_GETFL);
    if (flags < 0 || fcntl(l->fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return err_sys(e, errno, "the listening socket");
    return 0;
}

void listener_done(struct listener *l)
{
    file_close(&l->fd);
    mem_free(TAKE(l->trusted));
}

static bool is_trusted(const struct listener *l, const struct address *a)
{
    for (size_t i = 0; i < l->trusted_count; i++)
        if (network_has(&l->trusted[i], a))
            return true;
    return false;
}

static struct loop *least_busy(struct http_server *s)
{
    struct loop *best = &s->loops[0];
    for (unsigned i = 1; i < s->loop_count; i++)
        if (atomic_load(&s->loops[i].connections) < atomic_load(&best->connections))
            best = &s->loops[i];
    return best;
}

/* Also too many that are closed, but whose requests workers still have: or a peer that comes,
 * asks and goes, again and again, would fill the memory while all workers wait for a disk. */
static bool is_full(struct http_server *s)
{
    (void)pthread_mutex_lock(&s->gone_lock);
    unsigned all = s->connection_count;
    (void)pthread_mutex_unlock(&s->gone_lock);
    return atomic_load(&s->count.connections) >= s->limits.connections ||
           all >= 2 * (uint64_t)s->limits.connections;
}

static void take(struct listener *l, struct http_server *s, int fd,
                 const struct sockaddr_storage *from)
{
    count_add(&s->count.accepted, 1);
    if (is_full(s)) {
        count_add(&s->count.refused_full, 1);
        (void)close(fd);
        return;
    }
    struct address a = address_of_socket(from);
    /* Answers leave in whole bursts already; waiting for more would only add a delay. */
    int one = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct connection *c = connection_new(s, least_busy(s), fd, &a, is_trusted(l, &a));
    if (c)
        loop_post(c);
    else
        (void)close(fd);
}

void listener_accept(struct listener *l, struct loop *loop)
{
    for (unsigned i = 0; i < ACCEPT_ROUND; i++) {
        struct sockaddr_storage from = {0};
        socklen_t len = sizeof from;
        int fd = accept4(l->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            take(l, loop->server, fd, &from);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            loop->accept_again_ms = loop->now_ms + ACCEPT_PAUSE_MS;
        if (errno != EINTR && errno != ECONNABORTED)
            return;
    }
}
