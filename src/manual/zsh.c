/* SPDX-License-Identifier: Apache-2.0 */
/* Completion for zsh: one _arguments call for each command. */
#include "manual/manual.h"

#include <string.h>

/* Inside '…[…]' of an _arguments specification, in single quotes. */
static void put_text(FILE *f, const char *text)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", f);
        else if (strchr("[]:\\", *text))
            fprintf(f, "\\%c", *text);
        else
            fputc(*text, f);
    }
}

static void put_action(FILE *f, const struct option_spec *o)
{
    fputc(':', f);
    put_text(f, o->arg);
    fputc(':', f);
    switch (manual_value_of(o)) {
    case MANUAL_DIR: fputs("_files -/", f); break;
    case MANUAL_PATH: fputs("_files", f); break;
    case MANUAL_WORDS:
        fputc('(', f);
        for (size_t w = 0; o->words[w]; w++)
            fprintf(f, "%s%s", w ? " " : "", o->words[w]);
        fputc(')', f);
        break;
    case MANUAL_NOTHING: fputc(' ', f); break;
    }
}

/* What takes back a flag of the profile. */
static void put_off(FILE *f, const struct command *cmd, const struct option_spec *o,
                    const char *indent)
{
    char off[OPTION_NAME_MAX];
    if (!manual_off_name(cmd, o, off))
        return;
    fprintf(f, " \\\n%s'--%s[", indent, off);
    put_text(f, MANUAL_OFF_HELP);
    put_text(f, o->name);
    fputs("]'", f);
}

static void put_option(FILE *f, const struct command *cmd, const struct option_spec *o,
                       const char *indent)
{
    bool again = o->kind == OPTION_LIST;
    for (int letter = o->letter != 0; letter >= 0; letter--) {
        fprintf(f, " \\\n%s'%s", indent, again ? "*" : "");
        if (letter)
            fprintf(f, "-%c%s[", o->letter, o->arg ? "+" : "");
        else
            fprintf(f, "--%s%s[", o->name, o->arg ? "=" : "");
        put_text(f, o->help);
        fputc(']', f);
        if (o->arg)
            put_action(f, o);
        fputc('\'', f);
    }
    put_off(f, cmd, o, indent);
}

static void put_described(FILE *f, const char *name, const char *summary)
{
    fprintf(f, "        '%s:", name);
    put_text(f, summary);
    fputs("'\n", f);
}

static void put_commands(FILE *f)
{
    fputs("_abri_commands()\n{\n    local -a list\n    list=(\n", f);
    for (size_t i = 0; commands[i]; i++)
        put_described(f, commands[i]->name, commands[i]->summary);
    fputs("    )\n    _describe -t commands 'command' list\n}\n\n", f);
    for (size_t i = 0; commands[i]; i++) {
        if (!commands[i]->verbs)
            continue;
        fprintf(f, "_abri_verbs_%s()\n{\n    local -a list\n    list=(\n", commands[i]->name);
        for (size_t v = 0; commands[i]->verbs[v]; v++)
            put_described(f, strrchr(commands[i]->verbs[v]->name, ' ') + 1,
                          commands[i]->verbs[v]->summary);
        fputs("    )\n    _describe -t commands 'command' list\n}\n\n", f);
    }
    fputs("_abri_topics()\n{\n    local -a list\n    list=(\n", f);
    const char *summary;
    for (size_t i = 0; help_topic_at(i, &summary); i++) {
        const char *name = help_topic_at(i, &summary);
        put_described(f, name, summary);
    }
    fputs("    )\n    _abri_commands\n    _describe -t topics 'topic' list\n}\n\n", f);
}

static void put_command(FILE *f, const struct command *cmd)
{
    fprintf(f, "    '%s')\n        _arguments -s -S", cmd->name);
    for (size_t i = 0; i < cmd->option_count; i++)
        put_option(f, cmd, &cmd->options[i], "            ");
    for (size_t i = 0; i < global_option_count; i++)
        put_option(f, NULL, &global_options[i], "            ");
    if (strcmp(cmd->name, "help") == 0)
        fputs(" \\\n            '1:what:_abri_topics'", f);
    else if (manual_operand_of(cmd) == MANUAL_PATH)
        fputs(" \\\n            '*:file:_files'", f);
    else if (*cmd->operands)
        fputs(" \\\n            '*: : '", f);
    fputs("\n        ;;\n", f);
}

void zsh_completion(FILE *f)
{
    fputs("#compdef abri\n# zsh completion of abri. Made from the tables of the program: do not edit.\n\n",
          f);
    put_commands(f);
    fputs("_abri_command()\n{\n    case $1 in\n", f);
    for (size_t i = 0; command_at(i); i++)
        put_command(f, command_at(i));
    for (size_t i = 0; commands[i]; i++)
        if (commands[i]->verbs)
            fprintf(f,
                    "    '%s')\n        if ((CURRENT == 2)); then\n            _abri_verbs_%s\n"
                    "        else\n            local verb=$words[2]\n            shift words\n"
                    "            ((CURRENT--))\n            _abri_command \"%s $verb\"\n"
                    "        fi\n        ;;\n",
                    commands[i]->name, commands[i]->name, commands[i]->name);
    fputs("    esac\n}\n\n_abri()\n{\n    local context state state_descr line\n"
          "    typeset -A opt_args\n    _arguments -C -s -S",
          f);
    for (size_t i = 0; i < global_option_count; i++)
        put_option(f, NULL, &global_options[i], "        ");
    fputs(" \\\n        '1:command:_abri_commands' \\\n        '*::argument:->command'\n"
          "    [[ $state == command ]] && _abri_command $words[1]\n}\n\n"
          "if [ \"$funcstack[1]\" = _abri ]; then\n    _abri \"$@\"\nelse\n    compdef _abri abri\nfi\n",
          f);
}
