/* SPDX-License-Identifier: Apache-2.0 */
/* Completion for bash: plain, without the bash-completion package. */
#include "manual/manual.h"

#include <string.h>

/* Between single quotes of a shell pattern: names hold nothing special. */
static void put_option_names(FILE *f, const struct command *cmd, const struct option_spec *specs,
                             size_t count)
{
    char off[OPTION_NAME_MAX];
    for (size_t i = 0; i < count; i++) {
        fprintf(f, " --%s", specs[i].name);
        if (manual_off_name(cmd, &specs[i], off))
            fprintf(f, " --%s", off);
    }
}

static void put_global_names(FILE *f)
{
    put_option_names(f, NULL, global_options, global_option_count);
}

/* "command:option" patterns of a case, for one kind of value. */
static void put_value_cases(FILE *f, const char *command, const struct option_spec *specs,
                            size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct option_spec *o = &specs[i];
        if (!o->arg)
            continue;
        fprintf(f, "    '%s':--%s", command, o->name);
        if (o->letter)
            fprintf(f, "|'%s':-%c", command, o->letter);
        fputs(") ", f);
        switch (manual_value_of(o)) {
        case MANUAL_DIR: fputs("kind=dir", f); break;
        case MANUAL_PATH: fputs("kind=path", f); break;
        case MANUAL_WORDS:
            fputs("kind=words; words='", f);
            for (size_t w = 0; o->words[w]; w++)
                fprintf(f, "%s%s", w ? " " : "", o->words[w]);
            fputc('\'', f);
            break;
        case MANUAL_NOTHING: fputs("kind=nothing", f); break;
        }
        fputs(" ;;\n", f);
    }
}

/* Commands; verbs of groups behind their group. */
static void put_words_of(FILE *f)
{
    fputs("_abri_words()\n{\n    case $1 in\n    '') echo '", f);
    for (size_t i = 0; commands[i]; i++)
        fprintf(f, "%s%s", i ? " " : "", commands[i]->name);
    fputs("' ;;\n", f);
    for (size_t i = 0; commands[i]; i++) {
        if (!commands[i]->verbs)
            continue;
        fprintf(f, "    %s) echo '", commands[i]->name);
        for (size_t v = 0; commands[i]->verbs[v]; v++)
            fprintf(f, "%s%s", v ? " " : "", strrchr(commands[i]->verbs[v]->name, ' ') + 1);
        fputs("' ;;\n", f);
    }
    fputs("    help) echo '", f);
    for (size_t i = 0; commands[i]; i++)
        fprintf(f, "%s%s", i ? " " : "", commands[i]->name);
    const char *summary;
    for (size_t i = 0; help_topic_at(i, &summary); i++)
        fprintf(f, " %s", help_topic_at(i, &summary));
    fputs("' ;;\n    esac\n}\n\n", f);
}

static void put_options_of(FILE *f)
{
    fputs("_abri_options()\n{\n    case $1 in\n", f);
    for (size_t i = 0; command_at(i); i++) {
        fprintf(f, "    '%s') echo '", command_at(i)->name);
        put_option_names(f, command_at(i), command_at(i)->options, command_at(i)->option_count);
        put_global_names(f);
        fputs("' ;;\n", f);
    }
    fputs("    *) echo '", f);
    put_global_names(f);
    fputs("' ;;\n    esac\n}\n\n", f);
}

static void put_value_of(FILE *f)
{
    fputs("# What stands behind an option of a command: sets kind (empty: it takes no value) and words.\n"
          "_abri_value()\n{\n    kind= words=\n    case $1:$2 in\n",
          f);
    for (size_t i = 0; command_at(i); i++)
        put_value_cases(f, command_at(i)->name, command_at(i)->options, command_at(i)->option_count);
    fputs("    esac\n    [ -z \"$kind\" ] || return\n    case ' ':$2 in\n", f);
    put_value_cases(f, " ", global_options, global_option_count);
    fputs("    esac\n}\n\n", f);
}

static void put_operand_of(FILE *f)
{
    fputs("_abri_operand()\n{\n    case $1 in\n", f);
    for (size_t i = 0; command_at(i); i++)
        if (manual_operand_of(command_at(i)) == MANUAL_PATH)
            fprintf(f, "    '%s') echo path ;;\n", command_at(i)->name);
    fputs("    esac\n}\n\n", f);
}

void bash_completion(FILE *f)
{
    fputs("# bash completion of abri. Made from the tables of the program: do not edit.\n\n", f);
    put_words_of(f);
    put_options_of(f);
    put_value_of(f);
    put_operand_of(f);
    fputs("_abri()\n{\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} prev= command= kind= words= i word verbs\n"
          "    COMPREPLY=()\n"
          "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
          "        word=${COMP_WORDS[i]}\n"
          "        if [ -n \"$kind\" ]; then # the value of the option before\n"
          "            kind=\n"
          "            continue\n"
          "        fi\n"
          "        case $word in\n"
          "        -*) _abri_value \"$command\" \"$word\" ;;\n"
          "        *)\n"
          "            verbs=\" $(_abri_words \"$command\") \"\n"
          "            if [ \"$command\" != help ] && [[ $verbs == *\" $word \"* ]]; then\n"
          "                command=${command:+$command }$word\n"
          "            fi\n"
          "            ;;\n"
          "        esac\n"
          "    done\n"
          "    case $kind in\n"
          "    path) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- \"$cur\"); return ;;\n"
          "    dir) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- \"$cur\"); return ;;\n"
          "    words) mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\"); return ;;\n"
          "    nothing) return ;;\n"
          "    esac\n"
          "    if [[ $cur == -* ]]; then\n"
          "        mapfile -t COMPREPLY < <(compgen -W \"$(_abri_options \"$command\")\" -- \"$cur\")\n"
          "    elif [ \"$(_abri_operand \"$command\")\" = path ]; then\n"
          "        compopt -o filenames 2>/dev/null\n"
          "        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
          "    else\n"
          "        mapfile -t COMPREPLY < <(compgen -W \"$(_abri_words \"$command\")\" -- \"$cur\")\n"
          "    fi\n"
          "}\n\n"
          "complete -F _abri abri\n",
          f);
}
