/* SPDX-License-Identifier: Apache-2.0 */
/* The tables, the help that is made from them, and the pages agree. */
#include "cli_test.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/settings.h"
#include "cli/term.h"

#include <fcntl.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

static char *help_text(const struct command *cmd)
{
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);
    assert_non_null(f);
    if (cmd)
        help_command(f, cmd);
    else
        help_overview(f);
    assert_int_equal(fclose(f), 0);
    return text;
}

static void every_option_is_explained(void **state)
{
    (void)state;
    for (size_t i = 0; command_at(i); i++) {
        char *text = help_text(command_at(i));
        for (size_t o = 0; o < command_at(i)->option_count + global_option_count; o++) {
            const struct option_spec *s = o < command_at(i)->option_count
                                              ? &command_at(i)->options[o]
                                              : &global_options[o - command_at(i)->option_count];
            char line[160];
            (void)snprintf(line, sizeof line, "--%s%s%s", s->name, s->arg ? " " : "",
                           s->arg ? s->arg : "");
            print_message("%s %s\n", command_at(i)->name, line);
            assert_non_null(strstr(text, line));
            if (s->letter) {
                (void)snprintf(line, sizeof line, "  -%c, --%s", s->letter, s->name);
                assert_non_null(strstr(text, line));
            }
        }
        free(text);
    }
}

static void check_spec(const struct option_spec *s, size_t args_bytes)
{
    static const size_t sizes[] = {
        [OPTION_FLAG] = sizeof(bool),       [OPTION_TEXT] = sizeof(char *),
        [OPTION_LIST] = sizeof(struct option_list), [OPTION_NUMBER] = sizeof(uint64_t),
        [OPTION_SIZE] = sizeof(uint64_t),   [OPTION_RATE] = sizeof(uint64_t),
        [OPTION_CHOICE] = sizeof(int),
    };
    print_message("--%s\n", s->name);
    assert_true(s->kind > OPTION_UNSET && s->kind <= OPTION_CHOICE);
    assert_true(s->offset + sizes[s->kind] <= args_bytes);
    assert_true((s->kind == OPTION_FLAG) == (s->arg == NULL));
    assert_true((s->kind == OPTION_CHOICE) == (s->words != NULL));
    assert_true(s->kind != OPTION_NUMBER || s->min <= s->max);
    assert_true(s->help && *s->help && s->help[strlen(s->help) - 1] != '.');
}

/* By "backup" or "key add". */
static const struct command *found(const char *name)
{
    char first[64];
    const char *blank = strchr(name, ' ');
    if (!blank)
        return command_find(name);
    (void)snprintf(first, sizeof first, "%.*s", (int)(blank - name), name);
    const struct command *group = command_find(first);
    assert_non_null(group);
    return command_find_verb(group, blank + 1);
}

static void tables_are_sound(void **state)
{
    (void)state;
    for (size_t i = 0; i < global_option_count; i++)
        check_spec(&global_options[i], sizeof(struct global_args));
    for (size_t c = 0; command_at(c); c++) {
        assert_ptr_equal(found(command_at(c)->name), command_at(c));
        for (size_t i = 0; i < command_at(c)->option_count; i++)
            check_spec(&command_at(c)->options[i], command_at(c)->args_bytes);
    }
}

static bool clash(const struct option_spec *a, const struct option_spec *b)
{
    return strcmp(a->name, b->name) == 0 || (a->letter && a->letter == b->letter);
}

static void no_two_options_of_a_command_are_called_alike(void **state)
{
    (void)state;
    for (size_t c = 0; command_at(c); c++) {
        const struct option_spec *o = command_at(c)->options;
        for (size_t i = 0; i < command_at(c)->option_count; i++) {
            print_message("%s --%s\n", command_at(c)->name, o[i].name);
            for (size_t j = 0; j < i; j++)
                assert_false(clash(&o[i], &o[j]));
            for (size_t j = 0; j < global_option_count; j++)
                assert_false(clash(&o[i], &global_options[j]));
        }
    }
}

/* The name that switches an option off, or "": whatever a profile may not set has none. */
static bool off_name(const char *table, const struct option_spec *s, char out[OPTION_NAME_MAX])
{
    bool can = settings_can_be_off(table, s);
    assert_int_equal(can, s->kind == OPTION_FLAG && settings_spec(table, s->name) != NULL);
    if (can)
        option_off_name(s, out);
    return can;
}

static void no_off_name_is_called_like(const char *off, const struct option_spec *specs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_string_not_equal(off, specs[i].name);
}

static void what_switches_off_is_called_like_no_option(void **state)
{
    (void)state;
    char off[OPTION_NAME_MAX];
    unsigned count = 0;
    for (size_t c = 0; command_at(c); c++) {
        const struct command *cmd = command_at(c);
        for (size_t i = 0; i < cmd->option_count + global_option_count; i++) {
            bool own = i < cmd->option_count;
            const struct option_spec *s =
                own ? &cmd->options[i] : &global_options[i - cmd->option_count];
            if (!off_name(own ? cmd->name : SETTINGS_TOP, s, off))
                continue;
            print_message("%s --%s\n", cmd->name, off);
            no_off_name_is_called_like(off, cmd->options, cmd->option_count);
            no_off_name_is_called_like(off, global_options, global_option_count);
            count += own;
        }
    }
    assert_true(count >= 6);
    assert_true(global_option_count <= OPTION_SAID_MAX);
}

/* `abri check --no-read-data` is understood, `abri forget --no-dry-run` is not. */
static void what_a_profile_may_set_can_be_switched_off(void **state)
{
    (void)state;
    for (size_t c = 0; command_at(c); c++) {
        const struct command *cmd = command_at(c);
        CLEANUP_FREE uint8_t *args = mem_zalloc(cmd->args_bytes + 1);
        struct option_table table = command_option_table(cmd, args);
        for (size_t i = 0; i < cmd->option_count; i++) {
            const struct option_spec *s = &cmd->options[i];
            char off[OPTION_NAME_MAX], line[OPTION_NAME_MAX + 2];
            struct err e = ERR_INIT;
            struct words words = {0};
            if (s->kind != OPTION_FLAG)
                continue;
            option_off_name(s, off);
            (void)snprintf(line, sizeof line, "--%s", off);
            print_message("%s %s\n", cmd->name, line);
            args[s->offset] = true;
            int rc = options_parse(&table, 1, 1, (char *[]){line, NULL}, 0, false, &words, NULL, &e);
            assert_int_equal(rc, settings_can_be_off(cmd->name, s) ? 0 : -1);
            assert_int_equal(args[s->offset], rc == 0 ? false : true);
            words_done(&words);
        }
    }
}

/* Splits "abri a 'b c' | …" at blanks, minding single quotes, until a pipe. */
static int split_line(char *line, char *argv[32])
{
    int argc = 0;
    char *out = line;
    bool quoted = false, in_word = false;
    for (char *p = line; *p && argc < 31; p++) {
        if (*p == '\'') {
            quoted = !quoted;
            continue;
        }
        if (*p == ' ' && !quoted) {
            if (in_word)
                *out++ = '\0';
            in_word = false;
            continue;
        }
        if (*p == '|' && !quoted)
            break;
        if (!in_word)
            argv[argc++] = out;
        in_word = true;
        *out++ = *p;
    }
    *out = '\0';
    argv[argc] = NULL;
    return argc;
}

static void check_example(const struct command *cmd, const char *example)
{
    char line[256], *argv[32];
    const char *from = strstr(example, "abri ");
    print_message("%s\n", example);
    assert_non_null(from);
    (void)snprintf(line, sizeof line, "%s", from);
    int argc = split_line(line, argv), at;
    struct global_args globals = {0};
    struct err e = ERR_INIT;
    struct words words = {0};
    void *args = mem_zalloc(cmd->args_bytes + 1);
    struct option_table tables[2] = {
        global_option_table(&globals, NULL),
        command_option_table(cmd, args),
    };
    assert_int_equal(options_parse(tables, 1, argc, argv, 1, true, NULL, &at, &e), 0);
    assert_true(at < argc);
    const char *verb = strchr(cmd->name, ' ');
    assert_memory_equal(argv[at], cmd->name, strcspn(cmd->name, " "));
    if (verb) {
        at++;
        assert_true(at < argc);
        assert_string_equal(argv[at], verb + 1);
    }
    if (options_parse(tables, 2, argc, argv, at + 1, false, &words, NULL, &e))
        fail_msg("%s", e.msg);
    words_done(&words);
    option_table_done(&tables[1]);
    mem_free(args);
}

static void every_command_has_examples_that_parse(void **state)
{
    (void)state;
    for (size_t c = 0; command_at(c); c++) {
        char *text = help_text(command_at(c));
        size_t count = 0;
        for (; count < 4 && command_at(c)->examples[count].line; count++) {
            check_example(command_at(c), command_at(c)->examples[count].line);
            assert_non_null(command_at(c)->examples[count].what);
            assert_non_null(strstr(text, command_at(c)->examples[count].line));
        }
        assert_true(count >= 2);
        free(text);
    }
}

static void help_fits_into_eighty_columns(void **state)
{
    (void)state;
    assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
    for (size_t c = 0;; c++) {
        char *text = help_text(command_at(c));
        for (char *p = text; *p;) {
            size_t n = strcspn(p, "\n");
            bool example = strncmp(p, "  abri ", 7) == 0 || strncmp(p, "  find ", 7) == 0;
            if (!example && term_width(p, n) > 80)
                fail_msg("%zu columns: %.*s", term_width(p, n), (int)n, p);
            p += n + (p[n] == '\n');
        }
        free(text);
        if (!command_at(c))
            return;
    }
}

static void the_overview_lists_every_command(void **state)
{
    (void)state;
    char *text = help_text(NULL);
    for (size_t c = 0; commands[c]; c++)
        assert_non_null(strstr(text, commands[c]->summary));
    free(text);
}

static void a_group_lists_its_commands(void **state)
{
    (void)state;
    unsigned groups = 0;
    for (size_t c = 0; commands[c]; c++) {
        char *text = NULL;
        size_t len;
        if (!commands[c]->verbs)
            continue;
        groups++;
        FILE *f = open_memstream(&text, &len);
        assert_non_null(f);
        help_group(f, commands[c]);
        assert_int_equal(fclose(f), 0);
        for (size_t v = 0; commands[c]->verbs[v]; v++) {
            const struct command *verb = commands[c]->verbs[v];
            size_t n = strlen(commands[c]->name);
            assert_non_null(strstr(text, verb->name));
            assert_non_null(strstr(text, verb->summary));
            assert_memory_equal(verb->name, commands[c]->name, n);
            assert_int_equal(verb->name[n], ' ');
            assert_null(verb->verbs);
        }
        for (char *p = text; *p; p += strcspn(p, "\n") + 1)
            assert_true(term_width(p, strcspn(p, "\n")) <= 80);
        free(text);
    }
    assert_true(groups >= 2);
}

static void a_mistyped_command_is_told_what_is_near(void **state)
{
    (void)state;
    const struct command *cmd;
    struct err e = ERR_INIT;
    assert_int_equal(command_choose(NULL, "key", &cmd, &e), 0);
    assert_int_equal(command_choose(cmd, "shet", &cmd, &e), -1);
    assert_int_equal(e.cls, ERR_USAGE);
    assert_non_null(strstr(e.msg, "key sheet"));
    assert_int_equal(command_choose(NULL, "bakcup", &cmd, &e), -1);
    assert_non_null(strstr(e.msg, "did you mean backup"));
    assert_int_equal(command_choose(NULL, "nothing-like-it", &cmd, &e), -1);
    assert_non_null(strstr(e.msg, "`abri help`"));
    assert_int_equal(command_choose(command_find("key"), "nothing-like-it", &cmd, &e), -1);
    assert_non_null(strstr(e.msg, "`abri help key`"));
}

static void every_exit_status_is_documented(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf page = {0};
    struct err e = ERR_INIT;
    assert_int_equal(
        file_slurp(AT_FDCWD, SOURCE_ROOT "/docs/exit-codes.md", 1 << 20, &page, &e), 0);
    buf_put_u8(&page, 0);
    for (size_t i = 0; i < exit_code_count; i++) {
        char row[256];
        (void)snprintf(row, sizeof row, "| %d | %s |\n", exit_codes[i].status,
                       exit_codes[i].meaning);
        print_message("%s", row);
        assert_non_null(strstr((const char *)page.data, row));
    }
    for (int cls = 0; cls < ERR_CLASS_COUNT; cls++) {
        bool listed = false;
        for (size_t i = 0; i < exit_code_count; i++)
            listed = listed || exit_codes[i].status == err_exit_status((enum err_class)cls);
        print_message("%s\n", err_class_name((enum err_class)cls));
        assert_true(listed);
    }
}

static void every_class_of_error_is_documented(void **state)
{
    (void)state;
    CLEANUP(buf_done) struct buf page = {0};
    struct err e = ERR_INIT;
    assert_int_equal(file_slurp(AT_FDCWD, SOURCE_ROOT "/docs/json.md", 1 << 20, &page, &e), 0);
    buf_put_u8(&page, 0);
    for (int cls = ERR_USAGE; cls < ERR_CLASS_COUNT; cls++) {
        char name[64];
        (void)snprintf(name, sizeof name, "`%s`", err_class_name((enum err_class)cls));
        print_message("%s\n", name);
        assert_non_null(strstr((const char *)page.data, name));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_option_is_explained),
        cmocka_unit_test(tables_are_sound),
        cmocka_unit_test(no_two_options_of_a_command_are_called_alike),
        cmocka_unit_test(what_switches_off_is_called_like_no_option),
        cmocka_unit_test(what_a_profile_may_set_can_be_switched_off),
        cmocka_unit_test(every_command_has_examples_that_parse),
        cmocka_unit_test(help_fits_into_eighty_columns),
        cmocka_unit_test(the_overview_lists_every_command),
        cmocka_unit_test(a_group_lists_its_commands),
        cmocka_unit_test(a_mistyped_command_is_told_what_is_near),
        cmocka_unit_test(every_exit_status_is_documented),
        cmocka_unit_test(every_class_of_error_is_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
