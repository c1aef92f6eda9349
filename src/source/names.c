/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads and sorts directories. getdents64 directly: readdir's buffer is small,
 * and its record per name is one copy too many.
 *
 * Sorting is multikey quicksort (Bentley, Sedgewick: Fast Algorithms for
 * Sorting and Searching Strings, 1997) over words of eight bytes: a comparison
 * is one integer compare, a common prefix is looked at once. Pivots are random,
 * so that nobody can lay out names that make it quadratic.
 *
 *  N1 every name in the text ends with at least one NUL and begins at a multiple
 *     of 8, so a whole word may be read wherever a name has a byte.
 */
#include "source/names.h"

#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DENTS_BYTES   ((size_t)128 << 10)
#define INSERTION_MAX 24
/* No file system holds so much in one directory: a driver gone mad does. */
#define TEXT_MAX ((size_t)16 << 30)
/* Memory above this is given back when most of it is unused. */
#define KEEP_BYTES ((size_t)256 << 10)

int names_init(struct names *n, struct err *e)
{
    *n = (struct names){.dents = mem_alloc(DENTS_BYTES)};
    return n->dents ? 0 : err_no_memory(e, "reading directories");
}

void names_done(struct names *n)
{
    mem_free(n->dents);
    mem_free(n->text);
    mem_free(n->refs);
    *n = (struct names){0};
}

/* ---- sorting --------------------------------------------------------------- */

static uint64_t load_key(const struct names *n, const struct name_ref *r, size_t word)
{
    uint64_t key;
    memcpy(&key, n->text + r->at + 8 * word, 8);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    key = __builtin_bswap64(key);
#endif
    return key;
}

/* Whether the name goes on behind this word. */
static bool goes_on(uint64_t key)
{
    return (key & 0xff) != 0;
}

static bool is_less(const struct names *n, const struct name_ref *a, const struct name_ref *b,
                    size_t word)
{
    if (a->key != b->key)
        return a->key < b->key;
    if (!goes_on(a->key))
        return false;
    size_t next = 8 * (word + 1);
    return strcmp(n->text + a->at + next, n->text + b->at + next) < 0;
}

static void insertion_sort(const struct names *n, struct name_ref *r, size_t count, size_t word)
{
    for (size_t i = 1; i < count; i++) {
        struct name_ref moving = r[i];
        size_t j = i;
        for (; j > 0 && is_less(n, &moving, &r[j - 1], word); j--)
            r[j] = r[j - 1];
        r[j] = moving;
    }
}

static uint64_t pivot_of(const struct name_ref *r, size_t count, uint64_t *random)
{
    uint64_t k[3];
    for (int i = 0; i < 3; i++) {
        *random ^= *random << 13;
        *random ^= *random >> 7;
        *random ^= *random << 17;
        k[i] = r[*random % count].key;
    }
    uint64_t low = k[0] < k[1] ? k[0] : k[1];
    uint64_t high = k[0] < k[1] ? k[1] : k[0];
    return k[2] < low ? low : k[2] > high ? high : k[2];
}

static void swap(struct name_ref *a, struct name_ref *b)
{
    struct name_ref t = *a;
    *a = *b;
    *b = t;
}

/* Sorts by the words from `word` on; the keys hold that word. */
static void sort(const struct names *n, struct name_ref *r, size_t count, size_t word,
                 uint64_t *random)
{
    while (count > INSERTION_MAX) {
        uint64_t pivot = pivot_of(r, count, random);
        size_t low = 0, high = count;
        for (size_t i = 0; i < high;) {
            if (r[i].key < pivot)
                swap(&r[i++], &r[low++]);
            else if (r[i].key > pivot)
                swap(&r[i], &r[--high]);
            else
                i++;
        }
        sort(n, r, low, word, random);
        sort(n, r + high, count - high, word, random);
        if (!goes_on(pivot))
            return;
        r += low;
        count = high - low;
        word++;
        for (size_t i = 0; i < count; i++)
            r[i].key = load_key(n, &r[i], word);
    }
    insertion_sort(n, r, count, word);
}

/* A directory that changes while it is read may show a name twice. */
static void drop_repeated(struct names *n, size_t first)
{
    size_t kept = first;
    for (size_t i = first; i < n->count; i++) {
        if (kept == first || strcmp(names_at(n, kept - 1), names_at(n, i)) != 0)
            n->refs[kept++] = n->refs[i];
    }
    n->count = kept;
}

/* ---- reading --------------------------------------------------------------- */

static int grow(void **p, size_t *cap, size_t need, size_t size_bytes, struct err *e)
{
    size_t want = *cap ? *cap : 4096;
    while (want < need)
        want += want / 2;
    void *more = mem_realloc(*p, want, size_bytes);
    if (!more)
        return err_no_memory(e, "the names of a directory");
    *p = more;
    *cap = want;
    return 0;
}

static int push(struct names *n, const char *name, struct err *e)
{
    size_t len = strlen(name);
    size_t room = (len | 7) + 1; /* N1 */
    if (n->text_len + room > n->text_cap &&
        (n->text_len + room > TEXT_MAX ||
         grow((void **)&n->text, &n->text_cap, n->text_len + room, 1, e)))
        return err_no_memory(e, "the names of a directory");
    if (n->count == n->cap && grow((void **)&n->refs, &n->cap, n->count + 1, sizeof *n->refs, e))
        return -1;
    char *at = n->text + n->text_len;
    memset(at + room - 8, 0, 8);
    memcpy(at, name, len);
    struct name_ref *r = &n->refs[n->count++];
    r->at = n->text_len;
    r->key = load_key(n, r, 0);
    n->text_len += room;
    return 0;
}

static bool is_dot(const char *name)
{
    return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

static int push_batch(struct names *n, size_t len, struct err *e)
{
    for (size_t at = 0; at < len;) {
        const struct dirent64 *d = (const struct dirent64 *)(const void *)(n->dents + at);
        at += d->d_reclen;
        if (!is_dot(d->d_name) && push(n, d->d_name, e))
            return -1;
    }
    return 0;
}

int names_push(struct names *n, int fd, int *read_errno_out, struct err *e)
{
    struct names_mark before = names_mark(n);
    *read_errno_out = 0;
    for (;;) {
        long len = syscall(SYS_getdents64, fd, n->dents, DENTS_BYTES);
        if (len < 0)
            *read_errno_out = errno;
        if (len <= 0)
            break;
        if (push_batch(n, (size_t)len, e)) {
            names_pop(n, before);
            return -1;
        }
    }
    if (n->count == before.count)
        return 0;
    uint64_t random = ((uint64_t)(uintptr_t)n->text ^ n->text_len << 32) | 1;
    sort(n, n->refs + before.count, n->count - before.count, 0, &random);
    drop_repeated(n, before.count);
    return 0;
}

static void shrink(void **p, size_t *cap, size_t used, size_t size_bytes)
{
    if (*cap * size_bytes <= KEEP_BYTES || used > *cap / 4)
        return;
    size_t want = used * 2 > 4096 ? used * 2 : 4096;
    void *less = mem_realloc(*p, want, size_bytes);
    if (!less)
        return; /* then it stays as it is */
    *p = less;
    *cap = want;
}

void names_pop(struct names *n, struct names_mark to)
{
    n->text_len = to.text_len;
    n->count = to.count;
    shrink((void **)&n->text, &n->text_cap, n->text_len, 1);
    shrink((void **)&n->refs, &n->cap, n->count, sizeof *n->refs);
}

size_t names_find(const struct names *n, size_t first, const char *name)
{
    size_t low = first, high = n->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = strcmp(names_at(n, mid), name);
        if (order == 0)
            return mid;
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return SIZE_MAX;
}
