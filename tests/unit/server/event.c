/* SPDX-License-Identifier: Apache-2.0 */
/* Events: what is written is read again, the same for ever, and nothing else is. */
#include "base/mem.h"
#include "sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_same(const struct event *a, const struct event *b)
{
    static const size_t sizes[] = {[FIELD_ID] = EVENT_ID_BYTES, [FIELD_HASH] = 32, [FIELD_TIME] = 8,
                                   [FIELD_COUNT] = 8, [FIELD_FLAG] = sizeof(bool),
                                   [FIELD_TYPE] = sizeof(enum identity_type),
                                   [FIELD_ROLE] = sizeof(enum role), [FIELD_KIND] = sizeof(enum event_kind)};
    for (unsigned f = 0; f < FIELD_LIMIT; f++) {
        const void *x = event_member(a, (enum field)f), *y = event_member(b, (enum field)f);
        enum field_type t = event_fields[f].type;
        if (t == FIELD_NAME || t == FIELD_TEXT || t == FIELD_POLICY) {
            const char *s = *(const char *const *)x, *u = *(const char *const *)y;
            assert_string_equal(s ? s : "", u ? u : "");
        } else if (t != FIELD_VERSION) {
            assert_memory_equal(x, y, sizes[t]);
        }
    }
}

/* The lines of golden.jsonl, which are only ever added to. */
static char *golden(size_t *len_out)
{
    FILE *f = fopen(GOLDEN, "rb");
    char *text = calloc(1, 1 << 20);
    assert_non_null(f);
    assert_non_null(text);
    *len_out = fread(text, 1, (1 << 20) - 1, f);
    assert_int_equal(fclose(f), 0);
    return text;
}

static void what_was_ever_written_is_read_and_written_alike(void **state)
{
    size_t len, lines = 0;
    char *text = golden(&len);
    (void)state;
    for (char *at = text, *end; (end = strchr(at, '\n')); at = end + 1, lines++) {
        struct event ev;
        struct err e = ERR_INIT;
        struct buf b = {0};
        assert_return_code(event_decode((uint8_t *)at, (size_t)(end - at), &ev, &e), 0);
        assert_return_code(event_encode(&ev, &b, &e), 0);
        assert_int_equal(b.len, end - at);
        assert_memory_equal(b.data, at, b.len);
        buf_done(&b);
        event_done(&ev);
    }
    assert_true(lines >= 2 * (EVENT_KIND_COUNT - 1));
    free(text);
}

static void each_kind_comes_back_with_all_its_fields(void **state)
{
    size_t len;
    char *text = golden(&len);
    (void)state;
    for (unsigned k = 1; k < EVENT_KIND_COUNT; k++) {
        for (int whole = 0; whole < 2; whole++) {
            struct event ev = sample_event((enum event_kind)k, whole), again;
            struct err e = ERR_INIT;
            struct buf b = {0};
            assert_int_equal(event_kind_of_name(event_kind_name((enum event_kind)k)), k);
            assert_return_code(event_encode(&ev, &b, &e), 0);
            assert_return_code(event_decode(b.data, b.len, &again, &e), 0);
            assert_same(&ev, &again);
            buf_put_u8(&b, '\n');
            if (!memmem(text, len, b.data, b.len))
                fail_msg("golden.jsonl lacks a line: %.*s", (int)b.len, (char *)b.data);
            buf_done(&b);
            event_done(&again);
        }
    }
    free(text);
}

static void expect_encode(const struct event *ev, enum err_class cls)
{
    struct buf b = {0};
    struct err e = ERR_INIT;
    buf_put(&b, "kept", 4);
    int rc = event_encode(ev, &b, &e);
    if ((rc ? e.cls : ERR_UNSET) != cls)
        fail_msg("%s: %s, not %s: %s", event_kind_name(ev->kind), err_class_name(e.cls),
                 err_class_name(cls), e.msg);
    if (rc)
        assert_int_equal(b.len, 4); /* outputs are untouched on failure */
    assert_memory_equal(b.data, "kept", 4);
    buf_done(&b);
}

static void a_kind_has_its_fields_and_no_others(void **state)
{
    (void)state;
    for (unsigned k = 1; k < EVENT_KIND_COUNT; k++) {
        const struct event_kind_row *row = &event_kinds[k];
        uint32_t allowed = row->needs | row->may | row->one_of | EVENT_ALWAYS | 1U << F_BY;
        for (unsigned f = 0; f < FIELD_LIMIT; f++) {
            if (f == F_KIND || f == F_V)
                continue;
            struct event ev = sample_event((enum event_kind)k, true);
            sample_clear(&ev, (enum field)f);
            bool lacks = ((row->needs | EVENT_ALWAYS) >> f & 1) || (row->one_of >> (f & 31) == 1);
            expect_encode(&ev, lacks ? ERR_USAGE : ERR_UNSET);
            ev = sample_event((enum event_kind)k, false);
            bool second = (row->one_of >> f & 1) && !event_has(&ev, (enum field)f);
            sample_field(&ev, (enum field)f);
            expect_encode(&ev, (allowed >> f & 1) && !second ? ERR_UNSET : ERR_USAGE);
        }
    }
    expect_encode(&(struct event){.kind = EVENT_UNSET, .time_ns = 1}, ERR_USAGE);
    expect_encode(&(struct event){.kind = EVENT_KIND_COUNT, .time_ns = 1}, ERR_USAGE);
}

static void an_empty_text_is_none(void **state)
{
    struct event ev = sample_event(EVENT_TENANT_CLOSE, false);
    struct buf with = {0}, without = {0};
    (void)state;
    assert_return_code(event_encode(&ev, &without, NULL), 0);
    ev.text = "";
    assert_return_code(event_encode(&ev, &with, NULL), 0);
    assert_int_equal(with.len, without.len);
    buf_done(&with);
    buf_done(&without);
    ev = sample_event(EVENT_TENANT_CREATE, false);
    ev.name = "";
    expect_encode(&ev, ERR_USAGE);
}

static void texts_have_their_limits_to_the_byte(void **state)
{
    static char text[EVENT_POLICY_MAX + 2];
    static const struct {
        enum event_kind kind;
        size_t offset, max;
    } of[] = {{EVENT_TENANT_CREATE, offsetof(struct event, name), EVENT_NAME_MAX},
              {EVENT_REFUSAL, offsetof(struct event, text), EVENT_TEXT_MAX},
              {EVENT_POLICY_SET, offsetof(struct event, policy), EVENT_POLICY_MAX}};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct event ev = sample_event(of[i].kind, true), again;
        struct buf b = {0};
        *(const char **)((uint8_t *)&ev + of[i].offset) = text;
        memset(text, '"', sizeof text);
        text[of[i].max] = '\0';
        assert_return_code(event_encode(&ev, &b, NULL), 0);
        assert_return_code(event_decode(b.data, b.len, &again, NULL), 0);
        assert_same(&ev, &again);
        event_done(&again);
        buf_done(&b);
        text[of[i].max] = 'x';
        text[of[i].max + 1] = '\0';
        expect_encode(&ev, ERR_LIMIT);
    }
}

static const struct {
    const char *text;
    const char *clean; /* NULL: it is fine as it is */
} texts[] = {
    {"plain", NULL},
    {"\xc2\xa0\xed\x9f\xbf\xee\x80\x80\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", NULL}, /* edges of what is allowed */
    {"\n", "?"},
    {"a\tb", "a?b"},
    {"\x1b[31m", "?[31m"},
    {"\x7f", "?"},
    {"\x1f", "?"},
    {"\xc2\x80", "??"},         /* C1 */
    {"\xc2\x9f", "??"},
    {"\xe2\x80\xa8", "???"},    /* U+2028 */
    {"\xe2\x80\xa9", "???"},
    {"\x80", "?"},              /* a tail alone */
    {"\xc3", "?"},              /* cut off */
    {"\xe2\x82", "??"},
    {"\xf0\x9f\x98", "???"},
    {"\xc3(", "?("},
    {"\xc0\x80", "??"},         /* not the shortest form */
    {"\xc1\xbf", "??"},
    {"\xe0\x9f\xbf", "???"},
    {"\xf0\x8f\xbf\xbf", "????"},
    {"\xed\xa0\x80", "???"},    /* surrogates */
    {"\xed\xbf\xbf", "???"},
    {"\xf4\x90\x80\x80", "????"}, /* above U+10FFFF */
    {"\xf8\x88\x80\x80\x80", "?????"},
    {"\xff", "?"},
};

static void only_text_that_people_can_read_is_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct event ev = sample_event(EVENT_TENANT_CREATE, false);
        char clean[64];
        ev.name = texts[i].text;
        expect_encode(&ev, texts[i].clean ? ERR_USAGE : ERR_UNSET);
        event_clean(texts[i].text, strlen(texts[i].text), sizeof clean - 1, clean);
        assert_string_equal(clean, texts[i].clean ? texts[i].clean : texts[i].text);
        ev.name = clean;
        expect_encode(&ev, ERR_UNSET);
    }
}

static void cleaning_cuts_between_characters(void **state)
{
    char out[8];
    (void)state;
    for (size_t max = 0; max < 7; max++) {
        memset(out, 'x', sizeof out);
        event_clean("\xc3\xa9\xc3\xa9\xc3\xa9", 6, max, out);
        assert_int_equal(strlen(out), max / 2 * 2);
        assert_memory_equal(out, "\xc3\xa9\xc3\xa9\xc3\xa9", strlen(out));
    }
    event_clean("a\0b", 3, 7, out);
    assert_string_equal(out, "a?b");
    event_clean(NULL, 0, 7, out);
    assert_string_equal(out, "");
}

static void numbers_that_json_cannot_hold_are_refused(void **state)
{
    struct event ev = sample_event(EVENT_SNAPSHOT, true);
    (void)state;
    ev.bytes = (uint64_t)INT64_MAX + 1;
    expect_encode(&ev, ERR_USAGE);
    ev = sample_event(EVENT_SNAPSHOT, true);
    ev.received_ns = -1;
    expect_encode(&ev, ERR_USAGE);
    ev = sample_event(EVENT_SNAPSHOT, true);
    ev.time_ns = INT64_MIN;
    expect_encode(&ev, ERR_USAGE);
    ev = sample_event(EVENT_ROLE_GIVE, true);
    ev.role = ROLE_COUNT;
    expect_encode(&ev, ERR_USAGE);
    ev = sample_event(EVENT_IDENTITY_CREATE, true);
    ev.type = (enum identity_type)3;
    expect_encode(&ev, ERR_USAGE);
}

#define ID "10101010101010101010101010101010"
static const struct {
    enum err_class cls;
    const char *json;
} foreign[] = {
    {ERR_UNSET, "{\"kind\":\"tenant.create\",\"name\":\"a\",\"tenant\":\"" ID "\",\"time\":1,\"v\":1}"},
    /* not as events are written */
    {ERR_DAMAGED, " {\"kind\":\"tenant.create\",\"name\":\"a\",\"tenant\":\"" ID "\",\"time\":1,\"v\":1}"},
    {ERR_DAMAGED, "{\"kind\":\"tenant.create\",\"name\":\"a\",\"tenant\":\"" ID "\",\"time\":1,\"v\":1}\n"},
    {ERR_DAMAGED, "{\"kind\":\"tenant.create\",\"name\":\"\\u0061\",\"tenant\":\"" ID "\",\"time\":1,\"v\":1}"},
    {ERR_DAMAGED, "{\"kind\":\"tenant.create\",\"tenant\":\"" ID "\",\"name\":\"a\",\"time\":1,\"v\":1}"},
    {ERR_DAMAGED, "{\"kind\":\"tenant.close\",\"tenant\":\"" ID "\",\"text\":\"\",\"time\":1,\"v\":1}"},
    {ERR_DAMAGED, "{\"kind\":\"tenant.close\",\"tenant\":\"" ID "\",\"text\":null,\"time\":1,\"v\":1}"},
    {ERR_DAMAGED, "{\"by\":\"00000000000000000000000000000000\",\"kind\":\"token.cancel\",\"time\":1,"
                  "\"token\":\"" ID "\",\"v\":1}"},
    /* not JSON, not an object */
    {ERR_DAMAGED, ""},
    {ERR_DAMAGED, "{"},
    {ERR_DAMAGED, "[]"},
    {ERR_DAMAGED, "1"},
    {ERR_DAMAGED, "{\"kind\":\"a\",\"kind\":\"b\",\"time\":1,\"v\":1}"},
    {ERR_DAMAGED, "{\"kind\":\"x.y\",\"time\":1,\"v\":1}{}"},
    /* versions */
    {ERR_DAMAGED, "{\"kind\":\"x.y\",\"time\":1}"},
    {ERR_DAMAGED, "{\"kind\":\"x.y\",\"time\":1,\"v\":0}"},
    {ERR_DAMAGED, "{\"kind\":\"x.y\",\"time\":1,\"v\":\"1\"}"},
    {ERR_DAMAGED, "{\"kind\":\"x.y\",\"time\":1,\"v\":1.0}"},
    {ERR_DAMAGED, "{\"kind\":\"x.y\",\"time\":1,\"v\":-1}"},
    {ERR_NEWER, "{\"kind\":\"x.y\",\"time\":1,\"v\":2}"},
    /* kinds */
    {ERR_DAMAGED, "{\"time\":1,\"v\":1}"},
    {ERR_DAMAGED, "{\"kind\":\"\",\"time\":1,\"v\":1}"},
    {ERR_DAMAGED, "{\"kind\":7,\"time\":1,\"v\":1}"},
    {ERR_DAMAGED, "{\"kind\":\"x\\u0000\",\"time\":1,\"v\":1}"},
    {ERR_UNSET, "{\"kind\":\"x.y\",\"time\":1,\"v\":1}"},
    {ERR_UNSET, "{\"kind\":\"x.y\",\"name\":[[{}]],\"tenant\":7,\"time\":1,\"v\":1}"},
    {ERR_DAMAGED, "{\"kind\":\"x.y\",\"v\":1}"},
    {ERR_DAMAGED, "{\"kind\":\"x.y\",\"time\":0,\"v\":1}"},
    {ERR_DAMAGED, "{\"kind\":\"x.y\",\"time\":-1,\"v\":1}"},
    {ERR_DAMAGED, "{\"by\":\"00\",\"kind\":\"x.y\",\"time\":1,\"v\":1}"},
    /* what must be understood */
    {ERR_NEWER, "{\"kind\":\"x.y\",\"must\":true,\"time\":1,\"v\":1}"},
    {ERR_DAMAGED, "{\"kind\":\"x.y\",\"must\":false,\"time\":1,\"v\":1}"},
    {ERR_DAMAGED, "{\"kind\":\"x.y\",\"must\":1,\"time\":1,\"v\":1}"},
    {ERR_NEWER, "{\"kind\":\"tenant.close\",\"more\":1,\"must\":true,\"tenant\":\"" ID "\",\"time\":1,\"v\":1}"},
    {ERR_UNSET, "{\"kind\":\"tenant.close\",\"must\":true,\"tenant\":\"" ID "\",\"time\":1,\"v\":1}"},
    {ERR_UNSET, "{\"kind\":\"tenant.close\",\"more\":[1],\"tenant\":\"" ID "\",\"time\":1,\"v\":1}"},
    /* a field that others have and this kind has not, is one that is not known */
    {ERR_UNSET, "{\"kind\":\"tenant.close\",\"role\":9,\"tenant\":\"" ID "\",\"time\":1,\"v\":1}"},
    {ERR_DAMAGED, "{\"kind\":\"tenant.close\",\"more\":[1],\"time\":1,\"v\":1}"},
    {ERR_DAMAGED, "{\"kind\":\"tenant.create\",\"more\":1,\"name\":\"\\n\",\"tenant\":\"" ID "\",\"time\":1,\"v\":1}"},
    {ERR_DAMAGED, "{\"kind\":\"tenant.close\",\"more\":[1],\"tenant\":\"" ID "\",\"v\":1}"},
    /* values */
    {ERR_DAMAGED, "{\"kind\":\"tenant.close\",\"tenant\":\"" ID "\",\"time\":-5,\"v\":1}"},
    {ERR_DAMAGED, "{\"kind\":\"tenant.close\",\"tenant\":\"" ID "\",\"time\":1e3,\"v\":1}"},
    {ERR_DAMAGED, "{\"kind\":\"tenant.close\",\"tenant\":\"" ID "\",\"time\":\"1\",\"v\":1}"},
    {ERR_DAMAGED, "{\"kind\":\"tenant.close\",\"tenant\":\"" ID "\",\"time\":9223372036854775808,\"v\":1}"},
    {ERR_DAMAGED, "{\"kind\":\"tenant.close\",\"tenant\":\"" ID "0\",\"time\":1,\"v\":1}"},
    {ERR_DAMAGED, "{\"kind\":\"tenant.close\",\"tenant\":\"" ID "00\",\"time\":1,\"v\":1}"},
    {ERR_DAMAGED, "{\"kind\":\"tenant.close\",\"tenant\":\"1010\",\"time\":1,\"v\":1}"},
    {ERR_DAMAGED, "{\"kind\":\"tenant.close\",\"tenant\":\"A0101010101010101010101010101010\",\"time\":1,\"v\":1}"},
    {ERR_DAMAGED, "{\"kind\":\"tenant.close\",\"tenant\":\"x0101010101010101010101010101010\",\"time\":1,\"v\":1}"},
    {ERR_DAMAGED, "{\"kind\":\"tenant.close\",\"tenant\":16,\"time\":1,\"v\":1}"},
    {ERR_DAMAGED, "{\"kind\":\"tenant.create\",\"name\":\"a\\nb\",\"tenant\":\"" ID "\",\"time\":1,\"v\":1}"},
    {ERR_DAMAGED, "{\"kind\":\"tenant.create\",\"name\":\"a\xc2\x85\",\"tenant\":\"" ID "\",\"time\":1,\"v\":1}"},
    {ERR_DAMAGED, "{\"kind\":\"tenant.create\",\"name\":\"a\xff\",\"tenant\":\"" ID "\",\"time\":1,\"v\":1}"},
    {ERR_DAMAGED, "{\"kind\":\"tenant.create\",\"name\":\"\\ud800\",\"tenant\":\"" ID "\",\"time\":1,\"v\":1}"},
    {ERR_DAMAGED, "{\"kind\":\"tenant.create\",\"name\":7,\"tenant\":\"" ID "\",\"time\":1,\"v\":1}"},
    {ERR_DAMAGED, "{\"id\":\"" ID "\",\"kind\":\"role.give\",\"role\":\"king\",\"time\":1,\"v\":1}"},
    {ERR_DAMAGED, "{\"id\":\"" ID "\",\"kind\":\"role.give\",\"role\":1,\"time\":1,\"v\":1}"},
    {ERR_DAMAGED, "{\"id\":\"" ID "\",\"kind\":\"role.give\",\"role\":\"\",\"time\":1,\"v\":1}"},
    {ERR_UNSET, "{\"id\":\"" ID "\",\"kind\":\"role.give\",\"role\":\"owner\",\"time\":1,\"v\":1}"},
    {ERR_DAMAGED, "{\"id\":\"" ID "\",\"kind\":\"identity.create\",\"name\":\"a\",\"time\":1,\"type\":\"robot\",\"v\":1}"},
    {ERR_DAMAGED, "{\"id\":\"" ID "\",\"kind\":\"identity.create\",\"name\":\"a\",\"restore\":false,\"time\":1,"
                  "\"type\":\"person\",\"v\":1}"},
    {ERR_DAMAGED, "{\"count\":-1,\"kind\":\"refusal\",\"text\":\"a\",\"time\":1,\"v\":1}"},
    {ERR_DAMAGED, "{\"count\":0,\"kind\":\"refusal\",\"text\":\"a\",\"time\":1,\"v\":1}"},
    {ERR_DAMAGED, "{\"kind\":\"policy.set\",\"policy\":\"{}\",\"time\":1,\"v\":1}"},
    {ERR_DAMAGED, "{\"kind\":\"policy.set\",\"policy\":\"{}\",\"tenant\":\"" ID "\",\"time\":1,\"v\":1,"
                  "\"vault\":\"" ID "\"}"},
};

static void what_is_no_event_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        struct event ev = {.count = 77};
        struct err e = ERR_INIT;
        int rc = event_decode((const uint8_t *)foreign[i].json, strlen(foreign[i].json), &ev, &e);
        if ((rc ? e.cls : ERR_UNSET) != foreign[i].cls)
            fail_msg("%s: %s, not %s: %s", foreign[i].json, err_class_name(e.cls),
                     err_class_name(foreign[i].cls), e.msg);
        if (rc)
            assert_int_equal(ev.count, 77);
        else
            event_done(&ev);
    }
}

static void a_newer_kind_tells_who_and_when_alone(void **state)
{
    static const char json[] = "{\"by\":\"" ID "\",\"kind\":\"x.y\",\"name\":\"a\",\"time\":5,\"v\":1}";
    struct event ev;
    (void)state;
    assert_return_code(event_decode((const uint8_t *)json, sizeof json - 1, &ev, NULL), 0);
    assert_int_equal(ev.kind, EVENT_UNSET);
    assert_int_equal(ev.time_ns, 5);
    assert_int_equal(ev.by[15], 0x10);
    assert_null(ev.name);
    event_done(&ev);
    event_done(&ev); /* twice is fine */
}

static void an_event_longer_than_an_entry_is_refused(void **state)
{
    struct event ev;
    struct err e = ERR_INIT;
    size_t len = EVENT_BYTES_MAX + 1;
    uint8_t *p = malloc(len);
    (void)state;
    assert_non_null(p);
    memset(p, ' ', len);
    assert_int_equal(event_decode(p, len, &ev, &e), -1);
    assert_int_equal(e.cls, ERR_DAMAGED);
    assert_non_null(strstr(e.msg, "65536 bytes"));
    free(p);
}

/* E2, E3: whatever is changed, it is refused, or it is another event, written as events are, or it has something
 * that a newer server may have written. */
static void a_changed_byte_hides_nothing(void **state)
{
    static const char others[] = "\"\\{}:,0 a\x80\n";
    (void)state;
    for (unsigned k = 1; k < EVENT_KIND_COUNT; k++) {
        struct event ev = sample_event((enum event_kind)k, true), got;
        struct buf b = {0}, again = {0};
        assert_return_code(event_encode(&ev, &b, NULL), 0);
        for (size_t i = 0; i < b.len * (sizeof others - 1); i++) {
            uint8_t *at = &b.data[i % b.len], was = *at;
            *at = (uint8_t)others[i / b.len];
            if (*at != was && event_decode(b.data, b.len, &got, NULL) == 0) {
                buf_reset(&again);
                bool same = got.kind != EVENT_UNSET && event_encode(&got, &again, NULL) == 0 &&
                            again.len == b.len && memcmp(again.data, b.data, b.len) == 0;
                assert_true(same || got.kind == EVENT_UNSET || again.len < b.len);
                event_done(&got);
            }
            *at = was;
        }
        for (size_t len = 0; len < b.len; len++)
            assert_int_equal(event_decode(b.data, len, &got, NULL), -1);
        buf_done(&b);
        buf_done(&again);
    }
}

static void without_memory_nothing_is_half_done(void **state)
{
    struct event ev = sample_event(EVENT_SNAPSHOT, true), got = {.count = 77};
    struct buf b = {0};
    struct err e = ERR_INIT;
    (void)state;
    buf_put(&b, "kept", 4);
    mem_fail_nth(1);
    assert_int_equal(event_encode(&ev, &b, &e), -1);
    assert_int_equal(e.cls, ERR_NO_MEMORY);
    assert_int_equal(b.len, 4);
    mem_fail_nth(0);
    buf_reset(&b);
    assert_return_code(event_encode(&ev, &b, &e), 0);
    mem_fail_nth(1);
    assert_int_equal(event_decode(b.data, b.len, &got, &e), -1);
    assert_int_equal(e.cls, ERR_NO_MEMORY);
    assert_int_equal(got.count, 77);
    mem_fail_nth(0);
    buf_done(&b);
}

static void roles_have_their_names(void **state)
{
    (void)state;
    for (unsigned r = 1; r < ROLE_COUNT; r++)
        assert_int_equal(role_of_name(role_name((enum role)r)), r);
    assert_null(role_name(ROLE_UNSET));
    assert_null(role_name(ROLE_COUNT));
    assert_int_equal(role_of_name(""), ROLE_UNSET);
    assert_int_equal(role_of_name("Owner"), ROLE_UNSET);
    assert_null(event_kind_name(EVENT_UNSET));
    assert_null(event_kind_name(EVENT_KIND_COUNT));
}

/* "`a`, `b`" and the fields of a set, in the order of their names. */
static void set_text(uint32_t set, char out[512])
{
    size_t used = 0;
    out[0] = '\0';
    for (unsigned f = 0; f < FIELD_LIMIT; f++)
        if (set >> f & 1)
            used += (size_t)snprintf(out + used, 512 - used, "%s`%s`", used ? ", " : "", event_fields[f].name);
}

static void the_page_lists_what_the_program_knows(void **state)
{
    FILE *f = fopen(PAGE, "rb");
    char *page = calloc(1, 1 << 18);
    size_t rows = 0;
    (void)state;
    assert_non_null(f);
    assert_non_null(page);
    assert_true(fread(page, 1, (1 << 18) - 1, f) > 0);
    assert_int_equal(fclose(f), 0);
    for (unsigned k = 1; k < EVENT_KIND_COUNT; k++) {
        const struct event_kind_row *r = &event_kinds[k];
        char needs[512], may[512], one_of[512], row[2048];
        set_text(r->needs, needs);
        set_text(r->may, may);
        set_text(r->one_of, one_of);
        (void)snprintf(row, sizeof row, "\n| `%s` | %s%s%s | %s | ", r->name, needs,
                       !r->one_of ? "" : *needs ? "; one of " : "one of ", one_of, may);
        if (!strstr(page, row))
            fail_msg("docs/protocol/log.md lacks: %s", row + 1);
    }
    for (const char *at = page; (at = strstr(at, "\n| `")); at++)
        rows += strstr(at + 1, " | ") != NULL;
    for (unsigned i = 0; i < FIELD_LIMIT; i++) {
        char row[64];
        (void)snprintf(row, sizeof row, "\n- `%s`: ", event_fields[i].name);
        if (!strstr(page, row))
            fail_msg("docs/protocol/log.md lacks: %s", row + 1);
    }
    for (unsigned r = 1; r < ROLE_COUNT; r++)
        assert_non_null(strstr(page, role_name((enum role)r)));
    assert_int_equal(rows, EVENT_KIND_COUNT - 1);
    free(page);
}

static void fields_stand_in_the_order_of_their_names(void **state)
{
    (void)state;
    for (unsigned f = 1; f < FIELD_LIMIT; f++)
        assert_true(strcmp(event_fields[f - 1].name, event_fields[f].name) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_ever_written_is_read_and_written_alike),
        cmocka_unit_test(each_kind_comes_back_with_all_its_fields),
        cmocka_unit_test(a_kind_has_its_fields_and_no_others),
        cmocka_unit_test(an_empty_text_is_none),
        cmocka_unit_test(texts_have_their_limits_to_the_byte),
        cmocka_unit_test(only_text_that_people_can_read_is_taken),
        cmocka_unit_test(cleaning_cuts_between_characters),
        cmocka_unit_test(numbers_that_json_cannot_hold_are_refused),
        cmocka_unit_test(what_is_no_event_is_refused),
        cmocka_unit_test(a_newer_kind_tells_who_and_when_alone),
        cmocka_unit_test(an_event_longer_than_an_entry_is_refused),
        cmocka_unit_test(a_changed_byte_hides_nothing),
        cmocka_unit_test(without_memory_nothing_is_half_done),
        cmocka_unit_test(roles_have_their_names),
        cmocka_unit_test(the_page_lists_what_the_program_knows),
        cmocka_unit_test(fields_stand_in_the_order_of_their_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
