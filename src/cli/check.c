/* SPDX-License-Identifier: Apache-2.0 */
/* What `check` and `repair` share: mending, looking, and telling what was found. */
#include "cli/check.h"

#include "cli/amount.h"
#include "cli/json_out.h"

#include "base/clock.h"
#include "base/mem.h"

#include <inttypes.h>
#include <string.h>

/* ---- events ---------------------------------------------------------------------- */

static void on_touched(void *arg, const struct snapshot *s, const char *path)
{
    struct cli *c = arg;
    char id[SHORT_ID_BYTES], time[CLOCK_TEXT_BYTES];
    short_id(s->id, id);
    const char *slash = *path == '/' ? "" : "/";
    if (c->global.json) {
        CLEANUP(buf_done) struct buf text = {0};
        json_t *o = json_object_of("touched");
        buf_put(&text, slash, strlen(slash));
        buf_put(&text, path, strlen(path));
        json_put_hex(o, "snapshot_id", s->id, ID_BYTES);
        json_put_time(o, "time", s->dated_ns);
        json_put_text(o, "path", text.failed ? "" : (const char *)text.data, text.len);
        json_emit(c, stdout, o);
        return;
    }
    clock_format(s->dated_ns, time);
    say(c, "damaged in snapshot %s of %s: %s%s", id, time, slash, path);
}

static void on_mended(void *arg, const char *object, const char *message)
{
    struct cli *c = arg;
    if (!c->global.json) {
        say(c, "mended: %s: %s", object, message);
        return;
    }
    json_t *o = json_object_of("mended");
    json_put_text(o, "object", object, strlen(object));
    json_put_text(o, "message", message, strlen(message));
    json_emit(c, stdout, o);
}

static void on_skipped(void *arg, const char *object, const char *message)
{
    struct err why = ERR_INIT;
    (void)err_set(&why, ERR_NEWER, "left as it is: %s", message);
    report_problem(arg, object, &why);
}

static void on_damaged_there(void *arg, const char *object, const char *message)
{
    char text[ERR_MESSAGE_BYTES];
    (void)snprintf(text, sizeof text, "in the replica: %s", message);
    report_damage(arg, object, text);
}

struct check_options check_options_of(struct cli *c)
{
    return (struct check_options){.damage = report_damage,
                                  .damaged_there = on_damaged_there,
                                  .mended = on_mended,
                                  .skipped = on_skipped,
                                  .touched = on_touched,
                                  .arg = c,
                                  .progress = &c->progress};
}

/* ---- what was found --------------------------------------------------------------- */

/* `m`: NULL without --repair. */
static void tell_json(struct cli *c, const struct check_result *r, const struct check_options *o,
                      const struct vault_repair_result *m)
{
    json_t *j = json_object_of("summary");
    json_put_number(j, "snapshots", r->vault.snapshots);
    json_put_number(j, "packs", r->vault.packs);
    json_put_number(j, "frames", r->vault.frames);
    json_put_number(j, "bytes_read", r->vault.bytes_read);
    json_put_number(j, "entries", r->entries);
    json_put_number(j, "damaged", r->vault.damaged);
    json_put_number(j, "records_refused", r->vault.refused);
    json_put_number(j, "files_touched", r->touched);
    json_put_bool(j, "with_key", r->with_key);
    json_put_bool(j, "read_data", o->read_data);
    if (m) {
        json_put_number(j, "packs_mended", m->packs_mended);
        json_put_number(j, "packs_lost", m->packs_lost);
        json_put_number(j, "bytes_mended", m->bytes_mended);
        json_put_number(j, "objects_mended", m->objects_mended);
        json_put_number(j, "objects_lost", m->objects_lost);
        json_put_number(j, "copies_removed", m->copies_removed);
        json_put_number(j, "parity_made", m->parity_made);
        json_put_number(j, "parity_mended", m->parity_mended);
        json_put_number(j, "skipped", m->skipped);
        json_put_number(j, "packs_taken", m->packs_taken);
        json_put_number(j, "packs_made", m->packs_made);
    }
    json_emit(c, stdout, j);
}

static void tell_repair(struct cli *c, const struct vault_repair_result *m)
{
    say_note(c,
             "mended %" PRIu64 " pack%s and %" PRIu64 " other object%s; parity made for %" PRIu64
             ", mended for %" PRIu64,
             m->packs_mended, PLURAL(m->packs_mended), m->objects_mended,
             PLURAL(m->objects_mended), m->parity_made, m->parity_mended);
    if (m->packs_taken + m->packs_made)
        say_note(c, "took %" PRIu64 " pack%s from the replica, and frames for %" PRIu64 " new one%s",
                 m->packs_taken, PLURAL(m->packs_taken), m->packs_made, PLURAL(m->packs_made));
    if (m->packs_lost)
        say_note(c, "%" PRIu64 " pack%s could not be mended: kept, and set aside", m->packs_lost,
                 PLURAL(m->packs_lost));
    if (m->objects_lost)
        say_note(c, "%" PRIu64 " other object%s could not be mended: kept", m->objects_lost,
                 PLURAL(m->objects_lost));
}

static bool has_mended(const struct vault_repair_result *m)
{
    return m && m->packs_mended + m->objects_mended + m->copies_removed + m->parity_mended +
                    m->packs_taken + m->packs_made > 0;
}

static void tell_people(struct cli *c, const struct check_result *r, const struct check_options *o,
                        const struct vault_repair_result *m)
{
    char size[AMOUNT_TEXT_BYTES];
    amount_format_size(r->vault.bytes_read, size);
    say_note(c, "checked %" PRIu64 " snapshot%s, %" PRIu64 " pack%s, %" PRIu64 " frame%s",
             r->vault.snapshots, PLURAL(r->vault.snapshots), r->vault.packs,
             PLURAL(r->vault.packs), r->vault.frames, PLURAL(r->vault.frames));
    if (r->with_key)
        say_note(c, "checked the trees: %" PRIu64 " entries", r->entries);
    else
        say_note(c, "checked without a key: seals and trees were not opened");
    if (o->read_data)
        say_note(c, "read %s of the vault%s", size, o->subset < 1 ? ", a part" : "");
    else
        say_note(c, "the content of packs was not read: --read-data does that");
    if (r->vault.refused)
        say_note(c,
                 "%" PRIu64 " record%s of revoked writers %s refused: received after the revocation; "
                 "no snapshot, no damage",
                 r->vault.refused, PLURAL(r->vault.refused), r->vault.refused == 1 ? "is" : "are");
    if (m)
        tell_repair(c, m);
    if (r->vault.damaged == 0 && r->touched == 0)
        say_note(c, "%s", has_mended(m) ? "no damage is left" : "no damage was found");
}

void check_tell(struct cli *c, const struct check_result *r, const struct check_options *o,
                const struct vault_repair_result *m)
{
    if (c->global.json)
        tell_json(c, r, o, m);
    else
        tell_people(c, r, o, m);
}

int check_verdict(const struct check_result *r, struct err *e)
{
    if (r->vault.damaged == 0 && r->touched == 0)
        return 0;
    if (!r->with_key)
        return err_set(e, ERR_DAMAGED,
                       "damage was found in %" PRIu64 " place%s: run check with the passphrase to "
                       "learn which files it touches",
                       r->vault.damaged, PLURAL(r->vault.damaged));
    return err_set(e, ERR_DAMAGED,
                   "damage was found; it touches %" PRIu64 " file%s, named above: the next backup "
                   "stores again what the machine still has",
                   r->touched, PLURAL(r->touched));
}

/* Opened for that alone, and without a key: keys may be what is damaged. */
int check_mend(struct cli *c, const char *from, const struct check_options *o,
               struct vault_repair_result *out, struct err *e)
{
    CLEANUP(access_close) struct access access = {0};
    CLEANUP(access_close) struct access replica = {0};
    const char *location;
    if (cli_location(c, &location, e) || access_open(location, &c->dirs, &access, e) || /* it will be told */
        (from && cli_open_at(c, from, &replica, e)))
        return -1;
    progress_bar_start(c, "packs");
    int rc = work_repair(&access, from ? &replica : NULL, o, out, e);
    progress_bar_stop(c);
    return rc;
}

int check_look(struct cli *c, struct access *access, const struct check_options *o,
               struct check_result *out, struct err *e)
{
    progress_bar_start(c, "packs");
    int rc = work_check(access, o, out, e);
    progress_bar_stop(c);
    return rc;
}
