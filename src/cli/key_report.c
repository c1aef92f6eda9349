/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands on keys say alike, and the options that they share. */
#include "cli/key_commands.h"

#include <inttypes.h>
#include <string.h>

int check_plain_name(const char *option, const char *text, size_t max, struct err *e)
{
    if (!text)
        return 0;
    if (!*text || strlen(text) > max)
        return err_set(e, ERR_USAGE, "--%s: a name has 1 to %zu bytes", option, max);
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return err_set(e, ERR_USAGE, "--%s: a name has no control characters", option);
    return 0;
}

int new_passphrase_of(const struct new_passphrase_args *a, struct new_passphrase *out,
                      struct err *e)
{
    if (check_plain_name("label", a->label, KEY_LABEL_MAX, e))
        return -1;
    *out = (struct new_passphrase){
        .label = a->label,
        .cost = {.passes = (uint32_t)a->kdf_passes,
                 .memory_kib = (uint32_t)a->kdf_memory_mib << 10},
    };
    return 0;
}

void report_session_problem(void *cli, const char *session, const struct err *e)
{
    char item[64];
    (void)snprintf(item, sizeof item, "session %.32s", session);
    report_problem(cli, item, e);
}

void json_keys_changed(struct cli *c, const char *action, const char *id,
                       const struct reseal_result *r)
{
    if (!c->global.json)
        return;
    json_t *o = json_object_of("keys_changed");
    json_put_string(o, "action", action);
    if (id)
        json_put_string(o, "id", id);
    if (r) {
        json_put_number(o, "sessions", r->sessions);
        json_put_number(o, "resealed", r->resealed);
        json_put_number(o, "removed", r->removed);
        json_put_number(o, "problems", r->failed);
    }
    json_emit(c, stdout, o);
}

void say_resealed(struct cli *c, const struct reseal_result *r)
{
    say_note(c, "%" PRIu64 " of %" PRIu64 " session key%s sealed anew; no data was rewritten",
             r->resealed, r->sessions, PLURAL(r->sessions));
}

int check_resealed(const struct reseal_result *r, struct err *e)
{
    if (r->failed == 0)
        return 0;
    return err_set(e, ERR_INCOMPLETE,
                   "%" PRIu64 " session key%s could not be sealed anew: see above; the rest was",
                   r->failed, PLURAL(r->failed));
}
