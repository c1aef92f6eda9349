/* SPDX-License-Identifier: Apache-2.0 */
/* abri find: which snapshots hold a file, and in which state. */
#include "cli/amount.h"
#include "cli/json_out.h"

#include "base/clock.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct find_args {
    struct option_list snapshots;
    bool ignore_case;
    const char *newer, *older;
    uint64_t size_min, size_max;
    int type;
};

/* In the order of enum entry_type. */
static const char *const type_words[] = {"file",   "dir",     "symlink", "fifo",
                                         "socket", "chardev", "dev",     NULL};
_Static_assert(ENTRY_FILE == 1 && ENTRY_BLOCK == 7, "the words above are in this order");

static const struct option_spec options[] = {
    {.name = "snapshot", .letter = 's', .kind = OPTION_LIST, .arg = "SNAP",
     OPTION_AT(find_args, snapshots),
     .help = "look only in this snapshot; may be given again (default: in all)"},
    {.name = "ignore-case", .letter = 'i', .kind = OPTION_FLAG, OPTION_AT(find_args, ignore_case),
     .help = "whatever the case of letters"},
    {.name = "newer", .letter = 'N', .kind = OPTION_TEXT, .arg = "DATE", OPTION_AT(find_args, newer),
     .help = "only what was modified after this date or time"},
    {.name = "older", .letter = 'O', .kind = OPTION_TEXT, .arg = "DATE", OPTION_AT(find_args, older),
     .help = "only what was modified on or before it"},
    {.name = "min-size", .kind = OPTION_SIZE, .arg = "SIZE", .min = 1,
     OPTION_AT(find_args, size_min), .help = "only files of at least this size: 500, 64K, 2G"},
    {.name = "max-size", .kind = OPTION_SIZE, .arg = "SIZE", .min = 1,
     OPTION_AT(find_args, size_max), .help = "only files of at most this size"},
    {.name = "type", .kind = OPTION_CHOICE, .words = type_words, .arg = "TYPE",
     OPTION_AT(find_args, type),
     .help = "only this type: file, dir, symlink, fifo, socket, chardev, dev"},
};

struct request {
    struct cli *cli;
    struct select *patterns;
    struct snapshot_list all;
    const struct snapshot **chosen; /* by group, then by age */
    size_t count;
    struct buf scratch;
};

static void request_done(struct request *r)
{
    select_free(r->patterns);
    snapshot_list_done(&r->all);
    mem_free(r->chosen);
    buf_done(&r->scratch);
}

/* ---- which snapshots ---------------------------------------------------------------- */

/* Snapshots of one group stand together, so that ranges are long. */
static int by_group(const void *a, const void *b)
{
    const struct snapshot *x = *(const struct snapshot *const *)a;
    const struct snapshot *y = *(const struct snapshot *const *)b;
    int order = memcmp(x->group, y->group, UID_BYTES);
    return order ? order : (x->seq > y->seq) - (x->seq < y->seq);
}

static int choose(struct request *r, const struct find_args *a, struct err *e)
{
    r->chosen = mem_array(r->all.count + a->snapshots.count + 1, sizeof(void *));
    if (!r->chosen)
        return err_no_memory(e, "the list of snapshots");
    for (size_t i = 0; i < a->snapshots.count; i++) {
        size_t at, known = 0;
        if (work_find_snapshot(&r->all, a->snapshots.items[i].text, &at, e))
            return -1;
        while (known < r->count && r->chosen[known] != &r->all.items[at])
            known++;
        r->chosen[known] = &r->all.items[at];
        r->count += known == r->count;
    }
    for (size_t i = 0; i < r->all.count && a->snapshots.count == 0; i++)
        r->chosen[r->count++] = &r->all.items[i];
    qsort(r->chosen, r->count, sizeof(void *), by_group);
    return 0;
}

/* ---- what was found ------------------------------------------------------------------ */

static void put_ranges(const struct request *r, const struct find_match *m, struct buf *out)
{
    for (size_t i = 0; i < m->range_count; i++) {
        char first[SHORT_ID_BYTES], last[SHORT_ID_BYTES];
        short_id(r->chosen[m->ranges[i].first]->id, first);
        short_id(r->chosen[m->ranges[i].last]->id, last);
        buf_put(out, ",", i > 0);
        buf_put(out, first, strlen(first));
        if (m->ranges[i].first != m->ranges[i].last) {
            buf_put(out, "..", 2);
            buf_put(out, last, strlen(last));
        }
    }
    buf_put_u8(out, 0);
}

static void print_match(struct request *r, const struct find_match *m)
{
    CLEANUP(buf_done) struct buf ranges = {0};
    char time[CLOCK_TEXT_BYTES], size[AMOUNT_TEXT_BYTES] = "";
    const struct entry *en = m->entry;
    put_ranges(r, m, &ranges);
    clock_format(entry_mtime_ns(en), time);
    if (en->type == ENTRY_FILE)
        amount_format_size(en->size, size);
    fprintf(stdout, "%-18s  %11s  %s  /%s%s\n",
            ranges.failed ? "?" : (const char *)ranges.data, size, time,
            say_text(r->cli, en->path, en->path_len, &r->scratch),
            en->type == ENTRY_DIR ? "/" : "");
}

static void emit_match(const struct request *r, const struct find_match *m)
{
    json_t *o = json_object_of("match"), *ranges = json_array();
    json_put_entry(o, m->entry);
    for (size_t i = 0; i < m->range_count; i++) {
        json_t *range = json_object();
        json_put_hex(range, "first", r->chosen[m->ranges[i].first]->id, ID_BYTES);
        json_put_hex(range, "last", r->chosen[m->ranges[i].last]->id, ID_BYTES);
        json_put_number(range, "count", m->ranges[i].last - m->ranges[i].first + 1);
        (void)json_array_append_new(ranges, range);
    }
    (void)json_object_set_new(o, "snapshots", ranges);
    json_emit_locked(stdout, o); /* one thread, no bar */
}

static int each(void *arg, const struct find_match *m, struct err *e)
{
    struct request *r = arg;
    if (say_is_over())
        return err_set(e, ERR_CANCELLED, "the reader of the list went away");
    if (r->cli->global.json)
        emit_match(r, m);
    else
        print_match(r, m);
    return 0;
}

static void problem(void *arg, const char *item, const struct err *e)
{
    struct request *r = arg;
    report_problem(r->cli, item, e);
}

static int finish(struct cli *c, const struct request *r, const struct find_result *f,
                  struct err *e)
{
    if (c->global.json) {
        json_t *o = json_object_of("find_summary");
        json_put_number(o, "matches", f->matches);
        json_put_number(o, "snapshots", r->count);
        json_put_number(o, "nodes_read", f->nodes_read);
        json_put_number(o, "nodes_known", f->nodes_known);
        json_put_number(o, "problems", f->problems);
        json_emit(c, stdout, o);
    }
    if (f->problems)
        return err_set(e, ERR_INCOMPLETE,
                       "%" PRIu64 " snapshot%s could not be searched whole: see `abri check`",
                       f->problems, PLURAL(f->problems));
    return 0;
}

/* ---- from words to options --------------------------------------------------------------- */

static int parse_date(const char *text, const char *option, int64_t *out, struct err *e)
{
    if (text && !clock_parse(text, out))
        return err_set(e, ERR_USAGE, "%s: '%s' is no date such as 2026-11-21 or \"2026-11-21 21:26\"",
                       option, text);
    return 0;
}

static int collect(struct request *r, const struct find_args *a, const struct words *w,
                   struct find_options *o, struct err *e)
{
    o->newer_than_ns = INT64_MIN;
    o->older_than_ns = INT64_MAX;
    o->size_min = a->size_min;
    o->size_max = a->size_max ? a->size_max : UINT64_MAX;
    o->type = (enum entry_type)a->type;
    if (w->count == 0)
        return err_set(e, ERR_USAGE, "find what? abri find PATTERN…");
    if (o->size_min > o->size_max)
        return err_set(e, ERR_USAGE, "--min-size is above --max-size: nothing can match");
    if (parse_date(a->newer, "--newer", &o->newer_than_ns, e) ||
        parse_date(a->older, "--older", &o->older_than_ns, e) || select_new(&r->patterns, e))
        return -1;
    if (o->newer_than_ns >= o->older_than_ns)
        return err_set(e, ERR_USAGE, "--newer is not before --older: nothing can match");
    for (size_t i = 0; i < w->count; i++)
        if (select_add(r->patterns, w->items[i], a->ignore_case, e))
            return -1;
    o->patterns = r->patterns;
    return 0;
}

static int run(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    CLEANUP(access_close) struct access access = {0};
    CLEANUP(request_done) struct request r = {.cli = c};
    struct find_options o = {
        .each = each, .problem = problem, .arg = &r, .progress = &c->progress};
    struct find_result result;
    if (collect(&r, args, w, &o, e) || cli_open_reader(c, &access, e) ||
        vault_snapshots(access.vault, &r.all, report_damage, c, e) || choose(&r, args, e))
        return -1;
    if (work_find(&access, r.chosen, r.count, &o, &result, e))
        return say_is_over() ? 0 : -1;
    return finish(c, &r, &result, e);
}

const struct command cmd_find = {
    .name = "find",
    .summary = "look for files in all snapshots",
    .operands = "PATTERN…",
    .description =
        "Lists every path that matches one of the patterns, once for each state in which it was saved: "
        "the snapshots that hold that state (first..last of those that follow each other, of one "
        "host and set of paths), size, time of modification, path. A pattern without '/' is about "
        "names, one that begins with '/' about whole paths from the top, another about the last "
        "components; quote it against the shell (see `abri help patterns`).\n"
        "\n"
        "What snapshots share is read once, however many there are.",
    .examples = {{"abri -r /mnt/vault find sshd_config", "in which snapshots, in which states"},
                 {"abri -r /mnt/vault find '*.pdf' --newer 2026-11-01 -i", "also *.PDF"},
                 {"abri -r /mnt/vault find '/home/**/*.db' -s latest --min-size 1M",
                  "in one snapshot"}},
    .options = options,
    .option_count = OPTION_COUNT(options),
    .args_bytes = sizeof(struct find_args),
    .run = run,
};
