/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Raising alarms and ending them. What is open is the catalogue's; here it is looked up and recorded as one step.
 *
 * N1 One cause has at most one open alarm, whoever raises it at once (the catalogue holds that too).
 * N2 What a person closed while its cause stood is not raised again before the cause was gone.
 */
#include "server/alarms.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void fill(struct event *ev, const struct alarm_cause *c)
{
    ev->name = c->name;
    if (c->tenant)
        memcpy(ev->tenant, c->tenant, EVENT_ID_BYTES);
    if (c->vault)
        memcpy(ev->vault, c->vault, UID_BYTES);
    if (c->id)
        memcpy(ev->id, c->id, EVENT_ID_BYTES);
    if (c->request)
        memcpy(ev->request, c->request, EVENT_ID_BYTES);
}

/* With `alarm_lock`. N2: also one that was closed by somebody stands. */
static bool is_news(struct server *s, const struct event *ev, enum alarm_again again)
{
    CLEANUP_FREE struct catalog_alarm *a = again == ALARM_EACH ? NULL : mem_zalloc(sizeof *a);
    if (!a || catalog_standing_alarm(s->catalog, ev, a, NULL))
        return true;
    return again == ALARM_IF_OTHER && strcmp(a->text, ev->text) != 0;
}

void alarm_raise(struct server *s, const struct alarm_cause *c, enum alarm_again again, const char *fmt, ...)
{
    char said[EVENT_TEXT_MAX + 1], text[EVENT_TEXT_MAX + 1];
    struct event ev = {.kind = EVENT_ALARM, .text = text};
    struct err why = ERR_INIT;
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(said, sizeof said, fmt, ap);
    va_end(ap);
    event_clean(said, strlen(said), EVENT_TEXT_MAX, text);
    fill(&ev, c);
    (void)pthread_mutex_lock(&s->alarm_lock);
    bool news = is_news(s, &ev, again);
    int rc = news ? server_record(s, &ev, NULL, &why) : 0;
    (void)pthread_mutex_unlock(&s->alarm_lock);
    if (rc)
        server_tell(s, "an alarm could not be recorded: %s", why.msg);
    if (news)
        server_tell(s, "alarm: %s: %.900s", c->name, text);
}

void alarm_over(struct server *s, const struct alarm_cause *c, const char *why)
{
    struct event ev = {.kind = EVENT_ALARM_CLOSE, .text = why};
    struct err e = ERR_INIT;
    CLEANUP_FREE struct catalog_alarm *a = mem_zalloc(sizeof *a);
    fill(&ev, c);
    if (!a)
        return;
    (void)pthread_mutex_lock(&s->alarm_lock);
    bool stood = catalog_standing_alarm(s->catalog, &ev, a, NULL) == 0;
    int rc = stood ? server_record(s, &ev, NULL, &e) : 0;
    (void)pthread_mutex_unlock(&s->alarm_lock);
    if (rc)
        server_tell(s, "the end of an alarm could not be recorded: %s", e.msg);
}
