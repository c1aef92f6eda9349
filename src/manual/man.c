/* SPDX-License-Identifier: Apache-2.0 */
/* Man pages, in the man(7) macros that both groff and mandoc know. */
#include "manual/manual.h"

#include <stdlib.h>
#include <string.h>

#define LINE_BYTES 78
#define MANUAL_DATE "2026-11-22" /* a fixed one, so that builds are reproducible */

/* ---- text ---------------------------------------------------------------------- */

/* One character that could mean something to troff. */
static void put_char(FILE *f, char c)
{
    switch (c) {
    case '\\': fputs("\\e", f); break;
    case '-': fputs("\\-", f); break;
    case '~': fputs("\\(ti", f); break;
    case '^': fputs("\\(ha", f); break;
    case '\'': fputs("\\(aq", f); break;
    case '`': fputs("\\(ga", f); break;
    case '"': fputs("\\(dq", f); break;
    default: fputc(c, f); break;
    }
}

static void put_raw(FILE *f, const char *text, size_t len)
{
    if (len > 0 && *text == '.')
        fputs("\\&", f);
    for (size_t i = 0; i < len; i++)
        put_char(f, text[i]);
}

/* A paragraph; what stands between backquotes is bold. Lines are short, as man
 * pages are written. */
static void put_text(FILE *f, const char *text, size_t len)
{
    bool bold = false;
    size_t column = 0;
    for (size_t i = 0; i < len; i++) {
        size_t word = strcspn(text + i + 1, " \n") + 8; /* and its escapes */
        if (text[i] == ' ' && column + word > LINE_BYTES) {
            fputc('\n', f);
            column = 0;
            continue;
        }
        if (column == 0 && text[i] == '.')
            fputs("\\&", f);
        if (text[i] == '`') {
            bold = !bold;
            fputs(bold ? "\\fB" : "\\fR", f);
        } else {
            put_char(f, text[i]);
        }
        column += strchr("-`'\"~^\\", text[i]) ? 4 : 1;
    }
    fputs(bold ? "\\fR\n" : "\n", f);
}

static void put_paragraphs(FILE *f, const char *text)
{
    bool first = true;
    while (*text) {
        size_t n = strcspn(text, "\n");
        if (n > 0) {
            if (!first)
                fputs(".PP\n", f);
            put_text(f, text, n);
            first = false;
        }
        text += n + (text[n] == '\n');
    }
}

/* Lines as they are; no trailing blanks, empty lines as space. */
static void put_lines(FILE *f, const char *text)
{
    fputs(".nf\n", f);
    while (*text) {
        size_t n = strcspn(text, "\n"), len = n;
        while (len > 0 && text[len - 1] == ' ')
            len--;
        if (len > 0) {
            put_raw(f, text, len);
            fputc('\n', f);
        } else if (text[n + (text[n] == '\n')]) {
            fputs(".sp\n", f);
        }
        text += n + (text[n] == '\n');
    }
    fputs(".fi\n", f);
}

/* ---- parts of a page --------------------------------------------------------------- */

static void head(FILE *f, const char *name)
{
    fputs(".\\\" Made from the tables of the program: do not edit.\n.TH ABRI", f);
    if (name)
        fputs("\\-", f);
    for (; name && *name; name++)
        fputc(*name == ' ' ? '-' : *name >= 'a' && *name <= 'z' ? *name - 'a' + 'A' : *name, f);
    fprintf(f, " 1 %s \"abri %s\" \"User Commands\"\n.SH NAME\nabri", MANUAL_DATE, ABRI_VERSION);
}

static void put_name(FILE *f, const char *name)
{
    for (; *name; name++)
        fputs(*name == ' ' || *name == '-' ? "\\-" : (char[]){*name, '\0'}, f);
}

static void put_options(FILE *f, const struct option_spec *specs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct option_spec *o = &specs[i];
        fputs(".TP\n", f);
        if (o->letter)
            fprintf(f, "\\fB\\-%c\\fR, ", o->letter);
        fputs("\\fB\\-\\-", f);
        put_name(f, o->name);
        fputs("\\fR", f);
        if (o->arg) {
            fputs(" \\fI", f);
            put_raw(f, o->arg, strlen(o->arg));
            fputs("\\fR", f);
        }
        fputc('\n', f);
        put_text(f, o->help, strlen(o->help));
    }
}

static void put_examples(FILE *f, const struct command *cmd)
{
    size_t count = sizeof cmd->examples / sizeof *cmd->examples;
    if (!cmd->examples[0].line)
        return;
    fputs(".SH EXAMPLES\n", f);
    for (size_t i = 0; i < count && cmd->examples[i].line; i++) {
        fputs(i ? ".PP\n" : "", f);
        put_text(f, cmd->examples[i].what, strlen(cmd->examples[i].what));
        fputs(".PP\n.RS 4\n.nf\n", f);
        put_raw(f, cmd->examples[i].line, strlen(cmd->examples[i].line));
        fputs("\n.fi\n.RE\n", f);
    }
}

static void put_exit_statuses(FILE *f)
{
    fputs(".SH EXIT STATUS\n", f);
    for (size_t i = 0; i < exit_code_count; i++) {
        fprintf(f, ".TP\n.B %d\n", exit_codes[i].status);
        put_text(f, exit_codes[i].meaning, strlen(exit_codes[i].meaning));
    }
}

static void put_topic(FILE *f, const char *name)
{
    char *text = NULL;
    size_t len = 0;
    FILE *memory = open_memstream(&text, &len);
    if (!memory)
        abort();
    (void)help_topic(memory, name);
    (void)fclose(memory);
    fputs(".SH \"", f);
    for (const char *p = name; *p; p++)
        fputc(*p == '-' ? ' ' : *p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p, f);
    fputs("\"\n", f);
    put_lines(f, text);
    (free)(text); /* of the C library: it made it */
}

/* ---- pages ---------------------------------------------------------------------------- */

void man_command(FILE *f, const struct command *cmd)
{
    head(f, cmd->name);
    fputs("\\-", f);
    put_name(f, cmd->name);
    fputs(" \\- ", f);
    put_text(f, cmd->summary, strlen(cmd->summary));
    fputs(".SH SYNOPSIS\n\\fBabri ", f);
    put_raw(f, cmd->name, strlen(cmd->name));
    fputs("\\fR", f);
    fputs(cmd->option_count ? " [\\fIOPTION\\fR]…" : "", f);
    if (*cmd->operands) {
        fputc(' ', f);
        put_raw(f, cmd->operands, strlen(cmd->operands));
    }
    fputs("\n.SH DESCRIPTION\n", f);
    put_paragraphs(f, cmd->description);
    if (cmd->option_count) {
        fputs(".SH OPTIONS\n", f);
        put_options(f, cmd->options, cmd->option_count);
    }
    fputs(".SH OPTIONS OF EVERY COMMAND\n", f);
    put_options(f, global_options, global_option_count);
    put_examples(f, cmd);
    put_exit_statuses(f);
    fputs(".SH SEE ALSO\n.BR abri (1)\n", f);
}

void man_overview(FILE *f)
{
    head(f, NULL);
    fputs(" \\- off\\-site backup and ransomware recovery\n.SH SYNOPSIS\n"
          "\\fBabri\\fR \\fICOMMAND\\fR [\\fIOPTION\\fR]… [\\fIWORD\\fR]…\n.SH DESCRIPTION\n"
          "Backup to a vault that can be added to without a key that reads it.\n"
          "Each command has a page of its own, such as\n.BR abri\\-backup (1).\n"
          ".SH COMMANDS\n",
          f);
    for (size_t i = 0; command_at(i); i++) {
        fputs(".TP\n.B ", f);
        put_raw(f, command_at(i)->name, strlen(command_at(i)->name));
        fputc('\n', f);
        put_text(f, command_at(i)->summary, strlen(command_at(i)->summary));
    }
    fputs(".SH OPTIONS OF EVERY COMMAND\n", f);
    put_options(f, global_options, global_option_count);
    const char *summary;
    for (size_t i = 0; help_topic_at(i, &summary); i++)
        if (strcmp(help_topic_at(i, &summary), "exit-codes") != 0)
            put_topic(f, help_topic_at(i, &summary));
    put_exit_statuses(f);
    fputs(".SH SEE ALSO\n", f);
    for (size_t i = 0; command_at(i); i++) {
        fputs(".BR abri\\-", f);
        put_name(f, command_at(i)->name);
        fputs(command_at(i + 1) ? " (1),\n" : " (1)\n", f);
    }
}
