/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target on files, and on every file of directories: the corpus in
 * the test suite, a finding under a debugger. Each input is a fresh heap block
 * of its exact length, so that a sanitizer sees one byte too far. */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static unsigned long runs;

static int run_file(const char *path, size_t len)
{
    FILE *f = fopen(path, "rb");
    uint8_t *p = malloc(len ? len : 1);
    if (!f || !p || fread(p, 1, len, f) != len) {
        perror(path);
        exit(2);
    }
    (void)fclose(f);
    uint8_t *exact = len ? realloc(p, len) : p;
    (void)LLVMFuzzerTestOneInput(exact, len);
    free(exact);
    runs++;
    return 0;
}

static int run_path(const char *path)
{
    struct stat st;
    if (stat(path, &st)) {
        perror(path);
        return 2;
    }
    if (!S_ISDIR(st.st_mode))
        return run_file(path, (size_t)st.st_size);
    DIR *d = opendir(path);
    int rc = d ? 0 : 2;
    for (struct dirent *n; d && !rc && (n = readdir(d));) {
        char name[4096];
        if (n->d_name[0] == '.')
            continue;
        (void)snprintf(name, sizeof name, "%s/%s", path, n->d_name);
        rc = run_path(name);
    }
    if (d)
        (void)closedir(d);
    return rc;
}

int main(int argc, char **argv)
{
    int rc = 0;
    for (int i = 1; !rc && i < argc; i++)
        rc = run_path(argv[i]);
    printf("%lu inputs\n", runs);
    return rc ? rc : runs == 0;
}
