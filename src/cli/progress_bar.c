/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Progress, drawn by a thread of its own from the counters of the work.
 *
 *  B1 the line is drawn and removed only with `screen` held, so that it never
 *     mixes with another line;
 *  B2 after progress_bar_stop nothing of it is left on the terminal;
 *  B3 stopping never waits for a tick.
 */
#include "cli/amount.h"
#include "cli/json_out.h"
#include "cli/term.h"

#include "base/clock.h"
#include "base/mem.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DRAW_NS (NS_PER_S / 10)
#define STATUS_NS NS_PER_S
#define SMOOTH_S 3.0 /* how far back the shown rate remembers */
#define LINE_MAX 512

struct bar {
    struct cli *cli;
    const char *unit;
    pthread_t thread;
    pthread_cond_t wake;
    bool stop, drawn, json;
    int64_t begun_ns, last_ns;
    uint64_t last_bytes;
    double rate; /* bytes a second, smoothed */
};

/* What one look at the counters says. */
struct look {
    uint64_t items, items_total, bytes, bytes_total, stored;
    int64_t elapsed_ns;
    double share;   /* 0 … 1; below 0: unknown */
    int64_t left_s; /* below 0: unknown */
};

static struct look look_now(struct bar *b)
{
    struct progress *p = &b->cli->progress;
    struct look l = {
        .items = progress_get(&p->items),
        .items_total = progress_get(&p->items_total),
        .bytes = progress_get(&p->bytes),
        .bytes_total = progress_get(&p->bytes_total),
        .stored = progress_get(&p->stored),
        .share = -1,
        .left_s = -1,
    };
    int64_t now = clock_monotonic_ns();
    double dt = (double)(now - b->last_ns) / (double)NS_PER_S;
    l.elapsed_ns = now - b->begun_ns;
    if (dt > 0) {
        double current = (double)(l.bytes - b->last_bytes) / dt;
        double weight = l.elapsed_ns < NS_PER_S ? 1 : dt / (SMOOTH_S + dt);
        b->rate += (current - b->rate) * weight;
        b->last_ns = now;
        b->last_bytes = l.bytes;
    }
    /* Totals may be last time's: once passed, they say nothing. */
    if (l.bytes_total > 0 && l.bytes <= l.bytes_total) {
        l.share = (double)l.bytes / (double)l.bytes_total;
        if (b->rate > 1)
            l.left_s = (int64_t)((double)(l.bytes_total - l.bytes) / b->rate + 0.5);
    } else if (l.bytes_total == 0 && l.items_total > 0 && l.items <= l.items_total) {
        l.share = (double)l.items / (double)l.items_total;
    }
    return l;
}

/* ---- the line ------------------------------------------------------------------ */

PRINTF_LIKE(2, 3) static void put(char line[LINE_MAX], const char *fmt, ...)
{
    size_t used = strlen(line);
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(line + used, LINE_MAX - used, fmt, ap);
    va_end(ap);
}

/* What matters most stands first: a narrow terminal cuts the rest. */
static void compose(const struct bar *b, const struct look *l, char line[LINE_MAX])
{
    char text[AMOUNT_TEXT_BYTES], total[AMOUNT_TEXT_BYTES];
    amount_format_clock(l->elapsed_ns / NS_PER_S, text);
    put(line, "[%s]", text);
    if (progress_cancelled(&b->cli->progress)) {
        put(line, " ending cleanly; interrupt again to end at once");
        return;
    }
    if (l->share >= 0)
        put(line, " %.1f%%", l->share * 100);
    if (l->left_s >= 0) {
        amount_format_clock(l->left_s, text);
        put(line, " %s left", text);
    }
    amount_format_size(l->bytes, text);
    amount_format_size(l->bytes_total, total);
    if (l->share >= 0 && l->bytes_total > 0)
        put(line, "  %s of %s", text, total);
    else
        put(line, "  %s", text);
    amount_format_size((uint64_t)b->rate, text);
    put(line, "  %s/s", text);
    put(line, "  %llu", (unsigned long long)l->items);
    if (l->items_total >= l->items && l->items_total > 0)
        put(line, " of %llu", (unsigned long long)l->items_total);
    put(line, " %s", b->unit);
    if (l->stored > 0) {
        amount_format_size(l->stored, text);
        put(line, "  %s written", text);
    }
}

static void draw(struct bar *b, const struct look *l)
{
    char line[LINE_MAX] = "";
    compose(b, l, line);
    size_t columns = term_columns(STDERR_FILENO);
    size_t fits = term_fit(line, strlen(line), columns > 1 ? columns - 1 : 0);
    (void)fprintf(stderr, "\r%.*s\033[K", (int)fits, line);
    (void)fflush(stderr);
    b->drawn = true;
}

void progress_bar_hide(struct cli *c)
{
    if (!c->bar || !c->bar->drawn)
        return;
    (void)fputs("\r\033[K", stderr);
    (void)fflush(stderr);
    c->bar->drawn = false;
}

static void emit_status(const struct look *l)
{
    json_t *o = json_object_of("status");
    json_put_seconds(o, "seconds_elapsed", l->elapsed_ns);
    if (l->left_s >= 0)
        json_put_number(o, "seconds_remaining", (uint64_t)l->left_s);
    if (l->share >= 0)
        json_put_real(o, "percent_done", l->share);
    json_put_number(o, "items_done", l->items);
    if (l->items_total)
        json_put_number(o, "total_items", l->items_total);
    json_put_number(o, "bytes_done", l->bytes);
    if (l->bytes_total)
        json_put_number(o, "total_bytes", l->bytes_total);
    json_put_number(o, "bytes_written", l->stored);
    json_emit_locked(stdout, o);
    (void)fflush(stdout);
}

/* ---- the thread -------------------------------------------------------------------- */

static void wait_tick(struct bar *b, int64_t *next_ns)
{
    *next_ns += b->json ? STATUS_NS : DRAW_NS;
    struct timespec t = {.tv_sec = (time_t)(*next_ns / NS_PER_S),
                         .tv_nsec = (long)(*next_ns % NS_PER_S)};
    while (!b->stop && pthread_cond_timedwait(&b->wake, &b->cli->screen, &t) == 0)
        ;
}

static void *bar_thread(void *arg)
{
    struct bar *b = arg;
    int64_t next_ns = clock_monotonic_ns();
    (void)pthread_mutex_lock(&b->cli->screen);
    while (!b->stop) {
        struct look l = look_now(b);
        if (b->json)
            emit_status(&l);
        else
            draw(b, &l);
        wait_tick(b, &next_ns);
    }
    (void)pthread_mutex_unlock(&b->cli->screen);
    return NULL;
}

static bool wanted(const struct cli *c)
{
    const char *term = getenv("TERM");
    if (c->global.quiet)
        return false;
    return c->global.json || (c->err_is_tty && term && *term && strcmp(term, "dumb") != 0);
}

/* Signals are for the main thread: it may be waiting in a system call. */
static int start_thread(struct bar *b)
{
    sigset_t all, before;
    pthread_condattr_t attr;
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&b->wake, &attr);
    (void)pthread_condattr_destroy(&attr);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&b->thread, NULL, bar_thread, b);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

void progress_bar_start(struct cli *c, const char *unit)
{
    if (!wanted(c))
        return;
    struct bar *b = mem_zalloc(sizeof *b);
    if (!b)
        return; /* the work matters more than its picture */
    int64_t now = clock_monotonic_ns();
    *b = (struct bar){
        .cli = c, .unit = unit, .json = c->global.json, .begun_ns = now, .last_ns = now};
    (void)pthread_mutex_lock(&c->screen);
    if (start_thread(b) == 0) {
        c->bar = b;
    } else {
        (void)pthread_cond_destroy(&b->wake);
        mem_free(b);
    }
    (void)pthread_mutex_unlock(&c->screen);
}

void progress_bar_stop(struct cli *c)
{
    (void)pthread_mutex_lock(&c->screen);
    struct bar *b = c->bar;
    if (b) {
        progress_bar_hide(c);
        b->stop = true;
        c->bar = NULL;
        (void)pthread_cond_signal(&b->wake);
    }
    (void)pthread_mutex_unlock(&c->screen);
    if (!b)
        return;
    (void)pthread_join(b->thread, NULL);
    (void)pthread_cond_destroy(&b->wake);
    mem_free(b);
}
