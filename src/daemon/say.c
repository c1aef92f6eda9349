/* SPDX-License-Identifier: Apache-2.0 */
/* Lines. Control characters are not passed on: names of machines come from outside. */
#include "daemon/say.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_int wanted = LOG_LEVEL_INFO;
static bool to_journal;

/* JOURNAL_STREAM is "device:inode" of the stream that systemd gave us (systemd.exec(5)). */
void say_init(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat st;
    char own[64];
    if (!stream || fstat(STDERR_FILENO, &st))
        return;
    (void)snprintf(own, sizeof own, "%" PRIuMAX ":%" PRIuMAX, (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    to_journal = strcmp(own, stream) == 0;
}

void say_set_level(enum log_level level)
{
    atomic_store(&wanted, (int)level);
}

void say(enum log_level level, const char *fmt, ...)
{
    static const int priority[] = {3, 3, 4, 6}; /* of syslog */
    char line[2048];
    va_list ap;
    if ((int)level > atomic_load(&wanted))
        return;
    va_start(ap, fmt);
    (void)vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    for (char *p = line; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    if (to_journal)
        fprintf(stderr, "<%d>%s\n", priority[level], line);
    else
        fprintf(stderr, "abrid: %s\n", line);
}
