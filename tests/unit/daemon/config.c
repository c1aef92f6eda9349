/* SPDX-License-Identifier: Apache-2.0 */
/* What the configuration may say: every key stored, printed, read again; every kind of mistake with its place. */
#include "daemon/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#include <cmocka.h>

static char heard[16384];

static void hear(void *arg, const char *text)
{
    size_t n = strlen(heard);
    (void)arg;
    (void)snprintf(heard + n, sizeof heard - n, "%s\n", text);
}

static int parse(const char *text, struct settings *s, struct err *e)
{
    heard[0] = '\0';
    *s = (struct settings){0};
    *e = ERR_INIT;
    return daemon_config_parse("f", text, strlen(text), s, hear, NULL, e);
}

static void wrong(const char *text, const char *what)
{
    struct settings s;
    struct err e;
    if (parse(text, &s, &e) == 0 || e.cls != ERR_USAGE || !strstr(heard, what))
        fail_msg("'%s' gives '%s' and '%s', not '%s'", text, heard, e.msg, what);
    settings_done(&s);
}

/* A value that every setting takes. */
static const char *value_of(const struct setting *t)
{
    if (t->kind == SETTING_NUMBER)
        return "600";
    if (strcmp(t->name, "log-level") == 0)
        return "\"warning\"";
    if (strcmp(t->name, "proxy") == 0)
        return "[\"192.0.2.0/24\", \"::1\"]";
    if (strcmp(t->name, "server-name") == 0)
        return "[\"a.example.org\", \"192.0.2.1\", \"2001:db8::1\"]";
    if (strcmp(t->name, "metrics-address") == 0)
        return "\"127.0.0.1:0\"";
    if (t->kind == SETTING_LIST)
        return "[\"127.0.0.1:1\", \"[::1]:2\", \"*:3\"]";
    return strcmp(t->table, "listener") == 0 ? "\"127.0.0.1:9\"" : "\"/a b\\\\c\\\"d\"";
}

static size_t write_all(char *out, size_t cap)
{
    static const char *const tables[] = {"", "limits", "listener"};
    size_t n = 0;
    for (size_t t = 0; t < 3; t++) {
        n += (size_t)snprintf(out + n, cap - n, "%s", t == 0 ? "" : t == 1 ? "[limits]\n" : "[listener-x]\n");
        for (size_t i = 0; i < settings_count; i++) {
            const struct setting *s = &settings_table[i];
            const char *value = s->max && s->max < 600 ? "2" : value_of(s);
            if (strcmp(s->table, tables[t]) == 0)
                n += (size_t)snprintf(out + n, cap - n, "%s = %s\n", s->name, value);
        }
    }
    return n;
}

static char *print(const struct settings *s)
{
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);
    assert_non_null(f);
    settings_print(s, f);
    assert_int_equal(fclose(f), 0);
    return text;
}

static void test_every_setting_is_read_and_printed(void **state)
{
    char text[8192], fixed[1024];
    struct settings a, b;
    struct err e;
    (void)state;
    (void)write_all(text, sizeof text);
    if (parse(text, &a, &e))
        fail_msg("%s%s", heard, e.msg);
    assert_int_equal(a.listener_count, 1);
    assert_int_equal(a.listen.count, 3);
    assert_string_equal(a.name, "/a b\\c\"d");
    char *printed = print(&a);
    assert_null(strchr(printed, '#')); /* everything was said */
    if (parse(printed, &b, &e))
        fail_msg("%s%s", heard, e.msg);
    settings_fixed_differences(&a, &b, fixed, sizeof fixed);
    assert_string_equal(fixed, "");
    char *again = print(&b);
    assert_string_equal(printed, again);
    (free)(printed); /* of the C library */
    (free)(again);
    settings_done(&a);
    settings_done(&b);
}

static void test_mistakes_have_their_place(void **state)
{
    (void)state;
    wrong("\n  lisen = 1\n", "'f': line 2, column 3: there is no 'lisen'");
    wrong("root = 1\n", "line 1, column 8: 'root' is a string, not an integer");
    wrong("listen = \"*:1\"\n", "line 1, column 10: 'listen' is an array of strings, not a string");
    wrong("[limits]\nidle-seconds = true\n", "line 2, column 16: 'idle-seconds' is an integer, not true or false");
    wrong("[limits]\nidle-seconds = -1\n", "line 2, column 16: 'idle-seconds': '-1'");
    wrong("[limits]\nidle-seconds = 86401\n", "from 1 to 86400");
    wrong("workers = 99999999999999999999\n", "'workers': '99999999999999999999'");
    wrong("[limit]\nidle-seconds = 1\n", "line 1, column 2: there is no [limit]");
    wrong("[limits]\nroot = \"/x\"\n", "line 2, column 1: there is no 'root' in [limits]");
    wrong("[listener-]\n", "a listener has a name");
    wrong("[listener-a]\nroot = \"x\"\n", "there is no 'root' in [listener-a]");
    wrong("root = \"/x\"\nroot = \"/y\"\n", "line 2, column 1: 'root' stands already in line 1");
    wrong("root = \"\"\n", "an empty path");
    wrong("root = \"a\\u0007b\"\n", "a control character");
    wrong("listen = [\"127.0.0.1:65536\"]\n", "no valid port");
    wrong("listen = [\"127.0.0.1:\"]\n", "no valid port");
    wrong("listen = [\"example.org:1\"]\n", "no valid address");
    wrong("proxy = [\"10.0.0.0/33\"]\n", "neither an address nor a network");
    wrong("metrics-address = \"192.0.2.1:1\"\n", "only an address of the machine itself");
    wrong("metrics-socket = \"run/x\"\n", "it begins with /");
    wrong("log-level = \"loud\"\n", "no level");
    wrong("root = \"/x\" junk\n", "line 1, column 13");
}

static void test_all_mistakes_are_told_at_once(void **state)
{
    struct settings s;
    struct err e;
    (void)state;
    assert_int_equal(parse("a = 1\nworkers = 0\n[b]\nc = 1\n[limits]\nd = 1\n", &s, &e), -1);
    assert_non_null(strstr(heard, "line 1,"));
    assert_non_null(strstr(heard, "line 2,"));
    assert_non_null(strstr(heard, "line 3,"));
    assert_null(strstr(heard, "line 4,")); /* of a table that is not known */
    assert_non_null(strstr(heard, "line 6,"));
    assert_non_null(strstr(e.msg, "4 things are wrong"));
    settings_done(&s);
}

static void test_there_is_an_end_to_lists(void **state)
{
    char text[8192] = "server-name = [";
    struct settings s;
    struct err e;
    (void)state;
    for (int i = 0; i < SETTINGS_LIST_MAX; i++)
        (void)snprintf(text + strlen(text), 32, "\"n%d\",", i);
    (void)snprintf(text + strlen(text), 8, "]\n");
    assert_int_equal(parse(text, &s, &e), 0);
    settings_done(&s);
    (void)snprintf(strchr(text, ']'), 16, "\"more\"]\n");
    wrong(text, "at most 32");
    text[0] = '\0';
    for (int i = 0; i <= SETTINGS_LISTENER_MAX; i++)
        (void)snprintf(text + strlen(text), 64, "[listener-n%d]\naddress = \"127.0.0.1:0\"\n", i);
    wrong(text, "at most 16 listeners");
}

static unsigned contradictions(const char *text)
{
    struct settings s;
    struct err e;
    assert_int_equal(parse(text, &s, &e), 0);
    unsigned n = settings_contradict(&s, hear, NULL);
    settings_done(&s);
    return n;
}

static void test_contradictions(void **state)
{
    (void)state;
    assert_int_equal(contradictions(""), 0);
    assert_int_equal(contradictions("[limits]\nconnections = 5\nconnections-per-address = 5\n"), 0);
    assert_int_equal(contradictions("[limits]\nconnections = 5\nconnections-per-address = 6\n"), 1);
    assert_int_equal(contradictions("[limits]\nbuffer-kib = 200000\n"), 1);
    assert_int_equal(contradictions("listen = [\"*:1\"]\n[listener-a]\naddress = \"*:1\"\n"), 1);
    assert_int_equal(contradictions("listen = [\"*:0\"]\n[listener-a]\naddress = \"*:0\"\n"), 0);
}

static void test_the_command_line_wins(void **state)
{
    struct settings said, file;
    struct err e;
    (void)state;
    assert_int_equal(parse("root = \"/a\"\nlisten = [\"*:1\"]\n", &said, &e), 0);
    assert_int_equal(parse("root = \"/b\"\nname = \"n\"\nlisten = [\"*:2\", \"*:3\"]\nworkers = 7\n", &file, &e), 0);
    settings_fill(&said, &file);
    assert_string_equal(said.root, "/a");
    assert_string_equal(said.name, "n");
    assert_int_equal(said.listen.count, 1);
    assert_string_equal(said.listen.items[0], "*:1");
    assert_int_equal(said.workers, 7);
    settings_done(&said);
    settings_done(&file);
}

static void test_what_needs_a_restart_is_known(void **state)
{
    char fixed[512];
    struct settings a, b;
    struct err e;
    (void)state;
    assert_int_equal(parse("root = \"/a\"\nserver-name = [\"x\"]\n[limits]\nstreams = 5\n", &a, &e), 0);
    assert_int_equal(parse("root = \"/b\"\nserver-name = [\"y\"]\nworkers = 2\n[listener-a]\naddress = \"*:1\"\n", &b, &e), 0);
    settings_fixed_differences(&a, &b, fixed, sizeof fixed);
    assert_string_equal(fixed, "root, workers, [listener-…]");
    settings_done(&a);
    settings_done(&b);
}

static void test_no_memory(void **state)
{
    char text[8192];
    struct settings s;
    struct err e;
    (void)state;
    (void)write_all(text, sizeof text);
    for (uint64_t n = 1;; n++) {
        mem_fail_nth(n);
        int rc = parse(text, &s, &e);
        mem_fail_nth(0);
        settings_done(&s);
        if (rc == 0)
            break;
        assert_true(n < 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_setting_is_read_and_printed),
        cmocka_unit_test(test_mistakes_have_their_place),
        cmocka_unit_test(test_all_mistakes_are_told_at_once),
        cmocka_unit_test(test_there_is_an_end_to_lists),
        cmocka_unit_test(test_contradictions),
        cmocka_unit_test(test_the_command_line_wins),
        cmocka_unit_test(test_what_needs_a_restart_is_known),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
