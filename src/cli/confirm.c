/* SPDX-License-Identifier: Apache-2.0 */
/* Asks whether something that cannot be taken back is meant. */
#include "cli/cli.h"

#include "base/file.h"
#include "base/mem.h"

#include <fcntl.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* A line of the terminal, which gives lines whole; what does not fit is no yes. */
static bool answered_yes(int tty)
{
    char answer[16];
    ssize_t n = read(tty, answer, sizeof answer - 1);
    if (n < 1)
        return false;
    answer[n] = '\0';
    answer[strcspn(answer, "\r\n")] = '\0';
    return strcasecmp(answer, "yes") == 0 || strcasecmp(answer, "y") == 0;
}

int cli_confirm(bool yes, const char *question, struct err *e)
{
    if (yes)
        return 0;
    CLEANUP(file_close) int tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (tty < 0)
        return err_set(e, ERR_USAGE, "%s There is no terminal to ask at: say --yes", question);
    (void)file_write(tty, question, strlen(question));
    (void)file_write(tty, " Type yes: ", 11);
    if (!answered_yes(tty))
        return err_set(e, ERR_USAGE, "not confirmed: nothing was done");
    return 0;
}
