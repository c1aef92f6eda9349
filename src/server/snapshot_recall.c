/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots that are in a vault, but not in the log: received durably, and a crash came before the entry. The vault is the
 * truth about data, so they are entered, by the server itself (no `by`): soon after the start, and when the vault is opened
 * or looked after. Costs a list of names where nothing is missing.
 *
 * B6 Each is entered at most once: only what verifies, is of a writer that the log knows, and whose number the
 *    catalogue has not. If its machine tells the same at that moment, the second entry is not taken.
 */
#include "server/server_internal.h"

#include "base/mem.h"

#include <string.h>

struct recalling {
    struct server *s;
    const uint8_t *vault;
    uint64_t missing; /* numbers of which the catalogue knows nothing */
    uint64_t entered;
};

static int count_missing(void *arg, uint64_t sequence, struct err *e)
{
    struct recalling *r = arg;
    bool known = false;
    if (catalog_has_snapshot(r->s->catalog, r->vault, sequence, &known, e))
        return -1;
    r->missing += !known;
    return 0;
}

static int enter(struct recalling *r, const struct snapshot *n, struct err *e)
{
    struct catalog_identity who;
    bool known = false;
    struct event ev = {.kind = EVENT_SNAPSHOT, .sequence = n->seq, .received_ns = n->received_ns,
                       .bytes = n->added_bytes & INT64_MAX, .files = n->files & INT64_MAX};
    if (catalog_has_snapshot(r->s->catalog, r->vault, n->seq, &known, e))
        return -1;
    if (known || catalog_writer_machine(r->s->catalog, r->vault, n->writer, ev.id, NULL))
        return 0;
    if (catalog_identity(r->s->catalog, ev.id, &who, NULL) == 0)
        ev.text = who.name;
    memcpy(ev.vault, r->vault, UID_BYTES);
    memcpy(ev.session, n->session, UID_BYTES);
    memcpy(ev.writer, n->writer, UID_BYTES);
    memcpy(ev.snapshot, n->id, ID_BYTES);
    r->entered++;
    return server_record(r->s, &ev, NULL, e);
}

static int enter_all(struct recalling *r, struct vault *v, struct err *e)
{
    struct snapshot_list l = {0};
    int rc = vault_snapshots_all(v, &l, NULL, NULL, e);
    for (size_t i = 0; !rc && i < l.count; i++)
        rc = enter(r, &l.items[i], e);
    snapshot_list_done(&l);
    return rc;
}

static int recall(struct recalling *r, struct store *store, struct vault *v, struct err *e)
{
    struct vault *own = NULL;
    if (keeper_sequences(store, count_missing, r, e))
        return -1;
    if (!r->missing)
        return 0;
    if (!v && vault_open(store, &own, e))
        return -1;
    int rc = enter_all(r, v ? v : own, e);
    vault_close(own);
    return rc;
}

void snapshots_recall(struct server *s, const uint8_t vault[UID_BYTES], struct store *store, struct vault *v)
{
    struct recalling r = {.s = s, .vault = vault};
    struct err why = ERR_INIT;
    char hex[2 * UID_BYTES + 1];
    hex_encode(vault, UID_BYTES, hex);
    if (recall(&r, store, v, &why))
        server_tell(s, "vault %s: what the log lacks could not be entered: %s", hex, why.msg);
    if (r.entered)
        server_tell(s, "vault %s: %llu snapshots were received, but not in the log: entered now", hex,
                    (unsigned long long)r.entered);
}

/* ---- all, soon after the start --------------------------------------------------------------- */

static int recall_one(void *arg, const struct catalog_vault *v, struct err *e)
{
    struct server *s = arg;
    struct store *store = NULL;
    char path[SERVER_PATH_MAX], hex[2 * UID_BYTES + 1];
    (void)e;
    hex_encode(v->vault, UID_BYTES, hex);
    installation_path(&s->installation, path, "vaults/%s", hex);
    if (!s->stopping && !v->gone_ns && store_dir_open(path, &store, NULL) == 0)
        snapshots_recall(s, v->vault, store, NULL);
    store_close(store);
    return s->stopping;
}

void snapshots_recall_all(struct server *s)
{
    (void)!catalog_list_vault(s->catalog, NULL, recall_one, s, NULL);
}
