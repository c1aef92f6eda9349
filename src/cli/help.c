/* SPDX-License-Identifier: Apache-2.0 */
/* `abri help`: lays out what the tables of commands and options say. Knows no
 * command by name. The topics are in help_topics.c. */
#include "cli/cli.h"
#include "cli/term.h"

#include <string.h>
#include <unistd.h>

#define INDENT_OPTION 30 /* column where the explanation begins */
#define COLUMNS_MIN 60u
#define COLUMNS_MAX 100u

static size_t line_columns(FILE *f)
{
    int fd = fileno(f);
    size_t columns = fd >= 0 && isatty(fd) ? term_columns(fd) : 80;
    return columns < COLUMNS_MIN ? COLUMNS_MIN : columns > COLUMNS_MAX ? COLUMNS_MAX : columns;
}

/* Prints words of one paragraph from column `at`, breaking before the edge. */
static void fill(FILE *f, const char *text, size_t len, size_t at, size_t indent)
{
    size_t edge = line_columns(f) - 1;
    bool first = true;
    while (len > 0) {
        const char *blank = memchr(text, ' ', len);
        size_t n = blank ? (size_t)(blank - text) : len;
        size_t width = term_width(text, n);
        if (!first && at + 1 + width > edge) {
            fprintf(f, "\n%*s", (int)indent, "");
            at = indent;
            first = true;
        }
        fprintf(f, "%s%.*s", first ? "" : " ", (int)n, text);
        at += width + (first ? 0 : 1);
        first = false;
        text += n + (blank ? 1 : 0);
        len -= n + (blank ? 1 : 0);
    }
    fputc('\n', f);
}

/* Paragraphs are parted by newlines; an empty one is an empty line. */
static void paragraphs(FILE *f, const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "\n");
        fill(f, text, n, 0, 0);
        text += n + (text[n] == '\n');
    }
}

static void option_line(FILE *f, const struct option_spec *o)
{
    char left[128];
    (void)snprintf(left, sizeof left, "  %c%c%s --%s%s%s", o->letter ? '-' : ' ',
                   o->letter ? o->letter : ' ', o->letter ? "," : " ", o->name, o->arg ? " " : "",
                   o->arg ? o->arg : "");
    size_t width = term_width(left, strlen(left));
    fputs(left, f);
    if (width + 2 > INDENT_OPTION) {
        fputc('\n', f);
        width = 0;
    }
    fprintf(f, "%*s", (int)(INDENT_OPTION - width), "");
    fill(f, o->help, strlen(o->help), INDENT_OPTION, INDENT_OPTION);
}

static void option_lines(FILE *f, const char *head, const struct option_spec *specs, size_t count)
{
    if (count == 0)
        return;
    fprintf(f, "\n%s\n", head);
    for (size_t i = 0; i < count; i++)
        option_line(f, &specs[i]);
}

void help_command(FILE *f, const struct command *cmd)
{
    fprintf(f, "Usage: abri %s%s%s%s\n\n", cmd->name, cmd->option_count ? " [OPTION]…" : "",
            *cmd->operands ? " " : "", cmd->operands);
    paragraphs(f, cmd->description);
    option_lines(f, "Options:", cmd->options, cmd->option_count);
    option_lines(f, "Options of every command:", global_options, global_option_count);
    fputs("\nExamples:\n", f);
    for (size_t i = 0; i < sizeof cmd->examples / sizeof *cmd->examples && cmd->examples[i].line;
         i++)
        fprintf(f, "  %s\n      %s\n", cmd->examples[i].line, cmd->examples[i].what);
}

void help_group(FILE *f, const struct command *group)
{
    fprintf(f, "Usage: abri %s COMMAND [OPTION]… [WORD]…\n\n", group->name);
    paragraphs(f, group->description);
    fputs("\nCommands:\n", f);
    for (size_t i = 0; group->verbs[i]; i++)
        fprintf(f, "  %-22s %s\n", group->verbs[i]->name, group->verbs[i]->summary);
    option_lines(f, "Options of every command:", global_options, global_option_count);
    fprintf(f, "\n`abri help %s` tells all about one.\n", group->verbs[0]->name);
}

void help_overview(FILE *f)
{
    fputs("Usage: abri COMMAND [OPTION]… [WORD]…\n\n", f);
    paragraphs(f, "Backup to a vault that can be added to without a key that reads it.");
    fputs("\nCommands:\n", f);
    for (size_t i = 0; commands[i]; i++)
        fprintf(f, "  %-12s %s\n", commands[i]->name, commands[i]->summary);
    help_topic_list(f);
    option_lines(f, "Options of every command:", global_options, global_option_count);
    fputs("\nA first backup:\n"
          "  abri init --vault /mnt/disk/vault\n"
          "  abri backup --vault /mnt/disk/vault /etc /home\n"
          "  abri restore --vault /mnt/disk/vault latest:/etc --target /tmp/etc\n"
          "\n`abri help COMMAND` tells all about one. What a profile switches on, --no-FLAG\n"
          "switches off (see `abri help profiles`).\n",
          f);
}
