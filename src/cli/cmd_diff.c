/* SPDX-License-Identifier: Apache-2.0 */
/* abri diff: what changed between two snapshots. */
#include "cli/amount.h"
#include "cli/json_out.h"

#include "base/mem.h"

#include <inttypes.h>
#include <string.h>

struct diff_args {
    bool metadata;
};

static const struct option_spec options[] = {
    {.name = "metadata", .kind = OPTION_FLAG, OPTION_AT(diff_args, metadata),
     .help = "also what changed in nothing but mode, owner, times or attributes (U)"},
};

/* One of the two that are compared. */
struct side {
    char *snap, *path;
    const struct snapshot *snapshot; /* in the list */
    struct root *root;
};

static void side_done(struct side *s)
{
    mem_free(s->snap);
    mem_free(s->path);
    mem_free(s->root);
}

struct diff {
    struct cli *cli;
    bool metadata;
    struct buf scratch;
};

static void diff_done(struct diff *d)
{
    buf_done(&d->scratch);
}

static const char *modifier(const struct entry *before, const struct entry *after,
                            unsigned differs)
{
    if (!before)
        return "+";
    if (!after)
        return "-";
    if (differs & ENTRY_DIFFERS_TYPE)
        return "T";
    return differs & ENTRY_DIFFERS_CONTENT ? "M" : "U";
}

static uint64_t size_of(const struct entry *en)
{
    return en && en->type == ENTRY_FILE ? en->size : 0;
}

/* "+1.2 KiB", "-812 B", or "" for what has no size. */
static void growth_text(const struct entry *before, const struct entry *after,
                        char out[AMOUNT_TEXT_BYTES + 1])
{
    bool has_size = (before && before->type == ENTRY_FILE) || (after && after->type == ENTRY_FILE);
    uint64_t from = size_of(before), to = size_of(after);
    char size[AMOUNT_TEXT_BYTES];
    amount_format_size(to > from ? to - from : from - to, size);
    (void)snprintf(out, AMOUNT_TEXT_BYTES + 1, "%s%s", to > from ? "+" : from > to ? "-" : "", size);
    if (!has_size)
        out[0] = '\0';
}

static void print_change(struct diff *d, const struct entry *before, const struct entry *after,
                         unsigned differs)
{
    const struct entry *en = after ? after : before;
    char growth[AMOUNT_TEXT_BYTES + 1];
    growth_text(before, after, growth);
    fprintf(stdout, "%s  %12s  /%s%s\n", modifier(before, after, differs), growth,
            say_text(d->cli, en->path, en->path_len, &d->scratch),
            en->type == ENTRY_DIR ? "/" : "");
}

static void emit_change(const struct entry *before, const struct entry *after, unsigned differs)
{
    const struct entry *en = after ? after : before;
    CLEANUP(buf_done) struct buf path = {0};
    json_t *o = json_object_of("change");
    buf_put_u8(&path, '/');
    buf_put(&path, en->path, en->path_len);
    json_put_text(o, "path", path.failed ? "" : (const char *)path.data, path.len);
    json_put_string(o, "modifier", modifier(before, after, differs));
    if (before && after) {
        json_put_bool(o, "type_changed", differs & ENTRY_DIFFERS_TYPE);
        json_put_bool(o, "content_changed", differs & ENTRY_DIFFERS_CONTENT);
        json_put_bool(o, "metadata_changed", differs & ENTRY_DIFFERS_META);
    }
    if (before)
        json_put_string(o, "type_before", entry_type_name(before->type));
    if (after)
        json_put_string(o, "type_after", entry_type_name(after->type));
    if (before && before->type == ENTRY_FILE)
        json_put_number(o, "size_before", before->size);
    if (after && after->type == ENTRY_FILE)
        json_put_number(o, "size_after", after->size);
    json_emit_locked(stdout, o); /* one thread, no bar */
}

static int each(void *arg, const struct entry *before, const struct entry *after,
                unsigned differs, struct err *e)
{
    struct diff *d = arg;
    if (say_is_over())
        return err_set(e, ERR_CANCELLED, "the reader of the list went away");
    if (before && after && differs == ENTRY_DIFFERS_META && !d->metadata)
        return 0;
    if (d->cli->global.json)
        emit_change(before, after, differs);
    else
        print_change(d, before, after, differs);
    return 0;
}

/* ---- figures ------------------------------------------------------------------------ */

static json_t *json_count(const struct diff_count *c)
{
    json_t *o = json_object();
    json_put_number(o, "files", c->files);
    json_put_number(o, "dirs", c->dirs);
    json_put_number(o, "others", c->others);
    json_put_number(o, "bytes", c->bytes);
    return o;
}

static void tell_json(struct cli *c, const struct side sides[2], const struct diff_result *r)
{
    json_t *o = json_object_of("statistics");
    json_put_hex(o, "source_snapshot", sides[0].snapshot->id, ID_BYTES);
    json_put_hex(o, "target_snapshot", sides[1].snapshot->id, ID_BYTES);
    json_put_number(o, "changed_files", r->changed_after.files);
    json_put_number(o, "changed_others", r->changed_after.dirs + r->changed_after.others);
    json_put_number(o, "changed_bytes_before", r->changed_before.bytes);
    json_put_number(o, "changed_bytes_after", r->changed_after.bytes);
    json_put_number(o, "changed_metadata", r->metadata);
    (void)json_object_set_new(o, "added", json_count(&r->added));
    (void)json_object_set_new(o, "removed", json_count(&r->removed));
    json_put_number(o, "nodes_read", r->nodes_read);
    json_emit(c, stdout, o);
}

static void tell_people(struct cli *c, const struct diff_result *r, bool metadata)
{
    char added[AMOUNT_TEXT_BYTES], removed[AMOUNT_TEXT_BYTES], from[AMOUNT_TEXT_BYTES],
        to[AMOUNT_TEXT_BYTES];
    amount_format_size(r->added.bytes, added);
    amount_format_size(r->removed.bytes, removed);
    amount_format_size(r->changed_before.bytes, from);
    amount_format_size(r->changed_after.bytes, to);
    say_note(c, "%s", "");
    say_note(c, "Files:   %11" PRIu64 " new, %5" PRIu64 " removed, %5" PRIu64 " changed",
             r->added.files, r->removed.files, r->changed_after.files);
    say_note(c, "Dirs:    %11" PRIu64 " new, %5" PRIu64 " removed", r->added.dirs,
             r->removed.dirs);
    say_note(c, "Others:  %11" PRIu64 " new, %5" PRIu64 " removed, %5" PRIu64 " changed",
             r->added.others, r->removed.others, r->changed_after.others + r->changed_after.dirs);
    if (metadata)
        say_note(c, "Metadata %11" PRIu64 " changed", r->metadata);
    say_note(c, "  added:   %s", added);
    say_note(c, "  removed: %s", removed);
    say_note(c, "  changed: %s, which were %s", to, from);
}

static int compare(struct cli *c, const struct diff_args *a, struct side sides[2], struct err *e)
{
    CLEANUP(access_close) struct access access = {0};
    CLEANUP(snapshot_list_done) struct snapshot_list all = {0};
    CLEANUP(diff_done) struct diff d = {.cli = c, .metadata = a->metadata};
    struct diff_options o = {.each = each, .arg = &d, .progress = &c->progress};
    struct diff_part parts[2];
    struct diff_result r;
    if (cli_open_reader(c, &access, e) ||
        vault_snapshots(access.vault, &all, report_damage, c, e))
        return -1;
    for (size_t i = 0; i < 2; i++) {
        size_t at;
        if (work_find_snapshot(&all, sides[i].snap, &at, e) ||
            work_open_root(&access, &all.items[at], &sides[i].root, e))
            return -1;
        sides[i].snapshot = &all.items[at];
        parts[i] = (struct diff_part){.root = sides[i].root, .path = sides[i].path};
    }
    if (work_diff(&access, &parts[0], &parts[1], &o, &r, e))
        return say_is_over() ? 0 : -1;
    if (c->global.json)
        tell_json(c, sides, &r);
    else
        tell_people(c, &r, a->metadata);
    return 0;
}

static int run(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    struct side sides[2] = {0};
    int rc = command_expect_words(&cmd_diff, w, 2, 2, e);
    for (size_t i = 0; i < 2 && rc == 0; i++)
        rc = snap_spec_split(w->items[i], &sides[i].snap, &sides[i].path, e);
    if (rc == 0)
        rc = compare(c, args, sides, e);
    side_done(&sides[0]);
    side_done(&sides[1]);
    return rc;
}

const struct command cmd_diff = {
    .name = "diff",
    .summary = "show what changed between two snapshots",
    .operands = "SNAP[:PATH] SNAP[:PATH]",
    .description =
        "Compares the first snapshot with the second and lists, one a line, what the second has in "
        "addition (+), lacks (-), holds with other content (M), or as another type of thing (T); "
        "with --metadata also what changed in mode, owner, times or attributes alone (U). By how "
        "much a file grew or shrank stands before its path.\n"
        "\n"
        "What both share is not read, so the time follows the difference. Files count as "
        "changed only if their bytes are others.",
    .examples = {{"abri -r /mnt/vault diff 2026-11-21 latest", "what changed since that day"},
                 {"abri -r /mnt/vault diff 3f2a91c0:/etc latest:/etc --metadata",
                  "one directory, with modes, owners and times"},
                 {"abri -r /mnt/vault diff latest:/srv/www latest:/srv/www.old",
                  "two directories of one snapshot"}},
    .options = options,
    .option_count = OPTION_COUNT(options),
    .args_bytes = sizeof(struct diff_args),
    .run = run,
};
