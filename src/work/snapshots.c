/* SPDX-License-Identifier: Apache-2.0 */
/* Naming a snapshot, opening its root, going over its tree. */
#include "work/work_internal.h"

#include "base/clock.h"
#include "base/mem.h"

#include <string.h>

static int latest(const struct snapshot_list *l, size_t *index_out, struct err *e)
{
    if (l->count == 0)
        return err_set(e, ERR_NOT_FOUND, "the vault has no snapshot yet: `abri backup` makes one");
    *index_out = l->count - 1;
    return 0;
}

static int at_date(const struct snapshot_list *l, const char *spec, int64_t ns, size_t *index_out,
                   struct err *e)
{
    for (size_t i = l->count; i-- > 0;)
        if (l->items[i].dated_ns <= ns) {
            *index_out = i;
            return 0;
        }
    return err_set(e, ERR_NOT_FOUND, "no snapshot is as old as '%s'", spec);
}

static bool is_prefix(const char *spec, const uint8_t id[ID_BYTES])
{
    char hex[2 * ID_BYTES + 1];
    size_t len = strlen(spec);
    hex_encode(id, ID_BYTES, hex);
    return len > 0 && len <= 2 * ID_BYTES && strncmp(hex, spec, len) == 0;
}

int work_find_snapshot(const struct snapshot_list *l, const char *spec, size_t *index_out,
                       struct err *e)
{
    int64_t ns;
    if (strcmp(spec, "latest") == 0)
        return latest(l, index_out, e);
    if (clock_parse(spec, &ns))
        return at_date(l, spec, ns, index_out, e);
    size_t found = 0, count = 0;
    for (size_t i = 0; i < l->count; i++)
        if (is_prefix(spec, l->items[i].id)) {
            found = i;
            count++;
        }
    if (count > 1)
        return err_set(e, ERR_AMBIGUOUS, "'%s' begins %zu snapshot ids: give more digits", spec,
                       count);
    if (count == 0)
        return err_set(e, ERR_NOT_FOUND, "no snapshot '%s': see `abri snapshots`", spec);
    *index_out = found;
    return 0;
}

int work_open_root(struct access *a, const struct snapshot *s, struct root **out, struct err *e)
{
    char hex[2 * ID_BYTES + 1];
    const struct data_key *key;
    struct opener *opener = NULL;
    const uint8_t *plain;
    size_t len;
    uint8_t actual[ID_BYTES];
    hex_encode(s->id, ID_BYTES, hex);
    uint8_t *sealed = mem_dup(s->root, s->root_len);
    int rc = sealed ? opener_new(vault_get_info(a->vault)->id, &opener, e)
                    : err_no_memory(e, "the root");
    if (rc == 0)
        rc = keyring_get(a->keyring, s->session, &key, e) ||
                     opener_open(opener, key, SEAL_ROOT, s->root_id, s->root_nonce, sealed,
                                 s->root_len, &plain, &len, e)
                 ? -1
                 : 0;
    if (rc == 0) {
        seal_id(a->ids, SEAL_META, plain, len, actual);
        if (memcmp(actual, s->root_id, ID_BYTES) != 0)
            rc = err_set(e, ERR_DAMAGED, "the root does not match its name");
    }
    if (rc == 0)
        rc = root_decode(plain, len, out, e);
    opener_free(opener);
    mem_free(sealed);
    return rc ? err_wrap(e, "snapshot %.8s", hex) : 0;
}

int work_walk_tree(struct access *a, const struct tree_ref *tree, const char *path,
                   work_each_entry *each, void *arg, struct err *e)
{
    struct chunk_reader *chunks = NULL;
    struct tree_reader *reader = NULL;
    struct entry en;
    size_t len = strlen(path);
    bool any = false;
    int rc = chunk_reader_new(a, true, &chunks, e);
    if (rc == 0)
        rc = tree_reader_new(tree, chunk_reader_fetch, chunks, &reader, e);
    if (rc == 0)
        rc = tree_reader_seek(reader, path, len, e);
    while (rc == 0 && (rc = tree_reader_next(reader, &en, e)) > 0) {
        rc = 0;
        if (!path_is_below(en.path, en.path_len, path, len))
            break;
        any = true;
        rc = each(arg, &en, e);
    }
    tree_reader_free(reader);
    chunk_reader_free(chunks);
    if (rc == 0 && !any && len)
        return err_set(e, ERR_NOT_FOUND, "'/%s' is not in the snapshot", path);
    return rc;
}
