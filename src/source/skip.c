/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a walk leaves out beside patterns: the contents of tagged directories,
 * and places that must never be entered. Reads at most the header of a tag.
 *
 *  S1 a tag spares the directory itself and the tag; its other contents go.
 *  S2 a place never to enter is known by device and inode as well as by path,
 *     so that another way to it (a bind mount) does not lead in, and one that
 *     does not exist yet is kept out too.
 */
#include "source/dir.h"
#include "source/walk.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>

/* https://bford.info/cachedir/ */
#define CACHE_TAG  "CACHEDIR.TAG:Signature: 8a477f597d28d172789f06886806bc55"
#define HEADER_MAX 4096

static int tag_init(const char *text, struct skip_tag *out, struct err *e)
{
    char *name = mem_strdup(text);
    if (!name)
        return err_no_memory(e, "an exclusion");
    char *colon = strchr(name, ':');
    if (colon)
        *colon = '\0';
    *out = (struct skip_tag){.name = name, .header = colon ? colon + 1 : NULL};
    out->header_len = colon ? strlen(colon + 1) : 0;
    if (name[0] == '\0' || strchr(name, '/') || out->header_len > HEADER_MAX) {
        mem_free(TAKE(out->name));
        return err_set(e, ERR_USAGE,
                       "'%s' names no tag file: give NAME or NAME:HEADER, the name without '/'",
                       text);
    }
    return 0;
}

static int never_init(const char *given, struct skip_dir *out, struct err *e)
{
    char *path = request_absolute(given);
    if (!path)
        path = mem_strdup(given);
    if (!path)
        return err_no_memory(e, "an exclusion");
    struct statx stx;
    *out = (struct skip_dir){.path = path};
    if (statx(AT_FDCWD, given, AT_NO_AUTOMOUNT, STATX_INO, &stx) == 0) {
        out->exists = true;
        out->dev = makedev(stx.stx_dev_major, stx.stx_dev_minor);
        out->ino = stx.stx_ino;
    }
    return 0;
}

static int skips_fill(const struct walk_options *o, struct skips *s, struct err *e)
{
    if (!s->tags || !s->never)
        return err_no_memory(e, "exclusions");
    if (o->exclude_caches) {
        if (tag_init(CACHE_TAG, &s->tags[0], e))
            return -1;
        s->tag_count = 1;
    }
    for (size_t i = 0; i < o->exclude_if_present_count; i++, s->tag_count++)
        if (tag_init(o->exclude_if_present[i], &s->tags[s->tag_count], e))
            return -1;
    for (; s->never_count < o->never_count; s->never_count++)
        if (never_init(o->never[s->never_count], &s->never[s->never_count], e))
            return -1;
    return 0;
}

int skips_init(const struct walk_options *o, struct skips *out, struct err *e)
{
    struct skips s = {.exclude = o->exclude && !select_is_empty(o->exclude) ? o->exclude : NULL,
                      .larger_than = o->exclude_larger_than ? o->exclude_larger_than : UINT64_MAX,
                      .tags = mem_array(o->exclude_if_present_count + 1, sizeof *s.tags),
                      .never = mem_array(o->never_count, sizeof *s.never)};
    if (skips_fill(o, &s, e)) {
        skips_done(&s);
        return -1;
    }
    *out = s;
    return 0;
}

void skips_done(struct skips *s)
{
    for (size_t i = 0; i < s->tag_count; i++)
        mem_free(s->tags[i].name);
    for (size_t i = 0; i < s->never_count; i++)
        mem_free(s->never[i].path);
    mem_free(s->tags);
    mem_free(s->never);
    *s = (struct skips){0};
}

static bool has_header(int dirfd, const struct skip_tag *tag)
{
    struct stat st;
    char head[HEADER_MAX];
    CLEANUP(file_close) int fd = source_openat(dirfd, tag->name, O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode))
        return false;
    return file_pread(fd, head, tag->header_len, 0) == (ssize_t)tag->header_len &&
           memcmp(head, tag->header, tag->header_len) == 0;
}

size_t skips_find_tag(const struct skips *s, const struct names *n, size_t first, int dirfd)
{
    for (size_t i = 0; i < s->tag_count; i++) {
        size_t found = names_find(n, first, s->tags[i].name);
        if (found != SIZE_MAX && (!s->tags[i].header || has_header(dirfd, &s->tags[i])))
            return found;
    }
    return SIZE_MAX;
}

bool skips_never(const struct skips *s, const char *path, uint64_t dev, uint64_t ino)
{
    for (size_t i = 0; i < s->never_count; i++) {
        const struct skip_dir *n = &s->never[i];
        if ((n->exists && n->dev == dev && n->ino == ino) || strcmp(n->path, path) == 0)
            return true;
    }
    return false;
}
