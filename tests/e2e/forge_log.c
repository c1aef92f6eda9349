/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What somebody who owns the server can do: `forge_log ROOT [keep=N] [edit=N] [key=new] [add=N]` writes the log of a
 * stopped server anew, properly hashed and signed: its first entries alone, one of them changed by a byte, under a
 * key of its own, or with entries of its own at the end. Removes what would betray it to the server itself.
 */
#include "base/file.h"
#include "base/mem.h"
#include "tlog/tlog.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct forging {
    struct tlog *to;
    uint64_t keep, edit;
};

static void must(int rc, const struct err *e)
{
    if (rc == 0)
        return;
    fprintf(stderr, "forge_log: %s\n", e->msg);
    exit(1);
}

/* The last digit of "time":…, so that the entry stays one. */
static void change(uint8_t *entry, size_t len)
{
    uint8_t *at = memmem(entry, len, "\"time\":", 7);
    if (!at)
        abort();
    for (at += 7; at[1] >= '0' && at[1] <= '9'; at++)
        ;
    *at = *at == '7' ? '8' : '7';
}

static int copy(void *arg, uint64_t index, const uint8_t *entry, size_t len, struct err *e)
{
    struct forging *f = arg;
    uint8_t mine[TLOG_ENTRY_MAX];
    uint64_t at;
    if (index >= f->keep)
        return 0;
    memcpy(mine, entry, len);
    if (index == f->edit)
        change(mine, len);
    return tlog_append(f->to, mine, len, &at, e);
}

static uint64_t option(int argc, char **argv, const char *name, uint64_t otherwise)
{
    for (int i = 2; i < argc; i++)
        if (strncmp(argv[i], name, strlen(name)) == 0)
            return strtoull(argv[i] + strlen(name), NULL, 10);
    return otherwise;
}

/* "<origin>\n…": the first line of the checkpoint. */
static void read_origin(const char *root, char out[NOTE_NAME_MAX + 1])
{
    char path[4096];
    struct buf note = {0};
    struct err e = ERR_INIT;
    (void)snprintf(path, sizeof path, "%s/log/checkpoint", root);
    must(file_slurp(AT_FDCWD, path, NOTE_MAX, &note, &e), &e);
    size_t n = strcspn((const char *)note.data, "\n");
    memcpy(out, note.data, n);
    out[n] = '\0';
    buf_done(&note);
}

static void add_own(struct forging *f, uint64_t count)
{
    static const char entry[] = "{\"kind\":\"clock\",\"name\":\"confirmed\",\"time\":1,\"v\":1}";
    struct err e = ERR_INIT;
    uint64_t at;
    for (uint64_t i = 0; i < count; i++)
        must(tlog_append(f->to, entry, sizeof entry - 1, &at, &e), &e);
}

int main(int argc, char **argv)
{
    char dir[4096], forged[4096], key_path[4096], origin[NOTE_NAME_MAX + 1], command[20000];
    struct err e = ERR_INIT;
    struct buf seed = {0};
    struct sign_key old, new;
    struct tlog *from = NULL;
    struct forging f = {.keep = option(argc, argv, "keep=", UINT64_MAX), .edit = option(argc, argv, "edit=", UINT64_MAX)};
    bool other_key = false;
    if (argc < 2)
        return 2;
    (void)snprintf(dir, sizeof dir, "%s/log", argv[1]);
    (void)snprintf(forged, sizeof forged, "%s/forged", argv[1]);
    (void)snprintf(key_path, sizeof key_path, "%s/log.key", argv[1]);
    must(sign_init(&e), &e);
    must(file_slurp(AT_FDCWD, key_path, SIGN_SEED_BYTES, &seed, &e), &e);
    sign_key_from_seed(seed.data, &old);
    for (int i = 2; i < argc; i++)
        other_key = other_key || strcmp(argv[i], "key=new") == 0;
    if (other_key)
        memset(seed.data, 0x5a, SIGN_SEED_BYTES);
    sign_key_from_seed(seed.data, &new);
    read_origin(argv[1], origin);
    must(tlog_open(dir, origin, &old, &from, &e), &e);
    must(tlog_create(forged, origin, &new, &e), &e);
    must(tlog_open(forged, origin, &new, &f.to, &e), &e);
    must(tlog_scan(from, 0, tlog_size(from), copy, &f, &e), &e);
    add_own(&f, option(argc, argv, "add=", 0));
    tlog_close(from);
    tlog_close(f.to);
    must(file_replace(key_path, seed.data, SIGN_SEED_BYTES, 0600, &e), &e);
    (void)snprintf(command, sizeof command, "rm -rf '%s' '%s'/catalog.sqlite* && mv '%s' '%s'", dir, argv[1], forged, dir);
    buf_done(&seed);
    return system(command) ? 1 : 0;
}
