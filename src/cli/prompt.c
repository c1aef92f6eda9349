/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks for a secret on the controlling terminal.
 *
 *  P1 echo is off only while we wait, and on again before anything else can
 *     happen: signals that end or stop us are kept back, restored, and only
 *     then delivered;
 *  P2 no signal is lost between the look and the wait (ppoll).
 */
#include "cli/cli.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static const int held_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU};
#define HELD_COUNT (sizeof held_signals / sizeof *held_signals)

static volatile sig_atomic_t caught;

static void note_signal(int sig)
{
    caught = sig;
}

struct held {
    struct sigaction old[HELD_COUNT];
    sigset_t old_mask;
};

static void hold_signals(struct held *h)
{
    sigset_t set;
    struct sigaction act = {.sa_handler = note_signal};
    (void)sigemptyset(&act.sa_mask);
    (void)sigemptyset(&set);
    for (size_t i = 0; i < HELD_COUNT; i++)
        (void)sigaddset(&set, held_signals[i]);
    caught = 0;
    (void)pthread_sigmask(SIG_BLOCK, &set, &h->old_mask);
    for (size_t i = 0; i < HELD_COUNT; i++) {
        (void)sigaction(held_signals[i], NULL, &h->old[i]);
        if (h->old[i].sa_handler != SIG_IGN)
            (void)sigaction(held_signals[i], &act, NULL);
    }
}

static void release_signals(const struct held *h)
{
    for (size_t i = 0; i < HELD_COUNT; i++)
        (void)sigaction(held_signals[i], &h->old[i], NULL);
    (void)pthread_sigmask(SIG_SETMASK, &h->old_mask, NULL);
}

bool prompt_possible(void)
{
    CLEANUP(file_close) int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    return fd >= 0;
}

/* 0 with a byte, 1 at the end of input, -1 with errno; EINTR for a signal. */
static int next_byte(int tty, const sigset_t *mask, char *out)
{
    struct pollfd p = {.fd = tty, .events = POLLIN};
    if (caught) {
        errno = EINTR;
        return -1;
    }
    if (ppoll(&p, 1, NULL, mask) < 0)
        return -1;
    ssize_t n = read(tty, out, 1);
    return n == 1 ? 0 : n == 0 ? 1 : -1;
}

/* The same three answers for a whole line. */
static int read_line(int tty, const sigset_t *mask, char out[PASSPHRASE_MAX], bool *too_long)
{
    size_t len = 0;
    int rc;
    char c = 0;
    *too_long = false;
    while ((rc = next_byte(tty, mask, &c)) == 0 && c != '\n' && c != '\r') {
        if (len + 1 < PASSPHRASE_MAX)
            out[len++] = c;
        else
            *too_long = true;
    }
    out[len] = '\0';
    return rc == 1 && len > 0 ? 0 : rc;
}

/* One attempt. *again_out: it was stopped and goes on. */
static int ask_once(int tty, const char *question, char out[PASSPHRASE_MAX], bool *again_out,
                    struct err *e)
{
    struct held held;
    struct termios before, silent;
    bool too_long = false;
    *again_out = false;
    hold_signals(&held);
    bool can = tcgetattr(tty, &before) == 0;
    if (can) {
        silent = before;
        silent.c_lflag &= (tcflag_t)~(ECHO | ECHOE | ECHOK | ECHONL);
        silent.c_lflag |= ICANON | ISIG;
        (void)tcsetattr(tty, TCSAFLUSH, &silent);
    }
    (void)file_write(tty, question, strlen(question));
    int rc = read_line(tty, &held.old_mask, out, &too_long);
    int os_errno = errno, sig = caught;
    if (can)
        (void)tcsetattr(tty, TCSADRAIN, &before);
    (void)file_write(tty, "\n", 1);
    release_signals(&held);
    if (sig) {
        (void)raise(sig); /* now as whoever installed the handler wants it */
        *again_out = sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU;
        return *again_out ? 0 : err_set(e, ERR_CANCELLED, "interrupted");
    }
    if (rc < 0)
        return err_sys(e, os_errno, "reading the passphrase from the terminal");
    if (rc > 0)
        return err_set(e, ERR_PASSPHRASE, "no passphrase was typed");
    if (too_long)
        return err_set(e, ERR_USAGE, "a passphrase has at most %d bytes", PASSPHRASE_MAX - 1);
    return 0;
}

int prompt_secret(const char *question, char out[PASSPHRASE_MAX], struct err *e)
{
    CLEANUP(file_close) int tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (tty < 0)
        return err_set(e, ERR_PASSPHRASE,
                       "no passphrase and no terminal to ask at: give --passphrase-file FILE or set "
                       "ABRI_PASSPHRASE");
    bool again = true;
    int rc = 0;
    while (again && rc == 0)
        rc = ask_once(tty, question, out, &again, e);
    if (rc)
        seal_wipe(out, PASSPHRASE_MAX);
    return rc;
}
