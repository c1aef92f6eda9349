/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delay_proxy PORT ROUND_TRIP_MS MBIT: hands TCP connections on 127.0.0.1 over to PORT there, as if the
 * other side was so far away and the line so wide. Prints the port on which it listens. For measurements alone.
 *
 * Each direction of the line is shared by all connections: a byte takes its place on the wire, then
 * travels for half a round trip. Before the wire there is a queue of 5 ms, as in any router: without it, whoever
 * is woken late would leave the wire empty. TCP's own windows do not see the distance, so this shows what the
 * protocol above does with it, not the kernel.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHUNK   16384
#define CHUNKS  8192 /* on their way in one direction of a connection: 128 MiB */
#define QUEUE_NS INT64_C(5000000)

struct line { /* one direction, shared */
    pthread_mutex_t lock;
    int64_t free_ns; /* when the wire is free again */
};
struct chunk {
    int64_t due_ns;
    ssize_t len; /* 0: the end */
    uint8_t data[CHUNK];
};
struct pipe {
    int from, to;
    struct line *line;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct chunk *chunks;
    unsigned first, count;
    bool broken;
};

static struct line lines[2] = {{PTHREAD_MUTEX_INITIALIZER, 0}, {PTHREAD_MUTEX_INITIALIZER, 0}};
static int64_t half_ns;
static double ns_per_byte;
static uint16_t target;

static int64_t now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void sleep_until(int64_t ns)
{
    struct timespec t = {ns / 1000000000, ns % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL)) {
    }
}

/* Takes its place on the wire; when it has left. */
static int64_t take_wire(struct line *l, ssize_t len)
{
    (void)pthread_mutex_lock(&l->lock);
    int64_t now = now_ns();
    if (l->free_ns < now)
        l->free_ns = now;
    l->free_ns += (int64_t)((double)len * ns_per_byte);
    int64_t left = l->free_ns;
    (void)pthread_mutex_unlock(&l->lock);
    return left;
}

static void *read_in(void *arg)
{
    struct pipe *p = arg;
    for (ssize_t n = 1; n > 0;) {
        (void)pthread_mutex_lock(&p->lock);
        while (p->count == CHUNKS && !p->broken)
            (void)pthread_cond_wait(&p->changed, &p->lock);
        struct chunk *c = &p->chunks[(p->first + p->count) % CHUNKS];
        bool broken = p->broken;
        (void)pthread_mutex_unlock(&p->lock);
        n = broken ? 0 : recv(p->from, c->data, CHUNK, 0);
        c->len = n > 0 ? n : 0;
        int64_t left = take_wire(p->line, c->len);
        c->due_ns = left + half_ns;
        (void)pthread_mutex_lock(&p->lock);
        p->count++;
        (void)pthread_cond_broadcast(&p->changed);
        (void)pthread_mutex_unlock(&p->lock);
        sleep_until(left - QUEUE_NS); /* no faster than the wire */
    }
    return NULL;
}

static void *write_out(void *arg)
{
    struct pipe *p = arg;
    for (bool over = false; !over;) {
        (void)pthread_mutex_lock(&p->lock);
        while (!p->count)
            (void)pthread_cond_wait(&p->changed, &p->lock);
        struct chunk *c = &p->chunks[p->first];
        (void)pthread_mutex_unlock(&p->lock);
        sleep_until(c->due_ns);
        over = c->len == 0;
        for (ssize_t at = 0; at < c->len && !p->broken;) {
            ssize_t n = send(p->to, c->data + at, (size_t)(c->len - at), MSG_NOSIGNAL);
            if (n <= 0)
                p->broken = true;
            at += n;
        }
        (void)pthread_mutex_lock(&p->lock);
        p->first = (p->first + 1) % CHUNKS;
        p->count--;
        (void)pthread_cond_broadcast(&p->changed);
        (void)pthread_mutex_unlock(&p->lock);
    }
    (void)shutdown(p->to, SHUT_WR);
    return NULL;
}

static void *serve(void *arg)
{
    int here = (int)(intptr_t)arg, there = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(target)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)setsockopt(here, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    (void)setsockopt(there, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    sleep_until(now_ns() + 2 * half_ns); /* the handshake's round trip */
    struct pipe *pipes = calloc(2, sizeof *pipes);
    pthread_t threads[4];
    if (pipes && connect(there, (struct sockaddr *)&a, sizeof a) == 0) {
        for (int i = 0; i < 2; i++) {
            pipes[i] = (struct pipe){.from = i ? there : here, .to = i ? here : there, .line = &lines[i]};
            pipes[i].chunks = calloc(CHUNKS, sizeof *pipes[i].chunks);
            (void)pthread_mutex_init(&pipes[i].lock, NULL);
            (void)pthread_cond_init(&pipes[i].changed, NULL);
            (void)pthread_create(&threads[2 * i], NULL, read_in, &pipes[i]);
            (void)pthread_create(&threads[2 * i + 1], NULL, write_out, &pipes[i]);
        }
        for (int i = 0; i < 4; i++)
            (void)pthread_join(threads[i], NULL);
        free(pipes[0].chunks);
        free(pipes[1].chunks);
    }
    free(pipes);
    (void)close(here);
    (void)close(there);
    return NULL;
}

int main(int argc, char **argv)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t len = sizeof a;
    if (argc != 4) {
        fprintf(stderr, "usage: %s PORT ROUND_TRIP_MS MBIT\n", argv[0]);
        return 2;
    }
    target = (uint16_t)strtoul(argv[1], NULL, 10);
    half_ns = (int64_t)strtoul(argv[2], NULL, 10) * 500000;
    ns_per_byte = 8000.0 / (double)strtoul(argv[3], NULL, 10);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 64) ||
        getsockname(fd, (struct sockaddr *)&a, &len)) {
        perror("delay_proxy");
        return 1;
    }
    printf("%u\n", ntohs(a.sin_port));
    (void)fflush(stdout);
    for (;;) {
        pthread_t t;
        int here = accept(fd, NULL, NULL);
        if (here >= 0 && pthread_create(&t, NULL, serve, (void *)(intptr_t)here) == 0)
            (void)pthread_detach(t);
    }
}
