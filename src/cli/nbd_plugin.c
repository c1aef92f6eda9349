/* SPDX-License-Identifier: Apache-2.0 */
/* nbdkit's command line, as far as it concerns our module. */
#include "cli/export.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

void nbd_plugin_path(char out[4096])
{
    static const char name[] = "nbdkit-abri-plugin.so";
    char self[4096 - sizeof name];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash)
        *slash = '\0';
    (void)snprintf(out, 4096, "%s/%s", self, name);
    if (!slash || access(out, R_OK))
        (void)snprintf(out, 4096, "abri");
}

int nbd_word(struct string_list *words, struct err *e, const char *fmt, ...)
{
    char text[8192];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof text)
        return err_set(e, ERR_LIMIT, "an argument for nbdkit is too long");
    return string_list_add(words, text, (size_t)n, e);
}

int nbd_plugin_words(struct cli *c, const char *plugin, const uint8_t snapshot[ID_BYTES],
                     const char *disk, uint64_t cache_size, struct string_list *words, struct err *e)
{
    char path[4096], hex[2 * ID_BYTES + 1];
    const char *location;
    if (cli_location(c, &location, e))
        return -1;
    hex_encode(snapshot, ID_BYTES, hex);
    nbd_plugin_path(path);
    if (nbd_word(words, e, "%s", plugin ? plugin : path) || nbd_word(words, e, "vault=%s", location) ||
        nbd_word(words, e, "snapshot=%s", hex) || nbd_word(words, e, "config-dir=%s", c->dirs.config) ||
        (c->dirs.cache ? nbd_word(words, e, "cache-dir=%s", c->dirs.cache) : nbd_word(words, e, "no-cache=true")) ||
        nbd_word(words, e, "ready-fd=4"))
        return -1;
    if (*disk && nbd_word(words, e, "disk=%s", disk))
        return -1;
    if (cache_size && nbd_word(words, e, "cache-size=%llu", (unsigned long long)cache_size))
        return -1;
    return c->global.key_file ? nbd_word(words, e, "key-file=%s", c->global.key_file)
                              : nbd_word(words, e, "passphrase=-3");
}

const char **nbd_argv(const struct string_list *words)
{
    const char **argv = mem_array(words->count + 1, sizeof *argv);
    for (size_t i = 0; argv && i < words->count; i++)
        argv[i] = words->items[i];
    return argv;
}
