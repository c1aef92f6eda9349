/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words of the command line. Settings without a table are options of the same name; beside them there are those
 * that say what shall be done.
 */
#include "daemon/options.h"

#include <string.h>

enum act { ACT_CONFIG, ACT_CHECK, ACT_TOKEN, ACT_TRIAL, ACT_HELP, ACT_VERSION, ACT_MANUAL };
struct action {
    const char *name, *arg;
    enum act act;
    const char *help; /* NULL: for building only */
};
static const struct action actions[] = {
    {"config", "FILE", ACT_CONFIG, "the configuration file (default: " SETTINGS_FILE ", if it exists)"},
    {"check-config", NULL, ACT_CHECK, "tell all that is wrong with the configuration, or print what is in force; touches nothing"},
    {"new-owner-token", NULL, ACT_TOKEN,
     "ask the abrid that serves --root for a new token for the first owner, print it, and replace the earlier one"},
    {"trial", NULL, ACT_TRIAL,
     "serve a root that is good for trials alone: its clocks can be moved (see `abri selftest`). Only a new root can "
     "become one, and it stays one. It ends with whoever started it"},
    {"help", NULL, ACT_HELP, "print this help"},
    {"version", NULL, ACT_VERSION, "print the version"},
    {"manual", NULL, ACT_MANUAL, NULL},
};
#define ACTIONS (sizeof actions / sizeof *actions)

static void act(struct options *o, enum act a, const char *value)
{
    switch (a) {
    case ACT_CONFIG: o->config = value; break;
    case ACT_CHECK: o->check_config = true; break;
    case ACT_TOKEN: o->new_owner_token = true; break;
    case ACT_TRIAL: o->said.trial = true; break;
    case ACT_HELP: o->help = true; break;
    case ACT_VERSION: o->version = true; break;
    case ACT_MANUAL: o->manual = true; break;
    }
}

static const struct action *find_action(const char *name)
{
    for (size_t i = 0; i < ACTIONS; i++)
        if (strcmp(actions[i].name, name) == 0)
            return &actions[i];
    return NULL;
}

static int store(struct options *o, const struct setting *t, const char *value, struct err *e)
{
    const char *twice = t->kind == SETTING_TEXT ? *(char **)((char *)&o->said + t->offset) : NULL;
    if (twice)
        return err_set(e, ERR_USAGE, "--%s stands twice", t->name);
    return settings_store(t, &o->said, value, e) ? err_wrap(e, "--%s", t->name) : 0;
}

/* One option, with its value behind '=' or in the next word; how many words it took, or -1. */
static int take(struct options *o, char **words, int count, struct err *e)
{
    char name[64];
    const char *word = words[0] + 2, *value = strchr(word, '=');
    size_t n = value ? (size_t)(value++ - word) : strlen(word);
    (void)snprintf(name, sizeof name, "%.*s", n < sizeof name ? (int)n : 0, word);
    const struct action *a = find_action(name);
    const struct setting *t = a ? NULL : settings_find("", name);
    if (!a && !t)
        return err_set(e, ERR_USAGE, "'%.100s' is no option: see --help", words[0]);
    bool wants = t || a->arg;
    if (!wants && value)
        return err_set(e, ERR_USAGE, "--%s takes no value", name);
    int used = wants && !value ? 2 : 1;
    if (used > count)
        return err_set(e, ERR_USAGE, "--%s needs a value: see --help", name);
    if (used == 2)
        value = words[1];
    if (a)
        act(o, a->act, value);
    else if (store(o, t, value, e))
        return -1;
    return used;
}

int options_parse(int argc, char **argv, struct options *out, struct err *e)
{
    struct options o = {0};
    for (int i = 1; i < argc;) {
        int used;
        if (strcmp(argv[i], "-h") == 0) {
            o.help = true;
            used = 1;
        } else if (strncmp(argv[i], "--", 2) == 0) {
            used = take(&o, argv + i, argc - i, e);
        } else {
            used = err_set(e, ERR_USAGE, "'%.100s' does not belong here: see --help", argv[i]);
        }
        if (used < 0) {
            options_done(&o);
            return -1;
        }
        i += used;
    }
    *out = o;
    return 0;
}

void options_done(struct options *o)
{
    settings_done(&o->said);
    *o = (struct options){0};
}

/* ---- texts --------------------------------------------------------------------------------------- */

static const char about[] =
    "Serves vaults below DIR over HTTP/2 and TLS 1.3, to machines that were enrolled with a token. On a new or empty "
    "directory it makes its own certificate authority, and a token for the first owner, good for an hour: printed if there is "
    "a terminal, else in the file bootstrap-token below DIR.";
static const char signals[] =
    "SIGHUP reads the configuration again, and makes a new certificate for the server; what needs a restart is refused, and "
    "then nothing changes. SIGTERM and SIGINT finish what is under way, for at most 30 seconds.";

static void wrap(FILE *f, const char *text, size_t indent, size_t column)
{
    while (*text) {
        size_t n = strcspn(text, " ");
        if (column + n > 96) {
            fprintf(f, "\n%*s", (int)indent, "");
            column = indent;
        }
        fprintf(f, "%.*s", (int)n, text);
        column += n + 1;
        text += n;
        if (*text) {
            text++;
            if (column + strcspn(text, " ") <= 96)
                fputc(' ', f);
        }
    }
    fputc('\n', f);
}

static void help_line(FILE *f, const char *dashes, const char *name, const char *arg, const char *text)
{
    char left[64];
    int n = snprintf(left, sizeof left, "  %s%s%s%s", dashes, name, arg ? " " : "", arg ? arg : "");
    fprintf(f, "%-30s", left);
    if (n >= 30)
        fprintf(f, "\n%30s", "");
    wrap(f, text, 30, 30);
}

static void help_setting(FILE *f, const struct setting *t)
{
    char text[512];
    (void)snprintf(text, sizeof text, "%s%s%s%s", t->help, t->otherwise ? " (default: " : "",
                   t->otherwise ? t->otherwise : "", t->otherwise ? ")" : "");
    help_line(f, *t->table ? "" : "--", t->name, t->arg, text);
}

static void help_table(FILE *f, const char *table)
{
    for (size_t i = 0; i < settings_count; i++)
        if (strcmp(settings_table[i].table, table) == 0)
            help_setting(f, &settings_table[i]);
}

void options_help(FILE *f)
{
    fputs("usage: abrid --root DIR [OPTION]…\n\n", f);
    wrap(f, about, 0, 0);
    fputs("\nEach of these is also a key of the configuration file:\n", f);
    help_table(f, "");
    fputs("\nOnly in the configuration file, in [limits]:\n", f);
    help_table(f, "limits");
    fputs("\nand in [listener-NAME], a socket with front ends of its own:\n", f);
    help_table(f, "listener");
    fputs("\n", f);
    for (size_t i = 0; i < ACTIONS; i++)
        if (actions[i].help)
            help_line(f, "--", actions[i].name, actions[i].arg, actions[i].help);
    fputs("\n", f);
    wrap(f, signals, 0, 0);
}

/* ---- the man page ---------------------------------------------------------------------------------- */

static void troff(FILE *f, const char *text)
{
    for (const char *p = text; *p; p++)
        if (*p == '-')
            fputs("\\-", f);
        else if (*p == '\\')
            fputs("\\e", f);
        else if (*p == '.' && p == text)
            fputs("\\&.", f);
        else if (*p == '\'')
            fputs("\\(aq", f);
        else if (*p == '`')
            fputs("\\(ga", f);
        else if (*p == '~')
            fputs("\\(ti", f);
        else
            fputc(*p, f);
}

/* Lines are short, as man pages are written. */
static void paragraph(FILE *f, const char *text)
{
    size_t column = 0;
    char word[256];
    while (*text) {
        size_t n = strcspn(text, " ");
        (void)snprintf(word, sizeof word, "%.*s", (int)n, text);
        if (column && column + n > 72) {
            fputc('\n', f);
            column = 0;
        }
        fputs(column ? " " : "", f);
        troff(f, word);
        column += n + 1;
        text += n + (text[n] == ' ');
    }
    fputc('\n', f);
}

static void manual_entry(FILE *f, const char *dashes, const char *name, const char *arg, const char *text, const char *otherwise)
{
    fputs(".TP\n\\fB", f);
    troff(f, dashes);
    troff(f, name);
    fputs("\\fR", f);
    if (arg) {
        fputs(" \\fI", f);
        troff(f, arg);
        fputs("\\fR", f);
    }
    fputc('\n', f);
    paragraph(f, text);
    if (otherwise) {
        char line[256];
        (void)snprintf(line, sizeof line, "Default: %s.", otherwise);
        paragraph(f, line);
    }
}

static void manual_table(FILE *f, const char *table)
{
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *t = &settings_table[i];
        if (strcmp(t->table, table) == 0)
            manual_entry(f, *table ? "" : "--", t->name, t->arg, t->help, t->otherwise);
    }
}

static void manual_files(FILE *f)
{
    static const char *const files[][2] = {
        {SETTINGS_FILE, "The configuration, a subset of TOML: each option that is a setting is a key of the same name; what may be "
                        "repeated is an array of strings. Only root, or who runs abrid, may be able to write it."},
        {"DIR/bootstrap-token", "The token for the first owner, where there was no terminal to print it to. It goes when it is used."},
        {"DIR/control", "The socket of --new-owner-token, for root and for the user who runs abrid."},
        {"DIR/trial", "There if the root was made with --trial: how far its clocks were moved."},
        {"DIR/authority.key", "The key of the certificate authority. Together with log.key, vaults and log it is what a backup of the "
                              "server must hold; catalog.sqlite is made anew."},
    };
    fputs(".SH FILES\n", f);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        manual_entry(f, "", files[i][0], NULL, files[i][1], NULL);
}

void options_manual(FILE *f)
{
    fputs(".\\\" Made from the table of the program: do not edit.\n"
          ".TH ABRID 8 2026-11-22 \"abri " ABRI_VERSION "\" \"System Administration\"\n"
          ".SH NAME\nabrid \\- off\\-site server of abri\n.SH SYNOPSIS\n"
          "\\fBabrid\\fR \\fB\\-\\-root\\fR \\fIDIR\\fR [\\fIOPTION\\fR]…\n.SH DESCRIPTION\n", f);
    paragraph(f, about);
    fputs(".SH OPTIONS\n", f);
    manual_table(f, "");
    for (size_t i = 0; i < ACTIONS; i++)
        if (actions[i].help)
            manual_entry(f, "--", actions[i].name, actions[i].arg, actions[i].help, NULL);
    fputs(".SH CONFIGURATION\nThese stand only in the configuration file. In the table [limits]:\n", f);
    manual_table(f, "limits");
    fputs(".PP\nIn a table [listener\\-\\fINAME\\fR], for each socket with front ends of its own:\n", f);
    manual_table(f, "listener");
    fputs(".SH SIGNALS\n", f);
    paragraph(f, signals);
    manual_files(f);
    fputs(".SH EXAMPLES\nA server to try, on one machine:\n.PP\n.RS 4\n.nf\n"
          "abrid \\-\\-root /tmp/abri \\-\\-listen 127.0.0.1:8443\n.fi\n.RE\n.PP\nWhat is in force, and whether it can be meant:\n"
          ".PP\n.RS 4\n.nf\nabrid \\-\\-check\\-config\n.fi\n.RE\n"
          ".SH EXIT STATUS\n.TP\n.B 0\nIt was asked to end, and did.\n.TP\n.B 2\nThe command line or the configuration is wrong.\n"
          ".TP\n.B 11\nAnother abrid serves that directory.\n.TP\n.B 1\nAnything else.\n.SH SEE ALSO\n.BR abri (1)\n", f);
}
