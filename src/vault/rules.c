/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vault's rules: the floor and the trash window, in generations that are
 * written once.
 *
 * U1 The floor in force is the highest that was ever written. No generation can
 *    lower it, and one that cannot be read stops all forgetting instead of
 *    being passed over.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "vault/marks.h"
#include "vault/object_parity.h"

#include <string.h>

#define RULES_TRIES 100
#define RULES_ADVICE                                                                               \
    "nothing can be forgotten or freed, for it may have held a higher floor; run `abri check "     \
    "--repair`, or remove this file (and its parity) from the vault and set the floor again with " \
    "`abri floor`"

struct reading {
    struct vault *v;
    struct vault_rules rules;
    struct damage *damage; /* NULL: the first bad one ends the reading */
};

static int read_generation(struct reading *r, const char *name, uint64_t generation, struct err *e)
{
    CLEANUP(buf_done) struct buf b = {0};
    struct vault_rules one;
    if (object_read(r->v->store, name, RULES_BYTES, &b, e) ||
        rules_decode(b.data, b.len, &r->v->info, &one, e))
        return -1;
    if (one.generation != generation)
        return err_set(e, ERR_DAMAGED, "holds another generation");
    if (one.floor_ns > r->rules.floor_ns)
        r->rules.floor_ns = one.floor_ns;
    if (generation > r->rules.generation) {
        r->rules.generation = generation;
        r->rules.trash_window_ns = one.trash_window_ns;
    }
    return 0;
}

static int visit(void *arg, const char *name, uint64_t len, struct err *e)
{
    struct reading *r = arg;
    struct err why = ERR_INIT;
    uint64_t generation;
    (void)len;
    if (!keeper_name_decode("rules", name, &generation) ||
        read_generation(r, name, generation, &why) == 0)
        return 0;
    if (r->damage)
        return damage_note_advice(r->damage, name, &why, RULES_ADVICE, e);
    if (why.cls != ERR_NO_MEMORY && why.cls != ERR_NEWER)
        return err_set(e, ERR_DAMAGED,
                       "%s: %s: " RULES_ADVICE, name, why.msg);
    (void)err_give(e, &why);
    return err_wrap(e, "%s", name);
}

/* U1 holds for one that is missing, too, as long as its parity tells of it. */
static int refuse_lost(void *arg, const char *name, uint64_t len, struct err *e)
{
    struct vault *v = arg;
    uint64_t generation;
    const char *object = name + strlen("parity/");
    (void)len;
    if (!keeper_name_decode("rules", object, &generation) || !object_was_lost(v, object))
        return 0;
    return err_set(e, ERR_DAMAGED,
                   "%s: is missing: nothing can be forgotten, for it may have held a higher floor: "
                   "run `abri check --repair`",
                   object);
}

int vault_rules(struct vault *v, struct vault_rules *out, struct err *e)
{
    struct reading r = {.v = v, .rules = {.trash_window_ns = VAULT_TRASH_WINDOW_NS}};
    if (store_list(v->store, "rules", visit, &r, e) ||
        store_list(v->store, "parity/rules", refuse_lost, v, e))
        return -1;
    *out = r.rules;
    return 0;
}

int rules_check(struct vault *v, struct damage *d, struct err *e)
{
    struct reading r = {.v = v, .damage = d};
    return store_list(v->store, "rules", visit, &r, e);
}

static bool is_possible(int64_t ns)
{
    return ns >= 0 && (uint64_t)(ns / NS_PER_S) <= RULES_SECONDS_MAX;
}

/* Whole seconds, upwards: a floor is never shorter than was asked for. */
static int64_t whole_seconds(int64_t ns)
{
    return (ns / NS_PER_S + (ns % NS_PER_S > 0)) * NS_PER_S;
}

/* 1 if another process took the generation. */
static int try_set(struct vault *v, const struct vault_rules *r, const struct sign_key *keeper,
                   struct err *e)
{
    char name[KEEPER_NAME_BYTES];
    uint8_t bytes[RULES_BYTES];
    struct err why = ERR_INIT;
    rules_encode(&v->info, r, clock_realtime_ns(), keeper, bytes);
    keeper_name("rules", r->generation, name);
    if (store_put(v->store, name, bytes, sizeof bytes, &why) == 0) {
        if (store_sync(v->store, "rules", e))
            return -1;
        (void)object_parity_put(v, name, bytes, sizeof bytes, NULL);
        return 0;
    }
    if (why.cls == ERR_EXISTS)
        return 1;
    return err_give(e, &why);
}

int vault_set_rules(struct vault *v, int64_t floor_ns, int64_t trash_window_ns, struct err *e)
{
    CLEANUP(sign_key_done) struct sign_key keeper = {0};
    if (!is_possible(floor_ns) || !is_possible(trash_window_ns))
        return err_set(e, ERR_USAGE, "a floor and a trash window last from 0 to 136 years");
    if (keeper_load(v, &keeper, e))
        return -1;
    for (int i = 0; i < RULES_TRIES; i++) {
        struct vault_rules now;
        if (vault_rules(v, &now, e))
            return -1;
        struct vault_rules next = {now.generation + 1, whole_seconds(floor_ns),
                                   whole_seconds(trash_window_ns)};
        if (next.floor_ns < now.floor_ns)
            return err_set(e, ERR_USAGE, "the floor can only be raised: it is %lld seconds now",
                           (long long)(now.floor_ns / NS_PER_S));
        int rc = now.generation == UINT64_MAX
                     ? err_set(e, ERR_LIMIT, "the vault has no generations of rules left")
                     : try_set(v, &next, &keeper, e);
        if (rc <= 0)
            return rc;
    }
    return err_set(e, ERR_BUSY, "too many processes set rules at once: try again");
}
