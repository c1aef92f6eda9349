/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Playing: a world for each attack, or one for all with a given server; one directory for everything, removed at the end.
 */
#include "attack/world.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct attack_ground {
    struct attack_options o;
    char dir[WORLD_PATH / 2];
    unsigned worlds;
    struct world *given; /* of a given server */
};

/* Without links on the way: what is restored has the names of what was backed up. */
static int make_dir(struct attack_ground *g, struct err *e)
{
    const char *below = g->o.below ? g->o.below : getenv("TMPDIR");
    char real[PATH_MAX];
    if (!below || !*below)
        below = "/tmp";
    if (!realpath(below, real))
        return err_sys(e, errno, "'%s'", below);
    int n = snprintf(g->dir, sizeof g->dir, "%s/abri-selftest-XXXXXX", real);
    if (n < 0 || n >= (int)sizeof g->dir)
        return err_set(e, ERR_USAGE, "'%s' is too long: set TMPDIR to a shorter one", below);
    return mkdtemp(g->dir) ? 0 : err_sys(e, errno, "make '%s'", g->dir);
}

static void fill_defaults(struct attack_options *o)
{
    o->snapshots = o->snapshots ? o->snapshots : ATTACK_SNAPSHOTS;
    o->days = o->days ? o->days : ATTACK_DAYS;
    o->requests = o->requests ? o->requests : ATTACK_REQUESTS;
    o->kills = o->kills ? o->kills : ATTACK_KILLS;
}

int attack_ground_open(const struct attack_options *o, struct attack_ground **out, struct err *e)
{
    if (!o->url && !o->abrid)
        return err_set(e, ERR_USAGE, "a server of its own needs the program abrid: name it, or a server");
    if (o->url && !o->token_count)
        return err_set(e, ERR_USAGE, "a given server needs a token for a machine");
    struct attack_ground *g = mem_zalloc(sizeof *g);
    if (!g)
        return err_no_memory(e, "attacks");
    g->o = *o;
    fill_defaults(&g->o);
    if (make_dir(g, e)) {
        mem_free(g);
        return -1;
    }
    if (g->o.url && world_new(&g->o, g->dir, &g->given, e)) {
        attack_ground_close(g);
        return -1;
    }
    *out = g;
    return 0;
}

void attack_ground_close(struct attack_ground *g)
{
    if (!g)
        return;
    world_free(g->given);
    (void)!tree_remove(g->dir, NULL);
    mem_free(g);
}

/* NULL: it can be played here. */
static const char *obstacle(const struct attack_ground *g, const struct attack *a)
{
    if (a->needs == ATTACK_NEEDS_MORE)
        return a->missing;
    if (!g->o.url)
        return NULL;
    if (a->needs == ATTACK_NEEDS_SERVER)
        return "needs a server of its own";
    if (a->needs == ATTACK_NEEDS_TWO && !g->given->has_other)
        return "needs tokens of two machines";
    return NULL;
}

static void play_in(struct world *w, const struct attack *a, struct play *p)
{
    const struct clock_shift none = {0};
    p->world = w;
    a->run(p);
    if (world_has_died(w, p->error.cls != ERR_UNSET))
        (void)play_claim(p, false, "the server died of it: %s", p->error.cls ? p->error.msg : "and nobody noticed");
    if (world_cancelled(w) && p->error.cls == ERR_UNSET)
        (void)err_set(&p->error, ERR_CANCELLED, "interrupted");
    clock_set_shift(&none);
    play_finish(p, a->claims);
}

void attack_play(struct attack_ground *g, const struct attack *a, struct attack_result *out)
{
    struct play p = {.o = &g->o, .random = g->o.seed};
    const char *why = obstacle(g, a);
    char dir[WORLD_PATH];
    struct world *w = g->given;
    *out = (struct attack_result){.verdict = ATTACK_NOT_PLAYED};
    if (why) {
        (void)snprintf(out->text, sizeof out->text, "%s", why);
        return;
    }
    (void)snprintf(dir, sizeof dir, "%s/%u", g->dir, ++g->worlds);
    if (!w && world_new(&g->o, dir, &w, &p.error)) {
        play_finish(&p, a->claims);
        (void)!tree_remove(dir, NULL);
    } else {
        play_in(w, a, &p);
        if (w != g->given)
            world_free(w);
    }
    *out = p.result;
}
