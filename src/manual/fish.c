/* SPDX-License-Identifier: Apache-2.0 */
/* Completion for fish: one `complete` line for each option of each command. */
#include "manual/manual.h"

#include <string.h>

/* In single quotes. */
static void put_text(FILE *f, const char *text)
{
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            fputc('\\', f);
        fputc(*text, f);
    }
}

/* The group in which a verb is called as that command: `abri admin lock`; NULL: none. */
static const struct command *namesake_of(const struct command *cmd)
{
    for (size_t i = 0; commands[i]; i++)
        for (size_t v = 0; commands[i]->verbs && commands[i]->verbs[v]; v++)
            if (strcmp(strrchr(commands[i]->verbs[v]->name, ' ') + 1, cmd->name) == 0)
                return commands[i];
    return NULL;
}

/* -n '…' that holds behind a command; nothing for every command. */
static void put_condition(FILE *f, const struct command *cmd)
{
    if (!cmd)
        return;
    const char *blank = strchr(cmd->name, ' ');
    int first = blank ? (int)(blank - cmd->name) : (int)strlen(cmd->name);
    fprintf(f, " -n '__fish_seen_subcommand_from %.*s", first, cmd->name);
    if (blank)
        fprintf(f, "; and __fish_seen_subcommand_from %s", blank + 1);
    else if (namesake_of(cmd))
        fprintf(f, "; and not __fish_seen_subcommand_from %s", namesake_of(cmd)->name);
    fputc('\'', f);
}

/* What takes back a flag of the profile. */
static void put_off(FILE *f, const struct command *cmd, const struct option_spec *o)
{
    char off[OPTION_NAME_MAX];
    if (!manual_off_name(cmd, o, off))
        return;
    fputs("complete -c abri", f);
    put_condition(f, cmd);
    fprintf(f, " -l %s -d '" MANUAL_OFF_HELP "%s'\n", off, o->name);
}

static void put_option(FILE *f, const struct command *cmd, const struct option_spec *o)
{
    fputs("complete -c abri", f);
    put_condition(f, cmd);
    fprintf(f, " -l %s", o->name);
    if (o->letter)
        fprintf(f, " -s %c", o->letter);
    if (o->arg) {
        switch (manual_value_of(o)) {
        case MANUAL_DIR: fputs(" -x -a '(__fish_complete_directories)'", f); break;
        case MANUAL_PATH: fputs(" -r -F", f); break;
        case MANUAL_NOTHING: fputs(" -x", f); break;
        case MANUAL_WORDS:
            fputs(" -x -a '", f);
            for (size_t w = 0; o->words[w]; w++)
                fprintf(f, "%s%s", w ? " " : "", o->words[w]);
            fputc('\'', f);
            break;
        }
    }
    fputs(" -d '", f);
    put_text(f, o->help);
    fputs("'\n", f);
    put_off(f, cmd, o);
}

static void put_word(FILE *f, const char *condition, const char *name, const char *summary)
{
    fprintf(f, "complete -c abri -n '%s' -a %s -d '", condition, name);
    put_text(f, summary);
    fputs("'\n", f);
}

static void put_words(FILE *f)
{
    const char *summary;
    for (size_t i = 0; commands[i]; i++)
        put_word(f, "__fish_use_subcommand", commands[i]->name, commands[i]->summary);
    for (size_t i = 0; commands[i]; i++) {
        char condition[128];
        (void)snprintf(condition, sizeof condition, "__fish_seen_subcommand_from %s",
                       commands[i]->name);
        for (size_t v = 0; commands[i]->verbs && commands[i]->verbs[v]; v++)
            put_word(f, condition, strrchr(commands[i]->verbs[v]->name, ' ') + 1,
                     commands[i]->verbs[v]->summary);
        put_word(f, "__fish_seen_subcommand_from help", commands[i]->name, commands[i]->summary);
    }
    for (size_t i = 0; help_topic_at(i, &summary); i++) {
        const char *name = help_topic_at(i, &summary);
        put_word(f, "__fish_seen_subcommand_from help", name, summary);
    }
}

void fish_completion(FILE *f)
{
    fputs("# fish completion of abri. Made from the tables of the program: do not edit.\n\n"
          "complete -c abri -f\n",
          f);
    put_words(f);
    for (size_t i = 0; i < global_option_count; i++)
        put_option(f, NULL, &global_options[i]);
    for (size_t i = 0; command_at(i); i++) {
        const struct command *cmd = command_at(i);
        if (manual_operand_of(cmd) == MANUAL_PATH) {
            fputs("complete -c abri", f);
            put_condition(f, cmd);
            fputs(" -F\n", f);
        }
        for (size_t o = 0; o < cmd->option_count; o++)
            put_option(f, cmd, &cmd->options[o]);
    }
}
