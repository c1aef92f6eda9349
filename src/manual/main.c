/* SPDX-License-Identifier: Apache-2.0 */
/*
 * abri-manual man DIR: writes abri.1 and a page for each command to the directory.
 * abri-manual bash|zsh|fish FILE: writes a completion.
 */
#include "manual/manual.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static FILE *create(const char *path)
{
    FILE *f = fopen(path, "w");
    if (!f)
        fprintf(stderr, "abri-manual: '%s': %s\n", path, strerror(errno));
    return f;
}

static int finish(FILE *f, const char *path)
{
    if (fclose(f) == 0)
        return 0;
    fprintf(stderr, "abri-manual: '%s': %s\n", path, strerror(errno));
    return 1;
}

static int write_page(const char *dir, const struct command *cmd)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/abri%s%s.1", dir, cmd ? "-" : "", cmd ? cmd->name : "");
    for (char *p = path + strlen(dir); *p; p++)
        *p = *p == ' ' ? '-' : *p; /* "key add" */
    FILE *f = create(path);
    if (!f)
        return 1;
    if (cmd)
        man_command(f, cmd);
    else
        man_overview(f);
    return finish(f, path);
}

static int write_man(const char *dir)
{
    int failed = mkdir(dir, 0755) && errno != EEXIST;
    if (failed)
        fprintf(stderr, "abri-manual: '%s': %s\n", dir, strerror(errno));
    if (!failed)
        failed = write_page(dir, NULL);
    for (size_t i = 0; command_at(i) && !failed; i++)
        failed = write_page(dir, command_at(i));
    return failed;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*write)(FILE *f);
    } shells[] = {{"bash", bash_completion}, {"zsh", zsh_completion}, {"fish", fish_completion}};
    if (argc == 3 && strcmp(argv[1], "man") == 0)
        return write_man(argv[2]);
    for (size_t i = 0; argc == 3 && i < sizeof shells / sizeof *shells; i++) {
        if (strcmp(argv[1], shells[i].name) != 0)
            continue;
        FILE *f = create(argv[2]);
        if (!f)
            return 1;
        shells[i].write(f);
        return finish(f, argv[2]);
    }
    fputs("usage: abri-manual man DIR | abri-manual bash|zsh|fish FILE\n", stderr);
    return 2;
}
