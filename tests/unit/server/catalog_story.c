/* SPDX-License-Identifier: Apache-2.0 */
#include "catalog_story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct event at(enum event_kind kind, int64_t time_ns, bool by_operator)
{
    struct event ev = {.kind = kind, .time_ns = time_ns, .until_ns = 0};
    world_id(TENANT, 1, ev.tenant);
    world_id(VAULT, 1, ev.vault);
    world_id(PEOPLE, 1, ev.id);
    if (by_operator)
        world_id(PEOPLE, 0, ev.by);
    return ev;
}

/* Only what the kind has: the rest is cleared. */
static struct event only(struct event ev, bool tenant, bool vault, bool id)
{
    if (!tenant)
        memset(ev.tenant, 0, 16);
    if (!vault)
        memset(ev.vault, 0, 16);
    if (!id)
        memset(ev.id, 0, 16);
    return ev;
}

static void people(struct event *out)
{
    out[0] = only(at(EVENT_SERVER_INIT, 10, false), false, false, false);
    out[0].text = "00";
    out[1] = only(at(EVENT_IDENTITY_CREATE, 11, false), false, false, true);
    world_id(PEOPLE, 0, out[1].id);
    out[1].type = IDENTITY_PERSON;
    out[1].name = "anna";
    out[2] = only(at(EVENT_ROLE_GIVE, 12, false), false, false, true);
    world_id(PEOPLE, 0, out[2].id);
    out[2].role = ROLE_OPERATOR;
    out[3] = only(at(EVENT_TENANT_CREATE, 13, true), true, false, false);
    out[3].name = "Bakery";
    out[4] = only(at(EVENT_TOKEN_CREATE, 14, true), true, false, false);
    world_id(TOKEN, 0, out[4].token);
    out[4].type = IDENTITY_MACHINE;
    out[4].role = ROLE_WRITER;
    out[4].until_ns = 100;
    out[5] = only(at(EVENT_TOKEN_USE, 15, false), false, false, true);
    world_id(TOKEN, 0, out[5].token);
    memset(out[5].pin, 0x77, sizeof out[5].pin);
    out[6] = only(at(EVENT_IDENTITY_CREATE, 16, false), true, false, true);
    out[6].type = IDENTITY_MACHINE;
    out[6].name = "oven";
}

static void machine(struct event *out)
{
    out[7] = only(at(EVENT_CERTIFICATE_ISSUE, 17, false), false, false, true);
    world_id(SERIAL, 0, out[7].serial);
    memset(out[7].pin, 1, 32);
    out[7].until_ns = 200;
    out[8] = at(EVENT_VAULT_CREATE, 18, false);
    out[9] = only(at(EVENT_VAULT_WRITER, 19, false), false, true, true);
    world_id(WRITER, 1, out[9].writer);
    for (int i = 10; i < 12; i++) {
        out[i] = only(at(EVENT_SNAPSHOT, 10 + i, false), false, true, false);
        world_id(WRITER, 1, out[i].writer);
        world_id(SESSION, 1, out[i].session);
        memset(out[i].snapshot, i, 32);
        out[i].sequence = (uint64_t)i - 9;
        out[i].received_ns = 10 + i;
        out[i].bytes = 1000;
    }
}

static void requests(struct event *out)
{
    out[12] = only(at(EVENT_POLICY_SET, 22, true), true, false, false);
    out[12].policy = "{}";
    out[13] = only(at(EVENT_REQUEST_CREATE, 23, true), true, false, false);
    out[13].name = "delete";
    out[14] = only(at(EVENT_REQUEST_APPROVE, 24, true), false, false, false);
    out[14].role = ROLE_OPERATOR;
    out[15] = only(at(EVENT_REQUEST_EXECUTE, 25, false), false, false, false);
    for (int i = 13; i < 16; i++)
        world_id(REQUEST, 0, out[i].request);
    out[16] = only(at(EVENT_IDENTITY_REVOKE, 26, true), false, false, true);
    out[17] = only(at(EVENT_TENANT_CLOSE, 27, true), true, false, false);
}

void story(struct event out[STORY_EVENTS])
{
    people(out);
    machine(out);
    requests(out);
}

int story_apply(struct catalog *c, size_t index, struct err *e)
{
    struct event events[STORY_EVENTS];
    uint8_t root[MERKLE_BYTES];
    bool took = false;
    story(events);
    memset(root, (int)index + 1, sizeof root);
    int rc = catalog_apply(c, index, &events[index], root, &took, e);
    if (!rc && !took)
        fail_msg("event %zu of the story was not taken", index);
    return rc;
}

struct catalog *story_catalog(const char *path, size_t count)
{
    struct catalog *c = NULL;
    struct err e = ERR_INIT;
    bool fresh;
    if (catalog_open(path, "origin", &c, &fresh, &e))
        fail_msg("%s", e.msg);
    for (size_t i = 0; i < count; i++)
        if (story_apply(c, i, &e))
            fail_msg("%s", e.msg);
    return c;
}

void story_assert(struct catalog *c, size_t count)
{
    CLEANUP(buf_done) struct buf a = {0}, b = {0};
    struct event events[STORY_EVENTS];
    struct model *m = model_new();
    uint8_t root[MERKLE_BYTES], expected[MERKLE_BYTES];
    uint64_t size;
    story(events);
    for (size_t i = 0; i < count; i++)
        assert_true(model_apply(m, &events[i]));
    model_answers(m, 50, &b);
    catalog_answers(c, 50, &a);
    model_free(m);
    assert_return_code(catalog_position(c, &size, root, NULL), 0);
    assert_int_equal(size, count);
    memset(expected, (int)count, sizeof expected);
    assert_memory_equal(root, expected, sizeof root);
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.data, b.data, a.len);
}
