/* SPDX-License-Identifier: Apache-2.0 */
/* Shows what was decided about each snapshot, and all the reasons. */
#include "cli/forget.h"
#include "cli/json_out.h"
#include "cli/term.h"

#include "base/clock.h"

#include <string.h>

static void put_reason(json_t *list, const struct policy_reason *r,
                       const struct policy_clock *clock)
{
    char text[POLICY_TEXT_BYTES];
    json_t *o = json_object();
    policy_reason_text(r, clock, text);
    json_put_string(o, "kind", policy_why_name(r->why));
    json_put_string(o, "text", text);
    if (r->why == POLICY_WHY_RULE || r->why == POLICY_WHY_WITHIN) {
        json_put_string(o, "period", policy_grain_name(r->grain));
        json_put_number(o, "number", r->number);
    }
    if (r->why == POLICY_WHY_RULE && r->of != POLICY_UNLIMITED)
        json_put_number(o, "of", r->of);
    if (r->why == POLICY_WHY_LOCK || r->why == POLICY_WHY_FLOOR)
        json_put_time(o, "until", r->until_ns);
    (void)json_array_append_new(list, o);
}

static void emit(struct cli *c, const struct fate *f, const struct policy_clock *clock)
{
    char id[SHORT_ID_BYTES];
    json_t *o = json_object_of("decision"), *reasons = json_array();
    short_id(f->s->id, id);
    json_put_hex(o, "id", f->s->id, ID_BYTES);
    json_put_string(o, "short_id", id);
    json_put_time(o, "time", f->s->dated_ns);
    json_put_string(o, "machine", f->s->machine);
    json_put_bool(o, "keep", f->d.keep);
    for (size_t i = 0; i < f->d.reason_count; i++)
        put_reason(reasons, &f->d.reasons[i], clock);
    (void)json_object_set_new(o, "reasons", reasons);
    json_emit(c, stdout, o);
}

/* A line for each reason or tag. */
static void add_rows(struct cli *c, struct table *t, const struct fate *f,
                     const struct policy_clock *clock)
{
    char id[SHORT_ID_BYTES], time[CLOCK_TEXT_BYTES], text[POLICY_TEXT_BYTES];
    size_t lines = f->d.reason_count > f->s->tag_count ? f->d.reason_count : f->s->tag_count;
    const char *verdict = f->d.keep ? "keep" : "forget";
    short_id(f->s->id, id);
    clock_format(f->s->dated_ns, time);
    for (size_t n = 0; n < lines; n++) {
        text[0] = '\0';
        /* That the clock is not trusted is said once, below the table. */
        if (n < f->d.reason_count && f->d.reasons[n].why == POLICY_WHY_CLOCK)
            (void)snprintf(text, sizeof text, "the clock is not trusted");
        else if (n < f->d.reason_count)
            policy_reason_text(&f->d.reasons[n], clock, text);
        const char *cells[] = {
            n ? "" : id,
            n ? "" : time,
            n ? "" : f->s->machine,
            n < f->s->tag_count ? f->s->tags[n] : "",
            n ? "" : verdict,
            text,
        };
        table_row(t, cells, c->out_is_tty);
    }
}

int fates_show(struct cli *c, const struct fates *f, struct err *e)
{
    if (c->global.json) {
        for (size_t i = 0; i < f->count && !say_is_over(); i++)
            emit(c, &f->items[i], &f->clock);
        return 0;
    }
    if (c->global.quiet || f->count == 0)
        return 0;
    struct table t;
    table_init(&t, 6);
    table_row(&t, (const char *[]){"ID", "Time", "Machine", "Tags", "", "Reasons"}, false);
    for (size_t i = 0; i < f->count; i++)
        add_rows(c, &t, &f->items[i], &f->clock);
    int rc = table_print(&t, stdout, e);
    table_done(&t);
    return rc;
}
