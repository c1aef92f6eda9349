/* SPDX-License-Identifier: Apache-2.0 */
/* abri tag: changes the tags of snapshots. Needs no key. */
#include "cli/json_out.h"

#include "base/mem.h"

#include <string.h>

enum { TAG_ADD = 1, TAG_REMOVE, TAG_SET };

struct tag_args {
    struct option_list changes;
};

static const struct option_spec options[] = {
    {.name = "add", .kind = OPTION_LIST, .tag = TAG_ADD, .arg = "TAG[,TAG…]",
     OPTION_AT(tag_args, changes), .help = "give them these tags, too"},
    {.name = "remove", .kind = OPTION_LIST, .tag = TAG_REMOVE, .arg = "TAG[,TAG…]",
     OPTION_AT(tag_args, changes), .help = "take these tags away"},
    {.name = "set", .kind = OPTION_LIST, .tag = TAG_SET, .arg = "TAG[,TAG…]",
     OPTION_AT(tag_args, changes), .help = "give them these tags and no others ('' for none)"},
};

struct change {
    struct string_list add, remove;
    bool set;
};

static void change_done(struct change *ch)
{
    string_list_done(&ch->add);
    string_list_done(&ch->remove);
}

static int parse(const struct tag_args *a, struct change *out, struct err *e)
{
    bool other = false;
    for (size_t i = 0; i < a->changes.count; i++) {
        const struct option_item *o = &a->changes.items[i];
        out->set = out->set || o->tag == TAG_SET;
        other = other || o->tag != TAG_SET;
        if (o->tag == TAG_SET && !*o->text)
            continue;
        if (string_list_add_commas(o->tag == TAG_REMOVE ? &out->remove : &out->add, o->text, "tags",
                                   e))
            return -1;
    }
    if (a->changes.count == 0)
        return err_set(e, ERR_USAGE, "which tags? --add, --remove or --set");
    if (out->set && other)
        return err_set(e, ERR_USAGE, "--set contradicts --add and --remove: it says all tags");
    for (size_t i = 0; i < out->add.count; i++)
        for (size_t j = 0; j < out->remove.count; j++)
            if (strcmp(out->add.items[i], out->remove.items[j]) == 0)
                return err_set(e, ERR_USAGE, "tag '%s' cannot be both added and removed",
                               out->add.items[i]);
    return 0;
}

/* With --set, what it has and shall not have goes. */
static int change_one(struct vault *v, const struct snapshot *s, const struct change *ch,
                      struct err *e)
{
    CLEANUP_FREE const char **remove =
        mem_array(ch->remove.count + s->tag_count + 1, sizeof *remove);
    size_t count = 0;
    if (!remove)
        return err_no_memory(e, "tags");
    for (size_t i = 0; i < ch->remove.count; i++)
        remove[count++] = ch->remove.items[i];
    for (size_t i = 0; ch->set && i < s->tag_count; i++)
        remove[count++] = s->tags[i]; /* those that are added stay */
    return vault_tag(v, s, (const char *const *)ch->add.items, ch->add.count, remove, count, e);
}

/* As it is now. */
static int tell(struct cli *c, struct vault *v, struct snapshot *s, struct err *e)
{
    char id[SHORT_ID_BYTES];
    if (vault_snapshot_refresh(v, s, e))
        return -1;
    const char *tags[64];
    size_t count = s->tag_count < 64 ? s->tag_count : 64;
    for (size_t i = 0; i < count; i++)
        tags[i] = s->tags[i];
    if (c->global.json) {
        json_t *o = json_object_of("tagged");
        json_put_hex(o, "id", s->id, ID_BYTES);
        json_put_texts(o, "tags", tags, count);
        json_emit(c, stdout, o);
        return 0;
    }
    CLEANUP(buf_done) struct buf all = {0};
    for (size_t i = 0; i < count; i++) {
        buf_put(&all, i ? ", " : " ", i ? 2 : 1);
        buf_put(&all, tags[i], strlen(tags[i]));
    }
    buf_put_u8(&all, 0);
    short_id(s->id, id);
    say_note(c, "snapshot %s has %s%s", id, count ? "the tags" : "no tags",
             all.failed ? "" : (const char *)all.data);
    return 0;
}

static int run(struct cli *c, const void *args, const struct words *w, struct err *e)
{
    CLEANUP(snaps_done) struct snaps snaps = {0};
    CLEANUP(change_done) struct change change = {0};
    if (command_expect_words(&cmd_tag, w, 1, SIZE_MAX, e) || parse(args, &change, e) ||
        snaps_open_to_change(c, false, &snaps, e))
        return -1;
    CLEANUP_FREE const struct snapshot **found = mem_array(w->count, sizeof *found);
    if (!found)
        return err_no_memory(e, "the snapshots to tag");
    if (snaps_find_all(&snaps, w, found, e))
        return -1;
    for (size_t i = 0; i < w->count; i++) {
        struct snapshot *own = &snaps.all.items[0];
        while (own->seq != found[i]->seq)
            own++;
        if (change_one(snaps.access.vault, own, &change, e) ||
            tell(c, snaps.access.vault, own, e))
            return snapshot_wrap(own, e);
    }
    return 0;
}

const struct command cmd_tag = {
    .name = "tag",
    .summary = "change the tags of snapshots",
    .operands = "SNAP…",
    .description =
        "Adds, removes or sets tags: labels in clear, by which snapshots are listed (`abri snapshots "
        "--tag`) and kept (`abri forget --keep-tag`). The records of the snapshots stay as their writers "
        "signed them. Needs no passphrase.",
    .examples = {{"abri -r /mnt/vault tag latest --add before-upgrade", "give it a tag"},
                 {"abri -r /mnt/vault tag 3f2a91c0 --set monthly,clean", "these two and no others"}},
    .options = options,
    .option_count = OPTION_COUNT(options),
    .args_bytes = sizeof(struct tag_args),
    .run = run,
};
