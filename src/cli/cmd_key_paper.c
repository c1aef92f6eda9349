/* SPDX-License-Identifier: Apache-2.0 */
/* abri key sheet, split, combine, generate: keys outside of the vault. */
#include "cli/key_commands.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/amount.h"

#include <inttypes.h>
#include <string.h>

struct paper_args {
    struct new_passphrase_args new;
    const char *svg, *output, *label;
    bool sheet;
};

static void json_sheet(struct cli *c, const struct page *p, const char *file)
{
    char hex[2 * UID_BYTES + 1], code[SHEET_CODE_BYTES];
    json_t *o = json_object_of("sheet");
    const struct key_share *s = &p->sheet->share;
    hex_encode(s->vault_id, UID_BYTES, hex);
    json_put_string(o, "kind", p->sheet->kind == SHEET_SHARE ? "share" : "key");
    json_put_string(o, "vault", hex);
    if (p->sheet->kind == SHEET_SHARE) {
        json_put_number(o, "number", s->x);
        json_put_number(o, "needed", s->k);
        json_put_number(o, "of", p->of);
    }
    if (file) {
        json_put_string(o, "file", file);
    } else {
        sheet_code(p->sheet, code);
        json_put_string(o, "code", code);
        seal_wipe(code, sizeof code);
    }
    json_emit(c, stdout, o);
}

/* To stdout: as text, or as an object. */
static int print_page(struct cli *c, const struct page *p, struct err *e)
{
    CLEANUP(secret_buf_done) struct buf text = {0};
    if (c->global.json) {
        json_sheet(c, p, NULL);
        return 0;
    }
    if (!buf_reserve(&text, 32 << 10) || page_text(p, c->out_is_tty, &text, e))
        return buf_check(&text, "a page", e);
    (void)fwrite(text.data, 1, text.len, stdout);
    return 0;
}

static int write_svg(const char *file, const struct page *p, struct err *e)
{
    CLEANUP(secret_buf_done) struct buf svg = {0};
    if (!buf_reserve(&svg, 128 << 10) || page_svg(p, &svg, e))
        return buf_check(&svg, "a page", e);
    return page_write(file, &svg, e);
}

/* ---- sheet ------------------------------------------------------------------------- */

static const struct option_spec sheet_options[] = {
    {.name = "svg", .kind = OPTION_TEXT, .arg = "FILE", OPTION_AT(paper_args, svg),
     .help = "write a page for a printer to this new file instead of text"},
    {.name = "label", .kind = OPTION_TEXT, .arg = "TEXT", OPTION_AT(paper_args, label),
     .help = "a line to be printed on it"},
};

static int print_or_write(struct cli *c, const struct page *p, const char *svg, struct err *e)
{
    if (!svg)
        return print_page(c, p, e);
    if (write_svg(svg, p, e))
        return -1;
    say_note(c, "written to %s: print it, then remove the file", svg);
    if (c->global.json)
        json_sheet(c, p, svg);
    return 0;
}

static int run_sheet(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct paper_args *a = args;
    CLEANUP(access_close) struct access access = {0};
    if (command_expect_words(&cmd_key_sheet, w, 0, 0, e) || cli_open_reader(c, &access, e))
        return -1;
    struct sheet *sheet = sheet_new();
    if (!sheet)
        return err_no_memory(e, "a sheet");
    sheet->kind = SHEET_KEY;
    memcpy(sheet->share.vault_id, vault_get_info(access.vault)->id, UID_BYTES);
    memcpy(sheet->share.y, access.recovery->secret_key, 32);
    struct page p = {.sheet = sheet,
                     .location = store_location(access.store),
                     .label = a->label,
                     .made_ns = clock_realtime_ns()};
    int rc = print_or_write(c, &p, a->svg, e);
    sheet_free(sheet);
    return rc;
}

const struct command cmd_key_sheet = {
    .name = "key sheet",
    .summary = "print the recovery key on one page",
    .operands = "",
    .description =
        "Prints one page with the recovery key as text, each line with its own check, and as a QR code. "
        "Whoever has the page and the vault's files can read everything, so it belongs on paper in a "
        "safe place. It helps when the passphrase is lost: `abri key combine --sheet`.",
    .examples = {{"abri -r /mnt/vault key sheet | lp", "straight to the printer"},
                 {"abri -r /mnt/vault key sheet --svg sheet.svg", "as a page of A4"}},
    .options = sheet_options,
    .option_count = OPTION_COUNT(sheet_options),
    .args_bytes = sizeof(struct paper_args),
    .run = run_sheet,
};

/* ---- split ----------------------------------------------------------------------------- */

static const struct option_spec split_options[] = {
    {.name = "output", .kind = OPTION_TEXT, .arg = "DIR", OPTION_AT(paper_args, output),
     .help = "write share-1.svg, share-1.txt … into this directory instead of to standard output"},
    {.name = "label", .kind = OPTION_TEXT, .arg = "TEXT", OPTION_AT(paper_args, label),
     .help = "a line to be printed on each"},
};

static int write_share(struct cli *c, const struct page *p, const char *dir, struct err *e)
{
    char file[4096];
    CLEANUP(secret_buf_done) struct buf text = {0};
    if (file_make_dirs(dir, 0700, e))
        return -1;
    if ((size_t)snprintf(file, sizeof file, "%s/share-%u.svg", dir, p->sheet->share.x) >=
        sizeof file)
        return err_set(e, ERR_LIMIT, "'%s': the path is too long", dir);
    if (write_svg(file, p, e))
        return -1;
    memcpy(file + strlen(file) - 3, "txt", 3);
    if (!buf_reserve(&text, 32 << 10) || page_text(p, false, &text, e))
        return buf_check(&text, "a page", e);
    if (page_write(file, &text, e))
        return -1;
    say_note(c, "share %u: %s", p->sheet->share.x, file);
    if (c->global.json)
        json_sheet(c, p, file);
    return 0;
}

static int print_shares(struct cli *c, const struct paper_args *a, const struct access *access,
                        const struct key_share *shares, unsigned n, struct err *e)
{
    int rc = 0;
    struct sheet *sheet = sheet_new();
    if (!sheet)
        return err_no_memory(e, "a sheet");
    sheet->kind = SHEET_SHARE;
    struct page p = {.sheet = sheet,
                     .of = n,
                     .location = store_location(access->store),
                     .label = a->label,
                     .made_ns = clock_realtime_ns()};
    for (unsigned i = 0; rc == 0 && i < n; i++) {
        sheet->share = shares[i];
        if (!a->output && i && !c->global.json)
            (void)fputc('\f', stdout);
        rc = a->output ? write_share(c, &p, a->output, e) : print_page(c, &p, e);
    }
    sheet_free(sheet);
    return rc;
}

static int parse_count(const char *text, const char *what, unsigned *out, struct err *e)
{
    uint64_t n;
    if (!amount_parse_number(text, &n) || n < 2 || n > SHARES_MAX)
        return err_set(e, ERR_USAGE, "%s: '%.40s' is not a number from 2 to %u", what, text,
                       SHARES_MAX);
    *out = (unsigned)n;
    return 0;
}

static int run_split(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct paper_args *a = args;
    CLEANUP(access_close) struct access access = {0};
    unsigned k, n;
    if (command_expect_words(&cmd_key_split, w, 2, 2, e) ||
        parse_count(w->items[0], "K", &k, e) || parse_count(w->items[1], "N", &n, e))
        return -1;
    if (k > n)
        return err_set(e, ERR_USAGE, "K of N: %u of %u shares could never come together", k, n);
    if (cli_open_reader(c, &access, e))
        return -1;
    struct key_share *shares = key_shares_new(n);
    int rc = shares ? key_split(access.recovery, vault_get_info(access.vault)->id, k, n, shares, e)
                    : err_no_memory(e, "the shares");
    if (rc == 0)
        rc = print_shares(c, a, &access, shares, n, e);
    key_shares_free(shares);
    return rc;
}

const struct command cmd_key_split = {
    .name = "key split",
    .summary = "print it in shares, any K of N of which give it back",
    .operands = "K N",
    .description =
        "Splits the recovery key into N shares, each a page. Any K of them together give the key "
        "(`abri key combine`), fewer give nothing at all. Give them to different people, or put them "
        "in different places. Each split makes a new set: shares of two sets do not go together. "
        "After `abri key rotate` old shares are void.",
    .examples = {{"abri -r /mnt/vault key split 2 3 --output /root/shares",
                  "three pages, any two of which open the vault"},
                 {"abri -r /mnt/vault key split 3 5 | lp", "five pages, straight to the printer"}},
    .options = split_options,
    .option_count = OPTION_COUNT(split_options),
    .args_bytes = sizeof(struct paper_args),
    .run = run_split,
};

/* ---- combine --------------------------------------------------------------------------------- */

static const struct option_spec combine_options[] = {
    {.name = "sheet", .kind = OPTION_FLAG, OPTION_AT(paper_args, sheet),
     .help = "type in a sheet with the whole key, not shares"},
    NEW_PASSPHRASE_OPTIONS(paper_args, new),
};

static const char *name_of(const struct sheets *s, size_t i)
{
    return s->from[i] ? s->from[i] : "what was typed";
}

/* Copies what belongs together; what is there twice counts once. */
static int gather_shares(const struct sheets *s, const uint8_t vault_id[UID_BYTES],
                         struct key_share *out, size_t *from, size_t *count_out, struct err *e)
{
    size_t n = 0;
    for (size_t i = 0; i < s->count; i++) {
        const struct key_share *one = &s->items[i]->share, *first = &s->items[0]->share;
        bool twice = false;
        if (s->items[i]->kind != SHEET_SHARE)
            return err_set(e, ERR_USAGE, "'%s' holds a whole key: give it alone", name_of(s, i));
        if (memcmp(one->vault_id, vault_id, UID_BYTES) != 0)
            return err_set(e, ERR_USAGE, "'%s' is a share of another vault", name_of(s, i));
        if (memcmp(one->set, first->set, SHARE_SET_BYTES) != 0 || one->k != first->k)
            return err_set(e, ERR_USAGE, "'%s' and '%s' are shares of different sets: they do not go "
                                         "together",
                           name_of(s, i), name_of(s, 0));
        for (size_t j = 0; j < n; j++) {
            if (out[j].x != one->x)
                continue;
            twice = true;
            if (memcmp(out[j].y, one->y, sizeof one->y) != 0)
                return err_set(e, ERR_USAGE, "'%s' and '%s' both claim to be share %u",
                               name_of(s, i), name_of(s, from[j]), one->x);
        }
        if (twice)
            continue;
        from[n] = i;
        out[n++] = *one;
    }
    if (n < out[0].k)
        return err_set(e, ERR_USAGE, "too few shares: %zu of the %u that are needed", n, out[0].k);
    *count_out = n;
    return 0;
}

static int combine_shares(struct cli *c, struct access *a, const struct sheets *s,
                          struct recovery_key *out, struct err *e)
{
    size_t from[SHARES_MAX + 1], count, bad = SIZE_MAX;
    struct key_share *shares = key_shares_new(SHARES_MAX);
    if (!shares)
        return err_no_memory(e, "the shares");
    int rc = s->count <= SHARES_MAX ? gather_shares(s, vault_get_info(a->vault)->id, shares, from,
                                                    &count, e)
                                    : err_set(e, ERR_USAGE, "too many shares");
    if (rc == 0)
        rc = work_key_combine(a, shares, count, out, &bad, e);
    key_shares_free(shares);
    if (rc == 0 && bad != SIZE_MAX) {
        struct err why = ERR_INIT;
        (void)err_set(&why, ERR_DAMAGED, "this share is wrong; the others gave the key");
        report_problem(c, name_of(s, from[bad]), &why);
    }
    return rc;
}

static int key_of_sheets(struct cli *c, struct access *a, const struct sheets *s,
                         struct recovery_key *out, struct err *e)
{
    const struct key_share *k = &s->items[0]->share;
    if (s->items[0]->kind == SHEET_SHARE)
        return combine_shares(c, a, s, out, e);
    if (s->count > 1)
        return err_set(e, ERR_USAGE, "'%s' holds a whole key: give it alone", name_of(s, 0));
    if (!bytes_are_zero(k->vault_id, UID_BYTES) &&
        memcmp(k->vault_id, vault_get_info(a->vault)->id, UID_BYTES) != 0)
        return err_set(e, ERR_USAGE, "'%s' is a sheet of another vault", name_of(s, 0));
    return recovery_key_of_secret(k->y, out, e);
}

static int set_passphrase(struct cli *c, struct access *a, const struct recovery_key *k,
                          const struct paper_args *args, struct new_passphrase *p,
                          char name[KEY_NAME_BYTES], struct err *e)
{
    char text[PASSPHRASE_MAX];
    if (access_with_key(a, k, e) || access_as_owner(a, e) ||
        passphrase_ask_further(c, args->new.file, text, e))
        return -1;
    p->text = text;
    int rc = work_key_add(a, p, name, e);
    seal_wipe(text, sizeof text);
    return rc;
}

static int run_combine(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    const struct paper_args *a = args;
    CLEANUP(access_close) struct access access = {0};
    CLEANUP(sheets_done) struct sheets s = {0};
    struct new_passphrase p;
    char name[KEY_NAME_BYTES];
    if (a->sheet && w->count)
        return err_set(e, ERR_USAGE, "--sheet is for typing: leave it out, or '%.64s'", w->items[0]);
    if (new_passphrase_of(&a->new, &p, e) || cli_open(c, &access, e) ||
        (w->count ? sheets_read(&s, w, e) : sheets_type(&s, a->sheet, e)))
        return -1;
    struct recovery_key *k = recovery_key_new();
    int rc = k ? key_of_sheets(c, &access, &s, k, e) : err_no_memory(e, "the recovery key");
    if (rc == 0)
        rc = set_passphrase(c, &access, k, a, &p, name, e);
    recovery_key_free(k);
    if (rc)
        return -1;
    say_note(c, "the key opens the vault; the new passphrase does, too: key %.8s", name);
    json_keys_changed(c, "combine", name, NULL);
    return 0;
}

const struct command cmd_key_combine = {
    .name = "key combine",
    .summary = "set a new passphrase with shares or a sheet",
    .operands = "[FILE…]",
    .description =
        "For when the passphrase is lost. Reads shares (`abri key split`) or one sheet (`abri key sheet`) "
        "from files, which may hold the printed text or what a scanner read from the QR code, "
        "or asks for their lines one by one. If they give the vault's recovery key, asks for a new "
        "passphrase. Older passphrases keep working: `abri key list` shows them, `abri key remove` "
        "removes them.",
    .examples = {{"abri -r /mnt/vault key combine share-1.txt share-3.txt", "from two files"},
                 {"abri -r /mnt/vault key combine", "typed in, share by share"},
                 {"abri -r /mnt/vault key combine --sheet", "one whole sheet, typed in"}},
    .options = combine_options,
    .option_count = OPTION_COUNT(combine_options),
    .args_bytes = sizeof(struct paper_args),
    .run = run_combine,
};

/* ---- generate ------------------------------------------------------------------------------------ */

static int write_pair(const char *file, const struct recovery_key *k, struct err *e)
{
    struct sheet *sheet = sheet_new();
    CLEANUP(secret_buf_done) struct buf text = {0};
    if (!sheet)
        return err_no_memory(e, "a sheet");
    sheet->kind = SHEET_KEY;
    memcpy(sheet->share.y, k->secret_key, 32);
    struct page p = {.sheet = sheet, .made_ns = clock_realtime_ns()};
    int rc = buf_reserve(&text, 32 << 10) ? page_text(&p, false, &text, e)
                                          : err_no_memory(e, "a page");
    if (rc == 0)
        rc = page_write(file, &text, e);
    sheet_free(sheet);
    return rc;
}

static int run_generate(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    (void)args;
    char text[PUBLIC_KEY_TEXT_BYTES];
    if (command_expect_words(&cmd_key_generate, w, 1, 1, e) || sign_init(e))
        return -1;
    struct recovery_key *k = recovery_key_new();
    if (!k)
        return err_no_memory(e, "a recovery key");
    recovery_key_generate(k);
    int rc = write_pair(w->items[0], k, e);
    public_key_format(k->public_key, text);
    recovery_key_free(k);
    if (rc)
        return -1;
    if (c->global.json) {
        json_t *o = json_object_of("key_file");
        json_put_string(o, "file", w->items[0]);
        json_put_string(o, "public_key", text);
        json_emit(c, stdout, o);
        return 0;
    }
    say(c, "%s", text);
    return 0;
}

const struct command cmd_key_generate = {
    .name = "key generate",
    .summary = "make a recovery key in a file, away from any vault",
    .operands = "FILE",
    .description =
        "Makes a new recovery key in a new file that only its owner may read, and prints its public key. "
        "Needs no vault and no network: run it on a machine that never sees one. Then "
        "`abri key add --recipient` makes it a recipient of a vault, and --key-file opens that vault.",
    .examples = {{"abri key generate /media/stick/escrow.key", "prints what others may know"},
                 {"abri key generate escrow.key --json", "the same for a program"}},
    .run = run_generate,
};
