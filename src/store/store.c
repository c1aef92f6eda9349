/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public functions of store: they check names and ranges, once for all
 * implementations, and pass the call through the seam.
 *
 * Does not know where objects live, keeps no state, takes no lock.
 */
#include "store/store_seam.h"

#include <string.h>

/* ---- names --------------------------------------------------------------- */

static bool component_valid(const char *p, size_t len)
{
    if (len == 0 || p[0] == '.')
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-'))
            return false;
    }
    return true;
}

bool store_name_valid(const char *name)
{
    size_t len = strnlen(name, STORE_NAME_MAX + 1);
    if (len > STORE_NAME_MAX)
        return false;
    for (unsigned components = 1; components <= 4; components++) {
        size_t part = strcspn(name, "/");
        if (!component_valid(name, part))
            return false;
        if (components == 1 && part == 3 && memcmp(name, "tmp", 3) == 0)
            return false;
        if (name[part] == '\0')
            return true;
        name += part + 1;
    }
    return false;
}

bool store_dir_name_valid(const char *dir)
{
    return dir[0] == '\0' || store_name_valid(dir);
}

bool store_name_below(const char *name, const char *dir)
{
    size_t len = strlen(dir);
    return len == 0 || (strncmp(name, dir, len) == 0 && name[len] == '/');
}

/* A refused name may hold anything, so it is shown without what a terminal
 * would act on. */
static int refuse_name(const char *name, struct err *e)
{
    char shown[64];
    size_t i = 0;
    for (; name[i] != '\0' && i < sizeof shown - 1; i++)
        shown[i] = name[i] > ' ' && name[i] < 0x7f ? name[i] : '?';
    shown[i] = '\0';
    return err_set(e, ERR_USAGE,
                   "'%s%s' is not a name for an object: 1 to 4 components of a-z 0-9 . _ -, "
                   "at most %d bytes, not below tmp",
                   shown, name[i] != '\0' ? "..." : "", STORE_NAME_MAX);
}

static int check_name(const char *name, struct err *e)
{
    return store_name_valid(name) ? 0 : refuse_name(name, e);
}

static int check_dir(const char *dir, struct err *e)
{
    return store_dir_name_valid(dir) ? 0 : refuse_name(dir, e);
}

/* ---- the store -------------------------------------------------------------- */

void store_close(struct store *s)
{
    if (s)
        s->impl->close(s);
}

const char *store_location(const struct store *s)
{
    return s->impl->location(s);
}

/* ---- writing ------------------------------------------------------------------ */

int store_create(struct store *s, struct store_writer **out, struct err *e)
{
    return s->impl->create(s, out, e);
}

int store_write(struct store_writer *w, uint64_t off, const void *p, size_t len, struct err *e)
{
    if (len == 0)
        return 0;
    if (off > INT64_MAX || len > INT64_MAX - off)
        return err_set(e, ERR_LIMIT, "an object cannot be longer than 2^63 bytes");
    return w->impl->write(w, off, p, len, e);
}

void store_write_hint(struct store_writer *w, uint64_t off, uint64_t len)
{
    if (w->impl->write_hint && off <= INT64_MAX && len <= INT64_MAX - off)
        w->impl->write_hint(w, off, len);
}

int store_writer_commit(struct store_writer *w, const char *name, struct err *e)
{
    if (check_name(name, e)) {
        store_writer_abort(w);
        return -1;
    }
    return w->impl->commit(w, name, e);
}

int store_writer_replace(struct store_writer *w, const char *name, struct err *e)
{
    if (check_name(name, e)) {
        store_writer_abort(w);
        return -1;
    }
    return w->impl->replace(w, name, e);
}

void store_writer_abort(struct store_writer *w)
{
    if (w)
        w->impl->abort(w);
}

int store_put(struct store *s, const char *name, const void *p, size_t len, struct err *e)
{
    struct store_writer *w;
    if (check_name(name, e) || store_create(s, &w, e))
        return -1;
    if (store_write(w, 0, p, len, e)) {
        store_writer_abort(w);
        return err_wrap(e, "'%s'", name);
    }
    return store_writer_commit(w, name, e);
}

int store_sync(struct store *s, const char *dir, struct err *e)
{
    if (check_dir(dir, e))
        return -1;
    return s->impl->sync(s, dir, e);
}

/* ---- reading -------------------------------------------------------------------- */

int store_open(struct store *s, const char *name, struct store_reader **out, struct err *e)
{
    if (check_name(name, e))
        return -1;
    return s->impl->open(s, name, out, e);
}

uint64_t store_reader_len(const struct store_reader *r)
{
    return r->len;
}

int store_read(struct store_reader *r, uint64_t off, void *p, size_t len, struct err *e)
{
    if (off > r->len || len > r->len - off)
        return err_set(e, ERR_DAMAGED, "'%s' ends after %llu bytes, but %zu were expected at %llu",
                       r->name, (unsigned long long)r->len, len, (unsigned long long)off);
    if (len == 0)
        return 0;
    return r->impl->read(r, off, p, len, e);
}

const uint8_t *store_reader_map(struct store_reader *r)
{
    return r->impl->map ? r->impl->map(r) : NULL;
}

void store_reader_close(struct store_reader *r)
{
    if (r)
        r->impl->reader_close(r);
}

void store_expect(struct store *s, const struct store_range *ranges, size_t count)
{
    if (s->impl->expect && count)
        s->impl->expect(s, ranges, count);
}

bool store_is_far(const struct store *s)
{
    return s->impl->expect != NULL;
}

int store_list(struct store *s, const char *dir, store_each *each, void *arg, struct err *e)
{
    if (check_dir(dir, e))
        return -1;
    return s->impl->list(s, dir, each, arg, e);
}

/* ---- leases --------------------------------------------------------------------------- */

bool store_lease_name_valid(const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return len > 0 && len <= STORE_LEASE_NAME_MAX && name[len] == '\0';
}

int store_lease_take(struct store *s, const char *name, struct store_lease **out, struct err *e)
{
    if (!store_lease_name_valid(name))
        return err_set(e, ERR_USAGE, "not a name for a lease: 1 to %d of a-z 0-9 -",
                       STORE_LEASE_NAME_MAX);
    return s->impl->lease_take(s, name, out, e);
}

bool store_lease_held(struct store_lease *l)
{
    return l->impl->lease_held(l);
}

void store_lease_drop(struct store_lease *l)
{
    if (l)
        l->impl->lease_drop(l);
}

int store_lease_list(struct store *s, store_each_lease *each, void *arg, struct err *e)
{
    return s->impl->lease_list(s, each, arg, e);
}

/* ---- removing ----------------------------------------------------------------------- */

int store_remove(struct store *s, const char *name, struct err *e)
{
    if (check_name(name, e))
        return -1;
    return s->impl->remove(s, name, e);
}
