/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_serve PORT DIRECTORY [SECONDS [loops workers [TRUSTED]]]: the site of the http tests, for
 * curl, h2load and haproxy by hand. Writes ca.pem, machine.pem and machine.key to the directory,
 * serves for so long (600 s), prints what was counted.
 */
#include "site.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void save(const char *dir, const char *name, const char *text)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    if (!f || fputs(text, f) < 0 || fclose(f)) {
        perror(path);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    static struct site s;
    if (argc < 3)
        return 2;
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    site_make(&s);
    save(argv[2], "ca.pem", s.authority.pem);
    save(argv[2], "machine.pem", s.machine.certificate_pem);
    save(argv[2], "machine.key", s.machine.key_pem);
    struct http_limits limits = {.connections_per_address = 100000, .connections = 100000};
    unsigned loops = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 0;
    unsigned workers = argc > 5 ? (unsigned)strtoul(argv[5], NULL, 10) : 0;
    const char *trusted[] = {argc > 6 ? argv[6] : NULL};
    site_start(&s, &limits, loops, workers, trusted, argc > 6 ? 1 : 0,
               (int)strtol(argv[1], NULL, 10));
    struct timespec t = {.tv_sec = argc > 3 ? strtol(argv[3], NULL, 10) : 600};
    (void)sigtimedwait(&set, NULL, &t);
    struct http_stats n = http_server_stats(s.http);
    site_stop(&s, 1000);
    printf("accepted %" PRIu64 ", handshakes failed %" PRIu64 ", requests %" PRIu64 ", in %" PRIu64
           ", out %" PRIu64 ", timed out %" PRIu64 ", protocol errors %" PRIu64 ", refused %" PRIu64
           "/%" PRIu64 "/%" PRIu64 "; heads %u, dones %u\n",
           n.accepted, n.handshakes_failed, n.requests, n.bytes_in, n.bytes_out, n.timed_out,
           n.protocol_errors, n.refused_full, n.refused_address, n.refused_proxy, s.heads, s.dones);
    site_done(&s);
    return 0;
}
