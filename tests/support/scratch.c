/* SPDX-License-Identifier: Apache-2.0 */
#include "scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void die(const char *what, const char *path)
{
    (void)fprintf(stderr, "scratch: %s '%s': %s\n", what, path, strerror(errno));
    abort();
}

void scratch_make(char path_out[SCRATCH_PATH_MAX])
{
    const char *base = getenv("TMPDIR");
    if (!base || base[0] == '\0')
        base = "/tmp";
    if (snprintf(path_out, SCRATCH_PATH_MAX, "%s/abri-test-XXXXXX", base) >= SCRATCH_PATH_MAX ||
        !mkdtemp(path_out))
        die("make", path_out);
}

static void empty_dir(int fd, const char *shown)
{
    DIR *d = fdopendir(fd);
    if (!d)
        die("list", shown);
    const struct dirent *entry;
    while ((entry = readdir(d))) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            continue;
        if (unlinkat(fd, name, 0) == 0)
            continue;
        int opened = fchmodat(fd, name, 0700, 0); /* needed unless root */
        int sub = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (opened || sub < 0)
            die("enter", name);
        empty_dir(sub, name);
        if (unlinkat(fd, name, AT_REMOVEDIR))
            die("remove", name);
    }
    (void)closedir(d);
}

void scratch_empty(const char *path)
{
    (void)chmod(path, 0700);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        die("enter", path);
    empty_dir(fd, path);
}

void scratch_remove(const char *path)
{
    scratch_empty(path);
    if (rmdir(path))
        die("remove", path);
}
