/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_test.h"

#include "base/mem.h"
#include "cli/cli.h"

#include <string.h>

struct store {
    bool flag, other_flag, no_paper;
    const char *text;
    struct option_list list;
    uint64_t number, size, rate;
    int choice;
};

static const char *const words_of_choice[] = {"always", "never", "maybe", NULL};

static const struct option_spec specs[] = {
    {.name = "flag", .letter = 'f', .kind = OPTION_FLAG, OPTION_AT(store, flag)},
    {.name = "other-flag", .letter = 'o', .kind = OPTION_FLAG, OPTION_AT(store, other_flag)},
    {.name = "text", .letter = 't', .kind = OPTION_TEXT, .arg = "TEXT", OPTION_AT(store, text)},
    {.name = "no-paper", .letter = 'p', .kind = OPTION_FLAG, OPTION_AT(store, no_paper)},
    {.name = "one", .letter = 'e', .kind = OPTION_LIST, .tag = 1, .arg = "X", OPTION_AT(store, list)},
    {.name = "two", .kind = OPTION_LIST, .tag = 2, .arg = "X", OPTION_AT(store, list)},
    {.name = "number", .letter = 'n', .kind = OPTION_NUMBER, .min = 2, .max = 9, .arg = "N",
     OPTION_AT(store, number)},
    {.name = "size", .kind = OPTION_SIZE, .min = 1, .arg = "SIZE", OPTION_AT(store, size)},
    {.name = "rate", .kind = OPTION_RATE, .min = 1, .arg = "KIB", OPTION_AT(store, rate)},
    {.name = "choice", .kind = OPTION_CHOICE, .words = words_of_choice, .arg = "WHEN",
     OPTION_AT(store, choice)},
};

struct run {
    struct store store;
    uint64_t said;
    struct words words;
    struct err err;
    int next;
};

/* Of a command called "may". */
static bool may_be_off(const char *command, const struct option_spec *s)
{
    return strcmp(command, "may") == 0 && s->letter != 'o';
}

static struct option_table table_of(struct run *r, const char *command)
{
    return (struct option_table){
        .specs = specs, .count = OPTION_COUNT(specs), .store = &r->store,
        .can_be_off = command ? may_be_off : NULL, .command = command, .said_out = &r->said};
}

static int parse_line_of(struct run *r, const char *command, bool only_before_word,
                         const char *const *args)
{
    static char copies[32][128];
    char *argv[33];
    int argc = 0;
    for (; args[argc]; argc++) {
        (void)snprintf(copies[argc], sizeof copies[argc], "%s", args[argc]);
        argv[argc] = copies[argc];
    }
    argv[argc] = NULL;
    *r = (struct run){0};
    struct option_table t = table_of(r, command);
    return options_parse(&t, 1, argc, argv, 0, only_before_word, &r->words, &r->next, &r->err);
}

static int parse_line(struct run *r, bool only_before_word, const char *const *args)
{
    return parse_line_of(r, NULL, only_before_word, args);
}
#define PARSE(r, ...) parse_line(r, false, (const char *const[]){__VA_ARGS__, NULL})
#define MAY(r, ...) parse_line_of(r, "may", false, (const char *const[]){__VA_ARGS__, NULL})

static void run_done(struct run *r)
{
    struct option_table t = table_of(r, NULL);
    option_table_done(&t);
    words_done(&r->words);
}

static void refused(const char *pattern, const char *command, const char *const *args)
{
    struct run r;
    assert_int_equal(parse_line_of(&r, command, false, args), -1);
    assert_int_equal(r.err.cls, ERR_USAGE);
    if (!strstr(r.err.msg, pattern))
        fail_msg("'%s' is not in: %s", pattern, r.err.msg);
    assert_null(r.words.items);
    run_done(&r);
}
#define REFUSED(pattern, ...) refused(pattern, NULL, (const char *const[]){__VA_ARGS__, NULL})
#define REFUSED_IF_MAY(pattern, ...)                                                               \
    refused(pattern, "may", (const char *const[]){__VA_ARGS__, NULL})

static void values_stand_behind_a_blank_or_an_equals_sign(void **state)
{
    (void)state;
    struct run r;
    assert_int_equal(PARSE(&r, "--text", "a", "--number=5", "--size", "1.5K"), 0);
    assert_string_equal(r.store.text, "a");
    assert_int_equal(r.store.number, 5);
    assert_int_equal(r.store.size, 1536);
    run_done(&r);
    assert_int_equal(PARSE(&r, "--text=", "--text=a=b"), 0);
    assert_string_equal(r.store.text, "a=b");
    run_done(&r);
    assert_int_equal(PARSE(&r, "--text", "--flag"), 0);
    assert_string_equal(r.store.text, "--flag");
    assert_false(r.store.flag);
    run_done(&r);
}

static void letters_may_share_a_word(void **state)
{
    (void)state;
    struct run r;
    assert_int_equal(PARSE(&r, "-fo", "-tvalue", "-e", "x"), 0);
    assert_true(r.store.flag && r.store.other_flag);
    assert_string_equal(r.store.text, "value");
    assert_int_equal(r.store.list.count, 1);
    run_done(&r);
    assert_int_equal(PARSE(&r, "-fotvalue"), 0);
    assert_string_equal(r.store.text, "value");
    run_done(&r);
    assert_int_equal(PARSE(&r, "-fn", "7"), 0);
    assert_int_equal(r.store.number, 7);
    run_done(&r);
}

static void a_flag_is_switched_off_by_its_other_name(void **state)
{
    (void)state;
    struct run r;
    assert_int_equal(MAY(&r, "--flag", "--no-paper"), 0);
    assert_true(r.store.flag && r.store.no_paper);
    assert_int_equal(MAY(&r, "--flag", "-p", "--no-flag", "--paper"), 0);
    assert_false(r.store.flag || r.store.no_paper);
    assert_int_equal(MAY(&r, "--no-flag", "--paper", "-fp"), 0);
    assert_true(r.store.flag && r.store.no_paper);
    REFUSED_IF_MAY("--no-flag takes no value", "--no-flag=yes");
    REFUSED_IF_MAY("did you mean --no-flag?", "--no-flg");
    REFUSED_IF_MAY("unknown option --no-no-paper", "--no-no-paper");
    REFUSED_IF_MAY("unknown option --no-text", "--no-text", "x");
    REFUSED_IF_MAY("unknown option --no-other-flag", "--no-other-flag");
    REFUSED("unknown option --no-flag", "--no-flag");
    REFUSED("unknown option --paper", "--paper");
}

static void what_was_said_is_known_on_or_off(void **state)
{
    (void)state;
    struct run r;
    assert_int_equal(MAY(&r, "--no-flag", "--size=5"), 0);
    assert_int_equal(r.said, 1u << 0 | 1u << 7);
    assert_int_equal(MAY(&r, "-fp"), 0);
    assert_int_equal(r.said, 1u << 0 | 1u << 3);
    assert_int_equal(MAY(&r, "word"), 0);
    assert_int_equal(r.said, 0);
    run_done(&r);
}

static void options_and_words_mix_until_two_dashes(void **state)
{
    (void)state;
    struct run r;
    assert_int_equal(PARSE(&r, "a", "--flag", "b", "-", "--", "--other-flag", "-t"), 0);
    assert_true(r.store.flag);
    assert_false(r.store.other_flag);
    assert_int_equal(r.words.count, 5);
    assert_string_equal(r.words.items[0], "a");
    assert_string_equal(r.words.items[2], "-");
    assert_string_equal(r.words.items[3], "--other-flag");
    assert_string_equal(r.words.items[4], "-t");
    run_done(&r);
}

static void lists_keep_their_order_and_tags(void **state)
{
    (void)state;
    struct run r;
    assert_int_equal(PARSE(&r, "--two=b", "-ea", "--one", "c"), 0);
    assert_int_equal(r.store.list.count, 3);
    static const char *const texts[] = {"b", "a", "c"};
    static const int tags[] = {2, 1, 1};
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(r.store.list.items[i].text, texts[i]);
        assert_int_equal(r.store.list.items[i].tag, tags[i]);
    }
    run_done(&r);
}

static void rates_are_kib_and_choices_are_numbered(void **state)
{
    (void)state;
    struct run r;
    assert_int_equal(PARSE(&r, "--rate", "500", "--choice=never"), 0);
    assert_int_equal(r.store.rate, 512000);
    assert_int_equal(r.store.choice, 2);
    run_done(&r);
    assert_int_equal(PARSE(&r, "--rate", "10M"), 0);
    assert_int_equal(r.store.rate, 10 << 20);
    run_done(&r);
}

static void parsing_stops_before_the_first_word_if_asked(void **state)
{
    (void)state;
    struct run r;
    const char *const args[] = {"--flag", "-t", "x", "word", "--bogus", NULL};
    assert_int_equal(parse_line(&r, true, args), 0);
    assert_int_equal(r.next, 3);
    assert_int_equal(r.words.count, 0);
    run_done(&r);
    const char *const none[] = {"--flag", NULL};
    assert_int_equal(parse_line(&r, true, none), 0);
    assert_int_equal(r.next, 1);
    run_done(&r);
    const char *const early[] = {"--frobnicate", "word", NULL};
    assert_int_equal(parse_line(&r, true, early), -1);
    assert_non_null(strstr(r.err.msg, "stand behind its name"));
    run_done(&r);
}

static void mistakes_are_told_with_the_nearest_name(void **state)
{
    (void)state;
    REFUSED("did you mean --number?", "--nubmer", "5");
    REFUSED("did you mean --number?", "--numbe=5");
    REFUSED("did you mean --other-flag?", "--other");
    REFUSED("unknown option --frobnicate: see", "--frobnicate");
    REFUSED("unknown option --: see", "--=x");
    REFUSED("unknown option -x", "-fx");
    REFUSED("--flag takes no value", "--flag=yes");
    REFUSED("--text needs a value: --text TEXT", "--text");
    REFUSED("--text needs a value", "-ft");
    REFUSED("from 2 to 9", "--number", "1");
    REFUSED("from 2 to 9", "--number", "10");
    REFUSED("from 2 to 9", "-n", "x");
    REFUSED("not a size", "--size", "0");
    REFUSED("not a size", "--rate", "fast");
    REFUSED("none of always, never or maybe", "--choice", "Always");
    REFUSED("unknown option", "a", "b", "--fla");
}

static void the_nearest_name_is_near(void **state)
{
    (void)state;
    static const char *const names[] = {"exclude", "iexclude", "exclude-file", "tag", "target", "host"};
    static const struct {
        const char *text, *near;
    } all[] = {
        {"exlude", "exclude"}, {"execlude", "exclude"}, {"excldue", "exclude"}, {"iexlude", "iexclude"},
        {"traget", "target"},  {"tga", "tag"},          {"tag", "tag"},         {"xyz", NULL},
        {"", NULL},            {"h", NULL},             {"hsot", "host"},       {"exclude-fil", "exclude-file"},
        {"completely-different-and-much-longer-than-any-name", NULL},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const char *near = options_nearest(all[i].text, strlen(all[i].text), names, 6);
        print_message("%s\n", all[i].text);
        if (all[i].near)
            assert_string_equal(near ? near : "(none)", all[i].near);
        else
            assert_null(near);
    }
}

static void a_failing_allocation_is_an_error_and_leaks_nothing(void **state)
{
    (void)state;
    for (uint64_t n = 1;; n++) {
        struct run r;
        mem_fail_nth(n);
        int rc = PARSE(&r, "a", "-ex", "b", "--two", "y", "c");
        bool reached = mem_count() >= n;
        mem_fail_nth(0);
        if (!reached) {
            assert_int_equal(rc, 0);
            run_done(&r);
            assert_true(n > 4);
            return;
        }
        assert_int_equal(rc, -1);
        assert_int_equal(r.err.cls, ERR_NO_MEMORY);
        run_done(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_stand_behind_a_blank_or_an_equals_sign),
        cmocka_unit_test(letters_may_share_a_word),
        cmocka_unit_test(a_flag_is_switched_off_by_its_other_name),
        cmocka_unit_test(what_was_said_is_known_on_or_off),
        cmocka_unit_test(options_and_words_mix_until_two_dashes),
        cmocka_unit_test(lists_keep_their_order_and_tags),
        cmocka_unit_test(rates_are_kib_and_choices_are_numbered),
        cmocka_unit_test(parsing_stops_before_the_first_word_if_asked),
        cmocka_unit_test(mistakes_are_told_with_the_nearest_name),
        cmocka_unit_test(the_nearest_name_is_near),
        cmocka_unit_test(a_failing_allocation_is_an_error_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
