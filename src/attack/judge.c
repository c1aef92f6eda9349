/* SPDX-License-Identifier: Apache-2.0 */
/* Judging what came: pure, so that tests can lie to it. */
#include "attack/play.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

bool judge_refused(struct refusal_tally *t, const char *what, int status)
{
    t->asked++;
    if (status == 0 || status >= 400) {
        t->refused++;
        return true;
    }
    if (!t->first[0])
        (void)snprintf(t->first, sizeof t->first, "%.200s was answered with %d", what, status);
    return false;
}

void file_prints_done(struct file_prints *l)
{
    mem_free(l->items);
    *l = (struct file_prints){0};
}

static void note(struct print_change *c, const char *name, const char *what)
{
    if (!c->first[0])
        (void)snprintf(c->first, sizeof c->first, "%s %s", name, what);
}

void judge_files(const struct file_prints *before, const struct file_prints *after, struct print_change *out)
{
    struct print_change c = {0};
    size_t i = 0, k = 0;
    while (i < before->count || k < after->count) {
        int order = i == before->count ? 1 : k == after->count ? -1 : strcmp(before->items[i].name, after->items[k].name);
        if (order < 0) {
            c.missing++;
            note(&c, before->items[i++].name, "is gone");
        } else if (order > 0) {
            c.added++;
            k++;
        } else {
            if (memcmp(before->items[i].hash, after->items[k].hash, sizeof before->items[i].hash) != 0) {
                c.changed++;
                note(&c, before->items[i].name, "was changed");
            }
            i++;
            k++;
        }
    }
    *out = c;
}

bool judge_same(const struct told *a, const struct told *b)
{
    return a->status && a->status == b->status && strcmp(a->code, b->code) == 0 && strcmp(a->text, b->text) == 0;
}
