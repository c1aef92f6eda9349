/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the passphrase comes from, in this order: --passphrase-file, the file
 * that ABRI_PASSPHRASE_FILE names, ABRI_PASSPHRASE, somebody at the terminal.
 * Never from an argument: those are visible to every user of the machine.
 */
#include "cli/cli.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Moves a variable into locked memory. */
static int take_variable(const char *name, char out[PASSPHRASE_MAX], bool *has_out, struct err *e)
{
    char *text = getenv(name);
    (void)mlock(out, PASSPHRASE_MAX); /* best effort: a limit may forbid it */
    if (!text)
        return 0;
    size_t len = strlen(text);
    bool fits = len < PASSPHRASE_MAX;
    if (fits)
        memcpy(out, text, len + 1);
    seal_wipe(text, len); /* the environment's own memory, which /proc shows */
    (void)unsetenv(name);
    if (!fits)
        return err_set(e, ERR_USAGE, "%s is longer than %d bytes", name, PASSPHRASE_MAX - 1);
    *has_out = true;
    return 0;
}

int passphrase_take(struct cli *c, struct err *e)
{
    const char *file = getenv("ABRI_PASSPHRASE_FILE");
    (void)mlock(c->kept, sizeof c->kept);
    int rc = take_variable("ABRI_PASSPHRASE", c->passphrase, &c->has_passphrase, e);
    if (take_variable("ABRI_NEW_PASSPHRASE", c->new_passphrase, &c->has_new_passphrase,
                      rc ? NULL : e) ||
        rc)
        return -1;
    c->file_from_environment = file && !c->global.passphrase_file;
    if (c->file_from_environment)
        c->global.passphrase_file = file; /* stays valid: unsetenv frees nothing */
    (void)unsetenv("ABRI_PASSPHRASE_FILE");
    return 0;
}

void passphrase_forget(struct cli *c)
{
    seal_wipe(c->passphrase, sizeof c->passphrase);
    seal_wipe(c->new_passphrase, sizeof c->new_passphrase);
    seal_wipe(c->kept, sizeof c->kept);
    c->has_passphrase = false;
}

/* One line; a final line end does not belong to it. Follows links and reads
 * pipes: secrets are often handed over that way. */
static int check_line(const char *name, char *text, size_t len, struct err *e)
{
    if (len > 0 && text[len - 1] == '\n')
        len--;
    if (len > 0 && text[len - 1] == '\r')
        len--;
    if (len >= PASSPHRASE_MAX)
        return err_set(e, ERR_USAGE, "passphrase file '%s': longer than %d bytes", name,
                       PASSPHRASE_MAX - 1);
    if (memchr(text, '\n', len) || memchr(text, '\0', len))
        return err_set(e, ERR_USAGE, "passphrase file '%s': holds more than one line", name);
    text[len] = '\0';
    return 0;
}

static int read_file(const char *name, char out[PASSPHRASE_MAX], struct err *e)
{
    char text[PASSPHRASE_MAX + 3];
    CLEANUP(file_close) int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return err_sys(e, errno, "passphrase file '%s'", name);
    ssize_t n = file_read(fd, text, sizeof text - 1);
    int rc = n < 0 ? err_sys(e, errno, "passphrase file '%s'", name)
                   : check_line(name, text, (size_t)n, e);
    if (rc == 0)
        memcpy(out, text, strlen(text) + 1);
    seal_wipe(text, sizeof text);
    return rc;
}

bool passphrase_available(const struct cli *c)
{
    return c->global.passphrase_file || c->global.key_file || c->has_passphrase ||
           (isatty(STDIN_FILENO) && prompt_possible());
}

/* 1 if it was given, 0 if somebody has to be asked. */
static int given(struct cli *c, char out[PASSPHRASE_MAX], struct err *e)
{
    if (c->global.passphrase_file)
        return read_file(c->global.passphrase_file, out, e) ? -1 : 1;
    if (!c->has_passphrase)
        return 0;
    memcpy(out, c->passphrase, PASSPHRASE_MAX);
    return 1;
}

static int check_not_empty(const char *passphrase, struct err *e)
{
    if (*passphrase)
        return 0;
    return err_set(e, ERR_PASSPHRASE, "the passphrase is empty: it must have at least one character");
}

int passphrase_ask(void *arg, char out[PASSPHRASE_MAX], struct err *e)
{
    struct cli *c = arg;
    int rc = given(c, out, e);
    if (rc == 0) {
        rc = prompt_secret("passphrase of the vault: ", out, e);
        c->prompted = rc == 0;
    }
    if (rc < 0 || check_not_empty(out, e))
        return -1;
    if (c->keep_passphrase)
        memcpy(c->kept, out, strlen(out) + 1);
    return 0;
}

static int ask_twice(const char *question, char out[PASSPHRASE_MAX], struct err *e)
{
    char again[PASSPHRASE_MAX];
    if (prompt_secret(question, out, e) || check_not_empty(out, e) ||
        prompt_secret("the same passphrase again: ", again, e))
        return -1;
    bool same = strcmp(out, again) == 0;
    seal_wipe(again, sizeof again);
    return same ? 0 : err_set(e, ERR_USAGE, "the two passphrases differ: nothing was done");
}

int passphrase_ask_new(void *arg, char out[PASSPHRASE_MAX], struct err *e)
{
    struct cli *c = arg;
    int rc = given(c, out, e);
    if (rc == 0)
        return ask_twice("passphrase for the new vault: ", out, e);
    return rc < 0 ? -1 : check_not_empty(out, e);
}

int passphrase_ask_further(struct cli *c, const char *file, char out[PASSPHRASE_MAX],
                           struct err *e)
{
    if (file)
        return read_file(file, out, e) ? -1 : check_not_empty(out, e);
    if (!c->has_new_passphrase && !(isatty(STDIN_FILENO) && prompt_possible()))
        return err_set(e, ERR_PASSPHRASE,
                       "no new passphrase and no terminal to ask at: give --new-passphrase-file FILE "
                       "or set ABRI_NEW_PASSPHRASE");
    if (!c->has_new_passphrase)
        return ask_twice("new passphrase: ", out, e);
    memcpy(out, c->new_passphrase, PASSPHRASE_MAX);
    return check_not_empty(out, e);
}
