/* SPDX-License-Identifier: Apache-2.0 */
/*
 * idle_agents PORT IDENTITY COUNT: connects so often with the identity of a machine (its directory below servers/), asks once who it
 * is on each connection, says "ready" and keeps all connections until its input ends. For measurements alone.
 */
#include "bench_identity.h"
#include "client.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    static struct site s;
    struct identity machine;
    if (argc != 4)
        return 2;
    size_t count = strtoul(argv[3], NULL, 10), answered = 0;
    struct client *clients = calloc(count, sizeof *clients);
    bench_identity(argv[1], argv[2], &s, &machine);
    const struct client_options o = {.line.identity = &machine};
    for (size_t i = 0; clients && i < count; i++) {
        int status = 0;
        if (!client_open(&clients[i], &s, &o))
            break;
        (void)client_get(&clients[i], "/v1/self", &status);
        answered += status == 200;
    }
    printf("ready: %zu of %zu answered\n", answered, count);
    (void)fflush(stdout);
    while (getchar() != EOF) {
    }
    return answered == count ? 0 : 1;
}
