/* SPDX-License-Identifier: Apache-2.0 */
/* What `abri help` says beyond commands. The exit statuses are here once; the
 * tests hold docs/exit-codes.md to them. */
#include "cli/cli.h"

#include <string.h>

const struct exit_code exit_codes[] = {
    {0, "done"},
    {1, "failed, or damage was found: the message says what and what to do"},
    {2, "the command line, or a file that it names, is wrong; nothing was done"},
    {3, "done, except for the items that were named"},
    {10, "there is no vault at the location"},
    {11, "another process holds what is needed; try again later"},
    {12, "the passphrase is wrong, or there is nobody to ask for it"},
    {13, "the server does not allow it"},
    {14, "the server cannot be reached"},
    {130, "interrupted by a signal"},
};
const size_t exit_code_count = sizeof exit_codes / sizeof *exit_codes;

static void exit_code_help(FILE *f)
{
    fputs("Exit statuses of every command:\n\n", f);
    for (size_t i = 0; i < exit_code_count; i++)
        fprintf(f, "  %3d  %s\n", exit_codes[i].status, exit_codes[i].meaning);
}

static void environment_help(FILE *f)
{
    fputs("Environment:\n\n"
          "  ABRI_VAULT            the vault, if --vault is not given\n"
          "  ABRI_PASSPHRASE_FILE  a file whose one line is the passphrase, if --passphrase-file is\n"
          "                        not given\n"
          "  ABRI_PASSPHRASE       the passphrase itself; a file is better, for this one can be seen\n"
          "                        by what else runs with the same environment\n"
          "  ABRI_NEW_PASSPHRASE   a further passphrase, for the commands that set one\n"
          "  ABRI_CONFIG_DIR       where writer keys and profiles are (default: $XDG_CONFIG_HOME/abri or\n"
          "                        ~/.config/abri; /etc/abri for root)\n"
          "  ABRI_CACHE_DIR        where caches are kept (default: $XDG_CACHE_HOME/abri or\n"
          "                        ~/.cache/abri; /var/cache/abri for root)\n"
          "\nThe passphrase variables are read once and removed from the environment.\n",
          f);
}

static void pattern_help(FILE *f)
{
    fputs("Patterns of --exclude and --include:\n\n"
          "  *.tmp           this name in any directory; * and ? do not cross a '/'\n"
          "  /var/cache      begins with '/': only there, counted from the top\n"
          "  home/*/Downloads  several components in a row, at any depth\n"
          "  /srv/**/logs    ** stands for any number of components\n"
          "  [a-z] [^a-z]    one character of a set, or not of it\n"
          "  \\*              a character that would mean something, as itself\n"
          "  !keep.tmp       takes back what an earlier pattern matched\n"
          "\nWhat matches a directory takes all that is below it. Files of patterns hold one a line;\n"
          "empty lines and lines that begin with '#' are skipped.\n",
          f);
}

static void snapshot_help(FILE *f)
{
    fputs("Naming a snapshot:\n\n"
          "  latest                  the newest one\n"
          "  3f2a91c0                the beginning of its id, as `abri snapshots` shows it\n"
          "  2026-11-21              the newest one received on or before that day\n"
          "  \"2026-11-21 21:26\"      the newest one received up to then (local time; UTC with a\n"
          "                          final Z)\n"
          "\nA path within it follows behind a colon: latest:/etc, \"2026-11-21 21:26:/etc/ssh\".\n",
          f);
}

static void profile_help(FILE *f)
{
    fputs("A profile holds what `abri backup` does on this machine, so that no option is needed:\n"
          "profiles/default.toml in the configuration directory (/etc/abri for root), or\n"
          "profiles/NAME.toml with --profile NAME.\n\n"
          "  vault = \"/mnt/disk/vault\"\n"
          "  passphrase-file = \"/root/abri.passphrase\"\n"
          "\n"
          "  [backup]\n"
          "  paths = [\"/etc\", \"/home\"]\n"
          "  exclude = [\"*.tmp\", \"/home/*/.cache\"]\n"
          "  one-file-system = true\n"
          "  before = [\"/usr/local/sbin/dump-databases\"]\n"
          "\n"
          "  [forget]\n"
          "  keep-daily = 7\n"
          "  keep-weekly = 5\n"
          "\n"
          "  [service]\n"
          "  schedule = \"daily\"\n"
          "\n"
          "Keys are called like options: vault, passphrase-file, key-file, cache-dir and no-cache\n"
          "before the first table; in [backup], [forget], [gc] and [check] the options of that\n"
          "command. [backup] has paths, and before, after and on-failure: commands, run without\n"
          "a shell. [service] has schedule, maintenance and random-delay (see `abri help service`).\n"
          "Values are \"strings\", integers, true or false, and arrays of strings.\n"
          "\n"
          "The command line wins over a profile, and adds to its lists; what a profile sets to true\n"
          "is switched off by --no-KEY, or --parity for a key such as no-parity. The environment\n"
          "wins over a profile that --profile does not name. A profile that others than its owner, root or\n"
          "the caller, can write is refused. `abri config show` tells what is in force.\n",
          f);
}

static const struct topic {
    const char *name, *summary;
    void (*print)(FILE *f);
} topics[] = {
    {"exit-codes", "what the exit statuses mean", exit_code_help},
    {"environment", "variables that the program reads", environment_help},
    {"patterns", "how files are chosen and left out", pattern_help},
    {"snapshot-names", "how a snapshot and a path within it are named", snapshot_help},
    {"profiles", "settings of this machine, in a file", profile_help},
};
#define TOPIC_COUNT (sizeof topics / sizeof *topics)

void help_topic_list(FILE *f)
{
    fputs("\nTopics (`abri help TOPIC`):\n", f);
    for (size_t i = 0; i < TOPIC_COUNT; i++)
        fprintf(f, "  %-16s %s\n", topics[i].name, topics[i].summary);
}

const char *help_topic_at(size_t i, const char **summary_out)
{
    if (i >= TOPIC_COUNT)
        return NULL;
    *summary_out = topics[i].summary;
    return topics[i].name;
}

bool help_topic(FILE *f, const char *name)
{
    for (size_t i = 0; i < TOPIC_COUNT; i++) {
        if (strcmp(topics[i].name, name) == 0) {
            topics[i].print(f);
            return true;
        }
    }
    return false;
}
